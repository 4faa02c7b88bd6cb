"""A case that raises in its first operation."""


def run(ticks, state):
    for _ in ticks:
        raise RuntimeError("no luck")


def verify(state, result, operations):
    return True
