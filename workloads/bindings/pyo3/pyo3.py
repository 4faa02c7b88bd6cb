"""Binding descriptor: PyO3."""
summary = "PyO3: Rust functions and classes, converted by their types"
variants = ("default", "abi3")


def load(variant, host):
    module = host.extension("bdb_pyo3" if variant == "default" else "bdb_pyo3_abi3")
    return {name: f for name, f in vars(module).items() if not name.startswith("_")}
