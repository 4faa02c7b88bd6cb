"""calls native code with the same four integers by position, by keyword, or out of a dictionary"""
needs = ("kwargs",)
native_calls = 1
params = {"given": ("how three of the arguments are", ("keywords", "positions", "one", "dict"))}
STATEMENTS = {"keywords": "k = native(k, a=3, b=4, c=5)", "positions": "k = native(k, 3, 4, 5)", "one": "k = native(k, c=12)",
              "dict": "k = native(k, **words)"}


def setup(cell):
    return cell


def loop(cell):
    return STATEMENTS[cell.axes["given"]], {"native": cell.binding["kwargs"], "words": {"a": 3, "b": 4, "c": 5}}


def verify(cell, result, operations, start):
    return result == start + 12 * operations & 0x3fffffff
