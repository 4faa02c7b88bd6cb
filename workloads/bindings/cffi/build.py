"""The API variant: cffi writes a module in C, which is compiled as every other binding is."""
import os


def unsupported(b):
    if b.free_threaded and b.version < (3, 14):
        return "cffi supports free-threaded interpreters from 3.14 on"
    return None


def build(b):
    source = os.path.join(b.work, "bdb_cffi_api.c")
    b.run([b.python, "-I", os.path.join(b.source, "generate.py"), source])
    b.compile("bdb_cffi_api", [source])
