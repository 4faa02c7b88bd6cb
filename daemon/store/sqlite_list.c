/* Listing runs. */
#include "sqlite.h"

static int list_prepare(sqlite3 *db, const struct bd_store_filter *f, sqlite3_stmt **ret, struct bd_error *err)
{
	/* only the conditions asked for, so that the index that fits is used */
	bd_auto_str struct bd_str sql = {0};
	const char *bound[5];
	int n = 0;
	bd_str_puts(&sql,
		"SELECT run, id, suite, state, started_ns, wall_s, cells, reason, ok, unsupported, invalid, failed, interrupted,"
		" coalesce(plan, request), verdict"
		" FROM runs LEFT JOIN statuses USING(run) WHERE state<>'deleted'");
	if (f->before) {
		bd_str_puts(&sql, " AND id<?");
		bound[n++] = f->before;
	}
	if (f->suite) {
		bd_str_puts(&sql, " AND suite=?");
		bound[n++] = f->suite;
	}
	if (f->state) {
		bd_str_puts(&sql, " AND state=?");
		bound[n++] = f->state;
	}
	if (f->label_key) {
		bd_str_puts(&sql, " AND EXISTS(SELECT 1 FROM labels WHERE labels.run=runs.run AND key=?");
		bound[n++] = f->label_key;
		if (f->label_value) {
			bd_str_puts(&sql, " AND value=?");
			bound[n++] = f->label_value;
		}
		bd_str_puts(&sql, ")");
	}
	bd_str_puts(&sql, " ORDER BY id DESC LIMIT ?");
	int r = bd_sqlite_prepare(db, sql.s, ret, err);
	if (r < 0)
		return r;
	for (int i = 0; i < n; i++)
		bd_sqlite_bind_text(*ret, i + 1, bound[i]);
	/* one more than asked for tells whether there is a next page */
	sqlite3_bind_int64(*ret, n + 1, (int64_t)f->limit + 1);
	return 0;
}

/* Of a run without a document, which is in progress or could not end as it should: of its cells as they are now. */
static int statuses_count(sqlite3 *db, int64_t run, bool over, struct bd_statuses *ret, struct bd_error *err)
{
	int64_t *const counts[] = {&ret->ok, &ret->unsupported, &ret->invalid, &ret->failed, &ret->interrupted};
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db,
		"SELECT status, EXISTS(SELECT 1 FROM samples AS x WHERE x.run=c.run AND x.cell=c.cell AND kind=0 AND ops>0), count(*)"
		" FROM cells AS c WHERE run=? AND role='cell' GROUP BY 1, 2",
		&s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < BD_LEN(counts); i++)
		*counts[i] = 0;
	sqlite3_bind_int64(s, 1, run);
	while ((r = bd_sqlite_step(db, s, "counting cells", err)) > 0) {
		enum bd_cell_status status;
		bool measured = sqlite3_column_int(s, 1) != 0;
		if (bd_cell_status_parse((const char *)sqlite3_column_text(s, 0), &status) < 0)
			continue;
		/* cells begin as "ok" */
		if (status == BD_CELL_OK && !measured && over)
			status = BD_CELL_INTERRUPTED;
		else if (status == BD_CELL_OK && !measured)
			continue;
		*counts[status] += bd_sqlite_int(s, 2);
	}
	return r;
}

static int row_read(sqlite3 *db, sqlite3_stmt *s, sqlite3_stmt *labels, struct bd_run_row *row, struct bd_error *err)
{
	const int64_t run = sqlite3_column_int64(s, 0);
	enum bd_run_state state;
	row->id = bd_sqlite_text(s, 1);
	row->suite = bd_sqlite_text(s, 2);
	row->state = bd_sqlite_text(s, 3);
	int64_t started = bd_sqlite_int(s, 4);
	if (started > 0) {
		row->started = bd_alloc(BD_RFC3339_LEN);
		bd_rfc3339(started, row->started);
	}
	row->wall_s = bd_sqlite_double(s, 5);
	row->cells = bd_sqlite_int(s, 6);
	row->verdict = bd_sqlite_text(s, 14);
	bd_auto_json cJSON *plan = NULL; /* or the request, of one that has not begun */
	int r = bd_sqlite_reason_read(s, 7, &row->reason, err);
	if (r == 0)
		r = bd_sqlite_json_read(s, 13, &plan, err);
	if (r < 0)
		return r;
	const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(plan, "kind"));
	row->kind = bd_strdup(kind ? kind : "run");
	row->statuses = (struct bd_statuses){bd_sqlite_int(s, 8), bd_sqlite_int(s, 9), bd_sqlite_int(s, 10),
		bd_sqlite_int(s, 11), bd_sqlite_int(s, 12)};
	if (row->statuses.ok == BD_NULL_INT && bd_run_state_parse(row->state, &state) == 0)
		r = statuses_count(db, run, bd_sqlite_finished(state), &row->statuses, err);
	return r < 0 ? r : bd_sqlite_labels_read(db, labels, run, &row->labels, err);
}

static int list_read(sqlite3 *db, const void *filter, void *result, struct bd_error *err)
{
	const struct bd_store_filter *f = filter;
	struct bd_run_list *list = result;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	bd_auto_stmt sqlite3_stmt *labels = NULL;
	int r = list_prepare(db, f, &s, err);
	if (r == 0)
		r = bd_sqlite_labels_prepare(db, &labels, err);
	while (r == 0 && (r = bd_sqlite_step(db, s, "listing runs", err)) > 0) {
		if (list->runs_len == f->limit) {
			list->next = bd_strdup(list->runs[list->runs_len - 1].id);
			return 0;
		}
		r = row_read(db, s, labels, BD_PUSH(list->runs, list->runs_len), err);
	}
	return r;
}

int bd_sqlite_runs_list(struct bd_store *base, const struct bd_store_filter *f, struct bd_run_list *ret,
	struct bd_error *err)
{
	return bd_sqlite_read(base, &bd_run_list_doc, list_read, f, ret, err);
}
