#!/usr/bin/env python3
"""What the tracer costs and how true it is: prints one Markdown table. Needs root (BPF statistics) and two processors.

    bench/tracer/run.py [--quick] [--only NAME,…] [BIN]     BIN: folder of the programs (default build/release/bin)
"""
import argparse
import json
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "release")
if len(sys.argv) > 1 and os.path.isdir(sys.argv[-1]):
    BUILD = os.path.dirname(os.path.abspath(sys.argv.pop()))
os.environ["BENCHD_BUILD"] = BUILD
sys.path.insert(0, os.path.join(ROOT, "tests", "tracer"))
from measuring import (LIBRARY, PYTHON, WORK, Work, as_ratio, bpf_statistics, build_library, load, loaded_by, modes,  # noqa: E402
                       off_cpu, print_table, ratio, row)
from tracing import ATTACH, TRACER, Lines, tool  # noqa: E402

PEERS = os.path.join(BUILD, "bench", "peers")
class Tracer(Lines):
    def __init__(self, pid):
        super().__init__([ATTACH, TRACER, str(pid)])
        first = self.answer()
        if "target" not in first:
            sys.exit(f"cannot trace: {first['error']['message']} ({first['error']['hint']})")

    def on(self):
        assert "target" in self.ask("attach")

    def off(self):
        assert "detached" in self.ask("detach")


def paired(pairs, batch, on, off):
    """Ratios traced ÷ untraced of neighbouring batches, in alternating order; a batch gives something per operation."""
    logs, untraced = [], []
    traced_now = True
    for i in range(pairs):
        got = {}
        for want in ((True, False) if i % 2 else (False, True)):
            if want != traced_now:
                (on if want else off)()
                traced_now = want
            batch()  # the first after a change is warm-up
            got[want] = batch()
        logs.append(math.log(got[True] / got[False]))
        untraced.append(got[False])
    if not traced_now:
        on()
    return (*ratio(logs), statistics.median(untraced))


# ---- cost ------------------------------------------------------------------------------------------------------


def ns_per_switch(load, ids):
    before = bpf_statistics(ids)
    load()
    after = bpf_statistics(ids)
    return sum(after[n][0] - before[n][0] for n in ids) / max(1, after["switch"][1] - before["switch"][1])


def empty_programs():
    """Compiles and attaches programs that do nothing."""
    here, out = os.path.dirname(WORK), os.path.join(BUILD, "bench")
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-D__TARGET_ARCH_x86", "-I", os.path.join(ROOT, "probes", "include"),
                    "-c", os.path.join(here, "empty.bpf.c"), "-o", os.path.join(out, "empty.bpf.o")], check=True)
    subprocess.run(["cc", "-O2", os.path.join(here, "empty.c"), "-o", os.path.join(out, "empty"), "-lbpf"], check=True)
    lines = Lines([os.path.join(out, "empty"), os.path.join(out, "empty.bpf.o")])
    lines.answer()
    return lines


def bpf_cost(quick):
    n = 2000 if quick else 4000
    knob = "/proc/sys/kernel/bpf_stats_enabled"
    with open(knob) as f:
        old = f.read()
    with open(knob, "w") as f:
        f.write("1")
    try:
        mine, theirs, nothing = [], [], []
        times = 5 if quick else 15
        with Work() as work:
            tracer, ids = loaded_by(lambda: Tracer(work.pid))
            with tracer:
                work.do("handoff", n=50, hold_ns=5000)
                for _ in range(times):
                    mine.append(ns_per_switch(lambda: work.do("handoff", n=n, hold_ns=5000), ids))
        with Work() as other, Work() as idle:
            tracer, ids = loaded_by(lambda: Tracer(idle.pid))
            empty, empty_ids = loaded_by(empty_programs)
            with tracer, empty:
                other.do("handoff", n=50, hold_ns=5000)
                for _ in range(times):
                    theirs.append(ns_per_switch(lambda: other.do("handoff", n=n, hold_ns=5000), ids))
                    nothing.append(ns_per_switch(lambda: other.do("handoff", n=n, hold_ns=5000), empty_ids))
        mine, theirs, nothing = map(statistics.median, (mine, theirs, nothing))
    finally:
        with open(knob, "w") as f:
            f.write(old)
    row("BPF time per context switch of the traced process", "≤ 500 ns", f"{mine:.0f} ns, of which {nothing:.0f} ns are what empty programs take", mine <= 500)
    row("BPF time per context switch of another process (one that waits in futexes as well)", "≤ 80 ns", f"{theirs:.0f} ns, of which {nothing:.0f} ns are what empty programs take", theirs <= 80)


def uncontended(quick):
    cpu = max(os.sched_getaffinity(0))
    with Work() as work, Tracer(work.pid) as tracer:
        n = max(1000, int(20e6 / work.do("calls", n=20000, cpu=cpu)["ns_per_call"]))
        r = paired(20 if quick else 150, lambda: work.do("calls", n=n, cpu=cpu)["ns_per_call"], tracer.on, tracer.off)
        waits = sum(t["waits"] for t in tracer.ask("read")["threads"])
    row(f"slowdown of an uncontended releasing ctypes call ({r[3]:.0f} ns), one thread, pinned, 20 ms batches", "≤ 1.01×",
        f"{as_ratio(r)}, {waits} waits", r[0] <= 1.01)


def strict(quick):
    for hold_ns in (100_000, 20_000):
        with Work() as work, Tracer(work.pid) as tracer:
            n = int(30e6 / (hold_ns + 15000) / 2)
            r = paired(15 if quick else 100, lambda: work.do("handoff", n=n, hold_ns=hold_ns)["ns_per_turn"], tracer.on, tracer.off)
        main = hold_ns == 100_000
        row(f"slowdown of a strict two-thread hand-off, one every {r[3] / 1000:.0f} µs", "≤ 1.03×" if main else "–", as_ratio(r),
            r[0] <= 1.03 if main else None)


def saturated(quick):
    for threads in (2, 4):
        got = {True: [], False: []}
        with Work() as work, Tracer(work.pid) as tracer:
            traced = True
            for i in range(10 if quick else 50):
                for want in ((True, False) if i % 2 else (False, True)):
                    if want != traced:
                        (tracer.on if want else tracer.off)()
                        traced = want
                    got[want].append(work.do("saturate", threads=threads, seconds=0.1)["calls_per_s"])
        text = "; ".join(f"{'traced' if on else 'untraced'} " + ", ".join(f"{share:.0%} at {rate / 1e6:.2f} M/s" for share, rate in modes(got[on]))
                         for on in (False, True))
        row(f"saturated release/take loops, {threads} threads, 100 ms batches", "–", text, None)


# ---- truth -----------------------------------------------------------------------------------------------------


def by_tid(reading):
    return {t["tid"]: t for t in reading["threads"]}


def against_clock(quick):
    worst, residuals, long_residuals = [], [], []
    with Work() as work, Tracer(work.pid) as tracer:
        work.do("handoff", n=20, hold_ns=100_000)
        for hold_ns in (100_000, 300_000, 1_000_000, 3_000_000):
            for _ in range(3 if quick else 12):
                tracer.ask("read")
                said = work.do("handoff", n=max(20, int(100e6 / hold_ns)), hold_ns=hold_ns)
                traced = by_tid(tracer.ask("read"))
                for r in said["roles"]:
                    t = traced[r["tid"]]
                    allowed = max(0.03 * r["waited_ns"], 3000 * t["waits"])
                    worst.append(abs(r["waited_ns"] - t["wait_ns"]) / allowed)
                    long_residuals.append((r["waited_ns"] - t["wait_ns"]) / t["waits"])
        for hold_ns in (2_000, 5_000, 10_000, 20_000, 50_000, 100_000):
            for _ in range(3 if quick else 12):
                tracer.ask("read")
                said = work.do("handoff", n=1000, hold_ns=hold_ns)
                traced = by_tid(tracer.ask("read"))
                for r in said["roles"]:
                    t = traced.get(r["tid"])
                    if t and t["waits"] > r["asked"] / 2:
                        residuals.append((hold_ns, (r["waited_ns"] - t["wait_ns"]) / t["waits"]))
    within = sum(w <= 1 for w in worst)
    row("traced total per thread against a clock inside the workload, hold sections 0.1–3 ms", "within max(3 %, 3 µs × sleeps)",
        f"{within} of {len(worst)} thread-batches; median residual {statistics.median(long_residuals) / 1000:.2f} µs per sleep, worst {max(worst):.2f} of the bar",
        within == len(worst))
    each = ", ".join(f"{h / 1000:.0f} µs: {statistics.median(x for g, x in residuals if g == h) / 1000:.2f}"
                     for h in sorted({h for h, _ in residuals}))
    median = statistics.median(x for _, x in residuals)
    row("the same, hold sections 2–100 µs: residual per sleep", "median ≤ 5 µs", f"{median / 1000:.2f} µs (by section: {each})", median <= 5000)


def against_perf(quick):
    if not tool("perf"):
        row("traced total against raw sched events", "≤ 0.5 %", "perf is not installed", None)
        return
    errors, unfinished, compared = [], 0, 0
    with Work() as work, Tracer(work.pid) as tracer:
        work.do("handoff", n=20, hold_ns=100_000)
        for hold_ns in (20_000, 200_000) * (1 if quick else 4):
            data = os.path.join(BUILD, "bench", "perf.data")
            perf = subprocess.Popen([tool("perf"), "record", "-q", "-k", "CLOCK_MONOTONIC", "-e", "sched:sched_switch", "-a", "-m", "1024",
                                     "-o", data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                while not (os.path.exists(data) and os.path.getsize(data) > 0) and perf.poll() is None:
                    time.sleep(0.05)
                time.sleep(1)
                tracer.ask("read")
                said = work.do("handoff", n=2000, hold_ns=hold_ns)
                traced = by_tid(tracer.ask("read"))
            finally:
                perf.send_signal(signal.SIGINT)
                perf.wait()
            tids = {r["tid"]: r for r in said["roles"]}
            raw = off_cpu(data, tids, {t: (r["begin_ns"], r["end_ns"]) for t, r in tids.items()})
            os.unlink(data)
            for t, (ns, sleeps, lacking) in raw.items():
                unfinished += lacking
                compared += sleeps
                if not lacking and sleeps:
                    errors.append(abs(ns - traced[t]["wait_ns"]) / ns)
    if errors:
        row(f"the same against that thread's raw sched events (perf), {compared} sleeps", "≤ 0.5 %",
            f"median {statistics.median(errors):.3%}, worst {max(errors):.3%} of {len(errors)} thread-batches; left out: batches where perf "
            f"itself lacked a switch ({unfinished} sleeps)", max(errors) <= 0.005)
    else:
        row("the same against that thread's raw sched events (perf)", "≤ 0.5 %", f"no batch complete in perf's record ({unfinished} switches missing)", None)


def flooded(quick):
    with Work() as work, Tracer(work.pid) as tracer:
        (gil,) = tracer.ask("gils")["gils"]
        word = gil["address"] + gil["size"] - 88  # switch_cond: only waited on when a hand-over is forced, here never
        best = (0,)
        for pairs in (1, 2, 4):
            tracer.ask("read")
            seconds = 0.5 if quick else 3
            slept = work.do("flood", word=word, pairs=pairs, seconds=seconds)["sleeps"]
            reading = tracer.ask("read")
            waits = sum(t["waits"] for t in reading["threads"])
            best = max(best, (slept / seconds, slept, waits, reading["lost"], 2 * pairs))
    rate, slept, waits, lost, threads = best
    row("lost at 200,000 waits/s (threads that wake each other on inner words of the GIL)", "0 at ≥ 200,000/s",
        f"{rate / 1000:.0f} k sleeps/s with {threads} threads: {slept} by the kernel's own count, {waits} counted as waits, lost {lost}",
        rate >= 200_000 and lost == 0 and waits >= slept)


# ---- peers -----------------------------------------------------------------------------------------------------


def peers(quick):
    pip = os.path.join(PEERS, "bin", "pip")
    if not os.path.exists(pip):
        subprocess.run([PYTHON, "-m", "venv", PEERS], check=False)
    subprocess.run([pip, "install", "-q", "--disable-pip-version-check", "py-spy", "gilknocker"], check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    spy = os.path.join(PEERS, "bin", "py-spy")
    python = os.path.join(PEERS, "bin", "python3")
    if not os.path.exists(spy):
        row("py-spy --gil and gilknocker", "beside ours", "not installable here", None)
        return
    cpu = max(os.sched_getaffinity(0))
    raw = os.path.join(BUILD, "bench", "spy.raw")
    running = []

    def spy_on(pid, seconds=None):
        argv = [spy, "record", "--gil", "-r", "1000", "-f", "raw", "-o", raw, "-p", str(pid), "--nolineno"]
        p = subprocess.Popen(argv + (["-d", str(seconds)] if seconds else ["-d", "600"]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        p.stdout.readline()  # it says so when it samples
        running.append(p)

    def spy_off():
        p = running.pop()
        p.send_signal(signal.SIGINT)
        p.communicate()

    n_pairs = 4 if quick else 25
    with Work(python) as work:
        n = max(1000, int(100e6 / work.do("calls", n=20000, cpu=cpu)["ns_per_call"]))

        def one():
            return work.do("calls", n=n, cpu=cpu)["ns_per_call"]

        spy_on(work.pid)
        of_spy = paired(n_pairs, one, lambda: spy_on(work.pid), spy_off)
        spy_off()
        work.do("knock", on=True)
        of_knocker = paired(n_pairs, one, lambda: work.do("knock", on=True), lambda: work.do("knock", on=False))
        work.do("knock", on=False)
        work.do("calls", n=10)  # the last holder of the GIL lives
        with Tracer(work.pid) as tracer:
            of_ours = paired(n_pairs, one, tracer.on, tracer.off)
    row("slowdown of the uncontended call beside the peers (100 ms batches)", "beside ours",
        f"bench-tracer {of_ours[0]:.3f}×, py-spy --gil at 1000 Hz {of_spy[0]:.3f}×, gilknocker (1 ms polling) {of_knocker[0]:.3f}×", None)

    # true waiting: two threads that alternate strictly; everything is known by the clock inside
    told = []
    seconds = 2 if quick else 5
    for hold_ns, free_ns in ((1_000_000, 9_000_000), (5_000_000, 5_000_000)):
        with Work(python) as work:
            spy_on(work.pid, seconds)
            truth = work.do("duty", hold_ns=hold_ns, free_ns=free_ns, seconds=seconds)["held_share"]
            running.pop().communicate()
            with open(raw) as f:
                samples = sum(int(line.rsplit(" ", 1)[1]) for line in f if line.strip())
            work.do("knock", on=True)
            truth_2 = work.do("duty", hold_ns=hold_ns, free_ns=free_ns, seconds=seconds)["held_share"]
            metric = work.do("knock", on=False)["metric"]
        told.append(f"held {truth:.2f}: py-spy {samples / (1000 * seconds):.2f}; held {truth_2:.2f}: gilknocker {metric:.2f}")
    row("what the peers say of a GIL held for a known share (counters say nothing of holding, see level events)", "beside ours", "; ".join(told), None)

    with Work(python) as work, Tracer(work.pid) as tracer:
        work.do("handoff", n=20, hold_ns=200_000)
        tracer.ask("read")
        said = work.do("handoff", n=2000, hold_ns=200_000)
        traced = by_tid(tracer.ask("read"))
        true = sum(r["waited_ns"] for r in said["roles"])
        ours = sum(traced[r["tid"]]["wait_ns"] for r in said["roles"])
        wall = max(r["end_ns"] for r in said["roles"]) - min(r["begin_ns"] for r in said["roles"])
        work.do("knock", on=True)
        again = work.do("handoff", n=2000, hold_ns=200_000)
        metric = work.do("knock", on=False)["metric"]
        true_2 = sum(r["waited_ns"] for r in again["roles"])
        wall_2 = max(r["end_ns"] for r in again["roles"]) - min(r["begin_ns"] for r in again["roles"])
    row("waiting of two threads that alternate every 0.2 ms", "beside ours",
        f"clock {true / wall:.3f} s/s, bench-tracer {ours / wall:.3f} (error {abs(ours - true) / true:.2%}); "
        f"clock {true_2 / wall_2:.3f}, gilknocker's metric {metric:.3f}; py-spy does not measure waiting", None)


BENCHES = {"bpf": bpf_cost, "uncontended": uncontended, "strict": strict, "saturated": saturated, "clock": against_clock,
           "perf": against_perf, "lost": flooded, "peers": peers}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--quick", action="store_true")
    p.add_argument("--only", default=",".join(BENCHES))
    a = p.parse_args()
    if os.geteuid() != 0 or len(os.sched_getaffinity(0)) < 2:
        sys.exit("bench tracer: needs root and two processors")
    build_library()
    before = load()
    for name in a.only.split(","):
        BENCHES[name](a.quick)
    after = load()
    print(f"Linux {os.uname().release}, {len(os.sched_getaffinity(0))} processors, load before {before}, after {after}, CPython "
          f"{subprocess.run([PYTHON, '-V'], stdout=subprocess.PIPE, text=True).stdout.split()[1]}\n")
    print_table()


if __name__ == "__main__":
    main()
