"""calls native code that adds up its arguments: integers, doubles or truths, 1 to 16 of them"""
shape = "iterations"
native_calls = 1
params = {"type": ("what is handed over and given back", ("i64", "f64", "bool")),
          "args": ("how many arguments", ("2", "1", "3", "4", "6", "8", "16")),
          "unroll": ("calls per turn of the loop", ("10", "1"))}
# k is the first argument; the others differ, and are small enough that every sum of doubles is exact.
REST = {"i64": tuple(range(3, 18)), "f64": tuple(float(n) for n in range(3, 18)),
        "bool": tuple(n % 3 == 0 for n in range(3, 18))}


def needs(axes):
    return "%s_%s" % (axes["type"], axes["args"])


class State:
    def __init__(self, cell):
        self.type = cell.axes["type"]
        self.rest = REST[self.type][:int(cell.axes["args"]) - 1]
        self.native, self.k = cell.binding[needs(cell.axes)], cell.k


def setup(cell):
    return State(cell)


def call(state):
    return state.native, (state.k, *state.rest)


def first(state, start):
    return {"i64": start, "f64": float(start), "bool": bool(start & 1)}[state.type]


def verify(state, result, operations, start):
    added = operations * sum(state.rest)
    if state.type == "i64":
        want = start + added & 0x3fffffff
    elif state.type == "f64":
        want = start + added
    else:
        want = bool((start + added) & 1)
    return type(result) is type(want) and result == want
