"""makes an object of six integers and drops the one before, by the ways a type can keep its objects"""
import sys

params = {"type": ("heap type; static type; tracked by the collector; with a free list; Python's __slots__",
                   ("default", "static", "gc", "freelist", "slots"))}
VALUES = (11, 22, 33, 44, 55, 66)
KEPT = 5000


def needs(axes):
    return "Six" if axes["type"] == "default" else "Six_" + axes["type"]


class State:
    def __init__(self, cell):
        self.make = cell.binding[needs(cell.axes)]
        self.bytes = weigh(self.make, cell.live_bytes)
        self.shallow = sys.getsizeof(self.make(*VALUES))


def weigh(make, live_bytes):
    """What one object takes of whichever allocators it is in; None: they do not tell."""
    kept = [None] * KEPT
    before = live_bytes()
    for i in range(KEPT):
        kept[i] = make(*VALUES)
    after = live_bytes()
    return None if before is None or after is None else (after - before) / KEPT


def setup(cell):
    return State(cell)


def call(state):
    return state.make, VALUES


def fields(made):
    return made.a, made.b, made.c, made.d, made.e, made.f


def verify(state, result, operations):
    """The last one is whole, and the next one is another: a class that hands out one object makes none."""
    other = state.make(*VALUES)
    other.a = 7
    return type(result) is type(other) and other is not result and fields(result) == VALUES and other.a == 7


def notes(state):
    said = "sys.getsizeof says %d" % state.shallow
    if state.bytes is None:
        return [("object-bytes", "what an object takes is unknown: this allocator does not tell; " + said)]
    return [("object-bytes", "an object takes %.0f bytes of the allocators; %s" % (state.bytes, said))]
