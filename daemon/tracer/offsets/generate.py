#!/usr/bin/env python3
"""Writes ../offsets.c from CPython's own headers.

    generate.py [--include DIR]... [--output FILE] [--merge FILE]

Compiles row.c against every header set found (the usual system folders, pyenv's versions, what ./dev python and
./dev test-in keep in their cache, and --include), in the default, debug and, where the version knows it, free-threaded
variants, and prints two tables: what the headers say, and where _Py_DebugOffsets keeps what. Header sets of one version
must agree. --merge keeps the rows of FILE for versions that have no headers here.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
OLDEST, NEWEST = 11, 15
FIRST_DEBUG = 13  # the first version with _Py_DebugOffsets
HEAD = """/* Written by offsets/generate.py; do not edit. Columns: offsets.h. */
/* clang-format off */
#include "offsets.h"

const struct bd_offsets bd_offsets_table[] = {
"""
BETWEEN = """};
const size_t bd_offsets_table_len = sizeof bd_offsets_table / sizeof bd_offsets_table[0];

const struct bd_debug_offsets bd_debug_offsets_table[] = {
"""
TAIL = """};
const size_t bd_debug_offsets_table_len = sizeof bd_debug_offsets_table / sizeof bd_debug_offsets_table[0];
"""


def header_sets(extra=()):
    """Folders that hold Python.h and the internal headers, with the minor version."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "benchd")
    found = {}
    for pattern in ["/usr/include/python3.*", "/usr/local/include/python3.*",
                    os.path.join(pyenv, "versions/*/include/python3.*"), os.path.join(cache, "python/*/include/python3.*"),
                    os.path.join(cache, "systems/*/usr/include/python3.*"), *extra]:
        for folder in glob.glob(pattern):
            try:
                with open(os.path.join(folder, "patchlevel.h")) as f:
                    text = f.read()
            except OSError:
                continue
            minor = int(re.search(r"#define\s+PY_MINOR_VERSION\s+(\d+)", text).group(1))
            if OLDEST <= minor <= NEWEST and os.path.isdir(os.path.join(folder, "internal")):
                found[os.path.realpath(folder)] = minor
    return sorted(found.items(), key=lambda x: (x[1], x[0]))


def variants(minor):
    yield []
    yield ["-DPy_DEBUG"]
    if minor >= 13:
        yield ["-DPy_GIL_DISABLED=1"]
        yield ["-DPy_GIL_DISABLED=1", "-DPy_DEBUG"]


def row(folder, flags, work):
    """The row of the offsets, and that of the debug offsets ("" where the version has none)."""
    program = os.path.join(work, "row")
    # a header set is one variant's own; what it defines itself gives way to the flags
    wrap = os.path.join(work, "Python.h")
    with open(wrap, "w") as f:
        f.write('#include "pyconfig.h"\n#undef Py_DEBUG\n#undef Py_GIL_DISABLED\n')
        for flag in flags:
            f.write(f"#define {flag[2:].replace('=', ' ')}\n")
        f.write("#include_next <Python.h>\n")
    # Debian keeps pyconfig.h in a folder of the architecture, beside the headers
    subprocess.run([os.environ.get("CC", "cc"), "-w", "-O0", "-I", work, "-I", folder, "-I", os.path.join(folder, "internal"),
                    "-I", os.path.join(folder, "internal", "mimalloc"), "-idirafter", os.path.dirname(folder),
                    os.path.join(HERE, "row.c"), "-o", program], check=True)
    return [subprocess.run([program, *args], check=True, stdout=subprocess.PIPE, text=True).stdout for args in ([], ["debug"])]


def key(text):
    minor, abiflags = re.match(r'\t\{(\d+), (?:"(\w*)")?', text).groups()
    return int(minor), "debug offsets" if abiflags is None else abiflags


def rows(sets):
    """By key (minor version, abiflags or "debug offsets")."""
    table = {}
    with tempfile.TemporaryDirectory() as work:
        for folder, minor in sets:
            for flags in variants(minor):
                for text in row(folder, flags, work):
                    # the size of .PyRuntime differs between patch levels, and only says which row is tried first
                    if text and without_sizes(table.setdefault(key(text), text)) != without_sizes(text):
                        sys.exit(f"{folder}: differs from another header set of the same version:\n{text}{table[key(text)]}")
    return table


def without_sizes(row):
    return row and re.sub(r'^(\t\{\d+, "\w*",) \d+, \d+,', r"\1", row)


def read(path):
    with open(path) as f:
        return {key(t): t for t in re.findall(r'\t\{\d+, "\w*".*?\}\},\n|\t\{\d+(?:, \d+)+\},\n', f.read(), re.DOTALL)}


def text_of(table):
    debug = [k for k in table if k[1] == "debug offsets"]
    return (HEAD + "".join(table[k] for k in sorted(set(table) - set(debug))) + BETWEEN +
            "".join(table[k] for k in sorted(debug)) + TAIL)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--include", action="append", default=[])
    p.add_argument("--output")
    p.add_argument("--merge")
    a = p.parse_args()
    table = read(a.merge) if a.merge else {}
    table.update(rows(header_sets(a.include)))
    text = text_of(table)
    if a.output:
        with open(a.output, "w") as f:
            f.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
