"""A run as one HTML file: it holds its document, runs only what its own policy names, and asks for nothing."""
import base64
import gzip
import hashlib
import html
import json
import re
import unittest

from daemon import Case, FINAL

HOSTILE = "</script><script>alert(1)</script><!-- \u2028 & ' \""


class Page(Case):
    def setUp(self):
        self.d = self.start(measure=True)
        if not self.d.get("/api/v1/health")["dashboard"]:
            self.skipTest("this build has no dashboard (benchctl doctor says why)")

    def test_a_run_is_one_file(self):
        d = self.d
        run = d.run(labels={"what": HOSTILE}, launches=1, rounds=1)
        path = f"/api/v1/runs/{run}/page"
        a = d.request("GET", path)
        if d.state(run) not in FINAL:  # it takes seconds, so this is what happens
            self.assertEqual((a.status, a.key), (409, "conflict"))
        self.assertEqual(d.wait_state(run, FINAL), "complete")
        a = d.request("GET", path)
        self.assertEqual((a.status, a.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual(a.headers["Content-Disposition"], f'attachment; filename="benchd-{run}.html"')
        text = a.body.decode()

        found = re.findall(r'<script type="application/json" id="document">(.*?)</script>', text, re.S)
        self.assertEqual(len(found), 1)
        document = json.loads(found[0])
        self.assertEqual(document, d.get(f"/api/v1/runs/{run}"))
        self.assertEqual(document["run"]["labels"], {"what": HOSTILE})
        self.assertNotIn("<", found[0])
        self.assertEqual(text.count("<script"), 2)

        policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1])
        self.assertTrue(policy.startswith("default-src 'none'; "))
        for element in ("script", "style"):
            body = re.search(rf"<{element}>(.*?)</{element}>", text, re.S)[1]
            digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
            self.assertIn(f"{element}-src 'sha256-{digest}'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotIn("connect-src", policy)
        # nothing outside the document names another file
        rest = text.replace(found[0], "")
        self.assertFalse(re.findall(r"""<(?:link|img|iframe)\b|\bsrc=|@import|\bimport\(""", rest))
        self.assertNotIn(d.token, text)

        # what it contains from packages comes with its terms
        for words in ("Apache License", "Jason Miller", "Leon Sorokin"):
            self.assertIn(words, text.split("</html>")[1])

        packed = d.request("GET", path, headers={"Accept-Encoding": "gzip"})
        self.assertEqual(gzip.decompress(packed.body), a.body)
        self.assertEqual(d.request("GET", path, headers={"If-None-Match": a.headers["ETag"]}).status, 304)
        head = d.request("HEAD", path)
        self.assertEqual((head.status, head.body, head.headers["Content-Length"]), (200, b"", str(len(a.body))))

    def test_who_may_and_what_is_there(self):
        d = self.d
        self.assertEqual(d.request("GET", "/api/v1/runs/01ABCDEFGH/page").key, "not-found")
        self.assertEqual(d.request("GET", "/api/v1/runs/01ABCDEFGH/page", token=False).key, "unauthorized")

    def test_a_run_that_ended_with_its_daemon(self):
        """It has no stored document; its page is made from what is stored of it."""
        run = self.d.run(launches=6)
        self.d.wait_samples(run)
        self.d.end(9)
        again = self.start(data=self.d.data, measure=True)
        self.assertEqual(again.state(run), "interrupted")
        a = again.request("GET", f"/api/v1/runs/{run}/page")
        self.assertEqual(a.status, 200, a.body[:200])
        document = json.loads(re.search(r'id="document">(.*?)</script>', a.body.decode(), re.S)[1])
        self.assertEqual((document["run"]["id"], document["run"]["state"]), (run, "interrupted"))
