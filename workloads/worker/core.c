/* The conversation: docs/worker-protocol.md. */
#include "bd_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
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
	cJSON *steps;
	struct bd_promise promise;
	bool leaks, preparing;
	uint64_t probe_steps, seed;
	struct bd_ints processors, allowed;
	bool gc_told, gc;
	double switch_interval_s; /* 0: as it is */
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

static double switch_interval_s(void)
{
	bd_auto_py PyObject *sys = PyImport_ImportModule("sys");
	bd_auto_py PyObject *s = sys ? PyObject_CallMethod(sys, "getswitchinterval", NULL) : NULL;
	double interval = s ? PyFloat_AsDouble(s) : -1;
	PyErr_Clear(); /* then it is set once more than it has to be */
	return interval;
}

/* What is the whole process's is as its axes say. Whether it was, or an import or a case had changed it for all. */
static bool settle_process(void)
{
	bool same = true;
	if (bench.switch_interval_s > 0 && fabs(switch_interval_s() / bench.switch_interval_s - 1) > 1e-3) {
		bd_auto_py PyObject *s = PyFloat_FromDouble(bench.switch_interval_s);
		call("sys", "setswitchinterval", s);
		same = false;
	}
	if (bench.gc_told && PyGC_IsEnabled() != bench.gc) {
		(void)(bench.gc ? PyGC_Enable() : PyGC_Disable());
		same = false;
	}
	return same;
}

static void settings(const cJSON *m)
{
	bench.switch_interval_s = (double)int_field(m, "switch_interval_ns", 0) / 1e9;
	const cJSON *gc = field(m, "gc");
	bench.gc_told = cJSON_IsBool(gc);
	bench.gc = cJSON_IsTrue(gc);
	(void)settle_process();
}

static void hello(const cJSON *m)
{
	if (int_field(m, "protocol", 0) != 1)
		bd_wire_fault_nogil("protocol", "this worker speaks protocol 1 only");
	struct bd_worker_ready ready;
	bd_self_report(&ready);
	bd_loaded_remember(ready.objects, ready.objects_len);
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
	if ((getenv("BENCHD_SIDE_PATH") || getenv("BENCHD_SIDE_OBJECT")) && bd_userfile_open(&err) < 0)
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
		if (folder && bd_library_add_cases(folder, &err) < 0)
			bd_wire_fault_nogil("no-such-input", "target: %s", err.message);
	}
	bd_targets_read(field(m, "targets"));
	struct bd_catalogue catalogue;
	bd_library_catalogue(&catalogue);
	bd_targets_describe(&catalogue);
	bd_wire_send_nogil("catalogue", bd_doc_encode(&bd_catalogue_doc, &catalogue));
	bd_doc_done(&bd_catalogue_doc, &catalogue);
}

/* ---- cells ------------------------------------------------------------------------------------------------- */

static void send_answer(struct bd_bench_cell *c, bool last)
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
	a.first_call_ns = c->first_call_ns;
	if (c->team && c->work.desc->notes)
		c->work.desc->notes(&c->work, &a.notes, &a.notes_len);
	if (last || c->verdict.status != BD_CELL_OK) /* all that it printed */
		bd_output_notes(c, &a.notes, &a.notes_len);
	for (size_t i = 0; i < c->notes_len; i++)
		bd_note_add(&a.notes, &a.notes_len, c->notes[i].key, c->notes[i].hint, "%s", c->notes[i].message);
	if (last)
		bd_loaded_since(&a.loaded, &a.loaded_len);
	bd_wire_send_nogil("cell", bd_doc_encode(&bd_worker_cell_doc, &a));
	bd_doc_done(&bd_worker_cell_doc, &a);
}

static void send_cell(struct bd_bench_cell *c)
{
	send_answer(c, false);
}

static bool failed(struct bd_bench_cell *c, enum bd_cell_status status, const struct bd_error *err)
{
	bd_verdict_set(&c->verdict, NULL, status, err);
	return false;
}

int bd_bench_run_team(struct bd_bench_cell *c, const struct bd_batch *batch, struct bd_error *err)
{
	bool reads = bench.leaks && bench.preparing; /* a sample is read as a whole, V6 looks for itself */
	int64_t live = reads ? bd_steps_read(c) : BD_NULL_INT;
	int r = bd_team_run(c->team, batch, err);
	c->ops += bd_team_ops(c->team);
	if (reads)
		bd_steps_add(c, live, bd_steps_read(c), bd_team_ops(c->team));
	return r;
}

bool bd_bench_run(struct bd_bench_cell *c, const struct bd_batch *batch)
{
	struct bd_error err = {0};
	const struct bd_case *desc = c->work.desc;
	if (desc->enter && desc->enter(&c->work, &err) < 0)
		return failed(c, BD_CELL_FAILED, &err);
	bool same = settle_process();
	int r = bd_bench_run_team(c, batch, &err);
	if (!settle_process() || !same)
		bd_check_note(c, "settings-changed", "--axis gc=off and --axis switch_interval=1ms measure with others",
			"something switches the garbage collector, or sets the switch interval: every batch begins with "
			"what its axes say");
	bool ok = r == 0 ? bd_check_batch(c) : failed(c, BD_CELL_FAILED, &err);
	bd_output_take(c);
	return ok;
}

#define SUGGEST_NS 12000000 /* a batch of one thread: 5 to 50 ms, also when the machine's speed doubles or halves */

#define SLOW_NS 200000000

static bool suggest(struct bd_bench_cell *c)
{
	if (bd_team_spent_ns(c->team) > SLOW_NS) { /* the one turn that just was says enough */
		c->iterations = c->work.per_turn;
		return true;
	}
	/* The least per operation, and that more than once: a slow moment, such as a collection of all that the cells before have
	 * made, is no reason for short batches. Where others compete for the processor, those are interrupted less than long ones. */
	double least = 0;
	bool again = false;
	for (uint64_t n = c->work.per_turn;;) {
		struct bd_batch batch = {.iterations = n, .processors = &c->processors, .affinity = c->affinity};
		if (!bd_bench_run(c, &batch))
			return false;
		/* On a busy machine the wall clock also counts whoever took the processor away. */
		const struct bd_lane *lane = &c->team->lanes[0];
		int64_t took = lane->involuntary && !lane->voluntary ? lane->cpu_ns : c->team->wall_ns;
		if (c->work.untimed)
			took = c->team->spent_ns;
		double per = (double)took / (double)n;
		if (took >= SUGGEST_NS / 64)
			least = least > 0 ? BD_MIN(least, per) : per;
		bool enough = least * (double)n >= SUGGEST_NS / 4.0;
		if (!enough || !again) {
			n *= enough ? 1 : 2;
			again = enough;
			continue;
		}
		c->iterations = BD_MAX((int64_t)(SUGGEST_NS / least), 1);
		return true;
	}
}

static bool make_work(struct bd_bench_cell *c)
{
	struct bd_error err = {0};
	struct bd_work *w = &c->work;
	w->desc = bd_library_case(c->case_name);
	if (!w->desc)
		w->desc = bd_targets_case(c->case_name, &err);
	if (!w->desc)
		return failed(c, err.code == -ENOENT ? BD_CELL_UNSUPPORTED : BD_CELL_FAILED, &err);
	w->insist = true;
	w->axes = &c->axes;
	w->gil = bd_self_gil_enabled();
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
	if (!bd_library_counted(w->functions)) /* no call of it reaches the kernel library */
		w->native_calls = 0;
	r = bd_team_new(w, bench.seed + (uint64_t)c->id, &c->team, &err);
	if (r < 0)
		return failed(c, r == -ENOTSUP ? BD_CELL_UNSUPPORTED : BD_CELL_FAILED, &err);
	return true;
}

static bool prepare_cell(struct bd_bench_cell *c)
{
	if (!make_work(c) || !bd_checks_before(c, &bench.promise))
		return false;
	/* even where nothing has to be found out: no cell is timed that has not been seen to work */
	struct bd_batch once = {.iterations = c->work.per_turn, .processors = &c->processors, .affinity = c->affinity};
	if (!bd_bench_run(c, &once))
		return false;
	if (c->team->n == 1)
		c->first_call_ns = c->team->wall_ns / (int64_t)c->work.per_turn;
	if (c->team->n == 1 && !c->iterations && !suggest(c))
		return false;
	return bd_checks_running(c);
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
	c->first_call_ns = BD_NULL_INT;
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
	cJSON_Delete(bench.promise.manifest);
	cJSON_Delete(bench.promise.foreign);
	bench.steps = cJSON_Duplicate(field(m, "steps"), true);
	bench.promise.manifest = cJSON_Duplicate(field(m, "manifest"), true);
	bench.promise.foreign = cJSON_Duplicate(field(m, "foreign"), true);
	bench.leaks = cJSON_IsTrue(field(m, "leaks"));
	bench.probe_steps = (uint64_t)int_field(m, "probe_steps", 0);
	bench.seed = (uint64_t)int_field(m, "seed", 0);
	read_processors(field(m, "processors"), &bench.processors);
	read_processors(field(m, "allowed"), &bench.allowed);
	if (bench.allowed.n)
		bd_affinity_free_nogil(&bench.allowed);
	bd_targets_read(field(m, "targets"));
	if (field(m, "targets"))
		bd_output_hold();
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
	bench.preparing = true;
	for (size_t i = first; i < bench.cells_len; i++) {
		bench.cells[i]->prepared = prepare_cell(bench.cells[i]);
		bench.cells[i]->work.insist = false;
		bd_output_take(bench.cells[i]);
		send_cell(bench.cells[i]);
	}
	bench.preparing = false;
	call("gc", "collect", NULL);
	call("gc", "freeze", NULL);
}

/* ---- batches ----------------------------------------------------------------------------------------------- */

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
		if (!bd_bench_run(c, batch))
			return false;
		if (!s->start_ns)
			s->start_ns = c->team->start_ns;
		bd_sample_add(c->team, s);
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
	uint64_t ops = c->ops;
	int64_t live = bench.leaks ? bd_steps_read(c) : BD_NULL_INT;
	bd_sample_begin(c, bench.probe_steps, s);
	if (c->team->n == 1 && batch.duration_ns) {
		if (!run_stretches(c, batch.duration_ns, &batch, s))
			return false;
	} else {
		if (!bd_bench_run(c, &batch))
			return false;
		s->start_ns = c->team->start_ns;
		bd_sample_add(c->team, s);
	}
	bd_sample_end(c, bench.probe_steps, s);
	if (bench.leaks)
		bd_steps_add(c, live, bd_steps_read(c), c->ops - ops);
	return true;
}

static struct bd_bench_cell *cell_of(const cJSON *m)
{
	int64_t id = int_field(m, "cell", -1);
	for (size_t i = 0; i < bench.cells_len; i++)
		if (bench.cells[i]->id == id)
			return bench.cells[i];
	bd_wire_fault_nogil("protocol", "cell %lld was never prepared", (long long)id);
}

static void batch(const cJSON *m)
{
	struct bd_bench_cell *c = cell_of(m);
	struct bd_worker_sample s;
	bd_doc_init(&bd_worker_sample_doc, &s);
	if (c->verdict.status == BD_CELL_OK && run_sample(c, m, &s))
		bd_wire_send_nogil("sample", bd_doc_encode(&bd_worker_sample_doc, &s));
	else
		send_cell(c);
	bd_doc_done(&bd_worker_sample_doc, &s);
}

/* ---- memory, bye ------------------------------------------------------------------------------------------- */

static bool run_once(struct bd_bench_cell *c, int64_t times)
{
	struct bd_batch batch = {.iterations = c->duration_ns ? 0 : (uint64_t)(BD_MAX(c->iterations, 1) * times),
		.duration_ns = c->duration_ns,
		.processors = &c->processors,
		.affinity = c->affinity};
	return bd_bench_run(c, &batch);
}

static void memory(const cJSON *m)
{
	struct bd_bench_cell *c = field(m, "cell") ? cell_of(m) : NULL;
	struct bd_worker_memory answer;
	bd_doc_init(&bd_worker_memory_doc, &answer);
	if (!c ? bd_memory_of(NULL, NULL, &answer)
	       : (c->verdict.status == BD_CELL_OK && bd_memory_of(c, run_once, &answer)))
		bd_wire_send_nogil("memory", bd_doc_encode(&bd_worker_memory_doc, &answer));
	else
		send_cell(c);
}

/* A result that was not looked at yet. */
static bool settled(struct bd_bench_cell *c)
{
	struct bd_error err = {0};
	const struct bd_case *desc = c->work.desc;
	if (!desc->settle || (desc->enter(&c->work, &err) == 0 && desc->settle(&c->work, &err) == 0))
		return true;
	return bd_check_refused(c, &err);
}

/* The checks again, after the last batch: what was true before it may have been undone in between. */
static void bye(void)
{
	bd_malloc_forget();
	for (size_t i = 0; i < bench.cells_len; i++) {
		struct bd_bench_cell *c = bench.cells[i];
		if (!c->prepared)
			continue;
		if (c->verdict.status == BD_CELL_OK && settled(c))
			bd_checks_after(c, &bench.promise, bench.leaks);
		send_answer(c, true);
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
	bd_output_release();
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
			memory(m);
		else if (bd_streq(type, "bye")) {
			bye();
			leave();
		} else
			bd_wire_fault_nogil("protocol", "unknown message \"%s\"", type);
		cJSON_Delete(m);
	}
}
