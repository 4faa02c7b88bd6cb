"""Fuzzes: every target with libFuzzer for some seconds, two at a time, and says in one line each what came of it.

usage: run.py BUILD|--check [--seconds N] [--replay] [TARGET…]; with --check it only looks at the words

New inputs are kept in BUILD/corpus/TARGET, so that the next run goes on where this one ended; those of tests/fuzz/corpus
are read too, and not changed. An input that breaks something is put into BUILD/findings, and the exit status is 1."""
import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:handle_abort=1:"
                    "allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
# Leaks are looked for after every input, which stops all threads of the server; for this one at its end alone.
LEAKS_AT_END = {"http"}
LENGTH = {"http": 2048, "render": 8192, "documents": 8192}  # bytes of an input at most; else 4096


def usage(message):
    print(f"dev: fuzz: {message}", file=sys.stderr)
    sys.exit(64)


def names():
    """The targets, from the one list."""
    with open(os.path.join(HERE, "CMakeLists.txt"), encoding="utf-8") as file:
        return re.search(r"^set\(targets ([^)]*)\)", file.read(), re.M).group(1).split()


class Target:
    def __init__(self, build, name):
        self.name = name
        self.program = os.path.join(build, "tests", f"fuzz_{name}")
        self.seeds = os.path.join(HERE, "corpus", name)
        self.corpus = os.path.join(build, "corpus", name)
        self.findings = os.path.join(build, "findings", name) + "-"
        self.log = os.path.join(build, "findings", f"{name}.log")
        os.makedirs(self.corpus, exist_ok=True)
        os.makedirs(os.path.dirname(self.findings), exist_ok=True)

    def run(self, arguments, seconds):
        """Exit status; everything it said is in the log."""
        dictionary = os.path.join(HERE, "corpus", f"{self.name}.dict")
        leaks = ["-detect_leaks=0"] if self.name in LEAKS_AT_END else []
        command = [self.program, *leaks, f"-artifact_prefix={self.findings}", "-print_final_stats=1", "-timeout=30", "-rss_limit_mb=1500",
                   *([f"-dict={dictionary}"] if os.path.exists(dictionary) else []), *arguments]
        with open(self.log, "wb") as log:
            return subprocess.run(command, env={**os.environ, **OPTIONS}, stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=subprocess.STDOUT, timeout=seconds + 300, check=False).returncode

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def folders(self):
        return [self.corpus] + ([self.seeds] if os.path.isdir(self.seeds) else [])

    def fuzz(self, seconds):
        return self.run([f"-max_total_time={seconds}", f"-max_len={LENGTH.get(self.name, 4096)}", *self.folders()], seconds)

    def replay(self):
        return self.run(["-runs=0", *self.folders()], 600)

    def written(self):
        """The inputs that broke something; the folder's name may contain anything."""
        return re.findall(rf"Test unit written to ({re.escape(self.findings)}\S+)$", self.said(), re.M)

    def line(self, status):
        """What came of it, in one line, and when something was found, how to see it again."""
        text = self.said()
        done = re.findall(r"stat::number_of_executed_units: *(\d+)", text) or re.findall(r"^#(\d+)", text, re.M) or ["0"]
        each = re.findall(r"stat::average_exec_per_sec: *(\d+)", text) or re.findall(r"exec/s: (\d+)", text) or ["0"]
        cover = re.findall(r"cov: (\d+) ft: (\d+)", text) or [("0", "0")]
        line = (f"{self.name:<14} {done[-1]:>10} inputs {each[-1]:>7}/s  {cover[-1][0]:>6} edges {cover[-1][1]:>6} features"
                f"  corpus {len(os.listdir(self.corpus))}  {'ok' if status == 0 else 'FOUND SOMETHING'}")
        if status == 0:
            return line
        found = self.written()
        about = re.findall(r"^SUMMARY: .*|^.*does not hold: .*|^==\d+== ERROR: libFuzzer.*", text, re.M)
        return "\n".join([line, *(f"    {a}" for a in about[:2]), f"    log     {self.log}",
                          *(f"    input   {f}\n    again   {shlex.join([self.program, f])}" for f in found)])


def control(build):
    """A planted mistake must be found, or finding nothing means nothing."""
    planted = Target(build, "planted")
    shutil.rmtree(planted.corpus)
    os.makedirs(planted.corpus)
    if planted.fuzz(60) == 0 or "heap-buffer-overflow" not in planted.said():
        sys.exit(f"dev: fuzz: the planted mistake was not found: these fuzzers find nothing (log: {planted.log})")
    for found in planted.written():
        os.unlink(found)


def main(arguments):
    build, seconds, replay, wanted = arguments[0], 60, False, []
    rest = arguments[1:]
    while rest:
        word = rest.pop(0)
        if word == "--seconds" or word.startswith("--seconds="):
            value = word[len("--seconds="):] if "=" in word else rest.pop(0) if rest else ""
            if not re.fullmatch("[0-9]{1,6}", value) or int(value) == 0:
                usage(f"--seconds needs a whole number above 0, not '{value}'")
            seconds = int(value)
        elif word == "--replay":
            replay = True
        elif word.startswith("-"):
            usage(f"what is {word}? It takes --seconds N, --replay, and names of targets")
        elif word in names():
            wanted.append(word)
        else:
            usage(f"there is no target '{word}' (there are: {' '.join(names())})")
    if build == "--check":
        return 0
    targets = [Target(build, name) for name in wanted or names()]
    if not os.path.exists(targets[0].program):
        sys.exit(f"dev: fuzz: {targets[0].program} is not built")
    control(build)
    start, failed = time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {pool.submit(t.replay if replay else t.fuzz, *([] if replay else [seconds])): t for t in targets}
        try:
            for job in concurrent.futures.as_completed(jobs):
                status = job.result()
                failed += status != 0
                print(jobs[job].line(status), flush=True)
        except KeyboardInterrupt:  # the terminal tells the fuzzers, too; those that have not begun need not begin
            pool.shutdown(cancel_futures=True)
            print("dev: fuzz: interrupted; the inputs that are new so far are kept", file=sys.stderr)
            return 130
    print(f"{len(targets)} targets, {failed} found something, {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
