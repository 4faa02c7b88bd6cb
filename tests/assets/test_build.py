"""How the dashboard comes into the build: npm is asked once per lock file, what it cannot get switches the dashboard off
with the reason, and a changed file is packed anew without anything else. npm is a stand-in here that gives what the real
one has brought into this build tree; everything else is the real thing."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CMAKE = os.environ.get("BENCHD_CMAKE", "cmake")
MODULES = os.path.join(os.environ["BENCHD_BUILD"], "web", "node_modules")

PROJECT = """cmake_minimum_required(VERSION 3.25)
project(dashboard LANGUAGES C)
set_property(GLOBAL PROPERTY BD_OFF "")
function(bd_off part reason)
  set_property(GLOBAL APPEND PROPERTY BD_OFF "${part}: ${reason}")
endfunction()
include(cmake/Web.cmake)
bd_web_assets(assets)
add_executable(show main.c other.c ${assets})
target_include_directories(show PRIVATE .)
get_property(off GLOBAL PROPERTY BD_OFF)
file(WRITE ${CMAKE_BINARY_DIR}/off.txt "${off}")
"""
HEADER = """#include <stddef.h>
struct bd_http_asset { const char *path, *type; const unsigned char *data; size_t len, full_len; };
extern const char *const bd_http_assets_off;
extern const char bd_http_assets_hash[];
extern const struct bd_http_asset bd_http_assets[];
extern const size_t bd_http_assets_len;
extern const struct bd_http_asset bd_http_shell, bd_http_page_head, bd_http_page_tail;
"""
MAIN = """#include "assets.h"
#include <stdio.h>
int main(void)
{
	printf("%s %zu %zu %s\\n", bd_http_assets_hash, bd_http_assets_len, bd_http_shell.len, bd_http_assets_off ? bd_http_assets_off : "-");
	return 0;
}
"""
NPM = """#!/bin/sh
echo "$*" >>"$STATE/calls"
if [ -e "$STATE/broken" ]; then
	echo "npm error code ENOTFOUND" >&2
	echo "npm error network request to the registry failed; is it \\"there\\"?" >&2
	exit 1
fi
if [ -e "$STATE/half" ]; then
	rm -rf node_modules
	mkdir node_modules
else
	rm -rf node_modules
	ln -sfn "$MODULES" node_modules
fi
"""


class Build(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="dashboard with space ")
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.state, self.tree, self.bin = (os.path.join(self.root, n) for n in ("state", "b", "bin"))
        for path in (self.state, self.bin, os.path.join(self.root, "cmake")):
            os.mkdir(path)
        for name in ("Web.cmake", "pack_assets.py"):
            shutil.copy(os.path.join(ROOT, "cmake", name), os.path.join(self.root, "cmake"))
        shutil.copytree(os.path.join(ROOT, "web"), os.path.join(self.root, "web"))
        for name, text in (("CMakeLists.txt", PROJECT), ("assets.h", HEADER), ("main.c", MAIN), ("other.c", "int other = 1;\n")):
            self.write(name, text)
        self.npm = os.path.join(self.bin, "npm")
        self.write("bin/npm", NPM)
        os.chmod(self.npm, 0o755)

    def write(self, name, text, mode="w"):
        with open(os.path.join(self.root, name), mode, encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(os.path.join(self.root, name), encoding="utf-8") as file:
            return file.read()

    def run_cmake(self, *args):
        done = subprocess.run([CMAKE, *args], capture_output=True, text=True, check=False, env={**os.environ, "STATE": self.state, "MODULES": MODULES})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def configure(self, npm=None):  # "": none
        self.run_cmake("-S", self.root, "-B", self.tree, "-G", "Ninja", f"-DBD_NPM={self.npm if npm is None else npm}")
        return self.read("b/off.txt")

    def build(self):
        """(what was made, what the program says)."""
        made = self.run_cmake("--build", self.tree)
        shown = subprocess.run([os.path.join(self.tree, "show")], capture_output=True, text=True, check=True)
        return made, shown.stdout.split(" ", 3)

    def calls(self):
        path = os.path.join(self.state, "calls")
        return self.read("state/calls").splitlines() if os.path.exists(path) else []

    @unittest.skipUnless(os.path.isdir(MODULES), "this build has no dashboard (benchctl doctor says why)")
    def test_a_changed_file_is_packed_and_nothing_else_is_made(self):
        self.assertEqual(self.configure(), "")
        made, (digest, number, shell, off) = self.build()
        self.assertIn("other.c", made)
        self.assertEqual((len(digest), off.strip()), (16, "-"))
        self.assertGreater(int(number), 5)
        self.assertGreater(int(shell), 100)
        self.assertIn("no work to do", self.run_cmake("--build", self.tree))
        # other text, another hash
        self.write("web/style.css", "body { outline: 0 }\n", "a")
        made, (other, *_) = self.build()
        self.assertNotEqual(other, digest)
        self.assertNotIn("other.c", made)
        # without the terms of what is in it there is none
        with open(os.path.join(self.root, "web/licenses/preact.txt"), encoding="utf-8") as file:
            terms = file.read()
        self.write("web/licenses/preact.txt", "gone\n")
        done = subprocess.run([CMAKE, "--build", self.tree], capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("preact.txt: no terms in it", done.stdout)
        self.write("web/licenses/preact.txt", terms)
        # a new file is packed without being named anywhere
        self.write("web/added.svg", "<svg/>\n")
        made, (_, more, *_) = self.build()
        self.assertEqual(int(more), int(number) + 1)
        self.assertEqual(len(self.calls()), 1, "npm is asked once")
        self.assertIn("ci --include=dev --include=optional --ignore-scripts", self.calls()[0])
        self.assertFalse(os.path.exists(os.path.join(self.root, "web", "node_modules")))

    @unittest.skipUnless(os.path.isdir(MODULES), "this build has no dashboard (benchctl doctor says why)")
    def test_an_import_of_nothing_stops_the_build(self):
        self.configure()
        self.write("web/app.js", "import './lib/nowhere.js';\n", "a")
        done = subprocess.run([CMAKE, "--build", self.tree], capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('Could not resolve "./lib/nowhere.js"', done.stdout)

    @unittest.skipUnless(os.path.isdir(MODULES), "this build has no dashboard (benchctl doctor says why)")
    def test_another_lock_file_is_installed(self):
        self.configure()
        self.configure()
        self.assertEqual(len(self.calls()), 1)
        self.write("web/package-lock.json", "\n", "a")
        self.configure()
        self.assertEqual(len(self.calls()), 2)

    def test_without_npm_only_the_dashboard_is_off(self):
        off = self.configure("")
        self.assertRegex(off, r"^dashboard: npm is missing \(.*apt-get install npm.*\)$")
        _, (digest, number, shell, why) = self.build()
        self.assertEqual((digest, number, shell), ("", "0", "0"))
        self.assertIn("npm is missing", why)

    def test_packages_that_cannot_be_had_switch_it_off_until_they_can(self):
        self.write("state/broken", "")
        off = self.configure()
        self.assertRegex(off, r"^dashboard: npm ci failed: network request to the registry failed, is it +there")
        _, (_, number, _, why) = self.build()
        self.assertEqual(number, "0")
        self.assertIn("npm ci failed", why)
        if not os.path.isdir(MODULES):
            return
        os.remove(os.path.join(self.state, "broken"))
        self.assertEqual(self.configure(), "")
        _, (_, number, _, why) = self.build()
        self.assertGreater(int(number), 10)
        self.assertEqual(why.strip(), "-")

    @unittest.skipUnless(os.path.isdir(MODULES), "this build has no dashboard (benchctl doctor says why)")
    def test_packages_that_are_not_all_there_are_asked_for_again(self):
        self.write("state/half", "")
        self.assertRegex(self.configure(), r"^dashboard: npm ci failed: it brought no @esbuild/.*build again")
        os.remove(os.path.join(self.state, "half"))
        self.assertEqual(self.configure(), "")
        os.remove(os.path.join(self.tree, "web", "node_modules"))
        self.assertEqual(self.configure(), "")
        self.assertEqual(len(self.calls()), 3)
        _, (_, number, _, _) = self.build()
        self.assertGreater(int(number), 10)

    def test_the_lock_file_names_no_place(self):
        """Packages come from wherever npm is told to look, checked by their hashes."""
        text = self.read("web/package-lock.json")
        self.assertNotRegex(text, r"https?://(?!(?:opencollective|github|www\.patreon|tidelift))|\"resolved\"")
        self.assertEqual(len(re.findall('"version"', text)) - 0, len(re.findall('"integrity"', text)))
