"""Figures of the engine: `./dev bench engine`. Prints a Markdown table: what, bar, measured, verdict.

Runs the default suite from a fresh data folder, as a user would, with a terminal on standard error so that the live
line is there to be timed. Usage: run.py BIN_DIR"""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

BIN = os.path.abspath(sys.argv[1])
FIGURE = re.compile(rb"\d(\.\d+)? ?(ns|\xc2\xb5s|us|ms)\b")


def run_suite(data):
    """Returns (seconds to the first live figure, seconds in all, exit status, document)."""
    master, slave = pty.openpty()
    environment = dict(os.environ, BENCHD_DATA=data, TERM="xterm", COLUMNS="120")
    start = time.monotonic()
    process = subprocess.Popen([f"{BIN}/benchctl", "run", "gil-contention", "--json"], env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    first, seen, out = None, b"", b""
    streams = {master, process.stdout.fileno()}
    while streams:
        for fd in select.select(list(streams), [], [])[0]:
            try:
                chunk = os.read(fd, 65536)
            except OSError:  # the terminal's other side is closed
                chunk = b""
            if not chunk:
                streams.discard(fd)
            elif fd == master:
                seen += chunk
                if first is None and FIGURE.search(seen):
                    first = time.monotonic() - start
            else:
                out += chunk
    status = process.wait()
    return first, time.monotonic() - start, status, json.loads(out)


def row(what, bar, value, ok):
    print(f"| {what} | {bar} | {value} | {'reached' if ok else 'missed'} |")


def main():
    data = tempfile.mkdtemp(prefix="benchd-bench-")
    try:
        first, total, status, document = run_suite(data)
    finally:
        subprocess.run([f"{BIN}/benchctl", "daemon", "stop"], env=dict(os.environ, BENCHD_DATA=data),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(data, ignore_errors=True)
    run = document["run"]
    inside = run["batch_s"] / run["measure_s"]
    setup = run["setup_s"] / run["wall_s"]
    print("| what | bar | measured | |\n|---|---|---|---|")
    row("first live number, daemon not running before", "≤ 5 s", f"{first:.2f} s" if first else "none seen", bool(first) and first <= 5)
    row("default suite, whole command", "≤ 60 s", f"{total:.1f} s, exit {status}", total <= 60 and status == 0)
    row("`batch_s` ÷ `measure_s`", "≥ 0.90", f"{inside:.3f}", inside >= 0.90)
    row("`setup_s` ÷ `wall_s`", "≤ 0.20", f"{setup:.3f}", setup <= 0.20)
    for noise in document["noise"]:
        print(f"\nA/A {noise['kind']}: {noise['ratio']:.4f} [{noise['lo']:.4f}, {noise['hi']:.4f}]"
              if noise["lo"] is not None else f"\nA/A {noise['kind']}: {noise['ratio']:.4f}, no interval")


main()
