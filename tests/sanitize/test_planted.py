"""Planted mistakes are found and fail the test that met them, though nobody looks at the exit status of who made them."""
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
WATCH = os.path.join(HERE, "watch.py")
PLANTED = os.path.join(os.environ["BENCHD_BUILD"], "tests", "planted")
FOUND = {
    "address": {
        "overflow": "heap-buffer-overflow",
        "after-free": "heap-use-after-free",
        "after-return": "stack-use-after-return",
        "leak": "LeakSanitizer: detected memory leaks",
        "undefined": "runtime error: signed integer overflow",
    },
    "thread": {
        "race": "ThreadSanitizer: data race",
        "race-in-server": "ThreadSanitizer: data race",
    },
}[os.environ["BENCHD_SANITIZE"]]


def watched(script):
    """Exit status and output of a test that is this shell script."""
    done = subprocess.run([sys.executable, WATCH, "/bin/sh", "-c", script, PLANTED], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
    return done.returncode, done.stdout


class Planted(unittest.TestCase):
    def test_each_is_found_in_a_process_nobody_looks_at(self):
        for word, text in FOUND.items():
            with self.subTest(planted=word):
                status, output = watched(f'"$0" {word} >/dev/null 2>&1; exit 0')
                self.assertIn(text, output)
                self.assertIn("planted.c", output)  # with the lines of the source
                self.assertEqual(status, 1)

    def test_nothing_is_found_where_nothing_is(self):
        self.assertEqual(watched('"$0" none'), (0, ""))

    def test_the_test_s_own_status_is_kept(self):
        for status in (0, 1, 125):
            self.assertEqual(watched(f"exit {status}"), (status, ""))
        self.assertEqual(watched("kill -9 $$"), (137, ""))
