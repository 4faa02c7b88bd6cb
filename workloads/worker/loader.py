"""Run once by bench-worker: finds and loads bindings and the cases that are written in Python.

The worker calls the functions at the end; `host` tells it where things are."""
import importlib.machinery
import importlib.util
import os
import types


class Host:
    """What a binding's descriptor may ask of the worker."""

    def __init__(self, folder, python, kernels):
        self.folder = folder    # of this interpreter's worker and compiled bindings
        self.python = python    # of the descriptors
        self.kernels = kernels  # path of the kernel library as it is loaded
        self._loaded = {}

    def extension(self, name):
        """An extension module of ours, from exactly this interpreter's folder."""
        path = os.path.join(self.folder, name + ".so")
        loader = importlib.machinery.ExtensionFileLoader(name, path)
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        return module

    def source(self, prefix, path):
        """A Python file, under a name that no module of a user's can have."""
        if path not in self._loaded:
            name = "benchd_%s_%s" % (prefix, os.path.basename(path)[:-3])
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            self._loaded[path] = module
        return self._loaded[path]


host = None
checks = None  # the worker's own module: Arrivals, exactly_once


def open_library(folder, python, kernels):
    global host
    host = Host(folder, python, kernels)


def binding(name):
    """(summary, variants) of a binding."""
    module = host.source("binding", os.path.join(host.python, "bindings", name + ".py"))
    return module.summary, tuple(module.variants)


def functions(name, variant):
    """The functions of one variant by name, plus `native`: addresses it calls, where they are not its own."""
    module = host.source("binding", os.path.join(host.python, "bindings", name + ".py"))
    if variant not in module.variants:
        raise LookupError("binding %s has the variants %s, not %s" % (name, ", ".join(module.variants), variant))
    return dict(module.load(variant, host))


def case_files(folder):
    """Paths of the cases in a folder, sorted."""
    return sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".py") and not f.startswith("_"))


def case(path):
    """One case as (name, summary, shape, params, setup, run, verify, teardown, native_calls, binding, exporter, view,
    mapped_twice); checks what must be there."""
    module = host.source("case", path)
    name = os.path.basename(path)[:-3]
    shape = getattr(module, "shape", "iterations")
    if shape not in ("iterations", "contended"):
        raise ValueError("shape is iterations or contended, not %r" % (shape,))
    for needed in ("run", "verify"):
        if not callable(getattr(module, needed, None)):
            raise ValueError("it has no %s(): a case must %s" % (needed, needed))
    if (getattr(module, "exporter", None) is None) != (getattr(module, "view", None) is None):
        raise ValueError("it has one of exporter() and view(): V3 needs both")
    params = tuple((key, str(text), tuple(str(v) for v in values))
                   for key, (text, values) in dict(getattr(module, "params", {})).items())
    summary = getattr(module, "summary", None) or (module.__doc__ or name).strip().splitlines()[0]
    return (name, summary, shape, params, getattr(module, "setup", None), module.run, module.verify,
            getattr(module, "teardown", None), int(getattr(module, "native_calls", 0)), bool(getattr(module, "binding", False)),
            getattr(module, "exporter", None), getattr(module, "view", None), bool(getattr(module, "mapped_twice", False)))


def part(name):
    """Another Python file of the worker."""
    return host.source("worker", os.path.join(host.python, name + ".py"))


def cell(axes, threads, steps, functions_):
    """What a case's setup() is given."""
    return types.SimpleNamespace(axes=axes, threads=threads, steps=steps, binding=functions_,
                                 arrivals=checks.Arrivals, exactly_once=checks.exactly_once)


def fresh(function):
    """The same function with a code object of its own, which specialises for this cell only."""
    copy = types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__,
                              function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy
