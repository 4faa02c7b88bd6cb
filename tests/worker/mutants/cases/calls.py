"""One call, by a function of the binding that the cell names: what cases that are a call must be refused or do."""
params = {"wants": ("a function", ("i64_2", "nothing_of_the_kind", "refused", "never")),
          "form": ("of the call", ("k", "keywords", "twice", "none", "numbered", "spaced")),
          "wrong": ("by how much verify() errs", ("0", "1")),
          "calls": ("how many native calls it claims", ("0", "1"))}


def needs(axes):
    return () if axes["wants"] in ("never", "refused") else axes["wants"]


def native_calls(axes):
    return int(axes["calls"])


def setup(cell):
    if cell.axes["wants"] == "refused":
        raise cell.Unsupported("not on a Sunday", "wait")
    cell.entered = 0
    return cell


def enter(cell):
    cell.entered += 1


def add(k, a, b=0):
    return k + a + b


def first(cell, start):
    return start + 1000


def call(cell):
    form = cell.axes["form"]
    if form == "keywords":
        return add, (cell.k,), {"a": 1, "b": 2}
    if form == "twice":
        return add, (cell.k, cell.k)
    if form == "numbered":
        return add, (cell.k, 3), {1: 2}
    if form == "spaced":
        return add, (cell.k, 3), {"b = 2": 2}
    if form == "none":
        return "no function", ()
    return add, (cell.k, 3)


def verify(cell, result, operations, start):
    return cell.entered > 0 and result == start + 3 * operations + int(cell.axes["wrong"])
