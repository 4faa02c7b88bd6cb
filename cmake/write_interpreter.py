"""Writes interpreter.json: what configure found out about an interpreter, and the build-ids of what was built for it.

usage: write_interpreter.py OUT FOUND ID HOST(embedded|exe) DEFAULT(0|1) FILE…

FILE…: the host first. Paths of ours are relative to OUT's folder: in the manifest all are, in program and args those that
begin with a dot."""
import json
import os
import struct
import sys


def build_id(path):
    """Hex build-id of a little-endian 64-bit ELF file, or None."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:6] != b"\x7fELF\x02\x01":
        return None
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for i in range(count):
        kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", data, offset + i * size)
        end = at + length
        while kind == 4 and at + 12 <= end:  # PT_NOTE
            name_len, desc_len, note = struct.unpack_from("<III", data, at)
            name = at + 12
            desc = name + (name_len + 3 & ~3)
            if note == 3 and data[name:name + 4] == b"GNU\0":
                return data[desc:desc + desc_len].hex()
            at = desc + (desc_len + 3 & ~3)
    return None


def main(out, found, ident, host, default, *files):
    with open(found) as f:
        about = json.load(f)
    folder = os.path.dirname(out)
    manifest = []
    for path in files:
        ident_of = build_id(path)
        if not ident_of:
            sys.exit("%s has no build-id" % path)
        manifest.append({"path": os.path.relpath(path, folder), "build_id": ident_of})
    embedded = host == "embedded"
    module = "./" + os.path.basename(files[0])
    if not embedded and not about["runs_libpython"]:
        about["libpython"] = None  # the executable has a copy of its own
    about_keys = ("executable", "libpython", "version", "abiflags", "free_threaded", "debug", "full_version", "compiler", "flags")
    document = {"id": ident, "default": default == "1", "host": host,
                "program": module if embedded else about["executable"],
                "args": [] if embedded else ["-B", "-P", "./../../python/host_exe.py", module],
                **{key: about[key] for key in about_keys},
                "build_id": build_id(os.path.realpath(about["libpython"] or about["executable"])),
                "bindings": about.get("bindings"),  # how those of our own build were compiled
                "manifest": manifest}
    with open(out + ".new", "w") as f:
        json.dump(document, f, indent=2)
        f.write("\n")
    os.replace(out + ".new", out)


if __name__ == "__main__":
    main(*sys.argv[1:])
