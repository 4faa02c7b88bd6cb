"""kill -9 of benchd at random moments of a run: the store opens, the run is interrupted, whole rounds are left of it,
no worker outlives its daemon, and earlier runs are as they were."""
import collections
import os
import random
import signal
import sqlite3
import time

from daemon import Case, FINAL, children, processes, wait_for

KILLS = 24
WORKERS_GONE_S = 2


class Kill9(Case):
    def check_rounds(self, samples):
        """Every round but the last of a launch has the same cells: a round is there whole or not at all."""
        rounds = collections.Counter((s["launch"], s["round"]) for s in samples if s["kind"] == "main")
        self.assertLessEqual(len(set(rounds.values())), 1, rounds)
        for launch in {launch for launch, _ in rounds}:
            numbers = sorted(r for n, r in rounds if n == launch)
            self.assertEqual(numbers, list(range(len(numbers))))

    def test_killed_at_random_moments(self):
        d = self.start(measure=True)
        data = d.data
        first = d.run(launches=1, rounds=2)
        self.assertEqual(d.wait_state(first, FINAL), "complete")
        document = d.request("GET", f"/api/v1/runs/{first}").body
        chance = random.Random(int(os.environ.get("BENCHD_SEED", "1")))
        states = collections.Counter()
        kept = 0
        for k in range(KILLS):
            run = d.run(launches=6, rounds=6, budget_s=60, seed=k)
            if k % 4:
                d.wait_samples(run)  # three in four are killed while they measure, the others anywhere from the start on
            time.sleep(chance.uniform(0, 0.6))
            told = len(d.get(f"/api/v1/runs/{run}/samples")["samples"])
            before = d.state(run)
            workers = children(d.pid)
            d.process.send_signal(signal.SIGKILL)
            d.process.wait(30)
            wait_for("the end of the workers", WORKERS_GONE_S, lambda: not workers & {p for p, (_, _, state) in processes().items() if state != "Z"})
            states[before] += 1

            db = sqlite3.connect(f"file:{data}/benchd.db?mode=ro", uri=True)
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(db.execute("PRAGMA foreign_key_check").fetchall(), [])
            db.close()
            d = self.start(data=data, measure=True)
            self.assertEqual(d.get(f"/api/v1/runs/{run}")["run"]["state"], "interrupted" if before not in FINAL else before)
            self.assertEqual(d.get(f"/api/v1/runs/{run}")["run"]["reason"]["key"], "interrupted")
            samples = d.get(f"/api/v1/runs/{run}/samples")["samples"]
            self.assertGreaterEqual(len(samples), told)  # what a client was told is stored is stored
            self.check_rounds(samples)
            kept += len(samples)
            self.assertEqual(d.request("GET", f"/api/v1/runs/{first}").body, document)
        self.assertGreaterEqual(states["running"], KILLS // 2, states)
        self.assertGreater(kept, 0)
        self.assertEqual(len(d.get("/api/v1/runs?state=interrupted")["runs"]), KILLS)
        last = d.run(launches=1, rounds=1)
        self.assertEqual(d.wait_state(last, FINAL), "complete")
