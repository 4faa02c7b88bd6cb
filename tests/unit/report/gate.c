/* Limits on a document: each verdict, and what is said with it. */
#include "support.h"

struct sought { /* a cell of side b */
	double median, lo, hi, effect;
	const char *verdict, *status;
};

static void document(struct bd_run_document *doc, const struct sought *v, size_t n)
{
	bd_doc_init(&bd_run_document_doc, doc);
	doc->run.id = bd_strdup("01J");
	doc->run.wall_s = 10;
	doc->run.noise_line = bd_strdup("The machine was quiet: nothing.");
	for (size_t i = 0; i < 2 * n; i++) {
		struct bd_cell_result *c = BD_PUSH(doc->cells, doc->cells_len);
		const struct sought *s = &v[i / 2];
		bd_doc_init(&bd_cell_result_doc, c);
		c->case_name = bd_printf("case%zu", i / 2);
		bd_axes_set(&c->axes, "side", i % 2 ? "b" : "a");
		c->id = bd_cell_id(c->case_name, &c->axes);
		c->status = bd_strdup(i % 2 && s->status ? s->status : "ok");
		if (i % 2 == 0)
			continue;
		if (s->status) {
			c->reason = bd_reason_new("V7", "other-file", "rebuild it", "both sides loaded the same file");
			continue;
		}
		c->ratio = bd_alloc(sizeof *c->ratio);
		*c->ratio = (struct bd_ratio){bd_strdup("a"), s->median, s->lo, s->hi};
		c->verdict = bd_strdup(s->verdict);
		c->smallest_effect = s->effect;
		c->equivalence = 0.02;
	}
}

static char *text_of(const cJSON *gate, const char *name)
{
	const cJSON *v = cJSON_GetObjectItem(gate, name);
	BD_CHECK(cJSON_IsString(v));
	return v->valuestring;
}

static cJSON *gate(const struct sought *v, size_t n, const char *limits)
{
	struct bd_run_document doc;
	struct bd_report_limits l;
	struct bd_error err;
	document(&doc, v, n);
	bd_doc_init(&bd_report_limits_doc, &l);
	bd_auto_json cJSON *json = cJSON_Parse(limits);
	BD_CHECK_INT(bd_doc_decode(&bd_report_limits_doc, json, &l, &err), 0);
	cJSON *ret = NULL;
	BD_CHECK_INT(bd_report_gate(&doc, &l, &ret, &err), 0);
	BD_CHECK_STR(text_of(ret, "schema"), "benchd.gate.v1");
	BD_CHECK_STR(text_of(ret, "run"), "01J");
	BD_CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItem(ret, "cells")), (int)n);
	bd_doc_done(&bd_report_limits_doc, &l);
	bd_doc_done(&bd_run_document_doc, &doc);
	return ret;
}

static void expect(const cJSON *gate, const char *verdict, const char *summary)
{
	BD_CHECK_STR(text_of(gate, "verdict"), verdict);
	if (summary && !strstr(text_of(gate, "summary"), summary))
		BD_FAIL("'%s' does not say '%s'", text_of(gate, "summary"), summary);
}

static const struct sought same = {1.002, 0.995, 1.009, 0.01, "no difference", NULL},
			   worse = {1.123, 1.10, 1.15, 0.02, "slower", NULL},
			   open = {1.03, 0.99, 1.07, 0.06, "undecided", NULL};

BD_TEST(a_change_within_its_limit_passes)
{
	bd_auto_json cJSON *g = gate(&same, 1, "{\"slower\":0.05}");
	expect(g, "pass",
		"Passed: the one cell is not slower than allowed, and the measurement was fine enough to say so. Nearest to "
		"its limit of 5 % is case0: 0.2 % slower (between 0.5 % faster and 0.9 % slower).");
	const cJSON *cell = cJSON_GetArrayItem(cJSON_GetObjectItem(g, "cells"), 0);
	BD_CHECK_STR(text_of(cell, "id"), "case0/side=b");
	BD_CHECK_STR(text_of(cell, "verdict"), "pass");
	BD_CHECK_NEAR(cJSON_GetObjectItem(cell, "limit")->valuedouble, 0.05, 1e-12);
	BD_CHECK_NEAR(cJSON_GetObjectItem(cJSON_GetObjectItem(cell, "ratio"), "hi")->valuedouble, 1.009, 1e-12);
	BD_CHECK(!strstr(text_of(g, "summary"), "quiet")); /* the machine is no news when all is well */
}

BD_TEST(a_regression_fails_whatever_else_is_open)
{
	bd_auto_json cJSON *g = gate((struct sought[]){same, worse, open}, 3, "{\"slower\":0.05}");
	expect(g, "fail", "Failed: 1 of 3 cells are slower than allowed");
	expect(g, "fail",
		"case1: 12 % slower (between 10 % and 15 %); up to 5 % is allowed. 1 more cell is undecided.");
	/* as far as the interval says: 12 % may be allowed */
	bd_auto_json cJSON *wide = gate((struct sought[]){same, worse}, 2, "{\"slower\":0.2}");
	expect(wide, "pass", NULL);
	bd_auto_json cJSON *between = gate((struct sought[]){same, worse}, 2, "{\"slower\":0.12}");
	expect(between, "undecided", NULL);
}

BD_TEST(what_cannot_be_told_says_what_would_tell_it)
{
	bd_auto_json cJSON *g = gate((struct sought[]){same, open}, 2, "{\"slower\":0.05}");
	expect(g, "undecided", "Undecided: of 1 of 2 cells it cannot be said whether the limit is kept.");
	/* from 3 % to the limit of 5 % are 1.92 %: (6 ÷ 1.92)² = 9.8 times the 10 s */
	expect(g, "undecided",
		"This measurement could tell a change of 6.0 %. Run longer: --budget 120s would tell 1.7 %.");
	expect(g, "undecided", "The machine was quiet: nothing.");
	struct sought hopeless = open;
	hopeless.median = 1.0495;
	hopeless.effect = 0.2;
	bd_auto_json cJSON *never = gate(&hopeless, 1, "{\"slower\":0.05}");
	expect(never, "undecided", "even --budget 10m would tell only 2.6 %. Use a quieter machine, or a wider limit.");
}

BD_TEST(a_limit_of_nothing_follows_the_verdict)
{
	struct sought little = {1.01, 1.005, 1.015, 0.005, "slower", NULL};
	bd_auto_json cJSON *strict = gate(&little, 1, "{\"slower\":0}");
	expect(strict, "fail", "1.0 % slower (between 0.5 % and 1.5 %); any slowdown is too much");
	bd_auto_json cJSON *lax = gate(&little, 1, "{\"slower\":0.02}");
	expect(lax, "pass", NULL);
	bd_auto_json cJSON *good = gate(&same, 1, "{\"slower\":0}");
	expect(good, "pass", NULL);
	bd_auto_json cJSON *unknown = gate(&open, 1, "{\"slower\":0}");
	expect(unknown, "undecided", NULL);
}

BD_TEST(cells_have_limits_of_their_own_or_none)
{
	static const char own[] = "{\"slower\":0.05,\"cells\":[{\"glob\":\"case1\",\"slower\":0.2}]}";
	bd_auto_json cJSON *g = gate((struct sought[]){same, worse}, 2, own);
	expect(g, "pass", NULL);
	bd_auto_json cJSON *ignored = gate((struct sought[]){same, worse}, 2, "{\"ignore\":[\"case1*\"]}");
	expect(ignored, "pass", "1 cell is ignored.");
	BD_CHECK_STR(text_of(cJSON_GetArrayItem(cJSON_GetObjectItem(ignored, "cells"), 1), "verdict"), "ignored");
	bd_auto_json cJSON *all = gate(&worse, 1, "{\"ignore\":[\"*\"]}");
	expect(all, "undecided", "nothing was judged");
}

BD_TEST(a_cell_without_a_result_is_no_pass)
{
	struct sought broken = {.status = "invalid"};
	bd_auto_json cJSON *g = gate((struct sought[]){same, broken}, 2, "{}");
	expect(g, "undecided", "case1: it is invalid: both sides loaded the same file (rebuild it).");
	expect(g, "undecided", "What has no result must be mended first");
	struct sought young = {1.01, NAN, NAN, NAN, "undecided", NULL};
	bd_auto_json cJSON *few = gate(&young, 1, "{}");
	expect(few, "undecided", "1.0 % slower (no interval)");
	expect(few, "undecided",
		"Without six undisturbed launches there is no interval: a longer run has more of them.");
	BD_CHECK(!strstr(text_of(few, "summary"), "mended"));
}

BD_TEST(limits_that_make_no_sense_are_refused)
{
	static const char *const bad[] = {"{\"slower\":-0.1}", "{\"metric\":\"latency\"}",
		"{\"cells\":[{\"glob\":\"x\",\"slower\":-1}]}"};
	for (size_t i = 0; i < BD_LEN(bad); i++) {
		struct bd_run_document doc;
		struct bd_report_limits l;
		struct bd_error err;
		document(&doc, &same, 1);
		bd_doc_init(&bd_report_limits_doc, &l);
		bd_auto_json cJSON *json = cJSON_Parse(bad[i]);
		BD_CHECK_INT(bd_doc_decode(&bd_report_limits_doc, json, &l, &err), 0);
		cJSON *ret = NULL;
		BD_CHECK(bd_report_gate(&doc, &l, &ret, &err) < 0);
		BD_CHECK_STR(err.key, "bad-value");
		bd_doc_done(&bd_report_limits_doc, &l);
		bd_doc_done(&bd_run_document_doc, &doc);
	}
}

BD_TEST_MAIN
