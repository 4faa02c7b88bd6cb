"""culprits.py that forks when it is told to (a line on standard input); the child goes on with threads that fight for its GIL."""
import os
import sys
import threading

import culprits


def child():
    def compute():
        while True:
            for _ in range(1000):
                pass
    for _ in range(2):
        threading.Thread(target=compute, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


class Input:
    """Standard input of the program, which reads it once, to its end."""

    def read(self):
        if sys.__stdin__.readline():
            pid = os.fork()
            if pid == 0:
                sys.stdin = sys.__stdin__
                child()
            culprits.say({"child": pid})
        sys.__stdin__.read()
        return ""


culprits.sys.stdin = Input()
culprits.main()
