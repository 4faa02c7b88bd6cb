"""A large store: what benchd keeps resident, and how long lists take."""
import statistics
import subprocess
import time

from daemon import BENCHCTL, Daemon, environment
from resident import MIB, mib, rss

RSS_BAR = 30 * MIB
LIST_BAR_MS = 50


def milliseconds(n, call):
    times = []
    for _ in range(n):
        begun = time.monotonic()
        call()
        times.append((time.monotonic() - begun) * 1e3)
    return statistics.median(times), max(times)


def pages(d, path, key, cursor):
    """Everything of a paged list."""
    got, after = [], None
    while True:
        page = d.get(f"{path}{'&' + cursor + '=' + after if after else ''}")
        got += page[key]
        after = page["next"]
        if not after:
            return got


def measure(data, Table):
    d = Daemon(data=data)
    try:
        table = Table("1,000 runs and 1 M samples")

        def resident(after):
            now = rss(d.pid)
            table.row(f"resident {after}", f"≤ {mib(RSS_BAR)}", mib(now), now <= RSS_BAR)

        def timed(what, n, call):
            median, most = milliseconds(n, call)
            table.row(what, f"≤ {LIST_BAR_MS} ms", f"{median:.1f} ms median of {n}, {most:.1f} ms at most", median <= LIST_BAR_MS)

        resident("after the start")
        plain, env = {}, environment(data, BENCHD_DATA=data)
        timed("`GET runs`, 100 rows", 50, lambda: d.request("GET", "/api/v1/runs", headers=plain))
        timed("`GET runs`, all 1,000 rows", 50, lambda: d.request("GET", "/api/v1/runs?limit=1000", headers=plain))
        timed("`benchctl runs list`, whole command", 30, lambda: subprocess.run([BENCHCTL, "runs", "list"], env=env, check=True, stdout=subprocess.DEVNULL))
        resident("after listing")
        runs = [r["id"] for r in pages(d, "/api/v1/runs?limit=20", "runs", "before")]
        assert len(runs) >= 1000, len(runs)
        resident("after paging through all runs")
        series = pages(d, "/api/v1/series?limit=5", "series", "after")
        for s in series:
            for metric in d.get(f"/api/v1/series/{s['id']}")["metrics"]:
                assert len(pages(d, f"/api/v1/series/{s['id']}/points?metric={metric}&limit=500", "points", "before")) == s["runs"]
        resident(f"after all points of {len(series)} series")
        for accept in ("gzip", "identity"):
            for run in runs:
                assert d.request("GET", f"/api/v1/runs/{run}", headers={"Accept-Encoding": accept}).status == 200
        resident("after all documents, twice")
        for run in runs[:100]:
            assert d.request("GET", f"/api/v1/runs/{run}/samples", headers={"Accept-Encoding": "gzip"}).status == 200
        resident("after all samples of 100 runs")
        table.row("resident at most", "", mib(rss(d.pid, "VmHWM")))
        for what, path in (("`GET series`, all of them", "/api/v1/series?limit=1000"), ("`GET series/ID`", f"/api/v1/series/{series[0]['id']}"),
                           ("`GET series/ID/points`, 500", f"/api/v1/series/{series[0]['id']}/points"), ("`GET runs/ID`", f"/api/v1/runs/{runs[0]}")):
            median, most = milliseconds(30, lambda: d.request("GET", path, headers=plain))
            table.row(what, "", f"{median:.1f} ms median, {most:.1f} ms at most")
    finally:
        d.end()
        d.close()
