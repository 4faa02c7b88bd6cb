/* benchd.json: found from the current folder upward, read with errors that say where. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX (1 << 20)

struct reader {
	const char *file, *text;
	struct bd_error *err;
};

static int bad(const struct reader *k, const char *path, const char *hint, const char *fmt, ...) BD_PRINTF(4, 5);
static int bad(const struct reader *k, const char *path, const char *hint, const char *fmt, ...)
{
	bd_auto_str struct bd_str message = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&message, fmt, ap);
	va_end(ap);
	int line = bd_json_line(k->text, path);
	return bd_error_set(k->err, -EINVAL, "usage", hint, "%s:%d: %s: %s", k->file, BD_MAX(line, 1), path, message.s);
}

/* gate.slower, gate.cells["sum.py"] */
static char *inside(const char *path, const char *name)
{
	bool plain = *name && strspn(name, "abcdefghijklmnopqrstuvwxyz_$") == strlen(name);
	return plain ? bd_printf("%s%s%s", path, *path ? "." : "", name) : bd_printf("%s[\"%s\"]", path, name);
}

/* An object with no names but these. */
static int check_object(const struct reader *k, const cJSON *o, const char *path, const char *const *names, size_t n)
{
	if (!cJSON_IsObject(o))
		return bad(k, path, NULL, "must be an object");
	const cJSON *item;
	cJSON_ArrayForEach(item, o) {
		bool known = false;
		for (size_t i = 0; i < n; i++)
			known = known || bd_streq(names[i], item->string);
		if (known)
			continue;
		bd_auto_free char *at = inside(path, item->string);
		const char *near = bd_nearest(item->string, names, n);
		bd_auto_str struct bd_str hint = {0};
		bd_str_puts(&hint, near ? "did you mean " : "there are ");
		if (near)
			bd_str_printf(&hint, "%s?", near);
		for (size_t i = 0; i < n && !near; i++)
			bd_str_printf(&hint, "%s%s", i ? ", " : "", names[i]);
		return bad(k, at, hint.s, "is not known");
	}
	return 0;
}

static int read_string(const struct reader *k, const cJSON *o, const char *path, const char *name, const char **ret)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);
	bd_auto_free char *at = inside(path, name);
	if (!item)
		return 0;
	if (!cJSON_IsString(item) || !*item->valuestring)
		return bad(k, at, NULL, "must be a text");
	*ret = item->valuestring;
	return 0;
}

/* "5%"; "0%" is any slowdown there is. */
static int read_limit(const struct reader *k, const cJSON *o, const char *path, double *ret)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, "slower");
	bd_auto_free char *at = inside(path, "slower");
	if (!item)
		return 0;
	double value = 0;
	const char *text = cJSON_GetStringValue(item);
	if (!text || (!bd_streq(text, "0%") && bd_percent_parse(text, &value) < 0))
		return bad(k, at, "for example \"5%\", or \"0%\" for no slowdown at all",
			"must be a percentage up to 100%%");
	*ret = value;
	return 0;
}

static int read_cells(const struct reader *k, const cJSON *cells, const char *path, struct config *ret)
{
	static const char *const names[] = {"slower"};
	const cJSON *item;
	if (!cJSON_IsObject(cells))
		return bad(k, path, "{\"GLOB\": {\"slower\": \"2%\"}}", "must be an object");
	cJSON_ArrayForEach(item, cells) {
		bd_auto_free char *at = inside(path, item->string);
		double slower = NAN;
		int r = check_object(k, item, at, names, BD_LEN(names));
		if (r == 0)
			r = read_limit(k, item, at, &slower);
		if (r == 0 && isnan(slower))
			r = bad(k, at, NULL, "needs a limit: slower");
		if (r < 0)
			return r;
		*BD_PUSH(ret->cells, ret->cells_len) = (struct config_limit){bd_strdup(item->string), slower};
	}
	return 0;
}

static int read_gate(const struct reader *k, const cJSON *gate, struct config *ret)
{
	static const char *const names[] = {"slower", "metric", "cells", "ignore"};
	int r = check_object(k, gate, "gate", names, BD_LEN(names));
	const char *metric = NULL;
	if (r == 0)
		r = read_limit(k, gate, "gate", &ret->slower);
	if (r == 0)
		r = read_string(k, gate, "gate", "metric", &metric);
	struct bd_error inner;
	enum bd_metric known;
	if (r == 0 && metric && bd_metric_parse(metric, &known, &inner) < 0)
		r = bad(k, "gate.metric", inner.hint, "there is no metric '%s'", metric);
	ret->metric = bd_strdup(metric);
	const cJSON *cells = cJSON_GetObjectItemCaseSensitive(gate, "cells"),
		    *ignore = cJSON_GetObjectItemCaseSensitive(gate, "ignore"), *item;
	if (r == 0 && cells)
		r = read_cells(k, cells, "gate.cells", ret);
	if (r == 0 && ignore && !cJSON_IsArray(ignore))
		r = bad(k, "gate.ignore", "[\"GLOB\"]", "must be a list");
	cJSON_ArrayForEach(item, ignore) {
		if (r == 0 && !cJSON_IsString(item))
			r = bad(k, "gate.ignore", NULL, "must be a list of texts");
		if (r == 0)
			bd_strv_add(&ret->ignore, item->valuestring);
	}
	return r;
}

/* The values of one axis, as a request takes them. */
static int read_axes(const struct reader *k, const cJSON *axes, const char *path, struct bd_choices *ret)
{
	const cJSON *axis, *value;
	if (!cJSON_IsObject(axes))
		return bad(k, path, "{\"threads\": [1, 2]}", "must be an object");
	cJSON_ArrayForEach(axis, axes) {
		bd_auto_free char *at = inside(path, axis->string);
		bd_auto_strv struct bd_strv values = {0};
		cJSON_ArrayForEach(value, axis) {
			if (cJSON_IsNumber(value))
				bd_strv_addf(&values, "%.15g", value->valuedouble);
			else if (cJSON_IsString(value) && *value->valuestring)
				bd_strv_add(&values, value->valuestring);
			else
				return bad(k, at, NULL, "must be a list of texts and numbers");
		}
		if (!cJSON_IsArray(axis) || !values.n)
			return bad(k, at, NULL, "must be a list of at least one value");
		bd_choices_set(ret, axis->string, &values);
	}
	return 0;
}

static int read_suite(const struct reader *k, const cJSON *suite, const char *path, struct config_suite *ret)
{
	static const char *const names[] = {"target", "axes", "budget"};
	const char *target = NULL, *budget = NULL;
	int r = check_object(k, suite, path, names, BD_LEN(names));
	if (r == 0)
		r = read_string(k, suite, path, "target", &target);
	if (r == 0 && !target)
		r = bad(k, path, "a file or folder of benchmarks, or a suite of benchd", "needs a target");
	if (r == 0)
		r = read_string(k, suite, path, "budget", &budget);
	if (r == 0 && budget && bd_seconds_parse(budget, &ret->budget_s) < 0) {
		bd_auto_free char *at = inside(path, "budget");
		r = bad(k, at, "for example \"20s\"", "must be a time");
	}
	ret->target = bd_strdup(target);
	const cJSON *axes = cJSON_GetObjectItemCaseSensitive(suite, "axes");
	bd_auto_free char *at = inside(path, "axes");
	return r == 0 && axes ? read_axes(k, axes, at, &ret->axes) : r;
}

static int read_all(const struct reader *k, const cJSON *json, struct config *ret)
{
	static const char *const names[] = {"$schema", "gate", "suites"};
	int r = check_object(k, json, "", names, BD_LEN(names));
	const cJSON *gate = cJSON_GetObjectItemCaseSensitive(json, "gate"),
		    *suites = cJSON_GetObjectItemCaseSensitive(json, "suites"), *suite;
	if (r == 0 && gate)
		r = read_gate(k, gate, ret);
	if (r == 0 && suites && !cJSON_IsObject(suites))
		r = bad(k, "suites", "{\"NAME\": {\"target\": \"bench/\"}}", "must be an object");
	cJSON_ArrayForEach(suite, suites) {
		if (r < 0)
			break;
		bd_auto_free char *at = inside("suites", suite->string);
		struct config_suite *s = BD_PUSH(ret->suites, ret->suites_len);
		*s = (struct config_suite){.name = bd_strdup(suite->string), .budget_s = (double)NAN};
		r = read_suite(k, suite, at, s);
	}
	return r;
}

/* ---- finding --------------------------------------------------------------------------------------------------------- */

/* A file says what is started. Above a folder of ours somebody else's could lie, as in /tmp; in a container everything may
 * belong to another user than the one who runs there, and then to the one the current folder belongs to. */
static bool trusted(const char *file, uid_t owner_here)
{
	struct stat st;
	return stat(file, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0 || st.st_uid == owner_here);
}

static char *find(void)
{
	char folder[PATH_MAX];
	struct stat here;
	if (!getcwd(folder, sizeof folder) || stat(folder, &here) < 0)
		return NULL;
	for (;;) {
		bd_auto_free char *file = bd_printf("%s/" CONFIG_FILE, folder[1] ? folder : "");
		if (access(file, F_OK) == 0 && trusted(file, here.st_uid))
			return BD_TAKE_PTR(file);
		if (access(file, F_OK) == 0)
			bd_log(BD_LOG_WARN, "%s belongs to somebody else and is passed over", file);
		char *slash = strrchr(folder, '/');
		if (!folder[1])
			return NULL;
		slash[slash == folder] = 0;
	}
}

int config_load(const char *file, struct config *ret, struct bd_error *err)
{
	struct config c = {.slower = (double)NAN};
	bd_auto_free char *found = file ? bd_strdup(file) : find(), *text = NULL;
	if (!found) {
		*ret = c;
		return 0;
	}
	size_t len = 0;
	int r = bd_file_read(found, CONFIG_MAX, &text, &len);
	if (r < 0)
		return bd_error_set(err, r, "no-such-input", NULL, "cannot read %s: %s", found, strerror(-r));
	bd_auto_json cJSON *json = NULL;
	struct bd_error inner;
	if (strlen(text) != len)
		return bd_error_set(err, -EINVAL, "bad-json", NULL, "%s has a NUL byte", found);
	r = bd_json_parse(text, found, &json, err);
	if (r < 0)
		return r;
	const struct reader k = {found, text, err ? err : &inner};
	r = read_all(&k, json, &c);
	if (r < 0) {
		config_done(&c);
		return r;
	}
	char *slash = strrchr(found, '/');
	c.folder = slash ? bd_strndup(found, (size_t)(slash - found) + (slash == found)) : bd_strdup(".");
	c.file = BD_TAKE_PTR(found);
	*ret = c;
	return 0;
}

/* ---- using ----------------------------------------------------------------------------------------------------------- */

const struct config_suite *config_suite(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->suites_len; i++)
		if (bd_streq(c->suites[i].name, name))
			return &c->suites[i];
	return NULL;
}

cJSON *config_limits(const struct config *c)
{
	cJSON *o = cJSON_CreateObject();
	if (!isnan(c->slower))
		cJSON_AddNumberToObject(o, "slower", c->slower);
	if (c->metric)
		cJSON_AddStringToObject(o, "metric", c->metric);
	cJSON *cells = cJSON_AddArrayToObject(o, "cells"), *ignore = cJSON_AddArrayToObject(o, "ignore");
	for (size_t i = 0; i < c->cells_len; i++) {
		cJSON *cell = cJSON_CreateObject();
		cJSON_AddStringToObject(cell, "glob", c->cells[i].glob);
		cJSON_AddNumberToObject(cell, "slower", c->cells[i].slower);
		cJSON_AddItemToArray(cells, cell);
	}
	for (size_t i = 0; i < c->ignore.n; i++)
		cJSON_AddItemToArray(ignore, cJSON_CreateString(c->ignore.v[i]));
	return o;
}

void config_done(struct config *c)
{
	free(c->file);
	free(c->folder);
	free(c->metric);
	for (size_t i = 0; i < c->cells_len; i++)
		free(c->cells[i].glob);
	free(c->cells);
	bd_strv_done(&c->ignore);
	for (size_t i = 0; i < c->suites_len; i++) {
		free(c->suites[i].name);
		free(c->suites[i].target);
		for (size_t k = 0; k < c->suites[i].axes.n; k++) {
			free(c->suites[i].axes.v[k].name);
			bd_strv_done(&c->suites[i].axes.v[k].values);
		}
		free(c->suites[i].axes.v);
	}
	free(c->suites);
	*c = (struct config){0};
}
