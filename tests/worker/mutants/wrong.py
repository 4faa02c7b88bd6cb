"""A binding that is wrong in one way per variant, around the one written against the C API. Planted by test_bindings.py."""
summary = "wrong"
variants = ("adds-one", "copies", "hoists", "keeps", "honest")
MASK = 0x3fffffff


def load(variant, host):
    right = host.source("binding", host.python + "/bindings/capi.py").load("fastcall", host)
    add, total = right["i64_2"], right["sum"]
    kept = []

    def adds_one(k, a):
        return add(k, a) + 1 & MASK

    def sum_of_a_copy(k, data):
        return total(k, bytes(data))

    def hoisted(k, a):
        if not kept:
            kept.append(add(0, a))  # what every further call would give, too
        return k + kept[0] & MASK

    def keeps(k, a):
        kept.append([k])
        return add(k, a)

    def keeps_data(k, data):
        kept.append(memoryview(data))
        return total(k, data)

    return {"adds-one": {"i64_2": adds_one, "sum": total}, "copies": {"i64_2": add, "sum": sum_of_a_copy},
            "hoists": {"i64_2": hoisted, "sum": total}, "keeps": {"i64_2": keeps, "sum": keeps_data},
            "honest": {"i64_2": add, "sum": total, "f64_2": host.missing("it has none on purpose", "ask for i64")}}[variant]
