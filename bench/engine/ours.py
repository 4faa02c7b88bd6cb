"""benchd itself on the same folders: a daemon on a data folder of its own, and benchctl as people call it."""
import json
import os
import shutil
import subprocess
import tempfile

BUDGET_S = 10
STATUSES = (0, 1, 2)  # the answers of `ab`; everything else is a failure of the bench


class Failed(Exception):
    pass


class Benchd:
    name = "benchd"

    def __init__(self, bin_dir, note):
        """note(name, value): told the figures of every run that are checked on the way."""
        self.bin, self.note = bin_dir, note
        self.data = tempfile.mkdtemp(prefix="benchd-bench-")
        self.environment = dict(os.environ, BENCHD_DATA=self.data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([f"{self.bin}/benchctl", "daemon", "stop"], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.data, ignore_errors=True)

    def ask(self, *words, statuses=(0,), folder=None):
        done = subprocess.run([f"{self.bin}/benchctl", *words, "--json"], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, cwd=folder)
        if done.returncode not in statuses:
            raise Failed(f"benchctl {' '.join(words[:1])} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return json.loads(done.stdout)

    def ab(self, a, b, *options):
        """The document of one comparison of two folders."""
        document = self.ask("ab", "--a", a, "--b", b, "bench.py", "--budget", f"{BUDGET_S}s", *options, statuses=STATUSES)
        self.account(document["run"])
        return document

    def account(self, run):
        if not run["measure_s"]:
            raise Failed(f"run {run['id']} measured nothing ({run['state']})")
        if run["state"] == "complete":
            self.note("sums", (run["setup_s"] + run["measure_s"]) / run["wall_s"])
            self.note("batches_inside", run["batch_s"] / run["measure_s"])
            if run["kind"] == "ab":
                self.note("ab_setup_share", run["setup_s"] / run["wall_s"])

    def pair(self, a, b, functions, *options):
        """{function: what it says of B ÷ A}, seconds of its turn on the machine."""
        document = self.ab(a, b, *options)
        return {f: answer(document, f) for f in functions}, document["run"]["wall_s"]


def answer(document, function):
    """What the document says of one function: of the cell of side B."""
    cells = [c for c in document["cells"] if c["verdict"] is not None and function.removeprefix("bench_") in c["case"]]
    if len(cells) != 1:
        told = "; ".join(f"{c['id']}: {c['status']} {(c['reason'] or {}).get('message', '')}" for c in document["cells"])
        raise Failed(f"no verdict of {function}: {told or 'no cells'}")
    c = cells[0]
    return {"verdict": c["verdict"], "ratio": c["ratio"]["median"], "lo": c["ratio"]["lo"], "hi": c["ratio"]["hi"],
            "smallest_effect": c["smallest_effect"], "equivalence": c["equivalence"], "launches": c["launches"], "stopped": c["stopped"]}
