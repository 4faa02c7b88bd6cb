"""Python programs for traces, and whether this machine can trace at all."""
import subprocess
import sys

CODE = """
import sys, threading
def spin():
    while True:
        sum(range(1000))
for _ in range(2):
    threading.Thread(target=spin, daemon=True).start()
print(flush=True)
sys.stdin.read()
"""


class Waiting:
    """Two threads that want the GIL all the time, until it is left or killed."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def cannot_trace(daemon):
    """Why not, in the words of its doctor; None when it can."""
    row = next(c for c in daemon.get("/api/v1/doctor")["checks"] if c["name"] == "gil-waits")
    return None if row["ok"] else row["message"]
