"""The audit of data without copies: every protocol by which an object shares its memory against what that must mean.

audit() gives rows {object, protocol, property, verdict, detail}; verdict is pass, fail or not-applicable. Each is tried in a
process of its own, with an object made there: a crash is an answer, and nothing one does is seen by the next."""
import argparse
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import sys
import time

try:
    from . import takers
except ImportError:  # started as a program
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import takers
    sys.path.pop(0)

deadline_s = 60  # of each look
PASS, FAIL, NONE = "pass", "fail", "not-applicable"
PERTURB, BYTE = -6, 0xa5  # M_PERTURB: what glibc frees is overwritten
REPEATS = 50


class Answer(Exception):
    def __init__(self, verdict, detail=""):
        super().__init__(detail)
        self.verdict, self.detail = verdict, detail


def fail(detail, *values):
    raise Answer(FAIL, detail % values)


def skip(detail, *values):
    raise Answer(NONE, detail % values)


# ---- properties: functions of (make, protocol) that return when it holds

def taken(obj, protocol, **more):
    try:
        return takers.take(protocol, obj, **more)
    except (takers.Refused, BufferError) as e:
        skip("%s", e)


def others(obj, protocol):
    """Views by every other protocol that the object knows and gives."""
    found = []
    for other in takers.PROTOCOLS:
        if other != protocol and takers.knows(other, obj):
            try:
                found.append(takers.take(other, obj))
            except (takers.Refused, BufferError):
                pass
    return found


def address(make, protocol):
    """All who look at once see the same memory."""
    obj = make()
    first = taken(obj, protocol)
    if not first.nbytes:
        skip("it is empty")
    second = taken(obj, protocol)
    if first.address != second.address:
        fail("two who look at once see %#x and %#x: each has a copy", first.address, second.address)
    for other in others(obj, protocol):
        if other.address != first.address and other.nbytes:
            fail("it is at %#x, by %s at %#x", first.address, other.protocol, other.address)


def layout(make, protocol):
    """What it says of its memory can be, and agrees with what it says by the other protocols."""
    obj = make()
    view = taken(obj, protocol)
    if view.wrong:
        fail("%s", view.wrong)
    for other in takers.PROTOCOLS:
        if other == protocol or not takers.knows(other, obj):
            continue
        try:
            found = takers.take(other, obj)
        except takers.Scattered as e:
            fail("by %s %s", other, e)
        except (takers.Refused, BufferError):
            continue
        if found.nbytes != view.nbytes and "arrow-stream" not in (protocol, other):  # which comes in parts
            fail("it has %d bytes, by %s %d", view.nbytes, other, found.nbytes)
        if view.values and found.values and found.values != view.values:
            fail("its values are %s%d, by %s %s%d", *view.values, other, *found.values)


def write_through(make, protocol):
    """What one writes the others see."""
    obj = make()
    view = taken(obj, protocol)
    if view.readonly:
        skip("it is read only")
    if not view.nbytes:
        skip("it is empty")
    second = taken(obj, protocol)
    watchers = [second] + others(obj, protocol)
    for at in (0, view.nbytes // 2, view.nbytes - 1):
        view.flip(at)
        for watcher in watchers:
            if at < watcher.nbytes and watcher.byte(at) != view.byte(at):
                fail("a byte written by %s is not seen by %s", protocol,
                     "another who has it" if watcher is second else watcher.protocol)
        view.flip(at)


def disturb(like):
    """Whatever was freed is somebody else's now."""
    gc.collect()
    sizes = {len(like), len(like) + 1, 64, 512, 4096}
    return [bytearray(b"\x5a" * size) for size in sizes for _ in range(200 if size < 1 << 16 else 4)]


def same(view, before, what):
    now = view.read()
    if now != before:
        at = next(i for i, (a, b) in enumerate(zip(before, now)) if a != b)
        fail("%s byte %d is %#04x, was %#04x: the memory was freed or used again", what, at, now[at], before[at])


def lifetime(make, protocol):
    """Memory that somebody has stays, though the object goes."""
    obj = make()
    view = taken(obj, protocol)
    before = view.read()
    del obj
    keep = disturb(before)
    same(view, before, "after the exporter is gone")
    view.release()
    del keep


def shared(make, protocol):
    """One gives it back: another still has it, and so has the object."""
    obj = make()
    first, second = taken(obj, protocol), taken(obj, protocol)
    before = second.read()
    first.release()
    del first
    keep = disturb(before)
    if second.read() != before:
        same(second, before, "after another has given it back")
    after = taken(obj, protocol)
    if after.nbytes != second.nbytes or after.read() != before:
        fail("after one has given it back the object itself has something else")
    del keep


# The ways to make an object longer, the likeliest first: (what it is called, how, for which). No frame of ours may have the
# object meanwhile: some count who does.
RESIZERS = (("ctypes.resize()", "ctypes.resize(obj, 4 * ctypes.sizeof(obj))", lambda obj: isinstance(obj, ctypes.Array)),
            ("resize()", "obj.resize(4 * n + 4096)", lambda obj: hasattr(obj, "resize")),
            ("extend()", "obj.extend(obj[:] * 4)", lambda obj: hasattr(obj, "extend")),
            ("append()", "obj.append(obj[0])", lambda obj: hasattr(obj, "append")))


class Resized:
    """An object by name only, which can be resized."""

    def __init__(self, make, way=None):
        self.names = {"obj": make(), "ctypes": ctypes}
        try:
            self.names["n"] = len(self.names["obj"])
        except TypeError:  # it has no length, or no dimension to have one in
            self.names["n"] = 0
        self.way = way

    def possible(self):
        return [way for way in RESIZERS if way[2](self.names["obj"])]

    def take(self, protocol):
        return taken(self.names["obj"], protocol)

    def resize(self):
        exec(self.way[1], self.names)


def resizable(make):
    """A new object with the first way that works while nobody has its memory; or not-applicable."""
    why = None
    for way in Resized(make).possible():
        try:
            Resized(make, way).resize()
        except Exception as e:
            why = "%s: %s" % (way[0], e)
        else:
            return Resized(make, way)
    skip("%s", "it cannot be resized" + (": " + why if why else ""))


def gives_back(protocol):
    if protocol == "interface":
        skip("the protocol has no word for giving memory back: nobody can know that it is in use")


def refused_resize(make, protocol):
    """Who resizes what others have is refused, by BufferError."""
    gives_back(protocol)
    obj = resizable(make)
    view, name = obj.take(protocol), obj.way[0]
    before = view.read()
    try:
        obj.resize()
    except BufferError:
        pass
    except (ValueError, RuntimeError) as e:
        same(view, before, "%s was refused, but" % name)
        raise Answer(PASS, "%s is refused, by %s instead of BufferError" % (name, type(e).__name__)) from e
    else:
        keep = disturb(before)
        same(view, before, "%s was not refused, and" % name)
        del keep
        fail("%s was not refused, though somebody has the memory", name)
    same(view, before, "%s was refused, but" % name)


def resize_after(make, protocol):
    """Once it is given back it can be resized again."""
    gives_back(protocol)
    obj = resizable(make)
    obj.take(protocol).release()
    gc.collect()
    try:
        obj.resize()
    except Exception as e:
        fail("%s is refused though nobody has the memory any more: %s: %s", obj.way[0], type(e).__name__, e)


def readonly(make, protocol):
    """Who asks to write is refused what must not be written to; and the protocols agree on what that is."""
    obj = make()
    if protocol.startswith("arrow"):
        skip("all of it is read only by agreement")
    truth = None
    for other in ("buffer", "dlpack-1", "interface"):
        if takers.knows(other, obj):
            try:
                truth = takers.take(other, obj).readonly
                break
            except (takers.Refused, BufferError):
                pass
    if truth is None:
        skip("nothing says whether it is read only")
    try:
        view = takers.take(protocol, obj)
    except (takers.Refused, BufferError) as e:
        if protocol == "dlpack" and truth:
            return  # the right answer: before 1.0 it could not say so
        skip("%s", e)
    if view.readonly != truth:
        fail("it says %s, by another protocol it is %s", "read only" if view.readonly else "that it may be written to",
             "read only" if truth else "not")
    view.release()
    if protocol != "buffer":
        return
    try:
        takers.take("buffer", obj, writable=True)
    except (BufferError, ValueError) as e:
        if not truth:
            fail("it says that it may be written to, and refuses who asks to")
        if not isinstance(e, BufferError):
            raise Answer(PASS, "who asks to write is refused, by %s instead of BufferError" % type(e).__name__) from e
    else:
        if truth:
            fail("it is read only, and does not refuse who asks to write")


def references(make, protocol):
    """Taken and given back, it has as many references as before."""
    obj = make()
    taken(obj, protocol).release()
    gc.collect()
    before = sys.getrefcount(obj)
    for _ in range(REPEATS):
        takers.take(protocol, obj).release()
    gc.collect()
    more = sys.getrefcount(obj) - before
    if more:
        fail("%+d references after it was taken and given back %d times", more, REPEATS)
    if protocol in ("buffer", "interface"):
        return
    for _ in range(REPEATS):
        takers.ask(protocol, obj)  # what nobody takes has to go with its capsule
    gc.collect()
    more = sys.getrefcount(obj) - before
    if more:
        fail("%+d references after %d capsules that nobody took", more, REPEATS)


PROPERTIES = {"address": address, "layout": layout, "write-through": write_through, "lifetime": lifetime, "shared": shared,
              "refused-resize": refused_resize, "resize-after-release": resize_after, "readonly": readonly, "references": references}


# ---- each in a process of its own

def _child(make, protocol, name, fd):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(deadline_s)
    try:
        ctypes.CDLL(None).mallopt(PERTURB, BYTE)
    except AttributeError:  # not glibc's
        pass
    try:
        if name is None:
            answer = [p for p in takers.PROTOCOLS if takers.knows(p, make())]
        else:
            PROPERTIES[name](make, protocol)
            answer = [PASS, ""]
    except Answer as e:
        answer = [e.verdict, e.detail]
    except Exception as e:
        answer = [FAIL, "%s: %s" % (type(e).__name__, e)] if name else None
    os.write(fd, json.dumps(answer).encode())


def _apart(make, protocol=None, name=None):
    """What the child says, and how it ended; None when it said nothing."""
    ours, theirs = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # closed, or replaced by something else
            pass
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ours)
            _child(make, protocol, name, theirs)
        finally:
            os._exit(0)  # nothing of the parent's is tidied up here, and a view that is left may be broken
    os.close(theirs)
    text, deadline = b"", time.monotonic() + deadline_s + 10
    with open(ours, "rb", buffering=0) as pipe:
        while (left := deadline - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
            part = pipe.read(65536)
            if not part:
                break
            text += part
        else:
            os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return (json.loads(text) if text else None), status


def ended(status):
    if status == -signal.SIGALRM:
        return "no answer within %d s" % deadline_s
    return "it crashed: %s" % signal.Signals(-status).name if status < 0 else "the process ended, status %d" % status


def audit(objects=None):
    """Rows for {name: function that makes a new object}; None: of what is known here."""
    rows = []
    for label, make in (known() if objects is None else objects).items():
        protocols, status = _apart(make)
        if protocols is None and status:
            rows.append({"object": label, "protocol": "any", "property": "asking", "verdict": FAIL, "detail": ended(status)})
            continue
        if protocols is None:
            make()  # here, for its exception
            raise RuntimeError("%s: its protocols could not be asked for" % label)
        for protocol in protocols:
            for name in PROPERTIES:
                answer, status = _apart(make, protocol, name)
                verdict, detail = answer or (FAIL, ended(status))
                rows.append({"object": label, "protocol": protocol, "property": name, "verdict": verdict, "detail": detail})
    return rows


# ---- what is looked at

SETUP = "import array, ctypes, mmap; data = bytes(range(256)) * 16"
KNOWN = {"bytes": "bytes(bytearray(data))", "bytearray": "bytearray(data)", "array.array": "array.array('d', data)",
         "memoryview": "memoryview(bytearray(data))", "mmap.mmap": "mmap.mmap(-1, 4096)",
         "ctypes array": "(ctypes.c_double * 512)()"}
BROUGHT = {"numpy": {"numpy.ndarray": "numpy.arange(512.0)",
                     "numpy.ndarray, read only": "numpy.frombuffer(bytes(bytearray(data)), 'd')"},
           "nanoarrow": {"nanoarrow.c_array": "nanoarrow.c_array_from_buffers(nanoarrow.float64(), 512, [None, bytearray(data)])",
                         "nanoarrow.Array": "nanoarrow.Array(nanoarrow.c_array_from_buffers(nanoarrow.float64(), 512, "
                                            "[None, bytearray(data)]))"},
           "pyarrow": {"pyarrow.array": "pyarrow.array(range(512), pyarrow.float64())"},
           "torch": {"torch.tensor": "torch.arange(512.0)"}}


def _maker(expression, names):
    code = compile(expression, "<%s>" % expression, "eval")
    return lambda: eval(code, names)


def known():
    """What every Python has, and what of BROUGHT can be imported here."""
    names = {}
    exec(SETUP, names)
    found = dict(KNOWN)
    for package, expressions in BROUGHT.items():
        if importlib.util.find_spec(package):
            names[package] = importlib.import_module(package)
            found.update(expressions)
    return {name: _maker(expression, names) for name, expression in found.items()}


def own(text):
    """MODULE:EXPRESSION as {name: function that evaluates it anew in the module}."""
    module, _, expression = text.partition(":")
    if not module or not expression:
        raise ValueError("%s is not MODULE:EXPRESSION" % text)
    names = dict(vars(importlib.import_module(module)))
    return {text: _maker(expression, names)}


def table(rows):
    """The matrix: a line per object and protocol; what failed, and why, below."""
    heads, places = ["object", "protocol", *PROPERTIES], {}
    for row in rows:
        key = row["object"], row["protocol"]
        if key not in places:
            places[key] = {}
        places[key][row["property"]] = {PASS: "ok", FAIL: "FAIL", NONE: "-"}[row["verdict"]]
    cells = [heads] + [[*key, *(found.get(p, "") for p in PROPERTIES)] for key, found in places.items()]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in cells]
    failed = [row for row in rows if row["verdict"] == FAIL]
    if failed:
        lines.append("")
    lines += ["FAIL  %(object)s, %(protocol)s, %(property)s: %(detail)s" % row for row in failed]
    return "\n".join(lines) + "\n"


def main():
    global deadline_s
    parser = argparse.ArgumentParser(description="Every protocol by which objects share their memory, against what that must mean.")
    parser.add_argument("objects", nargs="*", metavar="MODULE:EXPRESSION", help="objects of your own, made anew for each look")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--deadline", type=int, default=deadline_s, metavar="SECONDS", help="of each look")
    args = parser.parse_args()
    deadline_s = args.deadline
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with open(os.devnull, "wb") as nowhere:  # what the user's module prints is no part of it
        os.dup2(nowhere.fileno(), 1)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.getcwd()] + [p for p in sys.path if os.path.abspath(p) != here]
    try:
        wanted = None
        for text in args.objects:
            wanted = {**(wanted or {}), **own(text)}
        rows = audit(wanted)
        if not rows:
            raise ValueError("it has none of the protocols %s" % ", ".join(takers.PROTOCOLS))
    except Exception as e:
        print("%s: %s" % (type(e).__name__, e), file=sys.stderr)
        missing = e.name if isinstance(e, ModuleNotFoundError) else None
        asked = [text.partition(":")[0] for text in args.objects]
        return 66 if missing and any((module + ".").startswith(missing + ".") for module in asked) else 2
    counts = {v: sum(row["verdict"] == v for row in rows) for v in (PASS, FAIL, NONE)}
    if args.json:
        print(json.dumps({"schema": "benchd.protocols.v1", "rows": rows, "passed": counts[PASS], "failed": counts[FAIL], "not_applicable": counts[NONE]}), file=answer)
    else:
        print(table(rows), end="", file=answer)
    answer.close()
    return 1 if counts[FAIL] else 0


if __name__ == "__main__":
    sys.exit(main())
