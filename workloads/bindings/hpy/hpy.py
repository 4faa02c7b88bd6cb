"""Binding descriptor: HPy."""
summary = "HPy, compiled for CPython's own ABI"
variants = ("cpython",)
copying = ("bytes_out",)  # HPy makes bytes of what is there already


def load(variant, host):
    module = host.extension("bdb_hpy")
    functions = {name: f for name, f in vars(module).items() if not name.startswith("_")}
    return {**functions,
            **dict.fromkeys(("sum", "sum_f64", "sum_f64_strided"), host.missing("HPy 0.9 has no call that asks for a buffer")),
            "callback_foreign": host.missing("HPy 0.9 has no call that attaches a native thread"),
            "overload": host.missing("HPy chooses no function by the types of its arguments")}
