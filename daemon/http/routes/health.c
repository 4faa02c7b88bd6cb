#include "call.h"

static int get(struct bd_http_call *c, struct bd_error *err)
{
	(void)err;
	static const char ok[] = "{\"ok\":true}";
	return bd_http_reply_text(c, 200, ok, sizeof ok - 1, false, NULL);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/health",
		.summary = "Whether this daemon answers",
		.open = true,
		.waits = true,
		.unseen = true,
		.example = {"/api/v1/health", NULL, 200},
		.handle = get},
};
const struct bd_http_route_group bd_route_health = {routes, BD_LEN(routes)};
