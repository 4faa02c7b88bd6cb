"""benchd.json: what is wrong with it is said with file, line and path, before anything is started."""
import json
import os
import unittest

from ctl import BUILD, Case

GOOD = {"$schema": "x", "gate": {"slower": "5%", "metric": "time_ns_per_op", "cells": {"bench.py/*": {"slower": "0%"}}, "ignore": ["*x*"]},
        "suites": {"mine": {"target": "bench/", "axes": {"threads": [1, 2], "allocator": ["glibc"]}, "budget": "20s"}}}
# the document, what the message must contain; LINE is where it stands when printed with indent=1
BROKEN = [
    ({"gates": {}}, [":2: gates: is not known", "did you mean gate?"]),
    ({"gate": {"faster": "5%"}}, [":3: gate.faster: is not known", "there are slower, metric, cells, ignore"]),
    ({"gate": {"slowr": "5%"}}, [":3: gate.slowr", "did you mean slower?"]),
    ({"gate": {"slower": 5}}, [":3: gate.slower: must be a percentage", "for example"]),
    ({"gate": {"slower": "5"}}, [":3: gate.slower: must be a percentage"]),
    ({"gate": {"slower": "-5%"}}, [":3: gate.slower: must be a percentage"]),
    ({"gate": []}, [":2: gate: must be an object"]),
    ([], [":1: ", "must be an object"]),
    ({"gate": {"metric": "time_ns"}}, [":3: gate.metric: there is no metric 'time_ns'", "time_ns_per_op"]),
    ({"gate": {"cells": {"a.b/*": {"slower": "5%"}, "b.c[1]": {"slowr": "2%"}}}}, [':8: gate.cells["b.c[1]"].slowr', "did you mean slower?"]),
    ({"gate": {"cells": {"a.b": {}}}}, [':4: gate.cells["a.b"]: needs a limit']),
    ({"gate": {"cells": {"a.b": "2%"}}}, [':4: gate.cells["a.b"]: must be an object']),
    ({"gate": {"cells": []}}, [":3: gate.cells: must be an object"]),
    ({"gate": {"ignore": "x"}}, [":3: gate.ignore: must be a list"]),
    ({"gate": {"ignore": ["x", 1]}}, [":3: gate.ignore: must be a list of texts"]),
    ({"suites": {"mine": {"traget": "x"}}}, [":4: suites.mine.traget", "did you mean target?"]),
    ({"suites": {"mine": {}}}, [":3: suites.mine: needs a target"]),
    ({"suites": {"mine": {"target": ""}}}, [":4: suites.mine.target: must be a text"]),
    ({"suites": {"mine": {"target": "x", "budget": "soon"}}}, [":5: suites.mine.budget: must be a time"]),
    ({"suites": {"mine": {"target": "x", "axes": {"threads": 1}}}}, [":6: suites.mine.axes.threads: must be a list"]),
    ({"suites": {"mine": {"target": "x", "axes": {"threads": [None]}}}}, [":6: suites.mine.axes.threads: must be a list of texts and numbers"]),
]


class Config(Case):
    def gate(self, *args, status=64, cwd=None, env=None):
        p = self.popen("gate", *args, cwd=cwd, env=env)
        out, err = p.communicate(timeout=60)
        self.assertEqual((p.returncode, out), (status, ""), err)
        return err

    def file(self, *path):
        path = os.path.join(self.data, *path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def test_what_is_wrong_is_said_with_its_line(self):
        path, elsewhere = self.file("broken.json"), {"BENCHD_DATA": self.file("elsewhere")}
        for document, parts in BROKEN:
            with self.subTest(document=document):
                with open(path, "w", encoding="utf-8") as f:
                    json.dump(document, f, indent=1)
                err = self.gate("--config", path, env=elsewhere)
                self.assertTrue(err.startswith(f"benchctl: {path}:"), err)
                self.assertEqual(err.count("\n"), 1)
                for part in parts:
                    self.assertIn(part, err)
        for text, part in (("{", "not valid JSON at line 1, column 2"), ("", "not valid JSON"), ("{}\0{}", "NUL")):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            self.assertIn(part, self.gate("--config", path, env=elsewhere))
        self.assertIn("cannot read", self.gate("--config", path + "x", status=66, env=elsewhere))
        self.assertFalse(os.path.exists(elsewhere["BENCHD_DATA"]), "something was started")

    def test_a_good_one_is_taken(self):
        """It gets as far as to the daemon, which has no run yet."""
        path = self.file("good", "benchd.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(GOOD, f)
        below = self.file("good", "below", "x")
        for args, cwd in ((("--config", path), None), ((), os.path.dirname(path)), ((), os.path.dirname(below))):
            self.assertEqual(self.gate(*args, status=66, cwd=cwd).count("there is no run yet"), 1)
        self.assertIn("no benchd.json here or above", self.gate(status=66, cwd=self.data))

    def test_the_nearest_one_counts(self):
        with open(self.file("up", "benchd.json"), "w", encoding="utf-8") as f:
            f.write("{}")
        inner = self.file("up", "down", "benchd.json")
        with open(inner, "w", encoding="utf-8") as f:
            f.write('{"gate": 1}')
        self.assertIn(inner, self.gate(cwd=os.path.dirname(inner)))

    def test_one_of_somebody_else_is_passed_over(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        path = self.file("theirs", "benchd.json")
        here = os.path.dirname(self.file("theirs", "mine", "x"))
        os.makedirs(here, exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write('{"gate": 1}')
        os.chown(path, 65534, 65534)
        self.assertIn("passed over", self.gate(status=66, cwd=here))
        self.assertIn("gate: must be an object", self.gate("--config", path))
        os.chown(here, 65534, 65534)  # as in a container: all that is there belongs to one other user
        self.assertIn("gate: must be an object", self.gate(cwd=here))

    def test_the_schema_that_is_shipped_knows_the_same_words(self):
        with open(os.path.join(BUILD, "share", "benchd", "benchd.schema.json"), encoding="utf-8") as f:
            schema = json.load(f)
        top = schema["properties"]
        self.assertEqual(set(top), set(GOOD))
        self.assertEqual(set(top["gate"]["properties"]), set(GOOD["gate"]))
        self.assertEqual(set(top["gate"]["properties"]["cells"]["additionalProperties"]["properties"]), {"slower"})
        self.assertEqual(set(top["suites"]["additionalProperties"]["properties"]), set(GOOD["suites"]["mine"]))


if __name__ == "__main__":
    unittest.main()
