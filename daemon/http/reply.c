/* Answers: JSON text, compressed where it pays, and the one error format. */
#include "call.h"

#include <errno.h>
#include <stdio.h>
#include <zlib.h>

#define GZIP_MIN 1024

const char *bd_http_header(const struct bd_http_call *c, const char *name)
{
	return mg_get_header(c->conn, name);
}

/* Whether a header that lists words has this one, and not with q=0. */
static bool header_lists(const char *list, const char *word)
{
	if (!list)
		return false;
	bd_auto_strv struct bd_strv items = {0};
	bd_strv_split(&items, list, ',');
	for (size_t i = 0; i < items.n; i++) {
		char *item = items.v[i] + strspn(items.v[i], " \t"), *quality = strchr(item, ';');
		size_t n = strcspn(item, " \t;");
		if (n != strlen(word) || strncasecmp(item, word, n) != 0)
			continue;
		double q = 1;
		if (quality && sscanf(quality, "; q=%lf", &q) == 1 && q <= 0)
			continue;
		return true;
	}
	return false;
}

static bool compress_text(const char *text, size_t len, struct bd_str *ret)
{
	z_stream z = {0};
	if (len > UINT32_MAX || deflateInit2(&z, 5, Z_DEFLATED, 15 + 16 /* gzip */, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	size_t room = deflateBound(&z, len);
	bd_auto_free unsigned char *out = bd_alloc(room);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	bool ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
	if (ok)
		bd_str_append(ret, out, z.total_out);
	deflateEnd(&z);
	return ok;
}

static void send_all(struct bd_http_call *c, int status, const char *type, const void *body, size_t len,
	const char *extra)
{
	bd_auto_str struct bd_str out = {0};
	bd_str_printf(&out, "HTTP/1.1 %d %s\r\n", status, mg_get_response_code_text(c->conn, status));
	if (type)
		bd_str_printf(&out, "Content-Type: %s\r\n", type);
	/* 204 and 304 have no body to give the length of */
	if (status != 204 && status != 304)
		bd_str_printf(&out, "Content-Length: %zu\r\n", len);
	bd_str_puts(&out, "X-Content-Type-Options: nosniff\r\nConnection: close\r\n");
	if (extra)
		bd_str_puts(&out, extra);
	bd_str_puts(&out, "\r\n");
	if (!c->head && len)
		bd_str_append(&out, body, len);
	c->answered = true;
	mg_write(c->conn, out.s, out.len);
}

bool bd_http_accepts(const struct bd_http_call *c, const char *coding)
{
	return header_lists(bd_http_header(c, "Accept-Encoding"), coding);
}

bool bd_http_prefers(const struct bd_http_call *c, const char *type)
{
	return header_lists(bd_http_header(c, "Accept"), type);
}

bool bd_http_has_tag(const struct bd_http_call *c, const char *tag)
{
	const char *have = bd_http_header(c, "If-None-Match");
	return have && (header_lists(have, tag) || header_lists(have, tag + 2 /* without W/ */) || bd_streq(have, "*"));
}

int bd_http_reply_bytes(struct bd_http_call *c, int status, const char *type, const void *body, size_t len,
	const char *extra)
{
	send_all(c, status, type, body, len, extra);
	return 0;
}

static int reply_as(struct bd_http_call *c, int status, const char *type, const char *text, size_t len, bool immutable,
	const char *extra)
{
	bd_auto_str struct bd_str headers = {0}, zipped = {0};
	if (immutable) {
		/* weak: the same document compressed or not */
		bd_auto_free char *tag = bd_printf("W/\"%016llx-%zu\"", (unsigned long long)bd_hash(text, len), len);
		bd_str_printf(&headers, "ETag: %s\r\nCache-Control: private, no-cache\r\n", tag);
		if (status == 200 && bd_http_has_tag(c, tag)) {
			send_all(c, 304, NULL, NULL, 0, headers.s);
			return 0;
		}
	} else {
		bd_str_puts(&headers, "Cache-Control: no-store\r\n");
	}
	if (extra)
		bd_str_puts(&headers, extra);
	if (len > GZIP_MIN) {
		bd_str_puts(&headers, "Vary: Accept-Encoding\r\n");
		if (bd_http_accepts(c, "gzip") && compress_text(text, len, &zipped)) {
			bd_str_puts(&headers, "Content-Encoding: gzip\r\n");
			text = zipped.s;
			len = zipped.len;
		}
	}
	send_all(c, status, type, text, len, headers.s);
	return 0;
}

int bd_http_reply_text(struct bd_http_call *c, int status, const char *text, size_t len, bool immutable,
	const char *extra)
{
	return reply_as(c, status, "application/json; charset=utf-8", text, len, immutable, extra);
}

int bd_http_reply_file(struct bd_http_call *c, const char *type, const char *text, size_t len, const char *extra)
{
	return reply_as(c, 200, type, text, len, true, extra);
}

int bd_http_reply(struct bd_http_call *c, int status, const cJSON *json)
{
	bd_auto_free char *text = bd_json_text(json);
	return bd_http_reply_text(c, status, text, strlen(text), false, NULL);
}

int bd_http_reply_empty(struct bd_http_call *c, int status, const char *extra)
{
	send_all(c, status, NULL, NULL, 0, extra);
	return 0;
}

/* A message may quote what the client sent, and be cut within a character. */
static void add_text(cJSON *object, const char *name, const char *text)
{
	bd_auto_free char *copy = bd_strdup(text);
	if (!bd_http_is_utf8(copy, strlen(copy)))
		for (char *p = copy; *p; p++)
			if (*p & 0x80)
				*p = '?';
	cJSON_AddStringToObject(object, name, copy);
}

void bd_http_reply_error(struct bd_http_call *c, const struct bd_error *err)
{
	bd_auto_json cJSON *root = cJSON_CreateObject();
	cJSON *e = cJSON_AddObjectToObject(root, "error");
	cJSON_AddStringToObject(e, "key", err->key);
	add_text(e, "message", err->message);
	if (err->hint[0])
		add_text(e, "hint", err->hint);
	else
		cJSON_AddNullToObject(e, "hint");
	bd_auto_free char *text = bd_json_text(root);
	bd_http_reply_text(c, bd_error_kind(err->key)->http_status, text, strlen(text), false, c->error_headers.s);
}
