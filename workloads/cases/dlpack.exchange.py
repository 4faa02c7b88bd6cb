"""hands a tensor over by a DLPack capsule, from numpy or a native exporter, to native code or to numpy; or a copy of it"""
native_calls = 1
params = {"from": ("who gives", ("numpy", "block")),
          "to": ("who takes", ("native", "native-1.0", "numpy", "numpy-copy")),
          "size": ("bytes of doubles", ("1m", "64", "16k", "256k", "16m"))}


def setup(cell):
    ways = cell.host.part("exchange")
    raw, to = ways.data(cell.axes["size"]), cell.axes["to"]
    library = ways.library(cell)
    numpy = ways.package(cell, "numpy") if "numpy" in (cell.axes["from"], to.partition("-")[0]) else None
    payload = library.Block(raw) if cell.axes["from"] == "block" else numpy.frombuffer(bytearray(raw), "d")
    names = {"payload": payload, "native": library.sum_dlpack_1 if to == "native-1.0" else library.sum_dlpack}
    statement = "k = native(k, payload)"
    if to.startswith("numpy"):
        names.update(native=cell.host.extension("bdb_arrays").borrow, taken=numpy.from_dlpack)
        statement = "k = native(k, taken(payload))" if to == "numpy" else "k = native(k, taken(payload, copy=True))"
    if to == "numpy-copy" and cell.axes["from"] == "block":
        raise cell.Unsupported("a Block makes no copies: whoever wants one has to make it", "use from=numpy")
    return ways.State(cell, payload, ways.total(raw), statement, names, copies=to == "numpy-copy")


def loop(state):
    return state.statement, state.names


def verify(state, result, operations, start):
    return state.right(result, operations, start)


def exporter(state):
    return state.payload


def copies(state):
    return state.copies


def view(state, payload):
    state.view()
