"""cmake/Interpreters.cmake believes no interpreter that its headers and its library contradict."""
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

import bench_worker as bw


def ask(executable):
    text = subprocess.run([executable, "-I", os.path.join(bw.ROOT, "cmake", "ask_interpreter.py")],
                          capture_output=True, check=True, text=True).stdout
    return json.loads(text)


class Interpreters(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.real = bw.default()["executable"]

    def configure(self, *pythons, env=None):
        """(ids with executables found, reasons by executable)."""
        build = tempfile.mkdtemp(dir=self.folder)
        done = subprocess.run(["cmake", "-S", os.path.join(bw.SOURCE, "interpreters"), "-B", build, "-G", "Ninja",
                               "-DBENCHD_SOURCE=" + bw.ROOT, "-DBENCHD_PYTHONS=" + ";".join(pythons)],
                              capture_output=True, text=True, timeout=240, env=env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = re.findall(r"^-- FOUND (\S+) (\S+)$", done.stdout, re.M)
        off = dict(re.findall(r"^-- OFF python (\S+(?:, embedded)?): (.*)$", done.stdout, re.M))
        return found, off

    def says(self, name, **changes):
        """An executable that says what the default interpreter says, but for the changes."""
        path = os.path.join(self.folder, name)
        answer = dict(ask(self.real), realpath=path, executable=path, **changes)
        with open(path, "w") as f:
            f.write("#!/bin/sh\ncat <<'END'\n%s\nEND\n" % json.dumps(answer))
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return path

    def test_the_one_that_agrees_is_found_once(self):
        link = os.path.join(self.folder, "python")
        os.symlink(self.real, link)
        found, off = self.configure(self.real, link)
        ident = bw.default()["id"]
        self.assertEqual([f[0] for f in found], [ident, ident + "+exe"])
        self.assertEqual(off, {})

    def test_a_second_install_of_a_version_has_its_own_id(self):
        found, off = self.configure(self.real, self.says("again"), self.says("and-again"))
        ident = bw.default()["id"]
        self.assertEqual([f[0] for f in found], [ident + n + host for n in ("", "~2", "~3") for host in ("", "+exe")])
        self.assertEqual(off, {})

    def test_a_virtual_environment_is_its_base(self):
        venv = os.path.join(self.folder, "venv")
        subprocess.run([self.real, "-m", "venv", "--without-pip", venv], check=True, capture_output=True)
        found, _ = self.configure(os.path.join(venv, "bin", "python"))
        self.assertEqual(len(found), 2)
        for one in found:
            self.assertFalse(one[1].startswith(venv), found)

    def test_those_that_contradict_themselves_are_refused_with_the_reason(self):
        pythons = {
            self.says("headers", hexversion=ask(self.real)["hexversion"] + 256): "its headers say hexversion",
            self.says("debug", debug=True): "its headers say debug OFF",
            self.says("no-gil", free_threaded=True): "its headers say free_threaded OFF",
            self.says("old", hexversion=0x030a0df0): "older than 3.11",
            self.says("other", implementation="pypy"): "not CPython but pypy",
            self.says("no-headers", include="/no/such/folder"): "no headers (/no/such/folder/Python.h)",
            os.path.join(self.folder, "absent"): "no such file",
            "/bin/false": "does not run",
        }
        found, off = self.configure(*pythons)
        self.assertEqual(found, [])
        for python, reason in pythons.items():
            self.assertIn(reason, off.get(python, ""), python)

    def test_where_they_are_looked_for(self):
        """pyenv's, uv's and ours, wherever these folders were moved to; the system's own first."""
        places = {"PYENV_ROOT": "pyenv/versions/9.9.9", "UV_PYTHON_INSTALL_DIR": "uv/cpython-9.9", "XDG_CACHE_HOME": "cache/benchd/python/9.9t"}
        want = []
        for variable, place in places.items():
            folder = os.path.join(self.folder, place, "bin")
            os.makedirs(folder)
            os.rename(self.says("python" + variable, version="9.9.%d" % len(want)), os.path.join(folder, "python3"))
            want.append("9.9.%d" % len(want))
        tops = {variable: os.path.join(self.folder, place.split("/")[0]) for variable, place in places.items()}
        found, off = self.configure(env={**os.environ, "HOME": self.folder, **tops})
        self.assertEqual([f[0] for f in found if f[0].startswith("9.9")], [w + host for w in want for host in ("", "+exe")], off)
        self.assertFalse(found[0][0].startswith("9.9"))
        found, _ = self.configure(env={**os.environ, "HOME": self.folder, **dict.fromkeys(tops, self.folder + "/no")})
        self.assertEqual([f for f in found if f[0].startswith("9.9")], [])

    def test_without_a_libpython_that_fits_the_executable_is_the_only_host(self):
        version = ask(self.real)["full_version"]
        pythons = {
            self.says("build-date", full_version=re.sub(r"\d\d:\d\d:\d\d", "00:00:00", version)): "its libpython is another build",
            self.says("no-library", libpython=None): "no shared libpython",
        }
        for other in [i for i in bw.interpreters() if i["libpython"] and i["version"] != bw.default()["version"]][:1]:
            # what a search that mixes one interpreter's executable with another's library would have given
            pythons[self.says("mixed", libpython=other["libpython"])] = "its libpython is another build"
        for python, reason in pythons.items():
            found, off = self.configure(python)
            self.assertEqual([f[0] for f in found], [bw.default()["id"] + "+exe"], python)
            self.assertIn(reason, off.get(python + ", embedded", ""), off)


if __name__ == "__main__":
    sys.exit(unittest.main())
