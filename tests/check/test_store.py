"""`benchctl check --store`: what it says is what a check of one's own says, and it is there afterwards."""
import json
import os
import shutil
import signal
import tempfile
import unittest

from checking import DEFAULT, MODULES, Checks
from ctl import wait_for

HANGS = """\
def add(a, b): return a + b
def forever(x):
    with open(%r, "a") as f: f.write("x")
    while True: pass
"""


def without_time(document):
    return {k: v for k, v in document.items() if k != "seconds"}


class Store(Checks):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="bd-check-")
        self.addCleanup(shutil.rmtree, self.work, True)

    def rows(self):
        return self.json("runs", "list")["runs"]

    def json(self, *args, status=0):
        return json.loads(self.ctl(*args, "--json", status=status)[0])

    def stored(self, err):
        """The id it says, on standard error."""
        lines = [line for line in err.splitlines() if line.startswith("stored: benchctl runs show ")]
        self.assertEqual(len(lines), 1, err)
        return lines[0].split()[-1]

    def test_it_is_the_same_and_stays(self):
        for name, status, verdict in (("planted_buffer_held", 1, "found"), ("clean_buffer_held", 0, "nothing found")):
            with self.subTest(name):
                path = os.path.join(MODULES, DEFAULT, name + ".so")
                here = self.ctl("check", path, status=status)[0]
                out, err = self.ctl("check", path, "--store", status=status)
                self.assertEqual(out, here)
                run = self.stored(err)
                shown = self.ctl("runs", "show", run)[0]
                self.assertTrue(shown.startswith(here), shown)
                self.assertIn(run, shown)
                row = self.rows()[0]
                self.assertEqual((row["id"], row["suite"], row["kind"], row["verdict"]), (run, name + ".so", "check", verdict))
                listed = [line for line in self.ctl("runs", "list")[0].splitlines() if run in line]
                self.assertIn(f"check of {name}.so", listed[0])
                self.assertIn(verdict, listed[0])
                # as JSON too: with and without it, the same document; the run is beside it
                here = self.json("check", path, status=status)
                out, err = self.ctl("check", path, "--store", "--json", status=status)
                self.assertEqual(without_time(json.loads(out)), without_time(here))
                document = self.json("runs", "show", self.stored(err))
                self.assertEqual(document["check"], json.loads(out))
                self.assertEqual((document["run"]["kind"], document["cells"]), ("check", []))

    def test_by_name_and_with_calls_of_ones_own(self):
        path = os.path.join(self.work, "bench_own.py")
        with open(path, "w", encoding="utf-8") as f:
            f.write("kept = []\ndef setup(): return [object(), 1009]\ndef bench_leaks(state): kept.append(state[0])\n")
        document = self.json("check", "zlib", "--store", "--calls", path, status=1)
        self.assertEqual([f["function"] for f in document["findings"]], ["bench_own.bench_leaks"])
        self.assertEqual(self.ctl("check", "zlib", "--store", "-q", "--calls", path, status=1)[1], "")

    def test_what_is_no_verdict(self):
        here = self.ctl("check", "no_such_module_here", status=66)[1]
        self.assertIn(here, self.ctl("check", "no_such_module_here", "--store", status=66)[1])
        row = self.rows()[0]
        self.assertEqual((row["suite"], row["state"], row["verdict"]), ("no_such_module_here", "failed", None))
        self.assertIn("has no module no_such_module_here", self.ctl("runs", "show", row["id"])[0])
        path = os.path.join(self.work, "hangs.py")
        with open(path, "w", encoding="utf-8") as f:
            f.write(HANGS % os.path.join(self.work, "mark"))
        document = self.json("check", path, "--store", "--seconds", "1", status=2)
        self.assertEqual(document["state"], "interrupted")
        self.assertRegex(document["reason"], r"^1 s were over( while .*: part \d of 5, \d+ of \d+ functions)?\Z")
        self.assertEqual(self.rows()[0]["state"], "interrupted")

    def test_an_interrupt_cancels_it_and_tells_what_there_is(self):
        path, mark = os.path.join(self.work, "hangs.py"), os.path.join(self.work, "mark")
        with open(path, "w", encoding="utf-8") as f:
            f.write(HANGS % mark)
        p = self.popen("check", path, "--store", "--json")
        wait_for("the call that hangs", 120, lambda: os.path.exists(mark))
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=120)
        self.assertEqual(p.returncode, 2, err)
        self.assertEqual((json.loads(out)["state"], json.loads(out)["coverage"]["called"]), ("interrupted", 1))
        self.assertIn("stopping; what was found by then is kept", err)
        self.assertEqual(self.json("runs", "show", self.stored(err))["run"]["state"], "cancelled")

    def test_what_is_refused_is_not_kept(self):
        self.ctl("daemon", "start")
        folder = os.path.join(self.data, "benchd", "registered")
        before = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        rows = self.rows()
        for words, status, said in ((("zlib", "--server", "http://127.0.0.1:1"), 64, "zlib is of this machine"),
                                    (("zlib", "--protocols"), 64, "nor --store"),
                                    (("./nothing.so",), 66, "there is no file ./nothing.so"),
                                    (("zlib", "--seconds", "9000h"), 64, "budget_s"),
                                    (("zlib", "--python", "/nowhere/python"), 66, "there is no interpreter")):
            with self.subTest(words):
                self.assertIn(said, self.ctl("check", "--store", *words, status=status)[1])
        self.assertEqual(self.rows(), rows)
        self.assertEqual(set(os.listdir(folder)) if os.path.isdir(folder) else set(), before)

    def test_it_has_no_times_to_compare(self):
        run = self.stored(self.ctl("check", "zlib", "--store")[1])
        for words in (("compare", run, run), ("runs", "show", run, "--recompute")):
            self.assertIn("is a check", self.ctl(*words, status=64)[1])
        self.assertIn("compares nothing itself", self.ctl("gate", run, status=64)[1])


if __name__ == "__main__":
    unittest.main()
