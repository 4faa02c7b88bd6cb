"""What tests of `benchctl check` have in common: a check run as a user runs it, and its document."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from ctl import BUILD, Case  # noqa: E402

MODULES = os.path.join(BUILD, "tests", "check")
with open(os.path.join(MODULES, "default.txt"), encoding="utf-8") as f:
    DEFAULT = f.read().strip()


def built(base=DEFAULT):
    """Names of the modules that were built for an interpreter."""
    return sorted(n[:-3] for n in os.listdir(os.path.join(MODULES, base)) if n.endswith(".so"))


class Checks(Case):
    def check(self, module, *args, status, base=DEFAULT):
        path = os.path.join(MODULES, base, module + ".so") if module in built(base) else module
        out, err = self.ctl("check", path, "--json", "-q", *args, status=None)
        self.assertEqual(err, "")
        document = json.loads(out)
        self.assertEqual(self.status, status, out)
        return document

    def ctl(self, *args, status=0, **more):
        p = self.popen(*args, **{k: v for k, v in more.items() if k in ("env", "cwd")})
        out, err = p.communicate(timeout=more.get("timeout", 600))
        self.status = p.returncode
        if status is not None:
            self.assertEqual(p.returncode, status, f"benchctl {' '.join(args)}\n{out}\n{err}")
        return out, err

    @staticmethod
    def verdicts(document):
        return {c["check"]: c["verdict"] for c in document["checks"]}
