"""paced.py LIBRARY: two threads that wake each other at a given rate, driven by lines of JSON {word, gap_ns, seconds}."""
import ctypes
import json
import os
import sys
import threading

library = ctypes.PyDLL(sys.argv[1])
library.paced.argtypes = [ctypes.c_uint64] * 2 + [ctypes.c_int64] * 3
library.paced.restype = ctypes.c_int64
CPU = min(os.sched_getaffinity(0))


def run(word, second, gap_ns, seconds, sleeps):
    os.sched_setaffinity(0, {CPU})  # the other processors are for whoever watches
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # whoever wakes the other sleeps before that runs
    words = (word, word + 4)
    sleeps.append(library.paced(words[second], words[1 - second], 1 - second, gap_ns, int(seconds * 1e9)))


print(json.dumps({"pid": os.getpid()}), flush=True)
for line in sys.stdin:
    request, sleeps = json.loads(line), []
    threads = [threading.Thread(target=run, args=(request["word"], s, request["gap_ns"], request["seconds"], sleeps)) for s in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i in range(2):
        ctypes.c_uint32.from_address(request["word"] + 4 * i).value = 0
    print(json.dumps({"sleeps": sum(sleeps)}), flush=True)
