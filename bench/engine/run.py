#!/usr/bin/env python3
"""Figures of the engine, with the other runners beside: `./dev bench engine`. Prints Markdown tables.

    bench/engine/run.py [options] BIN      BIN: folder of the programs

  --pairs N        pairs of benchd for each workload and condition (default 3)
  --peer-pairs N   of pyperf --fast, pytest-benchmark and hyperfine beside them (default 1; of pyperf's default, which
                   takes half a minute, only with workload a and no load)
  --minutes M      begins nothing new after that (default 14)
  --workloads a,b  of a, b, c (default all)
  --only ROW,…     of suite, start, recompute, caller, plan, alarms, coverage, power, smallest, precision
  --resume FILE    adds to the records of this file, and shows all of them; without it the file is new
  --show FILE      measures nothing: the table of these records

One pair of benchd, one of each peer, and again, condition after condition: all see the same machine. Truths, see
workloads.py. A load runs only inside its own condition and ends with it."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import figures  # noqa: E402
import load  # noqa: E402
import ours  # noqa: E402
import peers  # noqa: E402
import table  # noqa: E402
import workloads  # noqa: E402

PYTHON = "/usr/bin/python3"
FIGURES = ("suite", "start", "recompute", "caller", "plan")
FAILURES = 5  # in a row
PAIRED = ("alarms", "coverage", "power", "smallest", "precision")


class Records:
    """Appended one by one and kept on the disk, so that what was measured stays whatever happens."""

    def __init__(self, path):
        self.path, self.all = path, table.read(path)
        self.file = open(path, "ab")  # noqa: SIM115 (as long as this object)
        with open(path, "rb") as f:  # a line that was cut short is none
            self.file.truncate(f.read().rfind(b"\n") + 1)

    def add(self, **record):
        self.all.append(record)
        self.file.write((json.dumps(record) + "\n").encode())
        self.file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def figure(self, name, value):
        self.add(kind="figure", name=name, value=value)

    def lacking(self, name, reason):
        self.add(kind="figure_missing", name=name, reason=reason)


def say(text):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def conditions(rows, chosen):
    """[(workload, nominal effect, load, purpose, whether peers are beside)] that the rows need, each once."""
    wanted = []
    for w in chosen:
        if {"alarms", "coverage"} & rows:
            wanted.append((w, 0.0, False, "verdict", "alarms" in rows))
        if "alarms" in rows:
            wanted.append((w, 0.0, True, "verdict", True))
        if {"power", "coverage"} & rows:
            wanted.append((w, 0.02, False, "verdict", "power" in rows))
        if "coverage" in rows:
            wanted.append((w, 0.10, False, "verdict", False))
        if "smallest" in rows and w != "a":
            wanted.append((w, None, False, "smallest", False))
        if "precision" in rows and w == "a":
            wanted.append((w, 0.02, False, "precision", False))
    return wanted


class Session:
    def __init__(self, options, rows, records, home):
        self.options, self.records = options, records
        self.end = time.monotonic() + 60 * options.minutes
        self.workloads = workloads.Workloads(os.path.join(home, "pairs"), PYTHON)
        self.conditions = conditions(rows, options.workloads.split(","))
        self.peers, self.failures = [], 0
        if options.peer_pairs and any(c[4] for c in self.conditions):
            self.peers, missing = peers.all_of_them(home, PYTHON, self.ns_of)
            for tool, reason in missing.items():
                records.add(kind="missing", tool=tool, reason=reason)
            for peer in self.peers:
                say(f"beside: {peer.version}")

    def over(self):
        return time.monotonic() >= self.end

    def ns_of(self, function):
        self.workloads.meter(workloads.of(function))
        return self.workloads.known[function][1]

    def effects(self, workload):
        """The median `smallest_effect` that was printed for each function when A and B were the same; None before that."""
        found = {}
        for f in workloads.FUNCTIONS[workload]:
            printed = [t["smallest_effect"] for t in table.trials(self.records.all, tool=ours.Benchd.name, function=f, nominal=0.0, load=False)
                       if t["smallest_effect"]]
            if not printed:
                return None
            found[f] = statistics.median(printed)
        return found

    def note(self, condition, tool, answers, truths, seconds):
        workload, nominal, loaded, purpose, _ = condition
        for function, truth in truths.items():
            record = {"lo": None, "hi": None, "smallest_effect": None, **answers[function]}
            self.records.add(kind="trial", tool=tool, function=function, purpose=purpose, nominal=nominal, truth=truth, load=loaded,
                             seconds=seconds, **record)
        told = ", ".join(f"{f} {answers[f]['verdict']} {answers[f]['ratio']:.4f} (true {t:.4f})" for f, t in truths.items())
        say(f"{workload} {purpose} {'load ' if loaded else ''}{tool}: {told}, {seconds:.1f} s")

    def failed(self, error, what):
        """A pair without an answer counts as such; when there are only such, there is no point in going on."""
        say(f"{what}: {error}")
        self.records.add(kind="failed", what=what, reason=str(error))
        self.failures += 1
        if self.failures >= FAILURES:
            raise error

    def one(self, condition, benchd, with_peers, with_slow):
        workload, nominal, _, purpose, _ = condition
        effects = self.effects(workload) if nominal is None else nominal
        if effects is None:
            return
        a, b, truths = self.workloads.pair(workload, effects)
        options = ("--precision", "1%") if purpose == "precision" else ()
        try:
            answers, seconds = benchd.pair(a, b, list(truths), *options)
        except ours.Failed as e:
            self.failed(e, f"{workload} {purpose}")
            return
        self.failures = 0
        self.note(condition, benchd.name, answers, truths, seconds)
        for peer in self.peers if with_peers else ():
            if self.over() or (peer.name == "pyperf" and not with_slow):
                continue
            begin = time.monotonic()
            try:
                said = peer.pair(a, b, list(truths))
            except (peers.Unavailable, subprocess.TimeoutExpired) as e:
                say(f"{peer.name}: {e}")
                self.records.add(kind="missing", tool=peer.name, reason=str(e))
                continue
            for name, answers in said.items():
                self.note(condition, name, answers, truths, time.monotonic() - begin)

    def measure(self, benchd):
        o = self.options
        for i in range(o.pairs):
            # spread evenly over the pairs
            beside = (i + 1) * o.peer_pairs // o.pairs > i * o.peer_pairs // o.pairs
            for condition in self.conditions:
                if self.over():
                    say(f"{o.minutes:g} minutes are over in pair {i + 1} of {o.pairs}")
                    return
                args = (condition, benchd, beside and condition[4], condition[0] == "a" and not condition[2])
                if condition[2]:
                    with load.toggling():
                        self.one(*args)
                else:
                    self.one(*args)


def words():
    p = argparse.ArgumentParser(usage=__doc__, add_help=False)
    p.add_argument("-h", "--help", action="store_true")
    p.add_argument("--pairs", type=int, default=3)
    p.add_argument("--peer-pairs", type=int, default=1)
    p.add_argument("--minutes", type=float, default=14)
    p.add_argument("--workloads", default="a,b,c")
    p.add_argument("--only", default=",".join(FIGURES + PAIRED))
    p.add_argument("--resume")
    p.add_argument("--show")
    p.add_argument("bin", nargs="?")
    o = p.parse_args()
    if o.help:
        print(__doc__)
        sys.exit(0)
    unknown = set(o.only.split(",")) - set(FIGURES + PAIRED) | set(o.workloads.split(",")) - set(workloads.FUNCTIONS)
    if unknown or (not o.bin and not o.show) or o.pairs < 1 or o.peer_pairs < 0:
        sys.exit(f"bench engine: {', '.join(sorted(unknown)) or 'arguments'} not understood; --help says more")
    return o


def main():
    o = words()
    if o.show:
        table.show(table.read(o.show))
        return
    home = os.path.join(os.path.dirname(os.path.abspath(o.bin)), "bench", "engine")
    os.makedirs(home, exist_ok=True)
    path = o.resume or os.path.join(home, time.strftime("records-%Y%m%d-%H%M%S.jsonl"))
    rows = set(o.only.split(","))
    say(f"records: {path}")
    with Records(path) as records:
        failure = measure(o, rows, records, home)
        table.show(records.all)
    if failure:
        sys.exit(f"bench engine: {failure}")


def measure(o, rows, records, home):
    """What went wrong, or nothing."""
    try:
        with ours.Benchd(os.path.abspath(o.bin), records.figure) as benchd:
            session = Session(o, rows, records, home)
            for name in FIGURES:
                if name in rows and not session.over():
                    say(name)
                    try:
                        figures.MEASURE[name](benchd, records, session)
                    except ours.Failed as e:
                        session.failed(e, name)
            session.measure(benchd)
    except KeyboardInterrupt:
        say("stopped; what was measured is kept")
    except ours.Failed as e:
        return str(e)
    return None


if __name__ == "__main__":
    main()
