/* Level events in a run: every wait of the traced batches, with the lines of waiter and holder, is stored as the trace of the
 * run. Beside each traced batch stands an untraced one of the same cell, in random order, so that what tracing costs is
 * known of the very cells it was done to. Probes are attached for the traced batches only. */
#include "run_internal.h"

#include "bd_traces.h"

#define MAX_BYTES (INT64_C(256) << 20)

struct events {
	struct bd_book *book;
	struct bd_trace row;
	char id[BD_ULID_LEN];
	bool paused;
};

/* Of all processes, where they are of one interpreter. */
static char *python_of(const struct run *r)
{
	const char *id = r->plan->configs_len ? r->plan->configs[0].python->id : NULL;
	for (size_t i = 1; i < r->plan->configs_len; i++)
		if (!bd_streq(r->plan->configs[i].python->id, id))
			return NULL;
	return bd_strdup(id);
}

/* The trace ends here, the run goes on. */
static void give_up(struct run *r, const struct bd_error *err)
{
	r->events->row.state = BD_RUN_FAILED;
	bd_reason_free(r->events->row.reason);
	r->events->row.reason = bd_reason_from_error(err);
	launch_stop_tracing(r, err);
}

void events_begin(struct run *r)
{
	struct events *e = r->events = bd_alloc(sizeof *e);
	struct bd_error err;
	bd_ulid(e->id);
	int64_t now = bd_clock_mono_ns();
	e->row = (struct bd_trace){.id = bd_strdup(e->id),
		.run_id = bd_strdup(r->job->id),
		.state = BD_RUN_RUNNING,
		.pid = BD_NULL_INT,
		.python = python_of(r),
		.level = bd_strdup("events"),
		.created_ns = bd_clock_real_ns(),
		.start_mono_ns = now,
		.end_mono_ns = now};
	bd_book_new(now, MAX_BYTES, &e->book);
	if (bd_store_trace_create(r->e->store, &e->row, &err) < 0 || bd_tracer_pause(r->tracer, true, &err) < 0)
		give_up(r, &err);
	else
		e->paused = true;
}

int events_resume(struct run *r, const struct slot *s, size_t cell)
{
	struct events *e = r->events;
	struct bd_error err;
	if (!e || !r->tracer || s->target < 0)
		return 1;
	if (bd_tracer_pause(r->tracer, false, &err) < 0 || bd_book_target(e->book, r->tracer, s->target, &err) < 0) {
		give_up(r, &err);
		return 1;
	}
	e->paused = false;
	bd_book_cell_begin(e->book, s->target, r->plan->cells[cell].id, bd_clock_mono_ns());
	return 0;
}

int events_pause(struct run *r, struct bd_tracer_reading *ret)
{
	struct events *e = r->events;
	struct bd_tracer_drained d;
	struct bd_error err;
	if (!e || !r->tracer || e->paused)
		return 1;
	int64_t now = bd_clock_mono_ns();
	int res = bd_tracer_pause(r->tracer, true, &err);
	if (res == 0)
		res = bd_tracer_drain(r->tracer, 0, &d, &err);
	if (res < 0) {
		bd_book_cell_end(e->book, now, ret);
		bd_tracer_reading_done(ret);
		give_up(r, &err);
		return 1;
	}
	e->paused = true;
	bd_book_add(e->book, &d);
	bd_book_cell_end(e->book, now, ret);
	e->row.end_mono_ns = now;
	return 0;
}

void events_store(struct run *r)
{
	struct events *e = r->events;
	struct bd_trace_chunk chunk;
	struct bd_error err;
	if (!e || e->row.state != BD_RUN_RUNNING || !bd_book_chunk(e->book, &chunk))
		return;
	bd_book_sums(e->book, &e->row.waits, &e->row.wait_ns, &e->row.lost, &e->row.bytes);
	if (bd_store_trace_chunk_put(r->e->store, e->id, &chunk, &err) < 0 ||
		bd_store_trace_update(r->e->store, &e->row, &err) < 0)
		give_up(r, &err);
}

/* ---- what it cost ------------------------------------------------------------------------------------------------ */

static cJSON *cost_of(const struct run *r, size_t cell)
{
	const struct cell_state *s = &r->state[cell];
	if (!s->points_len || !s->beside_len)
		return cJSON_CreateNull();
	struct bd_stats_interval i = bd_stats_paired_ratio(s->points, s->points_len, s->beside, s->beside_len,
		1 - BD_STATS_ALPHA);
	cJSON *o = cJSON_CreateObject();
	const struct {
		const char *name;
		double v;
	} figures[] = {{"ratio", i.estimate}, {"lo", i.lo}, {"hi", i.hi}};
	for (size_t k = 0; k < BD_LEN(figures); k++)
		cJSON_AddItemToObject(o, figures[k].name,
			isfinite(figures[k].v) ? cJSON_CreateNumber(figures[k].v) : cJSON_CreateNull());
	cJSON_AddNumberToObject(o, "rounds", (double)s->beside_len);
	return o;
}

static void add_costs(const struct run *r, cJSON *document)
{
	cJSON *cells = cJSON_GetObjectItemCaseSensitive(document, "cells"), *c;
	cJSON_ArrayForEach(c, cells) {
		const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(c, "id"));
		for (size_t i = 0; i < r->plan->cells_len; i++)
			if (bd_streq(id, r->plan->cells[i].id)) {
				cJSON_DeleteItemFromObjectCaseSensitive(c, "cost");
				cJSON_AddItemToObject(c, "cost", cost_of(r, i));
				cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(c, "threads_ns"),
					r->state[i].traced_ns); /* its process has others, of other cells */
			}
	}
}

void events_end(struct run *r)
{
	struct events *e = r->events;
	struct bd_error err;
	if (!e)
		return;
	bd_book_end(e->book, e->row.end_mono_ns);
	events_store(r);
	if (e->row.state == BD_RUN_RUNNING) {
		e->row.state = r->row.state;
		e->row.reason = bd_reason_copy(r->row.reason);
	}
	e->row.finished_ns = bd_clock_real_ns();
	cJSON *figures = bd_book_document(e->book, e->row.end_mono_ns);
	add_costs(r, figures);
	bd_auto_json cJSON *document = bd_traces_describe(&e->row, &figures);
	bd_auto_free char *text = bd_json_text(document);
	/* where there is no room for its document, that it has ended can still be told */
	if (bd_store_trace_document_put(r->e->store, e->id, text, &err) < 0)
		bd_log(BD_LOG_ERROR, "the document of the trace of run %s: %s", r->job->id, err.message);
	if (bd_store_trace_update(r->e->store, &e->row, &err) < 0)
		bd_log(BD_LOG_ERROR, "the trace of run %s: %s", r->job->id, err.message);
}

void events_done(struct run *r)
{
	struct events *e = BD_TAKE_PTR(r->events);
	if (!e)
		return;
	bd_book_free(&e->book);
	bd_trace_done(&e->row);
	free(e);
}
