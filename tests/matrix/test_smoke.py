"""Every case × every variant of every binding × every interpreter: it works, or it says why not.

Not the whole product, which grows with each binding and each parameter: every pair of a case and a variant at the parameters'
defaults, and every value of every parameter with one binding that has what the case needs."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "worker"))
import bench_worker as bw  # noqa: E402

# Why a cell cannot be measured by this binding, which its message says; anything else must be expected().
OF_THE_BINDING = {"no-such-function", "binding-unusable", "caller"}


def variants(catalogue):
    return ["%s:%s" % (b["name"], v["name"]) for b in catalogue["bindings"] for v in b["variant_info"]]


def callers(catalogue):
    """The loop a variant can be called from, where there is only one."""
    return {"%s:%s" % (b["name"], v["name"]): v["caller"] for b in catalogue["bindings"] for v in b["variant_info"]}


def has(catalogue, case):
    """The first variant that has what the case needs."""
    for b in catalogue["bindings"]:
        for v in b["variant_info"]:
            if not v["unsupported"] and set(case["needs"]) <= set(v["functions"]):
                return "%s:%s" % (b["name"], v["name"])
    return "capi:fastcall"


def cells(catalogue, threads):
    """What is tried of the matrix for a number of threads."""
    only = callers(catalogue)
    made, seen = [], set()

    def add(case, binding, **params):
        row = (case["name"], binding, *sorted(params.items()))
        if row in seen:
            return
        seen.add(row)
        made.append(bw.cell(len(made), case=case["name"], threads=threads, binding=binding, caller=only.get(binding) or "python",
                            **params))

    for case in catalogue["cases"]:
        if threads > 1 and case["shape"] != "contended":
            continue
        defaults = {p["name"]: p["values"][0] for p in case["params"]}
        for binding in [case["plain"]] if case["plain"] else variants(catalogue):
            add(case, binding, **defaults)
        for p in case["params"]:
            for value in p["values"]:
                add(case, case["plain"] or has(catalogue, case), **dict(defaults, **{p["name"]: value}))
    return made


def unsupported_imports(interpreter, axes):
    """Of mod.import and plugin.hotreload."""
    keys, place = set(), axes.get("how", axes.get("isolation"))
    if place == "own-gil" and tuple(map(int, interpreter["version"].split(".")[:2])) < (3, 12):
        keys.add("no-own-gil")
    if axes.get("linking") == "lazy" and place != "cold":
        keys.add("already-loaded")
    if axes.get("init") == "single" and (place == "own-gil" or place == "interpreter" and interpreter["free_threaded"]):
        keys.add("single-phase")
    return keys


def expected(interpreter, cell, env):
    """Keys of the reasons for which this cell cannot be measured there, whatever its binding, and nowhere else is there any."""
    keys = set()
    if interpreter["free_threaded"] and cell["threads"] > 1 and cell["axes"].get("gil") == "hold" and env is None:
        keys.add("no-gil-to-hold")
    if cell["axes"].get("lock") == "own" and tuple(map(int, interpreter["version"].split(".")[:2])) < (3, 12):
        keys.add("no-own-gil")
    return keys | unsupported_imports(interpreter, cell["axes"])


class Matrix(unittest.TestCase):
    def check_unsupported(self, interpreter, cell, answer, env, lacking):
        reason = answer["reason"]
        self.assertTrue(reason["message"], answer)
        if reason["key"] not in OF_THE_BINDING:
            self.assertIn(reason["key"], expected(interpreter, cell, env), (cell, answer))
            print("unsupported", interpreter["id"], cell["axes"], reason["message"])
        lacking.setdefault(reason["message"], []).append(cell["case"])

    def alone(self, interpreter, made, env):
        """Cases that ask for a process of their own, as the daemon gives them one."""
        for cell in made:
            with bw.Worker(interpreter, env=env) as w:
                w.hello()
                yield w, cell, w.prepare([cell])[0]

    def run_all(self, interpreter, threads, env=None):
        lacking = {}
        with bw.Worker(interpreter, env=env) as w:
            w.hello()
            catalogue = w.ask("describe", targets=[])
            made = cells(catalogue, threads)
            if threads == 1:
                self.assertEqual({c["case"] for c in made}, {c["name"] for c in catalogue["cases"]})
                self.assertGreater(len({c["axes"]["binding"] for c in made}), 2)
            own = {c["name"] for c in catalogue["cases"] if c["process"]}
            shared = [c for c in made if c["case"] not in own]
            answers = w.prepare(shared)
            for cell, answer in zip(shared, answers):
                if answer["status"] == "unsupported":
                    self.check_unsupported(interpreter, cell, answer, env, lacking)
                    continue
                self.assertEqual(answer["status"], "ok", (cell, answer))
                n = min(answer["iterations"] or 20, 20)  # one, where an operation takes long
                sample = w.batch(cell["cell"], iterations=n)
                self.assertEqual(sample["type"], "sample", (cell, sample))
                self.assertLessEqual(n, sample["ops"][0])  # whole turns
                self.assertEqual(sample["ops"], sample["ops"][:1] * threads)
            good = [a["cell"] for a in answers if a["status"] == "ok"]
            after = w.bye(len(good))
            self.assertEqual([(a["cell"], a["status"]) for a in after], [(cell, "ok") for cell in good], after)
        for w, cell, answer in self.alone(interpreter, [c for c in made if c["case"] in own], env):
            if answer["status"] == "unsupported":
                self.check_unsupported(interpreter, cell, answer, env, lacking)
                continue
            self.assertEqual(answer["status"], "ok", (cell, answer))
            self.assertEqual(w.batch(cell["cell"], iterations=1)["type"], "sample")
            self.assertEqual([a["status"] for a in w.bye(1)], ["ok"])
            good.append(cell["cell"])
        works = {c["case"] for c in made if c["cell"] in good}
        base = interpreter["id"].removesuffix("+exe")
        if not os.path.isdir(os.path.join(bw.HOME, "environments", base)):  # ./dev bindings: what needs one has none
            return
        for name in {c["case"] for c in made} - works:  # of the interpreter, then, not of every binding
            self.assertTrue(all(expected(interpreter, c, env) for c in made if c["case"] == name), "%s works with no binding" % name)
        for message, names in sorted(lacking.items()):
            print("unsupported", interpreter["id"], "%d×" % len(names), message)

    def test_one_thread(self):
        for interpreter in bw.kinds():
            with self.subTest(python=interpreter["id"]):
                self.run_all(interpreter, 1)

    def test_two_threads(self):
        for interpreter in bw.kinds():
            with self.subTest(python=interpreter["id"]):
                self.run_all(interpreter, 2)

    def test_two_threads_with_the_gil_switched_on(self):
        for interpreter in bw.kinds():
            if interpreter["free_threaded"]:
                with self.subTest(python=interpreter["id"]):
                    self.run_all(interpreter, 2, bw.with_gil(interpreter))


if __name__ == "__main__":
    unittest.main()
