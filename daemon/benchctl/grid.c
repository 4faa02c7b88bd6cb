/* Rows and columns that fit the screen: the least important columns go first, long text is wrapped. */
#include "bd_benchctl.h"

#include <stdio.h>

struct entry {
	char *text;
	enum bd_style style;
	bool span;
};
struct row {
	struct entry *v; /* one per column; none for a heading */
	char *heading;
};
struct bd_grid {
	struct bd_screen screen;
	struct bd_grid_column *columns;
	size_t columns_len;
	struct row *rows;
	size_t rows_len;
};

struct bd_grid *bd_grid_new(const struct bd_screen *s)
{
	struct bd_grid *g = bd_alloc(sizeof *g);
	g->screen = *s;
	return g;
}

void bd_grid_free(struct bd_grid **gp)
{
	struct bd_grid *g = *gp;
	if (!g)
		return;
	for (size_t r = 0; r < g->rows_len; r++) {
		for (size_t c = 0; g->rows[r].v && c < g->columns_len; c++)
			free(g->rows[r].v[c].text);
		free(g->rows[r].v);
		free(g->rows[r].heading);
	}
	for (size_t c = 0; c < g->columns_len; c++)
		free((char *)g->columns[c].title);
	free(g->columns);
	free(g->rows);
	free(g);
	*gp = NULL;
}

size_t bd_grid_column(struct bd_grid *g, struct bd_grid_column c)
{
	c.title = bd_text_for(&g->screen, c.title);
	*BD_PUSH(g->columns, g->columns_len) = c;
	return g->columns_len - 1;
}

void bd_grid_row(struct bd_grid *g)
{
	(BD_PUSH(g->rows, g->rows_len))->v = bd_alloc(g->columns_len * sizeof(struct entry));
}

void bd_grid_heading(struct bd_grid *g, const char *text)
{
	(BD_PUSH(g->rows, g->rows_len))->heading = bd_text_for(&g->screen, text);
}

static void set(struct bd_grid *g, size_t column, enum bd_style style, bool span, const char *fmt, va_list ap)
	BD_PRINTF(5, 0);

static void set(struct bd_grid *g, size_t column, enum bd_style style, bool span, const char *fmt, va_list ap)
{
	bd_auto_str struct bd_str b = {0};
	bd_str_vprintf(&b, fmt, ap);
	struct entry *e = &g->rows[g->rows_len - 1].v[column];
	free(e->text);
	*e = (struct entry){bd_text_for(&g->screen, b.s), style, span};
}

void bd_grid_set(struct bd_grid *g, size_t column, enum bd_style style, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	set(g, column, style, false, fmt, ap);
	va_end(ap);
}

void bd_grid_span(struct bd_grid *g, size_t column, enum bd_style style, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	set(g, column, style, true, fmt, ap);
	va_end(ap);
}

/* ---- printing ---------------------------------------------------------------------------------------------- */

struct layout {
	size_t *width; /* 0 = the column is not shown */
	size_t total;
};

static size_t gap(const struct bd_grid *g, const struct layout *l, size_t column)
{
	for (size_t c = 0; c < column; c++)
		if (l->width[c])
			return g->columns[column].tight && l->width[column - 1] ? 1 : 2;
	return 0;
}

static void measure(const struct bd_grid *g, struct layout *l)
{
	for (size_t c = 0; c < g->columns_len; c++) {
		size_t widest = 0;
		for (size_t r = 0; r < g->rows_len; r++) {
			const struct entry *e = g->rows[r].v ? &g->rows[r].v[c] : NULL;
			if (e && e->text && !e->span)
				widest = BD_MAX(widest, bd_text_width(e->text));
		}
		l->width[c] = widest ? BD_MAX(widest, bd_text_width(g->columns[c].title)) : 0;
	}
}

static size_t total(const struct bd_grid *g, const struct layout *l)
{
	size_t sum = 0;
	for (size_t c = 0; c < g->columns_len; c++)
		if (l->width[c])
			sum += gap(g, l, c) + l->width[c];
	return sum;
}

/* Takes the flexible column down to what the others leave, but not below a least width. */
static void shrink_flexible(const struct bd_grid *g, struct layout *l)
{
	for (size_t c = 0; c < g->columns_len; c++)
		if (g->columns[c].flexible && l->width[c]) {
			size_t least = BD_MIN(l->width[c], (size_t)20), rest = total(g, l) - l->width[c];
			if (rest + l->width[c] > g->screen.width)
				l->width[c] = rest + least > g->screen.width ? least : g->screen.width - rest;
		}
}

/* The most important column that is not shown, fits, and has not been tried; columns_len when there is none. A column
 * that belongs to the one before it needs that one. */
static size_t next_column(const struct bd_grid *g, const struct layout *l, const size_t *wanted, const bool *tried)
{
	size_t best = g->columns_len;
	for (size_t c = 0; c < g->columns_len; c++) {
		if (l->width[c] || !wanted[c] || tried[c] || (g->columns[c].tight && c && !l->width[c - 1]))
			continue;
		if (best == g->columns_len || g->columns[c].importance < g->columns[best].importance)
			best = c;
	}
	return best;
}

/* What must be shown, then by importance what fits beside it; then the widest texts are cut until the rest fits. */
static void fit(const struct bd_grid *g, struct layout *l)
{
	bd_auto_free size_t *wanted = bd_alloc(g->columns_len * sizeof *wanted);
	bd_auto_free bool *tried = bd_alloc(g->columns_len * sizeof *tried);
	memcpy(wanted, l->width, g->columns_len * sizeof *wanted);
	for (size_t c = 0; c < g->columns_len; c++)
		if (g->columns[c].importance > 0)
			l->width[c] = 0;
	for (size_t c; (c = next_column(g, l, wanted, tried)) < g->columns_len; tried[c] = true) {
		l->width[c] = wanted[c];
		for (size_t k = 0; k < g->columns_len; k++)
			if (g->columns[k].flexible && l->width[k])
				l->width[k] = wanted[k];
		shrink_flexible(g, l);
		if (total(g, l) > g->screen.width)
			l->width[c] = 0;
	}
	for (size_t k = 0; k < g->columns_len; k++)
		if (g->columns[k].flexible && l->width[k])
			l->width[k] = wanted[k];
	shrink_flexible(g, l);
	while (total(g, l) > g->screen.width) {
		size_t widest = g->columns_len;
		for (size_t c = 0; c < g->columns_len; c++)
			if (!g->columns[c].right && l->width[c] > 8 &&
				(widest == g->columns_len || l->width[c] > l->width[widest]))
				widest = c;
		if (widest == g->columns_len)
			break;
		l->width[widest]--;
	}
	l->total = total(g, l);
}

static void pad(struct bd_str *out, size_t n)
{
	if (n)
		bd_str_printf(out, "%*s", (int)n, "");
}

/* Blanks at the ends of lines are noise in a file. */
static void end_line(struct bd_str *out, size_t from)
{
	while (out->len > from && out->s[out->len - 1] == ' ')
		out->s[--out->len] = 0;
	bd_str_puts(out, "\n");
}

static void print_cell(const struct bd_grid *g, const struct bd_grid_column *c, const char *text, enum bd_style style,
	size_t width, struct bd_str *out)
{
	bd_auto_free char *cut = bd_text_cut(text, width, g->screen.utf8);
	size_t rest = width - BD_MIN(width, bd_text_width(cut));
	if (c->right)
		pad(out, rest);
	bd_put(out, &g->screen, style, cut);
	if (!c->right)
		pad(out, rest);
}

static void print_row(const struct bd_grid *g, const struct layout *l, const struct row *row, struct bd_str *out)
{
	bd_auto_strv struct bd_strv more = {0}; /* further lines of the flexible column */
	size_t from = out->len, at = 0, flexible_at = 0;
	for (size_t c = 0; c < g->columns_len; c++) {
		const struct entry *e = &row->v[c];
		if (e->span) {
			pad(out, at ? 2 : 0);
			bd_put(out, &g->screen, e->style, e->text);
			break;
		}
		if (!l->width[c])
			continue;
		size_t space = gap(g, l, c);
		pad(out, space);
		at += space;
		const char *text = e->text ? e->text : "";
		if (g->columns[c].flexible && bd_text_width(text) > l->width[c]) {
			bd_auto_str struct bd_str lines = {0};
			bd_text_wrap(&lines, text, l->width[c], 0, 0);
			bd_strv_split(&more, lines.s, '\n');
			flexible_at = at;
			text = more.v[0];
		}
		print_cell(g, &g->columns[c], text, e->style, l->width[c], out);
		at += l->width[c];
	}
	end_line(out, from);
	for (size_t i = 1; i < more.n; i++) {
		pad(out, flexible_at);
		bd_str_printf(out, "%s\n", more.v[i]);
	}
}

void bd_grid_print(struct bd_grid *g, struct bd_str *out)
{
	bd_auto_free size_t *widths = bd_alloc(g->columns_len * sizeof *widths);
	struct layout l = {.width = widths};
	measure(g, &l);
	fit(g, &l);
	size_t from = out->len;
	for (size_t c = 0; c < g->columns_len; c++)
		if (l.width[c]) {
			pad(out, gap(g, &l, c));
			print_cell(g, &g->columns[c], g->columns[c].title, BD_DIM, l.width[c], out);
		}
	end_line(out, from);
	for (size_t r = 0; r < g->rows_len; r++) {
		const struct row *row = &g->rows[r];
		if (row->heading) {
			bd_str_puts(out, "\n");
			bd_put(out, &g->screen, BD_BOLD, row->heading);
			bd_str_puts(out, "\n");
		} else {
			print_row(g, &l, row, out);
		}
	}
}
