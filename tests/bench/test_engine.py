"""Parts of bench/engine whose figures nobody would doubt: its own statistics, its rows, its truths, its load."""
import contextlib
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINE = os.path.join(HERE, "..", "..", "bench", "engine")
sys.path[:0] = [ENGINE, os.path.join(HERE, "..")]

import load  # noqa: E402 (the path comes first)
import ours  # noqa: E402
import peers  # noqa: E402
import run  # noqa: E402
import table  # noqa: E402
import workloads  # noqa: E402
from waiting import wait_for  # noqa: E402

PYTHON = "/usr/bin/python3"


def trial(**more):
    record = {"kind": "trial", "tool": "benchd", "function": "bench_spin", "purpose": "verdict", "nominal": 0.0, "truth": 1.0, "load": False,
              "seconds": 4.0, "verdict": "no difference", "ratio": 1.001, "lo": 0.99, "hi": 1.01, "smallest_effect": 0.008, "equivalence": 0.02}
    return {**record, **more}


def rows(records):
    """What is printed, by what each row is about: its other columns."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        table.show(records)
    found = {}
    for line in out.getvalue().splitlines():
        if line.startswith("| ") and not line.startswith("| what"):
            what, *rest = line.strip("| ").split(" | ")
            found[what] = rest
    return found


class Statistics(unittest.TestCase):
    def test_wilson(self):
        # Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29
        for k, n, lo, hi in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):
            got = table.wilson(k, n)
            self.assertAlmostEqual(got[0], lo, 4)
            self.assertAlmostEqual(got[1], hi, 4)
        self.assertEqual(table.wilson(20, 20)[1], 1.0)

    def test_bars_are_those_of_the_design(self):
        self.assertEqual(table.most_by_chance(400), 27)
        self.assertEqual(table.most_by_chance(1), 0)
        for n in (1, 3, 10, 57, 400):
            k = table.most_by_chance(n)

            def at_most(m, n=n):
                return sum(math.comb(n, i) * 0.05 ** i * 0.95 ** (n - i) for i in range(m + 1))

            self.assertGreaterEqual(at_most(k), 0.95)
            if k:
                self.assertLess(at_most(k - 1), 0.95)

    def test_t(self):
        # tables of Student's t: two-sided 5 %
        for df, t in ((1, 12.7062), (5, 2.5706), (18, 2.1009), (7.5, 2.3325), (1000, 1.9623)):
            self.assertAlmostEqual(table.t_tail(t, df), 0.05, 4)
        self.assertEqual(table.t_tail(0, 5), 1.0)

    def test_welch(self):
        # Welch 1951's own way on a pair that can be reckoned by hand: equal variances 2.5, means 1 apart, 5 each: t = 1, df = 8
        self.assertAlmostEqual(table.welch_p([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]), 0.3466, 4)
        self.assertLess(table.welch_p([1, 2, 3, 4, 5], [11, 12, 13, 14, 15]), 0.001)
        self.assertEqual(table.welch_p([1, 1], [1, 1]), 1.0)
        self.assertEqual(table.welch_p([1, 1], [2, 2]), 0.0)


class Rows(unittest.TestCase):
    def test_false_alarms_count_both_directions(self):
        what = "false alarms, (a) 200 ns native loop, quiet"
        calm = [trial() for _ in range(100)]
        self.assertEqual(rows(calm)[what][1:3], ["0/100 [0.0%, 3.7%]", "reached"])
        alarmed = calm[:90] + [trial(verdict="slower")] * 5 + [trial(verdict="faster")] * 5
        self.assertEqual(rows(alarmed)[what][:3], ["≤ 9 of 100", "10/100 [5.5%, 17.4%]", "**missed**"])
        # undecided is none, and what belongs to another condition does not count here
        others = calm + [trial(verdict="undecided")] + [trial(verdict="slower", load=True), trial(verdict="slower", nominal=0.02, truth=1.02),
                                                        trial(verdict="slower", tool="pyperf"), trial(verdict="slower", purpose="precision")]
        self.assertEqual(rows(others)[what][1:3], ["0/101 [0.0%, 3.7%]", "reached"])
        self.assertEqual(rows(others)[what][3], "pyperf 1/1")

    def test_equal_copies_are_said_to_be_equal_up_to_something(self):
        records = [trial()] * 3 + [trial(verdict="undecided", smallest_effect=None)]
        self.assertEqual(rows(records)["equal copies: `no difference`, (a) 200 ns native loop"][1],
                         "3/4 [30.1%, 95.4%], of ≥ 2.0% as the median; `smallest_effect` 0.80% as the median")

    def test_coverage_is_of_the_truth(self):
        what = "the interval covers the truth, (a) 200 ns native loop, true 1.0200"
        inside = trial(nominal=0.02, truth=1.02, lo=1.015, hi=1.025)
        beside = trial(nominal=0.02, truth=1.02, lo=0.999, hi=1.01)
        self.assertEqual(rows([inside] * 380 + [beside] * 20)[what], ["≥ 372 of 400", "380/400 [92.4%, 96.7%]", "reached", "–"])
        self.assertEqual(rows([inside] * 371 + [beside] * 29)[what][2], "**missed**")

    def test_power_is_in_the_right_direction(self):
        what = "+2 % is found, (a) 200 ns native loop"
        found = trial(nominal=0.02, truth=1.02, ratio=1.021, verdict="slower")
        self.assertEqual(rows([found] * 19 + [trial(nominal=0.02, truth=1.02, verdict="undecided")])[what][2], "reached, of few")
        self.assertEqual(rows([found] * 18 + [trial(nominal=0.02, truth=1.02, verdict="faster")] * 2)[what][2], "**missed**, of few")
        time, error = (rows([found] * 100)[f"{name}, (a) 200 ns native loop"] for name in ("time until then", "error of the ratio"))
        self.assertEqual(time[1:3], ["4.0 s", "reached"])
        self.assertEqual(error[1:3], ["0.10%, at most 0.10%", "reached"])
        self.assertEqual(rows([{**found, "seconds": 6.0, "ratio": 1.03}] * 100)["time until then, (a) 200 ns native loop"][2], "**missed**")
        self.assertEqual(rows([{**found, "ratio": 1.03}] * 100)["error of the ratio, (a) 200 ns native loop"][2], "**missed**")

    def test_smallest_effect_can_be_too_small_and_too_large(self):
        name = "power at the printed `smallest_effect`, (c) pure-Python call (+0.90% to +0.90%)"
        for found, said in ((80, "reached"), (95, "**missed**"), (65, "**missed**")):
            records = [trial(function="bench_call", purpose="smallest", nominal=None, truth=1.009, verdict="slower" if i < found else "undecided")
                       for i in range(100)]
            self.assertEqual(rows(records)[name][2], said)

    def test_precision_is_beside_what_was_measured_today(self):
        name = "time to a true ±1 %, (a) 200 ns native loop"
        theirs = trial(tool="pyperf", seconds=30.0, ratio=1.05)
        got = rows([trial(purpose="precision", seconds=5.9), theirs])[name]
        self.assertIn("6.0 s", got[0])
        self.assertEqual(got[2:], ["reached, of few", "pyperf 30.0 s, 0/1 within"])
        self.assertEqual(rows([trial(purpose="precision", seconds=6.1), theirs])[name][2], "**missed**, of few")
        self.assertEqual(rows([trial(purpose="precision", seconds=3.0, ratio=1.02), theirs])[name][2], "**missed**, of few")

    def test_a_peer_that_is_not_there_is_said_to_be(self):
        records = [trial(), {"kind": "missing", "tool": "hyperfine", "reason": "no such package"}]
        self.assertEqual(rows(records)["false alarms, (a) 200 ns native loop, quiet"][3], "hyperfine not available (no such package)")
        # one that failed once and answered otherwise has its figures
        records += [trial(tool="hyperfine", verdict="none"), trial(tool="pytest-benchmark min", verdict="slower"),
                    {"kind": "missing", "tool": "pytest-benchmark", "reason": "once"}]
        self.assertEqual(rows(records)["false alarms, (a) 200 ns native loop, quiet"][3], "pytest-benchmark min 1/1; hyperfine 0/1")

    def test_a_pair_without_an_answer_is_not_passed_over(self):
        what = "pairs and figures without an answer (a cell failed or was invalid)"
        self.assertEqual(rows([trial()])[what][:3], ["0", "0 beside 1", "reached"])
        self.assertEqual(rows([trial(), {"kind": "failed", "what": "a", "reason": "why"}])[what][:3], ["0", "1 beside 1: why", "**missed**"])

    def test_figures(self):
        records = [{"kind": "figure", "name": "start_ms", "value": v} for v in (20.0, 40.0)]
        self.assertEqual(rows(records)["worker start to first batch"], ["≤ 150 ms", "20 ms – 40 ms (2 times)", "reached"])
        # the worst of them decides
        records.append({"kind": "figure", "name": "start_ms", "value": 151.0})
        self.assertEqual(rows(records)["worker start to first batch"][2], "**missed**")
        lacking = rows([{"kind": "figure_missing", "name": "recompute_s", "reason": "why"}])
        self.assertEqual(lacking["1 M samples, all cells recomputed (`runs show --recompute`)"][1], "not available (why)")

    def test_records_add_up_over_sessions(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "r.jsonl")
            with run.Records(path) as records:
                records.add(**trial())
            with open(path, "a", encoding="utf-8") as f:
                f.write('{"kind": "trial", "to')  # a session that was killed
            self.assertEqual(len(table.read(path)), 1)
            with run.Records(path) as again:
                again.add(**trial())
                self.assertEqual(len(again.all), 2)
            self.assertEqual(len(table.read(path)), 2)


class Conditions(unittest.TestCase):
    def test_every_row_has_what_it_needs_and_nothing_twice(self):
        everything = run.conditions(set(run.PAIRED), ["a", "b", "c"])
        self.assertEqual(len(everything), len(set(everything)))
        self.assertEqual(run.conditions(set(), ["a"]), [])
        self.assertEqual(run.conditions({"smallest"}, ["a"]), [])
        self.assertEqual({c[:3] for c in run.conditions({"alarms"}, ["c"])}, {("c", 0.0, False), ("c", 0.0, True)})


class Answers(unittest.TestCase):
    def test_the_cell_with_a_verdict_is_the_answer(self):
        a = {"id": "x/side=a", "case": "bench.fastcall", "status": "ok", "reason": None, "verdict": None}
        b = {"id": "x/side=b", "case": "bench.fastcall", "status": "ok", "reason": None, "verdict": "slower", "ratio": {"median": 1.1, "lo": 1.0, "hi": 1.2},
             "smallest_effect": 0.01, "equivalence": 0.02, "launches": 6, "stopped": "decided"}
        self.assertEqual(ours.answer({"cells": [a, b]}, "bench_fastcall")["verdict"], "slower")
        with self.assertRaises(ours.Failed):
            ours.answer({"cells": [a, b]}, "bench_ctypes")
        with self.assertRaises(ours.Failed):
            ours.answer({"cells": [a]}, "bench_fastcall")

    def test_a_peer_that_cannot_be_had_has_a_reason(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(peers.Unavailable, "no-such-python"):
                peers.environment(folder, "/no-such-python")
            found, missing = peers.all_of_them(folder, "/no-such-python", lambda f: 1.0)
            self.assertEqual({"pyperf", "pyperf --fast", "pytest-benchmark"} - set(missing), set())
            self.assertTrue(all(p.name == "hyperfine" for p in found))

    def test_what_pyperf_says(self):
        self.assertTrue(peers.significant("x: 1.02x slower\nSignificant (t=-4.2)\n"))
        self.assertFalse(peers.significant("x: 1.02x slower\nNot significant!\n"))
        for unknown in ("", "Significant (t=1)\nNot significant!\n"):
            with self.assertRaises(peers.Unavailable):
                peers.significant(unknown)


class Truth(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bd-bench-")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder], check=True)
        self.w = workloads.Workloads(self.folder, PYTHON)
        # as metered on some machine: u0, ns of one call, units
        self.w.known = {"bench_spin": (4.0, 10400.0, 256), "bench_fastcall": (1.7, 2500.0, 200), "bench_ctypes": (0.1, 44000.0, 200), "bench_call": (0.9, 4800.0, 200)}

    def units(self, folder, line):
        with open(os.path.join(folder, "bench.py"), encoding="utf-8") as f:
            return f.read().count(f"    {line}\n")

    def test_a_pair_differs_by_units_alone(self):
        for effect in (0.0, 0.02, 0.1):
            a, b, truths = self.w.pair("c", effect)
            n, m = (self.units(d, "callee(1, 2)") for d in (a, b))
            self.assertAlmostEqual(truths["bench_call"], (m + 0.9) / (n + 0.9))
            self.assertAlmostEqual(truths["bench_call"] - 1, effect, 3)
            self.assertEqual(n == m, effect == 0)
            with open(os.path.join(a, "bench.py"), encoding="utf-8") as one, open(os.path.join(b, "bench.py"), encoding="utf-8") as other:
                self.assertEqual(set(one), set(other))

    def test_functions_of_one_file_may_have_effects_of_their_own(self):
        a, b, truths = self.w.pair("b", {"bench_fastcall": 0.005, "bench_ctypes": 0.03})
        self.assertAlmostEqual(truths["bench_fastcall"] - 1, 0.005, 3)
        self.assertAlmostEqual(truths["bench_ctypes"] - 1, 0.03, 3)
        self.assertGreater(self.units(b, "add(1, 2)"), self.units(a, "add(1, 2)"))

    def test_the_module_does_its_steps(self):
        """Both sides load, compute the same as a loop in Python, and are different files where the steps differ."""
        a, b, truths = self.w.pair("a", 0.02)
        self.assertGreater(truths["bench_spin"], 1.01)
        with open(os.path.join(a, "work.so"), "rb") as one, open(os.path.join(b, "work.so"), "rb") as other:
            self.assertNotEqual(one.read(), other.read())
        steps = [int(n) for n in os.path.basename(os.path.dirname(a)).split("-")[1:]]
        for folder, n in zip((a, b), steps):
            program = "import json, bench, work; bench.bench_spin(); print(json.dumps([work.spin(s) for s in range(64)]))"
            got = json.loads(subprocess.run([PYTHON, "-c", program], cwd=folder, capture_output=True, text=True, check=True).stdout)
            wanted = []
            for z in range(64):
                for _ in range(n):
                    z = ((z << 7 | z >> 57) + 1) & (1 << 64) - 1
                wanted.append(z & 1)
            self.assertEqual(got, wanted)

    def test_the_meter_knows_three_times_the_steps(self):
        """Timed in turns in one process: the one check here that reads a clock, and only the order of two figures counts."""
        one = self.w.side(os.path.join(self.folder, "one"), "a", {"bench_spin": 100})
        ten = self.w.side(os.path.join(self.folder, "ten"), "a", {"bench_spin": 1000})
        said = json.loads(subprocess.run([PYTHON, os.path.join(ENGINE, "meter.py"), one, ten], capture_output=True, text=True, check=True).stdout)
        self.assertGreater(said["bench_spin"][1], 2)
        alone = json.loads(subprocess.run([PYTHON, os.path.join(ENGINE, "meter.py"), one], capture_output=True, text=True, check=True).stdout)
        self.assertLess(alone["bench_spin"][1], 0.5)


class Load(unittest.TestCase):
    def children(self):
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as f:
            return f.read().split()

    def test_it_works_and_ends(self):
        before = self.children()
        with load.toggling():
            (pid,) = set(self.children()) - set(before)

            def busy():
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    return int(f.read().rpartition(")")[2].split()[11]) > 30  # ticks of its own: more than a start takes

            wait_for("the load takes processor time", 60, busy)
        self.assertEqual(self.children(), before)

    def test_it_ends_when_whoever_started_it_is_killed(self):
        program = (f"import sys; sys.path.insert(0, {ENGINE!r})\nimport load, os, time\nwith load.toggling():\n"
                   "    print(open(f'/proc/self/task/{os.getpid()}/children').read(), flush=True)\n    time.sleep(600)\n")
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        pid = process.stdout.readline().strip()
        self.assertTrue(os.path.exists(f"/proc/{pid}"))
        process.kill()
        process.wait()

        def gone():
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    return f.read().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                return True

        wait_for("the load is gone", 30, gone)


if __name__ == "__main__":
    unittest.main()
