"""attaches to shared memory, reads all of it and detaches, as another process would; or is given a copy of its bytes"""
import fcntl
import mmap
import os
import secrets

FOLDER, PREFIX = "/dev/shm", "benchd-"

native_calls = 1
mapped_twice = True
params = {"way": ("how the memory is had", ("shared_memory", "memfd", "copy")),
          "size": ("bytes", ("1m", "16k", "256k", "16m"))}


def sweep():
    """Removes what killed processes left: whoever would have done it for them was killed too. A segment is locked while it is
    somebody's, for those whose process cannot be seen from here."""
    names = os.listdir(FOLDER) if os.path.isdir(FOLDER) else ()
    for name in names:
        pid = name.removeprefix(PREFIX).partition("-")[0]
        if not name.startswith(PREFIX) or not pid.isdigit() or os.path.exists("/proc/" + pid):
            continue
        path = os.path.join(FOLDER, name)
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:  # another's, or gone
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        except OSError:
            pass
        finally:
            os.close(fd)


def create(shared_memory, size):
    """(segment, its lock, None where segments are no files)."""
    sweep()
    shared = shared_memory(name="%s%d-%s" % (PREFIX, os.getpid(), secrets.token_hex(4)), create=True, size=size)
    path = os.path.join(FOLDER, shared.name)
    if not os.path.exists(path):
        return shared, None
    lock = os.open(path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return shared, lock


class State:
    def __init__(self, cell):
        self.ways = cell.host.part("exchange")
        self.way, raw = cell.axes["way"], self.ways.data(cell.axes["size"])
        self.native = self.ways.library(cell).sum_buffer
        self.sum, self.len = self.ways.total(raw), len(raw)
        self.attached = self.shared = self.fd = self.lock = None
        if self.way == "memfd":
            self.fd = os.memfd_create("benchd")
            os.ftruncate(self.fd, self.len)
            self.payload = mmap.mmap(self.fd, self.len)
        else:
            from multiprocessing import shared_memory
            self.type = shared_memory.SharedMemory
            self.shared, self.lock = create(self.type, self.len)
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
    if state.lock is not None:
        os.close(state.lock)
