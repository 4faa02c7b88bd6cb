/* Whether benchd answers. Open, so that it tells nothing but that, and what a page could find out anyway. */
#include "../assets.h"

static int get(struct bd_http_call *c, struct bd_error *err)
{
	(void)err;
	const char *ok = bd_http_assets_off ? "{\"ok\":true,\"dashboard\":false}" : "{\"ok\":true,\"dashboard\":true}";
	return bd_http_reply_text(c, 200, ok, strlen(ok), false, NULL);
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
