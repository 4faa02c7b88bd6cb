"""What a user of pyperf would write: the functions of bench.py in the current folder."""
import os
import sys

import pyperf

sys.path.insert(0, os.getcwd())
import bench  # noqa: E402

runner = pyperf.Runner()
for name in sorted(vars(bench)):
    if name.startswith("bench_"):
        runner.bench_func(name, getattr(bench, name))
