"""Whole runs through the command line: real daemon, real workers, small budgets."""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios
import unittest

from ctl import BENCHCTL, ESCAPE, HERE, PATIENCE, Case, environment, wait_for
from schema import check_run

CASES = os.path.join(os.path.dirname(HERE), "worker", "cases")
SMALL = ("--threads", "1", "--case", "empty-loop", "--launches", "2", "--rounds", "1")
LONG = ("gil-contention", "--threads", "1", "--case", "empty-loop", "--launches", "500", "--rounds", "20", "--budget", "10m")


class Run(Case):
    def run_id(self):
        """The newest run."""
        return self.json("runs", "list", "--limit", "1")["runs"][0]["id"]

    def test_json_is_exactly_the_stored_document(self):
        out, err = self.ctl("run", "gil-contention", *SMALL, "--seed", "5", "--label", "a=b", "--label", "c=d=e", "--json")
        doc = json.loads(out)
        check_run(self, doc)
        self.assertEqual(doc["run"]["state"], "complete")
        self.assertEqual((doc["run"]["seed"], doc["run"]["launches"], doc["run"]["rounds"]), (5, 2, 1))
        self.assertEqual(doc["run"]["labels"], {"a": "b", "c": "d=e"})
        self.assertEqual([c["case"] for c in doc["cells"]], ["empty-loop"])
        self.assertEqual(doc["cells"][0]["status"], "ok")
        self.assertEqual(out.count("\n"), 1, "one line when it is no terminal")
        self.assertEqual(json.loads(self.ctl("runs", "show", doc["run"]["id"], "--json")[0]), doc)

    def test_table_and_progress_are_kept_apart(self):
        out, err = self.ctl("run", "gil-contention", *SMALL)
        self.assertRegex(out, r"^gil-contention  complete in .*1 cell")
        self.assertRegex(out, r"empty-loop +\d[\d.]* [nµm]?s")
        self.assertIn("none: intervals need at least 6 launches", out)
        self.assertNotIn("\x1b", out + err)
        self.assertEqual(self.ctl("runs", "show", "latest")[0], out, "the same again from the store")

    def test_contention_is_seen(self):
        for rounds in "1", "3", "5":  # of a machine that is disturbed all the time no ratio is told
            doc = self.json("run", "gil-contention", "--threads", "1,2", "--axis", "u=100us", "--axis", "gil=hold", "--launches", "6",
                            "--rounds", rounds, "--budget", "60s")
            check_run(self, doc)
            cells = {c["axes"]["threads"]: c for c in doc["cells"] if c["case"] == "gil-contention"}
            self.assertEqual(set(cells), {1, 2})
            if cells[2]["scaling"]:
                break
        self.assertEqual({c["status"] for c in doc["cells"]}, {"ok"})
        self.assertIsNotNone(cells[2]["scaling"])
        if cells[2]["gil"]["mode"] == "counters":
            self.assertGreater(cells[2]["gil"]["wait_share"], 0.4)
            self.assertLess(cells[1]["gil"]["wait_share"], 0.02)
        out = self.ctl("runs", "show", doc["run"]["id"])[0]
        self.assertRegex(out, r"\n +2 +\d+\.\d+ [µm]s ")
        if cells[2]["gil"]["mode"] == "counters":
            self.assertRegex(out, r"thread [01] ← thread [01] \d+ %")

    def test_dry_run_measures_nothing(self):
        before = self.json("runs", "list", "--limit", "1000")["runs"]
        plan = self.json("run", "gil-contention", "--threads", "1,2", "--dry-run")
        self.assertEqual(plan["schema"], "benchd.plan.v1")
        self.assertGreater(plan["expected_s"], 0)
        self.assertEqual({c["axes"]["threads"] for c in plan["cells"]}, {1, 2})
        out = self.ctl("run", "gil-contention", "--threads", "1,2", "--dry-run")[0]
        self.assertIn("would measure", out)
        self.assertEqual(self.json("runs", "list", "--limit", "1000")["runs"], before)

    def test_threads_that_no_case_has_are_not_left_out_without_a_word(self):
        def threads(*args):
            cells = self.json("run", *args, "--dry-run")["cells"]
            return {(c["case"], c["axes"]["threads"]): c["reason"] for c in cells}
        cells = threads("ffi.call.scalar", "--threads", "1,2")
        self.assertEqual(sorted(cells), [("ffi.call.scalar", 1), ("ffi.call.scalar", 2)])
        self.assertIsNone(cells["ffi.call.scalar", 1])
        self.assertEqual(cells["ffi.call.scalar", 2]["key"], "one-thread-only")
        # beside cases of several threads, those of one have a row of their own
        self.assertEqual({t for (case, t) in threads("gil-contention", "--threads", "2") if case == "empty-loop"}, {1})
        self.assertEqual(set(threads("quick")), {("ffi.call.scalar", 1)})

    def test_detach_then_show(self):
        out, err = self.ctl("run", "gil-contention", *SMALL, "--detach")
        self.assertEqual(err, "")
        run_id = out.strip()
        self.assertRegex(out, r"^[0-9A-HJKMNP-TV-Z]{26}\n\Z")
        doc = wait_for("the run ends without its client", PATIENCE,
                       lambda: (d := self.json("runs", "show", run_id))["run"]["state"] == "complete" and d)
        check_run(self, doc)
        self.assertIn(self.json("runs", "show", run_id[:20].lower())["run"]["id"][:20], run_id)

    def refused(self, *args):
        out, err = self.ctl("run", *args, status=64)
        self.assertEqual(out, "")
        self.assertTrue(err.startswith("benchctl: ") and err.count("\n") == 1, err)
        return err

    def test_unknown_words_are_refused_with_the_nearest_valid_one(self):
        self.assertIn("gil-contention", self.refused("gil-contentoin"))
        self.assertIn("threads", self.refused("gil-contention", "--axis", "thread=1"))
        self.assertIn("hold", self.refused("gil-contention", "--axis", "gil=hodl"))
        self.assertIn("jemalloc", self.refused("gil-contention", "--allocator", "jemaloc"))
        self.assertIn("ctypes", self.refused("gil-contention", "--binding", "ctype"))
        self.assertIn("3.", self.refused("gil-contention", "--python", "2.7"))
        self.refused("gil-contention", "--threads", "0")
        self.refused("gil-contention", "--threads", "many")
        self.refused("gil-contention", "--case", "no-such-case")

    def test_a_file_that_is_not_there_is_no_input(self):
        err = self.ctl("run", os.path.join(HERE, "test_rum.py"), status=66)[1]
        self.assertIn("test_run.py", err)
        self.assertIn("there is no program 'no-such-program' in PATH", self.ctl("run", "--", "no-such-program", status=66)[1])
        self.assertIn("there is no program", self.ctl("run", "--", "./no-such-program", status=66)[1])

    def test_show_refuses(self):
        self.assertIn("no run begins with 'zzz'", self.ctl("runs", "show", "zzz", status=66)[1])
        self.ctl("runs", "show", "0" * 26, status=66)
        self.ctl("run", "gil-contention", *SMALL, "-q")
        self.ctl("run", "gil-contention", *SMALL, "-q")
        self.assertIn("runs begin with '0'", self.ctl("runs", "show", "0", status=64)[1])

    def test_quiet_says_nothing_on_standard_error(self):
        self.assertEqual(self.ctl("run", "gil-contention", *SMALL, "-q")[1], "")

    def test_list_filters(self):
        self.ctl("run", "gil-contention", *SMALL, "-q", "--label", "who=me & you")
        listed = self.json("runs", "list", "--label", "who=me & you")["runs"]
        self.assertEqual([r["labels"] for r in listed], [{"who": "me & you"}])
        self.assertLessEqual({"id", "suite", "state", "started", "wall_s", "labels", "cells"}, set(listed[0]))
        self.assertEqual(self.json("runs", "list", "--suite", "other")["runs"], [])
        self.assertEqual(self.json("runs", "list", "--label", "who=nobody")["runs"], [])
        self.assertEqual(len(self.json("runs", "list", "--state", "complete", "--limit", "1")["runs"]), 1)
        self.assertIn(listed[0]["id"], self.ctl("runs", "list", env={"COLUMNS": "200"})[0])
        for line in self.ctl("runs", "list", env={"COLUMNS": "80"})[0].splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_listings(self):
        suites = self.json("suites")["suites"]
        self.assertIn("gil-contention", [s["name"] for s in suites])
        cases = self.json("cases")["cases"]
        self.assertLessEqual({"gil-contention", "empty-loop"}, {c["name"] for c in cases})
        bindings = self.json("bindings")["bindings"]
        self.assertIn("capi", [b["name"] for b in bindings])
        for command, rows in (("suites", suites), ("cases", cases), ("bindings", bindings)):
            out = self.ctl(command, env={"COLUMNS": "80"})[0]
            for row in rows:
                self.assertIn(row["name"], out)
            for line in out.splitlines():
                self.assertLessEqual(len(line), 80, line)
        self.assertIn("3.", self.ctl("cases", "--python", "2.7", status=64)[1])

    def test_doctor(self):
        out, _ = self.ctl("doctor", "--json", status=None)
        checks = json.loads(out)["checks"]
        self.assertLessEqual({"client", "daemon", "tracer", "machine", "worker"}, {c["who"] for c in checks})
        bad = [c for c in checks if not c["ok"]]
        self.ctl("doctor", status=1 if bad else 0)
        text = self.ctl("doctor", status=None, env={"COLUMNS": "80"})[0]
        # sections with a title, a mark for each check, what mends it below; hints are there to be copied and are never broken
        hints = {c["hint"] for c in bad}
        for block in text.rstrip("\n").split("\n\n")[:-1]:
            title, *lines = block.split("\n")
            self.assertRegex(title, r"^\S")
            self.assertRegex(lines[0], r"^  [✓✗] \S")
            for line in lines:
                self.assertRegex(line, r"^(  [✓✗] [\w-]+ +\S|" + " " * 22 + r"\S)")
                self.assertTrue(len(line) <= 80 or line.strip() in hints, line)
        self.assertEqual(text.count("✗"), len(bad))
        self.assertEqual(text.count("✓"), len(checks) - len(bad))
        self.assertRegex(text, r"\n\n(No problem found|1 problem found|\d+ problems found)\.\n\Z")
        self.assertNotIn("\x1b", text)
        self.assertIn("\x1b", self.ctl("--color", "always", "doctor", status=None)[0])
        for c in bad:
            if c["hint"]:
                self.assertIn(c["hint"], text, "what mends it can be copied")

    def test_a_run_that_cannot_wait_gives_up_undecided(self):
        holder = self.ctl("run", *LONG, "--detach")[0].strip()
        wait_for("it measures", PATIENCE, lambda: self.json("runs", "show", holder)["run"]["state"] == "running")
        p = self.popen("run", "gil-contention", *SMALL, "--wait", "1s")
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 2, err)
        self.assertIn("waited", out + err)
        self.assertEqual(self.json("runs", "show", holder)["run"]["state"], "running")
        master, slave = pty.openpty()  # progress comes every moment there, not every ten seconds
        other = self.popen("run", "gil-contention", *SMALL, "--json", stderr=slave)
        os.close(slave)
        seen = b""
        while f"waiting for run {holder}".encode() not in seen:
            seen += os.read(master, 65536)  # fails when it ends instead
        self.assertEqual(len(self.json("runs", "list", "--state", "queued")["runs"]), 1)
        self.ctl("daemon", "stop", status=69)
        other.send_signal(signal.SIGINT)
        out = other.communicate(timeout=PATIENCE)[0]
        os.close(master)
        self.assertEqual(other.returncode, 2)
        self.assertEqual(json.loads(out)["run"]["state"], "cancelled")
        self.ctl("daemon", "stop", "--force")
        self.assertEqual(self.json("runs", "show", holder)["run"]["state"], "interrupted")

    def test_a_client_that_vanishes_does_not_stop_its_run(self):
        p = self.popen("run", "gil-contention", "--case", "empty-loop", "--launches", "3", "--rounds", "3", "--label", "client=gone")
        row = wait_for("the run is stored", PATIENCE, lambda: self.json("runs", "list", "--label", "client=gone")["runs"])[0]
        p.kill()
        p.communicate()
        wait_for("it completes all the same", PATIENCE, lambda: self.json("runs", "show", row["id"])["run"]["state"] == "complete")


class Interrupt(Case):
    def begin(self, *args):
        """A long run of which at least one round is stored."""
        p = self.popen("run", *LONG, *args)
        row = wait_for("the run is stored", PATIENCE, lambda: self.json("runs", "list", "--state", "running")["runs"])[0]
        wait_for("it has figures", PATIENCE, lambda: self.json("runs", "show", row["id"])["cells"][0]["samples"])
        return p, row["id"]

    def test_ctrl_c_cancels_and_prints_what_there_is(self):
        p, run_id = self.begin("--json")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 2, err)
        doc = json.loads(out)
        check_run(self, doc)
        self.assertEqual((doc["run"]["id"], doc["run"]["state"]), (run_id, "cancelled"))
        self.assertEqual(doc["run"]["reason"]["key"], "cancelled")
        cell = doc["cells"][0]
        self.assertGreater(cell["samples"], 0)
        self.assertGreater(cell["time_ns_per_op"]["median"], 0)
        self.assertIs(cell["complete"], False)
        self.assertIn("stopping", err)

    def test_the_table_of_a_cancelled_run_says_so(self):
        p, _ = self.begin()
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 2, err)
        self.assertRegex(out, r"^gil-contention  cancelled after ")
        self.assertIn("~ ", out)

    def test_the_second_ctrl_c_leaves_at_once(self):
        p, run_id = self.begin()
        daemon = self.json("daemon", "status")["pid"]
        os.kill(daemon, signal.SIGSTOP)  # the run can not end now: only the second one gets the client out
        try:
            p.send_signal(signal.SIGINT)
            with self.assertRaises(subprocess.TimeoutExpired):
                p.wait(timeout=1)
            p.send_signal(signal.SIGINT)
            out, _ = p.communicate(timeout=20)
            self.assertEqual(p.returncode, 2)
            self.assertEqual(out, "")
        finally:
            os.kill(daemon, signal.SIGCONT)
        self.stop()

    def test_a_daemon_that_ends_leaves_the_client_undecided(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                self.ended_by(number)

    def ended_by(self, number):
        p, run_id = self.begin()
        os.kill(self.json("daemon", "status")["pid"], number)
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 2, err)
        self.assertEqual(out, "")
        self.assertTrue(err.splitlines()[-1].startswith("benchctl: benchd ended"), err)
        self.assertIn(run_id, err.splitlines()[-1])
        self.assertEqual(self.json("runs", "show", run_id)["run"]["state"], "interrupted")

    def test_a_killed_daemon_is_missed_by_its_lock_not_by_its_port(self):
        """Somebody else answers at its port, or rather does not: who goes by the port would wait for that one."""
        p, run_id = self.begin()
        self.addCleanup(p.kill)
        status = self.json("daemon", "status")
        port = int(status["url"].rsplit(":", 1)[1])
        p.send_signal(signal.SIGSTOP)
        os.kill(status["pid"], signal.SIGKILL)
        wait_for("its lock is free", PATIENCE, lambda: not self.json("daemon", "status", status=None)["running"])
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            p.send_signal(signal.SIGCONT)
            out, err = p.communicate(timeout=PATIENCE)
            other.setblocking(False)
            with self.assertRaises(BlockingIOError, msg="it asked whoever has the port"):
                other.accept()
            with socket.create_connection(("127.0.0.1", port)):
                other.accept()[0].close()  # a connection would have been seen
        self.assertEqual((p.returncode, out), (2, ""), err)
        self.assertIn("has ended", err.splitlines()[-1])
        self.assertIn(run_id, err.splitlines()[-1])

    def test_a_daemon_that_was_started_anew_meanwhile_is_found_and_says_interrupted(self):
        for elsewhere in (False, True):
            with self.subTest(elsewhere=elsewhere):
                self.started_anew(elsewhere)

    def started_anew(self, elsewhere):
        p, run_id = self.begin()
        self.addCleanup(p.kill)
        status = self.json("daemon", "status")
        p.send_signal(signal.SIGSTOP)
        os.kill(status["pid"], signal.SIGKILL)
        wait_for("its lock is free", PATIENCE, lambda: not self.json("daemon", "status", status=None)["running"])
        with socket.socket() as other:
            if elsewhere:  # somebody else has the old port
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(("127.0.0.1", int(status["url"].rsplit(":", 1)[1])))
                other.listen()
            self.ctl("daemon", "start")
            if elsewhere:
                self.assertNotEqual(self.json("daemon", "status")["url"], status["url"])
            p.send_signal(signal.SIGCONT)
            out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 2, err)
        self.assertRegex(out, r"^gil-contention  interrupted[, ]")
        self.assertIn(run_id, out)


class Terminal(Case):
    """What a person sees: a line that is rewritten while it runs, then the table."""

    def on_terminal(self, *args, columns):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        p = subprocess.Popen([BENCHCTL, *args], env=environment(self.data), stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        out = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the last writer has gone
                break
            out += part
        os.close(master)
        return p.wait(PATIENCE), out.decode()

    def test_progress_is_one_line_that_goes_away(self):
        for columns in (80, 200):
            status, out = self.on_terminal("run", "gil-contention", "--threads", "1", "--axis", "u=1us", "--launches", "3", "--rounds", "2",
                                           "--budget", "30s", columns=columns)
            self.assertEqual(status, 0, out)
            live, _, table = out.rpartition("\r\x1b[K")
            frames = [re.sub(r"\x1b\[K", "", f) for f in live.split("\r")]
            frames = [f for f in frames if f.strip()]
            self.assertTrue(any("launch" in f for f in frames), live)
            self.assertTrue(any(re.search(r"\d [nµm]?s\b.*", f) for f in frames), live)
            for f in frames:
                self.assertLess(len(f), columns, f)
                self.assertNotIn("\n", f)
            plain = ESCAPE.sub("", table).replace("\r", "")
            self.assertTrue(plain.startswith("gil-contention  complete in "), plain)
            for line in plain.splitlines():
                self.assertLessEqual(len(line), columns, line)

    def test_json_for_people_is_indented(self):
        self.ctl("run", "gil-contention", *SMALL, "-q")
        _, out = self.on_terminal("runs", "show", "latest", "--json", columns=80)
        self.assertIn('\n  "run"', out.replace("\r", ""))


class Processes(Case):
    def test_the_twin_in_the_same_process_is_there(self):
        """So many threads that the cells of one configuration need two processes."""
        where = os.path.join(self.data, "where")
        doc = self.json("run", "where", "--env", f"BENCHD_CASES={CASES}", "--env", f"WHERE={where}", "--threads", "40",
                        "--axis", "which=a,b,c,d", "--trace", "off", "--launches", "1", "--rounds", "1")
        self.assertEqual({c["status"] for c in doc["cells"]}, {"ok"})
        pids = {}
        with open(where, encoding="utf-8") as f:
            for line in f:
                which, pid = line.split()
                pids.setdefault(which, []).append(pid)
        # the cell and its two twins in two processes, and its memory in one of its own
        self.assertEqual((len(pids["a"]), len(set(pids["a"]))), (4, 3), pids)
        self.assertGreater(len({p for of in pids.values() for p in of}), 2)


    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one processor only: none to spare")
    def test_free_is_every_processor_also_with_one_to_spare(self):
        masks = os.path.join(self.data, "masks")
        self.ctl("run", "where", "--env", f"BENCHD_CASES={CASES}", "--env", f"MASKS={masks}", "--threads", "1", "--axis", "affinity=free",
                 "--trace", "off", "--launches", "2", "--rounds", "1")
        with open(masks, encoding="utf-8") as f:
            self.assertEqual(set(f.read().splitlines()), {str(sorted(os.sched_getaffinity(0)))})


class Trouble(Case):
    """Cases that crash and hang: their cells fail, the others do not."""

    def matrix(self, target, *more):
        out, err = self.ctl("run", target, "--env", f"BENCHD_CASES={CASES}", "--trace", "off", "--launches", "1", "--rounds", "1",
                            "--json", *more, status=None)
        self.assertTrue(out, err)
        doc = json.loads(out)
        check_run(self, doc)
        return doc

    def test_a_case_that_aborts(self):
        doc = self.matrix("[ae][bm][op]*", "--threads", "1")
        by_case = {}
        for c in doc["cells"]:
            by_case.setdefault(c["case"], []).append(c)
        self.assertEqual(set(by_case), {"abort", "empty-loop"})
        for c in by_case["abort"]:
            self.assertEqual((c["status"], c["reason"]["key"]), ("failed", "signal"), c["reason"])
        for c in by_case["empty-loop"]:
            self.assertEqual(c["status"], "ok", c["reason"])
        self.ctl("run", "abort", "--env", f"BENCHD_CASES={CASES}", "--launches", "1", "--rounds", "1", "--trace", "off", status=2)
        out = self.ctl("runs", "show", doc["run"]["id"])[0]
        self.assertIn("failed (signal)", out)

    def test_a_case_that_loops_for_ever(self):
        doc = self.matrix("*loop*", "--threads", "1")
        status = {}
        for c in doc["cells"]:
            status.setdefault(c["case"], set()).add((c["status"], (c["reason"] or {}).get("key")))
        self.assertEqual(status, {"loop_forever": {("failed", "timeout")}, "empty-loop": {("ok", None)}})

    def test_a_case_that_cannot_be_set_up_takes_no_other_along(self):
        doc = self.matrix("picky", "--axis", "size=1,2,none,3,4,5")
        status = {c["axes"]["size"]: c["status"] for c in doc["cells"]}
        self.assertEqual(status, {"none": "failed", **{size: "ok" for size in "12345"}})

    def test_a_case_that_dies_after_its_last_batch(self):
        doc = self.matrix("dies_late", "--threads", "2", "--axis", "which=a,b,dies,c,d", "--seed", "3")
        status = {c["axes"]["which"]: (c["status"], (c["reason"] or {}).get("key")) for c in doc["cells"]}
        self.assertEqual(status, {"dies": ("failed", "signal"), **{which: ("ok", None) for which in "abcd"}})

    def test_what_a_case_prints_is_not_the_answer(self):
        out, _ = self.ctl("run", "prints", "--env", f"BENCHD_CASES={CASES}", "--launches", "1", "--rounds", "1", "--trace", "off", "--json")
        self.assertEqual(json.loads(out)["cells"][0]["status"], "ok")


class Full(Case):
    """A store that is full: the run says so, and what was stored before is whole."""

    SCRIPT = """
        mkdir -p "$BENCHD_DATA" && chmod 700 "$BENCHD_DATA" && mount -t tmpfs -o size=2m,mode=700 none "$BENCHD_DATA" || exit 99
        cd "$OUT"
        "$CTL" run gil-contention $SMALL --json >first.json 2>first.err; echo $? >first.status
        dd if=/dev/zero of="$BENCHD_DATA/filler" bs=4k 2>/dev/null
        "$CTL" run gil-contention --threads 1 --launches 300 --rounds 20 --trace off --budget 5m >second.out 2>second.err; echo $? >second.status
        "$CTL" runs show "$("$CTL" runs list --json --state complete | grep -o '"id":"[^"]*"' | cut -d '"' -f 4)" --json >again.json
        "$CTL" daemon stop --force
    """

    def test_exit_74_and_earlier_runs_intact(self):
        own = [os.path.join(os.path.dirname(HERE), "apart")] if os.geteuid() == 0 else ["unshare", "-rm"]
        if subprocess.run([*own, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False).returncode:
            self.skipTest("this user may not mount a tmpfs, not even in a namespace of its own")
        out = os.path.join(self.data, "out")
        os.mkdir(out)
        env = environment(self.data, CTL=BENCHCTL, OUT=out, SMALL=" ".join(SMALL), BENCHD_DATA=os.path.join(self.data, "small"))
        p = subprocess.run([*own, "/bin/sh", "-c", self.SCRIPT], env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)

        def read(name):
            with open(os.path.join(out, name), encoding="utf-8") as f:
                return f.read()

        self.assertNotEqual(p.returncode, 99, p.stderr)
        self.assertEqual(read("first.status"), "0\n", read("first.err"))
        self.assertEqual(read("second.status"), "74\n", read("second.out") + read("second.err"))
        self.assertRegex(read("second.err"), r"benchctl: .*(no room|full|No space)")
        self.assertEqual(json.loads(read("again.json")), json.loads(read("first.json")))


class Server(Case):
    """A daemon that is named is talked to as it is: never started, never replaced, and only with its token."""

    def test_token_or_nothing(self):
        self.ctl("daemon", "start")
        status = self.json("daemon", "status")
        with open(status["token_file"], encoding="utf-8") as f:
            token = f.read().strip()
        elsewhere = {"BENCHD_DATA": os.path.join(self.data, "elsewhere")}
        out = self.ctl("suites", "--json")[0]
        self.assertEqual(self.ctl("suites", "--json", "--server", status["url"], env={**elsewhere, "BENCHD_TOKEN": token})[0], out)
        self.assertEqual(self.ctl("suites", "--json", env={**elsewhere, "BENCHD_TOKEN": token, "BENCHD_URL": status["url"]})[0], out)
        refusal = self.ctl("suites", "--server", status["url"], env={**elsewhere, "BENCHD_TOKEN": "0" * len(token)}, status=77)[1]
        self.assertTrue(refusal.startswith("benchctl: "), refusal)
        self.assertNotIn(token, refusal)
        self.assertFalse(os.path.exists(elsewhere["BENCHD_DATA"]))


class Environments(Case):
    """Two clients with different environments on one daemon: a worker gets what its own request says, nothing else."""

    def test_each_run_has_its_own(self):
        first = {"BENCHD_CASES": CASES, "PYTHONMALLOC": "malloc", "LD_PRELOAD": "", "FIRST": "1"}
        self.ctl("daemon", "start", env=first)
        # the daemon's environment names a folder of cases, but no request did
        self.assertIn("prints", self.ctl("run", "prints", "--launches", "1", "--rounds", "1", status=64, env=first)[1])
        one = self.json("run", "prints", "--env", f"BENCHD_CASES={CASES}", "--launches", "1", "--rounds", "1", env={"SECOND": "2"})
        self.assertEqual(one["cells"][0]["status"], "ok")
        two = self.json("run", "gil-contention", *SMALL, "--objalloc", "pymalloc", env=first)
        self.assertEqual({c["status"] for c in two["cells"]}, {"ok"})
        for doc in (one, two):
            self.assertNotIn("FIRST", json.dumps(doc))
            self.assertNotIn("SECOND", json.dumps(doc))

    def test_a_variable_the_axes_set_is_refused(self):
        self.assertIn("allocator", self.ctl("run", "gil-contention", "--env", "LD_PRELOAD=/x", status=64)[1])


class Examples(Case):
    """The example in every help text works as it stands."""

    def examples(self):
        found = []

        def add(words):
            text = self.ctl(*words, "--help")[0]
            found.append(text.rstrip("\n").rsplit("\n", 1)[1].split())
            names = re.search(r"^commands:\n((?:  .*\n)+)", text, re.M)
            for line in (names.group(1).splitlines() if names else []):
                name = re.match(r"  ([a-z]+)(?: ([a-z]+))?  ?", line)
                if name and not (words and not name.group(2)):
                    add([w for w in name.groups() if w])
        add([])
        return found

    def test_all(self):
        examples = self.examples()
        work = os.path.join(self.data, "work")  # the files they name
        for folder in ("old", "new", "build"):
            os.makedirs(os.path.join(work, folder))
        for folder in ("old", "new"):
            with open(os.path.join(work, folder, "bench_sum.py"), "w", encoding="utf-8") as f:
                f.write("def bench_sum():\n    return sum(range(1000))\n")
        shutil.copy(BENCHCTL, os.path.join(work, "build", "any.so"))
        self.assertGreaterEqual(len(examples), 14)
        order = {"daemon start": 0, "run": 1}  # something must be there before it can be shown; stopping comes last
        examples.sort(key=lambda e: (9 if e[1:3] == ["daemon", "stop"] else order.get(" ".join(e[1:3]), order.get(e[1], 5))))
        for words in {tuple(e): None for e in examples}:
            self.assertEqual(words[0], "benchctl")
            with self.subTest(example=" ".join(words)):
                if words[1] == "open" and not self.has_dashboard():
                    self.assertIn("dashboard", self.ctl(*words[1:], status=69)[1])
                    continue
                if words[1:3] == ("python", "remove"):  # of one that was added, which takes minutes
                    self.assertIn("there is no interpreter", self.ctl(*words[1:], status=66)[1])
                    continue
                # the answer may be "no", or that nobody can tell
                open_ended = words[1] in ("doctor", "ab", "compare", "gate")
                luck = ("--seed", "1") if words[1] == "fuzz" else ()  # what random calls find is no matter of examples
                p = self.popen(*words[1:], *luck, cwd=work)
                out, err = p.communicate(timeout=PATIENCE)
                self.assertIn(p.returncode, (0, 1, 2) if open_ended else (0,), out + err)
                self.assertTrue(out.strip(), err)


if __name__ == "__main__":
    unittest.main()
