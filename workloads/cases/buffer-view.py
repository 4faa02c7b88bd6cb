"""hands a large bytearray to native code, which adds up its words: its memory itself, a memoryview, or a copy"""
import struct

shape = "iterations"
needs = ("sum",)
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


def setup(cell):
    return State(cell)


def loop(state):
    names = {"native": state.native, "payload": state.payload}
    if state.wrap is None:
        return "k = native(k, payload)", names
    return "k = native(k, wrap(payload))", dict(names, wrap=state.wrap)


def verify(state, result, operations, start):
    return result == start + operations * state.sum & 0x3fffffff


def exporter(state):  # V3
    return state.payload


def copies(state):
    return state.wrap is bytes


def view(state, payload):  # where the kernel library saw it
    state.native(0, payload if state.wrap is None else state.wrap(payload))
