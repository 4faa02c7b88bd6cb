"""Buffers: those a function is given must be let go of, and those it gives must last as long as somebody has a view of them."""
import gc

from . import helper, recipes

TURNS = 4


def _exporters():
    import array
    return {"bytearray": (lambda: bytearray(b"benchd data"), lambda b: b.append(0), "bytearray(b'benchd data')", "append(0)"),
            "bytes": (lambda: bytearray(b"benchd data"), lambda b: b.append(0), "bytearray(b'benchd data')", "append(0)"),
            "doubles": (lambda: array.array("d", [1.5, 2.5]), lambda a: a.append(0.0), "array.array('d', [1.5, 2.5])", "append(0.0)")}


def _held(target, recipe, place, at):
    """How many of several buffers cannot be resized after their call, its result and its instance are gone."""
    make, resize, text, way = _exporters()[recipe.arguments[place]]
    call = recipes.Call(target, recipe)
    inside = recipes.inside(recipe, {place: "b"})
    made = "%s.%s(%s)" % (target["module"], target["owner"], recipes.inside(recipe.instance) if recipe.instance else "") \
        if target["owner"] else None
    line = call.line(made, inside) if made else "%s(%s)" % (target["name"], inside)
    lines = ["b = " + text, line, "b." + way]
    at("\n".join(lines[:2]))
    exporters = [make() for _ in range(TURNS)]
    for b in exporters:
        arguments, named = call.arguments()
        arguments[place] = b
        try:
            (call.bound(call.instance.run()) if call.instance else call.function)(*arguments, **named)
        except Exception:  # then, too, it must let go
            pass
        del arguments, named
    gc.collect()
    count = 0
    for b in exporters:
        try:
            resize(b)
        except BufferError:
            count += 1
    return count, lines


# ---- what the module itself exports ----------------------------------------------------------------------------------------------

def _view(value):
    if isinstance(value, (bytes, bytearray, memoryview, str)) or type(value).__module__ in ("array", "mmap"):
        return None  # the interpreter's own
    try:
        view = memoryview(value)
    except (TypeError, BufferError, ValueError):
        return None
    return view if view.nbytes else None


def _churn():
    """Fills memory that was given back with something else."""
    filled = [bytes([0xa5]) * n for n in range(16, 2048, 16) for _ in range(8)]
    del filled


def _outlives(call, at, text):
    """(evidence, lines) when a view shows something else after what exported it is gone."""
    at(text)
    instance = call.instance.run() if call.instance else None
    if instance is None:
        made = call.run()
        view = _view(made)
        lines = ["x = " + text, "m = memoryview(x); before = bytes(m)", "del x; gc.collect()", "before == bytes(m)"]
    else:  # a view of what an instance has
        arguments, named = call.arguments()
        made = getattr(instance, call.name)(*arguments, **named)
        view = made if isinstance(made, memoryview) and made.nbytes else _view(made)
        lines = ["m = memoryview(%s); before = bytes(m)  # with the instance kept" % text, "gc.collect()  # without it",
                 "before == bytes(m)"]
    if view is None:
        return None
    at("\n".join(lines))
    before = view.tobytes()
    del made, instance
    gc.collect()
    _churn()
    after = view.tobytes()
    if before == after:
        return None
    different = sum(a != b for a, b in zip(before, after))
    return "a view of it shows other bytes after it is gone: %d of %d" % (different, len(before)), lines


def _address(value):
    import ctypes
    view = memoryview(value)
    if view.readonly:
        return None
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def _moves(call, methods, at, text):
    """[(method, evidence, lines)] of methods after which a view that is still there no longer shows the object's memory."""
    found = []
    for target, recipe in methods:
        instance = call.run()
        view = _view(instance)
        if view is None:
            return found
        try:
            start, size = _address(instance), view.nbytes
        except (TypeError, BufferError, ValueError):
            start, size = None, view.nbytes
        name = target["path"].rpartition(".")[2]
        lines = ["x = " + text, "m = memoryview(x)", "x.%s(%s)" % (name, recipes.inside(recipe)), "bytes(m)"]
        at("\n".join(lines))
        bound = recipes.Call(dict(target, owner=None, kind="class", path=target["owner"]), recipe)
        arguments, named = bound.arguments()
        try:
            getattr(instance, name)(*arguments, **named)
        except Exception:
            continue  # refused: BufferError is what it should say
        view.tobytes()
        try:
            now, length = _address(instance), memoryview(instance).nbytes
        except (TypeError, BufferError, ValueError):
            continue
        if (start and now and now != start) or length != size:
            found.append((target, "its memory %s while a view of it was there" % (
                "moved from 0x%x to 0x%x" % (start, now) if start and now and now != start else
                "went from %d to %d bytes" % (size, length)), lines))
        del view, instance
    return found


def _stuck(call, methods, at, text):
    """(evidence, lines) when something is refused for a view that was given back."""
    for target, recipe in methods:
        instance, name = call.run(), target["path"].rpartition(".")[2]
        bound = recipes.Call(dict(target, owner=None, kind="class", path=target["owner"]), recipe)
        lines = ["x = " + text, "memoryview(x).release()", "x.%s(%s)" % (name, recipes.inside(recipe))]
        at("\n".join(lines))
        view = _view(instance)
        if view is None:
            return None
        view.release()
        arguments, named = bound.arguments()
        try:
            getattr(instance, name)(*arguments, **named)
        except BufferError as error:  # it is a call that works on one that was never looked at
            return "%s() is refused though the only view was given back: %s" % (name, str(error)[:200]), lines
        except Exception:
            pass
    return None


def job(job, at):
    if helper.missing:
        return {"held": [], "exports": [], "measured": 0, "reason": helper.missing}
    target, held, exports, measured, seen = job["target"], [], [], 0, set()
    for row in job["works"] + job["raises"]:
        recipe = recipes.Recipe.of(row)
        for place, kind in enumerate(recipe.arguments):
            part = "held %d %s %s" % (place, kind, recipe.arguments)
            if kind not in ("bytearray", "bytes", "doubles") or len(seen) >= 24 or part in seen:
                continue
            seen.add(part)
            at.part = part
            if part in job["skip"]:
                continue
            measured += 1
            count, lines = _held(target, recipe, place, at)
            if count > 1:  # the last one may be kept on purpose, until there is another
                held.append({"place": place + 1, "held": count, "of": TURNS, "lines": lines})
    if target["kind"] in ("class", "function", "method") and job["works"]:
        at.part = "exports"
        if at.part not in job["skip"]:
            recipe = recipes.Recipe.of(job["works"][0])
            call, text = recipes.Call(target, recipe), recipes.text(target, recipe)
            # from Python 3.12 on __buffer__() is what memoryview() of the instance has shown already, of its class
            found = None if target["path"].endswith(".__buffer__") else _outlives(call, at, text)
            if found:
                exports.append({"target": target, "evidence": found[0], "lines": found[1]})
            methods = [(t, recipes.Recipe.of(r)) for t, r in job["methods"]]
            refused = _stuck(call, methods, at, text)
            if refused:
                exports.append({"target": target, "evidence": refused[0], "lines": refused[1], "hint": "stuck"})
            exports += [{"target": t, "evidence": e, "lines": lines} for t, e, lines in _moves(call, methods, at, text)]
    return {"held": held, "exports": exports, "measured": measured, "reason": None}
