"""docs/example-run.json is what docs/interfaces.md says a run document is: the identities between its figures hold."""
import json
import os
import unittest

PATH = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "example-run.json")


def series(case, axes):
    """What names a cell over runs, computed independently: FNV-1a of the case and all axes, by name."""
    text = "".join(word + "\0" for word in [case, *(w for k in sorted(axes) for w in (k, str(axes[k])))])
    h = 0xcbf29ce484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001b3 % 2 ** 64
    return f"{h:016x}"


def broken(document):
    """What does not hold in the document, in words."""
    found = []

    def near(what, a, b):
        if abs(a - b) > 1e-6 * max(abs(a), abs(b), 1):
            found.append(f"{what}: {a} is not {b}")

    run = document["run"]
    if run["setup_s"] + run["measure_s"] > run["wall_s"] or run["batch_s"] > run["measure_s"]:
        found.append("parts of the time exceed the whole")
    ids = [c["id"] for c in document["cells"]]
    if len(set(ids)) != len(ids):
        found.append("an id occurs twice")
    for c in document["cells"]:
        threads, gil = c["axes"]["threads"], c["gil"]
        if c["series"] != series(c["case"], c["axes"]):
            found.append(f"series {c['series']} of {c['id']}")
        near("throughput", c["throughput_ops_s"]["median"], threads * 1e9 / c["time_ns_per_op"]["median"])
        near("lower throughput", c["throughput_ops_s"]["lo"], threads * 1e9 / c["time_ns_per_op"]["hi"])
        near("samples", c["samples"], run["launches"] * run["rounds"])
        near("iterations", c["iterations"], sum(t["ops"] for t in c["threads"]))
        near("waits", gil["waits"], sum(t["waits"] for t in c["threads"]))
        near("wait_ns", gil["wait_ns"], sum(t["wait_ns"] for t in c["threads"]))
        near("split", gil["wait_ns"], gil["holder_ns"] + gil["runqueue_ns"] + gil["switch_ns"] + gil["mutex_ns"])
        if c["ratio"] and c["ratio"]["to"] not in ids:
            found.append(f"ratio to {c['ratio']['to']}, which is no cell")
        if (c["scaling"] is None) != (threads == 1):
            found.append("scaling is of cells with threads")
        for name, value in c["axes"].items():
            at_default = {"caller": "python", "allocator": "glibc", "objalloc": "pymalloc", "affinity": "pinned", "gc": "on",
                          "switch_interval": "5ms"}.get(name) == value
            if (f"/{name}={value}" in c["id"]) == at_default:
                found.append(f"{c['id']} and {name}={value}")
    return found


class Example(unittest.TestCase):
    def setUp(self):
        with open(PATH, encoding="utf-8") as file:
            self.document = json.load(file)

    def test_identities_hold(self):
        self.assertEqual(self.document["schema"], "benchd.run.v1")
        self.assertGreaterEqual(len(self.document["cells"]), 4)
        self.assertEqual(broken(self.document), [])

    def test_a_document_in_which_they_do_not_is_found(self):
        for change in (lambda c: c["throughput_ops_s"].update(median=1), lambda c: c.update(samples=1),
                       lambda c: c["gil"].update(mutex_ns=c["gil"]["mutex_ns"] + 7), lambda c: c.update(iterations=c["iterations"] + 1),
                       lambda c: c["axes"].update(gc="off"), lambda c: c.update(series="0" * 16)):
            with open(PATH, encoding="utf-8") as file:
                document = json.load(file)
            change(document["cells"][-1])
            self.assertNotEqual(broken(document), [])


if __name__ == "__main__":
    unittest.main()
