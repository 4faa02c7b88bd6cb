"""native code fails some calls down and Python catches the exception; or Python raises some calls down and native code catches it"""
native_calls = 1
params = {"raises": ("who raises", ("native", "python")),
          "depth": ("calls between who raises and who catches", ("1", "8", "64"))}
STATEMENT = "try:\n\tnative(depth)\nexcept ValueError:\n\tk += 1"


def needs(axes):
    return {"native": "error", "python": "catch"}[axes["raises"]]


def deep(k, depth):
    if depth <= 1:
        raise ValueError("from Python")
    return deep(k, depth - 1)


class State:
    def __init__(self, cell):
        self.native, self.depth = cell.binding[needs(cell.axes)], int(cell.axes["depth"])
        self.by_python = cell.axes["raises"] == "python"

    def fails(self, k):
        return deep(k, self.depth)


def setup(cell):
    return State(cell)


def loop(state):
    if state.by_python:
        return "k = native(fails, k)", {"native": state.native, "fails": state.fails}
    return STATEMENT, {"native": state.native, "depth": state.depth}


def verify(state, result, operations, start):
    return result == (start + operations & 0x3fffffff if state.by_python else start + operations)
