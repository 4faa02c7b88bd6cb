"""Binding descriptor: nanobind."""
summary = "C++ through nanobind: functions by their addresses, STL casters, std::function, a trampoline"
variants = ("default",)


def load(variant, host):
    module = host.extension("bdb_nanobind")
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}
