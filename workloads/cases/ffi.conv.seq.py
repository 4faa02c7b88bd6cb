"""turns a list, tuple or dictionary into an array of native code, which adds it up; or an array into a list or dictionary"""
measures_memory = True
native_calls = 1
params = {"data": ("what is converted", ("ints", "bigints", "floats", "strings", "tuple", "dict", "rows")),
          "direction": ("into native code, or out of it", ("in", "out")),
          "n": ("elements", ("10", "1", "1k", "100k")),
          "unroll": ("calls per turn of the loop", ("1", "10"))}
LENGTHS = {"1": 1, "10": 10, "1k": 1000, "100k": 100000}
FUNCTIONS = {"ints": "seq_i64", "bigints": "seq_i64", "tuple": "seq_i64", "floats": "seq_f64", "strings": "seq_str", "dict": "map",
             "rows": "rows"}
FIRST = 1000003
MASK = 0x3fffffff


def needs(axes):
    return "%s_%s" % (FUNCTIONS[axes["data"]], axes["direction"])


def text_sum(text):
    return len(text) + ord(text[0])


def made(data, n):
    """The elements, and what native code makes of them."""
    numbers = range(FIRST, FIRST + n)
    if data == "floats":
        return [float(x) for x in numbers], float(sum(numbers))
    if data == "bigints":  # two digits of 30 bits and a bit more
        return [(x << 42) + x for x in numbers], sum((x << 42) + x for x in numbers)
    if data in ("ints", "tuple"):
        return (list if data == "ints" else tuple)(numbers), sum(numbers)
    texts = [str(x) for x in numbers]
    if data == "strings":
        return texts, sum(map(text_sum, texts))
    if data == "dict":
        return dict(zip(texts, numbers)), sum(map(text_sum, texts)) + sum(numbers)
    return [(x, float(x), t) for x, t in zip(numbers, texts)], sum(map(text_sum, texts)) + 2 * sum(numbers)


def same(a, b):
    """Equal down to the elements' types; in a dictionary the order is the binding's own."""
    if type(a) is not type(b) or a != b:
        return False
    if isinstance(a, dict):
        return all(type(k) is str and type(v) is int for k, v in a.items())
    return all(type(x) is type(y) for x, y in zip(a, b))


class State:
    def __init__(self, cell):
        axes = cell.axes
        self.k, self.n, self.out = cell.k, LENGTHS[axes["n"]], axes["direction"] == "out"
        self.native = cell.binding[needs(axes)]
        self.data, self.sum = made(axes["data"], self.n)


def setup(cell):
    if cell.axes["direction"] == "out" and cell.axes["data"] in ("bigints", "tuple"):
        raise cell.Unsupported("what native code gives are lists, of integers of 30 bits", "use data=ints")
    return State(cell)


def call(state):
    if state.out:
        return state.native, (FIRST, state.n)
    return state.native, (state.data,) if isinstance(state.sum, float) else (state.k, state.data)


def verify(state, result, operations, start):
    if state.out:
        return same(result, state.data)
    if isinstance(state.sum, float):
        return result == state.sum
    return result == start + operations * state.sum & MASK
