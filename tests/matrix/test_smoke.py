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


def unsupported(interpreter, cell, env):
    """Keys of the reasons for which this cell cannot be measured there, and nowhere else is there any."""
    keys = {"no-such-function", "binding-unusable", "caller"}  # the binding says why
    if interpreter["free_threaded"] and cell["threads"] > 1 and cell["axes"].get("gil") == "hold" and env is None:
        keys.add("no-gil-to-hold")
    if cell["axes"].get("lock") == "own" and tuple(map(int, interpreter["version"].split(".")[:2])) < (3, 12):
        keys.add("no-own-gil")
    return keys


class Matrix(unittest.TestCase):
    def run_all(self, interpreter, threads, env=None):
        with bw.Worker(interpreter, env=env) as w:
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
                    self.assertIn(answer["reason"]["key"], unsupported(interpreter, cell, env), answer)
                    print("unsupported", interpreter["id"], cell["axes"], answer["reason"]["message"])
                    continue
                self.assertEqual(answer["status"], "ok", (cell, answer))
                sample = w.batch(cell["cell"], iterations=20)
                self.assertEqual(sample["type"], "sample", (cell, sample))
                self.assertEqual(sample["ops"], [20] * threads)
            good = [a["cell"] for a in answers if a["status"] == "ok"]
            after = w.bye(len(good))
            self.assertEqual([(a["cell"], a["status"]) for a in after], [(cell, "ok") for cell in good], after)

    def test_one_thread(self):
        for interpreter in bw.interpreters():
            with self.subTest(python=interpreter["id"]):
                self.run_all(interpreter, 1)

    def test_two_threads(self):
        for interpreter in bw.interpreters():
            with self.subTest(python=interpreter["id"]):
                self.run_all(interpreter, 2)

    def test_two_threads_with_the_gil_switched_on(self):
        for interpreter in bw.interpreters():
            if interpreter["free_threaded"]:
                with self.subTest(python=interpreter["id"]):
                    self.run_all(interpreter, 2, bw.with_gil(interpreter))


if __name__ == "__main__":
    unittest.main()
