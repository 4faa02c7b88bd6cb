"""benchctl as a user runs it: a data folder of its own, an environment of its own, and nothing left behind."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

from waiting import wait_for  # noqa: F401 (the tests take it from here)

BUILD = os.environ["BENCHD_BUILD"]
BENCHCTL = os.path.join(BUILD, "bin", "benchctl")
RENDER = os.path.join(BUILD, "tests", "cli_render")
HERE = os.path.dirname(os.path.abspath(__file__))
# Something else may be measuring on this machine, and then a run waits for its turn.
PATIENCE = 600
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def environment(data, **more):
    """Nothing of the caller's but what a program needs to start."""
    env = {"PATH": "/usr/bin:/bin", "HOME": data, "BENCHD_DATA": os.path.join(data, "benchd"), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update(more)
    return {k: v for k, v in env.items() if v is not None}


def golden(case, name, text):
    """Compares with golden/NAME. BENCHD_GOLDEN=write writes what there is instead, to be looked at and committed."""
    path = os.path.join(HERE, "golden", name)
    if os.environ.get("BENCHD_GOLDEN") == "write":
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    with open(path, encoding="utf-8") as f:
        case.assertEqual(text, f.read(), f"{name} differs from what was agreed on")


class Case(unittest.TestCase):
    """One data folder per class; its daemon is stopped at the end."""

    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="bd-cli-")
        cls.addClassCleanup(shutil.rmtree, cls.data, True)
        cls.addClassCleanup(cls.stop)

    @classmethod
    def stop(cls):
        subprocess.run([BENCHCTL, "daemon", "stop", "--force"], env=environment(cls.data), stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60, check=False)

    @classmethod
    def popen(cls, *args, env=None, **more):
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([BENCHCTL, *args], env=environment(cls.data, **(env or {})), stdin=subprocess.DEVNULL, text=True,
                                encoding="utf-8", **more)

    def ctl(self, *args, status=0, timeout=PATIENCE, env=None, cwd=None):
        """Runs to the end; (stdout, stderr)."""
        p = self.popen(*args, env=env, cwd=cwd)
        try:
            out, err = p.communicate(timeout=timeout)
        finally:
            if p.poll() is None:
                p.kill()
                p.communicate()
        if status is not None:
            self.assertEqual(p.returncode, status, f"benchctl {' '.join(args)}\n{out}\n{err}")
        return out, err

    def has_dashboard(self):
        """Whether the daemon was built with one."""
        self.ctl("daemon", "start")
        with urllib.request.urlopen(self.json("daemon", "status")["url"] + "/api/v1/health", timeout=60) as answer:
            return bool(json.load(answer).get("dashboard"))

    def json(self, *args, status=0, timeout=PATIENCE, env=None):
        out, _ = self.ctl("--json", *args, status=status, timeout=timeout, env=env)
        return json.loads(out)
