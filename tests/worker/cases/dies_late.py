"""One of its values ends the process in the checks after the last batch: those before it have verified it eight times."""
import os

shape = "contended"
binding = True
native_calls = 1
params = {"which": ("one of them dies", ("a", "b", "dies", "c", "d"))}


class State:
    verified = 0


def setup(cell):
    state = State()
    state.spin, state.dies = cell.binding["spin_hold"], cell.axes["which"] == "dies"
    return state


def run(ticks, state):
    k = 1
    for _ in ticks:
        k = state.spin(k, 10)
    return k


def verify(state, result, operations):
    # two threads: seen to work, their overlap, the warm-up, one batch
    state.verified += 1
    if state.dies and state.verified > 8:
        os.abort()
    return True
