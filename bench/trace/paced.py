"""paced.py LIBRARY: pairs of threads that wake each other at a given rate, driven by lines of JSON {word, gap_ns, seconds, pairs}; one pair
per processor."""
import ctypes
import json
import os
import sys
import threading

library = ctypes.PyDLL(sys.argv[1])
library.paced.argtypes = [ctypes.c_uint64] * 2 + [ctypes.c_int64] * 3
library.paced.restype = ctypes.c_int64
CPUS = sorted(os.sched_getaffinity(0))


def run(pair, second, word, gap_ns, seconds, sleeps):
    os.sched_setaffinity(0, {CPUS[pair]})
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # whoever wakes the other sleeps before that runs
    words = (word + 8 * pair, word + 8 * pair + 4)
    sleeps.append(library.paced(words[second], words[1 - second], 1 - second, gap_ns, int(seconds * 1e9)))


print(json.dumps({"pid": os.getpid()}), flush=True)
for line in sys.stdin:
    request, sleeps = json.loads(line), []
    pairs = request.pop("pairs")
    threads = [threading.Thread(target=run, args=(p, s), kwargs={**request, "sleeps": sleeps}) for p in range(pairs) for s in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i in range(2 * pairs):
        ctypes.c_uint32.from_address(request["word"] + 4 * i).value = 0
    print(json.dumps({"sleeps": sum(sleeps)}), flush=True)
