/* What a request carries: its query and its body. Both are read whole, checked, and only then looked at. */
#include "call.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/ioctl.h>

#define BODY_NS INT64_C(5000000000) /* for all of a body, however it drips in */

/* ---- query ---------------------------------------------------------------------------------------------------------- */

static int decode(const char *s, size_t n, char **ret)
{
	bd_auto_free char *out = bd_alloc(n + 1);
	int len = mg_url_decode(s, (int)n, out, (int)n + 1, 1);
	if (len < 0 || memchr(out, 0, (size_t)len))
		return -EINVAL;
	*ret = BD_TAKE_PTR(out);
	return 0;
}

static int query_add(struct bd_http_call *c, const char *item, const struct bd_strv *known, struct bd_error *err)
{
	const char *equals = strchr(item, '=');
	size_t n = equals ? (size_t)(equals - item) : strlen(item);
	bd_auto_free char *key = NULL, *value = NULL;
	if (decode(item, n, &key) < 0 || decode(equals ? equals + 1 : "", equals ? strlen(equals + 1) : 0, &value) < 0)
		return bd_error_set(err, -EINVAL, "bad-request", NULL, "the query '%s' is not percent-encoded text",
			item);
	if (!bd_strv_has(known, key)) {
		const char *near = bd_nearest(key, (const char *const *)known->v, known->n);
		bd_auto_free char *hint = near ? bd_printf("did you mean '%s'?", near) : NULL;
		return bd_error_set(err, -EINVAL, "unknown-field", hint, "there is no query parameter '%s' here", key);
	}
	if (!bd_http_is_utf8(value, strlen(value)))
		return bd_error_set(err, -EINVAL, "bad-request", NULL, "the query parameter '%s' is not UTF-8 text",
			key);
	if (bd_map_get(&c->query, key))
		return bd_error_set(err, -EINVAL, "bad-value", NULL, "the query parameter '%s' is given twice", key);
	bd_map_set(&c->query, key, value);
	return 0;
}

int bd_http_query_read(struct bd_http_call *c, struct bd_error *err)
{
	if (c->route->any_query || !c->info->query_string || !*c->info->query_string)
		return 0;
	bd_auto_strv struct bd_strv items = {0}, known = {0};
	bd_strv_split(&items, c->info->query_string, '&');
	if (c->route->query)
		bd_strv_split(&known, c->route->query, ' ');
	for (size_t i = 0; i < items.n; i++) {
		int r = items.v[i][0] ? query_add(c, items.v[i], &known, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int bd_http_query_limit(const struct bd_http_call *c, size_t fallback, size_t *ret, struct bd_error *err)
{
	const char *text = bd_map_get(&c->query, "limit");
	char *end;
	if (!text) {
		*ret = fallback;
		return 0;
	}
	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		return bd_error_set(err, -EINVAL, "bad-value", NULL, "limit is '%.100s', not a number from 1 to 1000",
			text);
	*ret = v;
	return 0;
}

/* ---- body ------------------------------------------------------------------------------------------------------------ */

bool bd_http_is_utf8(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + n;
	while (p < end) {
		unsigned char lead = *p++;
		if (lead == 0)
			return false;
		if (lead < 0x80)
			continue;
		size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
		unsigned char lo = 0x80, hi = 0xbf;
		if (lead < 0xc2 || lead > 0xf4 || (size_t)(end - p) < more)
			return false;
		if (lead == 0xe0)
			lo = 0xa0;
		else if (lead == 0xed)
			hi = 0x9f;
		else if (lead == 0xf0)
			lo = 0x90;
		else if (lead == 0xf4)
			hi = 0x8f;
		for (; more; more--, p++, lo = 0x80, hi = 0xbf)
			if (*p < lo || *p > hi)
				return false;
	}
	return true;
}

/* cJSON ends a string at an escaped NUL: what is checked would be less than what was sent. */
static bool has_nul(const char *s)
{
	for (; (s = strchr(s, '\\')) && s[1]; s += 2)
		if (bd_starts_with(s + 1, "u0000"))
			return true;
	return false;
}

static bool too_deep(const char *s)
{
	int depth = 0;
	bool quoted = false;
	for (; *s; s++) {
		if (quoted) {
			if (*s == '\\' && s[1])
				s++;
			else if (*s == '"')
				quoted = false;
		} else if (*s == '"') {
			quoted = true;
		} else if (*s == '[' || *s == '{') {
			if (++depth > BD_HTTP_DEPTH_MAX)
				return true;
		} else if (*s == ']' || *s == '}') {
			depth--;
		}
	}
	return false;
}

/* mg_read waits until it has all it was asked for and starts its clock anew with every byte, so it is asked only for
 * what is there; one byte when nothing is, because it may hold more than the socket does. */
static int receive(struct bd_http_call *c, char *body, size_t len, struct bd_error *err)
{
	int64_t end = bd_clock_mono_ns() + BODY_NS;
	int fd = bd_http_socket(c);
	for (size_t have = 0; have < len;) {
		int there = 0;
		if (fd < 0 || ioctl(fd, FIONREAD, &there) < 0)
			there = 0;
		int k = mg_read(c->conn, body + have, BD_MIN(len - have, BD_MAX((size_t)there, (size_t)1)));
		if (k > 0)
			have += (size_t)k;
		if (have < len && (k <= 0 || bd_clock_mono_ns() > end))
			return bd_error_set(err, -ETIMEDOUT, "bad-request", NULL,
				"the body did not arrive: %zu of %zu bytes", have, len);
	}
	c->body_read = true;
	return 0;
}

int bd_http_body_read(struct bd_http_call *c, struct bd_error *err)
{
	long long len = c->info->content_length;
	if (bd_http_header(c, "Transfer-Encoding"))
		return bd_error_set(err, -EINVAL, "bad-request", "send Content-Length",
			"bodies in chunks are not taken");
	if (len > BD_HTTP_BODY_MAX)
		return bd_error_set(err, -E2BIG, "body-too-large", NULL, "the body has %lld bytes, more than %d", len,
			BD_HTTP_BODY_MAX);
	if (len <= 0) {
		c->body = cJSON_CreateObject();
		return 0;
	}
	const char *expect = bd_http_header(c, "Expect");
	if (expect && strcasecmp(expect, "100-continue") == 0)
		mg_write(c->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	bd_auto_free char *text = bd_alloc((size_t)len + 1);
	int r = receive(c, text, (size_t)len, err);
	if (r < 0)
		return r;
	if (!bd_http_is_utf8(text, (size_t)len))
		return bd_error_set(err, -EINVAL, "bad-json", NULL, "the body is not UTF-8 text");
	if (has_nul(text))
		return bd_error_set(err, -EINVAL, "bad-json", NULL, "the body has a NUL in a string");
	if (too_deep(text))
		return bd_error_set(err, -EINVAL, "bad-json", NULL, "the body is nested more than %d levels deep",
			BD_HTTP_DEPTH_MAX);
	r = bd_json_parse(text, "the body", &c->body, err);
	if (r < 0)
		return r;
	if (!cJSON_IsObject(c->body))
		return bd_error_set(err, -EINVAL, "bad-json", NULL, "the body is not a JSON object");
	return 0;
}
