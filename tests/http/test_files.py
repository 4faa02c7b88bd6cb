"""The data folder and its files: what benchd makes, and what it refuses to use."""
import json
import os
import shutil
import stat

from daemon import BENCHD, Case, Daemon, environment


class Files(Case):
    def mode(self, *path):
        return stat.S_IMODE(os.lstat(os.path.join(*path)).st_mode)

    def refused(self, data, key, status=69, **more):
        d = self.start(data=data, **more)
        self.assertIn("error", d.ready or {}, d.ready)
        self.assertEqual((d.ready["error"]["key"], d.status), (key, status), d.error)
        self.assertIn(d.ready["error"]["message"], d.error)
        self.assertTrue(d.error.startswith("benchd: "))
        return d.ready["error"]

    def works(self, data, **more):
        d = self.start(data=data, **more)
        self.assertIn("url", d.ready)
        self.assertEqual(d.end(), 0)

    def test_all_is_private(self):
        home = self.folder()
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        d = self.start(data=os.path.join(home, "a", "b", "d"))
        self.assertEqual(self.mode(d.data), 0o700)
        for name in os.listdir(d.data):
            self.assertEqual(self.mode(d.data, name), 0o600, name)
        for name in ("benchd.db", "benchd.log", "daemon.json", "lock", "token"):
            self.assertIn(name, os.listdir(d.data))
        self.assertRegex(d.token, "^[0-9a-f]{64}$")
        self.assertEqual(d.end(), 0)
        self.assertNotIn("daemon.json", os.listdir(d.data))

    def test_the_token_stays(self):
        a = self.start()
        a.end()
        b = self.start(data=a.data)
        self.assertEqual(a.token, b.token)
        self.assertEqual(b.request("GET", "/api/v1/runs").status, 200)

    def token_file(self, content="a" * 64 + "\n", mode=0o600):
        data = os.path.join(self.folder(), "d")
        os.mkdir(data, 0o700)
        path = os.path.join(data, "token")
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
        os.chmod(path, mode)
        return data, path

    def test_token_files_that_are_used(self):
        for content in ("a" * 64 + "\n", "S3cret-of-my-own_with-32-characters", "b" * 32 + "\r\n"):
            data, _ = self.token_file(content)
            d = self.start(data=data)
            self.assertEqual(d.request("GET", "/api/v1/runs").status, 200)
            d.close()

    def test_token_files_that_are_not(self):
        for content in ("", "short\n", "a" * 31, "a b" * 20, "\x80" * 40, "a" * 600):
            self.refused(self.token_file(content)[0], "token-unusable")
        for mode in (0o644, 0o640, 0o620, 0o604):
            error = self.refused(self.token_file(mode=mode)[0], "token-unusable")
            self.assertIn("%o" % mode, error["message"])
        data, path = self.token_file()
        os.rename(path, path + "2")
        os.symlink(path + "2", path)
        self.assertIn("symbolic link", self.refused(data, "token-unusable")["message"])
        os.unlink(path)
        os.mkdir(path)
        self.refused(data, "token-unusable")
        os.rmdir(path)
        os.mkfifo(path, 0o600)  # must not wait for a writer
        self.refused(data, "token-unusable")
        os.unlink(path)
        self.works(data)

    def test_foreign_owners(self):
        if os.geteuid() != 0:
            self.skipTest("giving files away needs root")
        data, path = self.token_file()
        os.chown(path, 65534, 65534)
        self.assertIn("65534", self.refused(data, "token-unusable")["message"])
        os.chown(path, 0, 0)
        os.chown(data, 65534, 65534)
        self.assertIn("65534", self.refused(data, "data-unusable")["message"])
        os.chown(data, 0, 0)
        self.works(data)

    def test_folders_that_are_not_used(self):
        home = self.folder()
        file = os.path.join(home, "file")
        with open(file, "w", encoding="utf-8") as f:
            f.write("mine")
        self.refused(file, "data-unusable")
        self.refused(os.path.join(file, "below"), "data-unusable")
        self.refused("/proc/nothing/here", "data-unusable")
        with open(file, encoding="utf-8") as f:
            self.assertEqual(f.read(), "mine")
        wide = os.path.join(home, "wide")
        os.mkdir(wide)
        os.chmod(wide, 0o755)
        with open(os.path.join(wide, "other"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.refused(wide, "data-unusable")["hint"], f"chmod 700 {wide}")
        self.assertEqual(os.listdir(wide), ["other"])
        os.unlink(os.path.join(wide, "other"))
        self.works(wide)  # an empty one is ours to close
        self.assertEqual(self.mode(wide), 0o700)

    def test_paths_of_any_length(self):
        home = self.folder()
        ends = set()
        for n in (60, 200, 400, 440, 480, 484, 488, 492, 496, 500, 504, 508, 512, 520, 700, 3000):
            data = home
            while len(data) < n:
                data += "/" + "d" * min(200, max(n - len(data) - 1, 1))
            d = self.start(data=data)
            if "url" in d.ready:
                self.assertEqual(d.request("GET", "/api/v1/runs").status, 200)
                self.assertEqual(d.end(), 0)
            else:
                self.assertEqual((d.ready["error"]["key"], d.status), ("data-unusable", 69), n)
            ends.add("url" in d.ready)
        self.assertEqual(ends, {True, False})

    def test_links_in_place_of_files_are_not_followed(self):
        for name, key in (("lock", "data-unusable"), ("benchd.db", "store-failed"), ("benchd.log", "data-unusable")):
            home = self.folder()
            data = os.path.join(home, "d")
            os.mkdir(data, 0o700)
            os.symlink(os.path.join(home, "elsewhere"), os.path.join(data, name))
            self.refused(data, key, status=74 if key == "store-failed" else 69)
            self.assertFalse(os.path.exists(os.path.join(home, "elsewhere")))

    def test_a_folder_that_was_removed_and_made_anew_belongs_to_the_next(self):
        data = os.path.join(self.folder(), "d")
        first = self.start(data=data)
        shutil.rmtree(data)
        second = self.start(data=data)
        self.assertEqual(first.end(), 0)
        with open(os.path.join(data, "daemon.json"), encoding="utf-8") as f:
            self.assertEqual(json.load(f)["pid"], second.pid)

    def test_a_damaged_store(self):
        data = os.path.join(self.folder(), "d")
        os.mkdir(data, 0o700)
        with open(os.path.join(data, "benchd.db"), "wb") as f:
            f.write(b"x" * 9000)
        self.assertIn("benchd.db", self.refused(data, "store-failed", status=74)["message"])

    def test_the_log_is_bounded(self):
        data = os.path.join(self.folder(), "d")
        os.mkdir(data, 0o700)
        log = os.path.join(data, "benchd.log")
        with open(log, "wb") as f:
            f.write(b"x" * (1024 * 1024 + 1))
        self.works(data)
        self.assertLess(os.path.getsize(log), 10000)
        self.assertEqual(os.path.getsize(log + ".1"), 1024 * 1024 + 1)


class Config(Case):
    def write(self, text):
        path = os.path.join(self.folder(), "benchd.json")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def fails(self, args=(), config=None, status=64):
        home = self.folder()
        env = environment(home, **({"BENCHD_CONFIG": config} if config else {}))
        d = self.start(data=os.path.join(home, "d"), args=args, env=env)
        self.assertEqual(d.status, status, d.error)
        return d.error

    def test_files_that_are_refused(self):
        for text, word in (("{", "line 1"), ("[]", ""), ('{"prot":1}', "port"), ('{"port":70000}', "port"), ('{"port":"x"}', "port"),
                           ('{"idle_exit_s":-1}', "idle_exit_s"), ('{"log_level":"loud"}', "debug")):
            path = self.write(text)
            error = self.fails(config=path)
            self.assertIn(path, error)
            self.assertIn(word, error)
        self.assertIn("/nothing/here", self.fails(config="/nothing/here"))

    def test_a_file_that_is_used(self):
        d = self.start(env=environment(self.folder(), BENCHD_CONFIG=self.write('{"log_level":"debug","idle_exit_s":3}')), args=["--idle-exit", "0"])
        self.assertIn("url", d.ready)
        d.end()

    def test_words_that_are_refused(self):
        for args in (["--bogus"], ["--port"], ["--port", "x"], ["--port", "65536"], ["--idle-exit", "-1"], ["--log", "loud"], ["word"]):
            self.assertIn("benchd: ", self.fails(args=args))

    def test_help_and_version(self):
        import subprocess
        out = subprocess.run([BENCHD, "--help"], capture_output=True, text=True, check=True, timeout=30).stdout
        for word in ("--data", "--port", "--idle-exit", "--man", "Example:"):
            self.assertIn(word, out)
        self.assertRegex(subprocess.run([BENCHD, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout, r"^benchd \d")
