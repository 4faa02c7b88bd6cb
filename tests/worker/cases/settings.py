"""Sees what the worker set: the switch interval and whether gc is on."""
import gc
import sys

params = {"want": ("what it should see", ("0.005 True",))}


def setup(cell):
    return cell.axes["want"]


def run(ticks, want):
    for _ in ticks:
        pass
    return "%g %s" % (sys.getswitchinterval(), gc.isenabled())


def verify(want, result, operations):
    return result == want
