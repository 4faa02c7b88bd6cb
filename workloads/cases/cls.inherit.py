"""native code calls a virtual method that a Python class overrides, or, for comparison, does not"""
needs = ("Walker", "run_virtual")
native_calls = 1
params = {"override": ("whether the object's class has a method of its own", ("yes", "no")),
          "times": ("how often it is called in one operation", ("100", "1"))}
MASK = 0x3fffffff


class State:
    def __init__(self, cell):
        walker = cell.binding["Walker"]
        self.k, self.n, self.run = cell.k, int(cell.axes["times"]), cell.binding["run_virtual"]
        self.step = 2 if cell.axes["override"] == "yes" else 1
        self.walker = override(walker)() if self.step == 2 else walker()


def override(walker):
    class Mine(walker):
        def step(self, k):
            return k + 2 & MASK
    return Mine


def setup(cell):
    return State(cell)


def call(state):
    return state.run, (state.walker, state.k, state.n)


def verify(state, result, operations, start):
    return result == start + operations * state.n * state.step & MASK
