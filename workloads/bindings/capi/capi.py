"""Binding descriptor: the raw C API."""
summary = "C extension module written against the raw C API"
variants = ("fastcall", "varargs", "keywords", "fastcall-keywords", "vectorcall", "single")
PLAIN = "a class with __slots__ is plain Python's"
STATIC = "a static type belongs to the main interpreter"


def load(variant, host):
    by = host.extension("bdb_capi").variants
    missing = dict.fromkeys(by["fastcall"], host.missing(without(variant)))
    return {"Six_slots": host.missing(PLAIN), "Six_static": host.missing(STATIC), **missing, **by[variant]}


def without(variant):
    """Why a variant has not all that METH_FASTCALL has."""
    if variant == "single":
        return "METH_NOARGS and METH_O are for functions of at most one argument"
    return "METH_VARARGS alone takes no keywords"
