"""Which test catches which mutant: the other half of BD_CHECKS in workloads/worker/bd_checks.h.

A test that is decorated with catches(check, key, …) must have been told so by a worker before it ends, or it fails.
test_mutants.py compares all of them with the list."""
import functools
import json
import os
import shutil
import tempfile
import unittest

import bench_worker as bw

CASES = os.path.join(bw.SOURCE, "cases")
MUTANT_CASES = os.path.join(bw.SOURCE, "mutants", "cases")


def each_embedded(test):
    """As bench_worker.each_interpreter, but only in the host that embeds it: what is tested is the same code in both."""
    @functools.wraps(test)
    def run(self):
        for interpreter in bw.interpreters():
            if interpreter["host"] != "exe":
                with self.subTest(python=interpreter["id"]):
                    test(self, interpreter)
    return run


def catches(check, *keys):
    """The test's mutant makes a cell invalid by this check for each of these reasons; the test asks self.invalid()."""
    def decorate(test):
        wanted = {(check, key) for key in keys}

        @functools.wraps(test)
        def run(self, *args, **kinds):
            self.caught = set()
            result = test(self, *args, **kinds)
            missing = wanted - self.caught
            if missing:
                self.fail("nothing was caught by %s" % ", ".join("%s %s" % row for row in sorted(missing)))
            return result
        run.catches = getattr(test, "catches", set()) | wanted
        return run
    return decorate


class Catching(unittest.TestCase):
    caught = frozenset()

    def invalid(self, answer, check, key):
        self.assertEqual(answer["type"], "cell", answer)
        self.assertEqual((answer["status"], (answer["reason"] or {}).get("check"), (answer["reason"] or {}).get("key")),
                         ("invalid", check, key), answer)
        self.caught = self.caught | {(check, key)}

    def ok(self, answers):
        self.assertEqual([a["status"] for a in answers], ["ok"] * len(answers), answers)

    def planted(self, interpreter, file, mutant, honest=True):
        """A copy of the worker's tree with a mutant in place of a file; `honest`: its manifest knows the mutant."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        worker = bw.copy_tree(folder, interpreter)
        target = os.path.join(worker, file)
        shutil.copy(mutant, target)
        path = os.path.join(worker, "interpreter.json")
        with open(path) as f:
            document = json.load(f)
        entry, = (e for e in document["manifest"] if e["path"] == file)
        self.assertNotEqual(entry["build_id"], bw.build_id(target))
        if honest:
            entry["build_id"] = bw.build_id(target)
            with open(path, "w") as f:
                json.dump(document, f)
        return worker

    def kernel(self, interpreter, name):
        return self.planted(interpreter, "../../libbdkernels.so", os.path.join(bw.MUTANTS, name, "libbdkernels.so"))

    def binding(self, interpreter, name, honest=True):
        mutant = os.path.join(bw.MUTANTS, name, interpreter["id"], "bdb_capi.so")
        return self.planted(interpreter, "bdb_capi.so", mutant, honest)

    def worker(self, interpreter, folder=None, **kinds):
        w = bw.Worker(interpreter, folder=folder, **kinds)
        self.addCleanup(w.__exit__)
        w.hello()
        return w


def declared(module):
    """(check, key) of every test of a module, with the names of the tests."""
    rows = {}
    for thing in vars(module).values():
        if isinstance(thing, type) and issubclass(thing, unittest.TestCase):
            for name in dir(thing):
                if name.startswith("test"):
                    for row in getattr(getattr(thing, name), "catches", ()):
                        rows.setdefault(row, []).append("%s.%s" % (thing.__name__, name))
    return rows
