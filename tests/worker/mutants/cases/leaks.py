"""Cases that leave something behind in every operation, or in every thousandth: V6 must say so."""
import ctypes
import mmap
import threading

shape = "contended"
params = {"what": ("what is left behind", ("object", "one-in-a-thousand", "malloc", "cycle-in-use", "reference", "list", "doubling", "mapped"))}

malloc = ctypes.PyDLL(None).malloc
malloc.argtypes = (ctypes.c_size_t,)
malloc.restype = ctypes.c_void_p
realloc = ctypes.PyDLL(None).realloc
realloc.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
realloc.restype = ctypes.c_void_p
map_memory = ctypes.PyDLL(None).mmap
map_memory.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
map_memory.restype = ctypes.c_void_p
take_reference = ctypes.pythonapi.Py_IncRef
take_reference.argtypes = (ctypes.py_object,)
take_reference.restype = None


class Kept:
    __slots__ = ("before",)


class Doubling:
    """An array of words in native memory, which takes twice as much when it is full."""

    def __init__(self):
        self.n, self.room, self.words = 0, 16, realloc(None, 128)

    def append(self, _):
        if self.n == self.room:
            self.room *= 2
            self.words = realloc(self.words, 8 * self.room)
        self.n += 1


class State:
    def __init__(self, what):
        self.what = what
        self.lists = {}  # of each thread
        self.kept = []  # what each batch of each thread has left, as a chain
        self.here = object()


def keep(before):
    kept = Kept()
    kept.before = before
    return kept


def setup(cell):
    return State(cell.axes["what"])


def run(ticks, state):
    what, done, last = state.what, 0, None
    grows = state.lists.setdefault(threading.get_ident(), Doubling() if what == "doubling" else [])
    for _ in ticks:
        done += 1
        if what == "object" or what == "one-in-a-thousand" and done % 1000 == 0:
            last = keep(last)
        elif what == "malloc":
            malloc(56)
        elif what == "reference":
            take_reference(state.here)
        elif what == "list" or what == "doubling":
            grows.append(None)
        elif what == "mapped":
            map_memory(None, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        elif what == "cycle-in-use":
            last = [last]
            last.append(last)
    state.kept.append(last)
    return done


def verify(state, result, operations):
    return result == operations
