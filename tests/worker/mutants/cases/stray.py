"""A case that hands its native work to a thread of its own, where nobody counts it: V1 must say so."""
import threading

binding = True
native_calls = 1


def setup(cell):
    return cell.binding["spin_release"]


def run(ticks, spin):
    for _ in ticks:
        thread = threading.Thread(target=spin, args=(1, 10))
        thread.start()
        thread.join()
    return None


def verify(state, result, operations):
    return True
