"""hands an ndarray to native code by numpy's C API: itself, or through PyArray_FROM_OTF, which copies what is not yet as asked for"""
native_calls = 1
params = {"way": ("what is handed over, and how it is taken", ("borrow", "from-any", "copy", "float32", "list")),
          "size": ("bytes of doubles", ("1m", "64", "16k", "256k", "16m"))}


def setup(cell):
    ways = cell.host.part("exchange")
    numpy, native = ways.package(cell, "numpy"), cell.host.extension("bdb_arrays")
    way, raw = cell.axes["way"], ways.data(cell.axes["size"])
    payload = given = numpy.frombuffer(bytearray(raw), "d")
    function = {"borrow": native.borrow, "copy": native.from_any_copy}.get(way, native.from_any)
    if way == "float32":
        payload = given = payload.astype("f")
    elif way == "list":
        given = payload.tolist()
    return ways.State(cell, payload, ways.total(raw), "k = native(k, given)", {"native": function, "given": given},
                      copies=way not in ("borrow", "from-any"))


def call(state):
    return state.names["native"], (state.cell.k, state.names["given"])


def verify(state, result, operations, start):
    return state.right(result, operations, start)


def exporter(state):
    return state.payload


def copies(state):
    return state.copies


def view(state, payload):
    state.view()
