"""The arguments functions are tried with: what is made, what its reference counts are watched by, and how a reader writes it.

A kind has leaves, which live as long as a measurement, and is built of them anew for every call: a container that the called
function fills or empties must not carry over to the next call, while the counts of what is in it are compared."""
import re
import sys


class Kind:
    def __init__(self, name, text, leaves, build=None):
        self.name, self.text = name, text
        self.leaves = leaves          # () → tuple of objects nobody else refers to
        self.build = build or _first  # these → the argument


def _first(leaves):
    return leaves[0]


# Never the literals themselves: those are constants of this file, with references of their own.
def _int(text="1009"):
    return int(text)


def _str(text="benchd text"):
    return "".join(list(text))


def _bytes(data=b"benchd data"):
    return bytes(bytearray(data))


def _callback():
    value = _int()
    return lambda *args, **names: value


def _raising():
    def raising(*_args, **_names):
        raise LookupError("benchd")
    return raising


def _nothing():
    return ()


def _array(code, values):
    def build(_leaves):
        import array
        return array.array(code, values)
    return build


def _file(_leaves):
    import io
    return io.BytesIO(b"benchd data")


def _numpy(_leaves):
    return sys.modules["numpy"].arange(4.0)


# In the order in which they are tried.
KINDS = {k.name: k for k in (
    Kind("small", "3", lambda: (3,)),
    Kind("str", "'benchd text'", lambda: (_str(),)),
    Kind("bytes", "b'benchd data'", lambda: (_bytes(),)),
    Kind("ints", "[1009, 1013]", lambda: (_int(), _int("1013")), list),
    Kind("float", "1.5", lambda: (float("1.5"),)),
    Kind("object", "object()", lambda: (object(),)),
    Kind("bytearray", "bytearray(b'benchd data')", _nothing, lambda _: bytearray(b"benchd data")),
    Kind("callback", "lambda *a, **k: 1009", lambda: (_callback(),)),
    Kind("dict", "{'one': 1009}", lambda: (_str("one"), _int()), lambda v: {v[0]: v[1]}),
    Kind("none", "None", lambda: (None,)),
    Kind("char", "'d'", lambda: ("d",)),  # also a format of struct and array
    Kind("true", "True", lambda: (True,)),
    Kind("strs", "['one', 'two']", lambda: (_str("one"), _str("two")), list),
    Kind("floats", "[1.5, 2.5]", lambda: (float("1.5"), float("2.5")), list),
    Kind("objects", "[object(), object()]", lambda: (object(), object()), list),
    Kind("tuple", "(1009, 'two')", lambda: (_int(), _str("two")), lambda v: (v[0], v[1])),
    Kind("int", "1009", lambda: (_int(),)),
    Kind("doubles", "array.array('d', [1.5, 2.5])", _nothing, _array("d", (1.5, 2.5))),
    Kind("rows", "[(1009, 1.5, 'two')]", lambda: (_int(), float("1.5"), _str("two")), lambda v: [(v[0], v[1], v[2])]),
    Kind("pairs", "[(1009, 'two')]", lambda: (_int(), _str("two")), lambda v: [(v[0], v[1])]),
    Kind("iterator", "iter([1009, 1013])", lambda: (_int(), _int("1013")), lambda v: iter(list(v))),
    Kind("file", "io.BytesIO(b'benchd data')", _nothing, _file),
    Kind("wide", "'b\\xe9nchd \\u2192'", lambda: (_str("b\xe9nchd \u2192"),)),
    Kind("type", "int", lambda: (int,)),
    Kind("date", "datetime.date(2000, 1, 2)", lambda: (_date(),)),
)}


def _date():
    import datetime
    return datetime.date(2000, 1, 2)


PRIMARY = tuple(KINDS)[:16]  # what all places are tried with, before the rest is tried in one place at a time

# What functions should refuse: each goes into a call that works otherwise.
WRONG = {k.name: k for k in (
    Kind("wrong-object", "object()", lambda: (object(),)),
    Kind("wrong-huge", "1 << 100", lambda: (1 << int("100"),)),
    Kind("wrong-negative", "-1009", lambda: (_int("-1009"),)),
    Kind("wrong-surrogate", "'\\udc80'", lambda: (_str("\udc80"),)),
    Kind("wrong-empty", "b''", lambda: (b"",)),
    Kind("wrong-list", "[1009, object()]", lambda: (_int(), object()), list),
    Kind("wrong-strs", "['one', object()]", lambda: (_str("one"), object()), list),
    Kind("wrong-callback", "lambda *a, **k: {}['benchd']", lambda: (_raising(),)),
    Kind("wrong-result", "lambda *a, **k: 'benchd'", lambda: (_wrong_result(),)),
)}


def _wrong_result():
    value = _str()
    return lambda *args, **names: value


ALL = {**KINDS, **WRONG}
NUMPY = Kind("numpy", "numpy.arange(4.0)", _nothing, _numpy)


def prepare():
    """After the import of the user's module: what that brought along can be an argument, too."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "arange"):
        KINDS["numpy"] = ALL["numpy"] = NUMPY


def add_instance(name, text, make):
    """An instance of one of the module's own classes as an argument."""
    KINDS[name] = ALL[name] = Kind(name, text, lambda: (make(),))


# ---- what a signature or an error message says about a type ---------------------------------------------------------------

_HINTS = [(re.compile(pattern, re.IGNORECASE), names) for pattern, names in (  # once, and not in every fork
    (r"callable|function|callback", ("callback",)),
    (r"unicode character|format|typecode|a single character", ("char",)),
    (r"(list|sequence|iterable|vec|tuple|vector)\W*(of )?\W*(str|text)", ("strs",)),
    (r"(list|sequence|iterable|vec|tuple|vector)\W*(of )?\W*(float|double|f64|f32)", ("floats",)),
    (r"(list|sequence|iterable|vec|vector)\W*(of )?\W*tuple", ("rows", "pairs")),
    (r"dict|mapping", ("dict",)),
    (r"ndarray|numpy", ("numpy", "doubles")),
    (r"tuple", ("tuple",)),
    (r"list|sequence|iterable|vec\b", ("ints",)),
    (r"bytes-like|buffer|contiguous|memoryview|bytearray", ("bytearray", "doubles", "bytes")),
    (r"bytes", ("bytes",)),
    (r"\bstr|unicode|string|char", ("str",)),
    (r"float|double|real number|supportsfloat", ("float",)),
    (r"bool", ("true",)),
    (r"\bint|long|size_t|integer|supportsint|u?int\d+|usize|[iu](8|16|32|64)\b", ("small", "int")),
    (r"iterator", ("iterator",)),
    (r"file|read\(\)", ("file",)),
    (r"\btype\b", ("type",)),
)]


def hinted(text):
    """Kinds a type's name asks for, the best first."""
    found = []
    for pattern, names in _HINTS:
        if pattern.search(text):
            found += [n for n in names if n not in found and n in KINDS]
    return found
