"""Benchmarks of @NAME@: benchctl run bench_@NAME@.py

Each function whose name begins with bench_ is a case; one call of it is one operation."""

# A cell for every value (and, with several parameters, for every combination); the first is the default.
params = {"n": [10, 1000]}


def setup(n):
    """Before anything is timed. What it returns is the first argument of the functions below."""
    return list(range(n, 0, -1))


def verify(state, result, n):
    """Is this the result the work must have? Untimed; a cell whose result is wrong is INVALID, whatever its time."""
    return result == list(range(1, n + 1))


def bench_sorted(state):
    """sorts a list that is the wrong way round"""
    return sorted(state)


def bench_copy_and_reverse(state):
    """the same list, without sorting"""
    result = state[:]
    result.reverse()
    return result
