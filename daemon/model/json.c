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
		return bd_error_set(err, -EINVAL, "bad-json", NULL, "%s is not valid JSON at line %d, column %d", what,
			line, column);
	}
	*ret = j;
	return 0;
}

/* ---- printing: cJSON's own printer writes whole numbers from 10^15 on as "1e+15", which readers take for a fraction ---- */

static void print_string(struct bd_str *b, const char *s)
{
	bd_str_puts(b, "\"");
	for (const char *p = s; *p;) {
		size_t plain = strcspn(p,
			"\"\\\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\31\32\33\34\35\36\37");
		bd_str_append(b, p, plain);
		p += plain;
		if (!*p)
			break;
		if (*p == '"' || *p == '\\')
			bd_str_printf(b, "\\%c", *p);
		else if (*p == '\n')
			bd_str_puts(b, "\\n");
		else if (*p == '\t')
			bd_str_puts(b, "\\t");
		else
			bd_str_printf(b, "\\u%04x", (unsigned)*p);
		p++;
	}
	bd_str_puts(b, "\"");
}

/* As many digits as it takes to read the same number again. */
static void print_number(struct bd_str *b, double v)
{
	char text[32];
	if (!isfinite(v)) {
		bd_str_puts(b, "null");
		return;
	}
	if (fabs(v) < 9007199254740992.0 && floor(v) >= v)
		snprintf(text, sizeof text, "%.0f", v);
	else
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(text, sizeof text, "%.*g", digits, v);
			double again = strtod(text, NULL);
			if (!(again < v) && !(again > v))
				break;
		}
	bd_str_puts(b, text);
}

/* indent < 0: one line, no blanks. */
static void print(struct bd_str *b, const cJSON *j, int indent)
{
	bool object = cJSON_IsObject(j);
	if (cJSON_IsString(j)) {
		print_string(b, j->valuestring);
	} else if (cJSON_IsNumber(j)) {
		print_number(b, j->valuedouble);
	} else if (cJSON_IsRaw(j)) {
		bd_str_puts(b, j->valuestring);
	} else if (object || cJSON_IsArray(j)) {
		int inner = indent < 0 ? indent : indent + 2;
		const cJSON *item;
		bd_str_puts(b, object ? "{" : "[");
		cJSON_ArrayForEach(item, j) {
			bd_str_puts(b, item == j->child ? "" : ",");
			if (indent >= 0)
				bd_str_printf(b, "\n%*s", inner, "");
			if (object) {
				print_string(b, item->string);
				bd_str_puts(b, indent < 0 ? ":" : ": ");
			}
			print(b, item, inner);
		}
		if (indent >= 0 && j->child)
			bd_str_printf(b, "\n%*s", indent, "");
		bd_str_puts(b, object ? "}" : "]");
	} else {
		bd_str_puts(b, cJSON_IsTrue(j) ? "true" : cJSON_IsFalse(j) ? "false" : "null");
	}
}

char *bd_json_text(const cJSON *j)
{
	struct bd_str b = {0};
	print(&b, j, -1);
	return bd_str_take(&b);
}

char *bd_json_pretty(const cJSON *j)
{
	struct bd_str b = {0};
	print(&b, j, 0);
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
		if (bd_starts_with(path, "[\"")) {
			const char *end = strstr(path + 2, "\"]");
			if (!end)
				return 0;
			at = step(at, path + 2, (size_t)(end - path) - 2, -1);
			path = end + 2;
		} else if (*path == '[') {
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
