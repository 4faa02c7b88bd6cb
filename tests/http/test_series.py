"""Series: what runs measured, cell by cell over time."""
import signal
import threading

from daemon import Case, FINAL, Shared, wait_for

METRICS = {"time_ns_per_op": "ns", "throughput_ops_s": "ops/s", "ratio": None, "scaling": None, "wait_share": None}
AXES = {"threads": [1, 2], "u": ["1us"]}


def wait_points(d, run):
    """A run has points a moment after its state is final, and before the last event says so."""
    d.wait_state(run, FINAL)
    wait_for(f"points of {run}", 30, lambda: d.get(f"/api/v1/series?run={run}")["series"])


def figure(cell, metric):
    """[value, lo, hi] of the run document."""
    if metric == "wait_share":
        return [cell["gil"]["wait_share"] if cell["gil"] else None, None, None]
    return [cell[metric][k] if cell[metric] else None for k in ("median", "lo", "hi")]


class Series(Shared):
    measure = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.runs = [cls.d.run(launches=1, rounds=1, axes=AXES), cls.d.run(launches=6, rounds=1, axes=AXES, trace="off")]
        for run in cls.runs:
            wait_points(cls.d, run)
        cls.documents = [cls.d.get(f"/api/v1/runs/{run}") for run in cls.runs]

    def points(self, series, metric, query=""):
        return self.d.get(f"/api/v1/series/{series}/points?metric={metric}{query}")

    def test_points_are_the_figures_of_the_documents(self):
        seen = {m: 0 for m in METRICS}
        for cell in self.documents[1]["cells"]:
            known = self.d.get(f"/api/v1/series/{cell['series']}")
            self.assertEqual([known[k] for k in ("id", "case", "cell", "axes", "runs")],
                             [cell["series"], cell["case"], cell["id"], cell["axes"], 2])
            self.assertEqual(known["last"], {"run": self.runs[1], "started": self.documents[1]["run"]["started"]})
            for metric, unit in METRICS.items():
                answer = self.points(cell["series"], metric)
                self.assertEqual([answer[k] for k in ("schema", "series", "metric", "unit", "next")],
                                 ["benchd.points.v1", cell["series"], metric, unit, None])
                self.assertEqual([p["run"] for p in answer["points"]], self.runs)
                for p, document in zip(answer["points"], self.documents):
                    c = next(c for c in document["cells"] if c["series"] == cell["series"])
                    self.assertEqual([p["value"], p["lo"], p["hi"]], figure(c, metric), (metric, c["id"]))
                    self.assertEqual([p["status"], p["complete"]], [c["status"], c["complete"]])
                    for k in ("started", "suite", "comparability_key"):
                        self.assertEqual(p[k], document["run"][k])
                    if metric == "ratio" and c["ratio"]:
                        self.assertEqual(p["to"], c["ratio"]["to"])
                    if metric == "wait_share" and document is self.documents[1]:
                        self.assertEqual(p["reason"], c["gil"]["reason"])
                    seen[metric] += p["value"] is not None
                self.assertEqual(metric in known["metrics"], any(p["value"] is not None for p in answer["points"]))
        self.assertTrue(all(n for m, n in seen.items() if m != "wait_share"), seen)  # that one needs rights

    def test_pages(self):
        series = self.documents[0]["cells"][0]["series"]
        last = self.points(series, "ratio", "&limit=1")
        self.assertEqual([p["run"] for p in last["points"]], self.runs[1:])
        first = self.points(series, "ratio", f"&limit=1&before={last['next']}")
        self.assertEqual(([p["run"] for p in first["points"]], first["next"]), (self.runs[:1], None))
        everything, after = [], ""
        while after is not None:
            page = self.d.get(f"/api/v1/series?run={self.runs[0]}&limit=2{after and '&after=' + after}")
            self.assertLessEqual(len(page["series"]), 2)
            everything += page["series"]
            after = page["next"]
        self.assertEqual([s["cell"] for s in everything], [c["id"] for c in self.documents[0]["cells"]])
        self.assertEqual([s["id"] for s in everything], [c["series"] for c in self.documents[0]["cells"]])

    def test_lists(self):
        everything = self.d.get("/api/v1/series")
        cases = {c["case"] for c in self.documents[0]["cells"]}
        self.assertEqual({s["case"] for s in everything["series"]}, cases)
        self.assertGreater(len(cases), 1)
        for case in cases:
            self.assertEqual({s["case"] for s in self.d.get(f"/api/v1/series?case={case}")["series"]}, {case})
        self.assertEqual(self.d.get("/api/v1/series?case=nothing"), {"series": [], "next": None})

    def test_refusals(self):
        series = self.documents[0]["cells"][0]["series"]
        for path, status, key in ((f"{series}/points?metric=rato", 400, "bad-value"), (f"{series}/points?limit=0", 400, "bad-value"),
                                  (f"{series}/points?limit=1001", 400, "bad-value"), (f"{series}/points?limit=18446744073709551617", 400, "bad-value"),
                                  (f"{series}/points?metrics=ratio", 400, "unknown-field"), ("0" * 16, 404, "not-found"),
                                  ("0" * 16 + "/points", 404, "not-found"), (series.upper() + "0", 404, "not-found"), ("%25", 404, "not-found"),
                                  ("x" * 5000, 404, "not-found"), (f"{series}/point", 404, "not-found"), ("?run=nothing", 404, "not-found"),
                                  ("?after=nothing", 400, "bad-value"), ("?limit=x", 400, "bad-value")):
            a = self.d.request("GET", "/api/v1/series" + ("" if path[0] == "?" else "/") + path)
            self.assertEqual((a.status, a.key), (status, key), path)

    def test_rows_tell_how_cells_did(self):
        for row in self.d.get("/api/v1/runs")["runs"]:
            if row["id"] in self.runs:
                cells = self.documents[self.runs.index(row["id"])]["cells"]
                want = {s: sum(c["status"] == s for c in cells) for s in ("ok", "unsupported", "invalid", "failed", "interrupted")}
                self.assertEqual((row["statuses"], row["reason"]), (want, None))


class Unfinished(Case):
    def test_only_finished_runs_have_points(self):
        d = self.start(measure=True)
        run = d.run(budget_s=60, axes=AXES)
        self.assertEqual(sum(d.get("/api/v1/runs")["runs"][0]["statuses"].values()), 0)
        d.wait_samples(run)
        row = wait_for("a cell that counts", 30, lambda: (r := d.get("/api/v1/runs")["runs"][0])["statuses"]["ok"] and r)
        self.assertEqual((row["state"], row["reason"]), ("running", None))
        series = d.get(f"/api/v1/runs/{run}")["cells"][0]["series"]
        self.assertEqual(d.get(f"/api/v1/series?run={run}"), {"series": [], "next": None})
        self.assertEqual(d.request("GET", f"/api/v1/series/{series}").key, "not-found")
        d.end(signal.SIGKILL)
        again = self.start(data=d.data)
        row = again.get("/api/v1/runs")["runs"][0]
        self.assertEqual((row["state"], row["reason"]["key"]), ("interrupted", "interrupted"))
        document = again.get(f"/api/v1/runs/{run}")
        self.assertTrue(again.request("GET", f"/api/v1/runs/{run}").headers["ETag"])  # it is stored, not made anew
        points = again.get(f"/api/v1/series/{series}/points")["points"]
        self.assertEqual([(p["run"], p["value"]) for p in points], [(run, document["cells"][0]["time_ns_per_op"]["median"])])
        self.assertFalse(points[0]["complete"])
        self.assertEqual(row["statuses"]["ok"], sum(c["status"] == "ok" for c in document["cells"]))

    def test_a_run_is_deleted_while_its_series_is_read(self):
        d = self.start(measure=True)
        runs = [d.run(launches=1, rounds=1, axes=AXES) for _ in range(4)]
        for run in runs:
            wait_points(d, run)
        series = d.get(f"/api/v1/runs/{runs[0]}")["cells"][0]["series"]
        over, wrong = threading.Event(), []

        def read():
            """Whatever is answered is of one moment: some of the runs in their order, or none and no series."""
            while not over.is_set():
                a = d.request("GET", f"/api/v1/series/{series}/points")
                if a.status == 200:
                    got = [p["run"] for p in a.json["points"]]
                    if got != runs[len(runs) - len(got):] or not got or any(p["value"] is None for p in a.json["points"]):
                        wrong.append(got)
                elif (a.status, a.key) != (404, "not-found"):
                    wrong.append((a.status, a.body))
                a = d.request("GET", "/api/v1/series")
                if a.status != 200 or any(s["runs"] < 1 for s in a.json["series"]):
                    wrong.append((a.status, a.body))
        readers = [threading.Thread(target=read) for _ in range(3)]
        for r in readers:
            r.start()
        for run in runs:
            self.assertEqual(d.request("DELETE", f"/api/v1/runs/{run}").status, 204)
        over.set()
        for r in readers:
            r.join()
        self.assertEqual(wrong, [])
        self.assertEqual(d.request("GET", f"/api/v1/series/{series}").key, "not-found")
        self.assertEqual(d.get("/api/v1/series"), {"series": [], "next": None})
