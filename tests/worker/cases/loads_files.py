"""Loads what its environment names: a shared object (LOAD_OBJECT), a module (LOAD_MODULE) from a folder (LOAD_FROM)."""
import ctypes
import importlib
import os
import sys


def setup(cell):
    if "LOAD_FROM" in os.environ:
        sys.path.insert(0, os.environ["LOAD_FROM"])
        importlib.import_module(os.environ["LOAD_MODULE"])
    if "LOAD_OBJECT" in os.environ:
        ctypes.CDLL(os.environ["LOAD_OBJECT"])


def run(ticks, state):
    for _ in ticks:
        pass


def verify(state, result, operations):
    return True
