#include "bd_traces.h"
#include "call.h"

#include <errno.h>
#include <unistd.h>

/* Who only watches does not keep the daemon alive; who means to use it next does. */
static int watch_read(struct bd_http_call *c, struct bd_error *err)
{
	const char *watch = bd_map_get(&c->query, "watch");
	c->unseen = bd_streq(watch, "true");
	if (!watch || c->unseen || bd_streq(watch, "false"))
		return 0;
	return bd_error_set(err, -EINVAL, "bad-value", NULL, "watch is '%.100s', not true or false", watch);
}

static bool traces_idle(struct bd_http *h)
{
	struct bd_traces *traces = bd_http_traces_take(h);
	bool idle = !traces || bd_traces_idle(traces);
	if (traces)
		bd_http_traces_give(h);
	return idle;
}

static int get(struct bd_http_call *c, struct bd_error *err)
{
	int r = watch_read(c, err);
	if (r < 0)
		return r;
	const struct bd_http_config *k = &c->http->config;
	char run[BD_ULID_LEN] = "";
	bool idle = bd_engine_idle(c->engine);
	if (!idle)
		bd_engine_current(c->engine, run);
	idle = idle && traces_idle(c->http);
	bd_auto_json cJSON *j = cJSON_CreateObject();
	cJSON_AddTrueToObject(j, "running");
	cJSON_AddStringToObject(j, "url", c->http->url);
	cJSON_AddNumberToObject(j, "pid", getpid());
	cJSON_AddStringToObject(j, "data", k->data);
	cJSON_AddStringToObject(j, "token_file", k->token_file);
	cJSON_AddStringToObject(j, "version", k->version);
	cJSON_AddStringToObject(j, "build", k->build);
	cJSON_AddNumberToObject(j, "uptime_s", (double)((bd_clock_mono_ns() - c->http->started_ns) / 1000000) / 1e3);
	cJSON_AddBoolToObject(j, "idle", idle);
	if (run[0])
		cJSON_AddStringToObject(j, "run", run);
	else
		cJSON_AddNullToObject(j, "run");
	return bd_http_reply(c, 200, j);
}

struct stop {
	bool force;
};
static const struct bd_field stop_fields[] = {
	{.name = "force", .type = BD_F_BOOL, .offset = offsetof(struct stop, force)}};
static const struct bd_doc stop_doc = {.name = "stop",
	.size = sizeof(struct stop),
	.fields = stop_fields,
	.fields_len = BD_LEN(stop_fields)};

static int post_stop(struct bd_http_call *c, struct bd_error *err)
{
	struct stop stop;
	bd_doc_init(&stop_doc, &stop);
	int r = bd_doc_decode(&stop_doc, c->body, &stop, err);
	if (r < 0)
		return r;
	if (!stop.force && !bd_engine_idle(c->engine)) {
		char run[BD_ULID_LEN] = "";
		bd_engine_current(c->engine, run);
		return bd_error_set(err, -EBUSY, "daemon-busy", "wait for it, cancel it, or use --force",
			"benchd %d is busy with run %s", getpid(), run);
	}
	if (!stop.force && !traces_idle(c->http))
		return bd_error_set(err, -EBUSY, "daemon-busy", "wait for it, stop it, or use --force",
			"benchd %d is busy with a trace", getpid());
	static const char ok[] = "{\"stopping\":true}";
	bd_http_reply_text(c, 202, ok, sizeof ok - 1, false, NULL);
	c->http->config.on_stop(c->http->config.arg);
	return 0;
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/daemon",
		.summary =
			"This daemon: where, since when, which build, idle or not; with watch=true it may go idle meanwhile",
		.query = "watch",
		.example = {"/api/v1/daemon", NULL, 200},
		.handle = get},
	{.method = "POST",
		.path = "/api/v1/daemon/stop",
		.summary = "Stops this daemon; a busy one only with force, then its run and traces are interrupted",
		.token_only = true,
		.takes_body = true,
		.body = &stop_doc,
		.example = {"/api/v1/daemon/stop", "{\"force\":false}", 202},
		.handle = post_stop},
};
const struct bd_http_route_group bd_route_daemon = {routes, BD_LEN(routes)};
