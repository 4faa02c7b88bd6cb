"""How true traces are: against the clock inside the program, against another tool's record, against what was planted."""
import collections
import json
import os
import signal
import statistics
import subprocess
import time

import tools
from cost import python_with_symbols
from measuring import Work, off_cpu, row
from planted import LIBRARY, PYTHONS, Planted, right, stolen_ns, thread
from tracing import BUILD, Lines, tool

HERE = os.path.dirname(os.path.abspath(__file__))


def against_clock(service, quick):
    """Strict hand-offs; every thread's waits are timed inside. Threads are on processors of their own."""
    worst, residuals, each, disturbed = [], [], {}, 0
    with Work() as work:
        work.do("handoff", n=20, hold_ns=100_000)
        for hold_ns in (100_000, 300_000, 1_000_000, 3_000_000):
            for _ in range(2 if quick else 8):
                stolen = stolen_ns()
                said, d = service.around(work.pid, lambda h=hold_ns: work.do("handoff", n=max(20, int(100e6 / h)), hold_ns=h))
                if stolen_ns() != stolen:
                    disturbed += 1  # the hypervisor took a processor meanwhile: no clock inside can tell
                    continue
                for r in said["roles"]:
                    t = thread(d, r["tid"])
                    worst.append(abs(r["waited_ns"] - t["wait_ns"]) / max(0.03 * r["waited_ns"], 3000 * t["waits"]))
                    residuals.append((r["waited_ns"] - t["wait_ns"]) / max(1, t["waits"]))
        for hold_ns in (2_000, 5_000, 10_000, 20_000, 50_000, 100_000):
            for _ in range(2 if quick else 8):
                said, d = service.around(work.pid, lambda h=hold_ns: work.do("handoff", n=1000, hold_ns=h))
                for r in said["roles"]:
                    t = thread(d, r["tid"])
                    if t["waits"] > r["asked"] / 2:
                        each.setdefault(hold_ns, []).append((r["waited_ns"] - t["wait_ns"]) / t["waits"])
    if worst:
        row("total per thread against a clock inside the program, hold sections 0.1–3 ms", "within max(3 %, 3 µs × sleeps)",
            f"{sum(w <= 1 for w in worst)} of {len(worst)} thread-batches, the worst at {max(worst):.2f} of the bar; median residual "
            f"{statistics.median(residuals) / 1000:.2f} µs per sleep; left out: {disturbed} batches during which the hypervisor took processors",
            max(worst) <= 1)
    else:
        row("total per thread against a clock inside the program", "within max(3 %, 3 µs × sleeps)", "the hypervisor took processors in every batch", None)
    median = statistics.median(x for xs in each.values() for x in xs)
    row("the same, hold sections 2–100 µs: residual per sleep", "median ≤ 5 µs",
        f"{median / 1000:.2f} µs (" + ", ".join(f"{h / 1000:.0f} µs: {statistics.median(xs) / 1000:.2f}" for h, xs in sorted(each.items())) + ")", median <= 5000)


def against_perf(service, quick):
    what, bar = "the same against that thread's raw sched events, recorded by perf", "≤ 0.5 %"
    if not tool("perf"):
        row(what, bar, "perf is not installed", None)
        return
    data = os.path.join(BUILD, "bench", "trace-perf.data")
    errors, unfinished, compared = [], 0, 0
    with Work() as work:
        work.do("handoff", n=20, hold_ns=100_000)
        for hold_ns in (20_000, 200_000) * (1 if quick else 4):
            perf = subprocess.Popen([tool("perf"), "record", "-q", "-k", "CLOCK_MONOTONIC", "-e", "sched:sched_switch", "-a", "-m", "1024", "-o", data],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                while not (os.path.exists(data) and os.path.getsize(data) > 0) and perf.poll() is None:
                    time.sleep(0.05)
                time.sleep(1)
                said, d = service.around(work.pid, lambda h=hold_ns: work.do("handoff", n=1000, hold_ns=h))
            finally:
                perf.send_signal(signal.SIGINT)
                perf.wait()
            roles = {r["tid"]: r for r in said["roles"]}
            raw = off_cpu(data, roles, {t: (r["begin_ns"], r["end_ns"]) for t, r in roles.items()})
            os.unlink(data)
            for t, (ns, sleeps, lacking) in raw.items():
                unfinished += lacking
                compared += sleeps
                if not lacking and sleeps:
                    errors.append(abs(ns - thread(d, t)["wait_ns"]) / ns)
    if errors:
        row(f"{what}, {compared} sleeps", bar, f"median {statistics.median(errors):.3%}, worst {max(errors):.3%} of {len(errors)} thread-batches; left out: "
            f"batches in which perf itself lacked a switch ({unfinished} sleeps)", max(errors) <= 0.005)
    else:
        row(what, bar, f"no batch complete in perf's record ({unfinished} switches missing)", None)


def held_share(service, quick):
    """And what the peers say of the same processes."""
    seconds = 2 if quick else 5
    worst, told = 0, []
    for python in PYTHONS if not quick else PYTHONS[:2]:
        for share in (0.1, 0.5, 0.9):
            with Planted(python, "busy", share) as program:
                d = service.over(program.pid, seconds)
                true = sum(program.account(d["end_mono_ns"]).held(d["start_mono_ns"], d["end_mono_ns"]).values()) / (d["end_mono_ns"] - d["start_mono_ns"])
                (gil,) = d["gils"]
                worst = max(worst, abs(gil["held_share"] - true))
                told.append(f"{true:.3f} → {gil['held_share']:.3f}")
    row("held share 10/50/90 % recovered, nobody waiting", "± 1 percentage point", f"worst {worst * 100:.2f} points ({'; '.join(told)})", worst <= 0.01)
    try:
        python = tools.environment(python_with_symbols()[0])
    except tools.Unavailable as e:
        row("held share, the peers", "beside", f"not here: {e}", None)
        return
    told = []
    with Work(python) as work:
        for hold_ns, free_ns in ((1_000_000, 9_000_000), (5_000_000, 5_000_000), (9_000_000, 1_000_000)):
            def load(h=hold_ns, f=free_ns):
                return work.do("duty", hold_ns=h, free_ns=f, seconds=seconds)["held_share"]
            work.do("calls", n=10)  # the last holder of the GIL lives
            true, d = service.around(work.pid, load)
            ours = sum(t["hold_ns"] for t in d["threads"]) / (seconds * 1e9)
            spy = tools.PySpy(work, python)
            spy.on(seconds)
            true_spy = load()
            of_spy = spy.samples() / (1000 * seconds)
            knocked = []
            for micros in (1000, 100):
                knocker = tools.Knocker(work, micros)
                knocker.on()
                true_knocker = load()
                knocked.append(f"{knocker.off():.2f} of {true_knocker:.2f} at {micros / 1000:g} ms")
            told.append(f"benchd {ours:.3f} of {true:.3f}, py-spy {of_spy:.2f} of {true_spy:.2f}, gilknocker {', '.join(knocked)}")
    row("held share, said of true, beside the peers", "beside", "; ".join(told), None)


def invented(service, quick):
    seconds = 2 if quick else 5
    waits = ns = 0
    for python in PYTHONS:
        with Planted(python, "alone") as program:
            d = service.over(program.pid, seconds)
            waits, ns = waits + d["waits"], ns + d["wait_ns"]
    row(f"wait invented for a program with one thread, {len(PYTHONS)} interpreters, {seconds} s each", "0", f"{waits} waits, {ns} ns", waits == 0 and ns == 0)
    python, library = python_with_symbols()
    try:
        with Work(python) as work:
            uprobes = tools.Uprobes(work, library)
            uprobes.on()
            begun = time.monotonic()
            while time.monotonic() - begun < seconds:
                work.do("calls", n=20000)
            wall = time.monotonic() - begun
            got = uprobes.off()
            row("the same by bpftrace uprobes on take_gil", "beside", f"{sum(got.values()) / 1e9 / wall:.3f} s per second", None)
    except tools.Unavailable as e:
        row("the same by bpftrace uprobes on take_gil", "beside", f"not here: {e}", None)


KINDS = {"culprit": "native call", "several": "four lines, a generator, a method", "pure": "pure Python", "asleep": "asleep in a system call",
         "changes": "two that hand over", "foreign": "a thread of C that calls in", "churn": "code objects that live for one call"}


def by_function(document, program):
    """The same as right(), by thread and function alone: of code that is gone its name is what may be left."""
    start, end = document["start_mono_ns"], document["end_mono_ns"]
    truth, told = collections.Counter(), collections.Counter()
    account = program.account(end)
    for (tid, what), ns in account.blocked(list(account.waits), start, end).items():
        truth[tid, program.what[what]["function"]] += ns
    for line in document["lines"]:
        if line["role"] == "holder":
            told[line["tid"], line["function"]] += line["ns"]
    return sum(min(ns, told[k]) for k, ns in truth.items() if k in told) / max(1, sum(truth.values()))


def blamed(service, quick):
    seconds = 3 if quick else 10
    for kind, what in KINDS.items():
        shares, functions, lineless, unresolved, wrong = [], [], [], [], []
        for python in (PYTHONS[:1] if quick else PYTHONS):
            with Planted(python, kind) as program:
                d = service.over(program.pid, seconds)
                share, others = right(d, program)
                shares.append(share)
                functions.append(by_function(d, program))
                lineless.append(1 - sum(t["holder_ns"] for t in d["threads"]) / max(1, d["wait_ns"]))
                total = sum(line["ns"] for line in d["lines"] if line["role"] == "holder")
                unresolved.append(d["unresolved_ns"] / max(1, d["wait_ns"]))
                wrong.append(sum(ns for place, ns in others.items() if place[1] is not None) / max(1, total))
        row(f"blocker, function, file, line and native function right, of wait time: {what}", "≥ 99 %" if kind != "churn" else "–",
            f"{min(shares):.2%} the worst, {statistics.median(shares):.2%} the median of {len(shares)} interpreters; function alone {min(functions):.2%} the "
            f"worst; unresolved {max(unresolved):.2%}, not waited for a holder but a processor or the inner mutex {max(lineless):.2%}, at another named place {max(wrong):.2%}", min(shares) >= 0.99 if kind != "churn" else None)


class Paced(Lines):
    def __init__(self):
        super().__init__([tools.PYTHON, os.path.join(HERE, "paced.py"), LIBRARY])
        self.pid = self.answer()["pid"]

    def do(self, **more):
        return self.ask(json.dumps(more))


def lost(service, quick):
    """Sleeps of a known rate on words of the GIL that nobody uses meanwhile: each is a wait like any other."""
    seconds = 2 if quick else 10
    with Paced() as program:
        _, d = service.around(program.pid, lambda: time.sleep(0.3))
        (gil,) = d["gils"]
        word = int(gil["address"], 16) + 120  # switch_cond: waited on only when a hand-over is forced, here never
        for rate in (50_000, 200_000):
            for part in (1, 0.7, 0):  # of the gap: the machine may take some of it
                said, d = service.around(program.pid, lambda g=int(part * 1e9 / rate): program.do(word=word, gap_ns=g, seconds=seconds, pairs=1))
                true = said["sleeps"] / seconds
                if true >= 0.95 * rate:
                    break
            row(f"lost at {rate:,} waits/s", "0", f"{d['lost']} lost of {said['sleeps']} sleeps at {true / 1000:.0f} k/s by the program's own count; "
                f"{d['waits']} counted, {d['bytes'] / max(1, d['waits']):.1f} bytes each{', truncated' if d['truncated'] else ''}",
                d["lost"] == 0 and d["waits"] >= said["sleeps"] and true >= 0.95 * rate)
