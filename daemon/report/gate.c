/* A document against limits: may this change go in? A limit is one of non-inferiority: what counts is the end of the interval,
 * so that a measurement too coarse to tell is "undecided" and neither a pass nor a failure. */
#include "report_internal.h"

#include <errno.h>

#define LIMIT 0.05
#define LONGEST_S 600.0 /* nobody waits longer for a gate */
#define NAMES_MAX 3     /* cells named in the summary */
#define FINEST 0.002    /* what no budget tells apart */

#define F(s, T, m)                                                            \
	{                                                                     \
		.name = #m, .type = BD_F_##T, .offset = offsetof(struct s, m) \
	}
static const struct bd_field limit_fields[] = {{.name = "glob",
						       .type = BD_F_STRING,
						       .offset = offsetof(struct bd_report_limit, glob),
						       .required = true},
	{.name = "slower", .type = BD_F_DOUBLE, .offset = offsetof(struct bd_report_limit, slower), .required = true}};
static const struct bd_doc limit_doc = {.name = "limit",
	.size = sizeof(struct bd_report_limit),
	.fields = limit_fields,
	.fields_len = BD_LEN(limit_fields)};
static const struct bd_field limits_fields[] = {F(bd_report_limits, DOUBLE, slower),
	F(bd_report_limits, STRING, metric),
	{.name = "cells", .type = BD_F_ARRAY, .offset = offsetof(struct bd_report_limits, cells), .doc = &limit_doc},
	F(bd_report_limits, STRINGS, ignore)};
const struct bd_doc bd_report_limits_doc = {.name = "limits",
	.size = sizeof(struct bd_report_limits),
	.fields = limits_fields,
	.fields_len = BD_LEN(limits_fields)};

enum outcome { PASS, FAIL, UNDECIDED, IGNORED };
static const char *const outcomes[] = {"pass", "fail", "undecided", "ignored"};

struct gate {
	const struct bd_run_document *doc;
	const struct bd_report_limits *limits;
	enum outcome *of; /* one per cell of the document */
	double *limit;
	bool *listed;
	size_t count[BD_LEN(outcomes)];
};

static bool names(const char *glob, const struct bd_cell_result *c)
{
	return bd_glob(glob, c->id) || bd_glob(glob, c->case_name);
}

static double limit_of(const struct bd_report_limits *l, const struct bd_cell_result *c)
{
	for (size_t i = 0; i < l->cells_len; i++)
		if (names(l->cells[i].glob, c))
			return l->cells[i].slower;
	return isnan(l->slower) ? LIMIT : l->slower;
}

static bool is_ignored(const struct bd_report_limits *l, const struct bd_cell_result *c)
{
	for (size_t i = 0; i < l->ignore.n; i++)
		if (names(l->ignore.v[i], c))
			return true;
	return false;
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

static char *percent(double part)
{
	double p = fabs(100 * part);
	return bd_printf(p < 0.995 ? "%.2g %%" : p < 9.95 ? "%.1f %%" : "%.0f %%", p);
}

/* "5 %" rather than "5.0 %": a limit is what somebody has written. */
static char *limit_text(double limit)
{
	return bd_printf("%.4g %%", 100 * limit);
}

/* "3.1 % slower (between 1.0 % and 5.2 %)", "between 1 % faster and 2 % slower". */
static char *change_text(const struct bd_ratio *r)
{
	bd_auto_free char *change = percent(r->median - 1), *lo = percent(r->lo - 1), *hi = percent(r->hi - 1);
	const char *word = r->median < 1 ? "faster" : "slower";
	if (isnan(r->lo) || isnan(r->hi))
		return bd_printf("%s %s (no interval)", change, word);
	if (r->lo < 1 && r->hi > 1)
		return bd_printf("%s %s (between %s faster and %s slower)", change, word, lo, hi);
	return r->median < 1 ? bd_printf("%s %s (between %s and %s)", change, word, hi, lo)
			     : bd_printf("%s %s (between %s and %s)", change, word, lo, hi);
}

static bool differs(const struct bd_run_document *doc, const struct bd_cell_result *c, const struct bd_pair *axis)
{
	for (size_t i = 0; i < doc->cells_len; i++)
		if (bd_streq(doc->cells[i].case_name, c->case_name) &&
			!bd_streq(bd_axes_get(&doc->cells[i].axes, axis->key), axis->value))
			return true;
	return false;
}

/* "parse n=1000 threads=2": the case, and the axes that tell it from its others; not the side, which is always b. */
static char *name_of(const struct bd_run_document *doc, const struct bd_cell_result *c)
{
	struct bd_str out = {0};
	bd_str_puts(&out, c->case_name);
	for (size_t i = 0; i < c->axes.n; i++) {
		const struct bd_pair *axis = &c->axes.v[i];
		if (!bd_streq(axis->key, "side") && differs(doc, c, axis))
			bd_str_printf(&out, " %s=%s", axis->key, axis->value);
	}
	return bd_str_take(&out);
}

/* ---- one cell --------------------------------------------------------------------------------------------------------- */

static enum outcome judge_limit(const struct bd_cell_result *c, double limit)
{
	const struct bd_ratio *r = c->ratio;
	if (limit == 0) /* any slowdown there is */
		return bd_streq(c->verdict, "slower")                                             ? FAIL
			: bd_streq(c->verdict, "faster") || bd_streq(c->verdict, "no difference") ? PASS
												  : UNDECIDED;
	if (isnan(r->lo) || isnan(r->hi))
		return UNDECIDED;
	return r->lo > 1 + limit ? FAIL : r->hi < 1 + limit ? PASS : UNDECIDED;
}

static const struct bd_reason *alone(const struct bd_cell_result *c)
{
	for (size_t i = 0; i < c->notes_len; i++)
		if (bd_starts_with(c->notes[i].key, "only-in-"))
			return &c->notes[i];
	return NULL;
}

/* A cell that is there to be compared with is not listed. Two-sided documents: side a. Else: whatever has no ratio. */
static bool is_reference(const struct bd_run_document *doc, const struct bd_cell_result *c)
{
	const char *side = bd_axes_get(&c->axes, "side");
	if (side)
		return bd_streq(side, "a") && !alone(c);
	for (size_t i = 0; !c->ratio && i < doc->cells_len; i++)
		if (doc->cells[i].ratio && bd_streq(doc->cells[i].ratio->to, c->id))
			return true;
	return false;
}

static const struct bd_cell_result *find(const struct bd_run_document *doc, const char *case_name,
	const struct bd_axes *axes)
{
	bd_auto_free char *id = bd_cell_id(case_name, axes);
	for (size_t i = 0; i < doc->cells_len; i++)
		if (bd_streq(doc->cells[i].id, id))
			return &doc->cells[i];
	return NULL;
}

/* The other side of a cell of a two-sided document, or NULL. */
static const struct bd_cell_result *other_side(const struct bd_run_document *doc, const struct bd_cell_result *c)
{
	if (!bd_streq(bd_axes_get(&c->axes, "side"), "b"))
		return NULL;
	struct bd_axes axes = {0};
	bd_axes_copy(&c->axes, &axes);
	bd_axes_set(&axes, "side", "a");
	const struct bd_cell_result *a = find(doc, c->case_name, &axes);
	bd_axes_done(&axes);
	return a;
}

/* Why a cell has no ratio, said as a whole sentence. */
static char *trouble(const struct gate *g, const struct bd_cell_result *c)
{
	const struct bd_cell_result *a = other_side(g->doc, c), *bad = bd_streq(c->status, "ok") && a ? a : c;
	const char *which = bad == c ? "it" : "what it is compared with";
	if (bd_streq(bad->status, "ok"))
		return bd_strdup("there is no ratio: too few of its batches went undisturbed");
	const struct bd_reason *r = bad->reason;
	return bd_printf("%s is %s%s%s%s%s%s", which, bad->status, r ? ": " : "", r ? r->message : "",
		r && r->hint ? " (" : "", r && r->hint ? r->hint : "", r && r->hint ? ")" : "");
}

static enum outcome judge(const struct gate *g, const struct bd_cell_result *c, double limit, char **ret_message)
{
	if (is_ignored(g->limits, c)) {
		*ret_message = bd_strdup("ignored, as benchd.json says");
		return IGNORED;
	}
	if (alone(c)) {
		*ret_message = bd_strdup(alone(c)->message);
		return IGNORED;
	}
	const struct bd_cell_result *a = other_side(g->doc, c);
	if (bd_streq(c->status, "unsupported") && (!a || bd_streq(a->status, "unsupported"))) {
		*ret_message = trouble(g, c);
		return IGNORED; /* here it cannot be measured at all, before the change no more than after it */
	}
	if (!bd_streq(c->status, "ok") || (a && !bd_streq(a->status, "ok")) || !c->ratio) {
		*ret_message = trouble(g, c);
		return UNDECIDED;
	}
	bd_auto_free char *change = change_text(c->ratio), *allowed = limit_text(limit);
	enum outcome o = judge_limit(c, limit);
	if (limit == 0)
		*ret_message = bd_printf("%s; any slowdown is too much; the verdict is %s", change,
			c->verdict ? c->verdict : "open");
	else
		*ret_message = bd_printf("%s; up to %s is allowed", change, allowed);
	return o;
}

/* ---- what to do next ---------------------------------------------------------------------------------------------------- */

/* The next length a person would type. */
static double round_up_s(double s)
{
	static const double steps[] = {5, 10, 15, 20, 30, 40, 60, 90, 120, 180, 240, 300, 420, 600};
	for (size_t i = 0; i < BD_LEN(steps); i++)
		if (s <= steps[i])
			return steps[i];
	return s;
}

/* What a run would have to tell apart so that this cell could be decided, were the change what it seems to be: the way from
 * there to the limit. */
static double wanted_effect(const struct bd_cell_result *c, double limit)
{
	return fmax(fabs(log((1 + limit) / c->ratio->median)), FINEST);
}

static void advise(const struct gate *g, struct bd_str *out)
{
	double factor = 0, effect = 0;
	bool not_ok = false, no_interval = false;
	for (size_t i = 0; i < g->doc->cells_len; i++) {
		const struct bd_cell_result *c = &g->doc->cells[i];
		if (!g->listed[i] || g->of[i] != UNDECIDED)
			continue;
		not_ok |= !c->ratio;
		no_interval |= c->ratio && isnan(c->ratio->lo);
		if (!c->ratio || isnan(c->ratio->lo) || isnan(c->smallest_effect))
			continue;
		double wanted = wanted_effect(c, g->limit[i] > 0 ? g->limit[i] : c->equivalence);
		double more = pow(c->smallest_effect / wanted, 2);
		if (more > factor) {
			factor = more;
			effect = c->smallest_effect;
		}
	}
	if (not_ok)
		bd_str_puts(out, " What has no result must be mended first: no longer run decides it.");
	if (no_interval)
		bd_str_puts(out,
			" Without six undisturbed launches there is no interval: a longer run has more of them.");
	if (factor <= 0)
		return;
	/* twice the time halves the square: the interval must clear the limit, not only reach it */
	double now = g->doc->run.wall_s, next = round_up_s(fmax(isnan(now) ? 0 : 2 * now, factor * now));
	bd_auto_free char *told = percent(effect);
	bd_str_printf(out, " This measurement could tell a change of %s", told);
	if (isnan(now)) {
		bd_auto_free char *wanted = percent(effect / sqrt(factor));
		bd_str_printf(out, "; one that tells %s decides it: measure both again with %.0f times the --budget.",
			wanted, ceil(fmax(factor, 2)));
	} else if (next > LONGEST_S) {
		bd_auto_free char *far = percent(effect / sqrt(LONGEST_S / now));
		bd_str_printf(out, "; even --budget 10m would tell only %s. Use a quieter machine, or a wider limit.",
			far);
	} else {
		bd_auto_free char *far = percent(effect / sqrt(next / now));
		bd_str_printf(out, ". Run longer: --budget %.0fs would tell %s.", next, far);
	}
}

/* ---- the paragraph --------------------------------------------------------------------------------------------------------- */

static void list_cells(const struct gate *g, enum outcome which, const cJSON *cells, struct bd_str *out)
{
	size_t said = 0;
	const cJSON *item = cells->child;
	for (size_t i = 0; i < g->doc->cells_len; i++) {
		if (!g->listed[i])
			continue;
		const cJSON *message = cJSON_GetObjectItemCaseSensitive(item, "message");
		item = item->next;
		if (g->of[i] != which)
			continue;
		if (said++ >= NAMES_MAX)
			continue;
		bd_auto_free char *name = name_of(g->doc, &g->doc->cells[i]);
		bd_str_printf(out, " %s: %s.", name, message->valuestring);
	}
	if (said > NAMES_MAX)
		bd_str_printf(out, " And %zu more.", said - NAMES_MAX);
}

/* The largest slowdown among what passed: how near it was. */
static void nearest(const struct gate *g, struct bd_str *out)
{
	size_t at = g->doc->cells_len;
	for (size_t i = 0; i < g->doc->cells_len; i++)
		if (g->listed[i] && g->of[i] == PASS &&
			(at == g->doc->cells_len || g->doc->cells[i].ratio->hi > g->doc->cells[at].ratio->hi))
			at = i;
	if (at == g->doc->cells_len)
		return;
	bd_auto_free char *name = name_of(g->doc, &g->doc->cells[at]), *change = change_text(g->doc->cells[at].ratio),
			  *allowed = limit_text(g->limit[at]);
	bd_str_printf(out, " Nearest to its limit of %s is %s: %s.", allowed, name, change);
}

static const char *cells_are(size_t n)
{
	return n == 1 ? "cell is" : "cells are";
}

static void summarise(const struct gate *g, enum outcome whole, const cJSON *cells, struct bd_str *out)
{
	size_t judged = g->count[PASS] + g->count[FAIL] + g->count[UNDECIDED];
	if (!judged) {
		bd_str_puts(out, "Undecided: nothing was judged. No cell has a ratio that a limit could be put on");
		bd_str_puts(out, g->count[IGNORED] ? ", and the others are ignored." : ".");
		return;
	}
	if (whole == PASS) {
		bd_str_printf(out, "Passed: %s slower than allowed, and the measurement was fine enough to say so.",
			judged == 1 ? "the one cell is not" : "no cell is");
		nearest(g, out);
	} else if (whole == FAIL) {
		bd_str_printf(out, "Failed: %zu of %zu %s slower than allowed, beyond what chance explains.",
			g->count[FAIL], judged, cells_are(judged));
		list_cells(g, FAIL, cells, out);
		if (g->count[UNDECIDED])
			bd_str_printf(out, " %zu more %s undecided.", g->count[UNDECIDED],
				cells_are(g->count[UNDECIDED]));
	} else {
		bd_str_printf(out, "Undecided: of %zu of %zu cell%s it cannot be said whether the limit is kept.",
			g->count[UNDECIDED], judged, judged == 1 ? "" : "s");
		list_cells(g, UNDECIDED, cells, out);
		advise(g, out);
	}
	if (g->count[IGNORED])
		bd_str_printf(out, " %zu %s ignored.", g->count[IGNORED], cells_are(g->count[IGNORED]));
	if (whole == UNDECIDED && g->doc->run.noise_line)
		bd_str_printf(out, " %s", g->doc->run.noise_line);
}

static cJSON *ratio_json(const struct bd_ratio *r)
{
	if (!r)
		return cJSON_CreateNull();
	cJSON *o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "to", r->to);
	const struct {
		const char *name;
		double v;
	} fields[] = {{"median", r->median}, {"lo", r->lo}, {"hi", r->hi}};
	for (size_t i = 0; i < BD_LEN(fields); i++)
		cJSON_AddItemToObject(o, fields[i].name, report_number_json(fields[i].v));
	return o;
}

static cJSON *cell_json(struct gate *g, size_t i)
{
	const struct bd_cell_result *c = &g->doc->cells[i];
	bd_auto_free char *message = NULL;
	g->limit[i] = limit_of(g->limits, c);
	g->of[i] = judge(g, c, g->limit[i], &message);
	g->count[g->of[i]]++;
	cJSON *o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "id", c->id);
	cJSON_AddStringToObject(o, "verdict", outcomes[g->of[i]]);
	cJSON_AddNumberToObject(o, "limit", g->limit[i]);
	cJSON_AddItemToObject(o, "ratio", ratio_json(c->ratio));
	cJSON_AddStringToObject(o, "message", message);
	return o;
}

static int check(const struct bd_report_limits *l, struct bd_error *err)
{
	if (l->metric && !bd_streq(l->metric, "time_ns_per_op"))
		return bd_error_set(err, -EINVAL, "bad-value", "the metric that limits are for is time_ns_per_op",
			"metric: there is no limit on '%.100s'", l->metric);
	bool good = isnan(l->slower) || l->slower >= 0;
	for (size_t i = 0; i < l->cells_len; i++)
		good = good && l->cells[i].slower >= 0;
	return good ? 0
		    : bd_error_set(err, -EINVAL, "bad-value", "0 allows no slowdown at all, 0.05 allows 5 %",
			      "a limit cannot be negative");
}

/* Of two runs side by side the one that is judged. */
static const char *run_of(const struct bd_run_document *doc)
{
	const cJSON *b = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(doc->run.plan, "sides"),
		"b");
	return doc->run.id ? doc->run.id : cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(b, "run"));
}

int bd_report_gate(const struct bd_run_document *doc, const struct bd_report_limits *limits, cJSON **ret,
	struct bd_error *err)
{
	int r = check(limits, err);
	if (r < 0)
		return r;
	bd_auto_free enum outcome *of = bd_alloc((doc->cells_len + 1) * sizeof *of);
	bd_auto_free double *limit = bd_alloc((doc->cells_len + 1) * sizeof *limit);
	bd_auto_free bool *listed = bd_alloc((doc->cells_len + 1) * sizeof *listed);
	struct gate g = {.doc = doc, .limits = limits, .of = of, .limit = limit, .listed = listed};
	cJSON *o = cJSON_CreateObject(), *cells = cJSON_CreateArray();
	for (size_t i = 0; i < doc->cells_len; i++)
		if ((listed[i] = !is_reference(doc, &doc->cells[i])))
			cJSON_AddItemToArray(cells, cell_json(&g, i));
	/* one that is too slow is too slow, whatever else could not be told */
	enum outcome whole = g.count[FAIL] ? FAIL : g.count[UNDECIDED] || !g.count[PASS] ? UNDECIDED : PASS;
	bd_auto_str struct bd_str summary = {0};
	summarise(&g, whole, cells, &summary);
	cJSON_AddStringToObject(o, "schema", "benchd.gate.v1");
	const char *run = run_of(doc);
	cJSON_AddItemToObject(o, "run", run ? cJSON_CreateString(run) : cJSON_CreateNull());
	cJSON_AddStringToObject(o, "verdict", outcomes[whole]);
	cJSON_AddStringToObject(o, "summary", summary.s);
	cJSON_AddItemToObject(o, "cells", cells);
	*ret = o;
	return 0;
}
