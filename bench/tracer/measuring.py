"""What the benches of the tracer share: the traced program, statistics, other tools' records, the table."""
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys

from tracing import BUILD, Lines, tool

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.join(HERE, "work.py")
LIBRARY = os.path.join(BUILD, "bench", "tracer_work.so")
PYTHON = "/usr/bin/python3"
rows = []


def row(what, bar, measured, passed):
    rows.append((what, bar, measured, {True: "pass", False: "**missed**", None: "–"}[passed]))
    print(f"  {what}: {measured}", file=sys.stderr, flush=True)


class Work(Lines):
    def __init__(self, python=PYTHON, prefix=()):
        super().__init__([*prefix, python, WORK, LIBRARY])
        self.pid = self.answer()["pid"]

    def do(self, name, **more):
        return self.ask(json.dumps({"do": name, **more}))


def ratio(logs):
    """Median of paired log-ratios, and its 95 % interval by order statistics."""
    logs = sorted(logs)
    n = len(logs)
    k = max(0, int(n / 2 - 0.98 * math.sqrt(n)))
    return math.exp(statistics.median(logs)), math.exp(logs[k]), math.exp(logs[n - 1 - k])


def as_ratio(r):
    return f"{r[0]:.4f}× [{r[1]:.4f}, {r[2]:.4f}]"


def programs():
    out = subprocess.run([tool("bpftool"), "--json", "prog", "show"], stdout=subprocess.PIPE, check=True).stdout
    return {p["id"]: p for p in json.loads(out)}


def loaded_by(start):
    """What start() gives, and {"switch": id, "waking": id} of the programs it loaded (others may trace as well)."""
    before = set(programs())
    it = start()
    new = {p["name"][-6:]: i for i, p in programs().items() if i not in before and p.get("name", "")[-6:] in ("switch", "waking")}
    return it, new


def bpf_statistics(ids):
    all_of_them = programs()
    return {n: (all_of_them[i].get("run_time_ns", 0), all_of_them[i].get("run_cnt", 0)) for n, i in ids.items()}


def modes(rates):
    """Two regimes when the rates fall apart by more than 1.5×, else one: [(share, median)]."""
    logs = sorted(math.log(x) for x in rates)
    gaps = [(b - a, i) for i, (a, b) in enumerate(zip(logs, logs[1:]), 1) if 2 <= i <= len(logs) - 2]
    gap, at = max(gaps)
    parts = [logs[:at], logs[at:]] if statistics.median(logs[at:]) - statistics.median(logs[:at]) > math.log(1.5) and gap > 0.05 else [logs]
    return [(len(p) / len(logs), math.exp(statistics.median(p))) for p in parts]


SWITCH = re.compile(r"\s*(\d+)\.(\d+): +sched:sched_switch: .* prev_pid=(\d+) .* prev_state=(\S+) ==> .* next_pid=(\d+) ")


def off_cpu(path, tids, windows):
    """Time asleep per thread in its window by another tool's record: from a switch out that is not a preemption to the
    next switch in. Where the record lacks the switch in, the sleep cannot be known: (ns, sleeps, sleeps without end)."""
    text = subprocess.run([tool("perf"), "script", "-i", path, "--ns", "-F", "time,event,trace"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=True).stdout
    total = {t: [0, 0, 0] for t in tids}
    out = {}
    for line in text.splitlines():
        m = SWITCH.match(line)
        if not m:
            continue
        at, prev, state, following = int(m[1]) * 10**9 + int(m[2]), int(m[3]), m[4], int(m[5])
        if prev in total and windows[prev][0] <= at <= windows[prev][1]:
            if prev in out:
                total[prev][2] += 1
                del out[prev]
            if not state.startswith("R"):
                out[prev] = at
        if following in out:
            total[following][0] += at - out.pop(following)
            total[following][1] += 1
    return total


def build_library():
    os.makedirs(os.path.dirname(LIBRARY), exist_ok=True)
    subprocess.run([shutil.which("cc") or "gcc", "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC", os.path.join(HERE, "work.c"), "-o", LIBRARY], check=True)


def load():
    with open("/proc/loadavg", encoding="ascii") as f:
        return f.read().split()[0]


def print_table():
    print("| what | bar | measured | |\n|---|---|---|---|")
    for r in rows:
        print("| " + " | ".join(r) + " |")
