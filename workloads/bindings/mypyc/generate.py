"""Makes C of a module: generate.py MODULE.py FOLDER prints {sources, include, flags}, as mypyc's own build would have them."""
import contextlib
import json
import sys

from mypyc.build import mypycify

with contextlib.redirect_stdout(sys.stderr):
    [extension] = mypycify([sys.argv[1]], target_dir=sys.argv[2], opt_level="3", strip_asserts=False, verbose=False)
print(json.dumps({"sources": extension.sources, "include": extension.include_dirs, "flags": extension.extra_compile_args}))
