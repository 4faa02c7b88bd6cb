"""The case queue-handoff, named by QUEUE_HANDOFF, with queues that once lose, repeat, replace or reorder an item: V8 must say so."""
import os
import queue

with open(os.environ["QUEUE_HANDOFF"], encoding="utf-8") as f:
    exec(f.read(), globals())
params = dict(params, what=("what the queue does wrong", ("nothing", "loses", "repeats", "replaces", "invents", "reorders")))  # noqa: F821
honest_setup = setup  # noqa: F821


class Faulty:
    def __init__(self, fault):
        self.fault, self.puts, self.queue = fault, 0, queue.SimpleQueue()
        self.get_nowait, self.empty = self.queue.get_nowait, self.queue.empty
        self.held = None

    def put(self, item):
        self.puts += 1
        if self.held is not None:
            self.queue.put(item)
            item, self.held = self.held, None
        elif self.puts % 1000 == 500:
            if self.fault == "loses":
                return
            if self.fault == "repeats":
                self.queue.put(item)
            elif self.fault == "replaces":
                item -= 1
            elif self.fault == "invents":
                item = "from nowhere"
            elif self.fault == "reorders":
                self.held = item
                return
        self.queue.put(item)


def setup(cell):
    for producers in (-1, (1 << 24) + 1, 1 << 32):  # an item has no room for more, and fewer there are not
        try:
            cell.arrivals(producers)
        except ValueError:
            continue
        raise AssertionError(f"arrivals of {producers} producers")
    state = honest_setup(cell)
    state.queue = Faulty(cell.axes["what"])
    return state
