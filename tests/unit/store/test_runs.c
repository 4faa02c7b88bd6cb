/* What is stored comes back, in the order and with the limits asked for. */
#include "support.h"
#include "sqlite.h"

#include <errno.h>

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
	BD_CHECK(!*s);
	CHECK_OK(bd_store_open(folder, s, &err));
}

BD_TEST(every_field_of_a_run)
{
	struct bd_store *s = fresh();
	struct bd_run run = run_make("01A", "gil-contention", BD_RUN_QUEUED), back;
	bd_map_set(&run.labels, "branch", "main");
	bd_map_set(&run.labels, "a", "'; DROP TABLE runs; --");
	run.request = cJSON_Parse("{\"target\":\"gil-contention\",\"budget_s\":1.5}");
	CHECK_OK(bd_store_run_create(s, &run, NULL, 0, &err));
	CHECK_OK(bd_store_run_get(s, "01A", &back, &err));
	BD_CHECK_INT(back.state, BD_RUN_QUEUED);
	BD_CHECK(!back.reason && !back.comparability_key && !back.environment && !back.plan && !back.check);
	BD_CHECK_INT(back.started_ns, 0);
	BD_CHECK_INT(back.finished_ns, 0);
	BD_CHECK(isnan(back.wall_s) && isnan(back.setup_s) && isnan(back.measure_s) && isnan(back.batch_s));
	bd_run_done(&back);

	run.state = BD_RUN_FAILED;
	run.reason = bd_reason_new("V5", "allocator-not-loaded", "load it", "the allocator %s", "is not there");
	run.started_ns = 1767323046000000001;
	run.finished_ns = 1767323087000000002;
	run.wall_s = 41.25;
	run.setup_s = 5.125;
	run.measure_s = 36.0625;
	run.batch_s = 34.9;
	run.launches = 8;
	run.rounds = 3;
	run.comparability_key = bd_strdup("c0ffee");
	run.environment = cJSON_Parse("{\"cpus\":2,\"env\":{\"A\":\"1\"}}");
	run.plan = cJSON_Parse("{\"kind\":\"check\"}");
	run.check = cJSON_Parse("{\"schema\":\"benchd.check.v1\",\"verdict\":\"found\"}");
	CHECK_OK(bd_store_run_update(s, &run, &err));
	reopen(&s);
	CHECK_OK(bd_store_run_get(s, "01A", &back, &err));
	BD_CHECK_STR(back.id, "01A");
	BD_CHECK_STR(back.suite, "gil-contention");
	BD_CHECK_INT(back.state, BD_RUN_FAILED);
	BD_CHECK_STR(back.reason->check, "V5");
	BD_CHECK_STR(back.reason->key, "allocator-not-loaded");
	BD_CHECK_STR(back.reason->message, "the allocator is not there");
	BD_CHECK_STR(back.reason->hint, "load it");
	BD_CHECK_INT(back.created_ns, run.created_ns);
	BD_CHECK_INT(back.started_ns, run.started_ns);
	BD_CHECK_INT(back.finished_ns, run.finished_ns);
	BD_CHECK(back.wall_s == run.wall_s && back.setup_s == run.setup_s && back.measure_s == run.measure_s &&
		back.batch_s == run.batch_s);
	BD_CHECK_INT(back.seed, 7);
	BD_CHECK_INT(back.launches, 8);
	BD_CHECK_INT(back.rounds, 3);
	BD_CHECK_INT(back.cells, 2);
	BD_CHECK_STR(back.comparability_key, "c0ffee");
	BD_CHECK(cJSON_Compare(back.environment, run.environment, 1));
	BD_CHECK(cJSON_Compare(back.request, run.request, 1));
	BD_CHECK(cJSON_Compare(back.plan, run.plan, 1));
	BD_CHECK(cJSON_Compare(back.check, run.check, 1));
	BD_CHECK_INT(back.labels.n, 2);
	BD_CHECK_STR(back.labels.v[0].key, "branch");
	BD_CHECK_STR(back.labels.v[1].value, "'; DROP TABLE runs; --");
	bd_run_done(&back);
	CHECK_ERROR(bd_store_run_get(s, "01B", &back, &err), "not-found");
	CHECK_ERROR(bd_store_run_create(s, &run, NULL, 0, &err), "store-failed"); /* an id is given once */
	run.id = run.suite = NULL;                                                /* borrowed */
	bd_run_done(&run);
	bd_store_free(&s);
}

BD_TEST(every_field_of_a_cell)
{
	struct bd_store *s = fresh();
	run_put(s, "01A", "x", BD_RUN_RUNNING);
	struct bd_cell change = cell_make(1), *back = NULL;
	change.status = BD_CELL_INVALID;
	change.iterations = 77;
	change.reason = bd_reason_new("V1", "counter", NULL, "wrong");
	change.gil_off = bd_reason_new(NULL, "no-btf", NULL, "no types");
	change.scaling_off = bd_reason_new(NULL, "processors", NULL, "too few");
	CHECK_OK(bd_store_cell_update(s, "01A", &change, &err));
	size_t n = 0;
	reopen(&s);
	CHECK_OK(bd_store_cells_get(s, "01A", &back, &n, &err));
	BD_CHECK_INT(n, 3);
	for (size_t i = 0; i < n; i++) {
		struct bd_cell want = cell_make((int64_t)i);
		BD_CHECK_INT(back[i].index, want.index);
		BD_CHECK_STR(back[i].id, want.id);
		BD_CHECK_STR(back[i].case_name, want.case_name);
		BD_CHECK(bd_axes_equal(&back[i].axes, &want.axes));
		BD_CHECK_STR(bd_axes_get(&back[i].axes, "threads"), i == 0 ? "1" : i == 1 ? "2" : "4");
		BD_CHECK_INT(back[i].reference, want.reference);
		BD_CHECK_INT(back[i].scaling, want.scaling);
		BD_CHECK_STR(back[i].role, want.role);
		BD_CHECK_INT(back[i].twin, want.twin);
		BD_CHECK_INT(back[i].duration_ns, want.duration_ns);
		BD_CHECK_INT(back[i].status, i == 1 ? BD_CELL_INVALID : BD_CELL_OK);
		BD_CHECK_INT(back[i].iterations, i == 1 ? 77 : want.iterations);
		BD_CHECK(i == 1 || (!back[i].reason && !back[i].gil_off && !back[i].scaling_off));
		bd_cell_done(&want);
	}
	BD_CHECK_STR(back[1].reason->check, "V1");
	BD_CHECK_STR(back[1].gil_off->key, "no-btf");
	BD_CHECK_STR(back[1].scaling_off->message, "too few");
	for (size_t i = 0; i < n; i++)
		bd_cell_done(&back[i]);
	free(back);
	change.index = 3;
	CHECK_ERROR(bd_store_cell_update(s, "01A", &change, &err), "not-found");
	CHECK_ERROR(bd_store_cells_get(s, "01B", &back, &n, &err), "not-found");
	bd_cell_done(&change);
	bd_store_free(&s);
}

struct seen {
	struct bd_sample want[16];
	size_t n, stop;
	struct bd_store *s;
};

static int see(const struct bd_sample *x, void *arg)
{
	struct seen *seen = arg;
	if (seen->stop && seen->n == seen->stop)
		return -ECANCELED;
	sample_check(x, &seen->want[seen->n++]);
	struct bd_run run; /* a walk does not keep its own thread from reading */
	CHECK_OK(bd_store_run_get(seen->s, "01A", &run, &err));
	bd_run_done(&run);
	return 0;
}

BD_TEST(every_field_of_samples_in_order)
{
	struct bd_store *s = fresh();
	run_put(s, "01A", "x", BD_RUN_RUNNING);
	run_put(s, "01B", "x", BD_RUN_RUNNING);
	struct seen seen = {.s = s};
	/* stored out of order: launch 1 first, cells backwards, and scaling samples of one cell twice in a round */
	struct bd_sample a[] = {sample_make(2, 1, 0, 4), sample_make(0, 1, 0, 1)};
	struct bd_sample b[] = {sample_make(1, 0, 1, 2), sample_make(0, 0, 1, 1), sample_make(0, 0, 1, 1),
		sample_make(0, 0, 1, 0)};
	b[1].kind = b[2].kind = BD_SAMPLE_SCALING;
	b[2].wall_ns = 4711;
	b[3].traced = false;
	CHECK_OK(bd_store_round_put(s, "01A", a, 2, &err));
	CHECK_OK(bd_store_round_put(s, "01A", b, 4, &err));
	CHECK_OK(bd_store_sync(s, &err));
	CHECK_OK(bd_store_round_put(s, "01B", a, 2, &err));
	struct bd_sample order[] = {b[3], b[1], b[2], b[0], a[1], a[0]};
	memcpy(seen.want, order, sizeof order);
	CHECK_OK(bd_store_samples_each(s, "01A", -1, see, &seen, &err));
	BD_CHECK_INT(seen.n, 6);

	struct seen one = {.s = s, .want = {b[3], b[1], b[2], a[1]}};
	CHECK_OK(bd_store_samples_each(s, "01A", 0, see, &one, &err));
	BD_CHECK_INT(one.n, 4);
	one.n = 0;
	one.stop = 2;
	BD_CHECK_INT(bd_store_samples_each(s, "01A", 0, see, &one, NULL), -ECANCELED);
	CHECK_ERROR(bd_store_samples_each(s, "01C", -1, see, &one, &err), "not-found");
	samples_done(order, BD_LEN(order));
	bd_store_free(&s);
}

BD_TEST(a_round_is_stored_whole_or_not_at_all)
{
	struct bd_store *s = fresh();
	run_put(s, "01A", "x", BD_RUN_RUNNING);
	struct bd_sample round[] = {sample_make(0, 0, 0, 1), sample_make(9, 0, 0, 1)}; /* there is no cell 9 */
	CHECK_ERROR(bd_store_round_put(s, "01A", round, 2, &err), "store-failed");
	struct seen seen = {.s = s};
	CHECK_OK(bd_store_samples_each(s, "01A", -1, see, &seen, &err));
	BD_CHECK_INT(seen.n, 0);
	round[1].cell = 1;
	CHECK_OK(bd_store_round_put(s, "01A", round, 2, &err));
	round[0].round = round[1].round = 1;
	round[1].blocks[0].waiter = 5; /* there is no thread 5 */
	CHECK_ERROR(bd_store_round_put(s, "01A", round, 2, &err), "internal");
	CHECK_ERROR(bd_store_round_put(s, "01Z", round, 1, &err), "not-found");
	seen.want[0] = sample_make(0, 0, 0, 1);
	seen.want[1] = sample_make(1, 0, 0, 1);
	memcpy(seen.want[1].threads, round[1].threads, sizeof *round[1].threads);
	CHECK_OK(bd_store_samples_each(s, "01A", -1, see, &seen, &err));
	BD_CHECK_INT(seen.n, 2);
	samples_done(seen.want, 2);
	samples_done(round, 2);
	bd_store_free(&s);
}

BD_TEST(recovering_finishes_a_deletion)
{
	struct bd_store *s = fresh();
	struct bd_sample x = sample_make(0, 0, 0, 1);
	run_put(s, "01A", "x", BD_RUN_COMPLETE);
	CHECK_OK(bd_store_round_put(s, "01A", &x, 1, &err));
	bd_store_free(&s);
	/* as a crash between marking and taking away leaves it */
	bd_auto_free char *path = bd_printf("%s/" BD_STORE_SQLITE_FILE, folder);
	sqlite3 *db = NULL;
	BD_CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	BD_CHECK_INT(sqlite3_exec(db, "UPDATE runs SET state='deleted'", NULL, NULL, NULL), SQLITE_OK);
	CHECK_OK(bd_store_open(folder, &s, &err));
	bd_sample_done(&x);
	struct bd_run run;
	CHECK_ERROR(bd_store_run_get(s, "01A", &run, &err), "not-found");
	struct bd_run_list list;
	struct bd_store_filter f = {.limit = 9};
	CHECK_OK(bd_store_runs_list(s, &f, &list, &err));
	BD_CHECK_INT(list.runs_len, 0);
	CHECK_OK(bd_store_recover(s, &err));
	bd_auto_stmt sqlite3_stmt *st = NULL;
	BD_CHECK_INT(sqlite3_prepare_v2(db, "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM samples)", -1,
			     &st, NULL),
		SQLITE_OK);
	BD_CHECK_INT(sqlite3_step(st), SQLITE_ROW);
	BD_CHECK_INT(sqlite3_column_int64(st, 0), 0);
	bd_sqlite_stmt_done(&st);
	sqlite3_close(db);
	bd_store_free(&s);
}

BD_TEST(documents)
{
	struct bd_store *s = fresh();
	char *json = NULL;
	run_put(s, "01A", "x", BD_RUN_COMPLETE);
	CHECK_ERROR(bd_store_document_get(s, "01A", &json, &err), "not-found");
	CHECK_ERROR(bd_store_document_put(s, "01B", "{}", &err), "not-found");
	CHECK_OK(bd_store_document_put(s, "01A", "{\"schema\":\"benchd.run.v1\"}", &err));
	reopen(&s);
	CHECK_OK(bd_store_document_get(s, "01A", &json, &err));
	BD_CHECK_STR(json, "{\"schema\":\"benchd.run.v1\"}");
	free(json);
	bd_store_free(&s);
}

BD_TEST(recovering_ends_what_was_left)
{
	struct bd_store *s = fresh();
	run_put(s, "01A", "x", BD_RUN_QUEUED);
	run_put(s, "01B", "x", BD_RUN_RUNNING);
	run_put(s, "01C", "x", BD_RUN_COMPLETE);
	run_put(s, "01D", "x", BD_RUN_CANCELLED);
	reopen(&s);
	CHECK_OK(bd_store_recover(s, &err));
	static const enum bd_run_state want[] = {BD_RUN_INTERRUPTED, BD_RUN_INTERRUPTED, BD_RUN_COMPLETE,
		BD_RUN_CANCELLED};
	for (int i = 0; i < 4; i++) {
		char id[4] = {'0', '1', (char)('A' + i), 0};
		struct bd_run run;
		CHECK_OK(bd_store_run_get(s, id, &run, &err));
		BD_CHECK_INT(run.state, want[i]);
		BD_CHECK(i >= 2 ? !run.reason : bd_streq(run.reason->key, "interrupted") && run.reason->message[0]);
		bd_run_done(&run);
	}
	bd_store_free(&s);
}

BD_TEST(deleting_takes_everything_along)
{
	struct bd_store *s = fresh();
	struct bd_sample x = sample_make(0, 0, 0, 1);
	for (int i = 0; i < 2; i++) {
		run_put(s, i ? "01B" : "01A", "x", BD_RUN_RUNNING);
		CHECK_OK(bd_store_round_put(s, i ? "01B" : "01A", &x, 1, &err));
	}
	CHECK_ERROR(bd_store_run_delete(s, "01A", &err), "conflict");
	struct bd_run run = run_make("01A", "x", BD_RUN_COMPLETE);
	CHECK_OK(bd_store_run_update(s, &run, &err));
	CHECK_OK(bd_store_document_put(s, "01A", "{}", &err));
	CHECK_OK(bd_store_run_delete(s, "01A", &err));
	CHECK_ERROR(bd_store_run_delete(s, "01A", &err), "not-found");
	CHECK_ERROR(bd_store_run_get(s, "01A", &run, &err), "not-found");
	/* the same id again finds nothing of the old one */
	struct seen seen = {.s = s};
	char *json = NULL;
	run_put(s, "01A", "x", BD_RUN_COMPLETE);
	CHECK_OK(bd_store_samples_each(s, "01A", -1, see, &seen, &err));
	CHECK_ERROR(bd_store_document_get(s, "01A", &json, &err), "not-found");
	seen.want[0] = x;
	CHECK_OK(bd_store_samples_each(s, "01B", -1, see, &seen, &err));
	BD_CHECK_INT(seen.n, 1);
	bd_sample_done(&x);
	bd_store_free(&s);
}

/* Ids of a listing, joined. */
static const char *ids(struct bd_store *s, struct bd_store_filter f, char **next)
{
	static char out[256];
	struct bd_run_list list;
	out[0] = 0;
	CHECK_OK(bd_store_runs_list(s, &f, &list, &err));
	for (size_t i = 0; i < list.runs_len; i++)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s ", list.runs[i].id);
	if (next)
		*next = bd_strdup(list.next);
	bd_doc_done(&bd_run_list_doc, &list);
	return out;
}

BD_TEST(listing)
{
	struct bd_store *s = fresh();
	BD_CHECK_STR(ids(s, (struct bd_store_filter){.limit = 5}, NULL), "");
	for (int i = 0; i < 5; i++) {
		char id[4] = {'0', '1', (char)('A' + i), 0};
		struct bd_run run = run_make(id, i % 2 ? "odd" : "even", i == 3 ? BD_RUN_FAILED : BD_RUN_COMPLETE);
		run.started_ns = i ? run.created_ns : 0;
		run.wall_s = i ? 1.5 : (double)NAN;
		bd_map_set(&run.labels, "n", i < 2 ? "low" : "high");
		if (i == 4)
			bd_map_set(&run.labels, "last", "yes");
		if (i == 2) /* what it will be is known before it has a plan */
			run.request = cJSON_Parse("{\"target\":\"x\",\"kind\":\"ab\"}");
		if (i == 3) {
			run.plan = cJSON_Parse("{\"kind\":\"check\"}");
			run.check = cJSON_Parse("{\"verdict\":\"nothing found\"}");
		}
		CHECK_OK(bd_store_run_create(s, &run, NULL, 0, &err));
		run.id = run.suite = NULL; /* borrowed */
		bd_run_done(&run);
	}
	char *next = NULL;
	BD_CHECK_STR(ids(s, (struct bd_store_filter){.limit = 2}, &next), "01E 01D ");
	BD_CHECK_STR(next, "01D");
	char *last = NULL;
	BD_CHECK_STR(ids(s, (struct bd_store_filter){.limit = 3, .before = next}, &last), "01C 01B 01A ");
	BD_CHECK(!last);
	free(next);
	BD_CHECK_STR(ids(s, (struct bd_store_filter){.limit = 2, .suite = "even"}, &next), "01E 01C ");
	BD_CHECK_STR(ids(s, (struct bd_store_filter){.limit = 2, .suite = "even", .before = next}, NULL), "01A ");
	free(next);
	BD_CHECK_STR(ids(s, (struct bd_store_filter){.limit = 9, .state = "failed"}, NULL), "01D ");
	BD_CHECK_STR(ids(s, (struct bd_store_filter){.limit = 9, .label_key = "n", .label_value = "low"}, NULL),
		"01B 01A ");
	BD_CHECK_STR(ids(s, (struct bd_store_filter){.limit = 9, .label_key = "last"}, NULL), "01E ");
	BD_CHECK_STR(ids(s,
			     (struct bd_store_filter){.limit = 9,
				     .suite = "odd",
				     .state = "complete",
				     .label_key = "n",
				     .label_value = "low"},
			     NULL),
		"01B ");
	struct bd_run_list list;
	struct bd_store_filter f = {.limit = 5};
	CHECK_OK(bd_store_runs_list(s, &f, &list, &err));
	BD_CHECK_STR(list.runs[0].started, "2026-01-02T03:04:05Z");
	BD_CHECK_STR(list.runs[0].suite, "even");
	BD_CHECK_STR(list.runs[1].state, "failed");
	BD_CHECK_STR(list.runs[0].kind, "run");
	BD_CHECK_STR(list.runs[1].kind, "check");
	BD_CHECK_STR(list.runs[2].kind, "ab");
	BD_CHECK_STR(list.runs[1].verdict, "nothing found");
	BD_CHECK(!list.runs[0].verdict && !list.runs[2].verdict);
	BD_CHECK_STR(bd_map_get(&list.runs[0].labels, "last"), "yes");
	BD_CHECK_INT(list.runs[0].cells, 2);
	BD_CHECK(list.runs[0].wall_s == 1.5);
	BD_CHECK(!list.runs[4].started && isnan(list.runs[4].wall_s));
	bd_doc_done(&bd_run_list_doc, &list);
	f.limit = 0;
	CHECK_ERROR(bd_store_runs_list(s, &f, &list, &err), "bad-value");
	f.limit = 1001;
	CHECK_ERROR(bd_store_runs_list(s, &f, &list, &err), "bad-value");
	f.limit = 1;
	f.state = "done";
	CHECK_ERROR(bd_store_runs_list(s, &f, &list, &err), "bad-value");
	bd_store_free(&s);
}

BD_TEST_MAIN
