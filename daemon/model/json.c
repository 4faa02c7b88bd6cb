/* Text of JSON: parsing with a position, printing, and the line a path stands on. */
#include "bd_model.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

static void position(const char *text, const char *at, int *ret_line, int *ret_column)
{
	*ret_line = *ret_column = 1;
	for (const char *p = text; p < at && *p; p++) {
		if (*p == '\n') {
			++*ret_line;
			*ret_column = 1;
		} else {
			++*ret_column;
		}
	}
}

int bd_json_parse(const char *text, const char *what, cJSON **ret, struct bd_error *err)
{
	const char *end = NULL;
	cJSON *j = cJSON_ParseWithOpts(text, &end, true);
	if (!j) {
		int line, column;
		position(text, end ? end : text, &line, &column);
		return bd_error_set(err, -EINVAL, "bad-json", NULL, "%s is not valid JSON at line %d, column %d", what, line, column);
	}
	*ret = j;
	return 0;
}

char *bd_json_text(const cJSON *j)
{
	char *s = cJSON_PrintUnformatted(j);
	char *copy = bd_strdup(s ? s : "null");
	cJSON_free(s);
	return copy;
}

/* cJSON prints tabs; people read two spaces, and short arrays of numbers on one line. */
static void pretty(struct bd_str *b, const cJSON *j, int depth)
{
	bool object = cJSON_IsObject(j);
	if ((!object && !cJSON_IsArray(j)) || !j->child) {
		char *s = cJSON_PrintUnformatted(j);
		bd_str_puts(b, s ? s : "null");
		cJSON_free(s);
		return;
	}
	bd_str_puts(b, object ? "{" : "[");
	const cJSON *item;
	cJSON_ArrayForEach(item, j) {
		bd_str_printf(b, "%s\n%*s", item == j->child ? "" : ",", 2 * (depth + 1), "");
		if (object) {
			cJSON *name = cJSON_CreateString(item->string);
			char *s = cJSON_PrintUnformatted(name);
			bd_str_printf(b, "%s: ", s ? s : "\"\"");
			cJSON_free(s);
			cJSON_Delete(name);
		}
		pretty(b, item, depth + 1);
	}
	bd_str_printf(b, "\n%*s%s", 2 * depth, "", object ? "}" : "]");
}

char *bd_json_pretty(const cJSON *j)
{
	struct bd_str b = {0};
	pretty(&b, j, 0);
	return bd_str_take(&b);
}

/* ---- positions: cJSON keeps none, so the text is walked once more when an error must name its line ---- */

static const char *skip_space(const char *p)
{
	while (*p && isspace((unsigned char)*p))
		p++;
	return p;
}

static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : p;
}

static const char *skip_value(const char *p)
{
	int depth = 0;
	for (p = skip_space(p); *p;) {
		if (*p == '"') {
			p = skip_string(p);
		} else {
			depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
			if (depth < 0 || (depth == 0 && *p == ','))
				return p;
			p++;
		}
		if (depth == 0 && (p[-1] == '}' || p[-1] == ']' || p[-1] == '"'))
			return p;
	}
	return p;
}

/* The value of member `name` (object) or element `index` (array) of the value at p, or NULL. */
static const char *step(const char *p, const char *name, size_t name_len, long index)
{
	p = skip_space(p);
	bool object = *p == '{';
	if (!object && *p != '[')
		return NULL;
	p = skip_space(p + 1);
	for (long i = 0; *p && *p != '}' && *p != ']'; i++) {
		bool hit = i == index;
		if (object) {
			const char *key = p + 1, *end = skip_string(p);
			hit = name && (size_t)(end - 1 - key) == name_len && strncmp(key, name, name_len) == 0;
			p = skip_space(end);
			if (*p == ':')
				p = skip_space(p + 1);
		}
		if (hit)
			return p;
		p = skip_space(skip_value(p));
		if (*p == ',')
			p = skip_space(p + 1);
	}
	return NULL;
}

int bd_json_line(const char *text, const char *path)
{
	const char *at = skip_space(text);
	while (at && *path) {
		if (*path == '[') {
			at = step(at, NULL, 0, strtol(path + 1, NULL, 10));
			path += strcspn(path, "]");
			path += *path == ']';
		} else {
			path += *path == '.';
			size_t n = strcspn(path, ".[");
			at = step(at, path, n, -1);
			path += n;
		}
	}
	if (!at)
		return 0;
	int line, column;
	position(text, at, &line, &column);
	return line;
}
