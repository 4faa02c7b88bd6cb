"""Operations that take long: they sleep."""
import time

params = {"what": ("what takes so long", ("sleeps",))}


def run(ticks, state):
    done = 0
    for _ in ticks:
        time.sleep(0.03)
        done += 1
    return done


def verify(state, result, operations):
    return result == operations
