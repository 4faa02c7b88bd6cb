"""A real benchd on a data folder of its own, and a client that shows everything of an answer."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from waiting import wait_for  # noqa: F401 (the tests take it from here)

BUILD = os.environ["BENCHD_BUILD"]
BENCHD = os.path.join(BUILD, "bin", "benchd")
BENCHCTL = os.path.join(BUILD, "bin", "benchctl")
SANITIZERS = ("ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")
FINAL = ("complete", "interrupted", "failed", "cancelled")


def environment(data, **more):
    """Nothing of the caller's but what a program needs to start."""
    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": data, "BENCHD_DATA": os.path.join(data, "d"), "LC_ALL": "C.UTF-8"}
    env.update({k: os.environ[k] for k in SANITIZERS if k in os.environ})
    env.update(more)
    return {k: v for k, v in env.items() if v is not None}


def alone(command):
    """The command with a /run/lock of its own, so that it need not wait for another benchd's turn to measure; as root."""
    if os.geteuid() != 0:
        return command
    apart = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "apart")
    return [apart, "sh", "-c", 'mount -t tmpfs none /run/lock && exec "$@"', "sh"] + command


def processes():
    """{pid: (parent, command line)} of all there are."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                found[int(entry)] = (int(fields[1]), f.read().replace(b"\0", b" ").decode(errors="replace"), fields[0])
        except OSError:
            pass
    return found


def children(pid):
    """Every living descendant of a process."""
    tree, found, grown = processes(), {pid}, True
    while grown:
        more = {p for p, (parent, _, state) in tree.items() if parent in found and state != "Z"} - found
        grown = bool(more)
        found |= more
    return found - {pid}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def key(self):
        """The key of an error, checked to be in the one format."""
        document = self.json
        assert set(document) == {"error"} and set(document["error"]) == {"key", "message", "hint"}, document
        assert document["error"]["message"], document
        assert self.headers["Content-Type"].startswith("application/json"), self.headers["Content-Type"]
        return document["error"]["key"]


class Daemon:
    """One benchd process, started directly."""

    def __init__(self, data=None, args=(), program=BENCHD, measure=False, env=None, ready=30):
        self.home = None
        if data is None:
            self.home = tempfile.mkdtemp(prefix="bd-http-")
            data = os.path.join(self.home, "d")
        self.data = data
        command = [program, "--data", data, "--idle-exit", "0", *args]
        read, write = os.pipe()
        self.process = subprocess.Popen(
            (alone(command) if measure else command) + ["--ready-fd", str(write)], pass_fds=(write,), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env if env is not None else environment(os.path.dirname(data)))
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as f:
            line = f.readline()
        self.pid = self.process.pid
        self.ready = json.loads(line) if line else None
        if self.ready and "url" in self.ready:
            self.url = self.ready["url"]
            self.port = int(self.url.rsplit(":", 1)[1])
            with open(os.path.join(data, "token"), encoding="utf-8") as f:
                self.token = f.read().strip()
        else:
            self.status = self.process.wait(ready)
            self.error = self.process.stderr.read()

    def request(self, method, path, body=None, headers=None, token=True, timeout=60):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        h = {}
        if token:
            h["Authorization"] = f"Bearer {self.token if token is True else token}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            h["Content-Type"] = "application/json"
        h.update(headers or {})
        c.request(method, path, body, {k: v for k, v in h.items() if v is not None})
        r = c.getresponse()
        a = Answer(r.status, r.headers, r.read())
        c.close()
        return a

    def get(self, path, **more):
        a = self.request("GET", path, **more)
        assert a.status == 200, (path, a.status, a.body)
        return a.json

    def raw(self, data, timeout=30, half_close=False):
        """Sends bytes, gives everything that comes back."""
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        s.sendall(data)
        if half_close:
            s.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except ConnectionResetError:
            pass
        s.close()
        return parse(got)

    def run(self, **request):
        """Asks for a run; its id."""
        body = {"target": "gil-contention", "axes": {"threads": [1], "u": ["1us"]}, "budget_s": 20}
        body.update(request)
        a = self.request("POST", "/api/v1/runs", body)
        assert a.status == 202, a.body
        return a.json["id"]

    def state(self, run):
        return self.get(f"/api/v1/runs/{run}")["run"]["state"]

    def wait_state(self, run, states, seconds=90):
        return wait_for(f"run {run} is {states}", seconds, lambda: (s := self.state(run)) in states and s)

    def wait_samples(self, run, n=1, seconds=90):
        return wait_for(f"{n} samples of {run}", seconds, lambda: len(self.get(f"/api/v1/runs/{run}/samples")["samples"]) >= n)

    def wait_runs(self, seconds=30):
        """The id of the newest run, once there is one."""
        return wait_for("a run", seconds, lambda: [r["id"] for r in self.get("/api/v1/runs")["runs"]])[0]

    def end(self, how=signal.SIGTERM, seconds=30):
        """Signals it and waits for its end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"benchd {self.pid} did not end") from None

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        if self.home:
            shutil.rmtree(self.home, ignore_errors=True)


def parse(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/"):
        return Answer(0, {}, raw)
    headers = http.client.HTTPMessage()
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        headers[name] = value
    return Answer(int(lines[0].split()[1]), headers, body)


class Stream:
    """An event stream, read one event at a time."""

    def __init__(self, daemon, run, last=None, timeout=60, of="runs"):
        self.socket = socket.create_connection(("127.0.0.1", daemon.port), timeout=timeout)
        more = f"Last-Event-ID: {last}\r\n" if last is not None else ""
        self.socket.sendall((f"GET /api/v1/{of}/{run}/events HTTP/1.1\r\nHost: 127.0.0.1:{daemon.port}\r\n"
                             f"Authorization: Bearer {daemon.token}\r\n{more}\r\n").encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = http.client.parse_headers(self.file)

    def __iter__(self):
        """(id, type, data) until the stream ends."""
        event = {}
        for line in self.file:
            line = line.decode().rstrip("\n")
            if not line:
                if "data" in event:
                    yield int(event["id"]), event["event"], json.loads(event["data"])
                event = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Case(unittest.TestCase):
    def start(self, **more):
        d = Daemon(**more)
        self.addCleanup(d.close)
        return d

    def folder(self):
        path = tempfile.mkdtemp(prefix="bd-http-")
        self.addCleanup(shutil.rmtree, path, True)
        return path


class Shared(Case):
    """Tests that leave their daemon as it was share one."""
    measure = False

    @classmethod
    def setUpClass(cls):
        cls.d = Daemon(measure=cls.measure)
        cls.addClassCleanup(cls.d.close)
