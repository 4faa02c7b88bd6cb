/* bd_store: where runs, cells and samples live. One interface; sqlite.c is the embedded store.
 *
 * Thread-safe: every call may come from any thread. Durability (docs/interfaces.md section 5): one transaction per
 * bd_store_round_put; kill -9 loses at most the round in flight; bd_store_sync after each launch survives power cuts.
 * Errors: store-full (-ENOSPC), store-failed, store-newer (schema of a newer benchd), not-found (-ENOENT). */
#ifndef BD_STORE_H
#define BD_STORE_H

#include "bd_model.h"

struct bd_store;
#define bd_auto_store BD_CLEANUP(bd_store_free)

/* Opens or makes the store in folder data (must exist, 0700), migrating an older schema. */
int bd_store_open(const char *data, struct bd_store **ret, struct bd_error *err);
void bd_store_free(struct bd_store **s);

/* Runs and traces left queued or running by a daemon that is gone become interrupted (with reason). Call before serving. */
int bd_store_recover(struct bd_store *s, struct bd_error *err);

/* Inserts the run and its cells in one transaction; the store keeps copies. */
int bd_store_run_create(struct bd_store *s, const struct bd_run *run, const struct bd_cell *cells, size_t cells_len,
	struct bd_error *err);
/* Updates state, reason, times, figures, launches, rounds, environment, plan and key of run->id. */
int bd_store_run_update(struct bd_store *s, const struct bd_run *run, struct bd_error *err);
/* Updates status, reason, iterations, gil_off, scaling_off, facts of the cell with this index. */
int bd_store_cell_update(struct bd_store *s, const char *run_id, const struct bd_cell *cell, struct bd_error *err);
/* All samples of one round, in one transaction. */
int bd_store_round_put(struct bd_store *s, const char *run_id, const struct bd_sample *samples, size_t n,
	struct bd_error *err);
/* Everything written so far survives a power cut; also checkpoints. Between launches only: it may take milliseconds. */
int bd_store_sync(struct bd_store *s, struct bd_error *err);
/* The finished, immutable document of a run (JSON text). The figures of its cells become points of their series. */
int bd_store_document_put(struct bd_store *s, const char *run_id, const char *json, struct bd_error *err);
/* -ENOENT/not-found while there is none. Caller frees. */
int bd_store_document_get(struct bd_store *s, const char *run_id, char **ret_json, struct bd_error *err);

/* Ids of the runs that have ended and have none: their daemon died, or had no room. The oldest first. */
int bd_store_undocumented(struct bd_store *s, struct bd_strv *ret, struct bd_error *err);

int bd_store_run_get(struct bd_store *s, const char *run_id, struct bd_run *ret, struct bd_error *err);
int bd_store_cells_get(struct bd_store *s, const char *run_id, struct bd_cell **ret, size_t *ret_len,
	struct bd_error *err);
/* Samples in order of launch, round, cell; cell -1 = of all cells. The callback's sample is valid during the call;
 * a negative return stops the walk and is returned. */
typedef int (*bd_store_sample_fn)(const struct bd_sample *sample, void *arg);
int bd_store_samples_each(struct bd_store *s, const char *run_id, int64_t cell, bd_store_sample_fn fn, void *arg,
	struct bd_error *err);

struct bd_store_filter {
	const char *suite, *state, *label_key, *label_value; /* NULL = any */
	const char *before;                                  /* cursor: only runs older than this id */
	size_t limit;                                        /* 1 … 1000 */
};
/* Newest first. ret->next is set when there are more. */
int bd_store_runs_list(struct bd_store *s, const struct bd_store_filter *filter, struct bd_run_list *ret,
	struct bd_error *err);

/* Series: one cell over the finished runs that had it. A run that never left the queue is none of them. */
struct bd_series_filter {
	const char *run, *case_name; /* NULL = any */
	const char *after;           /* cursor: only series behind this one in the order of the list */
	size_t limit;                /* 1 … 1000 */
};
/* In the order of a run's cells, or by the names of cells. bad-value: there is no series `after`. */
int bd_store_series_list(struct bd_store *s, const struct bd_series_filter *filter, struct bd_series_list *ret,
	struct bd_error *err);
int bd_store_series_get(struct bd_store *s, const char *id, struct bd_series *ret, struct bd_error *err);
struct bd_points_filter {
	const char *series;
	enum bd_metric metric;
	const char *before; /* cursor: only runs older than this id */
	size_t limit;       /* 1 … 1000 */
};
/* The newest that fit, the oldest of them first; ret->next is set when there are older ones. */
int bd_store_points(struct bd_store *s, const struct bd_points_filter *filter, struct bd_points_document *ret,
	struct bd_error *err);
/* Deletes a finished run with its cells, samples and traces. conflict while it is queued or running. */
int bd_store_run_delete(struct bd_store *s, const char *run_id, struct bd_error *err);

/* ---- traces -------------------------------------------------------------------------------------------------- */

/* conflict: there is such a trace; not-found: there is no run run_id. */
int bd_store_trace_create(struct bd_store *s, const struct bd_trace *trace, struct bd_error *err);
/* Everything but id, run_id, created_ns and bytes (which the store counts itself). */
int bd_store_trace_update(struct bd_store *s, const struct bd_trace *trace, struct bd_error *err);
/* Appends, in one transaction of its own: what was put is readable after kill -9. A chunk without bytes is none. store-full:
 * nothing of it was put; the trace can still be ended (trace_update). */
int bd_store_trace_chunk_put(struct bd_store *s, const char *id, const struct bd_trace_chunk *chunk,
	struct bd_error *err);
/* In order, those stored when it was called. The bytes are valid during the call; a negative return stops the walk and is
 * returned. It may take as long as it likes: nothing is held in the store meanwhile. not-found: also when the trace is
 * deleted under the walk. */
typedef int (*bd_store_chunk_fn)(const struct bd_trace_chunk *chunk, void *arg);
int bd_store_trace_chunks_each(struct bd_store *s, const char *id, bd_store_chunk_fn fn, void *arg,
	struct bd_error *err);
/* The finished document benchd.trace.v1 (JSON text); -ENOENT/not-found while there is none. */
int bd_store_trace_document_put(struct bd_store *s, const char *id, const char *json, struct bd_error *err);
int bd_store_trace_document_get(struct bd_store *s, const char *id, char **ret_json, struct bd_error *err);
int bd_store_trace_get(struct bd_store *s, const char *id, struct bd_trace *ret, struct bd_error *err);
struct bd_trace_filter {
	const char *run, *before; /* NULL = any; cursor: only traces older than this id */
	size_t limit;             /* 1 … 1000 */
};
/* Newest first. ret->next is set when there are more. */
int bd_store_traces_list(struct bd_store *s, const struct bd_trace_filter *filter, struct bd_trace_list *ret,
	struct bd_error *err);
/* conflict while it is running. */
int bd_store_trace_delete(struct bd_store *s, const char *id, struct bd_error *err);
/* Ids of the traces that have ended and have none: their daemon died, or had no room. The oldest first. */
int bd_store_traces_undocumented(struct bd_store *s, struct bd_strv *ret, struct bd_error *err);

#endif
