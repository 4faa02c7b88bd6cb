"""The committed offsets are those of every header set found on this machine. The size of .PyRuntime is left out: it
differs between patch levels, and only decides which row is tried first."""
import os
import re
import sys
import unittest

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "daemon", "tracer", "offsets")
sys.path.insert(0, FOLDER)
import generate  # noqa: E402

SETS = generate.header_sets()


def without_size(row):
    return row and re.sub(r'^(\t\{\d+, "\w*",) \d+,', r"\1", row)


class Offsets(unittest.TestCase):
    @unittest.skipUnless(SETS, "no Python headers with the internal folder (python3-dev)")
    def test_regenerate(self):
        committed = generate.read(os.path.join(FOLDER, "..", "offsets.c"))
        made = generate.rows(SETS)
        self.assertTrue(made)
        for key, row in made.items():
            with self.subTest(key):
                self.assertEqual(without_size(committed.get(key)), without_size(row))

    def test_every_version_has_its_variants(self):
        committed = generate.read(os.path.join(FOLDER, "..", "offsets.c"))
        self.assertEqual(set(committed), {(11, ""), (11, "d"), (12, ""), (12, "d"), (13, ""), (13, "d"), (13, "t"), (13, "td")})

    @unittest.skipUnless(SETS, "no Python headers with the internal folder (python3-dev)")
    def test_a_changed_row_would_be_noticed(self):
        committed = generate.read(os.path.join(FOLDER, "..", "offsets.c"))
        key, row = next(iter(generate.rows(SETS[:1]).items()))
        self.assertNotEqual(without_size(committed[key].replace("208", "216")), without_size(row))


if __name__ == "__main__":
    unittest.main()
