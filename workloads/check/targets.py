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
OPERATIONS = ("__repr__", "__str__", "__len__", "__iter__", "__next__", "__getitem__", "__setitem__", "__delitem__", "__contains__", "__eq__",
              "__lt__", "__hash__", "__call__", "__bool__", "__int__", "__float__", "__index__", "__add__", "__sub__", "__mul__",
              "__iadd__", "__and__", "__or__", "__enter__", "__bytes__", "__reduce__", "__sizeof__", "__copy__", "__deepcopy__",
              "__getstate__", "__buffer__")
COMMON = frozenset(dir(object)) - frozenset(("__repr__", "__str__", "__eq__", "__lt__", "__hash__", "__reduce__", "__sizeof__"))


def why_never(name, of_a_class):
    """A reason not to call what has this name, or None."""
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


def _is_function(value):
    if isinstance(value, (type, types.ModuleType)) or not callable(value):
        return False
    kind = type(value).__name__
    return isinstance(value, (types.BuiltinFunctionType, types.FunctionType, types.MethodType)) or "function" in kind or \
        "method" in kind or kind in ("fused_cython_function", "nb_func", "numpy.ufunc")


def _own(value, module, top):
    """Whether it was defined here, and not merely imported."""
    where = getattr(value, "__module__", None)
    if not isinstance(where, str):
        return True  # many functions in C say nothing
    return where == module or where.split(".")[0] in (top, "_" + top, top.lstrip("_")) or where not in sys.modules


def compiled(before, name):
    """[(module, file)] that an import brought in as machine code, of the package `name` first."""
    top = name.split(".")[0]
    found = []
    for key, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if (key not in before or key == name) and isinstance(file, str) and re.search(r"\.(so|pyd)(\.|$)|\.so$", file):
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


def _methods(module, path, cls, found):
    for key, value in list(vars(cls).items()):
        full = "%s.%s" % (path, key)
        if key in COMMON or (key.startswith("__") and key not in OPERATIONS):
            continue
        if key.startswith("_") and not key.startswith("__"):
            continue
        if isinstance(value, (types.GetSetDescriptorType, types.MemberDescriptorType, property)):
            found.append(Target(module, full, "getter", path))
            if key.isidentifier() and getattr(value, "fset", True):  # of those in C only trying tells
                found.append(Target(module, full, "setter", path))
        elif isinstance(value, (staticmethod, classmethod, types.ClassMethodDescriptorType)):
            found.append(Target(module, full, "function", None, why_never(key, True)))
        elif callable(value) and not isinstance(value, type):
            found.append(Target(module, full, "method", path, why_never(key, True)))


def find(names, top):
    """All targets, classes before their methods; each object once, whatever its names."""
    found, seen = [], set()
    for module in names:
        space = vars(sys.modules[module])
        # A package written in Python shows what it wants called; a compiled module shows all it has.
        public = None if getattr(sys.modules[module], "__file__", "x").endswith(".so") else space.get("__all__")
        for key, value in sorted(space.items(), key=lambda item: (isinstance(item[1], type), item[0])):
            if not isinstance(key, str) or key.startswith("__") or (public is not None and key not in public):
                continue
            if id(value) in seen or not _own(value, module, top):
                continue
            if isinstance(value, type):
                seen.add(id(value))
                if issubclass(value, BaseException):
                    continue
                found.append(Target(module, key, "class", None, why_never(key, True)))
                _methods(module, key, value, found)
            elif _is_function(value):
                seen.add(id(value))
                found.append(Target(module, key, "function", None, why_never(key, False)))
    return found
