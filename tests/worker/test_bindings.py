"""Bindings: what they are asked for, and what becomes of wrong ones."""
import json
import os
import shutil
import tempfile
import unittest

import bench_worker as bw
from bench_worker import cell
from mutants import Catching, catches

CALLERS = ("python", "c")


class Planted(Catching):
    def tree(self, interpreter=None):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        worker = bw.copy_tree(folder, interpreter)
        shutil.copy(os.path.join(bw.SOURCE, "mutants", "wrong.py"), os.path.join(worker, "..", "..", "python", "bindings"))
        return worker

    def answers(self, variant, *cells, interpreter=None, **fields):
        w = self.worker(interpreter or bw.default(), self.tree(interpreter))
        prepared = w.prepare([cell(i, binding="wrong:" + variant, **kinds) for i, kinds in enumerate(cells)], **fields)
        good = [a["cell"] for a in prepared if a["status"] == "ok"]
        last = {a["cell"]: a for a in w.bye(len(good))}
        return [last.get(a["cell"], a) for a in prepared]


class Wrong(Planted):
    def calls(self, variant, **fields):
        return self.answers(variant, *({"case": "ffi.call.scalar", "caller": c, "iterations": 200} for c in CALLERS), **fields)

    def sums(self, variant, handover):
        return self.answers(variant, {"case": "buffer-view", "handover": handover, "size": "64k", "iterations": 10})[0]

    @bw.each_kind
    def test_an_honest_one(self, interpreter):
        self.ok(self.answers("honest", *({"case": "ffi.call.scalar", "caller": c, "iterations": 200} for c in CALLERS),
                             {"case": "buffer-view", "size": "64k", "iterations": 10}, interpreter=interpreter, leaks=True))

    @catches("V2", "wrong-result")
    def test_one_that_adds_one(self):
        for answer in self.calls("adds-one"):
            self.invalid(answer, "V2", "wrong-result")

    @catches("V1", "count-differs")
    def test_one_that_calls_once_for_all(self):
        """Its results are right: only the native code knows."""
        for answer in self.calls("hoists"):
            self.invalid(answer, "V1", "count-differs")

    @catches("V3", "address-differs")
    def test_one_that_copies(self):
        self.invalid(self.sums("copies", "memory"), "V3", "address-differs")
        self.ok([self.sums("copies", "copy")])

    @catches("V3", "reference-kept")
    @catches("V6", "leak")
    def test_one_that_keeps_a_reference(self):
        self.invalid(self.sums("keeps", "memory"), "V3", "reference-kept")
        for answer in self.calls("keeps", leaks=True):
            self.invalid(answer, "V6", "leak")


class Reasons(Planted):
    def test_a_function_that_cannot_be_says_why(self):
        answer = self.answers("honest", {"case": "ffi.call.scalar", "type": "f64"})[0]
        self.assertEqual((answer["status"], answer["reason"]["key"], answer["reason"]["message"], answer["reason"]["hint"]),
                         ("unsupported", "no-such-function", "wrong:honest: it has none on purpose", "ask for i64"))

    def environment(self, worker, **record):
        folder = os.path.join(worker, "..", "..", "environments", bw.default()["id"])
        os.makedirs(folder)
        with open(os.path.join(folder, "wrong.json"), "w") as f:
            json.dump(dict({"name": "wrong", "status": "ok", "reason": None, "hint": None, "versions": {}, "flags": "", "files": []},
                           **record), f)
        return folder

    def test_one_that_could_not_be_built(self):
        worker = self.tree()
        self.environment(worker, status="failed", reason="the compiler gave up", hint="the log")
        w = self.worker(bw.default(), worker)
        answer, = w.prepare([cell(0, case="ffi.call.scalar", binding="wrong:honest")])
        self.assertEqual((answer["status"], answer["reason"]["message"], answer["reason"]["hint"]),
                         ("unsupported", "the compiler gave up", "the log"))

    @catches("V7", "build-id-differs", "not-in-manifest")
    def test_a_module_of_the_environment_is_promised(self):
        """The module itself lies in the environment: it is found there, and must be the one that was built."""
        right = bw.build_id(os.path.join(bw.INTERPRETERS, bw.default()["id"], "bdb_capi.so"))
        for promised, key in ((right, None), ("00" * 20, "build-id-differs"), (None, "not-in-manifest")):
            worker = self.tree()
            files = [{"path": "bdb_capi.so", "build_id": promised}] if promised else []
            folder = self.environment(worker, files=files)
            shutil.move(os.path.join(worker, "bdb_capi.so"), folder)
            w = self.worker(bw.default(), worker)
            answer, = w.prepare([cell(0, case="ffi.call.scalar", binding="wrong:honest", iterations=20)])
            if key:
                self.invalid(answer, "V7", key)
            else:
                self.ok([answer])

    def test_one_that_was_not_built_says_how(self):
        worker = self.tree()
        os.unlink(os.path.join(worker, "bdb_capi.so"))
        w = self.worker(bw.default(), worker)
        answer, = w.prepare([cell(0, case="ffi.call.scalar", binding="wrong:honest")])
        self.assertEqual((answer["status"], answer["reason"]["key"], answer["reason"]["hint"]),
                         ("unsupported", "binding-unusable", "./dev bindings " + bw.default()["id"]), answer)


class Catalogue(Catching):
    @bw.each_kind
    def test_every_variant_is_described(self, interpreter):
        w = self.worker(interpreter)
        bindings = {b["name"]: b for b in w.ask("describe", targets=[])["bindings"]}
        for b in bindings.values():
            self.assertEqual([v["name"] for v in b["variant_info"]], b["variants"])
            for v in b["variant_info"]:
                self.assertTrue(v["functions"] or v["unsupported"], (b["name"], v))
            self.assertEqual(b["unsupported"] is None, any(v["unsupported"] is None for v in b["variant_info"]), b)
        capi = bindings["capi"]
        built, = (o for o in capi["built"]["files"] if o["path"] == "bdb_capi.so")
        self.assertEqual(built["build_id"], bw.build_id(os.path.join(w.folder, "bdb_capi.so")))
        self.assertIn("-O3", capi["built"]["flags"])
        self.assertIn("i64_2", capi["variant_info"][0]["functions"])
        plain = {v["name"]: v for v in bindings["plain"]["variant_info"]}
        self.assertEqual((plain["python"]["caller"], plain["c"]["caller"]), (None, "c"))
        self.assertIsNone(bindings["plain"]["built"])


class Handover(Catching):
    """Whatever a binding does with the bytes that come out of it, its cells have a figure and say what it does."""

    def test_bytes_that_come_out(self):
        w = self.worker(bw.default())
        names = ["%s:%s" % (b["name"], v["name"]) for b in w.ask("describe", targets=[])["bindings"] for v in b["variant_info"]
                 if "bytes_out" in v["functions"]]
        self.assertIn("ctypes:argtypes", names)
        cells = [cell(i, case="ffi.call.bytes", binding=name, handover="out", length=length, iterations=10)
                 for i, (name, length) in enumerate((n, size) for n in names for size in ("4k", "0"))]
        prepared = w.prepare(cells)
        self.ok(prepared)
        for answer in w.bye(len(prepared)):
            axes = cells[answer["cell"]]["axes"]
            self.assertEqual(answer["status"], "ok", answer)
            said = {n["key"] for n in answer["notes"]} & {"zero-copy", "copies"}
            name = axes["binding"].partition(":")[0]
            if axes["length"] == "0" or name == "mypyc":  # there is nothing, or the kernel library sees nothing of it
                self.assertEqual(said, set(), axes)
            else:
                self.assertEqual(said, {"copies" if name in ("ctypes", "cffi", "hpy") else "zero-copy"}, axes)

    @catches("V3", "no-copy-found")
    def test_one_that_only_says_that_it_copies(self):
        worker = self.planted("copying = ('bytes_out',)\n")
        self.invalid(self.out(worker), "V3", "no-copy-found")

    @catches("V3", "address-differs")
    def test_one_that_does_not_say_it(self):
        worker = self.planted("", "lambda k, n: bytes(memoryview(right(k, n)))")
        self.invalid(self.out(worker), "V3", "address-differs")

    def out(self, worker):
        w = self.worker(bw.default(), worker)
        return w.prepare([cell(0, case="ffi.call.bytes", binding="wrong:default", handover="out", length="4k", iterations=10)])[0]

    def planted(self, says, function="right"):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        worker = bw.copy_tree(folder)
        with open(os.path.join(worker, "..", "..", "python", "bindings", "wrong.py"), "w") as f:
            f.write("summary = 'wrong'\nvariants = ('default',)\n%s\n\ndef load(variant, host):\n"
                    "    right = host.source('binding', host.python + '/bindings/capi.py').load('fastcall', host)['bytes_out']\n"
                    "    return {'bytes_out': %s}\n" % (says, function))
        return worker


class Kernels(Catching):
    """plain:c, a loop of C over the kernels themselves."""

    def test_every_kernel(self):
        w = self.worker(bw.default())
        cells = [cell(i, case="ffi.call.scalar", binding="plain:c", caller="c", type=kind, args=args, iterations=1000)
                 for i, (kind, args) in enumerate((k, a) for k in ("i64", "f64", "bool") for a in ("1", "2", "3", "4", "6", "8", "16"))]
        cells += [cell(len(cells) + i, case=name, binding="plain:c", caller="c", iterations=1000)
                  for i, name in enumerate(("ffi.chain", "ffi.call.noargs"))]
        self.ok(w.prepare(cells))
        for c in cells:
            self.assertEqual(w.batch(c["cell"], iterations=500)["ops"], [500])
        self.ok(w.bye(len(cells)))

    def test_it_is_called_from_c_only(self):
        answer, = self.worker(bw.default()).prepare([cell(0, case="ffi.chain", binding="plain:c")])
        self.assertEqual((answer["status"], answer["reason"]["key"]), ("unsupported", "caller"))

    @catches("V2", "wrong-result")
    def test_a_wrong_kernel_is_found(self):
        w = self.worker(bw.default(), self.kernel(bw.default(), "kernel_wrong_sum"))
        rows = (("plain:c", "c"), ("capi:fastcall", "c"), ("capi:fastcall", "python"))
        for answer in w.prepare([cell(i, case="ffi.call.scalar", binding=b, caller=c, iterations=10) for i, (b, c) in enumerate(rows)]):
            self.invalid(answer, "V2", "wrong-result")


if __name__ == "__main__":
    unittest.main()
