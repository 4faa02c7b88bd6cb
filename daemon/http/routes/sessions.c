/* Browser sessions: a code that is spent once, for a cookie that JavaScript cannot read. */
#include "call.h"

#include <errno.h>

static int post_session(struct bd_http_call *c, struct bd_error *err)
{
	char code[BD_HTTP_SECRET_LEN];
	int r = bd_http_sessions_code(c->http->sessions, code, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = cJSON_CreateObject();
	bd_auto_free char *url = bd_printf("%s/login#%s", c->http->url, code);
	cJSON_AddStringToObject(j, "code", code);
	cJSON_AddStringToObject(j, "url", url);
	cJSON_AddNumberToObject(j, "expires_s", BD_HTTP_CODE_S);
	return bd_http_reply(c, 201, j);
}

struct login {
	char *code;
};
static const struct bd_field login_fields[] = {
	{.name = "code", .type = BD_F_STRING, .offset = offsetof(struct login, code), .required = true},
};
static const struct bd_doc login_doc = {.name = "login",
	.size = sizeof(struct login),
	.fields = login_fields,
	.fields_len = BD_LEN(login_fields)};

static int post_login(struct bd_http_call *c, struct bd_error *err)
{
	struct login login;
	char cookie[BD_HTTP_SECRET_LEN];
	bd_doc_init(&login_doc, &login);
	int r = bd_doc_decode(&login_doc, c->body, &login, err);
	if (r < 0)
		return r;
	r = bd_http_sessions_login(c->http->sessions, login.code ? login.code : "", cookie, err);
	bd_doc_done(&login_doc, &login);
	if (r < 0)
		return r;
	static const char ok[] = "{\"ok\":true}";
	bd_auto_free char *name = bd_http_cookie_name(c->http);
	bd_auto_free char *set = bd_printf("Set-Cookie: %s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict\r\n", name,
		cookie, BD_HTTP_SESSION_S);
	return bd_http_reply_text(c, 200, ok, sizeof ok - 1, false, set);
}

static const struct bd_http_route routes[] = {
	{.method = "POST",
		.path = "/api/v1/sessions",
		.summary = "A code that logs one browser in within 60 s",
		.token_only = true,
		.example = {"/api/v1/sessions", NULL, 201},
		.handle = post_session},
	{.method = "POST",
		.path = "/login",
		.summary = "Spends a login code for a session cookie",
		.open = true,
		.unseen = true,
		.takes_body = true,
		.body = &login_doc,
		.example = {"/login", "{\"code\":\"spent\"}", 401},
		.handle = post_login},
};
const struct bd_http_route_group bd_route_sessions = {routes, BD_LEN(routes)};
