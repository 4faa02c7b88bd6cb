"""Memory that comes and goes, or comes once: nothing of it is a leak."""
shape = "contended"
params = {"what": ("what happens to memory", ("nothing", "free-list", "garbage", "cache", "table", "now-and-then"))}


class State:
    def __init__(self, what):
        self.what = what
        self.n = 0
        self.cache = {}
        self.held = []
        self.rows = [None] * 5000000 if what == "table" else []


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
            state.rows.append(None)  # grows for ever, and takes memory once in a million times
        elif what == "now-and-then" and not state.n & (state.n - 1):
            state.held.append(bytes(10000))
    return done


def verify(state, result, operations):
    return result == operations
