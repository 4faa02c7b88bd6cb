"""benchctl python: which interpreters there are, and workers for more of them."""
import glob
import json
import os
import shutil
import stat
import subprocess
import sysconfig
import unittest

from ctl import BUILD, Case

REAL = os.path.realpath("/usr/bin/python3")
VERSION = "%d.%d.%d" % __import__("sys").version_info[:3]


def script(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n" + text)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return path


class Pythons(Case):
    def ids(self):
        return {p["id"]: p for p in self.json("python", "list")["pythons"] if p["id"]}

    def says(self, name, more="", **changes):
        """An executable that says what the real one says, but for the changes, and for anything else is the real one."""
        said = subprocess.run([REAL, "-I", os.path.join(BUILD, "share", "benchd", "src", "cmake", "ask_interpreter.py")],
                              capture_output=True, check=True, text=True).stdout
        path = os.path.join(self.data, name, "bin", "python3")
        said = dict(json.loads(said), realpath=path, executable=path, **changes)
        return script(path, 'case "$2" in *ask_interpreter.py) cat <<"END"\n%s\nEND\nexit;; esac\n%s\nexec %s "$@"\n'
                      % (json.dumps(said), more, REAL))

    def added_folder(self):
        folder = os.path.join(self.data, "benchd", "interpreters")
        return sorted(os.listdir(folder)) if os.path.exists(folder) else []

    def test_list(self):
        known = self.ids()
        default, = (i for i, p in known.items() if p["default"])
        self.assertEqual(known[default]["status"], "ok")
        self.assertEqual(known[default]["host"], "embedded")
        self.assertEqual(known[default + "+exe"]["host"], "exe")
        text = self.ctl("python", "list")[0]
        self.assertRegex(text, r"(?m)^%s +embedded +\S+ +ok, default" % default.replace(".", r"\."))

    def test_list_finds_what_has_no_worker_and_says_why_not(self):
        pyenv, uv, cache = (os.path.join(self.data, name) for name in ("pyenv", "uv", "cache"))
        shutil.copy(REAL, os.path.join(os.makedirs(os.path.join(uv, "cpython", "bin")) or uv, "cpython", "bin", "python3"))
        os.rename(self.says("old", hexversion=0x030a0df0, version="3.10.13"), script(os.path.join(pyenv, "versions", "3.10.13", "bin", "python3"), ""))
        os.rename(self.says("bare", include="/no/such"), script(os.path.join(cache, "benchd", "python", "3.99", "bin", "python3"), ""))
        script(os.path.join(pyenv, "versions", "broken", "bin", "python3"), "echo out of order >&2; exit 7")
        env = {"PYENV_ROOT": pyenv, "UV_PYTHON_INSTALL_DIR": uv, "XDG_CACHE_HOME": cache}
        rows = {p["executable"]: p for p in self.json("python", "list", env=env)["pythons"]}
        for path, status, message, hint in (
                (uv + "/cpython/bin/python3", "not built", "no worker was built for it", "benchctl python add " + uv),
                (pyenv + "/versions/3.10.13/bin/python3", "unusable", "older than 3.11", "3.11 or newer"),
                (pyenv + "/versions/broken/bin/python3", "unusable", "does not run (7): out of order", "Python"),
                (cache + "/benchd/python/3.99/bin/python3", "unusable", "no headers (/no/such/Python.h)", "install it again")):
            self.assertEqual((rows[path]["id"], rows[path]["status"]), (None, status), rows[path])
            self.assertIn(message, rows[path]["reason"]["message"])
            self.assertIn(hint, rows[path]["reason"]["hint"])
        self.assertFalse([p for p in self.json("python", "list")["pythons"] if p["executable"].startswith(self.data)])

    def test_what_cannot_be_added_says_why(self):
        for path, status, parts in (
                ("/nowhere/python3", 66, ["there is no program /nowhere/python3"]),
                ("/bin/false", 66, ["/bin/false does not run (1)"]),
                ("/bin/true", 66, ["is not an interpreter of Python"]),
                (self.says("a", hexversion=0x030a0df0), 64, ["a/bin/python3: older than 3.11"]),
                (self.says("b", implementation="pypy"), 64, ["not CPython but pypy"]),
                (self.says("c", include="/no/such"), 69, ["no headers (/no/such/Python.h)", "install it again with its headers"]),
                (self.says("d", debug=True), 69, ["its headers say debug OFF, itself ON"])):
            err = self.ctl("python", "add", path, status=status)[1]
            for part in parts:
                self.assertIn(part, err)
            self.assertEqual(err.count("\n"), 1, err)
        # a distribution's: the package that brings them
        path = self.says("e", include="/no/such")
        with open(path, encoding="utf-8") as f:
            text = f.read().replace('"executable": "%s"' % path, '"executable": "/usr/bin/python3.99"')
        script(path, text)
        version = sysconfig.get_python_version()
        self.assertIn("apt-get install python%s-dev" % version, self.ctl("python", "add", path, status=69)[1])
        err = self.ctl("python", "add", "/usr/bin/python3", status=69, env={"PATH": "/nowhere"})[1]
        self.assertIn("without cmake (apt-get install cmake", err)
        self.assertIn("does not work on --server".replace("does", "do"), self.ctl("python", "add", "x", "--server", "http://127.0.0.1:1", status=64)[1])
        self.assertFalse([f for f in self.added_folder() if not f.startswith((".lock", "last-failure"))])

    def test_one_that_is_there_is_left_alone(self):
        there = self.json("python", "add", "python3")["there"]
        default, = (i for i, p in self.ids().items() if p["default"])
        self.assertEqual(there, [default, default + "+exe"])
        self.assertIn("is part of this benchd", self.ctl("python", "remove", default, status=64)[1])
        self.assertIn("no interpreter '9.9'", self.ctl("python", "remove", "9.9", status=66)[1])

    def test_a_worker_that_does_not_work_is_not_added(self):
        path = self.says("broken", 'case "$1" in -B) echo no such luck >&2; exit 3;; esac')
        err = self.ctl("python", "add", path, status=2)[1]
        self.assertIn("it ended with status 3: no such luck", err)
        self.assertNotIn(path, [p["executable"] for p in self.ids().values()])
        self.assertEqual([f for f in self.added_folder() if f != ".lock"], [])

    def test_added_measured_and_removed_by_a_daemon_that_runs(self):
        folder = os.path.join(self.data, "my python", "bin")
        os.makedirs(folder)
        copy = shutil.copy(REAL, os.path.join(folder, "python3"))
        before = self.ids()
        pid = self.json("daemon", "status")["pid"]
        base = VERSION + "~2"
        self.assertEqual(self.json("python", "add", os.path.dirname(folder), "--dry-run")["added"], [base, base + "+exe"])
        self.assertEqual(self.ids(), before)
        for _ in range(2):  # the second time it is built again, under the same name
            self.assertEqual(self.json("python", "add", os.path.dirname(folder))["added"], [base, base + "+exe"])
            known = self.ids()
            self.assertEqual(set(known) - set(before), {base, base + "+exe"})
            self.assertEqual((known[base]["added"], known[base]["executable"], known[base]["status"]), (True, copy, "ok"))
        ask = ("run", "gil-contention", "--python", "%s,%s+exe" % (base, base), "--axis", "u=10us", "--threads", "1")
        plan = self.json(*ask, "--dry-run")
        self.assertEqual({c["axes"]["python"] for c in plan["cells"]}, {base, base + "+exe"})
        self.assertEqual({c["status"] for c in plan["cells"]}, {"ok"})
        run = self.json(*ask, "--launches", "1", "--rounds", "1", status=None)
        self.assertEqual({c["axes"]["python"]: c["status"] for c in run["cells"]}, {base: "ok", base + "+exe": "ok"}, run)
        for ident in (base, base + "+exe"):
            fuzzed = self.json("fuzz", "--python", ident, "--binding", "capi", "--function", "i64", "--calls", "20")
            self.assertEqual({b["status"] for b in fuzzed["bindings"]}, {"ok"}, fuzzed)
            self.assertGreater(fuzzed["calls"], 0)
        # what another version of benchd built may not understand this one
        home = os.path.join(self.data, "benchd", "interpreters")
        shutil.copytree(os.path.join(home, base), os.path.join(home, ".other"))
        with open(os.path.join(home, ".other", "lib", "benchd", "worker.id"), "w", encoding="utf-8") as f:
            f.write("other sources\n")
        os.rename(os.path.join(home, base), os.path.join(home, ".old"))
        os.rename(os.path.join(home, ".other"), os.path.join(home, base))
        stale = self.ids()[base]
        self.assertEqual(stale["status"], "unusable")
        self.assertIn("benchctl python add " + copy, stale["reason"]["hint"])
        self.assertIn("built by another version", self.ctl(*ask, "--dry-run", status=69)[1])
        self.assertEqual(self.json("python", "remove", base + "+exe", "--dry-run")["removed"], [base, base + "+exe"])
        self.assertIn(base, self.ids())
        self.assertEqual(self.json("python", "remove", base)["removed"], [base, base + "+exe"])
        self.assertEqual(self.ids(), before)
        self.assertIn("there is no interpreter '%s'" % base, self.ctl(*ask, "--dry-run", status=64)[1])
        self.assertEqual(self.json("daemon", "status")["pid"], pid, "it was not started again")


class Measured(Case):
    """Runs over both hosts, and over interpreters that have no GIL."""

    def pythons(self):
        return [p for p in self.json("python", "list")["pythons"] if p["status"] == "ok"]

    def default(self):
        ident, = (p["id"] for p in self.pythons() if p["default"])
        return ident

    def plan(self, ident, *more):
        """{(gil, threads): cell} of gil-contention."""
        plan = self.json("run", "gil-contention", "--python", ident, "--threads", "1,2", "--axis", "u=100us", "--dry-run", *more)
        return {(c["axes"]["gil"], c["axes"]["threads"]): c for c in plan["cells"] if c["case"] == "gil-contention"}

    def test_both_hosts_are_rows_with_a_ratio_and_both_are_traced(self):
        base = self.default()
        for _ in range(10):  # a ratio of disturbed batches is none
            run = self.json("run", "gil-contention", "--python", "%s,%s+exe" % (base, base), "--threads", "1,2",
                            "--axis", "u=100us", "--launches", "1", "--rounds", "1", status=None)
            cells = {(c["axes"]["python"], c["axes"]["gil"], c["axes"]["threads"]): c for c in run["cells"]
                     if c["case"] == "gil-contention"}
            self.assertEqual({c["status"] for c in cells.values()}, {"ok"}, run["cells"])
            reference, exe = (cells[i, "release", 1] for i in (base, base + "+exe"))
            if exe["ratio"]:
                break
        self.assertIsNone(reference["ratio"])
        self.assertEqual(exe["ratio"]["to"], reference["id"])
        # where the tracer works, it finds the GIL in either host
        for gil in ("hold", "release"):
            embedded, exe = (cells[i, gil, 2]["gil"] for i in (base, base + "+exe"))
            self.assertEqual(exe["mode"], embedded["mode"], (embedded["reason"], exe["reason"]))
        hosts = {i["id"]: i for i in run["run"]["environment"]["interpreters"]}
        self.assertEqual(set(hosts), {base, base + "+exe"})

    def test_a_virtual_environment_in_both_hosts(self):
        base = self.default()
        executable, = (p["executable"] for p in self.pythons() if p["id"] == base)
        venvs = []
        for name in ("one", "two"):
            venv = os.path.join(self.data, name)
            subprocess.run([executable, "-m", "venv", "--without-pip", "--symlinks", venv], check=True, capture_output=True)
            packages, = glob.glob(os.path.join(venv, "lib", "python3*", "site-packages"))
            with open(os.path.join(packages, "only_in_a_venv.py"), "w", encoding="utf-8") as f:
                f.write("name = %r\n" % name)
            venvs.append(venv)
        bench = os.path.join(self.data, "bench_where.py")
        with open(bench, "w", encoding="utf-8") as f:
            f.write("import sys\nimport only_in_a_venv\n\n\ndef bench_where():\n"
                    "    assert sys.prefix.endswith('/' + only_in_a_venv.name), sys.prefix\n")
        for host in ("", "+exe"):
            run = self.json("ab", "--a", venvs[0], "--b", venvs[1], bench, "--python", base + host, "--launches", "1",
                            "--rounds", "1", status=None)
            self.assertEqual({(c["axes"]["python"], c["status"]) for c in run["cells"]}, {(base + host, "ok")}, run["cells"])
        for other in [p["id"] for p in self.pythons() if not p["id"].startswith(base)][:1]:
            err = self.ctl("ab", "--a", venvs[0], "--b", venvs[1], bench, "--python", other, status=64)[1]
            self.assertIn("is one of python=%s, not of %s" % (base, other), err)

    def test_without_a_gil(self):
        free = [p["id"] for p in self.pythons() if p["free_threaded"]]
        if not free:
            self.skipTest("no free-threaded interpreter (./dev python 3.13t)")
        for ident in free:
            plain, forced = self.plan(ident), self.plan(ident, "--env", "PYTHON_GIL=1")
            self.assertEqual({c["axes"]["objalloc"] for c in plain.values()}, {"mimalloc"})
            self.assertEqual(plain["hold", 2]["reason"]["key"], "no-gil-to-hold")
            del plain["hold", 2]
            self.assertEqual({c["status"] for c in [*plain.values(), *forced.values()]}, {"ok"})
            for objalloc in ("pymalloc", "malloc"):
                cells = self.plan(ident, "--objalloc", objalloc, "--threads", "1")
                self.assertEqual({c["reason"]["key"] for c in cells.values()}, {"objalloc-free-threaded"})
        run = self.json("run", "gil-contention", "--python", free[0], "--threads", "2", "--axis", "u=100us", "--axis", "gil=release",
                        "--launches", "1", "--rounds", "1", status=None)
        cell, = (c for c in run["cells"] if c["case"] == "gil-contention")
        self.assertEqual(cell["status"], "ok", cell)
        self.assertEqual(cell["gil"]["mode"], "off")
        if cell["gil"]["reason"]["key"] != "no-gil":  # nothing can be traced here, for another reason
            traced = self.json("doctor", status=None)["checks"]
            self.assertFalse(next(c["ok"] for c in traced if c["name"] == "gil-waits"), cell["gil"])

    def test_an_object_allocator_the_interpreter_does_not_have(self):
        for p in self.pythons():
            if not p["free_threaded"]:
                old = tuple(int(n) for n in p["version"].split(".")[:2]) < (3, 13)
                cells = self.plan(p["id"], "--objalloc", "mimalloc", "--threads", "1")
                want = {"objalloc-unknown"} if old else {None}
                self.assertEqual({(c["reason"] or {}).get("key") for c in cells.values()}, want, p["id"])


if __name__ == "__main__":
    unittest.main()
