"""Run by a candidate interpreter: prints what it says about itself, as one JSON object. cmake/Interpreters.cmake asks."""
import json
import os
import sys
import sysconfig


def library():
    """The shared libpython this interpreter's own build installed, or None."""
    name = sysconfig.get_config_var("INSTSONAME") or sysconfig.get_config_var("LDLIBRARY") or ""
    if ".so" not in name:
        return None
    places = [sysconfig.get_config_var("LIBDIR"), os.path.join(sys.base_exec_prefix, "lib")]
    multiarch = sysconfig.get_config_var("MULTIARCH")
    if multiarch:
        places += [os.path.join(p, multiarch) for p in places if p and not p.endswith(multiarch)]
    for place in places:
        if place and os.path.exists(os.path.join(place, name)):
            return os.path.join(place, name)
    return None


def loaded():
    """Whether this executable runs a shared libpython; else it has a copy of its own within it."""
    with open("/proc/self/maps") as f:
        return any("/libpython" in line for line in f)


def config(name):
    return sysconfig.get_config_var(name) or ""


# A virtual environment's python is a link to the one that was built; that one has the headers.
executable = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps({
    "executable": executable,
    "realpath": os.path.realpath(executable),
    "implementation": sys.implementation.name,
    "version": "%d.%d.%d" % sys.version_info[:3] + ("" if sys.version_info[3] == "final" else
                                                    sys.version_info[3][0] + str(sys.version_info[4])),
    "hexversion": sys.hexversion,
    "full_version": " ".join(sys.version.split()),
    "abiflags": sys.abiflags,
    "free_threaded": bool(config("Py_GIL_DISABLED")),
    "debug": bool(config("Py_DEBUG")),
    "include": sysconfig.get_path("include"),
    "platinclude": sysconfig.get_path("platinclude"),
    "libpython": library(),
    "runs_libpython": loaded(),
    "compiler": config("CC"),
    "flags": " ".join(config("CFLAGS").split()),
}))
