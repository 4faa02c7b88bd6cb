"""Browser sessions: a code spent once, a cookie scripts cannot read, and no changes from elsewhere."""
from daemon import Daemon, Shared

JSON = "application/json"


class Sessions(Shared):
    def code(self):
        a = self.d.request("POST", "/api/v1/sessions")
        self.assertEqual(a.status, 201)
        self.assertEqual(a.json["expires_s"], 60)
        self.assertEqual(a.json["url"], f"{self.d.url}/login#{a.json['code']}")
        return a.json["code"]

    def login(self, code=None):
        a = self.d.request("POST", "/login", {"code": code or self.code()}, token=False)
        self.assertEqual(a.status, 200, a.body)
        cookie = a.headers["Set-Cookie"]
        for part in ("; HttpOnly", "; SameSite=Strict", "; Path=/"):
            self.assertIn(part, cookie)
        return cookie.split(";")[0]

    def test_a_session_reads(self):
        cookie = self.login()
        self.assertEqual(self.d.request("GET", "/api/v1/runs", token=False, headers={"Cookie": cookie}).status, 200)
        self.assertEqual(self.d.request("GET", "/api/v1/runs", token=False, headers={"Cookie": f"a=b; {cookie}; c=d"}).status, 200)
        for wrong in (f"benchd_session_{self.d.port}=", f"benchd_session_{self.d.port}=x", cookie[:-1], cookie.replace(f"_{self.d.port}", ""), cookie + "0", cookie.replace("session", "other")):
            a = self.d.request("GET", "/api/v1/runs", token=False, headers={"Cookie": wrong})
            self.assertEqual((a.status, a.key), (401, "unauthorized"), wrong)

    def test_another_benchd_takes_no_session(self):
        """A browser has one jar of cookies for all ports of a host."""
        cookie, other = self.login(), Daemon()
        self.addCleanup(other.close)
        code = other.request("POST", "/api/v1/sessions").json["code"]
        theirs = other.request("POST", "/login", {"code": code}, token=False).headers["Set-Cookie"].split(";")[0]
        self.assertNotEqual(cookie.split("=")[0], theirs.split("=")[0])
        for d in (self.d, other):
            self.assertEqual(d.request("GET", "/api/v1/runs", token=False, headers={"Cookie": f"{theirs}; {cookie}"}).status, 200)
        self.assertEqual(other.request("GET", "/api/v1/runs", token=False, headers={"Cookie": cookie}).status, 401)

    def test_a_code_is_spent_once(self):
        code = self.code()
        self.login(code)
        a = self.d.request("POST", "/login", {"code": code}, token=False)
        self.assertEqual((a.status, a.key), (401, "unauthorized"))
        self.assertIsNone(a.headers["Set-Cookie"])

    def test_wrong_codes(self):
        self.code()
        for code in ("", "0" * 64, "x" * 5000):
            a = self.d.request("POST", "/login", {"code": code}, token=False)
            self.assertEqual((a.status, a.key), (401, "unauthorized"))
        self.assertEqual(self.d.request("POST", "/login", {}, token=False).status, 400)
        self.assertEqual(self.d.request("POST", "/login", {"code": None}, token=False).status, 400)

    def test_login_only_from_here(self):
        a = self.d.request("POST", "/login", {"code": self.code()}, token=False, headers={"Origin": "http://evil.example"})
        self.assertEqual((a.status, a.key), (403, "foreign-origin"))

    def test_changes_need_origin_and_media_type(self):
        own = f"http://127.0.0.1:{self.d.port}"
        plan = '{"target":"gil-contention","dry_run":true}'
        cookie = {"Cookie": self.login()}

        def post(**headers):
            h = {**cookie, **{k.replace("_", "-"): v for k, v in headers.items()}}
            return self.d.request("POST", "/api/v1/runs", plan, token=False, headers=h)

        self.assertEqual(post(Origin=own, Content_Type=JSON).status, 200)
        for a in (post(Content_Type=JSON), post(Origin=own), post(Origin=own, Content_Type="text/plain"), post()):
            self.assertEqual((a.status, a.key), (403, "forbidden"))
        self.assertEqual(post(Origin="http://evil.example", Content_Type=JSON).key, "foreign-origin")
        for method, path in (("DELETE", "/api/v1/runs/x"), ("POST", "/api/v1/runs/x/cancel")):
            a = self.d.request(method, path, token=False, headers=cookie)
            self.assertEqual((a.status, a.key), (403, "forbidden"))
            a = self.d.request(method, path, token=False, headers={**cookie, "Origin": own, "Content-Type": JSON})
            self.assertEqual((a.status, a.key), (404, "not-found"))

    def test_what_a_session_may_not(self):
        headers = {"Cookie": self.login(), "Origin": f"http://127.0.0.1:{self.d.port}", "Content-Type": JSON}
        for path in ("/api/v1/sessions", "/api/v1/daemon/stop"):
            a = self.d.request("POST", path, "{}", token=False, headers=headers)
            self.assertEqual((a.status, a.key), (403, "forbidden"))

    def test_a_wrong_token_is_not_helped_by_a_cookie(self):
        a = self.d.request("GET", "/api/v1/runs", token="x", headers={"Cookie": self.login()})
        self.assertEqual((a.status, a.key), (401, "unauthorized"))

    def test_many_codes_and_sessions(self):
        codes = [self.code() for _ in range(20)]
        self.assertEqual(len(set(codes)), 20)
        self.login(codes[-1])
        self.assertEqual(self.d.request("POST", "/login", {"code": codes[0]}, token=False).status, 401)  # only the last 16 are kept
        cookies = [self.login() for _ in range(40)]
        self.assertEqual(self.d.request("GET", "/api/v1/runs", token=False, headers={"Cookie": cookies[-1]}).status, 200)
        self.assertEqual(self.d.request("GET", "/api/v1/runs", token=False, headers={"Cookie": cookies[0]}).status, 401)
