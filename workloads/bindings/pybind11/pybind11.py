"""Binding descriptor: pybind11."""
summary = "C++ through pybind11: functions by their addresses, STL casters, std::function, a trampoline"
variants = ("default",)


def load(variant, host):
    module = host.extension("bdb_pybind11")
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}
