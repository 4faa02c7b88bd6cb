"""helper.c by ctypes, and what the C library knows. Everything does nothing, or is None, where this interpreter has no ctypes;
`missing` says so."""
import os
import signal

bytes_in_use = None
missing = None
_library = None

try:
    import ctypes
except ImportError:
    ctypes = None
    missing = "this interpreter has no ctypes"

LIBRARY = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "libbdcheck.so")


def _prepare():
    global bytes_in_use, _library, missing
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "mallinfo2"):
        class MallInfo(ctypes.Structure):
            _fields_ = [(n, ctypes.c_size_t) for n in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                                                       "uordblks", "fordblks", "keepcost")]
        libc.mallinfo2.restype = MallInfo

        def used(mallinfo=libc.mallinfo2):
            info = mallinfo()
            return info.uordblks + info.hblkhd
        bytes_in_use = used
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        missing = str(error)
        return
    word, size = ctypes.c_void_p, ctypes.c_size_t
    library.bdcheck_watch.argtypes = [ctypes.c_char_p]
    library.bdcheck_region.argtypes = [word, size, ctypes.c_int]
    library.bdcheck_guard.argtypes = [word, size]
    library.bdcheck_fill.argtypes = [size]
    library.bdcheck_pages.argtypes = [size]
    library.bdcheck_pages.restype = word
    library.bdcheck_close.argtypes = [word, size]
    _library = library
    if library.bdcheck_other_malloc():  # then what is given back is neither gone nor counted
        missing, bytes_in_use = "malloc is not the C library's", None


def die_with_parent():
    if ctypes:
        ctypes.CDLL(None).prctl(1, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG


def tell_faults(fd):
    if _library:
        _library.bdcheck_faults(fd)


def watch(paths):
    """Leads what these files call of the C API through a check for the GIL: (how many functions, reason why none)."""
    if not _library:
        return 0, missing
    count = 0
    for path in paths:
        n = _library.bdcheck_watch(os.fsencode(os.path.realpath(path)))
        if n < 0:
            return 0, "calls cannot be watched on this processor"
        count += n
    return count, None if count else "it is compiled into the interpreter, so that its own calls cannot be told from that one's"


def watching(on):
    if _library:
        _library.bdcheck_watching(on)


def region(start, length, label):
    _library.bdcheck_region(start, length, label)


def fill(length):
    _library.bdcheck_fill(length)


def guard(start, length):
    return bool(_library.bdcheck_guard(start, length))


class Pages:
    """Memory of our own as something that exports it: by `view`, which knows whether somebody holds it."""

    def __init__(self, length):
        self.length = length
        self.start = _library.bdcheck_pages(length)
        if not self.start:
            raise MemoryError
        self.view = memoryview((ctypes.c_ubyte * length).from_address(self.start)).cast("B")

    def close(self):
        """Whether nobody holds it; who uses it from then on is caught."""
        try:
            self.view.release()
        except BufferError:
            return False
        return _library.bdcheck_close(self.start, self.length) == 0


def address_of(exporter):
    """Of the memory that something writable exports."""
    return ctypes.addressof(ctypes.c_char.from_buffer(exporter))


if ctypes:
    _prepare()
