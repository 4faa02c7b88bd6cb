"""benchctl doctor --noise: what it says of runs that are made up, and a real one."""
import json
import re
import signal
import unittest

from ctl import PATIENCE, Case, golden, wait_for
from documents import whole_suite
from test_tables import render

MACHINE = {"steal_ms": 40.0, "throttled": None, "flagged_batches": 3, "batches": 300, "involuntary_per_s": 1.25, "probe_spread": 1.08,
           "load_before": 0.31, "load_after": 0.52, "mhz_lo": None, "mhz_hi": None}


def row(kind, ratio, half, launches=16, effect=0.012):
    """Of a run of 20 s; half None: no interval."""
    return {"kind": kind, "cell": "gil-contention/threads=1", "ratio": ratio, "lo": half and ratio / (1 + half), "hi": half and ratio * (1 + half),
            "smallest_effect": half and effect, "launches": launches}


def noise(rows, **head):
    doc = whole_suite()
    doc["noise"] = rows
    doc["run"].update({"suite": "noise", "wall_s": 20.0, "machine": MACHINE, "noise_line": "The machine was quiet."}, **head)
    return doc


CALM = [row("same-process", 1.001, 0.006, effect=0.008), row("second-process", 0.997, 0.012, effect=0.016)]


class Words(unittest.TestCase):
    def test_it_is_the_agreed_one(self):
        for columns in (80, 160):
            golden(self, f"noise-{columns}.txt", render("noise", noise(CALM), columns)[0])

    def test_a_longer_budget_sees_less_difference(self):
        """16 launches in 20 s: 8 in 10 s, so wider by the square root of 2; 36 in a minute, which are the most."""
        text = render("noise", noise(CALM), 200)[0]
        self.assertRegex(text, r"(?m)^same process .* ≥ 1\.1 % +≥ 0\.53 %$")
        self.assertRegex(text, r"(?m)^second process .* ≥ 2\.3 % +≥ 1\.1 %$")
        self.assertIn("about 1.1 %, within a minute from about 0.53 %; ", text)
        # never from fewer launches than a verdict needs
        few = render("noise", noise([row("same-process", 1.0, 0.01, launches=6, effect=0.01)], wall_s=60.0), 200)[0]
        self.assertRegex(few, r"(?m)^same process .* ≥ 1\.0 % +≥ 1\.0 %$")

    def test_a_row_that_does_not_hold_1_is_not_passed_over(self):
        self.assertNotIn("does not hold 1", render("noise", noise(CALM), 200)[0])
        for ratio in (1.05, 0.95):
            text = render("noise", noise([CALM[0], row("second-process", ratio, 0.012)]), 200)[0].replace("\n", " ")
            self.assertIn("The second process row does not hold 1", text)
            self.assertNotIn("same process row", text)

    def test_without_an_interval_nothing_is_claimed(self):
        for rows in ([], [row("same-process", 1.02, None, launches=3)]):
            text = render("noise", noise(rows, state="cancelled"), 200)[0].replace("\n", " ")
            self.assertIn("not known yet", text)
            self.assertNotIn("≥", text)
            self.assertNotIn("within", text.partition("not known yet")[0])

    def test_what_could_not_be_read_is_left_out(self):
        text = render("noise", noise(CALM), 200)[0]
        self.assertIn("speed within 1.08×, 3 batches disturbed, 40 ms stolen", text)
        self.assertNotIn("quota", text)
        self.assertNotIn("Figures", render("noise", noise(CALM, machine=None), 200)[0])


class Real(Case):
    def test_a_whole_one(self):
        for seconds in (6, 20, 60):  # a busy machine disturbs whole launches
            p = self.popen("doctor", "--noise", f"{seconds}s", "--json")
            doc = json.loads(p.communicate(timeout=PATIENCE)[0])
            self.assertEqual((doc["schema"], doc["state"]), ("benchd.noise.v1", "complete"))
            known = [r for r in doc["rows"] if r["lo"] is not None]
            # there is an answer exactly when both rows have an interval
            self.assertEqual(p.returncode, 0 if len(known) == 2 else 2)
            for r in doc["rows"]:
                self.assertEqual(r["lo"] is not None, r["launches"] >= 6, r)
            if p.returncode == 0:
                break
        self.assertEqual([r["kind"] for r in known], ["same-process", "second-process"])
        for r in known:
            self.assertTrue(r["lo"] < r["ratio"] < r["hi"], r)
            ten, sixty = (s["smallest_effect"] for s in r["seen"])
            self.assertEqual([s["budget_s"] for s in r["seen"]], [10, 60])
            self.assertTrue(0 < sixty <= ten, r)
        self.assertGreater(doc["machine"]["batches"], 0)
        self.assertIn("within 10 s", doc["summary"])
        # an ordinary run, found by its label
        stored = self.json("runs", "list", "--label", "doctor=noise")["runs"][0]
        self.assertEqual((stored["id"], stored["suite"], stored["state"]), (doc["run"], "noise", "complete"))
        self.assertEqual(self.json("runs", "show", doc["run"])["run"]["plan"]["budget_s"], seconds)

    def test_ctrl_c_tells_what_there_is(self):
        p = self.popen("doctor", "--noise", "60s", "--json")
        run = wait_for("the run is stored", PATIENCE, lambda: self.json("runs", "list", "--state", "running")["runs"])[0]
        wait_for("it has figures", PATIENCE, lambda: self.json("runs", "show", run["id"])["cells"][0]["samples"])
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 2, err)
        doc = json.loads(out)
        self.assertEqual((doc["run"], doc["state"]), (run["id"], "cancelled"))

    def test_a_time_that_is_too_short_is_refused(self):
        _, err = self.ctl("doctor", "--noise", "4s", status=64)
        self.assertTrue(re.search(r"--noise needs 5 s", err), err)
        self.ctl("doctor", "--noise", status=64)
        self.ctl("doctor", "--noise", "soon", status=64)


if __name__ == "__main__":
    unittest.main()
