/* Two runs side by side, and whether one may be as slow as it is. */
#include "call.h"

#include <errno.h>
#include <stdio.h>

static int need(const char *name, const char *value, struct bd_error *err)
{
	return value && *value
		? 0
		: bd_error_set(err, -EINVAL, "bad-request", "compare?a=RUN&b=RUN", "%s is missing", name);
}

static int read_part(const char *text, double *ret, struct bd_error *err)
{
	char *end = NULL;
	double value = text ? strtod(text, &end) : (double)NAN;
	if (text && (!*text || *end || !(value >= 0.0001 && value <= 1)))
		return bd_error_set(err, -EINVAL, "bad-value", NULL, "equivalence must be from 0.0001 to 1");
	*ret = value;
	return 0;
}

static int compare(struct bd_http_call *c, struct bd_error *err)
{
	const char *a = bd_map_get(&c->query, "a"), *b = bd_map_get(&c->query, "b");
	double equivalence = (double)NAN;
	int r = need("a", a, err);
	if (r == 0)
		r = need("b", b, err);
	if (r == 0)
		r = read_part(bd_map_get(&c->query, "equivalence"), &equivalence, err);
	if (r < 0)
		return r;
	struct bd_run_document document;
	bd_doc_init(&bd_run_document_doc, &document);
	r = bd_report_compare(c->http->config.store, a, b, equivalence, &document, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = bd_doc_encode(&bd_run_document_doc, &document);
	bd_doc_done(&bd_run_document_doc, &document);
	return bd_http_reply(c, 200, j);
}

/* ---- the gate --------------------------------------------------------------------------------------------------------- */

struct gate {
	char *run, *baseline;
	struct bd_report_limits *limits;
};
static const struct bd_field gate_fields[] = {
	{.name = "run", .type = BD_F_STRING, .offset = offsetof(struct gate, run), .required = true},
	{.name = "baseline", .type = BD_F_STRING, .offset = offsetof(struct gate, baseline)},
	{.name = "limits",
		.type = BD_F_OPTIONAL,
		.offset = offsetof(struct gate, limits),
		.doc = &bd_report_limits_doc},
};
static const struct bd_doc gate_doc = {.name = "gate",
	.size = sizeof(struct gate),
	.fields = gate_fields,
	.fields_len = BD_LEN(gate_fields)};

/* What the run is judged by: the other run, or what it compares itself. */
static int document_of(struct bd_http_call *c, const struct gate *g, struct bd_run_document *ret, struct bd_error *err)
{
	struct bd_store *store = c->http->config.store;
	if (g->baseline)
		return bd_report_compare(store, g->baseline, g->run, (double)NAN, ret, err);
	struct bd_run run = {0};
	int r = bd_store_run_get(store, g->run, &run, err);
	const cJSON *kind = r == 0 ? cJSON_GetObjectItemCaseSensitive(run.request, "kind") : NULL;
	if (r == 0 && (run.state == BD_RUN_QUEUED || run.state == BD_RUN_RUNNING))
		r = bd_error_set(err, -EBUSY, "conflict", "wait for its end, or cancel it", "run %s is not over yet",
			g->run);
	else if (r == 0 && !bd_streq(cJSON_GetStringValue(kind), "ab"))
		r = bd_error_set(err, -EINVAL, "bad-value",
			"name a baseline (--baseline RUN), a run from before the change",
			"run %s compares nothing itself", g->run);
	bd_run_done(&run);
	return r < 0 ? r : bd_report_run(store, g->run, ret, err);
}

static int judge(struct bd_http_call *c, struct bd_error *err)
{
	static const struct bd_report_limits none = {.slower = (double)NAN};
	struct gate g;
	struct bd_run_document document;
	bd_doc_init(&gate_doc, &g);
	bd_doc_init(&bd_run_document_doc, &document);
	bd_auto_json cJSON *answer = NULL;
	int r = bd_doc_decode(&gate_doc, c->body, &g, err);
	if (r < 0)
		return r;
	r = document_of(c, &g, &document, err);
	if (r == 0)
		r = bd_report_gate(&document, g.limits ? g.limits : &none, &answer, err);
	bd_doc_done(&bd_run_document_doc, &document);
	bd_doc_done(&gate_doc, &g);
	return r < 0 ? r : bd_http_reply(c, 200, answer);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/compare",
		.summary =
			"Two stored runs side by side, as a run document: cells of a and b, each of b with its ratio to that of a",
		.query = "a b equivalence",
		.example = {"/api/v1/compare?a={id}&b={id}", NULL, 200},
		.handle = compare},
	{.method = "POST",
		.path = "/api/v1/gate",
		.summary = "Judges a run that compares two sides, or a run against a baseline, by limits",
		.takes_body = true,
		.body = &gate_doc,
		.example = {"/api/v1/gate", "{\"run\":\"{id}\",\"baseline\":\"{id}\",\"limits\":{\"slower\":0.05}}",
			200},
		.handle = judge},
};
const struct bd_http_route_group bd_route_compare = {routes, BD_LEN(routes)};
