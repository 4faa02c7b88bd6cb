"""Drives a real bench-worker over its two descriptors, as benchd does."""
import atexit
import functools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "cmake"))
import write_interpreter  # noqa: E402

BUILD = os.environ["BENCHD_BUILD"]
HOME = os.path.join(BUILD, "lib", "benchd")
INTERPRETERS = os.path.join(HOME, "interpreters")
MUTANTS = os.path.join(BUILD, "tests", "worker")
SOURCE = os.path.dirname(os.path.abspath(__file__))

# What benchd does before exec; the bounding set is root's to drop, and nobody else has one that matters.
DROP = ["setpriv", *(["--bounding-set", "-all"] if os.geteuid() == 0 else []), "--inh-caps", "-all", "--no-new-privs", "--"]


def preloadable(path):
    """Another name for a library whose path LD_PRELOAD would take for two: it is split at spaces and colons."""
    if not set(path) & set(" :"):
        return path
    folder = tempfile.mkdtemp(prefix="bd-preload-")
    atexit.register(shutil.rmtree, folder, True)
    link = os.path.join(folder, os.path.basename(path))
    os.symlink(path, link)
    return link


def interpreters():
    """interpreter.json of every interpreter that was built for, the default first."""
    found = []
    for name in sorted(os.listdir(INTERPRETERS)):
        with open(os.path.join(INTERPRETERS, name, "interpreter.json")) as f:
            found.append(json.load(f))
    return sorted(found, key=lambda i: (not i["default"], i["id"]))


def kinds():
    """Those that differ in more than the host, and both hosts of the default one: for what both hosts share."""
    found = interpreters()
    embedded = {i["executable"] for i in found if i["host"] == "embedded"}
    return [i for i in found if i["host"] == "embedded" or i["executable"] not in embedded
            or i["executable"] == found[0]["executable"]]


def _each(which, test):
    @functools.wraps(test)
    def run(self):
        for interpreter in which():
            with self.subTest(python=interpreter["id"]):
                test(self, interpreter)
    return run


def each_interpreter(test):
    """Runs test(self, interpreter) for each of them, as a sub-test."""
    return _each(interpreters, test)


def each_kind(test):
    """The same for each of kinds()."""
    return _each(kinds, test)


def default():
    return interpreters()[0]


def objalloc(interpreter):
    """Where its small objects come from unless it is told otherwise."""
    return "mimalloc" if interpreter["free_threaded"] else "pymalloc"


def with_gil(interpreter):
    """The environment in which it has a GIL to hold."""
    return {"PYTHON_GIL": "1"} if interpreter["free_threaded"] else {}


def runtime_file(interpreter):
    """The file with the interpreter's own code: its libpython, or an executable that has a copy of it."""
    return interpreter["libpython"] or interpreter["executable"]


def start_command(interpreter, folder=None, python=None):
    """How its worker is started: what is ours is named relative to its folder. python: of a virtual environment."""
    folder = folder or os.path.join(INTERPRETERS, interpreter["id"])
    program = interpreter["program"]
    if interpreter["host"] == "exe" and python:
        program = python
    return [os.path.join(folder, word) if word.startswith("./") else word for word in [program, *interpreter["args"]]]


def processors():
    return sorted(os.sched_getaffinity(0))


class Died(Exception):
    """The worker ended its side: `status` is its exit status, negative for a signal."""

    def __init__(self, status):
        super().__init__("the worker ended with status %s" % status)
        self.status = status


class Worker:
    def __init__(self, interpreter=None, env=None, folder=None, drop=True, descriptors=...):
        self.interpreter = interpreter or default()
        self.folder = folder or os.path.join(INTERPRETERS, self.interpreter["id"])
        their_in, self._out = os.pipe()
        self._in, their_out = os.pipe()
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "1"}
        environment.update(env or {})
        python = environment.get("BENCHD_PYTHON")
        if descriptors is ...:
            descriptors = "%d,%d" % (their_in, their_out)
        if descriptors is not None:
            environment["BENCHD_FDS"] = descriptors
        # The preloaded library is the worker's, not setpriv's.
        assignments = ["%s=%s" % item for item in environment.items()]
        command = (DROP if drop else []) + ["env", "-i"] + assignments + start_command(self.interpreter, self.folder, python)
        self.process = subprocess.Popen(command, pass_fds=(their_in, their_out), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        os.close(their_in)
        os.close(their_out)
        self._buffer = b""
        self.logs = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close_input()
        if self.process.poll() is None:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        os.close(self._in)

    def close_input(self):
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def send(self, type_, **fields):
        self.send_text(json.dumps(dict(fields, type=type_)) + "\n")

    def send_text(self, text):
        os.write(self._out, text.encode())

    def receive(self, timeout=60):
        """The next message that is not a log; Died at the end of its output, AssertionError after the deadline."""
        deadline = time.monotonic() + timeout
        while True:
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self._in], [], [], left)[0]:
                    raise AssertionError("no answer within %s s" % timeout)
                data = os.read(self._in, 1 << 16)
                if not data:
                    raise Died(self.process.wait(10))
                self._buffer += data
            line, self._buffer = self._buffer.split(b"\n", 1)
            message = json.loads(line)
            if message["type"] != "log":
                return message
            self.logs.append(message)

    def ask(self, type_, timeout=60, **fields):
        self.send(type_, **fields)
        return self.receive(timeout)

    def hello(self):
        ready = self.ask("hello", protocol=1)
        assert ready["type"] == "ready", ready
        self.ready = ready
        return ready

    def manifest(self):
        """What is promised: the interpreter's own files, and what was built of bindings in its environment."""
        with open(os.path.join(self.folder, "interpreter.json")) as f:
            promised = json.load(f)["manifest"]
        environment = os.path.join(self.folder, "..", "..", "environments", self.interpreter["id"].partition("+")[0])
        for name in sorted(os.listdir(environment)) if os.path.isdir(environment) else []:
            if name.endswith(".json"):
                with open(os.path.join(environment, name)) as f:
                    promised += [dict(o, path=os.path.join(environment, o["path"])) for o in json.load(f)["files"]]
        return promised

    def prepare(self, cells, **fields):
        """The answers, one per cell."""
        if not cells:
            return []
        message = {"cells": cells, "steps": STEPS, "processors": processors(), "probe_steps": STEPS["50us"], "seed": 7,
                   "manifest": self.manifest()}
        message.update(fields)
        for one in cells:
            one["axes"].setdefault("objalloc", objalloc(self.interpreter))
        self.send("prepare", **message)
        return [self.receive() for _ in cells]

    def batch(self, cell, **fields):
        return self.ask("batch", cell=cell, processors=processors(), **fields)

    def bye(self, cells):
        """The last answers, one per cell; then it must end by itself, with status 0."""
        self.send("bye")
        answers = [self.receive() for _ in range(cells)]
        try:
            extra = self.receive()
        except Died as end:
            assert end.status == 0, end.status
        else:
            raise AssertionError("after bye: %r" % (extra,))
        return answers

    def output(self):
        """What it wrote to its standard output and error, after its end."""
        self.close_input()
        self.process.wait(10)
        return self.process.stdout.read().decode()


def _calibrate():
    """Native steps per µs, roughly: enough for tests, which compare no times."""
    import ctypes
    spin = ctypes.CDLL(os.path.join(HOME, "libbdkernels.so")).bd_kernel_spin
    spin.argtypes = (ctypes.c_uint64, ctypes.c_uint64)
    spin.restype = ctypes.c_uint64
    best = None
    for _ in range(5):
        start = time.perf_counter_ns()
        spin(1, 200000)
        took = time.perf_counter_ns() - start
        best = took if best is None else min(best, took)
    return 200000 * 1000 / best


_per_us = _calibrate()
STEPS = {name: max(1, int(_per_us * us)) for name, us in
         (("1us", 1), ("10us", 10), ("50us", 50), ("100us", 100), ("1ms", 1000))}


def cell(number=0, case="gil-contention", threads=1, binding="capi:fastcall", affinity="pinned", iterations=0,
         duration_ns=0, **params):
    axes = {"python": default()["id"], "binding": binding, "caller": "python", "allocator": "glibc",
            "threads": threads, "affinity": affinity, "gc": "on"}
    axes.update(params)
    return {"cell": number, "case": case, "axes": axes, "threads": threads, "affinity": affinity,
            "iterations": iterations, "duration_ns": duration_ns}


def copy_tree(target, interpreter=None):
    """A copy of one interpreter's installation below `target`, to plant mutants in; gives the worker's folder."""
    interpreter = interpreter or default()
    home = os.path.join(target, "lib", "benchd")
    shutil.copytree(os.path.join(INTERPRETERS, interpreter["id"]), os.path.join(home, "interpreters", interpreter["id"]))
    for part in ("python", "plugins"):
        shutil.copytree(os.path.join(HOME, part), os.path.join(home, part))
    shutil.copy(os.path.join(HOME, "libbdkernels.so"), home)
    return os.path.join(home, "interpreters", interpreter["id"])


def until(condition, what, timeout=20):
    """Waits for a condition, with a deadline."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("never happened: " + what)
        time.sleep(0.005)


def state(pid, tid):
    """Scheduler state of a thread: R, S, D …"""
    with open("/proc/%d/task/%d/stat" % (pid, tid)) as f:
        return f.read().rpartition(")")[2].split()[0]


def build_id(path):
    return write_interpreter.build_id(path)
