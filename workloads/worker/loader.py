"""Run once by bench-worker: finds and loads bindings and the cases that are written in Python.

The worker calls the functions at the end; `host` tells it where things are."""
import importlib.machinery
import importlib.util
import os
import sys
import types


class Unsupported(Exception):
    """This pair, binding or cell is impossible here, for a reason; nothing failed."""

    def __init__(self, reason, hint="", key="binding-unusable"):
        super().__init__(reason)
        self.reason, self.hint, self.key = str(reason), str(hint), key


class Missing:
    """In place of a function that a binding cannot have."""

    def __init__(self, reason, hint=""):
        self.reason, self.hint = str(reason), str(hint)


class Kernel:
    """A function of the kernel library that a loop of C calls as it is: no boundary is crossed."""

    def __init__(self, symbol, kind, arguments):
        self.symbol, self.kind, self.arguments = symbol, kind, arguments  # kind: i64, f64, bool

    def __call__(self, *_):
        raise TypeError("%s is called from C only" % self.symbol)


class Functions(dict):
    """What a variant of a binding exposes, by name; asking for what it has not is Unsupported."""

    def __init__(self, name, found, counted=True, caller=None, copying=()):
        super().__init__((k, v) for k, v in found.items() if not isinstance(v, Missing))
        self.name, self.counted, self.caller = name, bool(counted), caller
        self.copying = frozenset(copying)  # functions that copy where others need not: V3 must find it
        self.absent = {k: v for k, v in found.items() if isinstance(v, Missing)}

    def __missing__(self, function):
        why = self.absent.get(function)
        raise Unsupported("%s: %s" % (self.name, why.reason) if why else "%s has no %s" % (self.name, function),
                          why.hint if why else "", "no-such-function")


class Host:
    """What a binding's descriptor may ask of the worker."""

    Unsupported = Unsupported
    missing = staticmethod(Missing)
    kernel = staticmethod(Kernel)

    def __init__(self, folder, python, kernels):
        self.folder = folder    # of this interpreter's worker and compiled bindings
        self.python = python    # of the descriptors
        self.kernels = kernels  # path of the kernel library as it is loaded
        self.base = os.path.basename(folder).partition("+")[0]  # both hosts have one environment
        environment = os.path.join(os.path.dirname(os.path.dirname(folder)), "environments", self.base)
        self.environment = environment if os.path.isdir(environment) else None
        self._packages = None
        self._loaded = {}

    def extension(self, name):
        """An extension module of ours: from exactly this interpreter's folder, or from its environment."""
        endings = [".so"] + importlib.machinery.EXTENSION_SUFFIXES
        for folder in (self.folder, self.environment):
            for path in [os.path.join(folder, name + end) for end in endings] if folder else ():
                if os.path.exists(path):
                    return self._extension(name, path)
        raise Unsupported("%s.so is not built for %s" % (name, self.base), "./dev bindings %s" % self.base)

    @staticmethod
    def _extension(name, path):
        loader = importlib.machinery.ExtensionFileLoader(name, path)
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        return module

    def package(self, name):
        """A module of the environment's packages. They come before what else is installed, for they are the versions that the
        bindings were built with, and one that finds half of another does not work; and after the standard library."""
        if self._packages is None:
            self._packages = [p for p in _site_packages(self.environment) if os.path.isdir(p)]
            installed = [i for i, p in enumerate(sys.path) if os.path.basename(p) in ("site-packages", "dist-packages")]
            at = installed[0] if installed else len(sys.path)
            sys.path[at:at] = self._packages
        try:
            return importlib.import_module(name)
        except ImportError as e:
            raise Unsupported("%s cannot be imported: %s" % (name, e), "./dev bindings %s" % self.base) from e

    def compiled(self, binding):
        """The same of what the product's own build made beside the worker; None: that is nothing."""
        import json
        with open(os.path.join(self.folder, "interpreter.json"), encoding="utf-8") as f:
            about = json.load(f)
        files = [o for o in about["manifest"] if o["path"].startswith("bdb_" + binding)]
        made = about.get("bindings") or {}
        return {"status": "ok", "versions": made.get("versions", {}), "flags": made.get("flags"), "files": files} if files else None

    def built(self, binding):
        """What was built of a binding in the environment, as build.py wrote it; None: nothing is built there."""
        if not self.environment:
            return None
        import json  # most processes load no binding that was built there
        try:
            with open(os.path.join(self.environment, binding + ".json"), encoding="utf-8") as f:
                return json.load(f)
        except FileNotFoundError:
            return None

    def part(self, name):
        """Another Python file of the worker."""
        return self.source("worker", os.path.join(self.python, name + ".py"))

    def source(self, prefix, path):
        """A Python file, under a name that no module of a user's can have."""
        if path not in self._loaded:
            name = "benchd_%s_%s" % (prefix, os.path.basename(path)[:-3])
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            self._loaded[path] = module
        return self._loaded[path]


def _site_packages(environment):
    if not environment:
        return []
    version = "python%d.%d" % sys.version_info[:2]
    abi = version + getattr(sys, "abiflags", "").replace("d", "")
    return [os.path.join(environment, "site-packages")] + [
        os.path.join(environment, *venv, "lib", name, "site-packages")
        for venv in (("env",), ()) for name in dict.fromkeys((abi, version))]


host = None
K = types.new_class("K")()  # in the arguments of a call(): the result of the call before
checks = None  # the worker's own module: Arrivals, exactly_once


def open_library(folder, python, kernels):
    global host
    host = Host(folder, python, kernels)


def descriptor(name):
    return host.source("binding", os.path.join(host.python, "bindings", name + ".py"))


def _of(module, name, variant, default):
    """A descriptor says it for all of its variants, or for each in a dict."""
    value = getattr(module, name, default)
    return value.get(variant, default) if isinstance(value, dict) else value


def binding(name):
    """What a binding is, whether or not it can be loaded, as JSON."""
    import json
    module = descriptor(name)
    built = host.built(name) or host.compiled(name)
    return json.dumps({
        "name": name, "summary": module.summary, "variants": list(module.variants),
        "counted": any(_of(module, "counted", v, True) for v in module.variants),
        "built": {k: built.get(k) for k in ("versions", "flags", "files")} if built and built["status"] == "ok" else None})


def variant(name, which):
    """The same of one variant, which is loaded; Unsupported, or whatever its descriptor raises, when it cannot be."""
    import json
    found = functions(name, which)
    return json.dumps({"name": which, "caller": found.caller, "functions": sorted(f for f in found if f != "native"),
                       "absent": {f: why.reason for f, why in sorted(found.absent.items())}})


def functions(name, variant):
    """The functions of one variant by name, plus `native`: addresses it calls, where they are not its own."""
    module = descriptor(name)
    if variant not in module.variants:
        raise LookupError("binding %s has the variants %s, not %s" % (name, ", ".join(module.variants), variant))
    full = "%s:%s" % (name, variant)
    built = host.built(name)
    if built and built["status"] != "ok":
        raise Unsupported(built.get("reason") or "%s was not built" % name, built.get("hint") or "")
    return Functions(full, module.load(variant, host), _of(module, "counted", variant, True),
                     _of(module, "caller", variant, None), getattr(module, "copying", ()))


def case_files(folder):
    """Paths of the cases in a folder, sorted."""
    return sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".py") and not f.startswith("_"))


WAYS = ("run", "call", "loop")  # of saying what one operation is
HOOKS = ("setup", "verify", "teardown", "enter", "first", "exporter", "view", "copies", "notes")


def case(path):
    """One case as a dict of what it has; checks what must be there."""
    module = host.source("case", path)
    about = {name: _hook(module, name) for name in WAYS + HOOKS}
    about["name"] = os.path.basename(path)[:-3]
    about["shape"] = getattr(module, "shape", "iterations")
    if about["shape"] not in ("iterations", "contended"):
        raise ValueError("shape is iterations or contended, not %r" % (about["shape"],))
    ways = [name for name in WAYS if about[name]]
    if len(ways) != 1:
        raise ValueError("it has %s: a case has one of run(), call() and loop()" %
                         (" and ".join(w + "()" for w in ways) or "no run()"))
    if not about["verify"]:
        raise ValueError("it has no verify(): a case must verify")
    if (about["exporter"] is None) != (about["view"] is None):
        raise ValueError("it has one of exporter() and view(): V3 needs both")
    if about["copies"] and not about["exporter"]:
        raise ValueError("it has copies() without exporter(): nobody could find the copy")
    about["params"] = tuple((key, str(text), tuple(str(v) for v in values))
                            for key, (text, values) in dict(getattr(module, "params", {})).items())
    about["summary"] = getattr(module, "summary", None) or (module.__doc__ or about["name"]).strip().splitlines()[0]
    about["verify_start"] = bool(about["verify"]) and _takes(about["verify"], 4)
    about["needs"] = getattr(module, "needs", ())
    about["native_calls"] = getattr(module, "native_calls", 0)
    about["binding"] = bool(getattr(module, "binding", False)) or bool(about["needs"])
    for flag in ("mapped_twice", "measures_memory", "process"):
        about[flag] = bool(getattr(module, flag, False))
    return about


def _hook(module, name):
    hook = getattr(module, name, None)
    if hook is not None and not callable(hook):
        raise ValueError("%s is no function" % name)
    return hook


def _takes(function, n):
    code = getattr(function, "__code__", None)
    return code is not None and (code.co_argcount >= n or bool(code.co_flags & 4))  # 4: *args


def needs(wanted, axes):
    """Names of the binding's functions that a cell calls."""
    wanted = wanted(axes) if callable(wanted) else wanted
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)


def default_needs(about):
    """The same of a case with its default parameters."""
    return needs(about["needs"], {name: values[0] for name, _, values in about["params"]})


def require(functions_, wanted, axes):
    for name in needs(wanted, axes):
        functions_[name]


def calls(native_calls, axes):
    """Kernel calls of one operation."""
    return int(native_calls(axes) if callable(native_calls) else native_calls)


def arguments(called):
    """What call() gave as (function, positional and then keyword arguments, names of the latter, place of K or -1)."""
    function, args, *rest = called
    keywords = dict(rest[0]) if rest else {}
    if len(rest) > 1 or not callable(function):
        raise TypeError("call() gives a function, its arguments, and keyword arguments if there are any")
    if not all(isinstance(name, str) and name.isidentifier() for name in keywords):  # what is called counts on it
        raise TypeError("the keywords of call() are names")
    values = list(args) + list(keywords.values())
    places = [i for i, v in enumerate(values) if v is K]
    if len(places) > 1:
        raise ValueError("call() has cell.k twice")
    return function, tuple(values), tuple(keywords), places[0] if places else -1


def kernel_of(function):
    """(symbol, kind, how many arguments) of a kernel that is called as it is, else None."""
    return (function.symbol, function.kind, function.arguments) if isinstance(function, Kernel) else None


def part(name):
    """Another Python file of the worker."""
    return host.part(name)


def cell(axes, threads, steps, functions_):
    """What a case's setup() is given."""
    return types.SimpleNamespace(axes=axes, threads=threads, steps=steps, binding=functions_, k=K, host=host,
                                 counted=getattr(functions_, "counted", True), Unsupported=Unsupported,
                                 arrivals=checks.Arrivals, exactly_once=checks.exactly_once,
                                 live_bytes=checks.live_bytes)


def fresh(function):
    """The same function with a code object of its own, which specialises for this cell only."""
    copy = types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__,
                              function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy
