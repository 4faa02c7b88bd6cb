"""What the dashboard's tests and figures run in: node, a browser, and the packages of package-lock.json, which are installed
into the build tree, once for each content of the lock file."""
import fcntl
import hashlib
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
BROWSERS = ("chromium", "google-chrome")
OLDEST_NODE = 18


class Missing(Exception):
    """Why nothing can be run in a browser here."""


def runs(command):
    """What `command --version` says, or nothing: a wrapper may exist and lead nowhere."""
    try:
        done = subprocess.run([command, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def browser():
    for name in BROWSERS:
        path = shutil.which(name)
        if path and runs(path):
            return path
    raise Missing(f"no browser ({' or '.join(BROWSERS)})")


def packages(place):
    """The folder with node_modules, in `place`."""
    digest = hashlib.sha256()
    for name in ("package.json", "package-lock.json"):
        with open(os.path.join(HERE, name), "rb") as file:
            digest.update(file.read())
    folder = os.path.join(place, "packages")
    os.makedirs(folder, exist_ok=True)
    stamp = os.path.join(folder, "installed")
    with open(os.path.join(place, "packages.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests of several files begin at once
        try:
            with open(stamp, encoding="utf-8") as file:
                if file.read() == digest.hexdigest():
                    return folder
        except FileNotFoundError:
            pass
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, name), folder)
        done = subprocess.run(["npm", "ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if "error" in line.lower()] or done.stdout.splitlines()
            raise Missing(f"npm ci failed: {lines[0] if lines else done.returncode}")
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(digest.hexdigest())
    return folder


def dashboard_is_off(build):
    """Why this build has no dashboard; the configure step wrote the reason down."""
    try:
        with open(os.path.join(build, "share", "benchd", "off.txt"), encoding="utf-8") as file:
            return next((line.strip() for line in file if line.startswith("dashboard")), None)
    except FileNotFoundError:
        return None


def environment(build):
    """Of a node that drives the browser; raises Missing."""
    node = runs("node")
    if not node:
        raise Missing("no node")
    if int(node.lstrip("v").split(".")[0]) < OLDEST_NODE:
        raise Missing(f"node {node} is older than {OLDEST_NODE}")
    if not runs("npm"):
        raise Missing("no npm")
    if reason := dashboard_is_off(build):
        raise Missing(reason)
    place = os.path.join(build, "tests", "web")
    return dict(os.environ, BENCHD_BUILD=build, BENCHD_CHROMIUM=browser(), BENCHD_WEB_MODULES=packages(place),
                BENCHD_WEB_DATA=os.path.join(place, "data"), NO_COLOR="1", FORCE_COLOR="0")
