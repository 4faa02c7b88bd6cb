"""A benchd of its own, and traces through its HTTP interface."""
import http.client
import json
import os
import time

from daemon import Daemon, wait_for
from planted import tracers

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def events(daemon, trace):
    """(type, data) of the event stream of a trace, as they come."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    try:
        connection.request("GET", f"/api/v1/traces/{trace}/events", headers={"Authorization": f"Bearer {daemon.token}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        event = {}
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                event[name] = value
            else:
                if "data" in event:
                    yield event["event"], json.loads(event["data"])
                event = {}
    finally:
        connection.close()


def cpu_ns(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_NS


def rss_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS:"))


class Service(Daemon):
    def begin(self, pid, **more):
        a = self.request("POST", "/api/v1/traces", {"pid": pid, "keep": True, **more})
        assert a.status == 202, a.body
        return a.json["id"]

    def stop(self, trace):
        a = self.request("POST", f"/api/v1/traces/{trace}/stop", {})
        assert a.status == 200, a.body
        return a.json

    def document(self, trace):
        return self.get(f"/api/v1/traces/{trace}")

    def delete(self, trace):
        self.request("DELETE", f"/api/v1/traces/{trace}")

    def over(self, pid, seconds):
        """The document of a trace of so many seconds."""
        trace = self.begin(pid, seconds=seconds)
        return wait_for("the end of the trace", seconds + 60, lambda: (d := self.document(trace))["state"] != "running" and d)

    def around(self, pid, do):
        """(what do() gives, the document of a trace from before it until after it)"""
        trace = self.begin(pid)
        try:
            given = do()
        finally:
            document = self.stop(trace)
        return given, document

    def usage(self):
        """Processor time so far and resident memory of benchd with its tracers."""
        pids = [self.pid, *tracers(self.pid)]
        return sum(map(cpu_ns, pids)), sum(map(rss_bytes, pids))

    def first_figure_s(self, pid):
        """From the request until the first snapshot with a wait has arrived."""
        begun = time.monotonic()
        trace = self.begin(pid)
        try:
            for kind, data in events(self, trace):
                if kind == "trace" and data["waits"] > 0:
                    return time.monotonic() - begun
                assert time.monotonic() - begun < 60, "no wait was seen"
        finally:
            self.stop(trace)
        raise AssertionError("the stream ended without a wait")

