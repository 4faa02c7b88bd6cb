"""Writes to its standard output and error, which are its own."""
import os
import sys


def run(ticks, state):
    done = 0
    for _ in ticks:
        done += 1
    print("{\"type\":\"sample\",\"cell\":0} printed by a case")
    print("and to standard error", file=sys.stderr)
    os.write(1, b"straight to the descriptor\n")
    return done


def verify(state, result, operations):
    return result == operations
