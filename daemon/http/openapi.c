/* The description of the API, made from the table of routes that serves it. */
#include "call.h"

#include <stdio.h>

static const char *json_type(enum bd_field_type t)
{
	switch (t) {
	case BD_F_STRING:
		return "string";
	case BD_F_INT:
		return "integer";
	case BD_F_DOUBLE:
		return "number";
	case BD_F_BOOL:
		return "boolean";
	case BD_F_ARRAY:
	case BD_F_STRINGS:
	case BD_F_INTS:
		return "array";
	default:
		return "object";
	}
}

static cJSON *schema_of(const struct bd_doc *doc)
{
	cJSON *s = cJSON_CreateObject();
	cJSON_AddStringToObject(s, "type", "object");
	cJSON_AddFalseToObject(s, "additionalProperties");
	cJSON *properties = cJSON_AddObjectToObject(s, "properties"), *required = cJSON_CreateArray();
	for (size_t i = 0; i < doc->fields_len; i++) {
		const struct bd_field *f = &doc->fields[i];
		cJSON *p = f->doc && f->type != BD_F_ARRAY ? schema_of(f->doc) : cJSON_CreateObject();
		if (!cJSON_GetObjectItemCaseSensitive(p, "type"))
			cJSON_AddStringToObject(p, "type", json_type(f->type));
		if (bd_streq(json_type(f->type), "array"))
			cJSON_AddItemToObject(p, "items", f->doc ? schema_of(f->doc) : cJSON_CreateObject());
		cJSON_AddItemToObject(properties, f->name, p);
		if (f->required)
			cJSON_AddItemToArray(required, cJSON_CreateString(f->name));
	}
	if (cJSON_GetArraySize(required))
		cJSON_AddItemToObject(s, "required", required);
	else
		cJSON_Delete(required);
	return s;
}

static void add_parameter(cJSON *list, const char *name, const char *in)
{
	cJSON *p = cJSON_CreateObject();
	cJSON_AddStringToObject(p, "name", name);
	cJSON_AddStringToObject(p, "in", in);
	cJSON_AddBoolToObject(p, "required", bd_streq(in, "path"));
	cJSON_AddStringToObject(cJSON_AddObjectToObject(p, "schema"), "type", "string");
	cJSON_AddItemToArray(list, p);
}

static void add_answer(cJSON *answers, const char *status, const char *description)
{
	cJSON_AddStringToObject(cJSON_AddObjectToObject(answers, status), "description", description);
}

static cJSON *operation(const struct bd_http_route *r)
{
	cJSON *o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "summary", r->summary);
	cJSON *parameters = cJSON_AddArrayToObject(o, "parameters");
	const char *brace = strchr(r->path, '{');
	if (brace)
		add_parameter(parameters, bd_starts_with(brace, "{path}") ? "path" : "id", "path");
	bd_auto_strv struct bd_strv query = {0};
	if (r->query)
		bd_strv_split(&query, r->query, ' ');
	for (size_t i = 0; i < query.n; i++)
		add_parameter(parameters, query.v[i], "query");
	if (r->takes_body) {
		cJSON *content = cJSON_AddObjectToObject(cJSON_AddObjectToObject(o, "requestBody"), "content");
		cJSON *json = cJSON_AddObjectToObject(content, "application/json");
		cJSON *schema = r->body ? schema_of(r->body) : cJSON_CreateObject();
		if (!r->body)
			cJSON_AddStringToObject(schema, "type", "object");
		cJSON_AddItemToObject(json, "schema", schema);
	}
	cJSON *answers = cJSON_AddObjectToObject(o, "responses");
	char status[16];
	snprintf(status, sizeof status, "%d", r->example.status);
	add_answer(answers, status, r->summary);
	add_answer(answers, "default", "{\"error\":{\"key\",\"message\",\"hint\"}}");
	cJSON *security = cJSON_AddArrayToObject(o, "security");
	if (!r->open) {
		cJSON *token = cJSON_CreateObject(), *session = cJSON_CreateObject();
		cJSON_AddArrayToObject(token, "token");
		cJSON_AddItemToArray(security, token);
		cJSON_AddArrayToObject(session, "session");
		if (r->token_only)
			cJSON_Delete(session);
		else
			cJSON_AddItemToArray(security, session);
	}
	/* a request that works as it stands; the tests make every one of them */
	cJSON *example = cJSON_AddObjectToObject(o, "x-example");
	cJSON_AddStringToObject(example, "path", r->example.path);
	cJSON *body = r->example.body ? cJSON_Parse(r->example.body) : NULL;
	cJSON_AddItemToObject(example, "body", body ? body : cJSON_CreateNull());
	cJSON_AddNumberToObject(example, "status", r->example.status);
	return o;
}

static void lower(const char *method, char *out, size_t size)
{
	size_t i = 0;
	for (; method[i] && i + 1 < size; i++)
		out[i] = (char)(method[i] | 0x20);
	out[i] = 0;
}

cJSON *bd_http_openapi(const struct bd_http *h)
{
	cJSON *root = cJSON_CreateObject();
	cJSON_AddStringToObject(root, "openapi", "3.1.0");
	cJSON *info = cJSON_AddObjectToObject(root, "info");
	cJSON_AddStringToObject(info, "title", "benchd");
	cJSON_AddStringToObject(info, "version", h->config.version);
	cJSON *server = cJSON_CreateObject();
	cJSON_AddStringToObject(server, "url", h->url);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(root, "servers"), server);
	cJSON *schemes = cJSON_AddObjectToObject(cJSON_AddObjectToObject(root, "components"), "securitySchemes");
	cJSON *token = cJSON_AddObjectToObject(schemes, "token");
	cJSON_AddStringToObject(token, "type", "http");
	cJSON_AddStringToObject(token, "scheme", "bearer");
	cJSON *session = cJSON_AddObjectToObject(schemes, "session");
	cJSON_AddStringToObject(session, "type", "apiKey");
	cJSON_AddStringToObject(session, "in", "cookie");
	bd_auto_free char *cookie = bd_http_cookie_name(h);
	cJSON_AddStringToObject(session, "name", cookie);
	cJSON *paths = cJSON_AddObjectToObject(root, "paths");
	for (size_t g = 0; g < bd_route_table_len; g++)
		for (size_t i = 0; i < bd_route_table[g]->len; i++) {
			const struct bd_http_route *r = &bd_route_table[g]->routes[i];
			char method[16];
			lower(r->method, method, sizeof method);
			cJSON *path = cJSON_GetObjectItemCaseSensitive(paths, r->path);
			if (!path)
				path = cJSON_AddObjectToObject(paths, r->path);
			cJSON_AddItemToObject(path, method, operation(r));
		}
	return root;
}
