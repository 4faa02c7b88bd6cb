"""Traces of processes wherever they are: in namespaces, in a root of their own, of every kind of executable, that exec and
fork. Right thread numbers, right files, right lines, everywhere."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import planted
import tracing
from planted import Home, Planted, agrees, right, thread, traced

SECONDS = 2
APART = os.path.join(tracing.TESTS, "apart")
ROOT_ONLY = None if os.geteuid() == 0 else "needs root"


def in_a_chroot():
    """Whether "/" is no mount point."""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return not any(line.split()[4] == "/" for line in f)


def shared(python):
    """The libpython an interpreter loads, or None."""
    out = subprocess.run(["ldd", python], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    m = re.search(r"=> (\S*libpython3\.\d+\S*\.so\S*)", out)
    return os.path.realpath(m[1]) if m else None


class Places(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)

    def folder(self):
        path = tempfile.mkdtemp(prefix="bd-place-")
        self.addCleanup(shutil.rmtree, path, True)
        return path

    def check(self, program, file=planted.PROGRAM):
        d, disturbed = traced(self.home, program, SECONDS)
        self.assertEqual((d["state"], d["lost"]), ("complete", 0))
        self.assertEqual((d["pid"], d["own_pid"]), (program.pid, program.said["pid"]))
        culprit = program.tids["culprit"]
        for name in ("victim", "victim2"):
            tid = program.tids[name]
            self.assertIsNone(agrees(d, program, tid, disturbed[tid]))
            self.assertEqual(max((b for b in d["blockers"] if b["waiter"] == tid), key=lambda b: b["ns"])["holder"], culprit)
            self.assertEqual(thread(d, tid)["name"], name)
        worst = max((line for line in d["lines"] if line["role"] == "holder"), key=lambda line: line["ns"])
        self.assertEqual({k: worst[k] for k in ("tid", "function", "file", "line", "native")},
                         {"tid": culprit, "function": "culprit", "file": file, "line": program.what[0]["line"], "native": "spin_end"})
        for native, least in ((False, 0.95), (True, 0.7)):  # of a busy machine's holders fewer native functions are known
            self.assertGreaterEqual(right(d, program, [program.tids["victim"], program.tids["victim2"]], native)[0], least)
        return d


@unittest.skipIf(planted.CANNOT, planted.CANNOT)
class Executables(Places):
    def test_static_and_shared(self):
        kinds = set()
        for python in planted.PYTHONS:
            kinds.add(bool(shared(python)))
            with self.subTest(python), Planted(python, "culprit") as program:
                self.check(program)
        self.assertTrue(kinds)

    def test_stripped(self):
        """Only what the dynamic linker needs is left of it."""
        lack = tracing.need("strip")
        if lack:
            self.skipTest(lack)
        for python in planted.PYTHONS:
            with self.subTest(python):
                folder = self.folder()
                part = shared(python) or python
                copy = os.path.join(folder, os.path.basename(part))
                subprocess.run(["strip", "--strip-all", "-o", copy, part], check=True)
                self.assertLess(os.path.getsize(copy), os.path.getsize(part) + 1)
                self.assertNotIn(b".symtab", subprocess.run(["readelf", "-SW", copy], stdout=subprocess.PIPE, check=True).stdout)
                home = subprocess.run([python, "-c", "import sys; print(sys.base_prefix)"], stdout=subprocess.PIPE, text=True, check=True).stdout
                env = dict(os.environ, LD_LIBRARY_PATH=folder, PYTHONHOME=home.strip())
                # an interpreter with a run path of its own would not look into the folder
                how = {"prefix": ["env", f"LD_PRELOAD={copy}"]} if shared(python) else {}
                with Planted(python if shared(python) else copy, "culprit", env=env, **how) as program:
                    with open(f"/proc/{program.pid}/maps", encoding="utf-8") as f:
                        self.assertIn(copy, f.read())
                    self.check(program)

    def test_virtual_environment(self):
        for python in planted.PYTHONS:
            with self.subTest(python):
                folder = self.folder()
                subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
                with Planted(os.path.join(folder, "bin", "python3"), "culprit") as program:
                    self.check(program)

    def test_that_execs_another_interpreter(self):
        """First one Python, then another in the same process: what was known of the first means nothing any more."""
        for before, after in zip(planted.PYTHONS, planted.PYTHONS[1:] + planted.PYTHONS[:1]):
            with self.subTest(f"{before} then {after}"):
                folder = self.folder()
                account = os.path.join(folder, "account")
                go = os.path.join(folder, "go")
                os.mkfifo(go)
                argv = [after, planted.PROGRAM, planted.LIBRARY, account, "culprit"]
                code = f"import os; print('{{}}', flush=True); open({go!r}).read(); os.execv({after!r}, {argv!r})"
                with tracing.Lines([before, "-c", code]) as program:
                    program.answer()
                    ctl = self.home.popen("trace", "--pid", str(program.process.pid), "--seconds", "5", "--json")
                    self.addCleanup(lambda p=ctl: (p.poll() is None and p.kill(), p.communicate()))
                    planted.wait_for("the trace", 60, lambda p=program: any(
                        t["state"] == "running" and t["pid"] == p.process.pid for t in self.traces()))
                    with open(go, "w", encoding="ascii"):
                        pass
                    said = program.answer()
                    out, err = ctl.communicate(timeout=120)
                    self.assertEqual(ctl.returncode, 0, err)
                    d = planted.json.loads(out)
                    self.assertEqual(d["execs"], 1)
                    worst = max((line for line in d["lines"] if line["role"] == "holder"), key=lambda line: line["ns"])
                    self.assertEqual({k: worst[k] for k in ("function", "file", "line", "native")}, said["what"]["0"])
                    self.assertEqual(worst["tid"], said["tids"]["culprit"])

    def traces(self):
        status, out, _ = self.home.ctl("trace", "--list", "--json")
        return planted.json.loads(out)["traces"] if status == 0 else []

    def test_that_forks(self):
        """The child is another process: it is counted as that, and none of its waits are in the figures."""
        program = os.path.join(planted.HERE, "forks.py")
        for python in planted.PYTHONS:
            with self.subTest(python), Planted(python, "culprit", program=program) as parent:
                ctl = self.home.popen("trace", "--pid", str(parent.pid), "--seconds", str(SECONDS), "--json")
                self.addCleanup(lambda p=ctl: (p.poll() is None and p.kill(), p.communicate()))
                planted.wait_for("the trace", 60, lambda p=parent: any(t["pid"] == p.pid and t["state"] == "running" for t in self.traces()))
                before = parent.disturbed_ns(parent.tids["victim"])
                parent.process.stdin.write(b"fork\n")
                parent.process.stdin.flush()
                child = parent.answer()["child"]
                out, err = ctl.communicate(timeout=120)
                self.assertEqual(ctl.returncode, 0, err)
                d = planted.json.loads(out)
                self.assertEqual(d["children"], 1)
                self.assertLessEqual({t["tid"] for t in d["threads"] if t["wait_ns"]}, {int(t) for t in parent.names} | {parent.pid})
                self.assertNotIn(child, [t["tid"] for t in d["threads"]])
                disturbed = parent.disturbed_ns(parent.tids["victim"]) - before
                self.assertIsNone(agrees(d, parent, parent.tids["victim"], disturbed))


@unittest.skipIf(planted.CANNOT or ROOT_ONLY, planted.CANNOT or ROOT_ONLY)
class Namespaces(Places):
    def test_tracer_and_target_inside(self):
        """All of it in a PID namespace, as most CI runs."""
        if os.environ.get("BENCHD_NESTED"):
            self.skipTest("inside already")
        r = subprocess.run([APART, "--pid", sys.executable, "-m", "unittest", "-v", "test_trace_places.Executables.test_static_and_shared"],
                           env=dict(os.environ, BENCHD_NESTED="1", PYTHONPATH=f"{planted.HERE}:{tracing.TESTS}"), cwd=planted.HERE,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(r.stdout)
        self.assertEqual(r.returncode, 0)
        self.assertIn("OK", r.stdout)
        self.assertNotIn("skipped", r.stdout)

    def test_target_inside_tracer_outside(self):
        if in_a_chroot():
            self.skipTest("in a chroot the kernel gives paths of files in other mount namespaces that lead nowhere from here")
        for python in planted.PYTHONS:
            with self.subTest(python), Planted(python, "culprit", prefix=[APART, "--pid"]) as program:
                self.assertLess(max(program.tids.values()), 30)  # a small world: its own numbers
                self.assertNotIn(program.pid, program.tids.values())
                self.check(program)

    def test_a_root_of_its_own(self):
        """As in a container: its own mounts, processes and copy of Python, at paths that do not exist out here, or where
        something else lies out here."""
        if in_a_chroot():
            self.skipTest("in a chroot the kernel gives paths of files in other mount namespaces that lead nowhere from here")
        for python in planted.PYTHONS:
            with self.subTest(python):
                root = self.folder()
                command = container(root, python)
                inside = os.path.join(root, "work")
                with Planted(command[-1], "culprit", prefix=command[:-1], library="/srv/tracer_culprit.so", program="/srv/culprits.py",
                             folder=inside, inside="/work/account") as program:
                    self.assertFalse(os.path.exists("/srv/culprits.py"))
                    self.assertEqual(program.said["pid"], 1)
                    self.check(program, "/srv/culprits.py")


def container(root, python):
    """Fills a folder with what a Python needs, as files of its own, and gives the command to run it in there."""
    facts = subprocess.run([python, "-c", "import sys, sysconfig; print(sys.base_prefix, sysconfig.get_path('stdlib'), sysconfig.get_config_var('LIBDIR'))"],
                           stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    stdlib, version = facts[1], os.path.basename(facts[1])
    os.makedirs(os.path.join(root, "opt/it/bin"))
    os.makedirs(os.path.join(root, "opt/it/lib", version))
    for name in ("srv", "work", "proc", "dev", "tmp", "etc"):
        os.mkdir(os.path.join(root, name))
    shutil.copy2(python, os.path.join(root, "opt/it/bin/python3"))
    files = [python, planted.LIBRARY] + glob.glob(os.path.join(stdlib, "lib-dynload", "_ctypes*.so"))
    # what the loader wants, at the places it is known by in there
    for path in files:
        out = subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True, check=True).stdout
        for found in set(re.findall(r"(?:=> |^\s*)(/\S+) \(", out, re.M)):
            to = os.path.join(root, "opt/it/lib", os.path.basename(found)) if "libpython" in found else root + found
            if not os.path.exists(to):
                os.makedirs(os.path.dirname(to), exist_ok=True)
                shutil.copy2(os.path.realpath(found), to)
    shutil.copy2(planted.LIBRARY, os.path.join(root, "srv"))
    shutil.copy2(planted.PROGRAM, os.path.join(root, "srv"))
    return [APART, "--pid", sys.executable, os.path.join(planted.HERE, "in_root.py"), root, stdlib, f"/opt/it/lib/{version}",
            "/opt/it/bin/python3"]
