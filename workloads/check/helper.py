"""What Python itself has no words for: the C library's count of bytes, and ending with one's parent. All None where this
interpreter has no ctypes."""
import signal

bytes_in_use = None
die_with_parent = None

try:
    import ctypes
except ImportError:
    ctypes = None


def _prepare():
    global bytes_in_use, die_with_parent
    libc = ctypes.CDLL(None, use_errno=True)

    def die(prctl=libc.prctl):
        prctl(1, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG
    die_with_parent = die
    if not hasattr(libc, "mallinfo2"):
        return

    class MallInfo(ctypes.Structure):
        _fields_ = [(n, ctypes.c_size_t) for n in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
                                                   "fordblks", "keepcost")]
    libc.mallinfo2.restype = MallInfo

    def used(mallinfo=libc.mallinfo2):
        info = mallinfo()
        return info.uordblks + info.hblkhd
    bytes_in_use = used


if ctypes:
    _prepare()
