"""What is no pair: the default suite, starts of workers, recomputing, the caller, plans."""
import json
import os
import pty
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import ours

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FIGURE = re.compile(rb"\d(\.\d+)? ?(ns|\xc2\xb5s|us|ms)\b")
STARTS = 15
SAMPLES = 1_000_000
PLANNED = (("gil-contention",), ("gil-contention", "--threads", "1,2", "--budget", "20s"), ("empty-loop", "--budget", "8s"))


def watched(benchd_bin, data):
    """The default suite as a user runs it, with a terminal on standard error so that the live line is there to be timed:
    (seconds to the first live figure, seconds in all, exit status, document)."""
    master, slave = pty.openpty()
    environment = dict(os.environ, BENCHD_DATA=data, TERM="xterm", COLUMNS="120")
    start = time.monotonic()
    process = subprocess.Popen([f"{benchd_bin}/benchctl", "run", "gil-contention", "--json"], env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    first, seen, out = None, b"", b""
    streams = {master, process.stdout.fileno()}
    while streams:
        for fd in select.select(list(streams), [], [])[0]:
            try:
                chunk = os.read(fd, 65536)
            except OSError:  # the terminal's other side is closed
                chunk = b""
            if not chunk:
                streams.discard(fd)
            elif fd == master:
                seen += chunk
                if first is None and FIGURE.search(seen):
                    first = time.monotonic() - start
            else:
                out += chunk
    os.close(master)
    status = process.wait()
    return first, time.monotonic() - start, status, json.loads(out)


def suite(benchd, records, _):
    data = tempfile.mkdtemp(prefix="benchd-bench-")  # no daemon runs there yet
    try:
        first, total, status, document = watched(benchd.bin, data)
    finally:
        subprocess.run([f"{benchd.bin}/benchctl", "daemon", "stop"], env=dict(os.environ, BENCHD_DATA=data),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(data, ignore_errors=True)
    if status or first is None:
        raise ours.Failed(f"the default suite ended with {status}; first live figure: {first}")
    run = document["run"]
    benchd.account(run)
    for name, value in (("first_s", first), ("suite_s", total), ("batch_share", run["batch_s"] / run["measure_s"]),
                        ("setup_share", run["setup_s"] / run["wall_s"])):
        records.figure(name, value)


def start(benchd, records, _):
    """From before the worker is started until the clock of its first batch, as benchd drives it: one cell, prepared
    (verified), warmed up and measured."""
    os.environ["BENCHD_BUILD"] = os.path.dirname(benchd.bin)
    sys.path.insert(0, os.path.join(ROOT, "tests", "worker"))
    import bench_worker
    taken = []
    for _ in range(STARTS):
        begin = time.monotonic_ns()
        with bench_worker.Worker() as worker:
            worker.hello()
            worker.prepare([bench_worker.cell(case="empty-loop", binding="plain", iterations=100_000)])
            worker.ask("warm", cell=0, processors=bench_worker.processors(), iterations=10_000)
            sample = worker.batch(0, iterations=100_000)
            taken.append((sample["start_ns"] - begin) / 1e6)
            worker.bye(1)
    records.figure("start_ms", statistics.median(taken))


def recompute(benchd, records, _):
    home = tempfile.mkdtemp(prefix="benchd-bench-")
    environment = dict(os.environ, BENCHD_DATA=os.path.join(home, "d"))
    benchctl = f"{benchd.bin}/benchctl"
    try:
        subprocess.run([os.path.join(os.path.dirname(benchd.bin), "bench", "seed"), environment["BENCHD_DATA"], "1", str(SAMPLES)],
                       stdout=subprocess.DEVNULL, check=True)
        subprocess.run([benchctl, "daemon", "start"], env=environment, stdout=subprocess.DEVNULL, check=True)
        begin = time.monotonic()
        done = subprocess.run([benchctl, "runs", "show", "latest", "--recompute", "--json"], env=environment, capture_output=True, text=True, check=False)
        if done.returncode in ours.STATUSES:
            json.loads(done.stdout)
            records.figure("recompute_s", time.monotonic() - begin)
        else:
            records.lacking("recompute_s", done.stderr.strip()[-200:])
    finally:
        subprocess.run([benchctl, "daemon", "stop"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(home, ignore_errors=True)


def samples_of(benchd, run):
    """All batches of a run, as the daemon has them."""
    status = benchd.ask("daemon", "status")
    with open(status["token_file"], encoding="utf-8") as f:
        token = f.read().strip()
    request = urllib.request.Request(f"{status['url']}/api/v1/runs/{run}/samples", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["samples"]


def caller(benchd, records, _):
    """A loop in C that times itself, against what benchd says of the same batches: what its own caller adds to each
    operation."""
    home = tempfile.mkdtemp(prefix="benchd-bench-")
    told, plugin = os.path.join(home, "told.txt"), os.path.join(home, "calls.so")
    try:
        built = subprocess.run(["cc", "-O2", "-fPIC", "-shared", "-Wl,--build-id", f'-DFILE_NAME="{told}"', "-I", os.path.join(ROOT, "include"),
                                os.path.join(HERE, "caller.c"), "-o", plugin], capture_output=True, text=True, check=False)
        if built.returncode:
            records.lacking("caller_ns", built.stderr.strip().splitlines()[0][-200:])
            return
        document = benchd.ask("run", plugin, "--launches", "6", "--rounds", "20", statuses=(0, 2))
        cell = document["cells"][0]
        if cell["status"] != "ok":
            raise ours.Failed(f"{cell['id']}: {cell['reason']['message']}")
        with open(told, encoding="utf-8") as f:
            inside = sorted(tuple(map(int, line.split())) for line in f)
        added = []
        for s in samples_of(benchd, document["run"]["id"]):
            end, ops = s["start_ns"] + s["wall_ns"], sum(t["ops"] for t in s["threads"])
            within = [(n, ns) for start, n, ns in inside if s["start_ns"] <= start <= end]
            if len(within) == 1 and within[0][0] == ops:
                added.append((s["wall_ns"] - within[0][1]) / ops)
        if len(added) < 100:
            raise ours.Failed(f"only {len(added)} batches of the C loop were found again")
        records.figure("caller_ns", statistics.median(added))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def told(records, what, run, expected):
    print(f"  {what}: {run['wall_s']:.1f} s, {expected:.1f} expected; set-up {run['setup_s']:.1f}, measuring {run['measure_s']:.1f}, batches "
          f"{run['batch_s']:.1f}, {run['launches']} launches × {run['rounds']}", file=sys.stderr, flush=True)
    records.figure("planned", run["wall_s"] / expected)


def plan(benchd, records, session):
    """What --dry-run expects against the wall time; of `ab` where nothing could stop it early."""
    for words in PLANNED:
        expected = benchd.ask("run", *words, "--dry-run")["expected_s"]
        run = benchd.ask("run", *words)["run"]
        benchd.account(run)
        told(records, " ".join(words), run, expected)
    for workload in session.options.workloads.split(","):
        a, b, _ = session.workloads.pair(workload, 0.0)
        words = ("ab", "--a", a, "--b", b, "bench.py", "--budget", f"{ours.BUDGET_S}s", "--equivalence", "0.01%")
        expected = benchd.ask(*words, "--dry-run")["expected_s"]
        run = benchd.ask(*words, statuses=ours.STATUSES)["run"]
        benchd.account(run)
        told(records, f"ab {workload}", run, expected)


MEASURE = {"suite": suite, "start": start, "recompute": recompute, "caller": caller, "plan": plan}
