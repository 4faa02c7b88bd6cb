"""What caller=c adds to a call: benchd's loop of C against one written by hand, which calls the same function by the same pointer,
in one process, in turn; and what the loop of bytecode adds. Prints medians over launches.

usage: caller.py BUILD/bin [LAUNCHES [INTERPRETER]]"""
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = 15


def build(folder, executable):
    """The hand-written loop, with the flags that bindings have."""
    code = "import sysconfig; print(sysconfig.get_path('include'))"
    include = subprocess.run([executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    path = os.path.join(folder, "hand.so")
    subprocess.run(["cc", "-O3", "-DNDEBUG", "-fPIC", "-shared", "-I" + include, os.path.join(HERE, "hand.c"), "-o", path], check=True)
    return path


def launch(bw, hand, number, python):
    """Medians of ns per call: {row: ns}."""
    rows = {"hand": {"case": "hand"}, "c": {"case": "ffi.call.scalar", "caller": "c"},
            "python": {"case": "ffi.call.scalar"}, "python x1": {"case": "ffi.call.scalar", "unroll": "1"},
            "nothing": {"case": "ffi.null", "binding": "plain", "calls": "nothing"},
            "nothing x1": {"case": "ffi.null", "binding": "plain", "calls": "nothing", "unroll": "1"}}
    with bw.Worker(python, env={"BENCHD_CASES": os.path.join(HERE, "cases"), "BENCH_HAND": hand}) as w:
        w.hello()
        answers = w.prepare([bw.cell(i, **kinds) for i, kinds in enumerate(rows.values())], seed=number + 1)
        for row, answer in zip(rows, answers):
            if answer["status"] != "ok":
                raise SystemExit("%s: %s" % (row, answer["reason"]["message"]))
        found = {row: [] for row in rows}
        for turn in range(ROUNDS):
            order = list(enumerate(rows))
            for i, row in order if turn % 2 else reversed(order):
                iterations = max(answers[i]["iterations"] // 4, 10)
                sample = w.batch(i, iterations=iterations)
                found[row].append(sample["thread_cpu_ns"][0] / sample["ops"][0] / (1000 if row == "hand" else 1))
        w.bye(len(rows))
        return {row: statistics.median(ns) for row, ns in found.items()}, statistics.median(
            c - h for c, h in zip(found["c"], found["hand"]))


def main(programs, launches="8", python=None):
    os.environ["BENCHD_BUILD"] = os.path.dirname(os.path.abspath(programs))
    sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "worker"))
    import bench_worker as bw
    with tempfile.TemporaryDirectory() as folder:
        interpreter, = (i for i in bw.interpreters() if i["id"] == (python or bw.default()["id"]))
        hand = build(folder, interpreter["executable"])
        seen = [launch(bw, hand, n, interpreter) for n in range(int(launches))]
    for row in seen[0][0]:
        print("%-12s %7.2f ns per call" % (row, statistics.median(figures[row] for figures, _ in seen)))
    added = statistics.median(more for _, more in seen)
    print("caller=c adds %.3f ns per call to the loop written by hand (bar: <= 0.3 ns)" % added)
    return 0 if added <= 0.3 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
