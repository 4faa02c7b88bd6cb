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
CARGO = """#!/bin/sh
echo "cargo 1.96.0"
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
        for name, text in (("pkg-config", PKG_CONFIG), ("apt-get", APT_GET), ("sudo", SUDO), ("cmake", CMAKE),
                           ("cargo", CARGO), ("rustc", CARGO.replace("cargo", "rustc"))):
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


# Serves one source package whose interpreter is a script; it knows only what its configuration file says.
SOURCE = """#!/bin/sh
[ "$1" = indextargets ] && { echo "http://mirror.test/debian/ bookworm"; exit; }
[ -n "$APT_CONFIG" ] || { echo "without a configuration of its own: $*" >>"$STATE/calls"; exit 1; }
list=$(sed -n 's/^Dir::Etc::sourcelist "\\(.*\\)";/\\1/p' "$APT_CONFIG")
suite=$(sed -n 's/^Suites: //p' "$list")
case "$*" in
*update*) echo "update $suite $(sed -n 's/^URIs: //p' "$list")" >>"$STATE/calls";;
*python3.13*) [ "$suite" = trixie ] || exit 100
	echo "source $suite" >>"$STATE/calls"
	mkdir -p Python && cp "$STATE/configure" Python && tar -c -J -f python3.13_3.13.9.orig.tar.xz Python && rm -r Python;;
*) exit 100;;
esac
"""
CONFIGURE = """#!/bin/sh
echo "configure $*" >>"$STATE/calls"
[ ! -e "$STATE/fails" ] || { echo "no compiler today"; exit 1; }
for a; do case $a in --prefix=*) prefix=${a#--prefix=};; esac; done
printf 'all:\\n\\ninstall:\\n\\tmkdir -p "$(DESTDIR)%s/bin"\\n\\tln -s /usr/bin/python3 "$(DESTDIR)%s/bin/python3"\\n' "$prefix" "$prefix" >Makefile
"""


@unittest.skipUnless(shutil.which("make") and shutil.which("xz"), "no make or xz: nothing can be built from sources")
class Python(unittest.TestCase):
    """./dev python VERSION with a source package of two lines."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="dev-python-")
        self.addCleanup(folder.cleanup)
        self.top = folder.name
        self.tree, self.bin, self.state, self.cache = (os.path.join(self.top, n) for n in ("clone", "bin", "state", "cache"))
        for path in (self.tree, self.bin, self.state):
            os.mkdir(path)
        shutil.copy(os.path.join(ROOT, "dev"), self.tree)
        for folder, name, text in ((self.bin, "apt-get", SOURCE), (self.bin, "apt-config", "#!/bin/sh\n"),
                                   (self.bin, "pkg-config", "#!/bin/sh\n"), (self.state, "configure", CONFIGURE)):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o755)

    def popen(self, version):
        return subprocess.Popen([os.path.join(self.tree, "dev"), "python", version], cwd="/", stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env={"PATH": f"{self.bin}:/usr/bin:/bin", "STATE": self.state, "XDG_CACHE_HOME": self.cache})

    def dev(self, version, status=0):
        process = self.popen(version)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, status, err)
        return out, err

    def calls(self, word):
        path = os.path.join(self.state, "calls")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return [line.strip() for line in file if line.startswith(word)]

    def test_it_is_built_once_from_the_first_suite_that_has_it(self):
        python = os.path.join(self.cache, "benchd", "python", "3.13td", "bin", "python3")
        out, err = self.dev("3.13td")
        self.assertEqual(out, python + "\n")
        self.assertTrue(os.path.exists(python))
        self.assertEqual(self.calls("update"), [f"update {s} http://mirror.test/debian/" for s in ("bookworm", "trixie")])
        self.assertEqual(self.calls("without"), [])
        configure, = self.calls("configure")
        for word in ("--enable-shared", "--disable-gil", "--with-pydebug", f"--prefix={self.cache}/benchd/python/3.13td"):
            self.assertIn(word, configure)
        self.assertIn("it is there already", self.dev("3.13td")[1])
        self.assertEqual(len(self.calls("configure")), 1)
        self.assertEqual(sorted(os.listdir(os.path.join(self.cache, "benchd", "python"))), ["3.13td", "3.13td.lock", "3.13td.log"])

    def test_two_at_once_build_it_once(self):
        both = [self.popen("3.13") for _ in range(2)]
        for process in both:
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, err)
        configure, = self.calls("configure")
        for word in ("--disable-gil", "--with-pydebug"):
            self.assertNotIn(word, configure)

    def test_a_build_that_fails_leaves_no_interpreter_and_says_where_its_words_are(self):
        open(os.path.join(self.state, "fails"), "w", encoding="utf-8").close()
        out, err = self.dev("3.13", status=1)
        self.assertEqual(out, "")
        self.assertIn("no compiler today", err)
        self.assertIn(os.path.join(self.cache, "benchd", "python", "3.13.log"), err)
        self.assertFalse(os.path.exists(os.path.join(self.cache, "benchd", "python", "3.13")))

    def test_a_version_no_suite_has(self):
        self.assertIn("no suite of Debian has the sources of python3.12", self.dev("3.12", status=1)[1])


class Usage(unittest.TestCase):
    def dev(self, *args):
        return subprocess.run([os.path.join(ROOT, "dev"), *args], cwd="/", capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)

    def test_help(self):
        done = self.dev("help")
        self.assertEqual(done.returncode, 0)
        for verb in ("build", "run SUITE", "test", "asan", "tsan", "fuzz", "python VERSION", "test-in RELEASE", "lint", "bench", "clean"):
            self.assertIn(f"  {verb}", done.stdout)
        for args in (["--help"], ["test", "--help"], ["fuzz", "-h"], ["clean", "--help"]):
            self.assertEqual(self.dev(*args).stdout, done.stdout, args)

    def test_what_does_not_exist_is_refused(self):
        for args in (["frobnicate"], ["build", "x"], ["lint", "x"], ["clean", "x"], ["test", "a", "b"], ["bench", "nosuch"], ["asan", "a", "b"], ["tsan", "a", "b"],
                     ["test-in"], ["test-in", "jessie"], ["test-in", "forky", "x", "y"], ["python"], ["python", "3.10"], ["python", "3.12t"], ["python", "3.13dt"], ["python", "4.0"], ["python", "3.13", "x"],
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
