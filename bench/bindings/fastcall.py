"""add(int, int) by FASTCALL, as benchd measures it and as timeit does: one module, one statement ten times over, one interpreter, the
collector on for both, launches taken in turns."""
import json
import os
import statistics
import subprocess

BUDGET_S = 4
REPEATS = 40
# What people write by hand; the module comes as the worker loads it. timeit switches the collector off unless it is told;
# what its setup binds are local names, as those of a benchmark are.
BY_HAND = """
import importlib.machinery, importlib.util, json, os, sys, timeit
path, repeats = sys.argv[1], int(sys.argv[2])
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
loader = importlib.machinery.ExtensionFileLoader("bdb_capi", path)
module = importlib.util.module_from_spec(importlib.util.spec_from_file_location("bdb_capi", path, loader=loader))
loader.exec_module(module)
t = timeit.Timer("\\n".join(["k = add(k, 3)"] * 10), "import gc; gc.enable(); k, add = 1, given",
                 globals={"given": module.variants["fastcall"]["i64_2"]})
n = max(1, int(t.autorange()[0] / 20))
print(json.dumps(sorted(s / n / 10 * 1e9 for s in t.repeat(repeats, n))))
"""


def ours(bench, python):
    cells, _ = bench.cells("ffi.call.scalar", "--python", python, "--binding", "capi:fastcall", "--axis", "type=i64", "--axis", "args=2",
                           "--axis", "unroll=10", "--budget", "%ds" % BUDGET_S)
    return cells[0]["time_ns_per_op"]["median"]


def by_hand(bench, executable, path):
    done = subprocess.run([executable, "-I", "-c", BY_HAND, path, str(REPEATS)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise bench.Unavailable(done.stderr.strip().splitlines()[-1])
    return statistics.median(json.loads(done.stdout))


def measure(bench):
    python, executable = bench.interpreter()
    path = os.path.join(bench.home, "interpreters", python, "bdb_capi.so")
    pairs = []
    for _ in range(bench.launches):
        pairs.append((ours(bench, python), by_hand(bench, executable, path)))
    ratio = statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
    yield ("add(int, int) by FASTCALL ÷ the same ten-fold statement under timeit, %d launches of each in turns" % len(pairs), "within 3 %",
           "%.4f (%.2f and %.2f ns)" % (ratio, *(statistics.median(side) for side in zip(*pairs))), abs(ratio - 1) <= 0.03)
