/* The one interface behind bd_store.h: what a kind of store has to provide. sqlite.c is the embedded one. Every
 * function has the contract of its namesake in bd_store.h; open is each kind's own. */
#ifndef BD_STORE_OPS_H
#define BD_STORE_OPS_H

#include "bd_store.h"

struct bd_store_ops {
	void (*free)(struct bd_store *s);
	int (*recover)(struct bd_store *s, struct bd_error *err);
	int (*run_create)(struct bd_store *s, const struct bd_run *run, const struct bd_cell *cells, size_t n,
		struct bd_error *err);
	int (*run_update)(struct bd_store *s, const struct bd_run *run, struct bd_error *err);
	int (*run_get)(struct bd_store *s, const char *run_id, struct bd_run *ret, struct bd_error *err);
	int (*run_delete)(struct bd_store *s, const char *run_id, struct bd_error *err);
	int (*runs_list)(struct bd_store *s, const struct bd_store_filter *f, struct bd_run_list *ret,
		struct bd_error *err);
	int (*cell_update)(struct bd_store *s, const char *run_id, const struct bd_cell *cell, struct bd_error *err);
	int (*cells_get)(struct bd_store *s, const char *run_id, struct bd_cell **ret, size_t *ret_len,
		struct bd_error *err);
	int (*round_put)(struct bd_store *s, const char *run_id, const struct bd_sample *samples, size_t n,
		struct bd_error *err);
	int (*samples_each)(struct bd_store *s, const char *run_id, int64_t cell, bd_store_sample_fn fn, void *arg,
		struct bd_error *err);
	int (*sync)(struct bd_store *s, struct bd_error *err);
	int (*document_put)(struct bd_store *s, const char *run_id, const char *json, struct bd_error *err);
	int (*document_get)(struct bd_store *s, const char *run_id, char **ret_json, struct bd_error *err);
	int (*undocumented)(struct bd_store *s, struct bd_strv *ret, struct bd_error *err);
	int (*series_list)(struct bd_store *s, const struct bd_series_filter *f, struct bd_series_list *ret,
		struct bd_error *err);
	int (*series_get)(struct bd_store *s, const char *id, struct bd_series *ret, struct bd_error *err);
	int (*points)(struct bd_store *s, const struct bd_points_filter *f, struct bd_points_document *ret,
		struct bd_error *err);
	int (*trace_create)(struct bd_store *s, const struct bd_trace *trace, struct bd_error *err);
	int (*trace_update)(struct bd_store *s, const struct bd_trace *trace, struct bd_error *err);
	int (*trace_chunk_put)(struct bd_store *s, const char *id, const struct bd_trace_chunk *chunk,
		struct bd_error *err);
	int (*trace_chunks_each)(struct bd_store *s, const char *id, bd_store_chunk_fn fn, void *arg,
		struct bd_error *err);
	int (*trace_document_put)(struct bd_store *s, const char *id, const char *json, struct bd_error *err);
	int (*trace_document_get)(struct bd_store *s, const char *id, char **ret_json, struct bd_error *err);
	int (*trace_get)(struct bd_store *s, const char *id, struct bd_trace *ret, struct bd_error *err);
	int (*traces_list)(struct bd_store *s, const struct bd_trace_filter *f, struct bd_trace_list *ret,
		struct bd_error *err);
	int (*trace_delete)(struct bd_store *s, const char *id, struct bd_error *err);
	int (*traces_undocumented)(struct bd_store *s, struct bd_strv *ret, struct bd_error *err);
};

struct bd_store {
	const struct bd_store_ops *ops;
};

int bd_store_sqlite_open(const char *data, struct bd_store **ret, struct bd_error *err);

/* What a sample holds per thread, per pair and per bucket, as one compact byte string (format: detail.c). */
void bd_store_detail_encode(const struct bd_sample *sample, struct bd_str *ret);
/* Whether blocks name threads of the sample and buckets exist: what is not is neither written nor believed. */
bool bd_store_detail_plausible(const struct bd_sample *sample);
/* Fills threads, blocks and hist; -EBADMSG and nothing filled when the bytes are not a detail. */
int bd_store_detail_decode(const void *bytes, size_t len, struct bd_sample *ret);

#endif
