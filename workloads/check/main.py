"""Started by benchctl with the interpreter to check under: `main.py lead REQUEST`, and by that as `main.py child REQUEST`."""
import json
import os
import sys

if sys.version_info < (3, 11):
    os.write(3, json.dumps({"unusable": "it is Python " + sys.version.split()[0]}).encode() + b"\n")
    sys.exit(0)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
from benchd_check import child, control  # noqa: E402

sys.path.remove(ROOT)
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [p for p in sys.path if not p or os.path.abspath(p) != here]
role, text = sys.argv[1:3]
del sys.argv[1:]  # a module that reads its arguments finds none
(control.main if role == "lead" else child.main)(json.loads(text))
