"""Does what the file `mode` beside it says: right, wrong (V2 finds that), or dies. One cell with good and bad runs."""
import os

MODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mode")


def setup(cell):
    with open(MODE, encoding="utf-8") as file:
        return file.read().strip()


def run(ticks, mode):
    done = 0
    for _ in ticks:
        done += 1
    return done


def verify(mode, result, operations):
    if mode == "dies":
        os.abort()
    return mode == "right" and result == operations
