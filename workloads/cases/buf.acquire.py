"""takes a buffer of 4 KiB and gives it back, from the exporters that people have"""
native_calls = 1
params = {"object": ("whose buffer it is", ("bytes", "bytearray", "array", "memoryview", "mmap", "ctypes", "numpy", "block")),
          "flags": ("what is asked for", ("simple", "writable", "nd", "strides", "contig", "records_ro", "full_ro", "full"))}
FLAGS = {"simple": 0, "writable": 0x1, "nd": 0x8, "strides": 0x18, "contig": 0x9, "records_ro": 0x1c, "full_ro": 0x11c,
         "full": 0x11d}
SIZE = "4k"


class State:
    def __init__(self, cell):
        ways = cell.host.part("exchange")
        raw = ways.data(SIZE)
        self.mask, self.k, self.len = ways.MASK, cell.k, len(raw)
        self.acquire = ways.library(cell).acquire
        self.exporter = ways.EXPORTERS[cell.axes["object"]](cell, raw)
        self.flags = FLAGS[cell.axes["flags"]]


def setup(cell):
    state = State(cell)
    try:
        state.acquire(0, state.exporter, state.flags)
    except BufferError as e:
        if not state.flags & 1 or not memoryview(state.exporter).readonly:
            raise
        raise cell.Unsupported("%s cannot be written to: %s" % (cell.axes["object"], e)) from e
    return state


def call(state):
    return state.acquire, (state.k, state.exporter, state.flags)


def verify(state, result, operations, start):
    return result == start + operations * state.len & state.mask


def exporter(state):
    return state.exporter


def view(state, payload):  # the kernel library was told where
    state.acquire(0, payload, state.flags)
