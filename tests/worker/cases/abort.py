"""Calls abort: while it is being prepared, or in the first timed batch."""
import gc
import os

BEFORE = gc.get_freeze_count()  # 3.12 begins with some

params = {"when": ("where it dies", ("prepare", "batch"))}


def setup(cell):
    return cell.axes["when"]


def run(ticks, when):
    # everything is frozen between the preparation and the first batch
    if when == "prepare" or gc.get_freeze_count() > BEFORE:
        os.abort()
    for _ in ticks:
        pass


def verify(when, result, operations):
    return True
