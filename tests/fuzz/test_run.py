"""./dev fuzz around the fuzzers: where its folder has a blank in its name nothing but its own files is read or removed,
and finding nothing means nothing where the planted mistake is not found. The fuzzers are stand-ins that say what
libFuzzer says."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
FUZZER = """#!/bin/sh
for word; do
	case $word in -artifact_prefix=*) prefix=${word#*=} ;; esac
done
[ -n "$FINDS" ] || exit 0
echo input >"${prefix}crash-1"
echo "ERROR: AddressSanitizer: heap-buffer-overflow"
echo "artifact_prefix='$prefix'; Test unit written to ${prefix}crash-1"
exit 77
"""


class Run(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = os.path.join(folder.name, "a tree", "build")
        self.beside = os.path.join(folder.name, "a")  # what is left of the name when it is cut at the blank
        os.makedirs(os.path.join(self.build, "tests"))
        with open(self.beside, "w", encoding="utf-8") as file:
            file.write("somebody's")

    def fuzzer(self, name, finds):
        path = os.path.join(self.build, "tests", f"fuzz_{name}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(FUZZER.replace("$FINDS", "yes" if finds else ""))
        os.chmod(path, 0o755)

    def run_it(self, *arguments):
        done = subprocess.run([sys.executable, os.path.join(HERE, "run.py"), self.build, *arguments], capture_output=True, text=True,
                              check=False, timeout=120)
        self.assertTrue(os.path.exists(self.beside), "a file of somebody else is gone")
        return done.returncode, done.stdout, done.stderr

    def test_a_folder_with_a_blank(self):
        self.fuzzer("planted", True)
        self.fuzzer("suite", False)
        status, out, err = self.run_it("--seconds", "1", "suite")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("1 targets, 0 found something", out)
        findings = os.path.join(self.build, "findings")
        self.assertEqual(sorted(os.listdir(findings)), ["planted.log", "suite.log"], "the planted one is no finding")
        self.fuzzer("suite", True)
        status, out, err = self.run_it("--seconds=1", "suite")
        self.assertEqual((status, err), (1, ""))
        self.assertIn(f"    input   {findings}/suite-crash-1\n", out)
        self.assertIn(f"    again   '{self.build}/tests/fuzz_suite' '{findings}/suite-crash-1'\n", out)

    def test_fuzzers_that_find_nothing(self):
        self.fuzzer("planted", False)
        self.fuzzer("suite", False)
        status, out, err = self.run_it("suite")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("the planted mistake was not found", err)

    def test_words_that_mean_nothing(self):
        for words, why in ((["--seconds"], "above 0, not ''"), (["--seconds", "0"], "above 0, not '0'"), (["--seconds=1.5"], "not '1.5'"),
                           (["nosuch"], "there is no target 'nosuch'"), (["--nosuch"], "what is --nosuch?")):
            status, out, err = self.run_it(*words)
            self.assertEqual((status, out), (64, ""))
            self.assertIn(why, err)


if __name__ == "__main__":
    unittest.main()
