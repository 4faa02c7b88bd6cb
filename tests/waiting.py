"""Waiting for a condition with a deadline; never a sleep and a hope."""
import time


def wait_for(what, seconds, condition):
    """The first true value of condition(); fails when the deadline passes."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
