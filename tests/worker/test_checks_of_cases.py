"""Checks that a case asks for, against mutants: V3 nothing is copied, V8 exactly once, V9 an interpreter each."""
import os
import unittest

import bench_worker as bw
from bench_worker import cell
from mutants import MUTANT_CASES, Catching, catches, each_embedded

HANDOFF = os.path.join(bw.HOME, "python", "cases", "queue-handoff.py")


class NoCopy(Catching):
    def mutant(self, case, what, **params):
        w = self.worker(bw.default(), env={"BENCHD_CASES": MUTANT_CASES})
        answer, = w.prepare([cell(0, case=case, binding="plain", what=what, iterations=5, **params)])
        return answer

    def notes(self, answer):
        return {n["key"] for n in answer["notes"]} & {"zero-copy", "copies"}

    @each_embedded
    def test_v3_the_memory_itself(self, interpreter):
        w = self.worker(interpreter)
        cells = [cell(i, case="buffer-view", binding=binding, handover=handover, size=size) for i, (binding, handover, size) in enumerate(
            (b, h, s) for b in ("capi:fastcall", "capi:varargs", "ctypes:argtypes") for h in ("memory", "memoryview", "copy")
            for s in ("64k", "16m"))]
        self.ok(w.prepare(cells, leaks=True))
        for i in range(len(cells)):
            self.assertEqual(w.batch(i, iterations=2)["type"], "sample")
        self.ok(w.bye(len(cells)))

    @catches("V3", "address-differs")
    @each_embedded
    def test_v3_a_binding_that_copies(self, interpreter):
        for binding in ("capi:fastcall", "capi:varargs"):
            w = self.worker(interpreter, self.binding(interpreter, "capi_copies"))
            answers = w.prepare([cell(i, case="buffer-view", binding=binding, handover=handover, iterations=2)
                                 for i, handover in enumerate(("memory", "memoryview", "copy"))])
            self.invalid(answers[0], "V3", "address-differs")
            self.invalid(answers[1], "V3", "address-differs")
            self.ok(answers[2:])  # it says that it copies

    def test_v3_views_that_are_none(self):
        for what in ("view", "address"):
            answer = self.mutant("hands_over", what)
            self.ok([answer])
            self.assertEqual(self.notes(answer), {"zero-copy"})

    @each_embedded
    def test_v3_memory_that_nobody_may_write_to(self, interpreter):
        w = self.worker(interpreter, env={"BENCHD_CASES": MUTANT_CASES})
        answer, = w.prepare([cell(0, case="read_only", binding="capi:fastcall", iterations=5)])
        self.ok([answer])
        self.assertEqual(self.notes(answer), {"zero-copy"})
        self.ok(w.bye(1))

    @catches("V3", "no-copy-found")
    def test_v3_no_copy_where_one_was_promised(self):
        for what in ("view", "address"):
            answer = self.mutant("hands_over", what, says="copies")
            self.invalid(answer, "V3", "no-copy-found")
            self.assertEqual(self.notes(answer), set())

    @catches("V3", "reference-kept")
    def test_v3_a_copy_that_was_promised(self):
        for what in ("copy", "half"):
            answer = self.mutant("hands_over", what, says="copies")
            self.ok([answer])
            self.assertEqual(self.notes(answer), {"copies"})
        self.invalid(self.mutant("hands_over", "kept-reference", says="copies"), "V3", "no-copy-found")
        self.invalid(self.mutant("hands_over", "kept-reference-of-a-copy", says="copies"), "V3", "reference-kept")

    @catches("V3", "address-differs")
    def test_v3_a_copy_is_handed_over(self):
        self.invalid(self.mutant("hands_over", "copy"), "V3", "address-differs")
        answer = self.mutant("hands_over", "half")
        self.invalid(answer, "V3", "address-differs")
        self.assertIn("524288 of 1048576 bytes", answer["reason"]["message"])

    @catches("V3", "reference-kept")
    def test_v3_something_is_kept(self):
        answer = self.mutant("hands_over", "kept-reference")
        self.invalid(answer, "V3", "reference-kept")
        self.assertRegex(answer["reason"]["message"], r"\b[12] references more")

    @catches("V3", "memory-grew")
    def test_v3_a_copy_is_kept(self):
        answer = self.mutant("hands_over", "kept-copy")
        self.invalid(answer, "V3", "memory-grew")
        self.assertIn("for a payload of 1048576", answer["reason"]["message"])

    @catches("V3", "write-not-seen")
    def test_v3_another_mapping_of_the_same_memory(self):
        self.ok([self.mutant("mapped", "shared")])
        self.invalid(self.mutant("mapped", "private"), "V3", "write-not-seen")


class ExactlyOnce(Catching):
    def queues(self, interpreter, what, threads=1, depth="16"):
        w = self.worker(interpreter, env={"BENCHD_CASES": MUTANT_CASES, "QUEUE_HANDOFF": HANDOFF})
        answer, = w.prepare([cell(0, case="queues", binding="plain", what=what, depth=depth, threads=threads, iterations=5)])
        if answer["status"] != "ok":
            return answer
        sample = w.batch(0, iterations=3000)
        return sample if sample["type"] == "cell" else w.bye(1)[0]

    @each_embedded
    def test_v8_a_queue_that_does_what_it_should(self, interpreter):
        for threads in (1, 2, 4):
            w = self.worker(interpreter)
            self.ok(w.prepare([cell(i, case="queue-handoff", binding="plain", depth=depth, threads=threads, iterations=100)
                               for i, depth in enumerate(("1", "16"))], leaks=True))
            for i in range(2):
                self.assertGreater(sum(w.batch(i, duration_ns=20_000_000)["ops"]), 0)
            self.ok(w.bye(2))
            self.ok([self.queues(interpreter, "nothing", threads)])

    @catches("V8", "lost", "repeated", "altered", "out-of-order")
    @each_embedded
    def test_v8_one_item(self, interpreter):
        for what, key in (("loses", "lost"), ("repeats", "repeated"), ("replaces", "altered"), ("invents", "altered"),
                          ("reorders", "out-of-order")):
            answer = self.queues(interpreter, what)
            self.invalid(answer, "V8", key)
            self.assertRegex(answer["reason"]["message"], r"\d items|as many items arrived")

    @catches("V8", "lost", "repeated")
    def test_v8_one_item_of_several_threads(self):
        for what, key in (("loses", "lost"), ("repeats", "repeated")):
            self.invalid(self.queues(bw.default(), what, threads=2), "V8", key)


class Interpreters(Catching):
    LOCKS = ("own", "shared")

    def prepare(self, interpreter, threads, **env):
        w = self.worker(interpreter, env=env)
        return w, w.prepare([cell(i, case="sub-interpreters", binding="plain", threads=threads, lock=lock, iterations=100)
                             for i, lock in enumerate(self.LOCKS)])

    def has_own(self, interpreter):
        return tuple(int(x) for x in interpreter["version"].split(".")[:2]) >= (3, 12)

    @each_embedded
    def test_v9_each_thread_has_its_own(self, interpreter):
        for threads in (1, 2, 4):
            w, (own, shared) = self.prepare(interpreter, threads)
            self.ok([shared] + ([own] if self.has_own(interpreter) else []))
            if not self.has_own(interpreter):
                self.assertEqual((own["status"], own["reason"]["key"]), ("unsupported", "no-own-gil"), own)
            ready = [a["cell"] for a in (own, shared) if a["status"] == "ok"]
            for number in ready:
                sample = w.batch(number, iterations=5000)
                self.assertEqual(sample["ops"], [5000] * threads, sample)
            self.ok(w.bye(len(ready)))

    def mutant(self, interpreter, **env):
        preload = bw.preloadable(os.path.join(bw.MUTANTS, "one_interpreter", interpreter["id"], "one_interpreter.so"))
        _, (own, shared) = self.prepare(interpreter, 2, LD_PRELOAD=preload, **env)
        return [shared] + ([own] if self.has_own(interpreter) else [])

    @catches("V9", "same-interpreter")
    @each_embedded
    def test_v9_two_that_are_the_same(self, interpreter):
        for answer in self.mutant(interpreter):
            self.invalid(answer, "V9", "same-interpreter")

    @catches("V9", "state-shared")
    @each_embedded
    def test_v9_two_numbers_for_the_same(self, interpreter):
        for answer in self.mutant(interpreter, ONE_WITH_MANY_NUMBERS="1"):
            self.invalid(answer, "V9", "state-shared")


if __name__ == "__main__":
    unittest.main()
