/* One launch: its processes from start to end, and the batches between. A worker that dies takes the cell it was busy
 * with along, and no other: a new one is started for the rest. */
#include "run_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define SECOND 1000000000LL
#define START_TIMEOUT_NS (20 * SECOND)
#define END_TIMEOUT_MS 5000
/* What is compared is told apart by batches that follow each other: where the speed of the machine changes within some
 * milliseconds, more and shorter ones than a worker proposes tell more (docs/measurements.md). */
#define SHORTER 4
#define SHORTEST_OPS 100
#define WARM_NS 15000000LL /* a few switch intervals: code is specialised after some ten calls */

static int64_t timeout_ns(const struct run *r, size_t cell)
{
	return (int64_t)(plan_timeout_s(r->plan, &r->plan->cells[cell]) * 1e9);
}

static void fail(struct run *r, size_t cell, const struct bd_error *err)
{
	if (bd_streq(err->key, "timeout")) /* what hung is not taken from the time of the others */
		r->lost_ns += timeout_ns(r, cell);
	run_cell_ended(r, cell, BD_CELL_FAILED, bd_reason_from_error(err));
}

static void fail_all(struct run *r, const struct slot *s, const struct bd_error *err)
{
	for (size_t i = 0; i < s->config->cells_len; i++)
		if (run_active(r, s->config->cells[i]))
			fail(r, s->config->cells[i], err);
}

/* ---- the tracer ---------------------------------------------------------------------------------------------- */

void launch_stop_tracing(struct run *r, const struct bd_error *err)
{
	bd_log(BD_LOG_WARN, "tracing ends: %s", err->message);
	bd_tracer_free(&r->tracer);
	bd_reason_free(r->trace_off);
	r->trace_off = bd_reason_from_error(err);
}

static void attach(struct run *r, struct slot *s)
{
	struct bd_error err;
	s->target = -1;
	if (!r->tracer)
		return;
	const struct bd_worker_ready *ready = bd_worker_ready(s->worker);
	int res = 0;
	if (s->config->side->has_target && bd_streq(s->config->side->target.kind, "command"))
		res = bd_error_set(&err, -ENOTSUP, "not-python", "benchctl trace -- COMMAND",
			"a command is a process of its own, which is not traced");
	else if (ready->free_threaded && !ready->gil_enabled)
		res = bd_error_set(&err, -ENOTSUP, "no-gil", NULL, "Python %s runs without a GIL: nobody waits for it",
			s->config->python->id);
	else
		res = bd_tracer_attach(r->tracer, bd_worker_pid(s->worker), &s->target, &err);
	struct bd_tracer_gil gils[8];
	size_t n = 0;
	if (res == 0)
		res = bd_tracer_gils(r->tracer, s->target, gils, BD_LEN(gils), &n, &err);
	/* The worker knows where its GIL is; a tracer that found another place would see nothing. */
	if (res == 0 && ready->gils_len && (!n || gils[0].address != strtoull(ready->gils[0].address, NULL, 16)))
		res = bd_error_set(&err, -EINVAL, "layout-unknown", NULL,
			"the tracer and the worker disagree where the GIL is");
	if (res == 0)
		return;
	s->target = -1;
	for (size_t i = 0; i < s->config->cells_len; i++) {
		struct bd_cell *c = &r->plan->cells[s->config->cells[i]];
		if (!c->gil_off)
			c->gil_off = bd_reason_from_error(&err);
	}
}

/* 0 with a reading, 1 when this slot is not traced. */
static int read_trace(struct run *r, const struct slot *s, struct bd_tracer_reading *ret)
{
	struct bd_error err;
	if (r->events)
		return events_pause(r, ret);
	if (!r->tracer || s->target < 0)
		return 1;
	if (bd_tracer_read(r->tracer, s->target, ret, &err) == 0)
		return 0;
	launch_stop_tracing(r, &err);
	return 1;
}

static void discard_trace(struct run *r, const struct slot *s)
{
	struct bd_tracer_reading reading = {0};
	if (read_trace(r, s, &reading) == 0)
		bd_tracer_reading_done(&reading);
}

/* ---- processes ------------------------------------------------------------------------------------------------- */

static void stop_worker(struct run *r, struct slot *s)
{
	struct bd_error err;
	if (r->tracer && s->target >= 0 && bd_tracer_detach(r->tracer, s->target, &err) < 0)
		bd_log(BD_LOG_DEBUG, "detach: %s", err.message);
	s->target = -1;
	bd_worker_free(&s->worker);
	for (size_t i = 0; i < s->config->cells_len; i++)
		r->state[s->config->cells[i]].prepared = false;
}

void launch_kill(struct run *r)
{
	for (size_t i = 0; i < r->plan->configs_len; i++)
		stop_worker(r, &r->slots[i]);
}

void launch_spec(struct run *r, const struct config *c, struct bd_map *env, struct bd_worker_spec *ret)
{
	worker_environment(env, c->axes, &r->plan->request.env, r->hash_seed, r->padding);
	side_environment(c->side, env);
	*ret = (struct bd_worker_spec){.env = env,
		.cwd = side_cwd(c->side),
		.log_fd = r->e->config.worker_log_fd,
		.start_timeout_ns = START_TIMEOUT_NS};
	interpreter_start(c->python, c->side->python, ret);
}

static int start_again(struct run *r, struct slot *s)
{
	struct bd_map env = {0};
	struct bd_worker_spec spec;
	struct bd_error err;
	launch_spec(r, s->config, &env, &spec);
	int res = bd_worker_start(r->e->pool, &spec, &s->worker, &err);
	bd_map_done(&env);
	if (res < 0)
		fail_all(r, s, &err);
	return res;
}

static void start_side_by_side(struct run *r)
{
	size_t n = r->plan->configs_len, wanted = 0;
	bd_auto_free struct bd_worker_spec *specs = bd_alloc(n * sizeof *specs);
	bd_auto_free struct bd_map *envs = bd_alloc(n * sizeof *envs);
	bd_auto_free struct bd_worker **workers = bd_alloc(n * sizeof *workers);
	bd_auto_free struct bd_error *errs = bd_alloc(n * sizeof *errs);
	bd_auto_free size_t *which = bd_alloc(n * sizeof *which);
	for (size_t i = 0; i < n; i++) {
		if (!run_live_cells(r, r->slots[i].config))
			continue;
		launch_spec(r, r->slots[i].config, &envs[wanted], &specs[wanted]);
		which[wanted++] = i;
	}
	bd_worker_start_all(r->e->pool, specs, wanted, workers, errs);
	for (size_t k = 0; k < wanted; k++) {
		struct slot *s = &r->slots[which[k]];
		s->worker = workers[k];
		if (s->worker)
			attach(r, s);
		else
			fail_all(r, s, &errs[k]);
		bd_map_done(&envs[k]);
	}
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static cJSON *message(const char *type)
{
	cJSON *m = cJSON_CreateObject();
	cJSON_AddStringToObject(m, "type", type);
	return m;
}

static void add_processors(cJSON *m, const struct run *r, size_t first)
{
	cJSON *list = cJSON_AddArrayToObject(m, "processors");
	for (size_t i = 0; i < r->used; i++)
		cJSON_AddItemToArray(list, cJSON_CreateNumber((double)r->permutation[(i + first) % r->used]));
}

static bool is_type(const cJSON *m, const char *type)
{
	const cJSON *t = cJSON_GetObjectItemCaseSensitive(m, "type");
	return cJSON_IsString(t) && bd_streq(t->valuestring, type);
}

static bool inside(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	return path && strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n]);
}

cJSON *launch_prepare(struct run *r, const size_t *cells, size_t n, const struct config *config)
{
	cJSON *m = message("prepare"), *list = cJSON_AddArrayToObject(m, "cells"),
	      *steps = cJSON_AddObjectToObject(m, "steps");
	for (size_t i = 0; i < n; i++) {
		const struct bd_cell *c = &r->plan->cells[cells[i]];
		cJSON *o = cJSON_CreateObject(), *axes = cJSON_AddObjectToObject(o, "axes");
		cJSON_AddNumberToObject(o, "cell", (double)cells[i]);
		cJSON_AddStringToObject(o, "case", c->case_name);
		for (size_t k = 0; k < c->axes.n; k++)
			cJSON_AddStringToObject(axes, c->axes.v[k].key, c->axes.v[k].value);
		cJSON_AddNumberToObject(o, "threads", (double)bd_axes_threads(&c->axes));
		cJSON_AddStringToObject(o, "affinity", bd_axes_get(&c->axes, "affinity"));
		cJSON_AddNumberToObject(o, "iterations", (double)c->iterations);
		cJSON_AddNumberToObject(o, "duration_ns", (double)c->duration_ns);
		cJSON_AddItemToArray(list, o);
		const char *u = bd_axes_get(&c->axes, WORK_PARAM);
		int64_t ns = 0;
		if (u && !cJSON_GetObjectItemCaseSensitive(steps, u) && bd_duration_parse(u, &ns) == 0)
			cJSON_AddNumberToObject(steps, u, floor((double)ns / r->ns_per_step + 0.5));
	}
	int64_t interval = 0;
	bd_duration_parse(bd_axes_get(config->axes, "switch_interval"), &interval);
	cJSON_AddNumberToObject(m, "switch_interval_ns", (double)interval);
	cJSON_AddBoolToObject(m, "gc", bd_streq(bd_axes_get(config->axes, "gc"), "on"));
	add_processors(m, r, 0);
	cJSON *allowed = cJSON_AddArrayToObject(m,
		"allowed"); /* a worker starts where we are, off the processors used */
	for (size_t i = 0; i < r->processors.n; i++)
		cJSON_AddItemToArray(allowed, cJSON_CreateNumber((double)r->processors.allowed[i]));
	cJSON_AddNumberToObject(m, "probe_steps", (double)r->probe_steps);
	cJSON_AddNumberToObject(m, "seed", (double)(r->plan->seed & 0x7fffffff));
	cJSON *manifest = config->python->manifest ? cJSON_Duplicate(config->python->manifest, true)
						   : cJSON_CreateArray();
	built_promise(config->python, manifest);
	const cJSON *promised;
	cJSON_ArrayForEach(promised, config->side->what.manifest)
		cJSON_AddItemToArray(manifest, cJSON_Duplicate(promised, true));
	cJSON_AddItemToObject(m, "manifest", manifest);
	if (config->side->targets)
		cJSON_AddItemToObject(m, "targets", cJSON_Duplicate(config->side->targets, true));
	/* what lies in the other side's folder was loaded by mistake */
	cJSON *foreign = cJSON_AddArrayToObject(m, "foreign");
	for (size_t i = 0; i < r->plan->sides_len; i++) {
		const struct side *other = &r->plan->sides[i];
		if (other != config->side && other->what.path && !inside(config->side->what.path, other->what.path))
			cJSON_AddItemToArray(foreign, cJSON_CreateString(other->what.path));
	}
	/* finding leaks takes time, and once is enough */
	cJSON_AddBoolToObject(m, "leaks", r->launch == 0);
	return m;
}

static cJSON *objects(const struct bd_worker_object *v, size_t n)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < n; i++) {
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "path", v[i].path ? v[i].path : "");
		if (v[i].build_id)
			cJSON_AddStringToObject(o, "build_id", v[i].build_id);
		else
			cJSON_AddNullToObject(o, "build_id");
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

static bool noted(const cJSON *notes, const char *key)
{
	const cJSON *n;
	cJSON_ArrayForEach(n, notes)
		if (bd_streq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(n, "key")), key))
			return true;
	return false;
}

/* What an answer says beside the verdict: of each kind of note the first one, of the files the first launch's. */
static void keep(struct run *r, size_t cell, const struct bd_worker_cell *w)
{
	cJSON *facts = w->notes_len || w->loaded_len ? run_facts(r, cell) : NULL;
	if (w->loaded_len && !cJSON_GetObjectItemCaseSensitive(facts, "provenance"))
		cJSON_AddItemToObject(facts, "provenance", objects(w->loaded, w->loaded_len));
	for (size_t i = 0; i < w->notes_len; i++) {
		cJSON *notes = cJSON_GetObjectItemCaseSensitive(facts, "notes");
		if (!notes)
			notes = cJSON_AddArrayToObject(facts, "notes");
		if (!noted(notes, w->notes[i].key))
			cJSON_AddItemToArray(notes, bd_doc_encode(&bd_reason_doc, &w->notes[i]));
	}
}

/* A `cell` answer ends the cell unless it is ok. */
static int take_cell(struct run *r, const cJSON *answer, size_t *ret_cell, struct bd_error *err)
{
	struct bd_worker_cell w;
	bd_doc_init(&bd_worker_cell_doc, &w);
	int res = bd_doc_decode(&bd_worker_cell_doc, answer, &w, err);
	if (res < 0)
		return res;
	enum bd_cell_status status = BD_CELL_OK;
	if (w.cell < 0 || w.cell >= (int64_t)r->plan->cells_len || bd_cell_status_parse(w.status, &status) < 0 ||
		(status != BD_CELL_OK && !w.reason)) {
		res = bd_error_set(err, -EPROTO, "protocol", NULL,
			"the worker said '%s' about cell %lld, without a reason we can use", w.status,
			(long long)w.cell);
		bd_doc_done(&bd_worker_cell_doc, &w);
		return res;
	}
	size_t cell = (size_t)w.cell;
	struct bd_cell *c = &r->plan->cells[cell];
	if (status != BD_CELL_OK && run_active(r, cell))
		run_cell_ended(r, cell, status, bd_reason_copy(w.reason)); /* a copy has null where a worker says "" */
	if (!c->duration_ns && c->iterations == 0 && w.iterations > 0)
		c->iterations = BD_MAX(w.iterations / SHORTER, BD_MIN(w.iterations, SHORTEST_OPS));
	if (w.first_call_ns > 0)
		record_first_call(r, cell, w.first_call_ns);
	keep(r, cell, &w);
	r->state[cell].parallel = fmax(r->state[cell].parallel, w.parallel); /* the number, where one of them is NAN */
	if (w.tids.n) {
		free(r->state[cell].tids.v);
		r->state[cell].tids = w.tids;
		w.tids = (struct bd_ints){0};
	}
	bd_doc_done(&bd_worker_cell_doc, &w);
	*ret_cell = cell;
	return 0;
}

/* Sends `prepare` or `bye` (takes it) and collects one `cell` answer for each of cells, which are in the order in which
 * the worker answers. Returns 0, or -EIO when the worker died or ran out of time over one of them: the first that has not
 * answered, which then has failed. */
static int ask_for_cells(struct run *r, struct slot *s, cJSON *ask, const size_t *cells, size_t n)
{
	static const char *const types[] = {"cell", NULL};
	bd_auto_free bool *answered = bd_alloc(n * sizeof *answered);
	size_t first = 0; /* not answered */
	struct bd_error err;
	int res = bd_worker_send(s->worker, ask, &err);
	while (res == 0 && first < n) {
		bd_auto_json cJSON *answer = NULL;
		size_t cell = 0, i = 0;
		res = bd_worker_receive(s->worker, types,
			timeout_ns(r, cells[first]) + 20 * r->plan->cells[cells[first]].duration_ns, r->e->cancel_fd,
			&answer, &err);
		if (res == 0)
			res = take_cell(r, answer, &cell, &err);
		while (res == 0 && i < n && cells[i] != cell)
			i++;
		if (res == 0 && (i == n || answered[i]))
			res = bd_error_set(&err, -EPROTO, "protocol", NULL,
				"the worker spoke of cell %zu, which was not asked for", cell);
		if (res == 0)
			answered[i] = true;
		while (first < n && answered[first])
			first++;
	}
	cJSON_Delete(ask);
	if (res == 0)
		return 0;
	if (!bd_streq(err.key, "cancelled") && run_active(r, cells[first]))
		fail(r, cells[first], &err);
	return -EIO;
}

static size_t live_cells_shuffled(struct run *r, const struct slot *s, size_t *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < s->config->cells_len; i++)
		if (run_active(r, s->config->cells[i]))
			ret[n++] = s->config->cells[i];
	bd_rng_shuffle(&r->rng, ret, n);
	return n;
}

/* ---- batches ------------------------------------------------------------------------------------------------------- */

/* One timed stretch. 0 = answered (also when the answer ended the cell); -ECANCELED; -EIO = the worker is gone and the
 * cell failed. record: a sample to keep; else it only warms up. */
static int batch(struct run *r, struct slot *s, size_t cell, bool record, enum bd_sample_kind kind,
	size_t first_processor)
{
	static const char *const types[] = {"sample", "cell", NULL};
	const struct bd_cell *c = &r->plan->cells[cell];
	cJSON *ask = message(record ? "batch" : "warm");
	int64_t expected = c->duration_ns ? (record ? c->duration_ns : BD_MIN(c->duration_ns, WARM_NS))
					  : TARGET_BATCH_NS;
	cJSON_AddNumberToObject(ask, "cell", (double)cell);
	if (c->duration_ns)
		cJSON_AddNumberToObject(ask, "duration_ns", (double)expected);
	else
		cJSON_AddNumberToObject(ask, "iterations", (double)c->iterations);
	add_processors(ask, r, first_processor);
	struct bd_error err;
	bd_auto_json cJSON *answer = NULL;
	gap_close(r->e, r->spare);
	if (record && kind != BD_SAMPLE_UNTRACED)
		events_resume(r, s, cell);
	int res = bd_worker_send(s->worker, ask, &err);
	if (res == 0)
		res = bd_worker_receive(s->worker, types, timeout_ns(r, cell) + 20 * expected, r->e->cancel_fd, &answer,
			&err);
	gap_open(r->e, expected);
	cJSON_Delete(ask);
	if (res < 0 && bd_streq(err.key, "cancelled"))
		return -ECANCELED;
	if (res == 0 && !record && is_type(answer, "sample") && !c->duration_ns) {
		const cJSON *wall = cJSON_GetObjectItemCaseSensitive(answer, "wall_ns");
		if (cJSON_IsNumber(wall) && r->state[cell].batch_s <= 0)
			r->state[cell].batch_s = wall->valuedouble / 1e9;
	}
	if (res == 0 && is_type(answer, "cell")) {
		size_t which;
		res = take_cell(r, answer, &which, &err);
		discard_trace(r, s); /* what was seen of this batch is not the next one's */
	} else if (res == 0 && record) {
		struct bd_tracer_reading reading = {0};
		bool traced = kind != BD_SAMPLE_UNTRACED && read_trace(r, s, &reading) == 0;
		res = record_sample(r, cell, kind, answer, traced ? &reading : NULL, &err);
		bd_tracer_reading_done(&reading);
	}
	if (res == 0)
		return 0;
	discard_trace(r, s);
	fail(r, cell, &err);
	stop_worker(r, s);
	return -EIO;
}

/* Brings the slot to where every live cell of it is prepared and warm. */
static void slot_up(struct run *r, struct slot *s)
{
	bd_auto_free size_t *cells = bd_alloc(s->config->cells_len * sizeof *cells);
	while (!run_over(r)) {
		size_t n = live_cells_shuffled(r, s, cells);
		if (!n) {
			stop_worker(r, s);
			return;
		}
		if (!s->worker) {
			if (start_again(r, s) < 0)
				return;
			attach(r, s);
		}
		if (ask_for_cells(r, s, launch_prepare(r, cells, n, s->config), cells, n) < 0) {
			stop_worker(r, s);
			continue;
		}
		memcpy(s->order, cells, n * sizeof *cells);
		s->order_len = n;
		size_t i = 0;
		for (; i < n && !run_over(r); i++) {
			r->state[cells[i]].prepared = run_active(r, cells[i]);
			if (run_active(r, cells[i]) && batch(r, s, cells[i], false, BD_SAMPLE_MAIN, 0) < 0)
				break;
			run_progress(r, false);
		}
		if (i == n) {
			discard_trace(r, s);
			return;
		}
	}
}

void launch_start(struct run *r)
{
	start_side_by_side(r);
	for (size_t i = 0; i < r->plan->configs_len && !run_over(r); i++) {
		if (r->slots[i].worker)
			slot_up(r, &r->slots[i]);
		run_progress(r, false);
	}
}

static struct slot *slot_of(struct run *r, size_t cell)
{
	for (size_t i = 0; i < r->plan->configs_len; i++)
		for (size_t k = 0; k < r->slots[i].config->cells_len; k++)
			if (r->slots[i].config->cells[k] == cell)
				return &r->slots[i];
	return NULL;
}

/* At level events an untraced batch stands beside each traced one, before or after it. */
static int main_batch(struct run *r, struct slot *s, size_t cell)
{
	bool pair = r->events && r->tracer && s->target >= 0, after = pair && bd_rng_below(&r->rng, 2);
	int res = 0;
	if (pair && !after)
		res = batch(r, s, cell, true, BD_SAMPLE_UNTRACED, 0);
	if (res == 0 && run_active(r, cell))
		res = batch(r, s, cell, true, BD_SAMPLE_MAIN, 0);
	if (res == 0 && after && run_active(r, cell))
		res = batch(r, s, cell, true, BD_SAMPLE_UNTRACED, 0);
	return res;
}

static void one_cell(struct run *r, struct slot *s, size_t cell)
{
	int res = main_batch(r, s, cell);
	/* The reference of `scaling` is the one-thread cell on each processor of the set, in the same round. */
	for (size_t p = 1; res == 0 && p < r->used && r->state[cell].scaling_reference && run_active(r, cell); p++)
		res = batch(r, s, cell, true, BD_SAMPLE_SCALING, p);
	if (res == -EIO) {
		int64_t before = bd_clock_mono_ns();
		slot_up(r, s);
		int64_t spent = bd_clock_mono_ns() - before;
		r->setup_ns += spent;
		r->measure_ns -= spent;
	}
}

void launch_round(struct run *r)
{
	bd_auto_free size_t *order = bd_alloc(r->plan->cells_len * sizeof *order);
	size_t n = order_round(r, order);
	r->cells_done = 0;
	r->cells_in_round = (int64_t)n;
	for (size_t i = 0; i < n && !run_over(r) && !run_overdue(r); i++) {
		struct slot *s = slot_of(r, order[i]);
		if (s && s->worker && run_active(r, order[i]) && r->state[order[i]].prepared)
			one_cell(r, s, order[i]);
		r->cells_done++;
		run_progress(r, false);
	}
}

/* teardown() of users' cases comes after the answers. */
void launch_let_end(const struct bd_worker *w)
{
	struct pollfd p = {.fd = bd_worker_pidfd(w), .events = POLLIN};
	poll(&p, 1, END_TIMEOUT_MS);
}

void launch_end(struct run *r)
{
	for (size_t i = 0; i < r->plan->configs_len; i++) {
		struct slot *s = &r->slots[i];
		bd_auto_free size_t *cells = bd_alloc(s->config->cells_len * sizeof *cells);
		size_t n = 0;
		for (size_t k = 0; k < s->order_len; k++)
			if (r->state[s->order[k]].prepared)
				cells[n++] = s->order[k];
		if (s->worker && n && !run_over(r) && ask_for_cells(r, s, message("bye"), cells, n) == 0)
			launch_let_end(s->worker);
		stop_worker(r, s);
	}
}
