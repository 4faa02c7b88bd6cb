"""Programs with planted culprits: culprits.py LIBRARY ACCOUNT KIND [NUMBER…]. Who held the GIL when and at which line, and
how long each thread waited for it, is written into the file ACCOUNT by the clock inside (culprit.c). The first line on
standard output says who is who; it goes on until the end of standard input, and says so.

Lines that are to be found end in a comment with their name; WHAT gives each of them its number in the account."""
import ctypes
import json
import os
import select
import sys
import threading
import time

KIND, NUMBERS = sys.argv[3], [float(n) for n in sys.argv[4:]]
library = ctypes.PyDLL(sys.argv[1])
WHAT = {"culprit": 0, "hold_a": 1, "hold_b": 2, "generate": 3, "Thing.method": 4, "pure": 5, "asleep": 6, "busy": 7,
        "called": 8, "first": 9, "second": 10, "stuck": 11}
CHURN = 100  # and the next CHURNS: short-lived functions
CHURNS = 8
MS = 1_000_000
spin_end, sleep_end, rest, clock_ns = library.spin_end, library.sleep_end, library.rest, library.clock_ns
for f in (spin_end, sleep_end):
    f.argtypes = [ctypes.c_int64] * 2
rest.argtypes = [ctypes.c_int64]
clock_ns.restype = library.foreign_start.restype = ctypes.c_int64
library.take_notes.argtypes = [ctypes.c_int64] * 3
CALLED = ctypes.PYFUNCTYPE(ctypes.c_int)
library.foreign_start.argtypes = [CALLED, ctypes.c_int64]
library.account_open.argtypes = [ctypes.c_char_p, ctypes.c_int64]
CPUS = sorted(os.sched_getaffinity(0))
running = True
tids = {}


def victim():
    while running:
        rest(1 * MS)  # @victim


def culprit():
    while running:
        spin_end(8 * MS, 0)  # @culprit
        rest(2 * MS)


def hold_a():
    x = 1
    spin_end(3 * MS, 1)  # @hold_a
    return x


def hold_b():
    spin_end(1 * MS, 2)  # @hold_b


def generate():
    while True:
        spin_end(2 * MS, 3)  # @generate
        yield 1


class Thing:
    def method(self):
        spin_end(1_500_000, 4)  # @Thing.method


def several():
    g, k = generate(), Thing()
    while running:
        hold_a()
        rest(1 * MS)
        hold_b()
        rest(300_000)
        next(g)
        rest(300_000)
        k.method()
        rest(400_000)


def pure():
    begin, x = clock_ns(), 0
    while x < 100_000: x += 1  # @pure
    library.take_notes(begin, clock_ns(), 5)


def pures():
    while running:
        pure()
        rest(1 * MS)


def asleep():
    while running:
        sleep_end(8 * MS, 6)  # @asleep
        rest(2 * MS)


def stuck():
    while not os.path.exists(sys.argv[2] + ".stick"):
        hold_a()
        rest(1 * MS)
    sleep_end(3_600_000 * MS, 11)  # @stuck


def churner():
    i = 0
    while running:
        k = i % CHURNS
        i += 1
        names = {}
        source = f"def churn{k}(spin_end):\n" + "\n" * (40 + k) + f"    spin_end(700_000, {CHURN + k})\n"
        exec(compile(source, f"<churn{k}>", "exec"), names)
        names.pop(f"churn{k}")(spin_end)
        del names  # its code object is freed, and the next one may lie at the same address
        rest(500_000)


def busy():
    """Holds for NUMBERS[0] of each 10 ms."""
    held = int(NUMBERS[0] * 10 * MS)
    while running:
        spin_end(held, 7)  # @busy
        rest(10 * MS - held)


def first():
    while running:
        spin_end(3 * MS, 9)  # @first
        rest(200_000)


def second():
    while running:
        spin_end(2 * MS, 10)  # @second
        rest(200_000)


@CALLED
def called():
    spin_end(4 * MS, 8)  # @called
    return 0


def foreigner():
    """Not a thread of Python's: it calls in every 10 ms and is unknown in between."""
    tids["called"] = library.foreign_start(called, 10 * MS)
    while running:
        rest(20 * MS)
    library.foreign_stop()


# What runs: {name: (function, processor, at once)}. Victims and holders on different processors, and victims before all
# others when woken, where that is permitted: else what they count as their wait is also what others took of the processor.
KINDS = {
    "culprit": {"culprit": (culprit, 0, False), "victim": (victim, 1, True), "victim2": (victim, 1, True)},
    "several": {"several": (several, 0, False), "victim": (victim, 1, True)},
    "pure": {"pure": (pures, 0, False), "victim": (victim, 1, True)},
    "asleep": {"asleep": (asleep, 0, False), "victim": (victim, 1, True)},
    "stuck": {"stuck": (stuck, 0, False), "victim": (victim, 1, True)},
    "churn": {"churn": (churner, 0, False), "victim": (victim, 1, True)},
    "busy": {"busy": (busy, 0, False)},
    "busy-victim": {"busy": (busy, 0, False), "victim": (victim, 1, True)},
    "changes": {"first": (first, 0, False), "second": (second, 1, False), "victim": (victim, 1, True)},
    "foreign": {"foreigner": (foreigner, 0, False), "victim": (victim, 1, True)},
}


def begin(name, function, cpu, at_once, ready):
    os.sched_setaffinity(0, {CPUS[cpu % len(CPUS)]})
    try:
        with open("/proc/thread-self/comm", "w", encoding="ascii") as f:
            f.write(name)
        if at_once:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        pass
    tids[name] = threading.get_native_id()
    ready.wait()
    function()


def labels():
    with open(__file__, encoding="utf-8") as f:
        numbers = {line.split("# @")[1].strip(): n for n, line in enumerate(f, 1) if "# @" in line and '"' not in line}
    native = {"pure": None, "asleep": "sleep_end", "stuck": None}
    out = {what: {"function": name, "file": os.path.abspath(__file__), "line": numbers[name], "native": native.get(name, "spin_end")}
           for name, what in WHAT.items()}
    out.update({CHURN + k: {"function": f"churn{k}", "file": f"<churn{k}>", "line": 42 + k, "native": "spin_end"} for k in range(CHURNS)})
    return out, numbers


def say(what):
    print(json.dumps(what), flush=True)


def alone():
    """One thread, which gives up and takes a GIL nobody else wants."""
    say({"pid": os.getpid(), "tids": {"alone": threading.get_native_id()}, "what": {}, "lines": {}})
    calls = 0
    while not calls or not select.select([0], [], [], 0)[0]:
        for _ in range(20000):
            library.nothing()
        calls += 20000
    say({"calls": calls})


def main():
    if library.account_open(os.fsencode(sys.argv[2]), 1 << 18) != 0:
        sys.exit("no account")
    if KIND == "alone":
        alone()
        return
    global running
    if KIND == "pure":
        sys.setswitchinterval(1)  # the account of a hold in Python knows of no switch within
    ready = threading.Barrier(len(KINDS[KIND]) + 1)
    threads = [threading.Thread(target=begin, args=(name, *how, ready)) for name, how in KINDS[KIND].items()]
    for t in threads:
        t.start()
    ready.wait()
    while KIND == "foreign" and "called" not in tids:
        time.sleep(0.001)
    what, lines = labels()
    say({"pid": os.getpid(), "tids": tids, "what": what, "lines": lines, "python": sys.version.split()[0]})
    sys.stdin.read()
    running = False
    for t in threads:
        t.join()
    say({"done": True})


if __name__ == "__main__":
    main()
