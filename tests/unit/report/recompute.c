/* A stored document can be checked from the samples, and a check that could not fail would be none. */
#include "support.h"

#include <sqlite3.h>

static void two_cells(struct world *w)
{
	struct bd_cell cells[2];
	cell_make(&cells[0], 0, "call", "side=a");
	cell_make(&cells[1], 1, "call", "side=b");
	cells[1].reference = 0;
	world_begin(w);
	run_make(w, "run", "{\"kind\":\"ab\",\"max_launches\":6}", NULL, cells, 2);
	measure(w, "run", (struct truth[]){{0, 1, 100, 0.01, 0.001}, {1, 1, 103, 0.01, 0.001}}, 2, LAUNCHES, 4);
}

/* Behind the store's back. */
static void sql(struct world *w, const char *statement)
{
	bd_store_free(&w->store);
	bd_auto_free char *path = bd_printf("%s/benchd.db", w->data);
	sqlite3 *db;
	char *message = NULL;
	BD_CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, statement, NULL, NULL, &message) != SQLITE_OK)
		BD_FAIL("%s", message);
	BD_CHECK(sqlite3_changes(db) > 0);
	sqlite3_close(db);
	BD_CHECK_INT(bd_store_open(w->data, &w->store, &w->err), 0);
}

static cJSON *again(struct world *w)
{
	cJSON *answer = NULL;
	BD_CHECK_INT(bd_report_recompute(w->store, "run", &answer, &w->err), 0);
	BD_CHECK_STR(cJSON_GetObjectItem(answer, "schema")->valuestring, "benchd.recomputed.v1");
	return answer;
}

static bool differs(const cJSON *answer, const char *path)
{
	const cJSON *item;
	cJSON_ArrayForEach(item, cJSON_GetObjectItem(answer, "differences"))
		if (bd_streq(item->valuestring, path))
			return true;
	return false;
}

BD_TEST(what_was_stored_comes_out_again)
{
	struct world w;
	two_cells(&w);
	run_state(&w, "run", BD_RUN_COMPLETE);
	{
		bd_auto_json cJSON *answer = again(&w);
		BD_CHECK(cJSON_IsNull(cJSON_GetObjectItem(answer, "same"))); /* nothing is stored yet */
	}
	BD_CHECK_INT(bd_report_finish(w.store, "run", &w.err), 0);
	bd_auto_json cJSON *answer = again(&w);
	BD_CHECK(cJSON_IsTrue(cJSON_GetObjectItem(answer, "same")));
	BD_CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(answer, "differences")), 0);
	bd_auto_free char *stored = NULL, *made = bd_json_text(cJSON_GetObjectItem(answer, "document"));
	BD_CHECK_INT(bd_store_document_get(w.store, "run", &stored, &w.err), 0);
	BD_CHECK_STR(made, stored);
	world_end(&w);
}

BD_TEST(a_changed_sample_is_noticed)
{
	struct world w;
	two_cells(&w);
	run_state(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK_INT(bd_report_finish(w.store, "run", &w.err), 0);
	sql(&w, "UPDATE samples SET wall_ns = wall_ns + 10000 WHERE cell = 1 AND launch = 3 AND round < 3");
	bd_auto_json cJSON *answer = again(&w);
	BD_CHECK(cJSON_IsFalse(cJSON_GetObjectItem(answer, "same")));
	BD_CHECK(differs(answer, "cells[1].time_ns_per_op.hi"));
	BD_CHECK(differs(answer, "cells[1].ratio.median"));
	const cJSON *path; /* and nothing that the sample is no part of */
	cJSON_ArrayForEach(path, cJSON_GetObjectItem(answer, "differences"))
		BD_CHECK(bd_starts_with(path->valuestring, "cells[1].") || bd_starts_with(path->valuestring, "run."));
	world_end(&w);
}

BD_TEST(a_changed_document_is_noticed_where_it_was_changed)
{
	struct world w;
	two_cells(&w);
	run_state(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK_INT(bd_report_finish(w.store, "run", &w.err), 0);
	sql(&w, "UPDATE documents SET json = replace(json, '\"verdict\":\"', '\"verdict\":\"not ')");
	bd_auto_json cJSON *answer = again(&w);
	BD_CHECK(cJSON_IsFalse(cJSON_GetObjectItem(answer, "same")));
	BD_CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(answer, "differences")), 1);
	BD_CHECK(differs(answer, "cells[1].verdict"));
	world_end(&w);
}

BD_TEST(a_damaged_document_differs_as_a_whole)
{
	struct world w;
	two_cells(&w);
	run_state(&w, "run", BD_RUN_COMPLETE);
	BD_CHECK_INT(bd_report_finish(w.store, "run", &w.err), 0);
	sql(&w, "UPDATE documents SET json = substr(json, 1, 100)");
	bd_auto_json cJSON *answer = again(&w);
	BD_CHECK(cJSON_IsFalse(cJSON_GetObjectItem(answer, "same")));
	BD_CHECK(differs(answer, ""));
	world_end(&w);
}

BD_TEST(what_is_not_over_has_nothing_to_compare)
{
	struct world w;
	two_cells(&w);
	cJSON *answer = NULL;
	BD_CHECK(bd_report_recompute(w.store, "run", &answer, &w.err) < 0);
	BD_CHECK_STR(w.err.key, "conflict");
	BD_CHECK(bd_report_recompute(w.store, "none", &answer, &w.err) < 0);
	BD_CHECK_STR(w.err.key, "not-found");
	BD_CHECK(!answer);
	world_end(&w);
}

BD_TEST_MAIN
