"""Something to trace: one thread keeps the GIL for long at one line, another wants it again and again. Says who is who on its
first line, and ends with its standard input."""
import json
import sys
import threading
import time

running = True


def hold():
    while running:
        sum(range(1_000_000))  # @hold


def want():
    while running:
        time.sleep(0.001)  # @want


threads = {name: threading.Thread(target=target, name=name, daemon=True) for name, target in (("hold", hold), ("want", want))}
for name, thread in threads.items():
    thread.start()
    with open(f"/proc/self/task/{thread.native_id}/comm", "w", encoding="ascii") as comm:  # Python itself does so from 3.14 on
        comm.write(name)
with open(hold.__code__.co_filename, encoding="utf-8") as source:
    lines = {line.split("@")[1].strip(): n for n, line in enumerate(source, 1) if "# @" in line and "split" not in line}
print(json.dumps({"tids": {name: thread.native_id for name, thread in threads.items()}, "lines": lines}), flush=True)
sys.stdin.read()
running = False
