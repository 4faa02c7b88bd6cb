"""Cases that leave something behind in every operation, or in every thousandth: V6 must say so."""
import ctypes

shape = "contended"
params = {"what": ("what is left behind", ("object", "one-in-a-thousand", "malloc", "cycle-in-use", "reference"))}

malloc = ctypes.PyDLL(None).malloc
malloc.argtypes = (ctypes.c_size_t,)
malloc.restype = ctypes.c_void_p
take_reference = ctypes.pythonapi.Py_IncRef
take_reference.argtypes = (ctypes.py_object,)
take_reference.restype = None


class Kept:
    __slots__ = ("before",)


class State:
    def __init__(self, what):
        self.what = what
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
    for _ in ticks:
        done += 1
        if what == "object" or what == "one-in-a-thousand" and done % 1000 == 0:
            last = keep(last)
        elif what == "malloc":
            malloc(56)
        elif what == "reference":
            take_reference(state.here)
        elif what == "cycle-in-use":
            last = [last]
            last.append(last)
    state.kept.append(last)
    return done


def verify(state, result, operations):
    return result == operations
