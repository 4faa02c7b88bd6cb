/* Suite × catalogue → cells, and every refusal of what a user may ask for. */
#include "engine_world.h"

static int plan(struct world *w, const char *json, struct bd_plan_document *p)
{
	struct bd_request q;
	bd_doc_init(&bd_plan_document_doc, p);
	int r = world_request(w, json, &q);
	if (r == 0)
		r = bd_engine_plan(w->engine, &q, p, &w->err);
	bd_doc_done(&bd_request_doc, &q);
	return r;
}

BD_TEST(default_matrix)
{
	struct world w;
	struct bd_plan_document p;
	world_begin(&w);
	if (plan(&w, "{\"target\":\"gil-contention\"}", &p) < 0)
		BD_FAIL("%s", w.err.message);
	size_t contended = 0, loops = 0;
	for (size_t i = 0; i < p.cells_len; i++) {
		contended += bd_streq(p.cells[i].case_name, "gil-contention");
		loops += bd_streq(p.cells[i].case_name, "empty-loop");
		BD_CHECK_STR(p.cells[i].status, "ok");
		BD_CHECK(bd_axes_get(&p.cells[i].axes, "objalloc") && bd_axes_get(&p.cells[i].axes, "switch_interval"));
		/* threads run for 200 ms, one thread counts iterations */
		if (bd_axes_threads(&p.cells[i].axes) > 1)
			BD_CHECK_NEAR(p.cells[i].batch_s, 0.2, 1e-9);
	}
	BD_CHECK_INT(contended, 3 * 3 * 2);
	BD_CHECK(loops >= 1);
	BD_CHECK_INT(p.launches, 6);
	BD_CHECK(p.expected_s > 5 && p.expected_s < 60);
	bd_doc_done(&bd_plan_document_doc, &p);
	world_end(&w);
}

BD_TEST(axes_and_globs)
{
	struct world w;
	struct bd_plan_document p;
	world_begin(&w);
	BD_CHECK_INT(
		plan(&w,
			"{\"target\":\"gil-contention\",\"cases\":[\"gil-*\"],\"axes\":{\"threads\":[2],\"u\":[\"10us\"],\"gil\":[\"hold\"],"
			"\"switch_interval\":[\"20ms\"],\"binding\":[\"capi\"]}}",
			&p),
		0);
	BD_CHECK(p.cells_len >= 1); /* capi is all its variants */
	BD_CHECK(bd_starts_with(bd_axes_get(&p.cells[0].axes, "binding"), "capi:"));
	BD_CHECK_NEAR(p.cells[0].batch_s, 0.8, 1e-9); /* 40 switch intervals */
	bd_doc_done(&bd_plan_document_doc, &p);
	BD_CHECK_INT(plan(&w, "{\"target\":\"gil-*\"}", &p), 0); /* a case glob */
	bd_doc_done(&bd_plan_document_doc, &p);
	world_end(&w);
}

BD_TEST(nothing_twice_and_intervals_unless_the_budget_was_asked_for)
{
	struct world w;
	struct bd_plan_document p;
	world_begin(&w);
	BD_CHECK_INT(
		plan(&w,
			"{\"target\":\"gil-contention\",\"cases\":[\"gil-*\"],\"axes\":{\"binding\":[\"capi\",\"capi:fastcall\"]}}",
			&p),
		0);
	for (size_t i = 0; i < p.cells_len; i++)
		for (size_t k = 0; k < i; k++)
			BD_CHECK(!bd_streq(p.cells[i].id, p.cells[k].id));
	/* more than fits into the suite's own budget: it is exceeded, six launches stay */
	BD_CHECK(p.launches == 6 && p.rounds == 1);
	bd_doc_done(&bd_plan_document_doc, &p);
	BD_CHECK_INT(plan(&w, "{\"target\":\"gil-contention\",\"budget_s\":12}", &p), 0);
	BD_CHECK(p.launches < 6 && p.rounds == 1 && p.expected_s < 13);
	bd_doc_done(&bd_plan_document_doc, &p);
	world_end(&w);
}

BD_TEST(refusals)
{
	static const struct {
		const char *json, *key, *hint;
	} rows[] = {
		{"{\"target\":\"gil-contentoin\"}", "unknown-target", "did you mean 'gil-contention'?"},
		{"{\"target\":\"nothing-like-it\"}", "unknown-target", NULL},
		{"{\"target\":\"gil-contention\",\"axes\":{\"thread\":[1]}}", "unknown-axis",
			"did you mean 'threads'?"},
		{"{\"target\":\"gil-contention\",\"axes\":{\"gil\":[\"held\"]}}", "unknown-value",
			"did you mean 'hold'?"},
		{"{\"target\":\"gil-contention\",\"axes\":{\"u\":[\"2us\"]}}", "unknown-value", NULL},
		{"{\"target\":\"gil-contention\",\"axes\":{\"threads\":[0]}}", "unknown-value", NULL},
		{"{\"target\":\"gil-contention\",\"axes\":{\"threads\":[65]}}", "unknown-value", NULL},
		{"{\"target\":\"gil-contention\",\"axes\":{\"allocator\":[\"jmalloc\"]}}", "unknown-value",
			"did you mean 'jemalloc'?"},
		{"{\"target\":\"gil-contention\",\"axes\":{\"binding\":[\"ctype\"]}}", "unknown-value",
			"did you mean 'ctypes'?"},
		{"{\"target\":\"gil-contention\",\"axes\":{\"binding\":[\"capi:fast\"]}}", "unknown-value", NULL},
		{"{\"target\":\"gil-contention\",\"axes\":{\"python\":[\"2.7\"]}}", "unknown-value", NULL},
		{"{\"target\":\"gil-contention\",\"axes\":{\"switch_interval\":[\"1h\"]}}", "unknown-value", NULL},
		{"{\"target\":\"gil-contention\",\"trace\":\"event\"}", "unknown-value", NULL},
		{"{\"target\":\"gil-contention\",\"cases\":[\"nothing*\"]}", "no-cells", NULL},
		{"{\"target\":\"gil-contention\",\"launches\":0}", "bad-value", NULL},
		{"{\"target\":\"gil-contention\",\"budget_s\":-1}", "bad-value", NULL},
		{"{\"target\":\"gil-contention\",\"seed\":-1}", "bad-value", NULL},
		{"{\"target\":\"gil-contention\",\"kind\":\"ab\"}", "bad-value", NULL},
		{"{\"target\":\"gil-contention\",\"env\":{\"LD_PRELOAD\":\"x\"}}", "bad-value", NULL},
		{"{\"target\":\"gil-contention\",\"kind\":\"ab\",\"sides\":{\"a\":{},\"b\":{\"env\":{\"LD_PRELOAD\":\"x\"}}}}",
			"bad-value", "the axes allocator and objalloc set the allocators"},
		{"{\"target\":\"gil-contention\",\"precison\":0.01}", "unknown-field", NULL},
	};
	struct world w;
	world_begin(&w);
	for (size_t i = 0; i < BD_LEN(rows); i++) {
		struct bd_plan_document p;
		w.err = (struct bd_error){0};
		if (plan(&w, rows[i].json, &p) >= 0)
			BD_FAIL("accepted: %s", rows[i].json);
		if (!bd_streq(w.err.key, rows[i].key) || (rows[i].hint && !bd_streq(w.err.hint, rows[i].hint)))
			BD_FAIL("%s: %s: %s (%s)", rows[i].json, w.err.key, w.err.message, w.err.hint);
		/* a list that is too long for a hint says how much is left out, and ends with a whole word */
		size_t len = strlen(w.err.hint);
		if (len > 200 && !bd_streq(w.err.hint + len - 5, " more"))
			BD_FAIL("%s: cut: %s", rows[i].json, w.err.hint);
	}
	world_end(&w);
}

BD_TEST_MAIN
