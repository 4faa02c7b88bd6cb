"""benchctl fuzz: every planted fault is found and shown by the simplest call, and what is right is not blamed."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "worker"))
import bench_worker as bw  # noqa: E402 (the path comes first)

FUZZ = os.path.join(bw.HOME, "python", "fuzz", "run.py")
KERNELS = os.path.join(bw.HOME, "libbdkernels.so")
BENCHCTL = os.path.join(os.path.dirname(os.path.dirname(bw.HOME)), "bin", "benchctl")
CALLS = 4000


class Planted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory(prefix="benchd-test-")
        cls.addClassCleanup(cls.home.cleanup)
        os.mkdir(os.path.join(cls.home.name, "bindings"))
        shutil.copy(os.path.join(bw.HOME, "python", "loader.py"), cls.home.name)
        shutil.copy(os.path.join(HERE, "planted.py"), os.path.join(cls.home.name, "bindings"))
        cls.interpreter = next(i for i in bw.interpreters() if i["host"] == "exe")

    def fuzz(self, variant, *more, differences=(), status=1, calls=CALLS, seed="1"):
        """The document about one variant."""
        path = os.path.join(self.home.name, "differences.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"differences": differences}, f)
        command = [self.interpreter["executable"], "-IB", FUZZ, "--folder", os.path.join(bw.INTERPRETERS, self.interpreter["id"]),
                   "--python", self.home.name, "--kernels", KERNELS, "--differences", path, "--binding", "planted:" + variant,
                   "--calls", str(calls), "--seed", seed, *more]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, (done.stdout[-2000:], done.stderr[-2000:]))
        return json.loads(done.stdout)

    def one(self, variant, *more, **options):
        found = self.fuzz(variant, *more, **options)["findings"]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_what_is_right_is_not_blamed(self):
        d = self.fuzz("right", status=0)
        self.assertEqual(d["findings"], [])
        self.assertEqual([(b["binding"], b["status"], b["functions"]) for b in d["bindings"]], [("planted:right", "ok", 2)])
        self.assertGreater(d["bindings"][0]["calls"], CALLS // 100)

    def test_another_value(self):
        f = self.one("wrong", "--function", "i64")
        self.assertEqual((f["kind"], f["call"], f["expected"], f["got"]), ("value", "i64_2(1001, 0)", "1001", "1002"))
        self.assertGreater(f["seen"], 1)
        self.assertNotEqual(f["original"], f["call"])

    def test_what_must_be_accepted(self):
        f = self.one("refuses", "--function", "i64")
        self.assertEqual((f["kind"], f["call"], f["expected"]), ("refused", "i64_2(0, 5001)", "5001"))
        self.assertIn("planted: more than 5000", f["got"])

    def test_what_must_be_refused(self):
        f = self.one("accepts", "--function", "i64")
        self.assertEqual((f["kind"], f["call"], f["expected"]), ("accepted", "i64_2(2**63, 0)", "an exception"))

    def test_no_seed_misses_a_special_value(self):
        for seed in ("1", "2", "3"):
            f = self.one("corner", "--function", "i64", calls=1, seed=seed)
            self.assertEqual((f["kind"], f["call"]), ("refused", "i64_2(0, Index(2**63 - 1))"))

    def test_native_calls(self):
        for variant, got in (("twice", 2), ("never", 0)):
            f = self.one(variant, "--function", "i64")
            self.assertEqual((f["kind"], f["call"], f["expected"], f["got"]),
                             ("native calls", "i64_2(0, 0)", "1 native calls", "%d native calls" % got))

    def test_crash(self):
        f = self.one("crashes", "--function", "i64")
        self.assertEqual((f["kind"], f["call"], f["got"], f["after"]), ("crash", "i64_2(-71, 0)", "killed by SIGABRT", None))

    def test_hang(self):
        f = self.one("hangs", "--function", "i64", "--limit", "2", calls=400)
        self.assertEqual((f["kind"], f["got"]), ("hangs", "does not return"))

    def test_system_error_is_no_refusal(self):
        f = self.one("system", "--function", "i64")
        self.assertEqual((f["kind"], f["call"]), ("SystemError", "i64_2(2**63, 0)"))

    def test_exceptions_of_callbacks(self):
        f = self.one("swallows", "--function", "callback")
        self.assertEqual((f["kind"], f["call"], f["expected"]), ("no exception", "callback(raises_at(0), 0, 1)", "Planned(0)"))
        f = self.one("other", "--function", "callback")
        self.assertEqual((f["kind"], f["call"], f["got"]), ("exception", "callback(raises_at(0), 0, 1)", "KeyError: 'planted'"))

    def test_what_cannot_be_loaded(self):
        f = self.one("unloadable")
        self.assertEqual((f["kind"], f["got"]), ("load", "planted: it cannot be loaded"))
        d = self.fuzz("unsupported", status=2)  # where nothing was called nothing agrees
        self.assertEqual((d["always"], d["calls"]), (0, 0))
        self.assertEqual([(b["status"], b["reason"]) for b in d["bindings"]], [("unsupported", "planted: not here")])

    def test_a_call_of_ones_own(self):
        f = self.one("wrong", "--call", "i64_2(5000, 6)")
        self.assertEqual((f["call"], f["expected"], f["got"]), ("i64_2(5000, 6)", "5006", "5007"))
        self.assertEqual(self.fuzz("wrong", "--call", "i64_2(5, 6)", status=0)["findings"], [])

    def test_known_differences_explain_and_are_tried(self):
        known = {"bindings": ["planted:accepts"], "functions": ["i64_*"], "rules": ["wraps"], "witness": "i64_2(2**64, 1)", "reason": "planted"}
        d = self.fuzz("accepts", "--function", "i64", differences=[known], status=0)
        self.assertEqual([(t["got"], t["holds"]) for t in d["differences"]], [("1", True)])
        # it explains this and nothing else
        self.assertEqual(self.one("wrong", "--function", "i64", differences=[{**known, "bindings": ["planted:other"]}])["kind"], "value")
        # what is not so is told
        f = self.one("right", "--function", "callback", differences=[{**known, "bindings": ["planted:*"]}])
        self.assertEqual((f["kind"], f["call"]), ("difference", "i64_2(2**64, 1)"))

    def test_differences_are_needed_for_all_they_name(self):
        known = {"bindings": ["planted:*"], "functions": ["i64_*", "callback"], "rules": ["wraps"], "witness": "i64_2(2**64, 1)", "reason": "planted"}
        f = self.one("accepts", differences=[known])
        self.assertEqual((f["kind"], f["function"], f["call"]), ("difference", "callback", "callback"))

    def test_the_same_seed_finds_the_same(self):
        self.assertEqual(self.fuzz("wrong")["findings"], self.fuzz("wrong")["findings"])


class Real(unittest.TestCase):
    """The bindings that are built, as users ask."""

    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="benchd-test-")
        cls.environment = dict(os.environ, BENCHD_DATA=cls.data)
        cls.addClassCleanup(shutil.rmtree, cls.data, True)
        cls.addClassCleanup(subprocess.run, [BENCHCTL, "daemon", "stop"], env=cls.environment, stdout=subprocess.DEVNULL, check=False)

    def ask(self, *words):
        return subprocess.run([BENCHCTL, "fuzz", *words], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def test_all_agree(self):
        """In every interpreter; what is found does not depend on luck."""
        ids = {i["executable"]: i["id"] for i in sorted(bw.interpreters(), key=lambda i: i["host"] != "exe")}.values()  # one host is enough
        self.assertTrue(ids)
        for python in ids:
            with self.subTest(python=python):
                done = self.ask("--python", python, "--calls", "1000", "--seed", "7", "--json")
                self.assertIn(done.returncode, (0, 1), done.stderr)
                document = json.loads(done.stdout)
                self.assertEqual(document["findings"], [])
                self.assertEqual((done.returncode, document["seed"], document["calls"]), (0, 7, 1000))
                self.assertGreater(document["always"], 3000)
                ok = {b["binding"]: b for b in document["bindings"] if b["status"] == "ok"}
                self.assertLessEqual({"capi:fastcall", "ctypes:argtypes", "ctypes:untyped", "ctypes:pydll"}, set(ok))
                self.assertGreater(ok["ctypes:untyped"]["calls"], 3000)
                self.assertTrue(document["differences"])
                self.assertTrue(all(d["holds"] for d in document["differences"]), document["differences"])
        self.assertLessEqual(set(self.built()), {i.partition("+")[0] for i in ids}, "bindings are built for an interpreter that nobody asks")

    @staticmethod
    def built():
        folder = os.path.join(bw.HOME, "environments")
        return os.listdir(folder) if os.path.isdir(folder) else []

    def test_in_words(self):
        done = self.ask("--binding", "ctypes:pydll", "--call", "i64_1(2**64 + 5)")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("agrees", done.stdout)
        self.assertNotIn("capi", done.stdout)
        done = self.ask("--binding", "nothing")
        self.assertEqual(done.returncode, 64, done)
        self.assertIn("no binding nothing", done.stderr)
        for words, said in (("--function", "i64,nope"), "no function nope; there are: "), (("--call", "nope(1)"), "has a function nope"):
            done = self.ask(*words)
            self.assertEqual((done.returncode, done.stdout), (64, ""), done)
            self.assertIn(said, done.stderr)
        done = self.ask("--binding", "capi:single", "--function", "callback", "--calls", "10")
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("Nothing could be called", done.stdout)
        done = self.ask("--binding", "capi:single,capi:fastcall", "--call", "i64_2(1, 2)")
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout, r"capi:single .* has no such function")
        self.assertRegex(done.stdout, r"capi:fastcall .* agrees")


if __name__ == "__main__":
    unittest.main()
