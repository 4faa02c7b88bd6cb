"""Builds the HPy module, for CPython's own ABI."""
import json

WHERE = """
import json
from hpy.devel import HPyDevel
devel = HPyDevel()
print(json.dumps([devel.get_extra_include_dirs(), devel.get_extra_sources() + devel.get_ctx_sources()]))
"""


def unsupported(b):
    if b.version >= (3, 13):
        return "instances of classes made by HPy 0.9 crash in CPython from 3.13 on"
    if b.version > (3, 11):
        return "HPy 0.9 has no wheel for CPython %d.%d" % b.version
    return None


def build(b):
    include, sources = json.loads(b.run([b.python, "-I", "-c", WHERE]).splitlines()[-1])
    b.compile("bdb_hpy", ["bdb_hpy.c", *sources], include=include, flags=["-DHPY", "-DHPY_ABI_CPYTHON"])
