"""Whether a package of a virtual environment is there, and what the interpreter calls itself."""
import sys

params = {"want": ("what it should find", ("none",))}


def setup(cell):
    return cell.axes["want"]


def run(ticks, want):
    for _ in ticks:
        pass
    try:
        import only_in_there
    except ImportError:
        return "none " + sys.executable
    return "%d %s" % (only_in_there.answer, sys.executable)


def verify(want, result, operations):
    return result == want
