"""hands a large bytearray to native code, which adds up its words: its memory itself, a memoryview, or a copy"""
import struct

shape = "iterations"
binding = True
native_calls = 1
params = {"size": ("bytes handed over", ("1m", "64k", "16m")),
          "handover": ("what the native code is given", ("memory", "memoryview", "copy"))}
SIZES = {"64k": 1 << 16, "1m": 1 << 20, "16m": 1 << 24}
PATTERN = bytes(range(256))
WRAPPERS = {"memoryview": memoryview, "copy": bytes}


class State:
    def __init__(self, cell):
        self.payload = bytearray(PATTERN * (SIZES[cell.axes["size"]] // len(PATTERN)))
        self.sum = len(self.payload) // len(PATTERN) * sum(struct.unpack("<32Q", PATTERN))
        self.native = cell.binding["sum"]
        self.wrap = WRAPPERS.get(cell.axes["handover"])
        self.copies = cell.axes["handover"] == "copy"


def setup(cell):
    return State(cell)


def run(ticks, state):
    k, native, payload, wrap = 0, state.native, state.payload, state.wrap
    if wrap is None:
        for _ in ticks:
            k = native(k, payload)
    else:
        for _ in ticks:
            k = native(k, wrap(payload))
    return k


def verify(state, result, operations):
    return result == operations * state.sum & 0x3fffffff  # with k from 0


def exporter(state):  # V3
    return None if state.copies else state.payload


def view(state, payload):  # V3: where the kernel library saw it
    state.native(0, payload if state.wrap is None else state.wrap(payload))
