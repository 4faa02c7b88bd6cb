"""reads and writes a field of an object of six integers, and reads a property that native code computes"""
needs = ("Six",)
params = {"access": ("a field is read; a field is written; a property is read, which adds all six up", ("get", "set", "property"))}
VALUES = (1 << 20, 22, 33, 44, 55, 66)


def native_calls(axes):
    return 1 if axes["access"] == "property" else 0


class State:
    def __init__(self, cell):
        self.access = cell.axes["access"]
        self.six = cell.binding["Six"](*VALUES)


def setup(cell):
    return State(cell)


def loop(state):
    return {"get": "k = six.c", "set": "six.c = k", "property": "k = six.total"}[state.access], {"six": state.six}


def enter(state):
    state.six.c = VALUES[2]


def verify(state, result, operations, start):
    if state.access == "set":
        return result == start and state.six.c == start
    if state.access == "get":
        return type(result) is int and result == VALUES[2] and follows(state, lambda: state.six.c, 1)
    return type(result) is int and result == sum(VALUES) and follows(state, lambda: state.six.total, 1)


def follows(state, read, more):
    """What is read is the object's now, not what it was."""
    was = read()
    state.six.c += more
    return read() == was + more
