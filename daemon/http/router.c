/* From a request to its route: the checks in their order, the method, the answer to an error. */
#include "assets.h"

#include <errno.h>
#include <stdio.h>

/* Whether the path is the route's; what stands for {id} or {path} is given back (caller frees). */
static bool path_matches(const char *pattern, const char *path, char **ret_param)
{
	const char *brace = strchr(pattern, '{');
	if (!brace)
		return bd_streq(pattern, path);
	size_t head = (size_t)(brace - pattern);
	const char *tail = strchr(brace, '}') + 1;
	if (strncmp(pattern, path, head) != 0)
		return false;
	size_t n = bd_starts_with(brace, "{path}") ? strlen(path + head) : strcspn(path + head, "/");
	if (n == 0 || !bd_streq(path + head + n, tail))
		return false;
	*ret_param = bd_strndup(path + head, n);
	return true;
}

/* Sets c->route and c->param. Without a route for the method, allow lists those the path has; empty: no such path. */
static void find(struct bd_http_call *c, const char *path, struct bd_str *allow)
{
	for (size_t g = 0; g < bd_route_table_len; g++)
		for (size_t i = 0; i < bd_route_table[g]->len; i++) {
			const struct bd_http_route *r = &bd_route_table[g]->routes[i];
			bd_auto_free char *param = NULL;
			if (!path_matches(r->path, path, &param))
				continue;
			bd_str_printf(allow, "%s%s, ", r->method, bd_streq(r->method, "GET") ? ", HEAD" : "");
			if (bd_streq(r->method, c->method)) {
				c->route = r;
				free(c->param);
				c->param = BD_TAKE_PTR(param);
			}
		}
	if (allow->len)
		bd_str_puts(allow, "OPTIONS");
}

/* Finds the route and checks everything about the request that is not its content. */
static int admit(struct bd_http_call *c, const char *path, struct bd_error *err)
{
	bd_auto_str struct bd_str allow = {0};
	int r = bd_http_check_origin(c, err);
	if (r < 0)
		return r;
	find(c, path, &allow);
	if (!allow.len && bd_streq(c->method, "GET") && !bd_starts_with(path, "/api/") && !bd_http_assets_off &&
		bd_http_prefers(c, "text/html"))
		return bd_http_shell_reply(c, 404, err); /* a person: the page says it, with a way back */
	if (!allow.len)
		return bd_error_set(err, -ENOENT, "not-found", "GET /api/v1/openapi.json lists all there is",
			"there is nothing at '%.200s'", path);
	bd_auto_free char *line = bd_printf("Allow: %s\r\n", allow.s);
	if (bd_streq(c->method, "OPTIONS"))
		return bd_http_reply_empty(c, 204, line);
	if (!c->route) {
		bd_str_puts(&c->error_headers, line);
		return bd_error_set(err, -EINVAL, "method-not-allowed", NULL, "'%.200s' takes %s, not %s", path,
			allow.s, c->method);
	}
	if (!c->route->open && (r = bd_http_check_auth(c, err)) < 0 && bd_streq(err->key, "unauthorized"))
		bd_str_puts(&c->error_headers, "WWW-Authenticate: Bearer\r\n");
	return r;
}

/* Only requests that come this far are use of the daemon: a stranger who knocks does not keep it alive. */
static int handle(struct bd_http_call *c, struct bd_error *err)
{
	if (c->route->waits) {
		int r = c->route->handle(c, err);
		if (!c->route->unseen && !c->unseen)
			c->http->last_request_ns = bd_clock_mono_ns();
		return r;
	}
	c->engine = bd_http_engine_take(c->http);
	if (!c->engine)
		return bd_error_set(err, -ESHUTDOWN, "stopping", "try again in a moment",
			"this benchd is starting or stopping");
	bd_engine_gap_enter(c->engine, BD_HTTP_GAP_NS);
	int r = c->route->handle(c, err);
	bd_engine_gap_leave(c->engine);
	c->engine = NULL;
	if (!c->route->unseen && !c->unseen)
		c->http->last_request_ns = bd_clock_mono_ns(); /* before the engine is given back: see bd_http_retire */
	bd_http_engine_give(c->http);
	return r;
}

static int serve(struct bd_http_call *c, struct bd_error *err)
{
	const char *path = c->info->local_uri ? c->info->local_uri : "";
	int r = admit(c, path, err);
	if (r < 0 || c->answered)
		return r;
	r = bd_http_query_read(c, err);
	if (r == 0)
		r = bd_http_check_media(c, err);
	if (r == 0)
		r = bd_http_body_read(c, err);
	if (r == 0 && !c->route->takes_body && c->body->child)
		r = bd_error_set(err, -EINVAL, "unknown-field", NULL, "%s %.200s takes no body", c->method, path);
	return r < 0 ? r : handle(c, err);
}

void bd_http_route_call(struct bd_http_call *c)
{
	struct bd_error err = {0};
	int r = serve(c, &err);
	if (r < 0 && !c->answered) {
		if (!err.key[0])
			bd_error_set(&err, r, "internal", NULL, "the request failed: %s", strerror(-r));
		bd_http_reply_error(c, &err);
	}
}
