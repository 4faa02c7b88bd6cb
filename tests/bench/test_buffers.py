"""What bench/buffers makes of runs: from which size on a way is the cheaper one, and what a byte costs."""
import contextlib
import importlib.util
import io
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
spec = importlib.util.spec_from_file_location("bench_buffers", os.path.join(ROOT, "bench", "buffers", "run.py"))
buffers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(buffers)

SIZES = ("64", "1k", "16k", "1m")


def cells(case, axis, value, cost, status="ok", **axes):
    return [{"id": "%s/%s/%s" % (case, value, size), "case": case, "status": status, "axes": {axis: value, "size": size, **axes},
             "time_ns_per_op": {"median": cost(buffers.size_of(size))} if status == "ok" else None} for size in SIZES]


class Crossover(unittest.TestCase):
    def test_of_lines_that_meet(self):
        sizes = [4 ** i for i in range(2, 14)]
        free, copy = {s: 1000 for s in sizes}, {s: s / 10 for s in sizes}
        self.assertEqual(buffers.crossover(free, copy), 10000)

    def test_always_and_never(self):
        cheap, dear = {64: 1, 1024: 1}, {64: 2, 1024: 2}
        self.assertEqual(buffers.crossover(cheap, dear), 0)
        self.assertIsNone(buffers.crossover(dear, cheap))
        self.assertIsNone(buffers.crossover(cheap, {}))
        self.assertIsNone(buffers.crossover(cheap, cheap))  # as dear is not cheaper

    def test_the_last_change_counts(self):
        way, copy = {1: 1, 4: 3, 16: 1, 64: 1}, {1: 2, 4: 2, 16: 2, 64: 2}
        self.assertTrue(4 < buffers.crossover(way, copy) < 16)

    def test_what_a_byte_costs(self):
        self.assertEqual(buffers.per_byte({0: 50, 100: 60, 300: 100}), 0.2)
        self.assertIsNone(buffers.per_byte({64: 1}))


class Told(unittest.TestCase):
    def told(self, *more, status=0):
        document = {"cells": [c for part in more for c in part]}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump(document, f)
            f.flush()
            out = io.StringIO()
            with contextlib.redirect_stdout(out), mock.patch.object(sys, "argv", ["run.py", "nowhere", f.name]):
                self.assertEqual(buffers.main(), status)
        return {tuple(line.split()[:2]): line.split() for line in out.getvalue().splitlines() if line.strip()}, out.getvalue()

    def test_ladder(self):
        lines, text = self.told(cells("buf.ladder", "way", "buffer", lambda s: 100 + s / 10),
                                cells("buf.ladder", "way", "arrow", lambda s: 400 + s / 10),
                                cells("buf.ladder", "way", "bytes", lambda s: 200 + s / 5),
                                cells("buf.ladder", "way", "list", lambda s: 50 + 10 * s))
        row = lambda name: next(v for k, v in lines.items() if k[0] == name)  # noqa: E731
        self.assertEqual(row("buffer")[-2:], ["always", "always"])
        self.assertTrue(1024 < int(row("arrow")[-3]) < 16384, text)
        self.assertEqual(row("arrow")[-1], "always")
        self.assertEqual(row("list")[-1], "10.0000")

    def test_sums(self):
        lines, text = self.told(cells("buf.sum", "layout", "memcpy", lambda s: s / 8, binding="capi:fastcall"),
                                cells("buf.sum", "layout", "strided", lambda s: s / 2, binding="cffi:api"))
        self.assertIn(("cffi:api", "strided"), lines)
        self.assertEqual(lines["cffi:api", "strided"][-3:], ["2.00", "25", "%"])
        self.assertEqual(lines["capi:fastcall", "memcpy"][-3:], ["8.00", "100", "%"])

    def test_what_is_not_valid_is_told_and_has_no_figure(self):
        _, text = self.told(cells("buf.ladder", "way", "dlpack", lambda s: 1, status="invalid"), status=1)
        self.assertIn("not valid: buf.ladder/dlpack/64", text)
        self.assertIn("no ladder was measured", text)


if __name__ == "__main__":
    unittest.main()
