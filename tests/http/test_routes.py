"""What openapi.json says is what is served: every example is made, and nothing is served beside it."""
import json
import os
import re

from daemon import Case, FINAL, Stream, wait_for
from traced import Waiting, cannot_trace


# what is answered 501 by a build without a dashboard
PAGES = ("/", "/runs/{id}", "/series/{id}", "/traces", "/traces/{id}", "/login", "/assets/{path}", "/api/v1/runs/{id}/page")


class Routes(Case):
    def test_served_is_documented(self):
        """The list of routes in the sources and openapi.json name the same."""
        d = self.start()
        documented = {(m.upper(), p) for p, ms in d.get("/api/v1/openapi.json")["paths"].items() for m in ms}
        folder = os.path.join(os.path.dirname(__file__), "..", "..", "daemon", "http", "routes")
        written = set()
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                written |= set(re.findall(r'\.method = "(\w+)",\s*\.path = "([^"]+)"', f.read()))
        self.assertEqual(documented, written)
        self.assertIn(("GET", "/api/v1/health"), documented)
        for method, path in documented:
            allow = d.request("OPTIONS", path.replace("{id}", "x"), token=False).headers["Allow"].split(", ")
            self.assertIn(method, allow)
            self.assertEqual({m for m in allow if m not in ("HEAD", "OPTIONS")}, {m for m, p in documented if p == path})

    def test_every_example_works(self):
        d = self.start(measure=True)
        paths = d.get("/api/v1/openapi.json")["paths"]
        examples = {(m.upper(), p): o["x-example"] for p, ms in paths.items() for m, o in ms.items()}
        for o in (o for ms in paths.values() for o in ms.values()):
            self.assertTrue(o["summary"])
            self.assertIn(str(o["x-example"]["status"]), o["responses"])
        made, dashboard = set(), d.get("/api/v1/health")["dashboard"]

        def make(method, path, run=""):
            example = examples[method, path]
            status = example["status"] if dashboard or path not in PAGES else 501
            body = json.loads(json.dumps(example["body"]).replace("{id}", run))
            if body and "pid" in body:
                body["pid"] = self.enterContext(Waiting()).pid
            a = d.request(method, example["path"].replace("{id}", run), body, timeout=120)
            self.assertEqual(a.status, status, (method, path, a.body))
            made.add((method, path))
            return a

        run = make("POST", "/api/v1/runs").json["id"]
        d.wait_samples(run)
        make("GET", "/api/v1/runs/{id}", run)
        self.assertTrue(make("GET", "/api/v1/runs/{id}/samples", run).json["samples"])
        make("POST", "/api/v1/runs/{id}/cancel", run)
        self.assertIn(b"event: state", make("GET", "/api/v1/runs/{id}/events", run).body)
        self.assertIn(d.state(run), FINAL)
        series = wait_for("its points", 30, lambda: d.get(f"/api/v1/series?run={run}")["series"])[0]["id"]
        self.assertTrue(make("GET", "/api/v1/series", run).json["series"])
        self.assertIn("time_ns_per_op", make("GET", "/api/v1/series/{id}", series).json["metrics"])
        self.assertEqual(make("GET", "/api/v1/series/{id}/points", series).json["points"][0]["run"], run)
        make("GET", "/api/v1/runs/{id}/page", run)
        self.assertEqual(make("GET", "/api/v1/compare", run).json["comparability"]["same"], True)
        self.assertEqual(make("POST", "/api/v1/gate", run).json["run"], run)
        self.assertIs(make("GET", "/api/v1/runs/{id}/recompute", run).json["same"], True)
        make("DELETE", "/api/v1/runs/{id}", run)
        self.assertEqual(d.request("GET", f"/api/v1/runs/{run}").status, 404)
        if not cannot_trace(d):
            trace = make("POST", "/api/v1/traces").json["id"]
            self.assertEqual(make("GET", "/api/v1/traces").json["traces"][0]["id"], trace)
            self.assertEqual(make("GET", "/api/v1/traces/{id}", trace).json["id"], trace)
            self.assertEqual(make("POST", "/api/v1/traces/{id}/stop", trace).json["state"], "complete")
            self.assertIn(b"event: trace", make("GET", "/api/v1/traces/{id}/events", trace).body)
            make("GET", "/api/v1/traces/{id}/export", trace)
            make("DELETE", "/api/v1/traces/{id}", trace)
        else:
            made |= {e for e in examples if e[1].startswith("/api/v1/traces")}
        last = ("POST", "/api/v1/daemon/stop")
        for method, path in sorted(set(examples) - made - {last}):
            make(method, path, run)
        make(*last)
        self.assertEqual(d.process.wait(30), 0)
        self.assertEqual(made, set(examples))

    def test_lists_are_not_empty(self):
        d = self.start()
        self.assertIn("gil-contention", [s["name"] for s in d.get("/api/v1/suites")["suites"]])
        self.assertIn("gil-contention", [c["name"] for c in d.get("/api/v1/cases")["cases"]])
        self.assertIn("capi", [b["name"] for b in d.get("/api/v1/bindings")["bindings"]])
        self.assertTrue([p for p in d.get("/api/v1/pythons")["pythons"] if p["default"]])
        checks = {c["name"]: c for c in d.get("/api/v1/doctor")["checks"]}
        for name in ("gil-waits", "python-lines"):  # what is missing comes with what mends it
            self.assertTrue(checks[name]["ok"] or checks[name]["hint"], checks[name])
        a = d.request("GET", "/api/v1/cases?python=9.9")
        self.assertGreaterEqual(a.status, 400)
        self.assertTrue(a.key)

    def test_a_run_from_asking_to_deleting(self):
        d = self.start(measure=True)
        plan = d.request("POST", "/api/v1/runs", {"target": "gil-contention", "axes": {"threads": [1], "u": ["1us"]}, "dry_run": True})
        self.assertEqual(plan.status, 200)
        self.assertEqual(plan.json["schema"], "benchd.plan.v1")
        self.assertEqual(d.get("/api/v1/runs")["runs"], [])  # a plan is no run
        run = d.run(labels={"who": "test", "n": "1"}, launches=1, rounds=1)
        listed = d.get("/api/v1/runs")["runs"][0]
        self.assertEqual((listed["id"], listed["labels"]), (run, {"who": "test", "n": "1"}))
        self.assertEqual(d.request("DELETE", f"/api/v1/runs/{run}").key, "conflict")
        with Stream(d, run) as s:
            events = list(s)
        self.assertEqual(events[-1][1:], ("state", {"state": "complete", "reason": None}))
        a = d.request("GET", f"/api/v1/runs/{run}")
        document = a.json
        self.assertEqual((document["schema"], document["run"]["id"], document["run"]["state"]), ("benchd.run.v1", run, "complete"))
        b = d.request("GET", f"/api/v1/runs/{run}", headers={"If-None-Match": a.headers["ETag"]})
        self.assertEqual((b.status, b.body), (304, b""))
        # every sample by cell, by id as by number, and all of them together
        everything = d.get(f"/api/v1/runs/{run}/samples")["samples"]
        cell = document["cells"][0]["id"]
        one = d.get(f"/api/v1/runs/{run}/samples?cell={cell.replace('/', '%2F').replace('=', '%3D')}")["samples"]
        self.assertTrue(one)
        self.assertEqual(one, [s for s in everything if s["cell"] == one[0]["cell"]])
        self.assertEqual(one, d.get(f"/api/v1/runs/{run}/samples?cell={one[0]['cell']}")["samples"])
        self.assertEqual(sum(t["ops"] for s in one for t in s["threads"] if s["kind"] == "main"), document["cells"][0]["iterations"])
        self.assertEqual(d.request("GET", f"/api/v1/runs/{run}/samples?cell=nothing").status, 404)
        self.assertEqual([r["id"] for r in d.get("/api/v1/runs?label=who%3Dtest")["runs"]], [run])
        self.assertEqual(d.get("/api/v1/runs?label=who%3Dother")["runs"], [])
        self.assertEqual(d.request("POST", f"/api/v1/runs/{run}/cancel").key, "conflict")
        a = d.request("DELETE", f"/api/v1/runs/{run}")
        self.assertEqual((a.status, a.body), (204, b""))
        for path in ("", "/samples", "/events"):
            self.assertEqual(d.request("GET", f"/api/v1/runs/{run}{path}").status, 404)

    def test_pages(self):
        d = self.start(measure=True)
        runs = [d.run(launches=1, rounds=1) for _ in range(3)]
        for run in reversed(runs):
            d.request("POST", f"/api/v1/runs/{run}/cancel")
        for run in runs:
            d.wait_state(run, FINAL)
        first = d.get("/api/v1/runs?limit=2")
        self.assertEqual([r["id"] for r in first["runs"]], runs[:0:-1])
        second = d.get(f"/api/v1/runs?limit=2&before={first['next']}")
        self.assertEqual(([r["id"] for r in second["runs"]], second["next"]), (runs[:1], None))
