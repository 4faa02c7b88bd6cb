"""Who may include whom, and who may link what.

The table below says it a second time, independently of the build files; every header of every module is then tried in
every other module, with the include path that module really has. What may be included must compile (the negative
control); what may not must fail because the header is not found, and for no other reason.
"""
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ["BENCHD_BUILD"]

# module: the modules whose public header it may include
MAY_INCLUDE = {
    "base": "",
    "kernels": "",
    "model": "base",
    "stats": "base",
    "store": "base model",
    "workers": "base model",
    "checker": "base model",
    "tracer": "base",
    "symbols": "base tracer",
    "client": "base model",
    "report": "base model store stats",
    "traces": "base model store tracer symbols stats",
    "formats": "base model",
    "plugin_manager": "base",
    "imports": "base",
    "engine": "base model store workers checker tracer traces stats kernels",
    "http": "base model store engine report traces formats tracer",
    "benchctl": "base model client checker",
}
PROGRAM_MAY_INCLUDE = {
    "benchctl": "base model client checker benchctl",
    "bench-tracer": "base tracer",
}
# module: one it must be kept from, by name, so that a mistake in the table above is noticed
KEPT_FROM = {
    "base": "model", "kernels": "model", "plugin_manager": "model", "imports": "model", "model": "stats", "stats": "store", "store": "stats", "workers": "store", "checker": "workers",
    "tracer": "workers", "symbols": "store", "client": "store", "report": "engine", "traces": "report", "formats": "store", "engine": "http", "http": "client", "benchctl": "store",
}
# program: (libraries it must link: the negative control, libraries it must never link)
LINKS = {
    "benchd": (["libsqlite3", "libcivetweb"], ["libpython", "libbpf", "libjemalloc", "libmimalloc", "libtcmalloc"]),
    "benchctl": (["libcurl", "libcjson"], ["libpython", "libbpf", "libsqlite3", "libcivetweb"]),
    "bench-tracer": (["libbpf"], ["libpython", "libsqlite3", "libcivetweb", "libcjson", "libcurl"]),
}


def read_tree():
    compiler, modules, programs = None, {}, {}
    with open(os.path.join(BUILD, "tests", "layers.tsv"), encoding="utf-8") as lines:
        for line in lines:
            kind, *fields = line.rstrip("\n").split("\t")
            if kind == "compiler":
                compiler = fields[0]
            elif kind == "module":
                modules[fields[0]] = (fields[1], [f for f in fields[2:] if f])
            elif kind == "program":
                programs[fields[0]] = (fields[1], [f for f in fields[2:] if f])
    return compiler, modules, programs


COMPILER, MODULES, PROGRAMS = read_tree()


def try_compile(text, include_dirs):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t.c")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run(
            [COMPILER, "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", *[a for d in include_dirs for a in ("-I", d)], path],
            capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False)
    return done.returncode, done.stderr


def header(module):
    return f"bd_{module}.h"


class Includes(unittest.TestCase):
    def check(self, who, include_dirs, allowed):
        for other, (folder, _) in MODULES.items():
            if not os.path.exists(os.path.join(folder, header(other))):
                self.fail(f"the module {other} has no public header {header(other)} in {folder}")
            status, errors = try_compile(f'#include "{header(other)}"\n', include_dirs)
            if other in allowed:
                self.assertEqual(status, 0, f"{who} may include {header(other)}, but: {errors}")
            else:
                self.assertNotEqual(status, 0, f"{who} can include {header(other)}, which it must not")
                self.assertRegex(errors, rf"{header(other)}.*(No such file|file not found)", f"{who} failed for another reason")

    def test_modules(self):
        for module, (_, include_dirs) in MODULES.items():
            with self.subTest(module=module):
                self.assertIn(module, MAY_INCLUDE, "a module without a row in MAY_INCLUDE")
                self.check(module, include_dirs, {module, *MAY_INCLUDE[module].split()})

    def test_programs(self):
        for program, (_, include_dirs) in PROGRAMS.items():
            if program in PROGRAM_MAY_INCLUDE:
                with self.subTest(program=program):
                    self.check(program, include_dirs, set(PROGRAM_MAY_INCLUDE[program].split()))

    def test_every_module_is_here(self):
        missing = sorted(set(MAY_INCLUDE) - set(MODULES))
        self.assertFalse(missing, f"rows of MAY_INCLUDE without a module: {missing}")

    def test_each_module_is_kept_from_its_neighbour(self):
        for module, other in KEPT_FROM.items():
            if module in MODULES and other in MODULES:
                with self.subTest(module=module, other=other):
                    self.assertNotIn(other, MAY_INCLUDE[module].split())
                    status, errors = try_compile(f'#include "{header(other)}"\n', MODULES[module][1])
                    self.assertNotEqual(status, 0)
                    self.assertIn(header(other), errors)

    def test_a_wrong_include_path_is_noticed(self):
        """The mutant: base with the folder of model in its include path must be found out."""
        folder, _ = MODULES["base"]
        with self.assertRaisesRegex(AssertionError, "can include bd_model.h"):
            self.check("base", [folder, MODULES["model"][0]], {"base"})


def needed(path):
    out = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True).stdout
    return [line.split("[")[1].split("]")[0] for line in out.splitlines() if "(NEEDED)" in line]


class Links(unittest.TestCase):
    def test_programs_link_only_what_they_may(self):
        for program, (must, never) in LINKS.items():
            if program not in PROGRAMS:
                continue
            with self.subTest(program=program):
                libraries = needed(PROGRAMS[program][0])
                for name in must:
                    self.assertTrue([x for x in libraries if x.startswith(name)], f"{program} does not link {name}: {libraries}")
                for name in never:
                    self.assertFalse([x for x in libraries if x.startswith(name)], f"{program} links {name}")
