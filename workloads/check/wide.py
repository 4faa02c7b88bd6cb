"""Objects with memory of their own pages: given back, it is gone from the process, and who still uses it is caught at once.

(The C library maps what is larger than 128 KiB, which the environment of a check keeps it from changing its mind about.)"""
import sys

from . import helper

SIZE = 200000
OBJECT, BUFFER = 0, 1  # labels of memory
SLOTS = "Big = type('Big', (), {'__slots__': ['s%d' % i for i in range(25000)]})"
_NAMES = tuple("s%d" % i for i in range(SIZE // 8))

Big = type("Big", (), {"__slots__": _NAMES})
Called = type("Called", (Big,), {"__slots__": (), "__call__": lambda self, *args, **names: 1009})


class Large:
    """An argument of many pages: what it is, the Python that makes it, and its memory."""

    def __init__(self, make, text, before=()):
        self.make, self.text, self.before = make, text, before


def _str():
    return "b" * SIZE


def _bytes():
    return b"b" * SIZE


def _doubles():
    import array
    return array.array("d", bytes(SIZE))


_pages = []  # of views that are in use: the last is the one of this call


def _view():
    _pages.append(helper.Pages(1 << 18))
    return _pages[-1].view


LARGE = {
    "object": Large(Big, "Big()", (SLOTS,)),
    "objects": Large(lambda: [Big()], "[Big()]", (SLOTS,)),
    "callback": Large(Called, "Called()", (SLOTS, "Called = type('Called', (Big,), {'__slots__': (), '__call__': lambda *a: 1009})")),
    "str": Large(_str, "'b' * 200000"),
    "bytes": Large(_bytes, "b'b' * 200000"),
    "bytearray": Large(lambda: bytearray(SIZE), "bytearray(200000)"),
    "doubles": Large(_doubles, "array.array('d', bytes(200000))"),
    "tuple": Large(lambda: (Big(), Big()), "(Big(), Big())", (SLOTS,)),
    "dict": Large(lambda: {"one": Big()}, "{'one': Big()}", (SLOTS,)),
}


if not getattr(sys, "_is_gil_enabled", lambda: True)() or "free-threading" in sys.version:
    # Its allocator is another one, which keeps what it is given back: then a buffer has to be memory of our own.
    LARGE["bytearray"] = LARGE["doubles"] = Large(_view, "memoryview(bytearray(200000))")
    LARGE["bytes"] = LARGE["bytearray"]


def memory(value):
    """[(start, length, label)] of an object of above."""
    if isinstance(value, (list, tuple)):
        return [m for v in value for m in memory(v)]
    if isinstance(value, dict):
        return [m for v in value.values() for m in memory(v)]
    if isinstance(value, (str, bytes)):
        start, header = id(value), sys.getsizeof(type(value)()) - 1  # behind its count, its type and its length
        return [(start - 64, header + 64, OBJECT), (start + header, sys.getsizeof(value) - header, BUFFER)]
    if isinstance(value, Big):
        return [(id(value) - 64, sys.getsizeof(value), OBJECT)]
    if isinstance(value, memoryview):
        return [(_pages[-1].start, _pages[-1].length, BUFFER)]
    return [(helper.address_of(value), SIZE, BUFFER)]


def ready():
    """Before something large is made: it must not get memory that lay about."""
    helper.fill(135000)


def watch(value):
    """Tells faults in it from others."""
    found = memory(value)
    for row in found:
        helper.region(*row)
    return found


def guard(found):
    """Whether all of this memory was given back, and is closed from now on."""
    own = [p for p in _pages if any(p.start == start for start, _, _ in found)]
    if own:
        return all([p.close() for p in own])
    ends = [(max(start, 0), length) for start, length, _ in found if length > 4 * 4096]
    return bool(ends) and all([helper.guard(start, length) for start, length in ends])
