"""Binding descriptor: Cython."""
summary = "Cython: functions and classes with C types, as def and as cpdef functions"
variants = ("def", "cpdef")


def load(variant, host):
    found = dict(vars(host.extension("bdb_cython")))
    if variant == "cpdef":
        found.update(vars(host.extension("bdb_cython_cpdef")))
    return {name: f for name, f in found.items() if not name.startswith("_")}
