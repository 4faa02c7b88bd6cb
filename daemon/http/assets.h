/* Inside bd_http: the files of the dashboard as cmake/pack_assets.py packed them, and how they are answered. */
#ifndef BD_HTTP_ASSETS_H
#define BD_HTTP_ASSETS_H

#include "call.h"

struct bd_http_asset {
	const char *path; /* below /assets/HASH/ */
	const char *type;
	const unsigned char *data; /* compressed with gzip */
	size_t len, full_len;      /* compressed and not */
};
/* Why this build has no dashboard, or NULL; all below is empty then. */
extern const char *const bd_http_assets_off;
/* Of all assets together: stands in their path, so an asset never changes under its address. */
extern const char bd_http_assets_hash[];
extern const struct bd_http_asset bd_http_assets[];
extern const size_t bd_http_assets_len;
/* index.html, and the page of one run before and after its document. */
extern const struct bd_http_asset bd_http_shell, bd_http_page_head, bd_http_page_tail;

/* The error of a build without a dashboard; 0 when there is one. */
int bd_http_assets_check(struct bd_error *err);
/* Answers with the shell: every view is this one file, what it shows is the address. */
int bd_http_shell_reply(struct bd_http_call *c, int status, struct bd_error *err);
/* Answers with the asset named "HASH/PATH". */
int bd_http_asset_reply(struct bd_http_call *c, const char *name, struct bd_error *err);
/* Appends the asset as it was before it was compressed. */
int bd_http_asset_unpack(const struct bd_http_asset *a, struct bd_str *out, struct bd_error *err);

#endif
