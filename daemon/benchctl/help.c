/* Help texts, made from the descriptors; wrapped at 80 columns whatever the terminal, so that they can be compared. */
#include "help.h"

#include <ctype.h>

#define WIDTH 80
#define COLUMN_MOST 28 /* where the right side of a list starts at the latest; longer words get a line of their own */

struct item {
	char *left;
	const char *text;
};

/* A titled list in two columns. Takes the items. */
static void put_list(struct bd_str *out, const char *title, struct item *items, size_t n)
{
	size_t column = 0;
	for (size_t i = 0; i < n; i++) {
		size_t end = 2 + strlen(items[i].left) + 2;
		if (end <= COLUMN_MOST)
			column = BD_MAX(column, end);
	}
	if (n)
		bd_str_printf(out, "\n%s:\n", title);
	for (size_t i = 0; i < n; i++) {
		size_t at = 2 + strlen(items[i].left);
		bd_str_printf(out, "  %s", items[i].left);
		if (at + 2 > column) {
			bd_str_puts(out, "\n");
			at = 0;
		}
		bd_str_printf(out, "%*s", (int)(column - at), "");
		bd_text_wrap(out, items[i].text, WIDTH, column, column);
		bd_str_puts(out, "\n");
		free(items[i].left);
	}
	free(items);
}

static void add(struct item **items, size_t *n, char *left, const char *text)
{
	*BD_PUSH(*items, *n) = (struct item){left, text};
}

static void options(struct bd_str *out, const char *title, const struct bd_option *o, size_t n)
{
	struct item *items = NULL;
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		bd_auto_str struct bd_str left = {0};
		if (o[i].letter)
			bd_str_printf(&left, "-%c, ", o[i].letter);
		bd_str_printf(&left, "--%s", o[i].name);
		if (o[i].argument)
			bd_str_printf(&left, " %s", o[i].argument);
		add(&items, &len, bd_str_take(&left), o[i].summary);
	}
	put_list(out, title, items, len);
}

/* Fixed lists of the overview. */
static void pairs(struct bd_str *out, const char *title, const char *const (*v)[2], size_t n)
{
	struct item *items = NULL;
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		add(&items, &len, bd_strdup(v[i][0]), v[i][1]);
	put_list(out, title, items, len);
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

const char *const help_statuses[][2] = {
	{"0", "yes, success"},
	{"1", "the answer is no: something is slower, a problem was found, it does not run"},
	{"2", "could not decide: an undecided verdict, invalid or failed cells, interrupted, daemon lost, waited too long"},
	{"64", "usage: an unknown word or value"},
	{"66", "no such input"},
	{"69", "no benchd could be reached or started"},
	{"70", "a bug in benchd"},
	{"74", "store full or unwritable"},
	{"77", "not permitted"},
};
const size_t help_statuses_len = BD_LEN(help_statuses);
const char *const help_environment[][2] = {
	{"BENCHD_DATA", "folder of your own benchd (default: $XDG_DATA_HOME/benchd)"},
	{"BENCHD_URL", "a benchd that runs elsewhere, as --server"},
	{"BENCHD_TOKEN", "what that benchd asks for"},
	{"NO_COLOR", "no colours"},
};
const size_t help_environment_len = BD_LEN(help_environment);

const char help_about[] =
	"Measures what it costs to cross the boundary between Python and native code, and who waited for the GIL "
	"meanwhile.";
const char help_example[] = "benchctl run gil-contention --threads 1,2 --budget 20s";

void bd_help_overview(const struct bd_command *const *commands, size_t n, struct bd_str *out)
{
	bd_str_puts(out, "usage: benchctl [--server URL] [--json] [-v|-q] [--color WHEN] COMMAND ...\n");
	paragraphs(out, help_about);
	struct item *items = NULL;
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		add(&items, &len, bd_strdup(commands[i]->name), commands[i]->summary);
	put_list(out, "commands", items, len);
	options(out, "options of every command", bd_global_options, bd_global_options_len);
	pairs(out, "exit status", help_statuses, help_statuses_len);
	pairs(out, "environment", help_environment, help_environment_len);
	bd_str_printf(out, "\nexample:\n  %s\n", help_example);
}

void bd_help_command(const struct bd_command *c, const struct bd_command *parent, struct bd_str *out)
{
	bd_auto_free char *title = parent ? bd_printf("%s %s", parent->name, c->name) : bd_strdup(c->name);
	bd_str_printf(out, "usage: benchctl %s%s", title, c->options_len ? " [options]" : "");
	if (c->verbs_len)
		bd_str_puts(out, " COMMAND");
	if (c->operands)
		bd_str_printf(out, " %s", c->operands);
	if (c->program)
		bd_str_printf(out, "\n       benchctl %s%s -- %s", title, c->options_len ? " [options]" : "",
			c->program);
	bd_str_puts(out, "\n\n");
	bd_auto_free char *summary = bd_printf("%s.", c->summary);
	summary[0] = (char)toupper((unsigned char)summary[0]);
	bd_text_wrap(out, summary, WIDTH, 0, 0);
	bd_str_puts(out, "\n");
	if (c->details)
		paragraphs(out, c->details);
	struct item *verbs = NULL;
	size_t len = 0;
	for (size_t i = 0; i < c->verbs_len; i++) {
		const struct bd_command *v = &c->verbs[i];
		add(&verbs, &len,
			bd_printf("%s %s%s%s", c->name, v->name, v->operands ? " " : "",
				v->operands ? v->operands : ""),
			v->summary);
	}
	put_list(out, "commands", verbs, len);
	options(out, "options", c->options, c->options_len);
	options(out, "options of every command", bd_global_options, bd_global_options_len);
	bd_str_printf(out, "\nexample:\n  %s\n", c->example);
}
