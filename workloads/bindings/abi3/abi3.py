"""Binding descriptor: the Limited API, from the same sources as capi."""
import sysconfig

summary = "the same C extension module, for the stable ABI of 3.11"
variants = ("limited",)
WHOLE = "a type's memory is not the Limited API's to choose"


def load(variant, host):
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise host.Unsupported("a free-threaded interpreter before 3.15 has no stable ABI", "choose one with a GIL")
    kinds = dict.fromkeys(("Six_static", "Six_gc", "Six_freelist"), host.missing(WHOLE))
    return {"Six_slots": host.missing("a class with __slots__ is plain Python's"), **kinds,
            **host.extension("bdb_abi3").variants["fastcall"]}
