"""Run once by bench-worker when there are users' own files to measure: finds, imports and calls their bench_* functions.

What is here runs outside the timed part; the loop around a user's function is made by _compile()."""
import importlib.machinery
import importlib.util
import os
import sys
import types

TAKEN = ("python", "binding", "caller", "allocator", "objalloc", "threads", "affinity", "gc", "switch_interval", "side", "u")
OWN = os.path.dirname(os.__file__)  # of the standard library
SIMPLE = (str, int, float, bool, type(None))


class Unusable(Exception):
    """A bench function or file that cannot be measured, with what to do about it."""

    def __init__(self, key, message, hint=""):
        super().__init__(message)
        self.key, self.hint = key, hint


# ---- finding files ---------------------------------------------------------------------------------------------------

def _word(text):
    """As a part of a name: ids of cells are divided by '/', '=' and ','."""
    return "".join(c if c.isalnum() or c in "_.+-" else "_" for c in text)


def _is_bench(name):
    return name.endswith(".py") and (name.startswith("bench_") or name.endswith("_bench.py") or name == "bench.py")


def files(path, root):
    """[(name, path)] of the files to measure: the file, or all of a folder, whose files are named with the folders below
    it; `root` is the folder in which somebody else found the file."""
    if not os.path.isdir(path):
        name = os.path.relpath(path, root).replace(os.sep, ".") if root else os.path.basename(path)
        return [(_word(name[:-3] if name.endswith(".py") else name), path)]
    found = []
    for folder, below, names in os.walk(path):
        # Hidden folders and virtual environments are somebody else's.
        below[:] = sorted(d for d in below if not d.startswith((".", "__")) and
                          not os.path.exists(os.path.join(folder, d, "pyvenv.cfg")))
        parts = os.path.relpath(folder, path).split(os.sep)
        parts = [] if parts == ["."] else parts
        found += [(_word(".".join(parts + [name[:-3]])), os.path.join(folder, name))
                  for name in sorted(names) if _is_bench(name)]
    return found


# ---- what a side brings ----------------------------------------------------------------------------------------------

class _Object:
    """Finds one shared object under the module name it has, before anything on sys.path."""

    def __init__(self, path):
        self.path = path
        self.file = os.path.basename(path)
        self.name = self.file.split(".")[0]

    def find_spec(self, fullname, path=None, target=None):
        parent, _, name = fullname.rpartition(".")
        if name != self.name:
            return None
        # Part of a package: only of the one that has, or would have, this very file.
        if parent and os.path.basename(os.path.dirname(self.path)) != parent.rpartition(".")[2] and \
                not any(os.path.exists(os.path.join(p, self.file)) for p in path or ()):
            return None
        loader = importlib.machinery.ExtensionFileLoader(fullname, self.path)
        return importlib.util.spec_from_file_location(fullname, self.path, loader=loader)


_front = []  # before the folder of a user's file


def open_side():
    folder, shared = os.environ.get("BENCHD_SIDE_PATH"), os.environ.get("BENCHD_SIDE_OBJECT")
    if folder:
        _front.append(folder)
        sys.path.insert(0, folder)
    if shared:
        sys.meta_path.insert(0, _Object(shared))


# ---- importing -------------------------------------------------------------------------------------------------------

class Folder:
    """Where a user's file is: its sys.path and the modules that came from there. Two folders may each have a util.py."""

    known = {}
    current = None

    def __init__(self, path):
        self.path = path
        self.base = [p for p in sys.path if p not in _front] if not Folder.current else Folder.current.base
        self.search = _front + [path] + self.base
        self.modules = {}

    @classmethod
    def of(cls, path):
        folder = os.path.dirname(os.path.abspath(path))
        if folder not in cls.known:
            cls.known[folder] = cls(folder)
        return cls.known[folder]

    def _mine(self, name, own):
        top = sys.modules.get(name.partition(".")[0])
        file = getattr(top, "__file__", None)
        if isinstance(file, str):
            where = os.path.dirname(os.path.abspath(file))
            return (os.path.dirname(where) if hasattr(top, "__path__") else where) in own
        try:
            return any(os.path.dirname(os.path.abspath(p)) in own for p in getattr(top, "__path__", ()))
        except TypeError:
            return False

    def _leave(self):
        self.search = list(sys.path)
        own = {os.path.abspath(p) for p in self.search if isinstance(p, str)} - \
            {os.path.abspath(p) for p in self.base + _front if isinstance(p, str)}
        for name in [n for n in list(sys.modules) if self._mine(n, own)]:
            self.modules[name] = sys.modules[name]
        for name in self.modules:
            sys.modules.pop(name, None)

    def enter(self):
        if Folder.current is self:
            return
        if Folder.current:
            Folder.current._leave()
        Folder.current = self
        sys.path[:] = self.search
        sys.modules.update(self.modules)
        self.modules = {}


_user_files = set()


def _import(path):
    folder = Folder.of(path)
    folder.enter()
    name = os.path.basename(path)[:-3]
    _user_files.add(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if not spec:
        raise Unusable("bad-case", "%s is not a Python file" % os.path.basename(path))
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        if before is not None:
            sys.modules[name] = before
        raise
    return module, folder


def _own_frames(trace):
    while trace:
        code = trace.tb_frame.f_code
        file = code.co_filename
        if file in _user_files or (any(file.startswith(f + os.sep) for f in Folder.known) and "-packages" not in file):
            yield os.path.basename(file), trace.tb_lineno
        trace = trace.tb_next


def explain(error):
    """An exception as one line that begins with the user's own file and line; None when it passed none of these."""
    text = str(error)
    where = list(_own_frames(error.__traceback__))
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        where, text = [(os.path.basename(error.filename), error.lineno or 0)], error.msg or text
    elif isinstance(error, Unusable):
        return text
    if not where:
        return None
    name = type(error).__name__
    text = " / ".join(line.strip() for line in text.splitlines() if line.strip())
    return "%s:%d: %s" % (where[-1] + ((name + ": " + text) if text else name,))


def reason(error):
    """(key, message, hint) of what went wrong with a file."""
    message = explain(error) or "%s: %s" % (type(error).__name__, error)
    if isinstance(error, Unusable):
        return error.key, message, error.hint
    if isinstance(error, SyntaxError):
        return "syntax-error", message, ""
    if isinstance(error, ModuleNotFoundError):
        return "import-error", message, "is it installed for this interpreter? choose another with --python"
    if isinstance(error, ImportError):
        return "import-error", message, ""
    return "exception", message, ""


# ---- bench functions -------------------------------------------------------------------------------------------------

POSITION, EITHER, REST, NAME, MORE = range(5)  # as inspect.Parameter's kinds, in their order
CO_VARARGS, CO_VARKEYWORDS, CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR = 0x4, 0x8, 0x20, 0x80, 0x200


def _signature(function):
    """[(name, kind, required)], or None when nobody knows. `inspect` takes longer to import than all else here, and is
    needed for few."""
    if type(function) is not types.FunctionType or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        import inspect
        try:
            found = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return None
        return [(p.name, int(p.kind), p.default is p.empty) for p in found]
    code, n = function.__code__, function.__code__.co_argcount
    names, only = code.co_varnames, code.co_kwonlyargcount
    required = n - len(function.__defaults__ or ())
    found = [(names[i], POSITION if i < code.co_posonlyargcount else EITHER, i < required) for i in range(n)]
    if code.co_flags & CO_VARARGS:
        found.append((names[n + only], REST, False))
    found += [(name, NAME, name not in (function.__kwdefaults__ or {})) for name in names[n:n + only]]
    if code.co_flags & CO_VARKEYWORDS:
        found.append((names[n + only + bool(code.co_flags & CO_VARARGS)], MORE, False))
    return found


def _flags(function):
    """What kind of function it is, behind methods and partials."""
    while not hasattr(function, "__code__"):
        inner = getattr(function, "__func__", None) or getattr(function, "func", None)
        if inner is None or inner is function:
            return 0
        function = inner
    return function.__code__.co_flags


def _names(function):
    """The parameters a function has by name; None when it takes any."""
    signature = _signature(function)
    if signature is None:
        return ()
    if any(kind == MORE for _, kind, _ in signature):
        return None
    return [name for name, kind, _ in signature if kind in (EITHER, NAME)]


def _positions(function, given):
    """How many places for arguments without a name it has beside those that are given by name; None: any number."""
    signature = _signature(function)
    if signature is None or any(kind == REST for _, kind, _ in signature):
        return None
    return sum(kind in (POSITION, EITHER) and name not in given for name, kind, _ in signature)


def _known(function, values):
    """Of the values those that a function has parameters for."""
    names = _names(function)
    return dict(values) if names is None else {k: v for k, v in values.items() if k in names}


def _texts(values):
    """One short word per value, all different."""
    words = []
    for i, value in enumerate(values):
        if isinstance(value, SIMPLE):
            word = str(value)
        else:
            word = getattr(value, "__name__", None) or "%s%d" % (type(value).__name__, i)
        word = _word(str(word))[:60] or "empty"
        same, n = word, 2
        while word in words:
            word, n = "%s~%d" % (same, n), n + 1
        words.append(word)
    return tuple(words)


class Bench:
    """One bench function: what it says about itself."""

    def __init__(self, name, function, module, folder):
        self.name, self.function, self.folder = name, function, folder
        own = getattr(function, "__dict__", {})

        def say(what, fallback=None):
            return own[what] if what in own else getattr(module, what, fallback)

        self.summary = (getattr(function, "__doc__", None) or getattr(function, "__name__", name)).strip().partition("\n")[0].strip()
        self.setup, self.verify, self.teardown = say("setup"), say("verify"), say("teardown")
        for what in ("setup", "verify", "teardown"):
            if getattr(self, what) is not None and not callable(getattr(self, what)):
                raise Unusable("bad-case", "%s of %s is no function" % (what, name))
        self.ops = say("ops", 1)
        if type(self.ops) is not int or not 1 <= self.ops < 1 << 31:
            raise Unusable("bad-case", "ops of %s is %r" % (name, self.ops), "ops is how many operations one call does: 1 or more")
        if _flags(function) & (CO_GENERATOR | CO_ASYNC_GENERATOR):
            raise Unusable("bad-case", "%s is a generator: a call of it does nothing yet" % name,
                           "a function that exhausts it is what can be measured")
        self.asynchronous = bool(_flags(function) & CO_COROUTINE)
        self.threads = bool(say("threads", False))
        if self.threads and self.asynchronous:
            raise Unusable("bad-case", "%s is async and asks for threads" % name, "an event loop belongs to one thread")
        self.affinity = say("affinity")
        if self.affinity not in (None, "pinned", "set", "free"):
            raise Unusable("bad-case", "affinity of %s is %r" % (name, self.affinity), "pinned, set or free")
        self.timeout = say("timeout")
        if self.timeout is not None and (type(self.timeout) not in (int, float) or not 0 < self.timeout <= 86400):
            raise Unusable("bad-case", "timeout of %s is %r" % (name, self.timeout), "a number of seconds")
        self._read_params(say("params", {}), "params" in own)
        self.call = self._make_call()

    def _read_params(self, params, asked):
        if not isinstance(params, dict):
            raise Unusable("bad-case", "params of %s is no dict" % self.name, 'params = {"n": [1, 10]}')
        takers = [f for f in (self.function, self.setup, self.verify) if f is not None]
        self.params = {}
        for key, values in params.items():
            if not (isinstance(key, str) and key.isidentifier()):
                raise Unusable("bad-case", "params of %s has a key %r" % (self.name, key), "a key is the name of a parameter")
            if not any(_names(f) is None or key in _names(f) for f in takers):
                if asked:
                    raise Unusable("bad-case", "neither %s nor its setup takes the parameter %s" % (self.name, key))
                continue  # of the module, for others of its functions
            if key in TAKEN:
                raise Unusable("bad-case", "a parameter of %s is named %s, as an axis is" % (self.name, key), "give it another name")
            values = list(values)
            if not values:
                raise Unusable("bad-case", "parameter %s of %s has no values" % (key, self.name))
            self.params[key] = (values, _texts(values))

    def _make_call(self):
        """The call's arguments as [(text, "state" or a parameter's name)], for exactly this signature."""
        signature = _signature(self.function)
        if signature is None:
            return [("{}", "state")] if self.setup else []
        call, by_position, state = [], True, self.setup is not None
        for name, kind, required in signature:
            if kind == MORE:
                continue
            if kind == REST:
                if state and by_position:
                    call.append(("{}", "state"))
                by_position = state = False
            elif name in self.params and kind != POSITION:
                by_position = by_position and kind != NAME
                call.append(("{}" if by_position else name + "={}", name))
                state = False
            elif state and by_position and kind != NAME:
                call.append(("{}", "state"))
                state = False
            elif required:
                raise Unusable("bad-case", "%s wants '%s', and nobody gives it" % (self.name, name),
                               "a setup() that returns it, or params = {\"%s\": [..]}" % name)
            else:
                by_position = False
        return call

    def about(self):
        return (self.name, self.summary, "contended" if self.threads else "iterations", self.affinity,
                -1.0 if self.timeout is None else float(self.timeout),
                tuple((key, "", texts) for key, (_, texts) in self.params.items()), self.ops)

    def start(self, words):
        return Cell(self, {key: values[texts.index(words[key])] for key, (values, texts) in self.params.items()})


LOOP = """\
{0}def loop(_ticks, _f{1}):
    _r = None
    for _ in _ticks:
        _r = {2}_f({3})
    return _r
"""


def _compile(bench, cell_name):
    """The timed loop, with a code object of its own: one that is shared specialises for somebody else."""
    names = ["_a%d" % i for i in range(len(bench.call))]
    source = LOOP.format("async " if bench.asynchronous else "", "".join(", " + n for n in names),
                         "await " if bench.asynchronous else "",
                         ", ".join(text.format(n) for (text, _), n in zip(bench.call, names)))
    space = {"__name__": "benchd_loop"}
    exec(compile(source, "<benchd loop of %s>" % cell_name, "exec"), space)
    return space["loop"]


def _fresh(function):
    if type(function) is not types.FunctionType:
        return function
    copy = types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__,
                              function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__dict__.update(function.__dict__)
    return copy


def _asyncio():
    """Imported without the user's folder in front: one of its files may be named like a module of the library."""
    if "asyncio" not in sys.modules:
        kept, sys.path[:] = list(sys.path), Folder.current.base
        try:
            import asyncio  # noqa: F401
        finally:
            sys.path[:] = kept
    return sys.modules["asyncio"]


class Cell:
    """A bench function at work, with one value of each parameter."""

    def __init__(self, bench, values):
        self.bench, self.values, self.state = bench, values, None
        self.ended = bench.teardown is None
        functions = (bench.function, bench.setup, bench.verify, bench.teardown)
        self.runner = _asyncio().Runner() if any(_flags(f) & CO_COROUTINE for f in functions if f) else None
        if bench.setup is not None:
            self.state = self._wait(bench.setup(**_known(bench.setup, values)))
        loop, arguments = _compile(bench, bench.name), [_fresh(bench.function)]
        arguments += [self.state if name == "state" else values[name] for _, name in bench.call]
        if bench.asynchronous:
            runner = self.runner
            self.run = lambda ticks: runner.run(loop(ticks, *arguments))
        else:
            self.run = lambda ticks: loop(ticks, *arguments)
        if bench.verify is not None:
            # verify(state, result), or verify(result) where it names one thing only
            self.verify_values = _known(bench.verify, values)
            self.verify_alone = _positions(bench.verify, self.verify_values) == 1

    def _wait(self, value):
        return self.runner.run(value) if self.runner and type(value) is types.CoroutineType else value

    def notes(self):
        """[(key, message, hint)]: what a reader of the figure should know."""
        notes = []
        if self.bench.verify is None:
            notes.append(("result-unproven", "nobody says what the result of %s must be" % self.bench.name,
                          "a function verify(state, result) that returns True proves the work was done"))
        if self.bench.asynchronous:
            notes.append(("event-loop", "each operation is awaited in one event loop: what that costs is included", ""))
        return notes

    def check(self, result):
        """V2: None, or what is wrong."""
        if type(result) is types.CoroutineType:
            result.close()
            return "%s returned a coroutine that nobody awaits: it did nothing" % self.bench.name
        if self.bench.verify is None:
            return None
        given = (result,) if self.verify_alone else (self.state, result)
        answer = self._wait(self.bench.verify(*given, **self.verify_values))
        if answer is None:
            return "verify() of %s returned None: it must return True when the result is right" % self.bench.name
        if answer:
            return None
        return "verify() of %s says the result is wrong: %.80s" % (self.bench.name, self._show(result))

    @staticmethod
    def _show(result):
        return repr(result) if isinstance(result, SIMPLE) else "a %s" % type(result).__name__

    def end(self):
        if not self.ended:
            self.ended = True
            given = _known(self.bench.teardown, self.values)
            self._wait(self.bench.teardown(*(() if _positions(self.bench.teardown, given) == 0 else (self.state,)), **given))
        if self.runner:
            self.runner.close()


def load(name, path, alone):
    """Imports a file: [(name, Bench or None, reason or None)]. A file that cannot be imported is a case of its own."""
    try:
        if not os.path.isfile(path):
            raise Unusable("no-such-input", "there is no file %s" % path)
        module, folder = _import(path)
    except BaseException as error:  # also SystemExit: the file said it, not we
        return [(name, None, reason(error))]
    found = []
    for key, function in list(vars(module).items()):
        if not key.startswith("bench_") or not callable(function) or isinstance(function, type):
            continue
        # What a file merely imported from another belongs to that one.
        if isinstance(function, types.FunctionType) and function.__module__ != module.__name__:
            continue
        full = name + "." + key
        try:
            found.append((full, Bench(full, function, module, folder), None))
        except Exception as error:
            found.append((full, None, reason(error)))
    if not found and alone:
        return [(name, None, ("no-benchmarks", "no function of %s begins with bench_" % os.path.basename(path),
                              "benchctl new bench NAME writes one that works"))]
    return found


# ---- what was loaded -------------------------------------------------------------------------------------------------

def hash_file(path):
    try:
        import _sha1 as sha1
        with open(path, "rb") as f:
            return "sha1:" + sha1.sha1(f.read()).hexdigest()
    except (ImportError, OSError):
        return None


def loaded(before):
    """[(path, hash)] of the Python files loaded since, but for those of the standard library and of ours."""
    modules = dict(sys.modules)
    for folder in Folder.known.values():
        modules.update({"%s %s" % (folder.path, n): m for n, m in folder.modules.items()})
    found = set()
    for name, module in modules.items():
        file = getattr(module, "__file__", None)
        if name in before or not isinstance(file, str) or not file.endswith(".py"):
            continue
        path = os.path.realpath(file)
        inside = path[len(OWN) + 1:] if path.startswith(os.path.realpath(OWN) + os.sep) else None
        if inside is not None and not inside.startswith(("site-packages", "dist-packages")):
            continue
        if not name.startswith("benchd_"):
            found.add(path)
    return [(path, hash_file(path)) for path in sorted(found)]
