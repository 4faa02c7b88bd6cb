"""Binding descriptor: no boundary at all. The same functions written in Python, and those of the kernel library itself, called
from a loop of C: the yardsticks of every binding."""
summary = "no boundary: the same functions in plain Python, or the native ones in a loop of C"
variants = ("python", "c")
counted = {"python": False}
caller = {"c": "c"}

MASK = 0x3fffffff
MUL, ADD = 6364136223846793005 & MASK, 1442695040888963407 & MASK  # of the kernels' chain, which is the same mod 2^30
COUNTS = (1, 2, 3, 4, 6, 8, 16)


def scalars():
    """i64_K, f64_K, bool_K, each with as many parameters as it adds up."""
    bodies = {"i64": ("%s & 0x3fffffff", " + "), "f64": ("%s", " + "), "bool": ("%s", " ^ ")}
    lines = []
    for kind, (body, sign) in bodies.items():
        for n in COUNTS:
            names = ["a%d" % i for i in range(n)]
            lines.append("def %s_%d(%s): return %s" % (kind, n, ", ".join(names), body % sign.join(names)))
    found = {}
    exec("\n".join(lines), found)
    return {name: f for name, f in found.items() if name != "__builtins__"}


def chain():
    x = 0

    def noargs():
        nonlocal x
        x = x * MUL + ADD & MASK
        return x
    return noargs


def plusone(x):
    return x + 1


def kwargs(k, a=0, b=0, c=0):
    return k + a + b + c & MASK


def six(name, slots):
    """The class of six fields, which has __slots__ or a dict."""
    def __init__(self, a, b, c, d, e, f):
        self.a, self.b, self.c, self.d, self.e, self.f = a, b, c, d, e, f

    def sum_(self):
        return self.a + self.b + self.c + self.d + self.e + self.f & MASK

    def __getitem__(self, i):
        return (self.a, self.b, self.c, self.d, self.e, self.f)[i]

    def __eq__(self, other):
        return list(self) == list(other) if isinstance(other, type(self)) else NotImplemented

    body = {"__init__": __init__, "sum": sum_, "total": property(sum_), "__len__": lambda self: 6, "__getitem__": __getitem__,
            "__eq__": __eq__, "__hash__": None, "__call__": lambda self, x: self.a + x & MASK}
    return type(name, (), dict(body, __slots__=tuple("abcdef")) if slots else body)


def classes():
    kind = six("Six", False)

    class Walker:
        def step(self, k):
            return k + 1 & MASK

    def six_batch(n):
        return [kind(i, i + 1, i + 2, i + 3, i + 4, i + 5) for i in range(n)]

    def run_virtual(walker, k, n):
        for _ in range(n):
            k = walker.step(k)
        return k
    return {"Six": kind, "Six_slots": six("Six_slots", True), "Walker": Walker, "six_batch": six_batch, "run_virtual": run_virtual}


def kernels(host):
    found = {"noargs": host.kernel("bd_kernel_tick", "i64", 0), "plusone": host.kernel("bd_kernel_plusone", "i64", 1),
             "kwargs": host.missing("C has no keyword arguments")}
    for kind in ("i64", "f64", "bool"):
        for n in COUNTS:
            found["%s_%d" % (kind, n)] = host.kernel("bd_kernel_%s_%d" % (kind, n), kind, n)
    return found


def load(variant, host):
    if variant == "c":
        return kernels(host)
    return {"noargs": chain(), "plusone": plusone, "kwargs": kwargs, **scalars(), **classes()}
