"""What fits where, and three real shells that are asked to complete with the Tab key."""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
import unittest

from ctl import BENCHCTL, ESCAPE, Case, environment, wait_for

SMALL = ("gil-contention", "--threads", "1", "--case", "empty-loop", "--launches", "1", "--rounds", "1", "-q")
CSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][A-Z0-9]?|\x07|\x00")


class Words(Case):
    """benchctl completion words: the part all shells share."""

    def words(self, *words, env=None):
        out, err = self.ctl("completion", "words", "--", *words, env=env)
        self.assertEqual(err, "")
        return [line.split("\t")[0] for line in out.splitlines()]

    def soon(self, expected, *words):
        """A daemon that is busy may be passed over, and be asked again with the next Tab."""
        wait_for(f"the words that {words} can become", 60, lambda: self.words(*words) == expected)

    def setUp(self):
        self.stop()

    def test_the_descriptors(self):
        for words, expected in (
                (["ru"], ["run", "runs"]),
                (["runs", ""], ["list", "show"]),
                (["runs", "l"], ["list"]),
                (["nope", ""], []),
                (["runs", "nope", ""], []),
                (["run", "--thr"], ["--threads"]),
                (["--qui"], ["--quiet"]),
                (["run", "--trace", ""], ["off", "counters", "events"]),
                (["run", "--trace", "c"], ["counters"]),
                (["run", "--trace=c"], ["--trace=counters"]),
                (["run", "--trace=", "gil"], ["gil-contention"]),
                (["run", "--trace="], ["--trace=off", "--trace=counters", "--trace=events"]),
                (["run", "--seed", ""], []),
                (["run", "--dry-run="], []),
                (["run", "--budget", "gil"], []),
                (["runs", "list", "--state", "r"], ["running"]),
                (["runs", "list", "--state=c"], ["--state=complete", "--state=cancelled"]),
                (["runs", "list", "--state", "failed", "--st"], []),
                (["run", "--threads", "1", "--threa"], ["--threads"]),
                (["help", "da"], ["daemon"]),
                (["help", "daemon", "st"], ["start", "status", "stop"]),
                (["help", "daemon", "start", "x"], []),
                (["completion", ""], ["bash", "zsh", "fish", "words"]),
                (["run", "--html", ""], [""]),  # names of files, which the shell knows
                (["run", "--html=x"], [""]),
        ):
            with self.subTest(words=words):
                self.assertEqual(self.words(*words), expected)
        options = self.words("suites", "")
        self.assertEqual(options[0], "--server", "where nothing else is left to say, the options")
        self.assertIn("--help", options)
        self.assertEqual(self.words("suites", "--json", "--js"), [], "once is enough")
        self.assertLessEqual({"run", "runs", "open", "help"}, set(self.words("")))

    def test_suites_are_known_without_a_daemon_and_none_is_started(self):
        self.assertEqual(self.words("run", "gil"), ["gil-contention"])
        self.assertLessEqual({"gil-contention", "noise", "quick"}, set(self.words("runs", "list", "--suite", "")))
        self.assertEqual(self.words("run", "gil-contention", "--threads", ""), ["1", "2", "4"])
        self.assertEqual(self.words("run", "gil-contention", "--threads", "1,"), ["1,2", "1,4"])
        self.assertEqual(self.words("run", "--allocator=glibc,je"), ["--allocator=glibc,jemalloc"])
        self.assertEqual(self.words("run", "gil-contention", "--axis", "gil=r"), ["gil=release"])
        self.assertEqual(self.words("run", "gil-contention", "--axis=u=1us,1m"), ["--axis=u=1us,1ms"])
        self.assertLessEqual({"threads=", "gc=", "u=", "gil="}, set(self.words("run", "gil-contention", "--axis", "")))
        self.assertEqual(self.words("runs", "show", ""), [])
        self.assertEqual(self.words("open", ""), [])
        home = os.path.join(self.data, "nobody")
        os.mkdir(home)
        env = {"BENCHD_DATA": os.path.join(home, "benchd")}
        for line in (["run", ""], ["runs", "show", ""], ["run", "--case", ""], ["run", "--binding", ""], ["run", "--axis", ""]):
            self.words(*line, env=env)
        self.assertEqual(os.listdir(home), [])

    def test_a_daemon_that_runs_is_asked(self):
        ids = [self.json("run", *SMALL)["run"]["id"] for _ in range(2)][::-1]
        self.soon(["latest"] + ids, "runs", "show", "")
        self.soon(["latest"], "open", "l")
        self.soon([i for i in ids if i[:-2] == ids[0][:-2]], "runs", "show", ids[0][:-2])
        self.ctl("cases")  # it knows them now
        self.soon(["empty-loop"], "run", "empty")
        self.soon(["empty-loop"], "run", "--case", "empty")
        self.soon(["--binding=ctypes:argtypes"], "run", "--binding=ctypes:a")
        pythons = wait_for("interpreters", 60, lambda: self.words("cases", "--python", "3"))
        self.assertEqual([p for p in pythons if not re.match(r"3\.\d+\.\d+", p)], [])
        self.soon(["unroll="], "run", "--axis", "unr")
        about = wait_for("what the run is", 60, lambda: self.ctl("completion", "words", "--", "runs", "show", ids[0])[0])
        self.assertRegex(about, rf"^{ids[0]}\tgil-contention, complete, 20\S+Z\n\Z")
        words = wait_for("the same in JSON", 60, lambda: self.json("completion", "words", "--", "runs", "show", ids[0])["words"])
        self.assertEqual([(w["word"], w["about"]) for w in words], [tuple(about.rstrip("\n").split("\t"))])
        self.assertEqual(self.json("completion", "words", "--", "run", "--html", ""), {"words": [], "files": True})

    def test_a_daemon_that_stands_still_is_passed_over(self):
        self.ctl("daemon", "start")
        pid = self.json("daemon", "status")["pid"]
        os.kill(pid, signal.SIGSTOP)
        wait_for("all its threads stand still", 60, lambda: set(self.states(pid)) == {"T"})
        try:
            self.assertEqual(self.words("runs", "show", ""), [])
            self.assertEqual(self.words("run", "gil"), ["gil-contention"])
        finally:
            os.kill(pid, signal.SIGCONT)

    @staticmethod
    def states(pid):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as f:
                yield f.read().rpartition(")")[2].split()[0]

    def test_a_server_that_is_named_is_never_asked(self):
        env = {"BENCHD_URL": "http://127.0.0.1:1", "BENCHD_TOKEN": "x"}
        self.assertEqual(self.words("runs", "show", "", env=env), [])
        self.assertEqual(self.words("--server", "http://127.0.0.1:1", "runs", "show", ""), [])


class Shell:
    """An interactive shell on a terminal."""

    def __init__(self, argv, env, cwd):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(argv, env=env, cwd=cwd, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.seen = ""

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def send(self, text):
        os.write(self.master, text.encode())

    def read_until(self, pattern, seconds=60):
        """What came since the last call, up to the match and with it."""
        end = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self.seen, re.S)
            if match:
                text, self.seen = self.seen[:match.end()], self.seen[match.end():]
                return text
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError(f"not within {seconds} s: {pattern} in {self.seen!r}")
            self.seen += CSI.sub("", ESCAPE.sub("", os.read(self.master, 65536).decode(errors="replace")))

    def tab(self, line):
        """(what was shown after Tab, the words the line has become)"""
        self.send(line + "\t")
        # to the beginning of the line, where a command goes before it that prints its words
        self.send("\x01printf '<%s>' END \n")
        text = self.read_until(r"\r?\n?<END>((<[^>]*>)*)(?=.*READY> )")
        self.read_until("READY> ")
        words = re.findall(r"<([^>]*)>", text[text.rindex("<END>"):])
        return text, words[1:]


class Shells(Case):
    """One of the shells; the checks are the same for each."""
    shell = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.shell is None:
            raise unittest.SkipTest("what the shells have in common")
        if not shutil.which(cls.shell):
            raise unittest.SkipTest(f"{cls.shell} is not installed")
        cls.folder = os.path.join(cls.data, "here")
        os.mkdir(cls.folder)
        for name in ("report.html", "other.txt"):
            with open(os.path.join(cls.folder, name), "w", encoding="utf-8"):
                pass
        cls.runs = [cls().json("run", *SMALL)["run"]["id"] for _ in range(2)]
        cls().ctl("cases")
        cls.env = environment(cls.data, PATH=f"{os.path.dirname(BENCHCTL)}:/usr/bin:/bin", PS1="READY> ", INPUTRC="/dev/null",
                              ZDOTDIR=cls.data, TERM="vt100", COLUMNS="200")

    def offered(self, line):
        """All words that were shown for it, or the one it was completed to."""
        raise NotImplementedError

    def completed(self, line):
        """The words of the line after Tab."""
        raise NotImplementedError

    def soon(self, expected, line):
        """A daemon that is busy may be passed over, and be asked again with the next Tab."""
        wait_for(f"what {line} is completed to", 60, lambda: self.completed(line) == expected)

    def test_commands(self):
        self.assertLessEqual({"run", "runs"}, self.offered("benchctl ru"))
        self.assertNotIn("suites", self.offered("benchctl ru"))
        self.assertEqual(self.completed("benchctl sui"), ["benchctl", "suites"])
        self.assertEqual(self.completed("benchctl runs li"), ["benchctl", "runs", "list"])

    def test_options_and_their_values(self):
        self.assertEqual(self.completed("benchctl run --thr"), ["benchctl", "run", "--threads"])
        self.assertLessEqual({"off", "counters"}, self.offered("benchctl run --trace "))
        self.assertEqual(self.completed("benchctl run --trace cou"), ["benchctl", "run", "--trace", "counters"])
        self.assertEqual(self.completed("benchctl run --trace=cou"), ["benchctl", "run", "--trace=counters"])
        self.assertEqual(self.completed("benchctl run gil"), ["benchctl", "run", "gil-contention"])
        self.assertEqual(self.completed("benchctl run --allocator glibc,je"), ["benchctl", "run", "--allocator", "glibc,jemalloc"])

    def test_words_with_equals_signs_and_colons(self):
        self.assertEqual(self.completed("benchctl run --axis gil=ho"), ["benchctl", "run", "--axis", "gil=hold"])
        self.assertEqual(self.completed("benchctl run --axis=gil=ho"), ["benchctl", "run", "--axis=gil=hold"])
        self.assertEqual(self.completed("benchctl run --axis=u=1us,100"), ["benchctl", "run", "--axis=u=1us,100us"])
        self.soon(["benchctl", "run", "--axis", "unroll="], "benchctl run --axis unr")
        self.assertEqual(self.completed("benchctl run --binding capi:va"), ["benchctl", "run", "--binding", "capi:varargs"])
        self.assertEqual(self.completed("benchctl run --binding=capi:va"), ["benchctl", "run", "--binding=capi:varargs"])
        self.soon(["benchctl", "run", "--binding=ctypes:argtypes"], "benchctl run --binding=ctypes:a")
        self.assertEqual(self.completed("benchctl run --axis gil=hold --thr"), ["benchctl", "run", "--axis", "gil=hold", "--threads"])

    def test_runs(self):
        wait_for("the runs", 60, lambda: {"latest", *self.runs} <= self.offered("benchctl runs show "))
        self.soon(["benchctl", "runs", "show", self.runs[0]], "benchctl runs show " + self.runs[0][:-1])

    def test_files(self):
        self.assertEqual(self.completed("benchctl run gil-contention --html rep"),
                         ["benchctl", "run", "gil-contention", "--html", "report.html"])
        self.assertEqual(self.completed("benchctl run gil-contention --html=rep"),
                         ["benchctl", "run", "gil-contention", "--html=report.html"])

    def test_without_a_daemon_it_is_silent(self):
        self.stop()
        self.assertEqual(self.completed("benchctl runs show l"), ["benchctl", "runs", "show", "l"])
        self.assertEqual(self.completed("benchctl run gil"), ["benchctl", "run", "gil-contention"])
        self.assertIs(self.json("daemon", "status", status=1)["running"], False)
        self.ctl("daemon", "start")
        self.ctl("cases")


class Interactive(Shells):
    """Shells whose answers are on the screen."""
    setup = ()

    def setUp(self):
        self.sh = Shell(self.argv(), self.env, self.folder)
        self.addCleanup(self.sh.close)
        self.sh.read_until("READY> ")
        for line in self.setup:
            self.sh.send(line + "\n")
            self.sh.read_until("READY> ")
        self.sh.send("echo BEG''IN\n")
        self.sh.read_until("BEGIN.*READY> ")

    def offered(self, line):
        text, words = self.sh.tab(line)
        return set(re.findall(r"[\w:=.-]+", text[len(line):]))

    def completed(self, line):
        return self.sh.tab(line)[1]


class Bash(Interactive):
    shell = "bash"
    setup = ("bind 'set show-all-if-ambiguous on'; bind 'set completion-query-items 0'; bind 'set page-completions off'; "
             "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'",
             "source <(benchctl completion bash)")

    def argv(self):
        return ["bash", "--norc", "--noprofile", "-i"]

    def test_a_program_that_is_not_in_the_path(self):
        os.symlink(os.path.dirname(BENCHCTL), os.path.join(self.data, "programs"))
        self.assertEqual(self.completed("../programs/benchctl run --thr"), ["../programs/benchctl", "run", "--threads"])
        self.assertEqual(self.completed("~/programs/benchctl run --thr"), [f"{self.data}/programs/benchctl", "run", "--threads"])

    def test_words_in_quotes(self):
        self.assertEqual(self.completed('benchctl run "gil'), ["benchctl", "run", "gil-contention"])
        self.assertEqual(self.completed("benchctl run 'gil-contention' --thr"), ["benchctl", "run", "gil-contention", "--threads"])
        self.assertEqual(self.completed('benchctl run --axis "gil=ho'), ["benchctl", "run", "--axis", "gil=hold"])
        self.assertEqual(self.completed('benchctl run --axis="gil=ho'), ["benchctl", "run", "--axis=gil=hold"])


class Zsh(Interactive):
    shell = "zsh"
    setup = ("unsetopt list_ambiguous beep prompt_sp prompt_cr; bindkey -e; unset zle_bracketed_paste; LISTMAX=1000",
             "autoload -Uz compinit && compinit -u -D",
             "source <(benchctl completion zsh)")

    def argv(self):
        return ["zsh", "-f", "-i"]


class ZshInstalled(Zsh):
    """As an installation brings it: a file that compinit finds in a folder of $fpath."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = os.path.join(cls.data, "site-functions")
        os.mkdir(folder)
        with open(os.path.join(folder, "_benchctl"), "w", encoding="utf-8") as f:
            f.write(cls().ctl("completion", "zsh")[0])
        cls.setup = (Zsh.setup[0], f"fpath=({folder} $fpath)", Zsh.setup[1])


class Fish(Shells):
    shell = "fish"

    def ask(self, line):
        p = subprocess.run(["fish", "--no-config", "-c", 'benchctl completion fish | source; complete -C "$argv[1]"', line], env=self.env,
                           cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((p.returncode, p.stderr), (0, ""))
        return [w.split("\t")[0] for w in p.stdout.splitlines()]

    def offered(self, line):
        return set(self.ask(line))

    def completed(self, line):
        """fish says what would be put in the place of the last word."""
        words = line.split(" ")
        offers = self.ask(line)
        return words[:-1] + (offers if len(offers) == 1 else words[-1:])


class Installed(Case):
    def test_the_scripts_are_where_the_shells_look(self):
        prefix = os.path.join(self.data, "prefix")
        build = os.environ["BENCHD_BUILD"]
        subprocess.run(["cmake", "--install", os.path.join(build, "daemon", "benchctl"), "--prefix", prefix], check=True,
                       capture_output=True, timeout=120)
        for path, shell in (("bash-completion/completions/benchctl", "bash"), ("zsh/site-functions/_benchctl", "zsh"),
                            ("fish/vendor_completions.d/benchctl.fish", "fish")):
            with open(os.path.join(prefix, "share", path), encoding="utf-8") as f:
                self.assertEqual(f.read(), self.ctl("completion", shell)[0])


# what they have in common is no test of its own
del Shells, Interactive

if __name__ == "__main__":
    unittest.main()
