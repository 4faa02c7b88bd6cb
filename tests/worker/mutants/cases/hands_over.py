"""Hands its payload over without a copy for the first two values, for the others V3 must say that it does not. Where it says that
it copies, it is the other way round."""
import ctypes

params = {"what": ("what the other side gets", ("view", "address", "copy", "half", "kept-reference", "kept-copy", "kept-reference-of-a-copy")),
          "says": ("what it says", ("nothing", "copies"))}


class State:
    def __init__(self, axes):
        self.what, self.says = axes["what"], axes["says"]
        self.payload = bytearray(1 << 20)
        self.kept = []


def setup(cell):
    return State(cell.axes)


def run(ticks, state):
    for _ in ticks:
        memoryview(state.payload)


def verify(state, result, operations):
    return True


def exporter(state):
    return state.payload


def copies(state):
    return state.says == "copies"


def view(state, payload):
    if state.what == "address":
        return ctypes.addressof((ctypes.c_char * len(payload)).from_buffer(payload))
    if state.what == "copy":
        return bytearray(payload)
    if state.what == "half":
        return memoryview(payload)[:len(payload) // 2]
    if state.what == "kept-reference":
        state.kept.append(memoryview(payload))
    if state.what == "kept-reference-of-a-copy":
        state.kept.append(memoryview(payload))
        return bytearray(payload)
    if state.what == "kept-copy":
        state.kept.append(bytes(payload))
    return memoryview(payload)
