"""From records to rows. A record is one JSON object per line of the results file:

trial   one pair by one tool: {"kind":"trial","tool","function","purpose","nominal","truth","load","seconds","verdict","ratio",
        "lo","hi","smallest_effect"}; purpose "verdict" (budget of 10 s), "smallest" or "precision" (--precision 1%)
figure  one figure of something else: {"kind":"figure","name","value", …}
failed  {"kind":"failed","what","reason"}: benchd gave no answer
missing a peer that could not be had: {"kind":"missing","tool","reason"}

Bars for counts of n are those of the design for n = 400, taken to other n by the same reasoning: a true 5 % stays within
them in 95 % of all repetitions."""
import json
import math
import statistics

ALPHA = 0.05
FEW = 100  # pairs
FUNCTIONS = {"bench_spin": "(a) 200 ns native loop", "bench_fastcall": "(b) FASTCALL add", "bench_ctypes": "(b) ctypes add",
             "bench_call": "(c) pure-Python call"}
OURS = "benchd"
PEERS = ("pyperf --fast", "pyperf", "pytest-benchmark min", "pytest-benchmark mean", "pytest-benchmark median", "hyperfine")


# ---- statistics ----------------------------------------------------------------------------------------------------


def wilson(k, n, z=1.959964):
    """Interval of a proportion (Wilson 1927)."""
    if n == 0:
        return (0.0, 1.0)
    p, q = k / n, z * z / n
    middle, half = (p + q / 2) / (1 + q), z * math.sqrt(p * (1 - p) / n + q / (4 * n)) / (1 + q)
    return (0.0 if k == 0 else middle - half, 1.0 if k == n else middle + half)


def most_by_chance(n, p=ALPHA, share=0.95):
    """The smallest k with P(X ≤ k) ≥ share for a binomial X(n, p)."""
    total, term = 0.0, (1 - p) ** n
    for k in range(n + 1):
        total += term
        if total >= share:
            return k
        term *= (n - k) / (k + 1) * p / (1 - p)
    return n


def t_tail(t, df):
    """P(|T| > t), by Simpson's rule on the density; t in units of its own, df > 0."""
    if t == 0:
        return 1.0
    # x = sqrt(df) tan(a) makes the area finite: cos(a)^(df - 1) from atan(t / sqrt(df)) to pi / 2
    a, b, n = math.atan(abs(t) / math.sqrt(df)), math.pi / 2, 2000

    def area(lo, hi):
        h = (hi - lo) / n
        return h / 3 * sum((1 if i in (0, n) else 4 if i % 2 else 2) * max(0.0, math.cos(lo + i * h)) ** (df - 1) for i in range(n + 1))

    return min(1.0, area(a, b) / area(0, b))


def welch_p(x, y):
    """p of Welch's t test, two-sided."""
    vx, vy = statistics.variance(x) / len(x), statistics.variance(y) / len(y)
    if vx + vy == 0:
        return 1.0 if statistics.fmean(x) == statistics.fmean(y) else 0.0
    df = (vx + vy) ** 2 / (vx ** 2 / (len(x) - 1) + vy ** 2 / (len(y) - 1))
    return t_tail((statistics.fmean(x) - statistics.fmean(y)) / math.sqrt(vx + vy), df)


# ---- records ---------------------------------------------------------------------------------------------------------


def read(path):
    """Records of a file; none where there is no file."""
    try:
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.endswith("\n")]
    except FileNotFoundError:
        return []


def trials(records, **wanted):
    return [r for r in records if r["kind"] == "trial" and all(r[k] == v for k, v in wanted.items())]


def figures(records, name):
    return [r["value"] for r in records if r["kind"] == "figure" and r["name"] == name]


def decided(t):
    return t["verdict"] in ("slower", "faster")


def covers(t):
    return t["lo"] is not None and t["lo"] <= t["truth"] <= t["hi"]


def error(t):
    return abs(t["ratio"] / t["truth"] - 1)


# ---- cells -------------------------------------------------------------------------------------------------------------


def count(k, n):
    lo, hi = wilson(k, n)
    return f"{k}/{n} [{lo:.1%}, {hi:.1%}]"


def mark(ok, n=FEW):
    """n: of how many pairs; a few say little either way."""
    return "" if ok is None else ("reached" if ok else "**missed**") + ("" if n >= FEW else ", of few")


class Table:
    """Rows: what, bar, measured, verdict, and what each peer did."""

    def __init__(self, records):
        self.records, self.lines = records, []
        # of one that failed now and then there are figures all the same
        there = {r["tool"] for r in records if r["kind"] == "trial"} | {r["tool"].partition(" ")[0] for r in records if r["kind"] == "trial" and r["tool"].startswith("pytest")}
        self.missing = {r["tool"]: r["reason"] for r in records if r["kind"] == "missing" and r["tool"] not in there}

    def add(self, what, bar, measured, ok, peers=None, n=FEW):
        self.lines.append((what, bar, measured, mark(ok, n), *([peers] if peers is not None else [])))

    def peers(self, say, **wanted):
        """What say(trials) makes of each peer's trials."""
        told = []
        for name in PEERS:
            found = trials(self.records, tool=name, **wanted)
            if found:
                told.append(f"{name} {say(found)}")
        told += [f"{name} not available ({reason})" for name, reason in self.missing.items()]
        return "; ".join(told) or "–"

    # ---- rows about pairs ----

    def false_alarms(self):
        for load in (False, True):
            for function, title in FUNCTIONS.items():
                wanted = {"function": function, "nominal": 0.0, "load": load, "purpose": "verdict"}
                ours = trials(self.records, tool=OURS, **wanted)
                if not ours:
                    continue
                k, n = sum(map(decided, ours)), len(ours)
                self.add(f"false alarms, {title}, {'a load toggles' if load else 'quiet'}", f"≤ {most_by_chance(n)} of {n}", count(k, n),
                         k <= most_by_chance(n), self.peers(lambda ts: f"{sum(map(decided, ts))}/{len(ts)}", **wanted), n)

    def equal(self):
        for function, title in FUNCTIONS.items():
            ours = trials(self.records, tool=OURS, function=function, nominal=0.0, load=False, purpose="verdict")
            said = [t for t in ours if t["verdict"] == "no difference"]
            if not ours:
                continue
            upto = f", of ≥ {statistics.median(t['equivalence'] for t in said):.1%} as the median" if said else ""
            effects = [t["smallest_effect"] for t in ours if t["smallest_effect"] is not None]
            seen = f"; `smallest_effect` {statistics.median(effects):.2%} as the median" if effects else ""
            self.add(f"equal copies: `no difference`, {title}", "–", count(len(said), len(ours)) + upto + seen, None, "none says so")

    def coverage(self):
        for function, title in FUNCTIONS.items():
            for nominal in (0.0, 0.02, 0.10):
                ours = [t for t in trials(self.records, tool=OURS, function=function, nominal=nominal, load=False, purpose="verdict") if t["lo"] is not None]
                if not ours:
                    continue
                k, n = sum(map(covers, ours)), len(ours)
                bar = n - most_by_chance(n) - (1 if n >= 400 else 0)  # 372 of 400
                truth = statistics.median(t["truth"] for t in ours)
                self.add(f"the interval covers the truth, {title}, true {truth:.4f}", f"≥ {bar} of {n}", count(k, n), k >= bar, "–", n)

    def power(self):
        for function, title in FUNCTIONS.items():
            wanted = {"function": function, "nominal": 0.02, "load": False, "purpose": "verdict"}
            ours = trials(self.records, tool=OURS, **wanted)
            if not ours:
                continue
            barred = function == "bench_spin"  # the others see what they can, and say so: smallest_effect
            found = [t for t in ours if t["verdict"] == "slower"]
            k, n = len(found), len(ours)
            self.add(f"+2 % is found, {title}", "≥ 95 %" if barred else "–", count(k, n), k >= 0.95 * n if barred else None,
                     self.peers(lambda ts: f"{sum(t['verdict'] == 'slower' for t in ts)}/{len(ts)}", **wanted), n)
            seconds = statistics.median(t["seconds"] for t in found) if found else None
            self.add(f"time until then, {title}", "median ≤ 5 s" if barred else "–", f"{seconds:.1f} s" if found else "never found",
                     (bool(found) and seconds <= 5) if barred else None,
                     self.peers(lambda ts: f"{statistics.median(t['seconds'] for t in ts):.1f} s", **wanted), n)
            typical = statistics.median(map(error, ours))
            self.add(f"error of the ratio, {title}", "median ≤ 0.3 %" if barred else "–", f"{typical:.2%}, at most {max(map(error, ours)):.2%}",
                     typical <= 0.003 if barred else None,
                     self.peers(lambda ts: f"{statistics.median(map(error, ts)):.2%} (at most {max(map(error, ts)):.1%})", **wanted), n)

    def smallest(self):
        for function, title in list(FUNCTIONS.items())[1:]:
            ours = trials(self.records, tool=OURS, function=function, purpose="smallest")
            if not ours:
                continue
            k, n = sum(t["verdict"] == "slower" for t in ours), len(ours)
            effects = sorted(t["truth"] - 1 for t in ours)
            self.add(f"power at the printed `smallest_effect`, {title} (+{effects[0]:.2%} to +{effects[-1]:.2%})", "80 % ± 10", count(k, n),
                     0.7 <= k / n <= 0.9, "none prints one", n)

    def precision(self):
        ours = trials(self.records, tool=OURS, purpose="precision")
        theirs = [t for t in trials(self.records, tool="pyperf", function="bench_spin", purpose="verdict") if not t["load"]]
        if not ours:
            return
        seconds, n = statistics.median(t["seconds"] for t in ours), len(ours)
        within = sum(error(t) <= 0.01 for t in ours)
        bar = statistics.median(t["seconds"] for t in theirs) / 5 if theirs else 28.7 / 5
        said = f"pyperf {statistics.median(t['seconds'] for t in theirs):.1f} s, {sum(error(t) <= 0.01 for t in theirs)}/{len(theirs)} within" if theirs else \
            f"pyperf not measured here ({self.missing.get('pyperf', 'not asked for')}); 28.7 s by the design"
        self.add("time to a true ±1 %, (a) 200 ns native loop", f"≤ ⅕ of pyperf's default: {bar:.1f} s; within in ≥ 95 %",
                 f"median {seconds:.1f} s, {count(within, n)} within", seconds <= bar and within >= 0.95 * n, said, n)

    def unanswered(self):
        failed = [r for r in self.records if r["kind"] == "failed"]
        n = len(trials(self.records, tool=OURS))
        if n or failed:
            reasons = "; ".join(sorted({r["reason"][:120] for r in failed})[:3])
            self.add("pairs and figures without an answer (a cell failed or was invalid)", "0", f"{len(failed)} beside {n}" + (f": {reasons}" if failed else ""),
                     not failed, "–")

    # ---- rows about figures ----

    def figure(self, name, what, bar, say, limit):
        """The worst of what was measured decides; limit(value) → bool, None = no bar."""
        values = figures(self.records, name)
        if not values:
            reasons = [r["reason"] for r in self.records if r["kind"] == "figure_missing" and r["name"] == name]
            if reasons:
                self.add(what, bar, f"not available ({reasons[-1]})", None)
            return
        told = say(min(values)) if min(values) == max(values) else f"{say(min(values))} – {say(max(values))} ({len(values)} times)"
        self.add(what, bar, told, None if limit is None else all(map(limit, values)))

    def print(self, header):
        if self.lines:
            print(header)
            for line in self.lines:
                print("| " + " | ".join(line) + " |")
            print(flush=True)


def show(records):
    """All rows for which there are records."""
    pairs = Table(records)
    for rows in (pairs.false_alarms, pairs.equal, pairs.coverage, pairs.power, pairs.smallest, pairs.precision, pairs.unanswered):
        rows()
    pairs.print("| what | bar | benchd | | beside it |\n|---|---|---|---|---|")
    rest = Table(records)
    for row in FIGURES:
        rest.figure(*row)
    rest.print("| what | bar | measured | |\n|---|---|---|---|")


FIGURES = (
    ("first_s", "first live number, daemon not running before", "≤ 5 s", "{:.2f} s".format, lambda v: v <= 5),
    ("suite_s", "default suite, whole command", "≤ 60 s", "{:.1f} s".format, lambda v: v <= 60),
    ("batch_share", "`batch_s` ÷ `measure_s` of the default suite", "≥ 0.95", "{:.3f}".format, lambda v: v >= 0.95),
    ("setup_share", "`setup_s` ÷ `wall_s` of the default suite", "≤ 0.20", "{:.3f}".format, lambda v: v <= 0.20),
    ("sums", "`setup_s` + `measure_s` of `wall_s`, all runs of this bench", "within 2 %, batches inside measuring", "{:.4f}".format, lambda v: 0.98 <= v <= 1.0005),
    ("batches_inside", "`batch_s` ÷ `measure_s`, all runs of this bench", "≤ 1", "{:.3f}".format, lambda v: 0 < v <= 1.0005),
    ("ab_setup_share", "`setup_s` ÷ `wall_s` of comparisons", "–", "{:.3f}".format, None),
    ("planned", "wall time ÷ what --dry-run expected, suites and ab", "0.8 … 1.2", "{:.3f}".format, lambda v: 0.8 <= v <= 1.2),
    ("start_ms", "worker start to first batch", "≤ 150 ms", "{:.0f} ms".format, lambda v: v <= 150),
    ("recompute_s", "1 M samples, all cells recomputed (`runs show --recompute`)", "≤ 2 s", "{:.2f} s".format, lambda v: v <= 2),
    ("caller_ns", "caller = C: a batch over the hand-written loop inside it, timed by itself, per iteration", "≤ 0.3 ns", "{:.5f} ns".format, lambda v: v <= 0.3),
)
