"""Spins for ever in one kind of code: spins.py LIBRARY KIND. Says an empty line when it is about to begin, then "."."""
import ctypes
import sys

print(flush=True)
library, kind = sys.argv[1:]


def pure():
    x = 0
    while True:
        x = x * 3 % 1000003 + 1


back = ctypes.PYFUNCTYPE(None)(pure)
functions = ctypes.PyDLL(library) if kind not in ("pure", "sorted", "count") else None
# a list to sort, and a text to search, for more than any test's time
print(".", flush=True)
if kind == "pure":
    pure()
elif kind == "sorted":
    class Slow:
        def __init__(self, n):
            self.n = n
    many = [bytes(50) for i in range(1 << 12)]
    while True:
        sorted(many)
elif kind == "count":
    text = bytes(1 << 22)
    while True:
        text.count(b"\0\0\0\1")
elif kind == "back":
    functions.spin_back(back)
else:
    getattr(functions, "_ZN5bench7Spinner3runEi" if kind == "cpp" else "spin_" + kind)(1)
