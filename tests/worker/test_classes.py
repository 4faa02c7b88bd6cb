"""cls.*: classes that do what they should, in plain Python; and classes that do not, each found."""
import os
import re
import shutil
import tempfile
import unittest

import bench_worker as bw
from bench_worker import cell
from mutants import Catching, catches, each_embedded

CELLS = [("cls.lifecycle", {"type": "default"}), ("cls.lifecycle", {"type": "slots"}), ("cls.method", {"method": "attribute"}),
         ("cls.method", {"method": "bound"}), ("cls.method", {"method": "unbound"}), ("cls.attr", {"access": "get"}),
         ("cls.attr", {"access": "set"}), ("cls.attr", {"access": "property"}), ("cls.batch", {"made": "native"}),
         ("cls.batch", {"made": "python"}), ("cls.inherit", {"override": "yes"}), ("cls.inherit", {"override": "no"}),
         *(("cls.dunder", {"operation": o}) for o in ("len", "getitem", "iter", "compare", "call"))]

# What takes the place of the class, given the right one as `right`; the case that finds out, and what it says.
MUTANTS = {
    "leaks": ("""
class Six(right["Six"]):
    def __init__(self, *fields):
        super().__init__(*fields)
        kept.append(bytes(100))
""", "cls.lifecycle", {"type": "default"}, "V6", "leak"),
    "hands out one object": ("""
class Six(right["Six"]):
    one = None
    def __new__(cls, *fields):
        cls.one = cls.one or object.__new__(cls)
        return cls.one
""", "cls.lifecycle", {"type": "default"}, "V2", "wrong-result"),
    "forgets a field": ("""
class Six(right["Six"]):
    def __init__(self, a, b, c, d, e, f):
        super().__init__(a, b, c, d, e, e)
""", "cls.lifecycle", {"type": "default"}, "V2", "wrong-result"),
    "keeps its sum": ("""
class Six(right["Six"]):
    kept = None
    def sum(self):
        self.kept = self.kept or super().sum()
        return self.kept
""", "cls.method", {"method": "attribute"}, "V2", "wrong-result"),
    "keeps its property": ("""
class Six(right["Six"]):
    kept = None
    @property
    def total(self):
        self.kept = self.kept or self.sum()
        return self.kept
""", "cls.attr", {"access": "property"}, "V2", "wrong-result"),
    "ignores what is written": ("""
class Six(right["Six"]):
    def __setattr__(self, name, value):
        if name not in self.__dict__:
            super().__setattr__(name, value)
""", "cls.attr", {"access": "set"}, "V2", "wrong-result"),
    "equals everything": ("""
class Six(right["Six"]):
    __hash__ = None
    def __eq__(self, other):
        return True
""", "cls.dunder", {"operation": "compare"}, "V2", "wrong-result"),
    "iterates over one": ("""
class Six(right["Six"]):
    def __iter__(self):
        yield self.f
""", "cls.dunder", {"operation": "iter"}, "V2", "wrong-result"),
    "batch of one object": ("""
def six_batch(n):
    return [right["Six"](0, 1, 2, 3, 4, 5)] * n
""", "cls.batch", {"made": "native"}, "V2", "wrong-result"),
    "calls no override": ("""
def run_virtual(walker, k, n):
    return k + n & 0x3fffffff
""", "cls.inherit", {"override": "yes"}, "V2", "wrong-result"),
    "calls once too often": ("""
def run_virtual(walker, k, n):
    return right["run_virtual"](walker, k, n + 1)
""", "cls.inherit", {"override": "no"}, "V2", "wrong-result"),
}
PLANTED = """
_load = load
kept = []


def load(variant, host):
    right = _load(variant, host)
    names = {"right": right, "kept": kept}
    exec(%r, names)
    return dict(right, **{name: names[name] for name in ("Six", "six_batch", "run_virtual") if name in names})
"""


class Classes(Catching):
    def plain(self, i, case, axes):
        return cell(i, case=case, binding="plain:python", caller="python", **axes)

    def last(self, w, cells):
        answers = w.prepare(cells, leaks=True)
        self.ok(answers)
        for answer in answers:
            self.assertEqual(w.batch(answer["cell"], iterations=answer["iterations"])["type"], "sample")
        return w.bye(len(cells))

    @each_embedded
    def test_plain_python_does_what_it_should(self, interpreter):
        w = self.worker(interpreter)
        self.ok(self.last(w, [self.plain(i, case, axes) for i, (case, axes) in enumerate(CELLS)]))

    @each_embedded
    def test_an_object_is_weighed(self, interpreter):
        w = self.worker(interpreter)
        answers = self.last(w, [self.plain(i, "cls.lifecycle", {"type": t}) for i, t in enumerate(("slots", "default"))])
        said = [next(n["message"] for n in a["notes"] if n["key"] == "object-bytes") for a in answers]
        if interpreter["free_threaded"]:
            self.assertIn("unknown", said[0])
            return
        slots, with_dict = (int(re.search(r"takes (\d+) bytes", text).group(1)) for text in said)
        self.assertTrue(16 + 6 * 8 <= slots <= 200, said)  # its header, its fields, what the collector needs
        self.assertGreater(with_dict, slots)

    @catches("V2", "wrong-result")
    @catches("V6", "leak")
    def test_classes_that_do_not(self):
        for name, (code, case, axes, check, key) in MUTANTS.items():
            with self.subTest(mutant=name):
                folder = tempfile.mkdtemp()
                self.addCleanup(shutil.rmtree, folder)
                planted = bw.copy_tree(folder)
                with open(os.path.join(planted, "..", "..", "python", "bindings", "plain.py"), "a", encoding="utf-8") as f:
                    f.write(PLANTED % code)
                w = self.worker(bw.default(), planted)
                answer, = w.prepare([self.plain(0, case, axes)], leaks=True)
                if check == "V6":
                    self.ok([answer])
                    answer, = w.bye(1)
                self.invalid(answer, check, key)


if __name__ == "__main__":
    unittest.main()
