"""bd_register: a table with a length from the list beside the files; a listed name without a file and a file nobody
listed stop the configure step, also when the file turns up after the first configure."""
import os
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CMAKE_DIR = os.path.join(os.path.dirname(os.path.dirname(HERE)), "cmake")
CMAKE = os.environ.get("BENCHD_CMAKE", "cmake")

PROJECT = """cmake_minimum_required(VERSION 3.25)
project(registry LANGUAGES C)
include("{cmake_dir}/BdRegister.cmake")
bd_register(thing DIR "${{CMAKE_CURRENT_SOURCE_DIR}}/things" HEADER thing.h TYPE bd_thing
            OUT "${{CMAKE_BINARY_DIR}}/table.c" NAMES {names})
add_executable(show main.c "${{CMAKE_BINARY_DIR}}/table.c" {sources})
target_include_directories(show PRIVATE "${{CMAKE_CURRENT_SOURCE_DIR}}")
"""
HEADER = """#include <stddef.h>
struct bd_thing { const char *name; };
extern const struct bd_thing *const bd_thing_table[];
extern const size_t bd_thing_table_len;
"""
MAIN = """#include "thing.h"
#include <stdio.h>
int main(void)
{
	for (size_t i = 0; i < bd_thing_table_len; i++)
		puts(bd_thing_table[i]->name);
	return 0;
}
"""


class Registry(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="registry with space ")
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def thing(self, name):
        identifier = name.replace("-", "_")
        self.write(f"things/{name}.c", f'#include "thing.h"\nconst struct bd_thing bd_thing_{identifier} = {{"{name}"}};\n')

    def configure(self, files, names):
        self.write("thing.h", HEADER)
        self.write("main.c", MAIN)
        for name in files:
            self.thing(name)
        self.write("CMakeLists.txt", PROJECT.format(
            cmake_dir=CMAKE_DIR, names=" ".join(names), sources=" ".join(f"things/{n}.c" for n in names)))
        return self.run_cmake("-S", self.root, "-B", os.path.join(self.root, "b"), "-G", "Ninja")

    def run_cmake(self, *args):
        return subprocess.run([CMAKE, *args], capture_output=True, text=True, check=False)

    def build(self):
        return self.run_cmake("--build", os.path.join(self.root, "b"))

    def test_what_is_listed_is_in_the_table_in_order(self):
        done = self.configure(["beta", "alpha", "two-words"], ["beta", "alpha", "two-words"])
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.build()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        shown = subprocess.run([os.path.join(self.root, "b", "show")], capture_output=True, text=True, check=True)
        self.assertEqual(shown.stdout.split("\n"), ["beta", "alpha", "two-words", ""])

    def test_a_file_nobody_listed_stops_configure(self):
        done = self.configure(["alpha", "forgotten"], ["alpha"])
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(" ".join(done.stderr.split()), r"forgotten\.c exists but 'forgotten' is not in the list")

    def test_a_listed_name_without_a_file_stops_configure(self):
        done = self.configure(["alpha"], ["alpha", "ghost"])
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(" ".join(done.stderr.split()), r"'ghost' is listed but .*ghost\.c does not exist")

    def test_a_file_that_turns_up_later_stops_the_build(self):
        self.assertEqual(self.configure(["alpha"], ["alpha"]).returncode, 0)
        self.assertEqual(self.build().returncode, 0)
        self.thing("late")
        done = self.build()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("'late' is not in the list", " ".join((done.stdout + done.stderr).split()))
