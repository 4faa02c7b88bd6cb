"""Takes somebody's memory by each protocol through which Python objects share it, as a consumer written in C would: by ctypes
alone, so that any interpreter that has it can look at any object. A View is what was taken, until it is given back."""
import ctypes
import struct
import sys
from ctypes import POINTER, PYFUNCTYPE, Structure, byref, c_char_p, c_int, c_int32, c_int64, c_ssize_t, c_uint8, c_uint16, c_uint32, \
    c_uint64, c_void_p, py_object

PROTOCOLS = ("buffer", "interface", "dlpack", "dlpack-1", "arrow", "arrow-stream")
SIMPLE, WRITABLE, FORMAT, CONTIGUOUS = 0, 0x1, 0x4, 0x38
CPU = 1
READONLY = 1  # a flag of DLPack 1.0


class Refused(Exception):
    """It gave something that is no contiguous memory of plain numbers without nulls: allowed, and of no use here."""


class Scattered(Refused):
    """Its memory is not in one piece."""


# ---- the structs that the specifications lay down

class Buffer(Structure):
    _fields_ = [("buf", c_void_p), ("obj", c_void_p), ("len", c_ssize_t), ("itemsize", c_ssize_t), ("readonly", c_int), ("ndim", c_int),
                ("format", c_char_p), ("shape", POINTER(c_ssize_t)), ("strides", POINTER(c_ssize_t)),
                ("suboffsets", POINTER(c_ssize_t)), ("internal", c_void_p)]


class Tensor(Structure):
    _fields_ = [("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32), ("ndim", c_int32), ("code", c_uint8),
                ("bits", c_uint8), ("lanes", c_uint16), ("shape", POINTER(c_int64)), ("strides", POINTER(c_int64)),
                ("byte_offset", c_uint64)]


class Managed(Structure):
    _fields_ = [("tensor", Tensor), ("context", c_void_p), ("deleter", c_void_p)]


class ManagedVersioned(Structure):
    _fields_ = [("major", c_uint32), ("minor", c_uint32), ("context", c_void_p), ("deleter", c_void_p), ("flags", c_uint64),
                ("tensor", Tensor)]


class Schema(Structure):
    pass


Schema._fields_ = [("format", c_char_p), ("name", c_char_p), ("metadata", c_char_p), ("flags", c_int64), ("n_children", c_int64),
                   ("children", POINTER(POINTER(Schema))), ("dictionary", POINTER(Schema)), ("release", c_void_p), ("context", c_void_p)]


class Array(Structure):
    pass


Array._fields_ = [("length", c_int64), ("null_count", c_int64), ("offset", c_int64), ("n_buffers", c_int64), ("n_children", c_int64),
                  ("buffers", POINTER(c_void_p)), ("children", POINTER(POINTER(Array))), ("dictionary", POINTER(Array)),
                  ("release", c_void_p), ("context", c_void_p)]


class Stream(Structure):
    _fields_ = [(name, c_void_p) for name in ("get_schema", "get_next", "get_last_error", "release", "context")]


def _api(name, result, *arguments):
    function = PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))
    return function


get_buffer = _api("PyObject_GetBuffer", c_int, py_object, c_void_p, c_int)
release_buffer = _api("PyBuffer_Release", None, c_void_p)
capsule_pointer = _api("PyCapsule_GetPointer", c_void_p, py_object, c_char_p)
capsule_is = _api("PyCapsule_IsValid", c_int, py_object, c_char_p)
capsule_rename = _api("PyCapsule_SetName", c_int, py_object, c_char_p)
# A capsule keeps the pointer to its name, not the name.
USED, USED_VERSIONED = c_char_p(b"used_dltensor"), c_char_p(b"used_dltensor_versioned")


def _call(address, result, *arguments):
    """A function of theirs, with the GIL held."""
    return PYFUNCTYPE(result, *(c_void_p for _ in arguments))(address)(*(ctypes.addressof(a) for a in arguments))


class View:
    """address, nbytes, readonly; release() gives it back. `keeps`: all that must live as long. `values`: (kind of number, its
    size), None for bytes and what is not known here; `wrong`: how what it says of itself cannot be."""

    def __init__(self, protocol, address, nbytes, readonly, give_back, keeps=(), values=None, wrong=None):
        self.values, self.wrong = values, wrong
        self.protocol, self.address, self.nbytes, self.readonly = protocol, address or 0, nbytes, bool(readonly)
        self._give_back, self.keeps = give_back, keeps

    def read(self):
        return ctypes.string_at(self.address, self.nbytes) if self.nbytes else b""

    def flip(self, at):
        """Inverts a byte."""
        byte = c_uint8.from_address(self.address + at)
        byte.value ^= 0xff

    def byte(self, at):
        return c_uint8.from_address(self.address + at).value

    def release(self):
        give_back, self._give_back = self._give_back, None
        if give_back:
            give_back()
        self.keeps = ()


# ---- buffer protocol, __array_interface__

def _number(text):
    """(kind, size) of a format of one number, None for all others."""
    code = text.lstrip("@=<>!")
    if len(code) != 1 or code not in "hHiIlLqQnNfde?":
        return None
    return "f" if code in "fde" else "b" if code == "?" else "i" if code.islower() else "u", struct.calcsize(text)


def _impossible(buffer):
    """What is wrong with a contiguous buffer, or None."""
    if buffer.ndim and not buffer.shape:
        return "it has %d dimensions and no shape" % buffer.ndim
    shape = buffer.shape[:buffer.ndim]
    if _product(shape) * buffer.itemsize != buffer.len:
        return "%s items of %d bytes are not its %d bytes" % (tuple(shape), buffer.itemsize, buffer.len)
    if buffer.strides and not _compact(shape, buffer.strides[:buffer.ndim], buffer.itemsize):
        return "who asks for contiguous memory is given strides %s" % (tuple(buffer.strides[:buffer.ndim]),)
    number = _number((buffer.format or b"B").decode("latin-1"))
    if number and number[1] != buffer.itemsize:
        return "its items have %d bytes, its format %r has %d" % (buffer.itemsize, buffer.format.decode("latin-1"), number[1])
    return None


def _buffer(obj, writable):
    buffer = Buffer()
    try:
        get_buffer(obj, byref(buffer), CONTIGUOUS | FORMAT | (WRITABLE if writable else SIMPLE))
    except ValueError as e:  # as numpy says what BufferError is for
        if writable:
            raise
        raise Scattered(str(e)) from e
    return View("buffer", buffer.buf, buffer.len, buffer.readonly, lambda: release_buffer(byref(buffer)), (buffer,),
                _number((buffer.format or b"B").decode("latin-1")), _impossible(buffer))


def _compact(shape, strides, unit):
    step = unit
    for length, stride in zip(reversed(shape), reversed(strides)):
        if length > 1 and stride != step:
            return False
        step *= length
    return True


def _product(shape):
    n = 1
    for length in shape:
        n *= length
    return n


def _interface(obj, writable):
    about = obj.__array_interface__
    address, readonly = about["data"]
    shape, kind = about["shape"], about["typestr"]
    if kind[1] not in "iufb" or kind[0] == (">" if sys.byteorder == "little" else "<"):
        raise Refused("its values are %s, no plain numbers" % kind)
    size = int(kind[2:])
    if about.get("strides") is not None and not _compact(shape, about["strides"], size):
        raise Scattered("its memory is not contiguous")
    if readonly and writable:
        raise BufferError("it is read only")
    return View("interface", address, _product(shape) * size, readonly, None, (obj,),  # the object is all there is to keep
                (kind[1], size) if size > 1 else None)


# ---- DLPack

def _tensor(tensor):
    if tensor.device_type != CPU:
        raise Refused("its memory is not the processor's")
    if tensor.lanes != 1 or tensor.bits % 8 or tensor.code not in (0, 1, 2, 6):
        raise Refused("its values are no plain numbers")
    shape = tensor.shape[:tensor.ndim]
    if tensor.strides and not _compact(shape, tensor.strides[:tensor.ndim], 1):
        raise Scattered("its memory is not contiguous")
    size = tensor.bits // 8
    return (tensor.data or 0) + tensor.byte_offset, _product(shape) * size, ("iuf???b"[tensor.code], size) if size > 1 else None


def _dlpack(obj, versioned):
    capsule = obj.__dlpack__(max_version=(1, 0)) if versioned else obj.__dlpack__()
    if capsule_is(capsule, b"dltensor_versioned"):
        kind, name, used, found = ManagedVersioned, b"dltensor_versioned", USED_VERSIONED, "dlpack-1"
    elif capsule_is(capsule, b"dltensor"):
        kind, name, used, found = Managed, b"dltensor", USED, "dlpack"
    else:
        raise TypeError("__dlpack__() gave no capsule of a tensor")
    if versioned != (found == "dlpack-1"):
        raise Refused("it gave a capsule of %s" % ("before DLPack 1.0" if versioned else "DLPack 1.0 to one who knows no such thing"))
    managed = kind.from_address(capsule_pointer(capsule, name))
    address, nbytes, values = _tensor(managed.tensor)
    capsule_rename(capsule, used)  # from here on it is ours to delete

    def give_back():
        if managed.deleter:
            _call(managed.deleter, None, managed)
    return View(found, address, nbytes, versioned and managed.flags & READONLY, give_back, (), values)


# ---- Arrow

WIDTHS = dict(zip(b"cCsSiIlLefg", (1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8)))


def _column(schema, array):
    offset, length = array.offset, array.length
    if schema.format == b"+s":
        if not schema.n_children or array.null_count > 0:
            raise Refused("it has no column without nulls")
        schema, array = schema.children[0].contents, array.children[0].contents
        offset += array.offset
    width = len(schema.format) == 1 and WIDTHS.get(schema.format[0])
    if not width or schema.dictionary:
        raise Refused("its values have no fixed width")
    if array.n_buffers != 2 or array.null_count > 0 or (array.null_count < 0 and array.buffers[0]):
        raise Refused("it has nulls, or not the two buffers of a column")
    values = ("iu"[schema.format.isupper()] if schema.format in b"sSiIlL" else "f", width) if width > 1 else None
    return (array.buffers[1] or 0) + offset * width, length * width, values


def _release(struct):
    if struct.release:
        _call(struct.release, None, struct)


def _moved(source, kind):
    """What was in a struct of theirs, and is ours from here on."""
    own = kind.from_buffer_copy(source)
    source.release = None
    return own


def _arrow(obj):
    schema_capsule, array_capsule = obj.__arrow_c_array__()
    schema = Schema.from_address(capsule_pointer(schema_capsule, b"arrow_schema"))
    source = Array.from_address(capsule_pointer(array_capsule, b"arrow_array"))
    if not source.release:
        raise ValueError("__arrow_c_array__() gave an array that was released already")
    address, nbytes, values = _column(schema, source)
    array = _moved(source, Array)
    return View("arrow", address, nbytes, True, lambda: _release(array), (array,), values)


def _arrow_stream(obj):
    capsule = obj.__arrow_c_stream__()
    stream = Stream.from_address(capsule_pointer(capsule, b"arrow_array_stream"))
    if not stream.release:
        raise ValueError("__arrow_c_stream__() gave a stream that was released already")
    schema, array = Schema(), Array()
    try:
        if _call(stream.get_schema, c_int, stream, schema) or _call(stream.get_next, c_int, stream, array):
            raise ValueError("the stream failed")
        if not array.release:
            raise Refused("the stream has no batch")
        address, nbytes, values = _column(schema, array)
    except BaseException:
        _release(array)
        raise
    finally:
        _release(schema)
    return View("arrow-stream", address, nbytes, True, lambda: _release(array), (array,), values)


def take(protocol, obj, writable=False):
    """A View; Refused or BufferError where this object does not give one; whatever else its methods raise."""
    if protocol == "buffer":
        return _buffer(obj, writable)
    if protocol == "interface":
        return _interface(obj, writable)
    if protocol.startswith("dlpack"):
        return _dlpack(obj, protocol == "dlpack-1")
    return _arrow(obj) if protocol == "arrow" else _arrow_stream(obj)


def ask(protocol, obj):
    """What its method gives, for nobody to take."""
    if protocol == "dlpack-1":
        return obj.__dlpack__(max_version=(1, 0))
    return getattr(obj, METHODS[protocol])()


METHODS = {"interface": "__array_interface__", "dlpack": "__dlpack__", "dlpack-1": "__dlpack__", "arrow": "__arrow_c_array__",
           "arrow-stream": "__arrow_c_stream__"}


def knows(protocol, obj):
    """Whether the object has the protocol at all."""
    if protocol == "buffer":
        buffer = Buffer()
        try:
            get_buffer(obj, byref(buffer), SIMPLE)
        except TypeError:
            return False
        except (BufferError, ValueError):
            return True
        release_buffer(byref(buffer))
        return True
    try:
        if not hasattr(obj, METHODS[protocol]):
            return False
    except Exception:  # it has it, and something is wrong with it
        return True
    if protocol != "dlpack-1":
        return True
    try:
        return bool(capsule_is(obj.__dlpack__(max_version=(1, 0)), b"dltensor_versioned"))
    except TypeError:  # of before: it knows no such argument
        return False
    except Exception:
        return True
