#!/usr/bin/env python3
"""Writes ../offsets.c from CPython's own headers.

    generate.py [--include DIR]... [--output FILE] [--merge FILE]

Compiles row.c against every header set found (the usual system folders, pyenv's versions and --include), in the
default, debug and, where the version knows it, free-threaded variants, and prints one table. Header sets of one
version must agree. --merge keeps the rows of FILE for versions that have no headers here.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
OLDEST = 11
HEAD = """/* Written by offsets/generate.py; do not edit. Columns: offsets.h. */
/* clang-format off */
#include "offsets.h"

const struct bd_offsets bd_offsets_table[] = {
"""
TAIL = """};
const size_t bd_offsets_table_len = sizeof bd_offsets_table / sizeof bd_offsets_table[0];
"""


def header_sets(extra=()):
    """Folders that hold Python.h and the internal headers, with the minor version."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = {}
    for pattern in ["/usr/include/python3.*", "/usr/local/include/python3.*",
                    os.path.join(pyenv, "versions/*/include/python3.*"), *extra]:
        for folder in glob.glob(pattern):
            try:
                with open(os.path.join(folder, "patchlevel.h")) as f:
                    text = f.read()
            except OSError:
                continue
            minor = int(re.search(r"#define\s+PY_MINOR_VERSION\s+(\d+)", text).group(1))
            # Debug offsets name everything from 3.14 on, so that no row is needed
            if OLDEST <= minor <= 13 and os.path.isdir(os.path.join(folder, "internal")):
                found[os.path.realpath(folder)] = minor
    return sorted(found.items(), key=lambda x: (x[1], x[0]))


def variants(minor):
    yield []
    yield ["-DPy_DEBUG"]
    if minor >= 13:
        yield ["-DPy_GIL_DISABLED=1"]
        yield ["-DPy_GIL_DISABLED=1", "-DPy_DEBUG"]


def row(folder, flags, work):
    program = os.path.join(work, "row")
    subprocess.run([os.environ.get("CC", "cc"), "-w", "-O0", *flags, "-I", folder, "-I", os.path.join(folder, "internal"),
                    "-I", os.path.join(folder, "internal", "mimalloc"), os.path.join(HERE, "row.c"), "-o", program], check=True)
    return subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout


def key(text):
    minor, abiflags = re.match(r'\t\{(\d+), "(\w*)"', text).groups()
    return int(minor), abiflags


def rows(sets):
    table = {}
    with tempfile.TemporaryDirectory() as work:
        for folder, minor in sets:
            for flags in variants(minor):
                text = row(folder, flags, work)
                if table.setdefault(key(text), text) != text:
                    sys.exit(f"{folder}: differs from another header set of the same version:\n{text}{table[key(text)]}")
    return table


def read(path):
    with open(path) as f:
        return {key(t): t for t in re.findall(r'\t\{\d+, "[^{]*\{[^}]*\}\},\n', f.read())}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--include", action="append", default=[])
    p.add_argument("--output")
    p.add_argument("--merge")
    a = p.parse_args()
    table = read(a.merge) if a.merge else {}
    table.update(rows(header_sets(a.include)))
    text = HEAD + "".join(table[k] for k in sorted(table)) + TAIL
    if a.output:
        with open(a.output, "w") as f:
            f.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
