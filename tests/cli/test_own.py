"""What people bring themselves: files, folders, plugins, commands, suites of benchd.json; also those that are broken."""
import json
import os
import shutil
import stat
import subprocess
import unittest

from alone import Alone
from schema import check_run

SMALL = ("--launches", "1", "--rounds", "1")
GOOD = "def bench_good():\n    return sum(range(1000))\n"
BROKEN = {
    "bench_syntax.py": "def bench_x(:\n    pass\n",
    "bench_import.py": "import no_such_module_anywhere\n\ndef bench_x():\n    pass\n",
    "bench_raises.py": "n = 0\n\ndef bench_x():\n    global n\n    n += 1\n    if n > 300:\n        raise ValueError('enough of it')\n",
    "bench_loops.py": "n = 0\n\ndef bench_x():\n    global n\n    n += 1\n    while n > 300:\n        pass\n\nbench_x.timeout = 1\n",
    "bench_exits.py": "import os\nn = 0\n\ndef bench_x():\n    global n\n    n += 1\n    if n > 300:\n        os._exit(7)\n",
    "bench_exits_at_once.py": "import os\nos._exit(3)\n",
    "bench_hangs_at_once.py": "while True:\n    pass\n",
    "bench_prints.py": "def bench_x():\n    print('not the answer')\n",
}


class Own(Alone):
    def run_json(self, *args, status=None, env=None, cwd=None):
        out, err = self.here("run", "--json", *args, status=status, env=env, cwd=cwd)
        self.assertTrue(out, err)
        doc = json.loads(out)
        check_run(self, doc)
        return doc

    def test_a_file_a_folder_and_one_of_its_cases(self):
        self.write("b/bench_one.py", GOOD)
        self.write("b/bench_two.py", "params = {'n': [1, 2]}\n\ndef bench_n(n):\n    return n\n")
        doc = self.run_json("b/bench_one.py", *SMALL, status=0)
        self.assertEqual(doc["run"]["suite"], "bench_one.py")
        self.assertEqual([(c["case"], c["status"]) for c in doc["cells"]], [("bench_one.bench_good", "ok")])
        doc = self.run_json("b", *SMALL, status=0)
        self.assertEqual({(c["case"], c["axes"].get("n")) for c in doc["cells"]},
                         {("bench_one.bench_good", None), ("bench_two.bench_n", "1"), ("bench_two.bench_n", "2")})
        doc = self.run_json("b/", *SMALL, "--case", "*bench_n", "--axis", "n=2", status=0)
        self.assertEqual([c["axes"]["n"] for c in doc["cells"]], ["2"])
        self.assertEqual(doc["run"]["suite"], "b")

    def test_each_broken_file_says_so_and_the_rest_completes(self):
        self.write("b/bench_good.py", GOOD)
        for name, text in BROKEN.items():
            self.write(os.path.join("b", name), text)
        doc = self.run_json("b", "--launches", "2", "--rounds", "2", status=2)
        self.assertEqual(doc["run"]["state"], "complete")
        found = {c["case"].split(".")[0]: c for c in doc["cells"]}
        self.assertEqual(set(found), {name[:-3] for name in BROKEN} | {"bench_good"})
        self.assertEqual((found["bench_good"]["status"], found["bench_good"]["samples"]), ("ok", 4))
        self.assertEqual(found["bench_prints"]["status"], "ok")
        self.assertIn("printed", [n["key"] for n in found["bench_prints"]["notes"]])
        for name, part in (("bench_syntax", "bench_syntax.py:1: SyntaxError"), ("bench_import", "no_such_module_anywhere"), ("bench_raises", "enough of it"),
                           ("bench_loops", ""), ("bench_exits", "7"), ("bench_exits_at_once", "3"), ("bench_hangs_at_once", "")):
            cell = found[name]
            self.assertEqual(cell["status"], "failed", cell)
            self.assertIn(part, cell["reason"]["message"], cell)
            self.assertIsNone(cell["time_ns_per_op"])
        for name, key in (("bench_loops", "timeout"), ("bench_exits", "exit"), ("bench_exits_at_once", "exit"),
                          ("bench_hangs_at_once", "timeout")):
            self.assertEqual(found[name]["reason"]["key"], key)

    def test_files_that_lie_where_a_suite_has_the_name(self):
        self.write("gil-contention/bench_x.py", GOOD)
        self.assertEqual({c["case"] for c in self.plan("gil-contention")["cells"]}, {"gil-contention", "empty-loop"})
        self.assertEqual({c["case"] for c in self.plan("./gil-contention")["cells"]}, {"bench_x.bench_good"})
        self.write("plain/bench_x.py", GOOD)
        self.assertEqual({c["case"] for c in self.plan("plain")["cells"]}, {"bench_x.bench_good"})

    def test_a_dry_run_says_what_cannot_be_imported(self):
        self.write("bench_missing.py", "import no_module_of_this_name\ndef bench_x(): return 1\n")
        out, _ = self.here("run", "bench_missing.py", "--dry-run")
        self.assertIn("would measure 0 cells (1 failed)", out)
        self.assertIn("failed: bench_missing.py:1: ModuleNotFoundError", out)

    def plan(self, *args, cwd=None):
        return json.loads(self.here("run", *args, "--dry-run", "--json", cwd=cwd)[0])

    def test_what_cannot_be_a_target(self):
        self.write("empty/readme.txt", "")
        program = self.write("prog", "#!/bin/sh\n", 0o755)
        before = self.registered()
        self.assertIn("no file of benchmarks", self.here("run", "empty", status=66)[1])
        self.assertIn("did you mean ./empty?", self.here("run", "./emtpy", status=66)[1])
        self.assertIn("-- ./prog", self.here("run", "./prog", status=64)[1])
        self.assertIn("did you mean ./prog?", self.here("run", "--", "prog", status=66)[1])
        os.chmod(program, 0o644)
        self.assertIn("not a program", self.here("run", "--", "./prog", status=66)[1])
        self.assertEqual(sorted(self.registered()), sorted(before), "what no run came of is left behind")

    def test_what_is_registered_is_ones_own(self):
        self.write("bench_x.py", GOOD)
        before = set(self.registered())
        self.plan("bench_x.py")
        self.assertEqual(set(self.registered()), before)
        self.run_json("bench_x.py", *SMALL, status=0)
        new, = set(self.registered()) - before
        self.assertEqual(stat.S_IMODE(os.stat(new).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(new)).st_mode), 0o700)
        with open(new, encoding="utf-8") as f:
            entry = json.load(f)
        self.assertEqual((entry["schema"], entry["kind"], entry["path"]),
                         ("benchd.registered.v1", "python", os.path.join(self.work, "bench_x.py")))
        self.assertEqual(entry["cwd"], self.work)

    def test_only_ones_own_daemon_is_told_of_files(self):
        self.write("bench_x.py", GOOD)
        url = self.json("daemon", "status")["url"]
        token = os.path.join(self.data, "benchd", "token")
        with open(token, encoding="utf-8") as f:
            env = {"BENCHD_TOKEN": f.read().strip()}
        plan = json.loads(self.here("run", "bench_x.py", "--dry-run", "--json", "--server", url, env=env)[0])
        self.assertEqual(len(plan["cells"]), 1, "it is one's own, whatever it is called")
        env["BENCHD_DATA"] = os.path.join(self.data, "another")
        for words in (("run", "bench_x.py"), ("run", "--", "true"), ("ab", "--a", ".", "--b", ".", "bench_x.py")):
            self.assertIn("is of this machine", self.here("--server", url, *words, env=env, status=64)[1])

    def test_a_command_is_timed_in_this_folder(self):
        self.write("prog", "#!/bin/sh\ntest -f input && test \"$1\" = --x && test -z \"$MINE\"\n", 0o755)
        self.write("input", "")
        doc = self.run_json(*SMALL, "--", "./prog", "--x", status=0, env={"MINE": "1"})
        cell, = doc["cells"]
        self.assertEqual((cell["case"], cell["status"], doc["run"]["suite"]), ("prog", "ok", "prog"))
        self.assertGreater(cell["time_ns_per_op"]["median"], 10000)
        os.unlink(os.path.join(self.work, "input"))
        doc = self.run_json(*SMALL, "--", "./prog", "--x", status=2)
        self.assertEqual(doc["cells"][0]["status"], "failed")
        doc = self.run_json(*SMALL, "--", "true", status=0)
        self.assertEqual(doc["cells"][0]["status"], "ok")

    def test_a_suite_of_benchd_json(self):
        self.write("code/bench/bench_n.py", "params = {'n': [1, 2, 3]}\n\ndef bench_n(n):\n    return n\n")
        self.write("code/benchd.json", json.dumps({"suites": {"nightly": {"target": "bench", "axes": {"n": [2, 3]}, "budget": "7s"},
                                                              "threads": {"target": "gil-contention", "axes": {"threads": [1], "u": ["1us"]}}}}))
        below = os.path.dirname(self.write("code/src/x", ""))
        for cwd in (os.path.join(self.work, "code"), below):
            plan = self.plan("nightly", cwd=cwd)
            self.assertEqual(plan["suite"], "nightly")
            self.assertEqual([c["axes"]["n"] for c in plan["cells"]], ["2", "3"])
            self.assertLess(plan["expected_s"], 9)
            plan = self.plan("nightly", "--axis", "n=1", cwd=cwd)
            self.assertEqual([c["axes"]["n"] for c in plan["cells"]], ["1"], "what is typed goes first")
        self.assertEqual({c["axes"].get("u") for c in self.plan("threads", cwd=below)["cells"]}, {"1us", None})
        self.assertIn("there is no suite or case 'nightly'", self.here("run", "nightly", "--dry-run", status=64)[1])
        self.write("code/benchd.json", "{")
        self.assertIn("not valid JSON", self.here("run", "nightly", cwd=below, status=64)[1])
        self.plan("gil-contention", cwd=below)  # a suite of benchd itself needs no file

    def test_a_virtual_environment_that_is_active_is_used(self):
        venv = os.path.join(self.work, "venv")
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", venv], check=True, timeout=120)
        site = subprocess.run([os.path.join(venv, "bin", "python"), "-c", "import site; print(site.getsitepackages()[0])"], check=True,
                              capture_output=True, text=True, timeout=60).stdout.strip()
        with open(os.path.join(site, "only_here.py"), "w", encoding="utf-8") as f:
            f.write("n = 100\n")
        self.write("bench_v.py", "import only_here\n\ndef bench_v():\n    return sum(range(only_here.n))\n")
        self.assertEqual(self.run_json("bench_v.py", *SMALL)["cells"][0]["status"], "failed")
        doc = self.run_json("bench_v.py", *SMALL, env={"VIRTUAL_ENV": venv}, status=0)
        self.assertEqual(doc["cells"][0]["status"], "ok")


class New(Alone):
    def test_a_file_that_works(self):
        out, err = self.here("new", "bench", "sorting")
        self.assertEqual(err, "")
        self.assertEqual(out, "wrote bench_sorting.py\nbenchctl run bench_sorting.py\n")
        doc = json.loads(self.here(*out.splitlines()[1].split()[1:], *SMALL, "--json")[0])
        self.assertEqual({c["status"] for c in doc["cells"]}, {"ok"})
        self.assertTrue(doc["cells"][0]["case"].startswith("bench_sorting."))

    def test_it_overwrites_nothing(self):
        path = self.write("bench_mine.py", "precious")
        for name in ("mine", "bench_mine", "bench_mine.py"):
            self.assertIn("is there already", self.here("new", "bench", name, status=64)[1])
        self.write("mine.c", "precious")
        self.assertIn("is there already", self.here("new", "bench", "mine", "--plugin", status=64)[1])
        self.assertEqual(sorted(os.listdir(self.work)), ["bench_mine.py", "mine.c"])
        os.symlink("elsewhere", os.path.join(self.work, "bench_link.py"))
        self.here("new", "bench", "link", status=64)
        self.assertFalse(os.path.exists(os.path.join(self.work, "elsewhere")))
        with open(path, encoding="utf-8") as f:
            self.assertEqual(f.read(), "precious")
        for name in ("../up", "a b", "1st", "", "x;y"):
            self.here("new", "bench", name, status=64)
        self.assertEqual(json.loads(self.here("new", "bench", "other", "--json")[0]),
                         {"files": ["bench_other.py"], "next": "benchctl run bench_other.py"})

    @unittest.skipUnless(shutil.which("cc") and shutil.which("make"), "there is no compiler")
    def test_a_plugin_that_works_also_beside_a_makefile(self):
        for makefile in (False, True):
            self.setUp()
            if makefile:
                self.write("Makefile", "all:\n\tfalse\n")
            out, _ = self.here("new", "bench", "adding", "--plugin")
            make, run = out.splitlines()[-1].split(" && ")
            subprocess.run(make.split(), cwd=self.work, check=True, capture_output=True, timeout=120)
            doc = json.loads(self.here(*run.split()[1:], *SMALL, "--json")[0])
            self.assertEqual({c["status"] for c in doc["cells"]}, {"ok"})
            if makefile:
                with open(os.path.join(self.work, "Makefile"), encoding="utf-8") as f:
                    self.assertEqual(f.read(), "all:\n\tfalse\n")

    def test_a_manifest(self):
        self.here("new", "manifest", "nowhere", status=66)
        self.write("b/text.so", "no object")
        self.assertIn("no shared object with a build id", self.here("new", "manifest", "b", status=66)[1])
        self.assertEqual(os.listdir(os.path.join(self.work, "b")), ["text.so"])
        library = os.path.realpath("/lib/x86_64-linux-gnu/libc.so.6")
        for name in ("one.so", "below/two.so.1", ".hidden/three.so"):
            os.makedirs(os.path.dirname(os.path.join(self.work, "b", name)), exist_ok=True)
            shutil.copy(library, os.path.join(self.work, "b", name))
        for _ in range(2):  # it is made anew after every build
            out, err = self.here("new", "manifest", "b/")
            self.assertIn("2 shared objects", out)
            self.assertIn("text.so has no build id", err)
            with open(os.path.join(self.work, "b", "benchd.manifest.json"), encoding="utf-8") as f:
                objects = json.load(f)["objects"]
            self.assertEqual([o["path"] for o in objects], ["below/two.so.1", "one.so"])
            self.assertRegex(objects[0]["build_id"], r"^[0-9a-f]{40}$")


if __name__ == "__main__":
    unittest.main()
