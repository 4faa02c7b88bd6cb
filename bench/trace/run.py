#!/usr/bin/env python3
"""What traces (level events) cost and how true they are, beside py-spy, gilknocker and bpftrace on the same processes: prints one
Markdown table. Needs root (BPF statistics) and two processors. About 15 minutes; --quick: two.

    bench/trace/run.py [--quick] [--only NAME,…] [BIN]     BIN: folder of the programs (default build/release/bin)
"""
import argparse
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, "build", "release", "bin")
if len(sys.argv) > 1 and os.path.isdir(sys.argv[-1]):
    BIN = os.path.abspath(sys.argv.pop())
os.environ["BENCHD_BUILD"] = os.path.dirname(BIN)
sys.path[1:1] = [os.path.join(ROOT, *part) for part in (("bench", "tracer"), ("tests",), ("tests", "tracer"), ("tests", "http"))]

import cost  # noqa: E402 (the path comes first)
import measuring  # noqa: E402
import planted  # noqa: E402
import service  # noqa: E402
import truth  # noqa: E402

BENCHES = {"first": cost.first_figure, "slowdown": cost.slowdowns, "uncontended": cost.uncontended,
           "saturated": cost.saturated, "kernel": cost.kernel, "processor": cost.processor,
           "clock": truth.against_clock, "perf": truth.against_perf, "held": truth.held_share, "invented": truth.invented, "blamed": truth.blamed,
           "lost": truth.lost}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--quick", action="store_true")
    p.add_argument("--only", default=",".join(BENCHES))
    a = p.parse_args()
    unknown = set(a.only.split(",")) - set(BENCHES)
    if unknown:
        p.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    if os.geteuid() != 0 or len(os.sched_getaffinity(0)) < 2:
        sys.exit("bench trace: needs root and two processors")
    if planted.CANNOT:
        sys.exit(f"bench trace: {planted.CANNOT}")
    measuring.build_library()
    before = measuring.load()
    daemon = service.Service()
    try:
        for name in a.only.split(","):
            BENCHES[name](daemon, a.quick)
    finally:
        daemon.close()
        print(f"Linux {os.uname().release}, {len(os.sched_getaffinity(0))} processors, load before {before}, after {measuring.load()}, CPython "
              f"{', '.join(map(cost.python_version, planted.PYTHONS))}; slowdowns: {cost.python_version(cost.python_with_symbols()[0])}\n")
        measuring.print_table()


if __name__ == "__main__":
    main()
