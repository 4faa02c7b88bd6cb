"""pickles a large buffer by protocol 5 and loads it again: its memory out of band, or its bytes in the pickle"""
import pickle

native_calls = 1
params = {"way": ("where the memory goes", ("out-of-band", "in-band")),
          "size": ("bytes", ("1m", "64", "16k", "256k", "16m"))}
STATEMENTS = {"out-of-band": "buffers = []\nk = native(k, loads(dumps(payload, 5, buffer_callback=buffers.append), buffers=buffers))",
              "in-band": "k = native(k, loads(dumps(payload, 5)))"}


def setup(cell):
    ways = cell.host.part("exchange")
    raw, way = ways.data(cell.axes["size"]), cell.axes["way"]
    memory = bytearray(raw)
    return ways.State(cell, memory, ways.total(raw), STATEMENTS[way],
                      {"native": ways.library(cell).sum_buffer, "payload": pickle.PickleBuffer(memory), "dumps": pickle.dumps,
                       "loads": pickle.loads}, copies=way == "in-band")


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
