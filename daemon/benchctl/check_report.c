/* The report of a check: findings first, then what each check says, then what was not looked at. */
#include "check.h"
#include "run_table.h"

#include <stdio.h>

static const cJSON *part(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(part(o, name));
	return s ? s : "";
}

static int count_of(const cJSON *o, const char *name)
{
	const cJSON *n = part(o, name);
	return cJSON_IsNumber(n) ? n->valueint : 0; /* within an int whatever is stored */
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static void paragraph(struct bd_str *out, const struct bd_screen *s, size_t indent, enum bd_style style,
	const char *label, const char *text)
{
	bd_str_printf(out, "%*s", (int)indent, "");
	bd_put(out, s, style, label);
	size_t at = indent + bd_text_width(label);
	bd_put_wrapped(out, s, text, indent + (*label ? 2 : 0), at);
	bd_str_puts(out, "\n");
}

static const char *title_of(const cJSON *document, const char *check)
{
	const cJSON *c;
	cJSON_ArrayForEach(c, part(document, "checks"))
		if (bd_streq(text_of(c, "check"), check))
			return text_of(c, "title");
	return check;
}

static void finding(const cJSON *document, const cJSON *f, int number, const struct bd_screen *s, struct bd_str *out)
{
	const cJSON *line;
	bd_str_puts(out, "\n");
	bd_putf(out, s, BD_RED, "%d  %s", number, title_of(document, text_of(f, "check")));
	bd_put(out, s, BD_PLAIN, ": ");
	bd_put(out, s, BD_BOLD, text_of(f, "function"));
	bd_str_puts(out, "\n");
	cJSON_ArrayForEach(line, part(f, "call")) {
		const char *code = cJSON_GetStringValue(line);
		bd_str_puts(out, "       ");
		bd_put(out, s, BD_BOLD, code ? code : ""); /* whole: it is there to be copied */
		bd_str_puts(out, "\n");
	}
	paragraph(out, s, 3, BD_PLAIN, "", text_of(f, "evidence"));
	if (*text_of(f, "hint"))
		paragraph(out, s, 3, BD_DIM, "hint: ", text_of(f, "hint"));
}

static void checks(const cJSON *document, const struct bd_screen *s, struct bd_str *out)
{
	bd_auto_grid struct bd_grid *g = bd_grid_new(s);
	size_t name = bd_grid_column(g, (struct bd_grid_column){"check", false, false, false, 0});
	size_t verdict = bd_grid_column(g, (struct bd_grid_column){"verdict", false, false, true, 0});
	const cJSON *c;
	cJSON_ArrayForEach(c, part(document, "checks")) {
		const char *word = text_of(c, "verdict"), *reason = text_of(c, "reason");
		bool found = bd_streq(word, "found"), nothing = bd_streq(word, "nothing found");
		bd_grid_row(g);
		bd_grid_set(g, name, BD_PLAIN, "%s", text_of(c, "title"));
		if (found)
			bd_grid_set(g, verdict, BD_RED, "found: %d", count_of(c, "findings"));
		else
			bd_grid_set(g, verdict, nothing ? BD_GREEN : BD_YELLOW, "%s%s%s", word, *reason ? ": " : "",
				reason);
	}
	bd_str_puts(out, "\n");
	bd_grid_print(g, out);
}

/* "name (reason)", those with equal reasons together. */
static void left_out(const cJSON *rows, const char *label, const struct bd_screen *s, struct bd_str *out)
{
	int n = cJSON_GetArraySize(rows);
	bd_auto_free bool *told = bd_alloc((size_t)n + 1);
	for (int i = 0; i < n; i++) {
		const char *reason = text_of(cJSON_GetArrayItem(rows, i), "reason");
		bd_auto_str struct bd_str names = {0};
		int more = 0, shown = 0;
		if (told[i])
			continue;
		for (int k = i; k < n; k++) {
			const cJSON *row = cJSON_GetArrayItem(rows, k);
			if (!bd_streq(text_of(row, "reason"), reason))
				continue;
			told[k] = true;
			if (s->verbose || shown < 6)
				bd_str_printf(&names, "%s%s", shown++ ? ", " : "", text_of(row, "name"));
			else
				more++;
		}
		if (more)
			bd_str_printf(&names, " and %d more (-v)", more);
		bd_str_printf(&names, ": %s", reason);
		paragraph(out, s, 0, BD_YELLOW, label, names.s);
	}
}

void check_report(const cJSON *document, const struct bd_screen *s, struct bd_str *out)
{
	const cJSON *module = part(document, "module"), *python = part(document, "python"), *f,
		    *coverage = part(document, "coverage"), *findings = part(document, "findings");
	const char *version = text_of(module, "version"), *file = last_part(text_of(module, "file"));
	int n = cJSON_GetArraySize(findings), number = 0;
	const char *verdict = text_of(document, "verdict");
	bd_auto_str struct bd_str head = {0};
	bd_str_printf(&head, "%s%s%s%s%s%s, Python %s%s%s: ", text_of(module, "name"), *version ? " " : "", version,
		*file ? " (" : "", file, *file ? ")" : "", text_of(python, "version"),
		cJSON_IsTrue(part(python, "free_threaded")) ? " free-threaded" : "",
		cJSON_IsTrue(part(python, "debug")) ? " debug" : "");
	if (n)
		bd_str_printf(&head, "%d finding%s", n, n == 1 ? "" : "s");
	else
		bd_str_puts(&head, verdict);
	bd_put_wrapped(out, s, head.s, 2, 0);
	bd_str_puts(out, "\n");
	cJSON_ArrayForEach(f, findings)
		finding(document, f, ++number, s, out);
	checks(document, s, out);
	bd_auto_free char *called = bd_printf("%d of %d functions called, %d calls tried, %d measured over many calls.",
		count_of(coverage, "called"), count_of(coverage, "functions"), count_of(coverage, "calls"),
		count_of(coverage, "measured"));
	bd_str_puts(out, "\n");
	paragraph(out, s, 0, BD_PLAIN, "", called);
	left_out(part(coverage, "not_called"), "not called: ", s, out);
	left_out(part(coverage, "unfinished"), "unfinished: ", s, out);
	if (!bd_streq(text_of(document, "state"), "complete"))
		paragraph(out, s, 0, BD_YELLOW, "not complete: ", text_of(document, "reason"));
}

bool bd_run_is_check(const struct bd_run_document *doc)
{
	return bd_streq(doc->run.kind, "check");
}

void bd_check_table(const struct bd_run_document *doc, const struct bd_screen *s, struct bd_str *out)
{
	const struct bd_run_head *r = &doc->run;
	if (!doc->check) {
		bd_run_header(doc, s, 0, NULL, out);
	} else {
		check_report(doc->check, s, out);
		bd_auto_free char *label = bd_printf("%s: ", r->state ? r->state : "?");
		if (r->reason && !bd_streq(r->reason->key, "timeout")) /* that the report has said itself */
			paragraph(out, s, 0, BD_YELLOW, label, r->reason->message ? r->reason->message : "");
	}
	bd_str_puts(out, "\n");
	bd_run_about(doc, s, out);
}

int check_exit(const cJSON *document)
{
	if (!bd_streq(text_of(document, "state"), "complete"))
		return BD_EXIT_UNDECIDED;
	const char *verdict = text_of(document, "verdict");
	return bd_streq(verdict, "found")            ? BD_EXIT_NO
		: bd_streq(verdict, "nothing found") ? BD_EXIT_OK
						     : BD_EXIT_UNDECIDED;
}
