"""kill -9 of each of the three in the middle of a trace: no probe stays in the kernel, and what was stored is readable."""
import json
import os
import signal
import subprocess
import time
import unittest

import planted
import tracing
from planted import Home, Planted, programs_of, tracers, wait_for

PATIENCE = 60
LACK = planted.CANNOT or tracing.need("bpftool")


def programs():
    """Ids of all BPF programs in the kernel."""
    out = subprocess.run([tracing.tool("bpftool"), "--json", "prog", "show"], stdout=subprocess.PIPE, check=True).stdout
    return {p["id"] for p in json.loads(out)}


@unittest.skipIf(LACK, LACK)
class Kill9(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.close)
        self.program = self.enterContext(Planted(planted.PYTHONS[0], "culprit"))
        status, out, err = self.home.ctl("daemon", "start")
        self.assertEqual(status, 0, out + err)
        status, out, _ = self.home.ctl("daemon", "status", "--json")
        self.assertEqual(status, 0)
        self.daemon = json.loads(out)["pid"]
        # others may trace as well: what counts is what this trace brought
        self.before = programs()

    def begin(self, *args):
        """A trace that has seen waits: (benchctl, id, its programs in the kernel)."""
        ctl = self.home.popen("trace", "--pid", str(self.program.pid), "--json", *args)
        self.addCleanup(lambda: (ctl.poll() is None and ctl.kill(), ctl.communicate()))
        trace = wait_for("a running trace", PATIENCE, lambda: self.listed() or (ctl.poll() is not None and self.fail(ctl.communicate())))[0]["id"]
        wait_for("a wait in it", PATIENCE, lambda: self.stored(trace)["waits"] > 10)
        (tracer,) = tracers(self.daemon)
        mine = programs_of(tracer)
        self.assertGreater(len(mine), 0, "a trace without programs in the kernel")
        self.assertLessEqual(mine, programs())
        self.assertFalse(mine & self.before)
        return ctl, trace, mine

    def listed(self):
        status, out, _ = self.home.ctl("trace", "--list", "--json")
        return json.loads(out)["traces"] if status == 0 else []

    def stored(self, trace):
        status, out, err = self.home.ctl("trace", "--id", trace, "--json")
        self.assertEqual(status, 0, err)
        return json.loads(out)

    def gone(self, mine):
        wait_for("the end of its programs in the kernel", PATIENCE, lambda: not mine & programs())

    def readable(self, trace, states):
        """The document, its figures and every form of export."""
        d = wait_for(f"{states}", PATIENCE, lambda: (d := self.stored(trace))["state"] in states and d)
        self.assertGreater(d["waits"], 10)
        victim = planted.thread(d, self.program.tids["victim"])
        self.assertGreater(victim["wait_ns"], 0)
        worst = max((line for line in d["lines"] if line["role"] == "holder"), key=lambda line: line["ns"])
        self.assertEqual((worst["function"], worst["native"]), ("culprit", "spin_end"))
        for form in ("perfetto", "collapsed", "speedscope", "json"):
            path = os.path.join(self.home.path, f"out.{form}")
            status, _, err = self.home.ctl("trace", "--id", trace, "--format", form, "--out", path)
            self.assertEqual(status, 0, err)
            with open(path, encoding="utf-8") as f:
                text = f.read()
            self.assertIn("spin_end", text)
            if form != "collapsed":
                json.loads(text)
        return d

    def test_of_the_target(self):
        ctl, trace, mine = self.begin()
        self.program.process.kill()
        out, err = ctl.communicate(timeout=PATIENCE)
        self.assertEqual(ctl.returncode, 0, err)
        self.assertEqual(json.loads(out)["reason"]["key"], "target-ended")
        self.gone(mine)
        d = self.readable(trace, ("complete",))
        own, _ = self.program.account().wait_ns(self.program.tids["victim"], d["start_mono_ns"], d["end_mono_ns"])
        self.assertGreater(planted.thread(d, self.program.tids["victim"])["wait_ns"], 0.5 * own)

    def test_of_benchd(self):
        ctl, trace, mine = self.begin()
        end = time.monotonic() + 3  # longer than a stored chunk takes
        wait_for("more of it", PATIENCE, lambda: time.monotonic() > end)
        seen = self.stored(trace)["waits"]
        os.kill(self.daemon, signal.SIGKILL)
        ctl.communicate(timeout=PATIENCE)
        self.assertEqual(ctl.returncode, 2)
        self.gone(mine)
        self.assertIsNone(self.program.process.poll())
        d = self.readable(trace, ("interrupted",))  # the next benchd finds what was stored
        self.assertGreater(d["waits"], 0.3 * seen)

    def test_of_benchctl_with_a_time(self):
        ctl, trace, mine = self.begin("--seconds", "6")
        ctl.kill()
        ctl.wait()
        d = self.readable(trace, ("complete",))
        self.assertAlmostEqual(d["seconds"], 6, delta=1)
        self.gone(mine)

    def test_of_benchctl_without_a_time(self):
        ctl, trace, mine = self.begin()
        ctl.kill()
        ctl.wait()
        self.readable(trace, ("complete",))  # it does not go on for ever unwatched
        self.gone(mine)

    def test_of_bench_tracer(self):
        ctl, trace, mine = self.begin()
        (tracer,) = tracers(self.daemon)
        os.kill(tracer, signal.SIGKILL)
        ctl.communicate(timeout=PATIENCE)
        self.assertEqual(ctl.returncode, 2)
        self.gone(mine)
        self.readable(trace, ("interrupted", "failed"))
        os.kill(self.daemon, 0)  # the daemon lives
