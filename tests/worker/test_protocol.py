"""The conversation: docs/worker-protocol.md, with the worker of every interpreter that was built for."""
import glob
import json
import os
import struct
import subprocess
import tempfile
import unittest

import bench_worker as bw
from bench_worker import Died, Worker, cell


def tasks(worker):
    return sorted(int(t) for t in os.listdir("/proc/%d/task" % worker.ready["pid"]))


def mapped_file(pid, address):
    """Path of the file mapped at an address, or ''; a .bss belongs to the file mapped before it."""
    last = ""
    with open("/proc/%d/maps" % pid) as f:
        for line in f:
            parts = line.split(None, 5)
            low, high = (int(x, 16) for x in parts[0].split("-"))
            name = parts[5].strip() if len(parts) > 5 else ""
            last = name or last
            if low <= address < high:
                return last
    return ""


class EveryInterpreter(unittest.TestCase):
    def test_there_is_one_default(self):
        self.assertEqual([i["default"] for i in bw.interpreters()].count(True), 1)

    @bw.each_interpreter
    def test_ready_is_the_truth(self, interpreter):
        with Worker(interpreter) as w:
            ready = w.hello()
            embedded = interpreter["host"] == "embedded"
            self.assertEqual(ready["host"], interpreter["host"])
            program = os.path.join(w.folder, "bench-worker") if embedded else os.path.realpath(interpreter["executable"])
            self.assertEqual(os.readlink("/proc/%d/exe" % ready["pid"]), program)
            self.assertEqual(ready["python"], interpreter["version"])
            self.assertEqual(ready["executable"], interpreter["executable"])
            self.assertEqual(ready["free_threaded"], interpreter["free_threaded"])
            self.assertEqual(ready["abiflags"], interpreter["abiflags"])
            self.assertTrue(os.path.samefile(ready["libpython"], bw.runtime_file(interpreter)))
            self.assertEqual(int(ready["cap_eff"], 16), 0)
            self.assertEqual(ready["no_new_privs"], 1)
            self.assertEqual(ready["malloc_name"], "glibc")
            self.assertEqual(ready["objalloc"], bw.objalloc(interpreter))
            self.assertEqual(ready["gil_enabled"], not interpreter["free_threaded"])

    @bw.each_interpreter
    def test_ready_lists_what_is_loaded_with_build_ids(self, interpreter):
        with Worker(interpreter) as w:
            objects = {o["path"]: o["build_id"] for o in w.hello()["objects"]}
            with open("/proc/%d/maps" % w.ready["pid"]) as f:
                mapped = {line.split(None, 5)[5].strip() for line in f if ".so" in line}
            self.assertLessEqual(mapped, set(objects))
            for entry in interpreter["manifest"]:
                path = os.path.realpath(os.path.join(w.folder, entry["path"]))
                if path in objects:
                    self.assertEqual(objects[path], entry["build_id"])
            self.assertIn(os.path.realpath(os.path.join(bw.HOME, "libbdkernels.so")), objects)
            self.assertEqual(objects[os.path.realpath(bw.runtime_file(interpreter))], interpreter["build_id"])

    def test_privileges_are_reported_not_assumed(self):
        with Worker(drop=False) as w:
            ready = w.hello()
            with open("/proc/%d/status" % ready["pid"]) as f:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in f)
            self.assertEqual(ready["cap_eff"], status["CapEff"])
            self.assertEqual(str(ready["no_new_privs"]), status["NoNewPrivs"])
            with open("/proc/self/status") as f:
                own = dict(line.rstrip("\n").split(":\t", 1) for line in f)
            self.assertEqual((ready["cap_eff"], str(ready["no_new_privs"])), (own["CapEff"], own["NoNewPrivs"]))

    @bw.each_interpreter
    def test_runtime_and_gil_are_where_it_says(self, interpreter):
        """The switch interval is the GIL's first field (µs): what prepare set must stand in memory at that address."""
        with Worker(interpreter) as w:
            ready = w.hello()
            w.prepare([cell(0)], switch_interval_ns=7_123_000)
            runtime, gil = int(ready["runtime"], 16), ready["gils"][0]
            # in libpython, or in the executable that has a copy of it, not in one the linker made for a program of ours
            self.assertTrue(os.path.samefile(mapped_file(ready["pid"], runtime), bw.runtime_file(interpreter)))
            self.assertEqual(gil["interpreter"], 0)
            self.assertGreater(gil["size"], 200)
            if interpreter["free_threaded"]:
                return
            with open("/proc/%d/mem" % ready["pid"], "rb") as memory:
                memory.seek(int(gil["address"], 16))
                self.assertEqual(struct.unpack("<Q", memory.read(8))[0], 7123)

    @bw.each_interpreter
    def test_catalogue(self, interpreter):
        with Worker(interpreter) as w:
            w.hello()
            catalogue = w.ask("describe", targets=[])
            cases = {c["name"]: c for c in catalogue["cases"]}
            self.assertEqual(cases["gil-contention"]["shape"], "contended")
            self.assertIsNone(cases["gil-contention"]["plain"])
            self.assertEqual(cases["empty-loop"]["shape"], "iterations")
            self.assertEqual(cases["empty-loop"]["plain"], "plain")
            params = {p["name"]: p["values"] for p in cases["gil-contention"]["params"]}
            self.assertEqual(params, {"gil": ["release", "hold"], "u": ["1us", "10us", "100us", "1ms"]})
            bindings = {b["name"]: b for b in catalogue["bindings"]}
            self.assertEqual(list(bindings)[0], "capi")
            self.assertEqual(bindings["capi"]["variants"][0], "fastcall")
            self.assertEqual(bindings["ctypes"]["variants"], ["argtypes", "untyped", "pydll"])
            for name, binding in bindings.items():
                if name in ("capi", "ctypes", "plain"):
                    self.assertIsNone(binding["unsupported"])
                elif binding["unsupported"]:  # it may not be built for this interpreter
                    self.assertTrue(binding["unsupported"]["message"], binding)
            self.assertEqual(w.logs, [])

    def test_a_binding_that_cannot_be_loaded_says_why(self):
        with tempfile.TemporaryDirectory() as folder:
            worker = bw.copy_tree(folder)
            os.unlink(os.path.join(worker, "bdb_capi.so"))
            with Worker(folder=worker) as w:
                w.hello()
                bindings = {b["name"]: b for b in w.ask("describe", targets=[])["bindings"]}
                self.assertEqual(bindings["capi"]["unsupported"]["key"], "binding-unusable")
                self.assertIsNone(bindings["ctypes"]["unsupported"])
                answers = w.prepare([cell(0), cell(1, binding="ctypes:argtypes"), cell(2, binding="capi:no-such")])
                self.assertEqual([a["status"] for a in answers], ["unsupported", "ok", "unsupported"])
                self.assertIn("bdb_capi.so", answers[0]["reason"]["message"])

    @bw.each_interpreter
    def test_one_thread_means_one_thread(self, interpreter):
        with Worker(interpreter) as w:
            w.hello()
            answers = w.prepare([cell(0, gil="hold"), cell(1, case="empty-loop", binding="plain"),
                                 cell(2, binding="ctypes:argtypes")])
            self.assertEqual([a["status"] for a in answers], ["ok"] * 3, answers)
            for number in range(3):
                self.assertEqual(w.batch(number, iterations=50)["type"], "sample")
            self.assertEqual(w.batch(0, duration_ns=20_000_000)["type"], "sample")
            self.assertEqual(tasks(w), [w.ready["pid"]])
            self.assertEqual([a["tids"] for a in w.bye(3)], [[w.ready["pid"]]] * 3)

    @bw.each_interpreter
    def test_threads_live_from_prepare_and_sleep_in_between(self, interpreter):
        with Worker(interpreter, env=bw.with_gil(interpreter)) as w:
            w.hello()
            answers = w.prepare([cell(0, threads=2, gil="hold"), cell(1, threads=3, gil="release")])
            self.assertEqual([a["status"] for a in answers], ["ok"] * 2, answers)
            tids = [t for a in answers for t in a["tids"]]
            self.assertEqual([len(a["tids"]) for a in answers], [2, 3])
            self.assertEqual(sorted(tids + [w.ready["pid"]]), tasks(w))
            for _ in range(2):
                self.assertEqual(w.batch(1, duration_ns=10_000_000)["type"], "sample")
                for tid in tids:
                    bw.until(lambda: bw.state(w.ready["pid"], tid) == "S", "thread %d sleeps" % tid)
            self.assertEqual(sorted(tids + [w.ready["pid"]]), tasks(w))
            self.assertEqual([a["tids"] for a in w.bye(2)], [a["tids"] for a in answers])

    @bw.each_interpreter
    def test_a_virtual_environment_is_found_by_its_own_file(self, interpreter):
        """BENCHD_PYTHON: the packages and the name are the environment's, code and standard library the interpreter's."""
        with tempfile.TemporaryDirectory() as folder:
            venv = os.path.join(folder, "v env")
            subprocess.run([interpreter["executable"], "-m", "venv", "--without-pip", "--symlinks", venv], check=True,
                           capture_output=True)
            packages, = glob.glob(os.path.join(venv, "lib", "python3*", "site-packages"))
            with open(os.path.join(packages, "only_in_there.py"), "w") as f:
                f.write("answer = 42\n")
            python = os.path.join(venv, "bin", "python")
            for env, word in (({"BENCHD_PYTHON": python}, "42 %s" % python), ({}, "none %s" % interpreter["executable"])):
                with Worker(interpreter, env={"BENCHD_CASES": os.path.join(bw.SOURCE, "cases"), **env}) as w:
                    ready = w.hello()
                    self.assertEqual(ready["executable"], word.split(None, 1)[1])
                    answer, = w.prepare([cell(0, case="in_venv", binding="plain", want=word, iterations=3)])
                    self.assertEqual(answer["status"], "ok", answer)
                    self.assertTrue(os.path.samefile(ready["libpython"], bw.runtime_file(interpreter)))

    @bw.each_interpreter
    def test_end_of_input_ends_it(self, interpreter):
        for threads in (0, 1, 3):
            with Worker(interpreter) as w:
                w.hello()
                if threads:
                    w.prepare([cell(0, threads=threads)])
                w.close_input()
                with self.assertRaises(Died) as end:
                    w.receive(10)
                self.assertEqual(end.exception.status, 0)

    @bw.each_interpreter
    def test_prepare_sets_interval_and_gc(self, interpreter):
        with Worker(interpreter, env={"BENCHD_CASES": os.path.join(bw.SOURCE, "cases")}) as w:
            w.hello()
            answers = w.prepare([cell(0, case="settings", binding="plain", want="0.002 False")])
            self.assertEqual(answers[0]["status"], "invalid", answers)
        with Worker(interpreter, env={"BENCHD_CASES": os.path.join(bw.SOURCE, "cases")}) as w:
            w.hello()
            answers = w.prepare([cell(0, case="settings", binding="plain", want="0.002 False")], gc=False,
                                switch_interval_ns=2_000_000)
            self.assertEqual(answers[0]["status"], "ok", answers)


class Faults(unittest.TestCase):
    def fault(self, w, message, **kinds):
        answer = w.receive()
        self.assertEqual(answer["type"], "fault", answer)
        self.assertIn(message, answer["reason"]["message"])
        self.assertEqual(answer["reason"]["key"], kinds.get("key", "protocol"))
        with self.assertRaises(Died) as end:
            w.receive()
        self.assertEqual(end.exception.status, 70)

    def test_unknown_message(self):
        with Worker() as w:
            w.hello()
            w.send("dance")
            self.fault(w, 'unknown message "dance"')

    def test_anything_before_hello(self):
        with Worker() as w:
            w.send("describe", targets=[])
            self.fault(w, '"describe" before hello')

    def test_another_protocol(self):
        with Worker() as w:
            w.send("hello", protocol=2)
            self.fault(w, "protocol 1 only")

    def test_nonsense(self):
        for text in ("what?\n", "[1]\n", "{\"type\":\n", "\n"):
            with self.subTest(text=text), Worker() as w:
                w.send_text(text)
                self.fault(w, "not one JSON object")

    def test_a_line_without_end(self):
        with Worker() as w:
            line = b" " * (1 << 16)
            for _ in range(64):
                os.write(w._out, line)
            self.fault(w, "longer than 4194304 bytes")

    def test_a_cell_that_was_not_prepared(self):
        with Worker() as w:
            w.hello()
            w.prepare([cell(4, iterations=10)])
            w.send("batch", cell=5, iterations=1, processors=bw.processors())
            self.fault(w, "cell 5 was never prepared")

    def test_neither_iterations_nor_duration(self):
        for fields in ({}, {"iterations": 5, "duration_ns": 5}):
            with Worker() as w:
                w.hello()
                w.prepare([cell(0, iterations=10)])
                w.send("batch", cell=0, processors=bw.processors(), **fields)
                self.fault(w, "either iterations or duration_ns")

    def test_one_and_several_threads_in_one_worker(self):
        with Worker() as w:
            w.hello()
            w.send("prepare", cells=[cell(0), cell(1, threads=2)], steps=bw.STEPS, processors=bw.processors(),
                   probe_steps=1000, seed=1, manifest=w.manifest())
            self.fault(w, "of one thread and of several")

    def test_numbers_out_of_range(self):
        for fields in ({"iterations": -1}, {"iterations": "5"}, {"iterations": 2 ** 53 + 2}):
            with Worker() as w:
                w.hello()
                w.prepare([cell(0, iterations=10)])
                w.send("batch", cell=0, processors=bw.processors(), **fields)
                self.fault(w, "iterations is not an integer")

    def test_without_descriptors(self):
        for value in (None, "", "3", "3,x", "3,4,5", "-1,4", "998,999"):
            with Worker(descriptors=value) as w:
                with self.assertRaises(Died) as end:
                    w.receive()
                self.assertEqual(end.exception.status, 64, value)
                self.assertIn("BENCHD_FDS", w.output())


class Cases(unittest.TestCase):
    """Cases in Python, from BENCHD_CASES and from describe."""
    folder = os.path.join(bw.SOURCE, "cases")

    def worker(self, **kinds):
        w = Worker(env={"BENCHD_CASES": self.folder}, **kinds)
        w.hello()
        return w

    def test_what_a_case_prints_disturbs_nobody(self):
        with self.worker() as w:
            self.assertEqual(w.prepare([cell(0, case="prints", binding="plain", iterations=100)])[0]["status"], "ok")
            self.assertEqual(w.batch(0, iterations=77)["ops"], [77])
            self.assertEqual(w.bye(1)[0]["status"], "ok")
            text = w.output()
            self.assertIn('{"type":"sample","cell":0} printed by a case\n', text)
            self.assertIn("and to standard error\n", text)
            self.assertIn("straight to the descriptor\n", text)

    def test_it_is_in_the_catalogue(self):
        with self.worker() as w:
            cases = {c["name"]: c for c in w.ask("describe", targets=[])["cases"]}
            want = {
                "target": None, "reason": None, "affinity": None, "timeout_s": None,
                "name": "python_sum", "summary": "adds up what the kernel library returns", "shape": "contended",
                "plain": None, "params": [{"name": "start", "summary": "where the chain starts", "values": ["1", "5"]}]}
            self.assertEqual({key: cases["python_sum"].get(key) for key in want}, want)
            self.assertEqual(cases["prints"]["plain"], "plain")
            self.assertEqual(cases["prints"]["summary"], "Writes to its standard output and error, which are its own.")

    def test_describe_names_a_folder(self):
        with Worker() as w:
            w.hello()
            names = [c["name"] for c in w.ask("describe", targets=[self.folder])["cases"]]
            self.assertIn("python_sum", names)
        with Worker() as w:
            w.hello()
            self.assertNotIn("python_sum", [c["name"] for c in w.ask("describe", targets=[])["cases"]])
            self.assertEqual(w.ask("describe", targets=["/no/such/folder"])["type"], "fault")

    def test_all_parts_of_the_descriptor_with_one_and_several_threads(self):
        for threads, binding in ((1, "capi:fastcall"), (3, "capi:varargs"), (2, "ctypes:argtypes")):
            with self.subTest(threads=threads, binding=binding), self.worker() as w:
                answer = w.prepare([cell(0, case="python_sum", threads=threads, binding=binding, start="5")])[0]
                self.assertEqual(answer["status"], "ok", answer)
                sample = w.batch(0, iterations=1000)
                self.assertEqual(sample["type"], "sample", sample)
                self.assertEqual(sample["ops"], [1000] * threads)
                self.assertEqual(w.bye(1)[0]["status"], "ok")
                self.assertIn("torn down %d\n" % threads, w.output())

    def test_files_that_are_no_cases_are_named(self):
        with Worker(env={"BENCHD_CASES": os.path.join(bw.SOURCE, "mutants", "cases")}) as w:
            w.hello()
            names = [c["name"] for c in w.ask("describe", targets=[])["cases"]]
            self.assertNotIn("no_verify", names)
            self.assertNotIn("broken", names)
            text = json.dumps(w.logs)
            self.assertIn("no_verify.py: not a usable case: ValueError: it has no verify()", text)
            self.assertIn("broken.py: not a usable case: ModuleNotFoundError", text)

    def test_an_exception_is_a_failed_cell(self):
        with Worker(env={"BENCHD_CASES": os.path.join(bw.SOURCE, "mutants", "cases")}) as w:
            w.hello()
            answer = w.prepare([cell(0, case="raises", binding="plain", iterations=10)])[0]
            self.assertEqual((answer["status"], answer["reason"]["key"]), ("failed", "exception"))
            self.assertIn("RuntimeError: no luck", answer["reason"]["message"])

    def test_cases_that_die_or_hang(self):
        for when in ("prepare", "batch"):
            with self.subTest(case="abort", when=when), self.worker() as w:
                with self.assertRaises(Died) as end:
                    w.prepare([cell(0, case="abort", binding="plain", when=when, iterations=10)])
                    self.assertEqual(when, "batch")
                    w.batch(0, iterations=10)
                self.assertEqual(end.exception.status, -6)
            with self.subTest(case="loop_forever", when=when), self.worker() as w:
                if when == "prepare":
                    with self.assertRaises(AssertionError):
                        w.send("prepare", cells=[cell(0, case="loop_forever", binding="plain", iterations=10)],
                               processors=bw.processors(), manifest=w.manifest(), probe_steps=1, seed=1)
                        w.receive(timeout=1)
                else:
                    w.prepare([cell(0, case="loop_forever", binding="plain", when=when, iterations=10)])
                    with self.assertRaises(AssertionError):
                        w.send("batch", cell=0, iterations=10, processors=bw.processors())
                        w.receive(timeout=1)
                w.process.kill()

    def test_unknown_cases_and_values(self):
        with self.worker() as w:
            answers = w.prepare([cell(0, case="no-such"), cell(1, gil="maybe"), cell(2, u="3us"),
                                 cell(3, case="prints", threads=1, binding="plain", iterations=5)])
            self.assertEqual([a["status"] for a in answers], ["unsupported", "failed", "failed", "ok"], answers)
            # what is not ok stays so, and says why again
            self.assertEqual(w.batch(1, iterations=5)["reason"], answers[1]["reason"])
        with self.worker() as w:
            answer = w.prepare([cell(0, case="prints", threads=2, binding="plain")])[0]
            self.assertEqual((answer["status"], answer["reason"]["key"]), ("unsupported", "one-thread-only"))


if __name__ == "__main__":
    unittest.main()
