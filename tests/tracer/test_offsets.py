"""The committed offsets are those of every header set found on this machine."""
import os
import sys
import unittest

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "daemon", "tracer", "offsets")
sys.path.insert(0, FOLDER)
import generate  # noqa: E402

SETS = generate.header_sets()


class Offsets(unittest.TestCase):
    @unittest.skipUnless(SETS, "no Python headers with the internal folder (python3-dev)")
    def test_regenerate(self):
        committed = generate.read(os.path.join(FOLDER, "..", "offsets.c"))
        made = generate.rows(SETS)
        self.assertTrue(made)
        for key, row in made.items():
            with self.subTest(key):
                self.assertEqual(committed.get(key), row)

    def test_every_version_has_its_variants(self):
        committed = generate.read(os.path.join(FOLDER, "..", "offsets.c"))
        self.assertEqual(set(committed), {(11, ""), (11, "d"), (12, ""), (12, "d"), (13, ""), (13, "d"), (13, "t"), (13, "td")})

    @unittest.skipUnless(SETS, "no Python headers with the internal folder (python3-dev)")
    def test_a_changed_row_would_be_noticed(self):
        committed = generate.read(os.path.join(FOLDER, "..", "offsets.c"))
        key, row = next(iter(generate.rows(SETS[:1]).items()))
        self.assertNotEqual(committed[key].replace("208", "216"), row)


if __name__ == "__main__":
    unittest.main()
