"""What is refused, with which status, and which word is offered instead; and where colours and messages go."""
import fcntl
import os
import pty
import shlex
import struct
import subprocess
import termios
import unittest

from ctl import BENCHCTL, Case, environment, golden

REFUSED = [
    # arguments, what the message must contain
    (["runn"], ["no command 'runn'", "did you mean run?"]),
    (["xyzzy"], ["no command 'xyzzy'", "one of run, ab, compare, gate, trace, check, runs"]),
    (["show"], ["no command 'show'", "did you mean runs show?"]),
    (["list"], ["no command 'list'", "did you mean runs list or python list?"]),
    (["status", "--json"], ["no command 'status'", "did you mean daemon status?"]),
    (["run"], ["run needs TARGET", "for example benchctl run"]),
    (["run", "a", "b"], ["run takes TARGET", "'b'"]),
    (["run", "a", "--thread", "1"], ["no option --thread", "did you mean --threads?"]),
    (["run", "a", "--precision", "1"], ["--precision needs a percentage", "'1'", "1%"]),
    (["run", "a", "--precision", "0%"], ["--precision needs a percentage"]),
    (["run", "a", "--precision", "101%"], ["--precision needs a percentage up to 100%"]),
    (["run", "a", "--", "b"], ["run takes either TARGET or -- COMMAND", "'a' and 'b'"]),
    (["run", "--"], ["run needs TARGET, or -- COMMAND"]),
    (["ab", "--a", ".", "--b", "."], ["ab needs TARGET, or -- COMMAND", "for example benchctl ab"]),
    (["ab", "x"], ["ab needs --a and --b"]),
    (["ab", "--b", ".", "x"], ["ab needs --a and --b"]),
    (["ab", "--a", ".", "--b", "gc=off", "x"], ["--a is a folder and --b is only settings", "--a . --b . --b NAME=VALUE"]),
    (["ab", "--a", ".", "--a", "..", "--b", "gc=off", "x"], ["--a names two places, . and .."]),
    (["ab", "--a", "allocater=glibc", "--b", "gc=off", "x"], ["--a: there is no axis 'allocater'", "did you mean allocator?"]),
    (["ab", "--a", "gc=", "--b", "gc=off", "x"], ["--a: gc has no value"]),
    (["ab", "--a", "/usr/bin/python3", "--b", ".", "x"], ["nothing that can be a side", "python=ID"]),
    (["ab", "--a", "/etc/passwd", "--b", ".", "x"], ["nothing that can be a side", "a folder, a virtual environment"]),
    (["ab", "--a", "gc=on", "--b", "gc=off", "x", "--format", "xml"], ["--format does not know 'xml'"]),
    (["ab", "--a", "gc=on", "--b", "gc=off", "x", "--format", "junit", "--json"], ["--json does not go with --format junit"]),
    (["run", "x.py", "--server", "http://127.0.0.1:1"], ["x.py is of this machine", "leave --server out"]),
    (["run", "--server", "http://127.0.0.1:1", "--", "true"], ["true is of this machine"]),
    (["ab", "--a", ".", "--b", ".", "x", "--server", "http://127.0.0.1:1"], [". is of this machine"]),
    (["run", "a", "--html", "-"], ["--html needs the name of a file", "runs show latest --html -"]),
    (["run", "a", "--html", ""], ["--html needs a FILE"]),
    (["run", "a", "--html", "x", "--detach"], ["--html does not go with --detach"]),
    (["runs", "show", "a", "--html", "-", "--json"], ["--html - does not go with --json"]),
    (["open", "a", "b"], ["open takes [RUN]", "'b'"]),
    (["run", "a", "--equivalence", "x"], ["--equivalence needs a percentage"]),
    (["run", "a", "--gc", "off"], ["run has no option --gc"]),
    (["run", "a", "--threads"], ["--threads needs a value"]),
    (["run", "a", "--threads", "1,,2"], ["empty entry"]),
    (["run", "a", "--threads="], ["empty entry"]),
    (["run", "a", "--budget", "soon"], ["--budget needs a time, not 'soon'", "30s"]),
    (["run", "a", "--budget", "-3s"], ["--budget needs a time"]),
    (["run", "a", "--budget", "inf"], ["--budget needs a time"]),
    (["run", "a", "--budget", "0x10"], ["--budget needs a time"]),
    (["run", "a", "--wait", "10 minutes"], ["--wait needs a time"]),
    (["run", "a", "--launches", "0"], ["--launches needs a whole number from 1"]),
    (["run", "a", "--launches", "1001"], ["--launches needs a whole number from 1 to 1000"]),
    (["run", "a", "--launches", "six"], ["--launches needs a whole number"]),
    (["run", "a", "--rounds", "2.5"], ["--rounds needs a whole number"]),
    (["run", "a", "--seed", "99999999999999999999"], ["--seed needs a whole number"]),
    (["run", "a", "--trace", "event"], ["--trace does not know 'event'", "did you mean events?"]),
    (["run", "a", "--trace", "xyz"], ["--trace does not know 'xyz'", "one of off|counters|events"]),
    (["run", "a", "--trace", "counter"], ["did you mean counters?"]),
    (["run", "a", "--axis", "u"], ["--axis needs NAME=V1,V2"]),
    (["run", "a", "--axis", "u=1us,"], ["empty entry"]),
    (["run", "a", "--label", "branch"], ["--label needs K=V"]),
    (["run", "a", "--env", "=x"], ["--env needs K=V"]),
    (["run", "a", "--dry-run=yes"], ["--dry-run takes no value"]),
    (["trace"], ["trace needs --pid PID, -- COMMAND [ARG...], --id TRACE, --run RUN or --list"]),
    (["trace", "--seconds", "3"], ["trace needs --pid PID, -- COMMAND"]),
    (["trace", "python3", "app.py"], ["trace takes no operand, not 'python3'", "benchctl trace -- python3"]),
    (["trace", "--"], ["trace needs --pid PID, -- COMMAND"]),
    (["trace", "--", ""], ["trace needs -- COMMAND [ARG...], not an empty word"]),
    (["trace", "--pid", "0"], ["--pid needs a whole number from 1"]),
    (["trace", "--pid", "4194305"], ["--pid needs a whole number from 1 to 4194304"]),
    (["trace", "--pid", "self"], ["--pid needs a whole number"]),
    (["trace", "--pid", "1", "--", "true"], ["--pid does not go with -- COMMAND"]),
    (["trace", "--pid", "1", "--list"], ["--list does not go with --pid"]),
    (["trace", "--id", "latest", "--run", "latest"], ["--run does not go with --id"]),
    (["trace", "--id", "latest", "--seconds", "3"], ["--seconds does not go with --id"]),
    (["trace", "--list", "--out", "x"], ["--out does not go with --list"]),
    (["trace", "--pid", "1", "--limit", "3"], ["--limit does not go with --pid"]),
    (["trace", "--pid", "1", "--seconds", "0"], ["--seconds needs more than no time"]),
    (["trace", "--pid", "1", "--seconds", "long"], ["--seconds needs a time, not 'long'"]),
    (["trace", "--pid", "1", "--format", "perfeto"], ["--format does not know 'perfeto'", "did you mean perfetto?"]),
    (["trace", "--pid", "1", "--format", "flamegraph"], ["one of perfetto|collapsed|speedscope|json"]),
    (["trace", "--pid", "1", "--out", "-", "--json"], ["--json does not go with --out -"]),
    (["trace", "--pid", "1", "--format", "perfetto", "--json"], ["--json does not go with --format alone", "--out FILE"]),
    (["trace", "--pid", "1", "--server", "http://127.0.0.1:1"], ["process 1 is of this machine", "leave --server out"]),
    (["trace", "--server", "http://127.0.0.1:1", "--", "true"], ["true is of this machine", "leave --server out"]),
    (["runs"], ["runs needs one of list, show"]),
    (["runs", "lst"], ["runs has no command 'lst'", "did you mean list?"]),
    (["runs", "list", "x"], ["runs list takes no operand, not 'x'"]),
    (["runs", "list", "--limit", "0"], ["--limit needs a whole number from 1"]),
    (["runs", "list", "--state", "complet"], ["did you mean complete?"]),
    (["runs", "show"], ["runs show needs ID"]),
    (["runs", "show", ""], ["runs show takes ID, not an empty word"]),
    (["open", ""], ["open takes [RUN], not an empty word"]),
    (["suites", "x"], ["suites takes no operand"]),
    (["daemon"], ["daemon needs one of start, status, log, stop"]),
    (["daemon", "restart"], ["daemon has no command 'restart'", "did you mean start?"]),
    (["daemon", "stop", "--forc"], ["did you mean --force?"]),
    (["daemon", "log", "--follow"], ["no option --follow"]),
    (["daemon", "status", "--server", "http://127.0.0.1:1"], ["daemon does not work on --server"]),
    (["python"], ["python needs one of list, add, remove"]),
    (["python", "add"], ["python add needs PATH"]),
    (["python", "lst"], ["did you mean list?"]),
    (["python", "remove", "3.14.0", "--server", "http://127.0.0.1:1"], ["do not work on --server"]),
    (["help", "nope"], ["no command 'nope'"]),
    (["help", "run", "list"], ["run has no command 'list'"]),
    (["--color", "sometimes", "suites"], ["--color does not know 'sometimes'", "one of auto|always|never"]),
    (["--jsn", "suites"], ["no option --jsn", "did you mean --json?"]),
    (["-x"], ["no option -x"]),
    (["completion"], ["completion needs one of bash, zsh, fish, words"]),
    (["completion", "tcsh"], ["completion has no command 'tcsh'", "did you mean bash?"]),
]


class Usage(Case):
    def test_refusals(self):
        for args, parts in REFUSED:
            with self.subTest(args=args):
                out, err = self.ctl(*args, status=64)
                self.assertEqual(out, "")
                self.assertTrue(err.startswith("benchctl: "), err)
                self.assertEqual(err.count("\n"), 1, err)
                for part in parts:
                    self.assertIn(part, err)

    def test_nothing_was_started_or_made_by_all_this(self):
        for args, _ in REFUSED:
            self.ctl(*args, status=64)
        self.assertFalse(os.path.exists(os.path.join(self.data, "benchd")))

    def test_no_command_shows_the_help_on_standard_error(self):
        out, err = self.ctl(status=64)
        self.assertEqual(out, "")
        self.assertIn("commands:", err)

    def test_options_are_accepted_before_and_after_the_command_and_with_equals(self):
        self.assertEqual(self.ctl("--json", "daemon", "status", status=1)[0], self.ctl("daemon", "status", "--json", status=1)[0])
        self.assertIn("--lines needs a whole number", self.ctl("daemon", "log", "--lines=x", status=64)[1])

    def test_an_unwritable_answer_is_said(self):
        with open("/dev/full", "w") as full:
            p = self.popen("--help", stdout=full)
            err = p.communicate(timeout=60)[1]
        self.assertEqual(p.returncode, 74)
        self.assertIn("No space left on device", err)

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        r, w = os.pipe()
        os.close(r)
        p = self.popen("--help", stdout=w)
        os.close(w)
        err = p.communicate(timeout=60)[1]
        self.assertEqual(err, "")
        self.assertNotEqual(p.returncode, 0)


class Golden(Case):
    """What people read when something is not possible, word by word."""

    def test_refusals_are_the_agreed_ones(self):
        file = os.path.join(self.data, "file")
        with open(file, "w", encoding="utf-8"):
            pass
        self.ctl("daemon", "start")
        url = self.json("daemon", "status")["url"]
        elsewhere = {"BENCHD_DATA": os.path.join(self.data, "elsewhere")}
        words = [(args, {}) for args, _ in REFUSED]
        words += [
            (["run", "gil-contentoin"], {}),
            (["run", "gil-contention", "--axis", "thread=1"], {}),
            (["run", "gil-contention", "--axis", "gil=hodl"], {}),
            (["run", "gil-contention", "--allocator", "jemaloc"], {}),
            (["run", "gil-contention", "--binding", "capi:fast"], {}),
            (["run", "gil-contention", "--threads", "0"], {}),
            (["run", "gil-contention", "--env", "LD_PRELOAD=/x"], {}),
            (["run", "gil-contention", "--html", "/nowhere/run.html"], {}),
            (["run", "gil-contention", "--html", "/"], {}),
            (["runs", "show", "latest"], {}),
            (["runs", "show", "zzz"], {}),
            (["runs", "show", "0" * 26], {}),
            (["suites"], {"BENCHD_DATA": file}),
            (["daemon", "log"], elsewhere),
            (["suites", "--server", "http://127.0.0.1:1"], {**elsewhere, "BENCHD_TOKEN": "x"}),
            (["suites", "--server", "ftp://127.0.0.1:1"], {**elsewhere, "BENCHD_TOKEN": "x"}),
            (["suites", "--server", url], {**elsewhere, "BENCHD_TOKEN": "0" * 64}),
            (["suites", "--server", "http://192.0.2.1"], elsewhere),
        ]
        text = ""
        for args, env in words:
            p = self.popen(*args, env=env)
            out, err = p.communicate(timeout=60)
            self.assertEqual(out, "", args)
            self.assertNotEqual(p.returncode, 0, args)
            text += f"$ benchctl {shlex.join(args)}\n{p.returncode}  {err}\n"
        golden(self, "refusals.txt", text.replace(url, "http://127.0.0.1:PORT").replace(self.data, "/home"))


class Colour(Case):
    def on_terminal(self, *args, columns=80, **env):
        """What it writes when standard output and standard error are a terminal."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        p = subprocess.Popen([BENCHCTL, *args], env=environment(self.data, **env), stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        out = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the last writer has gone
                break
            if not part:
                break
            out += part
        os.close(master)
        p.wait(60)
        return out.decode()

    def test_colour_on_a_terminal_only_and_never_against_the_users_wish(self):
        self.assertIn("\x1b[31mbenchctl:", self.on_terminal("nope"))
        self.assertNotIn("\x1b", self.on_terminal("nope", NO_COLOR="1"))
        self.assertIn("\x1b", self.on_terminal("nope", NO_COLOR=""), "an empty NO_COLOR says nothing")
        self.assertNotIn("\x1b", self.on_terminal("nope", TERM="dumb"))
        self.assertNotIn("\x1b", self.on_terminal("--color", "never", "nope"))
        self.assertNotIn("\x1b", self.ctl("nope", status=64)[1])
        self.assertIn("\x1b", self.ctl("--color", "always", "nope", status=64)[1])


if __name__ == "__main__":
    unittest.main()
