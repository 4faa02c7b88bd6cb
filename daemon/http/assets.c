/* The files of the dashboard. They are open, because they hold no data; what they show they ask the API for. */
#include "assets.h"

#include <errno.h>
#include <zlib.h>

/* Nothing but our own files runs, is shown or is asked; nothing may frame the page or be posted to. Styles are set
 * through the object model only, so no 'unsafe-inline' is needed. */
#define POLICY                                                                                                     \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "                        \
	"require-trusted-types-for 'script'\r\n"
#define APART "Cross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n"

int bd_http_assets_check(struct bd_error *err)
{
	if (!bd_http_assets_off)
		return 0;
	return bd_error_set(err, -ENOTSUP, "dashboard-off", "install what it names, then ./dev build",
		"this benchd was built without its dashboard: %s", bd_http_assets_off);
}

int bd_http_asset_unpack(const struct bd_http_asset *a, struct bd_str *out, struct bd_error *err)
{
	z_stream z = {0};
	if (inflateInit2(&z, 15 + 16 /* gzip */) != Z_OK)
		return bd_error_set(err, -ENOMEM, "internal", NULL, "zlib does not start");
	bd_auto_free unsigned char *text = bd_alloc(a->full_len + 1);
	z.next_in = (Bytef *)(uintptr_t)a->data;
	z.avail_in = (uInt)a->len;
	z.next_out = text;
	z.avail_out = (uInt)a->full_len + 1;
	bool whole = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == a->full_len;
	inflateEnd(&z);
	if (!whole)
		return bd_error_set(err, -EIO, "internal", NULL, "the asset %s is damaged", a->path);
	bd_str_append(out, text, a->full_len);
	return 0;
}

static int reply(struct bd_http_call *c, int status, const struct bd_http_asset *a, const char *caching,
	const char *extra, struct bd_error *err)
{
	bd_auto_str struct bd_str headers = {0}, text = {0};
	/* weak: the same file compressed or not; one tag for all, because each has an address of its own */
	bd_auto_free char *tag = bd_printf("W/\"%s\"", bd_http_assets_hash);
	bd_str_printf(&headers, "ETag: %s\r\nCache-Control: %s\r\nVary: Accept-Encoding\r\n" APART "%s", tag, caching,
		extra);
	if (status == 200 && bd_http_has_tag(c, tag))
		return bd_http_reply_empty(c, 304, headers.s);
	if (bd_http_accepts(c, "gzip")) {
		bd_str_puts(&headers, "Content-Encoding: gzip\r\n");
		return bd_http_reply_bytes(c, status, a->type, a->data, a->len, headers.s);
	}
	int r = bd_http_asset_unpack(a, &text, err);
	return r < 0 ? r : bd_http_reply_bytes(c, status, a->type, text.s, text.len, headers.s);
}

int bd_http_shell_reply(struct bd_http_call *c, int status, struct bd_error *err)
{
	int r = bd_http_assets_check(err);
	if (r < 0)
		return r;
	return reply(c, status, &bd_http_shell, "no-cache",
		POLICY "Cross-Origin-Opener-Policy: same-origin\r\nX-Frame-Options: DENY\r\n", err);
}

int bd_http_asset_reply(struct bd_http_call *c, const char *name, struct bd_error *err)
{
	int r = bd_http_assets_check(err);
	if (r < 0)
		return r;
	size_t n = strlen(bd_http_assets_hash);
	if (strncmp(name, bd_http_assets_hash, n) != 0 || name[n] != '/')
		return bd_error_set(err, -ENOENT, "not-found", "reload the page",
			"there is nothing at '/assets/%.200s': this benchd has other assets", name);
	for (size_t i = 0; i < bd_http_assets_len; i++)
		if (bd_streq(bd_http_assets[i].path, name + n + 1))
			return reply(c, 200, &bd_http_assets[i], "public, max-age=31536000, immutable", "", err);
	return bd_error_set(err, -ENOENT, "not-found", NULL, "there is nothing at '/assets/%.200s'", name);
}
