"""Is never right: V2 finds that in every run."""


def run(ticks, state):
    for _ in ticks:
        pass


def verify(state, result, operations):
    return False
