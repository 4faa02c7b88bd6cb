"""benchctl trace as people use it: running programs, commands, files, terminals, and everything that can go wrong."""
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import unittest

from ctl import BENCHCTL, BUILD, ESCAPE, HERE, Case, environment, wait_for
from screen import Terminal

PROGRAM = os.path.join(HERE, "culprit.py")
PYTHON = "/usr/bin/python3"
PATIENCE = 120
with open(PROGRAM, encoding="utf-8") as source:
    LINES = {m.group(1): n for n, text in enumerate(source, 1) if (m := re.search(r"# @(\w+)$", text))}


def lack():
    """Why nothing can be traced here, or None."""
    if not os.path.exists(os.path.join(BUILD, "bin", "bench-tracer")):
        return "bench-tracer was not built"
    if os.geteuid():
        return "needs root: nothing else may load programs into the kernel"
    return None


class Traced(Case):
    def setUp(self):
        if lack():
            self.skipTest(lack())

    def program(self, *prefix):
        """culprit.py, running: (process, {"pid", "culprit", "victim"})"""
        p = subprocess.Popen([*prefix, PYTHON, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def end():
            if p.poll() is None:
                p.kill()
            p.communicate()
        self.addCleanup(end)
        return p, json.loads(p.stdout.readline())

    def listed(self):
        return self.json("trace", "--list", "--limit", "100")["traces"]

    def terminal(self, *args, columns=80, rows=24, **env):
        t = Terminal([BENCHCTL, *args], environment(self.data, **env), columns, rows)
        self.addCleanup(t.kill)
        return t

    def begun(self, *args, **more):
        """benchctl trace with a pipe for everything, and the id of its trace, which runs."""
        known = {t["id"] for t in self.listed()}
        p = self.popen("trace", *args, **more)
        self.addCleanup(lambda: (p.poll() is None and p.kill(), p.communicate()))
        found = wait_for("a running trace", PATIENCE, lambda: [t["id"] for t in self.listed() if t["id"] not in known])
        return p, found[0]

    def named(self, document, tids):
        """The culprit's line is the worst of the holders', and the victim's total is there."""
        worst = max((line for line in document["lines"] if line["role"] == "holder"), key=lambda line: line["ns"])
        self.assertEqual((worst["tid"], worst["function"], worst["file"], worst["line"]), (tids["culprit"], "culprit", PROGRAM, LINES["culprit"]))
        victim = next(t for t in document["threads"] if t["tid"] == tids["victim"])
        self.assertGreater(victim["wait_ns"], 0)
        top = max(document["blockers"], key=lambda b: b["ns"])
        self.assertEqual((top["waiter"], top["holder"]), (tids["victim"], tids["culprit"]))
        return victim


class Process(Traced):
    def test_the_document_names_the_culprit(self):
        _, tids = self.program()
        d = self.json("trace", "--pid", str(tids["pid"]), "--seconds", "2")
        self.assertEqual((d["schema"], d["state"], d["pid"], d["level"]), ("benchd.trace.v1", "complete", tids["pid"], "events"))
        self.assertGreaterEqual(d["seconds"], 1.9)
        self.assertGreater(d["end_mono_ns"], d["start_mono_ns"])
        self.named(d, tids)
        self.assertEqual(self.json("trace", "--id", d["id"]), d, "what was printed is what is stored")
        self.assertEqual(self.json("trace", "--id", d["id"][:20].lower())["id"][:20], d["id"][:20])
        self.assertEqual(self.json("trace", "--id", "latest"), d)
        self.assertIn(d["id"], [t["id"] for t in self.listed()])

    def test_the_report_is_the_answer_and_nothing_else(self):
        _, tids = self.program()
        out, err = self.ctl("trace", "--pid", str(tids["pid"]), "--seconds", "1.5", env={"COLUMNS": "100"})
        self.assertEqual(err, "")
        self.assertRegex(out, r"complete after 1\.\d s\n")
        held = out[out.index("what held the GIL while others waited"):].splitlines()[2]
        self.assertRegex(held, rf"culprit( → \S+( …)?)? +\S*culprit\.py:{LINES['culprit']}$")
        self.assertIn("who waited for whom", out)
        self.assertIn("processor time of bench-tracer", out)
        self.assertNotIn("\x1b", out)
        for line in out.splitlines():
            self.assertLessEqual(len(line), 100, line)
        trace = re.search(r"^trace +(\w+),", out, re.M).group(1)
        self.assertEqual(self.ctl("trace", "--id", trace, env={"COLUMNS": "100"})[0], out, "the same again from the store")
        table = self.ctl("trace", "--list", env={"COLUMNS": "200"})[0]
        self.assertRegex(table, rf"{trace} +complete +{tids['pid']} ")

    def test_ctrl_c_ends_it_with_a_report(self):
        _, tids = self.program()
        p, trace = self.begun("--pid", str(tids["pid"]))
        wait_for("a wait in it", PATIENCE, lambda: self.json("trace", "--id", trace)["waits"] > 10)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual((p.returncode, err), (0, ""))
        self.assertIn("what held the GIL while others waited", out)
        self.assertEqual(self.json("trace", "--id", trace)["state"], "complete")

    def test_ctrl_c_at_any_moment_leaves_no_trace_going_on(self):
        _, tids = self.program()
        before = {t["id"] for t in self.listed()}
        reports = 0
        for ms in (0, 20, 40, 60, 80, 120, 160, 240, 400):
            p = self.popen("trace", "--pid", str(tids["pid"]), preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
            select.select([p.stdout], [], [], ms / 1000)  # wherever it is then
            p.send_signal(signal.SIGINT)
            out, err = p.communicate(timeout=PATIENCE)
            self.assertIn(p.returncode, (-signal.SIGINT, 0), err)
            self.assertEqual(p.returncode == 0, "bench-tracer" in out)  # a report, once there is a trace
            reports += p.returncode == 0
        ended = [t for t in self.listed() if t["id"] not in before]
        self.assertEqual({t["state"] for t in ended}, {"complete"} if ended else set())
        self.assertEqual(len(ended), reports)

    def test_less_than_was_asked_for_is_status_2(self):
        _, tids = self.program()
        p, trace = self.begun("--pid", str(tids["pid"]), "--seconds", "600", "--json")
        wait_for("a wait in it", PATIENCE, lambda: self.json("trace", "--id", trace)["waits"] > 10)
        p.send_signal(signal.SIGINT)
        out, _ = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 2)
        self.named(json.loads(out), tids)

    def test_the_end_of_the_process_ends_it(self):
        program, tids = self.program()
        p, trace = self.begun("--pid", str(tids["pid"]), "--seconds", "600")
        wait_for("a wait in it", PATIENCE, lambda: self.json("trace", "--id", trace)["waits"] > 10)
        program.kill()
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual(p.returncode, 0, err)
        self.assertEqual(self.json("trace", "--id", trace)["reason"]["key"], "target-ended")

    def test_a_dry_run_traces_nothing(self):
        _, tids = self.program()
        before = self.listed()
        out, _ = self.ctl("trace", "--pid", str(tids["pid"]), "--seconds", "3", "--dry-run")
        self.assertEqual(out, f"would trace {PYTHON} {PROGRAM} (pid {tids['pid']}) for 3.0 s\n")
        self.assertEqual(self.json("trace", "--dry-run", "--", "python3", "x.py"),
                         {"command": "python3 x.py", "pid": None, "seconds": None, "problems": []})
        self.assertEqual(self.listed(), before)

    def test_one_line_in_ten_seconds_without_a_terminal(self):
        _, tids = self.program()
        out, err = self.ctl("trace", "--pid", str(tids["pid"]), "--seconds", "11", "--json")
        self.assertRegex(err, r"^tracing (9|10)\.\d s of 11\.0 s · .* waits/s · nothing lost · tracer .* CPU · .* ← .*\n\Z")
        self.assertEqual(self.ctl("trace", "--pid", str(tids["pid"]), "--seconds", "0.3", "-q")[1], "")

    def test_a_killed_client_leaves_a_complete_trace(self):
        _, tids = self.program()
        p, trace = self.begun("--pid", str(tids["pid"]))
        p.kill()
        d = wait_for("its end", PATIENCE, lambda: (d := self.json("trace", "--id", trace, status=None))["state"] == "complete" and d)
        self.assertLess(d["seconds"], 60)

    def test_a_lost_daemon_is_said_and_what_was_stored_is_kept(self):
        _, tids = self.program()
        self.ctl("daemon", "start")
        daemon = self.json("daemon", "status")["pid"]
        p, trace = self.begun("--pid", str(tids["pid"]))
        wait_for("a wait in it", PATIENCE, lambda: self.json("trace", "--id", trace)["waits"] > 10)
        end = time.monotonic() + 2.5  # a stored chunk takes at most a second
        wait_for("something stored", PATIENCE, lambda: time.monotonic() > end)
        os.kill(daemon, signal.SIGKILL)
        out, err = p.communicate(timeout=PATIENCE)
        self.assertEqual((p.returncode, out), (2, ""))
        self.assertIn(f"benchctl trace --id {trace}", err)
        d = self.json("trace", "--id", trace, status=None)
        self.assertEqual(d["state"], "interrupted")
        self.assertGreater(d["waits"], 0)


class Refused(Traced):
    def refused(self, status, *args, **more):
        before = self.listed()
        out, err = self.ctl("trace", *args, status=status, **more)
        self.assertEqual(out, "")
        self.assertTrue(err.startswith("benchctl: ") and err.count("\n") == 1, err)
        self.assertEqual(self.listed(), before)
        return err

    def test_no_such_process(self):
        with subprocess.Popen(["true"]) as p:
            p.wait()
        self.assertIn(f"there is no process {p.pid} (", self.refused(66, "--pid", str(p.pid)))

    def test_a_thread(self):
        _, tids = self.program()
        err = self.refused(66, "--pid", str(tids["victim"]))
        self.assertIn(f"{tids['victim']} is a thread of process {tids['pid']} (--pid {tids['pid']}", err)

    def test_not_python(self):
        p = self.enterContext(subprocess.Popen(["sleep", "600"]))
        self.addCleanup(p.kill)
        self.assertIn("Python", self.refused(2, "--pid", str(p.pid)))

    def test_no_such_command(self):
        self.assertIn("there is no program 'no-such-program' in PATH", self.refused(66, "--", "no-such-program"))
        self.assertIn("there is no program", self.refused(66, "--", "./no-such-program"))
        self.assertIn("not a program that can be started", self.refused(66, "--", PROGRAM if not os.access(PROGRAM, os.X_OK) else HERE))

    def test_a_file_that_cannot_be_written_is_said_before(self):
        _, tids = self.program()
        for file in ("/nowhere/x", "/dev/null", self.data):
            self.assertIn(f"cannot write {file}", self.refused(74, "--pid", str(tids["pid"]), "--seconds", "1", "--out", file))

    def test_traces_and_runs_that_are_not_there(self):
        self.assertIn("no trace begins with 'zzz' (benchctl trace --list", self.refused(66, "--id", "zzz"))
        self.assertIn("there is no run yet", self.refused(66, "--run", "latest"))
        self.refused(66, "--run", "0" * 26)


class Files(Traced):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trace = None

    def setUp(self):
        super().setUp()
        if not self.trace:
            _, tids = self.program()
            type(self).trace = self.json("trace", "--pid", str(tids["pid"]), "--seconds", "1")["id"]

    def path(self, name):
        return os.path.join(self.data, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def test_every_format_to_a_file_and_to_standard_output(self):
        for form in ("perfetto", "collapsed", "speedscope", "json"):
            out, err = self.ctl("trace", "--id", self.trace, "--format", form, "--out", self.path("x." + form))
            self.assertIn("who waited for whom", out, "the report as well")
            self.assertEqual(err, f"wrote {self.path('x.' + form)}\n")
            text = self.read("x." + form)
            self.assertIn("culprit", text)
            if form != "collapsed":
                json.loads(text)
            self.assertEqual(self.ctl("trace", "--id", self.trace, "--format", form), (text, ""))
            self.assertEqual(self.ctl("trace", "--id", self.trace, "--format", form, "--out", "-"), (text, ""))
        self.assertEqual(json.loads(self.read("x.json")), self.json("trace", "--id", self.trace))

    def test_of_a_running_process(self):
        _, tids = self.program()
        d = self.json("trace", "--pid", str(tids["pid"]), "--seconds", "1", "--out", self.path("live.json"))
        self.assertEqual(json.loads(self.read("live.json")), d)

    def test_a_file_is_replaced_whole_and_a_link_is_followed(self):
        with open(self.path("old"), "w", encoding="utf-8") as f:
            f.write("what was there")
        os.symlink("old", self.path("link"))
        with open(self.path("old"), encoding="utf-8") as reader:
            self.ctl("trace", "--id", self.trace, "--format", "collapsed", "--out", self.path("link"))
            self.assertEqual(reader.read(), "what was there", "who reads it goes on reading the old one")
        self.assertTrue(os.path.islink(self.path("link")))
        self.assertIn("culprit", self.read("old"))
        self.assertEqual([f for f in os.listdir(self.data) if f.startswith("old.")], [])

    def test_a_full_disk_leaves_nothing(self):
        folder = self.path("small")
        os.mkdir(folder)
        script = f"mount -t tmpfs -o size=4k none {folder} && {BENCHCTL} trace --id {self.trace} --format perfetto --out {folder}/x; echo $?; ls {folder}"
        apart = os.path.join(os.path.dirname(HERE), "apart")
        p = subprocess.run([apart, "sh", "-c", script], env=environment(self.data), capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(p.stdout.splitlines()[-1], "74", p.stdout + p.stderr)
        self.assertIn("No space left", p.stderr)

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        p = self.popen("trace", "--id", self.trace, "--format", "perfetto", stdout=subprocess.PIPE)
        p.stdout.read(1)
        p.stdout.close()
        p.wait(PATIENCE)
        self.assertEqual(p.stderr.read(), "")
        p.stderr.close()


class Command(Traced):
    def started(self, *args, **more):
        p = subprocess.Popen([BENCHCTL, "trace", *args], env=environment(self.data), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, **more)
        self.addCleanup(lambda: (p.poll() is None and p.kill(), p.communicate()))
        return p

    def test_its_output_its_input_and_its_end(self):
        out, err = self.started("--", PYTHON, PROGRAM).communicate("", timeout=PATIENCE)
        first, *rest = out.splitlines()
        self.assertGreater(json.loads(first)["victim"], 0)
        self.assertEqual(rest[0], "bye", "the end of the input reaches it")
        self.assertRegex(rest[1], r"culprit\.py  complete after ")
        self.assertEqual(err, f"{PYTHON} ended with status 0\n")

    def test_the_culprit_is_named_from_the_first_instruction_on(self):
        p = self.started("--json", "--", PYTHON, PROGRAM, "1.5")
        out, err = p.communicate("", timeout=PATIENCE)
        self.assertEqual(p.returncode, 0)
        said, bye, ended = err.splitlines()
        self.assertEqual((bye, ended), ("bye", f"{PYTHON} ended with status 0"))
        d = json.loads(out)
        self.named(d, json.loads(said))
        self.assertEqual(d["command"], f"{PYTHON} {PROGRAM} 1.5")
        self.assertGreaterEqual(d["seconds"], 1.5)

    def test_how_it_ended_is_said_and_is_not_our_status(self):
        for code, end in (("raise SystemExit(3)", "ended with status 3"), ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9 (Killed)")):
            p = self.started("--", PYTHON, "-c", "import time; time.sleep(0.5); " + code)
            _, err = p.communicate("", timeout=PATIENCE)
            self.assertEqual((p.returncode, err), (0, f"{PYTHON} {end}\n"))

    def test_a_time_ends_the_trace_and_not_the_command(self):
        p = self.started("--seconds", "1", "--", PYTHON, PROGRAM)
        seen = ""
        end = time.monotonic() + PATIENCE
        while "complete after 1." not in seen and time.monotonic() < end:
            if select.select([p.stdout], [], [], 1)[0]:
                seen += os.read(p.stdout.fileno(), 65536).decode()
        self.assertIn("complete after 1.", seen)
        self.assertIsNone(p.poll(), "it stays with the command")
        out, err = p.communicate("", timeout=PATIENCE)
        self.assertIn("bye", out)
        self.assertEqual((p.returncode, err), (0, f"{PYTHON} ended with status 0\n"))

    def test_it_is_as_if_it_had_been_started_alone(self):
        code = "import os; s = open('/proc/self/status').read(); print([l for l in s.splitlines() if l[:6] in ('SigBlk', 'SigIgn')], sorted(os.listdir('/proc/self/fd')), dict(os.environ))"
        alone = subprocess.run([PYTHON, "-c", code], env=environment(self.data), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                               timeout=PATIENCE).stdout
        out, _ = self.started("--", PYTHON, "-c", code).communicate("", timeout=PATIENCE)
        self.assertEqual(out.splitlines()[0], alone.splitlines()[0])

    def test_a_command_that_is_no_program(self):
        file = os.path.join(self.data, "text")
        with open(file, "w", encoding="utf-8") as f:
            f.write("just words\n")
        os.chmod(file, 0o755)
        p = self.started("--", file)
        out, err = p.communicate("", timeout=PATIENCE)
        self.assertEqual((p.returncode, out), (66, ""))
        self.assertEqual(err, f"benchctl: {file} cannot be started: Exec format error (a script needs a first line such as #!/bin/sh)\n")

    def test_a_command_that_is_not_python(self):
        p = self.started("--", "sleep", "0.3")
        out, err = p.communicate("", timeout=PATIENCE)
        self.assertIn("sleep ended with status 0", err)
        self.assertEqual(p.returncode, 2, out + err)
        self.assertIn("Python", err)

    def test_a_shell_that_becomes_python(self):
        p = self.started("--json", "--", "sh", "-c", f"exec {PYTHON} {PROGRAM} 1")
        out, err = p.communicate("", timeout=PATIENCE)
        self.assertEqual(p.returncode, 0, err)
        self.named(json.loads(out), json.loads(err.splitlines()[0]))

    def test_kill_9_leaves_the_command_and_a_readable_trace(self):
        known = {t["id"] for t in self.listed()}
        p = self.started("--", PYTHON, PROGRAM)
        tids = json.loads(p.stdout.readline())
        trace = wait_for("its trace", PATIENCE, lambda: [t["id"] for t in self.listed() if t["id"] not in known])[0]
        wait_for("a wait in it", PATIENCE, lambda: self.json("trace", "--id", trace, status=None)["waits"] > 10)
        p.kill()
        p.wait(PATIENCE)
        os.kill(tids["pid"], 0)
        d = wait_for("its end", PATIENCE, lambda: (d := self.json("trace", "--id", trace, status=None))["state"] == "complete" and d)
        os.kill(tids["pid"], 0)
        self.named(d, tids)
        p.stdin.close()
        self.assertEqual(p.stdout.readline(), "bye\n")
        p.stdin = None

    def test_kill_9_before_the_command_begins_ends_it(self):
        """A daemon that does not answer yet: the command is held meanwhile."""
        self.ctl("daemon", "start")
        daemon = self.json("daemon", "status")["pid"]
        os.kill(daemon, signal.SIGSTOP)
        try:
            p = self.started("--", "sh", "-c", "echo begun; exec sleep 600")
            held = wait_for("the held command", PATIENCE, lambda: children(p.pid))[0]
            p.kill()
            out, _ = p.communicate(timeout=PATIENCE)
            self.assertEqual(out, "", "it never began")
            wait_for("its end", PATIENCE, lambda: not os.path.exists(f"/proc/{held}"))
        finally:
            os.kill(daemon, signal.SIGCONT)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


class View(Traced):
    """What a terminal shows."""

    def shows(self, t, *words):
        return t.until(f"{words} on the screen", PATIENCE, lambda s: s.other and all(any(w in line for line in s.lines()) for w in words))

    def given_back(self, t):
        self.assertTrue(t.screen.cursor, "the cursor is shown")
        self.assertIsNone(t.screen.other, "what was there before is back")
        self.assertEqual(t.screen.wrapped if t.screen.other else 0, 0)

    def test_it_shows_the_culprit_fits_and_ends_with_the_report(self):
        _, tids = self.program()
        t = self.terminal("trace", "--pid", str(tids["pid"]), "--seconds", "600", columns=100, rows=40)
        self.shows(t, f"culprit.py:{LINES['culprit']}", str(tids["victim"]), "waits/s", "nothing lost", "of 10 min 0 s", "█")
        self.assertFalse(t.screen.cursor)
        for columns, rows in ((60, 10), (132, 50), (40, 6)):
            t.resize(columns, rows)
            t.until(f"{columns}×{rows}", PATIENCE, lambda s: all(len(line) < columns for line in s.lines()) and str(tids["pid"]) in s.lines()[0]
                    and not t.read(0.3) is None and any("waits/s" in line for line in s.lines()))
        t.resize(100, 60)
        t.type("\x03")
        self.assertEqual(t.end(PATIENCE), 2, "600 s were asked for")
        self.given_back(t)
        self.assertEqual(t.screen.wrapped, 0)
        self.assertIn("what held the GIL while others waited", "\n".join(t.screen.lines()))

    def test_figures_go_on(self):
        _, tids = self.program()
        t = self.terminal("trace", "--pid", str(tids["pid"]))
        seen = set()

        def more(screen):
            seen.add(next((m.group(0) for line in screen.lines() if (m := re.match(r"\d+\.\d s · ", line))), None))
            return len(seen - {None}) >= 4
        t.until("four times", PATIENCE, more)
        t.type("\x03")
        self.assertEqual(t.end(PATIENCE), 0)
        self.assertEqual(t.screen.entered, 1)

    def test_the_terminal_is_given_back_however_it_ends(self):
        for what in ("SIGTERM", "SIGHUP", "the process", "benchd"):
            with self.subTest(what):
                program, tids = self.program()
                t = self.terminal("trace", "--pid", str(tids["pid"]))
                self.shows(t, "waits/s", str(tids["victim"]))
                if what == "the process":
                    program.kill()
                elif what == "benchd":
                    os.kill(self.json("daemon", "status")["pid"], signal.SIGKILL)
                else:
                    os.kill(t.pid, getattr(signal, what))
                self.assertEqual(t.end(PATIENCE), {"SIGTERM": -15, "SIGHUP": -1, "the process": 0, "benchd": 2}[what])
                self.given_back(t)

    def test_stopped_and_continued(self):
        """Ctrl-Z gives the terminal back; the view comes again with the job."""
        _, tids = self.program()
        shell = os.path.join(self.data, "shell.py")
        with open(shell, "w", encoding="utf-8") as f:  # a shell with one job
            f.write("import os, signal, sys\nsignal.signal(signal.SIGTTOU, signal.SIG_IGN)\npid = os.fork()\n"
                    "if pid == 0:\n    os.setpgid(0, 0)\n    os.tcsetpgrp(0, os.getpid())\n    signal.signal(signal.SIGTTOU, signal.SIG_DFL)\n"
                    "    os.execv(sys.argv[1], sys.argv[1:])\n"
                    "_, status = os.waitpid(pid, os.WUNTRACED)\nassert os.WIFSTOPPED(status), status\nos.tcsetpgrp(0, os.getpgrp())\n"
                    "print('stopped', flush=True)\nsys.stdin.readline()\nos.kill(pid, signal.SIGCONT)\nprint('background', flush=True)\nsys.stdin.readline()\n"
                    "os.tcsetpgrp(0, pid)\nos.kill(pid, signal.SIGCONT)\n_, status = os.waitpid(pid, 0)\n"
                    "os.tcsetpgrp(0, os.getpgrp())\nsys.exit(os.waitstatus_to_exitcode(status))\n")
        t = Terminal([sys.executable, shell, BENCHCTL, "trace", "--pid", str(tids["pid"])], environment(self.data))
        self.addCleanup(t.kill)
        self.shows(t, "waits/s", str(tids["victim"]))
        t.type("\x1a")
        t.until("the shell", PATIENCE, lambda s: not s.other and any("stopped" in line for line in s.lines()))
        self.assertTrue(t.screen.cursor)
        t.type("\n")
        t.until("the shell", PATIENCE, lambda s: any("background" in line for line in s.lines()))
        end = time.monotonic() + 1
        t.until("a second in the background", PATIENCE, lambda s: time.monotonic() > end)
        self.assertIsNone(t.screen.other, "it leaves the terminal alone")
        t.type("\n")
        self.shows(t, "waits/s", str(tids["victim"]))
        t.type("\x03")
        self.assertEqual(t.end(PATIENCE), 0)
        self.given_back(t)

    def test_none_where_none_is_wanted(self):
        _, tids = self.program()
        for env, args in (({"TERM": "dumb"}, ()), ({}, ("-q",))):
            t = self.terminal("trace", "--pid", str(tids["pid"]), "--seconds", "1", *args, **env)
            self.assertEqual(t.end(PATIENCE), 0)
            self.assertNotIn("\x1b[?", t.raw)
        t = self.terminal("--color", "never", "trace", "--pid", str(tids["pid"]), "--seconds", "1")
        self.assertEqual(t.end(PATIENCE), 0)
        self.assertNotRegex(t.raw, r"\x1b\[[0-9;]*m")
        t = self.terminal("trace", "--pid", str(tids["pid"]), "--seconds", "1", NO_COLOR="1", LC_ALL="C")
        self.assertEqual(t.end(PATIENCE), 0)
        self.assertNotRegex(t.raw, r"\x1b\[[0-9;]*m")
        self.assertTrue(t.raw.isascii())

    def test_a_command_has_the_terminal_for_itself(self):
        t = self.terminal("trace", "--", PYTHON, PROGRAM, rows=80)
        t.until("its words", PATIENCE, lambda s: any('"victim"' in line for line in s.lines()))
        end = time.monotonic() + 1
        t.until("a second of it", PATIENCE, lambda s: time.monotonic() > end)
        t.type("\x03")
        self.assertEqual(t.end(PATIENCE), 0)
        self.assertNotIn("\x1b[?", t.raw)
        lines = [line for line in t.screen.lines() if line]
        self.assertEqual(sum(line.endswith("interrupted") for line in lines), 1, "once, as from any shell")
        said = next(i for i, line in enumerate(lines) if line == "bye")
        self.assertEqual(lines[said + 1], f"{PYTHON} ended with status 0")
        self.assertRegex(lines[said + 2], "complete after")

    def test_a_signal_for_us_alone_reaches_the_command(self):
        t = self.terminal("trace", "--", PYTHON, PROGRAM, rows=80)
        t.until("its words", PATIENCE, lambda s: any('"victim"' in line for line in s.lines()))
        os.kill(t.pid, signal.SIGINT)
        self.assertEqual(t.end(PATIENCE), 0)
        self.assertIn("interrupted", ESCAPE.sub("", t.raw))

    def test_a_second_ctrl_c_leaves_a_command_that_goes_on(self):
        code = ("import os, signal, time\nsignal.signal(2, lambda *_: os.write(1, b'not yet\\n'))\nos.write(1, b'ready\\n')\n"
                "while True: time.sleep(0.1)")
        t = self.terminal("trace", "--", PYTHON, "-c", code, rows=80)
        t.until("it is ready", PATIENCE, lambda s: "ready" in s.lines())
        command = children(t.pid)[0]
        told = []

        def ctrl_c():
            """Typed once the one before was seen: two that wait are one."""
            t.until("the signal before is seen", PATIENCE, lambda _: not pending(t.pid))
            t.type("\x03")
            told.append(1)
            t.until("the command is told", PATIENCE, lambda s: sum("not yet" in line for line in s.lines()) == len(told))
        ctrl_c()
        self.assertNotIn("complete after", "\n".join(t.screen.lines()))
        ctrl_c()
        t.until("the report", PATIENCE, lambda s: any(line.startswith("trace  ") for line in s.lines()))
        ctrl_c()
        ctrl_c()
        t.until("what goes on", PATIENCE, lambda s: any(f"goes on as process {command}" in line for line in s.lines()))
        os.kill(command, 9)
        self.assertEqual(t.end(PATIENCE), 0)


def pending(pid):
    """Whether a SIGINT waits to be taken."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return any(int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1 for line in f if line.startswith(("ShdPnd", "SigPnd")))


if __name__ == "__main__":
    unittest.main()
