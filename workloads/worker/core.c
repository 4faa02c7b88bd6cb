/* The conversation: docs/worker-protocol.md. */
#include "bd_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif

static struct {
	bool greeted, opened;
	struct bd_bench_cell **cells;
	size_t cells_len;
	cJSON *steps, *manifest;
	uint64_t probe_steps, seed;
	struct bd_ints processors, allowed;
} bench;

/* ---- reading requests -------------------------------------------------------------------------------------- */

static const cJSON *field(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

static int64_t int_field(const cJSON *o, const char *name, int64_t fallback)
{
	const cJSON *v = field(o, name);
	if (!v || cJSON_IsNull(v))
		return fallback;
	if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > 9007199254740992.0)
		bd_wire_fault_nogil("protocol", "%s is not an integer from 0 to 2^53", name);
	return (int64_t)v->valuedouble;
}

static const char *string_field(const cJSON *o, const char *name, const char *fallback)
{
	const char *s = cJSON_GetStringValue(field(o, name));
	return s ? s : fallback;
}

static void read_processors(const cJSON *list, struct bd_ints *ret)
{
	free(BD_TAKE_PTR(ret->v));
	ret->n = 0;
	const cJSON *v;
	cJSON_ArrayForEach(v, list) {
		if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble >= 4096)
			bd_wire_fault_nogil("protocol", "a processor is a number below 4096");
		int64_t *p = BD_PUSH(ret->v, ret->n);
		*p = (int64_t)v->valuedouble;
	}
}

static void copy_processors(const struct bd_ints *from, struct bd_ints *to)
{
	free(to->v);
	to->v = bd_alloc(from->n * sizeof *to->v + 1);
	to->n = from->n;
	if (from->n)
		memcpy(to->v, from->v, from->n * sizeof *to->v);
}

/* ---- hello, describe --------------------------------------------------------------------------------------- */

/* Calls module.name(argument or nothing) for its effect; a failure is a fault. */
static void call(const char *module, const char *name, PyObject *argument)
{
	bd_auto_py PyObject *m = PyImport_ImportModule(module);
	bd_auto_py PyObject *f = m ? PyObject_GetAttrString(m, name) : NULL;
	bd_auto_py PyObject *r = f ? PyObject_CallFunctionObjArgs(f, argument, NULL) : NULL;
	if (!r) {
		bd_auto_free char *text = bd_py_error();
		bd_wire_fault_nogil("internal", "%s.%s(): %s", module, name, text);
	}
}

/* What is the whole process's. */
static void settings(const cJSON *m)
{
	int64_t interval = int_field(m, "switch_interval_ns", 0);
	if (interval) {
		bd_auto_py PyObject *s = PyFloat_FromDouble((double)interval / 1e9);
		call("sys", "setswitchinterval", s);
	}
	const cJSON *gc = field(m, "gc");
	if (cJSON_IsBool(gc))
		call("gc", cJSON_IsTrue(gc) ? "enable" : "disable", NULL);
}

static void hello(const cJSON *m)
{
	if (int_field(m, "protocol", 0) != 1)
		bd_wire_fault_nogil("protocol", "this worker speaks protocol 1 only");
	struct bd_worker_ready ready;
	bd_self_report(&ready);
	bd_wire_send_nogil("ready", bd_doc_encode(&bd_worker_ready_doc, &ready));
	bd_doc_done(&bd_worker_ready_doc, &ready);
	bench.greeted = true;
}

static void open_library(void)
{
	if (bench.opened)
		return;
	bench.opened = true;
	struct bd_error err = {0};
	if (bd_library_open(&err) < 0)
		bd_wire_fault_nogil(err.key, "%s", err.message);
	const char *folder = getenv("BENCHD_CASES");
	if (folder && *folder && bd_library_add_cases(folder, &err) < 0)
		bd_wire_fault_nogil(err.key, "BENCHD_CASES: %s", err.message);
}

static void describe(const cJSON *m)
{
	open_library();
	const cJSON *target;
	cJSON_ArrayForEach(target, field(m, "targets")) {
		struct bd_error err = {0};
		const char *folder = cJSON_GetStringValue(target);
		if (!folder || bd_library_add_cases(folder, &err) < 0)
			bd_wire_fault_nogil("no-such-input", "target: %s", folder ? err.message : "not a path");
	}
	struct bd_catalogue catalogue;
	bd_library_catalogue(&catalogue);
	bd_wire_send_nogil("catalogue", bd_doc_encode(&bd_catalogue_doc, &catalogue));
	bd_doc_done(&bd_catalogue_doc, &catalogue);
}

/* ---- cells ------------------------------------------------------------------------------------------------- */

static void send_cell(struct bd_bench_cell *c)
{
	struct bd_worker_cell a;
	bd_doc_init(&bd_worker_cell_doc, &a);
	a.cell = c->id;
	a.status = bd_strdup(bd_cell_status_names[c->verdict.status]);
	if (c->verdict.status != BD_CELL_OK)
		a.reason = bd_reason_new(c->verdict.check, c->verdict.err.key, c->verdict.err.hint, "%s",
			c->verdict.err.message);
	a.iterations = c->iterations;
	for (unsigned i = 0; c->team && i < c->team->n; i++) {
		int64_t *tid = BD_PUSH(a.tids.v, a.tids.n);
		*tid = c->team->lanes[i].tid;
	}
	a.overlap = c->overlap;
	a.parallel = c->parallel;
	bd_wire_send_nogil("cell", bd_doc_encode(&bd_worker_cell_doc, &a));
	bd_doc_done(&bd_worker_cell_doc, &a);
}

static bool failed(struct bd_bench_cell *c, enum bd_cell_status status, const struct bd_error *err)
{
	bd_verdict_set(&c->verdict, NULL, status, err);
	return false;
}

/* One checked batch of the cell; false = its verdict says why. */
static bool run_checked(struct bd_bench_cell *c, const struct bd_batch *batch)
{
	struct bd_error err = {0};
	if (bd_team_run(c->team, batch, &err) < 0)
		return failed(c, BD_CELL_FAILED, &err);
	return bd_check_counter(c) && bd_check_result(c);
}

#define SUGGEST_NS 12000000 /* a batch of one thread: 5 to 50 ms, also when the machine's speed doubles or halves */

static bool suggest(struct bd_bench_cell *c)
{
	for (uint64_t n = c->work.per_turn;; n *= 2) {
		struct bd_batch batch = {.iterations = n, .processors = &c->processors, .affinity = c->affinity};
		if (!run_checked(c, &batch))
			return false;
		/* On a busy machine the wall clock also counts whoever took the processor away. */
		const struct bd_lane *lane = &c->team->lanes[0];
		int64_t took = lane->involuntary && !lane->voluntary ? lane->cpu_ns : c->team->wall_ns;
		if (took < SUGGEST_NS / 4)
			continue;
		double per = (double)took / (double)n;
		c->iterations = BD_MAX((int64_t)(SUGGEST_NS / per), 1);
		return true;
	}
}

static bool make_work(struct bd_bench_cell *c)
{
	struct bd_error err = {0};
	struct bd_work *w = &c->work;
	w->desc = bd_library_case(c->case_name);
	if (!w->desc) {
		bd_error_set(&err, -ENOENT, "unknown-target", "", "this worker has no case %s", c->case_name);
		return failed(c, BD_CELL_UNSUPPORTED, &err);
	}
	w->axes = &c->axes;
	w->per_turn = 1;
	const char *binding = bd_map_get(&c->axes, "binding");
	if (!w->desc->plain) {
		if (bd_library_binding(binding ? binding : "", &w->functions, &err) < 0)
			return failed(c, BD_CELL_UNSUPPORTED, &err);
	}
	const char *u = bd_work_param(w, "u");
	if (u)
		w->steps = (uint64_t)int_field(bench.steps, u, 0);
	if (bench.probe_steps) /* a probe is 50 µs */
		w->native_ns = (int64_t)((double)w->steps * 50e3 / (double)bench.probe_steps);
	int r = w->desc->setup(w, &err);
	if (r < 0)
		return failed(c, r == -ENOTSUP ? BD_CELL_UNSUPPORTED : BD_CELL_FAILED, &err);
	r = bd_team_new(w, bench.seed + (uint64_t)c->id, &c->team, &err);
	if (r < 0)
		return failed(c, r == -ENOTSUP ? BD_CELL_UNSUPPORTED : BD_CELL_FAILED, &err);
	return true;
}

static bool prepare_cell(struct bd_bench_cell *c)
{
	if (!make_work(c) || !bd_check_provenance(c, bench.manifest) || !bd_check_malloc(c))
		return false;
	if (c->team->n == 1 && !c->iterations && !suggest(c))
		return false;
	/* even where nothing had to be found out: no cell is timed that has not been seen to work */
	struct bd_batch once = {.iterations = c->work.per_turn, .processors = &c->processors, .affinity = c->affinity};
	return run_checked(c, &once) && bd_check_overlap(c);
}

static void read_cell(const cJSON *o, struct bd_bench_cell *c)
{
	c->id = int_field(o, "cell", 0);
	c->case_name = bd_strdup(string_field(o, "case", ""));
	c->affinity = bd_strdup(string_field(o, "affinity", "pinned"));
	c->work.threads = (int)BD_MIN(int_field(o, "threads", 1), BD_KERNEL_SLOTS);
	c->iterations = int_field(o, "iterations", 0);
	c->duration_ns = int_field(o, "duration_ns", 0);
	c->overlap = c->parallel = NAN;
	copy_processors(&bench.processors, &c->processors);
	const cJSON *axis;
	cJSON_ArrayForEach(axis, field(o, "axes")) {
		bd_auto_free char *number = cJSON_IsNumber(axis) ? bd_printf("%.12g", axis->valuedouble) : NULL;
		const char *value = number ? number : cJSON_GetStringValue(axis);
		if (!value)
			bd_wire_fault_nogil("protocol", "axis %s of cell %lld has no value", axis->string,
				(long long)c->id);
		bd_map_set(&c->axes, axis->string, value);
	}
	if (c->work.threads < 1)
		bd_wire_fault_nogil("protocol", "cell %lld has no threads", (long long)c->id);
}

static void prepare(const cJSON *m)
{
	open_library();
	settings(m);
	cJSON_Delete(bench.steps);
	cJSON_Delete(bench.manifest);
	bench.steps = cJSON_Duplicate(field(m, "steps"), true);
	bench.manifest = cJSON_Duplicate(field(m, "manifest"), true);
	bench.probe_steps = (uint64_t)int_field(m, "probe_steps", 0);
	bench.seed = (uint64_t)int_field(m, "seed", 0);
	read_processors(field(m, "processors"), &bench.processors);
	read_processors(field(m, "allowed"), &bench.allowed);
	if (bench.allowed.n)
		bd_affinity_free_nogil(&bench.allowed);
	size_t first = bench.cells_len;
	const cJSON *o;
	cJSON_ArrayForEach(o, field(m, "cells")) {
		struct bd_bench_cell **row = BD_PUSH(bench.cells, bench.cells_len);
		*row = bd_alloc(sizeof **row);
		read_cell(o, *row);
	}
	for (size_t i = 0; i < bench.cells_len; i++)
		if ((bench.cells[i]->work.threads == 1) != (bench.cells[0]->work.threads == 1))
			bd_wire_fault_nogil("protocol", "one worker is given cells of one thread and of several");
	for (size_t i = first; i < bench.cells_len; i++) {
		bench.cells[i]->prepared = prepare_cell(bench.cells[i]);
		send_cell(bench.cells[i]);
	}
	call("gc", "collect", NULL);
	call("gc", "freeze", NULL);
}

/* ---- batches ----------------------------------------------------------------------------------------------- */

/* Sum of the steal column over all processors; BD_NULL_INT where it cannot be read. */
static int64_t steal_ticks_nogil(void)
{
	static int fd = -2;
	char text[512];
	if (fd == -2)
		fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
	if (n < 0)
		return BD_NULL_INT;
	text[n] = '\0';
	long long steal;
	return sscanf(text, "cpu %*d %*d %*d %*d %*d %*d %*d %lld", &steal) == 1 ? steal : BD_NULL_INT;
}

/* nr_throttled of our own cgroup (version 2, else 1); BD_NULL_INT where there is none. */
static int64_t throttled_nogil(void)
{
	static int fd = -2;
	char text[1024];
	if (fd == -2) {
		fd = -1;
		bd_auto_free char *self = NULL;
		bd_auto_strv struct bd_strv lines = {0};
		if (bd_file_read("/proc/self/cgroup", 1 << 16, &self, NULL) == 0)
			bd_strv_split(&lines, self, '\n');
		for (size_t i = 0; i < lines.n && fd < 0; i++) {
			const char *path = strrchr(lines.v[i], ':');
			if (!path)
				continue;
			bd_auto_free char *v2 = bd_printf("/sys/fs/cgroup%s/cpu.stat", path + 1);
			bd_auto_free char *v1 = bd_printf("/sys/fs/cgroup/cpu%s/cpu.stat", path + 1);
			if (bd_starts_with(lines.v[i], "0::"))
				fd = open(v2, O_RDONLY | O_CLOEXEC);
			else if (strstr(lines.v[i], "cpu") && !strstr(lines.v[i], "cpuset:"))
				fd = open(v1, O_RDONLY | O_CLOEXEC);
		}
	}
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
	if (n < 0)
		return BD_NULL_INT;
	text[n] = '\0';
	const char *at = strstr(text, "nr_throttled ");
	return at ? atoll(at + strlen("nr_throttled ")) : BD_NULL_INT;
}

static int64_t since(int64_t before, int64_t after)
{
	return before == BD_NULL_INT || after == BD_NULL_INT ? BD_NULL_INT : after - before;
}

static int64_t probe_nogil(const struct bd_ints *processors)
{
	bd_affinity_apply_nogil(processors, "pinned", 0);
	int64_t start = bd_clock_mono_ns();
	bd_kernel_spin(1, bench.probe_steps);
	return bd_clock_mono_ns() - start;
}

static void push(struct bd_ints *list, int64_t value)
{
	int64_t *v = BD_PUSH(list->v, list->n);
	*v = value;
}

static void add_lane(struct bd_ints *list, unsigned i, int64_t value)
{
	if (i < list->n)
		list->v[i] += value;
	else
		push(list, value);
}

static void add_batch(const struct bd_team *team, struct bd_worker_sample *s)
{
	s->wall_ns += team->wall_ns;
	for (unsigned i = 0; i < team->n; i++) {
		const struct bd_lane *l = &team->lanes[i];
		add_lane(&s->ops, i, (int64_t)l->ops);
		add_lane(&s->straddled, i, (int64_t)l->straddled);
		add_lane(&s->overrun_ns, i, l->overrun_ns);
		add_lane(&s->thread_cpu_ns, i, l->cpu_ns);
		add_lane(&s->voluntary, i, l->voluntary);
		add_lane(&s->involuntary, i, l->involuntary);
		if (i >= s->cpu.n)
			push(&s->cpu, l->processor);
		s->minor_faults += l->minor_faults;
		s->major_faults += l->major_faults;
	}
}

/* One thread has nobody to stop it: it fills a duration with stretches of a count, and reads the clock between them. */
static bool run_stretches(struct bd_bench_cell *c, int64_t duration_ns, struct bd_batch *batch,
	struct bd_worker_sample *s)
{
	if (!c->iterations && !suggest(c))
		return false;
	batch->duration_ns = 0;
	while (s->wall_ns < duration_ns) {
		double rest = (double)(duration_ns - s->wall_ns) / SUGGEST_NS;
		batch->iterations = (uint64_t)BD_MAX((double)c->iterations * BD_MIN(rest, 1), 1);
		if (!run_checked(c, batch))
			return false;
		if (!s->start_ns)
			s->start_ns = c->team->start_ns;
		add_batch(c->team, s);
	}
	return true;
}

static bool run_sample(struct bd_bench_cell *c, const cJSON *m, struct bd_worker_sample *s)
{
	const cJSON *list = field(m, "processors");
	if (cJSON_GetArraySize(list) > 0)
		read_processors(list, &c->processors);
	struct bd_batch batch = {.iterations = (uint64_t)int_field(m, "iterations", 0),
		.duration_ns = int_field(m, "duration_ns", 0),
		.processors = &c->processors,
		.affinity = c->affinity};
	if (!batch.iterations == !batch.duration_ns)
		bd_wire_fault_nogil("protocol", "a batch has either iterations or duration_ns");
	s->cell = c->id;
	s->wall_ns = s->start_ns = s->minor_faults = s->major_faults = 0;
	int64_t steal = steal_ticks_nogil(), throttled = throttled_nogil();
	int64_t before = probe_nogil(&c->processors);
	if (c->team->n == 1 && batch.duration_ns) {
		if (!run_stretches(c, batch.duration_ns, &batch, s))
			return false;
	} else {
		if (!run_checked(c, &batch))
			return false;
		s->start_ns = c->team->start_ns;
		add_batch(c->team, s);
	}
	push(&s->probe_ns, before);
	push(&s->probe_ns, probe_nogil(&c->processors));
	s->steal_ticks = since(steal, steal_ticks_nogil());
	s->throttled = since(throttled, throttled_nogil());
	return true;
}

static void batch(const cJSON *m)
{
	int64_t id = int_field(m, "cell", -1);
	struct bd_bench_cell *c = NULL;
	for (size_t i = 0; i < bench.cells_len && !c; i++)
		if (bench.cells[i]->id == id)
			c = bench.cells[i];
	if (!c)
		bd_wire_fault_nogil("protocol", "cell %lld was never prepared", (long long)id);
	struct bd_worker_sample s;
	bd_doc_init(&bd_worker_sample_doc, &s);
	if (c->verdict.status == BD_CELL_OK && run_sample(c, m, &s))
		bd_wire_send_nogil("sample", bd_doc_encode(&bd_worker_sample_doc, &s));
	else
		send_cell(c);
	bd_doc_done(&bd_worker_sample_doc, &s);
}

/* ---- memory, bye ------------------------------------------------------------------------------------------- */

static void memory(void)
{
	bd_auto_free char *status = NULL;
	cJSON *o = cJSON_CreateObject();
	static const char *const keys[][2] = {{"rss_bytes", "VmRSS:"}, {"rss_peak_bytes", "VmHWM:"}};
	bd_file_read("/proc/self/status", 1 << 16, &status, NULL);
	for (size_t i = 0; i < BD_LEN(keys); i++) {
		const char *at = status ? strstr(status, keys[i][1]) : NULL;
		if (at)
			cJSON_AddNumberToObject(o, keys[i][0], (double)atoll(at + strlen(keys[i][1])) * 1024);
		else
			cJSON_AddNullToObject(o, keys[i][0]);
	}
	int64_t live = bd_malloc_live_bytes();
	if (live == BD_NULL_INT)
		cJSON_AddNullToObject(o, "allocator_bytes");
	else
		cJSON_AddNumberToObject(o, "allocator_bytes", (double)live);
	bd_wire_send_nogil("memory", o);
}

/* The checks again, after the last batch: what was true before it may have been undone in between. */
static void bye(void)
{
	bd_malloc_forget();
	for (size_t i = 0; i < bench.cells_len; i++) {
		struct bd_bench_cell *c = bench.cells[i];
		if (!c->prepared)
			continue;
		if (c->verdict.status == BD_CELL_OK && bd_check_provenance(c, bench.manifest) && bd_check_malloc(c))
			bd_check_overlap(c);
		send_cell(c);
	}
	for (size_t i = 0; i < bench.cells_len; i++) {
		struct bd_bench_cell *c = bench.cells[i];
		bd_team_free(&c->team);
		if (c->work.desc && c->work.desc->teardown)
			c->work.desc->teardown(&c->work);
	}
}

/* What a case printed must not be lost; no more of Python is needed, and threads of a case may still be running. */
_Noreturn static void leave(void)
{
	static const char *const streams[] = {"stdout", "stderr"};
	for (size_t i = 0; i < BD_LEN(streams); i++) {
		PyObject *f = PySys_GetObject(streams[i]);
		bd_auto_py PyObject *r = f && f != Py_None ? PyObject_CallMethod(f, "flush", NULL) : NULL;
		if (!r)
			PyErr_Clear();
	}
	fflush(NULL);
	_exit(0);
}

_Noreturn void bd_bench_serve(void)
{
	if (bd_wire_open_nogil() < 0) {
		fprintf(stderr, "bench-worker: started by benchd, which names two descriptors in BENCHD_FDS\n");
		_exit(BD_EXIT_USAGE);
	}
	bd_affinity_save_nogil();
	prctl(PR_SET_PTRACER, -1L, 0, 0,
		0); /* where Yama is, it hides us from the tracer; elsewhere this means nothing */
	for (;;) {
		cJSON *m;
		Py_BEGIN_ALLOW_THREADS m = bd_wire_read_nogil();
		Py_END_ALLOW_THREADS if (!m) _exit(0);
		const char *type = string_field(m, "type", "");
		if (bd_streq(type, "hello"))
			hello(m);
		else if (!bench.greeted)
			bd_wire_fault_nogil("protocol", "\"%s\" before hello", type);
		else if (bd_streq(type, "describe"))
			describe(m);
		else if (bd_streq(type, "prepare"))
			prepare(m);
		else if (bd_streq(type, "warm") || bd_streq(type, "batch"))
			batch(m);
		else if (bd_streq(type, "memory"))
			memory();
		else if (bd_streq(type, "bye")) {
			bye();
			leave();
		} else
			bd_wire_fault_nogil("protocol", "unknown message \"%s\"", type);
		cJSON_Delete(m);
	}
}
