"""ffi.chain beside dyu/ffi-overhead: the published program in C and ours in turns, and that both did the same work.

Theirs is fetched into the cache at one commit and built with the flags it has there (-O2, the function in a shared object). Its loop
runs while x is below n; that this took n calls is counted once by a plusone that is loaded before its own. A cell of ours is INVALID,
and no figure, unless x is n in the end."""
import os
import re
import statistics
import subprocess

URL = "https://github.com/dyu/ffi-overhead"
COMMIT = "19b1e70788c9877f2d1c3dd3e7713ea9ee0bee5e"
COUNT = 200_000_000
COUNTED = 1_000_000
COUNTER = """
#include <stdio.h>
static unsigned long calls;
int plusone(int x) { calls++; return x + 1; }
__attribute__((destructor)) static void tell(void) { fprintf(stderr, "%lu", calls); }
"""
BUDGET_S = 3


def run(bench, *command, **more):
    return ran(bench, *command, **more).stdout


def ran(bench, *command, **more):
    if "input" not in more:
        more["stdin"] = subprocess.DEVNULL
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    except OSError as e:
        raise bench.Unavailable(str(e)) from None
    if done.returncode:
        raise bench.Unavailable("%s: %s" % (command[0], (done.stderr or done.stdout).strip()[-200:]))
    return done


def built(bench):
    """Its program, which takes the number of calls and prints milliseconds."""
    home = os.path.join(bench.cache, "ffi-overhead")
    source = os.environ.get("BENCHD_FFI_OVERHEAD") or URL
    if not os.path.isdir(os.path.join(home, ".git")):
        run(bench, "git", "clone", "-q", "--no-checkout", source, home)
    run(bench, "git", "-C", home, "checkout", "-q", COMMIT)
    library, program = os.path.join(home, "newplus", "libnewplus.so"), os.path.join(home, "c_hello")
    run(bench, "cc", "-O2", "-fPIC", "-shared", "-o", library, os.path.join(home, "newplus", "plus.c"))
    run(bench, "cc", "-O2", "-o", program, os.path.join(home, "hello.c"), "-I" + home, "-I" + os.path.join(home, "newplus"), "-L" + os.path.dirname(library),
        "-lnewplus", "-Wl,-rpath," + os.path.dirname(library))
    return program


def calls(bench, program):
    """How often it calls plusone when it is asked for COUNTED turns."""
    counter = os.path.join(os.path.dirname(program), "counter.so")
    run(bench, "cc", "-O2", "-fPIC", "-shared", "-x", "c", "-", "-o", counter, input=COUNTER)
    return int(ran(bench, program, str(COUNTED), env=dict(os.environ, LD_PRELOAD=counter)).stderr)


def measure(bench):
    program = built(bench)
    same = calls(bench, program) == COUNTED
    theirs, ours, loops = [], [], []
    for _ in range(bench.launches):
        milliseconds = run(bench, program, str(COUNT))
        theirs.append(float(re.search(r"[0-9.]+", milliseconds).group()) * 1e6 / COUNT)
        cells, _ = bench.cells("ffi.chain", "--binding", "plain:c,plain:python,capi:fastcall", "--axis", "unroll=1", "--budget", "%ds" % BUDGET_S)
        found = {c["axes"]["binding"]: c["time_ns_per_op"]["median"] for c in cells}
        ours.append(found["plain:c"])
        loops.append((found["capi:fastcall"], found["plain:python"]))
    a, b = statistics.median(ours), statistics.median(theirs)
    yield ("ffi.chain in C beside dyu/ffi-overhead's C, %d launches of each in turns" % len(theirs), "the same work: x = n after n calls",
           "%.3f and %.3f ns per call, ratio %.3f" % (a, b, a / b), same)
    yield ("ffi.chain by FASTCALL, and in plain Python", "–", "%.2f and %.2f ns" % tuple(statistics.median(side) for side in zip(*loops)), None)
