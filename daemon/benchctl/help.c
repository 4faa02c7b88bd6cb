/* Help texts, made from the descriptors; wrapped at 80 columns whatever the terminal, so that they can be compared. */
#include "bd_benchctl.h"

#define WIDTH 80
#define COLUMN 28 /* where summaries start */

static void item(struct bd_str *out, const char *left, const char *text)
{
	size_t start = 2 + strlen(left);
	bd_str_printf(out, "  %s", left);
	if (start + 2 > COLUMN) {
		bd_str_puts(out, "\n");
		start = 0;
	}
	bd_str_printf(out, "%*s", (int)(COLUMN - start), "");
	bd_text_wrap(out, text, WIDTH, COLUMN, COLUMN);
	bd_str_puts(out, "\n");
}

static void options(struct bd_str *out, const char *title, const struct bd_option *o, size_t n)
{
	if (!n)
		return;
	bd_str_printf(out, "\n%s:\n", title);
	for (size_t i = 0; i < n; i++) {
		bd_auto_str struct bd_str left = {0};
		if (o[i].letter)
			bd_str_printf(&left, "-%c, ", o[i].letter);
		bd_str_printf(&left, "--%s", o[i].name);
		if (o[i].argument)
			bd_str_printf(&left, " %s", o[i].argument);
		item(out, left.s, o[i].summary);
	}
}

static void paragraphs(struct bd_str *out, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		bd_auto_free char *p = bd_strndup(text, end ? (size_t)(end - text) : strlen(text));
		bd_str_puts(out, "\n");
		bd_text_wrap(out, p, WIDTH, 0, 0);
		bd_str_puts(out, "\n");
		if (!end)
			return;
		text = end + 2;
	}
}

void bd_help_overview(const struct bd_command *const *commands, size_t n, struct bd_str *out)
{
	bd_str_puts(out, "usage: benchctl [--server URL] [--json] [-v|-q] [--color WHEN] COMMAND ...\n");
	paragraphs(out,
		"Measures what it costs to cross the boundary between Python and native code, and who waited for the GIL "
		"meanwhile.");
	bd_str_puts(out, "\ncommands:\n");
	for (size_t i = 0; i < n; i++)
		item(out, commands[i]->name, commands[i]->summary);
	options(out, "options of every command", bd_global_options, bd_global_options_len);
	bd_str_puts(out, "\nexit status:\n");
	item(out, "0", "yes, success");
	item(out, "1", "the answer is no: a problem was found");
	item(out, "2", "could not decide: invalid or failed cells, interrupted, daemon lost, waited too long");
	item(out, "64, 66, 69, 70, 74, 77", "usage; no such input; no benchd; a bug in benchd; store full or unwritable; not permitted");
	bd_str_puts(out, "\nenvironment:\n");
	item(out, "BENCHD_DATA", "folder of your own benchd (default: $XDG_DATA_HOME/benchd)");
	item(out, "BENCHD_URL, BENCHD_TOKEN", "use a benchd that runs elsewhere");
	item(out, "NO_COLOR", "no colours");
	bd_str_puts(out, "\nexample:\n  benchctl run gil-contention --threads 1,2 --budget 20s\n");
}

void bd_help_command(const struct bd_command *c, const struct bd_command *parent, struct bd_str *out)
{
	bd_auto_free char *title = parent ? bd_printf("%s %s", parent->name, c->name) : bd_strdup(c->name);
	bd_str_printf(out, "usage: benchctl %s%s", title, c->options_len ? " [options]" : "");
	if (c->verbs_len)
		bd_str_puts(out, " COMMAND");
	if (c->operands)
		bd_str_printf(out, " %s", c->operands);
	bd_str_puts(out, "\n\n");
	bd_auto_free char *summary = bd_printf("%s.", c->summary);
	bd_text_wrap(out, summary, WIDTH, 0, 0);
	bd_str_puts(out, "\n");
	if (c->details)
		paragraphs(out, c->details);
	if (c->verbs_len) {
		bd_str_puts(out, "\ncommands:\n");
		for (size_t i = 0; i < c->verbs_len; i++) {
			const struct bd_command *v = &c->verbs[i];
			bd_auto_free char *left = bd_printf("%s %s%s%s", c->name, v->name, v->operands ? " " : "", v->operands ? v->operands : "");
			item(out, left, v->summary);
		}
	}
	options(out, "options", c->options, c->options_len);
	options(out, "options of every command", bd_global_options, bd_global_options_len);
	bd_str_printf(out, "\nexample:\n  %s\n", c->example);
}
