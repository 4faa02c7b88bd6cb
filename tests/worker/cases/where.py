"""Writes down in which process each of its cells is: a line with its value and the process, in the file named by WHERE."""
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


def verify(state, result, operations):
    return True
