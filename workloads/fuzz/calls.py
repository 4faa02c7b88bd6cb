"""Random calls, as text both sides evaluate, and simpler ones that may show the same."""
import struct

COUNTS = (1, 2, 3, 4, 6, 8, 16)
MASK = 2 ** 30 - 1
EDGES = sorted({sign * (2 ** bits + more) for sign in (1, -1) for bits in (0, 7, 8, 15, 16, 24, 29, 30, 31, 32, 53, 62, 63, 64, 65, 128)
                for more in (-1, 0, 1)})
REALS = (0.0, -0.0, 1.0, -1.5, 0.1, 1e16, 2.0 ** 53 + 2, 5e-324, -1.7976931348623157e308, float("inf"), float("-inf"), float("nan"))
TEXTS = ("", "a", "\0", "é", "ÿ", "Ā", "€", "\uffff", "😀", "\ud800", "a\udcffb", "x" * 9, "ab\0cd", "é" * 5, "日本語", "\U0010ffff" * 2)


class Made:
    """A call of one of made.py's names."""

    def __init__(self, name, *args):
        self.name, self.args = name, args


class Name:
    def __init__(self, name):
        self.name, self.args = name, ()


class Call:
    """form with {} for each argument; function: what it is about."""

    def __init__(self, function, form, *args):
        self.function, self.form, self.args, self.text = function, form, args, None

    def source(self):
        if self.text is None:
            self.text = self.form.format(*map(source, self.args))
        return self.text

    def family(self):
        return self.function.rpartition("_")[0] if self.function[-1].isdigit() else self.function

    def group(self):
        """The name in Maker.makers() of what makes such calls."""
        return "walker" if self.function in ("Walker", "run_virtual") else self.family()


def source(value):
    if isinstance(value, Name):
        return value.name
    if isinstance(value, Made):
        return "%s(%s)" % (value.name, ", ".join(map(source, value.args)))
    if isinstance(value, tuple):
        return "(%s%s)" % (", ".join(map(source, value)), "," if len(value) == 1 else "")
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(source, value))
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (source(k), source(v)) for k, v in value.items())
    if type(value) is int and abs(value) >= 2 ** 30:
        for more in (0, 1, -1):  # -2**63 + 1 says more than its digits
            power = abs(value) - more
            if power & (power - 1) == 0:
                signed = more if value > 0 else -more
                return "%s2**%d%s" % ("-" if value < 0 else "", power.bit_length() - 1, " %s 1" % "-+"[signed > 0] if more else "")
    return ascii(value)


# ---- what differs from binding to binding, if anything does: values of other types

NOTHING = Made("Nothing")
ODD_NUMBERS = (True, False, 1.5, 2.0, "1", None, b"1", NOTHING, Made("Real", 1.0), [1], float("nan"))
ODD_REALS = (True, Made("Real", 2.5), Made("Index", 3), Made("Sub", 5), 10 ** 400, "1.5", None, b"", [1.0], NOTHING)
ODD_TRUTHS = (0, 1, 2, -1, 2 ** 64, None, "", "a", [], [0], 0.0, 1.5, NOTHING, Made("Index", 0))
ODD_STARTS = (None, "1", 1.5, NOTHING)
ODD_SIZES = (-1, None, "2", 1.5)
ODD_TEXTS = (b"a", None, 5, ["a"], NOTHING)
ODD_BYTES = ("a", None, 5)
ODD_SEQUENCES = (5, None)


# ---- making them

class Maker:
    def __init__(self, random):
        self.random = random

    def some(self, make, most=8):
        n = self.random.choice((0, 1, 2, 3, self.random.randrange(most + 1)))
        return [make() for _ in range(n)]

    def integer(self):
        r = self.random
        return r.choice((lambda: r.choice(EDGES), lambda: r.randrange(-10, 300), lambda: r.getrandbits(30),
                         lambda: r.getrandbits(r.randrange(1, 64)) * r.choice((1, -1)), lambda: r.randrange(-2 ** 63, 2 ** 63)))()

    def fitting(self):
        while True:
            v = self.integer()
            if -2 ** 63 <= v < 2 ** 63:
                return v

    def number(self):
        """For an int64."""
        r = self.random
        if r.random() < 0.85:
            return self.integer()
        return r.choice((Made("Index", self.integer()), Made("Sub", self.integer()), *ODD_NUMBERS))

    def real(self):
        r = self.random
        if r.random() < 0.8:
            return r.choice((lambda: r.choice(REALS), lambda: r.uniform(-1e6, 1e6), lambda: struct.unpack("d", r.randbytes(8))[0]))()
        return r.choice((self.integer(), *ODD_REALS))

    def truth(self):
        r = self.random
        if r.random() < 0.8:
            return r.random() < 0.5
        return r.choice(ODD_TRUTHS)

    def k(self):
        return self.random.getrandbits(30) if self.random.random() < 0.97 else self.random.choice(ODD_STARTS)

    def n(self, most=40):
        return self.random.choice((0, 1, 2, 3, self.random.randrange(most)))

    def size(self):
        return self.n() if self.random.random() < 0.95 else self.random.choice(ODD_SIZES)

    def text(self):
        r = self.random
        return r.choice(TEXTS) if r.random() < 0.6 else "".join(chr(r.choice((r.randrange(128), r.randrange(256), r.randrange(0xd800),
                                                                                   r.randrange(0xe000, 0x110000)))) for _ in range(r.randrange(20)))

    def any_text(self):
        return self.text() if self.random.random() < 0.95 else self.random.choice(ODD_TEXTS)

    def raw(self):
        return self.random.randbytes(self.random.choice((0, 1, 7, 8, 9, 31, 32, 33, self.random.randrange(200))))

    def data(self):
        r, raw = self.random, self.raw()
        return r.choice((raw, raw, Made("bytearray", raw), Made("memoryview", raw), Made("read_only", Made("bytearray", raw)),
                         Made("doubles", [1.0, 2.5]), Made("stepped", raw, 0, 2), "text", None, 5, [1, 2]))

    def sequence(self, make):
        made = self.some(make)
        return self.random.choice((made, tuple(made), made, tuple(made), made, *ODD_SEQUENCES) if self.random.random() < 0.2 else (made, tuple(made)))

    def function(self):
        r = self.random
        return r.choice((Made("adds", r.getrandbits(30)), Made("adds", 1), Made("raises_at", r.randrange(4)), Made("gives", r.getrandbits(30)),
                         Made("gives", r.choice(("a", None, 1.5, []))), None, 5))

    def doubles(self):
        return Made("doubles", self.some(lambda: self.random.choice((self.random.choice(REALS), self.random.uniform(-9, 9))), 12))

    def row(self):
        row = (self.number(), self.random.choice((1.0, -2.7, 1e15, 0.0, 5, "x")), self.any_text())
        return row if self.random.random() < 0.95 else row[:2]

    # ---- a call of each function

    def scalars(self, word, make):
        n = self.random.choice(COUNTS)
        function = "%s_%d" % (word, n)
        given = n if self.random.random() < 0.95 else n + self.random.choice((-1, 1))
        return Call(function, "%s(%s)" % (function, ", ".join(["{}"] * given)), *[make() for _ in range(given)])

    def kwargs(self):
        r = self.random
        words = ["{}"] if r.random() < 0.9 else []
        for name in r.sample(("a", "b", "c", "d") if r.random() < 0.1 else ("a", "b", "c"), r.randrange(4)):
            words.append(name + "={}")
        if r.random() < 0.2 and words:
            words.insert(1 if words[0] == "{}" else 0, "{}")
            words = [w for w in words if not w.startswith("a")] if r.random() < 0.8 else words
        return Call("kwargs", "kwargs(%s)" % ", ".join(words), *[self.number() for _ in words])

    def call_of(self, function, *makers):
        return Call(function, "%s(%s)" % (function, ", ".join(["{}"] * len(makers))), *[make() for make in makers])

    def plusone(self):
        return Call("plusone", "plusone({})", self.number())

    def six(self):
        r = self.random
        six = "Six({}, {}, {}, {}, {}, {})"
        numbers = [self.number() if r.random() < 0.3 else self.fitting() for _ in range(6)]
        form, more = r.choice((
            (six + ".sum()", ()), (six + ".total", ()), ("len(%s)" % six, ()), ("list(%s)" % six, ()), (six + "." + r.choice("abcdef"), ()),
            (six + "[{}]", (r.randrange(-8, 8),)), (six + "({})", (self.number(),)), (six + " == Six({}, {}, {}, {}, {}, {})", numbers),
            (six + " == {}", (5,)), ("changed(%s, {}, {})" % six, (r.choice("abcdef"), self.number())), ("changed(%s, {}, {})" % six, ("total", 5)),
            ("fields([%s])" % six, ())))
        return Call("Six", form, *numbers, *more)

    def walker(self):
        r = self.random
        walker = Name("Walker")
        obj = r.choice((Made("Walker"), Made("Walker"), Made("overriding", walker, r.getrandbits(30)), Made("raising", walker, r.randrange(3)), 5, None))
        if r.random() < 0.1:
            return Call("Walker", "Walker().step({})", r.getrandbits(30))
        return Call("run_virtual", "run_virtual({}, {}, {})", obj, r.getrandbits(30), self.n(6) or 1)

    def strided(self):
        r = self.random
        data = r.choice((self.doubles(), Made("stepped", self.doubles(), r.randrange(3), r.choice((1, 2, 3, -1, -2))),
                         Made("read_only", self.doubles()), "x", None))
        return Call("sum_f64_strided", "sum_f64_strided({})", data)

    def overload(self):
        r = self.random
        return Call("overload", "overload({})", r.choice((r.getrandbits(30), -r.getrandbits(30), r.choice(REALS), self.text(), None, [], b"a")))

    def lookup(self):
        r = self.random
        obj = Made("Value", r.choice((r.getrandbits(30), -5, 0, "x", None))) if r.random() < 0.9 else Made("Nothing")
        return Call("lookup", "lookup({}, {}, {})", obj, r.getrandbits(30), self.n(6) or 1)

    def calling(self, function):
        f = self.function()
        n = self.n(6)
        return Call(function, function + "({}, {}, {})", f, self.k(), n or 1)

    def catch(self):
        r = self.random
        return Call("catch", "catch({}, {})", r.choice((Made("adds", r.getrandbits(30)), Made("raises_at", 0), Made("gives", 5))), r.getrandbits(30))

    def makers(self):
        """{function: what makes a call of it}"""
        return {
            "noargs": lambda: Call("noargs", "noargs()") if self.random.random() < 0.9 else Call("noargs", "noargs({})", 1), "plusone": self.plusone, "kwargs": self.kwargs,
            "i64": lambda: self.scalars("i64", self.number), "f64": lambda: self.scalars("f64", self.real),
            "bool": lambda: self.scalars("bool", self.truth),
            "text": lambda: self.call_of("text", self.k, self.any_text), "text_copy": lambda: self.call_of("text_copy", self.k, self.any_text),
            "bytes_copy": lambda: self.call_of("bytes_copy", self.k, lambda: self.raw() if self.random.random() < 0.9 else self.random.choice(ODD_BYTES)),
            "bytes_out": lambda: self.call_of("bytes_out", self.k, self.size), "sum": lambda: self.call_of("sum", self.k, self.data),
            "seq_i64_in": lambda: self.call_of("seq_i64_in", self.k, lambda: self.sequence(self.number)),
            "seq_f64_in": lambda: self.call_of("seq_f64_in", lambda: self.sequence(self.real)),
            "seq_str_in": lambda: self.call_of("seq_str_in", self.k, lambda: self.sequence(self.any_text)),
            "seq_i64_out": lambda: self.call_of("seq_i64_out", self.k, self.size),
            "seq_f64_out": lambda: self.call_of("seq_f64_out", self.k, self.size),
            "seq_str_out": lambda: self.call_of("seq_str_out", lambda: self.random.getrandbits(30), self.size),
            "map_in": lambda: self.call_of("map_in", self.k, lambda: {self.text(): self.number() for _ in range(self.n(6))}
                                           if self.random.random() < 0.95 else self.random.choice((None, 5, [1]))),
            "map_out": lambda: self.call_of("map_out", self.k, self.size),
            "rows_in": lambda: self.call_of("rows_in", self.k, lambda: self.some(self.row)),
            "rows_out": lambda: self.call_of("rows_out", self.k, self.size),
            "callback": lambda: self.calling("callback"), "callback_foreign": lambda: self.calling("callback_foreign"),
            "error": lambda: Call("error", "error({})", self.n(65)), "catch": self.catch, "overload": self.overload, "lookup": self.lookup,
            "Six": self.six, "six_batch": lambda: Call("six_batch", "fields(six_batch({}))", self.n(9)), "walker": self.walker,
            "sum_f64": lambda: Call("sum_f64", "sum_f64({})", self.random.choice((self.doubles(), Made("read_only", self.doubles()), None, "x"))),
            "sum_f64_strided": self.strided,
        }

    def any(self, makers):
        return self.random.choice(makers)()


# ---- making them simpler

def simpler(value):
    """Values that are simpler in some way, the simplest first."""
    if isinstance(value, bool):
        return [False] if value else []
    if isinstance(value, int):
        sign, size = (1 if value > 0 else -1), abs(value)
        near = {0, 1, -value, *(value - sign * (size >> i) for i in range(1, size.bit_length() + 1))}  # ever closer to it
        for bits in (30, 31, 32, 53, 62, 63, 64):
            near |= {2 ** bits, -2 ** bits, 2 ** bits - 1}
        return sorted((v for v in near if (abs(v), v < 0) < (abs(value), value < 0)), key=lambda v: (abs(v), v < 0))
    if isinstance(value, float):
        return [v for v in (0.0, 1.0, 0.5, float(int(value)) if abs(value) < 1e15 else 1e16) if ascii(v) != ascii(value) and len(ascii(v)) <= len(ascii(value))]
    if isinstance(value, (str, bytes, list, tuple)):
        return shorter(value)
    if isinstance(value, dict):
        items = list(value.items())
        return [dict(items[:i] + items[i + 1:]) for i in range(len(items))] + \
            [dict(items[:i] + [(k, v)] + items[i + 1:]) for i, (key, old) in enumerate(items) for k, v in
             [(s, old) for s in simpler(key)] + [(key, s) for s in simpler(old)]]
    if value is None:
        return [0]
    if isinstance(value, Made):
        return [0, *(a for a in value.args if isinstance(a, (int, float)))] + [Made(value.name, *value.args[:i], s, *value.args[i + 1:]) for i, a in enumerate(value.args) for s in simpler(a)]
    return []


def shorter(value):
    n = len(value)
    made = [] if n else [0]
    made += [value[:0], value[:n // 2], value[n // 2:]] if n > 1 else [value[:0]] if n else []
    if n <= 32:
        made += [value[:i] + value[i + 1:] for i in range(n)] if n > 1 else []
    if isinstance(value, str):
        made += [value[:i] + "a" + value[i + 1:] for i in range(min(n, 32)) if value[i] != "a"]
    elif isinstance(value, bytes):
        made += [value[:i] + b"\0" + value[i + 1:] for i in range(min(n, 32)) if value[i]]
    else:
        kind = type(value)
        made += [value[:i] + kind((s,)) + value[i + 1:] for i in range(min(n, 32)) for s in simpler(value[i])]
    return made


def simpler_calls(call):
    if call.function.rpartition("_")[0] in ("i64", "f64", "bool"):
        word, _, n = call.function.rpartition("_")
        for k in COUNTS:
            if k < int(n) and len(call.args) == int(n):
                for i in range(int(n) - k + 1):
                    yield Call("%s_%d" % (word, k), "%s_%d(%s)" % (word, k, ", ".join(["{}"] * k)), *call.args[i:i + k])
    for i, a in enumerate(call.args):
        for s in simpler(a):
            yield Call(call.function, call.form, *call.args[:i], s, *call.args[i + 1:])
