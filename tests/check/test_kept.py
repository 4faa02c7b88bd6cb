"""Checks that benchd makes itself, in their turn, and keeps: what is asked for, what is refused, and every way they end."""
import json
import os
import shutil
import signal
import sys
import tempfile

from checking import DEFAULT, MODULES

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "http"))
from daemon import FINAL, Case, Stream, children, environment, processes, wait_for  # noqa: E402

RUNS = "/api/v1/runs"
PYTHON = "/usr/bin/python3"
# Digits and letters of ids of what is registered, as many as there are to an id.
ID = "01M81E1284PN3A7V019N0412"

HANGS = """\
import os
def add(a, b): return a + b
def forever(x):
    with open(os.environ["CHECK_MARK"], "a") as f: f.write("%d\\n" % os.getpid())
    while True: pass
"""

TELLS = """\
import json, os
with open(os.environ["CHECK_MARK"], "w") as f:
    caps = [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")]
    json.dump({"env": dict(os.environ), "cwd": os.getcwd(), "caps": caps}, f)
def add(a, b): return a + b
"""


class Kept(Case):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="bd-kept-")
        self.addCleanup(shutil.rmtree, self.work, True)
        self.mark = os.path.join(self.work, "mark")
        self.registered = 0

    def write(self, name, text):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def register(self, d, **what):
        """Writes it down as benchctl does; "@ID"."""
        self.registered += 1
        name = ID + f"{self.registered:02d}"
        os.makedirs(os.path.join(d.data, "registered"), 0o700, exist_ok=True)
        path = os.path.join(d.data, "registered", name + ".json")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
            json.dump({"schema": "benchd.registered.v1", **what}, f)
        return "@" + name

    def module(self, d, path, **more):
        what = {"kind": "module", "name": os.path.basename(path), "path": path, "argv": [PYTHON], "cwd": self.work,
                "env": {"CHECK_MARK": self.mark}}
        return self.register(d, **{**what, **more})

    def ask(self, d, target, **more):
        a = d.request("POST", RUNS, {"kind": "check", "target": target, **more})
        self.assertEqual(a.status, 202, a.body)
        return a.json["id"]

    def ended(self, d, target, state, **more):
        """The document of a check that has ended so."""
        run = self.ask(d, target, **more)
        self.assertEqual(d.wait_state(run, FINAL, 300), state, d.request("GET", f"{RUNS}/{run}").body)
        return d.get(f"{RUNS}/{run}")

    def hanging(self, d):
        """A check within a call that does not return: its id, and the pid of the process that is in it."""
        run = self.ask(d, self.module(d, self.write("hangs.py", HANGS)))
        return run, int(wait_for("the call that hangs", 120, lambda: os.path.exists(self.mark) and open(self.mark, encoding="utf-8").readline()))

    @staticmethod
    def holds_the_lock(d):
        """Whether it has its turn on this machine."""
        folder = f"/proc/{d.pid}/fd"
        return any(os.readlink(os.path.join(folder, fd)).endswith("benchd.measure") for fd in os.listdir(folder) if os.path.lexists(os.path.join(folder, fd)))

    def gone(self, pids):
        wait_for("the end of its processes", 60, lambda: not set(pids) & {p for p, (_, _, s) in processes().items() if s != "Z"})

    def test_a_mistake_is_found_and_kept(self):
        d = self.start(measure=True)
        for name, verdict, found in (("planted_leak_argument", "found", [("leaks", "planted_leak_argument.twice")]),
                                     ("clean_leak_argument", "nothing found", [])):
            with self.subTest(name):
                target = self.module(d, os.path.join(MODULES, DEFAULT, name + ".so"), name=name)
                document = self.ended(d, target, "complete", labels={"for": name})
                run, check = document["run"], document["check"]
                self.assertEqual((document["cells"], document["noise"], run["kind"], run["suite"], run["reason"]), ([], [], "check", name, None))
                self.assertEqual((check["schema"], check["state"], check["verdict"]), ("benchd.check.v1", "complete", verdict))
                self.assertEqual([(f["check"], f["function"]) for f in check["findings"]], found)
                self.assertEqual(check["module"]["name"], name)
                self.assertNotIn("missing", check)
                self.assertGreater(run["wall_s"], 0)
                self.assertEqual(run["plan"], {"kind": "check", "budget_s": 300})
                self.assertTrue(run["comparability_key"])
                row = d.get(f"{RUNS}?label=for={name}")["runs"][0]
                self.assertEqual((row["id"], row["kind"], row["verdict"], row["state"], row["cells"]), (run["id"], "check", verdict, "complete", 0))
                # it has no times: nothing pretends to have
                for path in (f"/api/v1/compare?a={run['id']}&b={run['id']}", f"{RUNS}/{run['id']}/recompute"):
                    a = d.request("GET", path)
                    self.assertEqual((a.status, a.key), (400, "bad-value"), path)
        self.assertEqual(d.get(f"{RUNS}/{run['id']}/samples")["samples"], [])
        before = d.request("GET", f"{RUNS}/{run['id']}").body
        self.assertEqual(d.end(), 0)
        d = self.start(data=d.data, measure=True)
        self.assertEqual(d.request("GET", f"{RUNS}/{run['id']}").body, before)
        self.assertEqual(d.request("DELETE", f"{RUNS}/{run['id']}").status, 204)
        self.assertEqual(d.request("GET", f"{RUNS}/{run['id']}").status, 404)

    def test_a_module_by_its_name_and_calls_of_ones_own(self):
        d = self.start(measure=True)
        path = self.write("bench_own.py", "kept = []\ndef setup(): return [object(), 1009]\ndef bench_leaks(state): kept.append(state[0])\n")
        document = self.ended(d, self.register(d, kind="module", name="zlib", argv=[PYTHON], cwd="/", calls=path), "complete")
        self.assertEqual([(f["check"], f["function"]) for f in document["check"]["findings"]], [("leaks", "bench_own.bench_leaks")])

    def test_its_progress_is_told(self):
        d = self.start(measure=True)
        run = self.ask(d, self.register(d, kind="module", name="array", argv=[PYTHON], cwd="/"))
        with Stream(d, run) as stream:
            events = [(kind, data) for _, kind, data in stream]
        told = [data for kind, data in events if kind == "progress" and data["about"]]
        self.assertLessEqual({data["about"] for data in told if data["phase"] == "importing"}, {"array"})
        told = [data for data in told if data["phase"] != "importing"]
        self.assertTrue(told, events)
        for data in told:
            self.assertTrue(data["about"].startswith("array."), data)
            self.assertLess(data["cells_done"], data["cells"])
            self.assertEqual(data["state"], "running")
        self.assertEqual(events[-1], ("state", {"state": "complete", "reason": None}))

    def test_cancelled(self):
        d = self.start(measure=True)
        run, pid = self.hanging(d)
        started = children(d.pid)
        self.assertIn(pid, started)
        self.assertEqual(d.request("POST", f"{RUNS}/{run}/cancel").status, 202)
        self.assertEqual(d.wait_state(run, FINAL), "cancelled")
        self.gone(started)
        document = d.get(f"{RUNS}/{run}")
        self.assertEqual((document["run"]["reason"]["key"], document["check"]["state"]), ("cancelled", "interrupted"))
        self.assertEqual(document["check"]["coverage"]["called"], 1)  # what it knew by then
        self.assertEqual(d.request("POST", f"{RUNS}/{run}/cancel").key, "conflict")

    def test_a_daemon_that_is_killed_leaves_nothing_behind(self):
        d = self.start(measure=True)
        run, pid = self.hanging(d)
        started = children(d.pid)
        self.assertIn(pid, started)
        d.process.send_signal(signal.SIGKILL)
        d.process.wait(30)
        self.gone(started)
        d = self.start(data=d.data, measure=True)
        document = d.get(f"{RUNS}/{run}")
        self.assertEqual((document["run"]["state"], document["run"]["reason"]["key"], document["run"]["kind"]), ("interrupted", "interrupted", "check"))
        self.assertNotIn("check", document)
        row = d.get(RUNS)["runs"][0]
        self.assertEqual((row["kind"], row["verdict"], row["state"]), ("check", None, "interrupted"))

    def test_a_daemon_that_ends_keeps_what_was_found(self):
        d = self.start(measure=True)
        run, _ = self.hanging(d)
        started = children(d.pid)
        self.assertEqual(d.end(), 0)
        self.gone(started)
        d = self.start(data=d.data, measure=True)
        document = d.get(f"{RUNS}/{run}")
        self.assertEqual((document["run"]["state"], document["run"]["reason"]["key"]), ("interrupted", "interrupted"))
        self.assertEqual(document["check"]["coverage"]["called"], 1)

    def test_its_time_is_limited(self):
        d = self.start(measure=True)
        document = self.ended(d, self.module(d, self.write("hangs.py", HANGS)), "interrupted", budget_s=1)
        self.assertEqual(document["run"]["reason"]["key"], "timeout")
        self.assertRegex(document["check"]["reason"], r"^1 s were over( while .*: part \d of 5, \d+ of \d+ functions)?\Z")
        self.assertEqual(document["check"]["verdict"], "undecided")

    def test_what_cannot_be_imported_is_no_verdict(self):
        d = self.start(measure=True)
        for what, key, words in (({"name": "no_such_module_here"}, "no-such-input", "has no module no_such_module_here"),
                                 ({"name": "broken.py", "path": self.write("broken.py", "1 / 0\n")}, "worker-failed", "ZeroDivisionError"),
                                 ({"name": "zlib", "argv": ["/nowhere/python"]}, "worker-missing", "/nowhere/python"),
                                 ({"name": "zlib", "argv": ["/bin/echo"]}, "worker-failed", "ended early")):
            with self.subTest(words):
                document = self.ended(d, self.register(d, **{"kind": "module", "argv": [PYTHON], "cwd": self.work, **what}), "failed")
                self.assertEqual(document["run"]["reason"]["key"], key)
                self.assertIn(words, document["run"]["reason"]["message"])
                self.assertNotIn("check", document)

    def test_it_starts_from_an_empty_environment_and_without_rights(self):
        home = self.folder()
        d = self.start(data=os.path.join(home, "d"), measure=True, env=environment(home, BENCHD_SECRET="s3cret"))
        path = self.write("tells.py", TELLS)
        document = self.ended(d, self.module(d, path, env={"CHECK_MARK": self.mark, "MINE": "1"}), "complete", env={"ASKED": "2"})
        self.assertEqual(document["run"]["environment"]["variables"], {"ASKED": "2"})
        with open(self.mark, encoding="utf-8") as f:
            told = json.load(f)
        self.assertEqual((told["env"]["MINE"], told["env"]["ASKED"], told["cwd"]), ("1", "2", self.work))
        self.assertNotIn("BENCHD_SECRET", told["env"])
        self.assertEqual(told["caps"], ["0" * 16])

    def test_nothing_is_measured_beside_it(self):
        d = self.start(measure=True)
        self.assertFalse(self.holds_the_lock(d))
        check, _ = self.hanging(d)
        self.assertTrue(self.holds_the_lock(d))
        run = d.run(launches=1, rounds=1)
        with Stream(d, run) as stream:
            waiting = next(data["waiting_for"] for _, kind, data in stream if kind == "progress")
        self.assertEqual((waiting, d.state(run), d.state(check)), (f"run {check}", "queued", "running"))
        # a second check waits too, and one that waits has a kind already
        second = self.ask(d, self.register(d, kind="module", name="zlib", argv=[PYTHON], cwd="/"))
        self.assertEqual([(r["id"], r["kind"], r["state"]) for r in d.get(RUNS)["runs"]],
                         [(second, "check", "queued"), (run, "run", "queued"), (check, "check", "running")])
        self.assertEqual(d.get(f"{RUNS}/{second}")["run"]["kind"], "check")
        self.assertEqual(d.request("POST", f"{RUNS}/{second}/cancel").status, 202)
        self.assertEqual(d.state(second), "cancelled")
        self.assertEqual(d.request("POST", f"{RUNS}/{check}/cancel").status, 202)
        self.assertEqual(d.wait_state(run, FINAL), "complete")
        wait_for("the end of its turn", 60, lambda: not self.holds_the_lock(d))

    def test_it_waits_for_what_is_measured(self):
        d = self.start(measure=True)
        run = d.run(launches=500, rounds=20, budget_s=600)
        d.wait_state(run, ("running",))
        check = self.ask(d, self.module(d, self.write("tells.py", TELLS)))
        with Stream(d, check) as stream:
            waiting = next(data["waiting_for"] for _, kind, data in stream if kind == "progress")
        self.assertEqual((waiting, d.state(check), os.path.exists(self.mark)), (f"run {run}", "queued", False))
        self.assertEqual(d.request("POST", f"{RUNS}/{run}/cancel").status, 202)
        self.assertEqual(d.wait_state(check, FINAL), "complete")
        self.assertTrue(os.path.exists(self.mark))
        # one that may not wait long enough has failed, and never began
        os.unlink(self.mark)
        check, _ = self.hanging(d)
        late = self.ask(d, self.module(d, self.write("tells.py", TELLS)), wait_s=0)
        self.assertEqual(d.wait_state(late, FINAL), "failed")
        self.assertEqual(d.get(f"{RUNS}/{late}")["run"]["reason"]["key"], "waited-too-long")

    def test_what_a_check_has_not_is_refused(self):
        d = self.start()
        zlib = self.register(d, kind="module", name="zlib", argv=[PYTHON], cwd="/")
        self.assertEqual(d.request("POST", RUNS, {"kind": "check", "target": zlib, "dry_run": True}).json["cells"], [])
        for field, value in (("axes", {"threads": [1]}), ("cases", ["x"]), ("launches", 1), ("rounds", 1), ("seed", 1), ("precision", 0.01),
                             ("equivalence", 0.02), ("trace", "off"), ("sides", {"a": {}, "b": {}}), ("budget_s", -1), ("wait_s", -1),
                             ("env", {"LD_PRELOAD": "/x.so"}), ("modul", "zlib")):
            with self.subTest(field):
                a = d.request("POST", RUNS, {"kind": "check", "target": zlib, field: value})
                self.assertEqual((a.status, a.key), (400, "unknown-field" if field == "modul" else "bad-value"))
                self.assertIn(field, a.json["error"]["message"])

    def test_only_what_was_registered_is_imported(self):
        d = self.start()
        folder = self.register(d, kind="python", name="x.py", path=self.write("x.py", "def bench_x(): pass\n"))
        module = self.register(d, kind="module", name="zlib", argv=[PYTHON], cwd="/")
        for body, status, key in (({"kind": "check", "target": "zlib"}, 400, "bad-value"),
                                  ({"kind": "check", "target": "gil-contention"}, 400, "bad-value"),
                                  ({"kind": "check", "target": "@" + ID + "99"}, 404, "not-found"),
                                  ({"kind": "check", "target": "@../../etc/passwd"}, 404, "not-found"),
                                  ({"kind": "check", "target": folder}, 400, "bad-registered"),
                                  ({"kind": "check", "target": self.register(d, kind="module", name="zlib", argv=["python3"])}, 400, "bad-registered"),
                                  ({"kind": "check", "target": self.register(d, kind="module", name="zlib")}, 400, "bad-registered"),
                                  ({"kind": "check", "target": self.register(d, kind="module", name="x", path="x.so", argv=[PYTHON])}, 400, "bad-registered"),
                                  ({"kind": "check", "target": self.register(d, kind="module", name="x", argv=[PYTHON], calls="x.py")}, 400, "bad-registered"),
                                  ({"kind": "run", "target": module}, 400, "bad-registered"),
                                  ({"kind": "Check", "target": module}, 400, "bad-value")):
            with self.subTest(body):
                a = d.request("POST", RUNS, body)
                self.assertEqual((a.status, a.key), (status, key), a.body)
        self.assertEqual(d.get(RUNS)["runs"], [])
        self.assertEqual(d.request("POST", RUNS, {"kind": "check", "target": module}).status, 202)
