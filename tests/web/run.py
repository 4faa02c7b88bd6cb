"""Runs one file of tests for the dashboard with node's own test runner. Exit 0 all passed, 1 failed, 125 everything
skipped: without node, npm, their packages, a browser, or a dashboard in the build, with the reason.

The packages of package-lock.json are installed into the build tree, once for each content of the lock file."""
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["BENCHD_BUILD"]
PLACE = os.path.join(BUILD, "tests", "web")
BROWSERS = ("chromium", "google-chrome")
OLDEST_NODE = 18


def skip(reason):
    print(f"SKIPPED web: {reason}")
    sys.exit(125)


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
    return skip(f"no browser ({' or '.join(BROWSERS)})")


def packages():
    """The folder with node_modules."""
    digest = hashlib.sha256()
    for name in ("package.json", "package-lock.json"):
        with open(os.path.join(HERE, name), "rb") as file:
            digest.update(file.read())
    folder = os.path.join(PLACE, "packages")
    os.makedirs(folder, exist_ok=True)
    stamp = os.path.join(folder, "installed")
    with open(os.path.join(PLACE, "packages.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests of several files begin at once
        try:
            with open(stamp, encoding="utf-8") as file:
                if file.read() == digest.hexdigest():
                    return folder
        except FileNotFoundError:
            pass
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, name), folder)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if "error" in line.lower()] or done.stdout.splitlines()
            skip(f"npm ci failed: {lines[0] if lines else done.returncode}")
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(digest.hexdigest())
    return folder


def dashboard_is_off():
    """Why this build has no dashboard; the configure step wrote the reason down."""
    try:
        with open(os.path.join(BUILD, "share", "benchd", "off.txt"), encoding="utf-8") as file:
            return next((line.strip() for line in file if line.startswith("dashboard")), None)
    except FileNotFoundError:
        return None


def main():
    node = runs("node")
    if not node:
        skip("no node")
    if int(node.lstrip("v").split(".")[0]) < OLDEST_NODE:
        skip(f"node {node} is older than {OLDEST_NODE}")
    if not runs("npm"):
        skip("no npm")
    if reason := dashboard_is_off():
        skip(reason)
    report = os.path.join(PLACE, f"{os.path.basename(sys.argv[1])}.{os.getpid()}.json")
    environment = dict(os.environ, BENCHD_CHROMIUM=browser(), BENCHD_WEB_MODULES=packages(),
                       BENCHD_WEB_DATA=os.path.join(PLACE, "data"), BENCHD_WEB_REPORT=report, NO_COLOR="1", FORCE_COLOR="0")
    done = subprocess.run(["node", "--test-reporter", os.path.join(HERE, "lib", "reporter.mjs"), "--test-reporter-destination",
                           "stdout", sys.argv[1]], env=environment, stdin=subprocess.DEVNULL, check=False)
    try:
        with open(report, encoding="utf-8") as file:
            count = json.load(file)
        os.unlink(report)
    except (FileNotFoundError, ValueError):
        print("node ended without a report")
        sys.exit(1)
    if done.returncode != 0 or count["failed"] or not count["passed"] + count["skipped"]:
        sys.exit(1)
    sys.exit(0 if count["passed"] else 125)


main()
