"""calls a method without arguments of an object of six integers, which adds them up in native code"""
needs = ("Six",)
native_calls = 1
params = {"method": ("looked up in the object at each call; bound once; the type's function, given the object",
                     ("attribute", "bound", "unbound"))}
VALUES = (1 << 20, 22, 33, 44, 55, 66)


class State:
    def __init__(self, cell):
        self.method = cell.axes["method"]
        self.type = cell.binding["Six"]
        self.six = self.type(*VALUES)


def setup(cell):
    return State(cell)


def loop(state):
    if state.method == "attribute":
        return "k = six.sum()", {"six": state.six}
    if state.method == "bound":
        return "k = method()", {"method": state.six.sum}
    return "k = function(six)", {"function": state.type.sum, "six": state.six}


def verify(state, result, operations):
    """It looks at the object: another value is another sum."""
    right = type(result) is int and result == sum(VALUES)
    state.six.a += 1
    right = right and state.six.sum() == sum(VALUES) + 1
    state.six.a -= 1
    return right
