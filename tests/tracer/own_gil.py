"""Two sub-interpreters with GILs of their own and threads that compute in them; driven by lines (make, apart, together)."""
import json
import sys
import threading

try:
    import _interpreters as subs  # 3.13
except ImportError:
    import _xxsubinterpreters as subs  # 3.12

BURN = """
import time
def burn():
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        for i in range(1000): pass
"""
ALONE = BURN + "burn()"
TWO = BURN + """
import threading
other = threading.Thread(target=burn)
other.start()
burn()
other.join()
"""


def run(sub, code):
    getattr(subs, "exec", subs.run_string)(sub, code)


print(json.dumps({}), flush=True)
mine = []
for line in sys.stdin:
    answer = {}
    if line.strip() == "make":
        mine = [subs.create(), subs.create()]
        answer = {"interpreters": [0, *map(int, mine)]}
    elif line.strip() == "apart":
        threads = [threading.Thread(target=run, args=(i, ALONE)) for i in mine]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    elif line.strip() == "together":
        run(mine[0], TWO)
    print(json.dumps(answer), flush=True)
