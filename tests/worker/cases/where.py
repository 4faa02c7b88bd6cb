"""Writes down where its cells are: a line with value and process in the file WHERE, one with processors in MASKS."""
import os

shape = "contended"
params = {"which": ("nothing changes", ("a", "b", "c", "d"))}


def setup(cell):
    if "WHERE" in os.environ:
        with open(os.environ["WHERE"], "a", encoding="utf-8") as f:
            f.write("%s %d\n" % (cell.axes["which"], os.getpid()))


def run(ticks, state):
    for _ in ticks:
        pass
    return sorted(os.sched_getaffinity(0))


def verify(state, result, operations):
    if "MASKS" in os.environ:
        with open(os.environ["MASKS"], "a", encoding="utf-8") as f:
            f.write("%s\n" % result)
    return True
