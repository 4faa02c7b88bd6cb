"""pybind11: headers alone, one source file."""


def build(b):
    include = b.run([b.python, "-I", "-c", "import pybind11; print(pybind11.get_include())"]).strip()
    b.compile("bdb_pybind11", ["bdb_pybind11.cpp"], language="c++", include=[include])
