"""native code looks up an attribute of an object of Python's, and adds up what it gets"""
needs = ("lookup",)
native_calls = 1
params = {"attribute": ("where it is", ("instance", "slot", "class", "property")),
          "lookups": ("per native call", ("100", "1")),
          "unroll": ("native calls per turn of the loop", ("1", "10"))}


class Instance:
    def __init__(self):
        self.value = 7


class Slot:
    __slots__ = ("value",)

    def __init__(self):
        self.value = 7


class Class:
    value = 7


class Property:
    @property
    def value(self):
        return 7


OBJECTS = {"instance": Instance, "slot": Slot, "class": Class, "property": Property}


class State:
    def __init__(self, cell):
        self.native, self.k, self.n = cell.binding["lookup"], cell.k, int(cell.axes["lookups"])
        self.object = OBJECTS[cell.axes["attribute"]]()


def setup(cell):
    return State(cell)


def call(state):
    return state.native, (state.object, state.k, state.n)


def verify(state, result, operations, start):
    return result == start + 7 * operations * state.n & 0x3fffffff
