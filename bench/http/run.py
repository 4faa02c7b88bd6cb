"""Figures of the daemon: `./dev bench http`. Prints Markdown tables: what, bar, measured, verdict.

A store of 1,000 runs and a million samples, 50 viewers of a run that measures, and a crowd that means no good.
Usage: run.py BIN_DIR [store] [viewers] [crowd]; without a name all three. BENCHD_BENCH_REQUESTS: random requests per batch
(100,000)."""
import os
import shutil
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
os.environ["BENCHD_BUILD"] = os.path.dirname(BIN)
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "tests"), os.path.join(HERE, "..", "..", "tests", "http")]

import crowd  # noqa: E402 (the path comes first)
import store  # noqa: E402
import viewers  # noqa: E402

PARTS = {"store": store.measure, "viewers": viewers.measure, "crowd": crowd.measure}


class Table:
    def __init__(self, title):
        print(f"\n### {title}\n\n| what | bar | measured | |\n|---|---|---|---|", flush=True)

    def row(self, what, bar, value, ok=None):
        print(f"| {what} | {bar} | {value} | {'' if ok is None else 'reached' if ok else 'missed'} |", flush=True)


def main():
    names = sys.argv[2:] or list(PARTS)
    home = tempfile.mkdtemp(prefix="benchd-bench-")
    try:
        data = os.path.join(home, "d")
        out = subprocess.run([os.path.join(os.path.dirname(BIN), "bench", "seed"), data], capture_output=True, text=True, check=True).stdout
        print(f"Store: {out.strip()}, {os.path.getsize(os.path.join(data, 'benchd.db')) / 1e6:.0f} MB", flush=True)
        for name in names:
            PARTS[name](data, Table)
    finally:
        shutil.rmtree(home, ignore_errors=True)


main()
