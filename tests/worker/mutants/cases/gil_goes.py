"""From its first timed batch on, the interpreter says that its GIL is not what it was: V4 must say so."""
import gc
import sys


def setup(cell):
    ask = getattr(sys, "_is_gil_enabled", lambda: True)
    return ask(), gc.get_freeze_count()


def run(ticks, state):
    before, frozen = state
    if gc.get_freeze_count() > frozen:  # everything is, between the preparation and the first batch
        sys._is_gil_enabled = lambda: not before
    for _ in ticks:
        pass


def verify(state, result, operations):
    return True
