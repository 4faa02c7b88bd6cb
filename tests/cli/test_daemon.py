"""The private daemon as the command line starts, shows and stops it."""
import ctypes
import json
import os
import signal
import struct
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
        wait_for("the one before has gone", 10, lambda: daemons_of(self.data) == [status["pid"]])
        log = self.ctl("daemon", "log")[0]
        self.assertTrue(log.strip())
        self.assertEqual(self.ctl("daemon", "log", "--lines", "1")[0], log.splitlines(True)[-1])
        self.assertEqual(self.json("daemon", "log", "--lines", "1")["lines"], log.splitlines()[-1:])
        self.assertEqual(self.ctl("daemon", "log", "--lines", "0")[0], "")
        self.assertEqual(self.json("daemon", "stop"), {"stopped": True})
        self.assertEqual(self.ctl("daemon", "status", status=1)[0], "not running\n")
        wait_for("its process has gone", 10, lambda: daemons_of(self.data) == [])

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


class Opened:
    """How often a file is opened meanwhile."""
    OPEN, CLOSED = 0x20, 0x10 | 0x08  # with both, no two events in a row are equal, and so none is left out
    EVENT = struct.Struct("iIII")  # of a file itself, which has no name in it

    def __init__(self, path):
        libc = ctypes.CDLL(None)
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        assert self.fd >= 0 and libc.inotify_add_watch(self.fd, path.encode(), self.OPEN | self.CLOSED) >= 0
        self.n = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            while chunk := os.read(self.fd, 1 << 16):
                self.n += sum(mask & self.OPEN != 0 for _, mask, _, _ in self.EVENT.iter_unpack(chunk))
        except BlockingIOError:
            pass
        os.close(self.fd)


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

    def test_an_empty_data_folder_made_by_hand_is_closed_to_others(self):
        path = os.path.join(self.data, "by-hand")
        os.mkdir(path)
        os.chmod(path, 0o755)
        env = {"BENCHD_DATA": path}
        self.addCleanup(self.ctl, "daemon", "stop", status=None, env=env)
        self.ctl("daemon", "start", env=env)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o700)

    def lost(self, name):
        """A daemon on a data folder of its own, whose files are spoiled next."""
        data = os.path.join(self.data, name)
        env = {"BENCHD_DATA": data}
        self.ctl("daemon", "start", env=env)
        status = self.json("daemon", "status", env=env)
        self.addCleanup(wait_for, "the end of the daemon", 30, lambda: not os.path.exists(f"/proc/{status['pid']}"))
        self.addCleanup(os.kill, status["pid"], signal.SIGTERM)
        return data, env, status

    def test_a_token_file_that_is_gone_is_said_at_once(self):
        data, env, status = self.lost("token-gone")
        os.unlink(status["token_file"])
        for command in (["suites"], ["daemon", "status"], ["daemon", "stop"]):
            with Opened(os.path.join(data, "lock")) as looks:
                self.assertIn("the token file", self.refused(*command, env=env))
            self.assertLessEqual(looks.n, 3, command)  # who waits for a daemon looks at its lock again and again

    def test_a_daemon_that_has_not_said_where_it_is_is_waited_for(self):
        data, env, _ = self.lost("unannounced")
        os.unlink(os.path.join(data, "daemon.json"))
        with Opened(os.path.join(data, "lock")) as looks:
            self.ctl("daemon", "stop", status=69, env=env, timeout=60)
        self.assertGreater(looks.n, 20)

    def test_a_daemon_json_that_is_none_is_no_wrong_usage(self):
        data, env, _ = self.lost("json-broken")
        for text in ("", "{", '{"pid":1}'):
            with open(os.path.join(data, "daemon.json"), "w", encoding="utf-8") as f:
                f.write(text)
            for command in (["suites"], ["daemon", "status"], ["daemon", "stop"]):
                self.assertIn("does not say where benchd is", self.refused(*command, env=env))

    def test_status_of_a_daemon_that_does_not_let_us_in(self):
        _, env, status = self.lost("token-other")
        with open(status["token_file"], "w", encoding="utf-8") as f:
            f.write("0" * 64)
        known = self.json("daemon", "status", env=env)
        self.assertEqual([known[k] for k in ("running", "url", "pid", "token_file", "build")],
                         [status[k] for k in ("running", "url", "pid", "token_file", "build")])
        self.assertIsNone(known["uptime_s"])
        self.assertIn("it does not answer", self.ctl("daemon", "status", env=env)[0])
        self.assertNotIn("nan", self.ctl("daemon", "status", env=env)[0])

    def test_a_folder_of_somebody_else_is_not_said_to_have_no_daemon(self):
        with tempfile.TemporaryDirectory() as home:
            data = os.path.join(home, "benchd")
            os.mkdir(data, 0o000)
            # root without what lets it pass any mode
            less = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
            for command in (["status"], ["stop"]):
                done = subprocess.run([*less, BENCHCTL, "daemon", *command], env=environment(self.data, BENCHD_DATA=data), check=False,
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (77, ""))
                self.assertEqual(done.stderr, f"benchctl: cannot look into {data}: Permission denied (name your own with BENCHD_DATA)\n")
            os.chmod(data, 0o700)
            self.assertEqual(self.ctl("daemon", "status", status=1, env={"BENCHD_DATA": data})[0], "not running\n")

    def test_a_daemon_that_stands_still_is_not_waited_for_without_end(self):
        _, env, status = self.lost("frozen")
        os.kill(status["pid"], signal.SIGSTOP)
        self.addCleanup(os.kill, status["pid"], signal.SIGCONT)
        self.assertEqual(self.json("daemon", "status", env=env, timeout=30)["pid"], status["pid"])
        self.ctl("daemon", "stop", status=69, env=env, timeout=30)

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
