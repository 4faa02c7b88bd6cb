"""V10: every check has a negative control. Walks the list the worker itself is compiled with."""
import glob
import importlib
import os
import re
import unittest

import bench_worker as bw
import mutants

WORKER = os.path.join(bw.ROOT, "workloads", "worker")


def read(*path):
    with open(os.path.join(bw.ROOT, *path), encoding="utf-8") as f:
        return f.read()


def listed():
    """The rows of BD_CHECKS."""
    text = read("workloads", "worker", "bd_checks.h")
    table = re.search(r"#define BD_CHECKS\(X\)(.*?)\n\n", text, re.S).group(1)
    return re.findall(r'X\("(V\d+)", "([a-z<-]+)"\)', table)


def documented():
    """The rows of the table of docs/worker-protocol.md."""
    rows = re.findall(r"^\| (V\d+) \|[^|]*\|([^|]*)\|$", read("docs", "worker-protocol.md"), re.M)
    return [(check, key) for check, keys in rows for key in re.findall(r"`([a-z-]+)`", keys)]


def without_mutant(rows, caught):
    return sorted(set(rows) - set(caught))


class Mutants(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.caught = {}
        for path in glob.glob(os.path.join(bw.SOURCE, "test_*.py")):
            name = os.path.basename(path)[:-3]
            if name != "test_mutants":
                for row, tests in mutants.declared(importlib.import_module(name)).items():
                    cls.caught.setdefault(row, []).extend("%s.%s" % (name, t) for t in tests)

    def test_every_check_has_one(self):
        self.assertEqual(without_mutant(listed(), self.caught), [])

    def test_the_comparison_can_fail(self):
        for row in listed():
            others = {r: t for r, t in self.caught.items() if r != row}
            self.assertEqual(without_mutant(listed(), others), [row])

    def test_none_is_for_a_check_that_is_gone(self):
        self.assertEqual(sorted(set(self.caught) - set(listed())), [])

    def test_no_row_twice(self):
        self.assertEqual(len(listed()), len(set(listed())))

    def test_every_check_of_measurement_is_there(self):
        self.assertEqual(sorted({check for check, _ in listed()} | {"V10"}, key=lambda v: int(v[1:])),
                         ["V%d" % n for n in range(1, 11)])

    def test_the_document_has_the_same(self):
        self.assertEqual(sorted(documented()), sorted(listed()))

    def test_only_rows_of_the_list_end_a_cell(self):
        """No file of the worker makes a cell invalid in another way than by bd_check_fail or by the case's own verify()."""
        found = {}
        for path in glob.glob(os.path.join(WORKER, "*.c")):
            with open(path, encoding="utf-8") as f:
                count = f.read().count("BD_CELL_INVALID")
            if count:
                found[os.path.basename(path)] = count
        self.assertEqual(found, {"checks.c": 2})


class TheDecorator(unittest.TestCase):
    """What claims to catch a mutant and does not, fails."""

    def outcome(self, body):
        class One(mutants.Catching):
            test = mutants.catches("V1", "count-differs")(body)
        result = unittest.TestResult()
        One("test").run(result)
        return len(result.failures), len(result.skipped), result.testsRun

    def test_it(self):
        answer = {"type": "cell", "status": "invalid", "reason": {"check": "V1", "key": "count-differs"}}
        self.assertEqual(self.outcome(lambda self: self.invalid(answer, "V1", "count-differs")), (0, 0, 1))
        self.assertEqual(self.outcome(lambda self: None), (1, 0, 1))
        self.assertEqual(self.outcome(lambda self: self.invalid(dict(answer, status="ok"), "V1", "count-differs")), (1, 0, 1))
        self.assertEqual(self.outcome(lambda self: self.skipTest("not here")), (0, 1, 1))


if __name__ == "__main__":
    unittest.main()
