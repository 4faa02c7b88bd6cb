/* What a comparison found, row by row. */
#include "format.h"

#include <errno.h>

void rows_done(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].id);
		free(r->v[i].label);
		free(r->v[i].verdict);
		free(r->v[i].message);
	}
	free(r->v);
	free(r->title);
	free(r->heading);
	free(r->summary);
	free(r->run);
	free(r->started);
	free(r->names[0]);
	free(r->names[1]);
	free(r->noise);
	*r = (struct rows){0};
}

size_t rows_count(const struct rows *r, enum outcome outcome)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += r->v[i].outcome == outcome;
	return n;
}

int rows_status(const struct rows *r)
{
	if (rows_count(r, OUTCOME_BAD))
		return BD_EXIT_NO;
	bool none = rows_count(r, OUTCOME_LEFT_OUT) == r->n;
	return none || rows_count(r, OUTCOME_UNDECIDED) || rows_count(r, OUTCOME_BROKEN) ? BD_EXIT_UNDECIDED
											 : BD_EXIT_OK;
}

char *rows_ratio(const struct row *r)
{
	if (!isfinite(r->ratio))
		return bd_strdup("–");
	bd_auto_free char *ratio = bd_text_ratio(r->ratio);
	if (!isfinite(r->lo) || !isfinite(r->hi))
		return BD_TAKE_PTR(ratio);
	return bd_printf("%s [%.3f, %.3f]", ratio, r->lo, r->hi);
}

/* ---- of a document ------------------------------------------------------------------------------------------------ */

static const struct bd_cell_result *find(const struct bd_run_document *doc, const char *id)
{
	for (size_t i = 0; i < doc->cells_len; i++)
		if (bd_streq(doc->cells[i].id, id))
			return &doc->cells[i];
	return NULL;
}

/* Without what every row has in common: that it is B. */
static char *without_side(const char *text, char separator)
{
	bd_auto_free char *word = bd_printf("%cside=b", separator);
	const char *at = strstr(text, word);
	if (!at && bd_starts_with(text, word + 1))
		at = text;
	if (!at)
		return bd_strdup(text);
	size_t len = strlen(word) - (at == text);
	if (at == text && text[len] == separator)
		len++;
	return bd_printf("%.*s%s", (int)(at - text), text, at + len);
}

static char *name_of_side(const cJSON *plan, const char *side)
{
	const cJSON *sides = cJSON_GetObjectItemCaseSensitive(plan, "sides");
	return bd_strdup(cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(sides, side), "label")));
}

static char *reason_text(const struct bd_reason *r)
{
	if (!r)
		return NULL;
	const char *what = r->message ? r->message : r->key;
	return r->check ? bd_printf("%s: %s", r->check, what) : bd_strdup(what);
}

static void judge(const struct bd_cell_result *c, const struct bd_cell_result *reference, struct row *row)
{
	const char *bad = !bd_streq(c->status, "ok")              ? c->status
		: reference && !bd_streq(reference->status, "ok") ? reference->status
								  : NULL;
	const struct bd_reason *why = bad && !bd_streq(c->status, "ok") ? c->reason : bad ? reference->reason : NULL;
	row->verdict = bd_strdup(bad ? bad : c->verdict ? c->verdict : "undecided");
	row->outcome = bd_streq(bad, "unsupported")                                       ? OUTCOME_LEFT_OUT
		: bad                                                                     ? OUTCOME_BROKEN
		: bd_streq(c->verdict, "slower")                                          ? OUTCOME_BAD
		: bd_streq(c->verdict, "faster") || bd_streq(c->verdict, "no difference") ? OUTCOME_GOOD
											  : OUTCOME_UNDECIDED;
	row->message = reason_text(why);
	if (!bad && row->outcome == OUTCOME_UNDECIDED && isfinite(c->smallest_effect))
		row->message = bd_printf("this run would have seen a difference of %.1f %% in four of five cases",
			c->smallest_effect * 100);
	if (bd_streq(row->verdict, "no difference") && isfinite(c->equivalence)) {
		free(row->verdict);
		row->verdict = bd_printf("no difference (≥ %.3g %%)", c->equivalence * 100);
	}
}

static char *heading_of(const struct rows *r, const struct bd_run_document *doc)
{
	static const struct {
		const char *word;
		enum outcome outcome;
	} parts[] = {{"slower", OUTCOME_BAD}, {"faster", OUTCOME_GOOD}, {"no difference", OUTCOME_GOOD},
		{"undecided", OUTCOME_UNDECIDED}, {NULL, OUTCOME_BROKEN}, {NULL, OUTCOME_LEFT_OUT}};
	static const char *const words[] = {"invalid or failed", "unsupported"};
	struct bd_str out = {0};
	for (size_t k = 0; k < BD_LEN(parts); k++) {
		size_t n = 0;
		for (size_t i = 0; i < r->n; i++)
			n += r->v[i].outcome == parts[k].outcome &&
				(!parts[k].word || bd_starts_with(r->v[i].verdict, parts[k].word));
		if (n)
			bd_str_printf(&out, "%s%zu %s", out.len ? ", " : "", n,
				parts[k].word ? parts[k].word : words[k - 4]);
	}
	if (!r->n)
		bd_str_puts(&out, "nothing to compare");
	if (doc->run.state && !bd_streq(doc->run.state, "complete"))
		bd_str_printf(&out, "; the run was not completed (%s)", doc->run.state);
	return bd_str_take(&out);
}

static void rows_begin(const struct bd_run_document *doc, struct rows *ret)
{
	*ret = (struct rows){.title = bd_strdup(doc->run.suite),
		.run = bd_strdup(doc->run.id),
		.started = bd_strdup(doc->run.started),
		.noise = bd_strdup(doc->run.noise_line),
		.names = {name_of_side(doc->run.plan, "a"), name_of_side(doc->run.plan, "b")},
		.wall_s = doc->run.wall_s};
}

/* What a cell of side b is compared with. One without a ratio names no other: that has the same id but for its side. */
static const struct bd_cell_result *reference_of(const struct bd_run_document *doc, const struct bd_cell_result *c)
{
	if (c->ratio)
		return find(doc, c->ratio->to);
	const char *at = strstr(c->id, "side=b");
	bd_auto_free char *id = at ? bd_printf("%.*sside=a%s", (int)(at - c->id), c->id, at + 6) : NULL;
	return id ? find(doc, id) : NULL;
}

static void row_make(const struct bd_run_document *doc, const struct bd_cell_result *c, struct row *ret)
{
	bd_auto_free char *label = bd_cell_label(doc, c);
	const struct bd_cell_result *reference = reference_of(doc, c);
	*ret = (struct row){.id = without_side(c->id, '/'),
		.label = without_side(label, ' '),
		.before_ns = reference && reference->time_ns_per_op ? reference->time_ns_per_op->median : (double)NAN,
		.time_ns = c->time_ns_per_op ? c->time_ns_per_op->median : (double)NAN,
		.ratio = c->ratio ? c->ratio->median : (double)NAN,
		.lo = c->ratio ? c->ratio->lo : (double)NAN,
		.hi = c->ratio ? c->ratio->hi : (double)NAN,
		.limit = (double)NAN};
	judge(c, reference, ret);
	if (!*ret->label) {
		free(ret->label);
		ret->label = bd_strdup(c->case_name);
	}
}

void rows_of_run(const struct bd_run_document *doc, struct rows *ret)
{
	struct rows r;
	rows_begin(doc, &r);
	for (size_t i = 0; i < doc->cells_len; i++)
		if (bd_streq(bd_axes_get(&doc->cells[i].axes, "side"), "b"))
			row_make(doc, &doc->cells[i], BD_PUSH(r.v, r.n));
	r.heading = heading_of(&r, doc);
	*ret = r;
}

/* ---- of a gate ------------------------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

void rows_of_gate(const struct bd_run_document *doc, const cJSON *gate, struct rows *ret)
{
	static const char *const verdicts[] = {"pass", "fail", "undecided", "ignored"};
	static const enum outcome outcomes[] = {OUTCOME_GOOD, OUTCOME_BAD, OUTCOME_UNDECIDED, OUTCOME_LEFT_OUT};
	const char *verdict = text_of(gate, "verdict");
	struct rows r;
	rows_begin(doc, &r);
	r.heading = bd_strdup(bd_streq(verdict, "pass") ? "passed"
			: bd_streq(verdict, "fail")     ? "failed"
							: "undecided");
	r.summary = bd_strdup(text_of(gate, "summary"));
	const cJSON *cell;
	cJSON_ArrayForEach(cell, cJSON_GetObjectItemCaseSensitive(gate, "cells")) {
		const struct bd_cell_result *c = find(doc, text_of(cell, "id"));
		if (!c)
			continue;
		struct row *row = BD_PUSH(r.v, r.n);
		row_make(doc, c, row);
		bool broken = row->outcome == OUTCOME_BROKEN;
		const char *word = text_of(cell, "verdict");
		for (size_t i = 0; i < BD_LEN(verdicts); i++)
			if (bd_streq(word, verdicts[i]))
				row->outcome = broken && i == 2 ? OUTCOME_BROKEN : outcomes[i];
		free(row->verdict);
		free(row->message);
		row->verdict = bd_strdup(word ? word : "undecided");
		row->message = bd_strdup(text_of(cell, "message"));
		const cJSON *limit = cJSON_GetObjectItemCaseSensitive(cell, "limit");
		row->limit = cJSON_IsNumber(limit) && row->outcome != OUTCOME_LEFT_OUT ? limit->valuedouble
										       : (double)NAN;
	}
	*ret = r;
}

/* ---- ab and compare --------------------------------------------------------------------------------------------------- */

enum format format_of(const struct bd_ctl *ctl, const struct bd_words *w)
{
	static const char *const names[] = {"table", "markdown", "junit", "json"};
	const char *word = bd_words_text(w, "format");
	for (size_t i = 0; i < BD_LEN(names); i++)
		if (bd_streq(names[i], word))
			return (enum format)i;
	return ctl->json ? FORMAT_JSON : FORMAT_TABLE;
}

int format_check(const struct bd_ctl *ctl, const struct bd_words *w, struct bd_error *err)
{
	const char *word = bd_words_text(w, "format");
	if (ctl->json && word && !bd_streq(word, "json"))
		return bd_error_set(err, -EINVAL, "usage", NULL, "--json does not go with --format %s", word);
	return 0;
}

int format_run(const struct bd_ctl *ctl, const struct bd_words *w, const cJSON *json, const struct bd_run_document *doc)
{
	enum format format = format_of(ctl, w);
	bd_auto_str struct bd_str out = {0};
	if (format == FORMAT_JSON)
		return bd_ctl_answer_json(ctl, json);
	auto_rows struct rows rows;
	rows_of_run(doc, &rows);
	if (format == FORMAT_TABLE)
		bd_run_table(doc, &ctl->out, &out);
	else if (format == FORMAT_MARKDOWN)
		rows_markdown(&rows, &out);
	else
		rows_junit(&rows, &out);
	return bd_ctl_answer(ctl, out.s);
}

int format_status(const struct bd_run_document *doc)
{
	if (!bd_streq(doc->run.state, "complete"))
		return bd_run_exit(doc);
	auto_rows struct rows rows;
	rows_of_run(doc, &rows);
	return rows_status(&rows);
}
