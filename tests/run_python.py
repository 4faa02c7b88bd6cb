"""Runs one unittest file. Exit 0 all passed, 1 failed, 125 everything skipped; skips are counted aloud."""
import importlib.util
import os
import sys
import unittest

path = sys.argv[1]
sys.path.insert(0, os.path.dirname(path))
spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
suite = unittest.defaultTestLoader.loadTestsFromModule(module)
result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout).run(suite)
for test, reason in result.skipped:
    print(f"SKIPPED {test.id()}: {reason}")
if not result.wasSuccessful() or result.testsRun == 0:
    sys.exit(1)
sys.exit(125 if len(result.skipped) == result.testsRun else 0)
