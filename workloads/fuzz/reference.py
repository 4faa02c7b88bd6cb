"""What every function of a binding must do, in Python: the other side of each comparison.

Rules say in what a binding is known to do otherwise (differences.json); without any this is the contract."""
import made

MASK = made.MASK
WORD, HALF = 2 ** 64, 2 ** 63
TICK = 1442695040888963407  # of the kernels' chain, which starts at 0 before each call
COUNTS = (1, 2, 3, 4, 6, 8, 16)

RULES = {
    "wraps": "an integer beyond int64 is taken modulo 2^64",
    "no-index": "an object with __index__ that is no int is refused",
    "no-real": "an object with __float__ that is no number is refused",
    "truncates": "a float is cut to an integer",
    "only-bools": "a truth is True or False and nothing else",
    "has-bool": "a truth is what says so itself by __bool__, or None: no text, list or other object",
    "bits": "a truth is 0 or 1, of whatever integer type",
    "more-arguments": "ints of 64 bits, texts and None beyond the arguments that are declared are ignored",
    "only-floats": "an int is no float",
    "no-negative-index": "a negative index is beyond the end",
    "bytes-as-text": "bytes are taken for the UTF-8 of a text",
    "bytes-of-text": "the length of a text is that of its UTF-8",
    "any-format": "numbers that are no doubles are taken for them, byte by byte",
    "fewer-fields": "fields that a constructor is not given are 0",
    "no-none": "None is refused before anybody looks what it has",
    "unchecked": "an argument is used as it is: of what is not of the declared type and range, anything may come",
}


class Refused(Exception):
    """An exception of any kind but SystemError, which would say that the binding is broken."""


class Anything(Exception):
    """There is no saying."""


class Reference:
    def __init__(self, rules=()):
        self.rules = frozenset(rules)
        self.calls, self.uncounted = 0, False
        self.names = dict(made.NAMES)
        self.functions = {name: getattr(self, name) for name in dir(self) if getattr(getattr(self, name), "is_function", False)}
        for n in COUNTS:
            self.functions.update(self.scalars(n))
        self.functions["Six"], self.functions["Walker"] = six_of(self), Walker
        self.functions["text"] = self.text_copy
        self.functions["callback_foreign"] = self.callback
        self.names.update(self.functions)

    def count(self):
        self.calls += 1

    # ---- conversions

    def exactly(self, right):
        if "unchecked" in self.rules and not right:
            raise Anything

    def i64(self, x):
        self.exactly(type(x) is int and -HALF <= x < HALF)
        if isinstance(x, int):
            value = int(x)
        elif isinstance(x, float) and "truncates" in self.rules:
            value = self.cut(x)
        elif hasattr(type(x), "__index__") and "no-index" not in self.rules:
            value = x.__index__()
        else:
            raise Refused
        if -HALF <= value < HALF:
            return value
        if "wraps" not in self.rules:
            raise Refused
        return (value + HALF) % WORD - HALF

    def cut(self, x):
        if not abs(x) < WORD:  # nan, too
            raise Refused
        return int(x)

    def f64(self, x):
        self.exactly(type(x) is float)
        if isinstance(x, float):
            return float(x)
        if isinstance(x, int) and "only-floats" in self.rules:
            raise Refused
        if not isinstance(x, int) and not hasattr(type(x), "__index__") and not hasattr(type(x), "__float__"):
            raise Refused
        if not isinstance(x, int) and "no-real" in self.rules:
            raise Refused
        try:
            return float(x)
        except (OverflowError, TypeError):
            raise Refused from None

    def truth(self, x):
        self.exactly(type(x) is bool)
        if "only-bools" in self.rules and not isinstance(x, bool):
            raise Refused
        if "bits" in self.rules:
            if not isinstance(x, int) or x not in (0, 1):
                raise Refused
        if "has-bool" in self.rules and x is not None and not hasattr(type(x), "__bool__"):
            raise Refused
        return bool(x)

    def size(self, n, cuts=True):
        self.exactly(type(n) is int and n >= 0)
        if cuts and isinstance(n, float) and "truncates" in self.rules:
            n = self.cut(n)
        if not isinstance(n, int) or n < 0:
            raise Refused
        return int(n)

    def utf8(self, s):
        self.exactly(type(s) is str)
        if isinstance(s, (bytes, bytearray)) and "bytes-as-text" in self.rules:
            return bytes(s)
        if not isinstance(s, str):
            raise Refused
        try:
            return s.encode()
        except UnicodeEncodeError:
            raise Refused from None

    def start(self, k):
        """The k of all functions but the scalars: what cases hand over."""
        self.exactly(type(k) is int)
        if isinstance(k, float) and "truncates" in self.rules:
            k = self.cut(k)
        if not isinstance(k, int):
            raise Refused
        return int(k)

    # ---- scalars

    def count_is(self, args, n):
        more = args[n:]
        if len(args) < n or more and "more-arguments" not in self.rules:
            raise Refused
        if not all(a is None or isinstance(a, (str, bytes)) or (isinstance(a, int) and -HALF <= a < WORD) for a in more):
            raise Refused

    def scalars(self, n):
        def some(convert, result):
            def call(*args):
                self.count_is(args, n)
                values = [convert(a) for a in args[:n]]
                self.count()
                return result(values)
            return call

        def added(values):
            total = values[0]
            for v in values[1:]:
                total += v
            return total

        return {"i64_%d" % n: some(self.i64, lambda v: sum(v) & MASK), "f64_%d" % n: some(self.f64, added),
                "bool_%d" % n: some(self.truth, lambda v: bool(sum(v) & 1))}

    def noargs(self, *args):
        self.count_is(args, 0)
        self.count()
        return TICK & MASK

    def plusone(self, *args):
        self.count_is(args, 1)
        x = self.i64(args[0])
        if x == HALF - 1:
            raise Anything  # undefined in C
        return x + 1

    def kwargs(self, *args, **more):
        names = ("k", "a", "b", "c")
        given = dict(zip(names, args))
        if not given and "k" not in more or len(args) > 4 or set(more) - set(names) or set(more) & set(given):
            raise Refused
        given.update(more)
        values = [self.i64(v) for v in given.values()]
        self.count()
        return sum(values) & MASK

    # ---- bytes

    def words(self, k, data):
        self.count()
        return (k + sum(int.from_bytes(data[i:i + 8], "little") for i in range(0, len(data), 8))) & MASK

    def sum(self, k, data):
        k = self.start(k)
        try:
            view = memoryview(data)
        except TypeError:
            raise Refused from None
        if not view.c_contiguous:
            raise Anything if view.nbytes == 0 else Refused  # nothing has no gaps
        return self.words(k, view.tobytes())

    def text_copy(self, k, s):
        return self.words(self.start(k), self.utf8(s))

    def bytes_copy(self, k, b):
        if not isinstance(b, bytes):
            raise Refused
        return self.words(self.start(k), b)

    def bytes_out(self, k, n):
        k, n = self.start(k), self.size(n, cuts=False)
        self.count()
        return bytes([k & 0xff]) * n

    # ---- sequences

    @staticmethod
    def items(seq):
        if not isinstance(seq, (list, tuple)):
            raise Refused
        return seq

    def seq_i64_in(self, k, seq):
        total = self.start(k) + sum([self.i64(v) for v in self.items(seq)])
        self.count()
        return total & MASK

    def quarters(self, values):
        self.count()
        parts = [0.0] * 4
        for i, v in enumerate(values):
            parts[i & 3] += v
        return parts[0] + parts[1] + parts[2] + parts[3]

    def seq_f64_in(self, seq):
        return self.quarters([self.f64(v) for v in self.items(seq)])

    def short(self, s):
        data = self.utf8(s)
        return len(data) + (data[0] if data else 0)

    def seq_str_in(self, k, seq):
        total = self.start(k) + sum([self.short(s) for s in self.items(seq)])
        self.count()
        return total & MASK

    def seq_i64_out(self, k, n):
        k, n = self.start(k), self.size(n)
        self.count()
        return [(k + i) & MASK for i in range(n)]

    def seq_f64_out(self, k, n):
        return [float(v) for v in self.seq_i64_out(k, n)]

    def seq_str_out(self, k, n):
        return [str(v) for v in self.seq_i64_out(k, n)]

    def map_in(self, k, d):
        if not isinstance(d, dict):
            raise Refused
        total = self.start(k) + sum([self.short(key) + self.i64(value) for key, value in d.items()])
        self.count()
        return total & MASK

    def map_out(self, k, n):
        return {str(v): v for v in self.seq_i64_out(k, n)}

    def rows_in(self, k, rows):
        total = self.start(k)
        for row in self.items(rows):
            if not isinstance(row, tuple) or len(row) != 3:
                raise Refused
            total += self.i64(row[0]) + int(self.f64(row[1])) + self.short(row[2])
        self.count()
        return total & MASK

    def rows_out(self, k, n):
        return [(v, float(v), str(v)) for v in self.seq_i64_out(k, n)]

    def numbers(self, data):
        try:
            view = memoryview(data)
        except TypeError:
            raise Refused from None
        if view.format != "d" and "any-format" in self.rules and view.c_contiguous and view.nbytes % 8 == 0:
            view = view.cast("B").cast("d")
        if view.format != "d" or view.ndim != 1:
            raise Refused
        return view

    def sum_f64(self, data):
        view = self.numbers(data)
        if not view.c_contiguous:
            raise Refused
        return self.quarters(view.tolist())

    def sum_f64_strided(self, data):
        values = self.numbers(data).tolist()
        self.count()
        total = 0.0
        for v in values:
            total += v
        return total

    # ---- calls back

    def called(self, f, k):
        if not callable(f):
            raise Refused
        r = f(k)
        if isinstance(r, float) and "truncates" in self.rules:
            r = self.cut(r)
        if not isinstance(r, int):
            raise Refused
        return r & MASK

    def callback(self, f, k, n):
        k, n = self.start(k), self.size(n)
        for _ in range(n):
            k = self.called(f, k)
        self.count()
        return k

    def error(self, depth):
        self.size(depth)
        self.count()
        raise ValueError

    def catch(self, f, k):
        k = self.start(k)
        self.count()
        try:
            return self.called(f, k)
        except made.Planned:
            return (k + 1) & MASK

    def overload(self, x):
        self.count()
        if isinstance(x, str):
            if any("\ud800" <= c <= "\udfff" for c in x):
                raise Anything  # it has a length, and no UTF-8
            return len(x.encode() if "bytes-of-text" in self.rules else x)
        if isinstance(x, float):
            return x + 1.0
        if isinstance(x, int):
            if not 0 <= x < MASK:
                raise Anything  # cases hand over ints of 30 bits
            return x + 1
        raise Refused

    def lookup(self, obj, k, n):
        k, n = self.start(k), self.size(n)
        if obj is None and "no-none" in self.rules:
            raise Refused
        value = obj.value
        if isinstance(value, float) and "truncates" in self.rules:
            value = self.cut(value)
        if not isinstance(value, int):
            raise Refused
        self.count()
        return (k + n * value) & MASK

    # ---- classes

    def six_batch(self, n):
        n = self.size(n)
        self.count()
        return [self.functions["Six"](*range(i, i + 6)) for i in range(n)]

    def run_virtual(self, obj, k, n):
        k, n = self.start(k), self.size(n)
        if not isinstance(obj, Walker):
            raise Refused
        for _ in range(n):
            k = self.called(obj.step, k)
        self.count()
        return k


for name in ("noargs plusone kwargs sum text_copy bytes_copy bytes_out seq_i64_in seq_f64_in seq_str_in seq_i64_out seq_f64_out seq_str_out "
             "map_in map_out rows_in rows_out sum_f64 sum_f64_strided callback error catch overload lookup six_batch run_virtual").split():
    getattr(Reference, name).is_function = True


class Walker:
    def step(self, k):
        return (k + 1) & MASK


def six_of(reference):
    class Six:
        def __init__(self, *values):
            if len(values) < 6 and "fewer-fields" in reference.rules:
                values += (0,) * (6 - len(values))
            if len(values) != 6:
                raise Refused
            self.__dict__.update(zip("abcdef", map(reference.i64, values)))

        def __setattr__(self, name, value):
            if name == "total":
                raise AttributeError(name)
            super().__setattr__(name, reference.i64(value))

        def values(self):
            return [getattr(self, name) for name in "abcdef"]

        def sum(self):
            reference.count()
            return sum(self.values()) & MASK

        total = property(sum)

        def __len__(self):
            return 6

        def __getitem__(self, i):
            if not -6 <= i < 6 or (i < 0 and "no-negative-index" in reference.rules):
                raise IndexError(i)
            return self.values()[i]

        def __eq__(self, other):
            return self.values() == other.values() if isinstance(other, Six) else NotImplemented

        def __call__(self, x):
            reference.uncounted = True  # in one language or the other
            return (self.a + reference.i64(x)) & MASK

    return Six


made_for = {}  # rules: the reference for them


def expected(code, rules=frozenset()):
    """(kind, text, calls) of a call: kind value, raised (that exception) or refused (any)."""
    reference = made_for.get(rules)
    if reference is None:
        reference = made_for[rules] = Reference(rules)
    reference.calls, reference.uncounted = 0, False
    kind, text, *more = made.outcome(code, dict(reference.names))
    if more and isinstance(more[0], Anything):
        return "anything", "anything", None
    if more and isinstance(more[0], Refused):
        return "refused", "an exception", None
    if more:
        # Names that the reference itself refuses: a wrong number of arguments.
        return ("refused", "an exception", None) if isinstance(more[0], TypeError) else ("raised", type(more[0]).__name__, None)
    return kind, text, reference.calls if kind == "value" and not reference.uncounted else None
