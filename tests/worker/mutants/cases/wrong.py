"""A case whose result is not what its closed form says: V2 must say so."""
params = {"how": ("what verify() does", ("false", "raises"))}


def setup(cell):
    return cell.axes["how"]


def run(ticks, state):
    for _ in ticks:
        pass


def verify(state, result, operations):
    if state == "raises":
        raise ArithmeticError("%s is not what was expected" % result)
    return False
