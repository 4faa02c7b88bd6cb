#include "call.h"

static int get(struct bd_http_call *c, struct bd_error *err)
{
	cJSON *list = NULL;
	int r = bd_engine_pythons(c->engine, &list, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *root = cJSON_CreateObject();
	cJSON_AddItemToObject(root, "pythons", list);
	return bd_http_reply(c, 200, root);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/pythons",
		.summary = "The interpreters found, and why one cannot be measured",
		.example = {"/api/v1/pythons", NULL, 200},
		.handle = get},
};
const struct bd_http_route_group bd_route_pythons = {routes, BD_LEN(routes)};
