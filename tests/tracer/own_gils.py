"""Two sub-interpreters with GILs of their own, each with two threads that compute until the end of standard input. Says which
threads are whose. With a number there are so many older ones, which do nothing; for each line of input one of them goes."""
import json
import os
import sys
import threading

try:
    import _interpreters as subs  # 3.13
except ImportError:
    import _xxsubinterpreters as subs  # 3.12

CODE = """
import os, threading
def burn():
    os.write({out}, b"%d\\n" % threading.get_native_id())
    while True:
        for i in range(1000): pass
threading.Thread(target=burn).start()
burn()
"""


def run(sub, code):
    getattr(subs, "exec", subs.run_string)(sub, code)


older = [subs.create() for _ in range(int(sys.argv[1]) if sys.argv[1:] else 0)]
threads, tids = [], {}
for _ in range(2):
    sub = subs.create()
    said, out = os.pipe()
    threads.append(threading.Thread(target=run, args=(sub, CODE.format(out=out))))
    threads[-1].start()
    with os.fdopen(said) as f:
        tids[int(sub)] = [int(f.readline()), int(f.readline())]
print(json.dumps({"tids": tids}), flush=True)
for _ in sys.stdin:
    subs.destroy(older.pop(0))
    print(json.dumps({"left": len(older)}), flush=True)
os._exit(0)
