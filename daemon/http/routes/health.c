#include "assets.h"

static int get(struct bd_http_call *c, struct bd_error *err)
{
	(void)err;
	bd_auto_json cJSON *j = cJSON_CreateObject();
	cJSON_AddBoolToObject(j, "ok", true);
	cJSON_AddBoolToObject(j, "dashboard", !bd_http_assets_off);
	return bd_http_reply(c, 200, j);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/health",
		.summary = "Whether this daemon answers, and whether it has a dashboard",
		.open = true,
		.waits = true,
		.unseen = true,
		.example = {"/api/v1/health", NULL, 200},
		.handle = get},
};
const struct bd_http_route_group bd_route_health = {routes, BD_LEN(routes)};
