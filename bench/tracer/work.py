"""The traced program of bench/tracer: work.py LIBRARY, driven by lines of JSON {"do": NAME, …}, one answer each."""
import ctypes
import itertools
import json
import os
import sys
import threading
import time

library = ctypes.PyDLL(sys.argv[1])
nop = ctypes.CDLL(sys.argv[1]).nop


class Role(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int64) for n in ("tid", "begin_ns", "end_ns", "waited_ns", "asked")]


library.role.restype = ctypes.POINTER(Role)
library.handoff.argtypes = [ctypes.c_int64] * 3
library.handoff.restype = ctypes.c_int64
library.pingpong.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int, ctypes.c_int64]
sys.setswitchinterval(1)  # a hand-over is never forced: giving up the GIL then waits too, outside the clock
CPUS = sorted(os.sched_getaffinity(0))
started = []
knocker = []


def calls(n, cpu=None):
    """One thread: calls that release and take a GIL nobody else wants."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    begin = time.monotonic_ns()
    for _ in itertools.repeat(None, n):
        nop()
    return {"ns_per_call": (time.monotonic_ns() - begin) / n}


def handoff(n, hold_ns, pause_ns=0):
    if not started:
        def run(i):
            os.sched_setaffinity(0, {CPUS[i % len(CPUS)]})
            library.handoff_thread(i)
        for i in range(2):
            started.append(threading.Thread(target=run, args=(i,), daemon=True))
            started[-1].start()
    ns = library.handoff(n, hold_ns, pause_ns)
    roles = [{f: getattr(library.role(i).contents, f) for f, _ in Role._fields_} for i in range(2)]
    return {"ns_per_turn": ns, "roles": roles}


def saturate(threads, seconds):
    """Threads that do nothing but release and take the GIL; calls per second of all."""
    sys.setswitchinterval(0.005)
    counts = [0] * threads
    stop = [False]
    gate = threading.Barrier(threads + 1)

    def run(i):
        gate.wait()
        n = 0
        while not stop[0]:
            for _ in range(100):
                nop()
            n += 100
        counts[i] = n

    all_of_them = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for t in all_of_them:
        t.start()
    gate.wait()
    begin = time.monotonic()
    time.sleep(seconds)
    stop[0] = True
    wall = time.monotonic() - begin
    for t in all_of_them:
        t.join()
    return {"calls_per_s": sum(counts) / wall}


def paired(hold_ns, seconds):
    """Two threads on one processor that hand the GIL to each other."""
    library.hand_over.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    sys.setswitchinterval(1)

    def run(i):
        os.sched_setaffinity(0, {CPUS[0]})  # the others are for whoever watches
        library.hand_over(i, hold_ns, int(seconds * 1e9))

    all_of_them = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for t in all_of_them:
        t.start()
    for t in all_of_them:
        t.join()
    return {}


def flood(word, pairs, seconds):
    """Pairs of threads that wake each other on inner words of the GIL; their sleeps by the kernel's own count."""
    sleeps = []
    gate = threading.Barrier(2 * pairs)

    def voluntary():
        with open("/proc/thread-self/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("voluntary"))

    def run(pair, second):
        words = [word + 8 * pair, word + 8 * pair + 4]
        os.sched_setaffinity(0, {CPUS[pair % len(CPUS)]})
        gate.wait()
        before = voluntary()
        library.pingpong(words[second], words[1 - second], 1 - second, int(seconds * 1e9))
        sleeps.append(voluntary() - before)

    all_of_them = [threading.Thread(target=run, args=(p, s)) for p in range(pairs) for s in range(2)]
    for t in all_of_them:
        t.start()
    for t in all_of_them:
        t.join()
    for i in range(2 * pairs):
        ctypes.c_uint32.from_address(word + 4 * i).value = 0
    return {"sleeps": sum(sleeps)}


def duty(hold_ns, free_ns, seconds):
    """One thread holds the GIL for hold_ns and leaves it for free_ns, over and over; another asks now and then.
    Gives the true share held and the true time the other waited."""
    stop = [False]
    held = [0]
    library.hold.argtypes = [ctypes.c_int64]

    def run():
        while not stop[0]:
            begin = time.monotonic_ns()
            library.hold(hold_ns)
            held[0] += time.monotonic_ns() - begin
            time.sleep(free_ns / 1e9)

    t = threading.Thread(target=run)
    t.start()
    begin = time.monotonic_ns()
    end = begin + int(seconds * 1e9)
    while time.monotonic_ns() < end:
        time.sleep(0.02)
    stop[0] = True
    wall = time.monotonic_ns() - begin
    t.join()
    return {"held_share": held[0] / wall}


def knock(on, micros=1000):
    from gilknocker import KnockKnock
    if on:
        k = KnockKnock(polling_interval_micros=micros, sampling_interval_micros=max(10000, micros), sleeping_interval_micros=10000)
        k.start()
        knocker.append(k)
        return {}
    k = knocker.pop()
    metric = k.contention_metric
    k.stop()
    return {"metric": metric}


print(json.dumps({"pid": os.getpid(), "python": sys.version.split()[0]}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(globals()[request.pop("do")](**request)), flush=True)
os._exit(0)  # the hand-off threads never come back
