/* The words of this installation and of the daemon that runs, for completion: never starts one, and waits for it a moment
 * at most. */
#include "bd_benchctl.h"

#define LIMIT_MS 700 /* a daemon that measures lets requests wait for a gap between two batches */
#define RUNS 50

static const struct {
	const char *axis, *values[5];
} known_values[] = {
	{"allocator", {"glibc", "jemalloc", "mimalloc", "tcmalloc", NULL}},
	{"objalloc", {"pymalloc", "malloc", NULL}},
	{"affinity", {"pinned", "set", "free", NULL}},
	{"gc", {"on", "off", NULL}},
};

static const char *text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
	return text ? text : "";
}

/* A list the daemon gives, if one runs. */
static cJSON *ask(const char *path, const char *name)
{
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_json cJSON *answer = NULL;
	if (bd_client_peek(LIMIT_MS, &c, NULL) < 0 || bd_client_call(c, "GET", path, NULL, &answer, NULL) < 0)
		return NULL;
	return cJSON_DetachItemFromObjectCaseSensitive(answer, name);
}

static void runs(struct bd_offers *ret)
{
	bd_auto_free char *path = bd_printf("/api/v1/runs?limit=%d", RUNS);
	bd_auto_json cJSON *list = ask(path, "runs");
	const cJSON *run;
	if (cJSON_GetArraySize(list))
		bd_offers_add(ret, "latest", "the newest run");
	cJSON_ArrayForEach(run, list) {
		bd_auto_free char *about = bd_printf("%s, %s, %s", text_of(run, "suite"), text_of(run, "state"),
			text_of(run, "started"));
		bd_offers_add(ret, text_of(run, "id"), about);
	}
}

static void traces(struct bd_offers *ret)
{
	bd_auto_free char *path = bd_printf("/api/v1/traces?limit=%d", RUNS);
	bd_auto_json cJSON *list = ask(path, "traces");
	const cJSON *trace;
	if (cJSON_GetArraySize(list))
		bd_offers_add(ret, "latest", "the newest trace");
	cJSON_ArrayForEach(trace, list) {
		bd_auto_free char *about = bd_printf("%s, %s, %s", text_of(trace, "command"), text_of(trace, "state"),
			text_of(trace, "started"));
		bd_offers_add(ret, text_of(trace, "id"), about);
	}
}

static void cases(struct bd_offers *ret)
{
	bd_auto_json cJSON *list = ask("/api/v1/cases", "cases");
	const cJSON *c;
	cJSON_ArrayForEach(c, list)
		bd_offers_add(ret, text_of(c, "name"), text_of(c, "summary"));
}

/* ---- suites: files, so that they are known without a daemon ------------------------------------------------------------ */

typedef void (*suite_fn)(const struct bd_suite *suite, const void *arg, struct bd_offers *ret);

/* Each suite, or only the one that is called so when there is one. */
static void each_suite(const char *only, suite_fn fn, const void *arg, struct bd_offers *ret)
{
	bd_auto_free char *folder = bd_program_file("share/benchd/suites", "share/benchd/suites");
	bd_auto_strv struct bd_strv names = {0};
	if (!folder || bd_suite_names(folder, &names) < 0)
		return;
	bool one = only && bd_strv_has(&names, only);
	for (size_t i = 0; i < names.n; i++) {
		struct bd_suite suite;
		bd_doc_init(&bd_suite_doc, &suite);
		if ((!one || bd_streq(names.v[i], only)) && bd_suite_load(folder, names.v[i], &suite, NULL) == 0) {
			fn(&suite, arg, ret);
			bd_doc_done(&bd_suite_doc, &suite);
		}
	}
}

static void suite_name(const struct bd_suite *suite, const void *arg, struct bd_offers *ret)
{
	(void)arg;
	bd_offers_add(ret, suite->name, suite->summary);
}

static void suite_cases(const struct bd_suite *suite, const void *arg, struct bd_offers *ret)
{
	(void)arg;
	for (size_t i = 0; i < suite->cases.n; i++)
		bd_offers_add(ret, suite->cases.v[i], NULL);
}

static void suite_values(const struct bd_suite *suite, const void *arg, struct bd_offers *ret)
{
	const struct bd_choice *choice = bd_choices_get(&suite->axes, arg);
	for (size_t i = 0; choice && i < choice->values.n; i++)
		bd_offers_add(ret, choice->values.v[i], NULL);
}

static void suite_axes(const struct bd_suite *suite, const void *arg, struct bd_offers *ret)
{
	(void)arg;
	for (size_t i = 0; i < suite->axes.n; i++)
		bd_offers_add(ret, suite->axes.v[i].name, NULL);
}

/* ---- axes --------------------------------------------------------------------------------------------------------------- */

/* Parameters of the cases are axes, too: their names, or with an axis the values of that one. */
static void parameters(const char *axis, struct bd_offers *ret)
{
	bd_auto_json cJSON *list = ask("/api/v1/cases", "cases");
	const cJSON *c, *p, *v;
	cJSON_ArrayForEach(c, list) {
		cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(c, "params")) {
			if (!axis)
				bd_offers_add(ret, text_of(p, "name"), text_of(p, "summary"));
			else if (bd_streq(axis, text_of(p, "name")))
				cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(p, "values"))
					bd_offers_add(ret, cJSON_IsString(v) ? v->valuestring : "", NULL);
		}
	}
}

static void axes(const char *target, struct bd_offers *ret)
{
	for (size_t i = 0; i < bd_axis_kinds_len; i++)
		bd_offers_add(ret, bd_axis_kinds[i].name, bd_axis_kinds[i].summary);
	parameters(NULL, ret);
	each_suite(target, suite_axes, NULL, ret);
}

static void pythons(struct bd_offers *ret)
{
	bd_auto_json cJSON *list = ask("/api/v1/pythons", "pythons");
	const cJSON *p;
	cJSON_ArrayForEach(p, list)
		bd_offers_add(ret, text_of(p, "id"), text_of(p, "executable"));
}

static void bindings(struct bd_offers *ret)
{
	bd_auto_json cJSON *list = ask("/api/v1/bindings", "bindings");
	const cJSON *b, *v;
	cJSON_ArrayForEach(b, list) {
		bd_offers_add(ret, text_of(b, "name"), text_of(b, "summary"));
		cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(b, "variants")) {
			bd_auto_free char *word = bd_printf("%s:%s", text_of(b, "name"),
				cJSON_IsString(v) ? v->valuestring : "");
			bd_offers_add(ret, word, NULL);
		}
	}
}

static void values(const char *axis, const char *target, struct bd_offers *ret)
{
	if (bd_streq(axis, "python"))
		pythons(ret);
	else if (bd_streq(axis, "binding"))
		bindings(ret);
	else
		for (size_t i = 0; i < BD_LEN(known_values); i++)
			for (size_t v = 0; bd_streq(axis, known_values[i].axis) && known_values[i].values[v]; v++)
				bd_offers_add(ret, known_values[i].values[v], NULL);
	each_suite(target, suite_values, axis, ret);
	if (!ret->n)
		parameters(axis, ret);
}

void bd_offers_here(enum bd_words_kind kind, const char *axis, const char *target, struct bd_offers *ret)
{
	switch (kind) {
	case BD_WORDS_TARGET:
		each_suite(NULL, suite_name, NULL, ret);
		cases(ret);
		return;
	case BD_WORDS_SUITE:
		each_suite(NULL, suite_name, NULL, ret);
		return;
	case BD_WORDS_CASE:
		cases(ret);
		each_suite(target, suite_cases, NULL, ret);
		return;
	case BD_WORDS_RUN:
		runs(ret);
		return;
	case BD_WORDS_TRACE:
		traces(ret);
		return;
	case BD_WORDS_AXIS:
		axes(target, ret);
		return;
	case BD_WORDS_VALUE:
		values(axis, target, ret);
		return;
	case BD_WORDS_NONE:
	case BD_WORDS_FILE:
	case BD_WORDS_COMMAND:
		return;
	}
}
