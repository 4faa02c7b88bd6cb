"""Builds the module that mypyc compiles."""
import json
import os
import shutil


def unsupported(b):
    if b.free_threaded and b.version < (3, 14):
        return "mypyc supports free-threaded interpreters from 3.14 on"
    return None


def build(b):
    shutil.copy(os.path.join(b.source, "bdb_mypyc.py"), b.work)  # named as the module is, from its own folder
    text = b.run([b.python, "-I", os.path.join(b.source, "generate.py"), "bdb_mypyc.py", os.path.join(b.work, "made")])
    made = json.loads(text[text.index('{"sources"'):].splitlines()[0])
    # CPython's own modules are built so too, and mypyc counts on it: native ints wrap.
    b.compile("bdb_mypyc", [os.path.join(b.work, s) for s in made["sources"]], include=made["include"], flags=["-fwrapv"])
