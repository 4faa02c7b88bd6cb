#include "call.h"

static int get(struct bd_http_call *c, struct bd_error *err)
{
	const struct bd_catalogue *catalogue;
	int r = bd_engine_catalogue(c->engine, bd_map_get(&c->query, "python"), &catalogue, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *all = bd_doc_encode(&bd_catalogue_doc, catalogue);
	bd_auto_json cJSON *root = cJSON_CreateObject();
	cJSON_AddItemToObject(root, "bindings", cJSON_DetachItemFromObjectCaseSensitive(all, "bindings"));
	return bd_http_reply(c, 200, root);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/bindings",
		.summary = "The bindings of an interpreter: how it crosses, and why one is not usable",
		.query = "python",
		.example = {"/api/v1/bindings", NULL, 200},
		.handle = get},
};
const struct bd_http_route_group bd_route_bindings = {routes, BD_LEN(routes)};
