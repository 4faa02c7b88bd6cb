"""hands the same doubles over to native code, which adds up their words, by copies and by every way without one"""
native_calls = 1
params = {"way": ("how they are handed over", ("buffer", "list", "bytes", "ctypes", "cffi", "interface", "dlpack", "dlpack-1",
                                               "arrow")),
          "size": ("bytes", ("1m", "64", "1k", "16k", "256k", "4m", "16m", "64m"))}


def setup(cell):
    return cell.host.part("exchange").ladder(cell)


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
