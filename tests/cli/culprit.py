"""A program to be traced: a thread that holds the GIL in one native call at a known line, and one that waits for it. Says its
thread numbers, and goes on until the end of its input (or for the seconds of its argument)."""
import json
import os
import sys
import threading
import time

NUMBERS = list(range(400_000))
running = True
tids = {}


def culprit():
    tids["culprit"] = threading.get_native_id()
    while running:
        sum(NUMBERS)  # @culprit
        time.sleep(0.002)


def victim():
    tids["victim"] = threading.get_native_id()
    while running:
        time.sleep(0.0005)  # @victim


def main():
    global running
    threads = [threading.Thread(target=f, name=f.__name__) for f in (culprit, victim)]
    for t in threads:
        t.start()
    while len(tids) < 2:
        time.sleep(0.001)
    try:
        print(json.dumps({"pid": os.getpid(), **tids}), flush=True)
        if len(sys.argv) > 1:
            time.sleep(float(sys.argv[1]))
        else:
            sys.stdin.read()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    running = False
    for t in threads:
        t.join()
    print("bye", flush=True)


if __name__ == "__main__":
    main()
