/* Many runs: listing them, asking for a new one. */
#include "call.h"

#include <stdio.h>

#define LIMIT 100

static int list(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_store_filter f = {.suite = bd_map_get(&c->query, "suite"),
		.state = bd_map_get(&c->query, "state"),
		.before = bd_map_get(&c->query, "before")};
	bd_auto_free char *label = bd_strdup(bd_map_get(&c->query, "label"));
	if (label) {
		char *equals = strchr(label, '=');
		f.label_key = label;
		if (equals) {
			*equals = 0;
			f.label_value = equals + 1;
		}
	}
	int r = bd_http_query_limit(c, LIMIT, &f.limit, err);
	struct bd_run_list runs;
	if (r == 0)
		r = bd_store_runs_list(c->http->config.store, &f, &runs, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = bd_doc_encode(&bd_run_list_doc, &runs);
	bd_doc_done(&bd_run_list_doc, &runs);
	return bd_http_reply(c, 200, j);
}

static int plan(struct bd_http_call *c, const struct bd_request *request, struct bd_error *err)
{
	struct bd_plan_document document;
	bd_doc_init(&bd_plan_document_doc, &document);
	int r = bd_engine_plan(c->engine, request, &document, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = bd_doc_encode(&bd_plan_document_doc, &document);
	bd_doc_done(&bd_plan_document_doc, &document);
	return bd_http_reply(c, 200, j);
}

static int submit(struct bd_http_call *c, const struct bd_request *request, struct bd_error *err)
{
	char id[BD_ULID_LEN];
	int r = bd_engine_submit(c->engine, request, id, err);
	if (r < 0)
		return r;
	bd_auto_free char *text = bd_printf("{\"id\":\"%s\"}", id);
	bd_auto_free char *location = bd_printf("Location: /api/v1/runs/%s\r\n", id);
	return bd_http_reply_text(c, 202, text, strlen(text), false, location);
}

static int post(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_request request;
	bd_doc_init(&bd_request_doc, &request);
	int r = bd_doc_decode(&bd_request_doc, c->body, &request, err);
	if (r < 0)
		return r;
	if (!request.kind)
		request.kind = bd_strdup("run");
	r = request.dry_run ? plan(c, &request, err) : submit(c, &request, err);
	bd_doc_done(&bd_request_doc, &request);
	return r;
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/runs",
		.summary = "Stored runs, newest first; `next` is `before` of the next page",
		.query = "suite state label limit before",
		.example = {"/api/v1/runs?limit=5", NULL, 200},
		.handle = list},
	{.method = "POST",
		.path = "/api/v1/runs",
		.summary =
			"Queues a run, a comparison or a check, stored before it is answered; dry_run answers 200 with the plan",
		.takes_body = true,
		.body = &bd_request_doc,
		.example = {"/api/v1/runs",
			"{\"target\":\"gil-contention\",\"axes\":{\"threads\":[1]},\"budget_s\":10}", 202},
		.handle = post},
};
const struct bd_http_route_group bd_route_runs = {routes, BD_LEN(routes)};
