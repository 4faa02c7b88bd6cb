"""What must not be traced is refused by name: nothing is attached, nothing stored, nothing guessed. Each beside what is like it
and may be traced."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import planted
import tracing
from planted import BENCHCTL, Home, Planted, wait_for

USER, OTHER = 65534, 65533
USAGE, NOINPUT, NOPERM = 64, 66, 77
CODE = "import sys\nprint('{}', flush=True)\nsys.stdin.read()\n"


def as_user(uid, *more):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *more]


class Refusals(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.close)

    def refused(self, pid, statuses, *words, prefix=(), **more):
        """Refused with one of these exit statuses, in words that have all of these in them; and nothing came of it."""
        status, out, err = self.home.ctl("trace", "--pid", str(pid), "--seconds", "1", "--json", prefix=prefix, **more)
        self.assertIn(status, statuses, out + err)
        for word in words:
            self.assertIn(word, out + err)
        status, out, err = self.home.ctl("trace", "--list", "--json", prefix=prefix, **more)
        self.assertEqual((status, json.loads(out)["traces"] if status == 0 else err), (0, []))

    def python(self, *prefix, python=None):
        lines = self.enterContext(tracing.Lines([*prefix, python or planted.PYTHONS[0], "-c", CODE], cwd="/"))
        lines.answer()
        return lines.process


@unittest.skipIf(planted.CANNOT, planted.CANNOT)
class NotAProcessOfPython(Refusals):
    def test_the_same_as_python_is_traced(self):
        d = self.home.trace("--pid", self.python().pid, "--seconds", 1)
        self.assertEqual(d["state"], "complete")

    def test_no_such_process(self):
        with subprocess.Popen(["true"]) as process:
            process.wait()
        self.refused(process.pid, (NOINPUT,))

    def test_no_number_of_a_process(self):
        for what in ("0", "-1", "x", "99999999999"):
            status, out, err = self.home.ctl("trace", "--pid", what, "--json")
            self.assertIn(status, (USAGE, NOINPUT), out + err)

    def test_a_zombie(self):
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            wait_for("a zombie", 60, lambda: open(f"/proc/{process.pid}/stat").read().rpartition(")")[2].split()[0] == "Z")
            self.refused(process.pid, (NOINPUT, 2))

    def test_a_thread(self):
        process = self.enterContext(Planted(planted.PYTHONS[0], "culprit"))
        self.refused(process.tids["victim"], (NOINPUT,), str(process.tids["victim"]))

    def test_not_python(self):
        process = self.enterContext(subprocess.Popen(["sleep", "600"]))
        self.addCleanup(process.kill)
        self.refused(process.pid, (2,), "Python")

    def test_an_interpreter_of_unknown_layout(self):
        """One that is too old: what is known of newer ones must not be tried on it."""
        old = [p for p in (os.path.join(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"), f"versions/{v}/bin/python3")
                           for v in ("3.10.13", "3.9.18", "3.8.18")) if os.path.exists(p)]
        if not old:
            self.skipTest("no interpreter older than 3.11")
        for python in old:
            with self.subTest(python):
                self.refused(self.python(python=python).pid, (2,), "Python")

    def test_a_program_of_32_bits(self):
        lack = tracing.need("as", "ld")
        if lack:
            self.skipTest(lack)
        folder = tempfile.mkdtemp(prefix="bd-refused-")
        self.addCleanup(shutil.rmtree, folder)
        source, object_, program = (os.path.join(folder, n) for n in ("p.s", "p.o", "python3.12"))
        with open(source, "w", encoding="ascii") as f:
            f.write(".globl _start\n_start: mov $29, %eax\n int $0x80\n jmp _start\n")  # pause(2)
        subprocess.run(["as", "--32", "-o", object_, source], check=True)
        subprocess.run(["ld", "-m", "elf_i386", "-o", program, object_], check=True)
        try:
            process = self.enterContext(subprocess.Popen([program]))
        except OSError as error:
            self.skipTest(f"this kernel runs no programs of 32 bits: {error}")
        self.addCleanup(process.kill)
        self.refused(process.pid, (2,))

    def test_it_ends_while_it_is_looked_at(self):
        """Many short lives: each attach ends in a trace or a refusal, never in a crash or a wrong process."""
        for _ in range(10):
            process = subprocess.Popen([sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            process.stdout.readline()
            killer = threading.Timer(0.03, process.kill)
            killer.start()
            status, out, err = self.home.ctl("trace", "--pid", str(process.pid), "--seconds", "1", "--json")
            killer.join()
            process.wait()
            process.stdin.close()
            process.stdout.close()
            self.assertIn(status, (0, 2, NOINPUT), out + err)
            if status == 0:
                d = json.loads(out)
                self.assertEqual((d["pid"], d["state"]), (process.pid, "complete"))
        status, _, _ = self.home.ctl("daemon", "status")
        self.assertEqual(status, 0)


LACK = planted.CANNOT or ("needs root" if os.geteuid() else tracing.need("setpriv", "setcap"))


@unittest.skipIf(LACK, LACK)
class NotOurs(Refusals):
    """benchctl, benchd and the tracer with file capabilities, all as an ordinary user."""

    def setUp(self):
        super().setUp()
        # the build tree may lie where other users cannot go
        self.folder = tempfile.mkdtemp(prefix="bd-refused-")
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("bin", "share"):
            shutil.copytree(os.path.join(tracing.BUILD, name), os.path.join(self.folder, name), symlinks=True)
        for path, folders, files in os.walk(self.folder):
            for name in folders + files:
                if not os.path.islink(os.path.join(path, name)):
                    os.chmod(os.path.join(path, name), 0o755)
        os.chmod(self.folder, 0o755)
        subprocess.run([tracing.tool("setcap"), "cap_bpf,cap_perfmon+ep", os.path.join(self.folder, "bin", "bench-tracer")], check=True)
        os.chown(self.home.path, USER, USER)
        self.python_path = self.runnable()
        planted.BENCHCTL = os.path.join(self.folder, "bin", "benchctl")
        self.addCleanup(setattr, planted, "BENCHCTL", BENCHCTL)
        self.how = {"prefix": as_user(USER), "cwd": "/"}

    def runnable(self):
        for python in planted.PYTHONS:
            if subprocess.run([*as_user(USER), python, "-c", "pass"], stderr=subprocess.DEVNULL).returncode == 0:
                return python
        return self.skipTest("no interpreter another user may start")

    def of(self, *prefix):
        return self.python(*prefix, python=self.python_path)

    def test_ones_own_is_traced(self):
        d = self.home.trace("--pid", self.of(*as_user(USER)).pid, "--seconds", 1, **self.how)
        self.assertEqual(d["state"], "complete")

    def test_another_users(self):
        self.refused(self.of(*as_user(OTHER)).pid, (NOPERM,), **self.how)

    def test_roots(self):
        self.refused(self.of().pid, (NOPERM,), **self.how)

    def test_with_a_capability_of_its_own(self):
        process = self.of(*as_user(USER, "--inh-caps=+net_raw", "--ambient-caps=+net_raw"))
        with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
            self.assertNotIn("CapPrm:\t0000000000000000", f.read())
        self.refused(process.pid, (NOPERM,), **self.how)

    def test_the_tracer_without_its_rights(self):
        """The command that mends it is named, and does."""
        tracer = os.path.join(self.folder, "bin", "bench-tracer")
        subprocess.run([tracing.tool("setcap"), "-r", tracer], check=True)
        process = self.of(*as_user(USER))
        self.refused(process.pid, (NOPERM,), f"setcap cap_bpf,cap_perfmon+ep {tracer}", **self.how)
        subprocess.run([tracing.tool("setcap"), "cap_bpf,cap_perfmon+ep", tracer], check=True)
        self.assertEqual(self.home.trace("--pid", process.pid, "--seconds", 1, **self.how)["state"], "complete")
