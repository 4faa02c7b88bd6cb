"""Everything the server offers, asked for by many at once while a run is measured: races show only where calls meet."""
import http.client
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "http"))
from daemon import Case, FINAL  # noqa: E402

CLIENTS, TIMES = 12, 3
DRY = {"target": "gil-contention", "dry_run": True}


class Parallel(Case):
    def test_all_at_once(self):
        d = self.start(measure=True)
        run = d.run(axes={"threads": [1, 2], "u": ["1us"]}, budget_s=20)
        d.wait_samples(run)
        paths = d.get("/api/v1/openapi.json")["paths"]
        asks = [("GET", methods["get"]["x-example"]["path"].replace("{id}", run), None) for methods in paths.values()
                if "get" in methods]
        asks += [("POST", "/api/v1/runs", DRY), ("POST", "/api/v1/sessions", {}), ("POST", "/login", {"code": "0" * 64})]
        asks = [a for a in asks if not a[1].endswith("/events")]
        answered, failed = [], []
        self.assertGreater(len(asks), 12)

        together = threading.Barrier(CLIENTS)

        def client(number):
            try:
                for method, path, body in asks:
                    together.wait(300)
                    for _ in range(TIMES):
                        answered.append((path, d.request(method, path, body, timeout=300).status))
            except (OSError, http.client.HTTPException, threading.BrokenBarrierError) as error:
                together.abort()
                failed.append((number, repr(error)))

        def viewer():
            try:
                failed.extend([] if b"event: state" in d.request("GET", f"/api/v1/runs/{run}/events", timeout=300).body
                              else ["a stream without the state"])
            except (OSError, http.client.HTTPException) as error:
                failed.append(("viewer", repr(error)))

        threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
        threads += [threading.Thread(target=viewer) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(len(answered), CLIENTS * TIMES * len(asks))
        self.assertEqual([a for a in answered if a[1] >= 500], [])
        d.wait_state(run, FINAL)
        self.assertEqual(d.end(), 0)  # in order, so that leaks are looked for

