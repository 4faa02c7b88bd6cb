/* Who may: Host and Origin, the token, a browser session. */
#include "call.h"

#include <errno.h>
#include <strings.h>

/* ---- checks ------------------------------------------------------------------------------------------------------------ */

static bool changes(const struct bd_http_call *c)
{
	return !bd_streq(c->method, "GET") && !bd_streq(c->method, "OPTIONS");
}

/* With two of them, whoever stands between may have gone by the other one. */
static bool given_twice(const struct bd_http_call *c, const char *name)
{
	int n = 0;
	for (int i = 0; i < c->info->num_headers; i++)
		n += strcasecmp(c->info->http_headers[i].name, name) == 0;
	return n > 1;
}

int bd_http_check_origin(const struct bd_http_call *c, struct bd_error *err)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
	const char *host = bd_http_header(c, "Host"), *origin = bd_http_header(c, "Origin");
	static const char *const single[] = {"Host", "Origin", "Authorization", "Content-Length"};
	bool ours = false;
	for (size_t i = 0; i < BD_LEN(single); i++)
		if (given_twice(c, single[i]))
			return bd_error_set(err, -EINVAL, "bad-request", NULL, "the header %s is given twice",
				single[i]);
	for (size_t i = 0; host && i < BD_LEN(names); i++) {
		bd_auto_free char *want = bd_printf("%s:%d", names[i], c->http->port);
		ours |= strcasecmp(host, want) == 0;
	}
	if (!ours)
		return bd_error_set(err, -EPERM, "wrong-host", NULL, "this server is not '%.200s'", host ? host : "");
	if (!origin)
		return 0;
	bd_auto_free char *own = bd_printf("http://%s", host);
	if (strcasecmp(origin, own) != 0)
		return bd_error_set(err, -EPERM, "foreign-origin", NULL, "requests from '%.200s' are not served",
			origin);
	return 0;
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	return type && strncasecmp(type, json, sizeof json - 1) == 0 && strchr("; \t", type[sizeof json - 1]);
}

int bd_http_check_media(const struct bd_http_call *c, struct bd_error *err)
{
	const char *type = bd_http_header(c, "Content-Type");
	if (c->body_read || is_json(type))
		return 0;
	return bd_error_set(err, -EINVAL, "wrong-media-type", "send Content-Type: application/json",
		"bodies of type '%.100s' are not taken", type ? type : "");
}

char *bd_http_cookie_name(const struct bd_http *h)
{
	return bd_printf(BD_HTTP_COOKIE "%d", h->port);
}

static int check_cookie(const struct bd_http_call *c, struct bd_error *err)
{
	char cookie[BD_HTTP_SECRET_LEN + 1];
	const char *all = bd_http_header(c, "Cookie");
	bd_auto_free char *name = bd_http_cookie_name(c->http);
	if (!all || mg_get_cookie(all, name, cookie, sizeof cookie) <= 0 ||
		!bd_http_sessions_has(c->http->sessions, cookie))
		return bd_error_set(err, -EACCES, "unauthorized",
			"send the token of token_file in daemon.json as Authorization: Bearer",
			"this needs the token or a browser session");
	if (c->route->token_only)
		return bd_error_set(err, -EPERM, "forbidden", NULL,
			"this needs the token, a browser session is not enough");
	/* a page elsewhere can make a browser send the cookie, but not these */
	if (changes(c) && (!bd_http_header(c, "Origin") || !is_json(bd_http_header(c, "Content-Type"))))
		return bd_error_set(err, -EPERM, "forbidden", NULL,
			"a browser session changes things only with its own Origin and Content-Type: application/json");
	return 0;
}

int bd_http_check_auth(const struct bd_http_call *c, struct bd_error *err)
{
	static const char scheme[] = "Bearer ";
	const char *given = bd_http_header(c, "Authorization");
	if (!given)
		return check_cookie(c, err);
	if (strncasecmp(given, scheme, sizeof scheme - 1) != 0 ||
		!bd_equal_secret(c->http->config.token, given + sizeof scheme - 1))
		return bd_error_set(err, -EACCES, "unauthorized",
			"the token is in the token_file that daemon.json names",
			"this is not the token of this daemon");
	return 0;
}
