"""Cases that are one call or one statement: the worker makes their loops, of bytecode or of C."""
import unittest

import bench_worker as bw
from bench_worker import cell
from mutants import MUTANT_CASES, Catching, catches

KINDS = ("i64", "f64", "bool")
ARGS = ("1", "2", "3", "4", "6", "8", "16")


class Calls(Catching):
    def asked(self, *cells, interpreter=None):
        w = self.worker(interpreter or bw.default(), env={"BENCHD_CASES": MUTANT_CASES})
        return w, w.prepare([cell(i, iterations=70, **kinds) for i, kinds in enumerate(cells)])

    @bw.each_kind
    def test_every_scalar_in_both_loops(self, interpreter):
        w = self.worker(interpreter)
        cells = [cell(i, case="ffi.call.scalar", binding="plain:python", iterations=100, type=kind, args=args, caller=caller, unroll=unroll)
                 for i, (kind, args, caller, unroll) in enumerate(
                     (k, a, c, u) for k in KINDS for a in ARGS for c in ("python", "c") for u in ("10", "1"))]
        self.ok(w.prepare(cells))
        for c in cells:
            sample = w.batch(c["cell"], iterations=50)
            self.assertEqual((sample["type"], sample["ops"]), ("sample", [50]), sample)
        self.ok(w.bye(len(cells)))

    def test_neither_loop_leaves_anything(self):
        w = self.worker(bw.default())
        cells = [cell(i, case="ffi.call.scalar", binding="plain:python", iterations=1000, type=kind, caller=caller)
                 for i, (kind, caller) in enumerate((k, c) for k in KINDS for c in ("python", "c"))]
        self.ok(w.prepare(cells, leaks=True))
        self.ok(w.bye(len(cells)))

    def test_a_turn_has_as_many_calls_as_it_says(self):
        w, answers = self.asked(*({"case": "ffi.call.scalar", "binding": "plain:python", "unroll": u, "caller": c}
                                  for u in ("10", "1") for c in ("python", "c")))
        self.ok(answers)
        self.assertEqual([w.batch(i, iterations=11)["ops"] for i in range(4)], [[20], [11], [11], [11]])  # C needs no unrolling

    def test_keywords(self):
        self.ok(self.asked(*({"case": "calls", "binding": "plain:python", "form": form, "caller": caller}
                             for form in ("k", "keywords") for caller in ("python", "c")))[1])

    @catches("V2", "wrong-result")
    def test_the_result_is_looked_at_in_both_loops(self):
        for caller in ("python", "c"):
            self.invalid(self.asked({"case": "calls", "binding": "plain:python", "wrong": "1", "caller": caller})[1][0],
                         "V2", "wrong-result")

    def test_what_a_binding_has_not(self):
        (lacks, refuses), (none, twice, numbered, spaced) = (self.asked(*cells)[1] for cells in (
            ({"case": "calls", "binding": "plain:python", "wants": w} for w in ("nothing_of_the_kind", "refused")),
            ({"case": "calls", "binding": "plain:python", "form": f}
             for f in ("none", "twice", "numbered", "spaced"))))
        self.assertEqual((lacks["status"], lacks["reason"]["key"], lacks["reason"]["message"]),
                         ("unsupported", "no-such-function", "plain:python has no nothing_of_the_kind"))
        self.assertEqual((refuses["status"], refuses["reason"]["message"], refuses["reason"]["hint"]),
                         ("unsupported", "not on a Sunday", "wait"))
        for answer, word in ((none, "call() gives"), (twice, "cell.k twice"), (numbered, "are names"),
                             (spaced, "are names")):
            self.assertEqual(answer["status"], "failed", answer)
            self.assertIn(word, answer["reason"]["message"])

    def test_only_a_call_is_made_from_c(self):
        answer = self.asked({"case": "buffer-view", "caller": "c"})[1][0]
        self.assertEqual((answer["status"], answer["reason"]["key"]), ("unsupported", "caller"), answer)

    def test_a_binding_that_calls_no_kernel_is_not_asked_how_often(self):
        self.ok(self.asked({"case": "calls", "binding": "plain:python", "calls": "1"})[1])

    @catches("V1", "count-differs")
    def test_another_is(self):
        answer = self.asked({"case": "calls", "binding": "capi:fastcall", "calls": "1", "wants": "never"})[1][0]
        self.invalid(answer, "V1", "count-differs")


class Memory(Catching):
    @bw.each_kind
    def test_allocations_of_an_operation(self, interpreter):
        """5000 bytes are more than pymalloc serves itself: that it asks another allocator is no second allocation."""
        w = self.worker(interpreter, env={"BENCHD_CASES": MUTANT_CASES})
        sizes = (0, 100, 5000)
        self.ok(w.prepare([cell(i, case="allocates", binding="plain", size=str(size), iterations=500) for i, size in enumerate(sizes)]))
        empty = bytes(0).__sizeof__()
        for i, size in enumerate(sizes):
            m = w.ask("memory", cell=i)
            self.assertAlmostEqual(m["allocations_per_op"], 1 if size else 0, delta=0.02)
            if size and not interpreter["debug"]:  # without a GIL an object has some bytes more in front
                self.assertLessEqual(size + empty, m["allocated_bytes_per_op"] + size / 100)
                self.assertLess(m["allocated_bytes_per_op"], size + empty + 32)
            self.assertAlmostEqual(m["bytes_per_op"] or 0, 0, delta=5)
            self.assertEqual(w.batch(i, iterations=20)["type"], "sample")  # the hooks are gone again
        self.ok(w.bye(len(sizes)))

    def test_of_a_case_that_does_not_ask(self):
        w = self.worker(bw.default())
        self.ok(w.prepare([cell(0, case="ffi.null", binding="plain", iterations=100)]))
        m = w.ask("memory", cell=0)
        self.assertEqual((m["allocations_per_op"], m["allocated_bytes_per_op"]), (None, None))


if __name__ == "__main__":
    unittest.main()
