"""What becomes of a trace when its daemon ends, or would like to."""
import json
import os
import shutil
import signal
import subprocess
import threading

from daemon import Case, Stream, children, processes, wait_for
from traced import Waiting, cannot_trace

PATIENCE = 60


class Ending(Case):
    def tracing(self, **more):
        """(daemon, id of a trace that has seen waits)."""
        d = self.start(**more)
        lack = cannot_trace(d)
        if lack:
            self.skipTest(lack)
        self.program = self.enterContext(Waiting())
        return d

    def begin(self, d, **more):
        a = d.request("POST", "/api/v1/traces", {"pid": self.program.pid, **more})
        self.assertEqual(a.status, 202, a.body)
        trace = a.json["id"]
        wait_for("stored waits", PATIENCE, lambda: (r := d.get("/api/v1/traces")["traces"][0])["bytes"] > 0 and r["id"] == trace)
        return trace

    def test_the_stream_is_told(self):
        d = self.tracing()
        trace = self.begin(d)
        events = []
        with Stream(d, trace, of="traces") as s:
            reader = threading.Thread(target=lambda: events.extend(s))
            reader.start()
            wait_for("a snapshot", PATIENCE, lambda: events)
            self.assertEqual(d.end(signal.SIGTERM), 0)
            reader.join(30)
        self.assertEqual((events[-1][1], events[-1][2]["state"]), ("state", "interrupted"))
        self.assertTrue(events[-1][2]["reason"]["message"])
        again = self.start(data=d.data)
        self.assertEqual(again.get(f"/api/v1/traces/{trace}")["state"], "interrupted")
        with Stream(again, trace, last=events[-1][0], of="traces") as s:
            self.assertEqual([(e[1], e[2]["state"]) for e in s], [("trace", "interrupted"), ("state", "interrupted")])

    def test_a_trace_keeps_its_daemon(self):
        """One that nobody watches, and that goes on for longer than the daemon would wait."""
        d = self.tracing(args=("--idle-exit", "1"))
        trace = self.begin(d, seconds=5)
        self.assertEqual(d.process.wait(PATIENCE), 0)  # after it, nobody needs it
        again = self.start(data=d.data)
        document = again.get(f"/api/v1/traces/{trace}")
        self.assertEqual((document["state"], document["reason"]), ("complete", None))
        self.assertGreater(document["seconds"], 4.5)

    def test_a_daemon_that_traces_is_busy(self):
        d = self.tracing()
        self.assertIs(d.get("/api/v1/daemon")["idle"], True)
        trace = self.begin(d, keep=True)
        self.assertIs(d.get("/api/v1/daemon")["idle"], False)
        a = d.request("POST", "/api/v1/daemon/stop", {})
        self.assertEqual((a.status, a.key), (409, "daemon-busy"))
        self.assertEqual(d.get(f"/api/v1/traces/{trace}")["state"], "running")
        self.assertEqual(d.request("POST", f"/api/v1/traces/{trace}/stop").status, 200)
        self.assertEqual(d.request("POST", "/api/v1/daemon/stop", {}).status, 202)
        self.assertEqual(d.process.wait(PATIENCE), 0)

    def programs(self):
        """Ids of the BPF programs in the kernel."""
        bpftool = shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin:/sbin")
        if not bpftool:
            self.skipTest("needs bpftool")
        return {p["id"] for p in json.loads(subprocess.run([bpftool, "--json", "prog", "show"], stdout=subprocess.PIPE, check=True).stdout)}

    def held(self, pid):
        """Those that a process has descriptors of."""
        found = set()
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
                found |= {int(line.split()[1]) for line in f if line.startswith("prog_id:")}
        return found

    def test_kill_9_in_the_middle(self):
        before = self.programs()
        d = self.tracing()
        trace = self.begin(d, keep=True)
        tracers = {p for p in children(d.pid) if os.path.basename(os.readlink(f"/proc/{p}/exe")) == "bench-tracer"}
        self.assertEqual(len(tracers), 1)
        mine = self.held(*tracers)
        self.assertTrue(mine)
        self.assertLessEqual(mine, self.programs())
        self.assertFalse(mine & before)
        told = d.get("/api/v1/traces")["traces"][0]
        d.process.send_signal(signal.SIGKILL)
        d.process.wait(30)
        wait_for("the end of the tracer", PATIENCE, lambda: not tracers & {p for p, (_, _, state) in processes().items() if state != "Z"})
        wait_for("the end of its programs", PATIENCE, lambda: not mine & self.programs())
        again = self.start(data=d.data)
        document = again.get(f"/api/v1/traces/{trace}")
        self.assertEqual((document["state"], document["reason"]["key"]), ("interrupted", "interrupted"))
        self.assertGreaterEqual(document["bytes"], told["bytes"])  # what a client was told is stored is stored
        self.assertGreater(document["waits"], 0)
        self.assertTrue(document["threads"])
        row = again.get("/api/v1/traces")["traces"][0]
        self.assertEqual((row["state"], row["waits"], row["bytes"]), ("interrupted", document["waits"], document["bytes"]))
        self.assertTrue(again.request("GET", f"/api/v1/traces/{trace}/export?format=collapsed").body)
        with Stream(again, trace, of="traces") as s:
            self.assertEqual([(e[1], e[2]["state"]) for e in s], [("trace", "interrupted"), ("state", "interrupted")])
        self.assertEqual(again.request("DELETE", f"/api/v1/traces/{trace}").status, 204)
        self.assertIsNone(self.program.process.poll())  # nothing happened to who was traced
