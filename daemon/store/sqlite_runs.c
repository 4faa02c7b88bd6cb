/* Runs, their labels and documents. */
#include "sqlite.h"

#include <errno.h>

#define INTERRUPTED_TEXT "benchd ended while this run was not finished"

/* ---- JSON in columns --------------------------------------------------------------------------------------------- */

char *bd_sqlite_reason_text(const struct bd_reason *r)
{
	if (!r)
		return NULL;
	bd_auto_json cJSON *j = bd_doc_encode(&bd_reason_doc, r);
	return bd_json_text(j);
}

int bd_sqlite_json_read(sqlite3_stmt *s, int column, cJSON **ret, struct bd_error *err)
{
	const char *text = (const char *)sqlite3_column_text(s, column);
	if (!text)
		return 0;
	if (bd_json_parse(text, "a column of the store", ret, NULL) < 0)
		return bd_error_set(err, -EBADMSG, "store-failed", "restore a copy of it",
			"the store holds text that is not JSON");
	return 0;
}

int bd_sqlite_reason_read(sqlite3_stmt *s, int column, struct bd_reason **ret, struct bd_error *err)
{
	bd_auto_json cJSON *j = NULL;
	int r = bd_sqlite_json_read(s, column, &j, err);
	if (r < 0 || !j)
		return r;
	struct bd_reason *reason = bd_alloc(sizeof *reason);
	bd_doc_init(&bd_reason_doc, reason);
	r = bd_doc_decode(&bd_reason_doc, j, reason, err);
	if (r < 0) {
		free(reason);
		return r;
	}
	*ret = reason;
	return 0;
}

/* ---- finding a run ------------------------------------------------------------------------------------------------ */

int bd_sqlite_run_number(sqlite3 *db, const char *run_id, int64_t *ret, enum bd_run_state *ret_state,
	struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, "SELECT run, state FROM runs WHERE id=? AND state<>'deleted'", &s, err);
	if (r < 0)
		return r;
	bd_sqlite_bind_text(s, 1, run_id);
	r = bd_sqlite_step(db, s, "looking for a run", err);
	if (r < 0)
		return r;
	if (r == 0)
		return bd_error_set(err, -ENOENT, "not-found", "benchctl runs list shows those there are",
			"there is no run '%s'", run_id);
	if (ret_state && bd_run_state_parse((const char *)sqlite3_column_text(s, 1), ret_state) < 0)
		return bd_error_set(err, -EBADMSG, "store-failed", NULL, "run '%s' has an unknown state", run_id);
	*ret = sqlite3_column_int64(s, 0);
	return 0;
}

bool bd_sqlite_finished(enum bd_run_state s)
{
	return s != BD_RUN_QUEUED && s != BD_RUN_RUNNING;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static int labels_insert(sqlite3 *db, int64_t run, const struct bd_map *labels, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, "INSERT INTO labels(run, place, key, value) VALUES(?, ?, ?, ?)", &s, err);
	for (size_t i = 0; r == 0 && i < labels->n; i++) {
		sqlite3_bind_int64(s, 1, run);
		sqlite3_bind_int64(s, 2, (int64_t)i);
		bd_sqlite_bind_text(s, 3, labels->v[i].key);
		bd_sqlite_bind_text(s, 4, labels->v[i].value);
		r = bd_sqlite_run(db, s, "storing labels", err);
	}
	return r;
}

/* The columns that run_update may change, from place `i` on. The texts must outlive the statement's run. */
static int bind_changing(sqlite3_stmt *s, int i, const struct bd_run *run, const char *reason, const char *environment,
	const char *plan, const char *checked)
{
	bd_sqlite_bind_text(s, i++, bd_run_state_names[run->state]);
	bd_sqlite_bind_text(s, i++, reason);
	bd_sqlite_bind_int(s, i++, run->started_ns);
	bd_sqlite_bind_int(s, i++, run->finished_ns);
	bd_sqlite_bind_double(s, i++, run->wall_s);
	bd_sqlite_bind_double(s, i++, run->setup_s);
	bd_sqlite_bind_double(s, i++, run->measure_s);
	bd_sqlite_bind_double(s, i++, run->batch_s);
	bd_sqlite_bind_int(s, i++, run->launches);
	bd_sqlite_bind_int(s, i++, run->rounds);
	bd_sqlite_bind_text(s, i++, run->comparability_key);
	bd_sqlite_bind_text(s, i++, environment);
	bd_sqlite_bind_text(s, i++, plan);
	bd_sqlite_bind_text(s, i++, checked);
	bd_sqlite_bind_text(s, i++, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run->check, "verdict")));
	return i;
}

static int run_insert(sqlite3 *db, const struct bd_run *run, struct bd_error *err)
{
	bd_auto_free char *reason = bd_sqlite_reason_text(run->reason);
	bd_auto_free char *environment = run->environment ? bd_json_text(run->environment) : NULL;
	bd_auto_free char *plan = run->plan ? bd_json_text(run->plan) : NULL;
	bd_auto_free char *checked = run->check ? bd_json_text(run->check) : NULL;
	bd_auto_free char *request = run->request ? bd_json_text(run->request) : NULL;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db,
		"INSERT INTO runs(state, reason, started_ns, finished_ns, wall_s, setup_s, measure_s, batch_s, launches, rounds,"
		" comparability_key, environment, plan, checked, verdict, id, suite, created_ns, seed, request, cells)"
		" VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		&s, err);
	if (r < 0)
		return r;
	int i = bind_changing(s, 1, run, reason, environment, plan, checked);
	bd_sqlite_bind_text(s, i++, run->id);
	bd_sqlite_bind_text(s, i++, run->suite);
	bd_sqlite_bind_int(s, i++, run->created_ns);
	bd_sqlite_bind_int(s, i++, run->seed);
	bd_sqlite_bind_text(s, i++, request);
	bd_sqlite_bind_int(s, i, run->cells);
	return bd_sqlite_run(db, s, "storing a run", err);
}

int bd_sqlite_run_create(struct bd_store *base, const struct bd_run *run, const struct bd_cell *cells, size_t n,
	struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	/* without the reserve the end of this run could not be told */
	int r = bd_sqlite_ballast_make(q, err);
	if (r < 0)
		return r;
	r = bd_sqlite_begin(q, BD_SQLITE_POWER, err);
	sqlite3 *db = q->writer.db;
	int64_t number = 0;
	if (r == 0)
		r = run_insert(db, run, err);
	if (r == 0) {
		number = sqlite3_last_insert_rowid(db);
		r = labels_insert(db, number, &run->labels, err);
	}
	if (r == 0)
		r = bd_sqlite_cells_insert(db, number, cells, n, err);
	return bd_sqlite_end(q, r, err);
}

static int update_once(struct bd_sqlite *q, const struct bd_run *run, struct bd_error *err)
{
	bd_auto_free char *reason = bd_sqlite_reason_text(run->reason);
	bd_auto_free char *environment = run->environment ? bd_json_text(run->environment) : NULL;
	bd_auto_free char *plan = run->plan ? bd_json_text(run->plan) : NULL;
	bd_auto_free char *checked = run->check ? bd_json_text(run->check) : NULL;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	/* what a client is told is over is over, also after a power cut */
	int r = bd_sqlite_begin(q, bd_sqlite_finished(run->state) ? BD_SQLITE_POWER : BD_SQLITE_PROCESS, err);
	sqlite3 *db = q->writer.db;
	int64_t number;
	if (r == 0)
		r = bd_sqlite_run_number(db, run->id, &number, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db,
			"UPDATE runs SET state=?, reason=?, started_ns=?, finished_ns=?, wall_s=?, setup_s=?, measure_s=?, batch_s=?,"
			" launches=?, rounds=?, comparability_key=?, environment=?, plan=?, checked=?, verdict=? WHERE run=?",
			&s, err);
	if (r == 0) {
		sqlite3_bind_int64(s, bind_changing(s, 1, run, reason, environment, plan, checked), number);
		r = bd_sqlite_run(db, s, "storing the state of a run", err);
	}
	return bd_sqlite_end(q, r, err);
}

int bd_sqlite_run_update(struct bd_store *base, const struct bd_run *run, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	int r = update_once(q, run, err);
	if (r == -ENOSPC && bd_sqlite_finished(run->state)) {
		bd_sqlite_ballast_drop(q);
		r = update_once(q, run, err);
	}
	return r;
}

static int recover_once(struct bd_sqlite *q, struct bd_error *err)
{
	struct bd_reason reason = {.key = (char *)"interrupted",
		.message = (char *)INTERRUPTED_TEXT,
		.hint = (char *)"what it had measured is kept; run it again"};
	bd_auto_free char *text = bd_sqlite_reason_text(&reason);
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_begin(q, BD_SQLITE_POWER, err);
	sqlite3 *db = q->writer.db;
	if (r == 0)
		r = bd_sqlite_prepare(db, "UPDATE runs SET state=?, reason=? WHERE state IN ('queued', 'running')", &s,
			err);
	if (r == 0) {
		bd_sqlite_bind_text(s, 1, bd_run_state_names[BD_RUN_INTERRUPTED]);
		bd_sqlite_bind_text(s, 2, text);
		r = bd_sqlite_run(db, s, "marking interrupted runs", err);
	}
	if (r == 0)
		r = bd_sqlite_traces_recover(db, err);
	return bd_sqlite_end(q, r, err);
}

int bd_sqlite_recover(struct bd_store *base, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	int r = recover_once(q, err);
	if (r == -ENOSPC) {
		bd_sqlite_ballast_drop(q);
		r = recover_once(q, err);
	}
	if (r == 0)
		r = bd_sqlite_purge(q, err);
	return r < 0 ? r : bd_sqlite_series_tidy(q, err);
}

int bd_sqlite_document_put(struct bd_store *base, const char *run_id, const char *json, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	bd_auto_json cJSON *document = NULL;
	int r = bd_json_parse(json, "the document", &document, err);
	if (r < 0)
		return r;
	r = bd_sqlite_begin(q, BD_SQLITE_POWER, err);
	sqlite3 *db = q->writer.db;
	int64_t number;
	if (r == 0)
		r = bd_sqlite_run_number(db, run_id, &number, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db, "INSERT OR REPLACE INTO documents(run, json) VALUES(?, ?)", &s, err);
	if (r == 0) {
		sqlite3_bind_int64(s, 1, number);
		bd_sqlite_bind_text(s, 2, json);
		r = bd_sqlite_run(db, s, "storing a document", err);
	}
	if (r == 0)
		r = bd_sqlite_results_put(db, number, document, err);
	return bd_sqlite_end(q, r, err);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

int bd_sqlite_labels_prepare(sqlite3 *db, sqlite3_stmt **ret, struct bd_error *err)
{
	return bd_sqlite_prepare(db, "SELECT key, value FROM labels WHERE run=? ORDER BY place", ret, err);
}

int bd_sqlite_labels_read(sqlite3 *db, sqlite3_stmt *s, int64_t run, struct bd_map *ret, struct bd_error *err)
{
	int r;
	sqlite3_bind_int64(s, 1, run);
	while ((r = bd_sqlite_step(db, s, "reading labels", err)) > 0) {
		struct bd_pair *p = BD_PUSH(ret->v, ret->n);
		p->key = bd_sqlite_text(s, 0);
		p->value = bd_sqlite_text(s, 1);
	}
	sqlite3_reset(s);
	return r;
}

static int run_read(sqlite3 *db, const char *run_id, struct bd_run *run, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	bd_auto_stmt sqlite3_stmt *labels = NULL;
	int64_t number;
	int r = bd_sqlite_run_number(db, run_id, &number, &run->state, err);
	if (r == 0)
		r = bd_sqlite_prepare(db,
			"SELECT id, suite, reason, created_ns, started_ns, finished_ns, wall_s, setup_s, measure_s, batch_s, seed, launches,"
			" rounds, comparability_key, environment, request, cells, plan, checked FROM runs WHERE run=?",
			&s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, number);
	r = bd_sqlite_step(db, s, "reading a run", err);
	if (r <= 0)
		return r < 0 ? r
			     : bd_error_set(err, -ENOENT, "not-found", NULL, "run '%s' has just been deleted", run_id);
	run->id = bd_sqlite_text(s, 0);
	run->suite = bd_sqlite_text(s, 1);
	run->created_ns = bd_sqlite_int(s, 3);
	run->started_ns = bd_sqlite_int(s, 4);
	run->finished_ns = bd_sqlite_int(s, 5);
	run->wall_s = bd_sqlite_double(s, 6);
	run->setup_s = bd_sqlite_double(s, 7);
	run->measure_s = bd_sqlite_double(s, 8);
	run->batch_s = bd_sqlite_double(s, 9);
	run->seed = bd_sqlite_int(s, 10);
	run->launches = bd_sqlite_int(s, 11);
	run->rounds = bd_sqlite_int(s, 12);
	run->comparability_key = bd_sqlite_text(s, 13);
	run->cells = bd_sqlite_int(s, 16);
	r = bd_sqlite_reason_read(s, 2, &run->reason, err);
	if (r == 0)
		r = bd_sqlite_json_read(s, 14, &run->environment, err);
	if (r == 0)
		r = bd_sqlite_json_read(s, 15, &run->request, err);
	if (r == 0)
		r = bd_sqlite_json_read(s, 17, &run->plan, err);
	if (r == 0)
		r = bd_sqlite_json_read(s, 18, &run->check, err);
	if (r == 0)
		r = bd_sqlite_labels_prepare(db, &labels, err);
	return r < 0 ? r : bd_sqlite_labels_read(db, labels, number, &run->labels, err);
}

int bd_sqlite_run_get(struct bd_store *base, const char *run_id, struct bd_run *ret, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	struct bd_run run = {0};
	/* one snapshot for the run and its labels */
	r = bd_sqlite_exec(c->db, "BEGIN", err);
	if (r == 0)
		r = run_read(c->db, run_id, &run, err);
	sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	bd_sqlite_reader_give(q, c);
	if (r < 0)
		bd_run_done(&run);
	else
		*ret = run;
	return r;
}

int bd_sqlite_document_get(struct bd_store *base, const char *run_id, char **ret_json, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	sqlite3_stmt *s = NULL;
	r = bd_sqlite_prepare(c->db, "SELECT json FROM documents JOIN runs USING(run) WHERE id=? AND state<>'deleted'",
		&s, err);
	if (r == 0) {
		bd_sqlite_bind_text(s, 1, run_id);
		r = bd_sqlite_step(c->db, s, "reading a document", err);
	}
	if (r > 0) {
		*ret_json = bd_sqlite_text(s, 0);
		r = 0;
	} else if (r == 0) {
		r = bd_error_set(err, -ENOENT, "not-found", NULL, "there is no document of run '%s'", run_id);
	}
	bd_sqlite_stmt_done(&s);
	bd_sqlite_reader_give(q, c);
	return r;
}
