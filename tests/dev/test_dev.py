"""The dev script where it meets the system: packages, rights, odd places. apt-get and sudo are stand-ins that write down
how they were called; everything else is the real script."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOBODY = 65534

# Fails for the library libcjson until the stand-in of apt-get has "installed" it.
PKG_CONFIG = """#!/bin/sh
case "$*" in *libcjson*) [ -e "$STATE/installed" ]; exit;; esac
exit 0
"""
APT_GET = """#!/bin/sh
echo "$DEBIAN_FRONTEND apt-get $*" >>"$STATE/calls"
case "$*" in *install*) [ -e "$STATE/broken" ] || : >"$STATE/installed";; esac
"""
SUDO = """#!/bin/sh
[ -e "$STATE/sudo" ] || exit 1
[ "$1" = -n ] || exit 1
shift
"$@"
"""
CMAKE = """#!/bin/sh
case "$1" in --version) echo "cmake version 3.25.1"; exit;; esac
echo configured >>"$STATE/calls"
exit 1
"""


@unittest.skipUnless(shutil.which("apt-get"), "packages are installed by apt-get, which this system does not have")
class Packages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="dev with space ")
        self.addCleanup(folder.cleanup)
        self.top = folder.name
        os.chmod(self.top, 0o755)
        self.tree, self.bin, self.state = (os.path.join(self.top, n) for n in ("clone", "bin", "state"))
        for path in (self.tree, self.bin, self.state):
            os.mkdir(path)
        shutil.copy(os.path.join(ROOT, "dev"), self.tree)
        for name, text in (("pkg-config", PKG_CONFIG), ("apt-get", APT_GET), ("sudo", SUDO), ("cmake", CMAKE)):
            path = os.path.join(self.bin, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o755)

    def allow(self, *names):
        for name in names:
            open(os.path.join(self.state, name), "w", encoding="utf-8").close()

    def dev(self, *args, root=False, **more):
        """Runs the copy from another folder, as an ordinary user unless `root`."""
        options = {"stdin": subprocess.DEVNULL, **more}
        if os.getuid() == 0 and not root:
            for folder, _, files in os.walk(self.top):
                for name in ["."] + files:
                    os.chown(os.path.join(folder, name), NOBODY, NOBODY)
            options.update(user=NOBODY, group=NOBODY, extra_groups=[])
        return subprocess.run(
            [os.path.join(self.tree, "dev"), *args], cwd="/", capture_output="stdout" not in options, text=True, check=False,
            env={"PATH": f"{self.bin}:/usr/bin:/bin", "STATE": self.state}, **options)

    def calls(self):
        try:
            with open(os.path.join(self.state, "calls"), encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def test_without_rights_it_prints_the_line_and_ends_with_69(self):
        done = self.dev("build")
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertEqual(done.stdout, "")
        lines = [x for x in done.stderr.splitlines() if x.startswith("apt-get update && apt-get install -y ")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn(" libcjson-dev", lines[0])
        self.assertNotIn("libsqlite3-dev", lines[0])  # it is there: the test is for the thing, not for the package
        self.assertEqual(self.calls(), [])

    def test_with_sudo_it_updates_once_and_installs(self):
        self.allow("sudo")
        done = self.dev("build")
        calls = self.calls()
        self.assertEqual([c for c in calls if "update" in c], ["noninteractive apt-get update -q"], done.stderr)
        self.assertEqual(calls.index("noninteractive apt-get update -q"), 0)
        self.assertRegex(calls[1], r"^noninteractive apt-get install -q -y --no-install-recommends .*\blibcjson-dev\b")
        self.assertEqual(calls[2:], ["configured"])  # it went on to build
        self.assertEqual(done.returncode, 1, done.stderr)

    def test_what_cannot_be_installed_ends_with_69(self):
        self.allow("sudo", "broken")
        done = self.dev("build")
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertRegex(done.stderr, "still missing: .*cJSON")
        self.assertEqual(len([c for c in self.calls() if "update" in c]), 1)
        self.assertNotIn("configured", self.calls())

    def test_with_nothing_missing_nothing_is_installed(self):
        self.allow("installed", "sudo")
        self.dev("build")
        self.assertEqual(self.calls(), ["configured"])

    def test_it_works_with_closed_standard_streams(self):
        done = subprocess.run(["/bin/sh", "-c", '"$0" build <&- >&-', os.path.join(self.tree, "dev")], cwd="/", text=True,
                              env={"PATH": f"{self.bin}:/usr/bin:/bin", "STATE": self.state}, stderr=subprocess.PIPE, check=False)
        self.assertNotIn("Bad file descriptor", done.stderr)
        self.assertIn(done.returncode, (1, 69))

    @unittest.skipUnless(os.getuid() == 0, "only root can own a folder that this user cannot write")
    def test_a_clone_of_somebody_else(self):
        self.allow("installed")
        os.chmod(self.tree, 0o755)
        done = subprocess.run([os.path.join(self.tree, "dev"), "build"], cwd="/", capture_output=True, text=True, check=False,
                              env={"PATH": f"{self.bin}:/usr/bin:/bin", "STATE": self.state}, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual(done.returncode, 77)
        self.assertIn("cannot write to", done.stderr)


class Usage(unittest.TestCase):
    def dev(self, *args):
        return subprocess.run([os.path.join(ROOT, "dev"), *args], cwd="/", capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)

    def test_help(self):
        done = self.dev("help")
        self.assertEqual(done.returncode, 0)
        for verb in ("build", "run SUITE", "test", "asan", "tsan", "fuzz", "lint", "bench", "clean"):
            self.assertIn(f"  {verb}", done.stdout)
        for args in (["--help"], ["test", "--help"], ["fuzz", "-h"], ["clean", "--help"]):
            self.assertEqual(self.dev(*args).stdout, done.stdout, args)

    def test_what_does_not_exist_is_refused(self):
        for args in (["frobnicate"], ["build", "x"], ["lint", "x"], ["clean", "x"], ["test", "a", "b"], ["bench", "nosuch"], ["asan", "a", "b"], ["tsan", "a", "b"],
                     ["fuzz", "nosuch"], ["fuzz", "--seconds"], ["fuzz", "--seconds", "x"], ["fuzz", "--seconds=0"], ["fuzz", "--nosuch"]):
            with self.subTest(args=args):
                done = self.dev(*args)
                self.assertEqual(done.returncode, 64)
                self.assertEqual(done.stdout, "")
                self.assertTrue(done.stderr.splitlines()[-1].startswith("dev: "), done.stderr)

    def test_continuous_integration_asks_for_what_there_is(self):
        with open(os.path.join(ROOT, ".github", "workflows", "ci.yml"), encoding="utf-8") as file:
            text = file.read()
        asked = set(re.findall(r"\./dev ([a-z]+)", text))
        asked |= {word.split()[0].strip('"') for word in re.search(r"tree: \[(.*)\]", text).group(1).split(", ")}
        offered = set(re.findall(r"^  ([a-z]+)", self.dev("help").stdout, re.M))
        self.assertLessEqual({"test", "lint", "asan", "tsan", "fuzz"}, asked)
        self.assertLessEqual(asked, offered)
