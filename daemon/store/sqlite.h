/* Inside the SQLite store: connections, statements, transactions. Only sqlite*.c see this. */
#ifndef BD_STORE_SQLITE_H
#define BD_STORE_SQLITE_H

#include "ops.h"

#include <pthread.h>
#include <sqlite3.h>

#define BD_STORE_SQLITE_FILE "benchd.db"

/* One SQLite connection, used by one thread at a time. */
struct bd_sqlite_conn {
	sqlite3 *db;
	struct bd_sqlite_conn *next;
};

struct bd_sqlite {
	struct bd_store base;
	char *path, *ballast;
	pthread_mutex_t write_lock; /* held through a writing transaction */
	struct bd_sqlite_conn writer;
	size_t log_bytes; /* of traces, since the log was last moved into the file for them; under write_lock */
	pthread_mutex_t idle_lock;
	struct bd_sqlite_conn *idle; /* reading connections nobody uses now */
};

/* ---- statements ------------------------------------------------------------------------------------------- */

#define bd_auto_stmt BD_CLEANUP(bd_sqlite_stmt_done)
void bd_sqlite_stmt_done(sqlite3_stmt **s);
/* An SQLite result as an error: store-full when space ran out, else store-failed. */
int bd_sqlite_fail(sqlite3 *db, int rc, const char *doing, struct bd_error *err);
int bd_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct bd_error *err);
/* Runs a statement that gives no rows, and resets it for the next binding. */
int bd_sqlite_run(sqlite3 *db, sqlite3_stmt *s, const char *doing, struct bd_error *err);
int bd_sqlite_exec(sqlite3 *db, const char *sql, struct bd_error *err);
/* Next row: 1, 0 at the end, or an error. */
int bd_sqlite_step(sqlite3 *db, sqlite3_stmt *s, const char *doing, struct bd_error *err);

/* Binding by 1-based index. Text is borrowed until the statement is reset. NULL, NAN and BD_NULL_INT become NULL. */
void bd_sqlite_bind_text(sqlite3_stmt *s, int i, const char *text);
void bd_sqlite_bind_int(sqlite3_stmt *s, int i, int64_t v);
void bd_sqlite_bind_double(sqlite3_stmt *s, int i, double v);
/* Columns by 0-based index; text is copied, NULL becomes NULL, NAN or BD_NULL_INT. */
char *bd_sqlite_text(sqlite3_stmt *s, int i);
int64_t bd_sqlite_int(sqlite3_stmt *s, int i);
double bd_sqlite_double(sqlite3_stmt *s, int i);

/* ---- connections and transactions --------------------------------------------------------------------------- */

/* A reading connection; give it back. */
int bd_sqlite_reader_take(struct bd_sqlite *q, struct bd_sqlite_conn **ret, struct bd_error *err);
void bd_sqlite_reader_give(struct bd_sqlite *q, struct bd_sqlite_conn *c);
/* Reads one document within one snapshot: fn fills what bd_doc_init left, and *ret is set when it returns 0. */
typedef int (*bd_sqlite_read_fn)(sqlite3 *db, const void *filter, void *ret, struct bd_error *err);
int bd_sqlite_read(struct bd_store *base, const struct bd_doc *doc, bd_sqlite_read_fn fn, const void *filter, void *ret,
	struct bd_error *err);

enum bd_sqlite_durability {
	BD_SQLITE_PROCESS, /* survives the death of this process */
	BD_SQLITE_POWER,   /* survives a power cut: synced before commit returns */
};
/* Begin takes the write lock and end gives it back: always both. end commits when `result` is 0, else rolls back and
 * returns result; a commit that fails is an error and leaves nothing of the transaction. */
int bd_sqlite_begin(struct bd_sqlite *q, enum bd_sqlite_durability durability, struct bd_error *err);
int bd_sqlite_end(struct bd_sqlite *q, int result, struct bd_error *err);
/* A few pages are kept aside in a file, so that the last word on a run can be written to a full disk. */
void bd_sqlite_ballast_drop(struct bd_sqlite *q);
int bd_sqlite_ballast_make(struct bd_sqlite *q, struct bd_error *err); /* store-full when there is no room */

/* Number SQLite gave the run; 0, not-found, or the store's error. `state` may be NULL. */
int bd_sqlite_run_number(sqlite3 *db, const char *run_id, int64_t *ret, enum bd_run_state *ret_state,
	struct bd_error *err);

/* ---- schema ------------------------------------------------------------------------------------------------- */

struct bd_sqlite_migration {
	const char *sql;                                /* from version i to i+1, i being its place in the table */
	int (*fill)(sqlite3 *db, struct bd_error *err); /* NULL, or what SQL cannot do, in the same transaction */
};
extern const struct bd_sqlite_migration bd_sqlite_migrations[];
extern const size_t bd_sqlite_migrations_len;
/* Brings the file to version n, each step in a transaction of its own. store-newer when it is beyond that. */
int bd_sqlite_migrate(sqlite3 *db, const char *path, const struct bd_sqlite_migration *m, size_t n,
	struct bd_error *err);

/* ---- the operations, by file ---------------------------------------------------------------------------------- */

int bd_sqlite_recover(struct bd_store *s, struct bd_error *err);
int bd_sqlite_run_create(struct bd_store *s, const struct bd_run *run, const struct bd_cell *cells, size_t n,
	struct bd_error *err);
int bd_sqlite_run_update(struct bd_store *s, const struct bd_run *run, struct bd_error *err);
int bd_sqlite_run_get(struct bd_store *s, const char *run_id, struct bd_run *ret, struct bd_error *err);
int bd_sqlite_run_delete(struct bd_store *s, const char *run_id, struct bd_error *err);
int bd_sqlite_labels_prepare(sqlite3 *db, sqlite3_stmt **ret, struct bd_error *err);
int bd_sqlite_labels_read(sqlite3 *db, sqlite3_stmt *s, int64_t run, struct bd_map *ret, struct bd_error *err);
/* Takes away the runs and traces that are marked as deleted. */
int bd_sqlite_purge(struct bd_sqlite *q, struct bd_error *err);
bool bd_sqlite_finished(enum bd_run_state s);
int bd_sqlite_runs_list(struct bd_store *s, const struct bd_store_filter *f, struct bd_run_list *ret,
	struct bd_error *err);
int bd_sqlite_document_put(struct bd_store *s, const char *run_id, const char *json, struct bd_error *err);
int bd_sqlite_document_get(struct bd_store *s, const char *run_id, char **ret_json, struct bd_error *err);

/* Inside the transaction that stores the document: its figures as rows, in the place of older ones of that run. */
int bd_sqlite_results_put(sqlite3 *db, int64_t run, const cJSON *document, struct bd_error *err);
/* The same for every document there is, and `series` in its cells. */
int bd_sqlite_results_backfill(sqlite3 *db, struct bd_error *err);
/* Forgets series that no run has any more. Not while somebody may page through them: a cursor is one of them. */
int bd_sqlite_series_tidy(struct bd_sqlite *q, struct bd_error *err);
int bd_sqlite_undocumented(struct bd_store *s, struct bd_strv *ret, struct bd_error *err);
int bd_sqlite_series_list(struct bd_store *s, const struct bd_series_filter *f, struct bd_series_list *ret,
	struct bd_error *err);
int bd_sqlite_series_get(struct bd_store *s, const char *id, struct bd_series *ret, struct bd_error *err);
int bd_sqlite_points(struct bd_store *s, const struct bd_points_filter *f, struct bd_points_document *ret,
	struct bd_error *err);

/* Inside the transaction of run_create. */
int bd_sqlite_cells_insert(sqlite3 *db, int64_t run, const struct bd_cell *cells, size_t n, struct bd_error *err);
int bd_sqlite_cell_update(struct bd_store *s, const char *run_id, const struct bd_cell *cell, struct bd_error *err);
int bd_sqlite_cells_get(struct bd_store *s, const char *run_id, struct bd_cell **ret, size_t *ret_len,
	struct bd_error *err);
int bd_sqlite_round_put(struct bd_store *s, const char *run_id, const struct bd_sample *samples, size_t n,
	struct bd_error *err);
int bd_sqlite_samples_each(struct bd_store *s, const char *run_id, int64_t cell, bd_store_sample_fn fn, void *arg,
	struct bd_error *err);

int bd_sqlite_trace_create(struct bd_store *s, const struct bd_trace *trace, struct bd_error *err);
int bd_sqlite_trace_update(struct bd_store *s, const struct bd_trace *trace, struct bd_error *err);
int bd_sqlite_trace_chunk_put(struct bd_store *s, const char *id, const struct bd_trace_chunk *chunk,
	struct bd_error *err);
int bd_sqlite_trace_chunks_each(struct bd_store *s, const char *id, bd_store_chunk_fn fn, void *arg,
	struct bd_error *err);
int bd_sqlite_trace_document_put(struct bd_store *s, const char *id, const char *json, struct bd_error *err);
int bd_sqlite_trace_document_get(struct bd_store *s, const char *id, char **ret_json, struct bd_error *err);
int bd_sqlite_trace_get(struct bd_store *s, const char *id, struct bd_trace *ret, struct bd_error *err);
int bd_sqlite_traces_list(struct bd_store *s, const struct bd_trace_filter *f, struct bd_trace_list *ret,
	struct bd_error *err);
int bd_sqlite_trace_delete(struct bd_store *s, const char *id, struct bd_error *err);
int bd_sqlite_traces_undocumented(struct bd_store *s, struct bd_strv *ret, struct bd_error *err);
/* Number and state of a trace, as bd_sqlite_run_number. */
int bd_sqlite_trace_number(sqlite3 *db, const char *id, int64_t *ret, enum bd_run_state *ret_state,
	struct bd_error *err);
/* Inside the transaction that recovers runs. */
int bd_sqlite_traces_recover(sqlite3 *db, struct bd_error *err);

/* Axes as JSON text, and back, from a column or from an object that has them as member `axes`. */
char *bd_sqlite_axes_text(const struct bd_axes *axes);
int bd_sqlite_axes_read(sqlite3_stmt *s, int column, struct bd_axes *ret, struct bd_error *err);
int bd_sqlite_axes_decode(const cJSON *holder, struct bd_axes *ret, struct bd_error *err);
/* JSON text of an optional reason, and back. Caller frees. */
char *bd_sqlite_reason_text(const struct bd_reason *r);
int bd_sqlite_json_read(sqlite3_stmt *s, int column, cJSON **ret, struct bd_error *err); /* NULL stays NULL */
int bd_sqlite_reason_read(sqlite3_stmt *s, int column, struct bd_reason **ret, struct bd_error *err);

#endif
