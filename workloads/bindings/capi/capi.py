"""Binding descriptor: the raw C API."""
summary = "C extension module written against the raw C API"
variants = ("fastcall", "varargs", "keywords", "fastcall-keywords", "vectorcall")


def load(variant, host):
    return dict(host.extension("bdb_capi").variants[variant])
