"""Shared by the tracer's tests: interpreters of this machine, traced programs, and the tracer driven by lines."""
import glob
import json
import os
import select
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
BUILD = os.environ["BENCHD_BUILD"]
TRACER = os.path.join(BUILD, "bin", "bench-tracer")
ATTACH = os.path.join(BUILD, "tests", "tracer_attach")
HELPER = os.path.join(BUILD, "tests", "tracer_handshake.so")
DEADLINE_S = 60


def version_of(python):
    """(major, minor) when it is a CPython that runs and has ctypes, else None."""
    code = "import sys, ctypes, threading; print(*sys.version_info[:2]) if sys.implementation.name == 'cpython' else None"
    r = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    v = tuple(map(int, r.stdout.split())) if r.returncode == 0 else ()
    return v if len(v) == 2 else None


def interpreters():
    """Every CPython 3.11 or newer found: [path]."""
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = {}
    for path in sorted(glob.glob("/usr/bin/python3*") + glob.glob("/usr/local/bin/python3*") +
                       glob.glob(os.path.join(pyenv, "versions/*/bin/python3"))):
        real = os.path.realpath(path)
        if os.access(real, os.X_OK) and real not in found:
            v = version_of(real)
            if v and v >= (3, 11):
                found[real] = v
    return list(found)


class Lines:
    """A program spoken with in lines of JSON, with a deadline on each answer."""

    def __init__(self, argv, **more):
        self.argv = argv
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)
        self.buffer = b""

    def ask(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        while b"\n" not in self.buffer:
            if not select.select([self.process.stdout], [], [], DEADLINE_S)[0]:
                raise TimeoutError(f"{self.argv}: no answer")
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                raise EOFError(f"{self.argv}: ended with {self.process.wait()}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def end(self):
        """Closes its input and gives the exit status."""
        self.process.stdin.close()
        try:
            return self.process.wait(DEADLINE_S)
        finally:
            self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.kill()


def bucket(ns):
    """16 sub-buckets per octave, exact below 16."""
    if ns < 16:
        return ns
    octave = ns.bit_length() - 1
    return min((octave - 3) * 16 + ((ns >> (octave - 4)) & 15), 639)


def need(*tools):
    missing = [t for t in tools if not shutil.which(t, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")]
    return "not installed: " + " ".join(missing) if missing else None


def tool(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def cannot_trace():
    """None, or why this machine cannot trace (the tracer's own words)."""
    r = subprocess.run([ATTACH, TRACER], stdout=subprocess.PIPE, text=True)
    if r.returncode == 0:
        return None
    error = json.loads(r.stdout)["error"]
    return None if error["key"] in ("tracer-blind", "tracer-failed") else error["message"]
