"""Binding descriptor: mypyc. There is no boundary: typed Python, compiled, is what the kernels are in the others."""
summary = "mypyc: the same functions in typed Python, compiled; nothing native is called"
variants = ("native",)
counted = False

MODULE = ("Six", "Walker", "bytes_out", "callback", "catch", "error", "kwargs", "lookup", "map_in", "map_out", "noargs", "overload",
          "plusone", "rows_in", "rows_out", "run_virtual", "seq_f64_in", "seq_f64_out", "seq_i64_in", "seq_i64_out", "seq_str_in",
          "seq_str_out", "six_batch", "spin_hold", *("%s_%d" % (kind, n) for kind in ("i64", "f64", "bool") for n in (1, 2, 3, 4, 6, 8, 16)))
MEMORY = ("bytes_copy", "sum", "sum_f64", "sum_f64_strided", "text", "text_copy")


def load(variant, host):
    module = host.extension("bdb_mypyc")
    return {**{name: getattr(module, name) for name in MODULE},
            **dict.fromkeys(MEMORY, host.missing("compiled Python sees objects, not their memory")),
            "spin_release": host.missing("compiled Python cannot release the GIL"),
            "callback_foreign": host.missing("compiled Python has no native threads")}
