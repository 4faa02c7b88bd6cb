"""Every refusal that docs/interfaces.md section 3 names, each beside the same request accepted."""
import contextlib
import gzip
import json
import socket

from daemon import Shared

RUNS = "/api/v1/runs"
# what holds no data: whether there is a benchd, the way in, and the files of the dashboard
OPEN = {("/api/v1/health", "get"), ("/login", "post"), ("/", "get"), ("/runs/{id}", "get"), ("/series/{id}", "get"), ("/login", "get"),
        ("/traces", "get"), ("/traces/{id}", "get"), ("/assets/{path}", "get")}
DRY = {"target": "gil-contention", "dry_run": True}


class Refusals(Shared):
    def refused(self, answer, status, key):
        self.assertEqual((answer.status, answer.key), (status, key), answer.body)

    def test_token(self):
        self.assertEqual(self.d.request("GET", RUNS).status, 200)
        for token in (False, "x", "", self.d.token[:-1], self.d.token + "x", self.d.token.upper() + "G"):
            a = self.d.request("GET", RUNS, token=token, headers={"Authorization": "Bearer "} if token == "" else None)
            self.refused(a, 401, "unauthorized")
            self.assertEqual(a.headers["WWW-Authenticate"], "Bearer")
        for scheme in ("Basic ", "", "Bearer"):
            self.refused(self.d.request("GET", RUNS, token=False, headers={"Authorization": scheme + self.d.token}), 401, "unauthorized")
        self.assertEqual(self.d.request("GET", RUNS, token=False, headers={"Authorization": "bearer " + self.d.token}).status, 200)
        self.assertEqual(self.d.request("GET", "/api/v1/health", token=False).status, 200)

    def test_everything_but_health_login_and_the_shell_needs_it(self):
        paths = self.d.get("/api/v1/openapi.json")["paths"]
        tried = 0
        for path, methods in paths.items():
            for method in methods:
                if (path, method) in OPEN:
                    self.assertEqual(methods[method]["security"], [])
                    continue
                self.refused(self.d.request(method.upper(), path.replace("{id}", "x"), token=False), 401, "unauthorized")
                tried += 1
        self.assertGreater(tried, 15)

    def test_host(self):
        port = self.d.port
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"LOCALHOST:{port}"):
            self.assertEqual(self.d.request("GET", RUNS, headers={"Host": host}).status, 200, host)
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "localhost", f"127.0.0.1:{port + 1}", f"127.0.0.1:{port}.evil.example",
                     f"127.0.0.1.evil.example:{port}", "", f"a@127.0.0.1:{port}"):
            self.refused(self.d.request("GET", RUNS, headers={"Host": host}), 421, "wrong-host")
        self.refused(self.d.raw(b"GET /api/v1/health HTTP/1.0\r\n\r\n"), 421, "wrong-host")

    def test_headers_given_twice(self):
        """Of two, whoever stands between may have gone by the other one."""
        head = {"Host": f"127.0.0.1:{self.d.port}", "Authorization": f"Bearer {self.d.token}", "Origin": self.d.url, "Content-Length": "2",
                "Content-Type": "application/json", "X": "y"}
        for twice in (None, *head):
            for second in (head.get(twice), "evil.example", "5"):
                lines = [f"{k}: {v}\r\n" for k, v in head.items()] + ([f"{twice.upper()}: {second}\r\n"] if twice else [])
                a = self.d.raw((f"GET {RUNS} HTTP/1.1\r\n" + "".join(lines) + "\r\n{}").encode())
                if twice in (None, "X", "Content-Type"):
                    self.assertEqual(a.status, 200, (twice, a.body))
                else:
                    self.refused(a, 400, "bad-request")

    def test_requests_for_others(self):
        own, seen = f"127.0.0.1:{self.d.port}", 0
        for _ in range(70):  # often enough that every thread of the server has had one of each
            for target, host, status in (("http://evil.example/api/v1/health", "evil.example", 400), ("http://evil.example/", own, 400),
                                         ("*", own, 400), (f"http://{own}/api/v1/health", own, 200), ("/api/v1/health", own, 200)):
                a = self.d.raw(f"OPTIONS {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() if target == "*" else
                               f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                self.assertEqual(a.status, status, (target, a.body))
                if status == 400:
                    self.assertEqual(a.key, "bad-request")
                seen += 1
        self.assertEqual(seen, 350)
        # a connection that says nothing is ended without an answer, as before
        self.assertEqual(self.d.raw(b"", half_close=True).body, b"")

    def test_origin(self):
        port = self.d.port
        self.assertEqual(self.d.request("GET", RUNS, headers={"Origin": f"http://127.0.0.1:{port}"}).status, 200)
        for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", f"http://localhost:{port}", f"http://127.0.0.1:{port + 1}",
                       f"http://127.0.0.1:{port}.evil.example", ""):
            for method, path in (("GET", RUNS), ("POST", RUNS), ("OPTIONS", RUNS), ("GET", "/api/v1/health")):
                if origin or method == "GET":
                    self.refused(self.d.request(method, path, headers={"Origin": origin}), 403, "foreign-origin")

    def test_no_leave_for_other_origins(self):
        a = self.d.request("OPTIONS", RUNS, headers={"Access-Control-Request-Method": "POST"}, token=False)
        self.assertEqual(a.status, 204)
        self.assertFalse([h for h in a.headers if h.lower().startswith("access-control")])

    def test_method(self):
        a = self.d.request("PUT", RUNS)
        self.refused(a, 405, "method-not-allowed")
        self.assertEqual(a.headers["Allow"], "GET, HEAD, POST, OPTIONS")
        a = self.d.request("POST", "/api/v1/health", {})
        self.refused(a, 405, "method-not-allowed")
        self.assertEqual(a.headers["Allow"], "GET, HEAD, OPTIONS")
        a = self.d.request("OPTIONS", "/api/v1/runs/x", token=False)
        self.assertEqual((a.status, a.headers["Allow"], a.body), (204, "GET, HEAD, DELETE, OPTIONS", b""))
        self.refused(self.d.raw(f"BREW / HTTP/1.1\r\nHost: 127.0.0.1:{self.d.port}\r\n\r\n".encode()), 400, "bad-request")

    def test_path(self):
        for path in ("/api", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/runs/", "/api/v1/runs/a/b", "/api/v2/runs",
                     "/api/v1/traces/", "/api/v1/%72uns", "/etc/passwd", "/../../etc/passwd", "/api/v1/runs/x/events/"):
            self.refused(self.d.request("GET", path), 404, "not-found")
        self.refused(self.d.request("GET", "/api/v1/runs/01J00000000000000000000000"), 404, "not-found")

    def test_query(self):
        self.assertEqual(self.d.request("GET", RUNS + "?limit=3&suite=a%20b&label=k%3Dv").status, 200)
        a = self.d.request("GET", RUNS + "?limt=3")
        self.refused(a, 400, "unknown-field")
        self.assertIn("limit", a.json["error"]["hint"])
        for query in ("limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=1&limit=2", "state=done", "limit=99999999999999999999"):
            self.refused(self.d.request("GET", RUNS + "?" + query), 400, "bad-value")
        self.refused(self.d.request("GET", RUNS + "?suite=%00"), 400, "bad-request")
        self.assertEqual(self.d.request("GET", RUNS + "?label=%C3%A9%3D%C3%A9").status, 200)
        for text in ("%ff", "a%3D%ff", "%c0%af", "%ed%a0%80"):
            a = self.d.request("GET", RUNS + "?label=" + text)
            self.refused(a, 400, "bad-request")
            self.assertIn("'label'", a.json["error"]["message"])
        self.refused(self.d.request("GET", "/api/v1/health?x=1", token=False), 400, "unknown-field")

    def test_unknown_fields_are_named_with_their_path(self):
        self.assertEqual(self.d.request("POST", RUNS, DRY).status, 200)
        a = self.d.request("POST", RUNS, {**DRY, "bugdet_s": 3})
        self.refused(a, 400, "unknown-field")
        self.assertIn("bugdet_s", a.json["error"]["message"])
        self.assertIn("budget_s", a.json["error"]["message"] + str(a.json["error"]["hint"]))
        a = self.d.request("POST", RUNS, {**DRY, "labels": {"a": {"b": 1}}})
        self.refused(a, 400, "bad-value")
        self.assertIn("labels.a", a.json["error"]["message"])
        self.refused(self.d.request("POST", "/api/v1/daemon/stop", {"force": True, "now": True}), 400, "unknown-field")
        self.refused(self.d.request("POST", RUNS, {**DRY, "kind": "ab"}), 400, "bad-value")
        self.refused(self.d.request("POST", RUNS, {"dry_run": True}), 400, "bad-value")

    def test_programs_are_never_named_by_a_request(self):
        for name in ("argv", "program", "path", "cwd"):
            self.refused(self.d.request("POST", RUNS, {**DRY, name: ["/bin/true"]}), 400, "unknown-field")
            sides = {"a": {}, "b": {name: "/bin/true"}}
            self.refused(self.d.request("POST", RUNS, {**DRY, "kind": "ab", "sides": sides}), 400, "unknown-field")

    def test_unknown_targets_and_values_name_the_nearest(self):
        for change, key, near in (({"target": "gil-contentoin"}, "unknown-target", "gil-contention"), ({"axes": {"thread": [1]}}, "unknown-axis", "threads"),
                                  ({"axes": {"gil": ["hod"]}}, "unknown-value", "hold")):
            a = self.d.request("POST", RUNS, {**DRY, **change})
            self.assertEqual(a.key, key, a.body)
            self.assertIn(near, a.body.decode())

    def test_json(self):
        json_type = {"Content-Type": "application/json"}
        for body in ("{", "[]", "1", "null", "{\"a\":1}x", "{'a':1}", "\ufeff{}", "", " "):
            a = self.d.request("POST", RUNS, body.encode(), headers=json_type)
            self.assertEqual(a.status, 400, (body, a.body))
            self.assertIn(a.key, ("bad-json", "bad-value"))
        for body in (b"{\"target\":\"\xff\"}", b"{\"target\":\"\xc0\xaf\"}", b"{\"target\":\"\xed\xa0\x80\"}", b"{\"target\":\"a\"}\0"):
            self.refused(self.d.request("POST", RUNS, body, headers=json_type), 400, "bad-json")
        for text in ('"empty-loop\\u0000x"', '"\\\\\\u0000"'):
            self.refused(self.d.request("POST", RUNS, '{"target":%s,"dry_run":true}' % text, headers=json_type), 400, "bad-json")
        self.assertNotEqual(self.d.request("POST", RUNS, '{"target":"\\\\u0000","dry_run":true}', headers=json_type).key, "bad-json")
        deep = 200000
        self.refused(self.d.request("POST", RUNS, b"[" * deep + b"]" * deep, headers=json_type), 400, "bad-json")
        self.refused(self.d.request("POST", RUNS, b'{"labels":' + b'{"a":' * 40 + b"1" + b"}" * 41, headers=json_type), 400, "bad-json")
        brackets = {**DRY, "labels": {"a": "[" * 5000}}
        self.assertEqual(self.d.request("POST", RUNS, brackets).status, 200)

    def test_media_type(self):
        body = json.dumps(DRY)
        for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
            self.assertEqual(self.d.request("POST", RUNS, body, headers={"Content-Type": kind}).status, 200)
        for kind in (None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
            self.refused(self.d.request("POST", RUNS, body, headers={"Content-Type": kind}), 415, "wrong-media-type")

    def test_body_where_there_is_none(self):
        self.refused(self.d.request("GET", RUNS, {"a": 1}), 400, "unknown-field")
        self.assertEqual(self.d.request("GET", RUNS, {}).status, 200)

    def test_body_size(self):
        fits = {**DRY, "labels": {"a": "x" * (1024 * 1024 - 200)}}
        self.assertEqual(self.d.request("POST", RUNS, fits).status, 200)
        for size in (1024 * 1024 + 1, 8 * 1024 * 1024):
            a = self.d.request("POST", RUNS, "x" * size, headers={"Content-Type": "application/json"})
            self.refused(a, 413, "body-too-large")
        # a body that is announced and not sent is refused at once
        head = f"POST {RUNS} HTTP/1.1\r\nHost: 127.0.0.1:{self.d.port}\r\nAuthorization: Bearer {self.d.token}\r\nContent-Type: application/json\r\n"
        self.refused(self.d.raw((head + "Content-Length: 2000000000\r\n\r\n").encode()), 413, "body-too-large")
        for length in ("-1", "x", "99999999999999999999"):
            self.assertIn(self.d.raw((head + f"Content-Length: {length}\r\n\r\n").encode()).key, ("bad-request", "body-too-large"))
        self.refused(self.d.raw((head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").encode()), 400, "bad-request")
        # a stranger's body is not read
        a = self.d.request("POST", RUNS, "x" * 300000, headers={"Content-Type": "application/json"}, token=False)
        self.refused(a, 401, "unauthorized")

    def test_header_size(self):
        self.assertEqual(self.d.request("GET", RUNS, headers={"X-Much": "x" * 12000}).status, 200)
        self.refused(self.d.request("GET", RUNS, headers={"X-Much": "x" * 17000}), 431, "headers-too-large")
        a = self.d.raw(f"GET {RUNS} HTTP/1.1\r\nHost: 127.0.0.1:{self.d.port}\r\n".encode() + b"X: y\r\n" * 10000 + b"\r\n")
        self.refused(a, 431, "headers-too-large")

    def test_a_refusal_is_for_its_own_connection(self):
        """Clients on the same port of different addresses of this machine: what becomes of one does not touch the others."""
        head = f" HTTP/1.1\r\nHost: 127.0.0.1:{self.d.port}\r\n"
        refused, good = f"POST {RUNS}{head}Content-Length: 9\r\n\r\n".encode(), f"GET /api/v1/health{head}\r\n".encode()
        with contextlib.ExitStack() as open_ones:
            clients, port = [], 0
            for n in (1, 2, 3):
                s = open_ones.enter_context(socket.socket())
                s.settimeout(30)
                s.bind((f"127.0.0.{n}", port))
                port = s.getsockname()[1]
                s.connect(("127.0.0.1", self.d.port))
                clients.append(s)
            self.assertEqual(self.d.get("/api/v1/health", token=False)["ok"], True)  # accepted after them
            clients[1].sendall(refused)
            self.assertIn(b" 401 ", clients[1].recv(65536))
            for s in (clients[0], clients[2]):
                s.sendall(good)
                self.assertIn(b" 200 ", s.recv(65536))

    def test_nonsense(self):
        for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"hello\r\n\r\n", b"GET\r\n\r\n", b"\0\0\0\0", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
                     b"GET / FTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nNo Colon Here\r\n\r\n"):
            a = self.d.raw(data, half_close=True)
            self.assertIn((a.status, a.key), ((400, "bad-request"), (500, "internal"), (421, "wrong-host")), data)
        self.assertEqual(self.d.request("GET", RUNS).status, 200)

    def test_a_version_of_http_that_is_not_served_is_no_fault_of_ours(self):
        a = self.d.raw(b"GET /api/v1/health HTTP/2.0\r\nHost: 127.0.0.1:%d\r\n\r\n" % self.d.port)
        self.refused(a, 400, "bad-request")

    def test_errors_are_json_whatever_they_quote(self):
        port = self.d.port
        for path, host in ((b"/\xff\xfe", b"127.0.0.1:%d" % port), ("/é".encode() * 150, b"127.0.0.1:%d" % port), (b"/", b"\xc3\xa9\xc3"),
                           (b'/"\\', b"127.0.0.1:%d" % port)):
            a = self.d.raw(b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            self.assertIn(a.key, ("bad-request", "not-found", "wrong-host"))
            a.body.decode("utf-8")
        a = self.d.raw(b"GET / HTTP/1.1\r\nHost: \xc3\xa9\xff\r\n\r\n")
        self.assertIn("'???'", a.json["error"]["message"])

    def test_errors_are_never_compressed_into_something_else(self):
        a = self.d.request("GET", "/nothing", headers={"Accept-Encoding": "gzip"})
        body = gzip.decompress(a.body) if a.headers["Content-Encoding"] == "gzip" else a.body
        self.assertEqual(json.loads(body)["error"]["key"], "not-found")
