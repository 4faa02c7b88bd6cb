#include "call.h"

static int get(struct bd_http_call *c, struct bd_error *err)
{
	return bd_http_events_serve(c, c->param, err);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/runs/{id}/events",
		.summary =
			"Server-sent events progress, cell and state; resumes after Last-Event-ID, ends with the run",
		.waits = true,
		.example = {"/api/v1/runs/{id}/events", NULL, 200},
		.handle = get},
};
const struct bd_http_route_group bd_route_events = {routes, BD_LEN(routes)};
