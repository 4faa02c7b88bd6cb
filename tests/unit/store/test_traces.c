/* Traces: what is put comes back, whole and in order; what is running stays, what is deleted is gone. */
#include "support.h"
#include "sqlite.h"

#include <errno.h>
#include <sys/stat.h>

static struct bd_store *fresh(void)
{
	struct bd_store *s = NULL;
	folder_make();
	CHECK_OK(bd_store_open(folder, &s, &err));
	return s;
}

static void reopen(struct bd_store **s)
{
	bd_store_free(s);
	CHECK_OK(bd_store_open(folder, s, &err));
}

static int64_t count(const char *sql)
{
	bd_auto_free char *path = bd_printf("%s/" BD_STORE_SQLITE_FILE, folder);
	sqlite3 *db = NULL;
	bd_auto_stmt sqlite3_stmt *st = NULL;
	BD_CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	BD_CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	BD_CHECK_INT(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	bd_sqlite_stmt_done(&st);
	sqlite3_close(db);
	return n;
}

static void chunk_put(struct bd_store *s, const char *id, int64_t number, size_t bytes)
{
	bd_auto_free char *data = chunk_data(number, bytes);
	struct bd_trace_chunk c = {.start_ns = number * 1000,
		.end_ns = number * 1000 + 999,
		.data = data,
		.bytes = bytes};
	CHECK_OK(bd_store_trace_chunk_put(s, id, &c, &err));
}

/* ---- rows ---- */

static void trace_same(const struct bd_trace *a, const struct bd_trace *b)
{
	BD_CHECK_STR(a->id, b->id);
	BD_CHECK(bd_streq(a->run_id, b->run_id));
	BD_CHECK_INT(a->state, b->state);
	BD_CHECK(!a->reason == !b->reason);
	if (a->reason)
		BD_CHECK_STR(a->reason->message, b->reason->message);
	BD_CHECK_INT(a->pid, b->pid);
	BD_CHECK(bd_streq(a->python, b->python) && bd_streq(a->command, b->command) && bd_streq(a->level, b->level));
	BD_CHECK_INT(a->created_ns, b->created_ns);
	BD_CHECK_INT(a->finished_ns, b->finished_ns);
	BD_CHECK_INT(a->start_mono_ns, b->start_mono_ns);
	BD_CHECK_INT(a->end_mono_ns, b->end_mono_ns);
	BD_CHECK_INT(a->waits, b->waits);
	BD_CHECK_INT(a->wait_ns, b->wait_ns);
	BD_CHECK_INT(a->lost, b->lost);
}

BD_TEST(every_field_of_a_trace)
{
	struct bd_store *s = fresh();
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_RUNNING), back;
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	CHECK_OK(bd_store_trace_get(s, "01T", &back, &err));
	trace_same(&back, &t);
	BD_CHECK_INT(back.bytes, 0);
	bd_trace_done(&back);
	CHECK_ERROR(bd_store_trace_create(s, &t, &err), "conflict");

	t.state = BD_RUN_FAILED;
	t.reason = bd_reason_new(NULL, "store-full", "make room", "no %s", "room");
	t.pid = 77;
	t.python = (char *)"3.13.0";
	t.command = (char *)"'; DROP TABLE traces; --";
	t.finished_ns = INT64_C(1) << 60;
	t.start_mono_ns = 12;
	t.end_mono_ns = INT64_C(4000000012);
	t.waits = 5;
	t.wait_ns = 6;
	t.lost = 7;
	t.bytes = 123456; /* the store's own business */
	CHECK_OK(bd_store_trace_update(s, &t, &err));
	reopen(&s);
	CHECK_OK(bd_store_trace_get(s, "01T", &back, &err));
	trace_same(&back, &t);
	BD_CHECK_STR(back.reason->hint, "make room");
	BD_CHECK_INT(back.bytes, 0);
	bd_trace_done(&back);
	bd_reason_free(t.reason);
	t.reason = NULL;
	t.id = (char *)"01U";
	CHECK_ERROR(bd_store_trace_update(s, &t, &err), "not-found");
	CHECK_ERROR(bd_store_trace_get(s, "01U", &back, &err), "not-found");
	bd_store_free(&s);
}

BD_TEST(absent_stays_absent_and_a_run_is_named)
{
	struct bd_store *s = fresh();
	run_put(s, "01A", "x", BD_RUN_RUNNING);
	struct bd_trace t = {.id = (char *)"01T",
				.run_id = (char *)"01A",
				.state = BD_RUN_RUNNING,
				.pid = BD_NULL_INT,
				.start_mono_ns = BD_NULL_INT,
				.end_mono_ns = BD_NULL_INT,
				.created_ns = 1},
			back;
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	CHECK_OK(bd_store_trace_get(s, "01T", &back, &err));
	trace_same(&back, &t);
	bd_trace_done(&back);
	t.id = (char *)"01U";
	t.run_id = (char *)"01B";
	CHECK_ERROR(bd_store_trace_create(s, &t, &err), "not-found");
	BD_CHECK_INT(count("SELECT count(*) FROM traces"), 1);
	bd_store_free(&s);
}

static struct bd_trace_list list(struct bd_store *s, struct bd_trace_filter f)
{
	struct bd_trace_list l;
	CHECK_OK(bd_store_traces_list(s, &f, &l, &err));
	return l;
}

BD_TEST(lists_are_the_newest_first_and_in_pages)
{
	struct bd_store *s = fresh();
	run_put(s, "01A", "x", BD_RUN_COMPLETE);
	run_put(s, "01B", "x", BD_RUN_COMPLETE);
	for (int i = 0; i < 5; i++) {
		char id[4] = {'0', 'T', (char)('0' + i), 0};
		struct bd_trace t = trace_make(id, i == 1 ? "01B" : i == 3 ? "01A" : NULL, BD_RUN_COMPLETE);
		CHECK_OK(bd_store_trace_create(s, &t, &err));
	}
	chunk_put(s, "0T4", 1, 300);
	struct bd_trace_list l = list(s, (struct bd_trace_filter){.limit = 2});
	BD_CHECK_INT(l.traces_len, 2);
	const struct bd_trace_row *row = &l.traces[0];
	BD_CHECK_STR(row->id, "0T4");
	BD_CHECK(!row->run && !row->reason);
	BD_CHECK_STR(row->state, "complete");
	BD_CHECK_STR(row->started, "2026-01-02T03:04:05Z");
	BD_CHECK_STR(row->python, "3.12.1");
	BD_CHECK_STR(row->command, "python3 app.py");
	BD_CHECK_STR(row->level, "events");
	BD_CHECK_INT(row->pid, 4242);
	BD_CHECK_NEAR(row->seconds, 4.0, 1e-9);
	BD_CHECK_INT(row->waits, 9120);
	BD_CHECK_INT(row->wait_ns, 1802334000);
	BD_CHECK_INT(row->lost, 3);
	BD_CHECK_INT(row->bytes, 300);
	BD_CHECK_STR(l.traces[1].id, "0T3");
	BD_CHECK_STR(l.traces[1].run, "01A");
	BD_CHECK_STR(l.next, "0T3");
	bd_doc_done(&bd_trace_list_doc, &l);
	l = list(s, (struct bd_trace_filter){.limit = 3, .before = "0T3"});
	BD_CHECK_INT(l.traces_len, 3);
	BD_CHECK_STR(l.traces[2].id, "0T0");
	BD_CHECK(!l.next);
	bd_doc_done(&bd_trace_list_doc, &l);
	l = list(s, (struct bd_trace_filter){.limit = 9, .run = "01B"});
	BD_CHECK_INT(l.traces_len, 1);
	BD_CHECK_STR(l.traces[0].id, "0T1");
	bd_doc_done(&bd_trace_list_doc, &l);
	l = list(s, (struct bd_trace_filter){.limit = 9, .run = "01C"});
	BD_CHECK_INT(l.traces_len, 0);
	bd_doc_done(&bd_trace_list_doc, &l);
	CHECK_ERROR(bd_store_traces_list(s, &(struct bd_trace_filter){.limit = 0}, &l, &err), "bad-value");
	CHECK_ERROR(bd_store_traces_list(s, &(struct bd_trace_filter){.limit = 1001}, &l, &err), "bad-value");
	bd_store_free(&s);
}

/* ---- chunks ---- */

struct seen {
	struct bd_store *s;
	int64_t n, stop;    /* stop: chunks after which the walk is ended */
	const char *delete; /* trace to be deleted by the second chunk */
	const char *put;    /* trace that gets another one with each */
};

static int see(const struct bd_trace_chunk *c, void *arg)
{
	struct seen *seen = arg;
	if (seen->stop && seen->n == seen->stop)
		return -ECANCELED;
	BD_CHECK_INT(c->start_ns, seen->n * 1000);
	BD_CHECK_INT(c->end_ns, seen->n * 1000 + 999);
	bd_auto_free char *data = chunk_data(seen->n, c->bytes);
	BD_CHECK(memcmp(c->data, data, c->bytes) == 0);
	seen->n++;
	if (seen->put)
		chunk_put(seen->s, seen->put, 100 + seen->n, 10);
	if (seen->delete &&seen->n == 2)
		CHECK_OK(bd_store_trace_delete(seen->s, seen->delete, &err));
	return 0;
}

BD_TEST(chunks_come_back_in_order)
{
	struct bd_store *s = fresh();
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_RUNNING), other = trace_make("01U", NULL, BD_RUN_RUNNING);
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	CHECK_OK(bd_store_trace_create(s, &other, &err));
	struct seen none = {.s = s};
	CHECK_OK(bd_store_trace_chunks_each(s, "01T", see, &none, &err));
	BD_CHECK_INT(none.n, 0);
	int64_t bytes = 0;
	for (int64_t i = 0; i < 7; i++) {
		chunk_put(s, "01T", i, (size_t)(1 + i * 70001));
		chunk_put(s, "01U", 50 + i, 17);
		bytes += 1 + i * 70001;
	}
	CHECK_OK(bd_store_trace_chunk_put(s, "01T", &(struct bd_trace_chunk){0}, &err)); /* nothing is no chunk */
	reopen(&s);
	struct seen all = {.s = s};
	CHECK_OK(bd_store_trace_chunks_each(s, "01T", see, &all, &err));
	BD_CHECK_INT(all.n, 7);
	struct seen some = {.s = s, .stop = 3};
	BD_CHECK_INT(bd_store_trace_chunks_each(s, "01T", see, &some, NULL), -ECANCELED);
	BD_CHECK_INT(some.n, 3);
	/* what is put meanwhile does not make a walk endless */
	struct seen growing = {.s = s, .put = "01T"};
	CHECK_OK(bd_store_trace_chunks_each(s, "01T", see, &growing, &err));
	BD_CHECK_INT(growing.n, 7);
	struct bd_trace back;
	CHECK_OK(bd_store_trace_get(s, "01T", &back, &err));
	BD_CHECK_INT(back.bytes, bytes + 70);
	bd_trace_done(&back);
	CHECK_ERROR(bd_store_trace_chunks_each(s, "01V", see, &all, &err), "not-found");
	struct bd_trace_chunk c = {.data = "x", .bytes = 1};
	CHECK_ERROR(bd_store_trace_chunk_put(s, "01V", &c, &err), "not-found");
	bd_store_free(&s);
}

BD_TEST(a_trace_deleted_under_a_walk_is_not_a_short_one)
{
	struct bd_store *s = fresh();
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_COMPLETE);
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	for (int64_t i = 0; i < 4; i++)
		chunk_put(s, "01T", i, 5000);
	struct seen seen = {.s = s, .delete = "01T"};
	CHECK_ERROR(bd_store_trace_chunks_each(s, "01T", see, &seen, &err), "not-found");
	BD_CHECK_INT(seen.n, 2);
	bd_store_free(&s);
}

static int64_t log_size(void)
{
	bd_auto_free char *path = bd_printf("%s/" BD_STORE_SQLITE_FILE "-wal", folder);
	struct stat st;
	BD_CHECK_INT(stat(path, &st), 0);
	return (int64_t)st.st_size;
}

static int write_under(const struct bd_trace_chunk *c, void *arg)
{
	struct bd_store *s = arg;
	(void)c;
	int64_t most = 0;
	for (int64_t i = 0; i < 40; i++) {
		chunk_put(s, "01U", i, 1 << 20);
		most = BD_MAX(most, log_size());
	}
	BD_CHECK(most < 24 << 20);
	return -ECANCELED;
}

BD_TEST(a_walk_that_takes_its_time_does_not_make_the_log_grow)
{
	struct bd_store *s = fresh();
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_COMPLETE), other = trace_make("01U", NULL, BD_RUN_RUNNING);
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	CHECK_OK(bd_store_trace_create(s, &other, &err));
	chunk_put(s, "01T", 0, 5000);
	BD_CHECK_INT(bd_store_trace_chunks_each(s, "01T", write_under, s, NULL), -ECANCELED);
	bd_store_free(&s);
}

/* ---- documents and the end ---- */

BD_TEST(a_document_is_there_once_it_is_put)
{
	struct bd_store *s = fresh();
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_COMPLETE), running = trace_make("01U", NULL, BD_RUN_RUNNING),
			other = trace_make("01S", NULL, BD_RUN_INTERRUPTED);
	bd_auto_free char *text = NULL;
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	CHECK_OK(bd_store_trace_create(s, &running, &err));
	CHECK_OK(bd_store_trace_create(s, &other, &err));
	CHECK_ERROR(bd_store_trace_document_get(s, "01T", &text, &err), "not-found");
	bd_auto_strv struct bd_strv ids = {0};
	CHECK_OK(bd_store_traces_undocumented(s, &ids, &err));
	BD_CHECK_INT(ids.n, 2);
	BD_CHECK_STR(ids.v[0], "01S");
	BD_CHECK_STR(ids.v[1], "01T");
	CHECK_ERROR(bd_store_trace_document_put(s, "01T", "{\"a\":", &err), "bad-json");
	CHECK_ERROR(bd_store_trace_document_put(s, "01V", "{}", &err), "not-found");
	CHECK_OK(bd_store_trace_document_put(s, "01T", "{\"a\":1}", &err));
	reopen(&s);
	CHECK_OK(bd_store_trace_document_get(s, "01T", &text, &err));
	BD_CHECK_STR(text, "{\"a\":1}");
	bd_strv_done(&ids);
	CHECK_OK(bd_store_traces_undocumented(s, &ids, &err));
	BD_CHECK_INT(ids.n, 1);
	bd_store_free(&s);
}

BD_TEST(what_a_dead_daemon_left_running_becomes_interrupted)
{
	struct bd_store *s = fresh();
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_RUNNING), done = trace_make("01U", NULL, BD_RUN_COMPLETE),
			back;
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	CHECK_OK(bd_store_trace_create(s, &done, &err));
	chunk_put(s, "01T", 0, 100);
	reopen(&s);
	CHECK_OK(bd_store_recover(s, &err));
	CHECK_OK(bd_store_trace_get(s, "01T", &back, &err));
	BD_CHECK_INT(back.state, BD_RUN_INTERRUPTED);
	BD_CHECK_STR(back.reason->key, "interrupted");
	BD_CHECK_INT(back.bytes, 100);
	bd_trace_done(&back);
	CHECK_OK(bd_store_trace_get(s, "01U", &back, &err));
	BD_CHECK_INT(back.state, BD_RUN_COMPLETE);
	BD_CHECK(!back.reason);
	bd_trace_done(&back);
	bd_store_free(&s);
}

#define LEFT \
	"SELECT (SELECT count(*) FROM traces) + (SELECT count(*) FROM trace_chunks) + (SELECT count(*) FROM trace_documents)"

BD_TEST(a_running_trace_is_not_deleted_and_an_ended_one_is)
{
	struct bd_store *s = fresh();
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_RUNNING), other = trace_make("01U", NULL, BD_RUN_COMPLETE);
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	CHECK_OK(bd_store_trace_create(s, &other, &err));
	for (int64_t i = 0; i < 40; i++)
		chunk_put(s, "01T", i, 9000);
	chunk_put(s, "01U", 0, 9000);
	CHECK_ERROR(bd_store_trace_delete(s, "01T", &err), "conflict");
	struct seen all = {.s = s};
	CHECK_OK(bd_store_trace_chunks_each(s, "01T", see, &all, &err));
	BD_CHECK_INT(all.n, 40);
	t.state = BD_RUN_COMPLETE;
	CHECK_OK(bd_store_trace_update(s, &t, &err));
	CHECK_OK(bd_store_trace_document_put(s, "01T", "{}", &err));
	CHECK_OK(bd_store_trace_delete(s, "01T", &err));
	struct bd_trace back;
	bd_auto_free char *text = NULL;
	CHECK_ERROR(bd_store_trace_get(s, "01T", &back, &err), "not-found");
	CHECK_ERROR(bd_store_trace_document_get(s, "01T", &text, &err), "not-found");
	CHECK_ERROR(bd_store_trace_delete(s, "01T", &err), "not-found");
	bd_store_free(&s);
	BD_CHECK_INT(count(LEFT), 2); /* the other's row and chunk */
}

BD_TEST(a_run_takes_its_traces_along)
{
	struct bd_store *s = fresh();
	run_put(s, "01A", "x", BD_RUN_COMPLETE);
	run_put(s, "01B", "x", BD_RUN_COMPLETE);
	struct bd_trace of_a = trace_make("01T", "01A", BD_RUN_COMPLETE),
			of_b = trace_make("01U", "01B", BD_RUN_COMPLETE);
	CHECK_OK(bd_store_trace_create(s, &of_a, &err));
	CHECK_OK(bd_store_trace_create(s, &of_b, &err));
	chunk_put(s, "01T", 0, 9000);
	CHECK_OK(bd_store_trace_document_put(s, "01T", "{}", &err));
	CHECK_OK(bd_store_run_delete(s, "01A", &err));
	struct bd_trace back;
	CHECK_ERROR(bd_store_trace_get(s, "01T", &back, &err), "not-found");
	CHECK_OK(bd_store_trace_get(s, "01U", &back, &err));
	bd_trace_done(&back);
	bd_store_free(&s);
	BD_CHECK_INT(count(LEFT), 1);
}

/* What a crash left marked. */
BD_TEST(a_deletion_cut_short_is_finished_at_the_next_start)
{
	struct bd_store *s = fresh();
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_COMPLETE);
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	for (int64_t i = 0; i < 40; i++)
		chunk_put(s, "01T", i, 9000);
	bd_store_free(&s);
	bd_auto_free char *path = bd_printf("%s/" BD_STORE_SQLITE_FILE, folder);
	sqlite3 *db = NULL;
	BD_CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	BD_CHECK_INT(sqlite3_exec(db, "UPDATE traces SET state='deleted'", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	CHECK_OK(bd_store_open(folder, &s, &err));
	struct bd_trace_list l = list(s, (struct bd_trace_filter){.limit = 9});
	BD_CHECK_INT(l.traces_len, 0);
	bd_doc_done(&bd_trace_list_doc, &l);
	BD_CHECK_INT(count(LEFT), 41);
	CHECK_OK(bd_store_recover(s, &err));
	bd_store_free(&s);
	BD_CHECK_INT(count(LEFT), 0);
}

/* ---- the schema before there were traces ---- */

#define BEFORE_TRACES 3

BD_TEST(a_store_from_before_traces_is_migrated_with_its_runs)
{
	struct bd_store *s = NULL;
	folder_make();
	bd_auto_free char *path = bd_printf("%s/" BD_STORE_SQLITE_FILE, folder);
	sqlite3 *db = NULL;
	BD_CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_OK(bd_sqlite_migrate(db, path, bd_sqlite_migrations, BEFORE_TRACES, &err));
	BD_CHECK_INT(sqlite3_exec(db,
			     "INSERT INTO runs(id, suite, state, created_ns, started_ns, finished_ns, cells)"
			     " VALUES('01A', 'x', 'complete', 1, 2, 3, 0), ('01B', 'x', 'running', 1, 2, 0, 0)",
			     NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	CHECK_OK(bd_store_open(folder, &s, &err));
	CHECK_OK(bd_store_recover(s, &err));
	struct bd_run run;
	CHECK_OK(bd_store_run_get(s, "01A", &run, &err));
	BD_CHECK_INT(run.state, BD_RUN_COMPLETE);
	BD_CHECK_INT(run.finished_ns, 3);
	bd_run_done(&run);
	CHECK_OK(bd_store_run_get(s, "01B", &run, &err));
	BD_CHECK_INT(run.state, BD_RUN_INTERRUPTED);
	bd_run_done(&run);
	struct bd_trace t = trace_make("01T", "01A", BD_RUN_RUNNING);
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	chunk_put(s, "01T", 0, 100);
	bd_store_free(&s);
	BD_CHECK_INT(count("PRAGMA user_version"), (int64_t)bd_sqlite_migrations_len);
}

BD_TEST_MAIN
