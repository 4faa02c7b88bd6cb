/* One run: its document, deleting it, cancelling it. */
#include "call.h"

#include <errno.h>

static int get(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_store *store = c->http->config.store;
	bd_auto_free char *stored = NULL;
	int r = bd_store_document_get(store, c->param, &stored, err);
	if (r == 0)
		return bd_http_reply_text(c, 200, stored, strlen(stored), true, NULL);
	if (r != -ENOENT)
		return r;
	/* still in progress, or ended without its document: as of now */
	struct bd_run_document document;
	bd_doc_init(&bd_run_document_doc, &document);
	r = bd_report_run(store, c->param, &document, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = bd_doc_encode(&bd_run_document_doc, &document);
	bd_doc_done(&bd_run_document_doc, &document);
	return bd_http_reply(c, 200, j);
}

static int delete (struct bd_http_call *c, struct bd_error *err)
{
	int r = bd_store_run_delete(c->http->config.store, c->param, err);
	return r < 0 ? r : bd_http_reply_empty(c, 204, NULL);
}

static int cancel(struct bd_http_call *c, struct bd_error *err)
{
	int r = bd_engine_cancel(c->engine, c->param, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = cJSON_CreateObject();
	cJSON_AddStringToObject(j, "id", c->param);
	return bd_http_reply(c, 202, j);
}

static int recompute(struct bd_http_call *c, struct bd_error *err)
{
	bd_auto_json cJSON *j = NULL;
	int r = bd_report_recompute(c->http->config.store, c->param, &j, err);
	return r < 0 ? r : bd_http_reply(c, 200, j);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/runs/{id}",
		.summary = "The document of a run, also of one in progress",
		.example = {"/api/v1/runs/{id}", NULL, 200},
		.handle = get},
	{.method = "POST",
		.path = "/api/v1/runs/{id}/cancel",
		.summary = "Ends a run after the batch in flight; what it measured stays",
		.example = {"/api/v1/runs/{id}/cancel", NULL, 202},
		.handle = cancel},
	{.method = "GET",
		.path = "/api/v1/runs/{id}/recompute",
		.summary =
			"The document of a finished run once more, from its samples alone, and where it differs from the stored one",
		.example = {"/api/v1/runs/{id}/recompute", NULL, 200},
		.handle = recompute},
	{.method = "DELETE",
		.path = "/api/v1/runs/{id}",
		.summary = "Deletes a finished run with its samples and traces",
		.example = {"/api/v1/runs/{id}", NULL, 204},
		.handle = delete},
};
const struct bd_http_route_group bd_route_run = {routes, BD_LEN(routes)};
