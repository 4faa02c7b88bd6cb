"""Runs at level events: every wait is stored beside the run's figures, and what tracing costs is measured with it."""
import json
import unittest
import urllib.request

from alone import Alone
from schema import check_run

SMALL = ("--axis", "u=100us", "--axis", "gil=hold", "--threads", "1,2", "--launches", "1", "--rounds", "2")


class Events(Alone):
    def run_json(self, *args):
        out, _ = self.here("run", "--json", "gil-contention", *SMALL, *args)
        doc = json.loads(out)
        check_run(self, doc)
        return doc, [c for c in doc["cells"] if c["case"] == "gil-contention"]

    def test_the_trace_of_a_run_has_its_waits_and_what_they_cost(self):
        doc, cells = self.run_json("--trace", "events")
        for c in cells:
            gil = c["gil"]
            self.assertEqual((gil["mode"], gil["reason"]), ("events", None))
            self.assertEqual(gil["wait_ns"], gil["holder_ns"] + gil["runqueue_ns"] + gil["switch_ns"] + gil["mutex_ns"])
            self.assertEqual(gil["lost"], 0)
            self.assertIn("cost", gil)
            self.assertEqual(c["samples"], 2)  # those beside them are no samples of the cell
        kinds = [s["kind"] for s in self.samples(doc["run"]["id"])]
        self.assertEqual(kinds.count("untraced"), kinds.count("main"))
        two = next(c for c in cells if c["axes"]["threads"] == 2)
        self.assertGreater(two["gil"]["waits"], 0)
        self.assertGreater(two["gil"]["wait_share"], 0.2)

        trace = json.loads(self.here("trace", "--run", doc["run"]["id"], "--json")[0])
        self.assertEqual((trace["state"], trace["run"], trace["pid"], trace["own_pid"]), ("complete", doc["run"]["id"], None, None))
        of = {c["id"]: c for c in trace["cells"]}
        for c in cells:
            self.assertEqual((of[c["id"]]["waits"], of[c["id"]]["wait_ns"]), (c["gil"]["waits"], c["gil"]["wait_ns"]), c["id"])
            self.assertEqual(of[c["id"]]["cost"]["rounds"], 2)
        held = next(line for line in of[two["id"]]["lines"] if line["role"] == "holder")
        self.assertEqual(held["function"], "loop")
        text, _ = self.here("trace", "--run", doc["run"]["id"])
        self.assertIn("traced ÷ not", text)

    def samples(self, run):
        status = self.json("daemon", "status")
        with open(status["token_file"], encoding="utf-8") as f:
            token = f.read().strip()
        question = urllib.request.Request(f"{status['url']}/api/v1/runs/{run}/samples", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(question, timeout=60) as answer:
            return json.load(answer)["samples"]

    def test_other_levels_leave_no_trace(self):
        doc, cells = self.run_json("--trace", "counters")
        self.assertEqual({c["gil"]["mode"] for c in cells}, {"counters"})
        self.assertNotIn("cost", cells[0]["gil"])
        _, err = self.here("trace", "--run", doc["run"]["id"], status=66)
        self.assertIn("--trace events", err)

    def test_two_sides_are_not_told_apart_by_it(self):
        _, err = self.here("ab", "--a", "allocator=glibc", "--b", "allocator=glibc", "--trace", "events", "gil-contention", status=64)
        self.assertIn("one side", err)


if __name__ == "__main__":
    unittest.main()
