"""A benchd that is started anew on the same data folder: pages that are open find it again, and are still let in."""
import json
import os
import shutil
import signal
import socket
import stat
import time

from daemon import Case

DAY = 24 * 3600


class Restart(Case):
    def login(self, d):
        """A cookie of a new session."""
        code = d.request("POST", "/api/v1/sessions").json["code"]
        a = d.request("POST", "/login", {"code": code}, token=False)
        self.assertEqual(a.status, 200, a.body)
        return a.headers["Set-Cookie"].split(";")[0]

    def let_in(self, d, cookie):
        a = d.request("GET", "/api/v1/runs", token=False, headers={"Cookie": cookie})
        self.assertIn(a.status, (200, 401), a.body)
        return a.status == 200

    def log(self, d):
        with open(os.path.join(d.data, "benchd.log"), encoding="utf-8") as f:
            return f.read()

    def again(self, d, *args, **more):
        return self.start(data=d.data, args=args, **more)

    def kept(self):
        """A daemon that has ended, and the cookie and file it leaves."""
        d = self.start()
        cookie = self.login(d)
        self.assertEqual(d.end(), 0)
        return d, cookie, os.path.join(d.data, "sessions")

    # ---- sessions

    def test_sessions_and_the_port_survive(self):
        d = self.start()
        cookie, url = self.login(d), d.url
        for how in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
            d.end(how)
            d = self.again(d)
            self.assertEqual(d.url, url)
            self.assertTrue(self.let_in(d, cookie))
            self.assertFalse(self.let_in(d, cookie[:-1] + ("0" if cookie[-1] != "0" else "1")))
            self.assertNotIn("sessions have ended", self.log(d))
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(d.data, "sessions")).st_mode), 0o600)
        self.assertEqual([f for f in os.listdir(d.data) if f.startswith(("sessions.", "port."))], [])
        # what changes something still needs its Origin, which is the same as before
        for origin, status in ((url, 200), (None, 403)):
            a = d.request("POST", "/api/v1/runs", '{"target":"gil-contention","dry_run":true}', token=False,
                          headers={"Cookie": cookie, "Content-Type": "application/json", "Origin": origin})
            self.assertEqual(a.status, status)

    def test_login_codes_do_not_survive(self):
        d = self.start()
        code = d.request("POST", "/api/v1/sessions").json["code"]
        d.end()
        a = self.again(d).request("POST", "/login", {"code": code}, token=False)
        self.assertEqual((a.status, a.key), (401, "unauthorized"))

    def test_another_token_ends_them(self):
        d, cookie, file = self.kept()
        os.unlink(os.path.join(d.data, "token"))
        d = self.again(d)
        self.assertFalse(self.let_in(d, cookie))
        self.assertIn("sessions have ended", self.log(d))
        self.assertFalse(os.path.exists(file))
        self.assertTrue(self.let_in(d, self.login(d)))

    def test_another_port_ends_them(self):
        d, cookie, file = self.kept()
        with socket.create_server(("127.0.0.1", d.port)):
            other = self.again(d)
            self.assertNotEqual(other.port, d.port)
            self.assertFalse(self.let_in(other, cookie))
            self.assertIn("sessions have ended", self.log(other))
            other.end()
        # nor are they back when the port is
        back = self.again(d, "--port", str(d.port))
        self.assertEqual(back.port, d.port)
        self.assertFalse(self.let_in(back, cookie))

    def test_files_that_are_not_believed(self):
        """Each way to spoil it, beside the file as it was."""
        d, cookie, file = self.kept()
        with open(file, "rb") as f:
            good = f.read()
        document = json.loads(good)

        def write(data, mode=0o600):
            with open(file, "wb") as f:
                f.write(data if isinstance(data, bytes) else json.dumps(data).encode())
            os.chmod(file, mode)

        def link():
            write(good)
            os.rename(file, file + "2")
            os.symlink(file + "2", file)

        def pipe():
            os.mkfifo(file, 0o600)  # must not wait for a writer

        def foreign():
            write(good)
            os.chown(file, 65534, 65534)

        spoilt = [lambda: write(b""), lambda: write(good[:-9]), lambda: write(b"\0" * 100), lambda: write(b"[" * 12000), lambda: write(good * 200),
                  lambda: write(good, 0o644), lambda: write(good, 0o660), lambda: write({**document, "bond": "x"}), lambda: write({**document, "more": 1}),
                  lambda: write({"sessions": document["sessions"]}), lambda: write({**document, "sessions": 7}), lambda: write(b'{"a":' * 2500),
                  lambda: write({**document, "sessions": [{"cookie": 7, "expires": 7}]}), link, pipe]
        if os.geteuid() == 0:
            spoilt.append(foreign)
        for i, spoil in enumerate([lambda: write(good)] + spoilt):
            if os.path.lexists(file):
                os.unlink(file)
            spoil()
            if os.path.exists(os.path.join(d.data, "benchd.log")):
                os.unlink(os.path.join(d.data, "benchd.log"))
            again = self.again(d)
            self.assertIn("url", again.ready, i)
            self.assertEqual(self.let_in(again, cookie), i == 0, i)
            self.assertEqual("sessions have ended" in self.log(again), i > 0, i)
            fresh = self.login(again)
            again.end()
            again = self.again(d)
            self.assertTrue(self.let_in(again, fresh), i)
            again.end()

    def test_they_end_by_the_clock_on_the_wall(self):
        d, cookie, file = self.kept()
        with open(file, encoding="utf-8") as f:
            document = json.load(f)
        session = document["sessions"][0]
        self.assertEqual(session["cookie"], cookie.split("=")[1])
        self.assertTrue(time.time() + DAY / 2 - 600 < session["expires"] <= time.time() + DAY / 2)
        for change, good in ((-60, True), (-DAY, False), (DAY, False)):  # the last: the clock was set back meanwhile
            with open(file, "w", encoding="utf-8") as f:
                json.dump({**document, "sessions": [{**session, "expires": session["expires"] + change}]}, f)
            again = self.again(d)
            self.assertEqual(self.let_in(again, cookie), good, change)
            again.end()

    def test_there_are_never_many(self):
        d = self.start()
        cookies = [self.login(d) for _ in range(40)]
        d.end()
        with open(os.path.join(d.data, "sessions"), encoding="utf-8") as f:
            document = json.load(f)
        self.assertEqual(len(document["sessions"]), 32)
        more = [{"cookie": f"{i:064x}", "expires": int(time.time()) + i} for i in range(100, 180)]
        with open(os.path.join(d.data, "sessions"), "w", encoding="utf-8") as f:
            json.dump({**document, "sessions": document["sessions"] + more}, f)  # those end sooner
        d = self.again(d)
        self.assertTrue(self.let_in(d, cookies[-1]))
        self.assertFalse(self.let_in(d, cookies[0]))

    def test_one_that_cannot_be_kept_is_good_for_now(self):
        d = self.start()
        file = os.path.join(d.data, "sessions")
        os.makedirs(os.path.join(file, "x"))
        cookie = self.login(d)
        self.assertTrue(self.let_in(d, cookie))
        d.end()
        shutil.rmtree(file)
        self.assertFalse(self.let_in(self.again(d), cookie))

    # ---- ports

    def free_port(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            return s.getsockname()[1]

    def test_a_port_that_is_asked_for_is_the_port(self):
        d = self.start()
        wanted = self.free_port()
        d.end()
        other = self.again(d, "--port", str(wanted))
        self.assertEqual(other.port, wanted)
        other.end()
        # which is now the last one
        self.assertEqual(self.again(d).port, wanted)

    def test_a_taken_port_that_is_asked_for_is_refused(self):
        d = self.start()
        d.end()
        with socket.create_server(("127.0.0.1", d.port)):
            refused = self.again(d, "--port", str(d.port))
            self.assertEqual((refused.ready["error"]["key"], refused.status), ("port-unusable", 69))

    def test_any_free_port_is_any(self):
        ports = set()
        d = self.start()
        for _ in range(3):
            ports.add(d.port)
            d.end()
            d = self.again(d, "--port", "0")
        self.assertGreater(len(ports), 1)

    def test_a_port_of_the_configuration_is_asked_for(self):
        d = self.start()
        d.end()
        config = os.path.join(self.folder(), "benchd.json")
        with open(config, "w", encoding="utf-8") as f:
            json.dump({"port": (wanted := self.free_port())}, f)
        self.assertEqual(self.again(d, "--config", config).port, wanted)

    def test_files_that_name_no_port(self):
        d = self.start()
        d.end()
        file = os.path.join(d.data, "port")
        with open(file, encoding="utf-8") as f:
            self.assertEqual(f.read(), f"{d.port}\n")
        for text in ("", "0\n", "-1\n", "65536\n", "x\n", f"{d.port}x\n", "9" * 100, "1e3\n", " 80\n"):
            with open(file, "w", encoding="utf-8") as f:
                f.write(text)
            again = self.again(d)
            self.assertIn("url", again.ready, text)
            again.end()
            with open(file, encoding="utf-8") as f:
                self.assertEqual(f.read(), f"{again.port}\n")
        os.unlink(file)
        os.mkfifo(file, 0o600)  # must not wait for a writer
        self.assertIn("url", self.again(d).ready)
