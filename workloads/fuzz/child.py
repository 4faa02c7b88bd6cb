"""child.py INTERPRETER PYTHON KERNELS BINDING SECONDS: one variant of a binding, which makes the calls it is given, each of which may
take so long.

One JSON value per line. First it says what it has; then for each list of calls on standard input one line per call, so that
whoever reads knows which one it did not survive."""
import ctypes
import faulthandler
import importlib.util
import json
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CALLS, CHAIN = 0, 48  # in struct bd_kernel_slot


def module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def main():
    folder, python, kernels, binding, limit = sys.argv[1:]
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")  # what calls print goes elsewhere
    os.dup2(2, 1)

    def say(value):
        out.write(json.dumps(value) + "\n")
        out.flush()

    sys.dont_write_bytecode = True
    made = module("benchd_fuzz_made", os.path.join(HERE, "made.py"))
    loader = module("benchd_loader", os.path.join(python, "loader.py"))
    loader.open_library(folder, python, kernels)
    name, _, variant = binding.partition(":")
    try:
        functions = loader.functions(name, variant)
    except Exception as e:
        say({"functions": [], "reason": str(e) or type(e).__name__, "unsupported": isinstance(e, loader.Unsupported)})
        return
    library = ctypes.CDLL(kernels)
    library.bd_kernel_own_slot.restype = ctypes.c_void_p
    slot = library.bd_kernel_own_slot()
    calls, chain = ctypes.c_uint64.from_address(slot + CALLS), ctypes.c_uint64.from_address(slot + CHAIN)
    own = {name: f for name, f in functions.items() if name != "native" and not isinstance(f, loader.Kernel)}
    if not own:
        say({"functions": [], "reason": "nothing of it can be called from Python", "unsupported": True})
        return
    counted = getattr(functions, "counted", True)
    say({"functions": sorted(own), "counted": counted})
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGALRM,))
    for line in sys.stdin:
        for source in json.loads(line):
            names = {**made.NAMES, **own}
            code = compile(source, "call", "eval")
            chain.value = 0
            before = calls.value
            signal.setitimer(signal.ITIMER_REAL, float(limit))  # which ends the process
            kind, text, *error = made.outcome(code, names)
            signal.setitimer(signal.ITIMER_REAL, 0)
            answer = {"kind": kind, "text": text, "calls": calls.value - before}
            if kind == "raised":
                answer["types"] = [t.__name__ for t in type(error[0]).__mro__] if error else ["Planned"]
            say(answer)


faulthandler.enable()
main()
