"""What there is to call in a module: its functions, classes and their methods, and what is better left alone."""
import re
import sys
import types

# Whatever their arguments: these end processes, remove files or change the system.
NEVER = frozenset("""abort exit _exit quit kill killpg terminate system exec execv execve execvp execl fork forkpty spawn spawnv popen
    unlink rmdir rmtree removedirs shutdown reboot halt poweroff mount umount chroot setuid setgid setresuid setresgid seteuid setegid
    crash segfault raise_signal pthread_kill setrlimit mkfs format_disk""".split())
# Of a module they act on the world, of an object on that object.
NOT_OF_A_MODULE = frozenset("remove delete rename replace truncate chmod chown close closerange dup2 sendfile".split())
ADDRESS = re.compile(r"(^|_)(addr|address|ptr|pointer|from_address|at_address)(_|$)", re.IGNORECASE)
_ARITHMETIC = ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and", "or", "xor")
_COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")
OPERATIONS = frozenset(
    ["__%s%s__" % (side, name) for name in _ARITHMETIC for side in ("", "r", "i")] + list(_COMPARISONS) +
    """__repr__ __str__ __len__ __iter__ __next__ __getitem__ __setitem__ __delitem__ __contains__ __hash__ __call__ __bool__ __int__
    __float__ __index__ __complex__ __neg__ __pos__ __abs__ __invert__ __divmod__ __rdivmod__ __round__ __trunc__ __floor__ __ceil__
    __enter__ __exit__ __bytes__ __format__ __fspath__ __reversed__ __missing__ __length_hint__ __getattr__ __await__ __aiter__
    __anext__ __reduce__ __sizeof__ __copy__ __deepcopy__ __getstate__ __buffer__""".split())
COMMON = frozenset(dir(object)) - frozenset(("__repr__", "__str__", "__hash__", "__reduce__", "__sizeof__", "__format__") + _COMPARISONS)
PRIVATE = "its name says that it is private"


def why_never(name, of_a_class):
    """A reason not to call what has this name, or None."""
    if name in OPERATIONS:
        return None
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    parts = {words, words.strip("_")} | set(words.strip("_").split("_"))
    if parts & NEVER or (not of_a_class and parts & NOT_OF_A_MODULE):
        return "its name says that it ends something, removes something or changes the system"
    if ADDRESS.search(words):
        return "its name says that it takes an address, and any but a right one ends the process"
    return None


class Target:
    """Something that can be called: `path` below the module, and the class it needs an instance of."""

    def __init__(self, module, path, kind, owner=None, reason=None):
        self.module, self.path, self.kind, self.owner, self.reason = module, path, kind, owner, reason

    @property
    def name(self):
        return "%s.%s%s" % (self.module, self.path, " =" if self.kind == "setter" else "")

    def row(self):
        return {"name": self.name, "module": self.module, "path": self.path, "kind": self.kind, "owner": self.owner,
                "reason": self.reason}


def resolve(module, path):
    """The object: of a class its own attribute, so that a descriptor is seen and not what it gives."""
    found = sys.modules[module]
    for part in path.split("."):
        found = getattr(found, part)
    return found


def is_a(value, kinds):
    """isinstance() asks the object as well, and a proxy passes that on to what may not be there."""
    return issubclass(type(value), kinds)


def _is_function(value):
    if is_a(value, (type, types.ModuleType)) or not callable(value):
        return False
    kind = type(value).__name__
    return is_a(value, (types.BuiltinFunctionType, types.FunctionType, types.MethodType)) or "function" in kind or \
        "method" in kind or kind in ("fused_cython_function", "nb_func", "numpy.ufunc")


def file_of(module):
    file = getattr(module, "__file__", None)  # None of a package without __init__.py
    return file if is_a(file, str) else None


class Origin:
    """Tells what a module defines from what it has only imported."""

    def __init__(self, names, top):
        self.tops = (top, "_" + top, top.lstrip("_"))
        self.own = [sys.modules[name] for name in names]
        self.files = {file_of(module) for module in self.own} - {None}
        self.elsewhere = set()  # ids of all that other modules have
        for key, module in list(sys.modules.items()):
            if is_a(module, types.ModuleType) and not self._ours(key, module):
                self.elsewhere.update(map(id, vars(module).values()))

    def _ours(self, key, module):
        # A module may be there by a second name, when its author did not know of the package it is in.
        return key.split(".")[0] in self.tops or file_of(module) in self.files or any(module is m for m in self.own)

    def here(self, value, module):
        """Where it says it is from is a hint only: classes in C and Rust are of `builtins` unless their author says otherwise."""
        try:
            where = value.__module__
        except Exception:  # a proxy of something that is not there
            where = None
        if not is_a(where, str):
            return True  # many functions in C say nothing
        return where == module or where.split(".")[0] in self.tops or where not in sys.modules or id(value) not in self.elsewhere

    def part(self, value):
        """A module within another that was never imported by itself."""
        if not is_a(value, types.ModuleType) or file_of(value) or any(value is m for m in self.own):
            return False
        name = str(getattr(value, "__name__", ""))
        return sys.modules.get(name) is not value or name.split(".")[0] in self.tops


def compiled(before, name):
    """[(module, file)] that an import brought in as machine code, of the package `name` first."""
    top = name.split(".")[0]
    found = []
    for key, module in list(sys.modules.items()):
        file = file_of(module)
        if (key not in before or key == name) and file and re.search(r"\.(so|pyd)(\.|$)|\.so$", file):
            found.append((key, file))
    mine = [f for f in found if f[0].split(".")[0] == top]
    return mine or found


def modules_of(before, name):
    """Where to look for functions: the module itself, and what is compiled of its package."""
    top = name.split(".")[0]
    names = [name]
    for key, _ in compiled(before, name):
        if key not in names and key.split(".")[0] == top:
            names.append(key)
    return names


class Finder:
    def __init__(self, names, top):
        self.origin = Origin(names, top)
        self.found, self.seen = [], set()
        self.inner = []  # (module, path, class) of classes within classes: theirs is the last of their names
        for module in names:
            whole = sys.modules[module]
            # A package written in Python shows what it wants called; a compiled module shows all it has.
            public = None if (file_of(whole) or "").endswith(".so") else getattr(whole, "__all__", None)
            self._space(module, "", vars(whole), set(public) if is_a(public, (list, tuple, set)) else None)
        while self.inner:
            self._class(*self.inner.pop(0))

    def _add(self, *row):
        self.found.append(Target(*row))

    def _space(self, module, prefix, space, public=None):
        for key, value in sorted(space.items(), key=lambda item: (is_a(item[1], type), str(item[0]))):
            if not is_a(key, str) or key.startswith("__") or (public is not None and key not in public) or id(value) in self.seen:
                continue
            if self.origin.part(value):
                self.seen.add(id(value))
                self._space(module, prefix + key + ".", vars(value))
            elif is_a(value, type):
                if self.origin.here(value, module):
                    self._class(module, prefix + key, value)
            elif _is_function(value) and self.origin.here(value, module):
                self.seen.add(id(value))
                self._add(module, prefix + key, "function", None, why_never(key, False))
            elif type(value).__name__ == "Lib" and type(value).__module__ == "_cffi_backend":
                self._library(module, prefix + key, value)

    def _library(self, module, path, library):
        """The functions of cffi's out-of-line API modules: attributes of one object, `lib`, each made when it is asked for."""
        for key in sorted(dir(library)):
            try:
                value = getattr(library, key)
            except Exception:  # it was declared, and is not there
                continue
            if _is_function(value):
                self._add(module, "%s.%s" % (path, key), "function", None, why_never(key, False))

    def _class(self, module, path, cls):
        if id(cls) in self.seen:
            return
        self.seen.add(id(cls))
        if issubclass(cls, BaseException):
            return
        self._add(module, path, "class", None, why_never(path.rpartition(".")[2], True))
        for key, value in list(vars(cls).items()):
            if key == "__init__" and callable(value) and not is_a(value, types.FunctionType):
                self._add(module, path + ".__init__", "method", path)  # of an instance that was made already: for the second time
            elif key not in COMMON and (key in OPERATIONS or not key.startswith("__")):
                self._member(module, path, key, value)

    def _member(self, module, path, key, value):
        full = "%s.%s" % (path, key)
        private = key.startswith("_") and not key.startswith("__")
        if private and (key.startswith("_pybind11_") or not _is_compiled(value)):
            return
        never = PRIVATE if private else why_never(key, True)
        if is_a(value, (types.GetSetDescriptorType, types.MemberDescriptorType, property)):
            self._add(module, full, "getter", path, PRIVATE if private else None)
            if key.isidentifier() and not private and getattr(value, "fset", True):  # of those in C only trying tells
                self._add(module, full, "setter", path)
        elif is_a(value, (staticmethod, classmethod, types.ClassMethodDescriptorType)):
            self._add(module, full, "function", None, never)
        elif is_a(value, type):
            if self.origin.here(value, module):
                self.inner.append((module, full, value))
        elif callable(value):
            self._add(module, full, "method", path, never)


def _is_compiled(value):
    """Whether this member of a class is machine code, as far as that shows."""
    return not is_a(getattr(value, "__func__", None) or getattr(value, "fget", None) or value, types.FunctionType)


def find(names, top):
    """All targets, classes before their methods; each object once, whatever its names."""
    return Finder(names, top).found
