"""The order of bindings: benchd's suite quick and pyperf, on the same functions of the same modules."""
import json
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PYPERF = "pyperf==2.10.0"


def environment(bench, executable):
    """The python of an environment with pyperf, made once in the cache."""
    home = os.path.join(bench.cache, "pyperf-" + os.path.basename(bench.interpreter()[0]))
    python, mark = os.path.join(home, "bin", "python3"), os.path.join(home, PYPERF)
    if os.path.exists(mark):
        return python
    for command in ([executable, "-m", "venv", "--clear", home], [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", PYPERF]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise bench.Unavailable("%s: %s" % (PYPERF, (done.stderr or done.stdout).strip()[-200:]))
    open(mark, "w", encoding="utf-8").close()
    return python


def theirs(bench, python, folder, binding):
    """Nanoseconds per call as pyperf sees them; None when the binding cannot be loaded there."""
    with tempfile.TemporaryDirectory(prefix="benchd-bench-") as home:
        out = os.path.join(home, "out.json")
        done = subprocess.run([python, os.path.join(HERE, "peer_pyperf.py"), "--fast", "-q", "-o", out, "--folder", folder, "--home", bench.home,
                               "--binding", binding], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise bench.Unavailable("pyperf on %s: %s" % (binding, (done.stderr or done.stdout).strip()[-200:]))
        with open(out, encoding="utf-8") as f:
            runs = json.load(f)["benchmarks"][0]["runs"]
    values = sorted(v for r in runs for v in r.get("values", ()))
    return values[len(values) // 2] * 1e9


def tau(a, b):
    """Kendall's, of two lists of the same length; pairs that tie in either count half."""
    score = pairs = 0
    for i in range(len(a)):
        for j in range(i):
            x, y = (a[i] > a[j]) - (a[i] < a[j]), (b[i] > b[j]) - (b[i] < b[j])
            pairs += 1
            score += x * y
    return score / pairs


def measure(bench):
    python, executable = bench.interpreter()
    peer = environment(bench, executable)
    cells, _ = bench.cells("quick", "--python", python)
    ours = {c["axes"]["binding"]: c["time_ns_per_op"]["median"] for c in cells if c["axes"].get("caller") != "c"}
    if len(ours) < 3:
        raise bench.Unavailable("fewer than three bindings are built for %s" % python)
    folder = os.path.join(bench.home, "interpreters", python)
    other = {binding: theirs(bench, peer, folder, binding) for binding in ours}
    t = tau([ours[b] for b in ours], [other[b] for b in ours])
    yield ("order of %d bindings against pyperf on the same modules, Kendall's τ" % len(ours), "≥ 0.9", "%.3f" % t, t >= 0.9)
    for b in sorted(ours, key=ours.get):
        yield "%s: benchd, pyperf" % b, "–", "%.1f ns, %.1f ns" % (ours[b], other[b]), None
