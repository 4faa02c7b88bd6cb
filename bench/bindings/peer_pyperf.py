"""A benchmark as pyperf's users write them: i64_2 of one binding, ten times over. Run by order.py in an environment with pyperf."""
import importlib.util
import os

import pyperf


def hand_on(command, args):
    command += ["--folder", args.folder, "--home", args.home, "--binding", args.binding]


runner = pyperf.Runner(add_cmdline_args=hand_on)
for option in ("--folder", "--home", "--binding"):
    runner.argparser.add_argument(option)
args = runner.parse_args()
spec = importlib.util.spec_from_file_location("benchd_loader", os.path.join(args.home, "python", "loader.py"))
loader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loader)
loader.open_library(args.folder, os.path.join(args.home, "python"), os.path.join(args.home, "libbdkernels.so"))
name, _, variant = args.binding.partition(":")
runner.timeit(args.binding, stmt="\n".join(["k = add(k, 3)"] * 10), setup="k, add = 1, given", inner_loops=10,
              globals={"given": loader.functions(name, variant)["i64_2"]})
