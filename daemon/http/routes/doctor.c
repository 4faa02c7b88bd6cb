#include "call.h"

static int get(struct bd_http_call *c, struct bd_error *err)
{
	bd_auto_json cJSON *checks = NULL;
	int r = bd_engine_doctor(c->engine, &checks, err);
	return r < 0 ? r : bd_http_reply(c, 200, checks);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/doctor",
		.summary = "What this machine can and cannot measure, and what mends it",
		.example = {"/api/v1/doctor", NULL, 200},
		.handle = get},
};
const struct bd_http_route_group bd_route_doctor = {routes, BD_LEN(routes)};
