/* Which kind of store serves a call, and the checks all kinds share. */
#include "ops.h"

#include <errno.h>

#define LIST_MAX 1000

int bd_store_open(const char *data, struct bd_store **ret, struct bd_error *err)
{
	return bd_store_sqlite_open(data, ret, err);
}

void bd_store_free(struct bd_store **s)
{
	if (*s)
		(*s)->ops->free(*s);
	*s = NULL;
}

int bd_store_recover(struct bd_store *s, struct bd_error *err)
{
	return s->ops->recover(s, err);
}

int bd_store_run_create(struct bd_store *s, const struct bd_run *run, const struct bd_cell *cells, size_t cells_len,
	struct bd_error *err)
{
	return s->ops->run_create(s, run, cells, cells_len, err);
}

int bd_store_run_update(struct bd_store *s, const struct bd_run *run, struct bd_error *err)
{
	return s->ops->run_update(s, run, err);
}

int bd_store_run_get(struct bd_store *s, const char *run_id, struct bd_run *ret, struct bd_error *err)
{
	return s->ops->run_get(s, run_id, ret, err);
}

int bd_store_run_delete(struct bd_store *s, const char *run_id, struct bd_error *err)
{
	return s->ops->run_delete(s, run_id, err);
}

static int limit_check(size_t limit, struct bd_error *err)
{
	if (limit >= 1 && limit <= LIST_MAX)
		return 0;
	return bd_error_set(err, -EINVAL, "bad-value", NULL, "limit is %zu, not 1 to %d", limit, LIST_MAX);
}

int bd_store_runs_list(struct bd_store *s, const struct bd_store_filter *filter, struct bd_run_list *ret,
	struct bd_error *err)
{
	enum bd_run_state state;
	int r = limit_check(filter->limit, err);
	if (r < 0)
		return r;
	if (filter->state && bd_run_state_parse(filter->state, &state) < 0)
		return bd_error_set(err, -EINVAL, "bad-value",
			"queued, running, complete, interrupted, failed or cancelled", "there is no run state '%s'",
			filter->state);
	return s->ops->runs_list(s, filter, ret, err);
}

int bd_store_cell_update(struct bd_store *s, const char *run_id, const struct bd_cell *cell, struct bd_error *err)
{
	return s->ops->cell_update(s, run_id, cell, err);
}

int bd_store_cells_get(struct bd_store *s, const char *run_id, struct bd_cell **ret, size_t *ret_len,
	struct bd_error *err)
{
	return s->ops->cells_get(s, run_id, ret, ret_len, err);
}

int bd_store_round_put(struct bd_store *s, const char *run_id, const struct bd_sample *samples, size_t n,
	struct bd_error *err)
{
	return s->ops->round_put(s, run_id, samples, n, err);
}

int bd_store_samples_each(struct bd_store *s, const char *run_id, int64_t cell, bd_store_sample_fn fn, void *arg,
	struct bd_error *err)
{
	return s->ops->samples_each(s, run_id, cell, fn, arg, err);
}

int bd_store_sync(struct bd_store *s, struct bd_error *err)
{
	return s->ops->sync(s, err);
}

int bd_store_document_put(struct bd_store *s, const char *run_id, const char *json, struct bd_error *err)
{
	return s->ops->document_put(s, run_id, json, err);
}

int bd_store_document_get(struct bd_store *s, const char *run_id, char **ret_json, struct bd_error *err)
{
	return s->ops->document_get(s, run_id, ret_json, err);
}

int bd_store_undocumented(struct bd_store *s, struct bd_strv *ret, struct bd_error *err)
{
	return s->ops->undocumented(s, ret, err);
}

int bd_store_series_list(struct bd_store *s, const struct bd_series_filter *filter, struct bd_series_list *ret,
	struct bd_error *err)
{
	int r = limit_check(filter->limit, err);
	return r < 0 ? r : s->ops->series_list(s, filter, ret, err);
}

int bd_store_series_get(struct bd_store *s, const char *id, struct bd_series *ret, struct bd_error *err)
{
	return s->ops->series_get(s, id, ret, err);
}

int bd_store_points(struct bd_store *s, const struct bd_points_filter *filter, struct bd_points_document *ret,
	struct bd_error *err)
{
	int r = limit_check(filter->limit, err);
	return r < 0 ? r : s->ops->points(s, filter, ret, err);
}

int bd_store_trace_create(struct bd_store *s, const struct bd_trace *trace, struct bd_error *err)
{
	return s->ops->trace_create(s, trace, err);
}

int bd_store_trace_update(struct bd_store *s, const struct bd_trace *trace, struct bd_error *err)
{
	return s->ops->trace_update(s, trace, err);
}

int bd_store_trace_chunk_put(struct bd_store *s, const char *id, const struct bd_trace_chunk *chunk,
	struct bd_error *err)
{
	return s->ops->trace_chunk_put(s, id, chunk, err);
}

int bd_store_trace_chunks_each(struct bd_store *s, const char *id, bd_store_chunk_fn fn, void *arg,
	struct bd_error *err)
{
	return s->ops->trace_chunks_each(s, id, fn, arg, err);
}

int bd_store_trace_document_put(struct bd_store *s, const char *id, const char *json, struct bd_error *err)
{
	return s->ops->trace_document_put(s, id, json, err);
}

int bd_store_trace_document_get(struct bd_store *s, const char *id, char **ret_json, struct bd_error *err)
{
	return s->ops->trace_document_get(s, id, ret_json, err);
}

int bd_store_trace_get(struct bd_store *s, const char *id, struct bd_trace *ret, struct bd_error *err)
{
	return s->ops->trace_get(s, id, ret, err);
}

int bd_store_traces_list(struct bd_store *s, const struct bd_trace_filter *filter, struct bd_trace_list *ret,
	struct bd_error *err)
{
	int r = limit_check(filter->limit, err);
	return r < 0 ? r : s->ops->traces_list(s, filter, ret, err);
}

int bd_store_trace_delete(struct bd_store *s, const char *id, struct bd_error *err)
{
	return s->ops->trace_delete(s, id, err);
}

int bd_store_traces_undocumented(struct bd_store *s, struct bd_strv *ret, struct bd_error *err)
{
	return s->ops->traces_undocumented(s, ret, err);
}
