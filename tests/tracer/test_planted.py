"""The planted programs against their own truth, without any tracer: what tests of traces compare with must itself hold."""
import os
import time
import unittest

import planted
from planted import Account, Planted, mono_ns, right, wait_for

SECONDS = 0.5


def window(program, seconds=SECONDS):
    """Between two moments the program ran, its account of them."""
    start = mono_ns()
    end = start + int(seconds * 1e9)
    time.sleep(seconds)
    wait_for("entries beyond the window", 60, lambda: (a := program.account()).begins and a.begins[-1] > end)
    return program.account(), start, end


@unittest.skipIf(planted.CANNOT, planted.CANNOT)
class Truth(unittest.TestCase):
    def each(self, check, kind, *numbers):
        for python in planted.PYTHONS:
            with self.subTest(python), Planted(python, kind, *numbers) as program:
                check(program)
                self.assertEqual(program.end(), 0)

    def test_victims_wait_for_what_was_planted(self):
        def check(program):
            account, start, end = window(program)
            for name in program.tids:
                if name.startswith("victim"):
                    own, n = account.wait_ns(program.tids[name], start, end)
                    blocked = sum(account.blocked([program.tids[name]], start, end).values())
                    self.assertGreater(n, 5)
                    self.assertGreater(own, 0.05 * (end - start))
                    self.assertLessEqual(blocked, own)
                    self.assertGreater(blocked, 0.3 * own)  # the rest it waited for a processor: much, on a loaded machine

        for kind in ("culprit", "several", "asleep", "changes", "pure"):
            self.each(check, kind)

    def test_held_share(self):
        for share in (0.1, 0.5, 0.9):
            def check(program, share=share):
                account, start, end = window(program)
                self.assertEqual({what for _, what in account.held(start, end)}, {7})
                self.assertTrue(all(e - b >= share * 10e6 for b, e, _, _ in account.holds))  # longer where it was interrupted

            self.each(check, "busy", share)

    def test_holds_never_overlap(self):
        """There is one GIL: a log that says otherwise is wrong."""
        def check(program):
            account, _, _ = window(program)
            self.assertGreater(len(account.holds), 1)
            self.assertTrue(all(a[1] <= b[0] for a, b in zip(account.holds, account.holds[1:])))
            self.assertEqual({what for _, _, _, what in account.holds} - set(program.what), set())

        for kind in ("several", "changes", "foreign", "churn"):
            self.each(check, kind)

    def test_a_cut_window_adds_up(self):
        def check(program):
            account, start, end = window(program)
            middle = (start + end) // 2
            tid = program.tids["victim"]
            parts = [account.wait_ns(tid, *w)[0] for w in ((start, middle), (middle, end))]
            self.assertEqual(sum(parts), account.wait_ns(tid, start, end)[0])
            held = [sum(account.held(*w).values()) for w in ((start, middle), (middle, end))]
            self.assertEqual(sum(held), sum(account.held(start, end).values()))

        self.each(check, "culprit")

    def test_one_thread(self):
        for python in planted.PYTHONS:
            with self.subTest(python), Planted(python, "alone") as program:
                self.assertEqual(len(os.listdir(f"/proc/{program.pid}/task")), 1)
                program.process.stdin.close()
                self.assertGreater(program.answer()["calls"], 0)

    def test_an_account_outlives_its_program(self):
        with Planted(planted.PYTHONS[0], "culprit") as program:
            account, start, end = window(program)
            before = account.wait_ns(program.tids["victim"], start, end)
            program.process.kill()
            program.process.wait()
            self.assertEqual(Account(program.path).wait_ns(program.tids["victim"], start, end), before)


@unittest.skipIf(planted.CANNOT, planted.CANNOT)
class Comparison(unittest.TestCase):
    """What calls a document right must call a wrong one wrong."""

    def setUp(self):
        program = Planted(planted.PYTHONS[0], "several")
        self.enterContext(program)
        account, start, end = window(program)
        self.program = program
        self.document = {"start_mono_ns": start, "end_mono_ns": end, "lines": [
            {"role": "holder", "tid": tid, **program.what[what], "ns": ns}
            for (tid, what), ns in account.blocked([program.tids["victim"]], start, end).items()]}

    def share(self):
        return right(self.document, self.program, [self.program.tids["victim"]])[0]

    def test_the_truth_is_right(self):
        self.assertEqual(self.share(), 1)

    def test_each_mistake_is_found(self):
        longest = max(self.document["lines"], key=lambda line: line["ns"])
        for field, wrong in (("tid", 1), ("function", "other"), ("file", "/other.py"), ("line", longest["line"] + 1), ("native", None),
                             ("role", "waiter")):
            with self.subTest(field):
                had, longest[field] = longest[field], wrong
                self.assertLess(self.share(), 0.9)
                longest[field] = had
        self.assertEqual(self.share(), 1)

    def test_shares_in_exchange_are_found(self):
        a, b = sorted(self.document["lines"], key=lambda line: line["ns"])[::3][:2]
        a["ns"], b["ns"] = b["ns"], a["ns"]
        self.assertLess(self.share(), 0.95)

