"""nanobind: its own library is compiled into the module, as its documentation says for builds without its CMake files."""
import os


def build(b):
    folder = os.path.dirname(b.run([b.python, "-I", "-c", "import nanobind; print(nanobind.__file__)"]).strip())
    # nanobind's CMake files compile bindings with -Os; here every binding gets the same -O3, or a ratio would compare
    # compilers. The rest is what they choose for a release.
    flags = ["-DNB_COMPACT_ASSERTIONS", "-fno-strict-aliasing", "-fno-stack-protector", "-ffunction-sections",
             "-fdata-sections"]
    if b.free_threaded:
        flags.append("-DNB_FREE_THREADED")
    b.compile("bdb_nanobind", ["bdb_nanobind.cpp", os.path.join(folder, "src", "nb_combined.cpp")], language="c++",
              include=[os.path.join(folder, "include"), os.path.join(folder, "ext", "robin_map", "include")],
              flags=flags, libraries=["-Wl,--gc-sections"])
