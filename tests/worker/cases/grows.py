"""Memory that comes and goes, or comes once: nothing of it is a leak."""
import mmap

shape = "contended"
params = {"what": ("what happens to memory", ("nothing", "free-list", "garbage", "cache", "table", "journal", "mapped", "now-and-then"))}


class State:
    def __init__(self, what):
        self.what = what
        self.n = 0
        self.cache = {}
        self.held = []
        self.rows = []


class Node:
    pass


def setup(cell):
    return State(cell.axes["what"])


def run(ticks, state):
    what = state.what
    done = 0
    for _ in ticks:
        done += 1
        state.n += 1
        if what == "free-list":
            floats = [float(i) for i in range(20)]
            tuple(floats)
        elif what == "garbage":
            node = Node()
            node.itself = node
        elif what == "cache":
            key = state.n % 5000
            if key not in state.cache:
                state.cache[key] = str(key)
        elif what == "table":
            if len(state.rows) < 30000:  # grows in steps, until it is as large as it ever is
                state.rows.append(None)
        elif what == "journal":
            state.rows.append(None)  # the same, and is written out and empty then
            if len(state.rows) > 30000:
                state.rows = []
        elif what == "mapped":
            mmap.mmap(-1, 1 << 20).close()
        elif what == "now-and-then" and not state.n & (state.n - 1):
            state.held.append(bytes(10000))
    return done


def verify(state, result, operations):
    return result == operations
