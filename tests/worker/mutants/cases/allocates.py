"""Asks the allocators for as much as it says: a bytes object of so many bytes per operation, or nothing."""
measures_memory = True
params = {"size": ("bytes of the object, 0 for none", ("0", "100", "5000"))}


def setup(cell):
    return int(cell.axes["size"])


def loop(size):
    return "make(size)" if size else "pass", {"make": bytes, "size": size}


def verify(size, result, operations, start):
    return result == start
