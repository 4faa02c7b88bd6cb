"""Binding descriptor: ctypes, from the standard library. CDLL releases the GIL around the call, PyDLL holds it."""
from operator import index

summary = "ctypes of the standard library: types declared, types given with each argument, declared and the GIL held"
variants = ("argtypes", "untyped", "pydll")
copying = ("bytes_out",)  # of a buffer of its own

STOP = 2 ** 64 - 1
MASK = 2 ** 30 - 1
TEXT = 24
COUNTS = (1, 2, 3, 4, 6, 8, 16)
NO_OBJECTS = "native code that is called by ctypes sees no Python objects"
NO_VIRTUALS = "ctypes knows no classes with virtual functions, only callbacks"
MISSING = {
    "text": "ctypes cannot see the UTF-8 that a str keeps: it must be encoded, which text_copy does",
    "catch": "an exception does not leave a ctypes callback: native code has nothing to catch",
    "overload": "ctypes calls the one function it is told",
    "lookup": NO_OBJECTS,
    "six_batch": "ctypes has no native constructors: its objects are made in Python, one by one",
    "Walker": NO_VIRTUALS,
    "run_virtual": NO_VIRTUALS,
}


class Masked:
    """A result of at most 30 bits: an int, which is what ctypes takes for granted when nothing is declared."""


class Plain:
    """An address: C strings, arrays, callbacks and None are handed over as they are."""


def spelled_out(function, types):
    """The function as it must be called when no types are declared: f(c_longlong(a), c_longlong(b)), as one writes it."""
    names = ["a%d" % i for i in range(len(types))]
    given = [n if t is Plain else "%s_type(%s)" % (n, n) for n, t in zip(names, types)]
    space = {"function": function, **{n + "_type": t for n, t in zip(names, types)}}
    return eval("lambda %s: function(%s)" % (", ".join(names), ", ".join(given)), space)


class Library:
    def __init__(self, variant, path):
        import ctypes as ct
        self.ct, self.typed = ct, variant != "untyped"
        self.releasing, self.holding = ct.CDLL(path), ct.PyDLL(path)
        self.usual = self.holding if variant == "pydll" else self.releasing
        self.addresses = set()

    def kernel(self, name, result, *types, library=None, errcheck=None):
        ct = self.ct
        function = (library or self.usual)["bd_kernel_" + name]  # in brackets: an object of its own each time
        self.addresses.add(ct.cast(function, ct.c_void_p).value)
        if errcheck:
            function.errcheck = errcheck
        if result is not Masked:
            function.restype = result
        elif self.typed:
            function.restype = ct.c_uint64
        if not self.typed:
            return spelled_out(function, types)
        function.argtypes = [ct.c_void_p if t is Plain else t for t in types]
        return function


def scalars(lib):
    ct = lib.ct
    made = {"noargs": lib.kernel("tick", Masked), "plusone": lib.kernel("plusone", ct.c_int64, ct.c_int64)}
    for word, type_, result in (("i64", ct.c_int64, Masked), ("f64", ct.c_double, ct.c_double), ("bool", ct.c_bool, ct.c_bool)):
        for n in COUNTS:
            name = "%s_%d" % (word, n)
            made[name] = lib.kernel(name, result, *[type_] * n)
    i64_4 = made["i64_4"]

    def kwargs(k, a=0, b=0, c=0):
        return i64_4(k, a, b, c)

    return dict(made, kwargs=kwargs)


class Borrower:
    """Addresses within Python's objects. ctypes itself borrows bytes and what can be written to; for the rest there is the
    buffer protocol's own function, in the stable ABI since 3.11."""

    def __init__(self, ct):
        class View(ct.Structure):  # Py_buffer
            _fields_ = (("buf", ct.c_void_p), ("obj", ct.c_void_p), ("len", ct.c_ssize_t), ("itemsize", ct.c_ssize_t),
                        ("readonly", ct.c_int), ("ndim", ct.c_int), ("format", ct.c_char_p), ("shape", ct.POINTER(ct.c_ssize_t)),
                        ("strides", ct.POINTER(ct.c_ssize_t)), ("suboffsets", ct.POINTER(ct.c_ssize_t)), ("internal", ct.c_void_p))

        self.ct, self.View = ct, View
        self.get = ct.PYFUNCTYPE(ct.c_int, ct.py_object, ct.POINTER(View), ct.c_int)(("PyObject_GetBuffer", ct.pythonapi))
        self.release = ct.PYFUNCTYPE(None, ct.POINTER(View))(("PyBuffer_Release", ct.pythonapi))

    def through_view(self, data, flags, use):
        view = self.View()
        self.get(data, self.ct.byref(view), flags)
        try:
            return use(view)
        finally:
            self.release(self.ct.byref(view))


def buffers(lib):
    ct, borrower = lib.ct, Borrower(lib.ct)
    char, address = ct.c_char, ct.c_void_p
    add_up = lib.kernel("sum", Masked, ct.c_uint64, Plain, ct.c_uint64)
    add_up_f64 = lib.kernel("sum_f64", ct.c_double, Plain, ct.c_uint64)
    add_up_strided = lib.kernel("sum_f64_strided", ct.c_double, Plain, ct.c_uint64, ct.c_int64)
    simple, strided = 0, 0x1c  # PyBUF_SIMPLE, PyBUF_STRIDES | PyBUF_FORMAT

    def nbytes(data):
        return len(data) if isinstance(data, (bytes, bytearray)) else memoryview(data).nbytes

    def doubles(n):
        if n % 8:
            raise ValueError("no whole number of doubles")
        return n // 8

    def sum_(k, data):
        n = nbytes(data)
        try:
            at = data if isinstance(data, bytes) else (char * n).from_buffer(data)
        except TypeError:  # read-only
            return borrower.through_view(data, simple, lambda v: add_up(k, address(v.buf), n))
        return add_up(k, at, n)

    def sum_f64(data):
        n = nbytes(data)
        try:
            at = data if isinstance(data, bytes) else (char * n).from_buffer(data)
        except TypeError:
            return borrower.through_view(data, simple, lambda v: add_up_f64(address(v.buf), doubles(n)))
        return add_up_f64(at, doubles(n))

    def steps(view):
        if view.ndim != 1 or view.format != b"d":
            raise TypeError("one dimension of doubles expected")
        return add_up_strided(address(view.buf), view.shape[0], view.strides[0])

    def sum_f64_strided(data):
        return borrower.through_view(data, strided, steps)

    return {"sum": sum_, "sum_f64": sum_f64, "sum_f64_strided": sum_f64_strided}


def texts_and_bytes(lib):
    ct = lib.ct
    add_up = lib.kernel("sum", Masked, ct.c_uint64, Plain, ct.c_uint64)
    fill = lib.kernel("fill", None, ct.c_uint64, Plain, ct.c_uint64)
    string_buffer = ct.create_string_buffer

    def text_copy(k, s):
        data = s.encode()
        return add_up(k, data, len(data))

    def bytes_copy(k, b):
        return add_up(k, string_buffer(b, len(b)), len(b))

    def bytes_out(k, n):
        data = string_buffer(n)
        fill(k, data, n)
        return data.raw

    return {"text_copy": text_copy, "bytes_copy": bytes_copy, "bytes_out": bytes_out}


def sequences(lib):
    ct = lib.ct
    u64, i64, f64, string = ct.c_uint64, ct.c_int64, ct.c_double, ct.c_char_p
    sum_i64 = lib.kernel("sum_i64", Masked, u64, Plain, u64)
    sum_f64 = lib.kernel("sum_f64", f64, Plain, u64)
    sum_texts = lib.kernel("sum_texts", Masked, u64, Plain, Plain, u64)
    fill_i64 = lib.kernel("fill_i64", None, u64, Plain, u64)
    fill_f64 = lib.kernel("fill_f64", None, u64, Plain, u64)
    text = lib.kernel("text", Masked, u64, u64, Plain)
    fail = lib.kernel("fail", ct.c_int, u64)

    def seq_i64_in(k, seq):
        n = len(seq)
        return sum_i64(k, (i64 * n)(*seq), n)

    def seq_f64_in(seq):
        n = len(seq)
        return sum_f64((f64 * n)(*seq), n)

    def seq_str_in(k, seq):
        n = len(seq)
        data = [s.encode() for s in seq]
        return sum_texts(k, (string * n)(*data), (u64 * n)(*map(len, data)), n)

    def seq_i64_out(k, n):
        values = (i64 * n)()
        fill_i64(k, values, n)
        return values[:]

    def seq_f64_out(k, n):
        values = (f64 * n)()
        fill_f64(k, values, n)
        return values[:]

    def texts(k, n):
        native = (ct.c_char * TEXT * n)()
        for i, out in enumerate(native):
            text(k, i, out)
        return [out.value.decode() for out in native]

    def seq_str_out(k, n):
        made = texts(k, n)
        fail(0)
        return made

    def map_out(k, n):
        return dict(zip(texts(k, n), seq_i64_out(k, n)))

    return {"seq_i64_in": seq_i64_in, "seq_f64_in": seq_f64_in, "seq_str_in": seq_str_in, "seq_i64_out": seq_i64_out,
            "seq_f64_out": seq_f64_out, "seq_str_out": seq_str_out, "map_out": map_out}


def structures(lib):
    ct = lib.ct
    u64, i64, f64, string = ct.c_uint64, ct.c_int64, ct.c_double, ct.c_char_p

    class Pair(ct.Structure):
        _fields_ = (("key", string), ("key_len", u64), ("value", i64))

    class Row(ct.Structure):
        _fields_ = (("id", i64), ("weight", f64), ("name", string), ("name_len", u64))

    sum_pairs = lib.kernel("sum_pairs", Masked, u64, Plain, u64)
    sum_rows = lib.kernel("sum_rows", Masked, u64, Plain, u64)
    fill_i64 = lib.kernel("fill_i64", None, u64, Plain, u64)
    text = lib.kernel("text", Masked, u64, u64, Plain)

    def map_in(k, d):
        n, i = len(d), 0
        pairs = (Pair * n)()
        for key, value in d.items():
            key = key.encode()
            pairs[i] = (key, len(key), value)
            i += 1
        return sum_pairs(k, pairs, n)

    def rows_in(k, rows):
        n = len(rows)
        native = (Row * n)()
        for i, (number, weight, name) in enumerate(rows):
            name = name.encode()
            native[i] = (number, weight, name, len(name))
        return sum_rows(k, native, n)

    def rows_out(k, n):
        numbers, native, out = (i64 * n)(), (Row * n)(), ct.create_string_buffer(TEXT)
        fill_i64(k, numbers, n)
        for i, number in enumerate(numbers):
            size = text(k, i, out)
            native[i] = (number, number, out[:size], size)
        return [(r.id, r.weight, r.name.decode()) for r in native]

    return {"map_in": map_in, "rows_in": rows_in, "rows_out": rows_out}


def calls(lib):
    ct = lib.ct
    called_back = ct.CFUNCTYPE(ct.c_uint64, ct.c_void_p, ct.c_uint64)
    types = (ct.c_uint64, ct.c_uint64, called_back if lib.typed else Plain, Plain)

    def calling_back(native):
        def call(f, k, n):
            raised = []

            def through(arg, x):
                try:
                    return f(x) & MASK
                except BaseException as e:  # ctypes would print it and go on
                    raised.append(e)
                    return STOP

            result = native(k, n, called_back(through), None)
            if raised:
                raise raised.pop()
            if result == STOP:
                raise RuntimeError("no thread could be started")
            return result
        return call

    def checked(result, function, args):
        if result < 0:
            raise ValueError("native code failed")
        return result

    return {"callback": calling_back(lib.kernel("callback", ct.c_uint64, *types)),
            "callback_foreign": calling_back(lib.kernel("callback_foreign", ct.c_uint64, *types, library=lib.releasing)),
            "error": lib.kernel("fail", ct.c_int, ct.c_uint64, errcheck=checked)}


def six(lib):
    ct = lib.ct
    add_up = lib.kernel("i64_6", Masked, *[ct.c_int64] * 6)

    class Six(ct.Structure):
        _fields_ = tuple((name, ct.c_int64) for name in "abcdef")

        def sum(self):
            return add_up(self.a, self.b, self.c, self.d, self.e, self.f)

        total = property(sum)

        def __len__(self):
            return 6

        def __getitem__(self, i):
            return getattr(self, "abcdef"[i])

        def __eq__(self, other):
            return bytes(self) == bytes(other) if isinstance(other, Six) else NotImplemented

        __hash__ = None

        def __call__(self, x):
            try:
                return (self.a + x) & MASK
            except TypeError:  # no int; one that has __index__ is taken here as it is for the fields
                return (self.a + index(x)) & MASK

    return Six


def load(variant, host):
    lib = Library(variant, host.kernels)
    spin = ("call", Masked, lib.ct.c_uint64, lib.ct.c_uint64)
    made = {"spin_hold": lib.kernel(*spin, library=lib.holding), "spin_release": lib.kernel(*spin, library=lib.releasing), "Six": six(lib)}
    for part in (scalars, buffers, texts_and_bytes, sequences, structures, calls):
        made.update(part(lib))
    if variant == "pydll":
        made["spin_release"] = made["callback_foreign"] = host.missing("PyDLL holds the GIL; ctypes:argtypes releases it")
    made.update((name, host.missing(reason)) for name, reason in MISSING.items())
    made["native"] = sorted(lib.addresses)
    return made
