"""The private daemon as the command line starts, shows and stops it."""
import json
import os
import subprocess
import tempfile
import unittest

from ctl import BENCHCTL, Case, environment, wait_for


def daemons_of(data):
    """Pids of the benchd processes of a data folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            exe = os.readlink(f"/proc/{pid}/exe")
            with open(f"/proc/{pid}/cmdline", "rb") as c, open(f"/proc/{pid}/environ", "rb") as e:
                words = c.read() + e.read()
        except OSError:
            continue
        if os.path.basename(exe).startswith("benchd") and os.fsencode(data) in words:
            found.append(int(pid))
    return found


class Daemon(Case):
    def setUp(self):
        self.stop()

    def test_status_starts_nothing_and_makes_nothing(self):
        with tempfile.TemporaryDirectory() as home:
            env = {"HOME": home, "BENCHD_DATA": os.path.join(home, "benchd")}
            out, _ = self.ctl("daemon", "status", "--json", status=1, env=env)
            self.assertEqual(json.loads(out)["running"], False)
            self.assertEqual(self.ctl("daemon", "status", status=1, env=env)[0], "not running\n")
            self.assertEqual(os.listdir(home), [])

    def test_life(self):
        self.assertEqual(self.ctl("daemon", "stop")[0], "not running\n")
        self.assertIn("running at http://127.0.0.1:", self.ctl("daemon", "start")[0])
        status = self.json("daemon", "status")
        self.assertLessEqual({"running", "url", "pid", "data", "token_file", "version", "build", "uptime_s"}, set(status))
        self.assertIs(status["running"], True)
        self.assertEqual(status["data"], os.path.join(self.data, "benchd"))
        self.assertEqual(os.stat(status["data"]).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(status["token_file"]).st_mode & 0o077, 0)
        self.assertEqual(self.json("daemon", "start")["pid"], status["pid"], "the second start finds the first")
        self.assertEqual(daemons_of(self.data), [status["pid"]])
        log = self.ctl("daemon", "log")[0]
        self.assertTrue(log.strip())
        self.assertEqual(self.ctl("daemon", "log", "--lines", "1")[0], log.splitlines(True)[-1])
        self.assertEqual(self.json("daemon", "log", "--lines", "1")["lines"], log.splitlines()[-1:])
        self.assertEqual(self.ctl("daemon", "log", "--lines", "0")[0], "")
        self.assertEqual(self.json("daemon", "stop"), {"stopped": True})
        self.assertEqual(self.ctl("daemon", "status", status=1)[0], "not running\n")
        self.assertEqual(daemons_of(self.data), [])

    def test_commands_that_need_one_start_one_and_two_at_once_share_it(self):
        clients = [self.popen("suites", "--json") for _ in range(4)]
        answers = [c.communicate(timeout=60) for c in clients]
        for client, (out, err) in zip(clients, answers):
            self.assertEqual(client.returncode, 0, err)
            self.assertEqual(out, answers[0][0])
        pid = self.json("daemon", "status")["pid"]
        wait_for("those that lost the race have gone", 10, lambda: daemons_of(self.data) == [pid])

    def test_a_pipeline_ends_though_the_daemon_lives_on(self):
        # the writing ends of both pipes must not stay open in the daemon, or reading them to the end would wait for it
        p = subprocess.Popen(["/bin/sh", "-c", f"'{BENCHCTL}' suites --json | cat"], env=environment(self.data),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = p.communicate(timeout=60)
        self.assertEqual(err, "")
        self.assertIn("gil-contention", out)
        pid = self.json("daemon", "status")["pid"]
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        self.assertEqual(os.getsid(pid), pid, "a session of its own")
        for fd in (0, 1, 2):
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            self.assertTrue(target == "/dev/null" or target.startswith(self.data), target)

    def test_an_idle_daemon_goes(self):
        self.ctl("daemon", "start", "--idle-exit", "1s")
        wait_for("it ends after a second without work", 30, lambda: not daemons_of(self.data))
        self.ctl("daemon", "status", status=1)


class Unusable(Case):
    def refused(self, *args, env):
        out, err = self.ctl(*args, status=69, env=env)
        self.assertEqual(out, "")
        self.assertEqual(err.count("\n"), 1, err)
        return err

    def test_data_folder_below_a_file(self):
        path = os.path.join(self.data, "file")
        with open(path, "w", encoding="utf-8"):
            pass
        self.assertIn(path, self.refused("suites", env={"BENCHD_DATA": path}))
        self.assertIn(path, self.refused("suites", env={"BENCHD_DATA": path + "/below"}))

    def test_token_file_that_is_a_folder(self):
        data = os.path.join(self.data, "token-test")
        env = {"BENCHD_DATA": data}
        self.ctl("daemon", "start", env=env)
        self.addCleanup(self.ctl, "daemon", "stop", "--force", status=None, env=env)
        token = self.json("daemon", "status", env=env)["token_file"]
        self.ctl("daemon", "stop", env=env)
        os.unlink(token)
        os.makedirs(os.path.join(token, "x"))
        self.assertIn("token", self.refused("suites", env=env))

    def test_a_server_that_does_not_answer(self):
        err = self.refused("suites", "--server", "http://127.0.0.1:1", env={"BENCHD_TOKEN": "x"})
        self.assertIn("127.0.0.1:1", err)
        err = self.refused("suites", env={"BENCHD_TOKEN": "x", "BENCHD_URL": "http://127.0.0.1:1"})
        self.assertIn("127.0.0.1:1", err)

    def test_doctor_reports_it_as_a_finding(self):
        path = os.path.join(self.data, "file2")
        with open(path, "w", encoding="utf-8"):
            pass
        checks = self.json("doctor", status=1, env={"BENCHD_DATA": path})["checks"]
        bad = {(c["who"], c["name"]) for c in checks if not c["ok"]}
        self.assertEqual(bad, {("client", "data"), ("daemon", "reachable")})


if __name__ == "__main__":
    unittest.main()
