"""Reference counts and memory over many equal calls: what grows with their number leaks."""
import array
import gc
import sys
import time

CHECKPOINTS = 7
WARM, CALLS, LEAST = 64, 40, 8
ENOUGH = 2.0  # s, for one way of calling
MANY, MANY_BYTES = 4096, 256 << 20  # calls that fill what has a limit, such as the last 1000 results; what they may take
IMMORTAL = (1 << 29) - 1


def _watchable(value):
    """Whether a reference more can be seen: not of objects that live for ever, nor of those whose counts are deferred."""
    before = sys.getrefcount(value)
    if before >= IMMORTAL:
        return False
    more = [value, value]
    seen = sys.getrefcount(value) == before + 2
    del more
    return seen


class Sources:
    """What is read at a checkpoint, in an array that is there beforehand: figures kept as objects would count themselves."""

    def __init__(self, watched, raw):
        self.watched = []
        known = set()
        for what, value in watched:
            if id(value) not in known and _watchable(value):
                known.add(id(value))
                self.watched.append((what, value))
        self.values = [v for _, v in self.watched]
        self.total = getattr(sys, "gettotalrefcount", None)
        self.raw = raw
        self.width = 3 + len(self.values)
        self.table = array.array("q", bytes(8 * self.width * (CHECKPOINTS + 1)))

    def read(self, row):
        gc.collect()
        at, table, count = row * self.width, self.table, sys.getrefcount
        table[at] = sys.getallocatedblocks()
        table[at + 1] = self.raw() if self.raw else 0
        table[at + 2] = self.total() if self.total else 0
        at += 3
        for value in self.values:
            table[at] = count(value)
            at += 1

    def steps(self, column):
        """Differences from checkpoint to checkpoint."""
        column_values = self.table[column::self.width]
        return [b - a for a, b in zip(column_values, column_values[1:])]


def _slope(steps, calls):
    """Per call, when it goes the same way at (all but one) checkpoint; else 0."""
    middle = sorted(steps)[len(steps) // 2]
    if abs(middle) * 4 < calls:  # less than once in four calls: what a cache or a table does now and then
        return 0.0
    same = [s for s in steps if s * middle > 0 and abs(s) * 2 >= abs(middle)]
    return middle / calls if len(same) >= len(steps) - 1 else 0.0


def _loop(run, calls):
    for _ in range(calls):
        try:
            run()
        except Exception:  # on purpose: calls that raise are measured, too
            pass


def _rounds(run, sources, calls):
    sources.read(0)
    for i in range(CHECKPOINTS):
        _loop(run, calls)
        sources.read(i + 1)
    return [_slope(sources.steps(column), calls) for column in range(sources.width)]


def _agree(a, b):
    return a and b and abs(a - b) <= 0.25 * max(abs(a), abs(b))


def _growing(run, calls):
    """Types of objects of which there are more after so many calls, as far as the collector knows them."""
    def census():
        found = {}
        for thing in gc.get_objects():
            name = type(thing).__name__
            found[name] = found.get(name, 0) + 1
        return found
    gc.collect()
    census()
    before = census()
    _loop(run, calls)
    gc.collect()
    after = census()
    growing = [((n - before.get(k, 0)) / calls, k) for k, n in after.items()]
    return sorted((row for row in growing if row[0] >= 0.5), reverse=True)[:3]


class TooSlow(Exception):
    """Of a call: so many of them as it takes would not end."""


def _warm(run):
    """Calls for the first time, and how many there are to be between checkpoints: fewer of slow ones. Every one of them counts, so
    that what is decided does not depend on how fast the machine is."""
    begun, n = time.monotonic(), 0
    while n < WARM and (n < LEAST or time.monotonic() - begun < ENOUGH / 8):
        _loop(run, 1)
        n += 1
    each = (time.monotonic() - begun) / n
    calls = min(CALLS, max(LEAST, int(ENOUGH / (3 * CHECKPOINTS * (each + 1e-9)))))
    if each * calls * 3 * CHECKPOINTS > 20 * ENOUGH:
        raise TooSlow("a call takes too long to be made many times")
    return calls, each


def _lasting(found, run, sources, calls, each):
    """What still grows after so many calls that anything with a limit should be full."""
    slopes = {column: slope for column, (slope, _, _) in found.items()}
    if not slopes or min(slopes.values()) < 0:  # a reference given away more often than it is held ends the process
        return found
    bytes_each = max(slopes.get(0, 0) * 512, slopes.get(1, 0))  # 512: the largest block of objects' memory
    _loop(run, int(min(MANY, 5 * ENOUGH / (each + 1e-9), MANY_BYTES / (bytes_each + 1))))
    third = _rounds(run, sources, calls)
    return {column: (third[column], sources.steps(column), calls) for column, slope in slopes.items() if _agree(slope, third[column])}


def slopes(run, watched, raw=None):
    """{what: (per call, [steps of the last round], calls per step)} of everything that changes by the same amount with every
    call: seen in two rounds, the second of which makes twice as many calls at a time, and in a third after many more. What is
    cached or filled once is not."""
    gc.collect()
    gc.freeze()
    sources = Sources(watched, raw)
    calls, each = _warm(run)
    first = _rounds(run, sources, calls)
    if not any(first):
        return {}
    second = _rounds(run, sources, calls * 2)
    found = {column: (b, sources.steps(column), calls * 2) for column, (a, b) in enumerate(zip(first, second)) if _agree(a, b)}
    found = _lasting(found, run, sources, calls * 2, each)
    named = {("blocks", "raw", "total")[k] if k < 3 else sources.watched[k - 3][0]: v for k, v in found.items()}
    if "blocks" in named:
        named["types"] = _growing(run, calls)
    return named
