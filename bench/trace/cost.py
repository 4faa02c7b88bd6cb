"""What watching costs: every tool on the same process, in rounds of which each has one batch of every tool in random order."""
import math
import os
import random
import statistics
import subprocess
import time

import tools
from measuring import Work, as_ratio, bpf_statistics, modes, programs, ratio, row
from planted import Planted, programs_of, tracers

PYENV = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
CPU = max(os.sched_getaffinity(0))


def python_with_symbols():
    """(python, its libpython) with a symbol take_gil, for uprobes and peers; else the system's without."""
    for version in ("3.12.1", "3.13.0", "3.11.7"):
        python = os.path.join(PYENV, "versions", version, "bin", "python3")
        library = os.path.join(PYENV, "versions", version, "lib", f"libpython{version.rpartition('.')[0]}.so.1.0")
        if os.path.exists(python) and os.path.exists(library):
            return python, library
    return tools.PYTHON, None


class Group:
    """The tools that can be had, around one process."""

    def __init__(self, service, peers=True):
        self.python, library = python_with_symbols()
        self.missing = []
        try:
            self.python = tools.environment(self.python) if peers else self.python
        except tools.Unavailable as e:
            self.missing.append(str(e))
        self.work = Work(self.python)
        self.members = [tools.Nothing(self.work)]
        makers = [lambda: tools.Counters(self.work), lambda: tools.Events(self.work, service)]
        if peers:
            makers.append(lambda: tools.Uprobes(self.work, library))
        if peers and not self.missing:
            makers += [lambda: tools.PySpy(self.work, self.python), lambda: tools.Knocker(self.work, 1000), lambda: tools.Knocker(self.work, 100)]
        for make in makers:
            try:
                self.members.append(make())
            except tools.Unavailable as e:
                self.missing.append(str(e))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for m in self.members:
            m.close()
        self.work.__exit__()

    def rounds(self, n, batch):
        """{name: [figure]}; figures of one place in the lists are neighbours in time."""
        got = {m.name: [] for m in self.members}
        chance = random.Random(7)
        for i in range(n):
            # peers take long to come and go, and a few rounds say what they do
            there = [m for m in self.members if i < 8 or m.name == "untraced" or m.name.startswith("benchd")]
            for m in chance.sample(there, len(there)):
                try:
                    m.on()
                    try:
                        batch()  # the first after a change is warm-up
                        got[m.name].append(batch())
                    finally:
                        m.off()
                except tools.Unavailable as e:
                    self.missing.append(f"{m.name}: {e}")
                    self.members.remove(m)
        return got

    def slowdowns(self, what, bars, n, batch):
        got = self.rounds(n, batch)
        base = got["untraced"]
        told = []
        for name, figures in got.items():
            if name == "untraced":
                continue
            r = ratio([math.log(a / b) for a, b in zip(figures, base)])
            if name in bars:
                row(f"{what}: {name}", f"≤ {bars[name]}×", as_ratio(r), r[0] <= bars[name])
            else:
                told.append(f"{name} {as_ratio(r)}")
        if told or self.missing:
            row(f"{what}: the peers", "beside", "; ".join(told + [f"not here: {m}" for m in self.missing]) or "none", None)
        return statistics.median(base)


def slowdowns(service, quick):
    with Group(service) as group:
        work = group.work
        calls = max(1000, int(20e6 / work.do("calls", n=20000, cpu=CPU)["ns_per_call"]))
        group.slowdowns("slowdown of an uncontended releasing call, one thread, pinned, 20 ms batches", {"benchd counters": 1.01, "benchd events": 1.01},
                        8 if quick else 60, lambda: work.do("calls", n=calls, cpu=CPU)["ns_per_call"])
    with Group(service) as group:
        work = group.work
        turns = int((60e6 if quick else 100e6) / 115_000 / 2)
        group.slowdowns("slowdown of a strict hand-off of two threads, holding 100 µs", {"benchd counters": 1.03, "benchd events": 1.08},
                        8 if quick else 60, lambda: work.do("handoff", n=turns, hold_ns=100_000)["ns_per_turn"])


def uncontended(service, quick):
    """At a real-time priority: nobody else takes its processor, so this can be told on a machine with other work, too."""
    with Group(service, peers=False) as group:
        work = group.work
        os.sched_setscheduler(work.pid, os.SCHED_FIFO, os.sched_param(1))
        calls = max(1000, int(10e6 / work.do("calls", n=20000, cpu=CPU)["ns_per_call"]))
        group.slowdowns("slowdown of an uncontended releasing call at a real-time priority, median of 5 batches of 10 ms",
                        {"benchd counters": 1.01, "benchd events": 1.01}, 10 if quick else 80,
                        lambda: statistics.median(work.do("calls", n=calls, cpu=CPU)["ns_per_call"] for _ in range(5)))


def saturated(service, quick):
    for threads in (2, 4):
        with Group(service) as group:
            got = group.rounds(6 if quick else 30, lambda t=threads: group.work.do("saturate", threads=t, seconds=0.1)["calls_per_s"])
            for name, rates in got.items():
                row(f"saturated release/take loops, {threads} threads: {name}", "–",
                    ", ".join(f"{share:.0%} at {rate / 1e6:.2f} M/s" for share, rate in modes(rates)), None)


def of_tracer(service):
    """{id: name} of the programs that the service's tracers have in the kernel."""
    mine = set().union(*map(programs_of, tracers(service.pid)))
    return {i: p.get("name", "") for i, p in programs().items() if i in mine}


def per_switch(ids, load):
    """BPF ns of all these programs per context switch during load()."""
    switch = next(i for i, name in ids.items() if name.endswith("switch"))
    names = {i: i for i in ids}
    before = bpf_statistics(names)
    load()
    after = bpf_statistics(names)
    return sum(after[i][0] - before[i][0] for i in ids) / max(1, after[switch][1] - before[switch][1])


def kernel(service, quick):
    """The probes' own time, by the kernel's statistics."""
    knob, n = "/proc/sys/kernel/bpf_stats_enabled", 2000 if quick else 4000
    with open(knob, encoding="ascii") as f:
        old = f.read()
    with open(knob, "w", encoding="ascii") as f:
        f.write("1")
    try:
        with Work() as work, Work() as idle:
            work.do("handoff", n=50, hold_ns=5000)
            mine, theirs = [], []
            for pid, figures in ((work.pid, mine), (idle.pid, theirs)):
                trace = service.begin(pid)
                ids = of_tracer(service)
                for _ in range(3 if quick else 10):
                    figures.append(per_switch(ids, lambda: work.do("handoff", n=n, hold_ns=5000)))
                service.stop(trace)
    finally:
        with open(knob, "w", encoding="ascii") as f:
            f.write(old)
    row("BPF time per context switch of the traced process, level events (with both stacks; level counters: `./dev bench tracer`)", "–",
        f"{statistics.median(mine):.0f} ns", None)
    row("BPF time per context switch of another process, level events", "≤ 80 ns", f"{statistics.median(theirs):.0f} ns", statistics.median(theirs) <= 80)


def first_figure(service, quick):
    took = []
    for python in (tools.PYTHON, python_with_symbols()[0]):
        with Planted(python, "culprit") as program:
            for _ in range(5 if quick else 20):
                took.append(service.first_figure_s(program.pid))
    took.sort()
    row("attach to first live figure: from the request to the first snapshot with a wait, over the network interface", "≤ 300 ms",
        f"median {statistics.median(took) * 1000:.0f} ms, worst of {len(took)} {took[-1] * 1000:.0f} ms", took[-1] <= 0.3)


def processor(service, quick):
    """Two threads of which the pace is set until there are about 50,000 waits a second."""
    seconds = 3 if quick else 10
    with Work() as work:
        best = None
        for pad in (0, 2000, 5000, 8000, 11_000, 14_000, 17_000):
            _, d = service.around(work.pid, lambda p=pad: work.do("paired", hold_ns=p, seconds=0.5))
            rate = d["waits"] / 0.5
            if best is None or abs(rate - 50_000) < abs(best[1] - 50_000):
                best = (pad, rate)
        trace = service.begin(work.pid)
        before, _ = service.usage()
        begun = time.monotonic()
        work.do("paired", hold_ns=best[0], seconds=seconds)
        wall = time.monotonic() - begun
        after, rss = service.usage()
        d = service.stop(trace)
    rate, used = d["waits"] / wall, (after - before) / 1e9 / wall
    scaled = used * 50_000 / max(rate, 1)
    row("processor time of benchd and bench-tracer while tracing 50,000 waits/s", "≤ 10 % of one core",
        f"{used:.1%} at {rate / 1000:.1f} k waits/s, {used / max(rate, 1) * 1e6:.2f} µs per wait: {scaled:.1%} at 50 k; {rss / 2**20:.0f} MiB resident; lost {d['lost']}",
        scaled <= 0.10)
    row("stored per wait, at that rate", "≤ 24 bytes", f"{d['bytes'] / max(1, d['waits']):.1f} bytes with definitions, samples and holds; {d['waits']} waits",
        d["bytes"] <= 24 * d["waits"])


def python_version(python):
    return subprocess.run([python, "-V"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[1]
