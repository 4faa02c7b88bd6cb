"""Event streams: what they carry, resuming, how many there may be."""
import signal
import socket
import threading
import time

from daemon import Case, FINAL, Shared, Stream, wait_for


class Events(Shared):
    measure = True

    def test_a_run_from_its_first_to_its_last_event(self):
        run = self.d.run(launches=2, rounds=2)
        with Stream(self.d, run) as s:
            self.assertEqual(s.status, 200)
            self.assertTrue(s.headers["Content-Type"].startswith("text/event-stream"))
            events = list(s)
        self.assertEqual([e[0] for e in events], sorted({e[0] for e in events}))  # rising, none twice
        kinds = {e[1] for e in events}
        self.assertEqual(kinds, {"state", "progress", "cell"})
        for _, kind, data in events:
            if kind == "progress":
                self.assertLessEqual({"state", "phase", "launch", "launches", "round", "rounds", "cells_done", "cells", "elapsed_s", "left_s",
                                      "waiting_for"}, set(data))
        document = self.d.get(f"/api/v1/runs/{run}")
        by_id = {c["id"]: c for c in document["cells"]}
        last = {data["id"]: data for _, kind, data in events if kind == "cell"}
        self.assertEqual(set(last), set(by_id))
        for name, cell in last.items():
            self.assertEqual(cell["samples"], by_id[name]["samples"], name)
        self.assertEqual(events[-1][1:], ("state", {"state": "complete", "reason": None}))

    def test_resuming_gives_the_latest_of_what_was_missed(self):
        run = self.d.run(launches=2, rounds=3)
        seen = 0
        with Stream(self.d, run) as s:
            for seen, kind, _ in s:
                if kind == "cell":
                    break
        self.d.wait_state(run, FINAL)
        with Stream(self.d, run, last=seen) as s:
            rest = list(s)
        self.assertTrue(all(e[0] > seen for e in rest))
        self.assertEqual(rest[-1][2]["state"], "complete")
        cells = [d["id"] for _, kind, d in rest if kind == "cell"]
        self.assertEqual(len(cells), len(set(cells)))  # of each cell only its latest
        document = self.d.get(f"/api/v1/runs/{run}")
        self.assertEqual(set(cells), {c["id"] for c in document["cells"]})
        # from the very end there is nothing left to say
        with Stream(self.d, run, last=rest[-1][0]) as s:
            self.assertEqual((s.status, list(s)), (204, []))
        # an id this daemon never gave, and none at all: from the beginning
        for last in (10**9, -5, "x", None):
            with Stream(self.d, run, last=last) as s:
                self.assertEqual(list(s)[-1][2]["state"], "complete")

    def test_a_cancelled_run(self):
        run = self.d.run(budget_s=60)
        with Stream(self.d, run) as s:
            for _, kind, _ in s:
                if kind == "cell":
                    break
            self.assertEqual(self.d.request("POST", f"/api/v1/runs/{run}/cancel").status, 202)
            rest = list(s)
        self.assertEqual((rest[-1][1], rest[-1][2]["state"]), ("state", "cancelled"))
        self.assertEqual(self.d.state(run), "cancelled")

    def test_waiting_runs_say_for_whom(self):
        first, second = self.d.run(budget_s=60), self.d.run(launches=1, rounds=1)
        self.d.wait_samples(first)
        with Stream(self.d, second) as s:
            for _, kind, data in s:
                if kind == "progress" and data["phase"] == "queued" and data["waiting_for"]:
                    self.assertIn(first, data["waiting_for"])
                    break
            else:
                self.fail("the run ended without having said that it waits")
            self.d.request("POST", f"/api/v1/runs/{first}/cancel")
            self.assertEqual(list(s)[-1][2]["state"], "complete")

    def test_head_has_no_body(self):
        run = self.d.run(launches=1, rounds=1)
        request = f"HEAD /api/v1/runs/{run}/events HTTP/1.1\r\nHost: 127.0.0.1:{self.d.port}\r\nAuthorization: Bearer {self.d.token}\r\n\r\n"
        a = self.d.raw(request.encode())
        self.assertEqual((a.status, a.body), (200, b""))
        self.d.wait_state(run, ("complete",))

    def test_unknown_runs(self):
        a = self.d.request("GET", "/api/v1/runs/01J00000000000000000000000/events")
        self.assertEqual((a.status, a.key), (404, "not-found"))

    def test_64_streams_and_no_more(self):
        run = self.d.run(budget_s=60)
        streams = []
        self.addCleanup(lambda: [s.close() for s in streams])
        for _ in range(64):
            streams.append(Stream(self.d, run))
            self.assertEqual(streams[-1].status, 200)
        a = self.d.request("GET", f"/api/v1/runs/{run}/events")
        self.assertEqual((a.status, a.key), (503, "too-many-streams"))
        self.assertGreater(int(a.headers["Retry-After"]), 0)
        self.assertEqual(self.d.request("GET", "/api/v1/runs").status, 200)
        # one that goes makes room
        streams.pop().close()

        def one_more():
            s = Stream(self.d, run)
            streams.append(s)
            return s.status == 200
        wait_for("room for another stream", 20, one_more)
        self.d.request("POST", f"/api/v1/runs/{run}/cancel")
        self.assertEqual([list(s)[-1][2]["state"] for s in streams if s.status == 200], ["cancelled"] * 64)

    def test_a_client_that_does_not_read_holds_nobody_up(self):
        run = self.d.run(launches=2, rounds=2)
        sockets = []
        for _ in range(20):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.connect(("127.0.0.1", self.d.port))
            s.sendall((f"GET /api/v1/runs/{run}/events HTTP/1.1\r\nHost: 127.0.0.1:{self.d.port}\r\n"
                       f"Authorization: Bearer {self.d.token}\r\n\r\n").encode())
            sockets.append(s)
        with Stream(self.d, run) as s:
            self.assertEqual(list(s)[-1][2]["state"], "complete")
        for s in sockets:
            s.close()


class Ending(Case):
    def test_a_stream_is_told_that_its_daemon_ends(self):
        d = self.start(measure=True)
        run = d.run(budget_s=60)
        d.wait_samples(run)
        events = []
        with Stream(d, run) as s:
            reader = threading.Thread(target=lambda: events.extend(s))
            reader.start()
            self.assertEqual(d.end(signal.SIGTERM), 0)
            reader.join(30)
        self.assertEqual((events[-1][1], events[-1][2]["state"]), ("state", "interrupted"))
        self.assertTrue(events[-1][2]["reason"]["message"])

    def test_resuming_at_the_next_daemon(self):
        d = self.start(measure=True)
        run = d.run(budget_s=60)
        with Stream(d, run) as s:
            last = next(iter(s))[0]
        d.end(signal.SIGKILL)
        again = self.start(data=d.data)
        start = time.monotonic()
        with Stream(again, run, last=last + 1000) as s:
            events = list(s)
        self.assertEqual([e[2]["state"] for e in events], ["interrupted"])
        self.assertLess(time.monotonic() - start, 30)
        # whatever the old one was at: its ids are not mistaken for those of the new one
        for seen in range(1, 4):
            with Stream(again, run, last=seen) as s:
                self.assertEqual([e[2]["state"] for e in s], ["interrupted"])
        with Stream(again, run, last=events[-1][0]) as s:
            self.assertEqual(s.status, 204)
