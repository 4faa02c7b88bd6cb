"""Comparisons as Markdown, JUnit XML and tables: what a pull request, a CI server and a terminal make of them."""
import json
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from ctl import RENDER, golden
from documents import judged, two_sides

NASTY = "a|b`c`<script>*x*_y_[z](http://e)@team\x1b[2J\n# head\n\"'&]]>"


def render(kind, doc, columns=100):
    """(text, exit status of ab)"""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as f:
        json.dump(doc, f)
        f.flush()
        p = subprocess.run([RENDER, kind, f.name, str(columns)], capture_output=True, encoding="utf-8", timeout=60, check=True)
    return p.stdout, int(p.stderr.split()[-1])


def named(doc, name):
    """The document with this name wherever people choose one."""
    text = json.dumps(doc)
    for word in ("slow", "bench", "../main", "leaks 8 bytes per operation"):
        text = text.replace(json.dumps(word), json.dumps(name))
    return json.loads(text)


class Formats(unittest.TestCase):
    def test_every_form_is_the_agreed_one(self):
        for kind, make in (("ab-markdown", two_sides), ("ab-junit", two_sides), ("gate-markdown", judged), ("gate-junit", judged),
                           ("gate-table", judged)):
            golden(self, f"form-{kind}.txt", render(kind, make())[0])

    def test_junit_is_xml_and_its_counts_are_those_of_its_cases(self):
        for kind, make in (("ab-junit", two_sides), ("gate-junit", judged)):
            root = xml.etree.ElementTree.fromstring(render(kind, make())[0].encode())
            self.assertEqual(root.tag, "testsuites")
            suite, = root.findall("testsuite")
            cases = suite.findall("testcase")
            self.assertEqual([c.get("name").split("/")[0] for c in cases], ["same", "slow", "quick", "unclear", "leaks", "aborts", "absent"])
            for element, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
                n = sum(len(c.findall(element)) for c in cases)
                self.assertEqual((suite.get(attribute), root.get(attribute)), (str(n), str(n)))
            self.assertEqual(suite.get("tests"), "7")
            self.assertEqual([c.get("name").split("/")[0] for c in cases if c.findall("failure")], ["slow"])
            self.assertEqual([c.get("name").split("/")[0] for c in cases if c.findall("error")], ["leaks", "aborts"])
            self.assertEqual(suite.get("timestamp"), "2026-01-02T03:04:05")
            self.assertTrue(all(c.get("classname") == "bench" for c in cases))
            self.assertEqual({p.get("name"): p.get("value") for p in suite.find("properties")}["a"], "../main")
            self.assertNotIn("side=", "".join(c.get("name") for c in cases))

    def test_names_break_no_xml(self):
        for kind, make in (("ab-junit", two_sides), ("gate-junit", judged)):
            root = xml.etree.ElementTree.fromstring(render(kind, named(make(), NASTY))[0].encode())
            self.assertEqual(root.find("testsuite").get("name"), NASTY.replace("\x1b", "?"))

    def test_names_break_no_markdown(self):
        for kind, make in (("ab-markdown", two_sides), ("gate-markdown", judged)):
            text = render(kind, named(make(), NASTY))[0]
            rows = [line for line in text.splitlines() if line.startswith("|")]
            self.assertEqual(len(rows), 2 + 7)
            self.assertEqual({len(re.findall(r"(?<!\\)\|", row)) for row in rows}, {len(re.findall(r"\|", rows[1]))}, rows)
            self.assertNotIn("<script", text)
            self.assertNotIn("@team", text)
            self.assertNotIn("\x1b", text)
            self.assertNotRegex(text, r"(?m)^# head")
            self.assertEqual(len(re.findall(r"(?m)^#", text)), 1, "one heading")

    def test_exit_status_of_comparisons(self):
        def status(*cases, **head):
            doc = two_sides()
            doc["cells"] = [c for c in doc["cells"] if c["case"] in cases]
            doc["run"].update(head)
            return render("ab-junit", doc)[1]

        self.assertEqual(status("same", "quick"), 0)
        self.assertEqual(status("same", "absent"), 0)
        self.assertEqual(status("same", "slow"), 1)
        self.assertEqual(status("slow", "unclear", "leaks"), 1)
        self.assertEqual(status("same", "unclear"), 2)
        self.assertEqual(status("same", "leaks"), 2)
        self.assertEqual(status("same", "aborts"), 2, "what broke on side a cannot be compared either")
        self.assertEqual(status("absent"), 2, "nothing was compared")
        self.assertEqual(status(), 2)
        self.assertEqual(status("same", state="cancelled"), 2)
        self.assertEqual(status("slow", state="failed", reason={"check": None, "key": "store-full", "message": "m", "hint": None}), 74)


if __name__ == "__main__":
    unittest.main()
