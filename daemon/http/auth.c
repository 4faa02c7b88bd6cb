/* Who may: Host and Origin, the token, browser sessions. */
#include "call.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define CODES 16
#define SESSIONS 32

struct secret {
	char text[BD_HTTP_SECRET_LEN];
	int64_t expires_ns;
};
struct bd_http_sessions {
	pthread_mutex_t lock;
	struct secret codes[CODES], sessions[SESSIONS];
};

/* ---- sessions ---------------------------------------------------------------------------------------------------------- */

int bd_http_sessions_new(struct bd_http_sessions **ret, struct bd_error *err)
{
	(void)err;
	struct bd_http_sessions *s = bd_alloc(sizeof *s);
	pthread_mutex_init(&s->lock, NULL);
	*ret = s;
	return 0;
}

void bd_http_sessions_free(struct bd_http_sessions **s)
{
	if (*s)
		pthread_mutex_destroy(&(*s)->lock);
	bd_freep(s);
}

/* A new secret in the place of the one that expires first: never refused, and never more than there is room for. */
static int issue(struct secret *v, size_t n, int64_t seconds, char ret[BD_HTTP_SECRET_LEN], struct bd_error *err)
{
	unsigned char raw[(BD_HTTP_SECRET_LEN - 1) / 2];
	int r = bd_random_bytes(raw, sizeof raw);
	if (r < 0)
		return bd_error_set(err, r, "internal", NULL, "no random bytes: %s", strerror(-r));
	struct secret *oldest = &v[0];
	for (size_t i = 1; i < n; i++)
		if (v[i].expires_ns < oldest->expires_ns)
			oldest = &v[i];
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(oldest->text + 2 * i, 3, "%02x", raw[i]);
	oldest->expires_ns = bd_clock_mono_ns() + seconds * 1000000000;
	memcpy(ret, oldest->text, BD_HTTP_SECRET_LEN);
	return 0;
}

/* Looks at every secret, so that the time taken does not tell which one was near. */
static struct secret *find(struct secret *v, size_t n, const char *text)
{
	struct secret *found = NULL;
	int64_t now = bd_clock_mono_ns();
	for (size_t i = 0; i < n; i++)
		if (v[i].expires_ns > now && bd_equal_secret(v[i].text, text))
			found = &v[i];
	return found;
}

int bd_http_sessions_code(struct bd_http_sessions *s, char ret_code[BD_HTTP_SECRET_LEN], struct bd_error *err)
{
	pthread_mutex_lock(&s->lock);
	int r = issue(s->codes, CODES, BD_HTTP_CODE_S, ret_code, err);
	pthread_mutex_unlock(&s->lock);
	return r;
}

int bd_http_sessions_login(struct bd_http_sessions *s, const char *code, char ret_cookie[BD_HTTP_SECRET_LEN],
	struct bd_error *err)
{
	pthread_mutex_lock(&s->lock);
	struct secret *c = find(s->codes, CODES, code);
	int r;
	if (c) {
		*c = (struct secret){0};
		r = issue(s->sessions, SESSIONS, BD_HTTP_SESSION_S, ret_cookie, err);
	} else {
		r = bd_error_set(err, -EACCES, "unauthorized", "ask for a new one: benchctl open",
			"this login code is spent, expired or none");
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

bool bd_http_sessions_has(struct bd_http_sessions *s, const char *cookie)
{
	pthread_mutex_lock(&s->lock);
	bool has = find(s->sessions, SESSIONS, cookie) != NULL;
	pthread_mutex_unlock(&s->lock);
	return has;
}

/* ---- checks ------------------------------------------------------------------------------------------------------------ */

static bool changes(const struct bd_http_call *c)
{
	return !bd_streq(c->method, "GET") && !bd_streq(c->method, "OPTIONS");
}

int bd_http_check_origin(const struct bd_http_call *c, struct bd_error *err)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
	const char *host = bd_http_header(c, "Host"), *origin = bd_http_header(c, "Origin");
	bool ours = false;
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

static int check_cookie(const struct bd_http_call *c, struct bd_error *err)
{
	char cookie[BD_HTTP_SECRET_LEN + 1];
	const char *all = bd_http_header(c, "Cookie");
	if (!all || mg_get_cookie(all, BD_HTTP_COOKIE, cookie, sizeof cookie) <= 0 ||
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
