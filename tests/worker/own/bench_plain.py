"""Every part of a bench file."""
import gc

torn_down = []
params = {"n": [10, 100], "kind": [list, tuple]}


def setup(n, kind):
    return kind(range(n))


def verify(state, result, n):
    return result == n * (n - 1) // 2 and len(state) == n


def teardown(state):
    print("torn down %d" % len(state))


def bench_sum(state):
    """adds them up

    and no more"""
    return sum(state)


def bench_loop(state, n, kind):
    total = 0
    for x in state:
        total += x
    assert len(state) == n and isinstance(state, kind)
    return total


def bench_ten(state):
    for _ in range(10):
        result = sum(state)
    return result


bench_ten.ops = 10


def bench_alone():
    return gc.isenabled()


bench_alone.setup = bench_alone.verify = bench_alone.teardown = None
bench_alone.affinity = "set"
bench_alone.timeout = 30


def helper():
    raise AssertionError("nobody calls this")
