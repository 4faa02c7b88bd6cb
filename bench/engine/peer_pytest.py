"""What a user of pytest-benchmark would write: the functions of bench.py in the current folder."""
import os
import sys

import pytest

sys.path.insert(0, os.getcwd())
import bench  # noqa: E402


@pytest.mark.parametrize("name", [n for n in sorted(vars(bench)) if n.startswith("bench_")])
def test_it(benchmark, name):
    benchmark(getattr(bench, name))
