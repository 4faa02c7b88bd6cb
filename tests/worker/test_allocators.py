"""V5: the allocator that is wanted is the one that works, and the check notices when it is not."""
import ctypes.util
import os
import unittest

import bench_worker as bw
from bench_worker import Worker, cell
from mutants import CASES, MUTANT_CASES, Catching, catches

SONAMES = {"jemalloc": ("libjemalloc.so.2",), "mimalloc": ("libmimalloc.so.3", "libmimalloc.so.2"),
           "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4")}


def library(name):
    """What to preload for an allocator, as benchd does; None where it is not installed."""
    for soname in SONAMES[name]:
        try:
            ctypes.CDLL(soname, mode=os.RTLD_LAZY | os.RTLD_LOCAL)
        except OSError as error:
            if "static TLS" not in str(error):
                continue
        return soname
    return None


def has_mimalloc(interpreter):
    """As its own object allocator."""
    return tuple(int(n) for n in interpreter["version"].split(".")[:2]) >= (3, 13)


class Allocators(Catching):
    def start(self, interpreter=None, allocator=None, objalloc=None, preload=None, **env):
        if allocator in SONAMES:
            preload = library(allocator)
            if not preload:
                self.skipTest("%s is not installed" % allocator)
        if preload:
            env["LD_PRELOAD"] = preload
        if objalloc:
            env["PYTHONMALLOC"] = objalloc
        w = Worker(interpreter, env=env)
        self.addCleanup(w.__exit__)
        w.hello()
        return w

    def one(self, w, allocator, objalloc, threads=1):
        answer, = w.prepare([cell(0, allocator=allocator, objalloc=objalloc, iterations=10, threads=threads)])
        return answer

    def refused(self, answer, key):
        self.invalid(answer, "V5", key)

    def works(self, allocator):
        for interpreter in bw.interpreters():
            own = bw.objalloc(interpreter)
            objallocs = (own,) if interpreter["free_threaded"] else ("pymalloc", "malloc")
            if has_mimalloc(interpreter) and "mimalloc" not in objallocs:
                objallocs += ("mimalloc",)
            for objalloc in objallocs:
                for threads in (1, 2):
                    with self.subTest(python=interpreter["id"], objalloc=objalloc, threads=threads):
                        w = self.start(interpreter, allocator, objalloc)
                        self.assertEqual((w.ready["malloc_name"], w.ready["objalloc"]), (allocator, objalloc))
                        self.assertRegex(w.ready["malloc_version"], r"^\d+\.\d+")
                        self.assertEqual(self.one(w, allocator, objalloc, threads)["status"], "ok")
                        self.assertGreater(w.ask("memory")["allocator_bytes"], 0)
                        self.assertEqual(w.bye(1)[0]["status"], "ok")

    def test_glibc(self):
        self.works("glibc")

    def test_jemalloc(self):
        self.works("jemalloc")

    def test_mimalloc(self):
        self.works("mimalloc")

    def test_tcmalloc(self):
        self.works("tcmalloc")

    @catches("V5", "allocator-not-loaded")
    def test_something_stands_before_it(self):
        """The library that was asked for is loaded, but malloc is that of another one, which lets glibc do the work."""
        forward = bw.preloadable(os.path.join(bw.MUTANTS, "libmalloc_forward.so"))
        for allocator in sorted(SONAMES):
            name = library(allocator)
            if not name:
                continue
            with self.subTest(allocator=allocator):
                w = self.start(preload="%s:%s" % (forward, name))
                self.assertIn(os.path.basename(name).split(".so")[0], " ".join(o["path"] for o in w.ready["objects"]))
                answer = self.one(w, allocator, "pymalloc")
                self.refused(answer, "allocator-not-loaded")
                self.assertIn(os.path.realpath(forward), os.path.realpath(answer["reason"]["message"].split("(")[1].split(")")[0]))

    @catches("V6", "leak")
    def test_leaks_are_seen_with_each(self):
        for allocator in ("glibc", *sorted(SONAMES)):
            for objalloc in ("pymalloc", "malloc"):
                for threads in (1, 2):
                    with self.subTest(allocator=allocator, objalloc=objalloc, threads=threads):
                        w = self.start(allocator=allocator, objalloc=objalloc, BENCHD_CASES=MUTANT_CASES)
                        what = ("malloc", "object")
                        self.assertEqual(w.ask("describe", targets=[CASES])["type"], "catalogue")
                        cells = [cell(i, case="leaks", binding="plain", what=each, allocator=allocator, objalloc=objalloc,
                                      threads=threads) for i, each in enumerate(what)]
                        cells += [cell(2 + i, case="grows", binding="plain", what=each, allocator=allocator, objalloc=objalloc,
                                       threads=threads) for i, each in enumerate(("nothing", "free-list", "garbage", "cache", "now-and-then"))]
                        self.ok(w.prepare(cells, leaks=True))
                        answers = w.bye(len(cells))
                        self.ok(answers[2:])
                        silent = allocator == "mimalloc" and int(w.ready["malloc_version"].split(".")[0]) >= 3
                        for answer in answers[:2]:
                            if silent and (answer["cell"] == 0 or objalloc == "malloc"):
                                self.assertEqual([n["key"] for n in answer["notes"]], ["leaks-unproven"])
                            else:
                                self.invalid(answer, "V6", "leak")

    @catches("V5", "allocator-not-loaded")
    def test_not_preloaded(self):
        for wanted in ("jemalloc", "mimalloc", "tcmalloc"):
            answer = self.one(self.start(), wanted, "pymalloc")
            self.refused(answer, "allocator-not-loaded")
            self.assertIn("malloc is served by glibc", answer["reason"]["message"])

    @catches("V5", "allocator-not-loaded")
    def test_preloaded_but_not_wanted(self):
        for allocator, wanted in (("jemalloc", "glibc"), ("mimalloc", "jemalloc")):
            with self.subTest(allocator=allocator):
                self.refused(self.one(self.start(allocator=allocator), wanted, "pymalloc"), "allocator-not-loaded")

    @catches("V5", "allocator-not-loaded")
    def test_loaded_without_serving(self):
        """A second library in the process answers mallctl, but malloc is not its own."""
        name = library("jemalloc")
        if not name:
            self.skipTest("jemalloc is not installed")
        w = self.start(BENCHD_CASES=os.path.join(bw.SOURCE, "cases"), BENCHD_TEST_LOAD=name,
                       GLIBC_TUNABLES="glibc.rtld.optional_static_tls=16384")
        answers = w.prepare([cell(0, case="loads", binding="plain", iterations=5),
                             cell(1, allocator="jemalloc", iterations=5)])
        self.assertEqual(answers[0]["status"], "ok", answers[0])
        self.refused(answers[1], "allocator-not-loaded")

    @catches("V5", "allocator-not-serving")
    def test_an_impostor_whose_counters_stand_still(self):
        w = self.start(preload=bw.preloadable(os.path.join(bw.MUTANTS, "libmalloc_impostor.so")))
        self.assertEqual(w.ready["malloc_version"], "5.3.0-impostor")
        answer = self.one(w, "jemalloc", "pymalloc")
        self.refused(answer, "allocator-not-serving")
        self.assertIn("moved the counters of jemalloc by 0 bytes", answer["reason"]["message"])

    @catches("V5", "allocator-not-serving")
    def test_an_impostor_that_counts_but_owns_nothing(self):
        w = self.start(preload=bw.preloadable(os.path.join(bw.MUTANTS, "libmalloc_impostor.so")), IMPOSTOR_COUNTS="1")
        answer = self.one(w, "jemalloc", "pymalloc")
        self.refused(answer, "allocator-not-serving")
        self.assertIn("owns 0 of 100 addresses", answer["reason"]["message"])

    @catches("V5", "allocator-unproven")
    def test_one_without_counters(self):
        w = self.start(preload=bw.preloadable(os.path.join(bw.MUTANTS, "libmalloc_impostor.so")), IMPOSTOR_WITHOUT_STATISTICS="1")
        answer = self.one(w, "jemalloc", "pymalloc")
        self.refused(answer, "allocator-unproven")
        self.assertIn("no counters to prove it by", answer["reason"]["message"])

    @catches("V5", "object-allocator-differs")
    def test_the_object_allocator_is_another(self):
        for interpreter in bw.interpreters():
            with self.subTest(python=interpreter["id"]):
                self.refused(self.one(self.start(interpreter), "glibc", "malloc"), "object-allocator-differs")
                other = "pymalloc" if interpreter["free_threaded"] else "mimalloc"
                self.refused(self.one(self.start(interpreter), "glibc", other), "object-allocator-differs")
                if interpreter["free_threaded"]:  # it starts with no other than its own
                    continue
                self.refused(self.one(self.start(interpreter, objalloc="malloc"), "glibc", "pymalloc"), "object-allocator-differs")

    @catches("V5", "object-allocator-differs")
    def test_looked_at_again_after_the_last_batch(self):
        """A case puts its own allocator in place while it is measured."""
        for objalloc in ("pymalloc", "malloc"):
            w = self.start(objalloc=objalloc, BENCHD_CASES=os.path.join(bw.SOURCE, "cases"),
                           BENCHD_TEST_LOAD=os.path.join(bw.MUTANTS, "libswap_allocator.so"))
            answers = w.prepare([cell(0, case="swaps_allocator", binding="plain", objalloc=objalloc, iterations=5)])
            self.assertEqual(answers[0]["status"], "ok", answers)
            self.assertEqual(w.batch(0, iterations=5)["type"], "sample")
            answer, = w.bye(1)
            self.refused(answer, "object-allocator-differs")
            self.assertIn("small objects come from unknown", answer["reason"]["message"])


if __name__ == "__main__":
    unittest.main()
