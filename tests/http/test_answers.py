"""How answers are sent: kinds, lengths, HEAD, compression."""
import gzip
import json

from daemon import Shared


class Answers(Shared):
    def test_head_is_get_without_the_body(self):
        get, head = (self.d.request(m, "/api/v1/openapi.json") for m in ("GET", "HEAD"))
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Length"], get.headers["Content-Length"])

    def test_headers(self):
        a = self.d.request("GET", "/api/v1/runs")
        self.assertEqual(a.headers["Content-Type"], "application/json; charset=utf-8")
        self.assertEqual(a.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(a.headers["Cache-Control"], "no-store")
        self.assertEqual(int(a.headers["Content-Length"]), len(a.body))

    def test_compression_where_it_pays(self):
        plain = self.d.request("GET", "/api/v1/openapi.json")
        self.assertIsNone(plain.headers["Content-Encoding"])
        self.assertEqual(plain.headers["Vary"], "Accept-Encoding")
        for accept in ("gzip", "deflate, gzip;q=0.5", "br, GZIP"):
            a = self.d.request("GET", "/api/v1/openapi.json", headers={"Accept-Encoding": accept})
            self.assertEqual(a.headers["Content-Encoding"], "gzip", accept)
            self.assertLess(len(a.body), len(plain.body) / 3)
            self.assertEqual(gzip.decompress(a.body), plain.body)
        for accept in ("identity", "gzip;q=0", "xgzip", "br"):
            a = self.d.request("GET", "/api/v1/openapi.json", headers={"Accept-Encoding": accept})
            self.assertIsNone(a.headers["Content-Encoding"], accept)
        small = self.d.request("GET", "/api/v1/health", headers={"Accept-Encoding": "gzip"})
        self.assertIsNone(small.headers["Content-Encoding"])

    def test_etag(self):
        a = self.d.request("GET", "/api/v1/openapi.json")
        tag = a.headers["ETag"]
        for have in (tag, f'"x", {tag}', tag[2:], "*"):
            b = self.d.request("GET", "/api/v1/openapi.json", headers={"If-None-Match": have})
            self.assertEqual((b.status, b.body, b.headers["ETag"]), (304, b"", tag), have)
        self.assertEqual(self.d.request("GET", "/api/v1/openapi.json", headers={"If-None-Match": '"x"'}).status, 200)
        self.assertIsNone(self.d.request("GET", "/api/v1/runs").headers["ETag"])

    def test_the_daemon_shows_itself(self):
        d = self.d.get("/api/v1/daemon")
        self.assertEqual((d["running"], d["url"], d["data"], d["idle"], d["run"]), (True, self.d.url, self.d.data, True, None))
        self.assertEqual(d["pid"], self.d.pid)
        with open(f"{self.d.data}/daemon.json", encoding="utf-8") as f:
            state = json.load(f)
        self.assertEqual(state, {"url": d["url"], "pid": d["pid"], "token_file": d["token_file"], "build": d["build"]})
        self.assertNotIn(self.d.token, json.dumps(d))

    def test_one_hundred_in_a_row(self):
        for _ in range(100):
            self.assertIs(self.d.request("GET", "/api/v1/health", token=False).json["ok"], True)
