"""adds up doubles through a binding: contiguous, with a stride, or read only; and what memory can do, a memcpy of as many"""
params = {"layout": ("of the doubles", ("contiguous", "strided", "readonly", "memcpy")),
          "size": ("bytes of what is added up", ("1m", "64", "1k", "16k", "256k", "4m", "16m", "64m"))}
native_calls = 1
COPIED_BY = "capi:fastcall"  # memcpy is the same whatever the binding: one row of it


def needs(axes):
    return {"strided": ("sum_f64_strided",), "memcpy": ()}.get(axes["layout"], ("sum_f64",))


class State:
    def __init__(self, cell):
        ways = cell.host.part("exchange")
        layout, raw = cell.axes["layout"], ways.data(cell.axes["size"])
        self.mask, self.k = ways.MASK, cell.k
        self.copies = layout == "memcpy"
        values = ways.VALUES
        n = len(raw) // 8
        self.sum = sum(values[i % len(values)] for i in range(n))
        if layout == "memcpy":
            self.native, self.exporter = ways.library(cell).copy, bytearray(raw)
            self.args = (bytearray(len(raw)), self.exporter)
            self.last = int.from_bytes(raw[-8:], "little")
        elif layout == "strided":
            self.native = cell.binding["sum_f64_strided"]
            every_second, self.exporter = ways.strided(raw)
            self.args = (every_second,)
        else:
            self.native = cell.binding["sum_f64"]
            self.exporter = ways.library(cell).Block(raw, readonly=layout == "readonly")
            self.args = (self.exporter,)


def setup(cell):
    if cell.axes["layout"] == "memcpy" and cell.axes["binding"] != COPIED_BY:
        raise cell.Unsupported("memcpy is the same for every binding", "see binding=%s" % COPIED_BY)
    return State(cell)


def call(state):
    return state.native, (state.k, *state.args) if state.copies else state.args


def verify(state, result, operations, start):
    if state.copies:
        return result == start + operations * state.last & state.mask
    return result == state.sum


def exporter(state):
    return state.exporter


def copies(state):
    return state.copies


def view(state, payload):
    state.native(*(0, *state.args) if state.copies else state.args)
