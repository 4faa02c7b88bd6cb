"""What people are told to write works: the examples of docs/own-workloads.md, and what `benchctl new bench` writes."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import bench_worker as bw
from bench_worker import Worker, cell

INCLUDE = os.path.join(bw.BUILD, "include")
TEMPLATES = os.path.join(bw.BUILD, "share", "benchd", "templates")


class Documents(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def runs(self, kind, path, interpreter=None, notes=()):
        """Every cell of it: prepared, timed and verified. Gives the names of its cases."""
        targets = [{"kind": kind, "path": path, "argv": [], "cwd": None, "env": {}}]
        with Worker(interpreter) as w:
            w.hello()
            cases = [c for c in w.ask("describe", targets=targets)["cases"] if c["target"] == 0]
        self.assertTrue(cases)
        cells = []
        for c in cases:
            self.assertIsNone(c["reason"], c)
            combinations = [{}]
            for p in c["params"]:
                combinations = [dict(one, **{p["name"]: v}) for one in combinations for v in p["values"]]
            for threads in (1, 2) if c["shape"] == "contended" else (1,):
                cells += [(c["name"], threads, values) for values in combinations]
        for threads in (1, 2):
            these = [one for one in cells if one[1] == threads]
            if not these:
                continue
            with Worker(interpreter) as w:
                w.hello()
                answers = w.prepare([cell(i, case=name, threads=threads, binding="plain", **values)
                                     for i, (name, _, values) in enumerate(these)], targets=targets)
                for i, answer in enumerate(answers):
                    self.assertEqual(answer["status"], "ok", answer)
                    self.assertEqual([n["key"] for n in answer["notes"]], list(notes))
                    how = {"iterations": 100} if threads == 1 else {"duration_ns": 20_000_000}
                    self.assertEqual(w.batch(i, **how)["type"], "sample")
                self.assertEqual({a["status"] for a in w.bye(len(these))}, {"ok"})
        return [c["name"] for c in cases]

    def blocks(self, language):
        with open(os.path.join(bw.ROOT, "docs", "own-workloads.md")) as f:
            return re.findall(r"```%s\n(.*?)```" % language, f.read(), re.DOTALL)

    @bw.each_interpreter
    def test_the_examples_in_python(self, interpreter):
        sorting, coroutine, threads, *of_packages = self.blocks("python")
        for text in of_packages:  # the packages themselves need not be there
            compile(text, "bench_package.py", "exec")
        self.assertEqual(self.runs("python", self.write("bench_sorting.py", sorting), interpreter),
                         ["bench_sorting.bench_sorted", "bench_sorting.bench_sort_a_copy"])
        self.runs("python", self.write("bench_coroutine.py", coroutine), interpreter, ["event-loop"])
        self.runs("python", self.write("bench_threads.py", threads), interpreter)

    def test_the_example_in_c(self):
        text, = self.blocks("c")
        command, = [line for line in "".join(self.blocks("sh")).splitlines() if line.startswith("cc ")]
        self.write("count.c", text)
        os.symlink(INCLUDE, os.path.join(self.folder, "include"))
        subprocess.run(command + " -Wall -Wextra -Werror -pedantic -std=c99", shell=True, cwd=self.folder, check=True)
        self.assertEqual(self.runs("plugin", os.path.join(self.folder, "count.so")), ["count.count"])

    def test_the_header_is_plain_c99(self):
        with open(os.path.join(INCLUDE, "benchd", "benchd_plugin.h")) as f:
            self.assertEqual(re.findall(r"^#include (.*)$", f.read(), re.MULTILINE), ["<stddef.h>", "<stdint.h>"])

    def template(self, name, file):
        with open(os.path.join(TEMPLATES, name)) as f:
            text = f.read()
        self.assertIn("@NAME@", text)
        return self.write(file, text.replace("@NAME@", "mine").replace("@INCLUDE@", INCLUDE))

    @bw.each_interpreter
    def test_the_template_in_python(self, interpreter):
        path = self.template("bench.py", "bench_mine.py")
        self.assertEqual(self.runs("python", path, interpreter), ["bench_mine.bench_sorted", "bench_mine.bench_copy_and_reverse"])

    def test_the_template_in_c(self):
        self.template("plugin.c", "mine.c")
        self.template("plugin.mk", "Makefile")
        subprocess.run(["make", "-s", "mine.so", "CFLAGS=-Wall -Wextra -Werror -pedantic"], cwd=self.folder, check=True)
        self.assertEqual(self.runs("plugin", os.path.join(self.folder, "mine.so")), ["mine.mine"])

    def test_the_templates_can_be_wrong(self):
        """What proves the rest: the same file with less work does not pass."""
        path = self.template("bench.py", "bench_mine.py")
        with open(path) as f:
            text = f.read().replace("return sorted(state)", "return state")
        with self.assertRaisesRegex(AssertionError, "wrong-result"):
            self.runs("python", self.write("bench_mine.py", text))


if __name__ == "__main__":
    unittest.main()
