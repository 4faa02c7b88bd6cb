"""Run in an interpreter that bindings are built for: tries every function of one variant of one binding, and prints what is wrong.

    functions.py FOLDER PYTHON KERNELS BINDING VARIANT     as the worker's loader is opened

One JSON object per function: {function, problems: [text]}; of the whole: {unsupported: text}. What is expected is computed here,
from the description of the kernel library (bd_kernels.h), never by another binding."""
import array
import collections
import ctypes
import fnmatch
import gc
import json
import os
import sys
import threading

DIFFERENCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "workloads", "bindings", "differences.json")
MASK = (1 << 30) - 1
MUL, ADD = 6364136223846793005, 1442695040888963407
BIG = (1 << 63, -(1 << 63) - 1, 1 << 64, -(1 << 64), 1 << 200)


# ---- the kernel library, in Python

def spin(k, steps):
    for _ in range(steps):
        k = k * MUL + ADD
    return k & MASK


def words(k, data):
    data = bytes(data)
    return k + sum(int.from_bytes(data[i:i + 8], "little") for i in range(0, len(data), 8)) & MASK


def text_sum(text):
    data = text.encode()
    return len(data) + (data[0] if data else 0)


def numbered(k, n):
    return [k + i & MASK for i in range(n)]


def rows(k, n):
    return [(x, float(x), str(x)) for x in numbered(k, n)]


def pairs(k, n):
    return {str(x): x for x in numbered(k, n)}


def step(k):
    return k * 3 + 1 & MASK


def stepped(k, n):
    for _ in range(n):
        k = step(k)
    return k


class Slot(ctypes.Structure):
    _fields_ = [("calls", ctypes.c_uint64), ("log", ctypes.c_void_p), ("log_len", ctypes.c_uint64), ("log_cap", ctypes.c_uint64),
                ("data", ctypes.c_void_p), ("data_len", ctypes.c_uint64), ("chain", ctypes.c_uint64)]


class Kernels:
    """What the library that the binding calls has counted for this thread."""

    def __init__(self, path):
        library = ctypes.CDLL(path)
        library.bd_kernel_own_slot.restype = ctypes.POINTER(Slot)
        self.slot = library.bd_kernel_own_slot().contents

    @property
    def calls(self):
        return self.slot.calls


# ---- what is expected

class Wrong(Exception):
    pass


def check(true, text, *values):
    if not true:
        raise Wrong(text % values)


def same(got, want, what):
    """Equal, and of the same type down to the elements."""
    check(type(got) is type(want), "%s gave %r, expected %r", what, got, want)
    if isinstance(want, (list, tuple)):
        check(len(got) == len(want), "%s gave %d elements, expected %d", what, len(got), len(want))
        for g, w in zip(got, want):
            same(g, w, what)
    elif isinstance(want, dict):
        same(sorted(got.items()), sorted(want.items()), what)  # containers of C++ and Rust have an order of their own
    else:
        check(got == want, "%s gave %r, expected %r", what, got, want)


# Each instance of their classes keeps a reference to its class (PyO3 0.28, SWIG 4.4), which only a debug build's count of all
# references shows: no memory grows.
KEEP_THEIR_CLASS = {"pyo3:default", "swig:proxy", "swig:builtin"}
KNOWN = set()  # rules of differences.json that hold for the function at hand


def taken(kinds):
    """Whether one of these rules is why what should raise this is taken."""
    return "unchecked" in KNOWN or ("wraps" in KNOWN and kinds in (RANGE, CAST)) or ("more-arguments" in KNOWN and kinds == (TypeError, ctypes.ArgumentError))


def raises(kinds, f, *args, **keywords):
    """The exception, which must be one of those; whatever else it does is wrong."""
    if kinds is TypeError:
        kinds = (TypeError, ctypes.ArgumentError)  # which is ctypes' name for it
    try:
        got = f(*args, **keywords)
        if taken(kinds) or isinstance(got, ctypes.Structure):  # whose fields are 0 where nothing is given
            return None
    except kinds as e:
        return e
    except Exception as e:
        raise Wrong("%s raised %s (%s), expected %s" % (shown(f, args), type(e).__name__, e, names(kinds))) from None
    raise Wrong("%s gave %.60r, expected %s" % (shown(f, args), got, names(kinds)))


def names(kinds):
    return " or ".join(k.__name__ for k in (kinds if isinstance(kinds, tuple) else (kinds,)))


def shown(f, args):
    return "%s(%s)" % (getattr(f, "__name__", "it"), ", ".join("%.40r" % (a,) for a in args))


# What a value of the wrong type may raise, and what a number out of range may: a binding's own choice of these.
TYPE = (TypeError, ValueError, AttributeError, ctypes.ArgumentError)
RANGE = (OverflowError, TypeError, ValueError, ctypes.ArgumentError)
CAST = (*RANGE, AttributeError, RuntimeError)  # of what Python gave back: RuntimeError is pybind11's and nanobind's bad cast


class Function:
    """One row: calls with their results, calls that must be refused, and more to look at (a function of the tester)."""

    def __init__(self, results=(), refused=(), counts=1, more=None):
        self.results, self.refused, self.counts, self.more = list(results), list(refused), counts, more


def differences(binding, variant):
    """What rules of a binding are known and explained (differences.json): a function of a function's name."""
    with open(DIFFERENCES, encoding="utf-8") as f:
        own = [d for d in json.load(f)["differences"] if any(fnmatch.fnmatchcase(binding + ":" + variant, b) for b in d["bindings"])]

    def rules(name):
        return {rule for d in own if any(fnmatch.fnmatchcase(name, f) for f in d["functions"]) for rule in d["rules"]}
    return rules


def explained(rules, args):
    """Whether one of these rules is why these arguments are taken."""
    flat = [x for a in args for x in (a if isinstance(a, list) else [a])]
    return "truncates" in rules and any(isinstance(x, float) for x in flat)


class Tester:
    def __init__(self, functions, kernels, counted, rules=lambda name: (), keeps=False):
        self.functions, self.kernels, self.counted, self.rules = functions, kernels, counted, rules
        self.classes_are_kept = keeps

    def call(self, name, args, counts=1):
        before = self.kernels.calls
        got = self.functions[name](*args)
        counted = self.kernels.calls - before
        want = counts if self.counted else 0
        check(counted == want, "%s made %d counted calls, expected %d", shown(self.functions[name], args), counted, want)
        return got

    def run(self, name, row):
        KNOWN.clear()
        KNOWN.update(self.rules(name))
        for args, want in row.results:
            same(self.call(name, args, row.counts), want, shown(self.functions[name], args))
        for args, kinds in row.refused:
            if not explained(self.rules(name), args):
                raises(kinds, self.functions[name], *args)
        if row.more:
            row.more(self, self.functions[name])
        self.keeps_nothing(lambda: self.everything(name, row))

    def everything(self, name, row):
        f = self.functions[name]
        for args, _ in row.results:
            f(*args)
        for args, _ in row.refused:
            try:
                f(*args)
            except Exception:
                pass

    def keeps_no_memory(self, once):
        """What is said of classes: their own count of references may be the binding's."""
        self.keeps_nothing(once, {"references"} if self.classes_are_kept else ())

    def keeps_nothing(self, once, but=()):
        """What grows in every one of some rounds, by at least one block, reference or word per call, is a leak."""
        rounds, calls = 4, 64
        for _ in range(calls):
            once()
        grown = [self.growth(once, calls) for _ in range(rounds)]
        if any(min(g[source] for g in grown) >= calls for source in grown[0]):  # looking costs something, too, however many calls
            calls *= 8
            grown = [self.growth(once, calls) for _ in range(rounds)]
        for source in set(grown[0]) - set(but):
            least = min(g[source] for g in grown)
            check(least < calls, "keeps %.1f %s per call", least / calls, source)

    def growth(self, once, calls):
        before = allocated()
        for _ in range(calls):
            once()
        after = allocated()
        return {source: after[source] - before[source] for source in before}


class Malloc(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


try:
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Malloc
except AttributeError:  # not glibc, or an old one
    mallinfo = None


def allocated():
    clear = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache")
    clear()
    gc.collect()
    found = {"blocks": sys.getallocatedblocks()}
    if hasattr(sys, "gettotalrefcount"):
        found["references"] = sys.gettotalrefcount()
    if mallinfo:
        info = mallinfo()
        found["words of native memory"] = (info.uordblks + info.hblkhd) // 16
    return found


# ---- rows

def scalars():
    made = {}
    for n in (1, 2, 3, 4, 6, 8, 16):
        ints = tuple(range(5, 5 + n))
        low = (-(1 << 63),) * n
        high = ((1 << 63) - 1,) * n
        refused = [((*ints[:-1], big), RANGE) for big in BIG]
        refused += [((*ints[:-1], bad), TYPE) for bad in ("1", None, 1.5, [])]
        counts = [((), TypeError), ((*ints, 1), TypeError), (ints[1:], TypeError)]
        made["i64_%d" % n] = Function([(ints, sum(ints) & MASK), ((0,) * n, 0), (low, sum(low) & MASK), (high, sum(high) & MASK),
                                       ((MASK,) * n, sum((MASK,) * n) & MASK), ((-1,) * n, -n & MASK)], refused + counts)
        floats = tuple(float(i) + 0.5 for i in ints)
        made["f64_%d" % n] = Function([(floats, sum(floats)), ((0.0,) * n, 0.0), ((-1e300,) + (0.0,) * (n - 1), -1e300)],
                                      [((*floats[:-1], bad), TYPE) for bad in ("1", None, [])] +
                                      [((), TypeError), ((*floats, 1.0), TypeError)], more=infinities(n))
        truths = tuple(i % 2 == 0 for i in range(n))
        made["bool_%d" % n] = Function([(truths, sum(truths) % 2 == 1), ((True,) * n, n % 2 == 1), ((False,) * n, False)],
                                       [((), TypeError), ((*truths, True), TypeError)])
    return made


def infinities(n):
    def more(tester, f):
        inf = float("inf")
        check(f(*(inf,) * n) == inf, "infinity is lost")
        check(str(f(*(float("nan"),) * n)) == "nan", "not a number is lost")
    return more


def noargs_more(tester, f):
    """The chain of this thread goes on by one step per call."""
    if not tester.counted:
        return
    chain = tester.kernels.slot.chain
    for _ in range(3):
        chain = (chain * MUL + ADD) % (1 << 64)
        same(f(), chain & MASK, "noargs()")


def kwargs_more(tester, f):
    same(f(1), 1, "kwargs(1)")
    same(f(1, c=5), 6, "kwargs(1, c=5)")
    same(f(k=1, a=2, b=3, c=4), 10, "kwargs by keywords")
    same(f(1, 2, **{"".join(["b"]): 3}), 6, "kwargs(1, 2, b=3)")
    raises(TypeError, f, 1, d=2)
    raises(TypeError, f, 1, k=2)
    raises(TypeError, f, a=2)
    raises(RANGE, f, 1, a=BIG[0])


def borrows(make):
    """The kernel saw the object's own memory; and an object that can be resized can be again afterwards."""
    def more(tester, f):
        for payload, address, n in make():
            f(0, payload)
            slot = tester.kernels.slot
            check(slot.data == address and slot.data_len == n, "it handed over a copy, not the memory itself")
    return more


def copies(make):
    def more(tester, f):
        for payload, address, n in make():
            f(0, payload)
            slot = tester.kernels.slot
            check(slot.data_len == n and not address <= slot.data < address + n, "it handed over the memory itself, not a copy")
    return more


def buffers():
    data = bytearray(range(200)) * 40
    view = ctypes.c_char.from_buffer(data)
    address = ctypes.addressof(view)
    del view
    yield data, address, len(data)
    data.append(1)  # BufferError where a view of it is still there


def byte_strings():
    data = bytes(range(200)) * 40
    yield data, ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value, len(data)


def texts():
    utf8 = ctypes.pythonapi.PyUnicode_AsUTF8
    utf8.argtypes, utf8.restype = (ctypes.py_object,), ctypes.c_void_p
    for text in ("x" * 1000, "\xe4" * 1000, "\u20ac" * 1000):
        yield text, utf8(text), len(text.encode())


def sum_more(tester, f):
    borrows(buffers)(tester, f)
    data = bytearray(b"12345678" * 4)
    f(0, data)
    data.extend(b"9")
    raises((BufferError, TypeError, ValueError), f, 0, memoryview(bytes(64))[::2])


class Broken(Exception):
    pass


def callback_more(tester, f):
    """Called as often as asked, with what the call before gave; an exception comes out as it is, at once."""
    seen = []

    def g(x):
        seen.append(x)
        return x + 7
    same(f(g, 3, 4), 31, "callback")
    check(seen == [3, 10, 17, 24], "the function was called with %s", seen)
    error = Broken("mine")

    def fails(x):
        if x == 9:
            raise error
        return x + 1
    got = raises(Broken, f, fails, 7, 100)
    check(got is error, "another exception came out than was raised")
    try:  # a number that a binding may have a meaning for
        check(f(lambda x: -1, 1, 1) == MASK, "-1 given back is not masked")
    except CAST:
        pass
    raises(CAST, f, lambda x: "text", 1, 1)
    raises(CAST, f, lambda x: None, 1, 1)
    raises(TypeError, f, lambda: 1, 1, 1)
    raises(TYPE, f, 5, 1, 1)


def foreign_more(tester, f):
    callback_more(tester, f)
    threads = set()

    def g(x):
        threads.add(threading.get_native_id())
        return x + 1
    same(f(g, 1, 3), 4, "callback_foreign")
    check(threads and threading.get_native_id() not in threads, "the function was called on the caller's own thread")


def catch_more(tester, f):
    def fails(x):
        raise Broken("mine")
    same(f(fails, 5), 6, "catch")
    same(f(fails, MASK), 0, "catch")
    check(sys.exc_info() == (None, None, None), "an exception is left")


def lookup_more(tester, f):
    class Counted:
        looked = 0

        @property
        def value(self):
            Counted.looked += 1
            return 3
    same(f(Counted(), 1, 5), 16, "lookup")
    check(Counted.looked == 5, "the attribute was looked up %d times, not 5", Counted.looked)
    error = Broken("mine")

    class Fails:
        @property
        def value(self):
            raise error
    check(raises(Broken, f, Fails(), 1, 1) is error, "another exception came out than was raised")
    raises(AttributeError, f, object(), 1, 1)
    raises(CAST, f, collections.namedtuple("T", "value")("text"), 1, 1)


def batch_more(tester, f):
    made = tester.call("six_batch", (3,), 0) if not tester.counted else f(3)
    check(isinstance(made, list) and len(made) == 3, "six_batch(3) gave %r", made)
    for i, s in enumerate(made):
        check([s.a, s.b, s.f] == [i, i + 1, i + 5], "object %d has %r", i, [s.a, s.b, s.f])
    check(f(0) == [], "six_batch(0) gave something")


def virtual_more(tester, f):
    Walker = tester.functions["Walker"]

    class Doubles(Walker):
        def step(self, k):
            return k * 2 & MASK

    class Fails(Walker):
        def step(self, k):
            raise error

    class Wrong_(Walker):
        def step(self, k):
            return "text"

    same(Walker().step(5), 6, "step(5)")
    same(Walker().step(MASK), 0, "step(MASK)")
    before = tester.kernels.calls
    same(f(Walker(), 5, 4), 9, "run_virtual")
    same(f(Doubles(), 5, 3), 40, "run_virtual of a subclass")
    check(tester.kernels.calls - before == (2 if tester.counted else 0), "run_virtual does not count one call")
    error = Broken("mine")
    check(raises(Broken, f, Fails(), 1, 1) is error, "another exception came out than was raised")
    raises(CAST, f, Wrong_(), 1, 1)
    raises(TYPE, f, None, 1, 1)

    def once():
        f(Walker(), 1, 2)
        f(Doubles(), 1, 2)
        try:
            f(Fails(), 1, 2)
        except Broken as e:
            e.__traceback__ = None
    tester.keeps_no_memory(once)


def six_more(tester, Six):
    s = Six(1, 2, 3, 4, 5, 6)
    check([s.a, s.b, s.c, s.d, s.e, s.f] == [1, 2, 3, 4, 5, 6], "attributes differ from what it was made with")
    before = tester.kernels.calls
    same(s.sum(), 21, "sum()")
    same(s.total, 21, "total")
    check(tester.kernels.calls - before == (2 if tester.counted else 0), "sum() and total do not count one call each")
    s.c = MASK
    check(s.c == MASK and s.sum() == 21 - 3 + MASK & MASK, "an attribute that was set is not what sum() sees")
    s.c = -(1 << 63)
    check(s.c == -(1 << 63), "the least integer is lost")
    for big in BIG:
        raises(RANGE, setattr, s, "c", big)
    raises(TYPE, setattr, s, "a", "text")
    raises((AttributeError, TypeError), setattr, s, "total", 1)
    check(KNOWN or (s.c == -(1 << 63) and s.a == 1), "what was refused changed an attribute")
    s.a = 1
    s.c = 3
    check(len(s) == 6 and [s[i] for i in range(6)] == [1, 2, 3, 4, 5, 6] and list(s) == [1, 2, 3, 4, 5, 6], "it is no sequence of its fields")
    raises(IndexError, lambda: s[6])
    raises(IndexError, lambda: s[1 << 40])
    check(s == Six(1, 2, 3, 4, 5, 6) and not s == Six(1, 2, 3, 4, 5, 7) and s != Six(0, 2, 3, 4, 5, 6), "== differs")
    check(not s == 5 and s != "text", "it is equal to something else")
    before = tester.kernels.calls
    same(s(10), 11, "s(10)")
    same(s(MASK), 0, "s(MASK)")
    check(tester.kernels.calls == before, "s(x) counts a call, which len() and s[i] do not either")
    raises(TypeError, Six, 1, 2, 3, 4, 5)
    raises(TypeError, Six, 1, 2, 3, 4, 5, 6, 7)
    raises(TYPE, Six, 1, 2, 3, 4, 5, "text")
    raises(RANGE, Six, 1, 2, 3, 4, 5, BIG[0])

    def once():
        t = Six(1, 2, 3, 4, 5, 6)
        t.a = t.total + t.sum()
        t(t[3])
        list(t)
        t == Six(1, 2, 3, 4, 5, 6)
        for bad in (lambda: Six(1), lambda: Six(1, 2, 3, 4, 5, "x"), lambda: t[9], lambda: setattr(t, "b", "x")):
            try:
                bad()
            except Exception:
                pass
    tester.keeps_no_memory(once)


def walker_more(tester, Walker):
    same(Walker().step(5), 6, "step(5)")


def table():
    f64 = array.array("d", (float(i) for i in range(1001)))
    some = [3, -4, 5, MASK, -(1 << 63), (1 << 63) - 1]
    strings = ["", "a", "\xe4b", "\u20ac", "\U0001f600", "x" * 300, "a\0b"]
    mixed = [(5, 2.5, "abc"), (-7, -3.75, ""), (1 << 40, 1e6, "\u20ac" * 40)]
    made = {
        "noargs": Function(refused=[((1,), TypeError)], more=noargs_more),
        "plusone": Function([((41,), 42), ((-1,), 0), (((1 << 62),), (1 << 62) + 1)],
                            [((b,), RANGE) for b in BIG] + [(("1",), TYPE), ((None,), TYPE), ((), TypeError), ((1, 2), TypeError)], counts=0),
        "kwargs": Function([((1, 2, 3, 4), 10), ((1,), 1), ((MASK, 1), 0)],
                           [((), TypeError), ((1, 2, 3, 4, 5), TypeError), (("1",), TYPE), ((1, None), TYPE)], more=kwargs_more),
        "sum": Function([((3, b""), 3), ((3, b"abc"), words(3, b"abc")), ((MASK, bytes(range(100))), words(MASK, bytes(range(100)))),
                         ((1, memoryview(b"12345678")), words(1, b"12345678"))],
                        [((1, 5), TYPE + (BufferError,)), ((1, None), TYPE), ((1,), TypeError), ((1, b"", 1), TypeError)], more=sum_more),
        "text": Function([((k, s), words(k, s.encode())) for k, s in enumerate(strings)],
                         [((1, 5), TYPE), ((1, None), TYPE), ((1,), TypeError), ((1, "\ud800"), (UnicodeEncodeError, *TYPE))],
                         more=borrows(texts)),
        "text_copy": Function([((k, s), words(k, s.encode())) for k, s in enumerate(strings)],
                              [((1, 5), TYPE), ((1, None), TYPE), ((1,), TypeError), ((1, "\ud800"), (UnicodeEncodeError, *TYPE))],
                              more=copies(texts)),
        "bytes_copy": Function([((7, b), words(7, b)) for b in (b"", b"a", b"a\0b", bytes(range(256)) * 9)],
                               [((1, 5), TYPE), ((1, None), TYPE), ((1,), TypeError)], more=copies(byte_strings)),
        "bytes_out": Function([((k, n), bytes([k & 255]) * n) for k, n in ((0, 0), (65, 1), (255, 9), (256, 3), (77, 5000))],
                              [((1, -1), (*RANGE, MemoryError)), ((1, "5"), TYPE), ((1,), TypeError), ((1, 1 << 70), (*RANGE, MemoryError))]),
        "seq_i64_in": Function([((k, made), k + sum(made) & MASK) for k, seq in ((1, []), (2, [5]), (3, some), (4, list(range(999))))
                                for made in (seq, tuple(seq))],
                               [((1, [1, b]), RANGE) for b in BIG] +
                               [((1, bad), TYPE) for bad in (5, None, [1, "x"], [None], [1.5])] + [((1,), TypeError)]),
        "seq_f64_in": Function([((made,), float(sum(made))) for seq in ([], [2.5], [float(i) for i in range(999)]) for made in (seq, tuple(seq))],
                               [((bad,), TYPE) for bad in (5, None, [1.0, "x"], [None])] + [((), TypeError)]),
        "seq_str_in": Function([((k, made), k + sum(map(text_sum, made)) & MASK) for k, seq in ((1, []), (2, ["x"]), (3, strings), (4, ["y"] * 500))
                                for made in (seq, tuple(seq))],
                               [((1, bad), TYPE) for bad in (5, None, ["a", 5], [None])] + [((1,), TypeError)]),
        "seq_i64_out": Function([((k, n), numbered(k, n)) for k, n in ((0, 0), (5, 1), (MASK - 2, 9), (123456, 700))],
                                [((1, -1), (*RANGE, MemoryError)), ((1, "5"), TYPE), ((1,), TypeError)]),
        "seq_f64_out": Function([((k, n), list(map(float, numbered(k, n)))) for k, n in ((0, 0), (5, 1), (MASK - 2, 9), (123456, 700))],
                                [((1, -1), (*RANGE, MemoryError)), ((1, "5"), TYPE), ((1,), TypeError)]),
        "seq_str_out": Function([((k, n), list(map(str, numbered(k, n)))) for k, n in ((0, 0), (5, 1), (MASK - 2, 9), (123456, 700))],
                                [((1, -1), (*RANGE, MemoryError)), ((1, "5"), TYPE), ((1,), TypeError)]),
        "map_in": Function([((k, d), k + sum(text_sum(t) + v for t, v in d.items()) & MASK)
                            for k, d in ((1, {}), (2, {"a": 5}), (3, {s: i - 3 for i, s in enumerate(strings)}), (4, pairs(9, 500)))],
                           [((1, {"a": b}), RANGE) for b in BIG] +
                           [((1, bad), TYPE + (RuntimeError,)) for bad in (5, None, {"a": "b"}, {5: 5}, {"a": None})] + [((1,), TypeError)]),
        "map_out": Function([((k, n), pairs(k, n)) for k, n in ((0, 0), (5, 1), (MASK - 2, 9), (123456, 700))],
                            [((1, -1), (*RANGE, MemoryError)), ((1, "5"), TYPE + (RuntimeError,)), ((1,), TypeError)]),
        "rows_in": Function([((k, r), k + sum(text_sum(t) + i + int(w) for i, w, t in r) & MASK)
                             for k, r in ((1, []), (2, mixed[:1]), (3, mixed), (4, rows(9, 300)))],
                            [((1, bad), TYPE + (IndexError, RuntimeError)) for bad in (5, None, [5], [(1, 2.0)], [(1, 2.0, 3)], [("x", 2.0, "a")], [(1, "x", "a")])] +
                            [((1, [(b, 1.0, "a")]), RANGE) for b in BIG] + [((1,), TypeError)]),
        "rows_out": Function([((k, n), rows(k, n)) for k, n in ((0, 0), (5, 1), (MASK - 2, 9), (123456, 300))],
                             [((1, -1), (*RANGE, MemoryError)), ((1, "5"), TYPE), ((1,), TypeError)]),
        "callback": Function([((step, k, n), stepped(k, n)) for k, n in ((5, 0), (5, 1), (MASK, 50))],
                             [((step, 1), TypeError), ((None, 1, 1), TYPE)], more=callback_more),
        "callback_foreign": Function([((step, k, n), stepped(k, n)) for k, n in ((5, 0), (5, 1), (MASK, 5))],
                                     [((step, 1), TypeError)], more=foreign_more),
        "error": Function(refused=[((depth,), ValueError) for depth in (0, 1, 8, 64)] + [((), TypeError), (("x",), TypeError)], more=error_more),
        "catch": Function([((step, 5), step(5)), ((step, MASK), step(MASK))], [((step,), TypeError)], more=catch_more),
        "overload": Function([((5,), 6), ((0,), 1), ((2.5,), 3.5), (("",), 0), (("abc",), 3), (("\u20ac" * 9,), 9)],
                             [((bad,), TYPE) for bad in (None, [], {}, b"x")] + [((), TypeError)] + [((b,), RANGE) for b in BIG]),
        "lookup": Function(refused=[((step, 1), TypeError)], more=lookup_more),
        "sum_f64": Function([((f64,), float(sum(f64))), ((array.array("d"),), 0.0), ((memoryview(f64)[5:9],), 26.0)],
                            [((5,), TYPE + (BufferError,)), ((), TypeError), ((memoryview(f64)[::2],), (BufferError, *TYPE))],
                            more=lambda tester, f: raises((BufferError, *TYPE), f, b"123")),
        "sum_f64_strided": Function([((f64,), float(sum(f64))), ((memoryview(f64)[::2],), float(sum(f64[::2]))),
                                     ((memoryview(f64)[::-3],), float(sum(f64[::-3]))), ((memoryview(f64)[7:8],), 7.0)],
                                    [((5,), TYPE + (BufferError,)), ((), TypeError)]),
        "spin_hold": Function([((k, n), spin(k, n)) for k, n in ((1, 0), (2, 1), (MASK, 100))], [((1,), TypeError), ((1, "x"), TYPE)]),
        "spin_release": Function([((k, n), spin(k, n)) for k, n in ((1, 0), (2, 1), (MASK, 100))], [((1,), TypeError), ((1, "x"), TYPE)]),
        "six_batch": Function(more=batch_more, refused=[(("x",), TYPE)]),
        "Walker": Function(more=walker_more),
        "run_virtual": Function(more=virtual_more),
    }
    made.update(scalars())
    made.update({name: Function(more=six_more) for name in ("Six", "Six_static", "Six_gc", "Six_freelist", "Six_slots")})
    return made


def error_more(tester, f):
    for depth in (0, 3, 64):
        before = tester.kernels.calls
        raises(ValueError, f, depth)
        check(tester.kernels.calls - before == (1 if tester.counted else 0), "error(%d) does not count one call", depth)


def problems(tester, name, row):
    try:
        tester.run(name, row)
    except Wrong as e:
        return [str(e)]
    except Exception as e:
        return ["%s: %s" % (type(e).__name__, e)]
    return []


def main(folder, python, kernels, binding, variant):
    sys.path.insert(0, python)
    import loader
    loader.open_library(folder, python, kernels)
    missing = getattr(loader, "Missing", ())
    try:
        functions = loader.functions(binding, variant)
    except getattr(loader, "Unsupported", ()) as e:
        print(json.dumps({"unsupported": str(e)}))
        return
    if getattr(functions, "caller", None) == "c":
        print(json.dumps({"unsupported": "called from C alone"}))
        return
    tester = Tester(functions, Kernels(kernels), getattr(functions, "counted", True), differences(binding, variant), "%s:%s" % (binding, variant) in KEEP_THEIR_CLASS)
    rows_ = table()
    listed = dict.items(functions)
    for name, f in sorted(listed):
        if name == "native" or (missing and isinstance(f, missing)):
            continue
        if name not in rows_:
            if not name.startswith("x_"):  # a binding's own, of which nothing is agreed
                print(json.dumps({"function": name, "problems": [], "unknown": True}))
            continue
        print(json.dumps({"function": name, "problems": problems(tester, name, rows_[name])}), flush=True)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # modules that do not survive the end of an interpreter are another matter
