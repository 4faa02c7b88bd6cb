"""All bindings of the default interpreter, built from nothing in a tree of their own, and once more when nothing has changed."""
import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def measure(bench):
    with tempfile.TemporaryDirectory(prefix="benchd-bench-") as tree:
        home = os.path.join(tree, "lib", "benchd")
        os.makedirs(home)
        for name in ("interpreters", "libbdkernels.so"):
            os.symlink(os.path.join(bench.home, name), os.path.join(home, name))
        command = [sys.executable, os.path.join(ROOT, "workloads", "bindings", "build.py"), "--build", tree, "--python", "default"]
        taken = []
        for _ in range(2):
            begin = time.monotonic()
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
            taken.append(time.monotonic() - begin)
        base = bench.interpreter()[0].partition("+")[0]
        folder = os.path.join(home, "environments", base)
        records = []
        for name in sorted(os.listdir(folder)):
            if name.endswith(".json"):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    records.append(json.load(f))
    status = {s: [r["name"] for r in records if r["status"] == s] for s in ("ok", "unsupported", "failed")}
    told = "%d ok" % len(status["ok"]) + "".join("; %s: %s" % (s, ", ".join(status[s])) for s in ("unsupported", "failed") if status[s])
    yield "all bindings of %s from nothing (%s)" % (base, told), "≤ 6 min", "%.0f s" % taken[0], taken[0] <= 360 and not status["failed"]
    yield "again, nothing changed", "≤ 5 s", "%.2f s" % taken[1], taken[1] <= 5
