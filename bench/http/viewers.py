"""50 live viewers during a run. The run's own A/A rows cannot see them: both twins have the same viewers. So they come and
go, in pairs of phases of which a coin decides the order, and each batch is told by its time to have been measured with
them or without; what is compared are the batches of one cell in the two phases of a pair, which are seconds apart."""
import math
import random
import selectors
import socket
import statistics
import threading
import time

from daemon import Daemon, FINAL, Stream, wait_for
from resident import MIB, mib, rss

VIEWERS = 50
PHASE_S = 3
RUN = {"axes": {"threads": [1, 2], "u": ["1us", "100us"]}, "budget_s": 150, "launches": 6, "trace": "off"}
# two-sided 95 %, Student, by degrees of freedom
T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09, 2.09)
RSS_BAR = 50 * MIB
EFFECT_BAR = 0.02  # an interval wider than this to either side could hide something


class Viewers:
    """So many event streams, read and thrown away by one thread."""

    def __init__(self, d, run):
        self.d, self.selector, self.sockets, self.bytes, self.over = d, selectors.DefaultSelector(), [], 0, False
        request = (f"GET /api/v1/runs/{run}/events HTTP/1.1\r\nHost: 127.0.0.1:{d.port}\r\n"
                   f"Authorization: Bearer {d.token}\r\n\r\n").encode()
        self.refused = 0
        for _ in range(VIEWERS):
            s = socket.create_connection(("127.0.0.1", d.port), timeout=30)
            s.sendall(request)
            self.sockets.append(s)
        for s in self.sockets:
            self.refused += not s.recv(12).startswith(b"HTTP/1.1 200")
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while not self.over:
            for key, _ in self.selector.select(0.5):
                try:
                    chunk = key.fileobj.recv(1 << 16)
                except OSError:
                    chunk = b""
                self.bytes += len(chunk)
                if not chunk:
                    self.selector.unregister(key.fileobj)

    def close(self):
        self.over = True
        for s in self.sockets:
            s.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for s in self.sockets:
            s.close()


def phases(d, run, seen):
    """Pairs of ((begin, end) with viewers, (begin, end) without), monotonic ns, while the run lasts."""
    coin, pairs = random.Random(7), []
    while True:
        pair = {}
        for with_viewers in ((True, False) if coin.random() < 0.5 else (False, True)):
            viewers = Viewers(d, run) if with_viewers else None
            begun = time.monotonic_ns()
            time.sleep(PHASE_S)
            pair[with_viewers] = (begun, time.monotonic_ns())
            if viewers:
                seen["rss"] = max(seen["rss"], rss(d.pid))
                begun = time.monotonic()
                seen["refused"] += viewers.refused + (d.request("GET", "/api/v1/runs").status != 200)
                seen["answer_s"] = max(seen["answer_s"], time.monotonic() - begun)
                viewers.close()
                seen["bytes"] += viewers.bytes
                seen["phases"] += 1
            time.sleep(0.2)  # what the one phase set going is over
            if d.state(run) in FINAL:
                return pairs
        pairs.append((pair[True], pair[False]))


def time_of(sample):
    return sample["wall_ns"] * len(sample["threads"]) / max(sum(t["ops"] for t in sample["threads"]), 1)


def compare(samples, pairs):
    """Log of the ratio with ÷ without, one per pair: the mean over the cells that both phases have."""
    found = []
    for pair in pairs:
        by_cell = [{}, {}]
        for which, (begin, end) in enumerate(pair):
            for s in samples:
                if s["kind"] == "main" and begin <= s["start_ns"] and s["start_ns"] + s["wall_ns"] <= end:
                    by_cell[which].setdefault(s["cell"], []).append(time_of(s))
        logs = [math.log(statistics.median(by_cell[0][c]) / statistics.median(by_cell[1][c])) for c in by_cell[0].keys() & by_cell[1].keys()]
        if len(logs) >= 3:
            found.append(statistics.mean(logs))
    return found


def interval(logs):
    mean = statistics.mean(logs)
    half = statistics.stdev(logs) / math.sqrt(len(logs)) * T95[min(len(logs) - 2, len(T95) - 1)]
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def measure(data, Table):
    d = Daemon(data=data, measure=True)
    try:
        table = Table(f"{VIEWERS} live viewers during a run")
        before = rss(d.pid)
        run = d.run(**RUN)
        d.wait_samples(run, 1)
        seen = {"rss": 0, "refused": 0, "answer_s": 0, "bytes": 0, "phases": 0}
        with Stream(d, run) as faithful:  # one that stays gets everything, whoever comes and goes
            last = []
            reader = threading.Thread(target=lambda: last.extend(faithful))
            reader.start()
            pairs = phases(d, run, seen)
            wait_for("the end of the run", 200, lambda: d.state(run) in FINAL)
            reader.join(60)
        document = d.get(f"/api/v1/runs/{run}")
        logs = compare(d.get(f"/api/v1/runs/{run}/samples")["samples"], pairs)
        assert document["run"]["state"] == "complete", document["run"]
        ratio, lo, hi = interval(logs)
        table.row(f"time per operation with viewers ÷ without, {len(logs)} pairs of {PHASE_S} s phases",
                  f"interval holds 1 and is within ± {EFFECT_BAR:.0%} of its middle", f"{ratio:.4f} [{lo:.4f}, {hi:.4f}]",
                  lo <= 1 <= hi and max(hi / ratio, ratio / lo) - 1 <= EFFECT_BAR)
        for noise in document["noise"]:
            holds = noise["lo"] is not None and noise["lo"] <= 1 <= noise["hi"]
            table.row(f"A/A {noise['kind']}", "interval holds 1", f"{noise['ratio']:.4f} [{noise['lo']:.4f}, {noise['hi']:.4f}]"
                      if noise["lo"] is not None else f"{noise['ratio']:.4f}, no interval", holds)
        table.row(f"refused or unanswered, of {seen['phases']} × {VIEWERS} streams and as many requests beside them", "0", seen["refused"],
                  seen["refused"] == 0)
        table.row("longest a request beside them took", "≤ 5 s", f"{seen['answer_s']:.2f} s", seen["answer_s"] <= 5)
        table.row("last event of one that stayed", "complete", last[-1][2]["state"] if last else "none", bool(last) and last[-1][2]["state"] == "complete")
        table.row("resident with viewers", f"≤ {mib(RSS_BAR)}", f"{mib(seen['rss'])} ({mib(before)} before)", seen["rss"] <= RSS_BAR)
        table.row("sent to viewers", "", f"{seen['bytes'] / seen['phases'] / PHASE_S / VIEWERS / 1e3:.1f} kB/s each")
    finally:
        d.end()
        d.close()
