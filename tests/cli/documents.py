"""Run and plan documents for tests of the layout: every kind of cell, note and gap that a table can show."""
import re

HEAD = {
    "id": "01JGQX4T8ZB7Q2M5R9V3C6D0EF", "suite": "gil-contention", "state": "complete", "reason": None,
    "started": "2026-01-02T03:04:05Z", "wall_s": 41.2, "setup_s": 5.1, "measure_s": 36.0, "batch_s": 34.9, "seed": 7,
    "launches": 6, "rounds": 2, "labels": {}, "comparability_key": "5f2c",
    "environment": {"cpu_model": "Example CPU 1234 @ 2.50GHz", "processors_allowed": 2, "hypervisor": True, "kernel": "6.1.0-18-amd64"},
}
NS = {"1us": 1.0e3, "10us": 1.0e4, "100us": 1.0e5, "1ms": 1.0e6}


def around(x, part):
    return {"median": x, "lo": x * (1 - part), "hi": x * (1 + part)}


def reason(key, message, hint=None, check=None):
    return {"check": check, "key": key, "message": message, "hint": hint}


def cell(case, axes, **over):
    base = {"python": "3.11.2", "binding": "capi:fastcall", "caller": "python", "allocator": "glibc", "objalloc": "pymalloc",
            "threads": 1, "affinity": "pinned", "gc": "on", "switch_interval": "5ms"}
    base.update(axes)
    defaults = {"caller": "python", "allocator": "glibc", "objalloc": "pymalloc", "affinity": "pinned", "gc": "on",
                "switch_interval": "5ms"}
    name = case + "".join(f"/{k}={v}" for k, v in base.items() if defaults.get(k) != v)
    c = {"id": name, "case": case, "axes": base, "status": "ok", "complete": True, "reason": None, "samples": 12,
         "iterations": 460800, "u_actual_ns": None, "cpu_ns_per_op": None, "ctx_switches_per_op": 0.02, "fairness": None,
         "modes": None, "time_ns_per_op": None, "throughput_ops_s": None, "latency_ns": None, "ratio": None, "scaling": None,
         "steady": "flat", "oversubscribed": False, "gil": None, "threads": [], "memory": None}
    c.update(over)
    return c


def without_figures(case, axes, status, why):
    return cell(case, axes, status=status, reason=why, complete=False, samples=0, iterations=0)


def contention(u, gil, threads, part=0.004, traced=True):
    """A cell as two processors would give it: holders wait for each other, releasers run side by side up to two."""
    own = NS[u] * 1.002 + 62
    lanes = 1 if gil == "hold" else min(threads, 2)
    time = own * threads / lanes * (1.018 if threads > 1 else 1)
    share = (threads - 1) / threads * 0.98 if gil == "hold" else 0.012 * (threads - 1)
    estimate = around(time, part)
    estimate.update({"min": time * 0.99, "mad": time * 0.002})
    wait_ns = int(share * threads * 2.4e9)
    blockers = [{"waiter": w, "holder": h, "ns": int(wait_ns / (threads * (threads - 1)) * (1.04 if (w, h) == (1, 0) else 0.99)),
                 "waits": 900} for w in range(threads) for h in range(threads) if w != h]
    split = [int(wait_ns * p) for p in (0.86, 0.11, 0.02, 0.01)]
    off = {"mode": "off", "waits": None, "wait_ns": None, "wait_share": None, "holder_ns": None, "runqueue_ns": None,
           "switch_ns": None, "mutex_ns": None, "p50_ns": None, "p99_ns": None, "max_ns": None, "lost": None, "blockers": [],
           "reason": reason("no-bpf-rights", "bench-tracer may not load BPF programs",
                            "sudo setcap cap_bpf,cap_perfmon+ep bench-tracer")}
    on = {"mode": "counters", "waits": int(share * 41000), "wait_ns": wait_ns, "wait_share": share, "holder_ns": split[0],
          "runqueue_ns": split[1], "switch_ns": split[2], "mutex_ns": split[3], "p50_ns": 5000000, "p99_ns": 5300000,
          "max_ns": 9100000, "lost": 0, "blockers": blockers, "reason": None}
    c = cell("gil-contention", {"gil": gil, "u": u, "threads": threads}, u_actual_ns=NS[u] * 1.002, cpu_ns_per_op=own * 1.01,
             fairness=0.98, time_ns_per_op=estimate, throughput_ops_s=around(threads * 1e9 / time, part),
             scaling=around(threads * own / time, part) if threads > 1 else None, oversubscribed=threads > 2,
             gil=on if traced else off)
    return c


def document(cells, **head):
    ids = {c["id"] for c in cells}
    for c in cells:
        to = re.sub("/threads=[248]", "/threads=1", c["id"]).replace("/gil=hold", "/gil=release")
        if c["time_ns_per_op"] and to != c["id"] and to in ids:
            base = next(x for x in cells if x["id"] == to)["time_ns_per_op"]["median"]
            c["ratio"] = {"to": to, **around(c["time_ns_per_op"]["median"] / base, 0.006)}
    return {"schema": "benchd.run.v1", "run": {**HEAD, **head},
            "noise": [{"kind": "same-process", "cell": cells[0]["id"], "ratio": 1.002, "lo": 0.994, "hi": 1.009},
                      {"kind": "second-process", "cell": cells[0]["id"], "ratio": 0.991, "lo": 0.969, "hi": 1.014}],
            "cells": cells}


def empty_loop():
    e = around(11.92, 0.006)
    e.update({"min": 11.8, "mad": 0.03})
    return cell("empty-loop", {"binding": "plain"}, time_ns_per_op=e, throughput_ops_s=around(1e9 / 11.92, 0.006),
                cpu_ns_per_op=11.9, gil={"mode": "counters", "waits": 0, "wait_ns": 0, "wait_share": 0.0, "blockers": [],
                                         "lost": 0, "reason": None})


def whole_suite():
    cells = [contention(u, gil, t) for gil in ("hold", "release") for u in ("1us", "100us", "1ms") for t in (1, 2, 4)]
    cells[1]["modes"] = [{"share": 0.2, "median": 2100.5, "lo": 2050.0, "hi": 2150.0}, {"share": 0.8, "median": 2230.0, "lo": 2200.0, "hi": 2260.0}]
    cells[0].update(first_call_ns=around(18400.0, 0.1),
                    memory={"rss_peak_bytes": 24117248, "rss_bytes": 23068672, "bytes_per_op": 0.0, "allocator_bytes": 1048576})
    return document(cells + [empty_loop()],
                    noise_line="The machine was restless: its speed changed by up to 1.9× within the run and 14 % of the batches were disturbed "
                               "and left out of ratios; nothing was stolen or throttled.")


def troubled():
    """Failed, invalid, unsupported, interrupted and incomplete cells; nothing traced; too few launches for intervals."""
    cells = [contention("100us", gil, t, traced=False) for gil in ("hold", "release") for t in (1, 2)]
    for c in cells:
        for figures in (c["time_ns_per_op"], c["throughput_ops_s"], c["scaling"]):
            if figures:
                figures["lo"] = figures["hi"] = None
    cells[1]["complete"] = False
    for i, processors in ((1, 1.12), (3, 0.97)):
        cells[i].update(scaling=None, scaling_reason=reason("processors<threads", f"its 2 threads got {processors} processors' worth of time"))
    cells += [
        without_figures("gil-contention", {"gil": "hold", "u": "100us", "threads": 4}, "failed",
                        reason("signal", "the worker was ended by signal 6 (SIGABRT)", "see the worker's lines in benchctl daemon log")),
        without_figures("gil-contention", {"gil": "release", "u": "100us", "threads": 4}, "invalid",
                        reason("no-overlap", "the native parts of two threads never ran at once", None, "V4")),
        without_figures("gil-contention", {"gil": "hold", "u": "100us", "threads": 8}, "interrupted",
                        reason("interrupted", "the run ended before this cell was measured")),
        without_figures("gil-contention", {"gil": "hold", "u": "100us", "threads": 2, "binding": "abi3"}, "unsupported",
                        reason("not-built", "abi3 was not built", "apt-get install python3-dev")),
        without_figures("gil-contention", {"gil": "release", "u": "100us", "threads": 2, "binding": "abi3"}, "unsupported",
                        reason("not-built", "abi3 was not built", "apt-get install python3-dev")),
    ]
    d = document(cells, state="cancelled", reason=reason("cancelled", "cancelled by its client", None), launches=2,
                 labels={"branch": "main"})
    for n in d["noise"]:
        n["lo"] = n["hi"] = None
    for c in d["cells"]:
        if c["ratio"]:
            c["ratio"]["lo"] = c["ratio"]["hi"] = None
    return d


def single_cases():
    """Three cases of one cell each: a table of cases."""
    return document([empty_loop(), cell("call", {"binding": "plain"}, time_ns_per_op={**around(73.1, 0.01), "min": 72.0, "mad": 1.0},
                                        throughput_ops_s=around(1e9 / 73.1, 0.01), steady="slowdown"),
                     without_figures("abort", {"binding": "plain"}, "failed", reason("signal", "signal 6 (SIGABRT)"))],
                    suite="calls")


def allocators():
    """One axis beside threads: a column, no headings."""
    cells = []
    for i, name in enumerate(("glibc", "jemalloc", "mimalloc")):
        c = contention("100us", "hold", 1)
        c["axes"]["allocator"] = name
        c["id"] = c["id"].replace("capi:fastcall", f"capi:fastcall/allocator={name}")
        c["time_ns_per_op"]["median"] *= 1 + i / 100
        cells.append(c)
    d = document(cells)
    for c in cells[1:]:
        c["ratio"] = {"to": cells[0]["id"], **around(c["time_ns_per_op"]["median"] / cells[0]["time_ns_per_op"]["median"], 0.004)}
    return d


def two_sides():
    """A comparison with every verdict, a broken cell on either side, and one that cannot be measured here."""
    rows = [("same", 1.001, 0.004, "no difference"), ("slow", 1.2, 0.01, "slower"), ("quick", 0.8, 0.01, "faster"),
            ("unclear", 1.03, 0.05, "undecided")]
    cells = []
    for case, ratio, part, verdict in rows:
        for side in "ab":
            time = {**around(200.0 * (ratio if side == "b" else 1), 0.01), "min": 190.0, "mad": 1.0}
            c = cell(case, {"binding": "plain", "side": side}, time_ns_per_op=time, throughput_ops_s=around(1e9 / time["median"], 0.01),
                     cpu_ns_per_op=time["median"], launches=8, stopped="decided")
            if side == "b":
                c.update(ratio={"to": cells[-1]["id"], **around(ratio, part)}, verdict=verdict, p=0.01, p_adjusted=0.02, smallest_effect=0.031,
                         equivalence=0.02)
            cells.append(c)
    leak = reason("leak", "leaks 8 bytes per operation", "tracemalloc shows where", "V6")
    for case, bad, status, why in (("leaks", "b", "invalid", leak), ("aborts", "a", "failed", reason("signal", "signal 6 (SIGABRT)")),
                                   ("absent", "ab", "unsupported", reason("not-built", "abi3 was not built"))):
        for side in "ab":
            axes = {"binding": "plain", "side": side}
            if side in bad:
                cells.append(without_figures(case, axes, status, why))
            else:
                cells.append(cell(case, axes, time_ns_per_op={**around(90.0, 0.01), "min": 89.0, "mad": 1.0}))
    d = document(cells, suite="bench", kind="ab", noise_line="The machine was quiet: 1 of 300 batches was disturbed.",
                 plan={"kind": "ab", "alpha": 0.05, "max_launches": 36, "precision": None, "equivalence": None,
                       "sides": {"a": {"label": "../main"}, "b": {"label": "."}}})
    return d


def two_folders():
    """The same, with what each side loaded and the time it had."""
    d = two_sides()
    d["run"]["plan"]["budget_s"] = 60
    module = "/srv/{}/build/fast.cpython-311-x86_64-linux-gnu.so"
    shared = {"path": "/usr/lib/libz.so.1", "build_id": "0123456789abcdef"}
    for c in d["cells"]:
        if c["axes"]["side"] == "b":
            c["provenance"] = {"a": [{"path": module.format("main"), "build_id": "aabbccddeeff0011"}, shared],
                               "b": [{"path": module.format("new"), "build_id": "sha1:1122334455667788"}, shared]}
    d["cells"][3]["notes"] = [reason("printed", "it wrote 4096 bytes to standard output", "printing is timed with the rest")]
    return d


def compared():
    """Two stored runs: other conditions, a cell that only one of them has, limits that differ."""
    d = two_sides()
    d["run"].update(id=None, kind="compare", wall_s=None, setup_s=None, measure_s=None, batch_s=None, seed=None, launches=None, rounds=None,
                    started=None)
    d["run"]["plan"] = {"kind": "compare", "sides": {s: {"label": f"01JGQX4T8ZB7Q2M5R9V3C6D0E{s.upper()}"} for s in "ab"}}
    d["cells"] = [c for c in d["cells"] if c["id"] != d["cells"][6]["id"]]
    d["cells"][1]["equivalence"] = 0.031
    d["cells"][6]["notes"] = [reason("only-in-b", "run 01JGQX4T8ZB7Q2M5R9V3C6D0EA does not have this cell: there is nothing to compare it with")]
    d["cells"][6].update(ratio=None, verdict=None)
    d["noise"] = [{**n, "cell": d["cells"][k]["id"]} for k in (0, 1) for n in d["noise"]]
    d["comparability"] = {"same": False, "differences": [{"what": "kernel", "a": "6.1.0-18-amd64", "b": "6.1.0-22-amd64"},
                                                         {"what": "governor", "a": None, "b": "performance"}]}
    return d


def judged():
    """The same against limits."""
    d = two_sides()
    verdicts = {"same": ("pass", 0.05), "slow": ("fail", 0.05), "quick": ("pass", 0.05), "unclear": ("undecided", 0.05),
                "leaks": ("undecided", 0.05), "aborts": ("undecided", 0.05), "absent": ("ignored", 0.05)}
    cells = [{"id": c["id"], "verdict": verdicts[c["case"]][0], "limit": verdicts[c["case"]][1], "ratio": c["ratio"],
              "message": f"why {c['case']} is so"} for c in d["cells"] if c["axes"]["side"] == "b"]
    return {"document": d, "gate": {"schema": "benchd.gate.v1", "run": d["run"]["id"], "verdict": "fail",
                                    "summary": "Failed: 1 of 6 cells is slower than allowed, beyond what chance explains.", "cells": cells}}


def plan():
    rows = [{"id": c["id"], "case": c["case"], "axes": c["axes"], "status": "ok", "reason": None, "batch_s": 0.2}
            for c in whole_suite()["cells"][:4]]
    rows.append({**rows[0], "id": "x", "axes": {**rows[0]["axes"], "binding": "abi3"}, "status": "unsupported", "batch_s": None,
                 "reason": reason("not-built", "abi3 was not built", "apt-get install python3-dev")})
    return {"schema": "benchd.plan.v1", "suite": "gil-contention", "expected_s": 24.5, "launches": 6, "rounds": 2, "cells": rows}


def runs():
    """Runs in every state, the newest first; two began in the same second."""
    def row(tail, state, started, wall, cells, labels=None, **statuses):
        counts = {"ok": 0, "unsupported": 0, "invalid": 0, "failed": 0, "interrupted": 0, **statuses}
        return {"id": "01JGQX" + tail, "suite": "gil-contention", "state": state, "reason": None, "started": started, "wall_s": wall,
                "labels": labels or {}, "cells": cells, "statuses": counts}
    return {"next": None, "runs": [
        row("9A5C6D7E8F9G0H1J2K3M", "queued", None, None, 19),
        row("8Z4Q5R6S7T8V9W0X1Y2Z", "running", "2026-01-02T04:05:06Z", None, 19, {"branch": "main"}, ok=3),
        row("4T8ZB7Q2M5R9V3C6D0EF", "complete", "2026-01-02T03:04:05Z", 41.2, 19, {"branch": "main", "commit": "387addd"}, ok=19),
        row("4T8Z7Q2M5R9V3C6D0EEX", "complete", "2026-01-02T03:04:05Z", 141.2, 24, ok=17, unsupported=4, invalid=2, failed=1),
        row("2B3C4D5E6F7G8H9J0K1M", "cancelled", "2026-01-01T03:04:05Z", 9.9, 19, ok=11, interrupted=8),
        row("1B3C4D5E6F7G8H9J0K1M", "failed", "2026-01-01T01:02:03Z", 0.4, 19, {"why": "a disk with no room at all, and a label as long as this"})]}


def ways():
    """Cases of which each has ways of its own, one of them compared with; some copy, some allocate, one has no ratio."""
    cells = []
    for case, of in (("buf.ladder", ("buffer", "list", "bytes")), ("shm.share", ("memfd", "copy")), ("np.return", ("owned", "copied"))):
        for i, way in enumerate(of):
            e = around(80.0 * (i + 1), 0.01)
            e.update({"min": 79.0, "mad": 0.2})
            c = cell(case, {"binding": "plain", "way": way}, time_ns_per_op=e, throughput_ops_s=around(1e9 / e["median"], 0.01),
                     notes=[reason("copies" if i else "zero-copy", "as V3 found")],
                     memory={"rss_peak_bytes": 24117248, "rss_bytes": 23068672, "bytes_per_op": 0.0, "allocator_bytes": 1048576,
                             "allocations_per_op": 1.0 + 2 * i, "allocated_bytes_per_op": 28.0 + 4096 * i})
            if case == "np.return":
                c["notes"].append(reason("import-rss", f"the import makes {100 + i} KiB resident"))
            if i and way != "bytes":
                c["ratio"] = {"to": cells[-i]["id"], **around(i + 1.0, 0.006)}
            cells.append(c)
    return {**document(cells), "run": {**HEAD, "suite": "zero-copy"}}


def check_of(verdict, findings, state="complete", why=None):
    titles = {"leaks": "reference leaks", "references": "borrowed references", "gil": "calls without the GIL"}
    found = {f["check"] for f in findings}
    return {"schema": "benchd.check.v1", "state": state, "reason": why, "verdict": verdict,
            "module": {"name": "mymod", "file": "/srv/mymod.cpython-311-x86_64-linux-gnu.so", "version": "1.2", "compiled": []},
            "python": {"executable": "/usr/bin/python3", "version": "3.11.2", "debug": False, "free_threaded": False}, "seconds": 4.2,
            "checks": [{"check": k, "title": t, "findings": int(k in found), "reason": why,
                        "verdict": "found" if k in found else "unproven" if why else "nothing found"} for k, t in titles.items()],
            "findings": findings,
            "coverage": {"functions": 5, "called": 4, "calls": 120, "measured": 30, "unfinished": [],
                         "not_called": [{"name": "mymod.remove_all", "reason": "its name says that it removes something"}]}}


def of_check(check, **head):
    d = {"schema": "benchd.run.v1", "noise": [], "cells": [],
         "run": {**HEAD, "suite": "mymod", "kind": "check", "setup_s": None, "measure_s": None, "batch_s": None, "seed": None,
                 "launches": None, "rounds": None, "wall_s": 4.6, "plan": {"kind": "check", "budget_s": 300}, **head}}
    return {**d, "check": check} if check else d


def checked():
    """A check that is kept, and found one mistake."""
    return of_check(check_of("found", [{"check": "leaks", "function": "mymod.twice", "call": ["import mymod", "mymod.twice('benchd text')"],
                                        "evidence": "argument 1 has 1 reference more after each call (+80, +80 over 80 calls each)",
                                        "hint": "an object that is not needed any more keeps its reference: look for Py_INCREF",
                                        "figures": None}]), labels={"branch": "main"})


def check_cancelled():
    return of_check(check_of("undecided", [], "interrupted", "interrupted"), state="cancelled",
                    reason=reason("cancelled", "cancelled by request; what was found by then is kept"))


def check_failed():
    """One that could not begin has no document of its own."""
    return of_check(None, state="failed", reason=reason("no-such-input", "/usr/bin/python3 has no module mymod", "--python names the environment that has it"))


def checks():
    """Checks among runs."""
    rows = runs()["runs"]
    for row, verdict in zip(rows[1:5], (None, "found", "nothing found", "undecided")):
        row.update(suite="mymod", kind="check", verdict=verdict, cells=0, statuses=dict.fromkeys(row["statuses"], 0))
    return {"next": None, "runs": rows}


DOCUMENTS = {"suite": ("run", whole_suite), "troubled": ("run", troubled), "cases": ("run", single_cases),
             "allocators": ("run", allocators), "sides": ("run", two_folders), "compared": ("run", compared),
             "ways": ("run", ways), "plan": ("plan", plan), "runs": ("runs", runs), "checked": ("run", checked),
             "check-cancelled": ("run", check_cancelled), "check-failed": ("run", check_failed), "checks": ("runs", checks)}
