"""Drives a worker that was just built through one small case, as benchd would: is it what its interpreter.json says?

usage: prove_worker.py FOLDER… (of interpreter.json). Exit 0, or 1 with the reason on standard error."""
import json
import os
import select
import signal
import subprocess
import sys
import time

SECONDS = 60
STEPS = 2000


class Unfit(Exception):
    pass


def command(folder, interpreter):
    words = [interpreter["program"], *interpreter["args"]]
    return [os.path.join(folder, word) if word.startswith("./") else word for word in words]


class Worker:
    def __init__(self, folder, interpreter):
        their_in, self.out = os.pipe()
        self.incoming, their_out = os.pipe()
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
               "BENCHD_FDS": "%d,%d" % (their_in, their_out)}
        self.process = subprocess.Popen(command(folder, interpreter), env=env, cwd="/", pass_fds=(their_in, their_out),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.close(their_in)
        os.close(their_out)
        self.end = time.monotonic() + SECONDS
        self.buffer = b""

    def send(self, kind, **fields):
        try:
            os.write(self.out, json.dumps(dict(fields, type=kind)).encode() + b"\n")
        except BrokenPipeError:
            pass  # it has ended: whoever waits for the answer learns how

    def receive(self, kind):
        while True:
            while b"\n" not in self.buffer:
                if not select.select([self.incoming], [], [], max(0, self.end - time.monotonic()))[0]:
                    raise Unfit("it does not answer within %d s" % SECONDS)
                data = os.read(self.incoming, 1 << 16)
                if not data:
                    text = self.process.communicate(timeout=10)[1].decode(errors="replace").strip()
                    raise Unfit("it ended with status %d: %s" % (self.process.returncode, text[-500:]))
                self.buffer += data
            line, self.buffer = self.buffer.split(b"\n", 1)
            message = json.loads(line)
            if message["type"] == kind:
                return message
            if message["type"] != "log":
                raise Unfit("it answers %s" % line.decode())

    def done(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()
        for fd in (self.out, self.incoming):
            os.close(fd)


def cells_of(catalogue, interpreter):
    """One cell for every binding that works."""
    made = []
    for binding in catalogue["bindings"]:
        for variant in binding["variants"] if not binding["unsupported"] else ():
            axes = {"python": interpreter["id"], "binding": "%s:%s" % (binding["name"], variant), "allocator": "glibc",
                    "objalloc": "mimalloc" if interpreter["free_threaded"] else "pymalloc", "threads": 1, "gil": "release", "u": "1us"}
            made.append({"cell": len(made), "case": "gil-contention", "axes": axes, "threads": 1, "iterations": 50})
    return made


def prove(folder):
    with open(os.path.join(folder, "interpreter.json")) as f:
        interpreter = json.load(f)
    worker = Worker(folder, interpreter)
    try:
        worker.send("hello", protocol=1)
        ready = worker.receive("ready")
        for key in ("version", "free_threaded", "host"):
            said = ready["python" if key == "version" else key]
            if said != interpreter[key]:
                raise Unfit("its %s is %r, not %r" % (key, said, interpreter[key]))
        worker.send("describe", targets=[])
        made = cells_of(worker.receive("catalogue"), interpreter)
        if not made:
            raise Unfit("none of its bindings can be used")
        worker.send("prepare", cells=made, steps={"1us": STEPS}, probe_steps=STEPS, seed=1, manifest=interpreter["manifest"],
                    processors=sorted(os.sched_getaffinity(0)))
        good = []
        for cell in made:
            answer = worker.receive("cell")
            if answer["status"] == "ok":
                good.append(cell)
            elif answer["status"] != "unsupported":  # a binding that lacks the function, or was not built for it, says so
                raise Unfit("%s: %s: %s" % (cell["axes"]["binding"], answer["status"], answer["reason"]["message"]))
        if not good:
            raise Unfit("%s: unsupported: %s" % (cell["axes"]["binding"], answer["reason"]["message"]))
        for cell in good:
            worker.send("batch", cell=cell["cell"], iterations=50, processors=sorted(os.sched_getaffinity(0)))
            if worker.receive("sample")["ops"] != [50]:
                raise Unfit("%s: it did another number of operations" % cell["axes"]["binding"])
        worker.send("bye")
        for cell in good:
            answer = worker.receive("cell")
            if answer["status"] != "ok":
                raise Unfit("%s, afterwards: %s" % (cell["axes"]["binding"], answer["reason"]["message"]))
    finally:
        worker.done()
    return interpreter["id"]


if __name__ == "__main__":
    for path in sys.argv[1:]:
        try:
            prove(os.path.abspath(path))
        except (Unfit, OSError, KeyError, ValueError) as error:
            sys.exit("the worker in %s is of no use: %s" % (path, error))
