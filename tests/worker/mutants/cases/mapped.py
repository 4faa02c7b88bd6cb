"""Hands over a second mapping of the same memory, or one that becomes a copy when it is written to: V3 must say which is which."""
import mmap
import os

params = {"what": ("the second mapping", ("shared", "private"))}
mapped_twice = True
SIZE = 1 << 20


class State:
    def __init__(self, what):
        fd = os.memfd_create("payload")
        os.ftruncate(fd, SIZE)
        self.payload = mmap.mmap(fd, SIZE)
        self.other = mmap.mmap(fd, SIZE, mmap.MAP_SHARED if what == "shared" else mmap.MAP_PRIVATE)
        os.close(fd)


def setup(cell):
    return State(cell.axes["what"])


def run(ticks, state):
    for _ in ticks:
        pass


def verify(state, result, operations):
    return True


def exporter(state):
    return state.payload


def view(state, payload):
    return state.other
