"""Documents benchd.trace.v1 for tests of the layout: what a report and the view of a trace can show."""
import copy

SECOND = 1_000_000_000


def thread(tid, name, wait, hold, seconds, waits=0, split=(1, 0, 0, 0), state=None, pid=4242):
    ns = int(wait * SECOND)
    parts = [int(ns * p) for p in split]
    parts[0] += ns - sum(parts)
    return {"pid": pid, "tid": tid, "name": name, "state": state, "hold_ns": int(hold * SECOND), "run_ns": int(hold * SECOND * 1.1),
            "off_ns": int((seconds - hold * 1.1) * SECOND), "wait_ns": ns, "waits": waits, "wait_share": wait / seconds,
            "holder_ns": parts[0], "runqueue_ns": parts[1], "switch_ns": parts[2], "mutex_ns": parts[3], "retries": waits // 7,
            "p50_ns": ns // waits if waits else None, "p99_ns": 3 * ns // waits if waits else None, "max_ns": 7 * ns // waits if waits else None}


def line(role, tid, function, file, number, ns, native=None, **more):
    return {"role": role, "pid": 4242, "tid": tid, "function": function, "file": file, "line": number, "native": native, "ns": int(ns * SECOND),
            **more}


def held(tid, function, file, number, ns, samples, native=None):
    return {**line(None, tid, function, file, number, ns, native), "samples": samples}


def blocker(waiter, holder, ns, waits, interpreter=0):
    return {"pid": 4242, "interpreter": interpreter, "waiter": waiter, "holder": holder, "ns": int(ns * SECOND), "waits": waits}


def document(**over):
    d = {"schema": "benchd.trace.v1", "id": "01JGQX4T8ZB7Q2M5R9V3C6D0EF", "state": "complete", "reason": None,
         "started": "2026-01-02T03:04:05Z", "pid": 4242, "own_pid": 4242, "command": "python3 app.py --port 8000", "python": "3.12.1", "run": None,
         "seconds": 4.0, "start_mono_ns": 81 * SECOND, "end_mono_ns": 85 * SECOND, "level": "events", "gil": True, "gils": [], "threads": [],
         "blockers": [], "lines": [], "held": [], "locks": [], "spins": [], "cells": [], "lost": 0, "losses": [], "unresolved_ns": 0, "waits": 0,
         "wait_ns": 0, "events": 0, "events_per_s": 0.0, "tracer_cpu_s": 0.004, "benchd_cpu_s": 0.006, "truncated": False, "bytes": 180,
         "children": 0, "execs": 0}
    d.update(over)
    for rows in ("blockers", "lines", "held", "locks", "spins"):
        d[rows] = sorted(d[rows], key=lambda row: -row["ns"])
    d["wait_ns"] = sum(t["wait_ns"] for t in d["threads"])
    d["waits"] = sum(t["waits"] for t in d["threads"])
    return d


def gil(interpreter, share, threads, address="0x7f31c04a2e10"):
    sums = {k: sum(t[k] for t in threads) for k in ("waits", "wait_ns", "holder_ns", "runqueue_ns", "switch_ns", "mutex_ns")}
    return {"pid": 4242, "interpreter": interpreter, "address": address, "held_share": share, **sums}


def culprit():
    """Three threads: one holds the GIL in native code at a known line, one waits for it, one hardly does anything."""
    threads = [thread(4242, "python3", 0.0042, 0.031, 4, 21), thread(4243, "culprit", 0.12, 1.98, 4, 9040, (0.1, 0.7, 0.15, 0.05)),
               thread(4244, "victim", 1.80234, 0.12, 4, 9120, (0.993, 0.0068, 0, 0.0002))]
    lines = [line("holder", 4243, "culprit", "/srv/prog.py", 14, 1.788, "spin_end"),
             line("holder", 4243, "culprit", "/srv/prog.py", 15, 0.0021),
             line("holder", 4244, "Session.handle", "/srv/venv/lib/python3.12/site-packages/service/session/handler.py", 1042, 0.0096),
             line("waiter", 4244, "victim", "/srv/prog.py", 22, 1.80234), line("waiter", 4243, "culprit", "/srv/prog.py", 13, 0.12),
             line("waiter", 4242, "wait_for", "/usr/lib/python3.12/threading.py", 1116, 0.0042)]
    return document(threads=threads, gils=[gil(0, 0.532, threads)], lines=lines,
                    blockers=[blocker(4244, 4243, 1.79, 9000), blocker(4243, 4244, 0.0096, 80), blocker(4242, 4243, 0.004, 20),
                              blocker(4243, 4242, 0.0024, 4)],
                    held=[held(4243, "culprit", "/srv/prog.py", 14, 1.96, 1954, "spin_end"), held(4244, "victim", "/srv/prog.py", 22, 0.12, 120),
                          held(4242, "wait_for", "/usr/lib/python3.12/threading.py", 1116, 0.031, 31)],
                    events=74000, events_per_s=18500.0, bytes=197000, tracer_cpu_s=0.071, benchd_cpu_s=0.102, unresolved_ns=2_640_000)


def interpreters():
    """Two interpreters, each with a GIL of its own and two threads."""
    threads = [thread(4242, "python3", 0, 0.001, 2), thread(4250, "a-holds", 0.9, 1.1, 2, 180), thread(4251, "a-waits", 1.0, 0.9, 2, 190),
               thread(4260, "b-holds", 0.2, 1.7, 2, 40), thread(4261, "b-waits", 1.6, 0.3, 2, 300)]
    return document(command=None, seconds=2.0, end_mono_ns=83 * SECOND, threads=threads,
                    gils=[gil(0, 0.0005, threads[:1]), gil(1, 0.999, threads[1:3], "0x7f31c04b0010"), gil(2, 0.998, threads[3:], "0x7f31c04c8010")],
                    blockers=[blocker(4261, 4260, 1.6, 300, 2), blocker(4251, 4250, 1.0, 190, 1), blocker(4250, 4251, 0.9, 180, 1),
                              blocker(4260, 4261, 0.2, 40, 2)],
                    lines=[line("holder", 4260, "work", "/srv/sub.py", 9, 1.6), line("holder", 4250, "work", "/srv/sub.py", 9, 1.0)],
                    held=[held(4260, "work", "/srv/sub.py", 9, 1.7, 1690), held(4250, "work", "/srv/sub.py", 9, 1.1, 1101)])


def free_threaded():
    """No GIL: four threads fight over one dict."""
    threads = [thread(4243 + i, f"fight-{i}", 0.05 * (i + 1), 0, 3, 900 * (i + 1), (0.9, 0.1, 0, 0)) for i in range(4)]
    for t in threads:
        t["hold_ns"] = 0
    return document(python="3.13.5t", command="python3.13t fight.py", gil=False, seconds=3.0, end_mono_ns=84 * SECOND, threads=threads,
                    gils=[gil(0, 0.0, threads[:0])],
                    locks=[{"kind": "critical-section", "type": "dict", "waits": 8800, "ns": 430_000_000, "runqueue_ns": 40_000_000},
                           {"kind": "stop-the-world", "type": None, "waits": 4, "ns": 2_100_000, "runqueue_ns": 0},
                           {"kind": "mutex", "type": "_thread.lock", "waits": 3, "ns": 90_000, "runqueue_ns": 0}],
                    lines=[line("waiter", 4244, "fight", "/srv/fight.py", 11, 0.31), line("waiter", 4246, "fight", "/srv/fight.py", 12, 0.12)],
                    spins=[{**line(None, 4243, "fight", "/srv/fight.py", 11, 1.9), "yields": 301200},
                           {**line(None, 4245, "fight", "/srv/fight.py", 12, 0.71), "yields": 94800}])


def quiet():
    """One thread: nobody waits, and few samples of what it did."""
    return document(threads=[thread(4242, "python3", 0, 0.09, 4)], gils=[gil(0, 0.022, [thread(4242, "python3", 0, 0, 4)])],
                    held=[held(4242, "main", "/srv/one.py", 3, 0.09, 84)])


def troubled():
    """Everything that can qualify a trace; many threads of one name; a line that is not known; somebody else's escape sequences."""
    threads = [thread(5000 + i, "worker" if i else "a\x1b[2Jb", 0.3 - 0.01 * i, 0.1, 4, 40, (0.5, 0.3, 0.1, 0.1)) for i in range(26)]
    blockers = [blocker(5000 + w, 5000 + h, 0.02 - 0.0005 * (w + h), 4) for w in range(15) for h in range(15) if w != h]
    blockers += [blocker(5001, 0, 0.08, 12)]
    lines = [line("holder", 5001 + i, f"handle_{i}", f"/srv/very/long/path/to/a/package/module_{i}.py", 100 + i, 0.2 - 0.01 * i) for i in range(15)]
    lines += [line("waiter", 5001, None, None, None, 0.4), line("waiter", 5002, None, None, None, 0.3, "sqlite3_step"),
              line("waiter", 5003, "Ünïcode.<locals>.<lambda>", "/srv/日本語/プログラム/モジュール.py", 7, 0.2)]
    return document(state="interrupted", threads=threads, gils=[gil(0, 0.61, threads)], blockers=blockers, lines=lines,
                    held=[held(5001, "handle_0", "/srv/very/long/path/to/a/package/module_0.py", 100, 0.2, 60)],
                    reason={"check": None, "key": "interrupted", "message": "benchd was ended while it was traced", "hint": "the stored part is whole"},
                    lost=520, losses=[{"second": 1, "lost": 400}, {"second": 3, "lost": 120}], unresolved_ns=900_000_000, truncated=True,
                    children=2, execs=1, events=400000, events_per_s=100000.0, bytes=268000000, own_pid=17)


def of_run():
    """The trace of a run: cells, and what tracing cost each."""
    d = culprit()
    name = "gil-contention/python=3.12.1/binding=capi:fastcall/gil={}/u=100us/threads=2"
    d.update(pid=None, own_pid=None, command=None, run="01JGQX4T8ZB7Q2M5R9V3C6D0AA",
             cells=[{"id": name.format("hold"), "waits": 2400, "wait_ns": 1_200_000_000, "threads_ns": 2_400_000_000,
                     "cost": {"ratio": 1.012, "lo": 1.004, "hi": 1.021, "rounds": 24}, "lines": d["lines"][:1], "blockers": d["blockers"][:2]},
                    {"id": name.format("hold") + "#second-process", "waits": 2300, "wait_ns": 1_180_000_000, "threads_ns": 2_400_000_000, "cost": None,
                     "lines": [], "blockers": []},
                    {"id": name.format("release"), "waits": 31, "wait_ns": 1_000_000, "threads_ns": 2_400_000_000, "cost": None, "lines": [],
                     "blockers": []}])
    return d


def going():
    """A snapshot, and one of a second before."""
    now, before = culprit(), culprit()
    states = ["off", "holding", "waiting"]
    now.update(state="running")
    for t, state in zip(now["threads"], states):
        t["state"] = state
    before.update(state="running", seconds=3.0, end_mono_ns=84 * SECOND, waits=before["waits"] * 3 // 4, tracer_cpu_s=0.053)
    for t in before["threads"]:
        for k in ("wait_ns", "waits", "hold_ns"):
            t[k] = t[k] * 3 // 4
    return {"document": now, "before": before, "asked_s": 10}


def going_interpreters():
    now = interpreters()
    now["state"] = "running"
    for t in now["threads"]:
        t["state"] = "running"
    return {"document": now, "before": None, "asked_s": None}


def going_free():
    now = free_threaded()
    now["state"] = "running"
    for t in now["threads"]:
        t["state"] = "waiting"
    return {"document": now, "before": None, "asked_s": None}


def traces():
    def row(tail, state, pid, command, seconds, waits, wait_ns, **more):
        return {"id": "01JGQX" + tail, "run": None, "state": state, "reason": None, "pid": pid, "command": command, "python": "3.12.1",
                "level": "events", "started": "2026-01-02T03:04:05Z", "seconds": seconds, "waits": waits, "wait_ns": wait_ns, "lost": 0,
                "bytes": waits * 22, **more}
    return {"next": None, "traces": [
        row("9A5C6D7E8F9G0H1J2K3M", "running", 4242, "python3 app.py --port 8000", None, 120, 4_000_000),
        row("8Z4Q5R6S7T8V9W0X1Y2Z", "complete", 17, "gunicorn: worker [service.wsgi:application] with a long title of its own", 10.0, 91200,
            18_000_000_000, lost=14),
        row("4T8ZB7Q2M5R9V3C6D0EF", "interrupted", None, None, 4.2, 0, 0, run="01JGQX4T8ZB7Q2M5R9V3C6D0AA"),
        row("2B3C4D5E6F7G8H9J0K1M", "failed", 99, "python2.7 old.py", 0.0, 0, 0, python=None)]}


REPORTS = {"culprit": culprit, "interpreters": interpreters, "free-threaded": free_threaded, "quiet": quiet, "troubled": troubled, "run": of_run}
VIEWS = {"culprit": going, "interpreters": going_interpreters, "free-threaded": going_free}


def changed(make, **over):
    d = copy.deepcopy(make())
    d.update(over)
    return d
