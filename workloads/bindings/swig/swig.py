"""Binding descriptor: SWIG."""
import os
import sys
import types

summary = "C++ through SWIG: proxy classes and functions in Python, or built-in types (-builtin)"
variants = ("proxy", "builtin")


def load(variant, host):
    if variant == "proxy":
        native = host.extension("bdb_swig_proxy_native")
        sys.modules.setdefault(native.__name__, native)  # the proxies import it by its name
        module = host.source("swig", os.path.join(host.environment, "bdb_swig_proxy.py"))
    else:
        module = host.extension("bdb_swig_builtin")
    return {name: value for name, value in vars(module).items()
            if not name.startswith(("_", "Swig", "SWIG", "disown_")) and not isinstance(value, types.ModuleType)}
