"""Every validity check against a mutant it must catch: a check that cannot fail proves nothing."""
import os
import shutil
import tempfile
import time
import unittest

import bench_worker as bw
from bench_worker import cell
from mutants import CASES, MUTANT_CASES, Catching, catches, each_embedded



class Checks(Catching):
    # ---- V1

    @catches("V1", "count-differs")
    @bw.each_interpreter
    def test_v1_a_kernel_that_miscounts(self, interpreter):
        w = self.worker(interpreter, self.kernel(interpreter, "kernel_miscounts"))
        self.ok(w.prepare([cell(0, u="1us", iterations=10)]))
        self.assertEqual(w.batch(0, iterations=500)["type"], "sample")
        self.invalid(w.batch(0, iterations=2000), "V1", "count-differs")
        self.invalid(w.bye(1)[0], "V1", "count-differs")

    @catches("V1", "count-differs")
    @bw.each_interpreter
    def test_v1_a_kernel_that_miscounts_with_threads(self, interpreter):
        w = self.worker(interpreter, self.kernel(interpreter, "kernel_miscounts"))
        answer, = w.prepare([cell(0, threads=2, u="1us", gil="release")])
        if answer["status"] == "ok":  # its thousandth call was not among those of the preparation
            answer = w.batch(0, iterations=5000)
        self.invalid(answer, "V1", "count-differs")

    @catches("V1", "count-differs")
    @bw.each_interpreter
    def test_v1_work_handed_to_another_thread(self, interpreter):
        w = self.worker(interpreter, env={"BENCHD_CASES": MUTANT_CASES})
        answer, = w.prepare([cell(0, case="stray", iterations=3)])
        self.invalid(answer, "V1", "count-differs")

    # ---- V2

    @catches("V2", "wrong-result")
    @bw.each_interpreter
    def test_v2_a_kernel_with_a_wrong_result(self, interpreter):
        for name in ("kernel_wrong_result", "kernel_less_work"):
            for threads in (1, 2):
                for binding in ("capi:fastcall", "ctypes:argtypes"):
                    w = self.worker(interpreter, self.kernel(interpreter, name))
                    answer, = w.prepare([cell(0, threads=threads, binding=binding, iterations=10)])
                    self.invalid(answer, "V2", "wrong-result")

    @catches("V2", "wrong-result")
    def test_v2_says_no_in_python(self):
        w = self.worker(bw.default(), env={"BENCHD_CASES": MUTANT_CASES})
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
        cells = [cell(0, threads=2, gil="hold", u="100us"), cell(1, threads=2, gil="release", u="100us"),
                 cell(2, threads=2, gil="hold", u="100us", binding="ctypes:argtypes"),
                 cell(3, threads=2, gil="release", u="100us", binding="ctypes:argtypes"),
                 cell(4, threads=4, gil="hold", u="1us"), cell(5, threads=2, gil="release", u="1us")]
        w = self.worker(interpreter, env=bw.with_gil(interpreter))
        for answers in (w.prepare(cells), w.bye(len(cells))):
            self.ok(answers)
            self.assertEqual([answers[i]["overlap"] for i in (0, 2, 4)], [0, 0, 0])
            self.assertTrue(all(answers[i]["overlap"] >= 0.5 for i in (1, 3)), answers)
            self.assertTrue(all(a["parallel"] > 0 for a in answers), answers)

    @catches("V4", "gil-not-held")
    @bw.each_interpreter
    def test_v4_a_holding_binding_that_releases(self, interpreter):
        # with debug checks 1 µs is so small a part of the loop that two of them hardly ever meet
        for u in ("100us", "1ms") if interpreter["debug"] else ("1us", "100us", "1ms"):
            mutant = self.binding(interpreter, "capi_hold_releases")
            # where a processor is busy with something else two calls of 1 µs may not meet in one look
            for _ in range(10 if u == "1us" else 1):
                w = self.worker(interpreter, mutant, env=bw.with_gil(interpreter))
                answer, = w.prepare([cell(0, threads=2, gil="hold", u=u)])
                if answer["status"] != "ok":
                    break
            self.invalid(answer, "V4", "gil-not-held")
            self.assertGreater(answer["overlap"], 0)

    @catches("V4", "gil-not-released")
    @bw.each_interpreter
    def test_v4_a_releasing_binding_that_holds(self, interpreter):
        for u in ("100us", "1ms") if interpreter["debug"] else ("10us", "100us", "1ms"):
            w = self.worker(interpreter, self.binding(interpreter, "capi_release_holds"), env=bw.with_gil(interpreter))
            answer, = w.prepare([cell(0, threads=2, gil="release", u=u)])
            self.invalid(answer, "V4", "gil-not-released")
            self.assertEqual(answer["overlap"], 0)

    @catches("V4", "gil-not-held")
    @bw.each_interpreter
    def test_v4_looks_again_after_the_last_batch(self, interpreter):
        w = self.worker(interpreter, self.binding(interpreter, "capi_releases_later"), env=bw.with_gil(interpreter))
        self.ok(w.prepare([cell(0, threads=2, gil="hold", u="100us")]))
        self.assertEqual(w.batch(0, iterations=2000)["type"], "sample")
        self.invalid(w.bye(1)[0], "V4", "gil-not-held")

    @bw.each_interpreter
    def test_v4_without_a_gil(self, interpreter):
        """Nothing to hold; what releases overlaps, before and after."""
        if not interpreter["free_threaded"]:
            return
        w = self.worker(interpreter)
        self.assertFalse(w.ready["gil_enabled"])
        cells = [cell(0, threads=2, gil="release", u="100us"), cell(1, threads=2, gil="release", u="100us", binding="ctypes:argtypes"),
                 cell(2, threads=2, gil="hold", u="100us")]
        for answers in (w.prepare(cells), w.bye(2)):
            self.ok(answers[:2])
            self.assertTrue(all(a["overlap"] >= 0.5 for a in answers[:2]), answers)
            if len(answers) > 2:
                self.assertEqual((answers[2]["status"], answers[2]["reason"]["key"]), ("unsupported", "no-gil-to-hold"))

    @catches("V4", "gil-changed")
    @bw.each_interpreter
    def test_v4_a_gil_that_is_off(self, interpreter):
        if interpreter["free_threaded"]:
            return  # the mutant says what is true there
        for threads in (1, 2):
            w = self.worker(interpreter, env={"PYTHONPATH": os.path.join(bw.SOURCE, "mutants", "gil_off")})
            self.assertFalse(w.ready["gil_enabled"])
            answer, = w.prepare([cell(0, threads=threads)])
            self.invalid(answer, "V4", "gil-changed")

    @catches("V4", "gil-changed")
    @each_embedded
    def test_v4_a_gil_that_goes_while_it_is_measured(self, interpreter):
        for threads in (1, 2):
            w = self.worker(interpreter, env={"BENCHD_CASES": MUTANT_CASES})
            self.ok(w.prepare([cell(0, case="gil_goes", binding="plain", iterations=5)]))
            self.assertEqual(w.batch(0, iterations=5)["type"], "sample")
            self.invalid(w.bye(1)[0], "V4", "gil-changed")

    @each_embedded
    def test_v4_a_module_that_switches_the_gil_on(self, interpreter):
        """Of the setup of a cell: compared is the moment before anything of it was imported."""
        w = self.worker(interpreter, env={"BENCHD_CASES": CASES, "LOAD_MODULE": "wants_gil",
                                          "LOAD_FROM": os.path.join(bw.MUTANTS, "wants_gil", interpreter["id"])})
        answer, = w.prepare([cell(0, case="loads_files", binding="plain", iterations=5)])
        if interpreter["free_threaded"] and not w.ready["gil_enabled"]:
            self.invalid(answer, "V4", "gil-changed")
            self.assertIn("off when the worker started and is on now", answer["reason"]["message"])
        else:
            self.ok([answer])

    @catches("V4", "overlap-unproven")
    def test_v4_one_thread_only_ever_runs(self):
        w = self.worker(bw.default(), env={"PYTHONPATH": os.path.join(bw.SOURCE, "mutants", "starved")})
        answer, = w.prepare([cell(0, threads=2, gil="hold", u="100us")])
        self.invalid(answer, "V4", "overlap-unproven")

    # ---- V6

    def leaks(self, interpreter, folder, case, what, threads=1, leaks=True, batches=1, **env):
        w = self.worker(interpreter, env=dict(env, BENCHD_CASES=folder))
        self.ok(w.prepare([cell(i, case=case, binding="plain", threads=threads, what=each) for i, each in enumerate(what)],
                          leaks=leaks))
        for i in list(range(len(what))) * batches:
            self.assertEqual(w.batch(i, duration_ns=5_000_000 if batches == 1 else 25_000_000)["type"], "sample")
        return w.bye(len(what))

    @catches("V6", "leak")
    @each_embedded
    def test_v6_what_an_operation_leaves_behind(self, interpreter):
        for threads in (1, 2):
            what = ("object", "malloc", "cycle-in-use")
            if not interpreter["debug"]:  # too slow for some thousand operations in each batch
                what += ("one-in-a-thousand",)
            each = dict(zip(what, self.leaks(interpreter, MUTANT_CASES, "leaks", what, threads)))
            for name, answer in each.items():
                with self.subTest(threads=threads, what=name):
                    self.invalid(answer, "V6", "leak")
            text = {name: answer["reason"]["message"] for name, answer in each.items()}
            # without a GIL objects come from an allocator that names blocks only
            per_op = "" if interpreter["free_threaded"] else r"%s bytes per operation, "
            rest = ", \\d\\.0 references per operation" if interpreter["debug"] else ""
            self.assertRegex(text["object"], "^leaks " + per_op.replace("%s", r"\d\d\.\d") + r"1\.0 Python blocks per operation" + rest + ", in each of 10 ")
            if "one-in-a-thousand" in what:
                self.assertRegex(text["one-in-a-thousand"], "^leaks " + per_op.replace("%s", r"0\.0\d\d") + r"0\.001 Python blocks per operation")
            # a few bytes of the batch itself are seen where it has a few hundred operations only
            self.assertRegex(text["malloc"], r"^leaks 64\.[0-4] bytes per operation, in each")

    @catches("V6", "leak")
    @each_embedded
    def test_v6_what_grows_in_steps(self, interpreter):
        """Also after so many operations that a few batches more would see nothing of it."""
        what = ("doubling",) + (() if interpreter["free_threaded"] else ("list",))  # there no list's memory is malloc's
        for threads in (1, 2):
            answers = self.leaks(interpreter, MUTANT_CASES, "leaks", what, threads, batches=6)
            for name, answer in zip(what, answers):
                with self.subTest(threads=threads, what=name):
                    self.invalid(answer, "V6", "leak")
                    self.assertRegex(answer["reason"]["message"], r"^leaks \d+\.\d bytes per operation")

    @catches("V6", "leak")
    @each_embedded
    def test_v6_what_is_mapped(self, interpreter):
        for threads in (1, 2):
            answer, = self.leaks(interpreter, MUTANT_CASES, "leaks", ("mapped",), threads)
            with self.subTest(threads=threads):
                self.invalid(answer, "V6", "leak")
                self.assertRegex(answer["reason"]["message"], r"^leaks 4\d\d\d\.\d bytes of mapped memory per operation, in each")

    @catches("V6", "leak")
    @each_embedded
    def test_v6_a_reference_where_references_are_counted(self, interpreter):
        answer, = self.leaks(interpreter, MUTANT_CASES, "leaks", ("reference",))
        if interpreter["debug"]:
            self.invalid(answer, "V6", "leak")
            self.assertIn("1.0 references per operation", answer["reason"]["message"])
        else:  # it is out of every count
            self.ok([answer])
            answer, = self.leaks(interpreter, MUTANT_CASES, "leaks", ("object",))
            self.invalid(answer, "V6", "leak")

    @each_embedded
    def test_v6_caches_tables_and_garbage_are_no_leaks(self, interpreter):
        what = ("nothing", "free-list", "garbage", "cache", "table", "journal", "mapped", "now-and-then")
        for threads in (1, 2):
            with self.subTest(threads=threads):
                answers = self.leaks(interpreter, CASES, "grows", what, threads)
                self.ok(answers)
                if not interpreter["debug"]:  # some are too slow there to be repeated
                    self.assertEqual([a["notes"] for a in answers], [[]] * len(what))

    @each_embedded
    def test_v6_native_calls_are_clean(self, interpreter):
        for threads in (1, 2):
            w = self.worker(interpreter)
            cells = [cell(i, threads=threads, u="1us", gil=gil, binding=binding) for i, (gil, binding) in enumerate(
                (g, b) for g in ("release",) + (() if interpreter["free_threaded"] else ("hold",))
                for b in ("capi:fastcall", "capi:varargs", "ctypes:argtypes"))]
            self.ok(w.prepare(cells, leaks=True))
            self.ok(w.bye(len(cells)))

    def test_v6_is_asked_for(self):
        answer, = self.leaks(bw.default(), MUTANT_CASES, "leaks", ("object",), leaks=False)
        self.ok([answer])

    def test_v6_too_slow_to_be_repeated(self):
        answer, = self.leaks(bw.default(), CASES, "slow", ("sleeps",))
        self.ok([answer])
        self.assertEqual([n["key"] for n in answer["notes"]], ["leaks-unproven"])
        self.assertIn("one operation takes", answer["notes"][0]["message"])

    # ---- V7

    @bw.each_interpreter
    def test_v7_passes_on_the_untouched_tree(self, interpreter):
        with tempfile.TemporaryDirectory() as folder:
            w = self.worker(interpreter, bw.copy_tree(folder, interpreter))
            self.ok(w.prepare([cell(0, iterations=5), cell(1, binding="ctypes:argtypes", iterations=5)]))
            self.ok(w.bye(2))

    @catches("V7", "build-id-differs")
    @bw.each_interpreter
    def test_v7_another_build_in_the_same_place(self, interpreter):
        w = self.worker(interpreter, self.binding(interpreter, "capi_other_build", honest=False))
        answer, = w.prepare([cell(0, iterations=5)])
        self.invalid(answer, "V7", "build-id-differs")
        self.assertIn("00112233445566778899", answer["reason"]["message"])
        # the same file, when the manifest knows it, is no problem
        w = self.worker(interpreter, self.binding(interpreter, "capi_other_build"))
        self.ok(w.prepare([cell(0, iterations=5)]))

    @catches("V7", "build-id-differs", "not-in-manifest")
    def test_v7_a_file_that_is_built_meanwhile(self):
        """Its hint says so; an older one was not."""
        folder = self.binding(bw.default(), "capi_other_build", honest=False)
        module, = (f for f in os.listdir(folder) if f.startswith("bdb_capi"))
        module = os.path.join(folder, module)
        for age, hint in ((0, r"^the file was replaced \d+ s ago, .*: run again when nothing builds it any more$"),
                          (100000, "^build again, or find out who replaced the file$")):
            os.utime(module, (time.time() - age,) * 2)
            answer, = self.worker(bw.default(), folder).prepare([cell(0, iterations=5)])
            self.invalid(answer, "V7", "build-id-differs")
            self.assertRegex(answer["reason"]["hint"], hint)
        os.utime(module)  # the first time that it is built at all
        w = self.worker(bw.default(), folder)
        answer, = w.prepare([cell(0, iterations=5)], manifest=[o for o in w.manifest() if "bdb_capi" not in o["path"]])
        self.invalid(answer, "V7", "not-in-manifest")
        self.assertRegex(answer["reason"]["hint"], "^the file was replaced")

    @catches("V7", "build-id-differs")
    def test_v7_another_kernel_library(self):
        w = self.worker(bw.default(), self.planted(bw.default(), "../../libbdkernels.so",
                                                   os.path.join(bw.MUTANTS, "kernel_wrong_result", "libbdkernels.so"), honest=False))
        answer, = w.prepare([cell(0, iterations=5)])
        self.invalid(answer, "V7", "build-id-differs")

    @catches("V7", "not-in-manifest")
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

    @catches("V7", "not-in-manifest")
    def test_v7_an_empty_manifest_proves_nothing(self):
        w = self.worker(bw.default())
        answer, = w.prepare([cell(0, iterations=5)], manifest=[])
        self.invalid(answer, "V7", "not-in-manifest")

    # ---- V7: the files of users

    def side(self, mutant="libkernel_impostor.so", name="user.so"):
        folder = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        return shutil.copy(os.path.join(bw.MUTANTS, mutant), os.path.join(folder, name))

    def loads(self, path, promised=(), foreign=(), **env):
        """(prepare's answer, bye's or None) of a cell that loads this object."""
        w = self.worker(bw.default(), env=dict(env, BENCHD_CASES=CASES, LOAD_OBJECT=path))
        answer, = w.prepare([cell(0, case="loads_files", binding="plain", iterations=5)], foreign=list(foreign),
                            manifest=w.manifest() + [{"path": p, "build_id": b} for p, b in promised])
        return answer, w.bye(1)[0] if answer["status"] == "ok" else None

    @catches("V7", "build-id-differs")
    def test_v7_the_users_object_was_replaced(self):
        a, b = self.side(), self.side("libswap_allocator.so")
        self.assertNotEqual(bw.build_id(a), bw.build_id(b))
        self.ok(self.loads(b, [(b, bw.build_id(b))]))
        promise = [(b, bw.build_id(b))]
        shutil.copy(a, b)
        answer, _ = self.loads(b, promise)
        self.invalid(answer, "V7", "build-id-differs")
        self.assertIn(bw.build_id(a), answer["reason"]["message"])

    @catches("V7", "not-loaded")
    def test_v7_the_object_that_a_side_is_was_never_imported(self):
        path, other = self.side(), self.side(name="other.so")
        self.ok(self.loads(path, BENCHD_SIDE_OBJECT=path))
        prepared, ended = self.loads(other, BENCHD_SIDE_OBJECT=path)
        self.ok([prepared])  # until the end it may still come
        self.invalid(ended, "V7", "not-loaded")
        self.assertIn(path, ended["reason"]["message"])

    def test_v7_without_a_build_id_the_path_is_what_counts(self):
        path = self.side()
        self.ok(self.loads(path, [(path, None)]))

    @catches("V7", "not-in-manifest")
    def test_v7_another_of_the_same_name_was_loaded(self):
        promised, other = self.side(), self.side()
        answer, last = self.loads(other, [(promised, bw.build_id(promised))])
        self.ok([answer])  # the right one may still come
        self.invalid(last, "V7", "not-in-manifest")
        self.assertIn(other, last["reason"]["message"])
        self.ok(self.loads(other, [(promised, bw.build_id(promised)), (other, bw.build_id(other))]))

    @catches("V7", "foreign-file")
    def test_v7_an_object_of_the_other_side(self):
        own, other = self.side(), self.side()
        for foreign in (os.path.dirname(other), os.path.dirname(other) + "/", other):
            answer, _ = self.loads(other, foreign=[foreign])
            self.invalid(answer, "V7", "foreign-file")
            self.assertIn(other, answer["reason"]["message"])
            self.ok(self.loads(own, foreign=[foreign]))
        self.ok(self.loads(other, foreign=[os.path.dirname(other)[:-1], "/no/such/folder"]))

    @catches("V7", "foreign-file")
    def test_v7_a_module_of_the_other_side(self):
        folder = os.path.dirname(self.side())
        with open(os.path.join(folder, "of_the_other_side.py"), "w") as f:
            f.write("x = 1\n")
        where = {"LOAD_FROM": folder, "LOAD_MODULE": "of_the_other_side"}
        answer, _ = self.loads("libm.so.6", foreign=[folder], **where)
        self.invalid(answer, "V7", "foreign-file")
        self.assertIn("of_the_other_side.py", answer["reason"]["message"])
        self.ok(self.loads("libm.so.6", foreign=[os.path.dirname(self.side())], **where))

    def test_v7_a_side_below_the_other(self):
        own = self.side()
        below = os.path.dirname(own)
        self.ok(self.loads(own, foreign=[os.path.dirname(below)], BENCHD_SIDE_PATH=below))
        self.ok(self.loads(own, foreign=[os.path.dirname(below)], BENCHD_SIDE_OBJECT=own))
        self.ok(self.loads(own, foreign=[os.path.dirname(below)], BENCHD_PYTHON=os.path.join(below, "bin", "python")))


if __name__ == "__main__":
    unittest.main()
