"""How bindings are built: what one of them does wrong is its own record, never the end of the others; what failed is tried again
when somebody asks; all have the compiler and the optimisation that the product's own have. The recipes are stand-ins here;
build.py, the compilers, the interpreter and Cargo's rules are the real thing."""
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOME = os.path.join(os.environ["BENCHD_BUILD"], "lib", "benchd")
BINDINGS = os.path.join(ROOT, "workloads", "bindings")
SOURCE = 'const char *bdb_answer(void);\nconst char *bdb_answer(void) { return "%s"; }\n'
COMPILES = 'def build(b):\n    b.compile("bdb_" + b.name, ["x.c"])\n'


def load():
    spec = importlib.util.spec_from_file_location("bindings_build", os.path.join(BINDINGS, "build.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Built(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.build = load()
        self.build.HERE = os.path.join(self.folder, "bindings")
        self.tree = os.path.join(self.folder, "tree")
        with open(os.path.join(HOME, "interpreters", self.default(), "interpreter.json"), encoding="utf-8") as f:
            self.about = json.load(f)
        self.base = self.about["id"].partition("+")[0]
        # Packages are not what is tested: an environment that stands already needs neither venv nor the package index.
        python = os.path.join(self.tree, "lib", "benchd", "environments", self.base, "env", "bin", "python")
        os.makedirs(os.path.dirname(python))
        os.symlink(os.path.realpath(self.about["executable"]), python)
        shutil.copy(os.path.join(HOME, "libbdkernels.so"), os.path.join(self.tree, "lib", "benchd"))
        self.out = os.path.join(self.tree, "lib", "benchd", "environments", self.base)

    @staticmethod
    def default():
        for name in sorted(os.listdir(os.path.join(HOME, "interpreters"))):
            with open(os.path.join(HOME, "interpreters", name, "interpreter.json"), encoding="utf-8") as f:
                if json.load(f)["default"]:
                    return name
        raise AssertionError("no default interpreter")

    def recipe(self, name, text, source=SOURCE % "one"):
        folder = os.path.join(self.build.HERE, name)
        os.makedirs(folder, exist_ok=True)
        for file, content in (("build.py", text), ("x.c", source)):
            with open(os.path.join(folder, file), "w", encoding="utf-8") as f:
                f.write(content)

    def make(self, again=False, **about):
        """{name: record}, with what was said."""
        self.said = []
        records = self.build.make_all(self.base, {**self.about, **about}, self.tree, None, 1, self.said.append, again)
        return {r["name"]: r for r in records}

    def stored(self, name):
        with open(os.path.join(self.out, name + ".json"), encoding="utf-8") as f:
            return json.load(f)

    def test_one_that_fails_keeps_no_other_from_it(self):
        failing = {"a_build": "def build(b):\n    raise ValueError('as planned')\n",
                   "b_unsupported": "def unsupported(b):\n    b.run(['false'])\ndef build(b):\n    pass\n",
                   "c_import": "import no_such_module_anywhere\n",
                   "d_syntax": "def build(b:\n",
                   "e_gone": "def build(b):\n    import shutil\n    shutil.rmtree(b.work)\n    b.run(['true'])\n"}
        for name, text in failing.items():
            self.recipe(name, text)
        self.recipe("z_right", COMPILES)
        records = self.make()
        self.assertEqual({n: r["status"] for n, r in records.items()}, {**dict.fromkeys(failing, "failed"), "z_right": "ok"}, records)
        for name in failing:
            self.assertEqual(self.stored(name)["status"], "failed")
            self.assertTrue(self.stored(name)["reason"])
        self.assertIn("as planned", records["a_build"]["reason"])
        self.assertIn("false ended with status 1", records["b_unsupported"]["reason"])
        self.assertEqual([f["path"] for f in self.stored("z_right")["files"]], ["bdb_z_right.so"])

    def test_a_record_that_cannot_be_written(self):
        self.recipe("a", COMPILES)
        self.recipe("b", COMPILES)
        write = self.build.write

        def full(path, record):
            if record["name"] == "a":
                open(path + ".new", "w").close()
                raise OSError(28, "No space left on device")
            write(path, record)

        self.build.write = full
        records = self.make()
        self.assertEqual((records["a"]["status"], records["b"]["status"]), ("failed", "ok"))
        self.assertTrue([t for t in self.said if "cannot be written down" in t], self.said)
        self.assertEqual([f for f in os.listdir(self.out) if f.startswith("a.json")], [])

    def test_what_failed_is_tried_again_when_asked(self):
        flag = os.path.join(self.folder, "mended")
        self.recipe("a", "import os\ndef build(b):\n    if not os.path.exists(%r):\n        raise ValueError('not yet')\n" % flag + "    b.compile('bdb_a', ['x.c'])\n")
        self.assertEqual(self.make()["a"]["status"], "failed")
        open(flag, "w").close()
        earlier = self.make()["a"]
        self.assertEqual(earlier["status"], "failed")  # within the hour nobody waits for a package index again
        self.assertRegex(self.build.earlier(earlier, time.time() + 61), r"1 min ago.*dev bindings")
        self.assertEqual(self.make(again=True)["a"]["status"], "ok")
        self.assertEqual(self.said, ["%s: building a" % self.base])
        self.assertEqual(self.make(again=True)["a"]["status"], "ok")
        self.assertEqual(self.said, [])  # what stands is not made again

    def test_dev_asks_for_that(self):
        with open(os.path.join(ROOT, "dev"), encoding="utf-8") as f:
            text = f.read()
        body = text[text.index("cmd_bindings() {"):]
        self.assertIn("--again", body[:body.index("\n}\n")])

    def test_all_have_the_compiler_of_the_tree(self):
        """One that says who it is, around the real one; it is not the first on PATH, and CC names another."""
        folder = os.path.join(self.folder, "own")
        os.makedirs(folder)
        for name in ("gcc", "g++"):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write('#!/bin/sh\necho "$0 $*" >>%s/calls\nexec /usr/bin/%s "$@"\n' % (folder, name))
            os.chmod(os.path.join(folder, name), 0o755)
        self.recipe("a", COMPILES)
        self.recipe("b", 'def build(b):\n    b.compile("bdb_b", ["x.c"], language="c++")\n')
        own = os.path.join(folder, "gcc")
        records = self.make(bindings={"compiler": own})
        self.assertEqual([r["status"] for r in records.values()], ["ok", "ok"], records)
        with open(os.path.join(folder, "calls"), encoding="utf-8") as f:
            calls = f.read()
        for name in ("gcc", "g++"):
            self.assertRegex(calls, r"%s/%s .* -c " % (folder, name.replace("+", "[+]")))
        self.assertTrue(records["a"]["flags"].startswith("gcc -std=gnu17 -O3 "), records["a"])
        self.assertRegex(records["a"]["versions"]["gcc"], r"^\d+\.\d+")
        self.make(bindings={"compiler": own})
        self.assertEqual(self.said, [])
        os.utime(own, (1, 1))  # another compiler
        self.make(bindings={"compiler": own})
        self.assertIn("%s: building a" % self.base, self.said)

    def test_which_compiler_goes_with_it(self):
        for c, cxx in (("cc", "c++"), ("gcc", "g++"), ("/usr/bin/clang", "/usr/bin/clang++"), ("gcc-12", "g++-12"), ("/opt/x/clang-14", "/opt/x/clang++-14"),
                       ("x86_64-linux-gnu-gcc", "x86_64-linux-gnu-g++"), ("", "")):
            self.assertEqual(self.build.companion(c, "c++"), cxx)
            self.assertEqual(self.build.companion(c, "c"), c)

    def test_the_tree_says_which_it_is(self):
        self.assertTrue(shutil.which(self.about["bindings"]["compiler"]), self.about["bindings"])
        self.assertEqual(os.path.basename(self.about["bindings"]["compiler"]), self.about["bindings"]["flags"].partition(" ")[0])

    def test_clang_can_be_it(self):
        clang = shutil.which("clang")
        if not clang:
            self.skipTest("no clang")
        self.recipe("a", COMPILES)
        record = self.make(bindings={"compiler": clang})["a"]
        self.assertEqual((record["status"], record["flags"].partition(" ")[0]), ("ok", "clang"), record)
        self.assertRegex(record["versions"]["clang"], r"^\d+\.\d+")


class Optimised(unittest.TestCase):
    """What a user has set for Cargo changes nothing: the flags that are stored would not be those it was compiled with."""

    def compiled(self, folder, env):
        spec = importlib.util.spec_from_file_location("pyo3_build", os.path.join(BINDINGS, "pyo3", "build.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        own = {k: v for k, v in os.environ.items() if not k.startswith("CARGO_PROFILE")}
        r = subprocess.run(["cargo", "build", "--release", "--offline", "-v"], cwd=folder, env={**own, **env(module.OWN)},
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(r.returncode, 0, r.stdout)
        return r.stdout

    def test_it(self):
        if not shutil.which("cargo") or subprocess.run(["cargo", "--version"], capture_output=True, check=False).returncode:
            self.skipTest("no Cargo")
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        os.makedirs(os.path.join(folder, "src"))
        os.makedirs(os.path.join(folder, ".cargo"))
        for path, text in (("Cargo.toml", '[package]\nname = "x"\nversion = "0.0.0"\nedition = "2021"\n'), ("src/lib.rs", ""),
                           (".cargo/config.toml", '[profile.release]\nopt-level = 1\nlto = "fat"\n[build]\nrustflags = ["--cfg", "elsewhere"]\n')):
            with open(os.path.join(folder, path), "w", encoding="utf-8") as f:
                f.write(text)
        theirs = {"RUSTFLAGS": "-C target-cpu=native"}
        seen = self.compiled(folder, lambda own: theirs)
        self.assertIn("opt-level=1", seen)  # so it would be
        self.assertIn("target-cpu=native", seen)
        seen = self.compiled(folder, lambda own: {**theirs, **own})
        self.assertIn("opt-level=3", seen)
        for other in ("target-cpu", "elsewhere", "opt-level=1", "lto=fat"):
            self.assertNotIn(other, seen)


if __name__ == "__main__":
    unittest.main()
