"""Hands over memory that nobody may write to, by its address: looking whether it was copied must not either."""
import mmap

needs = ("sum",)
native_calls = 1
SIZE = 1 << 16


class State:
    def __init__(self, cell):
        self.payload = mmap.mmap(-1, SIZE, prot=mmap.PROT_READ)
        self.native = cell.binding["sum"]


def setup(cell):
    return State(cell)


def loop(state):
    return "k = native(k, payload)", {"native": state.native, "payload": state.payload}


def verify(state, result, operations, start):
    return result == start


def exporter(state):
    return state.payload


def view(state, payload):  # where the kernel library saw it
    state.native(0, payload)
