"""puts an item into a queue.SimpleQueue and takes the oldest one out, in every thread, on one queue"""
import queue

shape = "contended"
params = {"depth": ("items of each thread that wait in the queue", ("1", "16"))}


class State:
    def __init__(self, cell):
        self.threads = cell.threads
        self.depth = int(cell.axes["depth"])
        self.queue = make_queue()
        self.lanes = list(range(cell.threads))
        self.ended = []
        self.arrivals, self.exactly_once = cell.arrivals, cell.exactly_once


def make_queue():
    return queue.SimpleQueue()


def setup(cell):
    return State(cell)


def run(ticks, state):
    lane = state.lanes.pop()
    put, get, arrived = state.queue.put, state.queue.get_nowait, state.arrivals(state.threads)
    first = item = lane << 40
    for _ in range(state.depth - 1):
        put(item)
        item += 1
    try:
        for _ in ticks:
            put(item)
            item += 1
            arrived(get())  # every thread has put one more than it took: there is one
        for _ in range(state.depth - 1):
            arrived(get())
    except queue.Empty:
        for _ in ticks:
            pass
    return lane, item - first, arrived


def verify(state, result, operations):
    state.ended.append(result)
    if len(state.ended) < state.threads:
        return True  # the last one speaks for all of them
    ended, state.ended = sorted(state.ended, key=lambda e: e[0]), []
    state.lanes = list(range(state.threads))
    left = state.arrivals(state.threads)
    while not state.queue.empty():
        left(state.queue.get_nowait())
    return state.exactly_once([arrived for _, _, arrived in ended] + [left], [sent for _, sent, _ in ended])
