"""Cannot be set up for one of its values; for the others there is nothing to do."""
params = {"size": ("how many", ("1", "2", "none", "3", "4", "5"))}


def setup(cell):
    return range(int(cell.axes["size"]))


def run(ticks, state):
    total = 0
    for _ in ticks:
        total += sum(state)
    return total


def verify(state, result, operations):
    return result == operations * sum(state)
