"""Benchmarks in a shared object of a user's: timed by a loop of C, verified, and refused when they are not what they say."""
import os
import unittest

import bench_worker as bw
from bench_worker import Died, Worker, cell

PLUGINS = os.path.join(bw.MUTANTS, "plugins")


def target(name):
    return {"kind": "plugin", "path": os.path.join(PLUGINS, name + ".so"), "argv": [], "cwd": None, "env": {}}


class Plugins(unittest.TestCase):
    def worker(self, interpreter=None):
        w = Worker(interpreter)
        self.addCleanup(w.__exit__)
        w.hello()
        return w

    def described(self, *names):
        answer = self.worker().ask("describe", targets=[target(n) for n in names])
        return {c["name"]: c for c in answer["cases"] if c["target"] is not None}

    def prepared(self, w, *cells):
        return w.prepare([cell(i, binding="plugin", **c) for i, c in enumerate(cells)], targets=[target("good")])

    def test_what_a_plugin_says(self):
        cases = self.described("good")
        add = cases["good.add"]
        self.assertEqual((add["summary"], add["shape"], add["plain"], add["reason"]), ("adds a number", "iterations", "plugin", None))
        self.assertEqual(add["params"], [{"name": "step", "summary": "what is added each time", "values": ["1", "3", "bad"]}])
        self.assertEqual(cases["good.bare"]["params"], [])
        self.assertEqual({n for n, c in cases.items() if c["reason"]}, {"good.empty", "good.odd", "good.taken"})
        self.assertEqual({c["reason"]["key"] for c in cases.values() if c["reason"]}, {"bad-case"})

    def test_what_is_no_plugin_says_so(self):
        names = ["bad_abi", "bad_table", "bad_symbol", "no_symbol", "crashes", "nowhere", "good"]
        cases = self.described(*names)
        reasons = {n: cases[n]["reason"] for n in names[:-1]}
        self.assertEqual({n: r["key"] for n, r in reasons.items()}, {
            "bad_abi": "plugin-abi", "bad_table": "bad-plugin", "bad_symbol": "bad-plugin", "no_symbol": "bad-plugin",
            "crashes": "signal", "nowhere": "import-error"})
        self.assertIn("speaks ABI 2, this benchd speaks 1", reasons["bad_abi"]["message"])
        self.assertIn("BENCHD_PLUGIN", reasons["no_symbol"]["hint"])
        self.assertIn("signal 6", reasons["crashes"]["message"])
        self.assertIsNone(cases["good.add"]["reason"])

    @bw.each_interpreter
    def test_a_plugin_runs(self, interpreter):
        w = self.worker(interpreter)
        answers = self.prepared(w, {"case": "good.add", "step": "3"}, {"case": "good.bare"}, {"case": "good.add", "step": "bad"})
        self.assertEqual([a["status"] for a in answers], ["ok", "ok", "failed"], answers)
        self.assertEqual([[n["key"] for n in a["notes"]] for a in answers[:2]], [[], ["result-unproven"]])
        self.assertEqual((answers[2]["reason"]["key"], answers[2]["reason"]["message"]),
                         ("setup-failed", "setup() of good.add returned 7: it was asked to fail"))
        self.assertGreater(answers[0]["iterations"], 1000)
        for number in (0, 1):
            sample = w.batch(number, iterations=12345)
            self.assertEqual(sample["ops"], [12345])
            self.assertGreater(sample["wall_ns"], 0)
        self.assertEqual(w.batch(0, duration_ns=30_000_000)["type"], "sample")
        answers = w.bye(2)
        self.assertEqual([a["status"] for a in answers], ["ok", "ok"])
        self.assertEqual([[n["key"] for n in a["notes"]] for a in answers], [["printed"], ["result-unproven"]])
        path = os.path.realpath(target("good")["path"])
        self.assertEqual({o["path"]: o["build_id"] for o in answers[0]["loaded"]}[path], bw.build_id(path))
        self.assertIn("torn down after step 3", str(w.logs))

    def test_a_result_that_is_wrong(self):
        answer, = self.prepared(self.worker(), {"case": "good.short"})
        self.assertEqual((answer["status"], answer["reason"]["check"], answer["reason"]["key"]), ("invalid", "V2", "wrong-result"))

    def test_a_run_that_fails(self):
        w = self.worker()
        answer, = self.prepared(w, {"case": "good.fails", "iterations": 5})
        self.assertEqual(answer["status"], "ok")
        self.assertEqual(w.batch(0, iterations=5)["type"], "sample")
        answer = w.batch(0, iterations=5)
        self.assertEqual((answer["status"], answer["reason"]["key"], answer["reason"]["message"]),
                         ("failed", "run-failed", "run() of good.fails returned 5"))

    def test_a_run_that_crashes(self):
        w = self.worker()
        self.prepared(w, {"case": "good.crashes", "iterations": 5})
        w.batch(0, iterations=5)
        with self.assertRaises(Died) as end:
            w.batch(0, iterations=5)
        self.assertEqual(end.exception.status, -6)

    def test_one_thread_only(self):
        answer, = self.prepared(self.worker(), {"case": "good.add", "threads": 2})
        self.assertEqual((answer["status"], answer["reason"]["key"]), ("unsupported", "one-thread-only"))


if __name__ == "__main__":
    unittest.main()
