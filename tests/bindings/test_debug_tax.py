"""ffi.debug-tax: what is said to watch does, and a cell whose watcher saw nothing is not taken for one that was watched."""
import importlib.util
import os
import sys
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "worker"))
import bench_worker as bw  # noqa: E402

CASE = "ffi.debug-tax"
WATCHES = ("nothing", "faulthandler", "monitoring", "settrace", "setprofile")


class DebugTax(unittest.TestCase):
    @bw.each_kind
    def test_every_watcher_on_every_interpreter(self, interpreter):
        for under in WATCHES:
            with bw.Worker(interpreter) as w:
                w.hello()
                [answer] = w.prepare([bw.cell(0, case=CASE, threads=1, binding="capi:fastcall", under=under)])
                if under == "monitoring" and tuple(map(int, interpreter["version"].split(".")[:2])) < (3, 12):
                    self.assertEqual(answer["status"], "unsupported", answer)
                    self.assertIn("3.12", answer["reason"]["message"])
                    continue
                self.assertEqual(answer["status"], "ok", (under, answer))
                self.assertEqual(w.batch(0, iterations=100)["type"], "sample")

    def test_a_watcher_that_saw_nothing_is_found(self):
        path = os.path.join(bw.HOME, "python", "cases", CASE + ".py")
        spec = importlib.util.spec_from_file_location("debug_tax", path)
        case = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(case)
        cell = types.SimpleNamespace(axes={"under": "monitoring", "caller": "python"}, binding={"i64_2": None}, k=None)
        state = case.State(cell)
        state.seen = 10
        self.assertTrue(case.verify(state, 5 + 30, 10, 5))
        self.assertFalse(case.verify(state, 5 + 33, 10, 5))
        state.seen = 9
        self.assertFalse(case.verify(state, 5 + 30, 10, 5))

    def test_the_checks_allow_development_mode(self):
        """One side of `benchctl ab --a gc=on --b PYTHONDEVMODE=1 ffi.debug-tax`, whose allocator has debug hooks."""
        with bw.Worker(env={"PYTHONDEVMODE": "1"}) as w:
            w.hello()
            [answer] = w.prepare([bw.cell(0, case=CASE, threads=1, binding="capi:fastcall", under="nothing")])
            self.assertEqual(answer["status"], "ok", answer)
            self.assertEqual(w.batch(0, iterations=100)["type"], "sample")


if __name__ == "__main__":
    unittest.main()
