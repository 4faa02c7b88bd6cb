"""From start to end: one daemon per folder, found, replaced, and gone when nobody needs it."""
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from daemon import BENCHCTL, BENCHD, BUILD, Case, alone, children, environment, processes, wait_for


class Life(Case):
    def ctl(self, home, *args, timeout=60, **more):
        return subprocess.run([BENCHCTL, *args], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                              env=environment(home, **more), check=False)

    def status(self, home):
        return json.loads(self.ctl(home, "daemon", "status", "--json").stdout)

    def home(self):
        home = self.folder()
        self.addCleanup(self.ctl, home, "daemon", "stop", "--force")
        return home

    def state(self, home):
        with open(os.path.join(home, "d", "daemon.json"), encoding="utf-8") as f:
            return json.load(f)

    def gone(self, pid):
        return pid not in processes() or processes()[pid][2] == "Z"

    # ---- starting

    def test_status_never_starts_one(self):
        home = self.home()
        r = self.ctl(home, "daemon", "status", "--json")
        self.assertEqual((r.returncode, json.loads(r.stdout)["running"]), (1, False))
        self.assertEqual(os.listdir(home), [])
        self.assertEqual(self.ctl(home, "daemon", "start").returncode, 0)
        r = self.ctl(home, "daemon", "status", "--json")
        status = json.loads(r.stdout)
        self.assertEqual((r.returncode, status["running"], status["pid"]), (0, True, self.state(home)["pid"]))
        self.assertEqual(self.ctl(home, "daemon", "stop").returncode, 0)
        wait_for("its end", 10, lambda: self.gone(status["pid"]))
        self.assertEqual(self.ctl(home, "daemon", "status").returncode, 1)

    def test_eight_clients_at_once_start_one_daemon(self):
        home = self.home()
        results = []
        threads = [threading.Thread(target=lambda: results.append(self.ctl(home, "daemon", "start", "--json"))) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([r.returncode for r in results], [0] * 8, results)
        self.assertEqual({json.loads(r.stdout)["pid"] for r in results}, {self.state(home)["pid"]})
        running = [p for p, (_, line, _) in processes().items() if os.path.join(home, "d") in line and "--ready-fd" in line]
        self.assertEqual(running, [self.state(home)["pid"]])

    def test_two_daemons_started_by_hand(self):
        a = self.start()
        b = self.start(data=a.data)
        self.assertEqual((b.ready["error"]["key"], b.status), ("data-in-use", 69))
        self.assertIn(str(a.pid), b.error)
        self.assertEqual(a.request("GET", "/api/v1/runs").status, 200)
        self.assertEqual(self.state(os.path.dirname(a.data))["pid"], a.pid)

    def test_eight_daemons_at_once(self):
        home = self.folder()
        data = os.path.join(home, "d")
        found = []
        threads = [threading.Thread(target=lambda: found.append(self.start(data=data))) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        serving = [d for d in found if "url" in d.ready]
        self.assertEqual(len(serving), 1)
        self.assertEqual({d.ready["error"]["key"] for d in found if "error" in d.ready}, {"data-in-use"})
        self.assertEqual(serving[0].request("GET", "/api/v1/runs").status, 200)

    def test_a_stale_daemon_json_is_nobody(self):
        home = self.home()
        self.ctl(home, "daemon", "start")
        old = self.state(home)
        os.kill(old["pid"], signal.SIGKILL)
        wait_for("its end", 10, lambda: self.gone(old["pid"]))
        self.assertEqual(self.state(home), old)  # it could not remove it
        self.assertEqual(self.ctl(home, "daemon", "status").returncode, 1)
        # its pid may be anybody's by now
        with open(os.path.join(home, "d", "daemon.json"), "w", encoding="utf-8") as f:
            json.dump({**old, "pid": os.getpid(), "url": "http://127.0.0.1:1"}, f)
        self.assertEqual(self.ctl(home, "daemon", "status").returncode, 1)
        self.assertEqual(self.ctl(home, "daemon", "start").returncode, 0)
        self.assertNotEqual(self.state(home)["pid"], old["pid"])
        self.assertEqual(self.ctl(home, "runs", "list").returncode, 0)

    def test_the_lock_is_what_counts(self):
        """A folder whose lock somebody holds has a daemon, whoever that is: none is started, and the wait ends."""
        home = self.home()
        os.mkdir(os.path.join(home, "d"), 0o700)
        with open(os.path.join(home, "d", "lock"), "w", encoding="utf-8") as f:
            fcntl.lockf(f, fcntl.LOCK_EX)
            r = self.ctl(home, "daemon", "start", timeout=120)
            self.assertEqual(r.returncode, 69, r.stderr)
            self.assertIn("does not answer", r.stderr)
        self.assertEqual(self.ctl(home, "daemon", "start").returncode, 0)

    def test_the_reason_reaches_the_user(self):
        home = self.folder()
        with open(os.path.join(home, "d"), "w", encoding="utf-8"):
            pass
        r = self.ctl(home, "runs", "list")
        self.assertEqual(r.returncode, 69, r.stderr)
        self.assertTrue(r.stderr.startswith("benchctl: "))
        os.unlink(os.path.join(home, "d"))
        os.mkdir(os.path.join(home, "d"), 0o700)
        token = os.path.join(home, "d", "token")
        os.symlink("/dev/null", token)
        r = self.ctl(home, "runs", "list")
        self.assertEqual(r.returncode, 69, r.stderr)
        self.assertIn(token, r.stderr)
        os.unlink(token)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            config = os.path.join(home, "config.json")
            with open(config, "w", encoding="utf-8") as f:
                json.dump({"port": s.getsockname()[1]}, f)
            r = self.ctl(home, "runs", "list", BENCHD_CONFIG=config)
            self.assertEqual(r.returncode, 69, r.stderr)
            self.assertIn(str(s.getsockname()[1]), r.stderr)
        with open(config, "w", encoding="utf-8") as f:
            f.write('{"prot":1}')
        self.assertEqual(self.ctl(home, "runs", "list", BENCHD_CONFIG=config).returncode, 64)
        self.addCleanup(self.ctl, home, "daemon", "stop")
        self.assertEqual(self.ctl(home, "runs", "list").returncode, 0)

    def test_a_port_of_ones_choice(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
            s.listen()
            d = self.start(args=["--port", str(port)])
            self.assertEqual((d.ready["error"]["key"], d.status), ("port-unusable", 69))
            self.assertIn(str(port), d.error)
        d = self.start(args=["--port", str(port)])
        self.assertEqual(d.port, port)

    def test_only_loopback(self):
        d = self.start()
        with open("/proc/net/tcp", encoding="utf-8") as f:
            listening = [line.split()[1] for line in f if line.split()[3] == "0A"]
        mine = [a for a in listening if int(a.split(":")[1], 16) == d.port]
        self.assertEqual([a.split(":")[0] for a in mine], ["0100007F"])
        with open("/proc/net/tcp6", encoding="utf-8") as f:
            self.assertNotIn(d.port, [int(line.split()[1].split(":")[1], 16) for line in f if line.split()[3] == "0A"])

    # ---- inheritance

    def test_nothing_is_inherited(self):
        """A pipeline around the starter ends with it, and the daemon has neither its session nor its folder."""
        home = self.home()
        read, write = os.pipe()
        os.set_inheritable(write, True)
        starter = subprocess.Popen([BENCHCTL, "daemon", "start"], env=environment(home), cwd=home, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=(write,))
        os.close(write)
        out = starter.stdout.read()  # ends only when every copy of the pipe is closed
        self.assertEqual(starter.wait(30), 0, out)
        starter.stdin.close()
        starter.stdout.close()
        with os.fdopen(read, "rb") as f:
            self.assertEqual(f.read(), b"")
        pid = self.state(home)["pid"]
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        self.assertEqual(os.getsid(pid), pid)
        self.assertEqual({os.readlink(f"/proc/{pid}/fd/{n}") for n in (0, 1, 2)}, {"/dev/null"})
        for fd in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            self.assertTrue(target == "/dev/null" or target.startswith(("anon_inode:", "socket:", "pipe:", os.path.join(home, "d"))), target)
        with open(f"/proc/{pid}/environ", "rb") as f:
            names = {v.split(b"=")[0].decode() for v in f.read().split(b"\0") if v}
        self.assertLessEqual(names, {"GLIBC_TUNABLES", "HOME", "PATH", "TMPDIR", "TZ", "XDG_RUNTIME_DIR", "BENCHD_CONFIG", "ASAN_OPTIONS", "LSAN_OPTIONS",
                                     "TSAN_OPTIONS", "UBSAN_OPTIONS"})
        self.assertFalse([f for f in os.listdir(f"/proc/{starter.pid}/fd")] if os.path.exists(f"/proc/{starter.pid}") else [])

    def test_clients_with_different_environments_share_it(self):
        home = self.home()
        a = self.ctl(home, "daemon", "start", "--json", LANG="de_DE.UTF-8", SECRET="a")
        b = self.ctl(home, "daemon", "start", "--json", LANG="C", PYTHONPATH="/nowhere", http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
        self.assertEqual((a.returncode, b.returncode), (0, 0), b.stderr)
        self.assertEqual(json.loads(a.stdout)["pid"], json.loads(b.stdout)["pid"])

    # ---- another build

    def other_build(self):
        """The same programs, but the build-id of benchd differs by one byte."""
        prefix = self.folder()
        os.mkdir(os.path.join(prefix, "bin"))
        for name in ("share", "lib"):
            os.symlink(os.path.join(BUILD, name), os.path.join(prefix, name))
        for name in ("benchctl", "bench-tracer"):
            if os.path.exists(os.path.join(BUILD, "bin", name)):
                shutil.copy(os.path.join(BUILD, "bin", name), os.path.join(prefix, "bin", name))
        with open(BENCHD, "rb") as f:
            elf = f.read()
        at = elf.index(b"\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00") + 16
        path = os.path.join(prefix, "bin", "benchd")
        with open(path, "wb") as f:
            f.write(elf[:at] + bytes([elf[at] ^ 0xff]) + elf[at + 1:])
        os.chmod(path, 0o755)
        return path

    def test_an_idle_daemon_of_another_build_is_replaced(self):
        other = self.start(program=self.other_build())
        home = os.path.dirname(other.data)
        self.addCleanup(self.ctl, home, "daemon", "stop", "--force")
        build = self.state(home)["build"]
        self.assertEqual(self.status(home)["pid"], other.pid)  # asking for the status replaces nothing
        r = self.ctl(home, "runs", "list")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(other.process.wait(30), 0)
        self.assertNotEqual(self.state(home)["build"], build)
        pid = self.state(home)["pid"]
        self.assertEqual(self.ctl(home, "runs", "list").returncode, 0)
        self.assertEqual(self.state(home)["pid"], pid)  # one of the same build stays

    def test_a_busy_daemon_of_another_build_is_named(self):
        other = self.start(program=self.other_build(), measure=True)
        home = os.path.dirname(other.data)
        run = other.run(budget_s=60)
        r = self.ctl(home, "runs", "list")
        self.assertEqual((r.returncode, r.stdout), (69, ""), r.stderr)
        self.assertIn(str(other.pid), r.stderr)
        self.assertIn(run, r.stderr)
        self.assertIn(other.state(run), ("queued", "running"))
        r = self.ctl(home, "daemon", "stop")
        self.assertEqual(r.returncode, 69, r.stderr)
        self.assertIsNone(other.process.poll())
        self.assertEqual(self.ctl(home, "daemon", "stop", "--force").returncode, 0)
        self.assertEqual(other.process.wait(30), 0)
        again = self.start(data=other.data)
        self.assertEqual(again.state(run), "interrupted")

    # ---- ending

    def test_idle_exit(self):
        d = self.start(args=["--idle-exit", "1"])
        self.assertEqual(d.process.wait(60), 0)
        self.assertNotIn("daemon.json", os.listdir(d.data))
        with open(os.path.join(d.data, "benchd.log"), encoding="utf-8") as f:
            self.assertIn("nobody used it", f.read())

    def test_strangers_and_health_do_not_keep_it(self):
        d = self.start(args=["--idle-exit", "1"])

        def knock():
            try:
                d.request("GET", "/api/v1/health", token=False)
                d.request("GET", "/api/v1/runs", token="x")
            except OSError:
                pass
            return d.process.poll() is not None
        wait_for("its end", 60, knock)
        self.assertEqual(d.process.returncode, 0)

    def test_watching_it_does_not_keep_it(self):
        home = self.home()
        self.assertEqual(self.ctl(home, "daemon", "start", "--idle-exit", "1").returncode, 0)
        pid = self.status(home)["pid"]
        wait_for("its end", 60, lambda: not self.status(home)["running"] and self.gone(pid))
        d = self.start()
        for watch, status in (("true", 200), ("false", 200), ("", 400), ("1", 400)):
            self.assertEqual(d.request("GET", f"/api/v1/daemon?watch={watch}").status, status)

    def test_requests_keep_it(self):
        d = self.start(args=["--idle-exit", "2"])
        for _ in range(40):  # twice as long as it would wait, a tenth of a second apart
            self.assertEqual(d.request("GET", "/api/v1/runs").status, 200)
            try:
                d.process.wait(0.1)
                self.fail("it ended although it was used")
            except subprocess.TimeoutExpired:
                pass

    def test_a_run_keeps_it(self):
        d = self.start(args=["--idle-exit", "1"], measure=True)
        run = d.run(launches=2, rounds=2, axes={"threads": [1, 2], "u": ["1us", "100us"]})
        self.assertEqual(d.process.wait(120), 0)  # no request since: it ends by itself after the run
        again = self.start(data=d.data)
        self.assertEqual(again.state(run), "complete")

    def test_idle_exit_races_with_clients(self):
        """A client that comes at the moment the daemon goes gets its answer, from this one or the next."""
        home = self.home()
        pids = set()
        for i in range(12):
            self.assertEqual(self.ctl(home, "daemon", "start", "--idle-exit", "1").returncode, 0)
            pids.add(self.state(home)["pid"])
            time.sleep(0.97 + 0.005 * i)  # around the moment it goes, from before to after
            r = self.ctl(home, "runs", "list", "--json")
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(json.loads(r.stdout)["runs"], [])
        self.assertGreater(len(pids), 1)

    def test_signals(self):
        for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            d = self.start()
            self.assertEqual(d.end(how), 0)
            self.assertNotIn("daemon.json", os.listdir(d.data))

    def test_a_signal_interrupts_the_run_and_takes_the_workers_along(self):
        d = self.start(measure=True)
        run = d.run(budget_s=60)
        d.wait_samples(run)
        workers = children(d.pid)
        self.assertTrue(workers)
        kept = len(d.get(f"/api/v1/runs/{run}/samples")["samples"])
        self.assertEqual(d.end(signal.SIGTERM), 0)
        self.assertFalse(workers & set(processes()))
        again = self.start(data=d.data)
        document = again.get(f"/api/v1/runs/{run}")
        self.assertEqual(document["run"]["state"], "interrupted")
        self.assertTrue(document["run"]["reason"]["message"])
        self.assertGreaterEqual(len(again.get(f"/api/v1/runs/{run}/samples")["samples"]), kept)

    def test_a_second_signal_ends_at_once(self):
        d = self.start(measure=True)
        run = d.run(budget_s=60)
        d.wait_samples(run)
        workers = children(d.pid)
        d.process.send_signal(signal.SIGSTOP)  # so that both signals are there before it looks
        d.process.send_signal(signal.SIGTERM)
        d.process.send_signal(signal.SIGINT)
        d.process.send_signal(signal.SIGCONT)
        self.assertIn(d.process.wait(30), (0, 2))
        wait_for("the end of the workers", 2, lambda: all(self.gone(w) for w in workers))

    def test_stopping_is_quick(self):
        """Idle connections do not hold it up; the bound is far above what it takes and far below civetweb's own 2 s a step."""
        d = self.start()
        idle = [socket.create_connection(("127.0.0.1", d.port)) for _ in range(50)]
        self.assertEqual(d.end(seconds=10), 0)
        for s in idle:
            s.close()
