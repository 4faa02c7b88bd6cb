"""The other runners, used on the same two folders as their users would: A, then B, and what they say of the two.

Each answers {function: {"verdict", "ratio"}} per pair; several names when it says several things of one measurement."""
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess

import table

HERE = os.path.dirname(os.path.abspath(__file__))
PINNED = ["pyperf==2.10.0", "pytest==9.2.0", "pytest-benchmark==5.3.1"]
SMALLEST = 0.01  # from which a gate on pytest-benchmark's figures would fail: half of what is to be found
COMMAND_NS = 300e6  # of one process for hyperfine
SECONDS = 600  # no peer takes longer for a pair


class Unavailable(Exception):
    """A peer that cannot be had, with the reason."""


def run(command, folder=None):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False,
                          env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    if done.returncode:
        raise Unavailable(f"{os.path.basename(command[0])} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-200:]}")
    return done.stdout


def environment(folder, python):
    """The virtual environment with the pinned peers, made once; its python."""
    home = os.path.join(folder, "peers")
    ours, mark = os.path.join(home, "bin", "python3"), os.path.join(home, "pinned.txt")
    try:
        with open(mark, encoding="utf-8") as f:
            if f.read().split() == PINNED:
                return ours
    except OSError:
        pass
    try:
        run([python, "-m", "venv", "--clear", home])
        run([ours, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PINNED])
    except (OSError, subprocess.TimeoutExpired, Unavailable) as e:
        raise Unavailable(str(e)) from None
    with open(mark, "w", encoding="utf-8") as f:
        f.write("\n".join(PINNED))
    return ours


def direction(ratio, differs):
    return ("slower" if ratio > 1 else "faster") if differs else "none"


class Pyperf:
    """Its own comparison: a t test at 95 % on all values."""

    def __init__(self, folder, python, *options):
        self.python, self.options, self.work = environment(folder, python), options, folder
        self.name = " ".join(("pyperf", *options))
        self.version = PINNED[0]

    def pair(self, a, b, functions):
        files = [os.path.join(self.work, f"pyperf-{side}.json") for side in "ab"]
        for folder, file in zip((a, b), files):
            if os.path.exists(file):
                os.unlink(file)
            run([self.python, os.path.join(HERE, "peer_pyperf.py"), *self.options, "-q", "-o", file], folder)
        means = [means_of(file) for file in files]
        return {self.name: {f: self.judge(files, f, means[1][f] / means[0][f]) for f in functions}}

    def judge(self, files, function, ratio):
        said = run([self.python, "-m", "pyperf", "compare_to", "-v", "-b", function, *files])
        return {"ratio": ratio, "verdict": direction(ratio, significant(said))}


def significant(said):
    """What `pyperf compare_to -v` says of one benchmark."""
    found = re.findall(r"^(Significant|Not significant)\b", said, re.MULTILINE)
    if len(found) != 1:
        raise Unavailable(f"pyperf compare_to says something unknown: {said.strip()[-200:]!r}")
    return found[0] == "Significant"


def means_of(file):
    with open(file, encoding="utf-8") as f:
        document = json.load(f)
    return {b.get("metadata", {}).get("name") or document["metadata"]["name"]:
            statistics.fmean(v for r in b["runs"] for v in r.get("values", ())) for b in document["benchmarks"]}


class PytestBenchmark:
    """It has no test: a gate (--benchmark-compare-fail=FIGURE:1%) on one of its figures, in both directions."""
    figures = ("min", "mean", "median")

    def __init__(self, folder, python):
        self.python, self.work = environment(folder, python), folder
        self.name = "pytest-benchmark"
        self.version = PINNED[2]

    def pair(self, a, b, functions):
        seen = [self.stats(folder, side) for folder, side in ((a, "a"), (b, "b"))]
        out = {}
        for figure in self.figures:
            ratios = {f: seen[1][f][figure] / seen[0][f][figure] for f in functions}
            out[f"{self.name} {figure}"] = {f: {"ratio": r, "verdict": direction(r, max(r, 1 / r) > 1 + SMALLEST)} for f, r in ratios.items()}
        return out

    def stats(self, folder, side):
        file = os.path.join(self.work, f"pytest-{side}.json")
        if os.path.exists(file):
            os.unlink(file)
        run([self.python, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", folder, "-p", "no:cacheprovider",
             os.path.join(HERE, "peer_pytest.py"), f"--benchmark-json={file}"], folder)
        with open(file, encoding="utf-8") as f:
            return {b["params"]["name"]: b["stats"] for b in json.load(f)["benchmarks"]}


class Hyperfine:
    """Two commands that call the function so often that a process takes 0.3 s; its authors' advice for a verdict is
    Welch's t test on the times it exports (scripts/welch_ttest.py there), at 5 %."""

    def __init__(self, folder, python, ns_of):
        """ns_of(function): of one call."""
        self.program = shutil.which("hyperfine")
        if not self.program:
            raise Unavailable("hyperfine is not installed: apt-get install hyperfine")
        self.work, self.python, self.ns_of = folder, python, ns_of
        self.name = "hyperfine"
        self.version = run([self.program, "--version"]).strip()

    def pair(self, a, b, functions):
        out = {}
        for function in functions:
            file = os.path.join(self.work, "hyperfine.json")
            n = max(1, int(COMMAND_NS / self.ns_of(function)))
            run([self.program, "-N", "--style", "none", "--warmup", "1", "--export-json", file,
                 *(shlex.join((self.python, os.path.join(HERE, "peer_loop.py"), folder, function, str(n))) for folder in (a, b))])
            with open(file, encoding="utf-8") as f:
                of_a, of_b = (r["times"] for r in json.load(f)["results"])
            ratio = statistics.fmean(of_b) / statistics.fmean(of_a)
            out[function] = {"ratio": ratio, "verdict": direction(ratio, table.welch_p(of_a, of_b) < 0.05)}
        return {self.name: out}


def all_of_them(folder, python, ns_of):
    """[peer], {name: why it cannot be had}."""
    wanted = {"pyperf --fast": lambda: Pyperf(folder, python, "--fast"), "pyperf": lambda: Pyperf(folder, python),
              "pytest-benchmark": lambda: PytestBenchmark(folder, python), "hyperfine": lambda: Hyperfine(folder, python, ns_of)}
    found, missing = [], {}
    os.makedirs(folder, exist_ok=True)
    for name, make in wanted.items():
        try:
            found.append(make())
        except Unavailable as e:
            missing[name] = str(e)
    return found, missing
