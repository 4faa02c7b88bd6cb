"""Manual pages: made from the same tables as the help texts, installed, and understood by those who show them."""
import os
import re
import shutil
import subprocess
import unittest

from ctl import BUILD, Case, golden
from test_help import commands_in

BENCHD = os.path.join(BUILD, "bin", "benchd")
PAGES = os.path.join(BUILD, "share", "man")
# so that the same sources give the same page
NO_DATE = "missing date"


def lint(page):
    p = subprocess.run(["mandoc", "-Tlint", "-Wwarning"], input=page, capture_output=True, text=True, timeout=60, check=False)
    return [line for line in (p.stdout + p.stderr).splitlines() if NO_DATE not in line]


def rendered(page):
    p = subprocess.run(["mandoc", "-Tascii", "-Owidth=78"], input=page, capture_output=True, text=True, timeout=60, check=True)
    return re.sub(".\b", "", p.stdout)


class Manual(Case):
    def pages(self):
        """{name of the file: (page, [help texts that say the same])}"""
        names = commands_in(self.ctl("--help")[0])
        found = {"benchctl.1": (self.ctl("help", "--man")[0], [self.ctl("--help")[0]])}
        for name in names:
            texts = [self.ctl(name, "--help")[0]]
            texts += [self.ctl(*verb.split(), "--help")[0] for verb in commands_in(texts[0])]
            found[f"benchctl-{name}.1"] = (self.ctl("help", "--man", name)[0], texts)
        benchd = [subprocess.run([BENCHD, o], capture_output=True, text=True, check=True, timeout=60).stdout for o in ("--man", "--help")]
        found["benchd.8"] = (benchd[0], benchd[1:])
        return found

    def test_a_page_says_what_help_says(self):
        golden(self, "man-benchctl-runs.1", self.ctl("help", "--man", "runs")[0])
        self.assertEqual(self.ctl("help", "--man", "runs", "list")[0], self.ctl("help", "--man", "runs")[0], "a verb is on the page of its command")
        pages = self.pages()
        self.assertGreaterEqual(len(pages), 12)
        for name, (page, texts) in pages.items():
            plain = page.replace("\\-", "-")
            for text in texts:
                # the options of every command are on the page of benchctl alone
                own = text if name in ("benchctl.1", "benchd.8") else text.partition("\noptions of every command:")[0]
                options = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", own, re.M)
                self.assertTrue(options or name not in ("benchctl.1", "benchctl-run.1", "benchd.8"))
                for option in options:
                    self.assertRegex(plain, rf"(?m)^\\fB(-\w, )?{option}\\fR", f"{name} lacks {option}")
                example = re.search(r"(?im)^example:\s+(.+)$", text).group(1)
                if name.removesuffix(".1").count("-") == 0 or len(texts) == 1 or text is not texts[0]:
                    self.assertIn(example.replace("\\", "\\e"), plain)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_those_who_show_them_understand_them(self):
        for name, (page, _) in self.pages().items():
            self.assertEqual(lint(page), [], name)
            text = rendered(page)
            title, section = name.upper().rsplit(".", 1)
            self.assertTrue(text.startswith(f"{title}({section})"), text[:80])
            self.assertNotRegex(text, r"\\[a-z(\[]", f"{name}: something is left of its source")
        self.assertTrue(lint(page.replace(".SH FILES", ".SH\n.TP\n.nonsense")), "the check would find something")

    def test_they_are_installed(self):
        if not os.path.isdir(PAGES):
            self.skipTest("an instrumented tree makes no manual pages")
        prefix = os.path.join(self.data, "prefix")
        for part in ("benchctl", "benchd"):
            subprocess.run(["cmake", "--install", os.path.join(BUILD, "daemon", part), "--prefix", prefix], check=True, capture_output=True,
                           timeout=120)
        found = {}
        for folder, _, files in os.walk(os.path.join(prefix, "share", "man")):
            for file in files:
                with open(os.path.join(folder, file), encoding="utf-8") as f:
                    found[f"{os.path.basename(folder)}/{file}"] = f.read()
        self.assertEqual(found, {f"man{name[-1]}/{name}": page for name, (page, _) in self.pages().items()})


if __name__ == "__main__":
    unittest.main()
