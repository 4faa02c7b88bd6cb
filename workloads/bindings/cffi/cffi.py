"""Binding descriptor: cffi. `api` is compiled against the header's declarations, `abi` opens the library and is told them. Both
release the GIL around every call."""
summary = "cffi: a compiled module (API), or the shared library with declarations given in line (ABI)"
variants = ("api", "abi")
copying = ("bytes_out",)  # of memory of its own

STOP = 2 ** 64 - 1
MASK = 2 ** 30 - 1
TEXT = 24
COUNTS = (1, 2, 3, 4, 6, 8, 16)
NO_CLASSES = "cffi has structs, not classes"
NO_OBJECTS = "native code that is called by cffi sees no Python objects"
MISSING = {
    "spin_hold": "cffi releases the GIL around every call",
    "text": "cffi cannot see the UTF-8 that a str keeps: it must be encoded, which text_copy does",
    "sum_f64_strided": "from_buffer takes contiguous memory only",
    "overload": "C has no overloads",
    "lookup": NO_OBJECTS,
    "Six": NO_CLASSES,
    "six_batch": NO_CLASSES,
    "Walker": NO_CLASSES,
    "run_virtual": NO_CLASSES,
}


def declarations():
    """What both variants are told of bd_kernels.h."""
    lines = ["struct bd_kernel_pair { const char *key; uint64_t key_len; int64_t value; };",
             "struct bd_kernel_row { int64_t id; double weight; const char *name; uint64_t name_len; };",
             "uint64_t bd_kernel_call(uint64_t, uint64_t);",
             "uint64_t bd_kernel_sum(uint64_t, const void *, uint64_t);",
             "uint64_t bd_kernel_tick(void);",
             "int64_t bd_kernel_plusone(int64_t);",
             "uint64_t bd_kernel_sum_i64(uint64_t, const int64_t *, uint64_t);",
             "double bd_kernel_sum_f64(const double *, uint64_t);",
             "uint64_t bd_kernel_sum_texts(uint64_t, const char *const *, const uint64_t *, uint64_t);",
             "uint64_t bd_kernel_sum_pairs(uint64_t, const struct bd_kernel_pair *, uint64_t);",
             "uint64_t bd_kernel_sum_rows(uint64_t, const struct bd_kernel_row *, uint64_t);",
             "void bd_kernel_fill(uint64_t, void *, uint64_t);",
             "void bd_kernel_fill_i64(uint64_t, int64_t *, uint64_t);",
             "void bd_kernel_fill_f64(uint64_t, double *, uint64_t);",
             "uint64_t bd_kernel_text(uint64_t, uint64_t, char *);",
             "uint64_t bd_kernel_callback(uint64_t, uint64_t, uint64_t (*)(void *, uint64_t), void *);",
             "uint64_t bd_kernel_callback_foreign(uint64_t, uint64_t, uint64_t (*)(void *, uint64_t), void *);",
             "int bd_kernel_fail(uint64_t);"]
    for n in COUNTS:
        for word, type_ in (("i64", "int64_t"), ("f64", "double"), ("bool", "bool")):
            lines.append("%s bd_kernel_%s_%d(%s);" % (type_, word, n, ", ".join([type_] * n)))
    return "\n".join(lines)


def scalars(lib):
    made = {"noargs": lib.bd_kernel_tick, "plusone": lib.bd_kernel_plusone, "spin_release": lib.bd_kernel_call}
    for word in ("i64", "f64", "bool"):
        for n in COUNTS:
            name = "%s_%d" % (word, n)
            made[name] = getattr(lib, "bd_kernel_" + name)
    i64_4 = made["i64_4"]

    def kwargs(k, a=0, b=0, c=0):
        return i64_4(k, a, b, c)

    return dict(made, kwargs=kwargs)


def buffers(ffi, lib):
    add_up, add_up_f64, fill = lib.bd_kernel_sum, lib.bd_kernel_sum_f64, lib.bd_kernel_fill
    from_buffer, new, unpack = ffi.from_buffer, ffi.new, ffi.unpack
    cast, pointer, chars = ffi.cast, ffi.typeof("double *"), ffi.typeof("char[]")

    def sum_(k, data):
        view = from_buffer(data)
        return add_up(k, view, len(view))

    def sum_f64(data):
        view = from_buffer(data)
        if len(view) % 8:
            raise ValueError("no whole number of doubles")
        return add_up_f64(cast(pointer, view), len(view) // 8)

    def text_copy(k, s):
        data = s.encode()
        return add_up(k, data, len(data))

    def bytes_copy(k, b):
        return add_up(k, new(chars, b), len(b))

    def bytes_out(k, n):
        data = new(chars, n)
        fill(k, data, n)
        return unpack(data, n)

    return {"sum": sum_, "sum_f64": sum_f64, "text_copy": text_copy, "bytes_copy": bytes_copy, "bytes_out": bytes_out}


def sequences(ffi, lib):
    sum_i64, sum_f64, sum_texts = lib.bd_kernel_sum_i64, lib.bd_kernel_sum_f64, lib.bd_kernel_sum_texts
    fill_i64, fill_f64, text, fail = lib.bd_kernel_fill_i64, lib.bd_kernel_fill_f64, lib.bd_kernel_text, lib.bd_kernel_fail
    new, unpack, from_buffer, string = ffi.new, ffi.unpack, ffi.from_buffer, ffi.string
    integers, doubles, char_arrays = ffi.typeof("int64_t[]"), ffi.typeof("double[]"), ffi.typeof("char[][%d]" % TEXT)

    # A list or tuple in place of a pointer: cffi makes the array, for as long as the call takes.
    def seq_i64_in(k, seq):
        return sum_i64(k, seq, len(seq))

    def seq_f64_in(seq):
        return sum_f64(seq, len(seq))

    def seq_str_in(k, seq):
        data = [s.encode() for s in seq]
        return sum_texts(k, [from_buffer(d) for d in data], [len(d) for d in data], len(data))

    def seq_i64_out(k, n):
        values = new(integers, n)
        fill_i64(k, values, n)
        return unpack(values, n)

    def seq_f64_out(k, n):
        values = new(doubles, n)
        fill_f64(k, values, n)
        return unpack(values, n)

    def texts(k, n):
        native = new(char_arrays, n)
        for i in range(n):
            text(k, i, native[i])
        return [string(out).decode() for out in native]

    def seq_str_out(k, n):
        made = texts(k, n)
        fail(0)
        return made

    def map_out(k, n):
        return dict(zip(texts(k, n), seq_i64_out(k, n)))

    return {"seq_i64_in": seq_i64_in, "seq_f64_in": seq_f64_in, "seq_str_in": seq_str_in, "seq_i64_out": seq_i64_out,
            "seq_f64_out": seq_f64_out, "seq_str_out": seq_str_out, "map_out": map_out}


def structures(ffi, lib):
    sum_pairs, sum_rows, fill_i64, text = lib.bd_kernel_sum_pairs, lib.bd_kernel_sum_rows, lib.bd_kernel_fill_i64, lib.bd_kernel_text
    new, unpack, from_buffer = ffi.new, ffi.unpack, ffi.from_buffer
    pairs, rows = ffi.typeof("struct bd_kernel_pair[]"), ffi.typeof("struct bd_kernel_row[]")
    integers, chars, texts = ffi.typeof("int64_t[]"), ffi.typeof("char[]"), ffi.typeof("char[][%d]" % TEXT)

    # A struct keeps no object alive: who fills it does.
    def map_in(k, d):
        keys = [key.encode() for key in d]
        native = new(pairs, [(from_buffer(key), len(key), value) for key, value in zip(keys, d.values())])
        return sum_pairs(k, native, len(keys))

    def rows_in(k, table):
        names = [row[2].encode() for row in table]
        native = new(rows, [(number, weight, from_buffer(name), len(name)) for (number, weight, _), name in zip(table, names)])
        return sum_rows(k, native, len(names))

    def rows_out(k, n):
        numbers, names, native = new(integers, n), new(texts, n), new(rows, n)
        fill_i64(k, numbers, n)
        for i in range(n):
            native[i] = (numbers[i], numbers[i], names[i], text(k, i, names[i]))
        return [(r.id, r.weight, unpack(r.name, r.name_len).decode()) for r in native]

    return {"map_in": map_in, "rows_in": rows_in, "rows_out": rows_out}


class Call:
    """One call of native code that calls back: what the handle stands for that it is given."""

    def __init__(self, function):
        self.function, self.raised = function, []


def calls(ffi, lib, entry):
    """entry(function): what native code can call that is to call this."""
    from_handle, new_handle, fail = ffi.from_handle, ffi.new_handle, lib.bd_kernel_fail

    def call_back(handle, x):
        call = from_handle(handle)
        try:
            return call.function(x) & MASK
        except BaseException as e:  # cffi would print it and go on
            call.raised.append(e)
            return STOP

    entered = entry(call_back)

    def calling_back(native):
        def callback(f, k, n):
            call = Call(f)
            result = native(k, n, entered, new_handle(call))
            if call.raised:
                raise call.raised.pop()
            if result == STOP:
                raise RuntimeError("no thread could be started")
            return result
        return callback

    def error(depth):
        if fail(depth) < 0:
            raise ValueError("native code failed")

    return {"callback": calling_back(lib.bd_kernel_callback), "callback_foreign": calling_back(lib.bd_kernel_callback_foreign),
            "error": error}


def compiled(host):
    """(ffi, lib, entry, functions of its own) of the module that build.py made."""
    host.package("_cffi_backend")
    module = host.extension("bdb_cffi_api")
    ffi, lib = module.ffi, module.lib
    catch, from_handle, new_handle = lib.bdb_catch, ffi.from_handle, ffi.new_handle

    # What native code is told of an exception is the value given here, and the exception is gone.
    @ffi.def_extern(name="bdb_try", error=STOP, onerror=lambda *_: None)
    def try_(handle, x):
        return from_handle(handle)(x) & MASK

    def catch_(f, k):
        return catch(new_handle(f), k)

    def entry(function):
        ffi.def_extern(name="bdb_call_back")(function)
        return lib.bdb_call_back

    return ffi, lib, entry, {"catch": catch_}


def opened(host):
    """The same of the library as it is."""
    host.package("_cffi_backend")  # the one of this release, which cffi itself would import too late
    ffi = host.package("cffi").FFI()
    ffi.cdef(declarations())
    lib = ffi.dlopen(host.kernels)
    entry = ffi.callback("uint64_t(void *, uint64_t)")
    reason = "without C code of one's own there is nothing native that could catch; cffi:api has some"
    return ffi, lib, entry, {"catch": host.missing(reason)}


def addresses(ffi, lib):
    for name in dir(lib):
        if name.startswith("bd_kernel_"):
            yield int(ffi.cast("uintptr_t", ffi.addressof(lib, name)))


def load(variant, host):
    ffi, lib, entry, made = {"api": compiled, "abi": opened}[variant](host)
    made.update(scalars(lib))
    for part in (buffers, sequences, structures):
        made.update(part(ffi, lib))
    made.update(calls(ffi, lib, entry))
    made.update((name, host.missing(reason)) for name, reason in MISSING.items())
    made["native"] = sorted(addresses(ffi, lib))
    return made
