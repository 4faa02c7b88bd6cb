/* V4: is the GIL really held, or really released, inside native sections?
 *
 * In untimed batches every thread logs when it entered and left the native code. Overlap = time with two or more inside ÷
 * time with one or more, over the stretch that all logs cover; where the GIL is
 * held, over all there is. */
#include "bd_bench.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#define LOG_EVENTS 65536
/* What sections that release must reach; those that hold are at exactly 0. Handing the GIL over takes tens of µs once
 * somebody sleeps, and saturated loops fall into that regime and out of it: 10 µs sections of an honest binding were seen
 * anywhere between 0.17 and 0.95, 100 µs ones above 0.9. */
#define LONG_NS 50000
#define WANTED_LONG 0.5
#define WANTED_SHORT 0.05
/* On a busy machine a thread may get nothing of the duration: it ends when all had at least this, within reason. */
#define CPU_NS 3000000
#define PATIENCE_NS 2000000000
#define ATTEMPTS 3 /* the lower bound only: a processor that was taken away for a moment is no proof of anything */

struct edge {
	int64_t ns;
	int step; /* +1 enters, -1 leaves */
};

static int by_time(const void *pa, const void *pb)
{
	const struct edge *a = pa, *b = pb;
	if (a->ns != b->ns)
		return a->ns < b->ns ? -1 : 1;
	return a->step - b->step; /* who leaves at the very moment another enters did not meet it */
}

/* Over the stretch that all logs cover; over all there is where they share none, or when asked to (`whole`). Of many
 * threads some may never get the GIL in so short a time: those that did say whether it is held. NAN: fewer than two. */
static double overlap(const struct bd_team *team, struct bd_kernel_event **logs, bool whole)
{
	int64_t from = INT64_MIN, to = INT64_MAX;
	size_t n = 0;
	unsigned entered = 0;
	for (unsigned i = 0; i < team->n; i++) {
		uint64_t len = team->lanes[i].log_len;
		if (!len)
			continue;
		entered++;
		if (!whole) {
			from = BD_MAX(from, logs[i][0].enter_ns);
			to = BD_MIN(to, logs[i][len - 1].exit_ns);
		}
		n += 2 * len;
	}
	if (entered < 2)
		return NAN;
	if (from >= to) {
		from = INT64_MIN;
		to = INT64_MAX;
	}
	bd_auto_free struct edge *edges = bd_alloc(n * sizeof *edges);
	n = 0;
	for (unsigned i = 0; i < team->n; i++)
		for (uint64_t e = 0; e < team->lanes[i].log_len; e++) {
			edges[n++] = (struct edge){logs[i][e].enter_ns, 1};
			edges[n++] = (struct edge){logs[i][e].exit_ns, -1};
		}
	qsort(edges, n, sizeof *edges, by_time);
	int64_t one = 0, two = 0, last = edges[0].ns;
	int inside = 0;
	for (size_t e = 0; e < n; e++) {
		int64_t a = BD_MAX(last, from), b = BD_MIN(edges[e].ns, to), span = BD_MAX(b - a, 0);
		if (inside >= 1)
			one += span;
		if (inside >= 2)
			two += span;
		inside += edges[e].step;
		last = edges[e].ns;
	}
	return one ? (double)two / (double)one : NAN;
}

static int64_t switch_interval_ns(void)
{
	PyObject *ask = PySys_GetObject("getswitchinterval");
	bd_auto_py PyObject *s = ask ? PyObject_CallNoArgs(ask) : NULL;
	double value = s ? PyFloat_AsDouble(s) : -1;
	if (value <= 0) {
		PyErr_Clear();
		value = 0.005;
	}
	return (int64_t)(value * 1e9);
}

/* One logged batch; false when it failed in itself. */
static bool measure(struct bd_bench_cell *c, int64_t duration_ns)
{
	unsigned n = c->team->n;
	size_t bytes = LOG_EVENTS * sizeof(struct bd_kernel_event);
	/* Mapped for this moment only: what it touches is given back. */
	char *memory = mmap(NULL, n * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		0);
	struct bd_error err = {0};
	if (memory == MAP_FAILED) {
		bd_error_set(&err, -errno, "internal", "", "no memory for the logs of %u threads", n);
		bd_verdict_set(&c->verdict, NULL, BD_CELL_FAILED, &err);
		return false;
	}
	bd_auto_free struct bd_kernel_event **logs = bd_alloc(n * sizeof *logs);
	for (unsigned i = 0; i < n; i++)
		logs[i] = (struct bd_kernel_event *)(memory + i * bytes);
	struct bd_batch batch = {.duration_ns = duration_ns,
		.cpu_ns = BD_MAX(CPU_NS, 3 * c->work.native_ns),
		.patience_ns = PATIENCE_NS,
		.processors = &c->processors,
		.affinity = c->affinity,
		.logs = logs,
		.log_cap = LOG_EVENTS};
	bool ok = true;
	if (bd_bench_run_team(c, &batch, &err) < 0) {
		bd_verdict_set(&c->verdict, NULL, BD_CELL_FAILED, &err);
		ok = false;
	} else {
		ok = bd_check_batch(c);
		c->overlap = overlap(c->team, logs, c->work.overlap == BD_OVERLAP_NONE);
		int64_t cpu = 0, end = c->team->start_ns + c->team->wall_ns;
		for (unsigned i = 0; i < n; i++) {
			cpu += c->team->lanes[i].cpu_ns;
			end = BD_MAX(end, c->team->lanes[i].end_ns);
		}
		c->parallel = (double)cpu / (double)(end - c->team->start_ns);
	}
	munmap(memory, n * bytes);
	return ok;
}

/* Compared with the moment before anything of a cell was loaded: the import that switches the GIL on may be its setup's. */
bool bd_check_gil(struct bd_bench_cell *c)
{
	bool enabled = bd_self_gil_enabled();
#ifndef Py_GIL_DISABLED
	if (!enabled)
		return bd_check_fail(c, "V4", "gil-changed", "", "the GIL is off in a build that has one");
#endif
	if (enabled != bd_self_gil_at_start())
		return bd_check_fail(c, "V4", "gil-changed",
			"an imported extension module does not declare that it can do without (Py_mod_gil)",
			"the GIL was %s when the worker started and is %s now", enabled ? "off" : "on",
			enabled ? "on" : "off");
	return true;
}

bool bd_check_overlap(struct bd_bench_cell *c)
{
	if (c->team->n < 2 || !c->work.native_calls)
		return true;
	/* Every holder must get its turn, which takes a switch interval each. */
	int64_t turns = switch_interval_ns() * (c->work.overlap == BD_OVERLAP_NONE ? c->team->n + 1 : 2);
	int64_t duration = BD_MAX(turns, 10 * c->work.native_ns);
	double wanted = c->work.native_ns >= LONG_NS ? WANTED_LONG : WANTED_SHORT;
	for (int attempt = 0;; attempt++, duration *= 2) {
		if (!measure(c, duration))
			return false;
		bool last = attempt == ATTEMPTS - 1;
		if (isnan(c->overlap)) {
			if (!last)
				continue;
			if (c->work.overlap == BD_OVERLAP_ANY)
				return true;
			return bd_check_fail(c, "V4", "overlap-unproven", "the machine is too busy",
				"fewer than two threads entered the native code");
		}
		if (c->work.overlap == BD_OVERLAP_NONE && c->overlap > 0)
			return bd_check_fail(c, "V4", "gil-not-held", "the binding releases the GIL, or it is off",
				"native sections that hold the GIL overlapped %.3f of the time", c->overlap);
		if (c->work.overlap == BD_OVERLAP_WANTED && c->overlap < wanted) {
			if (!last)
				continue;
			return bd_check_fail(c, "V4", "gil-not-released", "the binding holds the GIL",
				"native sections that release the GIL overlapped only %.3f of the time", c->overlap);
		}
		return true;
	}
}
