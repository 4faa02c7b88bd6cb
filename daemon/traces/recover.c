/* Documents of traces whose daemon died, from what it had stored: the entries are added up as they were when they came. */
#include "session.h"

#include <errno.h>

struct batch {
	int32_t cell;
	int64_t start_ns, end_ns;
};

struct recovery {
	struct bd_trace_definitions d;
	struct bd_sums sums, *cells; /* cells: per cell of d */
	size_t cells_len;
	struct batch *batches;
	size_t batches_len;
	int64_t *cell_ns;
	int64_t events, end_ns;
	const struct bd_trace_visitor *visitor;
};

static void recovery_done(struct recovery *r)
{
	for (size_t i = 0; i < r->cells_len; i++)
		bd_sums_done(&r->cells[i]);
	free(r->cells);
	free(r->cell_ns);
	free(r->batches);
	bd_sums_done(&r->sums);
	bd_trace_definitions_done(&r->d);
}

/* ---- the first time: what there is, and when batches were -------------------------------------------------------- */

static int mark(const struct bd_trace_definitions *d, const struct bd_trace_mark *e, void *arg)
{
	(void)d;
	struct recovery *r = arg;
	if (e->cell < 0)
		bd_sums_lost(&r->sums, e->start_ns / 1000000000, e->lost);
	else
		*BD_PUSH(r->batches, r->batches_len) = (struct batch){e->cell, e->start_ns, e->end_ns};
	return 0;
}

static const struct bd_trace_visitor first = {.mark = mark};

static int by_start(const void *a, const void *b)
{
	const struct batch *x = a, *y = b;
	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

static void prepare_cells(struct recovery *r)
{
	r->cells_len = r->d.cells.n;
	r->cells = bd_alloc((r->cells_len + 1) * sizeof *r->cells);
	r->cell_ns = bd_alloc((r->cells_len + 1) * sizeof *r->cell_ns);
	for (size_t i = 0; i < r->batches_len; i++)
		r->cell_ns[r->batches[i].cell] += r->batches[i].end_ns - r->batches[i].start_ns;
	if (r->batches_len)
		qsort(r->batches, r->batches_len, sizeof *r->batches, by_start);
}

/* ---- the second time: sums ----------------------------------------------------------------------------------- */

/* The sums of the batch in which that ended: batches of a run follow one another. */
static struct bd_sums *cell_of(struct recovery *r, int64_t end_ns)
{
	size_t low = 0, high = r->batches_len;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (r->batches[middle].start_ns <= end_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low && r->batches[low - 1].end_ns >= end_ns ? &r->cells[r->batches[low - 1].cell] : NULL;
}

static struct bd_sums *count(struct recovery *r, int64_t end_ns)
{
	r->events++;
	r->end_ns = BD_MAX(r->end_ns, end_ns);
	return cell_of(r, end_ns);
}

static int add_wait(const struct bd_trace_definitions *d, const struct bd_trace_wait *e, void *arg)
{
	(void)d;
	struct recovery *r = arg;
	bd_sums_wait(&r->sums, e, 1);
	struct bd_sums *cell = count(r, e->end_ns);
	if (cell)
		bd_sums_wait(cell, e, 1);
	return 0;
}

static int add_hold(const struct bd_trace_definitions *d, const struct bd_trace_hold *e, void *arg)
{
	struct recovery *r = arg;
	bd_sums_hold(&r->sums, e, d->sample_ns);
	struct bd_sums *cell = count(r, e->end_ns);
	if (cell)
		bd_sums_hold(cell, e, d->sample_ns);
	return 0;
}

static int add_lock(const struct bd_trace_definitions *d, const struct bd_trace_lock *e, void *arg)
{
	struct recovery *r = arg;
	bd_sums_lock(&r->sums, d, e);
	struct bd_sums *cell = count(r, e->end_ns);
	if (cell)
		bd_sums_lock(cell, d, e);
	return 0;
}

static int add_spin(const struct bd_trace_definitions *d, const struct bd_trace_spin *e, void *arg)
{
	(void)d;
	struct recovery *r = arg;
	bd_sums_spin(&r->sums, e);
	struct bd_sums *cell = count(r, e->end_ns);
	if (cell)
		bd_sums_spin(cell, e);
	return 0;
}

static const struct bd_trace_visitor second = {.wait = add_wait, .hold = add_hold, .lock = add_lock, .spin = add_spin};

/* ---- one trace ------------------------------------------------------------------------------------------------ */

/* What cannot be read is left out: the rest is still true. */
static int read_chunk(const struct bd_trace_chunk *chunk, void *arg)
{
	struct recovery *r = arg;
	struct bd_error err = {0};
	if (bd_trace_read_chunk(chunk->data, chunk->bytes, &r->d, r->visitor, r, &err) < 0)
		bd_log(BD_LOG_DEBUG, "%s", err.message);
	return 0;
}

static cJSON *figures_of(const struct recovery *r, const struct bd_trace *row)
{
	int64_t watched_ns = row->end_mono_ns - row->start_mono_ns;
	double seconds = (double)watched_ns / 1e9;
	cJSON *o = cJSON_CreateObject();
	cJSON_AddItemToObject(o, "own_pid",
		r->d.threads_len ? cJSON_CreateNumber((double)r->d.threads[0].pid) : cJSON_CreateNull());
	cJSON_AddStringToObject(o, "level", row->level ? row->level : "events");
	cJSON_AddNumberToObject(o, "seconds", seconds);
	cJSON_AddNumberToObject(o, "start_mono_ns", (double)row->start_mono_ns);
	cJSON_AddNumberToObject(o, "end_mono_ns", (double)row->end_mono_ns);
	cJSON_AddBoolToObject(o, "gil", r->d.gils_len > 0);
	bd_sums_document(&r->sums, &r->d, watched_ns, NULL, o);
	cJSON *cells = cJSON_AddArrayToObject(o, "cells");
	for (size_t i = 0; i < r->cells_len; i++)
		cJSON_AddItemToArray(cells, bd_sums_cell(&r->cells[i], &r->d, r->d.cells.v[i], r->cell_ns[i]));
	cJSON_AddNumberToObject(o, "events", (double)r->events);
	cJSON_AddNumberToObject(o, "events_per_s", seconds > 0 ? round((double)r->events / seconds) : 0);
	cJSON_AddNullToObject(o, "tracer_cpu_s");
	cJSON_AddNullToObject(o, "benchd_cpu_s");
	cJSON_AddFalseToObject(o, "truncated");
	cJSON_AddNumberToObject(o, "bytes", (double)row->bytes);
	cJSON_AddNullToObject(o, "children");
	cJSON_AddNullToObject(o, "execs");
	return o;
}

static int recover(struct bd_traces *t, const char *id, struct bd_error *err)
{
	BD_CLEANUP(bd_trace_done) struct bd_trace row = {0};
	BD_CLEANUP(recovery_done) struct recovery r = {.visitor = &first};
	int n = bd_store_trace_get(t->store, id, &row, err);
	if (n == 0)
		n = bd_store_trace_chunks_each(t->store, id, read_chunk, &r, err);
	if (n < 0)
		return n;
	prepare_cells(&r);
	r.visitor = &second;
	if ((n = bd_store_trace_chunks_each(t->store, id, read_chunk, &r, err)) < 0)
		return n;
	row.end_mono_ns = BD_MAX(row.end_mono_ns, row.start_mono_ns + r.end_ns);
	row.waits = r.sums.sum.waits;
	row.wait_ns = r.sums.sum.wait_ns;
	row.lost = r.sums.lost;
	cJSON *figures = figures_of(&r, &row);
	bd_auto_json cJSON *document = bd_traces_describe(&row, &figures);
	bd_auto_free char *text = bd_json_text(document);
	if ((n = bd_store_trace_update(t->store, &row, err)) < 0)
		return n;
	return bd_store_trace_document_put(t->store, id, text, err);
}

int bd_traces_recover(struct bd_traces *t, struct bd_error *err)
{
	bd_auto_strv struct bd_strv ids = {0};
	int r = bd_store_traces_undocumented(t->store, &ids, err);
	for (size_t i = 0; r == 0 && i < ids.n; i++)
		r = recover(t, ids.v[i], err);
	return r;
}
