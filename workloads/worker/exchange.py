"""What the cases of data without copies share: their payload, and the ways to hand it over to native code."""
import ctypes
import mmap
import struct

MASK = 0x3fffffff
VALUES = [i + 0.5 for i in range(32)]  # the payload, over and over: no two words are the same, and sums are exact
WORDS = struct.pack("<32d", *VALUES)
SIZES = {"64": 64, "1k": 1 << 10, "4k": 1 << 12, "16k": 1 << 14, "256k": 1 << 18, "1m": 1 << 20, "4m": 1 << 22, "16m": 1 << 24,
         "64m": 1 << 26}


def data(size):
    """The bytes of a payload; size: a key of SIZES."""
    n = SIZES[size]
    return (WORDS * (n // len(WORDS) + 1))[:n]


def total(data_):
    """What bd_kernel_sum adds for it."""
    whole, rest = divmod(len(data_), len(WORDS))
    return whole * sum(struct.unpack("<32Q", WORDS)) + sum(struct.unpack("<%dQ" % (rest // 8), WORDS[:rest]))


class State:
    """Of a cell that hands `payload` over: k grows by its sum with every operation."""

    def __init__(self, cell, payload, sum_, statement, names, copies=False):
        self.cell, self.payload, self.sum = cell, payload, sum_
        self.statement, self.names, self.copies = statement, names, copies
        self.once = compile(statement, cell.axes.get("way", "?"), "exec")

    def view(self):
        """The operation once; where the kernel library saw its data is what it leaves."""
        exec(self.once, dict(self.names, k=0))

    def right(self, result, operations, start):
        return result == start + operations * self.sum & MASK


def library(cell):
    return cell.host.extension("bdb_exchange")


BROUGHT = {"numpy": "arrays", "nanoarrow": "nanoarrow", "cffi": "cffi"}  # package: what `./dev bindings` builds brings it


def package(cell, name):
    """A package of this interpreter's environment, or Unsupported with the reason why it is not there."""
    built = cell.host.built(BROUGHT[name])
    if built and built["status"] != "ok":
        raise cell.Unsupported("%s: %s" % (name, built["reason"] or "it could not be installed"), built["hint"] or "")
    return cell.host.package(name)


# ---- by which way: (statement, what its names are, whether it copies), for a payload that knows every protocol

def _function(name):
    def way(cell, payload):
        return "k = native(k, payload)", {"native": getattr(library(cell), name), "payload": payload}, False
    return way


def _list(cell, payload):
    return ("k = native(k, listed())", {"native": library(cell).sum_list, "listed": memoryview(payload).tolist}, True)


def _bytes(cell, payload):
    return "k = native(k, bytes(payload))", {"native": library(cell).sum_buffer, "payload": payload, "bytes": bytes}, True


def _ctypes(cell, payload):
    n = memoryview(payload).nbytes
    add_up = ctypes.PyDLL(cell.host.kernels).bd_kernel_sum
    add_up.argtypes = (ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)
    add_up.restype = ctypes.c_uint64
    return ("k = native(k, pointer(payload), n)",
            {"native": add_up, "pointer": (ctypes.c_char * n).from_buffer, "payload": payload, "n": n}, False)


def _cffi(cell, payload):
    ffi = package(cell, "cffi").FFI()
    ffi.cdef("uint64_t bd_kernel_sum(uint64_t x, const void *data, uint64_t n);")
    return ("k = native(k, pointer(payload), n)",
            {"native": ffi.dlopen(cell.host.kernels).bd_kernel_sum, "pointer": ffi.from_buffer, "payload": payload,
             "n": memoryview(payload).nbytes}, False)


WAYS = {"list": _list, "bytes": _bytes, "buffer": _function("sum_buffer"), "ctypes": _ctypes, "cffi": _cffi,
        "interface": _function("sum_interface"), "dlpack": _function("sum_dlpack"), "dlpack-1": _function("sum_dlpack_1"),
        "arrow": _function("sum_arrow")}


def ladder(cell):
    """The State of one of WAYS with a payload of cell.axes["size"]."""
    raw = data(cell.axes["size"])
    payload = library(cell).Block(raw)
    statement, names, copies = WAYS[cell.axes["way"]](cell, payload)
    return State(cell, payload, total(raw), statement, names, copies)


def strided(raw):
    """(every second double, of memory twice as long; the first half of that memory, which has as many bytes)"""
    wide = bytearray(2 * len(raw))
    all_ = memoryview(wide).cast("d")
    for i in range(0, len(raw) // 8, len(VALUES)):
        part = VALUES[:len(raw) // 8 - i]
        wide[i * 16:i * 16 + len(part) * 16] = struct.pack("<%dd" % (2 * len(part)), *(v for x in part for v in (x, -x)))
    return all_[::2], all_[:len(raw) // 8]


# ---- exporters of the buffer protocol

def _mmap(cell, raw):
    area = mmap.mmap(-1, len(raw))
    area[:] = raw
    return area


def _array(cell, raw):
    import array
    return array.array("d", raw)


def _numpy(cell, raw):
    return package(cell, "numpy").frombuffer(bytearray(raw), "d")


EXPORTERS = {"bytes": lambda cell, raw: bytes(raw), "bytearray": lambda cell, raw: bytearray(raw), "array": _array,
             "memoryview": lambda cell, raw: memoryview(bytearray(raw)), "mmap": _mmap,
             "ctypes": lambda cell, raw: (ctypes.c_double * (len(raw) // 8)).from_buffer(bytearray(raw)), "numpy": _numpy,
             "block": lambda cell, raw: library(cell).Block(raw)}
