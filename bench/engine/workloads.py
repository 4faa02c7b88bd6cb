"""The three workloads, as pairs of folders A and B with a known truth.

A workload is bench.py and the module work.so beside it. Its functions are straight lines of equal units: native steps of
a dependent chain (a), or calls one below the other (b, c). B has more units than A and nothing else is different. A call
of such a function takes s × (units + u0); u0, what is not units (the call itself, the loop around it), is metered in one
process on one processor: of (b) and (c) beside a function that does nothing, of (a) beside three times the steps. The
truth of a pair is then (units of B + u0) ÷ (units of A + u0): the ratio of units, corrected by what is known of the rest.
u0 is 0 to 3 % of the units, so that an error of a tenth in u0 is one of 0.00006 in the truth of a pair that is 2 %
apart."""
import json
import os
import shutil
import statistics
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
CALLS = 50  # of one native loop, in a function of (a)
LOOP_NS = 200
METERED = 3  # processes; the median of them counts

HEADS = {
    "a": '"""A native loop behind METH_FASTCALL."""\nfrom work import spin\n',
    "b": '"""The cheapest calls there are, by two ways across."""\nimport ctypes\n\nimport work\n\nadd = work.add\n'
         "foreign = ctypes.CDLL(work.__file__).work_add\nforeign.argtypes = (ctypes.c_long, ctypes.c_long)\n"
         "foreign.restype = ctypes.c_long\n",
    "c": '"""A call of pure Python."""\n\n\ndef callee(a, b):\n    return a + b\n',
}
# function → what one unit is in it; of (a) the units are inside the module
FUNCTIONS = {
    "a": {"bench_spin": None},
    "b": {"bench_fastcall": "add(1, 2)", "bench_ctypes": "foreign(1, 2)"},
    "c": {"bench_call": "callee(1, 2)"},
}
UNITS = {"a": 256, "b": 200, "c": 200}  # of (a) until it is known what a step takes


def of(function):
    """The workload it belongs to."""
    return next(w for w, functions in FUNCTIONS.items() if function in functions)


class Workloads:
    def __init__(self, folder, python):
        """folder: everything is made below it. python: the interpreter that is measured."""
        self.folder, self.python = folder, python
        self.known = {}  # function → (u0, ns of one call, units it was metered with)
        os.makedirs(folder, exist_ok=True)

    # ---- making ----

    def module(self, steps):
        """work.so with so many steps, built once."""
        path = os.path.join(self.folder, f"work-{steps}.so")
        if not os.path.exists(path):
            asked = 'import json, sysconfig; print(json.dumps([sysconfig.get_path("include"), *map(sysconfig.get_config_var, ("CC", "CFLAGS", "CCSHARED"))]))'
            include, cc, flags, shared = json.loads(subprocess.run([self.python, "-c", asked], capture_output=True, text=True, check=True).stdout)
            subprocess.run([*cc.split(), *flags.split(), *shared.split(), f"-DSTEPS={steps}", "-falign-functions=64", "-falign-loops=64",
                            "-I", include, "-shared", os.path.join(HERE, "work.c"), "-o", path + ".new"], check=True)
            os.rename(path + ".new", path)
        return path

    def side(self, path, workload, units):
        """A folder with bench.py and work.so; units: of each function."""
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        text = HEADS[workload]
        for function, unit in FUNCTIONS[workload].items():
            lines = ["spin(1)"] * CALLS if unit is None else [unit] * units[function]
            text += f"\n\ndef {function}():\n" + "".join(f"    {line}\n" for line in lines)
        with open(os.path.join(path, "bench.py"), "w", encoding="utf-8") as f:
            f.write(text)
        steps = units["bench_spin"] if workload == "a" else UNITS["a"]
        # Debian's suffix is not asked for: plain .so is always one of an interpreter's
        shutil.copy(self.module(steps), os.path.join(path, "work.so"))
        return path

    # ---- knowing ----

    def meter(self, workload):
        """What a unit of each function takes, and u0."""
        if any(f in self.known for f in FUNCTIONS[workload]):
            return
        units = {f: UNITS[workload] for f in FUNCTIONS[workload]}
        folders = [self.side(os.path.join(self.folder, f"meter-{workload}"), workload, units)]
        if workload == "a":
            folders.append(self.side(folders[0] + "-3", workload, {f: 3 * n for f, n in units.items()}))
        seen = [json.loads(subprocess.run([self.python, os.path.join(HERE, "meter.py"), *folders], capture_output=True, text=True, check=True).stdout)
                for _ in range(METERED)]
        for f, n in units.items():
            r = statistics.median(s[f][1] for s in seen)
            # (3n + u0) ÷ (n + u0) = r; u0 ÷ (n + u0) = r
            u0 = n * (3 - r) / (r - 1) if workload == "a" else n * r / (1 - r)
            self.known[f] = (max(0.0, u0), min(s[f][0] for s in seen), n)

    def units(self, function):
        """Of A."""
        workload = of(function)
        self.meter(workload)
        if workload != "a":
            return UNITS[workload]
        u0, ns, n = self.known[function]
        return max(50, round(LOOP_NS * CALLS * (n + u0) / ns))  # CALLS loops of that many steps

    def truth(self, function, a, b):
        u0 = self.known[function][0]
        return (b + u0) / (a + u0)

    def pair(self, workload, effects):
        """Folders A and B of which B is slower by (about) the effect of each function, and {function: truth}.

        effects: one number for all, or {function: effect}."""
        a, b, truths = {}, {}, {}
        for f in FUNCTIONS[workload]:
            effect = effects[f] if isinstance(effects, dict) else effects
            n, u0 = self.units(f), self.known[f][0]
            a[f] = b[f] = n
            if effect:  # a unit is the smallest step: a slightly longer A may come nearer
                tried = [(m, m + k) for m in range(n, n + n // 4) for k in (int(effect * (m + u0)), int(effect * (m + u0)) + 1) if k]
                a[f], b[f] = min(tried, key=lambda t: abs(self.truth(f, *t) - 1 - effect))
            truths[f] = self.truth(f, a[f], b[f])
        name = workload + "".join(f"-{a[f]}-{b[f]}" for f in a)
        folders = [os.path.join(self.folder, name, s) for s in "ab"]
        if not all(os.path.exists(os.path.join(d, "work.so")) for d in folders):
            self.side(folders[0], workload, a)
            self.side(folders[1], workload, b)
        return (*folders, truths)
