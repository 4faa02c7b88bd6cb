"""Figures of the dashboard: `./dev bench web`. Prints a Markdown table: what, bar, measured, verdict.

A store of 1,000 runs and a million samples (bench/http/seed.c), and a real browser that opens each view, with nothing in its
cache and with everything. Usage: run.py BIN_DIR"""
import os
import shutil
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
BUILD = os.path.dirname(BIN)
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "web"))

import node  # noqa: E402 (the path comes first)


def main():
    try:
        environment = node.environment(BUILD)
    except node.Missing as missing:
        print(f"The dashboard was not measured: {missing}")
        return
    home = tempfile.mkdtemp(prefix="benchd-bench-")
    try:
        environment["BENCHD_WEB_DATA"] = os.path.join(home, "d")
        out = subprocess.run([os.path.join(BUILD, "bench", "seed"), environment["BENCHD_WEB_DATA"]], stdout=subprocess.PIPE,
                             text=True, check=True).stdout
        print(f"Store: {out.strip()}\n", flush=True)
        sys.exit(subprocess.run(["node", os.path.join(HERE, "paint.mjs")], env=environment, stdin=subprocess.DEVNULL,
                                check=False).returncode)
    finally:
        shutil.rmtree(home, ignore_errors=True)


main()
