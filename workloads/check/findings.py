"""What was found: each finding once, with the call that shows it, figures, and what it usually comes from."""
import re
import signal
import time

CHECKS = (
    ("leaks", "reference leaks"),
    ("references", "borrowed references"),
    ("gil", "calls without the GIL"),
    ("buffers", "buffer lifetime"),
    ("errors", "error contract"),
    ("crashes", "crashes"),
)
# What a dying process says, the most telling first.
_FATAL = tuple(re.compile(p, re.MULTILINE) for p in (
    r"Fatal Python error: .*", r"Assertion .* failed.*", r"^terminate called.*", r"^thread '.*' panicked.*", r"^.*stack smashing.*",
    r"^(double free|corrupted|munmap_chunk|free\(\)|malloc\(\)|realloc\(\)).*", r"^pure virtual.*", r"^Debug memory block.*"))

_HINTS = {
    "keeps": "an object that is not needed any more keeps its reference: look for Py_INCREF, PyList_Append, Py_BuildValue(\"O\") or "
             "PyDict_SetItem that is not followed by Py_DECREF on this way through the function",
    "type": "each instance of a class that was made at run time holds a reference to it, which its deallocator has to drop "
            "(Py_DECREF(Py_TYPE(self))); a class that lives as long as the process costs no memory by it",
    "singleton": "%s lives as long as the process, so that a reference too many costs no memory; but whatever else comes this way is kept, "
               "too: look for Py_INCREF or Py_BuildValue(\"O\") that is not followed by Py_DECREF",
    "drops": "a reference is given away that was borrowed: look for PyList_GetItem, PyTuple_GetItem, PyDict_GetItem or an argument that "
             "is passed to Py_DECREF, PyTuple_SetItem or returned without Py_INCREF",
    "blocks": "an object that is made on each call is never dropped: look for a new reference without Py_DECREF on this way through "
              "the function",
    "raw": "memory of malloc is not freed on this way through the function",
    "again": "; it is what __init__ made the first time: it may be called again, as a class below this one may do, and has to take over "
             "or drop what is there",
    "error": "; it happens when the call fails: look at the early returns",
    "crash": "run the line under a debugger: gdb --args python -X dev -c '...'",
    "gil": "take it with PyGILState_Ensure, or make the call before Py_BEGIN_ALLOW_THREADS or after Py_END_ALLOW_THREADS",
    "used": "something refers to an argument after the call without a reference of its own: Py_INCREF what is kept",
    "lent": "Python code that runs meanwhile (an element's __index__, a callback) can drop what was only lent: Py_INCREF it before, or "
            "take a new reference (PySequence_GetItem, PyList_GetItemRef)",
    "pointer": "a pointer into an argument is good as long as the argument or a Py_buffer of it is held: keep one of these, or copy",
    "held": "PyBuffer_Release is missing on this way through the function",
    "export": "bf_getbuffer must keep the memory where it is until bf_releasebuffer, and the view's obj must be what owns it",
    "stuck": "bf_releasebuffer must undo what bf_getbuffer did: it is called once for each view that is given back",
    "contract": "a function that returns NULL sets an exception, one that returns an object sets none",
}


def _signal_name(end):
    try:
        return signal.Signals(-end).name
    except ValueError:
        return "signal %d" % -end


def _times(x):
    return "%.3g" % abs(x)


class Book:
    def __init__(self):
        self.rows, self.seen = [], set()
        self.calls = 0
        self.called_names, self.not_called_rows, self.silent_rows, self.unfinished_rows = [], [], [], []
        self.slopes, self.measured, self.total = {}, 0, False
        self.hangs = {}  # by function
        self.absent = set()
        self.unsafe = set()  # functions that take references away: whatever follows a call of theirs may be their doing
        self.lacking = {}  # stages that could not be done, with the reason

    def add(self, check, target, code, evidence, hint, figures=None, about=None):
        """about: of what there is to be one finding for each function."""
        key = (check, target["name"], about or re.sub(r"\d+", "#", evidence)[:60])
        if key in self.seen:
            return
        self.seen.add(key)
        self.rows.append({"check": check, "function": target["name"], "call": code if isinstance(code, list) else [code],
                          "evidence": evidence, "hint": hint or None, "figures": figures})

    # ---- coverage --------------------------------------------------------------------------------------------------------------

    def called(self, target):
        self.called_names.append(target["name"])

    def gone(self, target):
        """There is no such thing to call after all."""
        self.absent.add(target["name"])

    def not_called(self, target, reason):
        self.not_called_rows.append({"name": target["name"], "reason": reason})

    def silent(self, target, text):
        self.hangs[target["name"]] = self.hangs.get(target["name"], 0) + 1
        self.silent_rows.append({"name": target["name"], "reason": "a call did not return: %s" % text.split("\n")[-1]})

    def unfinished(self, target, reason):
        self.unfinished_rows.append({"name": target["name"], "reason": reason})

    # ---- findings --------------------------------------------------------------------------------------------------------------

    def ended(self, outcome, target):
        """The process did not survive a call."""
        code = (outcome.at or target["name"]).split("\n")
        gil = next((e for e in outcome.events if "gil" in e), None)
        fault = next((e for e in outcome.events if "fault" in e), None)
        if gil:
            thread = ", on a thread of the module's own" if gil["own_thread"] else ""
            self.add("gil", target, code, "%s is called at %s without holding the GIL%s" % (gil["gil"], gil["where"], thread), _HINTS["gil"])
        elif fault and fault["region"] >= 0:
            self._used(outcome, target, code, fault)
        elif re.search(r"without holding the GIL|the GIL is released|not called with the GIL", outcome.said):
            self.add("gil", target, code, self._death(outcome, fault), _HINTS["gil"])
        elif outcome.stage in ("later", "hostile"):
            self.add("references", target, code, self._death(outcome, fault), _HINTS["used" if outcome.stage == "later" else "lent"],
                     about=outcome.stage)
        else:
            self.add("crashes", target, code, self._death(outcome, fault), _HINTS["crash"])

    @staticmethod
    def _death(outcome, fault):
        if outcome.end is not None and outcome.end >= 0:
            evidence = "the process ended with exit status %d" % outcome.end
        else:
            evidence = "the process was ended by %s" % _signal_name(outcome.end)
        if fault:
            evidence += " at %s (address %s)" % (fault["where"], fault["address"])
        fatal = [m.group(0).strip() for m in (p.search(outcome.said) for p in _FATAL) if m]
        return evidence + (": " + fatal[0][:200] if fatal else "")

    def _used(self, outcome, target, code, fault):
        """A fault in memory that was given back."""
        how = "while it is used" if outcome.stage == "hostile" else "after the call"
        if fault["region"] == 0:
            evidence = "an argument is used by %s when it is gone (%s)" % (fault["where"], how)
            self.add("references", target, code, evidence, _HINTS["lent" if outcome.stage == "hostile" else "used"],
                     about=outcome.stage)
        else:
            evidence = "%s uses the memory of an argument, %d bytes in, when it is gone (%s)" % (fault["where"], fault["offset"], how)
            self.add("buffers", target, code, evidence, _HINTS["pointer"], about=outcome.stage)

    def contract(self, target, rows):
        for text, (kind, message) in rows:
            if re.search(r"returned NULL without setting|with an exception set|error return without exception", message):
                self.add("errors", target, text, "%s: %s" % (kind, message.split("\n")[0]), _HINTS["contract"])

    def leaks(self, target, result):
        self.measured += result["measured"]
        for text, reason in result["slow"]:
            self.unfinished(target, "%s: %s" % (reason, text))
        self.total = self.total or result["total"]
        self.slopes[target["name"]] = [r for r in result["found"] if not r["raising"]]
        counted = [r for r in result["found"] if r["what"] not in ("blocks", "raw", "total")]
        told = set()
        for row in counted:
            about = (re.sub("^element .* of ", "", row["what"]), row["per_call"] > 0)
            if about not in told:  # by other arguments it is the same mistake
                told.add(about)
                self._reference(target, row)
        if any(row["per_call"] > 0 for row in counted):
            return  # what these references keep alive is memory, too
        for what in ("blocks", "raw", "total"):
            rows = [r for r in result["found"] if r["what"] == what and r["per_call"] > 0]
            if rows:
                self._memory(target, rows[0])
                return

    def buffers(self, target, result):
        for row in result["held"]:
            about = "argument %d " % row["place"]  # a buffer that is held holds a reference
            self.rows = [r for r in self.rows if (r["check"], r["function"]) != ("leaks", target["name"]) or about not in r["evidence"]]
            self.add("buffers", target, row["lines"], "the buffer of argument %d cannot be resized after the call and its result are gone "
                     "(%d of %d times)" % (row["place"], row["held"], row["of"]), _HINTS["held"])
        for row in result["exports"]:
            self.add("buffers", row["target"], row["lines"], row["evidence"], _HINTS[row.get("hint", "export")])

    def count(self, stage, result):
        if result and result["reason"]:
            self.lacking[stage] = result["reason"]

    def _figures(self, row):
        return {"what": row["what"], "per_call": row["per_call"], "steps": row["steps"], "calls_per_step": row["calls"]}

    def _reference(self, target, row):
        if row["per_call"] < 0:
            self.unsafe.add(target["name"])
        per, steps = row["per_call"], ", ".join("%+d" % s for s in row["steps"])
        more = "%s has %s reference%s %s after each call (%s over %d calls each)" % (
            row["what"], _times(per), "" if abs(per) == 1 else "s", "more" if per > 0 else "fewer", steps, row["calls"])
        hint = _HINTS["drops" if per < 0 else "type" if row["type"] else "singleton" if row["singleton"] else "keeps"]
        hint = (hint % row["what"] if hint is _HINTS["singleton"] else hint) + (_HINTS["error"] if row["raising"] else "")
        self.add("leaks" if per > 0 else "references", target, row["text"], more, hint, self._figures(row))

    def _memory(self, target, row):
        per, steps = row["per_call"], ", ".join("%+d" % s for s in row["steps"])
        if row["what"] == "raw":
            text, hint = "%s bytes of malloc are kept by each call (%s over %d calls each)", "raw"
        elif row["what"] == "total":
            text, hint = "%s references are kept by each call (%s over %d calls each)", "keeps"
        else:
            text, hint = "%s block(s) of objects' memory are kept by each call (%s over %d calls each)", "blocks"
        evidence = text % (_times(per), steps, row["calls"])
        again = _HINTS["again"] if target["path"].endswith(".__init__") else ""
        types = ["%s (%+.3g per call)" % (name, n) for n, name in row["types"]]
        if types:
            evidence += "; of them " + ", ".join(types)
        self.add("leaks", target, row["text"], evidence, _HINTS[hint] + again + (_HINTS["error"] if row["raising"] else ""), self._figures(row))


def _verdict(check, book, ended, said):
    rows = [r for r in book.rows if r["check"] == check]
    if rows:
        return "found", None
    if ended:
        return "unproven", ended
    if not book.called_names and not book.measured:
        return "unproven", "nothing could be called"
    if check == "gil" and said.get("unwatched"):
        return "unproven", said["unwatched"]
    if check == "buffers" and said.get("targets") and said["targets"][0]["kind"] == "calls":
        return "unproven", "the calls are the user's own: they are not made with other arguments"
    if check in ("references", "buffers") and book.lacking.get("later"):
        return "unproven", book.lacking["later"]
    return "nothing found", None


def document(check):
    book, said = check.book, check.child.described or {}
    # A reference too few ends the process sooner or later, somewhere: one mistake.
    book.rows = [r for r in book.rows if r["check"] != "crashes" or r["function"] not in book.unsafe]
    # What a class does when it is called, its __init__ does again: that is no other mistake.
    told = {(r["check"], r["function"]) for r in book.rows}
    book.rows = [r for r in book.rows if not r["function"].endswith(".__init__") or
                 (r["check"], r["function"].removesuffix(".__init__")) not in told]
    ended = check.reason if check.state != "complete" else None
    rows = []
    for key, title in CHECKS:
        verdict, reason = _verdict(key, book, ended, said)
        rows.append({"check": key, "title": title, "verdict": verdict, "reason": reason,
                     "findings": len([r for r in book.rows if r["check"] == key])})
    order = [key for key, _ in CHECKS]
    verdict = "found" if book.rows else "undecided" if check.state != "complete" or not book.called_names else "nothing found"
    return {
        "schema": "benchd.check.v1", "state": check.state, "reason": check.reason, "missing": check.child.missing, "verdict": verdict,
        "module": {"name": said.get("module", check.request["module"]), "file": said.get("file"), "version": said.get("version"),
                   "compiled": [{"module": m, "file": f} for m, f in said.get("compiled", ())]},
        "python": {"executable": said.get("executable"), "version": said.get("python"), "debug": said.get("debug"),
                   "free_threaded": said.get("free_threaded")},
        "seconds": round(time.monotonic() - check.begun, 1),
        "checks": rows,
        "findings": sorted(book.rows, key=lambda r: (order.index(r["check"]), r["function"])),
        "coverage": {"functions": len(said.get("targets", ())) - len(book.absent), "called": len(book.called_names), "calls": book.calls,
                     "measured": book.measured, "not_called": book.not_called_rows, "unfinished": book.silent_rows + book.unfinished_rows},
    }
