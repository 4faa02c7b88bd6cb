"""calls native code without arguments; it makes a step of a chain of its own and gives it back"""
shape = "iterations"
needs = ("noargs",)
native_calls = 1
params = {"unroll": ("calls per turn of the loop", ("10", "1"))}
MASK = 0x3fffffff
MUL, ADD = 6364136223846793005, 1442695040888963407  # one step of the chain, mod 2^64
ENDS = {}  # where the chain of a function that keeps it in itself ended, for all cells


class State:
    def __init__(self, cell):
        self.native = cell.binding["noargs"]
        self.key = id(self.native)  # which lives as long as the binding
        self.ends = {} if cell.counted else ENDS  # a chain of the kernels is its thread's, and so this cell's


def setup(cell):
    return State(cell)


def call(state):
    return state.native, ()


def power(n):
    """(mul, add) of n steps."""
    mul, add, step_mul, step_add = 1, 0, MUL, ADD
    while n:
        if n & 1:
            mul, add = mul * step_mul & MASK, (add * step_mul + step_add) & MASK
        step_mul, step_add = step_mul * step_mul & MASK, (step_add * step_mul + step_add) & MASK
        n >>= 1
    return mul, add


def verify(state, result, operations):
    mul, add = power(operations)
    want = (state.ends.get(state.key, 0) * mul + add) & MASK
    state.ends[state.key] = want
    return result == want
