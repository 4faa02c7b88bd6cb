"""Traces over HTTP: what is refused, what a trace is from its beginning to its deletion, its streams and exports."""
import json
import socket
import subprocess

from daemon import Case, FINAL, Shared, Stream, wait_for
from traced import Waiting, cannot_trace

NOBODY = "01J00000000000000000000000"
PATIENCE = 60


class Refusals(Shared):
    def refused(self, body, status, key, *words):
        a = self.d.request("POST", "/api/v1/traces", body)
        self.assertEqual((a.status, a.key), (status, key), a.body)
        for word in words:
            self.assertIn(word, a.json["error"]["message"])
        return a.json["error"]

    def test_requests_that_cannot_be(self):
        for pid in (0, -1, 2**31, 2**53):
            self.refused({"pid": pid}, 400, "bad-value", "pid")
        for pid in ("x", 1.5, [1]):
            self.refused({"pid": pid}, 400, "bad-value", "pid")
        self.refused({}, 400, "bad-value", "pid")
        for seconds in (0, 0.05, -1, 86401, "1"):
            self.refused({"pid": 1, "seconds": seconds}, 400, "bad-value", "seconds")
        for level in ("counters", "off", ""):
            self.assertIn("events", self.refused({"pid": 1, "level": level}, 400, "unknown-value", "level")["hint"])
        for most in (0, -1, 1000, 2**40):
            self.refused({"pid": 1, "max_bytes": most}, 400, "bad-value", "max_bytes")
        self.assertIn("seconds", self.refused({"pid": 1, "secunds": 1}, 400, "unknown-field", "secunds")["hint"])
        self.refused({"pid": 1, "await": 1}, 400, "bad-value", "await")
        self.assertEqual(self.d.get("/api/v1/traces"), {"traces": [], "next": None})

    def test_a_process_that_is_not_there(self):
        with Waiting() as gone:
            pass
        lack = cannot_trace(self.d)
        if lack:
            self.skipTest(lack)
        self.refused({"pid": gone.pid}, 404, "no-such-process", str(gone.pid))
        self.refused({"pid": gone.pid, "await": True}, 404, "no-such-process", str(gone.pid))
        self.assertEqual(self.d.get("/api/v1/traces")["traces"], [])

    def test_a_process_that_runs_no_python(self):
        lack = cannot_trace(self.d)
        if lack:
            self.skipTest(lack)
        with subprocess.Popen(["sleep", "600"]) as process:
            self.addCleanup(process.kill)
            self.refused({"pid": process.pid, "seconds": 1}, 422, "layout-unknown", "Python")
            process.kill()
        self.assertEqual(self.d.get("/api/v1/traces")["traces"], [])

    def test_traces_that_are_not_there(self):
        for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/export"), ("POST", "/stop"), ("DELETE", "")):
            a = self.d.request(method, f"/api/v1/traces/{NOBODY}{path}")
            self.assertEqual((a.status, a.key), (404, "not-found"), (method, path))
            self.assertEqual(self.d.request(method, f"/api/v1/traces/{NOBODY}{path}", token=False).status, 401)
        self.assertEqual(self.d.request("POST", "/api/v1/traces", {"pid": 1}, token=False).status, 401)

    def test_queries(self):
        for query, key in (("limit=0", "bad-value"), ("limit=1001", "bad-value"), ("limit=x", "bad-value"), ("rum=x", "unknown-field")):
            a = self.d.request("GET", f"/api/v1/traces?{query}")
            self.assertEqual((a.status, a.key), (400, key), query)
        a = self.d.request("GET", f"/api/v1/traces/{NOBODY}/export?format=perfeto")
        self.assertEqual((a.status, a.key), (400, "bad-value"))
        self.assertIn("perfetto", a.body.decode())
        self.assertEqual(self.d.get(f"/api/v1/traces?run={NOBODY}")["traces"], [])


class Tracing(Shared):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lack = cannot_trace(cls.d)

    def setUp(self):
        if self.lack:
            self.skipTest(self.lack)
        self.program = self.enterContext(Waiting())

    def begin(self, pid=None, **more):
        a = self.d.request("POST", "/api/v1/traces", {"pid": pid or self.program.pid, **more})
        self.assertEqual(a.status, 202, a.body)
        self.assertEqual(a.headers["Location"], f"/api/v1/traces/{a.json['id']}")
        self.addCleanup(self.d.request, "POST", f"/api/v1/traces/{a.json['id']}/stop")
        return a.json["id"]

    def document(self, trace):
        return self.d.get(f"/api/v1/traces/{trace}")

    def stop(self, trace):
        a = self.d.request("POST", f"/api/v1/traces/{trace}/stop")
        self.assertEqual(a.status, 200, a.body)
        return a.json

    def wait_state(self, trace, state):
        return wait_for(f"{trace} is {state}", PATIENCE, lambda: (d := self.document(trace))["state"] == state and d)

    def row(self, trace):
        return next(t for t in self.d.get("/api/v1/traces")["traces"] if t["id"] == trace)

    def test_a_trace_from_asking_to_deleting(self):
        trace = self.begin(seconds=2, command="spin.py")
        d = self.document(trace)
        self.assertEqual((d["schema"], d["id"], d["state"], d["pid"]), ("benchd.trace.v1", trace, "running", self.program.pid))
        row = self.row(trace)
        self.assertEqual((row["state"], row["pid"], row["command"], row["level"], row["run"]), ("running", self.program.pid, "spin.py", "events", None))
        a = self.d.request("DELETE", f"/api/v1/traces/{trace}")
        self.assertEqual((a.status, a.key), (409, "conflict"))
        self.assertEqual(self.document(trace)["state"], "running")  # nothing came of that
        with Stream(self.d, trace, of="traces") as s:
            self.assertTrue(s.headers["Content-Type"].startswith("text/event-stream"))
            events = list(s)
        self.assertEqual([e[0] for e in events], sorted({e[0] for e in events}))
        self.assertEqual({e[1] for e in events}, {"trace", "state"})
        self.assertEqual(events[-1][1:], ("state", {"state": "complete", "reason": None}))
        a = self.d.request("GET", f"/api/v1/traces/{trace}")
        d = a.json
        self.assertEqual((d["state"], d["reason"], d["run"]), ("complete", None, None))
        self.assertGreater(d["waits"], 0)
        self.assertEqual([e[2] for e in events if e[1] == "trace"][-1], d)  # the last snapshot is the document
        b = self.d.request("GET", f"/api/v1/traces/{trace}", headers={"If-None-Match": a.headers["ETag"]})
        self.assertEqual((b.status, b.body), (304, b""))
        row = self.row(trace)
        self.assertEqual((row["state"], row["waits"], row["wait_ns"], row["lost"], row["bytes"]),
                         ("complete", d["waits"], d["wait_ns"], d["lost"], d["bytes"]))
        self.assertAlmostEqual(row["seconds"], d["seconds"], delta=0.1)
        self.assertEqual(self.stop(trace), d)  # it has ended: that is no error, and changes nothing
        a = self.d.request("DELETE", f"/api/v1/traces/{trace}")
        self.assertEqual((a.status, a.body), (204, b""))
        for path in ("", "/events", "/export"):
            self.assertEqual(self.d.request("GET", f"/api/v1/traces/{trace}{path}").status, 404)
        self.assertNotIn(trace, [t["id"] for t in self.d.get("/api/v1/traces")["traces"]])

    def test_pages(self):
        traces = [self.begin(seconds=0.2) for _ in range(3)]
        for trace in traces:
            self.wait_state(trace, "complete")
        first = self.d.get("/api/v1/traces?limit=2")
        self.assertEqual([t["id"] for t in first["traces"]], traces[:0:-1])
        self.assertEqual(self.d.get(f"/api/v1/traces?limit=1&before={first['next']}")["traces"][0]["id"], traces[0])

    def test_it_goes_on_until_it_is_stopped(self):
        trace = self.begin(keep=True)
        first = self.document(trace)["waits"]
        wait_for("more waits", PATIENCE, lambda: self.document(trace)["waits"] > first)
        d = self.stop(trace)
        self.assertEqual((d["state"], d["reason"]), ("complete", None))
        self.assertEqual(self.document(trace), d)

    def test_it_ends_with_its_process(self):
        trace = self.begin()
        with Stream(self.d, trace, of="traces") as s:
            first = next(iter(s))
            self.assertEqual((first[1], first[2]["state"]), ("trace", "running"))
            self.program.process.kill()
            self.program.process.wait()
            last = list(s)[-1]
        self.assertEqual((last[1], last[2]["state"], last[2]["reason"]["key"]), ("state", "complete", "target-ended"))
        self.assertEqual(self.document(trace)["reason"], last[2]["reason"])

    def test_nobody_watches_any_more(self):
        unwatched, kept = self.begin(), self.begin(keep=True)
        for trace in unwatched, kept:
            with Stream(self.d, trace, of="traces") as s:
                self.assertEqual(next(iter(s))[1], "trace")
        self.wait_state(unwatched, "complete")
        self.assertEqual(self.document(kept)["state"], "running")
        self.stop(kept)

    def test_streams_resume(self):
        trace = self.begin()
        with Stream(self.d, trace, of="traces") as s:
            events = iter(s)
            seen = next(events)[0]
            seen = max(seen, next(events)[0])
        with Stream(self.d, trace, last=seen, of="traces") as s:
            self.stop(trace)
            rest = list(s)
        self.assertTrue(all(e[0] > seen for e in rest), rest)
        self.assertEqual([rest[-1][1], rest[-1][2]["state"]], ["state", "complete"])
        with Stream(self.d, trace, last=rest[-1][0], of="traces") as s:
            self.assertEqual((s.status, list(s)), (204, []))
        for last in (10**9, -5, "x", None):
            with Stream(self.d, trace, last=last, of="traces") as s:
                self.assertEqual([e[1] for e in s], ["trace", "state"])  # of what it missed the latest

    def test_clients_that_do_not_read_hold_nobody_up(self):
        trace = self.begin(seconds=3)
        sockets = []
        for _ in range(20):
            s = socket.socket()
            self.addCleanup(s.close)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.connect(("127.0.0.1", self.d.port))
            s.sendall((f"GET /api/v1/traces/{trace}/events HTTP/1.1\r\nHost: 127.0.0.1:{self.d.port}\r\n"
                       f"Authorization: Bearer {self.d.token}\r\n\r\n").encode())
            sockets.append(s)
        with Stream(self.d, trace, of="traces") as s:
            events = list(s)
        self.assertEqual(events[-1][2]["state"], "complete")
        self.assertGreater(len([e for e in events if e[1] == "trace"]), 3)

    def test_64_streams_and_exports_count(self):
        trace = self.begin()
        streams = []
        self.addCleanup(lambda: [s.close() for s in streams])
        for _ in range(64):
            streams.append(Stream(self.d, trace, of="traces"))
            self.assertEqual(streams[-1].status, 200)
        for path in ("events", "export"):
            a = self.d.request("GET", f"/api/v1/traces/{trace}/{path}")
            self.assertEqual((a.status, a.key), (503, "too-many-streams"), path)
            self.assertGreater(int(a.headers["Retry-After"]), 0)
        self.assertEqual(self.document(trace)["state"], "running")
        self.stop(trace)
        self.assertEqual([list(s)[-1][2]["state"] for s in streams], ["complete"] * 64)

    def test_exports(self):
        trace = self.begin()
        wait_for("something stored", PATIENCE, lambda: self.row(trace)["bytes"] > 0)
        self.export(trace)  # while it goes on: what there is
        self.stop(trace)
        self.export(trace)
        a = self.d.request("HEAD", f"/api/v1/traces/{trace}/export?format=speedscope")
        self.assertEqual((a.status, a.body), (200, b""))
        # without chunks the end of the connection is the end of the file
        old = self.d.raw((f"GET /api/v1/traces/{trace}/export?format=collapsed HTTP/1.0\r\nHost: 127.0.0.1:{self.d.port}\r\n"
                          f"Authorization: Bearer {self.d.token}\r\n\r\n").encode())
        self.assertEqual((old.status, old.headers["Transfer-Encoding"]), (200, None))
        self.assertEqual(old.body, self.d.request("GET", f"/api/v1/traces/{trace}/export?format=collapsed").body)

    def export(self, trace):
        for form in ("perfetto", "speedscope", "collapsed"):
            a = self.d.request("GET", f"/api/v1/traces/{trace}/export?format={form}")
            self.assertEqual(a.status, 200, form)
            self.assertIn(f'filename="trace-{trace}.', a.headers["Content-Disposition"])
            self.assertTrue(a.body)
            if form != "collapsed":
                json.loads(a.body)

    def test_eight_at_once(self):
        traces = [self.begin(keep=True) for _ in range(8)]
        a = self.d.request("POST", "/api/v1/traces", {"pid": self.program.pid})
        self.assertEqual((a.status, a.key), (503, "too-many"))
        self.stop(traces.pop())
        self.begin()  # room again

    def test_a_long_command_is_cut(self):
        trace = self.begin(seconds=0.2, command="é" * 2000)
        command = self.row(trace)["command"]
        self.assertTrue(command.startswith("éé") and command.endswith("é…"), command)
        self.assertLessEqual(len(command.encode()), 1024)


class OfARun(Case):
    def test_it_is_the_runs_from_its_beginning_to_its_deletion(self):
        d = self.start(measure=True)
        lack = cannot_trace(d)
        if lack:
            self.skipTest(lack)
        run = d.run(trace="events", axes={"threads": [2], "u": ["10us"], "gil": ["hold"]}, budget_s=60)
        listed = wait_for("its trace", PATIENCE, lambda: d.get(f"/api/v1/traces?run={run}")["traces"] or (d.state(run) in FINAL and self.fail(d.state(run))))
        trace = listed[0]["id"]
        self.assertEqual((listed[0]["run"], listed[0]["state"], listed[0]["pid"]), (run, "running", None))
        for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/stop"), ("DELETE", "")):
            a = d.request(method, f"/api/v1/traces/{trace}{path}")
            self.assertEqual((a.status, a.key), (409, "conflict"), (method, path))
        wait_for("waits in it", PATIENCE, lambda: d.get(f"/api/v1/traces?run={run}")["traces"][0]["bytes"] > 0)
        d.request("POST", f"/api/v1/runs/{run}/cancel")
        d.wait_state(run, FINAL)
        document = d.get(f"/api/v1/traces/{trace}")
        self.assertEqual((document["run"], document["state"]), (run, "cancelled"))
        self.assertGreater(document["waits"], 0)
        measured = {c["id"] for c in d.get(f"/api/v1/runs/{run}")["cells"] if c["samples"]}
        self.assertTrue(measured)
        self.assertLessEqual(measured, {c["id"] for c in document["cells"]})  # and those that only repeat one
        with Stream(d, trace, of="traces") as s:
            self.assertEqual([(e[1], e[2]["state"]) for e in s], [("trace", "cancelled"), ("state", "cancelled")])
        self.assertTrue(d.request("GET", f"/api/v1/traces/{trace}/export?format=collapsed").body)
        self.assertEqual(d.request("DELETE", f"/api/v1/runs/{run}").status, 204)
        self.assertEqual(d.request("GET", f"/api/v1/traces/{trace}").status, 404)
        self.assertEqual(d.get("/api/v1/traces")["traces"], [])
