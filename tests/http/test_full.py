"""A store with no room left, end to end: the run fails with that reason, and nothing earlier is lost."""
import json
import os
import subprocess

from daemon import BENCHCTL, BENCHD, Case, Daemon, FINAL, environment


class Full(Case):
    def small_disk(self, size):
        """A folder on a small file system that only the daemon (and we, through its /proc entry) can see."""
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system needs root")
        home = self.folder()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", home], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", home], check=True)
        return home

    def fill(self, home, leave=0):
        """Takes all the room there is, but `leave` bytes."""
        with open(os.path.join(home, "filler"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"\0" * 4096)
            except OSError:
                pass
            f.truncate(max(0, f.tell() - leave))

    def test_the_run_fails_with_that_reason(self):
        home = self.small_disk("4m")
        d = self.start(data=os.path.join(home, "d"), measure=True)
        first = d.run(launches=1, rounds=1)
        self.assertEqual(d.wait_state(first, FINAL), "complete")
        document = d.request("GET", f"/api/v1/runs/{first}").body
        run = d.run(launches=6, rounds=40, budget_s=60)
        d.wait_samples(run)
        self.fill(home)
        self.assertEqual(d.wait_state(run, FINAL), "failed")
        reason = d.get(f"/api/v1/runs/{run}")["run"]["reason"]
        self.assertEqual(reason["key"], "store-full")
        self.assertTrue(reason["hint"])
        self.assertTrue(d.get(f"/api/v1/runs/{run}/samples")["samples"])
        self.assertEqual(d.request("GET", f"/api/v1/runs/{first}").body, document)
        # another one is not begun, and the client says why
        a = d.request("POST", "/api/v1/runs", {"target": "gil-contention"})
        self.assertEqual((a.status, a.key), (507, "store-full"))
        r = subprocess.run([BENCHCTL, "run", "gil-contention"], env=environment(home), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(r.returncode, 74, r.stderr)
        # a new daemon on the full disk still shows everything
        self.assertEqual(d.end(), 0)
        d = self.start(data=d.data, measure=True)
        self.assertEqual(d.state(run), "failed")
        self.assertEqual(d.request("GET", f"/api/v1/runs/{first}").body, document)
        # deleting makes room
        os.unlink(os.path.join(home, "filler"))
        self.assertEqual(d.request("DELETE", f"/api/v1/runs/{run}").status, 204)
        last = d.run(launches=1, rounds=1)
        self.assertEqual(d.wait_state(last, FINAL), "complete")

    def test_the_client_exits_74(self):
        home = self.small_disk("4m")
        d = self.start(data=os.path.join(home, "d"), measure=True)
        client = subprocess.Popen([BENCHCTL, "run", "gil-contention", "--threads", "1", "--budget", "60s", "--rounds", "40", "--json"],
                                  env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        run = d.wait_runs()
        d.wait_samples(run)
        self.fill(home)
        out, err = client.communicate(timeout=120)
        self.assertEqual(client.returncode, 74, err)
        self.assertEqual(json.loads(out)["run"]["reason"]["key"], "store-full")

    def test_a_disk_full_from_the_start(self):
        home = self.small_disk("256k")
        self.fill(home)
        d = self.start(data=os.path.join(home, "d"))
        self.assertEqual((d.ready["error"]["key"], d.status), ("store-full", 74), d.error)
