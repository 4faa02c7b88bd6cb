"""Users' own bench files: what they say, how they are called, and how they go wrong, each for its own cell only."""
import os
import shutil
import tempfile
import textwrap
import unittest

import bench_worker as bw
from bench_worker import Died, Worker, cell

OWN = os.path.join(bw.SOURCE, "own")


def target(path, **more):
    return dict({"kind": "python", "path": path, "argv": [], "cwd": None, "env": {}}, **more)


def own(name):
    return target(os.path.join(OWN, name))


def case(number, name, **more):
    return cell(number, case=name, binding="plain", **more)


class Own(unittest.TestCase):
    def folder(self, **files):
        """A folder of files; `a__b` is a/b.py."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        for name, text in files.items():
            path = os.path.join(folder, *name.split("__")) + ".py"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as f:
                f.write(textwrap.dedent(text))
        return folder

    def worker(self, interpreter=None, **kinds):
        w = Worker(interpreter, **kinds)
        self.addCleanup(w.__exit__)
        w.hello()
        return w

    def described(self, *targets, **kinds):
        """The users' cases by name, as one worker describes them."""
        answer = self.worker(**kinds).ask("describe", targets=list(targets))
        self.assertEqual(answer["type"], "catalogue", answer)
        return {c["name"]: c for c in answer["cases"] if c["target"] is not None}

    def prepared(self, w, targets, *cells):
        return w.prepare(list(cells), targets=targets)

    def keys(self, answer):
        return [n["key"] for n in answer["notes"]]


class Describe(Own):
    def test_what_a_file_says(self):
        cases = self.described(own("bench_plain.py"))
        self.assertEqual(sorted(cases), ["bench_plain.bench_" + n for n in ("alone", "loop", "sum", "ten")])
        one = cases["bench_plain.bench_sum"]
        self.assertEqual((one["summary"], one["shape"], one["plain"], one["target"], one["reason"], one["timeout_s"]),
                         ("adds them up", "iterations", "plain", 0, None, None))
        self.assertEqual({p["name"]: p["values"] for p in one["params"]}, {"n": ["10", "100"], "kind": ["list", "tuple"]})
        alone = cases["bench_plain.bench_alone"]
        self.assertEqual((alone["affinity"], alone["timeout_s"], alone["params"]), ("set", 30, []))

    def test_a_folder_and_what_does_not_belong(self):
        same = "def bench_x():\n    return 1\n"
        folder = self.folder(bench_a=same, b_bench=same, bench=same, helper=same, sub__deep__bench_a=same,
                             venv__bench_no=same, _hidden=same, bench_none="x = 1\n")
        open(os.path.join(folder, "venv", "pyvenv.cfg"), "w").close()
        cases = self.described(own("bench_plain.py"), target(folder))
        self.assertEqual({n for n, c in cases.items() if c["target"] == 1},
                         {"bench_a.bench_x", "b_bench.bench_x", "bench.bench_x", "sub.deep.bench_a.bench_x"})
        self.assertNotIn("/", "".join(cases))

    def test_files_that_somebody_else_found_in_a_folder(self):
        folder = self.folder(bench_a="def bench_x():\n    return 1\n", sub__bench_a="def bench_x():\n    return 1\n", sub__bench_b="")
        targets = [target(os.path.join(folder, name), root=folder) for name in ("bench_a.py", "sub/bench_a.py", "sub/bench_b.py")]
        self.assertEqual({n: (c["target"], c["reason"]) for n, c in self.described(*targets).items()},
                         {"bench_a.bench_x": (0, None), "sub.bench_a.bench_x": (1, None)})

    def test_nothing_to_measure(self):
        folder = self.folder(other="def bench_x():\n    pass\n", empty__x="")
        for path, name in ((folder, os.path.basename(folder)), (os.path.join(folder, "empty", "x.py"), "x")):
            found, = self.described(target(path)).values()
            self.assertEqual((found["name"], found["reason"]["key"]), (bw_word(name), "no-benchmarks"))
        found, = self.described(target(os.path.join(folder, "nowhere.py"))).values()
        self.assertEqual((found["name"], found["reason"]["key"]), ("nowhere", "no-such-input"))

    def test_names_are_unique(self):
        same = "def bench_x():\n    return 1\n"
        folder = self.folder(bench_a=same)
        again = self.folder(bench_a=same)
        cases = self.described(target(os.path.join(folder, "bench_a.py")), target(os.path.join(again, "bench_a.py")))
        self.assertEqual({n: c["target"] for n, c in cases.items()}, {"bench_a.bench_x": 0, "bench_a~2.bench_x": 1})

    def test_files_that_cannot_be_loaded(self):
        """Each is a case of its own with file and line; the others are whole."""
        folder = self.folder(
            bench_1_syntax="x = 1\ndef bench_x(:\n", bench_2_import="import os\nimport benchd_no_such\ndef bench_x(): pass\n",
            bench_3_raises="def f():\n    raise ValueError('no\\nluck')\nf()\n", bench_4_exits="import sys\nsys.exit(3)\n",
            bench_5_leaves="import os\nos._exit(4)\n", bench_6_dies="import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
            bench_7_good="def bench_x():\n    return 1\n")
        w = self.worker()
        cases = {c["name"]: c for c in w.ask("describe", targets=[target(folder)])["cases"] if c["target"] == 0}
        reasons = {n: (c["reason"]["key"], c["reason"]["message"]) for n, c in cases.items() if c["reason"]}
        self.assertEqual(reasons["bench_1_syntax"][0], "syntax-error")
        self.assertIn("bench_1_syntax.py:2: SyntaxError", reasons["bench_1_syntax"][1])
        self.assertEqual(reasons["bench_2_import"], ("import-error",
                         "bench_2_import.py:2: ModuleNotFoundError: No module named 'benchd_no_such'"))
        self.assertEqual(reasons["bench_3_raises"], ("exception", "bench_3_raises.py:2: ValueError: no / luck"))
        self.assertEqual(reasons["bench_4_exits"], ("exception", "bench_4_exits.py:2: SystemExit: 3"))
        self.assertEqual(reasons["bench_5_leaves"][0], "exit")
        self.assertIn("status 4", reasons["bench_5_leaves"][1])
        self.assertEqual(reasons["bench_6_dies"][0], "signal")
        self.assertIn("signal 11", reasons["bench_6_dies"][1])
        self.assertEqual([n for n, c in cases.items() if not c["reason"]], ["bench_7_good.bench_x"])
        # nothing of it happened in the worker that answered, and the same is true of one that prepares
        names = ["bench_1_syntax", "bench_3_raises", "bench_7_good.bench_x"]
        answers = self.prepared(w, [target(folder)], *(case(i, n) for i, n in enumerate(names)))
        self.assertEqual([a["status"] for a in answers], ["failed", "failed", "ok"])
        self.assertEqual(answers[0]["reason"]["key"], "syntax-error")

    def test_a_file_that_hangs(self):
        folder = self.folder(bench_a="while True:\n    pass\n", bench_b="def bench_x():\n    return 1\n")
        cases = self.described(target(folder))
        self.assertEqual(cases["bench_a"]["reason"]["key"], "timeout")
        self.assertIsNone(cases["bench_b.bench_x"]["reason"])

    def test_functions_that_cannot_be_measured(self):
        folder = self.folder(bench_a="""
            import functools
            from json import dumps as bench_not_mine
            def bench_wants(state): pass
            def bench_ops(): pass
            bench_ops.ops = 0
            def bench_empty(n): pass
            bench_empty.params = {"n": []}
            def bench_axis(threads): pass
            bench_axis.params = {"threads": [1]}
            def bench_untaken(): pass
            bench_untaken.params = {"n": [1]}
            async def bench_both(): pass
            bench_both.threads = True
            def bench_where(): pass
            bench_where.affinity = "moon"
            def bench_yields(): yield 1
            async def bench_yields_too(): yield 1
            def bench_good(): pass
            bench_wrapped = functools.lru_cache(bench_good)
            class bench_class: pass
            bench_number = 3
            """)
        cases = {n.rpartition(".")[2]: c for n, c in self.described(target(folder)).items()}
        self.assertEqual({n for n, c in cases.items() if not c["reason"]}, {"bench_good", "bench_wrapped"})
        self.assertEqual({n: c["reason"]["key"] for n, c in cases.items() if c["reason"]}, dict.fromkeys(
            ("bench_wants", "bench_ops", "bench_empty", "bench_axis", "bench_untaken", "bench_both", "bench_where",
             "bench_yields", "bench_yields_too"), "bad-case"))
        self.assertIn("wants 'state'", cases["bench_wants"]["reason"]["message"])

    def test_values_become_words_that_differ(self):
        folder = self.folder(bench_a="""
            def bench_x(v): pass
            params = {"v": ["a/b", "a=b", "a_b", "", len, [1], [2], None, 1.5]}
            """)
        params, = self.described(target(folder))["bench_a.bench_x"]["params"]
        self.assertEqual(params["values"], ["a_b", "a_b~2", "a_b~3", "empty", "len", "list5", "list6", "None", "1.5"])


class Run(Own):
    @bw.each_interpreter
    def test_every_part_of_a_file(self, interpreter):
        w = self.worker(interpreter)
        cells = [case(0, "bench_plain.bench_sum", n="100", kind="tuple"), case(1, "bench_plain.bench_loop"),
                 case(2, "bench_plain.bench_ten"), case(3, "bench_plain.bench_alone")]
        answers = self.prepared(w, [own("bench_plain.py")], *cells)
        self.assertEqual([a["status"] for a in answers], ["ok"] * 4, answers)
        self.assertEqual([self.keys(a) for a in answers], [[], [], [], ["result-unproven"]])
        for a in answers:
            self.assertGreater(a["iterations"], 0)
            self.assertGreater(a["first_call_ns"], 0)
            self.assertEqual(a["loaded"], [])
        self.assertEqual([w.batch(i, iterations=1001)["ops"] for i in range(4)], [[1001], [1001], [1010], [1001]])
        answers = w.bye(4)
        self.assertEqual([a["status"] for a in answers], ["ok"] * 4)
        path = os.path.join(OWN, "bench_plain.py")
        loaded = {o["path"]: o["build_id"] for o in answers[0]["loaded"]}
        with open(path, "rb") as f:
            import hashlib
            self.assertEqual(loaded[path], "sha1:" + hashlib.sha1(f.read()).hexdigest())
        self.assertIn("torn down 100", str(w.logs))

    def test_how_functions_are_called(self):
        """Positions where that is the same, keywords elsewhere, defaults kept; the state only where there is one."""
        folder = self.folder(bench_a="""
            import functools
            params = {"n": [7]}
            def setup(n): return ("state", n)
            def verify(result): return result
            def bench_state(s): return s == ("state", 7)
            def bench_nothing(): return True
            def bench_param(n): return n == 7
            def bench_both(s, n): return s == ("state", 7) and n == 7
            def bench_keyword(s, *, n): return s[1] == n == 7
            def bench_later(s, other=3, n=0): return s[1] == n == 7 and other == 3
            def bench_any(*args, **more): return args == (("state", 7),) and not more
            bench_partial = functools.partial(lambda a, s: a == 1 and s == ("state", 7), 1)
            def bench_quiet(s): return None
            bench_quiet.verify = lambda s, result, n: result is None and s[1] == n
            """)
        names = sorted(self.described(target(folder)))
        self.assertEqual(len(names), 9)
        w = self.worker()
        answers = self.prepared(w, [target(folder)], *(case(i, n, iterations=3) for i, n in enumerate(names)))
        self.assertEqual({n: a["status"] for n, a in zip(names, answers)}, dict.fromkeys(names, "ok"), answers)

    def test_a_result_that_is_wrong(self):
        folder = self.folder(bench_a="""
            def bench_false(): return 1
            bench_false.verify = lambda state, result: result == 2
            def bench_none(): return 1
            def nothing(state, result): assert result == 1
            bench_none.verify = nothing
            def bench_raises(): return 1
            def raises(state, result): assert result == 2, "not two"
            bench_raises.verify = raises
            calls = []
            def bench_later(): calls.append(1); return len(calls) < 50
            bench_later.verify = lambda state, result: result
            """)
        w = self.worker()
        answers = self.prepared(w, [target(folder)], *(case(i, "bench_a.bench_" + n, iterations=3) for i, n in enumerate(
            ("false", "none", "raises", "later"))))
        self.assertEqual([a["status"] for a in answers], ["invalid"] * 3 + ["ok"], answers)
        self.assertEqual({(a["reason"]["check"], a["reason"]["key"]) for a in answers[:3]}, {("V2", "wrong-result")})
        self.assertIn("must return True", answers[1]["reason"]["message"])
        self.assertIn("bench_a.py:8: AssertionError: not two", answers[2]["reason"]["message"])
        answer = w.batch(3, iterations=100)
        self.assertEqual((answer["type"], answer["status"], answer["reason"]["check"]), ("cell", "invalid", "V2"))

    def test_a_coroutine_that_nobody_awaits_is_no_work(self):
        folder = self.folder(bench_a="""
            import functools
            async def work(): return 1
            @functools.lru_cache(maxsize=0)
            def bench_forgotten(): return work()
            """)
        answer, = self.prepared(self.worker(), [target(folder)], case(0, "bench_a.bench_forgotten"))
        self.assertEqual((answer["status"], answer["reason"]["check"]), ("invalid", "V2"))
        self.assertIn("nobody awaits", answer["reason"]["message"])

    def test_a_verify_that_takes_long_is_asked_less_often_but_about_the_end(self):
        folder = self.folder(bench_a="""
            import time
            asked, calls = [], []
            def bench_x(): calls.append(1); return len(calls)
            def verify(state, result):
                asked.append(result); time.sleep(0.2)
                print("asked %d" % result)
                return True
            """)
        w = self.worker()
        self.prepared(w, [target(folder)], case(0, "bench_a.bench_x", iterations=1))
        for _ in range(5):
            self.assertEqual(w.batch(0, iterations=10)["type"], "sample")
        w.bye(1)
        asked = [int(word) for log in w.logs for line in log["message"].splitlines() if "asked " in line
                 for word in line.split("asked ")[1:]]
        self.assertEqual((asked[0], asked[-1]), (1, 51))
        self.assertLess(len(asked), 5)

    def test_exceptions_in_the_middle(self):
        folder = self.folder(bench_a="""
            import json
            def bench_raises(s):
                s.append(1)
                if len(s) > 20:
                    json.loads("{")
            def setup(): return []
            def bench_leaves(s):
                raise SystemExit(5)
            def bench_setup(s): pass
            def broken(): return {}["key"]
            bench_setup.setup = broken
            def bench_good(s): return len(s)
            """)
        w = self.worker()
        names = ["raises", "leaves", "setup", "good"]
        answers = self.prepared(w, [target(folder)], *(case(i, "bench_a.bench_" + n, iterations=3) for i, n in enumerate(names)))
        self.assertEqual([a["status"] for a in answers], ["ok", "failed", "failed", "ok"], answers)
        self.assertEqual(answers[1]["reason"]["message"], "bench_a.py:9: SystemExit: 5")
        self.assertEqual(answers[2]["reason"]["message"], "bench_a.py:11: KeyError: 'key'")
        answer = w.batch(0, iterations=100)
        self.assertEqual((answer["status"], answer["reason"]["key"]), ("failed", "exception"))
        self.assertTrue(answer["reason"]["message"].startswith("bench_a.py:6: JSONDecodeError: "), answer)
        self.assertEqual(w.batch(3, iterations=3)["type"], "sample")

    def test_a_function_that_ends_the_process(self):
        for text, status in (("import os; os._exit(3)", 3), ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15),
                             ("import ctypes; ctypes.string_at(1)", -11), ("import os; os.abort()", -6)):
            folder = self.folder(bench_a="def bench_x(s):\n    s.append(1)\n    if len(s) > 20:\n        print('last words', flush=True)\n"
                                         "        %s\ndef setup():\n    return []\n" % text)
            w = self.worker()
            self.prepared(w, [target(folder)], case(0, "bench_a.bench_x", iterations=3))
            with self.assertRaises(Died) as end:
                w.batch(0, iterations=100)
            self.assertEqual(end.exception.status, status)
            if status in (-11, -6):  # what was said about a crash is not lost with it
                self.assertIn("last words", w.output())

    def test_descriptors_closed_and_a_fork_that_comes_back(self):
        folder = self.folder(bench_a="""
            import os
            def bench_closes():
                os.closerange(0, 64)
            def bench_forks(s):
                s.append(1)
                if len(s) == 10 and os.fork():
                    os.wait()
            bench_forks.setup = list
            """)
        w = self.worker()
        answers = self.prepared(w, [target(folder)], case(0, "bench_a.bench_closes"), case(1, "bench_a.bench_forks", iterations=3))
        self.assertEqual([a["status"] for a in answers], ["ok", "ok"], answers)
        for number in (0, 1, 0):
            answer = w.batch(number, iterations=20)
            self.assertEqual((answer["type"], answer.get("cell")), ("sample", number))
        self.assertEqual([a["status"] for a in w.bye(2)], ["ok", "ok"])

    def test_a_fork_of_which_both_go_on_does_no_more_than_its_operation(self):
        log = os.path.join(self.folder(empty=""), "log")
        folder = self.folder(bench_a="""
            import os
            forks = []
            def bench_both():
                if len(forks) < 3:
                    forks.append(1)
                    os.fork()
                with open(%r, "a") as f:
                    f.write("%%d\\n" %% os.getpid())
            """ % log)
        w = self.worker()
        self.prepared(w, [target(folder)], case(0, "bench_a.bench_both", iterations=20))
        self.assertEqual(w.batch(0, iterations=20)["type"], "sample")
        w.bye(1)
        with open(log, encoding="utf-8") as f:
            pids = f.read().split()
        counts = sorted(pids.count(p) for p in set(pids))
        self.assertGreater(len(counts), 1)
        self.assertEqual(set(counts[:-1]), {1}, counts)

    def test_output_is_kept_out_of_the_way_and_counted(self):
        folder = self.folder(bench_a="""
            import os, sys
            print("imported")
            def bench_quiet(): pass
            def bench_prints():
                print("x" * 99)
                os.write(2, b"to the descriptor\\n")
            def bench_protocol():
                print('{"type":"sample","cell":0}')
            """)
        w = self.worker()
        targets = [target(folder)]
        answers = self.prepared(w, targets, case(0, "bench_a.bench_quiet"), case(1, "bench_a.bench_prints", iterations=5),
                                case(2, "bench_a.bench_protocol", iterations=5))
        self.assertEqual([a["status"] for a in answers], ["ok"] * 3)
        for number in range(3):
            sample = w.batch(number, iterations=100)
            self.assertEqual((sample["type"], sample["ops"]), ("sample", [100]))
        answers = w.bye(3)
        notes = [[n["message"] for n in a["notes"] if n["key"] == "printed"] for a in answers]
        end = " while it was prepared and timed"
        self.assertEqual(notes[0], ["it wrote 9 bytes to standard output" + end])  # its file was imported for it
        self.assertEqual(notes[1], ["it wrote 10100 bytes to standard output and 1818 bytes to standard error" + end])
        self.assertEqual(len(notes[2]), 1)
        said = [log["message"] for log in w.logs if log["message"].startswith("bench_a.bench_prints wrote to standard output")]
        self.assertEqual(sum(message.count("x" * 99) for message in said), 2048 // 100)
        self.assertEqual(w.output(), "")

    def test_settings_of_the_process_are_what_the_axes_say(self):
        """Whatever another file's import, or a case beside it, made of them."""
        folder = self.folder(bench_a="""
            import gc, sys
            def bench_off():
                gc.disable()
                sys.setswitchinterval(7)
                return True
            """, bench_b="""
            import gc, sys
            def bench_seen(): return gc.isenabled(), round(sys.getswitchinterval(), 6)
            def verify(result): return result == (True, 0.002)
            """)
        for told in (True, False):
            w = self.worker()
            cells = [case(i, name, iterations=10) for i, name in enumerate(("bench_a.bench_off", "bench_b.bench_seen"))]
            answers = w.prepare(cells, targets=[target(folder)], **(dict(gc=True, switch_interval_ns=2000000) if told else {}))
            self.assertEqual(answers[0]["status"], "ok", answers)
            if not told:  # then it is nobody's business, and the test above could not fail
                self.assertEqual(answers[1]["status"], "invalid", answers)
                continue
            self.assertEqual([a["status"] for a in answers], ["ok", "ok"], answers)
            for number in (0, 1, 0, 1):
                self.assertEqual(w.batch(number, iterations=10)["type"], "sample")
            self.assertEqual(["settings-changed" in self.keys(a) for a in w.bye(2)], [True, False])

    def test_a_loop_that_prints_and_never_ends(self):
        folder = self.folder(bench_a="""
            import gc
            before = gc.get_freeze_count()  # 3.12 begins with some
            def bench_x():
                while gc.get_freeze_count() > before:
                    print("all work and no play " * 100)
            def bench_y(): print("y")
            """)
        w = self.worker()
        answers = self.prepared(w, [target(folder)], case(0, "bench_a.bench_x", iterations=5), case(1, "bench_a.bench_y", iterations=5))
        self.assertEqual([a["status"] for a in answers], ["ok", "ok"], answers)
        answer = w.batch(0, iterations=5)
        self.assertEqual((answer["status"], answer["reason"]["key"]), ("failed", "exception"), answer)
        self.assertIn("bench_a.py:6: PermissionError", answer["reason"]["message"])
        self.assertIn("64 MiB to standard output in one batch", answer["reason"]["hint"])
        note, = (n["message"] for n in answer["notes"] if n["key"] == "printed")
        self.assertIn("it wrote 67108864 bytes to standard output", note)
        # memory is given back, and nothing of it is another cell's
        with open("/proc/%d/fdinfo/1" % w.ready["pid"]) as f:
            self.assertEqual(f.readline().split(), ["pos:", "0"])
        self.assertEqual(os.stat("/proc/%d/fd/1" % w.ready["pid"]).st_blocks, 0)
        self.assertEqual(w.batch(1, iterations=5)["type"], "sample")
        w.send("bye")
        for message in iter(w.receive, None):
            if message["cell"] == 1:
                self.assertIn("it wrote 12 bytes", str(message["notes"]))
                break

    @bw.each_interpreter
    def test_coroutines(self, interpreter):
        folder = self.folder(bench_a="""
            import asyncio
            async def setup():
                return asyncio.get_running_loop()
            async def bench_x(loop):
                await asyncio.sleep(0)
                return asyncio.get_running_loop() is loop
            async def verify(loop, result):
                return result and asyncio.get_running_loop() is loop
            async def teardown(loop):
                print("torn down", asyncio.get_running_loop() is loop)
            async def bench_raises(loop):
                await asyncio.sleep(0)
                raise ValueError("in the loop")
            """)
        w = self.worker(interpreter)
        answers = self.prepared(w, [target(folder)], case(0, "bench_a.bench_x"), case(1, "bench_a.bench_raises"))
        self.assertEqual(self.keys(answers[0]), ["event-loop"])
        self.assertEqual(answers[0]["status"], "ok", answers)
        self.assertEqual(answers[1]["reason"]["message"], "bench_a.py:14: ValueError: in the loop")
        for _ in range(2):
            self.assertEqual(w.batch(0, iterations=50)["ops"], [50])
        w.bye(1)
        self.assertIn("torn down True", str(w.logs))

    @bw.each_interpreter
    def test_threads(self, interpreter):
        folder = self.folder(bench_a="""
            import threading
            def bench_one(): pass
            def bench_many(seen): seen.add(threading.get_ident()); return 1
            bench_many.threads = True
            bench_many.setup = set
            bench_many.verify = lambda seen, result: result == 1 and len(seen) > 0
            bench_many.teardown = lambda seen: print("threads", len(seen))
            """)
        self.assertEqual({n: c["shape"] for n, c in self.described(target(folder)).items()},
                         {"bench_a.bench_one": "iterations", "bench_a.bench_many": "contended"})
        w = self.worker(interpreter)
        answers = self.prepared(w, [target(folder)], case(0, "bench_a.bench_many", threads=2),
                                case(1, "bench_a.bench_one", threads=2))
        self.assertEqual([a["status"] for a in answers], ["ok", "unsupported"], answers)
        self.assertIsNone(answers[0]["first_call_ns"])
        for duration in (50_000_000, 1_000_000):  # the second is over before both had their turn
            sample = w.batch(0, duration_ns=duration)
            self.assertEqual(sample["type"], "sample", sample)
            self.assertEqual(len(sample["ops"]), 2)
            self.assertGreater(sum(sample["ops"]) + sum(sample["straddled"]), 0)
        w.bye(1)
        self.assertIn("threads 2", str(w.logs))

    def test_a_slow_operation_is_run_no_more_often_than_needed(self):
        folder = self.folder(bench_a="""
            import time
            def bench_x(s): s.append(1); time.sleep(0.25); print("call %d" % len(s))
            bench_x.setup = list
            """)
        w = self.worker()
        answer, = self.prepared(w, [target(folder)], case(0, "bench_a.bench_x"))
        self.assertEqual(answer["iterations"], 1)
        self.assertGreater(answer["first_call_ns"], 250_000_000)
        self.assertIn("call 1", str(w.logs))
        self.assertNotIn("call 2", str(w.logs))

    def test_modules_of_two_folders_do_not_mix(self):
        """a/util.py and b/util.py, also where a function imports when it is called, and where a file extends sys.path."""
        text = """
            import sys, os
            sys.path.append(os.path.join(os.path.dirname(__file__), "lib"))
            import util, pack.part, deeper
            def bench_x():
                import util, late
                return util.which, late.which, pack.part.which, deeper.which, sys.modules["pack.part"].which
            def verify(_, result):
                return set(result) == {%r}
            """
        files = {}
        for name in "ab":
            for module in ("util", "late", "pack__part", "pack____init__", "lib__deeper"):
                files[name + "__" + module] = "which = %r\n" % name
            files[name + "__bench_same"] = text % name
        files = {k.replace("pack____init__", "pack__INIT"): v for k, v in files.items()}
        folder = self.folder(**files)
        for name in "ab":
            os.rename(os.path.join(folder, name, "pack", "INIT.py"), os.path.join(folder, name, "pack", "__init__.py"))
        w = self.worker()
        answers = self.prepared(w, [target(folder)], case(0, "a.bench_same.bench_x", iterations=2),
                                case(1, "b.bench_same.bench_x", iterations=2))
        self.assertEqual([a["status"] for a in answers], ["ok", "ok"], answers)
        for number in (0, 1, 1, 0):
            self.assertEqual(w.batch(number, iterations=3)["type"], "sample")
        paths = {o["path"] for o in w.bye(2)[0]["loaded"]}
        self.assertLessEqual({os.path.join(os.path.realpath(folder), n, "util.py") for n in "ab"}, paths)

    def test_a_file_of_another_is_not_touched(self):
        """What would harm is loaded only for the cells that need it."""
        folder = self.folder(bench="import os\nos._exit(1)\n", bench__x_bench="def bench_x():\n    return 1\n")
        w = self.worker()
        answer, = self.prepared(w, [target(folder)], case(0, "bench.x_bench.bench_x"))
        self.assertEqual(answer["status"], "ok")
        self.assertEqual(self.prepared(w, [target(folder)], case(1, "nowhere.bench_y"))[0]["status"], "unsupported")


class Sides(Own):
    def test_a_folder_in_front(self):
        side = self.folder(mine="which = 'side'\n")
        folder = self.folder(mine="which = 'own'\n", bench_a="""
            import mine
            def bench_x(): return mine.which
            verify = lambda _, result: result == "side"
            """)
        for env, status in (({"BENCHD_SIDE_PATH": side}, "ok"), ({}, "invalid")):
            answer, = self.prepared(self.worker(env=env), [target(folder)], case(0, "bench_a.bench_x"))
            self.assertEqual(answer["status"], status, answer)

    @bw.each_interpreter
    def test_an_object_in_place_of_a_module(self, interpreter):
        """The binding's own module, imported by a user's file under the name it has."""
        shared = os.path.join(bw.INTERPRETERS, interpreter["id"], "bdb_capi.so")
        folder = self.folder(bdb_capi="raise ImportError('the wrong one')\n", bench_a="""
            import bdb_capi
            def bench_x(): return bdb_capi.__file__
            def verify(_, result): return result == %r
            """ % shared)
        w = self.worker(interpreter, env={"BENCHD_SIDE_OBJECT": shared})
        answer, = self.prepared(w, [target(folder)], case(0, "bench_a.bench_x"))
        self.assertEqual(answer["status"], "ok", answer)
        objects = {o["path"]: o["build_id"] for o in w.bye(1)[0]["loaded"]}
        self.assertEqual(objects[os.path.realpath(shared)], bw.build_id(shared))
        answer, = self.prepared(self.worker(interpreter), [target(folder)], case(0, "bench_a"))
        self.assertEqual((answer["status"], answer["reason"]["key"]), ("failed", "import-error"))


class Memory(Own):
    def test_what_an_operation_leaves(self):
        folder = self.folder(bench_a="""
            kept = []
            def bench_keeps(): kept.append(bytes(1000))
            def bench_large(): kept.append(bytes(100000))
            def bench_drops(): bytes(1000)
            """)
        w = self.worker()
        names = ("keeps", "large", "drops")
        self.prepared(w, [target(folder)], *(case(i, "bench_a.bench_" + n, iterations=1000) for i, n in enumerate(names)))
        found = [w.ask("memory", cell=i) for i in range(3)]
        for m in found:
            self.assertGreaterEqual(m["rss_peak_bytes"], m["rss_bytes"])
        self.assertAlmostEqual(found[0]["bytes_per_op"], 1000, delta=200)
        self.assertAlmostEqual(found[1]["bytes_per_op"], 100000, delta=1000)
        self.assertAlmostEqual(found[2]["bytes_per_op"], 0, delta=1)
        self.assertGreater(found[1]["allocator_bytes"] - found[1]["allocator_before_bytes"], 99_000_000)

    def test_the_peak_is_the_cells_own(self):
        folder = self.folder(bench_a="""
            def bench_large(): bytearray(b"x") * 50_000_000
            def bench_small(): pass
            """)
        w = self.worker()
        self.prepared(w, [target(folder)], case(0, "bench_a.bench_large", iterations=1), case(1, "bench_a.bench_small", iterations=1))
        large, small = (w.ask("memory", cell=i) for i in range(2))
        self.assertGreater(large["rss_peak_bytes"] - large["rss_bytes"], 40_000_000)
        self.assertLess(small["rss_peak_bytes"] - small["rss_bytes"], 10_000_000)

    def test_of_a_cell_that_fails(self):
        folder = self.folder(bench_a="def bench_x(): return 1\ndef verify(_, r): return False\n")
        w = self.worker()
        self.prepared(w, [target(folder)], case(0, "bench_a.bench_x"))
        self.assertEqual(w.ask("memory", cell=0)["type"], "cell")


def bw_word(name):
    import re
    return re.sub(r"[^\w.+-]", "_", name)


if __name__ == "__main__":
    unittest.main()
