"""Arguments that change what they are in while they are used: who lent an element of a list must own it before Python code runs."""
import gc

from . import helper, recipes, wide

LISTS = ("ints", "floats", "objects", "strs")
SCALARS = ("small", "int", "float", "true", "object", "callback")

# What the reproducer begins with; the class here differs from it in its size alone.
SOURCE = """\
class Evil:
    def attack(self, *args):
        for v in victims:
            try: v.clear()
            except BufferError: pass
        return 1009
    __index__ = __int__ = __len__ = __hash__ = __call__ = attack
    def __float__(self): return float(self.attack())
    def __str__(self): return str(self.attack())
    __repr__ = __str__
    def __eq__(self, other): return bool(self.attack())
    __lt__ = __eq__
    def __iter__(self): return iter([self.attack()])
    def __getattr__(self, name): return self.attack()"""

victims = []


def _attack(self, *_args, **_names):
    for v in victims:
        try:
            v.clear()
        except BufferError:  # it is exported, as it should be
            pass
    return 1009


def _attribute(self, name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _attack(self)


Evil = type("Evil", (wide.Big,), {
    "__slots__": (), "__index__": _attack, "__int__": _attack, "__len__": _attack, "__hash__": _attack, "__call__": _attack,
    "__float__": lambda self: float(_attack(self)), "__str__": lambda self: str(_attack(self)),
    "__repr__": lambda self: str(_attack(self)), "__eq__": lambda self, other: bool(_attack(self)),
    "__lt__": lambda self, other: bool(_attack(self)), "__iter__": lambda self: iter([_attack(self)]), "__getattr__": _attribute,
})


def _container(kind):
    """(an object that can be emptied, its text), or None."""
    if kind in LISTS:
        value = [Evil(), Evil(), Evil()]
        for v in value:
            wide.watch(v)
        return value, "[Evil(), Evil(), Evil()]"
    if kind in ("bytearray", "bytes", "doubles"):
        value = bytearray(wide.SIZE)
        wide.watch(value)
        return value, "bytearray(200000)"
    if kind == "dict":
        value = {"one": Evil(), "two": Evil()}
        for v in value.values():
            wide.watch(v)
        return value, "{'one': Evil(), 'two': Evil()}"
    return None


class Attempt:
    def __init__(self, target, recipe, evil):
        self.target, self.recipe = target, recipe
        self.call = recipes.Call(target, recipe)
        self.arguments, self.named = self.call.arguments()
        self.lines, instead = [SOURCE], {}
        victims.clear()
        wide.ready()
        for place, kind in enumerate(recipe.arguments):
            container = _container(kind)
            if place == evil:
                self.arguments[place] = Evil()
                wide.watch(self.arguments[place])
                instead[place] = "Evil()"
            elif container:
                self.arguments[place] = container[0]
                self.lines.append("v%d = %s" % (place, container[1]))
                instead[place] = "v%d" % place
                victims.append(container[0])
            elif kind == "callback":
                self.arguments[place] = Evil()
                instead[place] = "Evil()"
        self.lines.append("victims = [%s]" % ", ".join(v for v in instead.values() if v != "Evil()"))
        inside = recipes.inside(recipe, instead)
        if target["owner"]:
            made = "%s.%s(%s)" % (target["module"], target["owner"], recipes.inside(recipe.instance) if recipe.instance else "")
            self.lines.append(self.call.line(made, inside))
        else:
            self.lines.append("%s(%s)" % (target["name"], inside))

    def run(self):
        try:
            function = self.call.bound(self.call.instance.run()) if self.call.instance else self.call.function
            repr(function(*self.arguments, **self.named))
        except Exception:
            pass
        self.arguments = self.named = None
        victims.clear()
        gc.collect()


def job(job, at):
    if helper.missing:
        return {"attempts": 0, "reason": helper.missing}
    seen, attempts = set(), 0
    for row in job["works"]:
        recipe = recipes.Recipe.of(row)
        if not any(_mutable(k) for k in recipe.arguments):
            continue
        for evil in [None] + [i for i, k in enumerate(recipe.arguments) if k in SCALARS]:
            shape = (tuple("list" if k in LISTS else k for k in recipe.arguments), evil)
            if shape in seen or attempts >= 24:
                continue
            seen.add(shape)
            at.part = "%s %s" % shape
            if at.part in job["skip"]:
                continue
            attempt = Attempt(job["target"], recipe, evil)
            at("\n".join(attempt.lines))
            attempt.run()
            attempts += 1
    return {"attempts": attempts, "reason": None}


def _mutable(kind):
    return kind in LISTS or kind in ("bytearray", "doubles", "bytes", "dict")
