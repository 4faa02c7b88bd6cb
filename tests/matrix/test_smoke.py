"""Every case × every variant of every binding × every interpreter: it works, or it says why not."""
import itertools
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "worker"))
import bench_worker as bw  # noqa: E402


def cells(catalogue, threads):
    """All of the matrix for a number of threads."""
    variants = ["%s:%s" % (b["name"], v) for b in catalogue["bindings"] for v in b["variants"]]
    made = []
    for case in catalogue["cases"]:
        if threads > 1 and case["shape"] != "contended":
            continue
        names = [p["name"] for p in case["params"]]
        for binding in [case["plain"]] if case["plain"] else variants:
            for values in itertools.product(*(p["values"] for p in case["params"])):
                made.append(bw.cell(len(made), case=case["name"], threads=threads, binding=binding, **dict(zip(names, values))))
    return made


class Matrix(unittest.TestCase):
    def run_all(self, interpreter, threads):
        with bw.Worker(interpreter) as w:
            w.hello()
            catalogue = w.ask("describe", targets=[])
            made = cells(catalogue, threads)
            if threads == 1:
                self.assertEqual({c["case"] for c in made}, {c["name"] for c in catalogue["cases"]})
                self.assertGreater(len({c["axes"]["binding"] for c in made}), 2)
            answers = w.prepare(made)
            for cell, answer in zip(made, answers):
                if answer["status"] == "unsupported":
                    self.assertTrue(answer["reason"]["message"], answer)
                    print("unsupported", interpreter["id"], cell["axes"], answer["reason"]["message"])
                    continue
                self.assertEqual(answer["status"], "ok", (cell, answer))
                sample = w.batch(cell["cell"], iterations=20)
                self.assertEqual(sample["type"], "sample", (cell, sample))
                self.assertEqual(sample["ops"], [20] * threads)
            for before, after in zip(answers, w.bye(len(made))):
                self.assertEqual(after["status"], before["status"], after)

    def test_one_thread(self):
        for interpreter in bw.interpreters():
            with self.subTest(python=interpreter["id"]):
                self.run_all(interpreter, 1)

    def test_two_threads(self):
        for interpreter in bw.interpreters():
            with self.subTest(python=interpreter["id"]):
                self.run_all(interpreter, 2)


if __name__ == "__main__":
    unittest.main()
