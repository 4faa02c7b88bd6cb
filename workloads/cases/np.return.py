"""native code fills memory with doubles and gives it back as an ndarray: of that very memory, or of a copy of it"""
native_calls = 1
params = {"way": ("what the ndarray has", ("owned", "copied")),
          "size": ("bytes of doubles", ("1m", "64", "16k", "256k", "16m"))}
FIRST = 1000


class State:
    def __init__(self, cell):
        ways = cell.host.part("exchange")
        self.numpy = ways.package(cell, "numpy")
        self.native = getattr(cell.host.extension("bdb_arrays"), cell.axes["way"])
        self.bytes = ways.SIZES[cell.axes["size"]]
        self.copies = cell.axes["way"] == "copied"
        self.expected = self.numpy.arange(FIRST, FIRST + self.bytes // 8, dtype="d")


def setup(cell):
    return State(cell)


def call(state):
    return state.native, (FIRST, state.bytes)


def verify(state, result, operations):
    return state.numpy.array_equal(result, state.expected)


def exporter(state):
    return state.native(FIRST, state.bytes)


def copies(state):
    return state.copies


def view(state, array):  # the kernel library filled it last, and saw it then
    return None
