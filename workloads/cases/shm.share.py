"""attaches to shared memory, reads all of it and detaches, as another process would; or is given a copy of its bytes"""
import mmap
import os

native_calls = 1
mapped_twice = True
params = {"way": ("how the memory is had", ("shared_memory", "memfd", "copy")),
          "size": ("bytes", ("1m", "16k", "256k", "16m"))}


class State:
    def __init__(self, cell):
        self.ways = cell.host.part("exchange")
        self.way, raw = cell.axes["way"], self.ways.data(cell.axes["size"])
        self.native = self.ways.library(cell).sum_buffer
        self.sum, self.len = self.ways.total(raw), len(raw)
        self.attached = self.shared = self.fd = None
        if self.way == "memfd":
            self.fd = os.memfd_create("benchd")
            os.ftruncate(self.fd, self.len)
            self.payload = mmap.mmap(self.fd, self.len)
        else:
            from multiprocessing import shared_memory
            self.type = shared_memory.SharedMemory
            self.shared = self.type(create=True, size=self.len)
            self.payload = self.shared.buf[:self.len]  # the object's own may be longer, by whole pages
        self.payload[:] = raw

    def attach(self):
        """What the other side has of it."""
        if self.way == "memfd":
            return mmap.mmap(self.fd, self.len)
        if self.way == "shared_memory":
            return self.type(self.shared.name)
        return bytes(self.payload)


def setup(cell):
    return State(cell)


STATEMENTS = {"memfd": "other = mmap(fd, n)\nk = native(k, other)\nother.close()",
              "shared_memory": "other = attach(name)\nmemory = other.buf[:n]\nk = native(k, memory)\nmemory.release()\nother.close()",
              "copy": "k = native(k, bytes(payload))"}


def loop(state):
    names = {"memfd": {"mmap": mmap.mmap, "fd": state.fd, "n": state.len},
             "shared_memory": {"attach": getattr(state, "type", None), "name": state.shared and state.shared.name, "n": state.len},
             "copy": {"bytes": bytes, "payload": state.payload}}[state.way]
    return STATEMENTS[state.way], dict(names, native=state.native)


def verify(state, result, operations, start):
    return result == start + operations * state.sum & state.ways.MASK


def exporter(state):
    return state.payload


def copies(state):
    return state.way == "copy"


def view(state, payload):
    detach(state)
    state.attached = state.attach()
    return state.attached.buf[:state.len] if state.way == "shared_memory" else state.attached


def detach(state):
    if state.attached is not None and state.way != "copy":
        state.attached.close()
    state.attached = None


def teardown(state):
    detach(state)
    if state.fd is not None:
        state.payload.close()
        os.close(state.fd)
    if state.shared is not None:
        state.payload.release()
        state.shared.close()
        state.shared.unlink()
