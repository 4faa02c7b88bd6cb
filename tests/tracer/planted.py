"""Shared by the tests of traces: planted programs, their own account of what happened, and traces of them."""
import bisect
import collections
import json
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import tracing
from tracing import BUILD, HERE, TESTS, Lines

sys.path.insert(0, os.path.join(TESTS, "http"))
from daemon import children, environment, wait_for  # noqa: E402,F401 (the path comes first)

BENCHCTL = os.path.join(BUILD, "bin", "benchctl")
LIBRARY = os.path.join(BUILD, "tests", "tracer_culprit.so")
PROGRAM = os.path.join(HERE, "culprits.py")
WAITED, STALLED = -1, -2
ENTRY = struct.Struct("<qqiiq")
HEAD = 32


class Account:
    """What a planted program wrote down of itself."""

    def __init__(self, path):
        with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            used, capacity = struct.unpack_from("<qq", m)
            entries = [ENTRY.unpack_from(m, HEAD + i * ENTRY.size) for i in range(min(used, capacity))]
        self.waits, self.holds = collections.defaultdict(list), []
        for begin, end, tid, what, complete in entries:
            if not complete:
                continue  # it was killed in the middle of this one
            if what < 0:
                self.waits[tid].append((begin, end))
            else:
                self.holds.append((begin, end, tid, what))
        self.holds.sort()  # they cannot overlap: there is one GIL
        self.begins = [h[0] for h in self.holds]

    @staticmethod
    def cut(spans, start, end):
        return [(max(b, start), min(e, end)) for b, e in spans if b < end and e > start]

    def wait_ns(self, tid, start, end):
        """(total, number of waits) of a thread between two times."""
        spans = self.cut(self.waits[tid], start, end)
        return sum(e - b for b, e in spans), len(spans)

    def held(self, start, end):
        """{(tid, what): ns} between two times."""
        out = collections.Counter()
        for b, e, tid, what in self.holds[max(0, bisect.bisect(self.begins, start) - 1):]:
            if b >= end:
                break
            out[tid, what] += max(0, min(e, end) - max(b, start))
        return +out

    def blocked(self, waiters, start, end):
        """{(tid, what): ns} that these threads waited while that was held."""
        out = collections.Counter()
        for waiter in waiters:
            for b, e in self.cut(self.waits[waiter], start, end):
                out.update(self.held(b, e))
        return out


def stolen_ns():
    """What the hypervisor took of this machine's processors so far."""
    with open("/proc/stat", encoding="ascii") as f:
        return int(f.readline().split()[8]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Planted(Lines):
    """culprits.py of one kind, running. With a prefix that does not exec (unshare --fork) the process is a descendant, and its
    thread numbers are those it sees itself."""

    def __init__(self, python, kind, *numbers, prefix=(), library=LIBRARY, program=PROGRAM, folder=None, inside=None, **more):
        self.folder = folder or tempfile.mkdtemp(prefix="bd-planted-")
        self.path = os.path.join(self.folder, "account")
        super().__init__([*prefix, python, program, library, inside or self.path, kind, *map(str, numbers)], **more)
        try:
            self.said = self.answer()
        except BaseException:
            self.__exit__()
            raise
        self.tids = self.said["tids"]
        self.names = {tid: name for name, tid in self.tids.items()}
        self.what = {int(k): v for k, v in self.said["what"].items()}
        self.pid = self.inner(self.process.pid)
        self.outer = {own_number(f"/proc/{self.pid}/task/{t}"): int(t) for t in os.listdir(f"/proc/{self.pid}/task")}

    def inner(self, pid):
        """The one that says of itself what the program said."""
        found = [p for p in {pid} | children(pid) if own_number(f"/proc/{p}") == self.said["pid"]]
        assert len(found) == 1, found
        return found[0]

    def account(self, until=0):
        """What is in it so far; with a time, once everything up to then is: what goes on is written down when it ends."""
        def whole():
            account = Account(self.path)
            last = [spans[-1][0] for spans in account.waits.values()] + account.begins[-1:]
            return account if min(last, default=until) >= until or self.process.poll() is not None else None

        return wait_for("an account of all that time", 60, whole)

    def disturbed_ns(self, tid):
        """How long a thread was kept from running so far, by other threads or, at most, from outside this machine."""
        with open(f"/proc/{self.pid}/task/{self.outer[tid]}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[1]) + stolen_ns()

    def stick(self):
        """One of kind "stuck": until its thread of that name sleeps with the GIL, for good."""
        open(f"{self.path}.stick", "w").close()
        folder, seen = f"/proc/{self.pid}/task/{self.outer[self.tids['stuck']]}", []

        def asleep():
            with open(f"{folder}/schedstat", encoding="ascii") as f, open(f"{folder}/syscall", encoding="ascii") as s:
                seen.append((f.read(), s.read()))
            time.sleep(0.02)  # it would have run ten times
            return len(seen) > 1 and seen[-1] == seen[-2] and seen[-1][1] != "running\n"

        wait_for("the culprit to be stuck", 60, asleep)

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)


def own_number(folder):
    """The number of a process or thread in its own namespace."""
    with open(f"{folder}/status", encoding="utf-8", errors="replace") as f:
        return next(int(line.split()[-1]) for line in f if line.startswith("NSpid:"))


class Home:
    """A data folder of one's own and benchctl in it; its daemon is stopped at the end."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="bd-trace-")

    def env(self, **more):
        return environment(self.path, TERM="dumb", **more)

    def popen(self, *args, prefix=(), **more):
        more.setdefault("env", self.env())
        return subprocess.Popen([*prefix, BENCHCTL, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, encoding="utf-8", **more)

    def ctl(self, *args, timeout=120, **more):
        """(exit status, stdout, stderr)"""
        p = self.popen(*args, **more)
        try:
            out, err = p.communicate(timeout=timeout)
        finally:
            if p.poll() is None:
                p.kill()
                p.communicate()
        return p.returncode, out, err

    def trace(self, *args, **more):
        """The document of a trace that has to succeed."""
        status, out, err = self.ctl("trace", "--json", *map(str, args), **more)
        assert status == 0, f"benchctl trace {args}: exit {status}\n{out}\n{err}"
        return json.loads(out)

    def close(self):
        subprocess.run([BENCHCTL, "daemon", "stop", "--force"], env=self.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=60, check=False)
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def thread(document, tid):
    """A thread of a document; one that never waited need not be there."""
    found = [t for t in document["threads"] if t["tid"] == tid]
    assert len(found) <= 1, document["threads"]
    return found[0] if found else {"tid": tid, "wait_ns": 0, "waits": 0, "runqueue_ns": 0, "hold_ns": 0}


def key(tid, place):
    return (tid, place["function"], place["file"], place["line"], place["native"])


def right(document, program, waiters=None, native=True):
    """(share of the wait time whose blocker, function, file, line and native function are those of the account; {wrong: ns}).
    Both sides are sums over the trace's own window: what the document has at a place beyond what the account has there
    is wrong. Only waits in planted sections have a known truth; the ways between them have none."""
    start, end = document["start_mono_ns"], document["end_mono_ns"]
    account = program.account(end)
    truth = collections.Counter()
    for (tid, what), ns in account.blocked(waiters or list(account.waits), start, end).items():
        truth[key(tid, program.what[what])] += ns
    told = collections.Counter()
    for line in document["lines"]:
        if line["role"] == "holder":
            told[key(line["tid"], line)] += line["ns"]
    if not native:
        truth, told = ({k: ns for k, ns in _without_native(c).items()} for c in (truth, told))
    total = sum(truth.values())
    hit = sum(min(ns, told[k]) for k, ns in truth.items() if k in told)
    return hit / max(1, total), {k: ns - truth.get(k, 0) for k, ns in told.items() if ns > truth.get(k, 0)}


def _without_native(counter):
    out = collections.Counter()
    for k, ns in counter.items():
        out[k[:-1]] += ns
    return out


def allowed_ns(own_ns, sleeps, disturbed_ns=0):
    """By how much a traced total may differ from a clock inside the program: system call entry, switch-in and relock are in
    the program's gaps but are not waiting; and what others took of the processor looks like waiting from inside."""
    return max(0.03 * own_ns, 3000 * sleeps) + disturbed_ns


def agrees(document, program, tid, disturbed_ns):
    """None, or how a thread's total differs from its own account of the same time by more than is allowed."""
    own, n = program.account(document["end_mono_ns"]).wait_ns(tid, document["start_mono_ns"], document["end_mono_ns"])
    told = thread(document, tid)
    # what stood in a run queue inside its waits is in both
    allowed = allowed_ns(own, n, max(0, disturbed_ns - told["runqueue_ns"]))
    if abs(own - told["wait_ns"]) <= allowed:
        return None
    return f"{program.names[tid]} waited {own / 1e9:.4f} s in {n} waits by its own clock, {told['wait_ns'] / 1e9:.4f} s in {told['waits']} " \
           f"by the trace; {allowed / 1e9:.4f} s are allowed"


def traced(home, program, seconds, *more):
    """A trace of a planted program, and what others took from each of its threads meanwhile: (document, {tid: ns})."""
    before = {t: program.disturbed_ns(t) for t in program.tids.values()}
    document = home.trace("--pid", program.pid, "--seconds", seconds, *more)
    return document, {t: program.disturbed_ns(t) - before[t] for t in before}


def tracers(pid):
    """The tracers that a process has started."""
    found = []
    for child in children(pid):
        try:
            if os.path.basename(os.readlink(f"/proc/{child}/exe")) == "bench-tracer":
                found.append(child)
        except OSError:
            pass
    return found


def programs_of(pid):
    """Ids of the BPF programs a process holds, itself or by what attaches them."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
                found.update(int(line.split()[1]) for line in f if line.startswith("prog_id:"))
        except OSError:
            pass  # closed meanwhile
    return found


def mono_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


CANNOT = tracing.cannot_trace()
PYTHONS = [] if CANNOT else tracing.interpreters()
