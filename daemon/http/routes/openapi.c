#include "call.h"

static int get(struct bd_http_call *c, struct bd_error *err)
{
	(void)err;
	bd_auto_json cJSON *j = bd_http_openapi(c->http);
	bd_auto_free char *text = bd_json_text(j);
	return bd_http_reply_text(c, 200, text, strlen(text), true, NULL);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/openapi.json",
		.summary = "This description of the API",
		.example = {"/api/v1/openapi.json", NULL, 200},
		.handle = get},
};
const struct bd_http_route_group bd_route_openapi = {routes, BD_LEN(routes)};
