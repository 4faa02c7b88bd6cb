#include "bd_model.h"
#include "bd_test.h"

static int decode(const struct bd_doc *doc, const char *text, void *obj, struct bd_error *err)
{
	bd_auto_json cJSON *j = NULL;
	bd_doc_init(doc, obj);
	int r = bd_json_parse(text, "test", &j, err);
	return r < 0 ? r : bd_doc_decode(doc, j, obj, err);
}

BD_TEST(request_round_trip)
{
	static const char text[] =
		"{\"target\":\"gil-contention\",\"kind\":\"run\",\"sides\":null,\"axes\":{\"threads\":[1,2],\"u\":[\"1us\"]},"
		"\"cases\":[\"a*\"],\"budget_s\":25,\"launches\":6,\"rounds\":null,\"seed\":9007199254740991,"
		"\"precision\":null,\"equivalence\":null,\"trace\":null,\"labels\":{\"k\":\"v\"},\"env\":{},\"wait_s\":0.5,\"dry_run\":true}";
	struct bd_request q;
	struct bd_error err;
	BD_CHECK_INT(decode(&bd_request_doc, text, &q, &err), 0);
	BD_CHECK_INT(q.seed, 9007199254740991);
	BD_CHECK_INT(q.rounds, BD_NULL_INT);
	BD_CHECK_STR(bd_choices_get(&q.axes, "threads")->values.v[1], "2");
	bd_auto_json cJSON *j = bd_doc_encode(&bd_request_doc, &q);
	bd_auto_free char *again = bd_json_text(j);
	BD_CHECK_STR(again, text);
	bd_doc_done(&bd_request_doc, &q);
	BD_CHECK(!q.target && isnan(q.budget_s));
}

BD_TEST(threads_that_are_no_number_stay_as_they_were_written)
{
	static const char text[] =
		"{\"target\":\"x\",\"axes\":{\"threads\":[2,\"2abc\",\"0x2\",\"-1\",\"1.5\",\"nan\"]}}";
	struct bd_request q;
	BD_CHECK_INT(decode(&bd_request_doc, text, &q, NULL), 0);
	bd_auto_json cJSON *j = bd_doc_encode(&bd_request_doc, &q);
	bd_auto_free char *again = bd_json_text(j);
	BD_CHECK(strstr(again, "\"threads\":[2,\"2abc\",\"0x2\",\"-1\",\"1.5\",\"nan\"]"));
	bd_doc_done(&bd_request_doc, &q);
}

BD_TEST(refusals_name_the_path)
{
	static const struct {
		const char *text, *key, *message, *hint;
	} rows[] = {
		{"{\"target\":\"x\",\"budgets\":1}", "unknown-field", "unknown field budgets",
			"did you mean 'budget_s'?"},
		{"{\"target\":3}", "bad-value", "target must be a string", ""},
		{"{}", "bad-value", "target is missing", ""},
		{"{\"target\":null}", "bad-value", "target is missing", ""},
		{"{\"target\":\"x\",\"axes\":{\"threads\":[]}}", "bad-value",
			"axes.threads must be a list of at least one value", ""},
		{"{\"target\":\"x\",\"axes\":{\"threads\":[1,\"1\"]}}", "bad-value", "axes.threads lists '1' twice",
			""},
		{"{\"target\":\"x\",\"cases\":[\"a\",1]}", "bad-value", "cases[1] must be a string", ""},
		{"{\"target\":\"x\",\"launches\":1.5}", "bad-value", "launches must be a whole number", ""},
		{"{\"target\":\"x\",\"target\":\"x\"}", "bad-value", "target is given twice", ""},
		{"{\"target\":\"x\",\"seed\":1e300}", "bad-value", "seed must be a whole number", ""},
		{"{\"target\":\"x\",\"labels\":{\"a\":1}}", "bad-value", "labels.a must be a string", ""},
		{"[]", "bad-value", "the document must be an object", ""},
	};
	for (size_t i = 0; i < BD_LEN(rows); i++) {
		struct bd_request q;
		struct bd_error err = {0};
		BD_CHECK(decode(&bd_request_doc, rows[i].text, &q, &err) < 0);
		BD_CHECK_STR(err.key, rows[i].key);
		BD_CHECK_STR(err.message, rows[i].message);
		BD_CHECK_STR(err.hint, rows[i].hint);
		BD_CHECK(!q.target && !q.axes.n);
	}
}

BD_TEST(lists_of_whole_numbers_hold_nothing_else)
{
	static const char *const no[] = {"1e300", "-1e300", "0.5", "9007199254740994", "null", "\"1\""};
	struct bd_worker_cell c;
	struct bd_error err;
	BD_CHECK_INT(decode(&bd_worker_cell_doc, "{\"cell\":1,\"status\":\"ok\",\"tids\":[1,-9007199254740992]}", &c,
			     &err),
		0);
	BD_CHECK_INT(c.tids.v[1], -9007199254740992);
	bd_doc_done(&bd_worker_cell_doc, &c);
	for (size_t i = 0; i < BD_LEN(no); i++) {
		bd_auto_free char *text = bd_printf("{\"cell\":1,\"status\":\"ok\",\"tids\":[1,%s]}", no[i]);
		BD_CHECK(decode(&bd_worker_cell_doc, text, &c, &err) < 0);
		BD_CHECK_STR(err.message, "tids[1] must be a whole number");
	}
}

BD_TEST(bad_json_says_where)
{
	struct bd_request q;
	struct bd_error err = {0};
	BD_CHECK(decode(&bd_request_doc, "{\n \"target\": nope}", &q, &err) < 0);
	BD_CHECK_STR(err.key, "bad-json");
	BD_CHECK(strstr(err.message, "line 2, column 12"));
}

BD_TEST(absent_is_null_and_numbers_are_rounded)
{
	struct bd_cell_result c;
	bd_doc_init(&bd_cell_result_doc, &c);
	c.id = bd_strdup("x");
	c.u_actual_ns = 0.1 + 0.2;
	bd_axes_set(&c.axes, "threads", "2");
	bd_auto_json cJSON *j = bd_doc_encode(&bd_cell_result_doc, &c);
	bd_auto_free char *text = bd_json_text(j);
	BD_CHECK(strstr(text, "\"u_actual_ns\":0.3,"));
	BD_CHECK(strstr(text, "\"axes\":{\"threads\":2}"));
	BD_CHECK(strstr(text, "\"ratio\":null"));
	BD_CHECK(strstr(text, "\"samples\":null"));
	BD_CHECK(strstr(text, "\"case\":null"));
	bd_doc_done(&bd_cell_result_doc, &c);
}

BD_TEST(received_documents_may_have_new_fields_but_not_another_schema)
{
	struct bd_run_document d;
	struct bd_error err = {0};
	BD_CHECK_INT(decode(&bd_run_document_doc, "{\"schema\":\"benchd.run.v1\",\"new\":1,\"run\":{\"id\":\"a\"}}", &d,
			     &err),
		0);
	BD_CHECK_STR(d.run.id, "a");
	bd_doc_done(&bd_run_document_doc, &d);
	BD_CHECK(decode(&bd_run_document_doc, "{\"schema\":\"benchd.run.v2\"}", &d, &err) < 0);
	BD_CHECK_STR(err.message, "schema must be \"benchd.run.v1\"");
}

BD_TEST(line_of_a_path)
{
	static const char text[] = "{\n \"a\": [1,\n  {\"b\": \"}]\\\"\",\n   \"c\":\n 2}],\n \"d\": 3}";
	BD_CHECK_INT(bd_json_line(text, "a"), 2);
	BD_CHECK_INT(bd_json_line(text, "a[1]"), 3);
	BD_CHECK_INT(bd_json_line(text, "a[1].c"), 5);
	BD_CHECK_INT(bd_json_line(text, "d"), 6);
	BD_CHECK_INT(bd_json_line(text, "[\"a\"][1][\"c\"]"), 5);
	BD_CHECK_INT(bd_json_line("{\"a\": {\n\"b.c[1]\":\n7}}", "a[\"b.c[1]\"]"), 3);
	BD_CHECK_INT(bd_json_line(text, "[\"a"), 0);
	BD_CHECK_INT(bd_json_line(text, "a[2]"), 0);
	BD_CHECK_INT(bd_json_line(text, "nope"), 0);
}

BD_TEST(text_of_a_parsed_document_is_the_same_document)
{
	static const char text[] =
		"{\"seed\":3853932037252190,\"most\":-9007199254740991,\"half\":0.5,\"small\":1e-300,\"third\":0.333333333333,"
		"\"text\":\"a\\\"b\\\\c\\n\\t\\u0001µ\",\"none\":null,\"yes\":true,\"no\":false,\"empty\":[{},[]]}";
	bd_auto_json cJSON *j = NULL;
	struct bd_error err;
	BD_CHECK_INT(bd_json_parse(text, "text", &j, &err), 0);
	bd_auto_free char *one_line = bd_json_text(j), *indented = bd_json_pretty(j);
	BD_CHECK_STR(one_line, text);
	bd_auto_json cJSON *again = NULL;
	BD_CHECK_INT(bd_json_parse(indented, "indented", &again, &err), 0);
	BD_CHECK(cJSON_Compare(j, again, true));
	BD_CHECK(strstr(indented, "\n  \"half\": 0.5,\n") != NULL);
}

BD_TEST_MAIN
