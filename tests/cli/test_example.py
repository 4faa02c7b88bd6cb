"""docs/example-run.json is what docs/interfaces.md says a run document is: the identities between its figures hold.
BENCHD_EXAMPLE=write measures another one first."""
import json
import os
import re
import unittest

from ctl import Case

PATH = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "example-run.json")


def series(case, axes):
    """What names a cell over runs, computed independently: FNV-1a of the case and all axes, by name."""
    text = "".join(word + "\0" for word in [case, *(w for k in sorted(axes) for w in (k, str(axes[k])))])
    h = 0xcbf29ce484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001b3 % 2 ** 64
    return f"{h:016x}"


def misjudged(c):
    """What a verdict and its figures contradict each other in."""
    ratio, found = c["ratio"], []
    if (ratio is None) != (c["verdict"] is None):
        found.append("a verdict is of a ratio")
    if ratio is None or c["verdict"] is None:
        return found
    lo, hi, x = ratio["lo"], ratio["hi"], c["equivalence"]
    if not 0.02 <= x <= 0.1:
        found.append(f"no difference is {x}")
    if lo is None:
        sure = c["verdict"] != "undecided" or c["p"] is not None or c["p_adjusted"] is not None
        return found + (["decided without an interval"] if sure else [])
    if not 0 <= c["p"] <= c["p_adjusted"] <= 1 or not c["smallest_effect"] > 0:
        found.append("p or smallest effect")
    sure = c["p_adjusted"] < 0.05
    if c["verdict"] != ("slower" if sure and lo > 1 else "faster" if sure and hi < 1 else
                        "no difference" if lo >= 1 / (1 + x) and hi <= 1 + x else "undecided"):
        found.append(f"{c['verdict']} with [{lo}, {hi}] and p {c['p_adjusted']}")
    return found


def broken(document):
    """What does not hold in the document, in words."""
    found = []

    def near(what, a, b):
        if abs(a - b) > 1e-6 * max(abs(a), abs(b), 1):
            found.append(f"{what}: {a} is not {b}")

    run = document["run"]
    if run["setup_s"] + run["measure_s"] > run["wall_s"] or run["batch_s"] > run["measure_s"]:
        found.append("parts of the time exceed the whole")
    if run["kind"] != "run" or run["plan"]["kind"] != "run" or not run["noise_line"]:
        found.append("what it is, and what the machine did")
    if not sum(c["samples"] for c in document["cells"]) <= run["machine"]["batches"] >= run["machine"]["flagged_batches"]:
        found.append("more batches than there were")
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
        near("launches", c["launches"], run["launches"])
        found += [f"{c['id']}: {what}" for what in misjudged(c)]
        if (c["memory"] is None) == (c["memory_reason"] is None):
            found.append("memory or why there is none")
        if c["steady"] not in (None, "flat", "warm-up", "slowdown", "no steady state") or c["stopped"] not in ("budget", "limit"):
            found.append(f"{c['steady']}, {c['stopped']}")
        if (c["first_call_ns"] is None) != (threads > 1):
            found.append("first calls are of cells with one thread")
        near("iterations", c["iterations"], sum(t["ops"] for t in c["threads"]))
        near("waits", gil["waits"], sum(t["waits"] for t in c["threads"]))
        near("wait_ns", gil["wait_ns"], sum(t["wait_ns"] for t in c["threads"]))
        near("split", gil["wait_ns"], gil["holder_ns"] + gil["runqueue_ns"] + gil["switch_ns"] + gil["mutex_ns"])
        if c["ratio"] and c["ratio"]["to"] not in ids:
            found.append(f"ratio to {c['ratio']['to']}, which is no cell")
        if (c["scaling"] is None) != (threads == 1 or c["scaling_reason"] is not None):
            found.append("scaling is of cells with threads")
        for name, value in c["axes"].items():
            at_default = {"caller": "python", "allocator": "glibc", "objalloc": "pymalloc", "affinity": "pinned", "gc": "on",
                          "switch_interval": "5ms"}.get(name) == value
            if (f"/{name}={value}" in c["id"]) == at_default:
                found.append(f"{c['id']} and {name}={value}")
    return found


class Example(Case):
    def setUp(self):
        if os.environ.pop("BENCHD_EXAMPLE", "") == "write":
            self.write()
        with open(PATH, encoding="utf-8") as file:
            self.document = json.load(file)

    def write(self):
        self.ctl("run", "gil-contention", "--threads", "1,2", "--axis", "u=100us", "--launches", "6", "--rounds", "2", status=None)
        document = json.loads(self.ctl("runs", "show", "latest", "--json")[0])
        document["cells"] = [c for c in document["cells"] if c["case"] == "gil-contention"]
        document["cells"].sort(key=lambda c: c["id"])
        # files of ours as an installed tree has them
        document = json.loads(re.sub(r'"[^"]*/lib/benchd/', '"/usr/local/lib/benchd/', json.dumps(document)))
        self.assertEqual(broken(document), [], "the machine is too busy for an example")
        with open(PATH, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
            file.write("\n")

    def test_identities_hold(self):
        self.assertEqual(self.document["schema"], "benchd.run.v1")
        self.assertGreaterEqual(len(self.document["cells"]), 4)
        self.assertEqual(broken(self.document), [])

    def test_a_document_in_which_they_do_not_is_found(self):
        for change in (lambda c: c["throughput_ops_s"].update(median=1), lambda c: c.update(samples=1),
                       lambda c: c["gil"].update(mutex_ns=c["gil"]["mutex_ns"] + c["gil"]["wait_ns"] // 9 + 7), lambda c: c.update(iterations=c["iterations"] + 1),
                       lambda c: c["axes"].update(gc="off"), lambda c: c.update(series="0" * 16), lambda c: c.update(verdict="better"),
                       lambda c: c.update(verdict=None), lambda c: c.update(launches=7), lambda c: c.update(memory_reason=None, memory=None),
                       lambda c: c.update(steady="maybe"), lambda c: c.update(p_adjusted=2), lambda c: c.update(equivalence=0.5)):
            with open(PATH, encoding="utf-8") as file:
                document = json.load(file)
            change(document["cells"][-1])
            self.assertNotEqual(broken(document), [])


if __name__ == "__main__":
    unittest.main()
