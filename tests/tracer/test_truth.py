"""The tracer against programs whose waits are known by construction, on every interpreter of this machine."""
import os
import signal
import subprocess
import sys
import time
import unittest

import tracing
from tracing import ATTACH, HELPER, TRACER, Lines, bucket

HANDSHAKE = os.path.join(tracing.HERE, "handshake.py")
CANNOT = tracing.cannot_trace()


def handshake(python, rounds, hold_ns, *more):
    return Lines([python, HANDSHAKE, HELPER, str(rounds), str(hold_ns), *more])


def traced(python, rounds, hold_ns, *more):
    """(who is who, what the program says, what the tracer says)"""
    with handshake(python, rounds, hold_ns, *more) as program:
        tids = program.answer()
        with Lines([ATTACH, TRACER, str(program.process.pid)]) as tracer:
            attached = tracer.answer()
            assert "target" in attached, attached
            tracer.ask("read")
            said = program.ask("go")
            reading = tracer.ask("read")
            again = tracer.ask("read")
            assert not again["threads"] and not again["blocks"] and not again["hist"], again
            assert tracer.end() == 0
        program.end()
    return tids, said, reading


@unittest.skipIf(CANNOT, CANNOT)
class Truth(unittest.TestCase):
    def check(self, python, rounds, hold_ns, slice_ns):
        """Exactly `rounds` waits of the waiter, because of the holder. Where the holder is made to give the GIL up, the
        waiter, which has it then, may meet the holder once more at an inner mutex: a wait of its own, counted as a
        retry when it comes within 20 us. Should the machine push the waiter off its processor just before, it comes
        later: then, and only with time spent on a mutex, the run is repeated."""
        forced = hold_ns > slice_ns
        for _ in range(5):
            tids, said, reading = traced(python, rounds, hold_ns, str(slice_ns / 1e9))
            threads = {t["tid"]: t for t in reading["threads"]}
            self.assertIn(tids["waiter"], threads, reading)
            waiter = threads[tids["waiter"]]
            if not forced or waiter["waits"] - waiter["retries"] == rounds or waiter["mutex_ns"] == 0:
                break
        self.assertEqual(waiter["waits"] - waiter["retries"], rounds, reading)
        if not forced:
            self.assertEqual(waiter["retries"], 0, reading)
        self.assertEqual(waiter["switch_ns"], 0)
        self.assertEqual(reading["lost"], 0)
        self.assertEqual(waiter["wait_ns"], waiter["holder_ns"] + waiter["runqueue_ns"] + waiter["mutex_ns"])
        if not forced:
            self.assertGreaterEqual(waiter["holder_ns"], sum(said["least_ns"]))
            self.assertGreaterEqual(waiter["max_ns"], max(said["least_ns"]))
        else:  # between two slices it runs for a moment, to look and to sleep again
            self.assertGreaterEqual(waiter["holder_ns"] + said["awake_ns"], sum(said["least_ns"]))
            self.assertGreater(waiter["max_ns"], slice_ns)
        self.assertLessEqual(waiter["max_ns"], waiter["wait_ns"])
        mine = [b for b in reading["blocks"] if b["waiter"] == tids["waiter"]]
        self.assertEqual([(b["holder"], b["waits"], b["ns"]) for b in mine],
                         [(tids["holder"], rounds, waiter["holder_ns"])])
        if not forced:
            self.assertGreaterEqual(sum(n for b, n in reading["hist"] if b >= bucket(hold_ns)), rounds)
        total = sum(n for _, n in reading["hist"])
        self.assertEqual(total, sum(t["waits"] for t in reading["threads"]))
        return tids, threads, total

    def test_counts_holder_and_least_time(self):
        for python in PYTHONS:
            with self.subTest(python):
                _, threads, total = self.check(python, 200, 200_000, 1_000_000_000)
                # the holder never waits: it asks only when nobody has it
                self.assertEqual(len(threads), 1, threads)
                self.assertEqual(total, 200)

    def test_a_wait_of_many_timer_slices_is_one(self):
        for python in PYTHONS:
            with self.subTest(python):
                self.check(python, 20, 11_000_000, 1_000_000)

    def test_two_that_compute(self):
        """No known count here, but what must hold between the figures, and all four parts of the split."""
        for python in PYTHONS:
            with self.subTest(python), Lines([python, os.path.join(tracing.HERE, "compute.py"), "2", "0.001"]) as program:
                tids = program.answer()["tids"]
                with Lines([ATTACH, TRACER, str(program.process.pid)]) as tracer:
                    tracer.answer()
                    tracer.ask("read")
                    wall_ns = program.ask("1.5")["wall_ns"]
                    reading = tracer.ask("read")
                program.end()
                threads = {t["tid"]: t for t in reading["threads"]}
                waited = sum(threads[t]["wait_ns"] for t in tids)
                # mostly one of two waits; a busy machine takes it off the processor instead of letting it wait
                self.assertGreater(waited, 0.01 * wall_ns)
                self.assertLess(waited, 2 * wall_ns)
                for t in reading["threads"]:
                    self.assertEqual(t["wait_ns"], t["holder_ns"] + t["runqueue_ns"] + t["switch_ns"] + t["mutex_ns"])
                    self.assertLessEqual(t["wait_ns"], t["max_ns"] * t["waits"])
                    mine = [b for b in reading["blocks"] if b["waiter"] == t["tid"]]
                    self.assertEqual(sum(b["ns"] for b in mine), t["holder_ns"])
                    self.assertNotIn(t["tid"], [b["holder"] for b in mine])
                for part in ("holder_ns", "runqueue_ns", "switch_ns"):
                    self.assertGreater(sum(t[part] for t in reading["threads"]), 0, part)
                self.assertEqual(sum(n for _, n in reading["hist"]), sum(t["waits"] for t in reading["threads"]))
                self.assertEqual(reading["lost"], 0)

    def test_one_thread_never_waits(self):
        for python in PYTHONS:
            with self.subTest(python):
                _, said, reading = traced(python, 0, 0)
                self.assertEqual(said["calls"], 200000)
                self.assertEqual(reading, {"threads": [], "blocks": [], "hist": [], "lost": 0})

    def test_detached_sees_nothing(self):
        with handshake(sys.executable, 20, 100_000, "1") as program:
            program.answer()
            with Lines([ATTACH, TRACER, str(program.process.pid)]) as tracer:
                tracer.answer()
                self.assertEqual(tracer.ask("detach"), {"detached": True})
                program.ask("go")
                self.assertIn("target", tracer.ask("attach"))
                self.assertEqual(tracer.ask("read"), {"threads": [], "blocks": [], "hist": [], "lost": 0})
            program.end()

    def test_other_processes_are_not_counted(self):
        with handshake(sys.executable, 20, 100_000, "1") as one, handshake(sys.executable, 20, 100_000, "1") as two:
            one.answer()
            two.answer()
            with Lines([ATTACH, TRACER, str(one.process.pid)]) as tracer:
                tracer.answer()
                two.ask("go")
                self.assertEqual(tracer.ask("read"), {"threads": [], "blocks": [], "hist": [], "lost": 0})

    def test_not_python(self):
        with subprocess.Popen(["sleep", "60"]) as process:
            try:
                with Lines([ATTACH, TRACER, str(process.pid)]) as tracer:
                    self.assertEqual(tracer.answer()["error"]["key"], "layout-unknown")
            finally:
                process.kill()

    def test_last_holder_has_ended(self):
        """Its thread state is freed memory by then; the GIL can be known all the same."""
        code = ("import threading, time\nthreading.Thread(target=time.sleep, args=(0.05,)).start()\n"
                "print('{}', flush=True)\ntime.sleep(600)\n")
        for python in PYTHONS:
            with self.subTest(python), Lines([python, "-c", code]) as program:
                program.answer()
                end = time.monotonic() + tracing.DEADLINE_S
                while len(os.listdir(f"/proc/{program.process.pid}/task")) > 1 and time.monotonic() < end:
                    time.sleep(0.01)
                with Lines([ATTACH, TRACER, str(program.process.pid)]) as tracer:
                    self.assertIn("target", tracer.answer())

    def test_no_such_process(self):
        with subprocess.Popen(["true"]) as process:
            process.wait()
            with Lines([ATTACH, TRACER, str(process.pid)]) as tracer:
                self.assertEqual(tracer.answer()["error"]["key"], "no-such-process")

    def test_ends_with_its_starter(self):
        with handshake(sys.executable, 1, 0, "1") as program:
            program.answer()
            tracer = Lines([ATTACH, TRACER, str(program.process.pid)])
            with tracer:
                tracer.answer()
                path = f"/proc/{tracer.process.pid}/task/{tracer.process.pid}/children"
                with open(path) as f:
                    (child,) = map(int, f.read().split())
                handle = os.pidfd_open(child)
                self.addCleanup(os.close, handle)
                tracer.process.send_signal(signal.SIGKILL)
                tracer.process.wait()
                self.assertTrue(tracing.select.select([handle], [], [], tracing.DEADLINE_S)[0])

    def test_own_gils(self):
        """Sub-interpreters with a GIL of their own (3.12): each is found, threads of different ones do not wait."""
        tried = 0
        for python in PYTHONS:
            if tracing.version_of(python) < (3, 12):
                continue
            tried += 1
            with self.subTest(python), Lines([python, os.path.join(tracing.HERE, "own_gil.py")]) as program:
                program.answer()
                with Lines([ATTACH, TRACER, str(program.process.pid)]) as tracer:
                    tracer.answer()
                    self.assertEqual(len(tracer.ask("gils")["gils"]), 1)
                    ids = program.ask("make")["interpreters"]
                    gils = tracer.ask("gils")["gils"]
                    self.assertEqual([g["interpreter"] for g in gils], ids)
                    self.assertEqual(len({g["address"] for g in gils}), len(ids))
                    tracer.ask("read")
                    program.ask("apart")
                    apart = sum(t["wait_ns"] for t in tracer.ask("read")["threads"])
                    program.ask("together")
                    together = sum(t["wait_ns"] for t in tracer.ask("read")["threads"])
                    # both burn 2 × 0.4 s; one GIL makes one of two wait all the time, two GILs neither
                    self.assertGreater(together, 5 * apart)
        if not tried:
            self.skipTest("no interpreter >= 3.12")


APART = os.path.join(tracing.TESTS, "apart")


def in_a_chroot():
    """Whether "/" is no mount point."""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return not any(line.split()[4] == "/" for line in f)


@unittest.skipIf(CANNOT, CANNOT)
class NestedNamespace(unittest.TestCase):
    def test_all_again_in_a_pid_namespace(self):
        if os.geteuid() != 0:
            self.skipTest("unshare needs root")
        r = subprocess.run([APART, "--pid", sys.executable, os.path.join(tracing.TESTS, "run_python.py"),
                            os.path.abspath(__file__)], env=dict(os.environ, BENCHD_NESTED="1"),
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(r.stdout)
        self.assertEqual(r.returncode, 0)

    def test_target_inside_tracer_outside(self):
        """The target's own numbers, whatever the tracer calls them."""
        if os.geteuid() != 0:
            self.skipTest("unshare needs root")
        if in_a_chroot():
            self.skipTest("in a chroot the kernel gives paths of files in other mount namespaces that lead nowhere from here")
        with Lines([APART, "--pid", sys.executable, HANDSHAKE, HELPER, "50", "100000", "1"]) as program:
            tids = program.answer()
            self.assertLess(max(tids.values()), 20)  # a small world, so the numbers are those of the namespace
            with open(f"/proc/{program.process.pid}/task/{program.process.pid}/children") as f:
                (inside,) = map(int, f.read().split())
            with Lines([ATTACH, TRACER, str(inside)]) as tracer:
                self.assertIn("target", tracer.answer())
                program.ask("go")
                reading = tracer.ask("read")
            self.assertEqual([t["tid"] for t in reading["threads"]], [tids["waiter"]])
            self.assertEqual({(b["waiter"], b["holder"]) for b in reading["blocks"]}, {(tids["waiter"], tids["holder"])})
            program.end()


PYTHONS = [] if CANNOT else tracing.interpreters()


if os.environ.get("BENCHD_NESTED"):
    del NestedNamespace  # already inside
