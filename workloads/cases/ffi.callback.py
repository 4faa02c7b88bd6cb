"""native code calls a Python function, on the thread that called it or on one that Python does not know"""
native_calls = 1
params = {"thread": ("which one calls back", ("same", "foreign")),
          "calls": ("of the Python function, per native call", ("100", "1")),
          "unroll": ("native calls per turn of the loop", ("1", "10"))}
FUNCTIONS = {"same": "callback", "foreign": "callback_foreign"}


def needs(axes):
    return FUNCTIONS[axes["thread"]]


def step(k):
    return k + 3 & 0x3fffffff


class State:
    def __init__(self, cell):
        self.native, self.k, self.n = cell.binding[needs(cell.axes)], cell.k, int(cell.axes["calls"])


def setup(cell):
    return State(cell)


def call(state):
    return state.native, (step, state.k, state.n)


def verify(state, result, operations, start):
    return result == start + 3 * operations * state.n & 0x3fffffff
