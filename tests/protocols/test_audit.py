"""The audit of shared memory finds every rule that a planted exporter breaks, and nothing where none is broken."""
import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), name) for name in ("worker", "cli")]
import bench_worker as bw  # noqa: E402
from ctl import Case  # noqa: E402

AUDIT = os.path.join(bw.HOME, "python", "benchd_check", "protocols.py")
MODULES = os.path.join(bw.BUILD, "tests", "protocols")
# What must be told of each: (protocol, property).
PLANTED = {"buffer-copies": ("buffer", "address"), "buffer-no-reference": ("buffer", "lifetime"),
           "buffer-resizes": ("buffer", "refused-resize"), "buffer-kept": ("buffer", "resize-after-release"),
           "buffer-leaks": ("buffer", "references"), "buffer-grants-writes": ("buffer", "readonly"),
           "buffer-crashes": ("any", "asking"), "dlpack-copies": ("dlpack", "address"),
           "dlpack-no-reference": ("dlpack", "lifetime"), "dlpack-frees-early": ("dlpack", "shared"),
           "dlpack-hides-readonly": ("dlpack", "readonly"), "dlpack-resizes": ("dlpack", "refused-resize"),
           "arrow-copies": ("arrow", "address"), "arrow-no-reference": ("arrow", "lifetime"),
           "arrow-frees-early": ("arrow", "shared"), "stream-no-reference": ("arrow-stream", "lifetime"),
           "dlpack-deletes-twice": ("dlpack", "lifetime"), "dlpack-unused-kept": ("dlpack", "references"),
           "arrow-unused-kept": ("arrow", "references")}
# ctypes.resize() moves the memory of an array though somebody has its buffer.
KNOWN_OF_PYTHON = {("ctypes array", "buffer", "refused-resize")}


def bases():
    return {i["id"].partition("+")[0]: i["executable"] for i in bw.interpreters()}


def kinds():
    """The default, and one without a GIL, whose memory comes from elsewhere."""
    free = [i["id"].partition("+")[0] for i in bw.interpreters() if i["free_threaded"] and not i["debug"]]
    return [next(iter(bases())), *free[:1]]


HUGE = """
from bdb_exchange import Block, sum_interface
class Huge:
    def __init__(self, *shape):
        self.__array_interface__ = dict(Block(bytes(64)).__array_interface__, shape=shape)
for shape in (1 << 32, 1 << 32, 2), (1 << 62, 4), (1 << 31, 1 << 30), (-1,):
    try:
        sum_interface(0, Huge(*shape))
    except BufferError:
        continue
    print("taken:", shape)
"""

# Two threads look while one resizes: what is seen must be of one time. Without a GIL, and without care, it was not, once in
# about a hundred thousand looks.
RACE = """
import threading
from bdb_exchange import Block
block, stop = Block(bytes(8192)), threading.Event()

def resize():
    n = 0
    while not stop.is_set():
        n += 1
        try:
            block.resize(1024 if n % 2 else 4096)
        except BufferError:
            pass

def look():
    for _ in range(400000):
        with memoryview(block) as view:
            if len(view) * 8 != view.nbytes:
                print("torn:", len(view), view.nbytes)

threads = [threading.Thread(target=look) for _ in range(2)]
other = threading.Thread(target=resize)
other.start()
for t in threads:
    t.start()
for t in threads:
    t.join()
stop.set()
other.join()
"""


class Audit(unittest.TestCase):
    def audit(self, base, *objects, status, more=(), exchange=False, paths=()):
        folder = os.path.join(MODULES, base)
        paths = [folder, HERE, *paths] + ([os.path.join(bw.INTERPRETERS, base)] if exchange else [])
        p = subprocess.run([bases()[base], "-P", AUDIT, "--json", *more, *objects], cwd=folder, stdin=subprocess.DEVNULL,
                           env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600, text=True)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        self.error = p.stderr
        return json.loads(p.stdout)["rows"] if p.stdout else None

    @staticmethod
    def failed(rows):
        return {(r["object"], r["protocol"], r["property"]) for r in rows if r["verdict"] == "fail"}

    def test_each_planted_rule_is_found(self):
        objects = {"planted:Planted('%s')" % kind: told for kind, told in PLANTED.items()}
        for base in kinds():
            with self.subTest(python=base):
                failed = self.failed(self.audit(base, *objects, status=1))
                for name, (protocol, prop) in objects.items():
                    self.assertIn((name, protocol, prop), failed)

    def test_an_exporter_that_breaks_none(self):
        for base in bases():
            with self.subTest(python=base):
                rows = self.audit(base, "planted:Planted('none')", status=0)
                self.assertEqual({r["protocol"] for r in rows}, {"buffer", "dlpack", "arrow", "arrow-stream"})
                self.assertEqual({r["verdict"] for r in rows}, {"pass", "not-applicable"})
                self.assertEqual({r["property"] for r in rows if r["protocol"] == "buffer" and r["verdict"] == "pass"},
                                 {"address", "layout", "write-through", "lifetime", "shared", "refused-resize", "resize-after-release", "readonly",
                                  "references"})

    def test_only_the_protocol_that_breaks_it_is_told(self):
        base = next(iter(bases()))
        rows = self.audit(base, "planted:Planted('arrow-no-reference')", "planted:Planted('dlpack-no-reference')",
                          "planted:Planted('buffer-leaks')", status=1)
        self.assertEqual({(protocol, prop) for _, protocol, prop in self.failed(rows)},
                         {("arrow", "lifetime"), ("dlpack", "lifetime"), ("buffer", "references"),
                          ("arrow", "refused-resize"), ("dlpack", "refused-resize")})  # nobody counts whom nobody knows

    def test_the_exchange_itself(self):
        data = "bytes(range(256)) * 16"
        for base in bases():
            with self.subTest(python=base):
                rows = self.audit(base, "bdb_exchange:Block(%s)" % data, "bdb_exchange:Block(%s, readonly=True)" % data,
                                  "bdb_exchange:Batches(Block(%s), 3)" % data, status=0, exchange=True)
                self.assertEqual({r["protocol"] for r in rows},
                                 {"buffer", "interface", "dlpack", "dlpack-1", "arrow", "arrow-stream"})
                passed = {(r["protocol"], r["property"]) for r in rows if r["verdict"] == "pass"}
                for protocol in ("buffer", "dlpack", "dlpack-1", "arrow"):
                    for prop in ("address", "lifetime", "shared", "refused-resize", "resize-after-release", "references"):
                        self.assertIn((protocol, prop), passed)

    def script(self, base, text):
        p = subprocess.run([bases()[base], "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.path.join(bw.INTERPRETERS, base), "PYTHONDONTWRITEBYTECODE": "1"},
                           timeout=600, text=True)
        self.assertEqual((p.returncode, p.stdout), (0, ""))

    def test_a_shape_that_is_beyond_all_memory(self):
        for base in kinds():
            with self.subTest(python=base):
                self.script(base, HUGE)

    def test_a_block_is_resized_only_while_nobody_has_it(self):
        for base in kinds():
            with self.subTest(python=base):
                self.script(base, RACE)

    def test_array_interfaces(self):
        base = next(iter(bases()))
        rows = self.audit(base, *("planted_python:%s()" % c for c in ("Honest", "Copies", "Dangles", "Raises")), status=1)
        failed = self.failed(rows)
        self.assertIn(("planted_python:Copies()", "interface", "address"), failed)
        self.assertIn(("planted_python:Dangles()", "interface", "lifetime"), failed)
        self.assertIn(("planted_python:Raises()", "interface", "address"), failed)
        self.assertNotIn("planted_python:Honest()", {name for name, _, _ in failed})

    def test_what_it_says_of_its_values(self):
        base = next(iter(bases()))
        kinds = ("Longer", "OtherNumbers", "Strided", "Alike", "Flat")
        rows = self.audit(base, *("planted_python:%s()" % k for k in kinds), status=1)
        self.assertEqual({name for name, _, prop in self.failed(rows) if prop == "layout"},
                         {"planted_python:%s()" % k for k in ("Longer", "OtherNumbers", "Strided")})
        self.assertEqual({r["verdict"] for r in rows if r["object"] == "planted_python:Flat()" and r["property"] == "layout"}, {"pass"})

    def test_what_has_no_length_or_gaps(self):
        """Of numpy's, where it is there."""
        folder = os.path.join(bw.HOME, "environments", next(iter(bases())))
        packages = [p for p, names, _ in os.walk(folder) if "numpy" in names]
        if not packages:
            self.skipTest("numpy is not in this tree's environment")
        rows = self.audit(next(iter(bases())), "numpy:array(5.0)", "numpy:arange(10.0)[::2]", "numpy:zeros((3, 4), order='F')",
                          "numpy:empty((3, 0))", status=0, paths=packages[:1])
        self.assertEqual({r["verdict"] for r in rows if "[::2]" in r["object"]}, {"not-applicable"})
        self.assertIn("pass", {r["verdict"] for r in rows if r["object"] == "numpy:array(5.0)"})

    def test_what_every_python_has(self):
        for base in bases():
            with self.subTest(python=base):
                rows = self.audit(base, status=1)
                self.assertLessEqual({"bytes", "bytearray", "array.array", "memoryview", "mmap.mmap", "ctypes array"},
                                     {r["object"] for r in rows})
                self.assertEqual(self.failed(rows), KNOWN_OF_PYTHON)

    def test_one_that_hangs(self):
        base = next(iter(bases()))
        rows = self.audit(base, "planted:Planted('buffer-hangs')", status=1, more=("--deadline", "1"))
        details = {r["detail"] for r in rows if r["verdict"] == "fail"}
        self.assertIn("no answer within 1 s", details)

    def test_what_cannot_be_tried(self):
        base = next(iter(bases()))
        for words, said, status in ((("planted_python:refuses()",), "cannot be made", 2), (("planted_python:Nothing()",), "none of the protocols", 2),
                                    (("nobody_has_this:x",), "nobody_has_this", 66), (("planted_python",), "MODULE:EXPRESSION", 2)):
            self.assertIsNone(self.audit(base, *words, status=status))
            self.assertIn(said, self.error)


class Command(Case):
    """benchctl check --protocols."""

    def told(self, *words, status):
        base = next(iter(bases()))
        env = {"PYTHONPATH": os.pathsep.join([os.path.join(MODULES, base), HERE])}
        p = self.popen("check", "--protocols", "--python", bases()[base], *words, env=env)
        out, err = p.communicate(timeout=600)
        self.assertEqual(p.returncode, status, out + err)
        return out, err

    def test_a_matrix(self):
        out, err = self.told("planted:Planted('none')", status=0)
        lines = out.splitlines()
        self.assertEqual(lines[0].split()[:4], ["object", "protocol", "address", "layout"])
        self.assertEqual([line.split()[1:] for line in lines[1:] if " buffer " in line], [["buffer"] + ["ok"] * 9])
        self.assertEqual(err, "")

    def test_what_fails_is_named(self):
        out, _ = self.told("planted:Planted('dlpack-frees-early')", status=1)
        self.assertIn("FAIL", out)
        self.assertIn("planted:Planted('dlpack-frees-early'), dlpack, shared: ", out)

    def test_json(self):
        out, _ = self.told("planted:Planted('arrow-copies')", "--json", status=1)
        document = json.loads(out)
        self.assertEqual(document["schema"], "benchd.protocols.v1")
        self.assertEqual(document["failed"], sum(r["verdict"] == "fail" for r in document["rows"]))
        self.assertIn(("arrow", "address"), {(r["protocol"], r["property"]) for r in document["rows"] if r["verdict"] == "fail"})

    def test_what_a_module_prints_is_no_part_of_it(self):
        for word in ("prints", "closes"):
            with self.subTest(word):
                out, err = self.told("planted_python:%s()" % word, "--json", status=0)
                self.assertEqual(json.loads(out)["failed"], 0)
                self.assertEqual(err, "")

    def test_what_cannot_be_made(self):
        out, err = self.told("planted_python:refuses()", status=2)
        self.assertEqual(out, "")
        self.assertIn("cannot be made", err)

    def test_a_module_that_is_not_there(self):
        for word in ("no_such_module_here:1", "planted_python.inner:1", "no_such_package.inner:1"):
            out, err = self.told(word, status=66)
            self.assertEqual(out, "")
            self.assertIn("has no module for " + word, err)
            self.assertIn("--python names the environment", err)


if __name__ == "__main__":
    unittest.main()
