"""Builds the PyO3 modules: the one of this interpreter, and the one of the stable ABI, which is the same for all."""
import fcntl
import os
import re
import shutil

tools = ("cargo", "rustc")

# What a user has in RUSTFLAGS or in a configuration file of Cargo's goes before Cargo.toml; these go before both.
PROFILE = {"OPT_LEVEL": "3", "CODEGEN_UNITS": "1", "LTO": "off", "PANIC": "unwind", "DEBUG_ASSERTIONS": "false", "OVERFLOW_CHECKS": "false"}
OWN = {"CARGO_ENCODED_RUSTFLAGS": "", **{"CARGO_PROFILE_RELEASE_" + name: value for name, value in PROFILE.items()}}


def numbers(text):
    """The version in a text: (1, 85)."""
    return tuple(map(int, re.search(r"(\d+)\.(\d+)", text).groups()))


def unsupported(b):
    needed = re.search(r'^rust-version = "([\d.]+)"', read(os.path.join(b.source, "Cargo.toml")), re.MULTILINE).group(1)
    for tool in tools:
        version = b.run([tool, "--version"], cwd=b.source).split()[1]
        if numbers(version) < numbers(needed):
            return "%s %s is older than %s, which PyO3 needs" % (tool, version, needed)
    return None


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def replace(path, text):
    """Writes a file; one that did not change keeps its time, by which Cargo goes."""
    if not os.path.exists(path) or read(path) != text:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


def copy(b, crate):
    """The sources, to where Cargo may write."""
    wanted = ["Cargo.toml", "build.rs", *(os.path.join("src", f) for f in os.listdir(os.path.join(b.source, "src")))]
    os.makedirs(os.path.join(crate, "src"), exist_ok=True)
    for name in os.listdir(os.path.join(crate, "src")):
        if os.path.join("src", name) not in wanted:
            os.unlink(os.path.join(crate, "src", name))
    for name in wanted:
        replace(os.path.join(crate, name), read(os.path.join(b.source, name)))


def near(b, crate, *arguments):
    """Runs Cargo, with the network only where what is here already does not do."""
    try:
        return b.run([*arguments, "--offline"], cwd=crate)
    except Exception:  # noqa: BLE001 (whatever it was is in the log, and comes again)
        return b.run(arguments, cwd=crate)


def lock(b, crate):
    """Our Cargo.lock, whose packages do not say where from, with the name that this Cargo has for its registry."""
    path = os.path.join(crate, "Cargo.lock")
    source = r'^source = "registry\+.*"$'
    if not os.path.exists(path) or not re.search(source, read(path), re.MULTILINE):
        near(b, crate, "cargo", "generate-lockfile")
    line = re.search(source, read(path), re.MULTILINE).group(0)
    replace(path, re.sub(r"^(?=checksum = )", lambda _: line + "\n", read(os.path.join(b.source, "Cargo.lock")), flags=re.MULTILINE))


def module(b, crate, name, features, environment):
    """One module. Each kind has a folder of its own for what is compiled: the features of PyO3 differ in everything."""
    target = os.path.join(b.shared, "pyo3-target", name)
    b.run(["cargo", "build", "--release", "--locked", "--offline", *features], cwd=crate,
          env={"CARGO_TARGET_DIR": target, "BD_KERNELS": b.kernels, "PYO3_BUILD_EXTENSION_MODULE": "1", **OWN, **environment})
    out = os.path.join(b.out, name + ".so")
    shutil.copyfile(os.path.join(target, "release", "libbdb_pyo3.so"), out + ".new")
    os.chmod(out + ".new", 0o755)
    os.replace(out + ".new", out)


def build(b):
    crate = os.path.join(b.shared, "pyo3")
    os.makedirs(crate, exist_ok=True)
    with open(crate + ".lock", "w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # between Cargo's end and the copy nobody else may build
        copy(b, crate)
        lock(b, crate)
        near(b, crate, "cargo", "fetch", "--locked")
        module(b, crate, "bdb_pyo3", (), {"PYO3_PYTHON": b.python})
        if not b.free_threaded:
            module(b, crate, "bdb_pyo3_abi3", ("--features", "abi3"), {"PYO3_NO_PYTHON": "1"})
    for package, version in re.findall(r'^name = "(\S+)"\nversion = "(\S+)"\nchecksum', read(os.path.join(b.source, "Cargo.lock")),
                                       re.MULTILINE):
        b.versions[package] = version
    for tool in tools:
        b.versions[tool] = b.run([tool, "--version"], cwd=crate).split()[1]
    b.flags = "cargo build --release: opt-level=3, codegen-units=1, lto=off, panic=unwind"
