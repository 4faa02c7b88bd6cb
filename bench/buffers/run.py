#!/usr/bin/env python3
"""The ladder: the same doubles handed over to native code by every way at every size; from which size on a way without copies is
cheaper than a copy; and sums through a binding beside a memcpy. run.py BIN [RUN.json…]: measures, or reads runs that were."""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

UNITS = {"k": 1 << 10, "m": 1 << 20}
SIZES = ("64", "1k", "16k", "256k", "4m", "64m")
WAYS = ("buffer", "ctypes", "cffi", "interface", "dlpack", "dlpack-1", "arrow", "bytes", "list")
COPIES = ("bytes", "list")


def size_of(text):
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def medians(document, case, axis, **fixed):
    """{value of the axis: {size: ns per operation}} of the cells that were measured."""
    found = {}
    for cell in document["cells"]:
        axes, time = cell["axes"], cell.get("time_ns_per_op")
        if cell["case"] == case and cell["status"] == "ok" and time and all(str(axes.get(k)) == v for k, v in fixed.items()):
            found.setdefault(axes[axis], {})[size_of(axes["size"])] = time["median"]
    return {value: dict(sorted(by_size.items())) for value, by_size in found.items()}


def crossover(way, copy):
    """The size from which on `way` is cheaper than `copy`, both {size: ns}: 0 when it always was, None when it never is. Between
    two sizes the logarithms of both are taken for straight lines."""
    sizes = sorted(set(way) & set(copy))
    gap = {s: math.log(way[s] / copy[s]) for s in sizes}
    dearer = [s for s in sizes if gap[s] >= 0]
    if not dearer:
        return 0 if sizes else None
    last = dearer[-1]
    if last == sizes[-1]:
        return None
    after = sizes[sizes.index(last) + 1]
    part = gap[last] / (gap[last] - gap[after])
    return round(math.exp(math.log(last) + part * (math.log(after) - math.log(last))))


def per_byte(by_size):
    """What another byte costs, between the two largest sizes; None with one size."""
    sizes = sorted(by_size)
    if len(sizes) < 2:
        return None
    return (by_size[sizes[-1]] - by_size[sizes[-2]]) / (sizes[-1] - sizes[-2])


def nice(ns):
    for unit, factor in (("ms", 1e6), ("µs", 1e3)):
        if ns >= factor:
            return "%.3g %s" % (ns / factor, unit)
    return "%.3g ns" % ns


def told(size):
    return "never here" if size is None else "always" if size == 0 else "%d B" % size


def rows(cells):
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join("  ".join([line[0].ljust(widths[0])] + [text.rjust(w) for text, w in zip(line[1:], widths[1:])]) for line in cells)


def ladder(document):
    ways = medians(document, "buf.ladder", "way")
    sizes = sorted({s for by_size in ways.values() for s in by_size})
    lines = [["way", *("%d B" % s for s in sizes), "ns/B", *("cheaper than %s from" % c for c in COPIES if c in ways)]]
    for way in [w for w in WAYS if w in ways]:
        slope = per_byte(ways[way])
        lines.append([way, *(nice(ways[way][s]) if s in ways[way] else "–" for s in sizes), "–" if slope is None else "%.4f" % slope,
                      *("" if way in COPIES else told(crossover(ways[way], ways[c])) for c in COPIES if c in ways)])
    return rows(lines) if ways else "no ladder was measured"


def sums(document):
    """GB/s of each layout and binding, and of a memcpy of as many bytes."""
    bindings = sorted({c["axes"]["binding"] for c in document["cells"] if c["case"] == "buf.sum"})
    copied = {}
    for binding in bindings:
        copied.update(medians(document, "buf.sum", "layout", binding=binding).get("memcpy", {}))
    lines = [["binding", "layout", "bytes", "GB/s", "of memcpy"]]
    for binding in bindings:
        for layout, by_size in medians(document, "buf.sum", "layout", binding=binding).items():
            for size, ns in by_size.items():
                lines.append([binding, layout, str(size), "%.2f" % (size / ns),
                              "%.0f %%" % (100 * copied[size] / ns) if size in copied else "–"])
    return rows(lines) if len(lines) > 1 else "no sum was measured"


def measured(bin_, *words):
    with tempfile.TemporaryDirectory(prefix="benchd-bench-") as data:
        environment = dict(os.environ, BENCHD_DATA=data)
        try:
            p = subprocess.run([os.path.join(bin_, "benchctl"), "run", *words, "--json", "--wait", "30m"], env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        finally:
            subprocess.run([os.path.join(bin_, "benchctl"), "daemon", "stop"], env=environment, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if p.returncode not in (0, 2):
        sys.exit("benchctl run %s ended with status %d" % (" ".join(words), p.returncode))
    return json.loads(p.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bin", help="the folder with benchctl")
    parser.add_argument("runs", nargs="*", help="documents of runs to read instead of measuring")
    parser.add_argument("--budget", default="60s", help="of each of the two runs")
    args = parser.parse_args()
    documents = []
    for path in args.runs:
        with open(path, encoding="utf-8") as f:
            documents.append(json.load(f))
    if not documents:
        documents = [measured(args.bin, "buffers", "--case", "buf.ladder", "--axis", "size=" + ",".join(SIZES), "--budget", args.budget),
                     measured(args.bin, "buffers", "--case", "buf.sum", "--budget", args.budget)]
    document = {"cells": [c for d in documents for c in d["cells"]]}
    print("The same doubles, by every way (medians)\n")
    print(ladder(document))
    print("\nSums, beside a memcpy of as many bytes\n")
    print(sums(document))
    bad = [c["id"] for c in document["cells"] if c["status"] in ("invalid", "failed")]
    for name in bad:
        print("not valid: %s" % name)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
