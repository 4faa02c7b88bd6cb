"""Loads another library, named in its environment, beside what is there."""
import ctypes
import os


def setup(cell):
    return ctypes.CDLL(os.environ["BENCHD_TEST_LOAD"])


def run(ticks, library):
    for _ in ticks:
        pass


def verify(library, result, operations):
    return library.mallctl is not None
