#!/usr/bin/env python3
"""Builds the bindings that need more than a C compiler, for one interpreter after the other, each in an environment of its own.

A binding NAME takes part by a folder beside this file with

    requirements.txt    what it needs from the package index, every version pinned (may be missing)
    build.py            tools = ("swig",)          programs it needs (may be missing)
                        unsupported(b) -> str      why this interpreter cannot have it, or None (may be missing)
                        build(b)                   makes bdb_*.so in b.out, raises when that fails (may be missing)

and ends as BUILD/lib/benchd/environments/BASE/NAME.json: {name, status: ok | unsupported | failed, reason, hint, versions, flags,
files: [{path, build_id}], scripts: [{path, sha256}], inputs, seconds}; scripts are what it made in Python. A binding that cannot be
built never keeps the others from it. What did not change is not built again. BASE is the id of an interpreter without its host (3.11.2 for 3.11.2+exe)."""
import argparse
import concurrent.futures
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "cmake"))
sys.dont_write_bytecode = True
from write_interpreter import build_id  # noqa: E402 (the path comes first)

# The same for every binding, whatever its own build system would choose: only the boundary may differ.
OPTIMISE = ("-O3", "-DNDEBUG", "-fno-stack-protector")
LINK = ("-shared", "-Wl,--build-id", "-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/../..")
STANDARD = {"c": "-std=gnu17", "c++": "-std=gnu++17"}
COMPILERS = {"c": ("gcc", "cc"), "c++": ("g++", "c++")}  # where the tree's own is not there any more
RETRY_S = 3600  # what failed is tried again then, or when asked to: a package index may have been out of reach
TIMEOUT_S = 3600  # of one step, on a machine that has much else to do
WHAT = """
import json, sys, sysconfig
print(json.dumps({"include": sorted({sysconfig.get_path("include"), sysconfig.get_path("platinclude")}),
                  "version": sys.version, "executable": sys.executable}))
"""


class Failed(Exception):
    """A step that did not work: one line for people; the whole of it is in the log."""


class Build:
    """What build.py of a binding is given."""

    def __init__(self, name, base, about, tree, pip_lock):
        self.name, self.base, self.tree = name, base, tree
        self.source = os.path.join(HERE, name)
        self.environment = os.path.join(tree, "lib", "benchd", "environments", base)
        self.out = self.environment
        self.work = os.path.join(tree, "bindings", base, name)
        self.shared = os.path.join(tree, "bindings", "shared")  # common to all interpreters, e.g. for cargo
        self.python = os.path.join(self.environment, "env", "bin", "python")
        self.version = tuple(map(int, about["version"].split(".")[:2]))
        self.free_threaded, self.debug = about["free_threaded"], about["debug"]
        self.executable, self.include = about["executable"], about["include"]
        self.c_compiler = (about.get("bindings") or {}).get("compiler") or ""
        self.kernels = os.path.join(tree, "lib", "benchd", "libbdkernels.so")
        self.kernel_include = os.path.join(ROOT, "workloads", "kernels")
        self.cflags = [*OPTIMISE, "-fPIC", "-fvisibility=hidden"]
        self.versions, self.flags = {}, " ".join(OPTIMISE)
        self.log_path = os.path.join(self.work, "log.txt")
        self._pip_lock = pip_lock

    # ---- for build.py

    def run(self, argv, cwd=None, env=None):
        """Runs a command; its output goes to the log, and is given back. Raises Failed with its last line."""
        argv = [str(a) for a in argv]
        with open(self.log_path, "a", encoding="utf-8", errors="replace") as log:
            log.write("$ %s\n" % " ".join(argv))
            log.flush()
            try:
                r = subprocess.run(argv, cwd=cwd or self.work, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
            except FileNotFoundError:
                raise Failed("%s is not there" % argv[0]) from None
            except subprocess.TimeoutExpired:
                raise Failed("%s took longer than %d s" % (os.path.basename(argv[0]), TIMEOUT_S)) from None
            text = r.stdout.decode("utf-8", "replace")
            log.write(text)
        if r.returncode != 0:
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            causes = [after for line, after in zip(lines, lines[1:]) if line == "Caused by:"]  # Cargo's: the last is the reason
            telling = causes or [line for line in lines if "error" in line.lower()] or lines or ["no message"]
            raise Failed("%s ended with status %d: %s" % (os.path.basename(argv[0]), r.returncode, telling[-1][:300]))
        return text

    def compiler(self, language):
        """The one that compiled what CMake builds for this interpreter: a ratio would compare compilers otherwise."""
        for name in (companion(self.c_compiler, language), *COMPILERS[language]):
            if name and shutil.which(name):
                return name
        raise Failed("no compiler of %s" % language.upper())

    def compiler_or_none(self, language):
        try:
            return self.compiler(language)
        except Failed:
            return None

    def compile(self, name, sources, language="c", include=(), flags=(), libraries=()):
        """An extension module from source files (of the folder, or absolute) that calls the kernel library: OUT/NAME.so."""
        compiler = self.compiler(language)
        common = [compiler, STANDARD[language], *self.cflags, *flags]
        for folder in (*include, self.source, self.kernel_include):
            common.append("-I" + folder)
        for folder in self.include:
            common += ["-isystem", folder]
        objects = []
        for source in sources:
            path = os.path.join(self.source, source)
            objects.append(os.path.join(self.work, "%s-%s.o" % (name, os.path.basename(path))))
            self.run([*common, "-c", path, "-o", objects[-1]])
        self.link(name, objects, language, libraries)
        self.flags = " ".join([os.path.basename(compiler), STANDARD[language], *self.cflags, *flags])
        # GCC answers the first of them, Clang the second
        self.versions.setdefault(os.path.basename(compiler), self.run([compiler, "-dumpfullversion", "-dumpversion"]).strip())

    def link(self, name, objects, language="c", libraries=()):
        out = os.path.join(self.out, name + ".so")
        self.run([self.compiler(language), *LINK, "-o", out + ".new", *objects, self.kernels, *libraries])
        os.replace(out + ".new", out)

    def package_version(self, package):
        code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        return self.run([self.python, "-I", "-c", code, package]).strip()

    # ---- for this file

    def pip(self):
        """What its requirements name, into the environment that all bindings of this interpreter share."""
        path = os.path.join(self.source, "requirements.txt")
        if not os.path.exists(path):
            return
        with self._pip_lock:
            self.run([*pip_of(self), "install", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:",
                      "--progress-bar", "off", "--upgrade", "-r", path])
        with open(path, encoding="utf-8") as f:
            for line in f:
                package, _, version = line.split("#")[0].strip().partition("==")
                if version:
                    self.versions[package] = version.split(";")[0].strip()


def companion(c_compiler, language):
    """The compiler of a language that comes with a C compiler: clang++-14 with clang-14."""
    if language == "c++":
        return re.sub(r"^(.*?)(clang|gcc|cc)(-[\d.]+)?$", lambda m: "%s%s%s" % (
            m[1], {"clang": "clang++", "gcc": "g++", "cc": "c++"}[m[2]], m[3] or ""), c_compiler)
    return c_compiler


def pip_of(b):
    """The command that installs into the environment: its own pip, or the system's, which need not be of the same version."""
    for argv in ([b.python, "-m", "pip"], [sys.executable, "-m", "pip", "--python", b.python],
                 ["/usr/bin/python3", "-m", "pip", "--python", b.python]):
        if subprocess.run([*argv, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0:
            return argv
    raise Failed("there is no pip: install python3-pip")


def recipe(name):
    path = os.path.join(HERE, name, "build.py")
    if not os.path.exists(path):
        return None
    spec = importlib.util.spec_from_file_location("benchd_build_" + name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names():
    """Folders that have something to build."""
    return sorted(n for n in os.listdir(HERE)
                  if any(os.path.exists(os.path.join(HERE, n, f)) for f in ("build.py", "requirements.txt")))


def inputs(b, tools):
    """A hash over all that the result depends on, short of the package index."""
    h = hashlib.sha256()
    files = [__file__] + [os.path.join(b.kernel_include, f) for f in ("bd_kernels.h", "bd_kernels.hpp")]
    for folder, folders, found in os.walk(b.source):
        folders[:] = sorted(f for f in folders if f not in ("__pycache__", "target"))
        files += [os.path.join(folder, f) for f in sorted(found)]
    for path in files:
        with open(path, "rb") as f:
            h.update(b"%s\0%s\0" % (os.path.relpath(path, ROOT).encode(), f.read()))
    for tool in (*tools, *(b.compiler_or_none(language) for language in COMPILERS)):
        found = tool and shutil.which(tool)
        h.update(("%s %s\0" % (found, found and os.stat(found).st_mtime_ns)).encode())
    h.update(("%s %s" % (b.full_version, os.path.realpath(b.executable))).encode())
    return h.hexdigest()


def stands(b, record, key, again):
    """Whether what is there is what would be made."""
    if not record or record.get("inputs") != key:
        return False
    if record["status"] == "failed" and (again or time.time() - record.get("time", 0) > RETRY_S):
        return False
    return all(os.path.exists(os.path.join(b.out, f["path"])) and of(os.path.join(b.out, f["path"])) == f[key]
               for rows, of, key in ((record["files"], build_id, "build_id"), (record.get("scripts", ()), sha256, "sha256"))
               for f in rows)


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def made_by(b, before, ending):
    """What of this binding is new in OUT, or was made again."""
    return sorted(f for f in os.listdir(b.out)
                  if f.startswith("bdb_" + b.name) and f.endswith(ending) and before.get(f) != stamp(os.path.join(b.out, f)))


def stamp(path):
    s = os.stat(path)
    return s.st_mtime_ns, s.st_size, s.st_ino


def write(path, record):
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(record, f, indent=2)
        f.write("\n")
    os.replace(path + ".new", path)


def make(b, say, again=False):
    """Builds one binding; its record. Whatever goes wrong is in it, for the others go on."""
    record = {"name": b.name, "status": "ok", "reason": None, "hint": None, "versions": {}, "flags": "", "files": [], "inputs": None}
    old = None
    try:
        old = read_record(b)
        return attempt(b, say, again, record, old)
    except Exception as e:  # noqa: BLE001 (a recipe may fail in any way, and so may the disk)
        text = str(e) if isinstance(e, Failed) else "%s: %s" % (type(e).__name__, e)
        hint = "the whole of it is in %s" % b.log_path if os.path.exists(b.log_path) else None
        record.update(status="failed", reason=text, hint=hint, files=[])
    try:
        finish(b, record, old)
    except OSError as e:  # what is not written down is tried again, and no file of before is taken for the result
        say("%s: %s cannot be written down: %s" % (b.base, b.name, e))
        record_path(b, remove=True)
    return record


def record_path(b, remove=False):
    path = os.path.join(b.out, b.name + ".json")
    for name in (path, path + ".new") if remove else ():
        if os.path.exists(name):
            os.unlink(name)
    return path


def read_record(b):
    try:
        with open(record_path(b), encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def finish(b, record, old):
    """Writes it down, and takes away what was made before and is not any more: what was made again has replaced it already, so
    that there is a module at any time for whoever measures meanwhile."""
    made = {f["path"] for key in ("files", "scripts") for f in record.get(key, ())}
    for f in [f for key in ("files", "scripts") for f in (old or {}).get(key, ())]:
        if f["path"] not in made and os.path.exists(os.path.join(b.out, f["path"])):
            os.unlink(os.path.join(b.out, f["path"]))
    record["time"] = time.time()
    write(record_path(b), record)


def attempt(b, say, again, record, old):
    module = recipe(b.name)
    tools = tuple(getattr(module, "tools", ()))
    record["inputs"] = inputs(b, tools)
    if stands(b, old, record["inputs"], again):
        return old
    begin = time.monotonic()
    os.makedirs(b.work, exist_ok=True)
    open(b.log_path, "w", encoding="utf-8").close()
    missing = [t for t in tools if not shutil.which(t)]
    why = None if missing or not hasattr(module, "unsupported") else module.unsupported(b)
    if missing or why:
        record.update(status="unsupported", reason=why or "%s is not installed" % ", ".join(missing),
                      hint=None if why else "install it, then ./dev bindings %s" % b.base)
    else:
        say("%s: building %s" % (b.base, b.name))
        before = {f: stamp(os.path.join(b.out, f)) for f in os.listdir(b.out) if f.startswith("bdb_")}
        b.pip()
        if module and hasattr(module, "build"):
            module.build(b)
        record["files"] = [{"path": f, "build_id": build_id(os.path.join(b.out, f))} for f in made_by(b, before, ".so")]
        record["scripts"] = [{"path": f, "sha256": sha256(os.path.join(b.out, f))} for f in made_by(b, before, ".py")]
        without = [f["path"] for f in record["files"] if not f["build_id"]]
        if without:
            raise Failed("%s has no build-id" % ", ".join(without))
    record.update(versions=b.versions, flags=b.flags, seconds=round(time.monotonic() - begin, 1))
    finish(b, record, old)
    return record


def prepare(environment, executable):
    """The environment: packages of its own, nothing of the system's."""
    python = os.path.join(environment, "env", "bin", "python")
    os.makedirs(environment, exist_ok=True)
    want = os.path.realpath(executable)
    if os.path.exists(python) and os.path.realpath(python) == want:
        return
    for f in os.listdir(environment):  # nothing that was built stands without the packages it was built with
        if f.endswith(".json"):
            os.unlink(os.path.join(environment, f))
    # Debian keeps ensurepip in another package; then the system's pip serves, where it knows so new an interpreter.
    for more in ((), ("--without-pip",)):
        shutil.rmtree(os.path.join(environment, "env"), ignore_errors=True)
        r = subprocess.run([executable, "-I", "-m", "venv", *more, os.path.join(environment, "env")], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if r.returncode == 0:
            return
    raise Failed("%s -m venv: %s" % (executable, r.stdout.decode("utf-8", "replace").strip()[-200:]))


def interpreters(tree):
    """{base: what is known of it}, the default first."""
    found = {}
    folder = os.path.join(tree, "lib", "benchd", "interpreters")
    for ident in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        try:
            with open(os.path.join(folder, ident, "interpreter.json"), encoding="utf-8") as f:
                about = json.load(f)
        except (OSError, ValueError):
            continue
        base = ident.removesuffix("+exe")
        row = found.setdefault(base, about)
        row["default"] = row["default"] or about["default"]
    return dict(sorted(found.items(), key=lambda item: not item[1]["default"]))


def make_all(base, about, tree, only, jobs, say, again=False):
    """All bindings of one interpreter; their records."""
    r = subprocess.run([about["executable"], "-I", "-c", WHAT], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if r.returncode != 0:
        raise Failed("%s does not run" % about["executable"])
    asked = json.loads(r.stdout)
    environment = os.path.join(tree, "lib", "benchd", "environments", base)
    os.makedirs(environment, exist_ok=True)
    with open(os.path.join(environment, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would build into one folder
        prepare(environment, about["executable"])
        pip_lock = threading.Lock()
        builds = []
        for name in only or names():
            b = Build(name, base, {**about, "include": asked["include"]}, tree, pip_lock)
            b.full_version = asked["version"]
            builds.append(b)
        with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
            records = list(pool.map(lambda b: make(b, say, again), builds))
        if not only:  # bindings that are no more
            for f in os.listdir(environment):
                if f.endswith(".json") and f[:-5] not in {b.name for b in builds}:
                    os.unlink(os.path.join(environment, f))
    return records


def earlier(record, begin):
    """Said of a failure that is not of today's attempt: whatever it was may be gone."""
    if record["status"] != "failed" or record.get("time", begin) >= begin:
        return ""
    return " (%d min ago; ./dev bindings tries again)" % ((begin - record["time"]) / 60)


def none_built(base, records):
    """What to say when every binding that could have been built failed; None: one is there, or this interpreter has none."""
    failed = [r for r in records if r["status"] == "failed"]
    if not failed or any(r["status"] == "ok" for r in records):
        return None
    return "%s: none of the bindings that were tried (%d) could be built; the reasons are above" % (base, len(failed))


def main():
    parser = argparse.ArgumentParser(description="Builds the bindings that need more than a C compiler.")
    parser.add_argument("--build", required=True, metavar="DIR", help="the build tree, or where benchd is installed")
    parser.add_argument("--python", action="append", metavar="ID", help="default, all, or ids of interpreters (benchctl python list)")
    parser.add_argument("--only", action="append", metavar="NAME", help="these bindings only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="try what failed again, now and not an hour later")
    parser.add_argument("--list", action="store_true", help="print every result, not only what failed")
    args = parser.parse_args()
    tree = os.path.abspath(args.build)
    found = interpreters(tree)
    wanted = []
    for ident in args.python or ["default"]:
        base = ident.removesuffix("+exe")
        chosen = list(found) if base == "all" else list(found)[:1] if base == "default" else [base]
        for base in chosen:
            if base not in found:
                parser.error("no interpreter %s; there are: %s" % (base, ", ".join(found) or "none"))
            if base not in wanted:
                wanted.append(base)
    for name in args.only or []:
        if name not in names():
            parser.error("no binding %s to build; there are: %s" % (name, ", ".join(names())))

    def say(text):
        sys.stderr.write("bindings: %s\n" % text)  # at once: others print, too
        sys.stderr.flush()

    status, begin = 0, time.time()
    for base in wanted:
        try:
            records = make_all(base, found[base], tree, args.only, args.jobs, say, args.again)
        except Failed as e:
            say("%s: %s" % (base, e))
            status = 1
            continue
        for r in records:
            if r["status"] != "ok" or args.list:
                say("%s: %s: %s%s%s" % (base, r["name"], r["status"], ": " + r["reason"] if r["reason"] else "", earlier(r, begin)))
        nothing = none_built(base, records)
        if nothing:
            say(nothing)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
