"""How the dashboard's files are served: the shell under every view, assets under the hash of them all, and nothing else."""
import gzip
import re
import unittest

from daemon import Shared

VIEWS = ("/", "/?suite=x&state=running&label=a%3Db&before=c&more=1", "/runs/01ABCDEFGH", "/runs/x?cell=3&sort=-time", "/series/0123456789abcdef?metric=ratio",
         "/traces", "/traces?run=x", "/traces/01ABCDEFGH?lines=all", "/login", "/login?next=%2Fruns%2Fx")
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Assets(Shared):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.d.get("/api/v1/health")["dashboard"]:
            raise unittest.SkipTest("this build has no dashboard (benchctl doctor says why)")
        cls.shell = cls.d.request("GET", "/", token=False).body.decode()
        cls.assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', cls.shell)
        cls.app = re.search(r'<script type="module" src="([^"]+)"', cls.shell)[1]

    def open(self, path, method="GET", **headers):
        return self.d.request(method, path, token=False, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def test_every_view_is_the_shell(self):
        for path in VIEWS:
            a = self.open(path)
            self.assertEqual((a.status, a.body.decode()), (200, self.shell), path)
            self.assertEqual(a.headers["Content-Type"], "text/html; charset=utf-8")
            self.assertEqual(a.headers["Cache-Control"], "no-cache")
        self.assertEqual(self.open("/", "POST").status, 405)

    def test_nothing_else_may_run_or_frame_it(self):
        for a in (self.open("/"), self.d.request("GET", "/nowhere", headers=HTML)):
            policy = dict(p.strip().split(" ", 1) for p in a.headers["Content-Security-Policy"].split(";"))
            self.assertEqual(policy.pop("default-src"), "'none'")
            self.assertEqual({policy[n] for n in ("script-src", "style-src", "connect-src")}, {"'self'"})
            self.assertEqual({policy[n] for n in ("base-uri", "form-action", "frame-ancestors")}, {"'none'"})
            self.assertEqual(policy["require-trusted-types-for"], "'script'")
            self.assertNotIn("unsafe", a.headers["Content-Security-Policy"])
            self.assertEqual(a.headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(a.headers["Referrer-Policy"], "no-referrer")
            self.assertEqual(a.headers["Cross-Origin-Opener-Policy"], "same-origin")
            self.assertEqual(a.headers["Cross-Origin-Resource-Policy"], "same-origin")
        # the policy would stop both
        self.assertNotRegex(self.shell, r"<script(?![^>]*\bsrc=)")
        self.assertNotRegex(self.shell, r"<style|\bstyle=|\bon\w+=")

    def test_nothing_is_fetched_from_elsewhere(self):
        for path in self.assets:
            text = self.open(path).body.decode()
            for url in re.findall(r"""(?:\bfrom|\bimport)\s*\(?['"]([^'"]+)|\burl\(([^)]+)\)""", text):
                self.assertRegex("".join(url), r"^(\.|data:)", path)

    def test_the_shell_names_what_is_there(self):
        self.assertGreater(len(self.assets), 5)
        hashes = {re.fullmatch(r"/assets/([0-9a-f]{16})/[\w./-]+", path)[1] for path in self.assets}
        self.assertEqual(len(hashes), 1)
        kinds = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml", "txt": "text/plain; charset=utf-8"}
        for path in self.assets:
            a = self.open(path)
            self.assertEqual(a.status, 200, path)
            self.assertEqual(a.headers["Content-Type"], kinds[path.rsplit(".", 1)[1]])
            self.assertEqual(a.headers["Cache-Control"], "public, max-age=31536000, immutable")
            self.assertEqual(a.headers["X-Content-Type-Options"], "nosniff")

    def test_what_came_from_packages_brings_its_terms(self):
        link = re.search(r'<link rel="license" href="([^"]+)"', self.shell)[1]
        terms = self.open(link).body.decode()
        for words in ("---- htm ----", "Apache License", "---- Preact ----", "Jason Miller", "---- uPlot ----", "Leon Sorokin"):
            self.assertIn(words, terms)

    def test_modules_import_what_is_there(self):
        """Also those that are imported later: everything a module names can be had."""
        todo, seen = [p for p in self.assets if p.endswith(".js")], set()
        while todo:
            path = todo.pop()
            if path in seen:
                continue
            seen.add(path)
            a = self.open(path)
            self.assertEqual(a.status, 200, path)
            for name in re.findall(r"""(?:\bfrom\s*|\bimport\s*\(?)['"](\.[^'"]+)['"]""", a.body.decode()):
                parts = path.split("/")[:-1]
                for part in name.split("/"):
                    if part == "..":
                        parts.pop()
                    elif part != ".":
                        parts.append(part)
                todo.append("/".join(parts))
        for view in ("runs", "run", "series", "login"):
            self.assertTrue([p for p in seen if f"/part/{view}-" in p], view)

    def test_compressed_once_and_for_all(self):
        whole = 0
        for path in ["/", *self.assets]:
            plain, packed = self.open(path), self.open(path, Accept_Encoding="br, gzip")
            self.assertIsNone(plain.headers["Content-Encoding"])
            self.assertEqual(packed.headers["Content-Encoding"], "gzip")
            self.assertEqual(int(packed.headers["Content-Length"]), len(packed.body))
            self.assertEqual(gzip.decompress(packed.body), plain.body)
            self.assertEqual((plain.headers["Vary"], packed.headers["Vary"]), ("Accept-Encoding",) * 2)
            whole += len(packed.body)
        self.assertLess(whole, 150_000)

    def test_head_and_etag(self):
        for path in ("/", self.assets[0]):
            get, head = self.open(path), self.open(path, "HEAD")
            self.assertEqual((head.status, head.body, head.headers["Content-Length"]), (200, b"", str(len(get.body))))
            tag = get.headers["ETag"]
            for have in (tag, f'"x", {tag}', "*"):
                a = self.open(path, If_None_Match=have)
                self.assertEqual((a.status, a.body, a.headers["ETag"]), (304, b"", tag))
                self.assertEqual(a.headers["Cache-Control"], get.headers["Cache-Control"])
            self.assertEqual(self.open(path, If_None_Match='"x"').status, 200)

    def test_other_files_are_not_there(self):
        base = self.assets[0].rsplit("/", 1)[0]
        for path in (f"{base}/none.js", f"{base}/", base, "/assets/", "/assets/0000000000000000/app.js", f"{base}/index.html", f"{base}/page.html",
                     f"{base}/package.json", f"{base}/../app.js", f"{base}/%61pp.js", f"{base}/app.js%00",
                     f"{base}/../../../../../../etc/passwd", f"{base}/..%2f..%2f..%2fetc%2fpasswd", "/assets/../app.js", f"{base}/app.js?x=1"):
            a = self.open(path)
            self.assertIn((a.status, a.key), ((404, "not-found"), (400, "unknown-field"), (400, "bad-request")), path)
            self.assertNotIn(b"root:", a.body)
        # the server puts a path together before it looks for it
        for path in (f"{base}/app.js", f"{base}/lib/../app.js", f"{base}//app.js"):
            self.assertEqual((self.open(path).status, self.open(path).body), (200, self.open(self.app).body), path)

    def test_not_found_is_said_to_people_and_to_programs(self):
        for path in ("/nowhere", "/runs", "/runs/x/y", "/runs/"):
            a = self.d.request("GET", path, token=False, headers=HTML)
            self.assertEqual((a.status, a.headers["Content-Type"], a.body.decode()), (404, "text/html; charset=utf-8", self.shell), path)
            for accept in (None, "*/*", "application/json", "text/html;q=0"):
                a = self.d.request("GET", path, token=False, headers={"Accept": accept})
                self.assertEqual((a.status, a.key), (404, "not-found"), (path, accept))
        for path in ("/api/v1/nothing", "/api/v1/"):
            self.assertEqual(self.d.request("GET", path, headers=HTML).key, "not-found")
        self.assertEqual(self.d.request("POST", "/nowhere", {}, headers=HTML).key, "not-found")

    def test_the_shell_holds_no_data_and_needs_our_host(self):
        self.assertNotIn(self.d.token, self.shell)
        self.assertNotIn(self.d.data, self.shell)
        self.assertEqual(self.open("/", Host="evil.example").key, "wrong-host")
        self.assertEqual(self.open(self.assets[0], Origin="http://evil.example").key, "foreign-origin")
