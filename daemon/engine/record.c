/* What a batch leaves behind: the worker's figures joined with what the tracer saw meanwhile. */
#include "run_internal.h"

#include <errno.h>

#define DAY_NS (INT64_C(86400) * 1000000000)

static int64_t at(const struct bd_ints *v, size_t i)
{
	return i < v->n ? v->v[i] : 0;
}

static int64_t thread_index(const struct bd_ints *tids, int64_t tid)
{
	for (size_t i = 0; i < tids->n; i++)
		if (tids->v[i] == tid)
			return (int64_t)i;
	return -1;
}

static void join_reading(const struct cell_state *state, const struct bd_tracer_reading *reading, struct bd_sample *s)
{
	s->traced = true;
	s->lost = (int64_t)reading->lost;
	for (size_t i = 0; i < reading->threads_len; i++) {
		const struct bd_tracer_thread *t = &reading->threads[i];
		int64_t k = thread_index(&state->tids, t->tid);
		if (k < 0 || (size_t)k >= s->threads_len)
			continue; /* a thread of another cell, or the coordinator */
		struct bd_sample_thread *out = &s->threads[k];
		out->waits = (int64_t)t->waits;
		out->wait_ns = (int64_t)t->wait_ns;
		out->holder_ns = (int64_t)t->holder_ns;
		out->runqueue_ns = (int64_t)t->runqueue_ns;
		out->switch_ns = (int64_t)t->switch_ns;
		out->mutex_ns = (int64_t)t->mutex_ns;
		out->retries = (int64_t)t->retries;
		s->max_wait_ns = BD_MAX(s->max_wait_ns, (int64_t)t->max_ns);
	}
	for (size_t i = 0; i < reading->blocks_len; i++) {
		const struct bd_tracer_block *b = &reading->blocks[i];
		int64_t waiter = thread_index(&state->tids, b->waiter_tid);
		if (waiter >= 0)
			*BD_PUSH(s->blocks, s->blocks_len) = (struct bd_sample_block){.waiter = waiter,
				.holder = b->holder_tid ? thread_index(&state->tids, b->holder_tid) : -1,
				.ns = (int64_t)b->ns,
				.waits = (int64_t)b->waits};
	}
	for (size_t i = 0; i < reading->hist_len; i++)
		*BD_PUSH(s->hist, s->hist_len) = (struct bd_sample_bucket){.bucket = reading->hist[i].bucket,
			.count = reading->hist[i].count};
}

int record_sample(struct run *r, size_t cell, enum bd_sample_kind kind, const cJSON *answer,
	const struct bd_tracer_reading *reading, struct bd_error *err)
{
	struct bd_worker_sample w;
	bd_doc_init(&bd_worker_sample_doc, &w);
	int res = bd_doc_decode(&bd_worker_sample_doc, answer, &w, err);
	if (res < 0)
		return res;
	struct cell_state *state = &r->state[cell];
	/* what cannot be is refused before it is added up */
	bool sense = w.wall_ns > 0 && w.wall_ns <= DAY_NS &&
		(int64_t)w.ops.n == bd_axes_threads(&r->plan->cells[cell].axes) && w.ops.n <= MAX_THREADS;
	int64_t ops = 0;
	for (size_t i = 0; sense && i < w.ops.n; i++) {
		sense = w.ops.v[i] >= 0;
		ops += w.ops.v[i];
	}
	if (!sense || ops == 0) {
		res = bd_error_set(err, -EPROTO, "protocol", NULL,
			"a sample of %lld ops by %zu threads in %lld ns makes no sense", (long long)ops, w.ops.n,
			(long long)w.wall_ns);
		bd_doc_done(&bd_worker_sample_doc, &w);
		return res;
	}
	struct bd_sample *s = BD_PUSH(r->samples, r->samples_len);
	*s = (struct bd_sample){.cell = (int64_t)cell,
		.launch = r->launch,
		.round = r->round,
		.kind = kind,
		.start_ns = w.start_ns,
		.wall_ns = w.wall_ns,
		.probe_ns = {at(&w.probe_ns, 0), at(&w.probe_ns, 1)},
		.minor_faults = w.minor_faults,
		.major_faults = w.major_faults,
		.steal_ticks = w.steal_ticks,
		.throttled = w.throttled};
	for (size_t i = 0; i < w.ops.n; i++)
		*BD_PUSH(s->threads, s->threads_len) = (struct bd_sample_thread){.tid = at(&state->tids, i),
			.ops = w.ops.v[i],
			.straddled = at(&w.straddled, i),
			.overrun_ns = at(&w.overrun_ns, i),
			.cpu_ns = at(&w.thread_cpu_ns, i),
			.processor = at(&w.cpu, i),
			.voluntary = at(&w.voluntary, i),
			.involuntary = at(&w.involuntary, i)};
	if (reading) {
		join_reading(state, reading, s);
		state->traced = true;
		for (size_t i = 0; i < s->threads_len; i++) {
			state->waits += s->threads[i].waits;
			state->traced_ns += (double)(s->wall_ns + s->threads[i].overrun_ns);
		}
	} else if (kind != BD_SAMPLE_UNTRACED) {
		state->untraced = true;
	}
	double wall = (double)w.wall_ns * (double)w.ops.n;
	const struct bd_stats_point point = {.launch = r->launch,
		.round = r->round,
		.value = wall / (double)ops,
		.num = wall,
		.den = (double)ops,
		.left_out = bd_sample_flagged(s)};
	if (kind == BD_SAMPLE_UNTRACED)
		*BD_PUSH(state->beside, state->beside_len) = point;
	if (kind == BD_SAMPLE_MAIN) {
		*BD_PUSH(state->points, state->points_len) = point;
		state->batch_s = (double)w.wall_ns / 1e9;
	}
	r->batch_ns += w.wall_ns;
	r->last_cell = r->plan->cells[cell].id;
	r->last_time_ns_per_op = (double)w.wall_ns * (double)w.ops.n / (double)ops;
	bd_doc_done(&bd_worker_sample_doc, &w);
	return 0;
}

void record_first_call(struct run *r, size_t cell, int64_t ns)
{
	if (r->state[cell].first_calls > r->launch)
		return; /* told again by a later answer, or by the process that took over */
	r->state[cell].first_calls = r->launch + 1;
	struct bd_sample *s = BD_PUSH(r->samples, r->samples_len);
	*s = (struct bd_sample){.cell = (int64_t)cell,
		.launch = r->launch,
		.kind = BD_SAMPLE_FIRST,
		.start_ns = bd_clock_mono_ns(),
		.wall_ns = ns,
		.steal_ticks = BD_NULL_INT,
		.throttled = BD_NULL_INT};
	*BD_PUSH(s->threads, s->threads_len) = (struct bd_sample_thread){.ops = 1};
}

static cJSON *list_of(cJSON *o, const char *name)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(o, name);
	return list ? list : cJSON_AddArrayToObject(o, name);
}

static bool listed(const cJSON *list, const char *key, const char *value)
{
	const cJSON *item;
	cJSON_ArrayForEach(item, list) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(item, key);
		if (cJSON_IsString(v) && bd_streq(v->valuestring, value))
			return true;
	}
	return false;
}

static void add_text(cJSON *o, const char *name, const char *value)
{
	if (value)
		cJSON_AddStringToObject(o, name, value);
	else
		cJSON_AddNullToObject(o, name);
}

static cJSON *interpreter_item(const char *id, const struct bd_worker_ready *ready)
{
	cJSON *o = cJSON_CreateObject();
	add_text(o, "id", id);
	add_text(o, "version", ready->python);
	add_text(o, "abiflags", ready->abiflags);
	add_text(o, "executable", ready->executable);
	add_text(o, "libpython", ready->libpython);
	add_text(o, "compiler", ready->compiler);
	add_text(o, "build_flags", ready->build_flags);
	cJSON_AddBoolToObject(o, "free_threaded", ready->free_threaded);
	cJSON_AddBoolToObject(o, "gil_enabled", ready->gil_enabled);
	cJSON *objects = cJSON_AddArrayToObject(o, "objects");
	for (size_t i = 0; i < ready->objects_len; i++) {
		cJSON *item = cJSON_CreateObject();
		add_text(item, "path", ready->objects[i].path);
		add_text(item, "build_id", ready->objects[i].build_id);
		cJSON_AddItemToArray(objects, item);
	}
	return o;
}

/* V7: what the compiled parts of the bindings are, of those that have a cell. */
static void add_bindings(struct run *r, const char *python, const char *full)
{
	const struct bd_catalogue *catalogue;
	bool owned;
	struct bd_error err;
	size_t len = strcspn(full, ":");
	bd_auto_free char *name = bd_strndup(full, len);
	cJSON *list = list_of(r->row.environment, "bindings");
	const cJSON *item;
	cJSON_ArrayForEach(item, list)
		if (bd_streq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "python")), python) &&
			bd_streq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name")), name))
			return;
	if (catalogue_get(r->e, python, NULL, &catalogue, &owned, &err) < 0)
		return;
	for (size_t i = 0; i < catalogue->bindings_len; i++) {
		const struct bd_binding_info *b = &catalogue->bindings[i];
		if (!b->built || !bd_streq(b->name, name))
			continue;
		cJSON *o = cJSON_Duplicate(b->built, true);
		add_text(o, "python", python);
		add_text(o, "name", name);
		cJSON_AddItemToArray(list, o);
	}
}

void record_environment(struct run *r)
{
	cJSON *env = r->row.environment;
	for (size_t i = 0; i < r->plan->configs_len; i++) {
		const struct config *c = r->slots[i].config;
		if (!r->slots[i].worker)
			continue;
		const struct bd_worker_ready *ready = bd_worker_ready(r->slots[i].worker);
		const char *id = bd_axes_get(c->axes, "python"), *allocator = bd_axes_get(c->axes, "allocator");
		for (size_t k = 0; k < c->cells_len; k++)
			add_bindings(r, id, bd_axes_get(&r->plan->cells[c->cells[k]].axes, "binding"));
		cJSON *interpreters = list_of(env, "interpreters"), *allocators = list_of(env, "allocators");
		/* the objects of the glibc configuration, if there is one: they differ by the preloaded allocator only */
		if (!listed(interpreters, "id", id))
			cJSON_AddItemToArray(interpreters, interpreter_item(id, ready));
		if (!listed(allocators, "name", allocator)) {
			cJSON *item = cJSON_CreateObject();
			const char *path = allocator_path(allocator);
			char build_id[64] = "";
			add_text(item, "name", allocator);
			add_text(item, "version", ready->malloc_version);
			add_text(item, "path", path && path[0] ? path : NULL);
			add_text(item, "build_id",
				path && path[0] && bd_elf_build_id(path, build_id, sizeof build_id) == 0 ? build_id
													 : NULL);
			cJSON_AddItemToArray(allocators, item);
		}
	}
	environment_variables(env, &r->plan->request.env);
	free(r->row.comparability_key);
	r->row.comparability_key = comparability_key(env);
}
