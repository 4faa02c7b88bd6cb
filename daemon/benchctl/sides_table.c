/* The table of a run with two sides, or of two runs side by side: one row per cell, A, B, and what became of it. */
#include "run_table.h"

#include <stdio.h>

/* From here on a table has room for intervals in brackets. */
#define WIDE 100
#define FILES_MAX 4 /* of each side, that differ */

struct pair {
	const struct bd_cell_result *a, *b; /* NULL = only the other has it */
	char *label;
};
struct pairs {
	const struct bd_run_document *doc;
	const struct bd_screen *s;
	struct pair *v;
	size_t n;
};

static const struct bd_cell_result *find(const struct bd_run_document *doc, const char *id)
{
	for (size_t i = 0; i < doc->cells_len; i++)
		if (bd_streq(doc->cells[i].id, id))
			return &doc->cells[i];
	return NULL;
}

static bool on_side(const struct bd_cell_result *c, const char *side)
{
	return bd_streq(bd_axes_get(&c->axes, "side"), side);
}

static const struct bd_cell_result *other_side(const struct bd_run_document *doc, const struct bd_cell_result *c)
{
	struct bd_axes axes = {0};
	bd_axes_copy(&c->axes, &axes);
	bd_axes_set(&axes, "side", on_side(c, "b") ? "a" : "b");
	bd_auto_free char *id = bd_cell_id(c->case_name, &axes);
	bd_axes_done(&axes);
	return find(doc, id);
}

/* Words of the cell's label without its side, which is in the columns. */
static char *label_of(const struct bd_run_document *doc, const struct bd_cell_result *c)
{
	bd_auto_free char *label = bd_cell_label(doc, c);
	bd_auto_strv struct bd_strv words = {0};
	bd_auto_str struct bd_str out = {0};
	bd_strv_split(&words, label, ' ');
	for (size_t i = 0; i < words.n; i++)
		if (!bd_starts_with(words.v[i], "side="))
			bd_str_printf(&out, "%s%s", out.len ? " " : "", words.v[i]);
	return out.len ? bd_str_take(&out) : bd_strdup(c->case_name);
}

static bool measured(const struct bd_cell_result *c)
{
	return c && c->time_ns_per_op;
}

static void pairs_init(struct pairs *p, const struct bd_run_document *doc, const struct bd_screen *s)
{
	*p = (struct pairs){.doc = doc, .s = s};
	for (size_t i = 0; i < doc->cells_len; i++) {
		const struct bd_cell_result *c = &doc->cells[i], *other = other_side(doc, c);
		if (on_side(c, "a") && other)
			continue; /* comes with B */
		struct pair pair = {.a = on_side(c, "b") ? other : c, .b = on_side(c, "b") ? c : NULL};
		bool nothing = bd_streq(c->status, "unsupported") && (!other || bd_streq(other->status, "unsupported"));
		if (nothing)
			continue; /* neither has figures nor ever will: listed below */
		pair.label = label_of(doc, c);
		*BD_PUSH(p->v, p->n) = pair;
	}
}

static void pairs_done(struct pairs *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].label);
	free(p->v);
}

/* ---- above the rows -------------------------------------------------------------------------------------------------- */

static const cJSON *side_of(const struct bd_run_document *doc, const char *side)
{
	const cJSON *sides = cJSON_GetObjectItemCaseSensitive(doc->run.plan, "sides");
	return cJSON_GetObjectItemCaseSensitive(sides, side);
}

/* Axes that are the same in all cells. */
static void same_everywhere(const struct pairs *p, struct bd_str *out)
{
	bd_auto_free const struct bd_axes **axes = bd_alloc((p->doc->cells_len + 1) * sizeof(const struct bd_axes *));
	for (size_t i = 0; i < p->doc->cells_len; i++)
		axes[i] = &p->doc->cells[i].axes;
	bd_auto_strv struct bd_strv varying = {0};
	bd_axes_varying(axes, p->doc->cells_len, &varying);
	for (size_t i = 0; p->doc->cells_len && i < axes[0]->n; i++) {
		const struct bd_pair *axis = &axes[0]->v[i];
		if (!bd_strv_has(&varying, axis->key) && !bd_streq(axis->key, "side") &&
			bd_axis_worth_naming(axis->key, axis->value))
			bd_str_printf(out, "%s%s=%s", out->len ? " " : "", axis->key, axis->value);
	}
}

static void put_sides(const struct pairs *p, struct bd_str *out)
{
	static const char *const names[] = {"a", "b"}, *const shown[] = {"A", "B"};
	for (size_t i = 0; i < 2; i++) {
		const char *label = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(side_of(p->doc, names[i]), "label"));
		if (!label)
			continue;
		bd_put(out, p->s, BD_BOLD, shown[i]);
		bd_str_puts(out, "  ");
		bd_put_wrapped(out, p->s, label, 3, 3);
		bd_str_puts(out, "\n");
	}
}

static char *value_text(const cJSON *v)
{
	if (!v || cJSON_IsNull(v))
		return bd_strdup("nothing");
	return cJSON_IsString(v) ? bd_strdup(v->valuestring) : bd_json_text(v);
}

/* Two runs that were measured on different ground: said before any figure. */
static void put_comparability(const struct pairs *p, struct bd_str *out)
{
	const cJSON *c = p->doc->comparability, *d;
	if (!c || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c, "same")))
		return;
	bd_put(out, p->s, BD_YELLOW, "They were not measured under the same conditions:");
	bd_str_puts(out, "\n");
	size_t said = 0, of = 0;
	cJSON_ArrayForEach(d, cJSON_GetObjectItemCaseSensitive(c, "differences")) {
		if (++of > 8)
			continue;
		said++;
		bd_auto_free char *a = value_text(cJSON_GetObjectItemCaseSensitive(d, "a")),
				  *b = value_text(cJSON_GetObjectItemCaseSensitive(d, "b"));
		bd_auto_free char *text = bd_printf("%s: %s → %s",
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(d, "what")), a, b);
		bd_str_puts(out, "  ");
		bd_put_wrapped(out, p->s, text, 4, 2);
		bd_str_puts(out, "\n");
	}
	if (said < of)
		bd_str_printf(out, "  and %zu more (--json)\n", of - said);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------- */

struct columns {
	size_t name, a, b, ratio, interval, verdict, sees;
};

static void make_columns(struct bd_grid *g, bool wide, struct columns *c)
{
	c->name = bd_grid_column(g, (struct bd_grid_column){.title = "cell"});
	c->a = bd_grid_column(g, (struct bd_grid_column){.title = "A", .right = true, .importance = 2});
	c->b = bd_grid_column(g, (struct bd_grid_column){.title = "B", .right = true, .importance = 1});
	c->ratio = bd_grid_column(g, (struct bd_grid_column){.title = "B ÷ A", .right = true});
	c->interval = bd_grid_column(g,
		(struct bd_grid_column){.title = wide ? "95 % interval" : "±",
			.right = true,
			.tight = true,
			.importance = 3});
	c->verdict = bd_grid_column(g, (struct bd_grid_column){.title = "verdict"});
	c->sees = bd_grid_column(g, (struct bd_grid_column){.title = "sees", .right = true, .importance = 4});
}

static void set_time(struct bd_grid *g, size_t column, const struct bd_scale *scale, const struct bd_cell_result *c)
{
	if (!measured(c))
		return;
	bd_auto_free char *text = bd_scale_text(scale, c->time_ns_per_op->median);
	bd_grid_set(g, column, BD_PLAIN, "%s%s", c->complete ? "" : "~", text);
}

static enum bd_style style_of(const char *verdict)
{
	return bd_streq(verdict, "slower")       ? BD_RED
		: bd_streq(verdict, "faster")    ? BD_GREEN
		: bd_streq(verdict, "undecided") ? BD_YELLOW
						 : BD_PLAIN;
}

/* Why a pair has no verdict. */
static void set_status(struct bd_grid *g, size_t column, const struct pair *pair)
{
	const struct bd_cell_result *bad = pair->b && !bd_streq(pair->b->status, "ok") ? pair->b
		: pair->a && !bd_streq(pair->a->status, "ok")                          ? pair->a
										       : NULL;
	if (!pair->a || !pair->b) {
		bd_grid_set(g, column, BD_DIM, "only in %s", pair->a ? "A" : "B");
	} else if (bad) {
		const char *check = bad->reason ? bad->reason->check : NULL;
		bool mild = bd_streq(bad->status, "unsupported"), partial = bd_streq(bad->status, "interrupted");
		bd_grid_set(g, column,
			mild              ? BD_DIM
				: partial ? BD_YELLOW
					  : BD_RED,
			"%s%s%s%s%s", bad->status, bad == pair->a ? " in A" : "", check ? " (" : "", check ? check : "",
			check ? ")" : "");
	} else {
		bd_grid_set(g, column, BD_YELLOW, measured(pair->a) && measured(pair->b) ? "no ratio" : "not measured");
	}
}

/* One limit for all is said below. */
static double common_equivalence(const struct pairs *p)
{
	double one = (double)NAN;
	for (size_t i = 0; i < p->n; i++) {
		double x = p->v[i].b ? p->v[i].b->equivalence : (double)NAN;
		if (isnan(x))
			continue;
		if (!isnan(one) && fabs(x - one) > 1e-9)
			return (double)NAN;
		one = x;
	}
	return one;
}

static void add_row(const struct pairs *p, struct bd_grid *g, const struct columns *c, const struct pair *pair,
	bool one_limit)
{
	bool wide = p->s->width >= WIDE;
	double a = measured(pair->a) ? pair->a->time_ns_per_op->median : (double)NAN,
	       b = measured(pair->b) ? pair->b->time_ns_per_op->median : (double)NAN;
	struct bd_scale scale = bd_scale_for(fmin(a, b), fmax(a, b));
	bd_grid_row(g);
	bd_grid_set(g, c->name, BD_PLAIN, "%s", pair->label);
	set_time(g, c->a, &scale, pair->a);
	set_time(g, c->b, &scale, pair->b);
	const struct bd_ratio *r = pair->b ? pair->b->ratio : NULL;
	if (!r) {
		set_status(g, c->verdict, pair);
		return;
	}
	bd_auto_free char *ratio = bd_text_ratio(r->median);
	bd_grid_set(g, c->ratio, BD_BOLD, "%s", ratio);
	if (isfinite(r->lo) && isfinite(r->hi)) {
		bd_auto_free char *half = bd_text_half_width(r->median, r->lo, r->hi);
		if (wide)
			bd_grid_set(g, c->interval, BD_DIM, "[%.3f, %.3f]", r->lo, r->hi);
		else
			bd_grid_set(g, c->interval, BD_DIM, "%s", half);
	}
	const char *verdict = pair->b->verdict;
	if (bd_streq(verdict, "no difference") && !one_limit) {
		bd_auto_free char *limit = bd_text_percent(pair->b->equivalence);
		bd_grid_set(g, c->verdict, BD_PLAIN, "%s ≥ %s", verdict, limit);
	} else {
		bd_grid_set(g, c->verdict, style_of(verdict), "%s", verdict ? verdict : "not yet");
	}
	if (isfinite(pair->b->smallest_effect)) {
		bd_auto_free char *sees = bd_text_percent(pair->b->smallest_effect);
		bd_grid_set(g, c->sees, BD_DIM, "%s", sees);
	}
}

/* ---- below the rows ------------------------------------------------------------------------------------------------------ */

static bool any(const struct pairs *p, bool (*is)(const struct pair *pair))
{
	for (size_t i = 0; i < p->n; i++)
		if (is(&p->v[i]))
			return true;
	return false;
}

static bool has_ratio(const struct pair *pair)
{
	return pair->b && pair->b->ratio;
}

static bool sees_something(const struct pair *pair)
{
	return pair->b && isfinite(pair->b->smallest_effect);
}

static void count_verdicts(const struct pairs *p, struct bd_str *out)
{
	static const char *const verdicts[] = {"slower", "faster", "no difference", "undecided"};
	for (size_t k = 0; k < BD_LEN(verdicts); k++) {
		size_t n = 0;
		for (size_t i = 0; i < p->n; i++)
			n += p->v[i].b && bd_streq(p->v[i].b->verdict, verdicts[k]);
		if (n)
			bd_str_printf(out, "%s%zu %s", out->len ? ", " : "", n, verdicts[k]);
	}
}

static void about_columns(const struct pairs *p, struct bd_str *out)
{
	bd_auto_str struct bd_str verdicts = {0};
	count_verdicts(p, &verdicts);
	double limit = common_equivalence(p);
	if (isfinite(limit)) {
		bd_auto_free char *text = bd_text_percent(limit);
		bd_str_printf(&verdicts, "; no difference: less than %s either way", text);
	}
	if (verdicts.len)
		bd_note_put(out, p->s, "verdict", BD_BOLD, verdicts.s);
	bool compare = bd_streq(p->doc->run.kind, "compare");
	if (any(p, has_ratio))
		bd_note_put(out, p->s, "B ÷ A", BD_DIM,
			compare ? "time/op, each launch at one speed of the machine as its probes saw it; above 1 B is slower"
				: "time/op of batches that ran milliseconds apart; above 1 B is slower");
	if (any(p, sees_something))
		bd_note_put(out, p->s, "sees", BD_DIM, "what would have been found in four of five cases");
}

static void add_file(struct bd_strv *list, const cJSON *file)
{
	const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "path")),
		   *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "build_id"));
	/* "sha1:28cd0272…": as many digits as tell two of them apart */
	const char *digits = id && strchr(id, ':') ? strchr(id, ':') + 1 : id;
	bd_auto_free char *text = bd_printf("%s%s%.8s%s", path ? path : "?", digits ? " (" : "", digits ? digits : "",
		digits ? ")" : "");
	if (!bd_strv_has(list, text))
		bd_strv_add(list, text);
}

/* "A /srv/…/m.so (aabbccdd)", which has to be one line: of a long path the end tells most. */
static char *file_line(const struct bd_screen *s, const char *side, const char *file)
{
	size_t room = s->width > 20 ? s->width - 15 : 5;
	const char *from = file;
	while (bd_text_width(from) > room)
		for (from++; (*from & 0xc0) == 0x80;) /* not into the middle of a character */
			from++;
	return bd_printf("%s %s%s", side, from > file ? "…" : "", from);
}

/* What each side had loaded that the other had not. */
static void about_files(const struct pairs *p, struct bd_str *out)
{
	struct bd_strv of[2] = {{0}, {0}};
	bool known = false;
	for (size_t i = 0; i < p->n; i++) {
		const cJSON *file, *both = p->v[i].b ? p->v[i].b->provenance : NULL;
		const cJSON *a = cJSON_GetObjectItemCaseSensitive(both, "a"),
			    *b = cJSON_GetObjectItemCaseSensitive(both, "b");
		cJSON_ArrayForEach(file, a)
			add_file(&of[0], file);
		cJSON_ArrayForEach(file, b)
			add_file(&of[1], file);
		known |= a && b;
	}
	size_t differ = 0;
	static const char *const names[] = {"A", "B"};
	for (size_t side = 0; side < 2 && known; side++) {
		size_t said = 0;
		for (size_t i = 0; i < of[side].n; i++) {
			if (bd_strv_has(&of[!side], of[side].v[i]))
				continue;
			differ++;
			if (++said > FILES_MAX)
				continue;
			bd_auto_free char *text = file_line(p->s, names[side], of[side].v[i]);
			bd_note_put(out, p->s, differ == 1 ? "loaded" : "", BD_DIM, text);
		}
		if (said > FILES_MAX) {
			bd_auto_free char *more = bd_printf("%s and %zu more", names[side], said - FILES_MAX);
			bd_note_put(out, p->s, "", BD_DIM, more);
		}
	}
	if (known && !differ && of[0].n)
		bd_note_put(out, p->s, "loaded", BD_DIM, "both sides loaded the same files");
	bd_strv_done(&of[0]);
	bd_strv_done(&of[1]);
}

bool bd_run_has_sides(const struct bd_run_document *doc)
{
	return bd_streq(doc->run.kind, "ab") || bd_streq(doc->run.kind, "compare");
}

void bd_sides_table(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	struct pairs p;
	pairs_init(&p, doc, s);
	bd_auto_str struct bd_str same = {0};
	same_everywhere(&p, &same);
	bd_run_header(doc, s, p.n, same.s, out);
	put_sides(&p, out);
	put_comparability(&p, out);
	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	struct columns c;
	make_columns(g, s->width >= WIDE, &c);
	bool one_limit = isfinite(common_equivalence(&p));
	for (size_t i = 0; i < p.n; i++)
		add_row(&p, g, &c, &p.v[i], one_limit);
	if (p.n) {
		bd_str_puts(out, "\n");
		bd_grid_print(g, out);
	}
	bd_str_puts(out, "\n");
	about_columns(&p, out);
	about_files(&p, out);
	bd_run_notes(doc, s, out);
	pairs_done(&p);
}
