"""What a function keeps of its arguments without a right to: each is used up and gone, and then everything else is called."""
import gc

from . import helper, recipes, wide

MOST_EPISODES = 16


def _use(thing):
    """What can be done with any result; of a number, bytes() would be as many."""
    for do in (repr, len, list) if hasattr(type(thing), "__index__") else (repr, len, list, bytes):
        try:
            do(thing)
        except Exception:  # only a fault matters
            pass


class Episode:
    """A call with one large argument, which is dropped after it."""

    def __init__(self, job, at, recipe, place):
        self.target, self.recipe, self.place, self.at = job["target"], recipe, place, at
        self.large = wide.LARGE[recipe.arguments[place]]
        self.following = [(t, recipes.Recipe.of(r)) for t, r in job["following"]]
        self.lines = []

    def _tell(self, line):
        self.at("\n".join(self.lines + [line]))

    def _call(self):
        """(instance or None, result): with the large argument in its place, and not kept here."""
        call = recipes.Call(self.target, self.recipe)
        arguments, named = call.arguments()
        self.lines = list(self.large.before) + ["x = %s" % self.large.text]
        wide.ready()
        arguments[self.place] = self.large.make()
        self.memory = wide.watch(arguments[self.place])
        instance = None
        text = recipes.inside(self.recipe, {self.place: "x"})
        if call.instance:
            made = recipes.text({"kind": "class", "owner": None, "name": "%s.%s" % (self.target["module"], self.target["owner"])},
                                self.recipe.instance)
            line = "i = %s; %s%s" % (made, "" if call.kind == "setter" else "r = ", call.line("i", text))
        else:
            line = "r = %s(%s)" % (self.target["name"], text)
        self._tell(line)
        self.lines.append(line)
        try:
            if call.instance:
                instance = call.instance.run()
                return instance, call.bound(instance)(*arguments, **named)
            return instance, call.function(*arguments, **named)
        except Exception:
            return instance, None

    def run(self):
        instance, result = self._call()
        self.lines.append("del x; gc.collect()")
        gc.collect()
        held = not wide.guard(self.memory)
        if self.target["kind"] == "class" and result is not None:
            instance = result
        if held:  # by the result or the instance, which may; then nothing is wrong as long as these live
            instance = result = None
            self.lines.append("i = r = None; gc.collect()")
            gc.collect()
            if not wide.guard(self.memory):
                return False
        if result is not None:
            self._tell("repr(r)")
            _use(result)
        self._follow(instance, result)
        self._tell("i = r = None; gc.collect()")
        del instance, result
        gc.collect()
        return True

    def _follow(self, instance, result):
        for target, recipe in self.following:
            own = target["owner"] == (self.target["owner"] or self.target["path"]) and target["module"] == self.target["module"]
            if own and instance is not None:
                call = recipes.Call(dict(target, owner=None, kind="function", path=target["owner"]), recipe)
                arguments, named = call.arguments()
                name = target["path"].rpartition(".")[2]
                line = "%s.%s" % ("r" if instance is result else "i", name)
                self._tell(line if target["kind"] == "getter" else "%s(%s)" % (line, recipes.inside(recipe)))
                try:
                    found = getattr(instance, name)
                    if target["kind"] != "getter":
                        found(*arguments, **named)
                except Exception:
                    pass
            else:
                self._tell(recipes.text(target, recipe))
                try:
                    recipes.Call(target, recipe).run()
                except Exception:
                    pass


def job(job, at):
    if helper.missing:
        return {"episodes": 0, "reason": helper.missing}
    episodes, seen = 0, set()
    for row in job["works"]:
        recipe = recipes.Recipe.of(row)
        for place, kind in enumerate(recipe.arguments):
            if kind not in wide.LARGE or (place, kind) in seen or episodes >= MOST_EPISODES:
                continue
            seen.add((place, kind))
            at.part = "%d %s" % (place, kind)
            if at.part not in job["skip"]:
                episodes += Episode(job, at, recipe, place).run()
    return {"episodes": episodes, "reason": None}
