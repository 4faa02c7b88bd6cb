"""The traced program: handshake.py HELPER ROUNDS HOLD_NS [INTERVAL_S]. The second thread is made to wait for the GIL
exactly ROUNDS times, each time because of the main thread and for HOLD_NS at least. With ROUNDS 0 there is one thread
only, which releases and takes the GIL 200,000 times. Lines on standard output: what it is, then, after a line on
standard input, what happened; it stays until end of input."""
import ctypes
import json
import sys
import threading

helper, rounds, hold_ns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if len(sys.argv) > 4:
    sys.setswitchinterval(float(sys.argv[4]))
keep = ctypes.PyDLL(helper)
release = ctypes.CDLL(helper)
keep.with_gil_hold.argtypes = [ctypes.c_int64] * 2
keep.with_gil_hold.restype = keep.with_gil_tid.restype = ctypes.c_int64
release.no_gil_park.argtypes = release.no_gil_await_parked.argtypes = release.no_gil_spin.argtypes = [ctypes.c_int64]
tids = {"holder": keep.with_gil_tid()}


def waiter():
    tids["waiter"] = keep.with_gil_tid()
    for i in range(rounds + 1):
        release.no_gil_park(i)  # coming back from it is what waits


def awake_ns():
    """What the kernel says of the waiter: time on a processor and on a run queue."""
    with open(f"/proc/thread-self/../{tids['waiter']}/schedstat") as f:
        return sum(map(int, f.read().split()[:2]))


def say(what):
    print(json.dumps(what), flush=True)


if rounds:
    thread = threading.Thread(target=waiter)
    thread.start()
    release.no_gil_await_parked(0)
say(tids)
sys.stdin.readline()
if rounds:
    least, before = [], awake_ns()
    for i in range(rounds):
        least.append(keep.with_gil_hold(i, hold_ns))
        release.no_gil_await_parked(i + 1)
    say({"least_ns": least, "awake_ns": awake_ns() - before})
else:
    for i in range(200000):
        release.no_gil_spin(0)
    say({"calls": 200000})
sys.stdin.readline()
if rounds:
    release.no_gil_let_go()
    thread.join()
