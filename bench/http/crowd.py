"""300 connections that say nothing, 40 that say it slowly, and random requests: whoever asks for health is answered."""
import multiprocessing
import os
import random
import socket
import threading
import time

from daemon import Daemon
from resident import MIB, descriptors, mib, rss

IDLE = 300
SLOW = 40
REQUESTS = int(os.environ.get("BENCHD_BENCH_REQUESTS", "100000"))
BATCHES = 3
PROCESSES, THREADS = 2, 6
READERS = 8  # at most two more connections to the store than the first requests needed, and what belongs to them
HEALTH_BAR_S = 5
GROWTH_BAR = 1 * MIB


class Crowd:
    """Connections that are made again as soon as the server ends them."""

    def __init__(self, port):
        self.port, self.over = port, threading.Event()
        self.threads = [threading.Thread(target=self.idle) for _ in range(IDLE)] + [threading.Thread(target=self.slow) for _ in range(SLOW)]
        for t in self.threads:
            t.start()

    def connect(self):
        try:
            return socket.create_connection(("127.0.0.1", self.port), timeout=1)
        except OSError:
            self.over.wait(0.1)
            return None

    def idle(self):
        while not self.over.is_set():
            s = self.connect()
            while s and not self.over.is_set():
                try:
                    if not s.recv(100):
                        break
                except socket.timeout:
                    continue
                except OSError:
                    break
            if s:
                s.close()

    def slow(self):
        while not self.over.is_set():
            s = self.connect()
            if not s:
                continue
            try:
                s.sendall(b"GET /api/v1/runs HTTP/1.1\r\nX: ")
                while not self.over.wait(0.3):
                    s.sendall(b"x")
            except OSError:
                pass
            s.close()

    def close(self):
        self.over.set()
        for t in self.threads:
            t.join()


def random_request(r, port, token, runs, series):
    """Mostly wrong in some way; none starts a run or stops the daemon."""
    path = r.choice(("/api/v1/runs", "/api/v1/runs?limit=%d" % r.randint(-1, 1100), "/api/v1/runs/" + r.choice(runs), "/api/v1/series",
                     "/api/v1/runs/" + r.choice(runs) + "/samples?cell=%d" % r.randint(-1, 30), "/api/v1/series/" + r.choice(series),
                     "/api/v1/series/" + r.choice(series) + "/points?limit=%d" % r.randint(0, 60), "/api/v1/series?run=" + r.choice(runs) + "&limit=3",
                     "/api/v1/openapi.json", "/api/v1/health", "/api/v1/suites", "/api/v1/daemon", "/", "/runs/x", "/login", "/assets/x/app.js",
                     "/api/v1/runs/%s" % ("%" * r.randint(0, 9)), "/" + "a" * r.randint(0, 3000), "/api/v1/runs?label=%ff", "*", "http://x/",
                     "/api/v1/runs/" + r.choice(runs) + "/page", "/../" * r.randint(1, 20), "/api/v1/runs/x/events", "//", "?"))
    method = r.choice(("GET",) * 12 + ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"))
    if method in ("POST", "DELETE"):
        path = r.choice(("/api/v1/runs", "/api/v1/runs/nothing", "/login", "/api/v1/sessions"))
    headers = [f"Host: {r.choice(('127.0.0.1', '127.0.0.1', '127.0.0.1', 'localhost', 'evil.example'))}:{port}"]
    if r.random() < 0.8:
        headers.append(f"Authorization: Bearer {token if r.random() < 0.9 else 'x' * r.randint(0, 100)}")
    if r.random() < 0.3:
        headers.append("Accept-Encoding: gzip")
    if r.random() < 0.1:
        headers.append("Cookie: benchd_session_1=" + "0" * r.randint(0, 70))
    if r.random() < 0.05:
        headers.append("X: " + "y" * r.randint(0, 20000))
    if r.random() < 0.05:
        headers.append(r.choice(("Origin: http://evil.example", "If-None-Match: *", "Transfer-Encoding: chunked", "Expect: 100-continue", "Host: x", "No Colon")))
    body = b""
    if method == "POST" or r.random() < 0.05:
        body = r.choice((b"{}", b'{"target":"nothing","dry_run":true}', b"[" * r.randint(0, 300), b'{"code":"x"}', bytes(r.randrange(256) for _ in range(60))))
        headers += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    if r.random() < 0.02:
        return bytes(r.randrange(256) for _ in range(r.randint(1, 300))) + b"\r\n\r\n"
    return f"{method} {path} HTTP/1.{r.choice('1110')}\r\n".encode() + "\r\n".join(headers).encode() + b"\r\n\r\n" + body


def ask(port, request):
    """Status of the answer: 0 none, -1 no connection."""
    try:
        s = socket.create_connection(("127.0.0.1", port), timeout=60)
    except OSError:
        return -1
    got = b""
    try:
        s.sendall(request)
        s.shutdown(socket.SHUT_WR)
        while chunk := s.recv(1 << 16):
            got = got or chunk
    except OSError:
        pass
    s.close()
    return int(got[9:12]) if got[:5] == b"HTTP/" and got[9:12].isdigit() else 0


def work(queue, n, seed, port, token, runs, series):
    """Runs in a process of its own: n requests over some threads; {status: how many}."""
    counts, lock = {}, threading.Lock()

    def some(which):
        r, mine = random.Random(seed * 1000 + which), {}
        for _ in range(n // THREADS):
            status = ask(port, random_request(r, port, token, runs, series))
            mine[status] = mine.get(status, 0) + 1
        with lock:
            for status, k in mine.items():
                counts[status] = counts.get(status, 0) + k
    threads = [threading.Thread(target=some, args=(i,)) for i in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    queue.put(counts)


def batch(d, number, runs, series, requests=REQUESTS):
    queue = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(queue, requests // PROCESSES, number * 10 + i, d.port, d.token, runs, series))
               for i in range(PROCESSES)]
    for w in workers:
        w.start()
    counts = {}
    for _ in workers:
        for status, k in queue.get().items():
            counts[status] = counts.get(status, 0) + k
    for w in workers:
        w.join()
    return counts


class Health:
    """Asks again and again; how long the longest answer took."""

    def __init__(self, d):
        self.d, self.over, self.worst, self.asked, self.failed = d, threading.Event(), 0.0, 0, 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.wait(0.05):
            begun = time.monotonic()
            try:
                ok = self.d.request("GET", "/api/v1/health", token=False, timeout=60).status == 200
            except OSError:
                ok = False
            self.worst = max(self.worst, time.monotonic() - begun)
            self.asked += 1
            self.failed += not ok

    def close(self):
        self.over.set()
        self.thread.join()


def settled(read, seconds=20):
    """The value once it has stopped falling."""
    best, end = read(), time.monotonic() + seconds
    last = time.monotonic()
    while time.monotonic() < end and time.monotonic() - last < 5:
        time.sleep(0.2)
        now = read()
        if now < best:
            best, last = now, time.monotonic()
    return best


def measure(data, Table):
    d = Daemon(data=data)
    try:
        table = Table(f"{IDLE} idle connections, {SLOW} slow senders, {BATCHES} × {REQUESTS:,} random requests")
        runs = [r["id"] for r in d.get("/api/v1/runs?limit=200")["runs"]] + ["nothing", "0" * 26]
        series = [s["id"] for s in d.get("/api/v1/series")["series"]] + ["nothing"]
        # one of everything: what is opened once and kept is not what is looked for
        batch(d, 99, runs, series, max(REQUESTS // 50, 600))
        before = descriptors(d.pid)
        sizes, counts = [rss(d.pid)], {}
        begun = time.monotonic()
        for i in range(BATCHES):
            people, health = Crowd(d.port), Health(d)
            got = batch(d, i, runs, series)
            health.close()
            people.close()
            for status, k in got.items():
                counts[status] = counts.get(status, 0) + k
            settled(lambda: descriptors(d.pid))
            sizes.append(rss(d.pid))
            table.row(f"batch {i + 1}: longest of {health.asked} answers to `health`", f"≤ {HEALTH_BAR_S} s",
                      f"{health.worst:.2f} s, {health.failed} failed", health.worst <= HEALTH_BAR_S and not health.failed)
        after = settled(lambda: descriptors(d.pid))
        alive = d.process.poll() is None
        table.row("benchd", "lives", "lives" if alive else f"ended with {d.process.returncode}", alive)
        table.row("answers 500", "0", counts.get(500, 0), not counts.get(500))
        unanswered = counts.get(0, 0) + counts.get(-1, 0)
        table.row("requests without an answer", "0", f"{unanswered} ({counts.get(-1, 0)} without a connection)", unanswered == 0)
        table.row("answers by status", "", ", ".join(f"{k}: {v}" for k, v in sorted(counts.items())))
        table.row("descriptors", f"≤ {before + READERS}: {before} before, and readers of the store", after, after <= before + READERS)
        table.row("resident before, and after each batch", f"last step ≤ {mib(GROWTH_BAR)}", ", ".join(map(mib, sizes)), sizes[-1] - sizes[-2] <= GROWTH_BAR)
        table.row("requests per second meanwhile", "", f"{BATCHES * REQUESTS / (time.monotonic() - begun):.0f}")
    finally:
        d.end()
        d.close()
