"""Puts another allocator in the place of Python's object allocator in its first timed batch."""
import ctypes
import gc
import os

BEFORE = gc.get_freeze_count()  # 3.12 begins with some


def setup(cell):
    return ctypes.PyDLL(os.environ["BENCHD_TEST_LOAD"]).swap


def run(ticks, swap):
    if gc.get_freeze_count() > BEFORE:
        swap()
    for _ in ticks:
        pass


def verify(swap, result, operations):
    return True
