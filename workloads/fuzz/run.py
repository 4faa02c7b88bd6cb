"""Special arguments in every place, then random ones, through all bindings of this interpreter: what any of them makes of a call must
be what the contract says.

    run.py --folder INTERPRETER --python DESCRIPTORS --kernels FILE [--differences FILE] [--binding NAME[:VARIANT],…] [--function NAME,…]
           [--seconds N | --calls N] [--seed N] [--call EXPRESSION] [--limit SECONDS]

Prints one JSON document. Every variant has a process of its own, so that one that crashes is a finding like any other. Calls that
disagree are made simpler until nothing simpler disagrees in the same way. What is known and meant is in differences.json, as rules
of the reference, and each is tried: one that is no longer true is a finding, too."""
import argparse
import concurrent.futures
import fnmatch
import functools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)

import calls  # noqa: E402 (the path comes first)
import reference  # noqa: E402
import sweep  # noqa: E402

BATCH = 200
SWEPT = 1000    # of those that are always made, at a time
CRASHES = 5     # of one function, after which it is no longer called
STEPS = 5000    # calls to make one finding simpler, and processes they may cost
STEPS_DEAD = 60


class Gone(Exception):
    """The process of a binding ended within a call."""

    def __init__(self, answers, how):
        super().__init__(how)
        self.answers, self.how = answers, how


class Binding:
    def __init__(self, name, options):
        self.name, self.options = name, options
        self.process = None
        self.functions, self.counted, self.reason, self.calls = (), True, None, 0
        self.unsupported = False
        self.dead = {}  # function: how often it did not come back
        self.start()

    def start(self):
        o = self.options
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([sys.executable, "-I", os.path.join(HERE, "child.py"), o.folder, o.python, o.kernels, self.name, str(o.limit)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, encoding="utf-8")
        line = self.process.stdout.readline()
        if not line:
            self.unsupported, self.reason = False, "its process ended while it was loaded: %s" % self.end()
            return
        hello = json.loads(line)
        self.functions, self.counted = frozenset(hello["functions"]), hello.get("counted", True)
        self.reason, self.unsupported = hello.get("reason"), hello.get("unsupported", False)
        if self.reason:
            self.end()

    def end(self):
        """How the process ended, which it is made to when it has not."""
        if self.process is None:
            return ""
        self.process.stdin.close()
        try:
            status = self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        self.process = None
        self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, self.errors.tell() - 20000))
        said = self.errors.read().decode("utf-8", "replace")
        self.errors.close()
        if status == -signal.SIGALRM:  # the child's own, for a call that takes too long
            return "does not return"
        if status < 0:
            return "killed by %s" % signal.Signals(-status).name
        lines = [line for line in said.splitlines() if line.strip()]
        return "exit status %d%s" % (status, ": " + lines[-1].strip() if lines else "")

    def can(self, call):
        if call.function == "noargs" and not self.counted:
            return False  # what it gives is the kernels' alone
        needed = {call.function, "Walker"} if "Walker" in call.source() else {call.function}
        return needed <= self.functions and self.dead.get(call.family(), 0) < CRASHES

    def ask(self, sources):
        """An answer for each."""
        if self.process is None:
            self.start()
        answers = []
        try:
            self.process.stdin.write(json.dumps(sources) + "\n")
            self.process.stdin.flush()
            for _ in sources:
                line = self.process.stdout.readline()
                if not line.endswith("\n"):
                    break
                answers.append(json.loads(line))
        except BrokenPipeError:
            pass
        self.calls += len(answers)
        if len(answers) < len(sources):
            raise Gone(answers, self.end_broken())
        return answers

    def end_broken(self):
        try:
            return self.end()
        except BrokenPipeError:  # what was not yet written to it
            self.process.stdin = None
            raise

    def answers(self, made):
        """The same for calls that may end the process, which is then started again."""
        found = []
        while len(found) < len(made):
            try:
                found += self.ask([c.source() for c in made[len(found):]])
            except Gone as e:
                found += e.answers
                call = made[len(found)]
                self.dead[call.family()] = self.dead.get(call.family(), 0) + 1
                found.append({"kind": "gone", "text": e.how, "after": [c.source() for c in made[:len(found)]]})
        return found


class Differences:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.all = json.load(f)["differences"]
        for d in self.all:
            unknown = set(d["rules"]) - set(reference.RULES)
            if unknown:
                raise ValueError("%s: no such rule: %s" % (path, ", ".join(sorted(unknown))))
        self.known = {}
        self.needed = set()  # (binding, number, pattern of functions) without which what was answered would be wrong

    def of(self, binding):
        return [d for d in self.all if any(fnmatch.fnmatchcase(binding, b) for b in d["bindings"])]

    @functools.lru_cache(maxsize=None)  # of as many as there are bindings and functions
    def about(self, binding, function):
        """What is said of a function, and in which words."""
        words = ((d, frozenset((binding, id(d), f) for f in d["functions"] if fnmatch.fnmatchcase(function, f))) for d in self.of(binding))
        return [(d, some) for d, some in words if some]

    def rules(self, binding, function, without=None):
        key = binding, function, id(without)
        if key not in self.known:
            self.known[key] = frozenset(rule for d in self.of(binding) if d is not without for rule in d["rules"]
                                        if any(fnmatch.fnmatchcase(function, f) for f in d["functions"]))
        return self.known[key]


def disagreement(answer, want, counted):
    """What is wrong with an answer; None when it is right."""
    kind, text, native = want
    if answer["kind"] == "gone":
        return "hangs" if answer["text"] == "does not return" else "crash"
    if answer["kind"] == "raised" and "SystemError" in answer["types"]:
        return "SystemError"
    if kind == "anything":
        return None
    if kind == "refused":
        return None if answer["kind"] == "raised" else "accepted"
    if kind == "value":
        if answer["kind"] == "raised":
            return "refused"
        if answer["text"] != text:
            return "value"
        return "native calls" if counted and native is not None and answer["calls"] != native else None
    if answer["kind"] != "raised":
        return "no exception"
    exact = answer["text"] == text if text.startswith("Planned(") else text in answer["types"]
    return None if exact else "exception"


@functools.lru_cache(maxsize=4096)
def code(source):
    return compile(source, "call", "eval")


class Fuzz:
    def __init__(self, options):
        self.options = options
        self.differences = Differences(options.differences)
        self.random = random.Random(options.seed)
        self.expected, self.findings, self.seen = {}, [], {}
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1)

    def want(self, source, rules):
        key = source, rules
        if key not in self.expected:
            if len(self.expected) > 20000:
                self.expected.clear()
            self.expected[key] = reference.expected(code(source), rules)
        return self.expected[key]

    def wrong(self, binding, function, source, answer):
        return disagreement(answer, self.want(source, self.differences.rules(binding.name, function)), binding.counted)

    def judge(self, binding, made, answers):
        for call, answer in zip(made, answers):
            kind = self.wrong(binding, call.function, call.source(), answer)
            if not kind:
                self.explained(binding, call, answer)
                continue
            key = binding.name, call.family(), kind
            if key in self.seen:
                self.seen[key]["seen"] += 1
                continue
            smallest, answer = self.simplify(binding, call, kind, answer)
            want = self.want(smallest.source(), self.differences.rules(binding.name, smallest.function))
            self.seen[key] = {"binding": binding.name, "function": smallest.function, "kind": kind, "call": smallest.source(),
                              "expected": want[1] if kind != "native calls" else "%d native calls" % want[2],
                              "got": answer["text"] if kind != "native calls" else "%d native calls" % answer["calls"],
                              "original": call.source(), "after": answer.get("after"), "seen": 1}
            self.findings.append(self.seen[key])

    def explained(self, binding, call, answer):
        """Notes which differences say why an answer is right."""
        needed = self.differences.needed
        for d, words in self.differences.about(binding.name, call.function):
            if not needed.issuperset(words):
                without = self.want(call.source(), self.differences.rules(binding.name, call.function, d))
                if disagreement(answer, without, binding.counted):
                    needed.update(words)

    def try_functions(self, bindings, tried):
        """Whether what holds is true of all the functions it is said of, of which each was called with every kind of argument."""
        false = {(t["binding"], t["witness"]) for t in tried if not t["holds"]}
        for b in bindings:
            for d in self.differences.of(b.name):
                if (b.name, d["witness"]) in false:
                    continue
                for pattern in d["functions"]:
                    functions = fnmatch.filter(sorted(b.functions), pattern)
                    if functions and (b.name, id(d), pattern) not in self.differences.needed:
                        self.difference(b, functions[0], pattern, "no call agrees for that reason", d)

    def difference(self, binding, function, call, got, d):
        self.findings.append({"binding": binding.name, "function": function, "kind": "difference", "call": call,
                              "expected": "as differences.json says: " + d["reason"], "got": got, "original": call, "after": None, "seen": 1})

    def simplify(self, binding, call, kind, answer):
        """A call that shows the same, and nothing simpler tried does; and its answer."""
        deadly = kind in ("crash", "hangs")
        if deadly:
            again = binding.answers([call])[0]
            if self.wrong(binding, call.function, call.source(), again) != kind:
                return call, answer  # it takes those before it
            answer = {**again, "after": None}
        left, deaths = STEPS, STEPS_DEAD
        while left > 0 and deaths > 0 and kind != "hangs":
            tried = [c for c in calls.simpler_calls(call) if c.function in binding.functions and len(c.source()) <= len(call.source()) + 4][:left]
            found = None
            for part in ([c] for c in tried) if deadly else [tried]:
                left -= len(part)
                for c, a in zip(part, binding.answers(part)):
                    deaths -= a["kind"] == "gone"
                    if self.wrong(binding, c.function, c.source(), a) == kind:
                        found = c, a
                        break
                if found or deaths <= 0:
                    break
            if not found:
                break
            call, answer = found[0], {**found[1], "after": None}
        return call, answer

    def try_differences(self, bindings):
        """Whether what is said of each is true."""
        tried = []
        for b in bindings:
            for d in self.differences.of(b.name):
                function = d["witness"].partition("(")[0]
                if function not in b.functions:
                    continue
                answer = b.answers([calls.Call(function, "{}", calls.Name(d["witness"]))])[0]
                with_it = disagreement(answer, self.want(d["witness"], self.differences.rules(b.name, function)), b.counted) is None
                without = disagreement(answer, self.want(d["witness"], self.differences.rules(b.name, function, d)), b.counted) is None
                holds = with_it and not without
                tried.append({"binding": b.name, "rules": d["rules"], "functions": d["functions"], "reason": d["reason"], "witness": d["witness"],
                              "got": answer["text"], "holds": holds})
                if not holds:
                    self.difference(b, function, d["witness"], answer["text"], d)
        return tried

    def compare(self, bindings, batch):
        """One list of calls through every binding that has their functions."""
        lists = [[c for c in batch if self.options.call or b.can(c)] for b in bindings]
        for b, some, answers in zip(bindings, lists, list(self.pool.map(lambda job: job[0].answers(job[1]), zip(bindings, lists)))):
            self.judge(b, some, answers)

    def wanted(self, group):
        return not self.options.functions or any(fnmatch.fnmatchcase(group, f) for f in self.options.functions)

    def run(self, bindings):
        """The numbers of calls that are always made and of random ones, and what is known of differences."""
        o = self.options
        live = [b for b in bindings if not b.reason]
        if o.call:
            name = o.call.partition("(")[0].strip()
            self.compare([b for b in live if name == "Walker" or name in b.functions], [calls.Call(name, "{}", calls.Name(o.call))])
            return 0, 1, []
        end, made = time.monotonic() + o.seconds, 0
        tried = self.try_differences(live)
        always = [c for c in sweep.every_call() if self.wanted(c.group())] if live else []
        for i in range(0, len(always), SWEPT):
            self.compare(live, always[i:i + SWEPT])
        if not o.functions:
            self.try_functions(live, tried)
        maker = calls.Maker(self.random)
        makers = [make for name, make in maker.makers().items() if self.wanted(name)]
        while live and makers and (made < o.calls if o.calls else time.monotonic() < end):
            batch = [maker.any(makers) for _ in range(min(BATCH, o.calls - made) if o.calls else BATCH)]
            self.compare(live, batch)
            made += len(batch)
        return len(always), made, tried


def chosen(options):
    """The ids of what is to be compared."""
    import importlib.util
    spec = importlib.util.spec_from_file_location("benchd_loader", os.path.join(options.python, "loader.py"))
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    loader.open_library(options.folder, options.python, options.kernels)
    names = sorted(f[:-3] for f in os.listdir(os.path.join(options.python, "bindings")) if f.endswith(".py") and not f.startswith("_"))
    all_ = ["%s:%s" % (name, variant) for name in names for variant in loader.descriptor(name).variants]
    if not options.bindings:
        return all_, []
    unknown = [w for w in options.bindings if w not in all_ and w not in names]
    return [b for b in all_ if b in options.bindings or b.partition(":")[0] in options.bindings], unknown


def words():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--folder", required=True)
    p.add_argument("--python", required=True)
    p.add_argument("--kernels", required=True)
    p.add_argument("--differences", default=os.path.join(HERE, "differences.json"))
    p.add_argument("--binding", dest="bindings", type=lambda s: s.split(","), default=[])
    p.add_argument("--function", dest="functions", type=lambda s: s.split(","), default=[])
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--calls", type=int, default=0)
    p.add_argument("--seed", type=int)
    p.add_argument("--call")
    p.add_argument("--limit", type=float, default=60, help="seconds that one call may take")
    o = p.parse_args()
    if o.seed is None:
        o.seed = random.SystemRandom().getrandbits(31)
    return o


def unknown_functions(options):
    """Patterns of --function that no function has the name of, and the names there are."""
    groups = sorted({c.group() for c in sweep.every_call()} | set(calls.Maker(random.Random(0)).makers()))
    return [f for f in options.functions if not fnmatch.filter(groups, f)], groups


def main():
    o = words()
    begin = time.monotonic()
    names, unknown = chosen(o)
    if unknown:
        json.dump({"error": "no binding %s; there are: %s" % (", ".join(unknown), ", ".join(names or chosen(argparse.Namespace(**{**vars(o), "bindings": []}))[0]))},
                  sys.stdout)
        return 64
    unknown, groups = unknown_functions(o)
    if unknown:
        json.dump({"error": "no function %s; there are: %s" % (", ".join(unknown), ", ".join(groups))}, sys.stdout)
        return 64
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        bindings = list(pool.map(lambda name: Binding(name, o), names))
    asked = o.call and o.call.partition("(")[0].strip()
    if asked and asked != "Walker" and not any(asked in b.functions for b in bindings):
        for b in bindings:
            b.end()
        json.dump({"error": "none of these bindings has a function %s; a call looks like i64_2(1, 2)" % asked}, sys.stdout)
        return 64
    fuzz = Fuzz(o)
    always, made, tried = fuzz.run(bindings)
    for b in bindings:
        if b.reason and not b.unsupported:
            fuzz.findings.append({"binding": b.name, "function": "", "kind": "load", "call": "", "expected": "a binding that loads", "got": b.reason,
                                  "original": "", "after": None, "seen": 1})
        b.end()
    json.dump({"seed": o.seed, "seconds": round(time.monotonic() - begin, 1), "always": always, "calls": made, "python": sys.version.split()[0],
               "bindings": [{"binding": b.name, "status": "unsupported" if b.unsupported else "failed" if b.reason else "ok", "reason": b.reason,
                             "functions": len(b.functions), "calls": b.calls} for b in bindings],
               "findings": fuzz.findings, "differences": tried}, sys.stdout)
    return 1 if fuzz.findings else 0 if any(b.calls for b in bindings) else 2


if __name__ == "__main__":
    sys.exit(main())
