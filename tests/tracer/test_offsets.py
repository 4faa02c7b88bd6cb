"""The committed offsets are those of every header set found on this machine. The sizes of the
runtime and of an interpreter are left out: they differ between patch levels."""
import os
import sys
import unittest

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "daemon", "tracer", "offsets")
sys.path.insert(0, FOLDER)
import generate  # noqa: E402

SETS = generate.header_sets()
TABLE = os.path.join(FOLDER, "..", "offsets.c")
NO_HEADERS = "no Python headers with the internal folder (python3-dev)"


class Offsets(unittest.TestCase):
    @unittest.skipUnless(SETS, NO_HEADERS)
    def test_regenerate(self):
        committed = generate.read(TABLE)
        made = generate.rows(SETS)
        self.assertTrue(made)
        for key, row in made.items():
            with self.subTest(key):
                self.assertEqual(generate.without_sizes(committed.get(key)), generate.without_sizes(row))

    def test_the_file_is_what_the_generator_writes(self):
        with open(TABLE) as f:
            self.assertEqual(f.read(), generate.text_of(generate.read(TABLE)))

    def test_every_version_has_its_variants(self):
        want = {(minor, flags) for minor in range(11, 16) for flags in ("", "d")}
        want |= {(minor, flags) for minor in range(13, 16) for flags in ("t", "td", "debug offsets")}
        self.assertEqual(set(generate.read(TABLE)), want)

    @unittest.skipUnless(SETS, NO_HEADERS)
    def test_a_changed_row_would_be_noticed(self):
        committed = generate.read(TABLE)
        for key, row in generate.rows(SETS[:1]).items():
            start, end = row.rsplit(", ", 1)
            changed = f"{start}, {int(end.split('}')[0]) + 8}}}" + end.split("}", 1)[1]
            with self.subTest(key):
                self.assertNotEqual(generate.without_sizes(committed[key]), generate.without_sizes(changed))


if __name__ == "__main__":
    unittest.main()
