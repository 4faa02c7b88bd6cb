"""lock_handshake.py KIND: a thread that holds one lock until another surely sleeps for it, and for a known time from then on. A
line is a number of rounds; the answer is what the sleeps must add up to: at least `least_ns`, at most `most_ns`.

Only for interpreters without a GIL: with one, the holder would have to give that up for the other to get that far."""
import json
import os
import sys
import threading
import time

KIND = sys.argv[1]
HOLD_NS = 300_000


class Meta(type):
    pass


class Odd(dict, metaclass=Meta):
    """An object whose type is not of type `type`, with a lock like any other."""


lock, recursive, a_list, a_dict, odd = threading.Lock(), threading.RLock(), [2, 1], {}, Odd()
HOLDER, WAITER, WATCHER = range(3)
wanted, coming, asleep = [False], [None], [False]
held_ns, spans_ns = [], []


class Gate:
    """Lets nobody through before all three are there; they look again and again, so that nobody waits for a lock at it."""

    def __init__(self):
        self.times = [0, 0, 0]

    def wait(self, who):
        self.times[who] += 1
        while min(self.times) < self.times[who]:
            time.sleep(0.0001)


def hold():
    """Keeps what this thread has: nothing here might block."""
    wanted[0] = True
    while not asleep[0]:
        pass
    begin = time.monotonic_ns()
    while time.monotonic_ns() - begin < HOLD_NS:
        pass
    held_ns.append(time.monotonic_ns() - begin)


def key(x):
    if x == 1:
        hold()
    return x


def pairs():
    hold()
    yield 1, 1


def hold_lock():
    with lock:
        hold()


def want_lock():
    with lock:
        pass


def hold_rlock():
    with recursive:
        hold()


def want_rlock():
    with recursive:
        pass


def want_list():
    a_list.reverse()


def want_dict():
    a_dict.pop(1, None)


def want_odd():
    odd.pop(1, None)


HOLD, WANT = {
    "lock": (hold_lock, want_lock),
    "rlock": (hold_rlock, want_rlock),
    "list": (lambda: a_list.sort(key=key), want_list),
    "dict": (lambda: a_dict.update(pairs()), want_dict),
    "odd": (lambda: odd.update(pairs()), want_odd),
}[KIND]


def holder(rounds, before, after):
    for _ in range(rounds):
        before.wait(HOLDER)
        HOLD()
        after.wait(HOLDER)


def waiter(rounds, before, after):
    with open("/proc/thread-self/status", "rb", 0) as me:
        for _ in range(rounds):
            before.wait(WAITER)
            while not wanted[0]:
                pass
            coming[0] = state(me)[1]
            begin = time.monotonic_ns()
            WANT()
            spans_ns.append(time.monotonic_ns() - begin)
            after.wait(WAITER)


def state(status):
    """(whether it sleeps, how often it went to sleep), of one thread."""
    status.seek(0)
    text = status.read(4096)
    return text.split(b"State:")[1].split()[0] == b"S", int(text.split(b"\nvoluntary_ctxt_switches:")[1].split()[0])


def run(rounds):
    held_ns.clear()
    spans_ns.clear()
    before, after = Gate(), Gate()
    threads = [threading.Thread(target=f, args=(rounds, before, after)) for f in (holder, waiter)]
    for t in threads:
        t.start()
    with open(f"/proc/self/task/{threads[WAITER].native_id}/status", "rb", 0) as it:
        for _ in range(rounds):
            wanted[0], coming[0], asleep[0] = False, None, False
            before.wait(WATCHER)
            while True:
                sleeps, times = state(it)
                if coming[0] is not None and sleeps and times > coming[0]:
                    break
                time.sleep(0.0001)
            asleep[0] = True
            after.wait(WATCHER)
    for t in threads:
        t.join()
    return {"holder": threads[HOLDER].native_id, "waiter": threads[WAITER].native_id,
            "least_ns": sum(held_ns), "most_ns": sum(spans_ns)}


print(json.dumps({"gil": sys._is_gil_enabled()}), flush=True)
for line in sys.stdin:
    print(json.dumps(run(int(line))), flush=True)
