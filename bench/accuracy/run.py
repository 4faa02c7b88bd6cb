"""How often benchd's statistics are wrong: `./dev bench accuracy`. Prints Markdown tables: what, measured, bar, verdict.

Whole runs on machines of known truth (tests/accuracy), from the first launch to the verdict, tens of thousands of pairs
each; beside them what is commonly done. Seeds are fixed: the same table every time. BENCHD_BENCH_PAIRS: pairs per row
(20,000)."""
import concurrent.futures
import json
import math
import os
import subprocess
import sys

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "bench", "accuracy")
PAIRS = int(os.environ.get("BENCHD_BENCH_PAIRS", "20000"))
RATIOS = ("1.00", "1.02", "1.10")
NAIVE = ("peeking", "t over rounds", "bootstrap over rounds")


def at_most(rate):
    """What a true `rate` stays below in 99.9 % of tables."""
    return rate + 3.09 * math.sqrt(rate * (1 - rate) / PAIRS)


def ask(row):
    way, world, ratio, pairs = row
    out = subprocess.run([PROGRAM, way, world, ratio, str(pairs), str(7 + RATIOS.index(ratio))],
                         capture_output=True, text=True, check=True)
    return row, json.loads(out.stdout)


def percent(share):
    return f"{100 * share:.2f} %"


def main():
    worlds = [line.split("\t") for line in subprocess.run([PROGRAM, "worlds"], capture_output=True, text=True,
                                                          check=True).stdout.splitlines()]
    few = max(PAIRS // 10, 1)
    rows = [("engine", name, ratio, PAIRS) for name, _ in worlds for ratio in RATIOS]
    rows += [(way, name, "1.00", few) for way in NAIVE for name, _ in worlds]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        have = dict(pool.map(ask, rows))
    missed = 0

    print(f"Runs of at most 16 launches of 5 rounds, equivalence 2 %, {PAIRS} pairs per row; nominal 5 %.\n")
    for name, what in worlds:
        print(f"- *{name}*: {what}")
    print(f"\n| world | true ratio | slower | faster | no difference | false (bar {percent(at_most(0.05))}) | interval holds "
          f"the truth (bar {percent(1 - at_most(0.05))}) | launches | |\n|---|---|---|---|---|---|---|---|---|")
    for (way, name, ratio, pairs), t in have.items():
        if way != "engine":
            continue
        false = t["faster"] + (t["slower"] if ratio == "1.00" else 0)
        ok = false / pairs <= at_most(0.05) and t["covered"] / pairs >= 1 - at_most(0.05) and not t["inconsistent"]
        missed += not ok
        print(f"| {name} | {ratio} | {percent(t['slower'] / pairs)} | {percent(t['faster'] / pairs)} | "
              f"{percent(t['no_difference'] / pairs)} | {percent(false / pairs)} | {percent(t['covered'] / pairs)} | "
              f"{t['launches']:.1f} | {'reached' if ok else 'missed'} |")

    print(f"\nWhat is commonly done, on two equal cells ({few} pairs). In *native* launches hardly differ, and most end as equal.\n")
    print("| way | world | false alarms | interval holds 1.00 |\n|---|---|---|---|")
    for (way, name, _, pairs), t in have.items():
        if way != "engine":
            print(f"| {way} | {name} | {percent((t['slower'] + t['faster']) / pairs)} | {percent(t['covered'] / pairs)} |")
    return 1 if missed else 0


sys.exit(main())
