/* What stands below the rows of a run's table: everything that qualifies its figures. */
#include "run_table.h"

#include <stdio.h>

#define OVER 1.2   /* times its budget, and a run says that it took longer */
#define SEVERAL "" /* of references: not the same for all */
#define LABEL 9    /* width of a note's label with the blank after it */

void bd_note_put(struct bd_str *out, const struct bd_screen *s, const char *label, enum bd_style style,
	const char *text)
{
	bd_auto_free char *l = bd_text_for(s, label);
	size_t width = bd_text_width(l), pad = width < LABEL ? LABEL - width : 1;
	bd_put(out, s, style, l);
	bd_str_printf(out, "%*s", (int)pad, "");
	bd_put_wrapped(out, s, text, LABEL, width + pad);
	bd_str_puts(out, "\n");
}

static const char *string_in(const cJSON *j, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, name);
	return cJSON_IsString(v) && *v->valuestring ? v->valuestring : NULL;
}

void bd_run_machine(const cJSON *e, struct bd_str *out)
{
	const char *model = string_in(e, "cpu_model"), *kernel = string_in(e, "kernel");
	const cJSON *count = cJSON_GetObjectItemCaseSensitive(e, "processors_allowed");
	if (model)
		bd_str_puts(out, model);
	if (cJSON_IsNumber(count))
		bd_str_printf(out, "%s%.0f processor%s", out->len ? ", " : "", count->valuedouble,
			count->valuedouble == 1 ? "" : "s");
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(e, "hypervisor")))
		bd_str_printf(out, "%svirtual machine", out->len ? ", " : "");
	if (kernel)
		bd_str_printf(out, "%sLinux %s", out->len ? ", " : "", kernel);
}

static const struct bd_cell_result *find(const struct bd_run_document *doc, const char *id)
{
	for (size_t i = 0; i < doc->cells_len; i++)
		if (bd_streq(doc->cells[i].id, id))
			return &doc->cells[i];
	return NULL;
}

static bool compared_with(const struct bd_run_document *doc, const struct bd_cell_result *c)
{
	for (size_t i = 0; i < doc->cells_len; i++)
		if (doc->cells[i].ratio && bd_streq(doc->cells[i].ratio->to, c->id))
			return true;
	return false;
}

/* Cells without a ratio among others of their case that have one. */
static void about_missing_ratios(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	size_t n = 0;
	for (size_t i = 0; i < doc->cells_len; i++) {
		const struct bd_cell_result *c = &doc->cells[i];
		bool others = false;
		for (size_t k = 0; k < doc->cells_len && !others; k++)
			others = doc->cells[k].ratio && bd_streq(doc->cells[k].case_name, c->case_name);
		n += others && c->time_ns_per_op && !c->ratio && !compared_with(doc, c);
	}
	if (!n)
		return;
	bd_auto_free char
		*text = bd_printf("none for %zu cell%s: too few batches, of %s or of the one compared with, went "
				  "undisturbed",
			n, n == 1 ? "" : "s", n == 1 ? "it" : "them");
	bd_note_put(out, s, "ratio", BD_DIM, text);
}

static char *its_own(const struct bd_map *differs)
{
	bd_auto_str struct bd_str names = {0};
	for (size_t i = 0; i < differs->n; i++)
		if (bd_streq(differs->v[i].value, SEVERAL))
			bd_str_printf(&names, "%s%s", names.len ? ", " : "", differs->v[i].key);
	return bd_str_take(&names);
}

/* "the same cell with gil=release, threads=1": on which axes references differ from their cells. */
static void about_ratios(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	struct bd_map differs = {0};
	bool any = false;
	const char *other_case = NULL;
	for (size_t i = 0; i < doc->cells_len; i++) {
		const struct bd_cell_result *c = &doc->cells[i];
		const struct bd_cell_result *r = c->ratio && !bd_streq(c->ratio->to, c->id) ? find(doc, c->ratio->to)
											    : NULL;
		if (!r)
			continue;
		any = true;
		if (!bd_streq(r->case_name, c->case_name))
			other_case = r->case_name;
		for (size_t j = 0; j < r->axes.n; j++) {
			const char *axis = r->axes.v[j].key, *value = r->axes.v[j].value,
				   *known = bd_map_get(&differs, axis);
			if (!bd_streq(value, bd_axes_get(&c->axes, axis)))
				bd_map_set(&differs, axis, known && !bd_streq(known, value) ? SEVERAL : value);
		}
	}
	if (any) {
		bd_auto_str struct bd_str text = {0};
		bd_auto_free char *several = its_own(&differs);
		bd_str_puts(&text, "time/op ÷ that of the same cell with ");
		size_t said = 0;
		if (other_case)
			bd_str_printf(&text, "%scase=%s", said++ ? ", " : "", other_case);
		for (size_t i = 0; i < differs.n; i++)
			if (!bd_streq(differs.v[i].value, SEVERAL))
				bd_str_printf(&text, "%s%s=%s", said++ ? ", " : "", differs.v[i].key,
					differs.v[i].value);
		if (several && *several)
			bd_str_printf(&text, "%sanother %s, marked ref", said ? ", " : "", several);
		bd_note_put(out, s, "ratio", BD_DIM, text.s);
		about_missing_ratios(doc, s, out);
	}
	for (size_t i = 0; i < differs.n; i++) {
		free(differs.v[i].key);
		free(differs.v[i].value);
	}
	free(differs.v);
}

static void about_intervals(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	bool with = false, without = false, partial = false, crowded = false, unpaired = false;
	for (size_t i = 0; i < doc->cells_len; i++) {
		const struct bd_cell_result *c = &doc->cells[i];
		if (!c->time_ns_per_op)
			continue;
		with = with || isfinite(c->time_ns_per_op->lo);
		without = without || !isfinite(c->time_ns_per_op->lo);
		unpaired = unpaired ||
			(isfinite(c->time_ns_per_op->lo) && c->ratio && isfinite(c->ratio->median) &&
				!isfinite(c->ratio->lo));
		partial = partial || !c->complete;
		crowded = crowded || c->oversubscribed;
	}
	if (with)
		bd_note_put(out, s, "±", BD_DIM, "95 % interval; the launch is its unit");
	if (without)
		bd_note_put(out, s, "±", BD_DIM,
			with ? "none for cells with fewer than 6 launches"
			     : "none: intervals need at least 6 launches");
	if (unpaired)
		bd_note_put(out, s, "±", BD_DIM,
			"none for ratios of which too many batches were disturbed (the probes around them differ by over 10 %)");
	if (partial)
		bd_note_put(out, s, "~", BD_DIM, "stopped early: figures of what was measured until then");
	if (crowded)
		bd_note_put(out, s, "*", BD_DIM, "more threads than processors");
}

/* Columns that only some cases have. */
static void about_columns(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	bool copies = false, allocations = false;
	for (size_t i = 0; i < doc->cells_len; i++) {
		const struct bd_cell_result *c = &doc->cells[i];
		for (size_t k = 0; k < c->notes_len; k++)
			copies |= bd_streq(c->notes[k].key, "copies") || bd_streq(c->notes[k].key, "zero-copy");
		allocations |= c->memory && isfinite(c->memory->allocations_per_op);
	}
	if (copies)
		bd_note_put(out, s, "V3", BD_DIM, "whether what is handed over was copied, as found by looking");
	if (allocations)
		bd_note_put(out, s, "B/op", BD_DIM,
			"bytes an operation asks Python's allocators for; allocs/op: how often");
}

static void about_noise(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	for (size_t i = 0; i < doc->noise_len; i++) {
		const struct bd_noise *n = &doc->noise[i];
		const char *kind = bd_streq(n->kind, "same-process") ? "same process"
			: bd_streq(n->kind, "second-process")        ? "second process"
								     : n->kind;
		bd_auto_str struct bd_str text = {0};
		bd_auto_free char *ratio = bd_text_ratio(n->ratio);
		/* of two runs side by side each has its own */
		const struct bd_cell_result *of = bd_streq(doc->run.kind, "compare") ? find(doc, n->cell) : NULL;
		const char *side = of ? bd_axes_get(&of->axes, "side") : NULL;
		bd_str_printf(&text, "%s%s", side ? bd_streq(side, "a") ? "A " : "B " : "", ratio);
		if (isfinite(n->lo) && isfinite(n->hi)) {
			bd_auto_free char *floor = bd_text_percent(fmax(fabs(1 - n->lo), fabs(n->hi - 1)));
			bd_str_printf(&text, " [%.3f, %.3f]: this machine sees ≥ %s today", n->lo, n->hi, floor);
		} else {
			bd_str_puts(&text, " (no interval: too few undisturbed launches)");
		}
		bd_put(out, s, BD_DIM, i ? "   " : "A/A");
		bd_putf(out, s, BD_PLAIN, "%*s%-14s ", LABEL - 3, "", kind);
		bd_put_wrapped(out, s, text.s, LABEL + 15, LABEL + 15);
		bd_str_puts(out, "\n");
	}
}

/* Reasons that many cells share are said once. */
struct said {
	const char *status;
	const struct bd_reason *reason;
	bool differ; /* the messages of the others have other figures in them */
	const struct bd_cell_result **cells;
	size_t cells_len;
};

static bool same_reason(const struct bd_reason *a, const struct bd_reason *b)
{
	return a == b || (a && b && bd_streq(a->key, b->key) && bd_streq(a->check, b->check));
}

static void say(struct said **v, size_t *n, const char *status, const struct bd_reason *r,
	const struct bd_cell_result *c)
{
	for (size_t i = 0; i < *n; i++) {
		struct said *s = &(*v)[i];
		if (bd_streq(s->status, status) && same_reason(s->reason, r)) {
			s->differ = s->differ || (r && !bd_streq(s->reason->message, r->message));
			*BD_PUSH(s->cells, s->cells_len) = c;
			return;
		}
	}
	struct said *s = BD_PUSH(*v, *n);
	s->status = status;
	s->reason = r;
	*BD_PUSH(s->cells, s->cells_len) = c;
}

static void said_free(struct said *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].cells);
	free(v);
}

static void put_reason(struct bd_str *text, const struct said *said)
{
	const struct bd_reason *r = said->reason;
	if (!r)
		return;
	bd_str_printf(text, ": %s%s", said->differ ? "for example " : "",
		r->message       ? r->message
			: r->key ? r->key
				 : "no reason given");
	if (r->hint && *r->hint)
		bd_str_printf(text, " (%s)", r->hint);
}

/* The cells of a reason by their differing axes, not more than fit two lines. */
static void put_cells(const struct bd_run_document *doc, const struct bd_screen *s, const struct said *said,
	struct bd_str *out)
{
	bd_auto_str struct bd_str text = {0};
	size_t room = 2 * (s->width - LABEL) - 20, i = 0;
	for (; i < said->cells_len; i++) {
		bd_auto_free char *label = bd_cell_label(doc, said->cells[i]);
		if (i && text.len + strlen(label) > room)
			break;
		bd_str_printf(&text, "%s%s", i ? "; " : "", label);
	}
	if (i < said->cells_len)
		bd_str_printf(&text, "; and %zu more", said->cells_len - i);
	bd_str_printf(out, "%*s", LABEL, "");
	bd_put_wrapped(out, s, text.s, LABEL, LABEL);
	bd_str_puts(out, "\n");
}

/* Cells without figures, with their reasons. */
static void about_cells(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	static const char *const order[] = {"failed", "invalid", "interrupted", "unsupported"};
	struct said *said = NULL;
	size_t n = 0;
	for (size_t k = 0; k < BD_LEN(order); k++)
		for (size_t i = 0; i < doc->cells_len; i++) {
			const struct bd_cell_result *c = &doc->cells[i];
			if (bd_streq(c->status, order[k]) && (c->reason || !c->time_ns_per_op))
				say(&said, &n, c->status, c->reason, c);
		}
	for (size_t i = 0; i < n; i++) {
		const struct bd_reason *r = said[i].reason;
		bd_auto_str struct bd_str text = {0};
		bd_str_printf(&text, "%zu cell%s %s", said[i].cells_len, said[i].cells_len == 1 ? "" : "s",
			said[i].status);
		if (r && (r->check || !bd_streq(r->key, said[i].status)))
			bd_str_printf(&text, " (%s%s%s)", r->check ? r->check : "", r->check && r->key ? ", " : "",
				r->key ? r->key : "");
		put_reason(&text, &said[i]);
		bool mild = bd_streq(said[i].status, "unsupported"), partial = bd_streq(said[i].status, "interrupted");
		bd_note_put(out, s, mild ? "–" : "✗", mild ? BD_DIM : partial ? BD_YELLOW : BD_RED, text.s);
		put_cells(doc, s, &said[i], out);
	}
	said_free(said, n);
}

/* Why columns are empty: not traced, no scaling. One line per reason; which cells only when not all. */
static void about_gaps(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	for (int scaling = 0; scaling < 2; scaling++) {
		struct said *said = NULL;
		size_t n = 0, of = 0;
		bool part = false;
		for (size_t i = 0; i < doc->cells_len; i++) {
			const struct bd_cell_result *c = &doc->cells[i];
			const struct bd_reason *r = scaling ? c->scaling_reason : c->gil ? c->gil->reason : NULL;
			part |= !scaling && r && !bd_streq(c->gil->mode, "off");
			of += c->time_ns_per_op != NULL;
			if (r && c->time_ns_per_op)
				say(&said, &n, "", r, c);
		}
		for (size_t i = 0; i < n; i++) {
			bd_auto_str struct bd_str text = {0};
			bd_str_puts(&text,
				scaling        ? "not shown"
					: part ? "waits not traced in every batch"
					       : "waits not traced");
			if (said[i].cells_len == 1 && of > 1) {
				bd_auto_free char *label = bd_cell_label(doc, said[i].cells[0]);
				bd_str_printf(&text, " for %s", label);
			} else if (said[i].cells_len < of)
				bd_str_printf(&text, " for %zu of %zu cells", said[i].cells_len, of);
			put_reason(&text, &said[i]);
			bd_note_put(out, s, scaling ? "scaling" : "GIL", BD_YELLOW, text.s);
		}
		said_free(said, n);
	}
	int64_t lost = 0;
	for (size_t i = 0; i < doc->cells_len; i++)
		if (doc->cells[i].gil && doc->cells[i].gil->lost > 0)
			lost += doc->cells[i].gil->lost;
	if (lost) {
		bd_auto_free char *text = bd_printf("%lld waits could not be recorded: shares are too low",
			(long long)lost);
		bd_note_put(out, s, "GIL", BD_YELLOW, text);
	}
}

/* What is of interest about cells though nothing is wrong with them; each thing once. */
static void about_notes(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	struct said *said = NULL;
	size_t n = 0;
	for (size_t i = 0; i < doc->cells_len; i++)
		for (size_t k = 0; k < doc->cells[i].notes_len; k++)
			if (!bd_streq(doc->cells[i].notes[k].key, "copies") &&
				!bd_streq(doc->cells[i].notes[k].key, "zero-copy")) /* they have a column */
				say(&said, &n, "", &doc->cells[i].notes[k], &doc->cells[i]);
	for (size_t i = 0; i < n; i++) {
		bd_auto_str struct bd_str text = {0};
		if (said[i].cells_len == 1) {
			bd_auto_free char *label = bd_cell_label(doc, said[i].cells[0]);
			bd_str_puts(&text, label);
		} else {
			bd_str_printf(&text, "%zu of %zu cells", said[i].cells_len, doc->cells_len);
		}
		if (said[i].differ) { /* an example is one of some cell */
			bd_auto_free char *label = bd_cell_label(doc, said[i].cells[0]);
			bd_str_printf(&text, ", for example %s", label);
			said[i].differ = false;
		}
		put_reason(&text, &said[i]);
		bd_note_put(out, s, "note", BD_DIM, text.s);
	}
	said_free(said, n);
}

#define MODES_MAX 4 /* cells whose modes are listed */

/* Cells whose one figure stands for several regimes. */
static void about_modes(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	size_t of = 0;
	for (size_t i = 0; i < doc->cells_len; i++) {
		const struct bd_cell_result *c = &doc->cells[i];
		const cJSON *mode;
		if (!cJSON_IsArray(c->modes) || ++of > MODES_MAX)
			continue;
		bd_auto_free char *label = bd_cell_label(doc, c);
		bd_auto_str struct bd_str text = {0};
		bd_str_printf(&text, "%s:", label);
		cJSON_ArrayForEach(mode, c->modes) {
			const cJSON *median = cJSON_GetObjectItemCaseSensitive(mode, "median"),
				    *share = cJSON_GetObjectItemCaseSensitive(mode, "share");
			if (!cJSON_IsNumber(median) || !cJSON_IsNumber(share))
				continue;
			struct bd_scale scale = bd_scale_for(median->valuedouble, median->valuedouble);
			bd_auto_free char *time = bd_scale_text(&scale, median->valuedouble),
					  *part = bd_text_percent(share->valuedouble);
			bd_str_printf(&text, "%s %s of its batches around %s",
				mode->prev && mode != c->modes->child ? "," : "", part, time);
		}
		bd_note_put(out, s, of == 1 ? "modes" : "", BD_DIM, text.s);
	}
	if (of > MODES_MAX) {
		bd_auto_free char *more = bd_printf("and of %zu more (--json)", of - MODES_MAX);
		bd_note_put(out, s, "", BD_DIM, more);
	}
}

void bd_run_about(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	const struct bd_run_head *r = &doc->run;
	bd_auto_str struct bd_str text = {0};
	if (!r->id && bd_streq(r->kind, "compare"))
		return; /* it is two of them */
	if (r->id)
		bd_str_puts(&text, r->id);
	if (r->started)
		bd_str_printf(&text, ", started %s", r->started);
	if (r->seed != BD_NULL_INT)
		bd_str_printf(&text, ", seed %lld", (long long)r->seed);
	if (r->labels.n) {
		bd_auto_free char *labels = bd_text_map(&r->labels);
		bd_str_printf(&text, ", %s", labels);
	}
	bd_note_put(out, s, "run", BD_DIM, text.s ? text.s : "");
	if (!isfinite(r->wall_s))
		return;
	const cJSON *budget = cJSON_GetObjectItemCaseSensitive(r->plan, "budget_s");
	bd_auto_free char *wall = bd_text_seconds(r->wall_s), *setup = bd_text_seconds(r->setup_s),
			  *measure = bd_text_seconds(r->measure_s);
	bd_str_clear(&text);
	bd_str_printf(&text, "%s wall", wall);
	bool over = cJSON_IsNumber(budget) && r->wall_s > OVER * budget->valuedouble;
	if (over || (bd_run_has_sides(doc) && cJSON_IsNumber(budget))) { /* it may be decided before */
		bd_auto_free char *most = bd_text_seconds(budget->valuedouble);
		bd_str_printf(&text, " of the %s it could take", most);
	}
	if (isfinite(r->setup_s) || isfinite(r->measure_s)) /* a check has neither */
		bd_str_printf(&text, ", %s set-up, %s measuring", setup, measure);
	if (r->measure_s > 0 && isfinite(r->batch_s)) {
		bd_auto_free char *share = bd_text_percent(r->batch_s / r->measure_s);
		bd_str_printf(&text, ", %s of it inside batches", share);
	}
	bd_note_put(out, s, "time", BD_DIM, text.s);
}

void bd_run_notes(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	bool sides = bd_run_has_sides(doc);
	about_intervals(doc, s, out);
	if (!sides)
		about_ratios(doc, s, out);
	about_columns(doc, s, out);
	about_noise(doc, s, out);
	if (doc->run.noise_line)
		bd_note_put(out, s, "machine", BD_DIM, doc->run.noise_line);
	if (!sides) /* their tables have neither scaling nor waits */
		about_gaps(doc, s, out);
	about_modes(doc, s, out);
	about_cells(doc, s, out);
	about_notes(doc, s, out);
	bd_run_about(doc, s, out);
}

bool bd_run_ended(const char *state)
{
	return state && !bd_streq(state, "queued") && !bd_streq(state, "running");
}

int bd_run_exit(const struct bd_run_document *doc)
{
	const struct bd_run_head *r = &doc->run;
	if (bd_streq(r->state, "failed") && r->reason && r->reason->key) {
		int status = bd_error_kind(r->reason->key)->exit_status;
		return status ? status : BD_EXIT_UNDECIDED;
	}
	if (!bd_streq(r->state, "complete"))
		return BD_EXIT_UNDECIDED;
	for (size_t i = 0; i < doc->cells_len; i++)
		if (!bd_streq(doc->cells[i].status, "ok") && !bd_streq(doc->cells[i].status, "unsupported"))
			return BD_EXIT_UNDECIDED;
	return BD_EXIT_OK;
}
