"""Builds the Cython modules."""
import os


def build(b):
    for name in ("bdb_cython", "bdb_cython_cpdef"):
        made = os.path.join(b.work, name + ".cpp")
        b.run([b.python, "-m", "cython", "-3", "--cplus", "-Werror", "-o", made, os.path.join(b.source, name + ".pyx")])
        b.compile(name, [made], language="c++")
