"""SWIG: the interface becomes a module with proxy classes in Python, and one with built-in types."""
import os
import re

tools = ("swig",)


def unsupported(b):
    if b.free_threaded:
        return "SWIG's modules do not declare that they run without the GIL: to import one turns it on for the whole process"
    return None


def generate(b, variant, native, *options):
    source = os.path.join(b.work, native + ".cpp")
    # SWIGWORDSIZE64: int64_t is long here, as it is to the compiler.
    b.run(["swig", "-python", "-c++", *options, "-DSWIGWORDSIZE64", "-I" + b.kernel_include, "-module", "bdb_swig_" + variant,
           "-interface", native, "-outdir", b.work, "-o", source, os.path.join(b.source, "bdb_swig.i")])
    # A table of types of its own: one process loads both, and they would share their classes.
    b.compile(native, [source], language="c++", flags=["-DSWIG_TYPE_TABLE=bdb_swig_" + variant])


def build(b):
    found = re.search(r"SWIG Version (\S+)", b.run(["swig", "-version"]))
    b.versions["swig"] = found.group(1) if found else None
    generate(b, "proxy", "bdb_swig_proxy_native")
    os.replace(os.path.join(b.work, "bdb_swig_proxy.py"), os.path.join(b.out, "bdb_swig_proxy.py"))
    # The module in Python would only import all names of this one.
    generate(b, "builtin", "bdb_swig_builtin", "-builtin")
