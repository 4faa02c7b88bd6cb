"""Calls that a user wrote down: the bench_* functions of a file, with the first value of each of their parameters."""
import importlib.util
import os

_benches = {}  # by name


class Bench:
    """A bench function as something to call: what its setup() made lives as long as this, as it does while it is measured."""

    kind, recipe, instance = "calls", None, None

    def __init__(self, name):
        bench = _benches[name]
        self.cell = bench.start({key: texts[0] for key, (_, texts) in bench.params.items()})

    def run(self):
        return self.cell.run((None,))

    def watched(self):
        """[(what, object)]: what setup() made, and what is in it."""
        state = self.cell.state
        found = [("what setup() returns", state)] if state is not None else []
        inside = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, (list, tuple)) else ()
        return found + [("element %r of what setup() returns" % (key,), value) for key, value in list(inside)[:100]]


def load(path, module):
    """[row of a target] of a file; what cannot be used has the reason."""
    # Beside this package; a user's own module of the name must not be taken for it.
    file = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "userfile.py")
    spec = importlib.util.spec_from_file_location("benchd_userfile", file)
    userfile = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(userfile)
    rows = []
    name = os.path.basename(path).removesuffix(".py")
    for full, bench, why in userfile.load(name, path, True):
        _benches[full] = bench
        rows.append({"name": full, "module": module, "path": full, "kind": "calls", "owner": None,
                     "reason": None if bench else "%s%s" % (why[1], " (%s)" % why[2] if why[2] else "")})
    return rows


def text(name):
    return "%s(%s)" % (name, "setup()" if _benches.get(name) is not None and _benches[name].setup else "")


def job_try(job, at):
    """Calls it some times, as exploring does for others."""
    name = job["target"]["name"]
    line = text(name)
    if line in job["skip"]:
        return {"works": [], "raises": [], "reason": "its call ended the process", "trials": 1, "contract": [], "absent": False}
    at(line, 60)
    failed = None
    try:
        bench = Bench(name)
        for _ in range(3):
            bench.run()
    except Exception as error:
        failed = "%s: %s" % (type(error).__name__, str(error)[:600])
    contract = [[line, ["SystemError", failed.partition(": ")[2]]]] if failed and failed.startswith("SystemError") else []
    return {"works": [] if failed else [[[], [], None]], "raises": [], "reason": failed, "trials": 3, "contract": contract, "absent": False}
