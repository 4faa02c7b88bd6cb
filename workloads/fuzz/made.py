"""What the arguments of fuzzed calls are made of, under the names that calls have for them. Both sides have these: the
binding and the reference."""
import array
import math

MASK = 2 ** 30 - 1
inf, nan = math.inf, math.nan


class Planned(Exception):
    """What a callback raises on purpose."""


class Index:
    """Not an int, but it has __index__."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


class Real:
    """Not a float, but it has __float__."""

    def __init__(self, value):
        self.value = value

    def __float__(self):
        return self.value


class Sub(int):
    """A subclass of int."""


class Value:
    def __init__(self, value):
        self.value = value


class Nothing:
    """An object that can do nothing."""


def adds(n):
    return lambda x: (x + n) & MASK


def gives(what):
    return lambda x: what


def raises_at(n):
    """Adds 1 n times, then raises."""
    left = [n]

    def call(x):
        if not left[0]:
            raise Planned(n)
        left[0] -= 1
        return (x + 1) & MASK
    return call


def doubles(values):
    return array.array("d", values)


def integers(values):
    return array.array("q", values)


def read_only(data):
    return memoryview(data).toreadonly()


def stepped(data, start, step):
    return memoryview(data)[start::step]


def overriding(walker, n):
    class Own(walker):
        def step(self, k):
            return (k + n) & MASK
    return Own()


def raising(walker, n):
    class Own(walker):
        left = n

        def step(self, k):
            if not self.left:
                raise Planned(n)
            self.left -= 1
            return (k + 1) & MASK
    return Own()


def changed(obj, name, value):
    setattr(obj, name, value)
    return getattr(obj, name)


def fields(objects):
    return [tuple(getattr(o, name) for name in "abcdef") for o in objects]


NAMES = {name: value for name, value in list(globals().items()) if not name.startswith("_") and name not in ("array", "math")}


def canonical(value):
    """The same text for the same value of the same type, whoever made it."""
    if isinstance(value, float):
        return "nan" if value != value else value.hex()
    if value is None or type(value) in (bool, int, str, bytes):
        return ascii(value)
    if type(value) in (list, tuple):
        inside = ", ".join(map(canonical, value))
        return "[%s]" % inside if type(value) is list else "(%s)" % inside
    if type(value) is dict:
        return "{%s}" % ", ".join(sorted("%s: %s" % (canonical(k), canonical(v)) for k, v in value.items()))  # order is no part of it
    return "an object of type %s" % type(value).__name__


def outcome(code, names):
    """(kind, text) of a call: what it gave, or what it raised."""
    try:
        return "value", canonical(eval(code, names))
    except Planned as e:
        return "raised", "Planned(%s)" % ", ".join(map(ascii, e.args))
    except Exception as e:
        return "raised", "%s: %s" % (type(e).__name__, str(e).splitlines()[0][:200] if str(e) else ""), e
