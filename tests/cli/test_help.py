"""Help texts: agreed on word by word, wrapped at 80, complete."""
import os
import re
import unittest

from ctl import HERE, Case, golden


def commands_in(text):
    """Names in the list of commands of a help text."""
    block = re.search(r"^commands:\n((?:  .*\n)+)", text, re.M)
    return [] if not block else [m.group(1) for m in re.finditer(r"^  (\S+(?: \S+)*?)(?: [A-Z\[]\S*)?(?:  |$)", block.group(1), re.M)
                                 if not m.group(0).startswith("   ")]


class Help(Case):
    def all_commands(self):
        """Every command, and every verb as "runs list"."""
        names = []
        for name in commands_in(self.ctl("--help")[0]):
            names.append(name)
            names += commands_in(self.ctl(name, "--help")[0])
        return names

    def test_the_list_is_found(self):
        names = self.all_commands()
        for name in ("run", "runs", "runs list", "runs show", "open", "suites", "cases", "bindings", "doctor", "daemon", "daemon start",
                     "daemon stop", "daemon status", "daemon log", "help"):
            self.assertIn(name, names)

    def test_every_help_text_is_the_agreed_one(self):
        golden(self, "help.txt", self.ctl("--help")[0])
        files = {"help.txt"}
        for name in self.all_commands():
            file = "help-" + name.replace(" ", "-") + ".txt"
            files.add(file)
            text, err = self.ctl(*name.split(), "--help")
            self.assertEqual(err, "")
            golden(self, file, text)
            self.assertEqual(self.ctl("help", *name.split())[0], text)
        stored = {f for f in os.listdir(os.path.join(HERE, "golden")) if f.startswith("help")}
        self.assertEqual(stored, files, "a golden file without a command, or the other way round")

    def test_help_fits_80_columns_and_has_one_example(self):
        for name in [""] + self.all_commands():
            text = self.ctl(*name.split(), "--help")[0]
            for line in text.splitlines():
                self.assertLessEqual(len(line), 80, f"{name}: {line}")
            self.assertEqual(len(re.findall(r"^example:\n  benchctl .+\n\Z", text, re.M)), 1, name)

    def test_help_is_given_whatever_else_is_wrong_with_the_operands(self):
        self.assertIn("usage: benchctl run", self.ctl("run", "--help")[0])
        self.assertIn("usage: benchctl run", self.ctl("run", "a", "b", "--help")[0])

    def test_version(self):
        self.assertRegex(self.ctl("--version")[0], r"^benchctl \d+\.\d+\.\d+\n\Z")


if __name__ == "__main__":
    unittest.main()
