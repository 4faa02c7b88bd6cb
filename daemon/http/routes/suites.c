#include "call.h"

static int get(struct bd_http_call *c, struct bd_error *err)
{
	bd_auto_strv struct bd_strv names = {0};
	int r = bd_engine_suite_names(c->engine, &names);
	if (r < 0)
		return bd_error_set(err, r, "internal", NULL, "the suites cannot be listed: %s", strerror(-r));
	bd_auto_json cJSON *root = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(root, "suites");
	for (size_t i = 0; i < names.n; i++) {
		struct bd_suite suite;
		bd_doc_init(&bd_suite_doc, &suite);
		r = bd_engine_suite(c->engine, names.v[i], &suite, err);
		if (r < 0)
			return r;
		cJSON_AddItemToArray(list, bd_doc_encode(&bd_suite_doc, &suite));
		bd_doc_done(&bd_suite_doc, &suite);
	}
	return bd_http_reply(c, 200, root);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/suites",
		.summary = "The suites: which cases on which axes",
		.example = {"/api/v1/suites", NULL, 200},
		.handle = get},
};
const struct bd_http_route_group bd_route_suites = {routes, BD_LEN(routes)};
