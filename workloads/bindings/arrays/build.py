"""numpy, and its C API both ways."""


def unsupported(b):
    return "numpy has no wheel for debug interpreters" if b.debug else None


def build(b):
    include = b.run([b.python, "-I", "-c", "import numpy; print(numpy.get_include())"]).strip()
    b.compile("bdb_arrays", ["bdb_arrays.c"], include=[include])
