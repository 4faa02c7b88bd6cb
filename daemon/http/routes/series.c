/* Series: one cell over runs. */
#include "call.h"

#define LIMIT 100
#define POINTS 500

static int list(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_series_filter f = {.run = bd_map_get(&c->query, "run"),
		.case_name = bd_map_get(&c->query, "case"),
		.after = bd_map_get(&c->query, "after")};
	struct bd_series_list series;
	int r = bd_http_query_limit(c, LIMIT, &f.limit, err);
	if (r == 0)
		r = bd_store_series_list(c->http->config.store, &f, &series, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = bd_doc_encode(&bd_series_list_doc, &series);
	bd_doc_done(&bd_series_list_doc, &series);
	return bd_http_reply(c, 200, j);
}

static int get(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_series series;
	int r = bd_store_series_get(c->http->config.store, c->param, &series, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = bd_doc_encode(&bd_series_doc, &series);
	bd_doc_done(&bd_series_doc, &series);
	return bd_http_reply(c, 200, j);
}

static int points(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_points_filter f = {.series = c->param,
		.metric = BD_METRIC_TIME,
		.before = bd_map_get(&c->query, "before")};
	const char *metric = bd_map_get(&c->query, "metric");
	struct bd_points_document document;
	int r = metric ? bd_metric_parse(metric, &f.metric, err) : 0;
	if (r == 0)
		r = bd_http_query_limit(c, POINTS, &f.limit, err);
	if (r == 0)
		r = bd_store_points(c->http->config.store, &f, &document, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = bd_doc_encode(&bd_points_document_doc, &document);
	bd_doc_done(&bd_points_document_doc, &document);
	return bd_http_reply(c, 200, j);
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/series",
		.summary =
			"What is measured over runs, by cell, or the cells of one run; `next` is `after` of the next page",
		.query = "run case limit after",
		.example = {"/api/v1/series?case=gil-contention&limit=5", NULL, 200},
		.handle = list},
	{.method = "GET",
		.path = "/api/v1/series/{id}",
		.summary = "One series, and which metrics it has points of",
		.example = {"/api/v1/series/{id}", NULL, 200},
		.handle = get},
	{.method = "GET",
		.path = "/api/v1/series/{id}/points",
		.summary =
			"A metric of one cell over the finished runs, the oldest first; `next` is `before` of the page before",
		.query = "metric limit before",
		.example = {"/api/v1/series/{id}/points?metric=time_ns_per_op&limit=50", NULL, 200},
		.handle = points},
};
const struct bd_http_route_group bd_route_series = {routes, BD_LEN(routes)};
