"""Every special value in every place of every function, the rest of the call being right: what must not depend on a seed.

The special values are the ends of each type, what converts to it, and what must be refused: where bindings differ, if anywhere."""
from calls import COUNTS, NOTHING, ODD_BYTES, ODD_NUMBERS, ODD_REALS, ODD_SEQUENCES, ODD_SIZES, ODD_STARTS, ODD_TEXTS, ODD_TRUTHS, REALS, TEXTS, Call, Made, Name

HALF = 2 ** 63
ENDS = (0, -1, 2 ** 30 - 1, 2 ** 31 - 1, 2 ** 31, -2 ** 31 - 1, 2 ** 32, 2 ** 53 + 1, HALF - 1, -HALF, HALF, -HALF - 1, 2 ** 64 - 1, 2 ** 64,
        2 ** 64 + 5, -2 ** 64, 2 ** 128)
DOUBLES = Made("doubles", [1.0, -0.0, 2.5, 1e16, float("inf")])


class Place:
    """One argument: what is right there and says which one it is, and what is tried."""

    def __init__(self, right, tried):
        self.right, self.tried = right, tried


NUMBER = Place(7, (*ENDS, *ODD_NUMBERS, Made("Index", 0), Made("Index", -5), Made("Index", HALF - 1), Made("Index", HALF), Made("Index", 2 ** 64),
                   Made("Index", "x"), Made("Sub", 5), Made("Sub", -HALF), Made("Sub", HALF), Made("Sub", 2 ** 64)))
REAL = Place(0.5, (*REALS, *ODD_REALS, 0, -7, 2 ** 53 + 1, HALF, 2 ** 64, -2 ** 1023, Made("Real", 1), Made("Real", "x"), Made("Index", 2 ** 64),
                   Made("Index", 10 ** 400), Made("Sub", 2 ** 64)))
TRUTH = Place(True, (False, *ODD_TRUTHS))
START = Place(5, (0, 2 ** 30 - 1, *ODD_STARTS))
SIZE = Place(3, (0, 1, 33, *ODD_SIZES))
TEXT = Place("abc", (*TEXTS, *ODD_TEXTS))
WEIGHT = Place(2.5, (0.0, -0.0, -2.7, 1e15, 5, True, "x", None, Made("Index", 3), Made("Real", 2.5), Made("Real", 1), Made("Sub", 5), NOTHING, [1.0]))
RAW = Place(b"0123456789", (b"", b"\0", b"x" * 8, bytes(range(256)), *ODD_BYTES))
BUFFER = Place(b"0123456789", (b"", Made("bytearray", b"abcdefghi"), Made("memoryview", b"abcdefgh"), Made("read_only", Made("bytearray", b"abc")), DOUBLES, Made("integers", [1, -2]),
                               Made("doubles", []), Made("stepped", b"abcdef", 0, 2), Made("stepped", b"abcdef", 0, 1), Made("stepped", b"", 0, 2), "text", "",
                               None, 5, [1, 2], (1,), NOTHING, 1.5))
STRIDED = Place(DOUBLES, (Made("doubles", []), Made("read_only", DOUBLES), *(Made("stepped", DOUBLES, start, step) for start in (0, 1) for step in (1, 2, -1, -2)),
                          b"12345678", Made("bytearray", b"12345678"), Made("integers", [1, 2]), b"1234", "x", None, 5, [1.0], NOTHING))
CONTIGUOUS = Place(DOUBLES, (Made("doubles", []), Made("read_only", DOUBLES), Made("stepped", DOUBLES, 0, 2), Made("stepped", DOUBLES, 0, -1), b"12345678",
                             Made("bytearray", b"12345678"), b"1234", "x", None, 5, [1.0], NOTHING))
FUNCTION = Place(Made("adds", 3), (*(Made("raises_at", n) for n in range(4)),
                                   *(Made("gives", what) for what in (0, 2 ** 30 - 1, True, "a", None, 1.5, [], NOTHING)), None, 5, NOTHING))


def every(function, form, *places):
    """The call that is right, and with each value in each place."""
    right = [p.right for p in places]
    yield Call(function, form, *right)
    for i, place in enumerate(places):
        for value in place.tried:
            yield Call(function, form, *right[:i], value, *right[i + 1:])


def plain(function, *places):
    return every(function, "%s(%s)" % (function, ", ".join(["{}"] * len(places))), *places)


def sequences(place):
    """Of what has a place of its own; each value first, last, and in a tuple."""
    right = place.right
    return Place([right, right], ([], (), (right,), *ODD_SEQUENCES,
                                  *(made for v in place.tried for made in ([v], [right, right, v], (v, right)))))


def counts(function, n, right):
    """More and fewer arguments than there are."""
    for more in (None, 1, True, "a", b"a", 1.5, [], 2 ** 64 - 1, 2 ** 64, -HALF - 1, NOTHING, Made("Index", 1), Made("Sub", 1)):
        yield Call(function, "%s(%s)" % (function, ", ".join(["{}"] * (n + 1))), *right, more)
    if n:
        yield Call(function, "%s(%s)" % (function, ", ".join(["{}"] * (n - 1))), *right[1:])
        yield Call(function, function + "()")


def scalars():
    for word, place, kinds in (("i64", NUMBER, (HALF, -HALF - 1, 1.5, "1", None, NOTHING, Made("Index", 3), Made("Sub", HALF))),
                               ("f64", REAL, (float("nan"), 2, 10 ** 400, "1.5", None, NOTHING, Made("Real", 2.5), Made("Index", 3))),
                               ("bool", TRUTH, (False, 0, 2, None, "", "a", NOTHING, 0.0))):
        for n in COUNTS:
            name = "%s_%d" % (word, n)
            # many places are compared by one value of each kind
            yield from plain(name, *[place if n <= 4 else Place(place.right, kinds)] * n)
            yield from counts(name, n, [place.right] * n)
    yield from plain("noargs")
    yield from counts("noargs", 0, [])
    yield from (c for c in plain("plusone", NUMBER) if c.args != (HALF - 1,))
    yield from counts("plusone", 1, [7])


def keywords():
    for form in ("kwargs({}, {}, {}, {})", "kwargs({}, c={}, b={}, a={})", "kwargs(k={}, a={}, b={}, c={})"):
        yield from every("kwargs", form, *[NUMBER] * 4)
    for form in ("kwargs({})", "kwargs({}, b={})", "kwargs({}, {}, c={})", "kwargs({}, a={}, {})", "kwargs({}, k={})", "kwargs({}, {}, a={})", "kwargs({}, d={})",
                 "kwargs(a={})", "kwargs()", "kwargs({}, {}, {}, {}, {})", "kwargs({}, {}, {}, {}, c={})", "kwargs({}, **{{'b': {}}})", "kwargs(*({}, {}))"):
        if form != "kwargs({}, a={}, {})":  # no Python
            yield Call("kwargs", form, *range(1, 1 + form.count("{}")))


def classes():
    six = "Six({}, {}, {}, {}, {}, {})"
    ordered = [Place(n, NUMBER.tried) for n in range(1, 7)]
    yield from every("Six", "fields([%s])" % six, *ordered)
    fixed = "Six(1, 2, 3, 4, 5, 6)"
    for name in "abcdef":
        yield from every("Six", "fields([%s]), changed(%s, '%s', {})" % (fixed, fixed, name), NUMBER)
        yield Call("Six", "%s.%s" % (fixed, name))
    yield from every("Six", fixed + "({})", NUMBER)
    yield from every("Six", fixed + "[{}]", Place(0, range(-8, 8)))
    ends = (HALF - 1, -HALF, -1, 0, 2 ** 32, 5)
    for form in (six + ".sum()", six + ".total", "len(%s)" % six, "list(%s)" % six, "changed(%s, 'total', 5)" % six, six + " == 5", six + " == " + fixed,
                 six + " != " + fixed, six + "()", six + "(1, 2)"):
        yield Call("Six", form, *range(1, 7))
        yield Call("Six", form, *ends)
    yield from (Call("Six", "Six(%s)" % ", ".join(map(str, range(n)))) for n in (0, 5, 7))
    yield from (Call("six_batch", "fields(six_batch({}))", n) for n in (0, 1, 2, 9))
    walker = Name("Walker")
    yield from plain("run_virtual", Place(Made("Walker"), (Made("overriding", walker, 9), Made("raising", walker, 0), Made("raising", walker, 2), 5, None,
                                                          NOTHING, "x")), Place(5, (0, 2 ** 30 - 1)), Place(3, (1, 6)))
    yield Call("Walker", "Walker().step({})", 5)


def data():
    yield from plain("text", START, TEXT)
    yield from plain("text_copy", START, TEXT)
    yield from plain("bytes_copy", START, RAW)
    yield from plain("bytes_out", START, SIZE)
    yield from plain("sum", START, BUFFER)
    yield from plain("sum_f64", CONTIGUOUS)
    yield from plain("sum_f64_strided", STRIDED)
    yield from plain("seq_i64_in", START, sequences(NUMBER))
    yield from plain("seq_f64_in", sequences(REAL))
    yield from plain("seq_str_in", START, sequences(TEXT))
    for word in ("seq_i64_out", "seq_f64_out", "seq_str_out", "map_out", "rows_out"):
        yield from plain(word, START, SIZE)
    yield from plain("map_in", START, Place({"a": 1, "bc": 2}, ({}, None, 5, [1], "x", *({"a": v} for v in NUMBER.tried), *({t: 3} for t in (*TEXTS, b"a", 5, None)))))
    columns = NUMBER, WEIGHT, TEXT
    right = tuple(p.right for p in columns)
    rows = [right[:i] + (v,) + right[i + 1:] for i, p in enumerate(columns) for v in p.tried]
    yield from plain("rows_in", START, Place([right, right], ([], [right[:2]], [right + (1,)], [()], [5], None, 5, *([row] for row in rows),
                                                             *([right, row] for row in rows))))


def calls_back():
    for word in ("callback", "callback_foreign"):
        yield from plain(word, FUNCTION, START, Place(2, (1, 5)))
    yield from plain("error", Place(3, (0, 1, 64)))
    yield from plain("catch", Place(Made("adds", 3), (Made("raises_at", 0), Made("gives", 5))), Place(5, (0, 2 ** 30 - 1)))
    yield from plain("overload", Place(7, (0, 2 ** 30 - 2, *REALS, *TEXTS, None, [], b"a", {}, NOTHING)))
    yield from plain("lookup", Place(Made("Value", 7), (Made("Value", -5), Made("Value", 0), Made("Value", "x"), Made("Value", None), Made("Value", 1.5),
                                                       NOTHING, None, 5)), Place(5, (0, 2 ** 30 - 1)), Place(3, (1, 6)))


def every_call():
    for part in (scalars, keywords, data, calls_back, classes):
        yield from part()
