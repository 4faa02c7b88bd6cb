/* Series: the figures of finished cells as points, also of documents that were stored before there were series. */
#include "support.h"
#include "sqlite.h"

#include <errno.h>
#include <sys/resource.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || __has_feature(address_sanitizer) || \
	__has_feature(thread_sanitizer)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define OLD_FIRST "01M81HAY2HSDCH92JQAJ7ATQKK"
#define OLD_TROUBLED "01M81HB09B43FQ0B006B7P3HCQ"
#define OLD_RUNNING "01M81HB0Q8R5GTKTC6HK0ZHQES"

static sqlite3 *raw(void)
{
	bd_auto_free char *path = bd_printf("%s/" BD_STORE_SQLITE_FILE, folder);
	sqlite3 *db = NULL;
	BD_CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void raw_exec(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		BD_FAIL("%s", sqlite3_errmsg(db));
}

static int64_t raw_int(sqlite3 *db, const char *sql)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	BD_CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	BD_CHECK_INT(sqlite3_step(s), SQLITE_ROW);
	return sqlite3_column_int64(s, 0);
}

/* A store as schema 1 left it. */
static sqlite3 *old_store(void)
{
	folder_make();
	bd_auto_free char *sql = NULL;
	BD_CHECK_INT(bd_file_read(SCHEMA1, 1 << 20, &sql, NULL), 0);
	sqlite3 *db = raw();
	raw_exec(db, sql);
	BD_CHECK_INT(raw_int(db, "PRAGMA user_version"), 1);
	return db;
}

static cJSON *old_document(sqlite3 *db, const char *run)
{
	bd_auto_stmt sqlite3_stmt *s = NULL;
	BD_CHECK_INT(sqlite3_prepare_v2(db, "SELECT json FROM documents JOIN runs USING(run) WHERE id=?", -1, &s, NULL),
		SQLITE_OK);
	bd_sqlite_bind_text(s, 1, run);
	BD_CHECK_INT(sqlite3_step(s), SQLITE_ROW);
	cJSON *j = cJSON_Parse((const char *)sqlite3_column_text(s, 0));
	BD_CHECK(j);
	return j;
}

static cJSON *document(struct bd_store *s, const char *run)
{
	bd_auto_free char *text = NULL;
	CHECK_OK(bd_store_document_get(s, run, &text, &err));
	cJSON *j = cJSON_Parse(text);
	BD_CHECK(j);
	return j;
}

static struct bd_points_document points_of(struct bd_store *s, struct bd_points_filter f)
{
	struct bd_points_document d;
	bd_doc_init(&bd_points_document_doc, &d);
	f.limit = f.limit ? f.limit : 500;
	CHECK_OK(bd_store_points(s, &f, &d, &err));
	BD_CHECK_STR(d.series, f.series);
	BD_CHECK_STR(d.metric, bd_metric_kinds[f.metric].name);
	return d;
}

static double number_at(const cJSON *cell, const char *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(cell, object), name);
	return cJSON_IsNumber(v) ? v->valuedouble : (double)NAN;
}

static void same_number(double a, double b)
{
	if (isnan(a) != isnan(b) || (!isnan(a) && (a < b || a > b)))
		BD_FAIL("%.17g is not %.17g", a, b);
}

/* The point of `run` says what the cell of its document says. */
static void check_points(struct bd_store *s, const char *run, const cJSON *cell)
{
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cell, "series"));
	for (enum bd_metric m = 0; m < BD_METRICS; m++) {
		const char *name = bd_metric_kinds[m].name;
		bool wait = m == BD_METRIC_WAIT_SHARE;
		struct bd_points_document d = points_of(s, (struct bd_points_filter){.series = id, .metric = m});
		const struct bd_point *p = NULL;
		for (size_t i = 0; i < d.points_len; i++)
			if (bd_streq(d.points[i].run, run))
				p = &d.points[i];
		BD_CHECK(p);
		BD_CHECK_STR(p->status, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cell, "status")));
		BD_CHECK_STR(p->suite, "gil-contention");
		same_number(p->value, number_at(cell, wait ? "gil" : name, wait ? name : "median"));
		same_number(p->lo, wait ? (double)NAN : number_at(cell, name, "lo"));
		same_number(p->hi, wait ? (double)NAN : number_at(cell, name, "hi"));
		BD_CHECK(bd_streq(p->status, "ok") ? true : isnan(p->value) && p->reason && p->reason->message[0]);
		bd_doc_done(&bd_points_document_doc, &d);
	}
}

static void check_migrated(struct bd_store *s, const char *run, const cJSON *before)
{
	bd_auto_json cJSON *after = document(s, run);
	cJSON *cell;
	size_t n = 0;
	cJSON_ArrayForEach(cell, cJSON_GetObjectItemCaseSensitive(after, "cells")) {
		BD_CHECK_INT(strlen(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cell, "series"))), 16);
		check_points(s, run, cell);
		cJSON_DeleteItemFromObjectCaseSensitive(cell, "series");
		n++;
	}
	BD_CHECK(n >= 4);
	BD_CHECK(cJSON_Compare(before, after, true)); /* nothing but the series is new */
}

BD_TEST(documents_of_an_older_store_become_points)
{
	sqlite3 *db = old_store();
	bd_auto_json cJSON *first = old_document(db, OLD_FIRST), *troubled = old_document(db, OLD_TROUBLED);
	sqlite3_close(db);
	struct bd_store *s = NULL;
	for (int i = 0; i < 2; i++) { /* opening it again changes nothing */
		CHECK_OK(bd_store_open(folder, &s, &err));
		check_migrated(s, OLD_FIRST, first);
		check_migrated(s, OLD_TROUBLED, troubled);
		/* what this series is called was handed out and stays so */
		struct bd_series series;
		bd_doc_init(&bd_series_doc, &series);
		CHECK_OK(bd_store_series_get(s, "44bf87630cc9007d", &series, &err));
		BD_CHECK_STR(series.cell,
			"gil-contention/python=3.11.2/binding=capi:fastcall/threads=1/gil=hold/u=1us");
		BD_CHECK_STR(series.case_name, "gil-contention");
		BD_CHECK_STR(bd_axes_get(&series.axes, "allocator"), "glibc");
		BD_CHECK_INT(series.runs, 2);
		BD_CHECK_STR(series.last.run, OLD_TROUBLED);
		BD_CHECK_STR(series.last.started, "2026-11-22T11:47:50Z");
		BD_CHECK(bd_strv_has(&series.metrics, "ratio") && bd_strv_has(&series.metrics, "wait_share") &&
			!bd_strv_has(&series.metrics, "scaling"));
		bd_doc_done(&bd_series_doc, &series);
		bd_store_free(&s);
	}
	db = raw();
	BD_CHECK_INT(raw_int(db, "PRAGMA user_version"), bd_sqlite_migrations_len);
	sqlite3_close(db);
}

BD_TEST(rows_of_an_older_store_tell_how_their_cells_did)
{
	sqlite3_close(old_store());
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	for (int recovered = 0; recovered < 2; recovered++) {
		struct bd_run_list list;
		struct bd_store_filter f = {.limit = 9};
		CHECK_OK(bd_store_runs_list(s, &f, &list, &err));
		BD_CHECK_INT(list.runs_len, 3);
		BD_CHECK_STR(list.runs[0].id, OLD_RUNNING);
		BD_CHECK_INT(list.runs[0].statuses.ok, 3);
		BD_CHECK(recovered ? bd_streq(list.runs[0].reason->key, "interrupted") : !list.runs[0].reason);
		BD_CHECK_INT(list.runs[1].statuses.ok, 2);
		BD_CHECK_INT(list.runs[1].statuses.invalid, 1);
		BD_CHECK_INT(list.runs[1].statuses.unsupported, 1);
		BD_CHECK_INT(list.runs[1].statuses.failed + list.runs[1].statuses.interrupted, 0);
		BD_CHECK_INT(list.runs[2].statuses.ok, 5);
		BD_CHECK(!list.runs[2].reason);
		bd_doc_done(&bd_run_list_doc, &list);
		bd_auto_strv struct bd_strv without = {0};
		CHECK_OK(bd_store_undocumented(s, &without, &err));
		BD_CHECK_INT(without.n, recovered);
		BD_CHECK(!recovered || bd_streq(without.v[0], OLD_RUNNING));
		CHECK_OK(bd_store_recover(s, &err));
	}
	bd_store_free(&s);
}

BD_TEST(an_older_store_with_documents_of_no_use_opens)
{
	sqlite3 *db = old_store();
	raw_exec(db, "UPDATE documents SET json='{\"cells\":7}' WHERE run=1");
	raw_exec(db, "UPDATE documents SET json='not JSON' WHERE run=2");
	sqlite3_close(db);
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	bd_auto_free char *text = NULL;
	CHECK_OK(bd_store_document_get(s, OLD_TROUBLED, &text, &err));
	BD_CHECK_STR(text, "not JSON");
	bd_store_free(&s);
}

BD_TEST(migrating_takes_no_more_memory_for_more_documents)
{
	sqlite3 *db = old_store();
	/* 2,000 runs with a document of 6 kB: many times what is allowed */
	raw_exec(db,
		"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i+1 FROM n WHERE i<2099)"
		" INSERT INTO runs(run, id, state, created_ns, started_ns, finished_ns) SELECT i, '02' || i, 'complete', 1, 1, 1 FROM n;"
		"INSERT INTO documents SELECT r.run, d.json FROM runs AS r, documents AS d WHERE r.run>=100 AND d.run=1;");
	int64_t bytes = raw_int(db, "SELECT sum(length(json)) FROM documents");
	sqlite3_close(db);
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	getrusage(RUSAGE_SELF, &after);
	struct bd_series series;
	bd_doc_init(&bd_series_doc, &series);
	CHECK_OK(bd_store_series_get(s, "44bf87630cc9007d", &series, &err));
	BD_CHECK_INT(series.runs, 2002);
	bd_doc_done(&bd_series_doc, &series);
	bd_store_free(&s);
	BD_CHECK(bytes > 12000000);
	/* sanitizers keep what was freed */
	if (!SANITIZED && after.ru_maxrss - before.ru_maxrss > 8192)
		BD_FAIL("migrating %lld kB of documents took %ld kB", (long long)bytes / 1024,
			after.ru_maxrss - before.ru_maxrss);
}

static int fill_and_fail(sqlite3 *db, struct bd_error *err)
{
	raw_exec(db, "INSERT INTO t VALUES(1)");
	return bd_error_set(err, -EIO, "store-failed", NULL, "half way");
}

BD_TEST(a_step_whose_filling_fails_leaves_nothing)
{
	folder_make();
	sqlite3 *db = raw();
	static const struct bd_sqlite_migration steps[] = {{"CREATE TABLE t(a)", fill_and_fail}};
	CHECK_ERROR(bd_sqlite_migrate(db, "f", steps, 1, &err), "store-failed");
	BD_CHECK_INT(raw_int(db, "SELECT count(*) FROM sqlite_schema"), 0);
	BD_CHECK_INT(raw_int(db, "PRAGMA user_version"), 0);
	sqlite3_close(db);
}

/* ---- new runs -------------------------------------------------------------------------------------------------- */

static struct bd_store *fresh(void)
{
	struct bd_store *s = NULL;
	folder_make();
	CHECK_OK(bd_store_open(folder, &s, &err));
	return s;
}

/* A run of cells of one case at 1, 2, … threads, the value of the first being `time`. */
static void put(struct bd_store *s, const char *id, enum bd_run_state state, double time, size_t cells)
{
	struct bd_run run = run_make(id, "gil-contention", state);
	run.started_ns = run.created_ns;
	CHECK_OK(bd_store_run_create(s, &run, NULL, 0, &err));
	struct bd_run_document d;
	bd_doc_init(&bd_run_document_doc, &d);
	for (size_t i = 0; i < cells; i++) {
		struct bd_cell_result *c = BD_PUSH(d.cells, d.cells_len);
		bd_doc_init(&bd_cell_result_doc, c);
		bd_auto_free char *threads = bd_printf("%zu", i + 1);
		bd_axes_set(&c->axes, "threads", threads);
		c->case_name = bd_strdup(i % 2 ? "odd" : "even");
		c->id = bd_cell_id(c->case_name, &c->axes);
		c->series = bd_alloc(BD_SERIES_LEN);
		bd_series_id(c->case_name, &c->axes, c->series);
		c->status = bd_strdup("ok");
		c->complete = true;
		c->time_ns_per_op = bd_alloc(sizeof *c->time_ns_per_op);
		*c->time_ns_per_op = (struct bd_estimate){time + (double)i, time, time + 10, 0, 0};
		if (i == 1) {
			c->ratio = bd_alloc(sizeof *c->ratio);
			*c->ratio = (struct bd_ratio){bd_strdup(d.cells[0].id), 1.5, NAN, NAN};
			c->scaling_reason = bd_reason_new("V4", "processors<threads", NULL, "too few");
		}
	}
	bd_auto_json cJSON *j = bd_doc_encode(&bd_run_document_doc, &d);
	bd_auto_free char *text = bd_json_text(j);
	bd_doc_done(&bd_run_document_doc, &d);
	CHECK_OK(bd_store_document_put(s, id, text, &err));
}

static char *series_id(const char *case_name, const char *threads)
{
	struct bd_axes axes = {0};
	char *id = bd_alloc(BD_SERIES_LEN);
	bd_axes_set(&axes, "threads", threads);
	bd_series_id(case_name, &axes, id);
	bd_axes_done(&axes);
	return id;
}

BD_TEST(an_id_is_of_the_case_and_all_axes_in_any_order)
{
	struct bd_axes a = {0}, b = {0};
	char x[BD_SERIES_LEN], y[BD_SERIES_LEN];
	bd_axes_set(&a, "threads", "2");
	bd_axes_set(&a, "u", "1us");
	/* as an older benchd may have ordered them */
	*BD_PUSH(b.v, b.n) = (struct bd_pair){bd_strdup("u"), bd_strdup("1us")};
	*BD_PUSH(b.v, b.n) = (struct bd_pair){bd_strdup("threads"), bd_strdup("2")};
	bd_series_id("c", &a, x);
	bd_series_id("c", &b, y);
	BD_CHECK_STR(x, y);
	bd_series_id("d", &a, y);
	BD_CHECK(!bd_streq(x, y));
	bd_axes_set(&b, "threads", "3");
	bd_series_id("c", &b, y);
	BD_CHECK(!bd_streq(x, y));
	bd_axes_set(&a, "gc", "on"); /* its default: not in the cell's id, but in the series */
	bd_series_id("c", &a, y);
	BD_CHECK(!bd_streq(x, y));
	bd_axes_done(&a);
	bd_axes_done(&b);
	struct bd_axes none = {0};
	bd_series_id("c", &none, y);
	BD_CHECK_INT(strlen(y), 16);
}

/* The values of a page, joined. */
static const char *values(struct bd_store *s, struct bd_points_filter f, char **next)
{
	static char out[256];
	out[0] = 0;
	struct bd_points_document d = points_of(s, f);
	for (size_t i = 0; i < d.points_len; i++)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s=%g ", d.points[i].run, d.points[i].value);
	if (next)
		*next = bd_strdup(d.next);
	bd_doc_done(&bd_points_document_doc, &d);
	return out;
}

BD_TEST(points_come_in_pages_the_oldest_first)
{
	struct bd_store *s = fresh();
	bd_auto_free char *even = series_id("even", "1"), *odd = series_id("odd", "2");
	put(s, "01C", BD_RUN_COMPLETE, 300, 2); /* not stored in the order of their time: it may come from elsewhere */
	put(s, "01A", BD_RUN_COMPLETE, 100, 2);
	put(s, "01B", BD_RUN_CANCELLED, 200, 1);
	put(s, "01D", BD_RUN_COMPLETE, 400, 2);
	put(s, "01E", BD_RUN_RUNNING, 500, 2);                         /* not over */
	struct bd_run queued = run_make("01F", "x", BD_RUN_CANCELLED); /* never began */
	CHECK_OK(bd_store_run_create(s, &queued, NULL, 0, &err));
	char *next = NULL;
	BD_CHECK_STR(values(s, (struct bd_points_filter){.series = even}, &next), "01A=100 01B=200 01C=300 01D=400 ");
	BD_CHECK(!next);
	BD_CHECK_STR(values(s, (struct bd_points_filter){.series = odd}, NULL), "01A=101 01C=301 01D=401 ");
	BD_CHECK_STR(values(s, (struct bd_points_filter){.series = even, .limit = 2}, &next), "01C=300 01D=400 ");
	BD_CHECK_STR(next, "01C");
	char *last = NULL;
	BD_CHECK_STR(values(s, (struct bd_points_filter){.series = even, .limit = 2, .before = next}, &last),
		"01A=100 01B=200 ");
	BD_CHECK(!last);
	free(next);
	BD_CHECK_STR(values(s, (struct bd_points_filter){.series = even, .before = "01A"}, NULL), "");
	struct bd_points_document d = points_of(s,
		(struct bd_points_filter){.series = odd, .metric = BD_METRIC_RATIO, .limit = 1});
	BD_CHECK(d.points[0].value > 1.4 && isnan(d.points[0].lo) && !d.points[0].reason && !d.unit);
	BD_CHECK_STR(d.points[0].to, "even/threads=1");
	bd_doc_done(&bd_points_document_doc, &d);
	d = points_of(s, (struct bd_points_filter){.series = odd, .metric = BD_METRIC_SCALING, .limit = 1});
	BD_CHECK(isnan(d.points[0].value));
	BD_CHECK_STR(d.points[0].reason->key, "processors<threads");
	bd_doc_done(&bd_points_document_doc, &d);
	struct bd_points_filter bad = {.series = even};
	CHECK_ERROR(bd_store_points(s, &bad, &d, &err), "bad-value");
	bad.limit = 1001;
	CHECK_ERROR(bd_store_points(s, &bad, &d, &err), "bad-value");
	bad = (struct bd_points_filter){.series = "0000000000000000", .limit = 1};
	CHECK_ERROR(bd_store_points(s, &bad, &d, &err), "not-found");
	bad.series = "%"; /* an id, no pattern */
	CHECK_ERROR(bd_store_points(s, &bad, &d, &err), "not-found");
	bd_store_free(&s);
}

/* Cells of a listing, joined. */
static const char *cells(struct bd_store *s, struct bd_series_filter f, char **next)
{
	static char out[512];
	out[0] = 0;
	struct bd_series_list list;
	f.limit = f.limit ? f.limit : 9;
	CHECK_OK(bd_store_series_list(s, &f, &list, &err));
	for (size_t i = 0; i < list.series_len; i++)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s:%lld:%s ", list.series[i].cell,
			(long long)list.series[i].runs, list.series[i].last.run);
	if (next)
		*next = bd_strdup(list.next);
	bd_doc_done(&bd_series_list_doc, &list);
	return out;
}

BD_TEST(series_are_listed_by_cell_or_in_the_order_of_a_run)
{
	struct bd_store *s = fresh();
	put(s, "01A", BD_RUN_COMPLETE, 100, 3);
	put(s, "01B", BD_RUN_COMPLETE, 200, 2);
	put(s, "01C", BD_RUN_RUNNING, 300, 4);
	BD_CHECK_STR(cells(s, (struct bd_series_filter){0}, NULL),
		"even/threads=1:2:01B even/threads=3:1:01A odd/threads=2:2:01B ");
	BD_CHECK_STR(cells(s, (struct bd_series_filter){.case_name = "odd"}, NULL), "odd/threads=2:2:01B ");
	BD_CHECK_STR(cells(s, (struct bd_series_filter){.case_name = "none"}, NULL), "");
	BD_CHECK_STR(cells(s, (struct bd_series_filter){.run = "01A"}, NULL),
		"even/threads=1:2:01B odd/threads=2:2:01B even/threads=3:1:01A ");
	BD_CHECK_STR(cells(s, (struct bd_series_filter){.run = "01A", .case_name = "even"}, NULL),
		"even/threads=1:2:01B even/threads=3:1:01A ");
	BD_CHECK_STR(cells(s, (struct bd_series_filter){.run = "01C"}, NULL), ""); /* not over */
	for (int by_run = 0; by_run < 2; by_run++) {
		char seen[512] = "", *after = NULL, *next = NULL;
		for (int page = 0; page < 3; page++) {
			const char *one = cells(s,
				(struct bd_series_filter){.run = by_run ? "01A" : NULL, .after = after, .limit = 1},
				&next);
			snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s", one);
			free(after);
			after = next;
		}
		BD_CHECK(!after);
		BD_CHECK_STR(seen, cells(s, (struct bd_series_filter){.run = by_run ? "01A" : NULL}, NULL));
	}
	struct bd_series_list list;
	struct bd_series_filter f = {.run = "01Z", .limit = 1};
	CHECK_ERROR(bd_store_series_list(s, &f, &list, &err), "not-found");
	f = (struct bd_series_filter){.after = "x", .limit = 1};
	CHECK_ERROR(bd_store_series_list(s, &f, &list, &err), "bad-value");
	f.limit = 0;
	CHECK_ERROR(bd_store_series_list(s, &f, &list, &err), "bad-value");
	bd_store_free(&s);
}

BD_TEST(deleting_a_run_takes_its_points_along)
{
	struct bd_store *s = fresh();
	bd_auto_free char *even = series_id("even", "1"), *third = series_id("even", "3");
	put(s, "01A", BD_RUN_COMPLETE, 100, 3);
	put(s, "01B", BD_RUN_COMPLETE, 200, 1);
	CHECK_OK(bd_store_run_delete(s, "01A", &err));
	BD_CHECK_STR(values(s, (struct bd_points_filter){.series = even}, NULL), "01B=200 ");
	struct bd_series series;
	CHECK_ERROR(bd_store_series_get(s, third, &series, &err), "not-found");
	BD_CHECK_STR(cells(s, (struct bd_series_filter){0}, NULL), "even/threads=1:1:01B ");
	/* a page that ended at it can still be followed */
	BD_CHECK_STR(cells(s, (struct bd_series_filter){.after = third}, NULL), "");
	CHECK_OK(bd_store_recover(s, &err));
	bd_store_free(&s);
	sqlite3 *db = raw();
	BD_CHECK_INT(raw_int(db, "SELECT count(*) FROM series"), 1);
	BD_CHECK_INT(raw_int(db, "SELECT count(*) FROM results"), 1);
	BD_CHECK_INT(raw_int(db, "SELECT count(*) FROM statuses"), 1);
	sqlite3_close(db);
}

BD_TEST(a_document_that_is_put_again_replaces_its_points)
{
	struct bd_store *s = fresh();
	bd_auto_free char *even = series_id("even", "1");
	put(s, "01A", BD_RUN_COMPLETE, 100, 2);
	bd_auto_free char *text = NULL;
	CHECK_OK(bd_store_document_get(s, "01A", &text, &err));
	CHECK_OK(bd_store_document_put(s, "01A", text, &err));
	BD_CHECK_STR(values(s, (struct bd_points_filter){.series = even}, NULL), "01A=100 ");
	/* not JSON: neither the text nor the points change */
	CHECK_ERROR(bd_store_document_put(s, "01A", "{", &err), "bad-json");
	CHECK_ERROR(bd_store_document_put(s, "01A", "{\"cells\":[{\"samples\":\"x\"}]}", &err), "bad-value");
	BD_CHECK_STR(values(s, (struct bd_points_filter){.series = even}, NULL), "01A=100 ");
	bd_auto_free char *again = NULL;
	CHECK_OK(bd_store_document_get(s, "01A", &again, &err));
	BD_CHECK_STR(again, text);
	bd_store_free(&s);
}

static struct bd_statuses statuses_of(struct bd_store *s, const char *id)
{
	struct bd_run_list list;
	struct bd_store_filter f = {.limit = 9};
	struct bd_statuses found = {0};
	CHECK_OK(bd_store_runs_list(s, &f, &list, &err));
	for (size_t i = 0; i < list.runs_len; i++)
		if (bd_streq(list.runs[i].id, id))
			found = list.runs[i].statuses;
	bd_doc_done(&bd_run_list_doc, &list);
	return found;
}

BD_TEST(cells_of_a_run_in_progress_count_when_they_are_measured)
{
	struct bd_store *s = fresh();
	run_put(s, "01A", "x", BD_RUN_RUNNING); /* two cells and a twin */
	struct bd_statuses n = statuses_of(s, "01A");
	BD_CHECK_INT(n.ok + n.unsupported + n.invalid + n.failed + n.interrupted, 0);
	struct bd_sample x = sample_make(1, 0, 0, 1), twin = sample_make(2, 0, 0, 1);
	CHECK_OK(bd_store_round_put(s, "01A", &x, 1, &err));
	CHECK_OK(bd_store_round_put(s, "01A", &twin, 1, &err));
	n = statuses_of(s, "01A");
	BD_CHECK_INT(n.ok, 1);
	BD_CHECK_INT(n.unsupported + n.invalid + n.failed + n.interrupted, 0);
	struct bd_cell c = cell_make(0);
	c.status = BD_CELL_FAILED;
	CHECK_OK(bd_store_cell_update(s, "01A", &c, &err));
	bd_cell_done(&c);
	n = statuses_of(s, "01A");
	BD_CHECK_INT(n.ok, 1);
	BD_CHECK_INT(n.failed, 1);
	c = cell_make(0);
	CHECK_OK(bd_store_cell_update(s, "01A", &c, &err)); /* as it began: ok, without a sample */
	bd_cell_done(&c);
	CHECK_OK(bd_store_recover(s, &err));
	n = statuses_of(s, "01A");
	BD_CHECK_INT(n.ok, 1);
	BD_CHECK_INT(n.interrupted, 1);
	bd_sample_done(&x);
	bd_sample_done(&twin);
	bd_store_free(&s);
}

BD_TEST_MAIN
