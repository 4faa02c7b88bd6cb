/* Two sides in one run, and runs that end when their cells are done: structure and decisions, no speeds. */
#include "engine_world.h"

static struct bd_run_document measure(struct world *w, const char *json)
{
	char id[BD_ULID_LEN];
	w->state = BD_RUN_QUEUED; /* not that of a run before */
	if (world_submit(w, json, id) < 0)
		BD_FAIL("%s (%s)", w->err.message, w->err.hint);
	world_wait(w, BD_RUN_COMPLETE);
	struct bd_run_document d;
	world_document(w, id, &d);
	return d;
}

static const char *text(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

BD_TEST(cells_of_side_b_are_compared_with_those_of_side_a)
{
	struct world w;
	world_begin(&w);
	struct bd_run_document d = measure(&w,
		"{\"target\":\"empty-loop\",\"kind\":\"ab\",\"launches\":6,\"rounds\":2,\"seed\":3,"
		"\"sides\":{\"a\":{\"label\":\"small\",\"axes\":{\"objalloc\":\"pymalloc\"}},"
		"\"b\":{\"label\":\"plain\",\"axes\":{\"objalloc\":\"malloc\"}}}}");
	BD_CHECK_INT(d.cells_len, 2);
	const struct bd_cell_result *a = &d.cells[0], *b = &d.cells[1];
	BD_CHECK_STR(bd_axes_get(&a->axes, "side"), "a");
	BD_CHECK_STR(bd_axes_get(&b->axes, "side"), "b");
	BD_CHECK_STR(bd_axes_get(&a->axes, "objalloc"), "pymalloc");
	BD_CHECK_STR(bd_axes_get(&b->axes, "objalloc"), "malloc");
	BD_CHECK_STR(b->status, "ok");
	BD_CHECK(!a->ratio);
	BD_CHECK(b->ratio);
	BD_CHECK_STR(b->ratio->to, a->id);
	struct bd_run run;
	BD_CHECK_INT(bd_store_run_get(w.store, d.run.id, &run, &w.err), 0);
	BD_CHECK_STR(text(run.plan, "kind"), "ab");
	const cJSON *sides = cJSON_GetObjectItemCaseSensitive(run.plan, "sides");
	BD_CHECK_STR(text(cJSON_GetObjectItemCaseSensitive(sides, "b"), "label"), "plain");
	bd_run_done(&run);
	bd_doc_done(&bd_run_document_doc, &d);
	world_end(&w);
}

/* Why each cell of the run had no further launch. */
static void check_stopped(struct world *w, const char *run_id, const char *want)
{
	struct bd_cell *cells;
	size_t n;
	BD_CHECK_INT(bd_store_cells_get(w->store, run_id, &cells, &n, &w->err), 0);
	for (size_t i = 0; i < n; i++) {
		if (bd_streq(cells[i].role, "cell"))
			BD_CHECK_STR(text(cells[i].facts, "stopped"), want);
		bd_cell_done(&cells[i]);
	}
	free(cells);
}

BD_TEST(a_comparison_ends_when_it_is_decided)
{
	struct world w;
	world_begin(&w);
	/* the same twice, and anything below double is no difference */
	struct bd_run_document d = measure(&w,
		"{\"target\":\"empty-loop\",\"kind\":\"ab\",\"equivalence\":1,\"budget_s\":120,\"rounds\":2,"
		"\"sides\":{\"a\":{},\"b\":{}}}");
	BD_CHECK(d.run.launches >= 6 && d.run.launches < 36);
	check_stopped(&w, d.run.id, "decided");
	bd_doc_done(&bd_run_document_doc, &d);
	world_end(&w);
}

BD_TEST(a_run_ends_when_it_is_precise_enough)
{
	struct world w;
	world_begin(&w);
	struct bd_run_document d = measure(&w,
		"{\"target\":\"empty-loop\",\"precision\":1,\"budget_s\":120,\"rounds\":2}");
	BD_CHECK(d.run.launches >= 6 && d.run.launches < 36);
	check_stopped(&w, d.run.id, "precision");
	bd_doc_done(&bd_run_document_doc, &d);
	/* and without that goes to its limit */
	d = measure(&w, "{\"target\":\"empty-loop\",\"launches\":7,\"rounds\":1}");
	BD_CHECK_INT(d.run.launches, 7);
	check_stopped(&w, d.run.id, "limit");
	bd_doc_done(&bd_run_document_doc, &d);
	world_end(&w);
}

BD_TEST(sides_are_refused_where_they_cannot_be)
{
	static const char *const bad[][2] = {
		{"{\"target\":\"empty-loop\",\"kind\":\"ab\"}", "bad-value"},
		{"{\"target\":\"empty-loop\",\"sides\":{\"a\":{},\"b\":{}}}", "bad-value"},
		{"{\"target\":\"empty-loop\",\"kind\":\"ab\",\"sides\":{\"a\":{\"axes\":{\"objalloc\":\"none\"}},\"b\":{}}}",
			"unknown-value"},
		{"{\"target\":\"empty-loop\",\"kind\":\"ab\",\"sides\":{\"a\":{\"axes\":{\"obj\":\"malloc\"}},\"b\":{}}}",
			"unknown-axis"},
		{"{\"target\":\"empty-loop\",\"kind\":\"ab\",\"sides\":{\"a\":{\"registered\":\"01AAAAAAAAAAAAAAAAAAAAAAAA\"},"
		 "\"b\":{}}}",
			"not-found"},
		{"{\"target\":\"@01AAAAAAAAAAAAAAAAAAAAAAAA\"}", "not-found"},
		{"{\"target\":\"empty-loop\",\"precision\":2}", "bad-value"},
		{"{\"target\":\"empty-loop\",\"equivalence\":0}", "bad-value"},
	};
	struct world w;
	world_begin(&w);
	for (size_t i = 0; i < BD_LEN(bad); i++) {
		char id[BD_ULID_LEN];
		if (world_submit(&w, bad[i][0], id) == 0)
			BD_FAIL("accepted: %s", bad[i][0]);
		BD_CHECK_STR(w.err.key, bad[i][1]);
	}
	world_end(&w);
}

BD_TEST_MAIN
