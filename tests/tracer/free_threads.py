"""free_threads.py KIND [THREADS]: threads that do something to each other for as many seconds as each line says; what the kernel
and the clock say of each of them meanwhile is the answer."""
import gc
import json
import os
import sys
import threading
import time

KIND = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 4
one_dict, one_list, one_lock = {i: 0 for i in range(8)}, [], threading.Lock()
box = [0]


def fight_dict(i, ends):
    while time.monotonic() < ends:
        for _ in range(200):
            one_dict[3] += 1


def fight_list(i, ends):
    while time.monotonic() < ends:
        for _ in range(200):
            one_list.append(1)
        if i == 0:
            one_list.clear()


def fight_lock(i, ends):
    while time.monotonic() < ends:
        with one_lock:
            hold()


def naps(i, ends):
    """Holds the lock while it sleeps, and so without a GIL."""
    while time.monotonic() < ends:
        with one_lock:
            time.sleep(0.002)


def hold():
    """Long enough that the others stop spinning."""
    until = time.monotonic() + 0.002
    while time.monotonic() < until:
        box[0] += 1


def fight_gc(i, ends):
    while time.monotonic() < ends:
        gc.collect()


def alone(i, ends):
    mine = {3: 0}
    while time.monotonic() < ends:
        for _ in range(200):
            mine[3] += 1


def yields(i, ends):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    while time.monotonic() < ends:
        for _ in range(50):
            os.sched_yield()


def imports(i, ends):
    if i == 0:
        __import__("holds_gil")
    fight_dict(i, ends)


WORK = {"dict": fight_dict, "list": fight_list, "lock": fight_lock, "naps": naps, "gc": fight_gc, "alone": alone,
        "yields": yields, "imports": imports}[KIND]


def account():
    """(clock, ran, was ready to run, switches that did not wait) of this thread, as the kernel keeps it."""
    with open("/proc/thread-self/schedstat", "rb", 0) as f:
        ran, ready, _ = map(int, f.read().split())
    with open("/proc/thread-self/status", "rb", 0) as f:
        switches = int(f.read().split(b"nonvoluntary_ctxt_switches:")[1].split()[0])
    return time.monotonic_ns(), ran, ready, switches


def thread(i):
    while True:
        go[i].wait()
        go[i].clear()
        if not ends[0]:
            return
        before = account()
        WORK(i, ends[0])
        after = account()
        clock, ran, ready, switches = (b - a for a, b in zip(before, after))
        accounts[i] = {"tid": threading.get_native_id(), "from_ns": before[0], "to_ns": after[0], "ran_ns": ran,
                       "ready_ns": ready, "asleep_ns": clock - ran - ready, "unasked": switches}
        done[i].set()


def has_gil():
    return getattr(sys, "_is_gil_enabled", lambda: True)()


class Pipe:
    """An event of the kernel's: waiting for it is not waiting for a lock of the interpreter."""

    def __init__(self):
        self.out, self.into = os.pipe()

    def set(self):
        os.write(self.into, b"x")

    def wait(self):
        os.read(self.out, 1)

    def clear(self):
        pass


go, done = [Pipe() for _ in range(COUNT)], [Pipe() for _ in range(COUNT)]
ends, accounts = [0.0], [None] * COUNT
threads = [threading.Thread(target=thread, args=(i,), name=f"{KIND}-{i}") for i in range(COUNT)]
for t in threads:
    t.start()
print(json.dumps({"tids": [t.native_id for t in threads], "main": threading.get_native_id(),
                  "gil": has_gil()}), flush=True)
for line in sys.stdin:
    ends[0] = time.monotonic() + float(line)
    for g in go:
        g.set()
    for d in done:
        d.wait()
    print(json.dumps({"accounts": accounts, "gil": has_gil()}), flush=True)
ends[0] = 0
for g in go:
    g.set()
for t in threads:
    t.join()
