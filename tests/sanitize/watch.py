"""Runs one test of a tree that is built with a sanitizer, and fails it for every report that any of its processes wrote:
also those of a daemon whose end nobody looks at, and of a child that a test kills afterwards.

usage: watch.py COMMAND…"""
import os
import shutil
import subprocess
import sys
import tempfile

OPTIONS = {
    # A leak is found at the end of a process; a test that kills its daemon does not see it, one that stops it does.
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    # civetweb, sqlite and curl are not instrumented, and need not be: what they lock with is seen, and what they do in
    # their own memory is not looked at. ignore_noninstrumented_modules stays off: it would also hide races between our
    # callbacks that they call (tests/sanitize/planted.c, race-in-server).
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1:history_size=4:atexit_sleep_ms=0",
}


def main(command):
    folder = tempfile.mkdtemp(prefix="bd-reports-")
    os.chmod(folder, 0o1777)  # a test may start a program as another user
    environment = dict(os.environ)
    for name, options in OPTIONS.items():
        given = environment.get(name)
        environment[name] = f"{options}:{given + ':' if given else ''}log_path={folder}/report"
    try:
        status = subprocess.run(command, env=environment, check=False).returncode
        reports = sorted(os.listdir(folder))
        for name in reports:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                print(f"---- {name} ----\n{file.read()}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if reports:
        print(f"{len(reports)} processes of this test were reported by the sanitizer")
        return 1
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
