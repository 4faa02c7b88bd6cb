/* Series read back: which there are, and their points. */
#include "sqlite.h"

#include <errno.h>

/* Runs that have points: measured, and over. */
#define COUNTS "runs.state NOT IN ('queued', 'running', 'deleted') AND runs.started_ns>0"

/* Where a metric stands in a row of results. */
static const struct {
	const char *columns, *value, *off;
} metric_columns[BD_METRICS] = {
	[BD_METRIC_TIME] = {"time, time_lo, time_hi, NULL, NULL", "time", NULL},
	[BD_METRIC_THROUGHPUT] = {"throughput, throughput_lo, throughput_hi, NULL, NULL", "throughput", NULL},
	[BD_METRIC_RATIO] = {"ratio, ratio_lo, ratio_hi, ratio_to, NULL", "ratio", NULL},
	[BD_METRIC_SCALING] = {"scaling, scaling_lo, scaling_hi, NULL, scaling_off", "scaling", NULL},
	[BD_METRIC_WAIT_SHARE] = {"wait_share, wait_share_lo, wait_share_hi, NULL, wait_off", "wait_share", NULL},
};

static char *time_text(int64_t real_ns)
{
	if (real_ns <= 0)
		return NULL;
	char *text = bd_alloc(BD_RFC3339_LEN);
	bd_rfc3339(real_ns, text);
	return text;
}

static int not_found(const char *id, struct bd_error *err)
{
	return bd_error_set(err, -ENOENT, "not-found", "GET /api/v1/series lists those there are",
		"no finished run has a cell of series '%.100s'", id);
}

/* ---- runs that have ended and have no document ------------------------------------------------------------------ */

int bd_sqlite_undocumented(struct bd_store *base, struct bd_strv *ret, struct bd_error *err)
{
	struct bd_sqlite *q = (struct bd_sqlite *)base;
	struct bd_sqlite_conn *c;
	struct bd_strv ids = {0};
	int r = bd_sqlite_reader_take(q, &c, err);
	if (r < 0)
		return r;
	sqlite3_stmt *s = NULL;
	r = bd_sqlite_prepare(c->db,
		"SELECT id FROM runs LEFT JOIN documents USING(run)"
		" WHERE documents.run IS NULL AND state NOT IN ('queued', 'running', 'deleted') ORDER BY id",
		&s, err);
	while (r == 0 && (r = bd_sqlite_step(c->db, s, "looking for runs without a document", err)) > 0) {
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

/* ---- which there are -------------------------------------------------------------------------------------------- */

/* How many runs the series has, and the last one. One statement for many series. */
static int runs_read(sqlite3 *db, sqlite3_stmt *s, int64_t series, struct bd_series *ret, struct bd_error *err)
{
	sqlite3_bind_int64(s, 1, series);
	int r = bd_sqlite_step(db, s, "counting the runs of a series", err);
	if (r > 0) {
		ret->runs = bd_sqlite_int(s, 0);
		ret->last.run = bd_sqlite_text(s, 1);
		ret->last.started = time_text(bd_sqlite_int(s, 2));
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

static int runs_prepare(sqlite3 *db, sqlite3_stmt **ret, struct bd_error *err)
{
	/* started_ns is that of the run with the greatest id: what SQLite documents for max() */
	return bd_sqlite_prepare(db,
		"SELECT count(*), max(runs.id), runs.started_ns FROM results CROSS JOIN runs USING(run) WHERE series=? AND " COUNTS,
		ret, err);
}

static int series_read(sqlite3 *db, sqlite3_stmt *s, sqlite3_stmt *runs, struct bd_series *ret, struct bd_error *err)
{
	ret->id = bd_sqlite_text(s, 1);
	ret->case_name = bd_sqlite_text(s, 2);
	ret->cell = bd_sqlite_text(s, 3);
	int r = bd_sqlite_axes_read(s, 4, &ret->axes, err);
	return r < 0 ? r : runs_read(db, runs, sqlite3_column_int64(s, 0), ret, err);
}

/* Whether there is a series to go on behind; it may have lost its last run meanwhile. */
static int cursor_check(sqlite3 *db, const struct bd_series_filter *f, int64_t run, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	if (!f->after)
		return 0;
	int r = bd_sqlite_prepare(db,
		f->run ? "SELECT 1 FROM series JOIN results USING(series) WHERE id=? AND run=?"
		       : "SELECT 1 FROM series WHERE id=?",
		&s, err);
	if (r < 0)
		return r;
	bd_sqlite_bind_text(s, 1, f->after);
	if (f->run)
		sqlite3_bind_int64(s, 2, run);
	r = bd_sqlite_step(db, s, "looking for a series", err);
	return r < 0    ? r
		: r > 0 ? 0
			: bd_error_set(err, -EINVAL, "bad-value", "take it from `next` of the page before",
				  "after: there is no series '%.100s' here", f->after);
}

static int list_prepare(sqlite3 *db, const struct bd_series_filter *f, int64_t run, sqlite3_stmt **ret,
	struct bd_error *err)
{
	bd_auto_str struct bd_str sql = {0};
	bd_str_puts(&sql, "SELECT s.series, s.id, s.case_name, s.cell, s.axes FROM ");
	bd_str_puts(&sql,
		f->run ? "results JOIN series AS s USING(series) WHERE results.run=?1"
		       : "series AS s WHERE EXISTS(SELECT 1 FROM results CROSS JOIN runs USING(run) WHERE results.series=s.series AND " COUNTS
			 ")");
	if (f->case_name)
		bd_str_puts(&sql, " AND s.case_name=?2");
	if (f->after)
		bd_str_puts(&sql,
			f->run ? " AND results.place>(SELECT r.place FROM results AS r JOIN series AS t USING(series) WHERE r.run=?1 AND t.id=?3)"
			       : " AND (s.cell, s.id)>(SELECT t.cell, t.id FROM series AS t WHERE t.id=?3)");
	bd_str_puts(&sql, f->run ? " ORDER BY results.place LIMIT ?4" : " ORDER BY s.cell, s.id LIMIT ?4");
	int r = bd_sqlite_prepare(db, sql.s, ret, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(*ret, 1, run);
	bd_sqlite_bind_text(*ret, 2, f->case_name);
	bd_sqlite_bind_text(*ret, 3, f->after);
	sqlite3_bind_int64(*ret, 4, (int64_t)f->limit + 1); /* one more tells whether there is a next page */
	return 0;
}

/* A run that is not over, or never began, has results in no sense; its list is empty. */
static int list_run(sqlite3 *db, const struct bd_series_filter *f, int64_t *ret, bool *ret_over, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	*ret_over = true;
	if (!f->run)
		return 0;
	int r = bd_sqlite_run_number(db, f->run, ret, NULL, err);
	if (r == 0)
		r = bd_sqlite_prepare(db, "SELECT 1 FROM runs WHERE run=? AND " COUNTS, &s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, *ret);
	r = bd_sqlite_step(db, s, "looking at a run", err);
	*ret_over = r > 0;
	return r < 0 ? r : 0;
}

static int list_read(sqlite3 *db, const void *filter, void *result, struct bd_error *err)
{
	const struct bd_series_filter *f = filter;
	struct bd_series_list *list = result;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	bd_auto_stmt sqlite3_stmt *runs = NULL;
	int64_t run = 0;
	bool over;
	int r = list_run(db, f, &run, &over, err);
	if (r < 0 || !over)
		return r;
	r = cursor_check(db, f, run, err);
	if (r == 0)
		r = list_prepare(db, f, run, &s, err);
	if (r == 0)
		r = runs_prepare(db, &runs, err);
	while (r == 0 && (r = bd_sqlite_step(db, s, "listing series", err)) > 0) {
		if (list->series_len == f->limit) {
			list->next = bd_strdup(list->series[f->limit - 1].id);
			return 0;
		}
		r = series_read(db, s, runs, BD_PUSH(list->series, list->series_len), err);
	}
	return r;
}

int bd_sqlite_series_list(struct bd_store *base, const struct bd_series_filter *f, struct bd_series_list *ret,
	struct bd_error *err)
{
	return bd_sqlite_read(base, &bd_series_list_doc, list_read, f, ret, err);
}

/* ---- one -------------------------------------------------------------------------------------------------------- */

static int metrics_read(sqlite3 *db, int64_t series, struct bd_strv *ret, struct bd_error *err)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	bd_auto_str struct bd_str sql = {0};
	bd_str_puts(&sql, "SELECT ");
	for (size_t m = 0; m < BD_METRICS; m++)
		bd_str_printf(&sql, "%scount(%s)", m ? ", " : "", metric_columns[m].value);
	bd_str_puts(&sql, " FROM results CROSS JOIN runs USING(run) WHERE series=? AND " COUNTS);
	int r = bd_sqlite_prepare(db, sql.s, &s, err);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, series);
	r = bd_sqlite_step(db, s, "looking at the metrics of a series", err);
	for (int m = 0; r > 0 && m < BD_METRICS; m++)
		if (sqlite3_column_int64(s, m) > 0)
			bd_strv_add(ret, bd_metric_kinds[m].name);
	return r < 0 ? r : 0;
}

static int get_read(sqlite3 *db, const void *filter, void *result, struct bd_error *err)
{
	const char *id = filter;
	struct bd_series *ret = result;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	bd_auto_stmt sqlite3_stmt *runs = NULL;
	int r = bd_sqlite_prepare(db, "SELECT series, id, case_name, cell, axes FROM series WHERE id=?", &s, err);
	if (r < 0)
		return r;
	bd_sqlite_bind_text(s, 1, id);
	r = bd_sqlite_step(db, s, "looking for a series", err);
	if (r == 0)
		return not_found(id, err);
	if (r > 0)
		r = runs_prepare(db, &runs, err);
	if (r == 0)
		r = series_read(db, s, runs, ret, err);
	if (r == 0 && ret->runs == 0)
		return not_found(id, err);
	return r < 0 ? r : metrics_read(db, sqlite3_column_int64(s, 0), &ret->metrics, err);
}

int bd_sqlite_series_get(struct bd_store *base, const char *id, struct bd_series *ret, struct bd_error *err)
{
	return bd_sqlite_read(base, &bd_series_doc, get_read, id, ret, err);
}

/* ---- points ----------------------------------------------------------------------------------------------------- */

static int points_prepare(sqlite3 *db, const struct bd_points_filter *f, sqlite3_stmt **ret, struct bd_error *err)
{
	bd_auto_str struct bd_str sql = {0};
	bd_str_printf(&sql,
		"SELECT runs.id, runs.started_ns, runs.suite, results.status, complete, runs.comparability_key, results.reason, %s"
		" FROM results CROSS JOIN runs USING(run) WHERE series=(SELECT series FROM series WHERE id=?1) AND " COUNTS
		"%s ORDER BY runs.id DESC LIMIT ?3",
		metric_columns[f->metric].columns, f->before ? " AND runs.id<?2" : "");
	int r = bd_sqlite_prepare(db, sql.s, ret, err);
	if (r < 0)
		return r;
	bd_sqlite_bind_text(*ret, 1, f->series);
	bd_sqlite_bind_text(*ret, 2, f->before);
	sqlite3_bind_int64(*ret, 3, (int64_t)f->limit + 1);
	return 0;
}

static int point_read(sqlite3_stmt *s, struct bd_point *p, struct bd_error *err)
{
	p->run = bd_sqlite_text(s, 0);
	p->started = time_text(bd_sqlite_int(s, 1));
	p->suite = bd_sqlite_text(s, 2);
	p->status = bd_sqlite_text(s, 3);
	p->complete = sqlite3_column_int(s, 4) != 0;
	p->comparability_key = bd_sqlite_text(s, 5);
	p->value = bd_sqlite_double(s, 7);
	p->lo = bd_sqlite_double(s, 8);
	p->hi = bd_sqlite_double(s, 9);
	p->to = bd_sqlite_text(s, 10);
	/* the cell's, or why this one metric is not there */
	int r = bd_sqlite_reason_read(s, 6, &p->reason, err);
	return r < 0 || p->reason ? r : bd_sqlite_reason_read(s, 11, &p->reason, err);
}

static void reverse(struct bd_point *v, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct bd_point p = v[i];
		v[i] = v[n - 1 - i];
		v[n - 1 - i] = p;
	}
}

static int points_read(sqlite3 *db, const void *filter, void *result, struct bd_error *err)
{
	const struct bd_points_filter *f = filter;
	struct bd_points_document *ret = result;
	bd_auto_stmt sqlite3_stmt *s = NULL;
	int r = points_prepare(db, f, &s, err);
	while (r == 0 && (r = bd_sqlite_step(db, s, "reading points", err)) > 0) {
		if (ret->points_len == f->limit) {
			ret->next = bd_strdup(ret->points[f->limit - 1].run);
			r = 0;
			break;
		}
		r = point_read(s, BD_PUSH(ret->points, ret->points_len), err);
	}
	if (r == 0 && ret->points_len == 0) { /* none that old, or no such series */
		struct bd_series series;
		bd_doc_init(&bd_series_doc, &series);
		r = get_read(db, f->series, &series, err);
		bd_doc_done(&bd_series_doc, &series);
	}
	reverse(ret->points, ret->points_len);
	ret->series = bd_strdup(f->series);
	ret->metric = bd_strdup(bd_metric_kinds[f->metric].name);
	ret->unit = bd_strdup(bd_metric_kinds[f->metric].unit);
	return r;
}

int bd_sqlite_points(struct bd_store *base, const struct bd_points_filter *f, struct bd_points_document *ret,
	struct bd_error *err)
{
	return bd_sqlite_read(base, &bd_points_document_doc, points_read, f, ret, err);
}
