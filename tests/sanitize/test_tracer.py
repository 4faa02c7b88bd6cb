"""The tracer up to its own end. Its client kills it after closing its socket, to be sure; what a sanitizer says at the end
of a program it would never say then. Here a script stands between them, out of the kill's reach."""
import os
import stat
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tracer"))
import tracing  # noqa: E402
from waiting import wait_for  # noqa: E402

CANNOT = tracing.cannot_trace()
SCRIPT = """#!/bin/sh
setsid sh -c '"{tracer}"; echo $? >"{status}.new"; mv "{status}.new" "{status}"' &
wait
"""


@unittest.skipIf(CANNOT, CANNOT)
class End(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bd-tracer-")
        self.addCleanup(folder.cleanup)
        self.status = os.path.join(folder.name, "status")
        self.script = os.path.join(folder.name, "script")
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(SCRIPT.format(tracer=tracing.TRACER, status=self.status))
        os.chmod(self.script, stat.S_IRWXU)

    def check_ended(self):
        wait_for("the tracer ends by itself", 60, lambda: os.path.exists(self.status))
        with open(self.status, encoding="utf-8") as file:
            self.assertEqual(file.read(), "0\n")

    def test_after_a_whole_life(self):
        idle = "import sys, threading; threading.Thread(target=threading.Event().wait, daemon=True).start(); sys.stdin.read()"
        with subprocess.Popen([sys.executable, "-c", idle], stdin=subprocess.PIPE) as target:
            def attached():
                with tracing.Lines([tracing.ATTACH, tracing.TRACER, str(target.pid)]) as first:
                    return "target" in first.answer()
            wait_for("the program is a Python with threads", 60, attached)
            with tracing.Lines([tracing.ATTACH, self.script, str(target.pid)]) as tracer:
                self.assertIn("target", tracer.answer())
                for line in ("gils", "read", "detach", "attach", "read"):
                    self.assertNotIn("error", tracer.ask(line))
                self.assertEqual(tracer.end(), 0)
            target.stdin.close()
        self.check_ended()

    def test_after_a_target_that_cannot_be_traced(self):
        with tracing.Lines([tracing.ATTACH, self.script, str(2**22 + 1)]) as tracer:
            self.assertEqual(tracer.answer()["error"]["key"], "no-such-process")
            tracer.end()
        self.check_ended()
