"""Binding descriptor: no boundary at all. The same functions written in Python, as the yardstick of every binding."""
summary = "the same work in plain Python: no boundary is crossed"
variants = ("python",)
counted = False

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


def load(variant, host):
    return {"noargs": chain(), "plusone": plusone, "kwargs": kwargs, **scalars()}
