"""Runs one file of tests for the dashboard with node's own test runner. Exit 0 all passed, 1 failed, 125 everything
skipped: without node, npm, their packages, a browser, or a dashboard in the build, with the reason."""
import json
import os
import subprocess
import sys

import node

BUILD = os.environ["BENCHD_BUILD"]
REPORTER = os.path.join(node.HERE, "lib", "reporter.mjs")


def main():
    path = sys.argv[1]
    try:
        environment = node.environment(BUILD)
    except node.Missing as missing:
        print(f"SKIPPED web.{os.path.basename(path).split('.')[0]}: {missing}")
        sys.exit(125)
    report = os.path.join(BUILD, "tests", "web", f"{os.path.basename(path)}.{os.getpid()}.json")
    environment["BENCHD_WEB_REPORT"] = report
    done = subprocess.run(["node", "--test-reporter", REPORTER, "--test-reporter-destination", "stdout", path],
                          env=environment, stdin=subprocess.DEVNULL, check=False)
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
