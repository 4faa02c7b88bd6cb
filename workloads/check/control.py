"""Leads a check: which jobs the children do, what their ends mean, and the document that is made of it."""
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import findings

OUT = 3  # where benchctl reads
MOST_CRASHES = 4    # of one function in one job, each by other arguments
MOST_HANGS = 2      # of one function, which is left alone then
MOST_FOLLOWING = 60
GRACE = 10          # s: a call that is not ended by its own alarm so long after it was due is ended from here
ALLOCATORS = re.compile(r"[^:\s]*(malloc|hoard|diehard)[^:\s/]*\.so[^:\s/]*")  # faults and counts are seen by the C library's
MAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "main.py")


class Interrupted(Exception):
    pass


class OutOfTime(Exception):
    pass


class Overdue(Exception):
    pass


def say(**event):
    os.write(OUT, (json.dumps(event) + "\n").encode())


class Outcome:
    """What became of a job."""

    def __init__(self):
        self.result, self.error, self.end, self.said, self.events = None, None, None, "", []
        self.at, self.stage, self.part = None, None, None  # what was being called, last

    @property
    def fine(self):
        return self.end == 0 and self.error is None

    @property
    def hung(self):
        return self.end == -signal.SIGALRM


class Child:
    """child.py in a process of its own, begun anew after it was lost."""

    def __init__(self, request, scratch):
        self.request = dict(request, scratch=scratch)
        self.scratch, self.process, self.described, self.failed, self.missing = scratch, None, None, None, False
        self.log = open(os.path.join(scratch, ".said"), "w+b")
        self.lines = b""
        self.deadline = None  # of the whole check
        self.due = None       # of what is being called

    def environment(self):
        env = dict(os.environ)
        if "LD_PRELOAD" in env:
            env["LD_PRELOAD"] = ALLOCATORS.sub("", env["LD_PRELOAD"])
        env.update(PYTHONMALLOC="debug", PYTHONHASHSEED="7", MALLOC_MMAP_THRESHOLD_="131072", BENCHD_CHECK_FD=str(self.write),
                   PYTHONDONTWRITEBYTECODE="1", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        return env

    def start(self):
        self.read, self.write = os.pipe()
        self.lines, self.due = b"", None
        self.process = subprocess.Popen([sys.executable, "-P", MAIN, "child", json.dumps(self.request)], stdin=subprocess.PIPE,
                                        stdout=self.log, stderr=self.log, env=self.environment(), pass_fds=[self.write])
        os.close(self.write)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            os.close(self.read)
            self.process = None

    def events(self):
        """Lines as they come, until the other end is closed."""
        while True:
            while b"\n" in self.lines:
                line, self.lines = self.lines.split(b"\n", 1)
                try:
                    yield json.loads(line)
                except ValueError:
                    continue  # the module wrote to every descriptor there is
            more = self._more()
            if not more:
                return
            self.lines += more

    def _more(self):
        """What is written next, nothing at the end. A process the module left behind may keep the other end open, and a module
        may ignore the signal that ends its calls: nothing here waits for either."""
        while True:
            gone, now = self.process.poll() is not None, time.monotonic()
            if self.deadline and now > self.deadline:
                raise OutOfTime
            if select.select([self.read], [], [], 0 if gone else 0.2)[0]:
                return os.read(self.read, 1 << 16)
            if gone:
                return b""
            if self.due and now > self.due:
                raise Overdue

    def said(self):
        """What was written to standard output and error since the last time."""
        self.log.seek(0)
        text = self.log.read(1 << 20).decode("utf-8", "replace")
        self.log.seek(0)
        self.log.truncate()
        return text

    def _follow(self, outcome):
        self.due = None
        try:
            self._listen(outcome)
        except Overdue:
            self.stop()
            outcome.end = -signal.SIGALRM

    def _listen(self, outcome):
        for event in self.events():
            if "at" in event:
                outcome.at, outcome.stage, outcome.part = event["at"], event["stage"], event.get("part")
                self.due = time.monotonic() + event["patience"] + GRACE
            elif "result" in event:
                outcome.result, outcome.error = event["result"], event.get("error")
            elif "end" in event:
                outcome.end = event["end"]
                return
            elif "described" in event:
                self.described = event["described"]
                outcome.end = 0
                return
            elif "failed" in event:
                self.failed, self.missing = event["failed"], event["missing"]
                outcome.end = 0
                return
            else:
                outcome.events.append(event)
        outcome.end = self.process.wait()  # the process itself: it was not forked, or the import ended it
        self.stop()

    def begin(self):
        outcome = Outcome()
        if not self.process:
            self.start()
            self._follow(outcome)
            outcome.said = self.said()
        else:
            outcome.end = 0
        return outcome

    def do(self, job):
        begun = self.begin()
        if not begun.fine or self.failed:
            return begun
        outcome = Outcome()
        try:
            self.process.stdin.write((json.dumps(job) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # _follow sees its end
        self._follow(outcome)
        if self.process and self.described["threads"] > 1:
            self.stop()
        outcome.said = self.said()
        return outcome


class Check:
    def __init__(self, request, scratch):
        self.request, self.child = request, Child(request, scratch)
        self.begun = time.monotonic()
        self.child.deadline = self.begun + request["seconds"]
        self.book = findings.Book()
        self.targets, self.works, self.instances = [], {}, {}
        self.state, self.reason = "complete", None
        self.reached = "while importing the module"

    # ---- jobs, and what their ends mean --------------------------------------------------------------------------------------

    def run(self, job, target):
        """Results of a job that may have to be begun anew, without the calls that ended it."""
        skip, outcome = [], None
        for _ in range(MOST_CRASHES):
            job = dict(job, target=target, about=target["name"], instances=self.arguments(), skip=skip)
            outcome = self.child.do(job)
            if outcome.fine:
                return outcome.result
            at = outcome.at or target["name"]
            if outcome.hung:
                self.book.silent(target, at)
                if self.book.hangs[target["name"]] >= MOST_HANGS:
                    self.works.pop(target["name"], None)
                    return None
            elif outcome.error:
                self.book.unfinished(target, outcome.error)
                return outcome.result
            else:
                self.book.ended(outcome, target)
            part = outcome.part or at.split("  #")[0]
            if part in skip:
                break
            skip.append(part)
        return outcome.result if outcome else None

    def arguments(self):
        """Instances of the module's own classes, which its functions may want."""
        return [["instance " + name, row["target"], row["recipe"]] for name, row in self.instances.items()]

    def explore(self, target):
        if target["reason"]:
            self.book.not_called(target, target["reason"])
            return
        instance = None
        if target["owner"]:
            row = self.instances.get("%s.%s" % (target["module"], target["owner"]))
            if not row:
                self.book.not_called(target, "there is no instance of %s to call it on" % target["owner"])
                return
            instance = row["recipe"]
        result = self.run({"job": "explore", "instance": instance}, target)
        if result is None:
            return
        self.book.calls += result["trials"]
        if result["absent"]:
            self.book.gone(target)
            return
        self.book.contract(target, result["contract"])
        self.works[target["name"]] = result
        if result["reason"]:
            self.book.not_called(target, result["reason"])
        else:
            self.book.called(target)
        if target["kind"] == "class" and result["works"]:
            self.instances[target["name"]] = {"target": target, "recipe": result["works"][0]}

    def leaks(self, target):
        found = self.works.get(target["name"])
        if not found or not (found["works"] or found["raises"]):
            return
        owner = "%s.%s" % (target["module"], target["owner"]) if target["owner"] else None
        job = {"job": "leaks", "works": found["works"], "raises": found["raises"], "baseline": self.book.slopes.get(owner, [])}
        result = self.run(job, target)
        if result:
            self.book.leaks(target, result)

    def _working(self, target, most=8):
        found = self.works.get(target["name"])
        return found["works"][:most] if found and target["name"] not in self.book.unsafe else []

    def _following(self, target):
        """What is called after a call of this, each as it works: what needs the same instance first, then what needs least."""
        rows = [(t, self._working(t, 1)[0]) for t in self.targets if self._working(t, 1) and t["kind"] not in ("class", "setter")]
        own = target["owner"] or target["path"]
        rows.sort(key=lambda r: (r[0]["module"] != target["module"] or r[0]["owner"] != own, r[0]["owner"] is not None, len(r[1][0])))
        return rows[:MOST_FOLLOWING]

    def later(self, target):
        if target["kind"] == "calls":
            return
        works = self._working(target, 32)
        if works:
            result = self.run({"job": "later", "works": works, "following": self._following(target)}, target)
            self.book.count("later", result)

    def hostile(self, target):
        if target["kind"] == "calls":
            return
        works = self._working(target, 32)
        if works:
            self.book.count("hostile", self.run({"job": "hostile", "works": works}, target))

    def buffers(self, target):
        if target["kind"] == "calls":
            return
        found = self.works.get(target["name"])
        if not found or not (found["works"] or found["raises"]) or target["name"] in self.book.unsafe:
            return
        methods = [(t, self._working(t, 1)[0]) for t in self.targets if t["kind"] == "method" and t["module"] == target["module"] and
                   t["owner"] == target["path"] and self._working(t, 1)] if target["kind"] == "class" else []
        result = self.run({"job": "buffers", "works": found["works"], "raises": found["raises"], "methods": methods}, target)
        self.book.count("buffers", result)
        if result:
            self.book.buffers(target, result)

    def work(self):
        begun = self.child.begin()
        if not begun.fine or self.child.failed:
            return self.lost(begun)
        self.targets = sorted(self.child.described["targets"], key=lambda t: t["kind"] != "class")
        stages = (("calling", self.explore), ("counting references", self.leaks), ("buffers", self.buffers),
                  ("using arguments up", self.later), ("hostile arguments", self.hostile))
        for number, (what, stage) in enumerate(stages):
            for i, target in enumerate(self.targets):
                self.reached = 'while %s: part %d of %d, %d of %d functions' % (what, number + 1, len(stages), i, len(self.targets))
                say(progress={"stage": what, "done": number * len(self.targets) + i, "of": len(stages) * len(self.targets),
                              "about": target["name"]})
                stage(target)
        return None

    def lost(self, begun):
        """The import itself failed."""
        if self.child.failed:
            self.state, self.reason = "failed", self.child.failed
        elif not begun.at:
            said = begun.said.strip().split("\n")
            self.state, self.reason = "failed", "the interpreter does not start: %s" % next((s for s in said if "rror" in s), said[-1])
        elif begun.hung:
            self.state, self.reason = "failed", "its import does not end"
        else:
            self.book.ended(begun, {"name": "import " + self.request["module"], "kind": "import"})

    def document(self):
        return findings.document(self)


def _interrupt(_number, _frame):
    raise Interrupted


def main(request):
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    scratch = tempfile.mkdtemp(prefix="benchd-check-")
    check = None
    try:
        check = Check(request, scratch)
        try:
            check.work()
        except Interrupted:
            check.state, check.reason = "interrupted", "interrupted"
        except OutOfTime:
            check.state, check.reason = "interrupted", "%g s were over %s" % (request["seconds"], check.reached)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        check.child.stop()
        say(document=check.document())
    finally:
        if check:
            check.child.stop()
        shutil.rmtree(scratch, ignore_errors=True)
