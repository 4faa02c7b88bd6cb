"""Finds arguments a function accepts: what its signature, its documentation and its complaints say, then by trying."""
import inspect
import random
import re

from . import kinds, recipes, targets

MOST_TRIALS = 500
MOST_ARGUMENTS = 8
MOST_OPTIONAL = 3
READ_ONLY = "the attribute cannot be set"
_WORDS = {"no": 0, "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
# How a wrong number of arguments is told; what remains complains about what they are.
_COUNT = re.compile(r"takes (no|exactly|at least|at most|from|between|\d+|\w+ (positional|or)|\w+ arguments?)|missing .*argument|"
                    r"expected (exactly |at least |at most )?\d+ (positional )?arguments?|needs an argument|got \d+|\(\d+ given\)|"
                    r"\d+ (were |was )?given|required (positional )?argument|too (many|few) arguments|takes exactly", re.IGNORECASE)
_NAMED = re.compile(r"keyword-only argument|argument '?(\w+)'? \(pos|unexpected keyword|missing required (keyword )?argument", re.IGNORECASE)


_CALL = re.compile(r"^\s*(?:\d+\.\s*)?(?:def )?[\w.]*\(", re.MULTILINE)
_PLACE = re.compile(r"argument \d+ (must|has)")
_NUMBER = re.compile(r"argument (\d+)")


def _split(text):
    """The parts of a list of parameters: commas within brackets do not divide."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [p.strip() for p in parts if p.strip()]


def _from_text(text):
    """[[(name, what its type says, required, keyword only)]]: every "name(…)" found at the beginning of a line."""
    found = []
    for match in _CALL.finditer(text or ""):
        start, depth, end = match.end(), 1, None
        for i in range(start, min(len(text), start + 2000)):
            depth += (text[i] in "([{") - (text[i] in ")]}")
            if depth == 0:
                end = i
                break
        if end is None:
            continue
        rows, only = [], False
        for part in _split(text[start:end]):
            if part == "/" or part.startswith("**"):
                continue
            if part.startswith("*"):
                only = True
                continue
            name = part.split(":")[0].split("=")[0].strip()
            if name in ("self", "$self", "$module", "cls"):
                continue
            about = part.split("=")[0]
            rows.append((re.split(r"\s", name)[-1].strip("[]"), about, "=" not in part and "[" not in part.split(":")[0], only))
        found.append(rows)
    return found


def _from_signature(function):
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return []
    rows = []
    for p in signature.parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        about = p.name if p.annotation is p.empty else "%s: %s" % (p.name, getattr(p.annotation, "__name__", p.annotation))
        rows.append((p.name, about, p.default is p.empty, p.kind is p.KEYWORD_ONLY))
    return [rows]


_NAME_HINTS = [(re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in (
    (r"callback|^func|^fn$|^f$|^cb$|handler|hook|predicate|key$", "callback"), (r"^(n|k|i|j|x|y|z|a|b|c)$|count|size|len|num|index|depth|steps|seed", "small"),
    (r"data|buf|payload|bytes|blob", "bytes"), (r"text|str|name|msg|message|path|file|fmt|format|pattern|encoding|label|word", "str"),
    (r"items|seq|list|values|args|iterable|rows|points|array", "ints"), (r"dict|map|kwargs|options|attrs", "dict"), (r"^obj|^o$|value", "object"),
)]


def _kinds_of(rows):
    """For each parameter the kinds it seems to want, the best first."""
    found = []
    for name, about, _, _ in rows:
        type_text = about.partition(":")[2] or (about if " " in about else "")
        names = kinds.hinted(type_text)
        for pattern, kind in _NAME_HINTS:
            if pattern.search(name) and kind not in names:
                names.append(kind)
        found.append(names)
    return found


_kept = []  # arguments and results: dropping a reference that was borrowed would end the process somewhere else


class Explorer:
    def __init__(self, target, instance, skip, say, settle):
        self.target, self.instance, self.say, self.settle = target, instance, say, settle
        self.skip, self.seen = skip, {}
        self.trials = 0
        self.arities_out, self.hints = set(), []

    def try_(self, arguments, named=()):
        """None when it worked, else (type of the error, what it says)."""
        recipe = recipes.Recipe(arguments, named, self.instance)
        key = recipe.key()
        if key in self.seen:
            return self.seen[key]
        text = recipes.text(self.target, recipe)
        if self.trials >= MOST_TRIALS or text in self.skip:
            return ("skipped", "")
        self.trials += 1
        self.say(text)
        try:
            call = recipes.Call(self.target, recipe)
            _kept.append((call, call.run()))
            self.settle(0.2)  # a thread it started is seen with the call that did
            result = None
        except Exception as error:  # everything else ends the child, and is seen by that
            result = (type(error).__name__, str(error)[:600])
        self.seen[key] = result
        if result and result[0] == "TypeError":
            if "supported:" in result[1] or "Invoked with" in result[1]:
                self.hints += [rows for rows in _from_text(result[1]) if rows not in self.hints]
            elif _COUNT.search(result[1]) and not _PLACE.search(result[1]):
                self.arities_out.add((len(arguments), tuple(n for n, _ in named)))
        return result

    def _counts(self, rows):
        required = len([r for r in rows if r[2] and not r[3]])
        most = len([r for r in rows if not r[3]])
        return list(range(required, most + 1))[:3]

    def known(self):
        """Tries what is said about the parameters."""
        for rows in self.hints:
            wants = _kinds_of(rows)
            named = tuple((r[0], (w or ["small"])[0]) for r, w in zip(rows, wants) if r[3] and r[2])
            places = [(r, w) for r, w in zip(rows, wants) if not r[3]]
            for count in self._counts(rows):
                if self.try_([(w or ["small"])[0] for _, w in places[:count]], named) is None:
                    return [(w or ["small"])[0] for _, w in places[:count]], named
                found = self.search(count, [w for _, w in places[:count]], named)
                if found is not None:
                    return found, named
        return None

    def search(self, count, wants=None, named=()):
        """Arguments that are accepted, count of them; None when none were found."""
        def out():
            return (count, tuple(n for n, _ in named)) in self.arities_out
        wants = wants or [[] for _ in range(count)]
        orders = [list(w) + [k for k in kinds.PRIMARY if k not in w] for w in wants]
        if count == 0:
            return [] if self.try_([], named) is None else None
        for kind in kinds.PRIMARY:
            if self.try_([kind] * count, named) is None:
                return [kind] * count
            if out():
                return None
        if count == 1:
            for kind in kinds.KINDS:
                if self.try_([kind], named) is None:
                    return [kind]
            return None
        if count == 2:
            for a in orders[0]:
                for b in orders[1]:
                    if self.try_([a, b], named) is None:
                        return [a, b]
            return None
        current = [o[0] for o in orders]
        for _ in range(2):  # one place at a time: a complaint that changes was about this place
            for place in range(count):
                base = self.try_(current, named)
                for kind in orders[place]:
                    attempt = current[:place] + [kind] + current[place + 1:]
                    result = self.try_(attempt, named)
                    if result is None:
                        return attempt
                    if result[0] != "skipped" and base and result != base and result[1].replace(kind, "") != base[1] and \
                            self._further(base[1], result[1]):
                        current = attempt
                        break
        rng = random.Random(7)
        for _ in range(100):
            attempt = [rng.choice(o[:8]) for o in orders]
            if self.try_(attempt, named) is None:
                return attempt
        return None

    @staticmethod
    def _further(before, after):
        a, b = _NUMBER.search(before), _NUMBER.search(after)
        return bool(b and (not a or int(b.group(1)) > int(a.group(1)))) or (not a and not b)

    def instances(self):
        return [k for k in kinds.KINDS if k.startswith("instance ")]

    def run(self):
        """([recipes that work], [recipes that raise], reason or None)."""
        target = self.target
        if target["kind"] == "getter":
            result = self.try_([])
            base = ([], ())
            return ([self._recipe(base)], [], None) if result is None else ([], [self._recipe(base)], None)
        if target["kind"] == "setter":
            return self._setter()
        if target["path"].endswith(".__init__"):
            return self._again()
        function = targets.resolve(target["module"], target["path"])
        about = [function] + ([function.__init__] if target["kind"] == "class" else [])
        for thing in about:
            self.hints += [rows for rows in _from_signature(thing) + _from_text(getattr(thing, "__doc__", None)) if rows is not None]
        if target["kind"] == "method":
            self.hints = [[r for r in rows if r[0] != "self"] for rows in self.hints]
        base = self.known() if self.hints else None
        if base is None:
            for count in range(MOST_ARGUMENTS + 1):
                found = self.search(count)
                if found is not None:
                    base = (found, ())
                    break
                if len(self.hints) > 20 or self.trials >= MOST_TRIALS:
                    break
        if base is None and self.hints:  # a complaint may have said more
            base = self.known()
        if base is None:
            return [], self._raising([]), "no call succeeded: %s" % self._last()
        return self._variations(base)

    def _setter(self):
        first = self.try_(["small"])
        if first and first[0] == "AttributeError":
            return [], [], READ_ONLY
        found = self.search(1)
        if found is None:
            return [], self._raising(["small"]), "no value was accepted: %s" % self._last()
        works = [self._recipe((found, ()))]
        for kind in list(kinds.KINDS) + list(kinds.WRONG):
            if self.try_([kind]) is None and kind not in kinds.WRONG and [kind] != found:
                works.append(self._recipe(([kind], ())))
        return works, self._raising(found), None

    def _again(self):
        """What made the instance, once more; to refuse that is right, too. Then what fails half-way."""
        made = self.instance or recipes.Recipe(())
        arguments, named = list(made.arguments), made.named
        works = [self._recipe((arguments, named))] if self.try_(arguments, named) is None else []
        for place in range(len(arguments)):
            for kind in kinds.WRONG:
                self.try_(arguments[:place] + [kind] + arguments[place + 1:], named)
        return works, self._raising(arguments), None

    def _last(self):
        """What it said most often."""
        said = [r for r in self.seen.values() if r and r[0] != "skipped"]
        if not said:
            return "nothing could be tried"
        worst = max(said, key=lambda r: (not _COUNT.search(r[1]), said.count(r)))
        return ("%s: %s" % worst).split("\n")[0][:200]

    def _recipe(self, base):
        return recipes.Recipe(base[0], base[1], self.instance)

    def _variations(self, base):
        """Every place with every other kind, to know what it takes and what it refuses."""
        arguments, named = base
        works = [self._recipe(base)] + self._optional(arguments, named)
        for place in range(len(arguments)):
            for kind in list(kinds.KINDS) + list(kinds.WRONG):
                attempt = arguments[:place] + [kind] + arguments[place + 1:]
                if self.try_(attempt, named) is None and kind not in kinds.WRONG:
                    works.append(recipes.Recipe(attempt, named, self.instance))
        self.try_(arguments[:-1], named)
        return works, self._raising(arguments), None

    def _optional(self, arguments, named):
        """What works with arguments that may be left out: one place more at a time, then the rest by name."""
        works, current = [], list(arguments)
        hints = [rows for rows in self.hints if len([r for r in rows if not r[3]]) >= len(arguments)]
        rows = hints[0] if hints else []
        places = [w for r, w in zip(rows, _kinds_of(rows)) if not r[3]]
        for place in range(len(arguments), min(len(arguments) + MOST_OPTIONAL, MOST_ARGUMENTS)):
            wants = list(places[place]) if place < len(places) else []
            more = self._first([(current + [k], named) for k in self._telling(wants)])
            if more is None:
                break
            works.append(more)
            current = list(more.arguments)
        for row, wants in list(zip(rows, _kinds_of(rows)))[len(current):]:
            if row[0].isidentifier() and row[0] not in [n for n, _ in named] and len(works) < 2 * MOST_OPTIONAL:
                more = self._first([(list(arguments), tuple(named) + ((row[0], k),)) for k in self._telling(wants)])
                works += [more] if more else []
        return works

    @staticmethod
    def _telling(wants):
        """Kinds for one place, those first of which a reference more is seen: small numbers have many."""
        order = ["object"] + ["int" if k == "small" else k for k in wants] + ["int"] + list(kinds.PRIMARY)
        return list(dict.fromkeys(order))

    def _first(self, attempts):
        """The first of these that works; None also when nothing of this shape can."""
        for arguments, named in attempts:
            if self.try_(arguments, named) is None:
                return recipes.Recipe(arguments, named, self.instance)
            if (len(arguments), tuple(n for n, _ in named)) in self.arities_out:
                return None
        return None

    def _raising(self, arguments):
        """One recipe for each different complaint: paths through the function on which it fails."""
        found, said = [], set()
        for key, result in self.seen.items():
            if not result or result[0] == "skipped":
                continue
            about = (result[0], re.sub(r"'[^']*'|0x[0-9a-f]+|\d+", "?", result[1])[:60],
                     [k for k in key[0] if k.startswith("wrong-")][:1] == [])
            if about in said:
                continue
            said.add(about)
            found.append(recipes.Recipe(key[0], key[1], self.instance))
        # Those with something wrong in one place of a call that works reach furthest.
        found.sort(key=lambda r: (len(r.arguments) != len(arguments), not any(k.startswith("wrong-") for k in r.arguments)))
        return found[:8]
