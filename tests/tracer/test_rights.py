"""Who may trace whom, and with which rights: bench-tracer as root and as an ordinary user with file capabilities."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import tracing
from tracing import ATTACH, HELPER, TRACER, Lines

HANDSHAKE = os.path.join(tracing.HERE, "handshake.py")
CANNOT = tracing.cannot_trace()
LACK = "needs root" if os.geteuid() else tracing.need("setpriv", "setcap")
USER, OTHER = 65534, 65533


def user(uid, *more):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *more]


def world_readable_python():
    """An interpreter that another user can start."""
    for python in tracing.interpreters():
        if subprocess.run([*user(USER), python, "-c", "import ctypes"], stderr=subprocess.DEVNULL).returncode == 0:
            return python
    return None


@unittest.skipIf(CANNOT or LACK, CANNOT or LACK)
class Rights(unittest.TestCase):
    def setUp(self):
        self.python = world_readable_python()
        if not self.python:
            self.skipTest("no interpreter another user may start")
        # the build tree may lie where other users cannot go
        self.folder = tempfile.mkdtemp(prefix="tracer-rights-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        for name in (TRACER, ATTACH, HELPER, HANDSHAKE):
            shutil.copy(name, self.folder)
        self.tracer, self.attach, self.helper, self.program = (
            os.path.join(self.folder, os.path.basename(n)) for n in (TRACER, ATTACH, HELPER, HANDSHAKE))
        for name in os.listdir(self.folder):
            os.chmod(os.path.join(self.folder, name), 0o755)

    def give(self):
        subprocess.run([tracing.tool("setcap"), "cap_bpf,cap_perfmon+ep", self.tracer], check=True)

    def start(self, *prefix):
        return Lines([*prefix, self.python, self.program, self.helper, "30", "100000", "1"], cwd="/")

    def trace(self, uid, pid, *more):
        return Lines([*user(uid, *more), self.attach, self.tracer, str(pid)], cwd="/")

    def refused(self, uid, pid, key, *more):
        with self.trace(uid, pid, *more) as tracer:
            error = tracer.answer()["error"]
            self.assertEqual(error["key"], key, error)
            self.assertEqual(tracer.end(), 77)
        return error

    def test_own_process_with_file_capabilities(self):
        self.give()
        with self.start(*user(USER)) as program:
            tids = program.answer()
            with self.trace(USER, program.process.pid) as tracer:
                self.assertIn("target", tracer.answer())
                program.ask("go")
                (thread,) = tracer.ask("read")["threads"]
            self.assertEqual(thread["tid"], tids["waiter"])
            self.assertEqual(thread["waits"] if not thread["mutex_ns"] else 30, 30)
            program.end()

    def test_without_capabilities_the_command_that_mends_it(self):
        with self.start(*user(USER)) as program:
            program.answer()
            error = self.refused(USER, program.process.pid, "no-bpf-rights")
            self.assertEqual(error["hint"], f"sudo setcap cap_bpf,cap_perfmon+ep {self.tracer}")
            # following it helps
            subprocess.run([w if i else tracing.tool(w) for i, w in enumerate(error["hint"].split()[1:])], check=True)
            with self.trace(USER, program.process.pid) as tracer:
                self.assertIn("target", tracer.answer())
            program.end()

    def test_no_new_privs_is_named(self):
        self.give()
        with self.start(*user(USER)) as program:
            program.answer()
            error = self.refused(USER, program.process.pid, "no-bpf-rights", "--no-new-privs")
            self.assertIn("no_new_privs", error["message"])
            program.end()

    def test_root_without_capabilities(self):
        with self.start() as program:
            program.answer()
            with Lines(["setpriv", "--bounding-set=-all", "--inh-caps=-all", ATTACH, TRACER, str(program.process.pid)]) as tracer:
                self.assertEqual(tracer.answer()["error"]["key"], "no-bpf-rights")
            program.end()

    def test_process_of_another_user(self):
        self.give()
        with self.start(*user(OTHER)) as program:
            program.answer()
            self.refused(USER, program.process.pid, "not-permitted")
            program.end()

    def test_process_of_root(self):
        self.give()
        with self.start() as program:
            program.answer()
            self.refused(USER, program.process.pid, "not-permitted")
            program.end()

    def test_effective_uid_differs(self):
        self.give()
        with self.start("setpriv", f"--ruid={USER}", f"--euid={OTHER}") as program:
            program.answer()
            self.refused(USER, program.process.pid, "not-permitted")
            program.end()

    def test_own_process_with_capabilities(self):
        self.give()
        keep = ["--inh-caps=+net_raw", "--ambient-caps=+net_raw"]
        with self.start(*user(USER, *keep)) as program:
            program.answer()
            error = self.refused(USER, program.process.pid, "not-permitted")
            self.assertIn("capabilities", error["message"])
            program.end()

    def test_root_traces_anybody(self):
        with self.start(*user(USER)) as program:
            program.answer()
            with Lines([ATTACH, TRACER, str(program.process.pid)]) as tracer:
                self.assertIn("target", tracer.answer())
            program.end()

    def test_missing(self):
        r = subprocess.run([ATTACH, os.path.join(self.folder, "nothing")], stdout=subprocess.PIPE, text=True)
        self.assertEqual(json.loads(r.stdout)["error"]["key"], "tracer-missing")
        self.assertEqual(r.returncode, 69)

    def test_by_hand(self):
        r = subprocess.run([TRACER], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.assertEqual(r.returncode, 64)


if __name__ == "__main__":
    unittest.main()
