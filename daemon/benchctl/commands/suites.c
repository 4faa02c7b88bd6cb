/* benchctl suites: what `benchctl run` can be told to run. */
#include "bd_benchctl.h"

#include <errno.h>
#include <limits.h>

#define SHOWN 6 /* values of an axis; --json has all of them */

static void join(const cJSON *values, const char *separator, int most, struct bd_str *out)
{
	const cJSON *v;
	int n = 0;
	cJSON_ArrayForEach(v, values) {
		if (n++ == most && cJSON_GetArraySize(values) > most + 1) {
			bd_str_printf(out, "%s… (%d)", separator, cJSON_GetArraySize(values));
			break;
		}
		if (out->len)
			bd_str_puts(out, separator);
		if (cJSON_IsString(v))
			bd_str_puts(out, v->valuestring);
		else if (cJSON_IsNumber(v))
			bd_str_printf(out, "%.12g", v->valuedouble);
	}
}

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsString(v) ? v->valuestring : "";
}

/* "threads=1,2,4  gil=hold,release" */
static void axes_text(const cJSON *axes, struct bd_str *out)
{
	const cJSON *axis;
	cJSON_ArrayForEach(axis, axes) {
		bd_auto_str struct bd_str values = {0};
		join(axis, ",", SHOWN, &values);
		bd_str_printf(out, "%s%s=%s", out->len ? "  " : "", axis->string, values.s ? values.s : "");
	}
}

static void table(const struct bd_ctl *ctl, const cJSON *suites, struct bd_str *out)
{
	bd_auto_grid struct bd_grid *g = bd_grid_new(&ctl->out);
	size_t name = bd_grid_column(g, (struct bd_grid_column){"suite", false, false, false, 0});
	size_t what = bd_grid_column(g, (struct bd_grid_column){"measures", false, false, true, 0});
	const cJSON *suite;
	cJSON_ArrayForEach(suite, suites) {
		bd_auto_str struct bd_str names = {0}, axes = {0}, text = {0};
		join(cJSON_GetObjectItemCaseSensitive(suite, "cases"), ", ", INT_MAX, &names);
		axes_text(cJSON_GetObjectItemCaseSensitive(suite, "axes"), &axes);
		bd_str_printf(&text, "%s; %s%s%s", text_of(suite, "summary"), names.s ? names.s : "",
			axes.s ? ": " : "", axes.s ? axes.s : "");
		bd_grid_row(g);
		bd_grid_set(g, name, BD_BOLD, "%s", text_of(suite, "name"));
		bd_grid_set(g, what, BD_PLAIN, "%s", text.s);
	}
	bd_grid_print(g, out);
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	(void)w;
	struct bd_error err;
	bd_auto_json cJSON *json = NULL;
	if (bd_ctl_get(ctl, "/api/v1/suites", &json, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	bd_auto_str struct bd_str out = {0};
	table(ctl, cJSON_GetObjectItemCaseSensitive(json, "suites"), &out);
	return bd_ctl_answer(ctl, out.s);
}

const struct bd_command bd_command_suites = {
	.name = "suites",
	.summary = "list the suites that can be run, with their axes",
	.example = "benchctl suites",
	.run = run,
};
