"""Binding descriptor: PyO3."""
import sysconfig

summary = "PyO3: Rust functions and classes, converted by their types"
variants = ("default", "abi3")


def load(variant, host):
    if variant == "abi3" and sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise host.Unsupported("a free-threaded interpreter before 3.15 has no stable ABI", "choose one with a GIL")
    module = host.extension("bdb_pyo3" if variant == "default" else "bdb_pyo3_abi3")
    return {name: f for name, f in vars(module).items() if not name.startswith("_")}
