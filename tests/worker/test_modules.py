"""mod.import and plugin.hotreload: the right file was imported, what is said of it is so, and what stays is found."""
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import bench_worker as bw
from bench_worker import cell
from mutants import Catching, catches, each_embedded

FUNCTIONS = ("1", "10", "100", "720")


def version(interpreter):
    return tuple(int(x) for x in interpreter["version"].split(".")[:2])


def note(answer, key):
    return next(n["message"] for n in answer["notes"] if n["key"] == key)


class Imports(Catching):
    def cells(self, *axes):
        return [cell(i, case="mod.import", binding="plain", **a) for i, a in enumerate(axes)]

    @each_embedded
    def test_every_way_imports(self, interpreter):
        w = self.worker(interpreter)
        cells = self.cells(*({"how": how, "init": init, "functions": "100"} for init in ("multi", "single")
                             for how in ("cold", "warm", "cached", "interpreter", "own-gil")))
        answers = w.prepare(cells, leaks=True)
        refused = {(c["axes"]["how"], c["axes"]["init"]): a["reason"]["key"]
                   for c, a in zip(cells, answers) if a["status"] != "ok"}
        self.assertEqual({a["status"] for a in answers}, {"ok", "unsupported"})
        wanted = {("own-gil", "single"): "single-phase"}
        if version(interpreter) < (3, 12):
            wanted["own-gil", "multi"] = "no-own-gil"
        if interpreter["free_threaded"]:
            wanted["interpreter", "single"] = "single-phase"
        self.assertEqual(refused, wanted)
        good = [a for a in answers if a["status"] == "ok"]
        for answer in good:
            self.assertEqual(w.batch(answer["cell"], iterations=3)["type"], "sample")
        self.ok(w.bye(len(good)))

    def test_the_time_is_the_imports_alone(self):
        """A process takes many times as long as an import in it. Both are told by one clock; who has the processor meanwhile may stop
        an import for long, but not in every batch."""
        w = self.worker(bw.default())
        answer, = w.prepare(self.cells({"how": "cold"}))
        self.ok([answer])
        self.assertEqual(answer["iterations"], 1)  # not as many as 12 ms have imports
        shares = []
        while not shares or min(shares) > 0.5 and len(shares) < 8:
            begin = time.perf_counter_ns()
            sample = w.batch(0, iterations=5)
            around = time.perf_counter_ns() - begin
            self.assertEqual(sum(sample["ops"]), 5)
            self.assertGreaterEqual(sample["minor_faults"], 0)
            self.assertGreater(sample["wall_ns"], 0)
            shares.append(sample["wall_ns"] / around)
        self.assertLess(min(shares), 0.5)

    def test_relocations_are_those_of_readelf(self):
        w = self.worker(bw.default())
        cells = self.cells(*({"how": "cached", "init": init, "functions": n} for init in ("multi", "single") for n in FUNCTIONS))
        answers = w.prepare(cells)
        self.ok(answers)
        counts = []
        for c, answer in zip(cells, answers):
            path = os.path.join(w.folder, "bdb_import_%s_%s.so" % (c["axes"]["init"], c["axes"]["functions"]))
            text = subprocess.run(["readelf", "-rW", path], capture_output=True, text=True, check=True).stdout
            kinds = re.findall(r"^[0-9a-f]+\s+[0-9a-f]+\s+(R_X86_64_\w+)", text, re.M)
            packed = re.search(r"\.relr\.dyn'.*?\n\s+(\d+) offsets", text)
            relative = kinds.count("R_X86_64_RELATIVE") + (int(packed.group(1)) if packed else 0)
            calls = kinds.count("R_X86_64_JUMP_SLOT")
            want = (relative + len(kinds) - kinds.count("R_X86_64_RELATIVE"), relative,
                    len(kinds) - kinds.count("R_X86_64_RELATIVE") - calls, calls)
            said = tuple(int(n) for n in re.findall(r"\d+", note(answer, "relocations")))
            self.assertEqual(said, want, path)
            counts.append(said[1])
        self.assertGreater(counts[3], 3 * 720 - 1)  # a name, a text and a function each
        self.assertEqual(sorted(set(counts[:4])), counts[:4])

    def test_a_process_has_bound_what_it_was_asked_to(self):
        w = self.worker(bw.default())
        answers = w.prepare(self.cells({"linking": "now"}, {"linking": "lazy"}, {"linking": "lazy", "how": "warm"}))
        self.ok(answers[:2])
        self.assertEqual((answers[2]["status"], answers[2]["reason"]["key"]), ("unsupported", "already-loaded"))
        self.assertNotIn("first call", note(answers[0], "relocations"))
        self.assertIn("first call", note(answers[1], "relocations"))
        self.assertRegex(note(answers[0], "import-rss"), r"makes \d+ KiB resident .* had \d+ KiB")

    def other_build(self, interpreter):
        """A tree whose module of ten functions has another build-id than its manifest says."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        planted = bw.copy_tree(folder, interpreter)
        path = os.path.join(planted, "bdb_import_multi_10.so")
        ident = bytes.fromhex(bw.build_id(path))
        with open(path, "rb") as f:
            data = f.read()
        self.assertEqual(data.count(ident), 1)
        with open(path, "wb") as f:
            f.write(data.replace(ident, ident[::-1]))
        return planted

    @catches("V7", "build-id-differs")
    @each_embedded
    def test_v7_another_build_in_a_fresh_process(self, interpreter):
        w = self.worker(interpreter, self.other_build(interpreter))
        answers = w.prepare(self.cells({"how": "cold", "functions": "10"}, {"how": "cold", "functions": "100"}))
        self.invalid(answers[0], "V7", "build-id-differs")
        self.assertIn("bdb_import_multi_10.so", answers[0]["reason"]["message"])
        self.ok(answers[1:])

    @catches("V7", "build-id-differs")
    def test_v7_another_build_in_this_one(self):
        w = self.worker(bw.default(), self.other_build(bw.default()), env={})
        answers = w.prepare(self.cells({"how": "warm", "functions": "10"}))
        self.ok(answers)
        self.invalid(w.bye(1)[0], "V7", "build-id-differs")


# What is wrong with the plugin: a text of reloaded.c and what takes its place.
STAYS = ("\tsnprintf(", "\tDl_info info;\n\tif (dladdr((const void *)(uintptr_t)start, &info) == 0 || "
         "!dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE))\n\t\treturn 1;\n\tsnprintf(")
LEAKS = ("\tsnprintf(", "\tif (!malloc(5000))\n\t\treturn 1;\n\tsnprintf(")
OLD = ("table[0])", "1)")  # as if the first version were never replaced
IDLE = ("s->host->work(x, table[0])", "(x + table[0]) & 0x3fffffff")


class Reloads(Catching):
    def planted(self, change):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        planted = bw.copy_tree(folder)
        path = os.path.join(folder, "lib", "benchd", "plugins", "reloaded.c")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.assertEqual(text.count(change[0]), 1)
        with open(path, "w", encoding="utf-8") as f:
            f.write("#define _GNU_SOURCE\n#include <dlfcn.h>\n" + text.replace(*change))
        return self.worker(bw.default(), planted)

    def cells(self, *isolations):
        return [cell(i, case="plugin.hotreload", binding="plain", isolation=x) for i, x in enumerate(isolations)]

    @each_embedded
    def test_every_isolation(self, interpreter):
        temporary = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, temporary)
        w = self.worker(interpreter, env={"TMPDIR": temporary})
        ways = ["dlopen", "dlmopen", "interpreter"] + ["own-gil"] * (version(interpreter) >= (3, 12))
        self.ok(w.prepare(self.cells(*ways), leaks=True))
        for i in range(len(ways)):
            self.assertEqual(w.batch(i, iterations=5)["type"], "sample")
        answers = w.bye(len(ways))
        self.ok(answers)
        for answer in answers:
            self.assertRegex(note(answer, "build"), r"needs \d+ ms")
        self.assertRegex(note(answers[0], "leak-slope"), r"behind 0 bytes of heap, \d+ bytes resident, \d+ bytes of address")
        w.process.wait(20)
        self.assertEqual(os.listdir(temporary), [])

    def test_what_a_killed_worker_leaves_is_removed_by_the_next(self):
        temporary = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, temporary)
        first, second = (self.worker(bw.default(), env={"TMPDIR": temporary}) for _ in range(2))
        for w in (first, second):
            self.ok(w.prepare(self.cells("dlopen")))
        first.process.kill()
        first.process.wait()
        self.assertEqual(len(os.listdir(temporary)), 2)
        third = self.worker(bw.default(), env={"TMPDIR": temporary})
        self.ok(third.prepare(self.cells("dlopen")))
        left = {name.split("-")[2] for name in os.listdir(temporary)}
        self.assertEqual(left, {str(w.process.pid) for w in (second, third)})
        self.assertEqual(second.batch(0, iterations=5)["type"], "sample")

    def test_a_full_disk_is_no_missing_compiler(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        for said, status, key in (("final link failed: No space left on device", "failed", "reload-failed"),
                                  ("stdio.h: No such file or directory", "unsupported", "no-compiler")):
            with open(os.path.join(folder, "cc"), "w", encoding="utf-8") as f:
                f.write("#!/bin/sh\necho '%s' >&2\nexit 1\n" % said)
            os.chmod(f.name, 0o755)
            w = self.worker(bw.default(), env={"PATH": folder + ":/usr/bin:/bin"})
            answer, = w.prepare(self.cells("dlopen"))
            self.assertEqual((answer["status"], answer["reason"]["key"]), (status, key), answer)

    @catches("V6", "leak")
    def test_v6_code_that_stays(self):
        answer, = self.planted(STAYS).prepare(self.cells("dlopen"))
        self.invalid(answer, "V6", "leak")
        self.assertIn("retired versions is still in the process", answer["reason"]["message"])

    @catches("V6", "leak")
    def test_v6_a_plugin_that_leaks(self):
        w = self.planted(LEAKS)
        self.ok(w.prepare(self.cells("dlopen"), leaks=True))
        answer, = w.bye(1)
        self.invalid(answer, "V6", "leak")
        self.assertRegex(answer["reason"]["message"], r"leaks 50\d\d\.\d bytes per operation")

    def test_a_leak_is_told_where_the_interpreter_leaks_too(self):
        w = self.planted(LEAKS)
        self.ok(w.prepare(self.cells("interpreter"), leaks=True))
        answer, = w.bye(1)
        self.ok([answer])
        bytes_, = re.findall(r"behind (\d+) bytes of heap", note(answer, "leak-slope"))
        self.assertGreater(int(bytes_), 5000)

    @catches("V2", "wrong-result")
    def test_v2_a_version_that_is_not_the_next(self):
        answer, = self.planted(OLD).prepare(self.cells("dlopen"))
        self.invalid(answer, "V2", "wrong-result")

    @catches("V1", "count-differs")
    def test_v1_a_plugin_that_does_not_work(self):
        answer, = self.planted(IDLE).prepare(self.cells("dlopen"))
        self.invalid(answer, "V1", "count-differs")

    def test_without_a_compiler(self):
        empty = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, empty)
        answers = self.worker(bw.default(), env={"PATH": empty}).prepare(self.cells("dlopen"))
        self.assertEqual((answers[0]["status"], answers[0]["reason"]["key"]), ("unsupported", "no-compiler"))
        broken = self.planted(("table[0])", "table[0]")).prepare(self.cells("dlopen"))
        self.assertEqual((broken[0]["status"], broken[0]["reason"]["key"]), ("unsupported", "no-compiler"))
        self.assertIn("reloaded.c", broken[0]["reason"]["message"])

    def test_v1_and_v2_of_dispatch(self):
        w = self.worker(bw.default())
        cells = [cell(i, case="plugin.dispatch", binding="plain", by=by, plugins=n)
                 for i, (by, n) in enumerate((b, n) for b in ("dict", "index", "vtable") for n in ("1", "4", "16"))]
        self.ok(w.prepare(cells, leaks=True))
        for c in cells:
            n = int(c["axes"]["plugins"])
            self.assertEqual(w.batch(c["cell"], iterations=1000)["ops"], [-(-1000 // n) * n])  # whole rounds
        self.ok(w.bye(len(cells)))


if __name__ == "__main__":
    unittest.main()
