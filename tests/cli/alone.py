"""A daemon that need not wait for another benchd's turn to measure, and files to measure."""
import os
import shutil
import subprocess

from ctl import BENCHCTL, HERE, PATIENCE, Case, environment

APART = os.path.join(os.path.dirname(HERE), "apart")


class Alone(Case):
    """Its daemon has a /run/lock of its own, where this user may make one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        command = [BENCHCTL, "daemon", "start"]
        if os.geteuid() == 0:
            command = [APART, "sh", "-c", 'mount -t tmpfs none /run/lock && exec "$@"', "sh", *command]
        subprocess.run(command, env=environment(cls.data), check=True, capture_output=True, timeout=60)
        cls.work = os.path.join(cls.data, "work")
        os.mkdir(cls.work)

    def setUp(self):
        shutil.rmtree(self.work)
        os.mkdir(self.work)

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.work, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def here(self, *args, status=0, env=None, cwd=None):
        """benchctl in the work folder, to its end: (stdout, stderr)."""
        p = self.popen(*args, env=env, cwd=cwd or self.work)
        try:
            out, err = p.communicate(timeout=PATIENCE)
        finally:
            if p.poll() is None:
                p.kill()
                p.communicate()
        if status is not None:
            self.assertEqual(p.returncode, status, f"benchctl {' '.join(args)}\n{out}\n{err}")
        self.status = p.returncode
        return out, err

    def registered(self):
        folder = os.path.join(self.data, "benchd", "registered")
        return [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []
