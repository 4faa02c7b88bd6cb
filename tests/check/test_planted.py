"""Each planted mistake is found, by its check and in its function; a twin without it gives no finding."""
import unittest

from checking import Checks, built

# What must be said of each: the check, the function, and words of the evidence.
PLANTED = {
    "borrowed_item": ("references", "first", "element 1 of argument 1 has 1 reference fewer"),
    "borrowed_kept": ("references", "remember", "used by"),
    "borrowed_mutated": ("references", "sum", "when it is gone (while it is used)"),
    "borrowed_result": ("references", "setting", "what it returns has 1 reference fewer"),
    "buffer_callback": ("buffers", "each", "when it is gone (while it is used)"),
    "buffer_error": ("buffers", "word", "cannot be resized after the call"),
    "buffer_held": ("buffers", "checksum", "cannot be resized after the call"),
    "buffer_method": ("buffers", "Scanner", "when it is gone (after the call)"),
    "buffer_moves": ("buffers", "Store.grow", "its memory moved"),
    "buffer_orphan": ("buffers", "Block", "other bytes after it is gone"),
    "buffer_pointer": ("buffers", "feed", "when it is gone (after the call)"),
    "buffer_stuck": ("buffers", "Store", "append() is refused though the only view was given back"),
    "crash_again": ("crashes", "Table.__init__", "SIGABRT"),
    "crash_overflow": ("crashes", "reversed", "SIGABRT"),
    "crash_unchecked": ("crashes", "kind", "SIG"),
    "error_left": ("errors", "number", "with an exception set"),
    "error_unset": ("errors", "positive", "without setting an exception"),
    "gil_error": ("gil", "root", "PyErr_SetString is called"),
    "gil_released": ("gil", "squares", "without holding the GIL"),
    "gil_thread": ("gil", "later", "on a thread of the module's own"),
    "leak_again": ("leaks", "Rows.__init__", "1 block(s) of objects' memory are kept by each call"),
    "leak_argument": ("leaks", "twice", "argument 1 has 1 reference more"),
    "leak_malloc": ("leaks", "upper", "bytes of malloc"),
    "leak_object": ("leaks", "count", "list (+1 per call)"),
    "leak_on_error": ("leaks", "doubled", "list (+1 per call)"),
    "leak_operator": ("leaks", "Amount.__neg__", "list (+1 per call)"),
    "leak_optional": ("leaks", "first", "argument 2 has 1 reference more"),
    "leak_setter": ("leaks", "Cell.value =", "argument 1 has 1 reference more"),
    "leak_store": ("leaks", "shown", "1 block(s) of objects' memory are kept by each call"),
    "leak_type": ("leaks", "Point", "Point has 1 reference more"),
}


class Planted(Checks):
    def test_every_module_is_tested(self):
        self.assertEqual({n.removeprefix("planted_") for n in built() if n.startswith("planted_")}, set(PLANTED))
        self.assertEqual({n.removeprefix("clean_") for n in built() if n.startswith("clean_")}, set(PLANTED))

    def test_a_planted_mistake_is_found(self):
        for name, (check, function, words) in PLANTED.items():
            with self.subTest(name):
                document = self.check("planted_" + name, status=1)
                self.assertEqual(document["verdict"], "found")
                self.assertEqual(self.verdicts(document)[check], "found")
                found = [f for f in document["findings"] if f["check"] == check]
                self.assertEqual({f["function"] for f in found}, {f"planted_{name}.{function}"})
                self.assertIn(words, found[0]["evidence"])
                self.assertIn(f"planted_{name}.{function.split('.')[0]}(", "\n".join(found[0]["call"]))
                self.assertEqual({f["check"] for f in document["findings"]}, {check}, "one mistake, one check")
                self.assertTrue(found[0]["hint"])

    def test_its_twin_is_clean(self):
        for name in PLANTED:
            with self.subTest(name):
                document = self.check("clean_" + name, status=0)
                self.assertEqual(document["findings"], [])
                self.assertEqual(document["verdict"], "nothing found")
                self.assertGreater(document["coverage"]["called"], 0)
                self.assertGreater(document["coverage"]["measured"], 0)


if __name__ == "__main__":
    unittest.main()
