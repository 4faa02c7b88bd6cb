"""benchctl open and --html: browsers as $BROWSER and $PATH name them, codes that log in once, pages that are whole files."""
import http.client
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from ctl import BENCHCTL, HERE, Case, environment, wait_for

SMALL = ("gil-contention", "--threads", "1", "--case", "empty-loop", "--launches", "2", "--rounds", "20", "-q")
# A browser that writes down how it was started, and then ends with STATUS.
BROWSER = """#!/usr/bin/python3
import json, os, sys
links = {}
for fd in os.listdir("/proc/self/fd"):
    try:
        links[fd] = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        pass  # the one the folder was read with
report = {"argv": sys.argv, "env": dict(os.environ), "cwd": os.getcwd(), "fds": links, "leads": os.getsid(0) == os.getpid()}
with open(os.environ["REPORT"] + ".new", "w") as f:
    json.dump(report, f)
os.rename(os.environ["REPORT"] + ".new", os.environ["REPORT"])
if STATUS is None:
    import signal
    signal.pause()
sys.exit(STATUS)
"""


class Browsers(Case):
    """Everything about open that needs a dashboard."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bin = os.path.join(cls.data, "bin")
        os.mkdir(cls.bin)
        for name, status in (("browser-0", 0), ("browser-4", 4), ("browser-stays", None)):
            cls.browser(name, status)
        if not cls().has_dashboard():
            raise unittest.SkipTest("this build has no dashboard (benchctl doctor says why)")
        cls.host = cls().json("daemon", "status")["url"].removeprefix("http://")

    @classmethod
    def request(cls, method, path, body=None, headers=None):
        c = http.client.HTTPConnection(cls.host, timeout=30)
        c.request(method, path, body and json.dumps(body), {"Content-Type": "application/json", **(headers or {})} if body else headers or {})
        answer = c.getresponse()
        text = answer.read()
        c.close()
        cls.answer = answer
        return json.loads(text) if "json" in (answer.getheader("Content-Type") or "") else text.decode()

    @classmethod
    def browser(cls, name, status):
        path = os.path.join(cls.bin, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(BROWSER.replace("STATUS", repr(status)))
        os.chmod(path, 0o755)
        return path

    def setUp(self):
        self.report = os.path.join(self.data, "report")
        if os.path.exists(self.report):
            os.unlink(self.report)

    def open(self, *args, browser=None, env=None, **more):
        return self.ctl("open", *args, env={"REPORT": self.report, "BROWSER": browser, "PATH": f"{self.bin}:/usr/bin:/bin", **(env or {})},
                        **more)

    def reported(self):
        wait_for("the browser says how it was started", 30, lambda: os.path.exists(self.report))
        with open(self.report, encoding="utf-8") as f:
            return json.load(f)

    def assert_logs_in_once(self, url, page):
        match = re.fullmatch(r"http://([^/]+)/login(\?next=([^#]+))?#([0-9A-Za-z_-]{20,})", url)
        self.assertTrue(match, url)
        self.assertEqual((match.group(1), match.group(3)), (self.host, page))
        self.request("POST", "/login", {"code": match.group(4)})
        self.assertEqual(self.answer.status, 200)
        cookie = self.answer.getheader("Set-Cookie").split(";")[0]
        self.request("GET", "/api/v1/runs", headers={"Cookie": cookie})
        self.assertEqual(self.answer.status, 200)
        self.request("POST", "/login", {"code": match.group(4)})
        self.assertEqual(self.answer.status, 401, "a code is spent once")

    def test_the_browser_gets_the_url_and_nothing_of_ours(self):
        out, err = self.open(browser="browser-0 --new 'two words' %s &", env={"BENCHD_TOKEN": "secret", "MINE": "kept"})
        self.assertEqual((out, err), (f"opened http://{self.host}/ with browser-0 --new 'two words' %s &\n", ""))
        how = self.reported()
        # no shell looked at it: quotes are characters like others
        self.assertEqual(how["argv"][1:-1], ["--new", "'two", "words'"])
        self.assert_logs_in_once(how["argv"][-1], None)
        self.assertNotIn("BENCHD_TOKEN", how["env"])
        self.assertEqual(how["env"]["MINE"], "kept")
        self.assertEqual((how["cwd"], how["leads"]), ("/", True))
        self.assertEqual(how["fds"], {n: "/dev/null" for n in "012"})

    def test_a_run_is_opened_by_its_page(self):
        run_id = self.json("run", *SMALL)["run"]["id"]
        for word in ("latest", run_id, run_id[:22].lower()):
            out, _ = self.open(word, browser="browser-0 -u=%s -x")
            self.assertEqual(out, f"opened http://{self.host}/runs/{run_id} with browser-0 -u=%s -x\n")
            how = self.reported()
            self.assertEqual(how["argv"][2:], ["-x"])
            self.assert_logs_in_once(how["argv"][1].removeprefix("-u="), f"/runs/{run_id}")
            os.unlink(self.report)
        for word in ("0" * 26, "zzz"):
            out, err = self.open(word, browser="browser-0", status=66)
            self.assertEqual(out, "")
            self.assertFalse(os.path.exists(self.report), "nothing is opened for a run that is not there")

    def test_browsers_are_tried_in_turn(self):
        out, _ = self.open(browser=f": :no-such-browser:{self.bin}/browser-4:browser-0:browser-4")
        self.assertIn("with browser-0\n", out)
        self.assertEqual(os.path.basename(self.reported()["argv"][0]), "browser-0")

    def test_a_browser_that_stays_is_left_alone(self):
        out, _ = self.open(browser="browser-stays")
        self.assertIn("with browser-stays", out)
        self.reported()
        found = [int(p) for p in os.listdir("/proc") if p.isdigit() and b"browser-stays" in self.command_line(p)]
        self.assertEqual(len(found), 1, "it lives on after benchctl")
        os.kill(found[0], signal.SIGKILL)

    @staticmethod
    def command_line(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return f.read()
        except OSError:
            return b""

    def test_xdg_open_is_asked_on_a_desktop_only(self):
        self.addCleanup(os.unlink, self.browser("xdg-open", 0))
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            self.assertIn("with xdg-open\n", self.open(env={name: ":7"})[0])
            self.assert_logs_in_once(self.reported()["argv"][1], None)
            os.unlink(self.report)
        out, err = self.open()
        self.assertFalse(os.path.exists(self.report))
        self.assertIn("no display and no $BROWSER here", err)
        self.assert_logs_in_once(out.strip(), None)

    def test_without_a_browser_the_url_is_the_answer(self):
        port = self.host.rsplit(":", 1)[1]
        out, err = self.open(browser="no-such-browser")
        self.assert_logs_in_once(out.strip(), None)
        self.assertIn("$BROWSER does not work", err)
        self.assertIn("within 60 s", err)
        self.assertIn(f"ssh -N -L {port}:127.0.0.1:{port} {socket.gethostname()}", err)
        self.assertEqual(self.open("-q")[1], "")
        out, err = self.open("--print", browser="browser-0")
        self.assert_logs_in_once(out.strip(), None)
        self.assertEqual(err, "")
        self.assertIn(f"ssh -N -L {port}:127.0.0.1:{port} 10.1.2.3\n", self.open("--print", env={"SSH_CONNECTION": "10.9.9.9 4 10.1.2.3 22"})[1])
        answer = json.loads(self.open("--json", browser="browser-0")[0])
        self.assertEqual((set(answer), answer["expires_s"]), ({"url", "expires_s"}, 60))
        self.assert_logs_in_once(answer["url"], None)
        self.assertFalse(os.path.exists(self.report), "--print and --json open nothing")

    def test_a_server_that_is_named_is_opened_there(self):
        with open(self.json("daemon", "status")["token_file"], encoding="utf-8") as f:
            token = f.read().strip()
        elsewhere = {"BENCHD_DATA": os.path.join(self.data, "elsewhere"), "BENCHD_TOKEN": token}
        out, _ = self.open("--print", "--server", f"http://{self.host}/", env=elsewhere)
        self.assert_logs_in_once(out.strip(), None)
        self.assertFalse(os.path.exists(elsewhere["BENCHD_DATA"]))

    # ---- the page of a run as a file -----------------------------------------------------------------------------

    def test_a_run_writes_its_page_and_prints_its_table(self):
        folder = os.path.join(self.data, "pages")
        os.mkdir(folder)
        path = os.path.join(folder, "run.html")
        with open(path, "w", encoding="utf-8") as f:
            f.write("old")
        link = os.path.join(folder, "link.html")
        os.symlink("run.html", link)
        out, err = self.ctl("run", *SMALL[:-1], "--html", link)
        self.assertRegex(out, r"^gil-contention  complete in ")
        self.assertIn(f"wrote {link}\n", err)
        run_id = re.search(r"^run +([0-9A-Z]{26})", out, re.M).group(1)
        with open(path, encoding="utf-8") as f:
            page = f.read()
        self.assertRegex(page, r"(?i)^<!doctype html>")
        self.assertIn(run_id, page)
        self.assertTrue(os.path.islink(link), "what a link leads to is replaced, not the link")
        self.assertEqual(sorted(os.listdir(folder)), ["link.html", "run.html"], "nothing half-written is left")
        shown = os.path.join(self.data, "shown.html")
        out2, _ = self.ctl("runs", "show", run_id, "--html", shown)
        self.assertEqual(out2, out)
        with open(shown, encoding="utf-8") as f:
            self.assertEqual(f.read(), page)
        self.assertEqual(self.ctl("runs", "show", "latest", "--html", "-"), (page, ""))
        doc = self.json("runs", "show", run_id, "--html", shown)
        self.assertEqual(doc["run"]["id"], run_id)
        self.assertEqual(os.stat(shown).st_mode & 0o777, 0o666 & ~self.umask())

    @staticmethod
    def umask():
        mask = os.umask(0)
        os.umask(mask)
        return mask

    def test_a_cancelled_run_writes_its_page_too(self):
        path = os.path.join(self.data, "cancelled.html")
        p = self.popen("run", "gil-contention", "--threads", "1", "--case", "empty-loop", "--launches", "500", "--rounds", "20", "--budget",
                       "10m", "--html", path)
        self.addCleanup(p.kill)
        row = wait_for("the run is stored", 600, lambda: self.json("runs", "list", "--state", "running")["runs"])[0]
        wait_for("it has figures", 600, lambda: self.json("runs", "show", row["id"])["cells"][0]["samples"])
        self.assertIn("progress", self.ctl("runs", "show", row["id"], "--html", path + "2", status=2)[1])
        self.assertFalse(os.path.exists(path + "2"))
        p.send_signal(signal.SIGINT)
        err = p.communicate(timeout=600)[1]
        self.assertEqual(p.returncode, 2, err)
        with open(path, encoding="utf-8") as f:
            self.assertIn(row["id"], f.read())

    def test_a_folder_that_goes_away_during_the_run(self):
        folder = tempfile.mkdtemp(dir=self.data)
        p = self.popen("run", *SMALL, "--label", "folder=gone", "--html", os.path.join(folder, "run.html"))
        self.addCleanup(p.kill)
        wait_for("the run is stored", 600, lambda: self.json("runs", "list", "--label", "folder=gone")["runs"])
        os.rmdir(folder)
        out, err = p.communicate(timeout=600)
        self.assertEqual(p.returncode, 74, err)
        self.assertRegex(out, r"^gil-contention  complete in ", "the table is printed all the same")
        self.assertIn("No such file or directory", err)


class Stand(http.server.BaseHTTPRequestHandler):
    """A benchd as far as benchctl looks at it before it finds no dashboard there."""
    WHY = {"error": {"key": "dashboard-off", "message": "this build has no dashboard: npm was missing", "hint": "install npm"}}
    ANSWERS = {"/api/v1/daemon": (200, {}), "/api/v1/health": (200, {"ok": True, "dashboard": False}), "/": (501, WHY)}
    asked = []

    def do_GET(self):
        Stand.asked.append(f"{self.command} {self.path}")
        status, body = self.ANSWERS.get(self.path, (404, {"error": {"key": "not-found", "message": "nothing here", "hint": None}}))
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET

    def log_message(self, *args):
        pass


class Off(Case):
    def setUp(self):
        Stand.asked = []
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stand)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.env = {"BENCHD_URL": f"http://127.0.0.1:{server.server_port}", "BENCHD_TOKEN": "x" * 40, "BROWSER": "/bin/true"}

    def test_a_benchd_without_a_dashboard_says_why(self):
        for command in (["open"], ["open", "--print"], ["open", "latest", "--json"], ["run", "gil-contention", "--html", "x.html"],
                        ["runs", "show", "0" * 26, "--html", "-"]):
            out, err = self.ctl(*command, env=self.env, status=69)
            self.assertEqual((out, err), ("", "benchctl: this build has no dashboard: npm was missing (install npm)\n"))
        self.assertFalse([a for a in Stand.asked if a.startswith("POST")], "no code was made, no run was started")

    def test_one_that_does_not_know_what_a_dashboard_is(self):
        before = Stand.ANSWERS
        self.addCleanup(setattr, Stand, "ANSWERS", before)
        Stand.ANSWERS = {**before, "/api/v1/health": (200, {"ok": True})}
        del Stand.ANSWERS["/"]
        self.assertIn("has no dashboard", self.ctl("open", env=self.env, status=69)[1])


class Unwritable(Case):
    def test_it_is_said_before_anything_is_started(self):
        pipe = os.path.join(self.data, "pipe")
        os.mkfifo(pipe)
        link = os.path.join(self.data, "link")
        os.symlink("nobody", link)
        for path, why in (("/nowhere/run.html", "No such file or directory"), (self.data, "it is a folder"), (pipe, "no regular file"),
                          ("/dev/null", "no regular file"), (os.path.join(self.data, "x" * 300), "File name too long"),
                          (os.path.join(pipe, "below"), "Not a directory"), (link, "a link that leads nowhere")):
            for command in (["run", "gil-contention"], ["runs", "show", "latest"]):
                out, err = self.ctl(*command, "--html", path, status=74)
                self.assertEqual(out, "")
                self.assertTrue(err.startswith(f"benchctl: cannot write {path}: "), err)
                self.assertIn(why, err)
        self.assertTrue(os.path.exists("/dev/null") and not os.path.isfile("/dev/null"))
        self.assertFalse(os.path.exists(os.path.join(self.data, "benchd")), "no daemon was started")
        self.assertEqual(sorted(os.listdir(self.data)), ["link", "pipe"])
        self.assertTrue(os.path.islink(link))

    def test_a_folder_that_is_only_read(self):
        if os.geteuid() == 0:  # modes do not stop root
            apart = os.path.join(os.path.dirname(HERE), "apart")
            command = [apart, "sh", "-c", 'mount -t tmpfs -o ro none /mnt && exec "$@"', "sh", BENCHCTL, "run", "x", "--html", "/mnt/x.html"]
        else:
            folder = os.path.join(self.data, "closed")
            os.mkdir(folder, 0o555)
            self.addCleanup(os.rmdir, folder)
            command = [BENCHCTL, "run", "x", "--html", os.path.join(folder, "x.html")]
        p = subprocess.run(command, env=environment(self.data), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(p.returncode, 74, p.stderr)
        self.assertRegex(p.stderr, r"Read-only file system|Permission denied")


if __name__ == "__main__":
    unittest.main()
