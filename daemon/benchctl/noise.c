/* The A/A floor of a machine. It is an ordinary run of the suite `noise` (stored, with the label doctor=noise), so that
 * waiting for the machine, progress and Ctrl-C are those of every run; told in another way. */
#include "noise.h"

#include "measure.h"

#include <errno.h>

#define LAUNCHES_LEAST 6 /* of a verdict, and the most that are ever made: docs/measurement.md */
#define LAUNCHES_MOST 36
#define NEVER 1e-4 /* the narrowest that can be asked for: the time decides */

static const double budgets_s[] = {10, 60};

static const struct {
	const char *kind, *title, *compares;
} kinds[] = {
	{"same-process", "same process", "two bindings (in one process)"},
	{"second-process", "second process", "two builds, allocators or interpreters (a process each)"},
};

static void add_number(cJSON *o, const char *name, double v)
{
	if (isnan(v))
		cJSON_AddNullToObject(o, name);
	else
		cJSON_AddNumberToObject(o, name, v);
}

static double number(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
	return cJSON_IsNumber(v) ? v->valuedouble : (double)NAN;
}

/* "0.35 %", "1.2 %", "12 %": two digits. Caller frees. */
static char *percent(double part)
{
	double p = 100 * part;
	if (isnan(p))
		return bd_strdup("–");
	return bd_printf("%.*f %%", p < 0.995 ? 2 : p < 9.95 ? 1 : 0, p);
}

static const char *text(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
	return cJSON_IsString(v) ? v->valuestring : NULL;
}

/* ---- the document ------------------------------------------------------------------------------------------------- */

/* What is seen with another budget: the width goes with the square root of the number of launches that fit into it. */
static double effect_in(const struct bd_run_document *doc, const struct bd_noise *n, double budget_s)
{
	double fit = floor((double)n->launches * budget_s / doc->run.wall_s);
	fit = fmin(fmax(fit, LAUNCHES_LEAST), LAUNCHES_MOST);
	return expm1(log1p(n->smallest_effect) * sqrt((double)n->launches / fit));
}

static void add_row(const struct bd_run_document *doc, const struct bd_noise *n, cJSON *rows)
{
	cJSON *row = cJSON_CreateObject();
	cJSON_AddStringToObject(row, "kind", n->kind);
	cJSON_AddNumberToObject(row, "launches", (double)n->launches);
	add_number(row, "ratio", n->ratio);
	add_number(row, "lo", n->lo);
	add_number(row, "hi", n->hi);
	cJSON *seen = cJSON_AddArrayToObject(row, "seen");
	for (size_t i = 0; i < BD_LEN(budgets_s); i++) {
		cJSON *one = cJSON_CreateObject();
		cJSON_AddNumberToObject(one, "budget_s", budgets_s[i]);
		add_number(one, "smallest_effect", effect_in(doc, n, budgets_s[i]));
		cJSON_AddItemToArray(seen, one);
	}
	cJSON_AddItemToArray(rows, row);
}

static double seen(const cJSON *row, int budget)
{
	return number(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(row, "seen"), budget), "smallest_effect");
}

static bool has_interval(const cJSON *row)
{
	return !isnan(number(row, "lo")) && !isnan(number(row, "hi"));
}

static void say_row(const cJSON *row, const char *compares, bool first, struct bd_str *out)
{
	bd_auto_free char *ten = percent(seen(row, 0)), *sixty = percent(seen(row, 1));
	if (first)
		bd_str_printf(out,
			"On this machine, as it is now, %s are told apart within 10 s from a difference of about %s, within "
			"a minute from about %s",
			compares, ten, sixty);
	else
		bd_str_printf(out, "; %s from %s and %s", compares, ten, sixty);
}

/* One that does not hold 1 has seen what is not there: by chance once in twenty, else something is wrong. */
static void say_wrong(const cJSON *row, const char *title, struct bd_str *out)
{
	if (number(row, "lo") > 1 || number(row, "hi") < 1)
		bd_str_printf(out,
			" The %s row does not hold 1 though both are the same: that happens by chance once in twenty; "
			"should it happen again, do not trust differences of this kind here.",
			title);
}

static char *summary(const struct bd_run_document *doc, const cJSON *rows)
{
	struct bd_str out = {0};
	bool any = false;
	const cJSON *row;
	for (size_t k = 0; k < BD_LEN(kinds); k++)
		cJSON_ArrayForEach(row, rows)
			if (bd_streq(text(row, "kind"), kinds[k].kind) && !isnan(seen(row, 0))) {
				say_row(row, kinds[k].compares, !any, &out);
				any = true;
			}
	bd_str_puts(&out,
		any ? "."
		    : "What this machine can tell apart is not known yet: fewer than six launches were measured undisturbed. Give "
		      "it more time.");
	for (size_t k = 0; k < BD_LEN(kinds); k++)
		cJSON_ArrayForEach(row, rows)
			if (bd_streq(text(row, "kind"), kinds[k].kind))
				say_wrong(row, kinds[k].title, &out);
	if (doc->run.noise_line)
		bd_str_printf(&out, " %s", doc->run.noise_line);
	return bd_str_take(&out);
}

cJSON *noise_document(const struct bd_run_document *doc)
{
	cJSON *o = cJSON_CreateObject(), *rows;
	cJSON_AddStringToObject(o, "schema", "benchd.noise.v1");
	cJSON_AddStringToObject(o, "run", doc->run.id);
	cJSON_AddStringToObject(o, "state", doc->run.state);
	add_number(o, "wall_s", doc->run.wall_s);
	rows = cJSON_AddArrayToObject(o, "rows");
	for (size_t i = 0; i < doc->noise_len; i++)
		add_row(doc, &doc->noise[i], rows);
	cJSON_AddItemToObject(o, "machine",
		doc->run.machine ? cJSON_Duplicate(doc->run.machine, true) : cJSON_CreateNull());
	bd_auto_free char *words = summary(doc, rows);
	cJSON_AddStringToObject(o, "summary", words);
	return o;
}

/* ---- for people ----------------------------------------------------------------------------------------------------- */

static void put_effect(struct bd_grid *g, size_t column, double effect)
{
	bd_auto_free char *t = percent(effect);
	bd_grid_set(g, column, BD_PLAIN, isnan(effect) ? "%s" : "≥ %s", t);
}

static const char *title_of(const char *kind)
{
	for (size_t k = 0; k < BD_LEN(kinds); k++)
		if (bd_streq(kinds[k].kind, kind))
			return kinds[k].title;
	return kind ? kind : "?";
}

static void put_rows(const cJSON *rows, const struct bd_screen *s, struct bd_str *out)
{
	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	size_t what = bd_grid_column(g, (struct bd_grid_column){.title = "the same twice"});
	size_t ratio = bd_grid_column(g, (struct bd_grid_column){.title = "ratio", .right = true});
	size_t interval = bd_grid_column(g, (struct bd_grid_column){.title = "95 % interval", .importance = 1});
	size_t ten = bd_grid_column(g, (struct bd_grid_column){.title = "seen in 10 s", .right = true});
	size_t sixty = bd_grid_column(g, (struct bd_grid_column){.title = "in 60 s", .right = true});
	const cJSON *row;
	cJSON_ArrayForEach(row, rows) {
		bd_auto_free char *r = bd_text_ratio(number(row, "ratio"));
		bd_grid_row(g);
		bd_grid_set(g, what, BD_PLAIN, "%s", title_of(text(row, "kind")));
		bd_grid_set(g, ratio, BD_PLAIN, "%s", r);
		if (has_interval(row))
			bd_grid_set(g, interval, BD_PLAIN, "%.4f … %.4f", number(row, "lo"), number(row, "hi"));
		else
			bd_grid_set(g, interval, BD_DIM, "under six launches");
		put_effect(g, ten, seen(row, 0));
		put_effect(g, sixty, seen(row, 1));
	}
	bd_grid_print(g, out);
}

static void put_machine(const cJSON *machine, const struct bd_screen *s, struct bd_str *out)
{
	static const struct {
		const char *name, *before, *after;
		int decimals;
	} facts[] = {
		{"probe_spread", "speed within ", "×", 2},
		{"flagged_batches", "", " batches disturbed", 0},
		{"steal_ms", "", " ms stolen by the hypervisor", 0},
		{"throttled", "stopped by a quota ", " times", 0},
		{"involuntary_per_s", "lost the processor ", " times a second", 1},
		{"load_before", "load ", " before", 2},
		{"load_after", "", " after", 2},
	};
	bd_auto_str struct bd_str line = {0};
	for (size_t i = 0; i < BD_LEN(facts); i++) {
		double v = number(machine, facts[i].name);
		if (!isnan(v))
			bd_str_printf(&line, "%s%s%.*f%s", line.len ? ", " : "Figures: ", facts[i].before,
				facts[i].decimals, v, facts[i].after);
	}
	if (!line.len)
		return;
	bd_str_puts(out, "\n");
	bd_put_wrapped(out, s, line.s, 0, 0);
	bd_str_puts(out, "\n");
}

void noise_text(const cJSON *document, const struct bd_screen *s, struct bd_str *out)
{
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(document, "rows");
	if (cJSON_GetArraySize(rows)) {
		put_rows(rows, s, out);
		bd_str_puts(out, "\n");
	}
	bd_put_wrapped(out, s, text(document, "summary"), 0, 0);
	bd_str_puts(out, "\n");
	put_machine(cJSON_GetObjectItemCaseSensitive(document, "machine"), s, out);
	bd_auto_free char *kept = bd_printf("The run is kept: benchctl runs show %s", text(document, "run"));
	bd_str_puts(out, "\n");
	bd_put(out, s, BD_DIM, kept);
	bd_str_puts(out, "\n");
}

/* ---- measuring ------------------------------------------------------------------------------------------------------ */

static int print(const struct bd_ctl *ctl, const struct bd_words *w, const cJSON *json,
	const struct bd_run_document *doc)
{
	(void)w, (void)json;
	bd_auto_json cJSON *document = noise_document(doc);
	if (ctl->json)
		return bd_ctl_answer_json(ctl, document);
	bd_auto_str struct bd_str out = {0};
	noise_text(document, &ctl->out, &out);
	return bd_ctl_answer(ctl, out.s);
}

/* 0 when both rows have an interval. */
static int status(const struct bd_run_document *doc)
{
	int r = bd_run_exit(doc);
	size_t known = 0;
	for (size_t i = 0; i < doc->noise_len; i++)
		known += !isnan(doc->noise[i].lo) && !isnan(doc->noise[i].hi);
	return r != BD_EXIT_OK ? r : known >= BD_LEN(kinds) ? BD_EXIT_OK : BD_EXIT_UNDECIDED;
}

int noise_measure(const struct bd_ctl *ctl, const struct bd_words *w, double seconds)
{
	static const struct measure_end end = {.print = print, .status = status};
	struct bd_error err;
	auto_registry struct registry registry = {0};
	bd_auto_client struct bd_client *c = NULL;
	if (seconds < NOISE_LEAST_S) {
		bd_error_set(&err, -EINVAL, "usage", "for example benchctl doctor --noise 20s",
			"--noise needs %.0f s at least: six launches", NOISE_LEAST_S);
		return bd_ctl_fail(ctl, &err);
	}
	if (bd_ctl_connect(ctl, NULL, &c, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	struct bd_request rq;
	bd_doc_init(&bd_request_doc, &rq);
	rq.kind = bd_strdup("run");
	rq.target = bd_strdup(NOISE_SUITE);
	rq.budget_s = seconds;
	rq.precision = NEVER; /* as many launches as the time holds */
	bd_map_set(&rq.labels, "doctor", "noise");
	int r = measure(ctl, w, c, &rq, &registry, &end);
	bd_doc_done(&bd_request_doc, &rq);
	return r;
}
