"""Tables of run documents through the code benchctl uses, at 80 and 200 columns."""
import json
import os
import subprocess
import tempfile
import unicodedata
import unittest

from ctl import ESCAPE, RENDER, golden
from documents import DOCUMENTS, contention, document, whole_suite


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in line)


def render(kind, doc, columns, *more):
    """(text, exit status a run would have)"""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as f:
        json.dump(doc, f)
        f.flush()
        p = subprocess.run([RENDER, kind, f.name, str(columns), *more], capture_output=True, encoding="utf-8", timeout=60, check=True)
    return p.stdout, int(p.stderr.split()[-1]) if kind == "run" else 0


class Tables(unittest.TestCase):
    def test_every_table_is_the_agreed_one(self):
        files = set()
        for name, (kind, make) in DOCUMENTS.items():
            for columns in (80, 200):
                files.add(f"table-{name}-{columns}.txt")
                golden(self, f"table-{name}-{columns}.txt", render(kind, make(), columns)[0])
        golden(self, "table-suite-80-ascii.txt", render("run", whole_suite(), 80, "ascii")[0])
        golden(self, "table-suite-200-verbose.txt", render("run", whole_suite(), 200, "verbose")[0])
        files.add("table-suite-200-verbose.txt")
        for name in ("troubled", "runs", "sides"):
            kind, make = DOCUMENTS[name]
            golden(self, f"table-{name}-80-colour.txt", render(kind, make(), 80, "colour")[0].replace("\x1b", "␛"))
            files.add(f"table-{name}-80-colour.txt")
        files.add("table-suite-80-ascii.txt")
        stored = {f for f in os.listdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")) if f.startswith("table")}
        self.assertEqual(stored, files)

    def test_no_line_is_wider_than_the_screen(self):
        for name, (kind, make) in DOCUMENTS.items():
            for columns in (60, 80, 100, 132, 200):
                for line in render(kind, make(), columns)[0].splitlines():
                    self.assertLessEqual(width(line), columns, f"{name} at {columns}: {line}")

    def test_more_room_shows_more(self):
        narrow, wide = render("run", whole_suite(), 80)[0], render("run", whole_suite(), 200)[0]
        for column in ("time/op", "ratio", "scaling", "wait", "blocker"):
            self.assertIn(column, narrow.split("\n\n")[1])
        for column in ("ops/s", "cpu/op", "fairness", "samples", "wait p99"):
            self.assertNotIn(column, narrow)
            self.assertIn(column, wide)

    def test_a_comparison_is_narrow_and_says_the_same_at_any_width(self):
        for name in ("sides", "compared"):
            texts = [render("run", DOCUMENTS[name][1](), columns)[0] for columns in (80, 110, 200)]
            for text in texts:
                lines = text.splitlines()
                head = next(line for line in lines if line.startswith("cell "))
                rows = lines[lines.index(head):lines.index("", lines.index(head))]
                self.assertLessEqual(max(width(line) for line in rows), 110, text)
                for word in ("B ÷ A", "verdict"):
                    self.assertIn(word, head)
                self.assertIn("slower", text)
            self.assertIn("invalid (V6)", texts[0])
            self.assertIn("failed in A", texts[0])

    def test_conditions_that_differ_are_said_before_the_figures(self):
        text = render("run", DOCUMENTS["compared"][1](), 80)[0]
        self.assertLess(text.index("kernel: 6.1.0-18-amd64 → 6.1.0-22-amd64"), text.index("B ÷ A"))
        same = DOCUMENTS["compared"][1]()
        same["comparability"] = {"same": True, "differences": []}
        self.assertNotIn("conditions", render("run", same, 80)[0])

    def test_both_sides_show_what_they_loaded(self):
        text = render("run", DOCUMENTS["sides"][1](), 110)[0]
        self.assertIn("A /srv/main/build/fast.cpython-311-x86_64-linux-gnu.so (aabbccdd)", text)
        self.assertIn("B /srv/new/build/fast.cpython-311-x86_64-linux-gnu.so (11223344)", text)
        self.assertNotIn("libz", text, "that is the same on both sides")
        d = DOCUMENTS["sides"][1]()
        for c in d["cells"]:
            if c.get("provenance"):
                c["provenance"]["b"] = c["provenance"]["a"]
        self.assertIn("both sides loaded the same files", render("run", d, 110)[0])

    def test_first_calls_and_memory_are_shown_when_asked_for(self):
        for word in ("first call", "memory"):
            self.assertNotIn(word, render("run", whole_suite(), 200)[0])
            self.assertIn(word, render("run", whole_suite(), 200, "verbose")[0])

    def test_headings_are_for_several_rows(self):
        text = render("run", DOCUMENTS["ways"][1](), 100)[0]
        head, *groups = [part.splitlines() for part in text.split("\n\n")[1:5]]
        self.assertEqual(head[0].split()[0], "way")
        self.assertEqual([(g[0], len(g) - 1) for g in groups], [("buf.ladder", 3), ("shm.share", 2), ("np.return", 2)])
        grouped = render("run", whole_suite(), 100)[0]
        self.assertIn("\nu=100us (", grouped, "three headings of six rows each stay")

    def test_what_a_ratio_is_to_and_why_there_is_none(self):
        text = " ".join(render("run", DOCUMENTS["ways"][1](), 200)[0].split())
        self.assertIn("time/op ÷ that of the same cell with another way, marked ref", text)
        self.assertIn("none for 1 cell: too few batches", text)
        self.assertIn("2 of 7 cells, for example np.return way=owned: the import makes 100 KiB resident", text)
        d = DOCUMENTS["ways"][1]()
        d["cells"][2]["ratio"] = d["cells"][1]["ratio"]
        self.assertNotIn("none for", render("run", d, 200)[0])
        self.assertNotIn("none for", render("run", whole_suite(), 200)[0], "a case without a ratio has none to miss")

    def test_a_run_that_took_longer_than_it_was_given_says_so(self):
        d = whole_suite()
        for budget, said in ((20, True), (41, False), (60, False), (None, False)):
            d["run"]["plan"] = {"kind": "run", "budget_s": budget}
            self.assertEqual(f"41.2 s wall of the {budget}.0 s it could take" in render("run", d, 200)[0], said, budget)

    def test_columns_that_only_some_cases_have_are_explained(self):
        text = render("run", DOCUMENTS["ways"][1](), 200)[0]
        for word in ("allocs/op", "zero-copy", "V3       whether", "B/op     bytes"):
            self.assertIn(word, text)
        for word in ("allocs/op", "V3 ", "B/op"):
            self.assertNotIn(word, render("run", whole_suite(), 200)[0])

    def test_a_list_of_runs_counts_what_is_not_ok(self):
        for columns, width, shown in ((80, 6, ["3", "8"]), (200, 19, ["2 invalid, 1 failed", "8 interrupted"])):
            lines = render("runs", DOCUMENTS["runs"][1](), columns)[0].splitlines()
            at = lines[0].index("not ok")
            self.assertEqual([line[at:at + width].strip() for line in lines[1:]], ["", "", "", *shown, ""])
            self.assertIn("started", lines[0])
        good = DOCUMENTS["runs"][1]()
        good["runs"] = good["runs"][1:3]
        self.assertNotIn("not ok", render("runs", good, 200)[0], "a column for nothing")

    def test_ascii_has_nothing_else(self):
        for name, (kind, make) in DOCUMENTS.items():
            self.assertTrue(render(kind, make(), 80, "ascii")[0].isascii(), name)
        self.assertFalse(render("run", whole_suite(), 80)[0].isascii(), "the check would find something")

    def test_colour_is_emphasis_only(self):
        for name, (kind, make) in DOCUMENTS.items():
            plain, coloured = render(kind, make(), 80)[0], render(kind, make(), 80, "colour")[0]
            self.assertNotIn("\x1b", plain)
            self.assertIn("\x1b", coloured)
            without = "\n".join(line.rstrip() for line in ESCAPE.sub("", coloured).split("\n"))
            self.assertEqual(without, plain, name)

    def test_numbers_of_a_group_share_a_unit_and_a_decimal_point(self):
        for group in render("run", whole_suite(), 80)[0].split("\n\n")[2:5]:
            rows = [r for r in group.splitlines() if r.startswith(("hold", "release"))]
            self.assertEqual(len(rows), 6)
            self.assertEqual(len({r.index(".") for r in rows}), 1, group)
            self.assertEqual(len({r.split()[3] for r in rows}), 1, group)

    def test_texts_of_others_do_not_drive_the_terminal(self):
        doc = whole_suite()
        doc["run"]["labels"] = {"branch": "a\x1b[2Jb"}
        self.assertNotIn("\x1b", render("run", doc, 80)[0])

    def test_exit_status_of_documents(self):
        def status(**head):
            return render("run", document([contention("1us", "hold", 1)], **head), 80)[1]

        def with_cell(state):
            doc = document([contention("1us", "hold", 1), contention("1us", "hold", 2)])
            doc["cells"][1].update(status=state, time_ns_per_op=None, ratio=None,
                                   reason={"check": None, "key": "signal", "message": "m", "hint": None})
            return render("run", doc, 80)[1]

        def why(key):
            return {"check": None, "key": key, "message": "m", "hint": None}

        self.assertEqual(status(), 0)
        self.assertEqual(with_cell("unsupported"), 0)
        for state in ("failed", "invalid", "interrupted"):
            self.assertEqual(with_cell(state), 2, state)
        for state in ("cancelled", "interrupted", "running", "queued"):
            self.assertEqual(status(state=state), 2, state)
        self.assertEqual(status(state="failed", reason=why("store-full")), 74)
        self.assertEqual(status(state="failed", reason=why("waited-too-long")), 2)
        self.assertEqual(status(state="failed", reason=None), 2)


if __name__ == "__main__":
    unittest.main()
