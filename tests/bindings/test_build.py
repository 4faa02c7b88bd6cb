"""The script that builds bindings: what stands is left alone, what does not is built again, and no binding keeps another from it."""
import contextlib
import importlib.util
import io
import json
import os
import shutil
import sys
import tempfile
import textwrap
import time
import unittest
import unittest.mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "worker"))
import bench_worker as bw  # noqa: E402

SCRIPT = os.path.join(HERE, "..", "..", "workloads", "bindings", "build.py")
GOOD = '''
import os


def build(b):
    b.compile("bdb_good", ["good.c"])
    with open(os.path.join(b.out, "bdb_good.py"), "w") as f:
        f.write("answer = 42\\n")
'''
C = '''
#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "bdb_good", NULL, -1, NULL, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_bdb_good(void)
{
	return PyModule_Create(&def);
}
'''


class Build(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """One tree for all: what takes longest is the folder for packages, which no test here fills."""
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.tree = os.path.join(cls.folder, "tree")
        cls.base = bw.default()["id"].removesuffix("+exe")
        cls.out = os.path.join(cls.tree, "lib", "benchd", "environments", cls.base)
        os.makedirs(cls.out)
        shutil.copy(os.path.join(bw.HOME, "libbdkernels.so"), os.path.join(cls.tree, "lib", "benchd"))

    def setUp(self):
        spec = importlib.util.spec_from_file_location("benchd_build", SCRIPT)
        self.build = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.build)
        self.recipes = self.build.HERE = tempfile.mkdtemp(dir=self.folder)
        for f in os.listdir(self.out):
            if f != "env":
                os.unlink(os.path.join(self.out, f))
        self.recipe("good", GOOD, ("good.c", C))

    def recipe(self, name, text, *more):
        for file, content in (("build.py", text), *more):
            os.makedirs(os.path.join(self.recipes, name), exist_ok=True)
            with open(os.path.join(self.recipes, name, file), "w", encoding="utf-8") as f:
                f.write(textwrap.dedent(content))

    def make(self, again=False):
        """{name: record}, and the names of what was built for it."""
        said = []
        records = self.build.make_all(self.base, bw.default(), self.tree, None, 2, said.append, again)
        return {r["name"]: r for r in records}, [line.rsplit(" ", 1)[1] for line in said if ": building " in line]

    def good(self):
        """Builds; whether that was needed."""
        records, built = self.make()
        self.assertEqual(records["good"]["status"], "ok", records)
        with open(os.path.join(self.out, "bdb_good.py"), encoding="utf-8") as f:
            self.assertEqual(f.read(), "answer = 42\n")
        self.assertTrue(os.path.exists(os.path.join(self.out, "bdb_good.so")))
        return built == ["good"]

    def test_what_stands_is_left_alone_and_what_does_not_is_built_again(self):
        self.assertTrue(self.good())
        self.assertFalse(self.good())
        for file in ("bdb_good.so", "bdb_good.py"):
            with self.subTest("removed", file=file):
                os.unlink(os.path.join(self.out, file))
                self.assertTrue(self.good())
                self.assertFalse(self.good())
        for file, content in (("bdb_good.so", b"no module"), ("bdb_good.py", b"answer = 43\n")):
            with self.subTest("changed", file=file):
                with open(os.path.join(self.out, file), "wb") as f:
                    f.write(content)
                self.assertTrue(self.good())
                self.assertFalse(self.good())
        with self.subTest("its source changed"):
            self.recipe("good", GOOD, ("good.c", "/* another */" + C))
            self.assertTrue(self.good())
            self.assertFalse(self.good())
        with self.subTest("the packages it was built with are gone"):
            shutil.rmtree(os.path.join(self.out, "env"))
            self.assertTrue(self.good())
            self.assertFalse(self.good())

    def test_no_binding_keeps_another_from_being_built(self):
        self.recipe("asks", "def unsupported(b):\n    b.run(['false'])\n")
        self.recipe("breaks", "def build(b):\n    b.run(['sh', '-c', 'echo the error of it; exit 3'])\n")
        self.recipe("needs", "tools = ('no-such-tool',)\n\n\ndef unsupported(b):\n    b.run(['no-such-tool'])\n")
        self.recipe("never", "def unsupported(b):\n    return 'not this interpreter'\n")
        records, _ = self.make()
        found = {name: (r["status"], r["reason"]) for name, r in records.items()}
        self.assertEqual(found, {
            "asks": ("failed", "false ended with status 1: no message"),
            "breaks": ("failed", "sh ended with status 3: the error of it"),
            "good": ("ok", None),
            "needs": ("unsupported", "no-such-tool is not installed"),
            "never": ("unsupported", "not this interpreter")})
        for name in found:
            with open(os.path.join(self.out, name + ".json"), encoding="utf-8") as f:
                self.assertEqual(json.load(f), records[name])

    def test_a_module_is_there_while_it_is_built_again(self):
        self.assertTrue(self.good())
        self.recipe("good", "import os\n\n\n" + GOOD.replace("def build(b):\n", """def build(b):
    for name in ("bdb_good.so", "bdb_good.json"):
        os.link(os.path.join(b.out, name.replace("bdb_", "") if name.endswith("json") else name), os.path.join(b.work, name))
"""))
        work = os.path.join(self.tree, "bindings", self.base, "good")
        self.assertTrue(self.good())  # its recipe found the one of before
        self.assertNotEqual(os.stat(os.path.join(work, "bdb_good.so")).st_ino, os.stat(os.path.join(self.out, "bdb_good.so")).st_ino)
        self.recipe("good", "def build(b):\n    b.run(['false'])\n")
        self.assertEqual(self.make()[0]["good"]["status"], "failed")
        self.assertEqual([f for f in os.listdir(self.out) if f.startswith("bdb_")], [])

    def status(self, *args):
        """Exit status of the script, and the last line it said."""
        said = io.StringIO()
        os.makedirs(os.path.join(self.tree, "lib", "benchd", "interpreters", self.base), exist_ok=True)
        with open(os.path.join(self.tree, "lib", "benchd", "interpreters", self.base, "interpreter.json"), "w", encoding="utf-8") as f:
            json.dump(bw.default(), f)
        with unittest.mock.patch.object(sys, "argv", ["build.py", "--build", self.tree, "--again", *args]), \
                contextlib.redirect_stderr(said):
            status = self.build.main()
        return status, (said.getvalue().splitlines() or [""])[-1]

    def test_the_status_is_about_whether_anything_could_be_built(self):
        self.recipe("breaks", "def build(b):\n    b.run(['false'])\n")
        self.recipe("never", "def unsupported(b):\n    return 'not this interpreter'\n")
        self.assertEqual(self.status()[0], 0)  # good is there
        self.assertEqual(self.status("--only", "never")[0], 0)  # nothing could have been built
        self.assertEqual(self.status("--only", "good", "--only", "never"), (0, "bindings: %s: never: unsupported: not this interpreter" % self.base))
        for more in ((), ("--only", "never")):
            status, said = self.status("--only", "breaks", *more)
            self.assertEqual(status, 1)
            self.assertIn("bindings: %s: none of the bindings that were tried (1) could be built" % self.base, said)

    def test_the_reason_is_the_line_that_says_it(self):
        for text, line in (("first\nlast", "last"), ("an error: this\nhint", "an error: this"),
                           ("error: outer\n\nCaused by:\n  middle\n\nCaused by:\n  the reason\n  more", "the reason"), ("", "no message")):
            self.recipe("breaks", "def build(b):\n    b.run(['sh', '-c', 'echo \"$0\"; exit 1', %r])\n" % text)
            self.assertEqual(self.make()[0]["breaks"]["reason"], "sh ended with status 1: " + line)

    def test_what_failed_is_tried_again_later(self):
        self.recipe("breaks", "def build(b):\n    b.run(['false'])\n")
        self.assertIn("breaks", self.make()[1])
        self.assertEqual(self.make()[1], [])
        self.assertEqual(self.make(again=True)[1], ["breaks"])
        later = time.time() + self.build.RETRY_S + 1
        with unittest.mock.patch.object(self.build.time, "time", lambda: later):
            self.assertEqual(self.make()[1], ["breaks"])

    def test_what_can_no_longer_be_built_leaves_nothing(self):
        self.assertTrue(self.good())
        self.recipe("good", GOOD + "\n\ndef unsupported(b):\n    return 'no longer'\n")
        self.assertEqual(self.make()[0]["good"]["status"], "unsupported")
        self.assertEqual([f for f in os.listdir(self.out) if f.startswith("bdb_")], [])


if __name__ == "__main__":
    unittest.main()
