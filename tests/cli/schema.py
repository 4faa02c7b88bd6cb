"""The documents of docs/interfaces.md as checks: names, types and the identities between figures."""
import math

NUMBER = (int, float)
RUN = {"id": str, "suite": str, "state": str, "reason": dict, "started": str, "wall_s": NUMBER, "setup_s": NUMBER,
       "measure_s": NUMBER, "batch_s": NUMBER, "seed": int, "launches": int, "rounds": int, "labels": dict,
       "comparability_key": str, "environment": dict}
CELL = {"id": str, "case": str, "axes": dict, "status": str, "complete": bool, "reason": dict, "samples": int, "iterations": int,
        "u_actual_ns": NUMBER, "cpu_ns_per_op": NUMBER, "ctx_switches_per_op": NUMBER, "fairness": NUMBER, "modes": list,
        "time_ns_per_op": dict, "throughput_ops_s": dict, "latency_ns": dict, "ratio": dict, "scaling": dict, "steady": str,
        "oversubscribed": bool, "gil": dict, "threads": list, "memory": dict}
GIL = {"mode": str, "waits": int, "wait_ns": int, "wait_share": NUMBER, "holder_ns": int, "runqueue_ns": int, "switch_ns": int,
       "mutex_ns": int, "p50_ns": int, "p99_ns": int, "max_ns": int, "lost": int, "blockers": list, "reason": dict}
THREAD = {"index": int, "tid": int, "ops": int, "cpu_ns": int, "wait_ns": int, "waits": int}
REASON = {"check": str, "key": str, "message": str, "hint": str}
STATUSES = {"ok", "unsupported", "invalid", "failed", "interrupted"}
STATES = {"queued", "running", "complete", "interrupted", "failed", "cancelled"}


def fields(test, where, value, names):
    for name, kind in names.items():
        test.assertIn(name, value, where)
        test.assertTrue(value[name] is None or isinstance(value[name], kind), f"{where}.{name} is {value[name]!r}")


def close(test, where, a, b, part=1e-6):
    test.assertTrue(math.isclose(a, b, rel_tol=part, abs_tol=1e-9), f"{where}: {a} and {b}")


def check_cell(test, c):
    where = c["id"]
    fields(test, where, c, CELL)
    test.assertIn(c["status"], STATUSES)
    test.assertTrue(where.startswith(c["case"] + "/"), where)
    threads = c["axes"]["threads"]
    test.assertIsInstance(threads, int)
    if c["status"] != "ok":
        fields(test, where + ".reason", c["reason"], REASON)
        test.assertTrue(c["reason"]["key"] and c["reason"]["message"], where)
    if c["status"] not in ("ok", "interrupted"):
        test.assertIsNone(c["time_ns_per_op"], where)
    if not c["time_ns_per_op"]:
        return
    time, through = c["time_ns_per_op"], c["throughput_ops_s"]
    close(test, where + " time and throughput", time["median"] * through["median"], threads * 1e9, 0.05)
    for part in (time, through, c["ratio"], c["scaling"]):
        if part and part["lo"] is not None:
            test.assertLessEqual(part["lo"], part["hi"], where)
    test.assertGreater(c["iterations"], 0)
    test.assertEqual([t["index"] for t in c["threads"]], list(range(threads)), where)
    for t in c["threads"]:
        fields(test, where + ".threads", t, THREAD)
    test.assertEqual(sum(t["ops"] for t in c["threads"]), c["iterations"], where)
    fields(test, where + ".gil", c["gil"], GIL)
    if c["gil"]["mode"] == "off":
        fields(test, where + ".gil.reason", c["gil"]["reason"], REASON)
    else:
        test.assertEqual(sum(t["waits"] for t in c["threads"]), c["gil"]["waits"], where)
        for b in c["gil"]["blockers"]:
            test.assertTrue(0 <= b["waiter"] < threads and -1 <= b["holder"] < threads, where)


def check_run(test, doc):
    test.assertEqual(doc["schema"], "benchd.run.v1")
    fields(test, "run", doc["run"], RUN)
    test.assertIn(doc["run"]["state"], STATES)
    test.assertRegex(doc["run"]["id"], r"^[0-9A-HJKMNP-TV-Z]{26}\Z")
    if doc["run"]["state"] == "complete":
        test.assertRegex(doc["run"]["started"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
        test.assertLessEqual(doc["run"]["batch_s"], doc["run"]["measure_s"])
        test.assertLessEqual(doc["run"]["measure_s"] + doc["run"]["setup_s"], doc["run"]["wall_s"] * 1.001)
    test.assertEqual(len({c["id"] for c in doc["cells"]}), len(doc["cells"]), "ids are unique")
    for c in doc["cells"]:
        check_cell(test, c)
