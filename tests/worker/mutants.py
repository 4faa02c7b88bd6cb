"""Which test catches which mutant: the other half of BD_CHECKS in workloads/worker/bd_checks.h.

A test that is decorated with catches(check, key, …) must have been told so by a worker before it ends, or it fails.
test_mutants.py compares all of them with the list."""
import functools
import unittest


def catches(check, *keys):
    """The test's mutant makes a cell invalid by this check for each of these reasons; the test asks self.invalid()."""
    def decorate(test):
        wanted = {(check, key) for key in keys}

        @functools.wraps(test)
        def run(self, *args, **kinds):
            self.caught = set()
            result = test(self, *args, **kinds)
            missing = wanted - self.caught
            if missing:
                self.fail("nothing was caught by %s" % ", ".join("%s %s" % row for row in sorted(missing)))
            return result
        run.catches = getattr(test, "catches", set()) | wanted
        return run
    return decorate


class Catching(unittest.TestCase):
    caught = frozenset()

    def invalid(self, answer, check, key):
        self.assertEqual(answer["type"], "cell", answer)
        self.assertEqual((answer["status"], (answer["reason"] or {}).get("check"), (answer["reason"] or {}).get("key")),
                         ("invalid", check, key), answer)
        self.caught = self.caught | {(check, key)}

    def ok(self, answers):
        self.assertEqual([a["status"] for a in answers], ["ok"] * len(answers), answers)


def declared(module):
    """(check, key) of every test of a module, with the names of the tests."""
    rows = {}
    for thing in vars(module).values():
        if isinstance(thing, type) and issubclass(thing, unittest.TestCase):
            for name in dir(thing):
                if name.startswith("test"):
                    for row in getattr(getattr(thing, name), "catches", ()):
                        rows.setdefault(row, []).append("%s.%s" % (thing.__name__, name))
    return rows
