/* Stored traces: which there are, which one is meant, and a table of them. */
#include "trace.h"

#include <errno.h>
#include <stdio.h>

int trace_list(struct bd_client *c, const char *run, size_t limit, cJSON **ret, struct bd_error *err)
{
	bd_auto_free char *path = bd_ctl_path("/api/v1/traces", "run", run);
	return bd_ctl_rows(c, path, "traces", limit, ret, err);
}

int trace_find(struct bd_client *c, const char *word, char **ret, struct bd_error *err)
{
	bool latest = bd_streq(word, "latest");
	bd_auto_json cJSON *json = NULL;
	int r = trace_list(c, NULL, latest ? 1 : SIZE_MAX, &json, err);
	if (r < 0)
		return r;
	const char *found = NULL;
	size_t matches = bd_ctl_row_of(cJSON_GetObjectItemCaseSensitive(json, "traces"), latest ? "" : word, &found);
	if (matches > 1)
		return bd_error_set(err, -EINVAL, "usage", "give more of its id", "%zu traces begin with '%s'", matches,
			word);
	if (!found && latest)
		return bd_error_set(err, -ENOENT, "not-found", "benchctl trace --pid PID makes one",
			"there is no trace yet");
	if (!found)
		return bd_error_set(err, -ENOENT, "not-found", "benchctl trace --list shows what there is",
			"no trace begins with '%s'", word);
	*ret = bd_strdup(found);
	return 0;
}

int trace_of_run(struct bd_client *c, const char *word, char **ret, struct bd_error *err)
{
	bd_auto_free char *run = NULL;
	bd_auto_json cJSON *json = NULL, *exists = NULL;
	int r = bd_ctl_run_id(c, word, &run, err);
	bd_auto_free char *path = r == 0 ? bd_ctl_run_path(run, "") : NULL;
	if (r == 0)
		r = bd_client_call(c, "GET", path, NULL, &exists, err);
	if (r == 0)
		r = trace_list(c, run, 1, &json, err);
	if (r < 0)
		return r;
	const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "traces"), 0);
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "id"));
	if (!id)
		return bd_error_set(err, -ENOENT, "not-found", "benchctl run TARGET --trace events keeps one",
			"run %s has no trace", run);
	*ret = bd_strdup(id);
	return 0;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static const char *text_in(const cJSON *j, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, name);
	return cJSON_IsString(v) && *v->valuestring ? v->valuestring : NULL;
}

static double number_in(const cJSON *j, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, name);
	return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static void set_text(struct bd_grid *g, size_t column, enum bd_style style, const char *text)
{
	if (text)
		bd_grid_set(g, column, style, "%s", text);
}

static void set_taken(struct bd_grid *g, size_t column, char *text)
{
	bd_grid_set(g, column, BD_PLAIN, "%s", text);
	free(text);
}

/* So many characters of the ids tell them apart, with two to spare for the traces to come. */
static int id_length(const cJSON *list)
{
	size_t most = 0;
	const cJSON *row;
	const char *before = NULL;
	cJSON_ArrayForEach(row, list) {
		const char *id = text_in(row, "id");
		size_t n = 0;
		while (before && id && before[n] && before[n] == id[n])
			n++;
		most = BD_MAX(most, n);
		before = id;
	}
	return (int)BD_MAX(most + 3, (size_t)12);
}

static enum bd_style style_of(const char *state)
{
	return bd_streq(state, "complete")   ? BD_PLAIN
		: bd_streq(state, "running") ? BD_GREEN
		: bd_streq(state, "failed")  ? BD_RED
					     : BD_YELLOW;
}

void trace_list_table(const cJSON *json, const struct bd_screen *s, struct bd_str *out)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "traces"), *row;
	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	size_t id = bd_grid_column(g, (struct bd_grid_column){"trace", false, false, false, 0});
	size_t state = bd_grid_column(g, (struct bd_grid_column){"state", false, false, false, 0});
	size_t pid = bd_grid_column(g, (struct bd_grid_column){"pid", true, false, false, 2});
	size_t python = bd_grid_column(g, (struct bd_grid_column){"Python", false, false, false, 5});
	size_t seconds = bd_grid_column(g, (struct bd_grid_column){"time", true, false, false, 1});
	size_t waited = bd_grid_column(g, (struct bd_grid_column){"waited", true, false, false, 1});
	size_t lost = bd_grid_column(g, (struct bd_grid_column){"lost", true, false, false, 4});
	size_t bytes = bd_grid_column(g, (struct bd_grid_column){"stored", true, false, false, 6});
	size_t started = bd_grid_column(g, (struct bd_grid_column){"started", false, false, false, 3});
	size_t command = bd_grid_column(g, (struct bd_grid_column){"command", false, false, false, 1});
	bool wide = s->width >= 120;
	int length = wide ? BD_ULID_LEN : id_length(list);
	cJSON_ArrayForEach(row, list) {
		const char *name = text_in(row, "id"), *how = text_in(row, "state"), *run = text_in(row, "run");
		double wait = number_in(row, "wait_ns");
		bd_grid_row(g);
		bd_grid_set(g, id, BD_BOLD, "%.*s", length, name ? name : "?");
		set_text(g, state, style_of(how), how);
		if (isfinite(number_in(row, "pid")))
			bd_grid_set(g, pid, BD_PLAIN, "%.0f", number_in(row, "pid"));
		set_text(g, python, BD_PLAIN, text_in(row, "python"));
		set_taken(g, seconds, bd_text_seconds(number_in(row, "seconds")));
		set_taken(g, waited, trace_time(isfinite(wait) ? (int64_t)wait : BD_NULL_INT));
		if (number_in(row, "lost") > 0)
			bd_grid_set(g, lost, BD_YELLOW, "%.0f", number_in(row, "lost"));
		if (number_in(row, "bytes") > 0) {
			bd_auto_free char *size = bd_text_count(number_in(row, "bytes"));
			bd_grid_set(g, bytes, BD_PLAIN, "%s%sB", size, strchr(size, ' ') ? "" : " ");
		}
		set_text(g, started, BD_PLAIN, text_in(row, "started"));
		if (run)
			bd_grid_set(g, command, BD_PLAIN, "run %.*s", length, run);
		else if (text_in(row, "command"))
			set_taken(g, command, bd_text_cut(text_in(row, "command"), wide ? 80 : 28, s->utf8));
	}
	bd_grid_print(g, out);
}
