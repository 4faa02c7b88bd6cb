"""a loop of C written by hand, which calls a function of the binding 1000 times"""
import importlib.machinery
import importlib.util
import os

needs = ("i64_2",)
native_calls = 1000
params = {"unroll": ("loops per turn", ("1",))}


def setup(cell):
    path = os.environ["BENCH_HAND"]
    loader = importlib.machinery.ExtensionFileLoader("hand", path)
    cell.hand = importlib.util.module_from_spec(importlib.util.spec_from_file_location("hand", path, loader=loader))
    loader.exec_module(cell.hand)
    return cell


def loop(cell):
    return "k = hand(call, k, a, n)", {"hand": cell.hand.loop, "call": cell.binding["i64_2"], "a": 3, "n": 1000}


def verify(cell, result, operations, start):
    return result == start + 3000 * operations & 0x3fffffff
