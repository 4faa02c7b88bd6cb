"""meter.py DIR [DIR_3]: what the functions of a folder take beside the same functions of another folder (beside a function
that does nothing, when there is none), in one process on one processor, in turns of about 1 ms of thread time that
alternate ABBA. Prints {function: [ns of one call, ratio of the other]}; the interpreter is the one that is measured."""
import importlib.util
import itertools
import json
import math
import os
import statistics
import sys
import time

PAIRS = 200
TURN_NS = 1_000_000


def load(folder):
    """bench.py of a folder, with the module `work` of that folder."""
    sys.modules.pop("work", None)
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location("bench", os.path.join(folder, "bench.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(folder)


def nothing():
    pass


def turn(function, times):
    # thread time: what else runs on the processor lengthens neither
    start = time.thread_time_ns()
    for _ in itertools.repeat(None, times):
        function()
    return (time.thread_time_ns() - start) / times


def times_of(function):
    return max(1, int(TURN_NS / min(turn(function, 50) for _ in range(20))))


def compare(one, other):
    n, m = times_of(one), times_of(other)
    logs, ns = [], []
    for i in range(PAIRS):
        if i % 2:
            b, a = turn(other, m), turn(one, n)
        else:
            a, b = turn(one, n), turn(other, m)
        logs.append(math.log(b / a))
        ns.append(a)
    return [min(ns), math.exp(statistics.median(logs))]


def main():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    one, other = load(sys.argv[1]), load(sys.argv[2]) if len(sys.argv) > 2 else None
    print(json.dumps({name: compare(getattr(one, name), getattr(other, name) if other else nothing)
                      for name in sorted(vars(one)) if name.startswith("bench_")}))


main()
