"""Reference leaks and references given away that were not owned: counts over many equal calls."""
import re
import sys

from . import helper, measure, recipes, targets


MOST_WORKING, MOST_RAISING = 8, 8
SINGLETONS = (("None", None), ("True", True), ("False", False), ("NotImplemented", NotImplemented), ("()", ()))


def _module_objects(module):
    """What lives as long as the module: its classes and constants, and the singletons where these are counted."""
    found = list(SINGLETONS)
    for key, value in list(vars(sys.modules[module]).items()):
        if not key.startswith("__") and not targets.is_a(value, type(sys)):
            found.append(("%s.%s" % (module, key), value))
    return found


def _chosen(rows, most):
    """Different in as many places as there is room for."""
    found = [recipes.Recipe.of(r) for r in rows]
    if len(found) <= most:
        return found
    kept, seen = [], set()
    for recipe in found:
        new = (set(enumerate(recipe.arguments)) | set(recipe.named)) - seen
        if new and len(kept) < most:
            kept.append(recipe)
            seen |= new
    return kept


_kept = []
_lasting = {}  # of the module that was asked for last


def lasting(module):
    """[(what, object)] of a module, held: in the process that forks, for all that come. The lists are as long as it takes, so that to
    make them, and to have the collector look at them, is most of what a small job would do."""
    if module not in _lasting:
        _lasting.clear()
        rows = _module_objects(module)
        _lasting[module] = rows, _held(rows, 32768)
    return _lasting[module][0]


def _held(watched, most=8192):
    """References that are held meanwhile: one that is dropped without right must not end the process, but be counted."""
    size = min(most, (1 << 22) // (len(watched) + 1))
    return [[v] * size for _, v in watched]


def _same(call):
    """What a call returns, when it is the same object each time: [(what, object)]."""
    try:
        results = [call.run() for _ in range(3)]
    except Exception:
        return []
    _kept.append(results)  # if these references were not the function's to give, dropping them would end the process
    return [("what it returns", results[0])] if results[0] is results[1] is results[2] else []


def _gives_memory(call):
    """Whether it returns a pointer as cffi shows one: what is there may be the caller's to free, by what the C library says."""
    try:
        return type(call.run()).__module__.split(".")[0] == "_cffi_backend"
    except Exception:
        return False


def measure_call(target, recipe, at, raw):
    call = recipes.call_of(target, recipe)
    text = recipes.text(target, recipe)
    at(text + "  # many times", 120)
    watched = call.watched()
    _kept.append(_held(watched))
    same = _same(call)
    _kept.append(_held(same))
    everything = watched + lasting(target["module"]) + same
    found = measure.slopes(call.run, everything, raw)
    types = found.pop("types", [])
    if "raw" in found and _gives_memory(call):
        del found["raw"]
    classes = {what for what, value in everything if targets.is_a(value, type)}
    return [{"text": text, "what": what, "type": what in classes, "singleton": what in dict(SINGLETONS), "per_call": slope, "steps": steps, "calls": calls,
             "types": types if what == "blocks" else []}
            for what, (slope, steps, calls) in found.items()]


def job(job, at):
    """Of each recipe what changes with every call."""
    target, raw = job["target"], helper.bytes_in_use
    found, slow, measured, baseline = [], [], 0, {r["what"]: r["per_call"] for r in job.get("baseline", ())}
    for rows, most, raising in ((job["works"], MOST_WORKING, False), (job["raises"], MOST_RAISING, True)):
        for recipe in _chosen(rows, most):
            if recipes.text(target, recipe) in job["skip"]:
                continue
            try:
                rows_found = measure_call(target, recipe, at, raw)
            except measure.TooSlow as error:
                slow.append([recipes.text(target, recipe), str(error)])
                continue
            measured += 1
            for row in rows_found:
                own = row["per_call"] - baseline.get(re.sub(r" of the constructor$", "", row["what"]), 0)
                if abs(own) >= 0.25:  # else it is what making the instance does
                    found.append(dict(row, per_call=own, raising=raising))
    return {"found": found, "measured": measured, "slow": slow, "total": hasattr(sys, "gettotalrefcount")}
