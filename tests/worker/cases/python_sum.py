"""A whole case in Python: every part of the descriptor, several threads, the binding's function."""
summary = "adds up what the kernel library returns"
shape = "contended"
binding = True
native_calls = 2
params = {"start": ("where the chain starts", ("1", "5"))}
torn_down = []


class State:
    def __init__(self, cell):
        self.start = int(cell.axes["start"])
        self.steps = 3
        self.spin = cell.binding["spin_hold"]
        self.threads = cell.threads


def setup(cell):
    return State(cell)


def run(ticks, state):
    spin, steps, k = state.spin, state.steps, state.start
    for _ in ticks:
        k = spin(k, steps)
        k = spin(k, steps)
    return k


def verify(state, result, operations):
    mul, add, modulus = 6364136223846793005, 1442695040888963407, 1 << 30
    all_mul, all_add, n = 1, 0, operations * native_calls * state.steps
    while n:  # square and multiply, on affine maps
        if n & 1:
            all_mul, all_add = all_mul * mul % modulus, (mul * all_add + add) % modulus
        mul, add, n = mul * mul % modulus, (mul * add + add) % modulus, n >> 1
    return result == (all_mul * state.start + all_add) % modulus


def teardown(state):
    torn_down.append(state)
    print("torn down", state.threads)
