"""calls an empty function of Python, or nothing at all: what every other figure contains"""
shape = "iterations"
params = {"calls": ("what is called", ("function", "nothing")), "unroll": ("calls per turn of the loop", ("10", "1"))}


def setup(cell):
    return cell.axes["calls"]


def nothing(k):
    return k


def loop(state):
    return ("pass", {}) if state == "nothing" else ("k = call(k)", {"call": nothing})


def verify(state, result, operations, start):
    return result == start
