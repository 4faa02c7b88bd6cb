"""The process that has the user's module: imports it, and does each job in a fork of itself, so that whatever a call does to the
process ends that fork alone. Its leader (control.py) gives jobs as lines of JSON on standard input and reads lines of JSON from
the descriptor BENCHD_CHECK_FD; what ended a fork is seen by its exit status."""
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import time

from . import buffers, calls, explore, helper, hostile, kinds, later, leaks, recipes, targets

OUT = -1
PATIENCE = 8  # s, for one call


def say(**event):
    os.write(OUT, (json.dumps(event) + "\n").encode())


class At:
    """Tells the leader what is about to be called, and ends the process when the call does not."""

    def __init__(self, stage):
        self.stage = stage
        self.part = None  # of the job, to be left out when this ends the process

    def __call__(self, text, patience=None):
        patience = patience or PATIENCE
        signal.alarm(patience)
        say(at=text, stage=self.stage, part=self.part, patience=patience)


def limits():
    def limit(what, value):
        soft, hard = resource.getrlimit(what)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (least, hard))
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_DATA, 4 << 30)
    limit(resource.RLIMIT_FSIZE, 64 << 20)
    limit(resource.RLIMIT_NOFILE, 512)


# ---- the user's module -----------------------------------------------------------------------------------------------------

def module_name(path):
    """(folder to search, dotted name) of a file, which may be part of a package."""
    folder, name = os.path.split(os.path.abspath(path))
    parts = [name.split(".")[0]]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, last = os.path.split(folder)
        parts.insert(0, last)
    if parts[-1] == "__init__":
        parts.pop()
    return folder, ".".join(parts)


def bring(request):
    """Imports what was named; its name."""
    word, path = request["module"], request.get("path")
    if not path:
        sys.path.insert(0, request["cwd"])  # as `python -c` does
        importlib.import_module(word)
        return word
    if os.path.isdir(path):
        path = os.path.join(path, "__init__.py")
        if not os.path.exists(path):
            raise ImportError("the folder has no __init__.py: name a module in it")
    folder, name = module_name(path)
    if "." in name or not path.endswith(".so"):
        sys.path.insert(0, folder)
        importlib.import_module(name)
        return name
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return name


def describe(request, before, name):
    rows = [t.row() for t in targets.find(targets.modules_of(before, name), name.split(".")[0])]
    if request.get("calls"):
        rows = calls.load(request["calls"], name)
    module = sys.modules[name]
    return {"module": name, "file": getattr(module, "__file__", None), "version": str(getattr(module, "__version__", "")) or None,
            "compiled": targets.compiled(before, name), "targets": rows,
            "threads": len(os.listdir("/proc/self/task")), "python": sys.version.split()[0],
            "executable": sys.executable, "debug": hasattr(sys, "gettotalrefcount"),
            "free_threaded": not getattr(sys, "_is_gil_enabled", lambda: True)()}


# ---- jobs ----------------------------------------------------------------------------------------------------------------------

def job_explore(job, at):
    if job["target"]["kind"] == "calls":
        return calls.job_try(job, at)
    instance = recipes.Recipe.of(job["instance"]) if job["instance"] else None
    explorer = explore.Explorer(job["target"], instance, set(job["skip"]), at, settle)
    works, raises, reason = explorer.run()
    absent = reason == explore.READ_ONLY
    wrong = [[recipes.text(job["target"], recipes.Recipe(*key[:2], instance)), result] for key, result in explorer.seen.items()
             if result and result[0] == "SystemError"]
    return {"works": [r.row() for r in works], "raises": [r.row() for r in raises], "reason": reason, "trials": explorer.trials,
            "contract": wrong, "absent": absent}


JOBS = {"explore": job_explore, "leaks": leaks.job, "later": later.job, "hostile": hostile.job, "buffers": buffers.job}


def add_instances(rows):
    for name, target, recipe in rows:
        if name not in kinds.ALL:
            call = recipes.Call(target, recipes.Recipe.of(recipe))
            kinds.add_instance(name, recipes.text(target, recipes.Recipe.of(recipe)), call.run)


def work(job):
    at = At(job["job"])
    at(job["about"], 4 * PATIENCE)
    add_instances(job.get("instances", ()))
    result = JOBS[job["job"]](job, at)
    settle(2)
    signal.alarm(0)
    say(result=result)


def settle(seconds):
    """Lets threads that a call left behind come to their end, as far as they do."""
    end = time.monotonic() + seconds
    while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < end:
        time.sleep(0.002)


def reset_signals():
    """What an import may have changed for the whole process, as it has to be here."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # one that is ignored takes the statuses of children


def fork_and_work(job):
    try:
        sys.stdout.flush()
    except Exception:  # the module has closed it, or put something else in its place
        pass
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        say(end=os.waitstatus_to_exitcode(status))
        return
    status = 70
    try:
        helper.die_with_parent()
        gc.freeze()  # what there is already need not be looked at by every collection
        work(job)
        status = 0
    except MemoryError:
        say(result=None, error="it needs more memory than it gets")
    except BaseException as error:  # SystemExit and the like: the module's, or a mistake of ours
        say(result=None, error="%s: %s" % (type(error).__name__, error))
    finally:
        os._exit(status)


def main(request):
    global OUT
    OUT = int(os.environ.pop("BENCHD_CHECK_FD"))
    limits()
    helper.die_with_parent()
    helper.tell_faults(OUT)
    import array, ctypes, datetime, inspect, io  # noqa: E401,F401 (so that they are no part of what the user's module brings)
    before = set(sys.modules)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the leader decides
    jobs = os.fdopen(os.dup(0))
    with open(os.devnull) as nothing:  # what the module reads from standard input are not its jobs
        os.dup2(nothing.fileno(), 0)
    say(at="import " + request["module"], stage="import", patience=60)
    signal.alarm(60)
    try:
        name = bring(request)
        said = describe(request, before, name)
    except BaseException as error:
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == request["module"].split(".")[0]
        say(failed="%s: %s" % (type(error).__name__, error), missing=missing)
        return
    signal.alarm(0)
    reset_signals()
    kinds.prepare()
    os.chdir(request["scratch"])
    gc.collect()
    said["watched"], said["unwatched"] = helper.watch([file for _, file in said["compiled"]])
    said["helper"] = helper.missing
    say(described=said)
    for line in jobs:
        job = json.loads(line)
        if said["threads"] > 1:  # a fork would have the threads' locks without the threads
            work(job)
            say(end=0)
            return
        if job["job"] == "leaks":
            leaks.lasting(job["target"]["module"])
        fork_and_work(job)
