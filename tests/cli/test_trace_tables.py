"""Reports, views and lists of traces through the code benchctl uses."""
import json
import os
import subprocess
import tempfile
import unittest

from ctl import ESCAPE, HERE, RENDER, golden
from test_tables import width
from trace_documents import REPORTS, VIEWS, changed, culprit, free_threaded, going, line, traces, troubled


def render(kind, doc, columns, *more):
    """(text, exit status a trace of this document would have)"""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as f:
        json.dump(doc, f)
        f.flush()
        p = subprocess.run([RENDER, kind, f.name, str(columns), *more], capture_output=True, encoding="utf-8", timeout=60, check=True)
    return p.stdout, int(p.stderr.split()[-1]) if kind == "trace" else 0


def report(doc, columns=80, *more):
    return render("trace", doc, columns, *more)[0]


def frame(view, columns=80, height=24, *more):
    return render("trace-frame", view, columns, f"height={height}", *more)[0]


def section(text, title):
    """The lines below a title, up to the next empty one."""
    lines = text.splitlines()
    at = lines.index(title)
    return lines[at + 1:lines.index("", at)]


class Agreed(unittest.TestCase):
    def test_everything_looks_as_agreed(self):
        files = set()

        def agreed(name, text):
            files.add(name)
            golden(self, name, text.replace("\x1b", "␛"))

        for name, make in REPORTS.items():
            for columns in (80, 200):
                agreed(f"trace-{name}-{columns}.txt", report(make(), columns))
        agreed("trace-troubled-200-verbose.txt", report(troubled(), 200, "verbose"))
        agreed("trace-culprit-80-ascii.txt", report(culprit(), 80, "ascii"))
        agreed("trace-troubled-80-colour.txt", report(troubled(), 80, "colour"))
        for name, make in VIEWS.items():
            agreed(f"trace-view-{name}-80.txt", frame(make()))
        agreed("trace-view-culprit-200.txt", frame(going(), 200, 60))
        agreed("trace-view-culprit-80-ascii.txt", frame(going(), 80, 24, "ascii"))
        agreed("trace-view-culprit-80-colour.txt", frame(going(), 80, 24, "colour"))
        agreed("trace-sentence.txt", "".join(render("trace-sentence", make(), 80)[0] + "\n" for make in VIEWS.values()))
        for columns in (80, 200):
            agreed(f"trace-list-{columns}.txt", render("trace-list", traces(), columns)[0])
        stored = {f for f in os.listdir(os.path.join(HERE, "golden")) if f.startswith("trace")}
        self.assertEqual(stored, files)

    def test_without_a_gil_no_thread_has_waited_zero(self):
        doc = free_threaded()
        for thread in doc["threads"]:
            thread.update(wait_ns=0, waits=0, wait_share=0.0, run_ns=500_000_000)
        text = report(doc, 200)
        head = next(row for row in text.splitlines() if row.startswith("thread "))
        for word in ("waited", "share", "waits", "held"):
            self.assertNotIn(word, head)
        self.assertIn("on CPU", head)
        self.assertIn("critical-section  dict           430 ms", text)
        for row in ({**doc, "gil": True}, free_threaded()):
            self.assertIn("waited", next(x for x in report(row, 200).splitlines() if x.startswith("thread ")))

    def test_no_line_is_wider_than_the_screen(self):
        for name, make in REPORTS.items():
            for columns in (60, 80, 100, 132, 200):
                for text in report(make(), columns).splitlines():
                    self.assertLessEqual(width(text), columns, f"{name} at {columns}: {text}")
        for columns in (60, 80, 200):
            for text in render("trace-list", traces(), columns)[0].splitlines():
                self.assertLessEqual(width(text), columns, text)

    def test_the_view_fits_every_screen(self):
        for name, make in VIEWS.items():
            for columns in (20, 40, 80, 200):
                for height in (1, 2, 3, 5, 6, 10, 24, 50):
                    lines = frame(make(), columns, height).splitlines()
                    self.assertLessEqual(len(lines), height, f"{name} at {columns}×{height}")
                    for text in lines:
                        if columns >= 60:
                            self.assertLessEqual(width(text), columns, f"{name} at {columns}×{height}: {text}")

    def test_a_larger_screen_shows_more(self):
        small, large = frame(going(), 80, 10), frame(going(), 80, 40)
        self.assertIn("victim ← culprit", small)
        self.assertNotIn("Session.handle", small)
        self.assertIn("Session.handle", large)
        self.assertIn("/srv/prog.py:14", large)

    def test_ascii_and_colour(self):
        for make in REPORTS.values():
            plain, coloured = report(make()), report(make(), 80, "colour")
            self.assertNotIn("\x1b", plain, "escape sequences of others, too")
            self.assertIn("\x1b", coloured)
            self.assertEqual("\n".join(text.rstrip() for text in ESCAPE.sub("", coloured).split("\n")), plain)
        self.assertTrue(report(culprit(), 80, "ascii").isascii())
        self.assertTrue(frame(going(), 80, 24, "ascii").isascii())
        self.assertFalse(report(culprit()).isascii(), "the check would find something")


class Told(unittest.TestCase):
    """Nothing that qualifies the figures is left out."""

    def notes(self, **over):
        text = report(changed(culprit, **over), 200)
        return text[text.rindex("\n\n"):]

    def test_what_was_lost(self):
        self.assertNotIn("lost", self.notes())
        self.assertIn("520 events were lost: 520 in second 3", self.notes(lost=520, losses=[{"second": 3, "lost": 520}]))

    def test_lines_that_are_not_known(self):
        self.assertIn("no line known", report(culprit()))
        self.assertNotIn("no line known", report(changed(culprit, unresolved_ns=0)))
        self.assertNotIn("no line is known", self.notes(), "one part in a thousand is in the table, and no more")
        self.assertIn("no line is known", self.notes(unresolved_ns=100_000_000))

    def test_what_is_not_known_is_one_row(self):
        nameless = line("holder", 4243, None, None, None, 0.3)
        rows = section(report(changed(culprit, lines=culprit()["lines"] + [nameless], unresolved_ns=300_000_000)), "what held the GIL while others waited")
        self.assertEqual([row.split("  ")[-1] for row in rows if "known" in row], ["no line known"])
        self.assertIn(" 300 ms", rows[-1])
        rows = section(report(changed(culprit, lines=[{**nameless, "role": "waiter"}])), "where threads waited")
        self.assertEqual(len(rows), 2)
        self.assertRegex(rows[1], r"300 ms +16 %  no line known")

    def test_few_samples_an_end_of_room_and_children(self):
        for word, over in (("rests on 7 samples", {"held": [{**culprit()["held"][0], "samples": 7}]}), ("is full", {"truncated": True}),
                           ("3 processes were forked", {"children": 3}), ("started another program 2 times", {"execs": 2})):
            self.assertNotIn(word, self.notes())
            self.assertIn(word, self.notes(**over))

    def test_its_own_cost(self):
        self.assertIn("bench-tracer 71.0 ms (1.8 %), benchd 102 ms (2.5 %), 18.5 k events a second", self.notes())
        self.assertNotIn("processor time", self.notes(tracer_cpu_s=None, benchd_cpu_s=None), "what is not known is not 0")

    def test_nobody_waited(self):
        quiet = report(REPORTS["quiet"]())
        self.assertIn("no thread waited for the GIL", quiet)
        self.assertNotIn("no thread waited", report(changed(REPORTS["quiet"], lost=4)), "then it is not known")
        self.assertNotIn("no thread waited", report(culprit()))

    def test_every_gil_has_a_matrix_of_its_own(self):
        text = report(REPORTS["interpreters"]())
        one = section(text, "who waited for whom, interpreter 1")
        two = section(text, "who waited for whom, interpreter 2")
        self.assertTrue(any(row.startswith("a-waits") for row in one) and not any("b-" in row for row in one), one)
        self.assertTrue(any(row.startswith("b-waits") for row in two) and not any("a-waits" in row for row in two), two)
        self.assertNotIn("interpreter 0\n", text[text.index("who waited"):], "nobody waited there")

    def test_sums_of_a_matrix_hold_what_is_not_shown(self):
        for columns in (60, 80, 200):
            rows = [row.split("  ") for row in section(report(troubled(), columns), "who waited for whom")[1:]]
            total = sum(float(row[-1].split()[0]) for row in rows)
            whole = sum(b["ns"] for b in troubled()["blockers"]) / 1e6
            self.assertAlmostEqual(total, whole, delta=whole * 0.01)

    def test_without_a_gil_there_is_none(self):
        text = report(REPORTS["free-threaded"]())
        self.assertIn("no GIL", text)
        for word in ("who waited for whom", "held", "interpreter 0"):
            self.assertNotIn(word, text)
        self.assertRegex(text, r"critical-section +dict +430 ms")
        self.assertIn("which lock it was for is not known", text.replace("\n         ", " "))
        view = frame(VIEWS["free-threaded"]())
        self.assertIn("no GIL", view)
        self.assertNotIn("holds", view)

    def test_the_view_shows_the_last_moments(self):
        view = going()
        view["before"]["threads"][2]["wait_ns"] = view["document"]["threads"][2]["wait_ns"]
        row = next(text for text in frame(view).splitlines() if text.startswith("victim"))
        self.assertIn(" 0.0 %", row, "it has waited, but not lately")
        row = next(text for text in frame({**view, "before": None}).splitlines() if text.startswith("victim"))
        self.assertIn(" 45 %", row)

    def test_long_paths_keep_their_end(self):
        for columns in (80, 200):
            self.assertIn("/session/handler.py:1042", report(culprit(), columns))
        deep = "/srv/" + "a" * 70 + ".py"
        text = report(changed(culprit, lines=[line("waiter", 4244, "f", deep, 3, 1.0)]))
        self.assertRegex(text, r"…a{10,}\.py:3\n")

    def test_a_native_function_is_not_cut_off_by_a_long_name_before_it(self):
        one = line("holder", 4243, "Package.Module.Encoder.iterencode", "/srv/prog.py", 14, 1.0, "encode_object")
        self.assertIn("iterencode → encode_object ", report(changed(culprit, lines=[one])))
        self.assertNotIn("Package", report(changed(culprit, lines=[one])))
        self.assertIn("Package.Module.Encoder.iterencode → encode_object ", report(changed(culprit, lines=[one]), 200))

    def test_a_line_is_one_row_whatever_it_called(self):
        ones = [line("holder", 4243, "refresh", "/srv/prog.py", 14, ns, native) for native, ns in ((None, 1.0), ("load", 0.3), ("append", 0.2))]
        d = changed(culprit, lines=ones + [line("holder", 4244, "refresh", "/srv/prog.py", 14, 0.01)], unresolved_ns=0)
        rows = section(report(d), "what held the GIL while others waited")[1:]
        self.assertEqual(len(rows), 2, "two threads")
        self.assertRegex(rows[0], r"^ *1\.50 s +\d+ % +culprit +refresh → load, … +/srv/prog\.py:14$")
        self.assertEqual(len(section(report(d, 80, "verbose"), "what held the GIL while others waited")), 5)
        self.assertIn("refresh → load, …", frame({"document": d, "before": None, "asked_s": None}, 80, 60))

    def test_a_line_of_the_library_says_who_called_it(self):
        library = line("holder", 4243, "JSONEncoder.iterencode", "/usr/lib/python3.12/json/encoder.py", 258, 1.0)
        rows = section(report(changed(culprit, lines=[{**library, "from": {"function": "export", "file": "/srv/app.py", "line": 42}},
                                                      {**library, "from": {"function": "save", "file": "/srv/app.py", "line": 50}}]), 100),
                       "what held the GIL while others waited")
        self.assertRegex(rows[1], r"encoder\.py:258 +/srv/app\.py:42$")
        self.assertRegex(rows[2], r"encoder\.py:258 +/srv/app\.py:50$")
        self.assertNotIn("called at", report(culprit()))

    def test_threads_are_told_apart(self):
        d = culprit()
        self.assertIn("\nvictim ", report(d)[report(d).index("who waited"):])
        for t in d["threads"]:
            t["name"] = "python3"
        text = report(d)[report(d).index("who waited"):]
        self.assertIn("\n4244 ", text, "called as the process: no name at all")
        for t in d["threads"][1:]:
            t["name"] = "pool"
        self.assertIn("\npool 4244 ", report(d))

    def test_exit_status(self):
        def status(**over):
            return render("trace", changed(culprit, **over), 80)[1]

        def why(key):
            return {"check": None, "key": key, "message": "m", "hint": None}

        self.assertEqual(status(), 0)
        self.assertEqual(status(reason=why("target-ended")), 0)
        for state in ("interrupted", "running", "cancelled"):
            self.assertEqual(status(state=state), 2, state)
        self.assertEqual(status(state="failed", reason=why("store-full")), 74)
        self.assertEqual(status(state="failed", reason=why("no-bpf-rights")), 77)
        self.assertEqual(status(state="failed", reason=why("tracer-failed")), 2, "69 is for no benchd")
        self.assertEqual(status(state="failed", reason=None), 2)


if __name__ == "__main__":
    unittest.main()
