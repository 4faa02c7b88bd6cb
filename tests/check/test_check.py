"""What a check says beside its findings: exit statuses, what was left out and why, its report, and that it leaves nothing behind."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from checking import DEFAULT, MODULES, Checks, built
from ctl import BUILD, wait_for

HANGS = """\
import os
def add(a, b): return a + b
def forever(x):
    with open(os.environ["CHECK_MARK"], "a") as f: f.write("%d\\n" % os.getpid())
    while True: pass
def remove_all(x): raise SystemExit(3)
def read_address(x): return x
"""

# Its own time limit is all that ends it, unless somebody else looks.
DEAF = """\
import signal
def add(a, b): return a + b
def forever(x):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True: pass
"""

LEFT = """\
import os, signal
pid = os.fork()
if pid == 0:
    while True: signal.pause()
with open(os.environ["CHECK_MARK"], "w") as f: f.write("%d" % pid)
os.kill(os.getpid(), signal.SIGSEGV)
"""

ASKS = """\
import os
kept = []
def ask(x):
    if not os.read(0, 10): kept.append(x)
"""

CALLS = """\
kept = []
def setup(): return [object(), 1009]
def bench_fine(state): return len(state)
def bench_leaks(state): kept.append(state[0])
def bench_raises(state): raise ValueError("on purpose")
def verify(state, result): return True
"""

# What stands for something that is not there passes every question on to it.
PROXY = """\
class Proxy:
    @property
    def __class__(self): raise RuntimeError("there is nothing yet")
    def __getattr__(self, name): raise RuntimeError("there is nothing yet")
current = Proxy()
kept = []
class Outer:
    class Inner:
        def keep(self, x): kept.append(x)
def _many():
    class Many:
        def __index__(self): import os; os._exit(3)
    return Many()
def many(): return _many()
__all__ = (name for name in ("Outer", "many"))
"""

CLOSES = """\
import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
sys.stdout.close()
def add(a, b): return a + b
"""

LEAKS = """\
kept = []
def note(x): kept.append(x)
"""


class Statuses(Checks):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="bd-check-")
        self.addCleanup(shutil.rmtree, self.work, True)

    def write(self, name, text):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def test_what_is_not_there(self):
        for words, status, message in (
                (["check", "no_such_module_here"], 66, "has no module no_such_module_here"),
                (["check", "./nothing.so"], 66, "there is no file ./nothing.so"),
                (["check", "zlib", "--calls", "nothing.py"], 66, "there is no file nothing.py"),
                (["check", "zlib", "--python", "/nowhere/python"], 66, "there is no interpreter /nowhere/python"),
                (["check"], 64, "check needs MODULE"),
                (["check", "zlib", "--seconds", "soon"], 64, "needs a time"),
                (["check", "--protocols", "--seconds", "3s"], 64, "takes neither --seconds nor --calls")):
            with self.subTest(words):
                out, err = self.ctl(*words, status=status)
                self.assertEqual(out, "")
                self.assertIn(message, err)

    def test_an_import_that_fails_is_no_finding_and_one_that_crashes_is(self):
        _, err = self.ctl("check", self.write("bad.py", "raise ValueError('not today')"), status=2)
        self.assertIn("ValueError: not today", err)
        document = self.check(self.write("dead.py", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"), status=1)
        self.assertEqual(document["findings"][0]["check"], "crashes")
        self.assertIn("SIGSEGV", document["findings"][0]["evidence"])

    def test_nothing_to_call_is_undecided(self):
        document = self.check(self.write("empty.py", "x = 1"), status=2)
        self.assertEqual(document["verdict"], "undecided")
        self.assertEqual({c["verdict"] for c in document["checks"]}, {"unproven"})

    def test_what_hangs_or_sounds_dangerous_is_left_out_with_the_reason(self):
        mark = os.path.join(self.work, "mark")
        document = self.check_with(self.write("hangs.py", HANGS), mark, status=0)
        left = {row["name"]: row["reason"] for row in document["coverage"]["not_called"]}
        self.assertIn("removes", left["hangs.remove_all"])
        self.assertIn("address", left["hangs.read_address"])
        self.assertIn("did not return", " ".join(r["reason"] for r in document["coverage"]["unfinished"] if r["name"] == "hangs.forever"))
        self.assertEqual(document["coverage"]["called"], 1)

    def test_a_call_that_ignores_the_signal_which_ends_it_is_ended(self):
        path = self.write("deaf.py", DEAF)
        document = self.check(path, "--seconds", "3", status=2)
        self.assertRegex(document["reason"], r"^3 s were over while calling: part 1 of 5, \d+ of \d+ functions$")
        document = self.check(path, status=0)
        self.assertIn("did not return", " ".join(r["reason"] for r in document["coverage"]["unfinished"] if r["name"] == "deaf.forever"))
        self.assertEqual(document["coverage"]["called"], 1)

    def test_a_process_that_the_module_leaves_behind_is_not_waited_for(self):
        mark = os.path.join(self.work, "mark")
        document = self.check_with(self.write("left.py", LEFT), mark, status=1)
        with open(mark, encoding="utf-8") as f:
            os.kill(int(f.read()), signal.SIGKILL)  # it was there all the time
        self.assertIn("SIGSEGV", document["findings"][0]["evidence"])

    def test_standard_input_is_empty(self):
        document = self.check(self.write("asks.py", ASKS), status=1)
        self.assertEqual([(f["check"], f["function"]) for f in document["findings"]], [("leaks", "asks.ask")])

    def check_with(self, path, mark, status):
        p = self.popen("check", path, "--json", env={"CHECK_MARK": mark})
        out, err = p.communicate(timeout=600)
        self.assertEqual(p.returncode, status, err)
        return json.loads(out)

    def test_an_interrupt_ends_everything_and_tells_what_there_is(self):
        mark = os.path.join(self.work, "mark")
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                if os.path.exists(mark):
                    os.unlink(mark)
                p = self.popen("check", self.write("hangs.py", HANGS), "--json", env={"CHECK_MARK": mark})
                pid = int(wait_for("the call that hangs", 60, lambda: os.path.exists(mark) and open(mark, encoding="utf-8").readline()))
                p.send_signal(number)
                out, err = p.communicate(timeout=60)
                self.assertEqual(p.returncode, 2, err)
                document = json.loads(out)
                self.assertEqual((document["state"], document["reason"]), ("interrupted", "interrupted"))
                wait_for("the end of the child", 60, lambda: not os.path.exists(f"/proc/{pid}"))

    def test_the_functions_of_a_library_that_cffi_has_bound(self):
        environment = os.path.join(BUILD, "lib", "benchd", "environments", DEFAULT)
        module = os.path.join(environment, "bdb_cffi_api.so")
        if not os.path.exists(module):
            self.skipTest("no binding was built in this tree")
        out, _ = self.ctl("check", module, "--python", os.path.join(environment, "env"), "--json", "-q", status=None)
        document = json.loads(out)
        self.assertEqual(document["state"], "complete")
        self.assertGreater(document["coverage"]["called"], 10)
        left = {row["name"] for row in document["coverage"]["not_called"]}
        self.assertNotIn("bdb_cffi_api.lib.bd_kernel_i64_2", left)  # it takes two numbers
        self.assertTrue({f["function"].rpartition(".")[0] for f in document["findings"]} <= {"bdb_cffi_api.lib"}, out)
        self.assertNotIn("leaks", {f["check"] for f in document["findings"]})

    def test_time_that_is_over_is_told(self):
        mark = os.path.join(self.work, "mark")
        p = self.popen("check", self.write("hangs.py", HANGS), "--seconds", "1", "--json", env={"CHECK_MARK": mark})
        out, err = p.communicate(timeout=120)
        self.assertEqual(p.returncode, 2, err)
        document = json.loads(out)
        self.assertRegex(document["reason"], r"^1 s were over while calling: part 1 of 5, \d+ of \d+ functions$")
        self.assertEqual({c["verdict"] for c in document["checks"]}, {"unproven"})

    def test_calls_of_ones_own(self):
        path = self.write("bench_own.py", CALLS)
        document = self.check("zlib", "--calls", path, status=1)
        self.assertEqual([(f["check"], f["function"]) for f in document["findings"]], [("leaks", "bench_own.bench_leaks")])
        self.assertIn("element 0 of what setup() returns has 1 reference more", document["findings"][0]["evidence"])
        self.assertEqual(document["coverage"]["not_called"],
                         [{"name": "bench_own.bench_raises", "reason": "ValueError: on purpose"}])
        fine = CALLS.replace("kept.append(state[0])", "state[0]")
        self.assertEqual(self.check("zlib", "--calls", self.write("bench_own.py", fine), status=0)["findings"], [])

    def test_a_leak_of_python_code_is_one_too(self):
        document = self.check(self.write("notes.py", LEAKS), status=1)
        self.assertEqual([(f["check"], f["function"]) for f in document["findings"]], [("leaks", "notes.note")])

    def test_classes_within_classes_and_things_that_answer_no_question(self):
        document = self.check(self.write("proxied.py", PROXY), status=1)
        self.assertEqual([(f["check"], f["function"]) for f in document["findings"]], [("leaks", "proxied.Outer.Inner.keep")])
        self.assertNotIn("proxied.many", [row["name"] for row in document["coverage"]["unfinished"]])

    def test_what_an_import_does_to_the_process_is_no_finding(self):
        document = self.check(self.write("closes.py", CLOSES), status=0)
        self.assertEqual((document["findings"], document["coverage"]["called"]), ([], 1))

    def test_an_interpreter_that_does_not_start_is_no_crash_of_the_module(self):
        _, err = self.ctl("check", self.write("notes.py", LEAKS), status=2, env={"PYTHONHOME": "/nowhere"})
        self.assertIn("the interpreter does not start: Fatal Python error", err)

    def test_an_allocator_of_ones_own_changes_no_verdict(self):
        """What is given back is caught by the C library's: another one that is preloaded is left out, else all is unproven."""
        clean = os.path.join(MODULES, DEFAULT, "clean_borrowed_kept.so")
        libraries = [line.split(" => ")[-1].strip() for line in subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True,
                                                                                text=True, check=True).stdout.splitlines()]
        found = next((path for path in libraries if re.search(r"/lib(jemalloc|mimalloc|tcmalloc)\.so", path)), None)
        if not found:
            self.skipTest("no other allocator is installed")
        renamed = os.path.join(self.work, "libmemory.so")
        shutil.copy(found, renamed)
        for preloaded, verdict in ((found, "nothing found"), (renamed, "unproven")):
            with self.subTest(preloaded):
                out, _ = self.ctl("check", clean, "--json", status=0, env={"LD_PRELOAD": preloaded})
                document = json.loads(out)
                self.assertEqual(document["findings"], [])
                self.assertEqual((self.verdicts(document)["references"], self.verdicts(document)["buffers"]), (verdict, verdict))

    def test_a_package_without_init(self):
        os.makedirs(os.path.join(self.work, "space", "part"))
        self.write("space/part/notes.py", LEAKS)
        env = {"PYTHONPATH": self.work}
        out, err = self.ctl("check", "space", status=2, env=env)
        self.assertIn("nothing could be called", out, err)
        out, _ = self.ctl("check", "space.part.notes", status=1, env=env)
        self.assertIn("space.part.notes.note", out)
        _, err = self.ctl("check", os.path.join(self.work, "space"), status=2)
        self.assertIn("has no __init__.py", err)

    def test_a_module_that_is_there_by_two_names_is_its_own(self):
        """As modules of Cython are whose author did not know of the package."""
        os.makedirs(os.path.join(self.work, "two"))
        self.write("two/named.py", "import sys\nsys.modules['named'] = sys.modules[__name__]\n" + LEAKS + "note.__module__ = 'named'\n")
        out, _ = self.ctl("check", "two.named", status=1, env={"PYTHONPATH": self.work})
        self.assertIn("two.named.note", out)

    def test_nothing_is_left_behind(self):
        scratch = os.path.join(self.work, "scratch")
        os.mkdir(scratch)
        self.ctl("check", self.write("notes.py", LEAKS), status=1, env={"TMPDIR": scratch})
        self.assertEqual(os.listdir(scratch), [])
        self.assertEqual(sorted(os.listdir(self.work)), ["notes.py", "scratch"])


class Modules(Checks):
    def test_modules_of_the_library_are_clean(self):
        for name in ("zlib", "array", "_struct"):
            with self.subTest(name):
                document = self.check(name, status=0)
                self.assertEqual(document["findings"], [])
                self.assertGreater(document["coverage"]["called"], 0)

    def test_extensions_of_generators_are_clean(self):
        """Those whose releases have no leaks of their own: PyO3 and mypyc keep references to classes, SWIG too."""
        folder = os.path.join(BUILD, "lib", "benchd", "environments", DEFAULT)
        found = [n for n in ("pybind11", "cython") if os.path.exists(os.path.join(folder, f"bdb_{n}.so"))]
        if not found:
            self.skipTest("no binding was built in this tree")
        for name in found:
            with self.subTest(name):
                document = self.check(os.path.join(folder, f"bdb_{name}.so"), status=0)
                self.assertEqual(document["findings"], [])
                self.assertGreater(document["coverage"]["called"], 50)
                self.assertEqual(self.verdicts(document)["gil"], "nothing found")

    def test_every_interpreter(self):
        self.assertIn("planted_gil_thread", built())
        for base in sorted(os.listdir(MODULES)):
            if not os.path.isdir(os.path.join(MODULES, base)) or base == DEFAULT:
                continue
            for name in [n for n in built(base) if n.startswith("planted_")]:
                with self.subTest(name, base=base):
                    document = self.check(name, "--python", base, base=base, status=1)
                    check = {"borrowed": "references", "buffer": "buffers", "gil": "gil", "leak": "leaks"}[name.split("_")[1]]
                    self.assertEqual({f["check"] for f in document["findings"]}, {check})
                    clean = self.check(name.replace("planted_", "clean_"), "--python", base, base=base, status=0)
                    self.assertEqual(clean["findings"], [])
                    self.assertEqual(clean["python"]["free_threaded"], "t" in base)


class Report(Checks):
    def test_it_fits_80_columns_and_says_the_same(self):
        path = os.path.join(MODULES, DEFAULT, "planted_leak_argument.so")
        out, err = self.ctl("check", path, status=1, env={"COLUMNS": "80"})
        self.assertEqual(err, "")
        self.assertEqual([line for line in out.splitlines() if len(line) > 80], [])
        for words in ("1 finding", "reference leaks: planted_leak_argument.twice", "planted_leak_argument.twice(", "hint: ",
                      "reference leaks        found: 1", "borrowed references    nothing found", "1 of 1 functions called"):
            self.assertIn(words, out)

    def test_the_document_has_what_is_written_down(self):
        document = self.check("planted_leak_argument", status=1)
        self.assertEqual(document["schema"], "benchd.check.v1")
        self.assertEqual([c["check"] for c in document["checks"]], ["leaks", "references", "gil", "buffers", "errors", "crashes"])
        self.assertEqual(set(document), {"schema", "state", "reason", "verdict", "module", "python", "seconds", "checks",
                                         "findings", "coverage"})
        finding = document["findings"][0]
        self.assertEqual(set(finding), {"check", "function", "call", "evidence", "hint", "figures"})
        self.assertEqual(finding["figures"]["per_call"], 1)
        self.assertEqual(finding["figures"]["steps"], [finding["figures"]["calls_per_step"]] * 7)


if __name__ == "__main__":
    unittest.main()
