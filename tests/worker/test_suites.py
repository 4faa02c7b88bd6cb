"""Suites follow their schema and name only what the catalogue has."""
import copy
import json
import os
import re
import unittest

import bench_worker as bw

SUITES = os.path.join(bw.BUILD, "share", "benchd", "suites")
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "null": type(None)}


def problems(value, schema, path="suite"):
    """What is wrong with a value, by the part of JSON Schema that suite.schema.json uses."""
    known = {"$schema", "title", "description", "type", "enum", "required", "properties", "additionalProperties", "items",
             "minItems", "uniqueItems", "minLength", "minimum", "exclusiveMinimum", "pattern"}
    assert set(schema) <= known, set(schema) - known
    wanted = schema.get("type", [])
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if wanted and not any(isinstance(value, TYPES[t]) and not (isinstance(value, bool) and t != "boolean") for t in wanted):
        return ["%s is not of type %s" % (path, "/".join(wanted))]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append("%s is not one of %s" % (path, schema["enum"]))
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            found.append(path + " is empty")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append("%s: %r does not match %s" % (path, value, schema["pattern"]))
    if isinstance(value, (int, float)):
        if "minimum" in schema and value < schema["minimum"]:
            found.append(path + " is too small")
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            found.append(path + " is too small")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(path + " has too few items")
        if schema.get("uniqueItems") and len({json.dumps(v) for v in value}) != len(value):
            found.append(path + " repeats itself")
        for i, item in enumerate(value):
            found += problems(item, schema.get("items", {}), "%s[%d]" % (path, i))
    if isinstance(value, dict):
        found += ["%s has no %s" % (path, key) for key in schema.get("required", []) if key not in value]
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", True))
            if inner is False:
                found.append("%s.%s is not known" % (path, key))
            elif inner is not True:
                found += problems(item, inner, "%s.%s" % (path, key))
    return found


class Suites(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(bw.BUILD, "share", "benchd", "suite.schema.json")) as f:
            cls.schema = json.load(f)
        cls.suites = {}
        for name in sorted(os.listdir(SUITES)):
            with open(os.path.join(SUITES, name)) as f:
                cls.suites[name] = json.load(f)
        with bw.Worker() as w:
            w.hello()
            cls.catalogue = w.ask("describe", targets=[])

    def test_they_follow_the_schema(self):
        self.assertIn("gil-contention.json", self.suites)
        for name, suite in self.suites.items():
            self.assertEqual(problems(suite, self.schema), [], name)

    def test_the_schema_refuses(self):
        good = self.suites["gil-contention.json"]
        for change, what in ((lambda s: s.pop("cases"), "has no cases"), (lambda s: s.update(axis={}), "axis is not known"),
                             (lambda s: s["axes"].update(threads=["1"]), "threads[0] is not of type integer"),
                             (lambda s: s["axes"].update(threads=[0]), "too small"),
                             (lambda s: s["axes"].update(u=[]), "too few items"),
                             (lambda s: s["defaults"].update(trace="full"), "not one of"),
                             (lambda s: s["defaults"].update(batch="fast"), "does not match"),
                             (lambda s: s["axes"].update(gil=["hold", "hold"]), "repeats itself")):
            suite = copy.deepcopy(good)
            change(suite)
            self.assertIn(what, "; ".join(problems(suite, self.schema)))

    def test_they_name_what_exists(self):
        cases = {c["name"]: c for c in self.catalogue["cases"]}
        bindings = {"%s:%s" % (b["name"], v) for b in self.catalogue["bindings"] for v in b["variants"]}
        general = {"python", "binding", "caller", "allocator", "objalloc", "threads", "affinity", "gc", "switch_interval"}
        for name, suite in self.suites.items():
            params = {}
            for case in suite["cases"]:
                self.assertIn(case, cases, name)
                for param in cases[case]["params"]:
                    params.setdefault(param["name"], set()).update(param["values"])
            for axis, values in suite["axes"].items():
                if axis == "binding":
                    self.assertLessEqual(set(values) - {"each", "all"}, bindings, name)
                elif axis not in general:
                    self.assertLessEqual(set(values), params.get(axis, set()), (name, axis))
            for axis, value in suite.get("reference", {}).items():
                if axis == "binding" and {"each", "all"} & set(suite["axes"].get(axis, [])):
                    self.assertIn(value, bindings | {"first"}, name)
                    continue
                self.assertTrue(value == "first" or value in [str(v) for v in suite["axes"].get(axis, [])], (name, axis, value))

    def test_gil_contention_is_what_it_promises(self):
        suite = self.suites["gil-contention.json"]
        self.assertEqual(suite["cases"], ["gil-contention", "empty-loop"])
        self.assertEqual(suite["axes"]["threads"], [1, 2, 4])
        self.assertEqual(suite["axes"]["u"], ["1us", "100us", "1ms"])
        self.assertEqual(suite["axes"]["gil"], ["hold", "release"])
        self.assertEqual(suite["axes"]["binding"], ["capi:fastcall"])
        self.assertEqual(suite["defaults"]["batch"], "200ms")


if __name__ == "__main__":
    unittest.main()
