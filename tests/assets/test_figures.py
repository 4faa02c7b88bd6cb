"""The dashboard writes every figure as benchctl does, to the last digit."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
FORMAT = os.path.join(HERE, "..", "..", "web", "lib", "format.js")
FIGURES = os.path.join(os.environ["BENCHD_BUILD"], "tests", "assets_figures")


@unittest.skipUnless(shutil.which("node"), "there is no node to run the dashboard's code")
class Figures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.figures = subprocess.run([FIGURES], capture_output=True, check=True).stdout

    def compare(self, text):
        """(status, output) for a format.js of this text."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "format.mjs")  # by its name a module, whatever stands around it
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run(["node", os.path.join(HERE, "figures.mjs"), path], input=self.figures, capture_output=True, check=False)
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def test_same_as_benchctl(self):
        with open(FORMAT, encoding="utf-8") as file:
            text = file.read()
        status, output = self.compare(text)
        self.assertEqual(status, 0, output)
        self.assertGreater(int(re.search(r"(\d+) read", output)[1]), 50000)

    def test_small_mistakes_are_seen(self):
        with open(FORMAT, encoding="utf-8") as file:
            text = file.read()
        for good, bad in (("9.995", "9.99"), ("9.9995", "10"), ("< 9.95 ?", "< 10 ?"), ("0.9 * UNITS", "UNITS"), ("999.5", "1000"), ("3600)", "3601)"),
                          ("if (!tie ", "if (true || "), ("Math.max(hi - median", "Math.min(hi - median")):
            self.assertIn(good, text)
            status, output = self.compare(text.replace(good, bad))
            self.assertEqual(status, 1, f"{good} → {bad}: {output}")
