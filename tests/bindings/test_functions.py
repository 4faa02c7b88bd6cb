"""Every function of every variant of every binding that is built, in every interpreter: results, what is refused, exceptions that
come through, counted calls, copies, and what is left behind (functions.py)."""
import collections
import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "worker"))
sys.path.insert(0, HERE)
import bench_worker as bw  # noqa: E402
import functions  # noqa: E402

PYTHON = os.path.join(bw.HOME, "python")
KERNELS = os.path.join(bw.HOME, "libbdkernels.so")
TIMEOUT_S = 300


def hosts():
    """One per interpreter, for bindings do not know their host: the default, the newest, and one that is free-threaded;
    BENCHD_ALL_PYTHONS=1: all of them."""
    found = [i for i in bw.interpreters() if i["host"] == "exe"]
    if os.environ.get("BENCHD_ALL_PYTHONS"):
        return found
    by_version = sorted(found, key=lambda i: [int(n) for n in i["version"].split(".")])
    ordinary = [i for i in by_version if not i["free_threaded"]]
    chosen = [i for i in found if i["id"].removesuffix("+exe") == bw.default()["id"].removesuffix("+exe")]
    for more in (ordinary[-1:], [i for i in by_version if i["free_threaded"]][:1]):
        chosen += [i for i in more if i not in chosen]
    return chosen


def variants():
    """NAME:VARIANT of every descriptor there is; BENCHD_BINDING=NAME leaves the others out."""
    only = os.environ.get("BENCHD_BINDING", "").split(",")
    found = []
    for file in sorted(os.listdir(os.path.join(PYTHON, "bindings"))):
        name, ending = os.path.splitext(file)
        if ending != ".py" or (only != [""] and name not in only):
            continue
        code = "import runpy, sys; print(' '.join(runpy.run_path(sys.argv[1])['variants']))"
        text = subprocess.run([sys.executable, "-IBc", code, os.path.join(PYTHON, "bindings", file)], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        found += [(name, variant) for variant in text.split()]
    return found


def built(interpreter, binding):
    """Whether build.py says that it made it for this interpreter."""
    try:
        with open(os.path.join(bw.HOME, "environments", interpreter["id"].removesuffix("+exe"), binding + ".json"), encoding="utf-8") as f:
            return json.load(f)["status"] == "ok"
    except FileNotFoundError:
        return False


def ask(interpreter, binding, variant):
    """What functions.py found: {function: problems}, or a text when the binding is not supported."""
    folder = os.path.join(bw.INTERPRETERS, interpreter["id"])
    command = [interpreter["executable"], "-IB", os.path.join(HERE, "functions.py"), folder, PYTHON, KERNELS, binding, variant]
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S, check=False)
    rows = [json.loads(line) for line in r.stdout.splitlines() if line.startswith("{")]
    if rows and "unsupported" in rows[0]:
        return rows[0]["unsupported"]
    found = {row["function"]: row["problems"] for row in rows}
    if r.returncode != 0:
        found["(all)"] = ["ended with %d after %s: %s" % (r.returncode, rows[-1]["function"] if rows else "nothing", r.stderr[-600:])]
    return found


class Functions(unittest.TestCase):
    def test_every_function(self):
        tried = collections.Counter()
        for interpreter in hosts():
            for binding, variant in variants():
                found = ask(interpreter, binding, variant)
                if isinstance(found, str):
                    print("unsupported %s:%s on %s: %s" % (binding, variant, interpreter["id"], found))
                    with self.subTest(python=interpreter["id"], binding="%s:%s" % (binding, variant)):
                        self.assertTrue(found)
                        if built(interpreter, binding):  # then that it is not cannot be the reason
                            self.assertNotIn("is not built", found)
                    continue
                tried[binding] += len(found)
                for name, problems in found.items():
                    with self.subTest(python=interpreter["id"], binding="%s:%s" % (binding, variant), function=name):
                        self.assertEqual(problems, [])
        print("tried", dict(tried))
        if not os.environ.get("BENCHD_BINDING"):
            self.assertGreater(tried["capi"], 100)


# ---- negative controls: what is wrong in one way is found, by what it is

def leak(f, kept=[]):
    def leaking(*args):
        kept.append([args])
        return f(*args)
    return leaking


def callback(f, k, n):
    for _ in range(n):
        k = f(k)
        if not isinstance(k, int):
            raise TypeError("no int")
        k &= functions.MASK
    return k


def swallows(f, k, n):
    try:
        return callback(f, k, n)
    except functions.Broken as e:
        raise functions.Broken(*e.args) from None


def plusone(x):
    if not isinstance(x, int):
        raise TypeError("no int")
    if not -(1 << 63) <= x < 1 << 63:
        raise OverflowError("too big")
    return x + 1


class NoKernels:
    """A binding that calls none."""
    calls = 0


class Controls(unittest.TestCase):
    def problems(self, name, function, kernels=NoKernels, counted=False):
        return " ".join(functions.problems(functions.Tester({name: function}, kernels, counted), name, functions.table()[name]))

    def test_a_right_one_has_no_problem(self):
        self.assertEqual(self.problems("plusone", plusone), "")
        self.assertEqual(self.problems("callback", callback), "")

    def test_a_wrong_result_is_found(self):
        self.assertIn("gave 43, expected 42", self.problems("plusone", lambda x: plusone(x) + 1))

    def test_a_result_of_another_type_is_found(self):
        self.assertIn("gave 42.0, expected 42", self.problems("plusone", lambda x: float(plusone(x))))

    def test_numbers_out_of_range_are_found(self):
        self.assertIn("expected OverflowError", self.problems("plusone", lambda x: x + 1))

    def test_types_that_are_taken_are_found(self):
        self.assertIn("expected TypeError", self.problems("plusone", lambda x: plusone(int(x or 0) if isinstance(x, str) else x)))

    def test_too_many_arguments_are_found(self):
        self.assertIn("expected TypeError", self.problems("plusone", lambda x, *more: plusone(x)))

    def test_leaks_are_found(self):
        self.assertRegex(self.problems("plusone", leak(plusone)), "keeps [0-9.]+ (blocks|words of native memory) per call")

    def test_another_exception_than_was_raised_is_found(self):
        self.assertIn("another exception", self.problems("callback", swallows))

    def test_calls_that_are_not_counted_are_found(self):
        self.assertIn("made 0 counted calls, expected 1", self.problems("i64_1", lambda x: x, counted=True))


if __name__ == "__main__":
    unittest.main()
