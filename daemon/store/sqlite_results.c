/* The figures of finished cells as rows, so that a cell can be followed over runs without opening every document. They
 * are read out of the document they belong to and stored with it: the rows of a document that an older benchd stored,
 * which had no such rows, are the same that it would get today. */
#include "sqlite.h"

#include <errno.h>
#include <malloc.h>

#define FIGURES (3 * BD_METRICS) /* value, lower and upper bound of each metric */

/* In the order of enum bd_metric. */
#define FIGURE_COLUMNS                                                                                          \
	"time, time_lo, time_hi, throughput, throughput_lo, throughput_hi, ratio, ratio_lo, ratio_hi, scaling," \
	" scaling_lo, scaling_hi, wait_share, wait_share_lo, wait_share_hi"

static int series_number(sqlite3 *db, const struct bd_cell_result *c, const char *axes, int64_t *ret,
	struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *put = NULL;
	bd_auto_stmt sqlite3_stmt *get = NULL;
	int r = bd_sqlite_prepare(db,
		"INSERT INTO series(id, case_name, axes, cell) VALUES(?, ?, ?, ?)"
		" ON CONFLICT(id) DO UPDATE SET cell=excluded.cell WHERE cell<>excluded.cell",
		&put, err);
	if (r == 0) {
		bd_sqlite_bind_text(put, 1, c->series);
		bd_sqlite_bind_text(put, 2, c->case_name);
		bd_sqlite_bind_text(put, 3, axes);
		bd_sqlite_bind_text(put, 4, c->id);
		r = bd_sqlite_run(db, put, "storing a series", err);
	}
	if (r == 0)
		r = bd_sqlite_prepare(db, "SELECT series FROM series WHERE id=?", &get, err);
	if (r < 0)
		return r;
	bd_sqlite_bind_text(get, 1, c->series);
	r = bd_sqlite_step(db, get, "looking for a series", err);
	if (r > 0)
		*ret = sqlite3_column_int64(get, 0);
	return r < 0 ? r : 0;
}

static int result_insert(sqlite3 *db, sqlite3_stmt *s, int64_t place, const struct bd_cell_result *c,
	struct bd_error *err)
{
	bd_auto_free char *axes = bd_sqlite_axes_text(&c->axes);
	int64_t series = 0;
	int r = series_number(db, c, axes, &series, err);
	if (r < 0)
		return r;
	bd_auto_free char *reason = bd_sqlite_reason_text(c->reason);
	bd_auto_free char *scaling_off = bd_sqlite_reason_text(bd_cell_metric_off(c, BD_METRIC_SCALING));
	bd_auto_free char *wait_off = bd_sqlite_reason_text(bd_cell_metric_off(c, BD_METRIC_WAIT_SHARE));
	int i = 2; /* 1 is the run */
	sqlite3_bind_int64(s, i++, place);
	sqlite3_bind_int64(s, i++, series);
	bd_sqlite_bind_text(s, i++, c->status);
	sqlite3_bind_int(s, i++, c->complete);
	bd_sqlite_bind_text(s, i++, reason);
	bd_sqlite_bind_text(s, i++, scaling_off);
	bd_sqlite_bind_text(s, i++, wait_off);
	bd_sqlite_bind_text(s, i++, c->ratio ? c->ratio->to : NULL);
	for (enum bd_metric m = 0; m < BD_METRICS; m++) {
		struct bd_interval v = bd_cell_metric(c, m);
		bd_sqlite_bind_double(s, i++, v.median);
		bd_sqlite_bind_double(s, i++, v.lo);
		bd_sqlite_bind_double(s, i++, v.hi);
	}
	return bd_sqlite_run(db, s, "storing the figures of a cell", err);
}

static int statuses_update(sqlite3 *db, int64_t run, const struct bd_run_document *doc, struct bd_error *err)
{
	int64_t count[BD_CELL_INTERRUPTED + 1] = {0};
	for (size_t i = 0; i < doc->cells_len; i++) {
		enum bd_cell_status status;
		if (bd_cell_status_parse(doc->cells[i].status, &status) == 0)
			count[status]++;
	}
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db,
		"INSERT OR REPLACE INTO statuses(run, ok, unsupported, invalid, failed, interrupted) VALUES(?, ?, ?, ?, ?, ?)",
		&s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, run);
	for (int i = 0; i < (int)BD_LEN(count); i++)
		sqlite3_bind_int64(s, 2 + i, count[i]);
	return bd_sqlite_run(db, s, "counting the cells of a run", err);
}

/* What a row cannot be made of is left out; what is wrong with it shows in the document. */
static bool usable(const struct bd_cell_result *c)
{
	enum bd_cell_status status;
	return c->id && c->case_name && c->series && bd_cell_status_parse(c->status, &status) == 0;
}

static int results_replace(sqlite3 *db, int64_t run, const struct bd_run_document *doc, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *old = NULL;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, "DELETE FROM results WHERE run=?", &old, err);
	if (r == 0) {
		sqlite3_bind_int64(old, 1, run);
		r = bd_sqlite_run(db, old, "replacing figures", err);
	}
	if (r == 0)
		r = bd_sqlite_prepare(db,
			"INSERT INTO results(run, place, series, status, complete, reason, scaling_off, wait_off, ratio_to, " FIGURE_COLUMNS
			") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			&s, err);
	if (r == 0)
		sqlite3_bind_int64(s, 1, run);
	for (size_t i = 0; r == 0 && i < doc->cells_len; i++)
		if (usable(&doc->cells[i]))
			r = result_insert(db, s, (int64_t)i, &doc->cells[i], err);
	return r < 0 ? r : statuses_update(db, run, doc, err);
}

int bd_sqlite_results_put(sqlite3 *db, int64_t run, const cJSON *document, struct bd_error *err)
{
	struct bd_run_document doc;
	bd_doc_init(&bd_run_document_doc, &doc);
	int r = bd_doc_decode(&bd_run_document_doc, document, &doc, err);
	if (r < 0)
		return r;
	r = results_replace(db, run, &doc, err);
	bd_doc_done(&bd_run_document_doc, &doc);
	return r;
}

int bd_sqlite_series_tidy(struct bd_sqlite *q, struct bd_error *err)
{
	int r = bd_sqlite_begin(q, BD_SQLITE_PROCESS, err);
	if (r == 0)
		r = bd_sqlite_exec(q->writer.db,
			"DELETE FROM series WHERE NOT EXISTS(SELECT 1 FROM results WHERE results.series=series.series)",
			err);
	r = bd_sqlite_end(q, r, err);
	return r == -ENOSPC ? 0 : r; /* the next start has more room */
}

/* ---- documents stored before there were series ----------------------------------------------------------------- */

static void cell_name_series(cJSON *cell)
{
	struct bd_axes axes = {0};
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(cell, "case");
	if (!cJSON_IsString(name) || cJSON_GetObjectItemCaseSensitive(cell, "series") ||
		bd_sqlite_axes_decode(cell, &axes, NULL) < 0)
		return;
	char id[BD_SERIES_LEN];
	bd_series_id(name->valuestring, &axes, id);
	bd_axes_done(&axes);
	cJSON_AddStringToObject(cell, "series", id);
}

static int document_next(sqlite3 *db, int64_t *run, char **ret_text, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = bd_sqlite_prepare(db, "SELECT run, json FROM documents WHERE run>? ORDER BY run LIMIT 1", &s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, *run);
	r = bd_sqlite_step(db, s, "reading a document", err);
	if (r > 0) {
		*run = sqlite3_column_int64(s, 0);
		*ret_text = bd_sqlite_text(s, 1);
	}
	return r;
}

static int document_replace(sqlite3 *db, int64_t run, const cJSON *json, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	bd_auto_free char *text = bd_json_text(json);
	int r = bd_sqlite_prepare(db, "UPDATE documents SET json=? WHERE run=?", &s, err);
	if (r < 0)
		return r;
	bd_sqlite_bind_text(s, 1, text);
	sqlite3_bind_int64(s, 2, run);
	return bd_sqlite_run(db, s, "naming the series of a document", err);
}

int bd_sqlite_results_backfill(sqlite3 *db, struct bd_error *err)
{
	int64_t run = INT64_MIN;
	int r;
	for (;;) { /* one document at a time: however many there are, there is room for one */
		bd_auto_free char *text = NULL;
		bd_auto_json cJSON *json = NULL;
		r = document_next(db, &run, &text, err);
		if (r <= 0)
			break;
		if (bd_json_parse(text, "a document", &json, NULL) < 0)
			continue; /* shown as it is; it must not keep the store from opening */
		cJSON *cell;
		cJSON_ArrayForEach(cell, cJSON_GetObjectItemCaseSensitive(json, "cells"))
			cell_name_series(cell);
		r = document_replace(db, run, json, err);
		struct bd_error why;
		if (r < 0)
			break;
		r = bd_sqlite_results_put(db, run, json, &why);
		if (r == -EINVAL) {
			bd_log(BD_LOG_DEBUG, "store: a document of another shape: %s", why.message);
		} else if (r < 0) {
			if (err)
				*err = why;
			break;
		}
	}
	malloc_trim(0);
	return r;
}
