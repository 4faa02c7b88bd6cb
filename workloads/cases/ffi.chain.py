"""x = plusone(x) in a dependent chain from 0, which is what the published comparisons of languages run"""
shape = "iterations"
needs = ("plusone",)
params = {"unroll": ("calls per turn of the loop", ("10", "1"))}


class State:
    def __init__(self, cell):
        self.native, self.k = cell.binding["plusone"], cell.k


def setup(cell):
    return State(cell)


def first(state, start):
    return 0


def call(state):
    return state.native, (state.k,)


def verify(state, result, operations):
    return result == operations  # the kernel counts nothing here: it does no more than the published one
