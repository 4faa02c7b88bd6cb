"""How something is called: a list of kinds of arguments, for a method also those of its instance's class, and the line of Python
that does the same."""
import functools

from . import calls, kinds, targets


class Recipe:
    """JSON on the way between processes: [arguments, named arguments, recipe of the instance or None]."""

    def __init__(self, arguments, named=(), instance=None):
        self.arguments, self.named, self.instance = tuple(arguments), tuple(named), instance

    @classmethod
    def of(cls, row):
        return cls(row[0], [tuple(n) for n in row[1]], cls.of(row[2]) if row[2] else None)

    def row(self):
        return [list(self.arguments), [list(n) for n in self.named], self.instance.row() if self.instance else None]

    def key(self):
        return (self.arguments, self.named, self.instance.key() if self.instance else None)

    def replaced(self, place, kind):
        return Recipe(self.arguments[:place] + (kind,) + self.arguments[place + 1:], self.named, self.instance)

    def kinds(self):
        return self.arguments + tuple(kind for _, kind in self.named)


def inside(recipe, instead=()):
    """What stands between the parentheses; instead: texts of some places."""
    texts = [instead[i] if i in instead else kinds.ALL[k].text for i, k in enumerate(recipe.arguments)]
    return ", ".join(texts + ["%s=%s" % (n, kinds.ALL[k].text) for n, k in recipe.named])


def text(target, recipe):
    """The call as a line of Python."""
    if target["kind"] == "calls":
        return calls.text(target["name"])
    between = inside(recipe)
    if target["owner"] is None:
        return "%s(%s)" % (target["name"], between)
    made = "%s.%s(%s)" % (target["module"], target["owner"], inside(recipe.instance) if recipe.instance else "")
    name = target["path"].rpartition(".")[2]
    if target["kind"] == "setter":
        return "x = %s; x.%s = %s; x.%s = %s" % (made, name, between, name, between)
    return "%s.%s" % (made, name) if target["kind"] == "getter" else "%s.%s(%s)" % (made, name, between)


def call_of(target, recipe):
    return calls.Bench(target["name"]) if target["kind"] == "calls" else Call(target, recipe)


@functools.lru_cache(maxsize=256)
def _code(text):
    """Most trials of a function have the same text: only what the arguments are made of differs."""
    return compile(text, "<benchd check>", "exec")


class Call:
    """A recipe at work. Its leaves live as long as it does; everything else is made for each call and dropped after it."""

    def __init__(self, target, recipe):
        self.kind, self.recipe = target["kind"], recipe
        self.function = targets.resolve(target["module"], target["owner"] or target["path"])
        self.name = target["path"].rpartition(".")[2]
        self.builds = [kinds.ALL[k] for k in recipe.arguments]
        self.leaves = [k.leaves() for k in self.builds]
        self.named = [(n, kinds.ALL[k], kinds.ALL[k].leaves()) for n, k in recipe.named]
        self.instance = Call({"kind": "class", "module": target["module"], "path": target["owner"], "owner": None},
                             recipe.instance or Recipe(())) if target["owner"] else None
        self.run = self._runner()

    def _runner(self):
        """A function of its own, in which the call stands as a user writes it: what is looked up for each call would be counted as
        part of it, and a call by a list of arguments goes another way through the interpreter."""
        space = {"function": self.function, "instance": self.instance and self.instance.run}
        words = []
        for i, (kind, leaves) in enumerate(zip(self.builds, self.leaves)):
            space["build%d" % i], space["leaves%d" % i] = kind.build, leaves
            words.append("build%d(leaves%d)" % (i, i))
        for name, kind, leaves in self.named:
            space["build_" + name], space["leaves_" + name] = kind.build, leaves
            words.append("%s=build_%s(leaves_%s)" % (name, name, name))
        if self.kind == "setter":  # twice: what was there before has to go
            lines = "    x = instance()\n    x.%s = %s\n    x.%s = %s\n" % (self.name, words[0], self.name, words[0])
            exec(_code("def run():\n" + lines), space)
            return space["run"]
        called = "function" if self.instance is None else "instance().%s" % self.name
        arguments = "" if self.kind == "getter" else "(%s)" % ", ".join(words)
        exec(_code("def run():\n    return %s%s\n" % (called, arguments)), space)
        return space["run"]

    def bound(self, instance):
        """What takes the arguments, of an instance."""
        if self.kind == "setter":
            return lambda value: setattr(instance, self.name, value)
        return getattr(instance, self.name)

    def line(self, instance, inside):
        """The same as a line of Python."""
        return ("%s.%s = %s" if self.kind == "setter" else "%s.%s(%s)") % (instance, self.name, inside)

    def arguments(self):
        return [k.build(v) for k, v in zip(self.builds, self.leaves)], {n: k.build(v) for n, k, v in self.named}

    def watched(self):
        """[(what it is, object)]: leaves of the arguments."""
        found = []
        for place, (kind, leaves) in enumerate(zip(self.builds, self.leaves), 1):
            for i, leaf in enumerate(leaves):
                inside = "" if kind.build is kinds._first else "element %d of " % (i + 1)
                found.append(("%sargument %d" % (inside, place), leaf))
        for name, kind, leaves in self.named:
            found += [("argument %s" % name, leaf) for leaf in leaves]
        if self.instance:
            found += [("%s of the constructor" % what, leaf) for what, leaf in self.instance.watched()]
        return found
