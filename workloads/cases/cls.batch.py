"""makes a list of objects of six integers and drops the one before: all of them in native code, or one after the other in Python"""
params = {"made": ("in one native call, or by one call each", ("native", "python")),
          "objects": ("how many", ("1000", "10"))}


def needs(axes):
    return "six_batch" if axes["made"] == "native" else "Six"


def native_calls(axes):
    return 1 if axes["made"] == "native" else 0


class State:
    def __init__(self, cell):
        self.native = cell.axes["made"] == "native"
        self.n = int(cell.axes["objects"])
        self.make = cell.binding[needs(cell.axes)]


def setup(cell):
    return State(cell)


def loop(state):
    if state.native:
        return "k = make(n)", {"make": state.make, "n": state.n}
    return "k = [make(i, i + 1, i + 2, i + 3, i + 4, i + 5) for i in range(n)]", {"make": state.make, "n": state.n}


def verify(state, result, operations):
    return (len(result) == state.n and len({id(six) for six in result}) == state.n
            and [(six.a, six.f) for six in result] == [(i, i + 5) for i in range(state.n)])
