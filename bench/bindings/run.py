#!/usr/bin/env python3
"""Figures of the binding matrix: `./dev bench bindings`. Prints one Markdown table; about ten minutes on a quiet machine.

    bench/bindings/run.py [--only ROW,…] [--launches N] BIN      BIN: folder of the programs

Rows, each a file beside this one: caller (what the caller in C adds; a program that prints its own), fastcall (the same statement under timeit), order (the order of
bindings under pyperf), chain (dyu/ffi-overhead's C and its loop), quick (the suite), build (all bindings of an interpreter). What is not
ours is fetched into the cache and built there: pyperf from the package index, dyu/ffi-overhead by git; a row whose peer cannot be had
says so."""
import argparse
import importlib
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(os.path.dirname(HERE), "engine")]

import ours  # noqa: E402 (the path comes first)

ROWS = ("fastcall", "order", "chain", "quick", "build", "caller")


class Unavailable(Exception):
    """What a row needs cannot be had, with the reason."""


class Bench:
    """What rows are given."""

    Unavailable = Unavailable

    def __init__(self, benchd, launches):
        self.benchd, self.bin, self.launches = benchd, benchd.bin, launches
        self.home = os.path.join(os.path.dirname(self.bin), "lib", "benchd")
        self.cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "benchd", "bench")
        os.makedirs(self.cache, exist_ok=True)

    def interpreter(self, host="exe"):
        """(id, executable) of the default interpreter."""
        found = self.benchd.ask("python", "list")["pythons"]
        base = next(p["id"] for p in found if p["default"]).partition("+")[0]
        return next((p["id"], p["executable"]) for p in found if p["id"] == base + ("+exe" if host == "exe" else ""))

    def cells(self, *words):
        """The cells of a run, all of which must be ok; and the run."""
        document = self.benchd.ask("run", *words, statuses=(0, 1, 2))
        bad = [c for c in document["cells"] if c["status"] not in ("ok", "unsupported")]
        if bad:
            raise ours.Failed("%s: %s" % (bad[0]["id"], (bad[0]["reason"] or {}).get("message", bad[0]["status"])))
        return [c for c in document["cells"] if c["status"] == "ok"], document["run"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--only", default=",".join(ROWS))
    p.add_argument("--launches", type=int, default=8)
    p.add_argument("bin")
    o = p.parse_args()
    rows = o.only.split(",")
    if set(rows) - set(ROWS) or o.launches < 1:
        p.error("rows are %s" % ", ".join(ROWS))
    failed = False
    print("| what | bar | measured | |\n|---|---|---|---|", flush=True)
    with ours.Benchd(os.path.abspath(o.bin), lambda *_: None) as benchd:
        bench = Bench(benchd, o.launches)
        for row in rows:
            say(row)
            if row == "caller":
                failed = subprocess.run([sys.executable, os.path.join(HERE, "caller.py"), os.path.abspath(o.bin)], check=False).returncode or failed
                continue
            try:
                for what, bar, told, met in importlib.import_module(row).measure(bench):
                    print("| %s | %s | %s | %s |" % (what, bar, told, "" if met is None else "met" if met else "**not met**"), flush=True)
            except (Unavailable, ours.Failed) as e:
                failed = failed or isinstance(e, ours.Failed)
                print("| %s | – | %s: %s | |" % (row, "failed" if isinstance(e, ours.Failed) else "not available", e), flush=True)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
