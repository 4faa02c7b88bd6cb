"""Workers, bindings and the kernel library find each other after an install, and after the prefix was moved."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import bench_worker as bw
from bench_worker import Worker, cell


class Install(unittest.TestCase):
    def test_a_moved_prefix_works(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        done = subprocess.run(["cmake", "--install", bw.BUILD, "--prefix", os.path.join(folder, "first")],
                              capture_output=True, text=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        os.rename(os.path.join(folder, "first"), os.path.join(folder, "moved"))
        home = os.path.join(folder, "moved", "lib", "benchd")
        self.assertEqual(sorted(os.listdir(os.path.join(home, "interpreters"))), sorted(i["id"] for i in bw.interpreters()))
        for interpreter in bw.interpreters():
            with self.subTest(python=interpreter["id"]):
                with Worker(interpreter, folder=os.path.join(home, "interpreters", interpreter["id"])) as w:
                    objects = [o["path"] for o in w.hello()["objects"]]
                    ours = [p for p in objects if "bdkernels" in p or "bdb_" in p]
                    self.assertEqual(ours, [os.path.realpath(os.path.join(home, "libbdkernels.so"))])
                    answers = w.prepare([cell(0, iterations=10), cell(1, binding="ctypes:argtypes", iterations=10)])
                    self.assertEqual([a["status"] for a in answers], ["ok", "ok"], answers)
                    self.assertEqual(w.batch(0, iterations=10)["ops"], [10])
        self.add_one(os.path.join(folder, "moved"), folder)
        self.assertTrue(os.path.exists(os.path.join(folder, "moved", "share", "benchd", "suites", "gil-contention.json")))
        self.assertTrue(os.path.exists(os.path.join(folder, "moved", "share", "doc", "benchd", "LICENSE")))

    def add_one(self, prefix, folder):
        """The sources that were installed are enough to build a worker for an interpreter that was not there."""
        copy = os.path.join(folder, "python", "bin", "python3")
        os.makedirs(os.path.dirname(copy))
        shutil.copy(os.path.realpath(bw.default()["executable"]), copy)
        data = os.path.join(folder, "data")
        env = {"PATH": "/usr/bin:/bin", "HOME": folder, "BENCHD_DATA": data, "LC_ALL": "C.UTF-8"}
        benchctl = os.path.join(prefix, "bin", "benchctl")
        try:
            done = subprocess.run([benchctl, "--json", "python", "add", copy], env=env, capture_output=True, text=True, timeout=240)
            self.assertEqual(done.returncode, 0, done.stderr)
            base = bw.default()["version"] + "~2"
            self.assertEqual(json.loads(done.stdout)["added"], [base, base + "+exe"])
            self.install_again(prefix, benchctl, env)
        finally:
            subprocess.run([benchctl, "daemon", "stop", "--force"], env=env, capture_output=True, timeout=60)
        home = os.path.join(data, "interpreters", base, "lib", "benchd")
        for name in ("libbdkernels.so", "worker.id"):
            with open(os.path.join(home, name), "rb") as mine, open(os.path.join(prefix, "lib", "benchd", name), "rb") as theirs:
                self.assertEqual(mine.read(), theirs.read(), name)

    def install_again(self, prefix, benchctl, env):
        """What is installed while a daemon runs is what it measures with from then on."""
        def names():
            done = subprocess.run([benchctl, "--json", "cases"], env=env, capture_output=True, text=True, timeout=60)
            return [c["name"] for c in json.loads(done.stdout)["cases"]]

        home = os.path.join(prefix, "lib", "benchd")
        case = os.path.join(home, "python", "cases", "made-later.py")
        self.assertNotIn("made-later", names())
        with open(case, "w", encoding="utf-8") as f:
            f.write('"""made later"""\ndef run(ticks, state):\n    return None\ndef verify(state, result, operations):\n    return True\n')
        self.assertNotIn("made-later", names())  # as long as nothing says that it was installed
        sources = os.path.join(home, "worker.id")
        shutil.copy(sources, sources + ".new")
        os.replace(sources + ".new", sources)
        self.assertIn("made-later", names())


if __name__ == "__main__":
    unittest.main()
