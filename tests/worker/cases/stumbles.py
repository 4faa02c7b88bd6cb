"""every operation takes some microseconds, but for one call, which has to wait for something else meanwhile"""
import time

shape = "iterations"
params = {"at": ("operations of the call that waits", ("never", "4", "32"))}


class State:
    def __init__(self, cell):
        self.at = cell.axes["at"]


def setup(cell):
    return State(cell)


def run(ticks, state):
    n = 0
    for _ in ticks:
        n += 1
        sum(range(1000))
    if str(n) == state.at:
        state.at = "never"
        time.sleep(0.1)
    return n


def verify(state, result, operations):
    return result == operations
