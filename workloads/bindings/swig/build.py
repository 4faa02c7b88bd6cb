"""SWIG: the interface becomes a module with proxy classes in Python, and one with built-in types.

SWIG is that of the package index, on every system the same: before 4.3 its modules crash under Python 3.13 when a str has no
UTF-8, and before 4.4 it knows nothing of free threading; Debian 12 has 4.1."""
import os


def generate(b, variant, native, *options):
    source = os.path.join(b.work, native + ".cpp")
    swig = os.path.join(os.path.dirname(b.python), "swig")
    # SWIGWORDSIZE64: int64_t is long here, as it is to the compiler.
    b.run([b.python, "-I", swig, "-python", "-c++", *options, "-DSWIGWORDSIZE64", "-I" + b.kernel_include,
           "-module", "bdb_swig_" + variant, "-interface", native, "-outdir", b.work, "-o", source,
           os.path.join(b.source, "bdb_swig.i")])
    # A table of types of its own: one process loads both, and they would share their classes.
    b.compile(native, [source], language="c++", flags=["-DSWIG_TYPE_TABLE=bdb_swig_" + variant])


def build(b):
    options = ["-nogil"] if b.free_threaded else []
    generate(b, "proxy", "bdb_swig_proxy_native", *options)
    os.replace(os.path.join(b.work, "bdb_swig_proxy.py"), os.path.join(b.out, "bdb_swig_proxy.py"))
    # The module in Python would only import all names of this one.
    generate(b, "builtin", "bdb_swig_builtin", "-builtin", *options)
