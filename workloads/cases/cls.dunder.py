"""what operators and built-in functions do with an object of six integers: len, an item, iteration, comparison, a call"""
needs = ("Six",)
params = {"operation": ("len(s); s[i]; for i in s, all six; s == an equal one; s(k)", ("len", "getitem", "iter", "compare", "call"))}
VALUES = (11, 22, 33, 44, 55, 66)
METHODS = {"len": "__len__", "getitem": "__getitem__", "iter": "__getitem__", "compare": "__eq__", "call": "__call__"}
STATEMENTS = {"len": "k = len(six)", "getitem": "k = six[4]", "iter": "for k in six:\n\tpass", "compare": "k = six == same",
              "call": "k = six(k)"}


class State:
    def __init__(self, cell):
        self.operation = cell.axes["operation"]
        make = cell.binding["Six"]
        has = hasattr(make, METHODS[self.operation]) or self.operation == "iter" and hasattr(make, "__iter__")
        if not has or self.operation == "compare" and make.__eq__ is object.__eq__:
            raise cell.Unsupported("its class has no %s" % METHODS[self.operation])
        self.six, self.same, self.other = make(*VALUES), make(*VALUES), make(*VALUES[::-1])


def setup(cell):
    return State(cell)


def loop(state):
    names = {"six": state.six, "same": state.same}
    statement = STATEMENTS[state.operation]
    return statement, {name: o for name, o in names.items() if name in statement}


def verify(state, result, operations, start):
    if state.operation == "call":
        return result == start + operations * VALUES[0] & 0x3fffffff
    if state.operation == "compare":
        return result is True and not state.six == state.other
    if state.operation == "iter":
        return result == VALUES[-1] and list(state.six) == list(VALUES)
    if state.operation == "getitem":
        return result == VALUES[4] and [state.other[i] for i in range(6)] == list(VALUES[::-1])
    return result == 6
