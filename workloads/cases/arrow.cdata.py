"""hands a column over by Arrow's C data interface, from nanoarrow or a native exporter, to native code or to nanoarrow and on"""
native_calls = 1
params = {"from": ("who gives", ("block", "nanoarrow", "list")),
          "to": ("who takes", ("native", "nanoarrow")),
          "size": ("bytes of doubles", ("1m", "64", "16k", "256k", "16m"))}


def setup(cell):
    ways = cell.host.part("exchange")
    raw, source, to = ways.data(cell.axes["size"]), cell.axes["from"], cell.axes["to"]
    library = ways.library(cell)
    memory = library.Block(raw)  # whose it is, whoever exports it
    names = {"native": library.sum_arrow, "payload": memory}
    statement = "k = native(k, payload)"
    if source != "block" or to == "nanoarrow":
        nanoarrow = ways.package(cell, "nanoarrow")
        names["taken"] = nanoarrow.c_array
    if source == "nanoarrow":
        names["payload"] = nanoarrow.c_array_from_buffers(nanoarrow.float64(), len(raw) // 8, [None, memory])
    if source == "list":
        names.update(payload=memoryview(memory).tolist(), type=nanoarrow.float64())
        statement = "k = native(k, taken(payload, type))"
        if to == "native":
            raise cell.Unsupported("a list has no Arrow interface of its own", "use to=nanoarrow")
    elif to == "nanoarrow":
        statement = "k = native(k, taken(payload))"
    return ways.State(cell, memory, ways.total(raw), statement, names, copies=source == "list")


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
