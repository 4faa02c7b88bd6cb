"""What can watch a process, one at a time: benchd's two levels and the peers. Each begins and ends on demand."""
import os
import re
import select
import signal
import subprocess

from measuring import PYTHON  # noqa: F401 (what peers are installed for when nothing else is asked)
from tracing import ATTACH, BUILD, TRACER, Lines, tool

PINNED = ["py-spy==0.4.3", "gilknocker==0.4.2"]


class Unavailable(Exception):
    """A tool that cannot be had, with the reason."""


def environment(python):
    """The python of a virtual environment with the pinned peers, made once."""
    home = os.path.join(BUILD, "bench", "peers-" + os.path.basename(os.path.realpath(python)))
    mark = os.path.join(home, "pinned.txt")
    ours = os.path.join(home, "bin", "python3")
    if os.path.exists(mark):
        with open(mark, encoding="utf-8") as f:
            if f.read().split() == PINNED:
                return ours
    for command in ([python, "-m", "venv", "--clear", home], [ours, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PINNED]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise Unavailable(f"{' and '.join(PINNED)}: {done.stderr.strip()[-200:]}")
    with open(mark, "w", encoding="utf-8") as f:
        f.write("\n".join(PINNED))
    return ours


class Nothing:
    name = "untraced"

    def __init__(self, work):
        self.work = work

    def on(self):
        pass

    def off(self):
        pass

    def close(self):
        pass


class Counters(Nothing):
    name = "benchd counters"

    def __init__(self, work):
        super().__init__(work)
        work.do("calls", n=10)  # the last holder of the GIL lives
        self.lines = Lines([ATTACH, TRACER, str(work.pid)])
        if "target" not in self.lines.answer():
            raise Unavailable("it does not attach")
        self.off()

    def on(self):
        assert "target" in self.lines.ask("attach")

    def off(self):
        assert "detached" in self.lines.ask("detach")

    def close(self):
        self.lines.end()


class Events(Nothing):
    name = "benchd events"

    def __init__(self, work, service):
        super().__init__(work)
        self.service = service
        self.documents = []

    def on(self):
        self.trace = self.service.begin(self.work.pid)

    def off(self):
        self.documents.append(self.service.stop(self.trace))
        self.service.delete(self.trace)


class PySpy(Nothing):
    name = "py-spy --gil, 1000 Hz"
    path = os.path.join(BUILD, "bench", "spy.raw")

    def __init__(self, work, python):
        super().__init__(work)
        self.program = os.path.join(os.path.dirname(python), "py-spy")

    def on(self, seconds=600):
        self.process = subprocess.Popen([self.program, "record", "--gil", "-r", "1000", "-f", "raw", "-o", self.path, "-p", str(self.work.pid),
                                         "--nolineno", "-d", str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.process.stdout.readline()  # it says so when it samples

    def off(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()

    def samples(self):
        """Those with the GIL held, of a recording that has ended."""
        self.process.communicate()
        with open(self.path, encoding="utf-8") as f:
            return sum(int(line.rsplit(" ", 1)[1]) for line in f if line.strip())


class Knocker(Nothing):
    def __init__(self, work, micros):
        super().__init__(work)
        self.micros = micros
        self.name = f"gilknocker, {micros / 1000:g} ms"

    def on(self):
        self.work.do("knock", on=True, micros=self.micros)

    def off(self):
        return self.work.do("knock", on=False)["metric"]


class Uprobes(Nothing):
    """What a bpftrace one-liner does: the time from entering take_gil to leaving it."""
    name = "bpftrace uprobes on take_gil"

    def __init__(self, work, library):
        super().__init__(work)
        if not tool("bpftrace"):
            raise Unavailable("bpftrace is not installed")
        names = subprocess.run(["nm", library], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout if library else ""
        if not re.search(r" t take_gil$", names, re.M):
            raise Unavailable("this interpreter has no symbol take_gil")
        self.script = (f"uprobe:{library}:take_gil {{ @begin[tid] = nsecs; }} uretprobe:{library}:take_gil /@begin[tid]/ "
                       "{ @waited[tid] += nsecs - @begin[tid]; @took[tid] += 1; delete(@begin[tid]); }"
                       f"uprobe:{library}:drop_gil {{ @dropped[tid] += 1; if (@seen == 0) {{ @seen = 1; }} }}"
                       'interval:ms:20 /@seen == 1/ { @seen = 2; printf("ready\\n"); }')

    def on(self):
        self.process = subprocess.Popen([tool("bpftrace"), "-p", str(self.work.pid), "-e", self.script], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        told = b""
        while b"ready" not in told:
            if select.select([self.process.stdout], [], [], 0)[0]:
                told += os.read(self.process.stdout.fileno(), 4096)
            if self.process.poll() is not None:
                raise Unavailable(f"bpftrace ended with {self.process.returncode}")
            self.work.do("calls", n=10)

    def off(self):
        """{tid: ns between entering and leaving}"""
        self.process.send_signal(signal.SIGINT)
        try:
            out = self.process.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Unavailable("bpftrace does not end") from None
        return {int(t): int(ns) for t, ns in re.findall(rb"@waited\[(\d+)\]: (\d+)", out)}
