"""A command timed as a process: found, run in its folder and environment, its failures told, its children not left behind."""
import os
import signal
import tempfile
import unittest

import bench_worker as bw
from bench_worker import Worker, cell


def target(*argv, **more):
    return dict({"kind": "command", "path": None, "argv": list(argv), "cwd": None, "env": {}}, **more)


class Commands(unittest.TestCase):
    def worker(self, **kinds):
        w = Worker(**kinds)
        self.addCleanup(w.__exit__)
        w.hello()
        return w

    def described(self, *targets):
        answer = self.worker().ask("describe", targets=list(targets))
        return [c for c in answer["cases"] if c["target"] is not None]

    def prepared(self, w, *targets, iterations=0):
        """One cell per target, by the names that describe gives."""
        names = [c["name"] for c in self.described(*targets)]
        return w.prepare([cell(i, case=n, binding="process", affinity="set", iterations=iterations) for i, n in enumerate(names)],
                         targets=list(targets))

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return os.path.realpath(folder.name)

    def test_what_a_command_says(self):
        one, two = self.described(target("true"), target("/bin/true", "with", "words"))
        self.assertEqual((one["name"], one["summary"], one["shape"], one["plain"], one["affinity"], one["reason"]),
                         ("true", "true", "iterations", "process", "set", None))
        self.assertEqual((two["name"], two["summary"]), ("true~2", "/bin/true with words"))

    def test_a_command_that_is_not_there(self):
        folder = self.folder()
        open(os.path.join(folder, "plain.txt"), "w").close()
        cases = self.described(target("benchd-no-such"), target("./plain.txt", cwd=folder), target("true", cwd=folder + "/no"),
                               target("true", env={"PATH": folder}))
        self.assertEqual([c["reason"]["key"] for c in cases],
                         ["command-not-found", "command-not-found", "no-such-input", "command-not-found"])
        self.assertIn("no command benchd-no-such in /usr/bin:/bin", cases[0]["reason"]["message"])
        answer, = self.prepared(self.worker(), target("benchd-no-such"))
        self.assertEqual((answer["status"], answer["reason"]["key"]), ("failed", "command-not-found"))

    def test_one_operation_is_one_process(self):
        folder = self.folder()
        w = self.worker(env={"BENCHD_TEST_OWN": "x", "SHARED": "worker's", "KEPT": "kept"})
        script = ('echo "$PWD $SHARED $KEPT ${BENCHD_TEST_OWN-unset}" >> seen; echo to standard output; '
                  '[ "$(readlink /proc/self/fd/0)" = /dev/null ]; ls /proc/self/fd >> fds')
        answer, = self.prepared(w, target("sh", "-c", script, cwd=folder, env={"SHARED": "target's"}), iterations=3)
        self.assertEqual(answer["status"], "ok", answer)
        self.assertEqual([n["key"] for n in answer["notes"]], ["process"])
        sample = w.batch(0, iterations=4)
        self.assertEqual(sample["ops"], [4])
        # what the processes used is the operations' own: a shell and what it starts cost more than 100 µs and no switch
        self.assertGreater(sample["thread_cpu_ns"][0], 4 * 100_000)
        self.assertGreater(sample["voluntary"][0], 0)
        self.assertGreater(sample["minor_faults"], 100)
        with open(os.path.join(folder, "seen")) as f:
            self.assertEqual(f.read().splitlines(), ["%s target's kept unset" % folder] * 5)
        with open(os.path.join(folder, "fds")) as f:  # 3 is ls's own look
            self.assertEqual(set(f.read().split()), {"0", "1", "2", "3"})
        self.assertEqual(w.bye(1)[0]["status"], "ok")
        self.assertEqual(w.output(), "")

    def test_memory_is_the_commands_own(self):
        large, small = target("python3", "-c", "x = bytearray(b'x') * 100_000_000"), target("true")
        w = self.worker()
        self.prepared(w, large, small, iterations=2)
        found = [w.ask("memory", cell=i) for i in range(2)]
        self.assertGreater(found[0]["rss_peak_bytes"], 100_000_000)
        self.assertLess(found[0]["rss_peak_bytes"], 150_000_000)
        self.assertIsNone(found[1]["rss_peak_bytes"])  # smaller than what it was started from
        for m in found:
            self.assertEqual((m["rss_bytes"], m["allocator_bytes"], m["bytes_per_op"]), (None, None, None))

    def test_a_command_that_fails(self):
        targets = [target("sh", "-c", "echo early >&2; echo the reason >&2; exit 3"), target("sh", "-c", "kill -9 $$"),
                   target("sh", "-c", "echo said >&2")]
        w = self.worker()
        answers = self.prepared(w, *targets)
        self.assertEqual([a["status"] for a in answers], ["failed", "failed", "ok"], answers)
        self.assertEqual({a["reason"]["key"] for a in answers[:2]}, {"command-failed"})
        self.assertEqual(answers[0]["reason"]["message"], "sh exited with status 3: early the reason")
        self.assertEqual(answers[1]["reason"]["message"], "sh was ended by signal 9 (Killed)")
        w.send("bye")
        self.assertIn("printed", [n["key"] for n in w.receive()["notes"]])

    def test_one_that_fails_later_and_says_a_lot(self):
        folder = self.folder()
        script = "echo before >&2; [ -e go ] || exit 0; for i in 1 2 3 4 5 6 7 8 9; do echo a line of fifty characters and a number $i >&2; done; exit 1"
        w = self.worker()
        self.assertEqual(self.prepared(w, target("sh", "-c", script, cwd=folder), iterations=2)[0]["status"], "ok")
        open(os.path.join(folder, "go"), "w").close()
        answer = w.batch(0, iterations=2)
        message = answer["reason"]["message"]
        self.assertTrue(message.endswith("a number 9"), message)
        self.assertLess(len(message), 300)

    def test_a_pipe_that_closes_ends_a_command_as_usual(self):
        answer, = self.prepared(self.worker(), target("bash", "-c", "set -o pipefail; yes | head -1; [ $? = 141 ]"))
        self.assertEqual(answer["status"], "ok", answer)

    def test_it_dies_with_the_worker(self):
        folder = self.folder()
        w = self.worker()
        self.prepared(w, target("sh", "-c", "[ -e go ] || exit 0; echo $$ > pid.part; mv pid.part pid; exec sleep 1000", cwd=folder),
                      iterations=1)
        open(os.path.join(folder, "go"), "w").close()
        w.send("batch", cell=0, iterations=1, processors=bw.processors())
        bw.until(lambda: os.path.exists(os.path.join(folder, "pid")), "the command runs")
        with open(os.path.join(folder, "pid")) as f:
            pid = int(f.read())
        with open("/proc/%d/stat" % pid) as f:
            self.assertEqual(int(f.read().rpartition(")")[2].split()[1]), w.ready["pid"])
        os.kill(w.ready["pid"], signal.SIGKILL)
        bw.until(lambda: not alive(pid), "the command died too")


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


if __name__ == "__main__":
    unittest.main()
