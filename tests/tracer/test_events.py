"""Level events, record by record, on programs whose waits are known by construction: what is told of a wait, a stack, a holder,
and how a process is followed through what it becomes."""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import tracing
from tracing import ATTACH, HELPER, TRACER, Lines

sys.path.insert(0, tracing.TESTS)
from waiting import wait_for  # noqa: E402 (the path comes first)

HANDSHAKE = os.path.join(tracing.HERE, "handshake.py")
CANNOT = tracing.cannot_trace()
PYTHONS = [] if CANNOT else tracing.interpreters()
COND, BY_FUTEX, CONTINUES, SELF = 1, 1, 2, 4
TICK = 1


class Events(Lines):
    """A process followed; its records by type."""

    def __init__(self, pid, *more, seconds=60, prefix=(), attach=ATTACH, tracer=TRACER, **how):
        super().__init__([*prefix, attach, tracer, str(pid), "--events", str(seconds), *more], **how)
        self.first = self.answer()
        self.of = {}

    def take(self):
        record = self.answer()
        self.of.setdefault(record["type"], []).append(record)
        return record

    def until(self, matches):
        while True:
            record = self.take()
            if matches(record):
                return record
            if record["type"] == "end":
                raise AssertionError("it ended before")

    def finish(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()
        end = self.until(lambda r: r["type"] == "end") if "end" not in self.of else self.of["end"][0]
        self.stacks = {s["stack"]: s for s in self.of.get("stack", [])}
        return end

    def all(self, kind):
        return self.of.get(kind, [])

    def names(self, stack):
        return [f["text"] for f in self.stacks[stack]["frames"]]


def programs_of(pid):
    """Numbers of the BPF programs a process holds."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
                found.update(int(line.split()[1]) for line in f if line.startswith("prog_id:"))
        except FileNotFoundError:
            pass
    return found


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(word) for word in f.read().split()]


@unittest.skipIf(CANNOT, CANNOT)
class Told(unittest.TestCase):
    def followed(self, python, rounds, hold_ns, interval="1"):
        with Lines([python, HANDSHAKE, HELPER, str(rounds), str(hold_ns), interval]) as program:
            tids = program.answer()
            with Events(program.process.pid) as events:
                self.assertEqual(events.first, {"target": 0})
                said = program.ask("go")
                self.assertEqual(events.finish()["lost"], 0)
            program.end()
        return tids, said, events

    def test_every_wait_with_holder_and_lines(self):
        for python in PYTHONS:
            with self.subTest(python):
                for _ in range(5):
                    tids, said, events = self.followed(python, 50, 3_000_000)
                    waits = [w for w in events.all("wait") if not w["flags"] & CONTINUES]
                    if len(waits) == 50:
                        break  # on a busy machine there may be more: one at an inner mutex
                self.assertEqual({w["tid"] for w in events.all("wait")}, {tids["waiter"]})
                mine = [w for w in waits if w["part"] == COND]
                self.assertEqual(len(mine), 50)
                self.assertEqual({w["holder"] for w in mine}, {tids["holder"]})
                self.assertEqual([w["waker"] for w in mine if w["flags"] & BY_FUTEX and w["wake_ns"] and w["waker"] != tids["holder"]], [])
                for w in events.all("wait"):
                    self.assertLess(w["off_ns"], w["on_ns"])
                    self.assertTrue(not w["wake_ns"] or w["off_ns"] <= w["wake_ns"] <= w["on_ns"], w)
                self.assertGreaterEqual(sum(w["on_ns"] - w["off_ns"] for w in events.all("wait")), sum(said["least_ns"]))
                # where they are: the waiter comes back from a call in waiter(), the holder is in one of the module's
                self.assertEqual({events.names(w["stack"])[0] for w in mine}, {"waiter"})
                held = [h for h in events.all("hold") if h["tid"] == tids["holder"] and h["flags"] & TICK and h["waiters"]]
                self.assertGreater(len(held), 10)  # of 150
                self.assertEqual({events.names(h["stack"])[-1] for h in held}, {"<module>"})
                self.assertEqual({h["tid"] for h in events.all("hold") if h["waiters"]}, {tids["holder"]})
                natives = {n["native"] for n in events.all("native")}
                self.assertTrue({h["native"] for h in held} <= natives | {0})
                self.assertTrue(any(h["native"] for h in held))

    def test_one_thread_never_waits(self):
        for python in PYTHONS:
            with self.subTest(python):
                _, said, events = self.followed(python, 0, 0)
                self.assertEqual((said["calls"], events.all("wait")), (200000, []))
                self.assertTrue(events.all("hold"))

    def test_interpreters_with_their_own_gil(self):
        """Each GIL is one of its own, found while we look on; its threads wait in it and nowhere else."""
        pythons = [p for p in PYTHONS if tracing.version_of(p) >= (3, 12)]
        if not pythons:
            self.skipTest("no interpreter >= 3.12")
        for python in pythons:
            with self.subTest(python), Lines([python, os.path.join(tracing.HERE, "own_gil.py")]) as program:
                program.answer()
                with Events(program.process.pid) as events:
                    program.ask("make")
                    # the list of interpreters is read ten times a second
                    wait_for("a wait in an interpreter of its own", 60, lambda: self.together(program, events))
                    events.finish()
                own = [w for w in events.all("wait") if w["gil"] == 1]
                self.assertTrue(own)
                self.assertEqual({w["gil"] for w in events.all("wait") if w["tid"] in {o["tid"] for o in own}}, {1})
                known = [events.names(w["stack"]) for w in own if w["stack"] in events.stacks]
                self.assertIn("burn", {n[0] for n in known if n})
                program.end()

    @staticmethod
    def together(program, events):
        program.ask("together")
        while select.select([events.process.stdout], [], [], 0.2)[0]:
            if events.take()["type"] == "wait" and events.of["wait"][-1]["gil"] == 1:
                return True
        return False

    def test_paused_it_tells_nothing(self):
        with Lines([PYTHONS[0], HANDSHAKE, HELPER, "20", "100000", "1"]) as program, Lines([PYTHONS[0], HANDSHAKE, HELPER, "20", "100000", "1"]) as other:
            program.answer()
            other.answer()
            with Events(program.process.pid) as events, Events(other.process.pid) as control:
                events.process.stdin.write(b"pause\n")
                events.process.stdin.flush()
                events.until(lambda r: r["type"] == "pause" and not r["error"])
                told = len(events.all("hold"))
                program.ask("go")
                other.ask("go")
                events.process.stdin.write(b"resume\n")
                events.process.stdin.flush()
                events.until(lambda r: r["type"] == "resume" and not r["error"])
                self.assertEqual((events.all("wait"), len(events.all("hold"))), ([], told))
                control.finish()
                self.assertGreaterEqual(len(control.all("wait")), 20)
                program.end()
                # and goes on: the end of the process is the end
                events.until(lambda r: r["type"] == "end")
            other.end()


EXEC = """
import os, sys, threading
how, python, *rest = sys.argv[1:]
def become():
    os.execv(python, [python, *rest])
print("{}", flush=True)
sys.stdin.readline()
if how == "fork":
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
if how == "thread":
    threading.Thread(target=become).start()
    threading.Event().wait()
become()
"""


@unittest.skipIf(CANNOT, CANNOT)
class Followed(unittest.TestCase):
    def test_through_exec(self):
        """By the first thread, by another, and into another version of Python."""
        for how, after in (("main", PYTHONS[0]), ("thread", PYTHONS[0]), ("fork", PYTHONS[-1])):
            with self.subTest(how), Lines([PYTHONS[0], "-c", EXEC, how, after, HANDSHAKE, HELPER, "20", "100000", "1"]) as program:
                program.answer()
                with Events(program.process.pid) as events:
                    program.process.stdin.write(b"\n")
                    program.process.stdin.flush()
                    tids = program.answer()
                    info = events.until(lambda r: r["type"] == "info" and r["generation"] == 1 and r["ready"])
                    self.assertEqual(info["minor"], tracing.version_of(after)[1])
                    program.ask("go")
                    self.assertEqual(events.finish()["lost"], 0)
                self.assertEqual([r["tid"] for r in events.all("life") if r["what"] == "exec"], [program.process.pid])
                self.assertEqual(len([r for r in events.all("life") if r["what"] == "fork"]), 3 if how == "fork" else 0)
                waits = [w for w in events.all("wait") if w["tid"] == tids["waiter"] and not w["flags"] & CONTINUES]
                self.assertGreaterEqual(len(waits), 20)
                program.end()

    def test_from_the_first_instruction(self):
        """A process that is held before it becomes Python, and what becomes something else is followed no further."""
        with Lines(["sh", "-c", 'read x; exec "$@"', "sh", PYTHONS[0], HANDSHAKE, HELPER, "20", "100000", "1"]) as program:
            with Events(program.process.pid, "--await") as events:
                self.assertEqual(events.first, {"target": 0})
                program.process.stdin.write(b"\n")
                program.process.stdin.flush()
                tids = program.answer()
                events.until(lambda r: r["type"] == "info" and r["ready"])
                program.ask("go")
                program.end()
                end = events.until(lambda r: r["type"] == "end")
            self.assertEqual(end["alive"], 0)
            self.assertGreaterEqual(len([w for w in events.all("wait") if w["tid"] == tids["waiter"]]), 20)
            self.assertTrue([h for h in events.all("hold") if h["tid"] == tids["holder"]])

    def test_what_is_not_python_is_not_ready(self):
        with subprocess.Popen(["sh", "-c", "read x; exec sleep 600"], stdin=subprocess.PIPE) as process:
            self.addCleanup(process.kill)
            with Events(process.pid, "--await") as events:
                process.stdin.write(b"\n")
                process.stdin.flush()
                events.until(lambda r: r["type"] == "life" and r["what"] == "exec")
                end = events.finish()
                info = events.all("info")[-1]
            self.assertEqual((info["ready"], info["alive"], end["alive"]), (False, True, 1))
            self.assertEqual(events.all("wait") + events.all("hold"), [])
            process.kill()

    def test_the_end_of_the_target(self):
        with Lines([PYTHONS[0], HANDSHAKE, HELPER, "20", "100000", "1"]) as program:
            program.answer()
            with Events(program.process.pid) as events:
                program.process.kill()
                self.assertEqual(events.until(lambda r: r["type"] == "end")["alive"], 0)
                self.assertFalse(events.all("info")[-1]["alive"])
                self.assertGreaterEqual(len([r for r in events.all("life") if r["what"] == "thread-exit"]), 2)

    def test_a_killed_tracer_leaves_nothing_behind(self):
        lack = tracing.need("bpftool") or ("needs root" if os.geteuid() else None)
        if lack:
            self.skipTest(lack)

        def in_kernel():
            r = subprocess.run([tracing.tool("bpftool"), "prog", "show", "-j"], stdout=subprocess.PIPE, check=True)
            return {p["id"] for p in json.loads(r.stdout)}

        for victim in ("tracer", "client"):
            with self.subTest(victim), Lines([PYTHONS[0], HANDSHAKE, HELPER, "20", "100000", "1"]) as program:
                program.answer()
                with Events(program.process.pid) as events:
                    events.until(lambda r: r["type"] == "info")
                    (tracer,) = children_of(events.process.pid)
                    mine = programs_of(tracer)
                    self.assertGreaterEqual(len(mine), 6)
                    self.assertTrue(mine <= in_kernel())
                    os.kill(tracer if victim == "tracer" else events.process.pid, signal.SIGKILL)
                    # programs go when the kernel has closed what held them
                    wait_for("no program left", 60, lambda: not mine & in_kernel())
                program.ask("go")
                program.end()


LACK = CANNOT or ("needs root" if os.geteuid() else tracing.need("setpriv", "setcap"))
USER = 65534


@unittest.skipIf(LACK, LACK)
class RightsAreLookedAtAgain(unittest.TestCase):
    def test_a_process_that_gains_capabilities_is_let_go(self):
        folder = tempfile.mkdtemp(prefix="tracer-events-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        for path in (TRACER, ATTACH):
            shutil.copy(path, folder)
        tracer, attach = (os.path.join(folder, os.path.basename(p)) for p in (TRACER, ATTACH))
        subprocess.run([tracing.tool("setcap"), "cap_bpf,cap_perfmon+ep", tracer], check=True)
        user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        python = next((p for p in PYTHONS if subprocess.run([*user, p, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0), None)
        if not python:
            self.skipTest("no interpreter another user may start")
        plain, strong = os.path.join(folder, "plain"), os.path.join(folder, "strong")
        for path in (plain, strong):
            shutil.copy(shutil.which("sleep"), path)
        subprocess.run([tracing.tool("setcap"), "cap_net_raw+ep", strong], check=True)
        code = "import os, sys\nprint('{}', flush=True)\nsys.stdin.readline()\nos.execv(sys.argv[1], ['sleep', '600'])"
        for path, why in ((plain, False), (strong, True)):
            with self.subTest(path), Lines([*user, python, "-c", code, path], cwd="/") as program:
                program.answer()
                with Events(program.process.pid, prefix=user, attach=attach, tracer=tracer, cwd="/") as events:
                    self.assertEqual(events.first, {"target": 0})
                    program.process.stdin.write(b"\n")
                    program.process.stdin.flush()
                    # what it lets go is no longer there for it: then that is the end
                    info = events.until(lambda r: r["type"] == "info" and r["why"])
                    self.assertEqual(info["why"] == "not-permitted", why, info)
                    self.assertEqual(events.finish()["alive"], 0 if why else 1)
                program.process.kill()


if __name__ == "__main__":
    unittest.main()
