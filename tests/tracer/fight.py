"""fight.py KIND N: N threads of a free-threaded interpreter that all want one thing, until the end of standard input. Says
which threads, and at which lines."""
import gc
import json
import os
import sys
import threading

N = int(sys.argv[2])
d, things, tids = {i: 0 for i in range(8)}, [], []


def fight_dict():
    while True:
        d[3] += 1  # @dict


def fight_list():
    while True:
        things.append(1)  # @list
        if len(things) > 100000:
            things.clear()


def fight_alone():
    own = {3: 0}
    while True:
        own[3] += 1  # @alone


def fight_gc():
    while True:
        gc.collect()  # @gc


def begin(function, ready):
    tids.append(threading.get_native_id())
    ready.wait()
    function()


with open(__file__, encoding="utf-8") as f:
    lines = {line.split("# @")[1].strip(): n for n, line in enumerate(f, 1) if "# @" in line and '"' not in line}
ready = threading.Barrier(N + 1)
for _ in range(N):
    threading.Thread(target=begin, args=(globals()["fight_" + sys.argv[1]], ready), daemon=True).start()
ready.wait()
print(json.dumps({"pid": os.getpid(), "tids": tids, "lines": lines}), flush=True)
sys.stdin.read()
os._exit(0)
