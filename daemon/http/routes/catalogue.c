#include "call.h"

/* One half of what a worker of the interpreter offers. */
static int part(struct bd_http_call *c, const char *name, struct bd_error *err)
{
	const struct bd_catalogue *catalogue;
	int r = bd_engine_catalogue(c->engine, bd_map_get(&c->query, "python"), &catalogue, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *all = bd_doc_encode(&bd_catalogue_doc, catalogue);
	bd_auto_json cJSON *root = cJSON_CreateObject();
	cJSON_AddItemToObject(root, name, cJSON_DetachItemFromObjectCaseSensitive(all, name));
	return bd_http_reply(c, 200, root);
}

static int cases(struct bd_http_call *c, struct bd_error *err)
{
	return part(c, "cases", err);
}

static int bindings(struct bd_http_call *c, struct bd_error *err)
{
	return part(c, "bindings", err);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/cases",
		.summary = "The cases an interpreter can run: what crosses",
		.query = "python",
		.example = {"/api/v1/cases", NULL, 200},
		.handle = cases},
	{.method = "GET",
		.path = "/api/v1/bindings",
		.summary = "The bindings of an interpreter: how it crosses, and why one is not usable",
		.query = "python",
		.example = {"/api/v1/bindings", NULL, 200},
		.handle = bindings},
};
const struct bd_http_route_group bd_route_catalogue = {routes, BD_LEN(routes)};
