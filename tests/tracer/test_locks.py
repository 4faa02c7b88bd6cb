"""Level events of interpreters without a GIL: what threads park for, how long, and how they spin; and that neither is made
up where there is a GIL."""
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

import tracing
from tracing import ATTACH, TRACER, Lines

sys.path.insert(0, tracing.TESTS)
from waiting import wait_for  # noqa: E402

CANNOT = tracing.cannot_trace()
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
FREE = [p for p in (os.path.join(CACHE, "benchd", "python", v, "bin", "python3") for v in ("3.13t", "3.13td")) if os.path.exists(p)]
ABSENT = None if FREE else "no free-threaded interpreter (./dev python 3.13t)"
OBJECT, MUTEX, STOP, INTERPRETER, RUNTIME, PARKED, THREAD, FUTEX = range(1, 9)
BY_FUTEX = 1


def program(name, python, *args, **env):
    return Lines([python, os.path.join(tracing.HERE, name), *args], env=dict(os.environ, **env))


class Recorder:
    """The tracer's records of one process, from the first line of its info on."""

    def __init__(self, pid):
        self.out = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([ATTACH, TRACER, str(pid), "--events", "600"], stdin=subprocess.PIPE, stdout=self.out)

    def __enter__(self):
        try:
            wait_for("the first record", tracing.DEADLINE_S, lambda: self.of("info") or self.process.poll() is not None)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.out.close()

    def records(self):
        whole = os.pread(self.out.fileno(), 1 << 30, 0).decode().rpartition("\n")[0]
        return [r for r in map(json.loads, whole.splitlines()) if "type" in r]  # the first line is the answer to attaching

    def of(self, kind, **fields):
        return [r for r in self.records() if r["type"] == kind and all(r[k] == v for k, v in fields.items())]

    def tracer(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            (child,) = map(int, f.read().split())
        return child

    def end(self):
        """All that was told."""
        self.process.stdin.close()
        assert self.process.wait(tracing.DEADLINE_S) == 0
        records = self.records()
        assert records[-1]["type"] == "end" and records[-1]["lost"] == 0, records[-1]
        return Told(records)


class Told:
    def __init__(self, records):
        self.all = records
        self.stacks = {r["stack"]: r for r in records if r["type"] == "stack"}
        self.locks, self.spins, self.waits, self.infos = (
            [r for r in records if r["type"] == t] for t in ("lock", "spin", "wait", "info"))

    def functions(self, record):
        """The innermost first."""
        return [f["text"] for f in self.stacks[record["stack"]]["frames"]]


def ns(records):
    return sum(r["on_ns"] - r["off_ns"] for r in records)


def by_thread(records, value):
    sums = collections.Counter()
    for r in records:
        sums[r["tid"]] += value(r)
    return sums


def held(pid, what):
    """How many BPF programs ("prog") or attachments ("link") a process has."""
    n = 0
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{fd}") as f:
            n += any(line.startswith(what + "_type:") for line in f)
    return n


@unittest.skipIf(CANNOT or ABSENT, CANNOT or ABSENT)
class Locks(unittest.TestCase):
    def handshakes(self, kind, expected, name, function, rounds=25):
        for python in FREE:
            with self.subTest(python), program("lock_handshake.py", python, kind) as it:
                self.assertFalse(it.answer()["gil"])
                with Recorder(it.process.pid) as recorder:
                    truth = it.ask(str(rounds))
                    told = recorder.end()
                self.assertEqual(it.end(), 0)
                mine = [r for r in told.locks if r["tid"] == truth["waiter"] and r["kind"] == expected]
                self.assertEqual(len(mine), rounds, collections.Counter((r["kind"], r["name"]) for r in told.locks))
                for r in mine:
                    self.assertEqual((r["name"], told.functions(r)[0]), (name, function))
                    self.assertLessEqual(r["off_ns"] + r["queued_ns"], r["on_ns"])
                # woken by who let the lock go; a wake that was not seen names nobody
                self.assertEqual({r["waker"] for r in mine if r["wake_ns"]}, {truth["holder"]})
                self.assertEqual(len({r["address"] for r in mine}), 1)
                # the sleep began before the hold of known length, and all lay inside what the thread itself saw
                spun = sum(r["off_ns"] for r in told.spins
                           if r["tid"] == truth["waiter"] and told.functions(r)[:1] == [function])
                self.assertGreaterEqual(ns(mine), truth["least_ns"])
                self.assertLessEqual(ns(mine) + spun, truth["most_ns"])
                self.assertEqual(told.waits, [])
                self.assertEqual({i["gil_enabled"] for i in told.infos}, {False})

    def test_lock(self):
        self.handshakes("lock", MUTEX, "_thread.lock", "want_lock")

    def test_dict(self):
        self.handshakes("dict", OBJECT, "dict", "want_dict")

    def test_list(self):
        self.handshakes("list", OBJECT, "list", "want_list")

    def test_object_of_a_class_with_a_metaclass(self):
        self.handshakes("odd", OBJECT, "Odd", "want_odd")

    def test_thread_lock(self):
        """threading.RLock has one in 3.13; later versions have another lock there."""
        self.handshakes("rlock", THREAD, "", "want_rlock")

    def fight(self, python, kind, *args, seconds=1, **env):
        with program("free_threads.py", python, kind, *args, **env) as it:
            hello = it.answer()
            with Recorder(it.process.pid) as recorder:
                said = it.ask(str(seconds))
                told = recorder.end()
            self.assertEqual(it.end(), 0)
        return hello, said, told

    def test_four_threads_and_a_dict(self):
        for python in FREE:
            with self.subTest(python):
                hello, said, told = self.fight(python, "dict")
                self.assertFalse(hello["gil"])
                self.assertEqual(told.waits, [])
                parked = [r for r in told.locks if r["tid"] in hello["tids"] and r["kind"] == OBJECT]
                self.assertGreater(len(parked), 0)
                self.assertEqual({(r["name"], told.functions(r)[0]) for r in parked}, {("dict", "fight_dict")})
                self.assertEqual(len({r["address"] for r in parked}), 1)
                spun = [r for r in told.spins if "fight_dict" in told.functions(r)]
                self.assertGreater(sum(r["yields"] for r in spun), 0)
                self.check_spins(told, said)

    def check_spins(self, told, said):
        """No more yields than the kernel counts switches without sleep, nor more time than it counts being ready to run."""
        yields, off = by_thread(told.spins, lambda r: r["yields"]), by_thread(told.spins, lambda r: r["off_ns"])
        for a in said["accounts"]:
            self.assertLessEqual(yields[a["tid"]], a["unasked"] + 50)  # before and after its account: start, and end
            # a switch takes its time at both ends, of which the kernel counts one
            self.assertLessEqual(off[a["tid"]], 1.1 * a["ready_ns"] + 2000 * yields[a["tid"]] + 50e6)
        for r in told.spins:
            self.assertLessEqual(r["from_ns"], r["to_ns"])
            self.assertLessEqual(r["off_ns"], r["to_ns"] - r["from_ns"])

    def test_yields_are_all_counted(self):
        """Two threads on one processor that do nothing but yield: each yield is a switch."""
        for python in FREE:
            with self.subTest(python):
                hello, said, told = self.fight(python, "yields", "2", seconds=0.5)
                yields = by_thread(told.spins, lambda r: r["yields"])
                for a in said["accounts"]:
                    # what the machine does besides takes the processor away unasked
                    self.assertGreater(yields[a["tid"]], 0.5 * a["unasked"])
                    self.assertGreater(a["unasked"], 100)
                self.check_spins(told, said)
                self.assertEqual([r for r in told.locks if r["tid"] in hello["tids"] and r["kind"] in (OBJECT, MUTEX)], [])

    def test_stop_the_world(self):
        for python in FREE:
            with self.subTest(python):
                hello, _, told = self.fight(python, "gc", "3")
                stops = [r for r in told.locks if r["kind"] == STOP]
                self.assertGreater(len(stops), 0)
                own = collections.defaultdict(set)
                for r in stops:
                    own[r["tid"]].add(r["address"])
                self.assertEqual({len(a) for a in own.values()}, {1})  # its own thread state, and nobody else's
                self.assertEqual(len(set.union(*own.values())), len(own))
                wakers = {r["waker"] for r in stops if r["wake_ns"] and r["flags"] & BY_FUTEX}
                self.assertLessEqual(wakers, {*hello["tids"], hello["main"]})

    def test_nothing_is_invented(self):
        """Threads that share nothing: they park for nothing of an object's, and never spin."""
        for python in FREE:
            with self.subTest(python):
                hello, _, told = self.fight(python, "alone", seconds=0.5)
                self.assertEqual([r for r in told.locks if r["tid"] in hello["tids"] and r["kind"] in (OBJECT, MUTEX, THREAD)
                                  and "alone" in told.functions(r)], [])
                self.assertEqual([r for r in told.spins if r["tid"] in hello["tids"] and "alone" in told.functions(r)], [])
                self.assertEqual(told.waits, [])

    def check_gil(self, hello, told):
        """GIL waits are there, and no sleep is told as two things."""
        mine = [r for r in told.waits if r["tid"] in hello["tids"]]
        self.assertGreater(len(mine), 0)
        spans = collections.defaultdict(list)
        for r in told.waits:
            spans[r["tid"]].append((r["off_ns"], r["on_ns"]))
        for r in told.locks:
            for off, on in spans[r["tid"]]:
                self.assertTrue(r["on_ns"] <= off or r["off_ns"] >= on, r)

    def test_a_gil_that_was_asked_for(self):
        for python in FREE:
            with self.subTest(python):
                hello, said, told = self.fight(python, "dict", PYTHON_GIL="1")
                self.assertTrue(hello["gil"] and said["gil"])
                self.assertEqual({i["gil_enabled"] for i in told.infos}, {True})
                self.check_gil(hello, told)
                self.assertEqual([r for r in told.locks if r["kind"] == OBJECT], [])

    def test_an_import_switches_the_gil_on(self):
        for python in FREE:
            with self.subTest(python), tempfile.TemporaryDirectory() as folder:
                include = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"], text=True)
                subprocess.check_call([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-I" + include.strip(), "-o",
                                       os.path.join(folder, "holds_gil.so"), os.path.join(tracing.HERE, "holds_gil.c")])
                with program("free_threads.py", python, "imports", PYTHONPATH=folder, PYTHONWARNINGS="ignore") as it:
                    hello = it.answer()
                    self.assertFalse(hello["gil"])
                    with Recorder(it.process.pid) as recorder:
                        self.assertTrue(it.ask("1")["gil"])
                        wait_for("the GIL is told", tracing.DEADLINE_S, lambda: recorder.of("info", gil_enabled=True))
                        told = recorder.end()
                    it.end()
                self.assertEqual([i["gil_enabled"] for i in told.infos][0], False)
                self.check_gil(hello, told)

    def test_the_probe_is_there_for_free_threaded_interpreters_only(self):
        found = {}
        for python in (sys.executable, FREE[0]):
            with program("free_threads.py", python, "alone", "1") as it:
                it.answer()
                with Recorder(it.process.pid) as recorder:
                    found[python] = [held(recorder.tracer(), what) for what in ("prog", "link")]
                    recorder.end()
                it.end()
        self.assertGreater(min(found[sys.executable]), 0)
        self.assertEqual([n - m for n, m in zip(found[FREE[0]], found[sys.executable])], [3, 3], found)

    def test_the_probe_comes_and_goes_with_exec(self):
        code = "import os, sys; print('{}', flush=True); sys.stdin.readline(); os.execv(sys.argv[1], sys.argv[1:2] + ['-c'] + sys.argv[2:])"
        last = "import sys; print('{}', flush=True); sys.stdin.readline()"
        for first, then in ((FREE[0], sys.executable), (sys.executable, FREE[0])):
            with self.subTest(first), Lines([first, "-c", code, then, last]) as it:
                it.answer()
                with Recorder(it.process.pid) as recorder:
                    before = held(recorder.tracer(), "link")
                    it.ask("go")
                    wait_for("the other interpreter", tracing.DEADLINE_S, lambda: recorder.of("info", generation=1, ready=True))
                    self.assertEqual(held(recorder.tracer(), "link") - before, -3 if first == FREE[0] else 3)
                    recorder.end()


@unittest.skipIf(CANNOT, CANNOT)
class WithGil(unittest.TestCase):
    def test_waits_for_locks_are_not_waits_for_the_gil(self):
        """PyThread_type_lock is a semaphore, and nothing of a GIL's."""
        for python in tracing.interpreters():
            with self.subTest(python), program("free_threads.py", python, "naps") as it:
                hello = it.answer()
                with Recorder(it.process.pid) as recorder:
                    said = it.ask("1")
                    told = recorder.end()
                it.end()
                self.assertEqual((told.locks, told.spins), ([], []))
                waited = by_thread(told.waits, lambda r: r["on_ns"] - r["off_ns"])
                for a in said["accounts"]:
                    self.assertLess(waited[a["tid"]], 0.5 * a["asleep_ns"])

    def test_interpreters_with_gils_of_their_own(self):
        """Each pair waits for its own GIL, and because of its own threads."""
        tried = 0
        for python in tracing.interpreters():
            if tracing.version_of(python) < (3, 12):
                continue
            tried += 1
            with self.subTest(python), program("own_gils.py", python) as it:
                pairs = [set(tids) for tids in it.answer()["tids"].values()]
                with Recorder(it.process.pid) as recorder:
                    # 3.12 runs code with the thread state, in which is the number, of who made the interpreter: whose it is
                    # shows when the thread lets go for the first time
                    wait_for("both pairs wait, because of somebody and at a line", tracing.DEADLINE_S, lambda: all(
                        len([r for r in recorder.of("wait") if r["tid"] in pair and r["holder"] in pair - {r["tid"]}]) > 20
                        for pair in pairs))
                    told = recorder.end()
                gils = []
                for pair in pairs:
                    mine = [r for r in told.waits if r["tid"] in pair]
                    gils.append({r["gil"] for r in mine})
                    self.assertLessEqual({r["waker"] for r in mine}, pair | {0})
                    self.assertLessEqual({r["holder"] for r in mine}, pair | {0})
                    late = mine[len(mine) // 2:]
                    self.assertEqual([r for r in late if not told.functions(r)], [])
                self.assertEqual([len(g) for g in gils], [1, 1], "a thread waits for the GIL of its interpreter")
                self.assertNotEqual(*gils)
        if not tried:
            self.skipTest("no interpreter >= 3.12")
