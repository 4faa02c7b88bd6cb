"""Binding descriptor: the raw C API."""
summary = "C extension module written against the raw C API"
variants = ("fastcall", "varargs")


def load(variant, host):
    module = host.extension("bdb_capi")
    return {"spin_hold": getattr(module, variant + "_hold"), "spin_release": getattr(module, variant + "_release"),
            "sum": getattr(module, variant + "_sum")}
