"""The cases of data without copies: V3 tells those that copy from those that do not, on every protocol, and refuses whoever
promises the other."""
import itertools
import json
import os
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "worker"))
import bench_worker as bw  # noqa: E402
from bench_worker import cell  # noqa: E402

CASES = os.path.join(bw.HOME, "python", "cases")
SIZE = "16k"


def product(case, **params):
    return [dict(zip(params, values), case=case, size=SIZE) for values in itertools.product(*params.values())]


# Which cells do what. None: unsupported, whatever is installed.
COPIES = (product("buf.ladder", way=("list", "bytes")) + product("np.capi", way=("copy", "float32", "list")) +
          product("np.return", way=("copied",)) + product("dlpack.exchange", **{"from": ("numpy",), "to": ("numpy-copy",)}) +
          product("arrow.cdata", **{"from": ("list",), "to": ("nanoarrow",)}) +
          [dict(c, size="256k") for c in product("arrow.stream", way=("ipc",), batches=("1", "16"))] +
          product("pickle5.oob", way=("in-band",)) + product("shm.share", way=("copy",)))
ZERO = (product("buf.ladder", way=("buffer", "ctypes", "cffi", "interface", "dlpack", "dlpack-1", "arrow")) +
        product("np.capi", way=("borrow", "from-any")) + product("np.return", way=("owned",)) +
        product("dlpack.exchange", **{"from": ("numpy", "block"), "to": ("native", "native-1.0", "numpy")}) +
        product("arrow.cdata", **{"from": ("block", "nanoarrow"), "to": ("native", "nanoarrow")}) +
        [dict(c, size="256k") for c in product("arrow.stream", way=("native", "nanoarrow"), batches=("1", "16"))] +
        product("pickle5.oob", way=("out-of-band",)) + product("shm.share", way=("shared_memory", "memfd")))
NEITHER = (product("dlpack.exchange", **{"from": ("block",), "to": ("numpy-copy",)}) +
           product("arrow.cdata", **{"from": ("list",), "to": ("native",)}))
BROUGHT = {"numpy": "arrays", "nanoarrow": "nanoarrow", "cffi": "cffi"}


def environment(interpreter):
    return os.path.join(bw.HOME, "environments", interpreter["id"].partition("+")[0])


def record(interpreter, name):
    try:
        with open(os.path.join(environment(interpreter), name + ".json"), encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {"status": "missing", "files": []}


def manifest(interpreter):
    """What was built in the environment is part of the build."""
    folder = environment(interpreter)
    names = [f[:-5] for f in os.listdir(folder) if f.endswith(".json")] if os.path.isdir(folder) else []
    return [{"path": os.path.join(folder, f["path"]), "build_id": f["build_id"]}
            for name in names for f in record(interpreter, name)["files"]]


def wanted(params):
    """The packages that a cell meets."""
    words = {params["case"].partition(".")[0], *(params.get(p) for p in ("way", "from")), *params.get("to", "").split("-")}
    found = {name for name in BROUGHT if name in words}
    if "np" in words:
        found.add("numpy")
    if params["case"] == "arrow.stream" and params["way"] == "ipc" or params.get("from") == "list":
        found.add("nanoarrow")
    return found


class Asking(unittest.TestCase):
    def asked(self, interpreter, cells, cases=None, prefix="", leaks=False):
        w = bw.Worker(interpreter, env={"BENCHD_CASES": cases} if cases else None)
        self.addCleanup(w.__exit__)
        w.hello()
        given = []
        for i, params in enumerate(cells):
            params = dict(params)
            given.append(cell(i, case=prefix + params.pop("case"), binding="plain", iterations=5, **params))
        return w, w.prepare(given, manifest=w.manifest() + manifest(interpreter), leaks=leaks)

    def checked(self, interpreter, params, answer):
        """Whether the cell was measured; where it was not, a package must really be missing."""
        if answer["status"] != "unsupported":
            return True
        missing = [p for p in wanted(params) if record(interpreter, BROUGHT[p])["status"] != "ok"]
        self.assertTrue(missing, (params, answer))
        self.assertIn(missing[0], answer["reason"]["message"])
        return False


class Proven(Asking):
    @bw.each_kind
    def test_which_copies_and_which_does_not(self, interpreter):
        cells = COPIES + ZERO
        w, answers = self.asked(interpreter, cells, leaks=True)
        found = 0
        for params, answer in zip(cells, answers):
            if self.checked(interpreter, params, answer):
                self.assertEqual(answer["status"], "ok", (params, answer))
                self.assertEqual([n["key"] for n in answer["notes"] if n["key"] in ("copies", "zero-copy")],
                                 ["copies" if params in COPIES else "zero-copy"], params)
                found += 1
        self.assertGreater(found, 12)
        for answer in w.bye(found):
            self.assertEqual(answer["status"], "ok", answer)

    def test_what_nobody_can_do(self):
        _, answers = self.asked(bw.default(), NEITHER)
        self.assertEqual({a["status"] for a in answers}, {"unsupported"}, answers)

    def test_who_promises_the_other_is_invalid(self):
        with tempfile.TemporaryDirectory() as folder:
            for case in {params["case"] for params in COPIES}:
                with open(os.path.join(CASES, case + ".py"), encoding="utf-8") as f:
                    text = f.read()
                with open(os.path.join(folder, "liar." + case + ".py"), "w", encoding="utf-8") as f:
                    f.write(text + "\n\ntruth = copies\n\n\ndef copies(state):\n    return not truth(state)\n")
            cells = COPIES + ZERO
            _, answers = self.asked(bw.default(), cells, cases=folder, prefix="liar.")
        for params, answer in zip(cells, answers):
            if not self.checked(bw.default(), params, answer):
                continue
            keys = ("address-differs", "write-not-seen") if params in COPIES else ("no-copy-found",)
            self.assertEqual((answer["status"], (answer["reason"] or {}).get("check")), ("invalid", "V3"), (params, answer))
            self.assertIn(answer["reason"]["key"], keys, params)


class Killed(Asking):
    def segments(self, w):
        return {n for n in os.listdir("/dev/shm") if n.startswith("benchd-%d-" % w.ready["pid"])}

    def test_segments_of_a_killed_worker_go_with_the_next(self):
        cells = product("shm.share", way=("shared_memory",))
        w, answers = self.asked(bw.default(), cells)
        self.assertEqual(answers[0]["status"], "ok", answers)
        left = self.segments(w)
        self.assertTrue(left)
        os.killpg(w.process.pid, signal.SIGKILL)  # as benchd ends one that does not answer
        w.process.wait()
        self.assertLessEqual(left, set(os.listdir("/dev/shm")))
        other, _ = self.asked(bw.default(), cells)
        self.assertFalse(left & set(os.listdir("/dev/shm")))
        own = self.segments(other)
        self.assertTrue(own)
        self.asked(bw.default(), cells)
        self.assertLessEqual(own, set(os.listdir("/dev/shm")))  # what is in use stays


OBJECTS = ("bytes", "bytearray", "array", "memoryview", "mmap", "ctypes", "numpy", "block")
FLAGS = ("simple", "writable", "nd", "strides", "contig", "records_ro", "full_ro", "full")


class Buffers(Asking):
    @bw.each_kind
    def test_every_exporter_with_all_flags(self, interpreter):
        cells = [{"case": "buf.acquire", "object": o, "flags": f} for o in OBJECTS for f in FLAGS]
        w, answers = self.asked(interpreter, cells, leaks=True)
        found = 0
        for params, answer in zip(cells, answers):
            refused = params["object"] == "bytes" and params["flags"] in ("writable", "contig", "full")
            if refused:
                self.assertEqual(answer["status"], "unsupported", params)
                self.assertIn("cannot be written to", answer["reason"]["message"])
            elif self.checked(interpreter, dict(params, way=params["object"]), answer):
                self.assertEqual(answer["status"], "ok", (params, answer))
                found += 1
        for answer in w.bye(found):
            self.assertEqual(answer["status"], "ok", answer)

    def test_sums(self):
        cells = [{"case": "buf.sum", "layout": layout, "size": size} for layout in ("contiguous", "strided", "readonly", "memcpy")
                 for size in ("64", "1k", "1m")]
        w = bw.Worker()
        self.addCleanup(w.__exit__)
        w.hello()
        given = [cell(i, binding="capi:fastcall", iterations=5, **params) for i, params in enumerate(cells)]
        for params, answer in zip(cells, w.prepare(given)):
            self.assertEqual(answer["status"], "ok", (params, answer))
            self.assertEqual([n["key"] for n in answer["notes"]], ["copies" if params["layout"] == "memcpy" else "zero-copy"])


if __name__ == "__main__":
    unittest.main()
