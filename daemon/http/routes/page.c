/* The dashboard: its shell under the address of every view, its assets, and a run as one file. */
#include "../assets.h"

#include <errno.h>

static int shell(struct bd_http_call *c, struct bd_error *err)
{
	return bd_http_shell_reply(c, 200, err);
}

static int asset(struct bd_http_call *c, struct bd_error *err)
{
	return bd_http_asset_reply(c, c->param, err);
}

/* As text inside an element: "<" would begin an end tag or a comment. In JSON it only ever stands within a string. */
static void put_escaped(struct bd_str *out, const char *json)
{
	for (size_t n; *json; json += n) {
		n = strcspn(json, "<");
		bd_str_append(out, json, n);
		if (json[n] == '<') {
			bd_str_puts(out, "\\u003c");
			n++;
		}
	}
}

static int page(struct bd_http_call *c, struct bd_error *err)
{
	bd_auto_free char *stored = NULL;
	bd_auto_str struct bd_str text = {0};
	struct bd_run run;
	int r = bd_http_assets_check(err);
	if (r == 0)
		r = bd_store_run_get(c->http->config.store, c->param, &run, err);
	if (r < 0)
		return r;
	bool ended = run.state != BD_RUN_QUEUED && run.state != BD_RUN_RUNNING;
	bd_run_done(&run);
	if (!ended)
		return bd_error_set(err, -EBUSY, "conflict", "wait for its end, or cancel it",
			"run %s is still in progress: its page would be out of date at once", c->param);
	r = bd_store_document_get(c->http->config.store, c->param, &stored, err);
	if (r == -ENOENT) { /* it ended with its daemon: from what is stored of it */
		struct bd_run_document document;
		bd_doc_init(&bd_run_document_doc, &document);
		r = bd_report_run(c->http->config.store, c->param, &document, err);
		if (r < 0)
			return r;
		bd_auto_json cJSON *j = bd_doc_encode(&bd_run_document_doc, &document);
		bd_doc_done(&bd_run_document_doc, &document);
		stored = bd_json_text(j);
	}
	if (r == 0)
		r = bd_http_asset_unpack(&bd_http_page_head, &text, err);
	if (r < 0)
		return r;
	put_escaped(&text, stored);
	r = bd_http_asset_unpack(&bd_http_page_tail, &text, err);
	if (r < 0)
		return r;
	bd_auto_free char *name = bd_printf("Content-Disposition: attachment; filename=\"benchd-%s.html\"\r\n",
		c->param);
	return bd_http_reply_file(c, bd_http_page_head.type, text.s, text.len, name);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/",
		.summary = "The dashboard: the list of runs",
		.open = true,
		.waits = true,
		.unseen = true,
		.any_query = true,
		.example = {"/", NULL, 200},
		.handle = shell},
	{.method = "GET",
		.path = "/runs/{id}",
		.summary = "The dashboard: one run, live or ended",
		.open = true,
		.waits = true,
		.unseen = true,
		.any_query = true,
		.example = {"/runs/{id}", NULL, 200},
		.handle = shell},
	{.method = "GET",
		.path = "/traces",
		.summary = "The dashboard: the list of traces",
		.open = true,
		.waits = true,
		.unseen = true,
		.any_query = true,
		.example = {"/traces", NULL, 200},
		.handle = shell},
	{.method = "GET",
		.path = "/traces/{id}",
		.summary = "The dashboard: one trace, live or ended",
		.open = true,
		.waits = true,
		.unseen = true,
		.any_query = true,
		.example = {"/traces/0123456789abcdef", NULL, 200},
		.handle = shell},
	{.method = "GET",
		.path = "/series/{id}",
		.summary = "The dashboard: one cell over runs",
		.open = true,
		.waits = true,
		.unseen = true,
		.any_query = true,
		.example = {"/series/0123456789abcdef", NULL, 200},
		.handle = shell},
	{.method = "GET",
		.path = "/login",
		.summary = "The dashboard: spends the login code behind the #",
		.open = true,
		.waits = true,
		.unseen = true,
		.any_query = true,
		.example = {"/login", NULL, 200},
		.handle = shell},
	{.method = "GET",
		.path = "/assets/{path}",
		.summary = "A file of the dashboard, under the hash of them all",
		.open = true,
		.waits = true,
		.unseen = true,
		.example = {"/assets/0/app.js", NULL, 404},
		.handle = asset},
	{.method = "GET",
		.path = "/api/v1/runs/{id}/page",
		.summary = "An ended run as one HTML file that needs nothing else",
		.example = {"/api/v1/runs/{id}/page", NULL, 200},
		.handle = page},
};
const struct bd_http_route_group bd_route_page = {routes, BD_LEN(routes)};
