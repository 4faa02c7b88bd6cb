"""Not a case: nothing says what its result should be."""


def run(ticks, state):
    for _ in ticks:
        pass
