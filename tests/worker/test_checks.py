"""Every validity check against a mutant it must catch: a check that cannot fail proves nothing."""
import json
import os
import shutil
import tempfile
import unittest

import bench_worker as bw
from bench_worker import Worker, cell


class Checks(unittest.TestCase):
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
        w = Worker(interpreter, folder=folder, **kinds)
        self.addCleanup(w.__exit__)
        w.hello()
        return w

    def invalid(self, answer, check, key):
        self.assertEqual(answer["type"], "cell", answer)
        self.assertEqual((answer["status"], (answer["reason"] or {}).get("check"), (answer["reason"] or {}).get("key")),
                         ("invalid", check, key), answer)

    def ok(self, answers):
        self.assertEqual([a["status"] for a in answers], ["ok"] * len(answers), answers)

    # ---- V1

    @bw.each_interpreter
    def test_v1_a_kernel_that_miscounts(self, interpreter):
        w = self.worker(interpreter, self.kernel(interpreter, "kernel_miscounts"))
        self.ok(w.prepare([cell(0, u="1us", iterations=10)]))
        self.assertEqual(w.batch(0, iterations=500)["type"], "sample")
        self.invalid(w.batch(0, iterations=2000), "V1", "count-differs")
        self.invalid(w.bye(1)[0], "V1", "count-differs")

    @bw.each_interpreter
    def test_v1_a_kernel_that_miscounts_with_threads(self, interpreter):
        w = self.worker(interpreter, self.kernel(interpreter, "kernel_miscounts"))
        answer, = w.prepare([cell(0, threads=2, u="1us", gil="release")])
        if answer["status"] == "ok":  # its thousandth call was not among those of the preparation
            answer = w.batch(0, iterations=5000)
        self.invalid(answer, "V1", "count-differs")

    @bw.each_interpreter
    def test_v1_work_handed_to_another_thread(self, interpreter):
        w = self.worker(interpreter, env={"BENCHD_CASES": os.path.join(bw.SOURCE, "mutants", "cases")})
        answer, = w.prepare([cell(0, case="stray", iterations=3)])
        self.invalid(answer, "V1", "count-differs")

    # ---- V2

    @bw.each_interpreter
    def test_v2_a_kernel_with_a_wrong_result(self, interpreter):
        for name in ("kernel_wrong_result", "kernel_less_work"):
            for threads in (1, 2):
                for binding in ("capi:fastcall", "ctypes:argtypes"):
                    w = self.worker(interpreter, self.kernel(interpreter, name))
                    answer, = w.prepare([cell(0, threads=threads, binding=binding, iterations=10)])
                    self.invalid(answer, "V2", "wrong-result")

    def test_v2_says_no_in_python(self):
        w = self.worker(bw.default(), env={"BENCHD_CASES": os.path.join(bw.SOURCE, "mutants", "cases")})
        answers = w.prepare([cell(0, case="wrong", binding="plain", iterations=3),
                             cell(1, case="wrong", binding="plain", iterations=3, how="raises"),
                             cell(2, case="leaves_early", binding="plain", iterations=3)])
        self.invalid(answers[0], "V2", "wrong-result")
        self.invalid(answers[1], "V2", "wrong-result")
        self.assertIn("ArithmeticError", answers[1]["reason"]["message"])
        self.assertEqual((answers[2]["status"], answers[2]["reason"]["key"]), ("failed", "exception"))
        self.assertIn("before its ticks were over", answers[2]["reason"]["message"])

    # ---- V4

    @bw.each_interpreter
    def test_v4_holds_and_releases(self, interpreter):
        """The unharmed binding: no overlap where it holds, at least half where it releases for long."""
        if interpreter["free_threaded"]:
            return
        cells = [cell(0, threads=2, gil="hold", u="100us"), cell(1, threads=2, gil="release", u="100us"),
                 cell(2, threads=2, gil="hold", u="100us", binding="ctypes:argtypes"),
                 cell(3, threads=2, gil="release", u="100us", binding="ctypes:argtypes"),
                 cell(4, threads=4, gil="hold", u="1us"), cell(5, threads=2, gil="release", u="1us")]
        w = self.worker(interpreter)
        for answers in (w.prepare(cells), w.bye(len(cells))):
            self.ok(answers)
            self.assertEqual([answers[i]["overlap"] for i in (0, 2, 4)], [0, 0, 0])
            self.assertTrue(all(answers[i]["overlap"] >= 0.5 for i in (1, 3)), answers)
            self.assertTrue(all(a["parallel"] > 0 for a in answers), answers)

    @bw.each_interpreter
    def test_v4_a_holding_binding_that_releases(self, interpreter):
        for u in ("1us", "100us", "1ms"):
            w = self.worker(interpreter, self.binding(interpreter, "capi_hold_releases"))
            answer, = w.prepare([cell(0, threads=2, gil="hold", u=u)])
            self.invalid(answer, "V4", "gil-not-held")
            self.assertGreater(answer["overlap"], 0)

    @bw.each_interpreter
    def test_v4_a_releasing_binding_that_holds(self, interpreter):
        for u in ("10us", "100us", "1ms"):
            w = self.worker(interpreter, self.binding(interpreter, "capi_release_holds"))
            answer, = w.prepare([cell(0, threads=2, gil="release", u=u)])
            self.invalid(answer, "V4", "gil-not-released")
            self.assertEqual(answer["overlap"], 0)

    @bw.each_interpreter
    def test_v4_looks_again_after_the_last_batch(self, interpreter):
        w = self.worker(interpreter, self.binding(interpreter, "capi_releases_later"))
        self.ok(w.prepare([cell(0, threads=2, gil="hold", u="100us")]))
        self.assertEqual(w.batch(0, iterations=2000)["type"], "sample")
        self.invalid(w.bye(1)[0], "V4", "gil-not-held")

    @bw.each_interpreter
    def test_v4_a_gil_that_is_off(self, interpreter):
        for threads in (1, 2):
            w = self.worker(interpreter, env={"PYTHONPATH": os.path.join(bw.SOURCE, "mutants", "gil_off")})
            self.assertFalse(w.ready["gil_enabled"])
            answer, = w.prepare([cell(0, threads=threads)])
            self.invalid(answer, "V4", "gil-changed")

    # ---- V7

    @bw.each_interpreter
    def test_v7_passes_on_the_untouched_tree(self, interpreter):
        with tempfile.TemporaryDirectory() as folder:
            w = self.worker(interpreter, bw.copy_tree(folder, interpreter))
            self.ok(w.prepare([cell(0, iterations=5), cell(1, binding="ctypes:argtypes", iterations=5)]))
            self.ok(w.bye(2))

    @bw.each_interpreter
    def test_v7_another_build_in_the_same_place(self, interpreter):
        w = self.worker(interpreter, self.binding(interpreter, "capi_other_build", honest=False))
        answer, = w.prepare([cell(0, iterations=5)])
        self.invalid(answer, "V7", "build-id-differs")
        self.assertIn("00112233445566778899", answer["reason"]["message"])
        # the same file, when the manifest knows it, is no problem
        w = self.worker(interpreter, self.binding(interpreter, "capi_other_build"))
        self.ok(w.prepare([cell(0, iterations=5)]))

    def test_v7_another_kernel_library(self):
        w = self.worker(bw.default(), self.planted(bw.default(), "../../libbdkernels.so",
                                                   os.path.join(bw.MUTANTS, "kernel_wrong_result", "libbdkernels.so"), honest=False))
        answer, = w.prepare([cell(0, iterations=5)])
        self.invalid(answer, "V7", "build-id-differs")

    @bw.each_interpreter
    def test_v7_a_library_preloaded_in_its_place(self, interpreter):
        elsewhere = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, elsewhere)
        copy = shutil.copy(os.path.join(bw.HOME, "libbdkernels.so"), elsewhere)
        for preload in (copy, bw.preloadable(os.path.join(bw.MUTANTS, "libkernel_impostor.so"))):
            for binding in ("capi:fastcall", "ctypes:argtypes"):
                w = self.worker(interpreter, env={"LD_PRELOAD": preload})
                answer, = w.prepare([cell(0, binding=binding, iterations=5)])
                self.invalid(answer, "V7", "not-in-manifest")
                self.assertIn(os.path.realpath(preload), answer["reason"]["message"])

    def test_v7_an_empty_manifest_proves_nothing(self):
        w = self.worker(bw.default())
        answer, = w.prepare([cell(0, iterations=5)], manifest=[])
        self.invalid(answer, "V7", "not-in-manifest")


if __name__ == "__main__":
    unittest.main()
