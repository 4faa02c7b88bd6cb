"""The suite quick as users run it: how long it takes, and how wide its ratios are."""


def measure(bench):
    cells, run = bench.cells("quick")
    reference = {c["ratio"]["to"] for c in cells if c["ratio"]}
    widths, without = {}, []
    for c in cells:
        r, binding = c["ratio"], c["axes"]["binding"]
        if r and r["lo"] is not None:
            widths[binding] = max(r["hi"] - r["median"], r["median"] - r["lo"]) / r["median"]
        elif c["id"] not in reference:
            without.append(binding)
    yield "`benchctl run quick`, %d bindings of one interpreter" % len(cells), "≤ 30 s", "%.1f s" % run["wall_s"], run["wall_s"] <= 30
    worst = max(widths, key=widths.get, default=None)
    told = "at most ±%.1f %% (%s)" % (100 * widths[worst], worst) if worst else "none"
    if without:
        told += "; no interval for %s" % ", ".join(without)
    yield "its ratios to FASTCALL, half of the 95 % interval", "≤ ±3 %", told, bool(worst) and widths[worst] <= 0.03 and not without
