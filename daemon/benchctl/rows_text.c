/* Rows as a table, as Markdown and as JUnit XML. */
#include "format.h"

#include <stdio.h>

static char *time_text(double ns)
{
	if (!isfinite(ns))
		return bd_strdup("–");
	struct bd_scale scale = bd_scale_for(ns, ns);
	return bd_scale_text(&scale, ns);
}

/* ---- a table ------------------------------------------------------------------------------------------------------ */

void rows_table(const struct rows *rows, const struct bd_screen *s, struct bd_str *out)
{
	static const enum bd_style styles[] = {BD_GREEN, BD_RED, BD_YELLOW, BD_RED, BD_DIM};
	bd_put_wrapped(out, s, rows->summary ? rows->summary : rows->heading, 0, 0);
	bd_str_puts(out, "\n\n");
	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	size_t cell = bd_grid_column(g, (struct bd_grid_column){.title = "cell"}),
	       verdict = bd_grid_column(g, (struct bd_grid_column){.title = "verdict"}),
	       ratio = bd_grid_column(g, (struct bd_grid_column){.title = "B ÷ A"}),
	       limit = bd_grid_column(g, (struct bd_grid_column){.title = "limit", .right = true}),
	       why = bd_grid_column(g, (struct bd_grid_column){.title = "because", .flexible = true, .importance = 1});
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->v[i];
		bd_auto_free char *text = rows_ratio(row);
		bd_grid_row(g);
		bd_grid_set(g, cell, BD_PLAIN, "%s", row->label);
		bd_grid_set(g, verdict, styles[row->outcome], "%s", row->verdict);
		if (isfinite(row->ratio))
			bd_grid_set(g, ratio, BD_PLAIN, "%s", text);
		if (isfinite(row->limit))
			bd_grid_set(g, limit, BD_PLAIN, "+%.3g %%", row->limit * 100);
		if (row->message)
			bd_grid_set(g, why, BD_PLAIN, "%s", row->message);
	}
	if (rows->n)
		bd_grid_print(g, out);
}

/* ---- Markdown: of GitHub and GitLab ------------------------------------------------------------------------------ */

/* Text in a cell of a table: no character of it means anything. */
static void put_cell(struct bd_str *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			bd_str_puts(out, " ");
		else if (*p == '<')
			bd_str_puts(out, "&lt;");
		else if (*p == '&')
			bd_str_puts(out, "&amp;");
		else if (strchr("\\`*_{}[]#|~!@", *p)) /* @ would tell somebody */
			bd_str_printf(out, strchr("@|", *p) ? "&#%d;" : "\\%c", *p);
		else
			bd_str_append(out, p, 1);
	}
}

static void put_head(const struct rows *r, struct bd_str *out)
{
	bd_str_puts(out, "### benchd: ");
	put_cell(out, r->heading);
	bd_str_puts(out, "\n\n");
	if (r->summary) {
		put_cell(out, r->summary);
		bd_str_puts(out, "\n\n");
	}
	if (r->names[0] && r->names[1]) {
		bd_str_puts(out, "A = ");
		put_cell(out, r->names[0]);
		bd_str_puts(out, ", B = ");
		put_cell(out, r->names[1]);
		bd_str_puts(out, "; ");
	}
	put_cell(out, r->title ? r->title : "");
	if (isfinite(r->wall_s)) {
		bd_auto_free char *wall = bd_text_seconds(r->wall_s);
		bd_str_printf(out, ", %s", wall);
	}
	if (r->run)
		bd_str_printf(out, ", run %s", r->run);
	bd_str_puts(out, "\n\n");
}

void rows_markdown(const struct rows *r, struct bd_str *out)
{
	static const char *const marks[] = {"", "**", "*", "**", ""};
	bool limits = false, notes = false;
	for (size_t i = 0; i < r->n; i++) {
		limits = limits || isfinite(r->v[i].limit);
		notes = notes || r->v[i].message;
	}
	put_head(r, out);
	if (r->n)
		bd_str_printf(out, "| | A | B | B ÷ A |%s verdict |\n|:--|--:|--:|--:|%s:--|\n",
			limits ? " may be |" : "", limits ? "--:|" : "");
	for (size_t i = 0; i < r->n; i++) {
		const struct row *row = &r->v[i];
		bd_auto_free char *a = time_text(row->before_ns), *b = time_text(row->time_ns),
				  *ratio = rows_ratio(row);
		bd_str_puts(out, "| ");
		put_cell(out, row->label);
		bd_str_printf(out, " | %s | %s | ", a, b);
		put_cell(out, ratio);
		bd_str_puts(out, " | ");
		if (limits && isfinite(row->limit))
			bd_str_printf(out, "+%.3g %% | ", row->limit * 100);
		else if (limits)
			bd_str_puts(out, "| ");
		bd_str_puts(out, marks[row->outcome]);
		put_cell(out, row->verdict);
		bd_str_printf(out, "%s |\n", marks[row->outcome]);
	}
	if (notes)
		bd_str_puts(out, "\n");
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].message) {
			bd_str_puts(out, "- ");
			put_cell(out, r->v[i].label);
			bd_str_puts(out, ": ");
			put_cell(out, r->v[i].message);
			bd_str_puts(out, "\n");
		}
	if (r->noise) {
		bd_str_puts(out, "\n");
		put_cell(out, r->noise);
		bd_str_puts(out, "\n");
	}
}

/* ---- JUnit XML, as GitLab and Jenkins read it ------------------------------------------------------------------------ */

/* XML 1.0 has no way to write most control characters. Text is UTF-8 already. */
static void put_xml(struct bd_str *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '&' || *p == '<' || *p == '>' || *p == '"' || *p == '\n' || *p == '\t')
			bd_str_printf(out, "&#%d;", *p);
		else if (*p < ' ' || *p == 0x7f)
			bd_str_puts(out, "?");
		else if (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe) { /* U+FFFE, U+FFFF */
			bd_str_puts(out, "?");
			p += 2;
		} else
			bd_str_append(out, p, 1);
	}
}

static void put_attribute(struct bd_str *out, const char *name, const char *value)
{
	bd_str_printf(out, " %s=\"", name);
	put_xml(out, value ? value : "");
	bd_str_puts(out, "\"");
}

static void put_case(const struct rows *r, const struct row *row, struct bd_str *out)
{
	static const char *const elements[] = {NULL, "failure", "skipped", "error", "skipped"};
	bd_auto_free char *a = time_text(row->before_ns), *b = time_text(row->time_ns), *ratio = rows_ratio(row);
	bd_auto_str struct bd_str text = {0};
	bd_str_printf(&text, "%s: A %s, B %s, B ÷ A %s", row->verdict, a, b, ratio);
	if (isfinite(row->limit))
		bd_str_printf(&text, ", at most +%.3g %%", row->limit * 100);
	if (row->message)
		bd_str_printf(&text, "; %s", row->message);
	bd_str_puts(out, "    <testcase");
	put_attribute(out, "classname", r->title);
	put_attribute(out, "name", row->id);
	if (isfinite(row->time_ns))
		bd_str_printf(out, " time=\"%.9f\"", row->time_ns / 1e9);
	bd_str_puts(out, ">\n");
	const char *element = elements[row->outcome];
	if (element) {
		bd_str_printf(out, "      <%s", element);
		if (!bd_streq(element, "skipped"))
			put_attribute(out, "type", row->verdict);
		put_attribute(out, "message", text.s);
		bd_str_puts(out, "/>\n");
	} else {
		bd_str_puts(out, "      <system-out>");
		put_xml(out, text.s);
		bd_str_puts(out, "</system-out>\n");
	}
	bd_str_puts(out, "    </testcase>\n");
}

static void put_counts(const struct rows *r, struct bd_str *out)
{
	bd_str_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", r->n,
		rows_count(r, OUTCOME_BAD), rows_count(r, OUTCOME_BROKEN),
		rows_count(r, OUTCOME_UNDECIDED) + rows_count(r, OUTCOME_LEFT_OUT));
	if (isfinite(r->wall_s))
		bd_str_printf(out, " time=\"%.3f\"", r->wall_s);
}

void rows_junit(const struct rows *r, struct bd_str *out)
{
	bd_str_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"benchd\"");
	put_counts(r, out);
	bd_str_puts(out, ">\n  <testsuite");
	put_attribute(out, "name", r->title);
	put_counts(r, out);
	if (r->started) { /* those who read it want no zone */
		bd_auto_free char *stamp = bd_strndup(r->started, strcspn(r->started, "Z"));
		put_attribute(out, "timestamp", stamp);
	}
	bd_str_puts(out, ">\n    <properties>\n");
	const char *const properties[][2] = {{"run", r->run}, {"a", r->names[0]}, {"b", r->names[1]},
		{"noise", r->noise}, {"summary", r->summary ? r->summary : r->heading}};
	for (size_t i = 0; i < BD_LEN(properties); i++)
		if (properties[i][1]) {
			bd_str_puts(out, "      <property");
			put_attribute(out, "name", properties[i][0]);
			put_attribute(out, "value", properties[i][1]);
			bd_str_puts(out, "/>\n");
		}
	bd_str_puts(out, "    </properties>\n");
	for (size_t i = 0; i < r->n; i++)
		put_case(r, &r->v[i], out);
	bd_str_puts(out, "  </testsuite>\n</testsuites>\n");
}
