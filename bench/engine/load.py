"""load.py PROCESSOR: busy for a second, idle for a second, on one processor, until standard input ends."""
import contextlib
import os
import select
import subprocess
import sys
import time


@contextlib.contextmanager
def toggling():
    """While inside: a process that does so on the last processor allowed. It ends with us whatever happens: its standard
    input is a pipe whose other end only we have."""
    process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(max(os.sched_getaffinity(0)))], stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.stdin.close()
        process.wait()


def ended(seconds):
    return bool(select.select([0], [], [], seconds)[0])


def main():
    os.sched_setaffinity(0, {int(sys.argv[1])})
    while True:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for _ in range(100_000):
                pass
            if ended(0):
                return
        if ended(1):
            return


if __name__ == "__main__":
    main()
