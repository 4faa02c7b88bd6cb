"""hands bytes to native code, which adds them up where they are or in a copy; or has it make and fill bytes"""
measures_memory = True
native_calls = 1
params = {"handover": ("who owns what native code works on", ("borrow", "copy", "out")),
          "length": ("bytes", ("16", "0", "256", "4k", "64k", "1m"))}
LENGTHS = {"0": 0, "16": 16, "256": 256, "4k": 4096, "64k": 65536, "1m": 1 << 20}
FUNCTIONS = {"borrow": "sum", "copy": "bytes_copy", "out": "bytes_out"}
FILL = 0x5a


def needs(axes):
    return FUNCTIONS[axes["handover"]]


class State:
    def __init__(self, cell):
        n = LENGTHS[cell.axes["length"]]
        self.native, self.k, self.way = cell.binding[needs(cell.axes)], cell.k, cell.axes["handover"]
        self.seen = cell.counted  # by the kernel library
        self.copies = self.way == "copy" or needs(cell.axes) in cell.binding.copying
        # as large as what comes out: bytes that native code takes in all differ from their neighbours
        self.data = bytes([FILL]) * n if self.way == "out" else (bytes(range(251)) * (n // 251 + 1))[:n]
        self.sum = sum(int.from_bytes(self.data[i:i + 8], "little") for i in range(0, n, 8))


def setup(cell):
    return State(cell)


def call(state):
    return state.native, (FILL, len(state.data)) if state.way == "out" else (state.k, state.data)


def verify(state, result, operations, start):
    if state.way == "out":
        return type(result) is bytes and result == state.data
    return result == start + operations * state.sum & 0x3fffffff


def exporter(state):
    """Bytes that come out are filled where they stay, unless the binding says that it cannot; of nothing there is no copy."""
    if not state.data or not state.seen:
        return None
    return state.native(FILL, len(state.data)) if state.way == "out" else state.data


def copies(state):
    return state.copies


def view(state, data):
    if state.way == "out":
        return None  # the kernel library filled it last, and saw it then
    state.native(0, data)
    return None
