/* Traces: a row each, their entries in chunks as they came, and the finished document. */
#include "sqlite.h"

#include <errno.h>
#include <sys/statvfs.h>

#define INTERRUPTED_TEXT "benchd ended while this trace was not finished"
/* Nobody syncs between the chunks of a trace by itself: so much goes into the log before it is moved into the file. */
#define LOG_BYTES (4 << 20)
#define SLACK_BYTES (64 * 1024) /* pages that go along with a chunk: of indexes, of what is free */

int bd_sqlite_trace_number(sqlite3 *db, const char *id, int64_t *ret, enum bd_run_state *ret_state,
	struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, "SELECT trace, state FROM traces WHERE id=? AND state<>'deleted'", &s, err);
	if (r < 0)
		return r;
	bd_sqlite_bind_text(s, 1, id);
	r = bd_sqlite_step(db, s, "looking for a trace", err);
	if (r < 0)
		return r;
	if (r == 0)
		return bd_error_set(err, -ENOENT, "not-found", "benchctl trace --list shows those there are",
			"there is no trace '%s'", id);
	if (ret_state && bd_run_state_parse((const char *)sqlite3_column_text(s, 1), ret_state) < 0)
		return bd_error_set(err, -EBADMSG, "store-failed", NULL, "trace '%s' has an unknown state", id);
	*ret = sqlite3_column_int64(s, 0);
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* What may change; returns the number of the next parameter. */
static int bind_changing(sqlite3_stmt *s, const struct bd_trace *t, const char *reason)
{
	int i = 1;
	bd_sqlite_bind_text(s, i++, bd_run_state_names[t->state]);
	bd_sqlite_bind_text(s, i++, reason);
	bd_sqlite_bind_int(s, i++, t->pid);
	bd_sqlite_bind_text(s, i++, t->python);
	bd_sqlite_bind_text(s, i++, t->command);
	bd_sqlite_bind_text(s, i++, t->level);
	bd_sqlite_bind_int(s, i++, t->finished_ns);
	bd_sqlite_bind_int(s, i++, t->start_mono_ns);
	bd_sqlite_bind_int(s, i++, t->end_mono_ns);
	bd_sqlite_bind_int(s, i++, t->waits);
	bd_sqlite_bind_int(s, i++, t->wait_ns);
	bd_sqlite_bind_int(s, i++, t->lost);
	return i;
}

static int insert(sqlite3 *db, const struct bd_trace *t, int64_t run, struct bd_error *err)
{
	bd_auto_free char *reason = bd_sqlite_reason_text(t->reason);
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int64_t there;
	int r = bd_sqlite_trace_number(db, t->id, &there, NULL, NULL);
	if (r == 0)
		return bd_error_set(err, -EEXIST, "conflict", NULL, "there is a trace '%s' already", t->id);
	if (r == -ENOENT)
		r = bd_sqlite_prepare(db,
			"INSERT INTO traces(state, reason, pid, python, command, level, finished_ns, start_mono_ns, end_mono_ns, waits,"
			" wait_ns, lost, id, run, created_ns, bytes) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
			&s, err);
	if (r < 0)
		return r;
	int i = bind_changing(s, t, reason);
	bd_sqlite_bind_text(s, i++, t->id);
	bd_sqlite_bind_int(s, i++, run);
	bd_sqlite_bind_int(s, i, t->created_ns);
	return bd_sqlite_run(db, s, "storing a trace", err);
}

int bd_sqlite_trace_create(struct bd_store *base, const struct bd_trace *t, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	/* without the reserve the end of this trace could not be told */
	int r = bd_sqlite_ballast_make(q, err);
	if (r < 0)
		return r;
	int64_t run = BD_NULL_INT;
	r = bd_sqlite_begin(q, BD_SQLITE_POWER, err);
	if (r == 0 && t->run_id)
		r = bd_sqlite_run_number(q->writer.db, t->run_id, &run, NULL, err);
	if (r == 0)
		r = insert(q->writer.db, t, run, err);
	return bd_sqlite_end(q, r, err);
}

static int update_once(struct bd_sqlite *q, const struct bd_trace *t, struct bd_error *err)
{
	bd_auto_free char *reason = bd_sqlite_reason_text(t->reason);
	bd_auto_stmt sqlite3_stmt *s = NULL;
	/* what a client is told is over is over, also after a power cut */
	int r = bd_sqlite_begin(q, bd_sqlite_finished(t->state) ? BD_SQLITE_POWER : BD_SQLITE_PROCESS, err);
	sqlite3 *db = q->writer.db;
	int64_t trace;
	if (r == 0)
		r = bd_sqlite_trace_number(db, t->id, &trace, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db,
			"UPDATE traces SET state=?, reason=?, pid=?, python=?, command=?, level=?, finished_ns=?, start_mono_ns=?,"
			" end_mono_ns=?, waits=?, wait_ns=?, lost=? WHERE trace=?",
			&s, err);
	if (r == 0) {
		sqlite3_bind_int64(s, bind_changing(s, t, reason), trace);
		r = bd_sqlite_run(db, s, "storing the state of a trace", err);
	}
	return bd_sqlite_end(q, r, err);
}

int bd_sqlite_trace_update(struct bd_store *base, const struct bd_trace *t, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	int r = update_once(q, t, err);
	if (r == -ENOSPC && bd_sqlite_finished(t->state)) {
		bd_sqlite_ballast_drop(q);
		r = update_once(q, t, err);
	}
	return r;
}

/* By a connection that reads: it waits for nobody who writes, and nobody for it. What fails here fails only at that. */
static void log_into_file(struct bd_sqlite *q)
{
	struct bd_sqlite_conn *c;
	if (bd_sqlite_reader_take(q, &c, NULL) < 0)
		return;
	sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	bd_sqlite_reader_give(q, c);
}

/* A log that fills the disk cannot be moved into the file any more, and a store like that cannot even delete. So a chunk
 * is taken only where there is room for it twice, and once more for what the log holds. */
static int room(struct bd_sqlite *q, size_t bytes, struct bd_error *err)
{
	struct statvfs fs;
	if (statvfs(q->path, &fs) < 0 || (uint64_t)fs.f_bavail * fs.f_frsize >= q->log_bytes + 2 * bytes + SLACK_BYTES)
		return 0;
	return bd_error_set(err, -ENOSPC, "store-full", "make room there",
		"no room left for %s while storing a part of a trace", q->path);
}

static int chunk_insert(sqlite3 *db, const char *id, const struct bd_trace_chunk *c, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	bd_auto_stmt sqlite3_stmt *sum = NULL;
	int64_t trace;
	int r = bd_sqlite_trace_number(db, id, &trace, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db, "INSERT INTO trace_chunks(trace, start_ns, end_ns, data) VALUES(?, ?, ?, ?)",
			&s, err);
	if (r == 0)
		r = bd_sqlite_prepare(db, "UPDATE traces SET bytes=bytes+? WHERE trace=?", &sum, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, trace);
	sqlite3_bind_int64(s, 2, c->start_ns);
	sqlite3_bind_int64(s, 3, c->end_ns);
	int rc = sqlite3_bind_blob64(s, 4, c->data, c->bytes, SQLITE_STATIC);
	if (rc != SQLITE_OK)
		return bd_sqlite_fail(db, rc, "storing a part of a trace", err);
	sqlite3_bind_int64(sum, 1, (int64_t)c->bytes);
	sqlite3_bind_int64(sum, 2, trace);
	r = bd_sqlite_run(db, s, "storing a part of a trace", err);
	return r < 0 ? r : bd_sqlite_run(db, sum, "storing a part of a trace", err);
}

int bd_sqlite_trace_chunk_put(struct bd_store *base, const char *id, const struct bd_trace_chunk *chunk,
	struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	if (chunk->bytes == 0)
		return 0;
	int r = bd_sqlite_begin(q, BD_SQLITE_PROCESS, err);
	if (r == 0)
		r = room(q, chunk->bytes, err);
	if (r == 0)
		r = chunk_insert(q->writer.db, id, chunk, err);
	bool much = false;
	if (r == 0) {
		q->log_bytes += chunk->bytes;
		much = q->log_bytes >= LOG_BYTES;
		q->log_bytes = much ? 0 : q->log_bytes;
	}
	r = bd_sqlite_end(q, r, err);
	if (much)
		log_into_file(q);
	return r;
}

int bd_sqlite_trace_document_put(struct bd_store *base, const char *id, const char *json, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	bd_auto_json cJSON *document = NULL;
	int r = bd_json_parse(json, "the document", &document, err);
	if (r < 0)
		return r;
	r = bd_sqlite_begin(q, BD_SQLITE_POWER, err);
	sqlite3 *db = q->writer.db;
	int64_t trace;
	if (r == 0)
		r = bd_sqlite_trace_number(db, id, &trace, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db, "INSERT OR REPLACE INTO trace_documents(trace, json) VALUES(?, ?)", &s, err);
	if (r == 0) {
		sqlite3_bind_int64(s, 1, trace);
		bd_sqlite_bind_text(s, 2, json);
		r = bd_sqlite_run(db, s, "storing the document of a trace", err);
	}
	return bd_sqlite_end(q, r, err);
}

int bd_sqlite_traces_recover(sqlite3 *db, struct bd_error *err)
{
	struct bd_reason reason = {.key = (char *)"interrupted",
		.message = (char *)INTERRUPTED_TEXT,
		.hint = (char *)"what it had seen until then is kept"};
	bd_auto_free char *text = bd_sqlite_reason_text(&reason);
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, "UPDATE traces SET state=?, reason=? WHERE state IN ('queued', 'running')", &s,
		err);
	if (r < 0)
		return r;
	bd_sqlite_bind_text(s, 1, bd_run_state_names[BD_RUN_INTERRUPTED]);
	bd_sqlite_bind_text(s, 2, text);
	return bd_sqlite_run(db, s, "marking interrupted traces", err);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static int trace_read(sqlite3 *db, const char *id, struct bd_trace *t, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db,
		"SELECT t.id, r.id, t.state, t.reason, pid, python, command, level, t.created_ns, t.finished_ns, start_mono_ns,"
		" end_mono_ns, waits, wait_ns, lost, bytes FROM traces AS t LEFT JOIN runs AS r USING(run)"
		" WHERE t.id=? AND t.state<>'deleted'",
		&s, err);
	if (r < 0)
		return r;
	bd_sqlite_bind_text(s, 1, id);
	r = bd_sqlite_step(db, s, "reading a trace", err);
	if (r < 0)
		return r;
	if (r == 0)
		return bd_error_set(err, -ENOENT, "not-found", "benchctl trace --list shows those there are",
			"there is no trace '%s'", id);
	if (bd_run_state_parse((const char *)sqlite3_column_text(s, 2), &t->state) < 0)
		return bd_error_set(err, -EBADMSG, "store-failed", NULL, "trace '%s' has an unknown state", id);
	t->id = bd_sqlite_text(s, 0);
	t->run_id = bd_sqlite_text(s, 1);
	t->pid = bd_sqlite_int(s, 4);
	t->python = bd_sqlite_text(s, 5);
	t->command = bd_sqlite_text(s, 6);
	t->level = bd_sqlite_text(s, 7);
	int64_t *const numbers[] = {&t->created_ns, &t->finished_ns, &t->start_mono_ns, &t->end_mono_ns, &t->waits,
		&t->wait_ns, &t->lost, &t->bytes};
	for (size_t i = 0; i < BD_LEN(numbers); i++)
		*numbers[i] = bd_sqlite_int(s, 8 + (int)i);
	return bd_sqlite_reason_read(s, 3, &t->reason, err);
}

int bd_sqlite_trace_get(struct bd_store *base, const char *id, struct bd_trace *ret, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	struct bd_trace t = {0};
	r = trace_read(c->db, id, &t, err);
	bd_sqlite_reader_give(q, c);
	if (r < 0)
		bd_trace_done(&t);
	else
		*ret = t;
	return r;
}

int bd_sqlite_trace_document_get(struct bd_store *base, const char *id, char **ret_json, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	sqlite3_stmt *s = NULL;
	r = bd_sqlite_prepare(c->db,
		"SELECT json FROM trace_documents JOIN traces USING(trace) WHERE id=? AND state<>'deleted'", &s, err);
	if (r == 0) {
		bd_sqlite_bind_text(s, 1, id);
		r = bd_sqlite_step(c->db, s, "reading the document of a trace", err);
	}
	if (r > 0) {
		*ret_json = bd_sqlite_text(s, 0);
		r = 0;
	} else if (r == 0) {
		r = bd_error_set(err, -ENOENT, "not-found", NULL, "there is no document of trace '%s'", id);
	}
	bd_sqlite_stmt_done(&s);
	bd_sqlite_reader_give(q, c);
	return r;
}

static int list_prepare(sqlite3 *db, const struct bd_trace_filter *f, sqlite3_stmt **ret, struct bd_error *err)
{
	bd_auto_free char *sql = bd_printf(
		"SELECT t.id, r.id, t.state, t.reason, pid, python, command, level, t.created_ns, start_mono_ns, end_mono_ns, waits,"
		" wait_ns, lost, bytes FROM traces AS t LEFT JOIN runs AS r USING(run) WHERE t.state<>'deleted'%s%s"
		" ORDER BY t.id DESC LIMIT ?",
		f->run ? " AND r.id=?" : "", f->before ? " AND t.id<?" : "");
	int r = bd_sqlite_prepare(db, sql, ret, err), i = 1;
	if (r < 0)
		return r;
	if (f->run)
		bd_sqlite_bind_text(*ret, i++, f->run);
	if (f->before)
		bd_sqlite_bind_text(*ret, i++, f->before);
	/* one more than asked for tells whether there is a next page */
	sqlite3_bind_int64(*ret, i, (int64_t)f->limit + 1);
	return 0;
}

static int row_read(sqlite3_stmt *s, struct bd_trace_row *row, struct bd_error *err)
{
	bd_doc_init(&bd_trace_row_doc, row);
	row->id = bd_sqlite_text(s, 0);
	row->run = bd_sqlite_text(s, 1);
	row->state = bd_sqlite_text(s, 2);
	row->pid = bd_sqlite_int(s, 4);
	row->python = bd_sqlite_text(s, 5);
	row->command = bd_sqlite_text(s, 6);
	row->level = bd_sqlite_text(s, 7);
	row->started = bd_alloc(BD_RFC3339_LEN);
	bd_rfc3339(bd_sqlite_int(s, 8), row->started);
	int64_t start = bd_sqlite_int(s, 9), end = bd_sqlite_int(s, 10);
	if (start != BD_NULL_INT && end != BD_NULL_INT && end > start)
		row->seconds = (double)(end - start) / 1e9;
	row->waits = bd_sqlite_int(s, 11);
	row->wait_ns = bd_sqlite_int(s, 12);
	row->lost = bd_sqlite_int(s, 13);
	row->bytes = bd_sqlite_int(s, 14);
	return bd_sqlite_reason_read(s, 3, &row->reason, err);
}

static int list_read(sqlite3 *db, const void *filter, void *result, struct bd_error *err)
{
	const struct bd_trace_filter *f = filter;
	struct bd_trace_list *list = result;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = list_prepare(db, f, &s, err);
	while (r == 0 && (r = bd_sqlite_step(db, s, "listing traces", err)) > 0) {
		if (list->traces_len == f->limit) {
			list->next = bd_strdup(list->traces[list->traces_len - 1].id);
			return 0;
		}
		r = row_read(s, BD_PUSH(list->traces, list->traces_len), err);
	}
	return r;
}

int bd_sqlite_traces_list(struct bd_store *base, const struct bd_trace_filter *f, struct bd_trace_list *ret,
	struct bd_error *err)
{
	return bd_sqlite_read(base, &bd_trace_list_doc, list_read, f, ret, err);
}

int bd_sqlite_traces_undocumented(struct bd_store *base, struct bd_strv *ret, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	struct bd_strv ids = {0};
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	sqlite3_stmt *s = NULL;
	r = bd_sqlite_prepare(c->db,
		"SELECT id FROM traces LEFT JOIN trace_documents AS d USING(trace)"
		" WHERE d.trace IS NULL AND state NOT IN ('queued', 'running', 'deleted') ORDER BY id",
		&s, err);
	while (r == 0 && (r = bd_sqlite_step(c->db, s, "looking for traces without a document", err)) > 0) {
		bd_strv_add(&ids, (const char *)sqlite3_column_text(s, 0));
		r = 0;
	}
	bd_sqlite_stmt_done(&s);
	bd_sqlite_reader_give(q, c);
	if (r < 0)
		bd_strv_done(&ids);
	else
		*ret = ids;
	return r;
}

/* ---- walking the chunks -------------------------------------------------------------------------------------- */

struct walk {
	sqlite3_stmt *next;
	int64_t trace, at, last; /* numbers of chunks */
	struct bd_str data;      /* of the chunk at `at` */
	struct bd_trace_chunk chunk;
};

static int walk_begin(sqlite3 *db, const char *id, struct walk *w, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_trace_number(db, id, &w->trace, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db, "SELECT max(chunk) FROM trace_chunks WHERE trace=?", &s, err);
	if (r == 0) {
		sqlite3_bind_int64(s, 1, w->trace);
		r = bd_sqlite_step(db, s, "reading a trace", err);
	}
	if (r < 0)
		return r;
	w->last = sqlite3_column_int64(s, 0); /* 0: there are none */
	return bd_sqlite_prepare(db,
		"SELECT chunk, start_ns, end_ns, data FROM trace_chunks JOIN traces USING(trace)"
		" WHERE trace=? AND chunk>? AND chunk<=? AND state<>'deleted' ORDER BY chunk LIMIT 1",
		&w->next, err);
}

/* The next chunk, copied: the statement is over before anybody works with it, so that a slow reader keeps no snapshot
 * open, behind which the log could not be moved into the file. 1, or 0 at the end. */
static int walk_next(sqlite3 *db, struct walk *w, struct bd_error *err)
{
	if (w->at >= w->last)
		return 0;
	sqlite3_bind_int64(w->next, 1, w->trace);
	sqlite3_bind_int64(w->next, 2, w->at);
	sqlite3_bind_int64(w->next, 3, w->last);
	int r = bd_sqlite_step(db, w->next, "reading a part of a trace", err);
	if (r == 0)
		r = bd_error_set(err, -ENOENT, "not-found", NULL, "the trace has just been deleted");
	if (r > 0) {
		int bytes = sqlite3_column_bytes(w->next, 3);
		w->at = sqlite3_column_int64(w->next, 0);
		bd_str_clear(&w->data);
		bd_str_append(&w->data, sqlite3_column_blob(w->next, 3), (size_t)bytes);
		w->chunk = (struct bd_trace_chunk){.start_ns = bd_sqlite_int(w->next, 1),
			.end_ns = bd_sqlite_int(w->next, 2),
			.data = w->data.s,
			.bytes = (size_t)bytes};
	}
	sqlite3_reset(w->next);
	return r;
}

int bd_sqlite_trace_chunks_each(struct bd_store *base, const char *id, bd_store_chunk_fn fn, void *arg,
	struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	struct walk w = {0};
	r = walk_begin(c->db, id, &w, err);
	while (r == 0 && (r = walk_next(c->db, &w, err)) > 0) {
		r = fn(&w.chunk, arg);
		r = r > 0 ? 0 : r;
	}
	bd_sqlite_stmt_done(&w.next);
	bd_str_done(&w.data);
	bd_sqlite_reader_give(q, c);
	return r;
}
