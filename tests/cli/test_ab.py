"""ab, compare and gate with real runs: effects of a factor of two, which any machine sees, and fixed counts."""
import json
import os
import shutil
import signal
import subprocess
import unittest
import xml.etree.ElementTree

from alone import Alone
from ctl import PATIENCE, wait_for
from schema import check_run

# enough launches that a few disturbed ones leave six
COUNTS = ("--launches", "9", "--rounds", "4")
WORK = "def bench_work():\n    return sum(range(%d))\n"
EXTENSION = """#include <Python.h>
static PyObject *work(PyObject *self, PyObject *unused)
{
	volatile long sum = 0;
	for (long i = 0; i < %d; i++)
		sum += i;
	return PyLong_FromLong(sum);
}
static PyMethodDef methods[] = {{"work", work, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", 0, -1, methods};
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&module); }
"""
EXIT = {"slower": 1, "faster": 0, "no difference": 0, "undecided": 2}


def cells(doc, side):
    return {c["case"]: c for c in doc["cells"] if c["axes"]["side"] == side}


class Ab(Alone):
    def ab(self, a, b, *target, counts=COUNTS, status=None):
        """The document; a and b are values of --a and --b."""
        words = [w for side, values in (("--a", a), ("--b", b)) for v in ([values] if isinstance(values, str) else values) for w in (side, v)]
        out, err = self.here("ab", "--json", *words, *counts, *target, status=status)
        self.assertTrue(out, err)
        doc = json.loads(out)
        check_run(self, doc)
        self.assertEqual(doc["run"]["kind"], "ab")
        for c in cells(doc, "a").values():
            self.assertIsNone(c["ratio"])
            self.assertIsNone(c["verdict"])
        return doc

    def twice(self, a, b, *target, **more):
        """B does twice the work of A: seen so, by the status too."""
        doc = self.ab(a, b, *target, **more)
        cell, = cells(doc, "b").values()
        self.assertEqual((cell["status"], cell["verdict"], self.status), ("ok", "slower", 1), cell)
        self.assertEqual(cell["ratio"]["to"], next(iter(cells(doc, "a").values()))["id"])
        self.assertLess(cell["ratio"]["lo"], cell["ratio"]["median"])
        self.assertGreater(cell["ratio"]["lo"], 1)  # how near to 2 is what a loaded machine leaves of it
        self.assertGreater(cell["ratio"]["median"], 1.2)
        self.assertLess(cell["p_adjusted"], 0.05)
        return doc

    def pair(self, text=WORK, name="bench_work.py"):
        self.write(os.path.join("old", name), text % 4000)
        self.write(os.path.join("new", name), text % 8000)


class Sides(Ab):
    """What can be compared."""

    def test_what_hangs_takes_no_time_from_the_others(self):
        """Four processes run into the deadline of the hanging one, twice the budget together."""
        text = ("def bench_hangs():\n    while True:\n        pass\nbench_hangs.timeout = 5\n"
                "def bench_good():\n    return sum(range(200))\n")
        for folder in ("old", "new"):
            self.write(os.path.join(folder, "bench_h.py"), text)
        doc = self.ab("old", "new", "bench_h.py", counts=("--budget", "10s"), status=2)
        found = cells(doc, "b")
        self.assertEqual(found["bench_h.bench_hangs"]["status"], "failed")
        self.assertEqual(found["bench_h.bench_good"]["status"], "ok")
        self.assertGreater(doc["run"]["launches"], 1)

    def test_folders_each_have_their_own_copy(self):
        self.pair()
        doc = self.twice("old", "new", "bench_work.py")
        for side in "ab":
            folder = os.path.join(self.work, {"a": "old", "b": "new"}[side])
            self.assertEqual(doc["run"]["plan"]["sides"][side]["label"], os.path.basename(folder))
        paths = {side: [o["path"] for o in next(iter(cells(doc, "b").values()))["provenance"][side]] for side in "ab"}
        self.assertIn(os.path.join(self.work, "old", "bench_work.py"), paths["a"])
        self.assertIn(os.path.join(self.work, "new", "bench_work.py"), paths["b"])
        self.assertNotIn(os.path.join(self.work, "old", "bench_work.py"), paths["b"])
        doc = self.ab("new", "old", "bench_work.py", status=0)
        self.assertEqual([c["verdict"] for c in cells(doc, "b").values()], ["faster"])

    def test_folders_with_a_module_and_one_file_of_benchmarks(self):
        self.pair("n = %d\n", "sized.py")
        self.write("bench_work.py", "import sized\n\ndef bench_work():\n    return sum(range(sized.n))\n")
        self.twice("old", "new", "bench_work.py")

    def test_two_equal_copies(self):
        """A chance of one in twenty is what a verdict allows for; three in a row it does not."""
        self.write("old/bench_work.py", WORK % 4000)
        shutil.copytree(os.path.join(self.work, "old"), os.path.join(self.work, "new"))
        verdicts = []
        while len(verdicts) < 3:
            cell, = cells(self.ab("old", "new", "bench_work.py"), "b").values()
            verdicts.append(cell["verdict"])
            self.assertEqual(self.status, EXIT[cell["verdict"]])
            if cell["verdict"] not in ("slower", "faster"):
                return
        self.fail(f"equal copies are {verdicts}")

    def test_the_same_folder_twice_is_allowed_and_said(self):
        self.pair()
        out, err = self.here("ab", "--a", "old", "--b", "old/", "bench_work.py", "--dry-run", "--json")
        self.assertIn("--a and --b are the same", err)
        self.assertEqual([c["axes"]["side"] for c in json.loads(out)["cells"]], ["a", "b"])
        self.assertNotIn("are the same", self.here("ab", "--a", "old", "--b", "old", "--b", "N=2", "bench_work.py", "--dry-run")[1])

    def test_settings(self):
        self.write("bench_env.py", "import os\n\ndef bench_env():\n    return sum(range(int(os.environ['N'])))\n")
        doc = self.twice("N=4000", "N=8000,M=1,2", "bench_env.py")
        self.assertEqual(doc["run"]["plan"]["sides"]["b"]["label"], "N=8000,M=1,2")
        doc = self.ab("allocator=glibc", "allocator=jemalloc,N=10", "gil-contention", "--case", "empty-loop",
                      counts=("--launches", "1", "--rounds", "1"))
        if not any(c["status"] == "unsupported" for c in doc["cells"]):
            self.assertEqual([c["axes"]["allocator"] for c in doc["cells"]], ["glibc", "jemalloc"])
        doc = self.ab("gc=on", "gc=off", "gil-contention", "--case", "empty-loop", counts=("--launches", "1", "--rounds", "1"))
        self.assertEqual([c["axes"]["gc"] for c in doc["cells"]], ["on", "off"])
        self.assertIn("no value", self.here("ab", "--a", "gc=on", "--b", "gc=maybe", "gil-contention", status=64)[1])

    def test_a_place_with_a_setting(self):
        self.write("code/bench_env.py", "import os\n\ndef bench_env():\n    return sum(range(int(os.environ.get('N', '4000'))))\n")
        self.twice("code", ("code", "N=8000"), "bench_env.py")

    def test_a_variable_benchd_needs_is_refused(self):
        self.write("bench_work.py", WORK % 10)
        for name in ("LD_PRELOAD", "PYTHONMALLOC", "BENCHD_FDS"):
            self.here("ab", "--a", "N=1", "--b", f"{name}=/x", "bench_work.py", "--dry-run", status=64)

    def venv(self, name, n):
        folder = os.path.join(self.work, name)
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder], check=True, timeout=120)
        site = subprocess.run([os.path.join(folder, "bin", "python"), "-c", "import site; print(site.getsitepackages()[0])"], check=True,
                              capture_output=True, text=True, timeout=60).stdout.strip()
        with open(os.path.join(site, "sized.py"), "w", encoding="utf-8") as f:
            f.write(f"n = {n}\n")

    def test_virtual_environments(self):
        self.venv("one", 4000)
        self.venv("two", 8000)
        self.write("bench_sized.py", "import sized\n\ndef bench_sized():\n    return sum(range(sized.n))\n")
        self.twice("one", "two/bin/python", "bench_sized.py")
        self.assertIn("--a is a virtual environment and --b is a folder",
                      self.here("ab", "--a", "one", "--b", "one/bin", "bench_sized.py", status=64)[1])
        os.unlink(os.path.join(self.work, "two", "bin", "python"))
        self.assertIn("bin/python", self.here("ab", "--a", "one", "--b", "two", "bench_sized.py", status=66)[1])

    def build(self, path, steps):
        """An extension module that takes this many steps."""
        source = self.write("fast.c", EXTENSION % steps)
        os.makedirs(os.path.dirname(os.path.join(self.work, path)), exist_ok=True)
        include = subprocess.run(["/usr/bin/python3", "-c", "import sysconfig; print(sysconfig.get_path('include'))"], check=True,
                                 capture_output=True, text=True, timeout=60).stdout.strip()
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-Wl,--build-id", f"-I{include}", "-o", os.path.join(self.work, path), source],
                       check=True, capture_output=True, timeout=120)

    @unittest.skipUnless(shutil.which("cc"), "there is no compiler")
    def test_shared_objects(self):
        self.build("gcc/fast.so", 20000)
        self.build("clang/fast.so", 40000)
        self.write("bench_fast.py", "import fast\n\ndef bench_fast():\n    return fast.work()\n")
        doc = self.twice("gcc/fast.so", "clang/fast.so", "bench_fast.py")
        loaded = next(iter(cells(doc, "b").values()))["provenance"]
        for side, folder in (("a", "gcc"), ("b", "clang")):
            self.assertIn(os.path.join(self.work, folder, "fast.so"), [o["path"] for o in loaded[side]])

    @unittest.skipUnless(shutil.which("cc"), "there is no compiler")
    def test_a_build_that_is_not_what_its_manifest_promises_has_no_figure(self):
        for folder in ("old", "new"):
            self.build(f"{folder}/fast.so", 20000 if folder == "old" else 20001)
            self.write(f"{folder}/bench_fast.py", "import fast\n\ndef bench_fast():\n    return fast.work()\n")
            self.here("new", "manifest", folder)
        doc = self.ab("old", "new", "bench_fast.py", counts=("--launches", "1", "--rounds", "1"))
        self.assertEqual({c["status"] for c in doc["cells"]}, {"ok"}, "as promised")
        shutil.copy(os.path.join(self.work, "old", "fast.so"), os.path.join(self.work, "new", "fast.so"))
        doc = self.ab("old", "new", "bench_fast.py", status=2)
        cell, = cells(doc, "b").values()
        self.assertEqual((cell["status"], cell["reason"]["check"], cell["verdict"]), ("invalid", "V7", None), cell)
        self.assertIn("fast.so", cell["reason"]["message"])
        self.write("new/benchd.manifest.json", '{"objects": [{"pth": "x"}]}')
        self.assertIn("benchd.manifest.json", self.here("ab", "--a", "old", "--b", "new", "bench_fast.py", status=64)[1])

    def test_a_command_in_each_folder(self):
        self.pair("#!/bin/sh\ni=0\nwhile [ $i -lt %d0 ]; do i=$((i+1)); done\n", "prog")
        for folder in ("old", "new"):
            os.chmod(os.path.join(self.work, folder, "prog"), 0o755)
        self.twice("old", "new", "--", "./prog")

    def test_what_does_not_fit(self):
        self.pair()
        self.write("only/bench_only.py", WORK % 10)
        before = self.registered()
        for words, status, part in (
                (("--a", "old", "--b", "nwe", "bench_work.py"), 66, "did you mean new?"),
                (("--a", "only", "--b", "new", "bench_only.py"), 66, "there is no file bench_only.py in"),
                (("--a", "old", "--b", "new", "bench_wrok.py"), 66, "did you mean bench_work.py?"),
                (("--a", "old", "--b", "N=1", "bench_work.py"), 64, "--a old --b old --b NAME=VALUE"),
                (("--a", "old", "--b", "new", "bench_work.txt"), 64, "bench_work.txt"),
                (("--a", "old", "--b", "new", "--", "no-such-program"), 66, "no-such-program"),
                (("--a", "old", "--b", "new", "gil-contentoin"), 64, "did you mean 'gil-contention'?")):
            with self.subTest(words=words):
                err = self.here("ab", *words, status=status)[1]
                self.assertIn(part, err)
        self.assertEqual(sorted(self.registered()), sorted(before), "what no run came of is left behind")


class Judging(Ab):
    """compare, gate, and the forms of their answers."""

    def gate(self, *args, status):
        doc = json.loads(self.here("gate", "--json", *args, status=status)[0])
        self.assertEqual(doc["schema"], "benchd.gate.v1")
        self.assertGreater(len(doc["summary"]), 40)
        table = self.here("gate", *args, status=status, env={"COLUMNS": "80"})[0]
        paragraph = " ".join(table.split("\n\n")[0].split())
        self.assertEqual(paragraph, " ".join(doc["summary"].split()))
        for line in table.splitlines():
            self.assertLessEqual(len(line), 80, line)
        return doc

    def test_good_regressed_and_undecidable(self):
        self.pair()
        self.write("benchd.json", '{"gate": {"slower": "5%"}}')
        slower = self.twice("old", "new", "bench_work.py")["run"]["id"]
        self.assertEqual(self.gate(slower, status=1)["verdict"], "fail")
        faster = self.ab("new", "old", "bench_work.py", status=0)["run"]["id"]
        self.assertEqual(self.gate(status=0)["verdict"], "pass", "the newest, where none is named")
        undecided = self.ab("old", "new", "bench_work.py", counts=("--launches", "2", "--rounds", "2"), status=2)["run"]["id"]
        self.assertEqual(self.gate(undecided, status=2)["verdict"], "undecided")
        self.write("benchd.json", '{"gate": {"cells": {"*bench_work*": {"slower": "0%"}}}}')
        self.assertEqual(self.gate(slower, status=1)["cells"][0]["limit"], 0)
        self.write("benchd.json", '{"gate": {"ignore": ["*bench_work*"]}}')
        self.assertEqual([c["verdict"] for c in self.gate(slower, status=2)["cells"]], ["ignored"])
        self.write("benchd.json", "{}")
        for run, status, element in ((slower, 1, "failure"), (faster, 0, "system-out"), (undecided, 2, "skipped")):
            root = xml.etree.ElementTree.fromstring(self.here("gate", run, "--format", "junit", status=status)[0])
            case, = root.iter("testcase")
            self.assertEqual([e.tag for e in case], [element])
            self.assertIn("| bench\\_work.bench\\_work |", self.here("gate", run, "--format", "markdown", status=status)[0])

    def test_forms_of_ab(self):
        self.pair()
        words = ("ab", "--a", "old", "--b", "new", "bench_work.py", "--launches", "1", "--rounds", "1", "-q", "--format")
        self.assertEqual(len(list(xml.etree.ElementTree.fromstring(self.here(*words, "junit", status=2)[0]).iter("testcase"))), 1)
        self.assertRegex(self.here(*words, "markdown", status=2)[0], r"^### benchd: 1 undecided\n\nA = old, B = new; bench\\_work.py")
        self.assertEqual(json.loads(self.here(*words, "json", status=2)[0])["run"]["kind"], "ab")

    def test_stored_runs(self):
        self.pair()
        ids = {}
        for folder in ("old", "new"):
            out = self.here("run", "bench_work.py", *COUNTS, "--json", "--label", f"which={folder}", "-q", cwd=os.path.join(self.work, folder))[0]
            ids[folder] = json.loads(out)["run"]["id"]
        doc = json.loads(self.here("compare", "which=old", "which=new", "--json", status=1)[0])
        self.assertEqual((doc["schema"], doc["run"]["kind"], doc["run"]["id"]), ("benchd.run.v1", "compare", None))
        self.assertIs(doc["comparability"]["same"], True)
        cell, = cells(doc, "b").values()
        self.assertEqual(cell["verdict"], "slower")
        self.assertGreater(cell["ratio"]["lo"], 1.1)
        self.assertIn("slower", self.here("compare", ids["old"], ids["new"], status=1)[0])
        self.assertIn("**slower**", self.here("compare", ids["old"], ids["new"], "--format", "markdown", status=1)[0])
        self.here("compare", ids["new"], ids["old"], status=0)
        self.assertEqual(self.gate("which=new", "--baseline", "which=old", status=1)["verdict"], "fail")
        self.assertEqual(self.gate(ids["old"], "--baseline", ids["new"], status=0)["verdict"], "pass")
        self.assertIn("compares nothing itself", self.here("gate", ids["old"], status=64)[1])
        self.assertIn("no run has the label which=none", self.here("compare", "which=none", "latest", status=66)[1])
        self.here("compare", ids["old"], "0" * 26, status=66)

    def test_recomputed_from_samples_alone(self):
        self.pair()
        run = self.twice("old", "new", "bench_work.py")["run"]["id"]
        stored = self.here("runs", "show", run, "--json")[0]
        again = json.loads(self.here("runs", "show", run, "--recompute", "--json")[0])
        self.assertIs(again["same"], True)
        self.assertEqual(again["document"], json.loads(stored))
        out, err = self.here("runs", "show", run, "--recompute")
        self.assertEqual(out, self.here("runs", "show", run)[0])
        self.assertIn("to the last digit", err)
        # a document that says something else is noticed
        database = os.path.join(self.data, "benchd", "benchd.db")
        changed = 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=30); ' \
                  'n = c.execute("UPDATE documents SET json = replace(json, \'slower\', \'faster\') WHERE run = (SELECT run FROM runs WHERE id = ?)", sys.argv[2:]).rowcount; ' \
                  'c.commit(); sys.exit(n != 1)'
        subprocess.run(["/usr/bin/python3", "-c", changed, database, run], check=True, timeout=60)
        again = json.loads(self.here("runs", "show", run, "--recompute", "--json", status=1)[0])
        self.assertEqual([d.rsplit(".", 1)[-1] for d in again["differences"]], ["verdict"])
        self.assertIn("verdict", self.here("runs", "show", run, "--recompute", status=1)[1])

    def test_ctrl_c_keeps_what_there_is(self):
        self.pair()
        p = self.popen("ab", "--a", "old", "--b", "new", "bench_work.py", "--launches", "500", "--rounds", "20", "--budget", "10m", "--json",
                       cwd=self.work)
        row = wait_for("the run is stored", PATIENCE, lambda: self.json("runs", "list", "--state", "running")["runs"])[0]
        wait_for("it has figures", PATIENCE, lambda: all(c["samples"] for c in self.json("runs", "show", row["id"])["cells"]))
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 2, err)
        doc = json.loads(out)
        check_run(self, doc)
        self.assertEqual((doc["run"]["id"], doc["run"]["state"]), (row["id"], "cancelled"))
        self.assertTrue(all(c["samples"] for c in doc["cells"]))
        self.gate(row["id"], status=2)


if __name__ == "__main__":
    unittest.main()
