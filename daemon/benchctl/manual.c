/* Manual pages, made from the descriptors as the help texts are. */
#include "help.h"

#include <ctype.h>

static char *sentence(const char *summary)
{
	char *s = bd_printf("%s.", summary);
	s[0] = (char)toupper((unsigned char)s[0]);
	return s;
}

static void options(struct bd_str *out, const struct bd_option *o, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bd_auto_free char *name = o[i].letter ? bd_printf("-%c, --%s", o[i].letter, o[i].name)
						      : bd_printf("--%s", o[i].name);
		bd_auto_free char *text = sentence(o[i].summary);
		bd_man_item(out, name, o[i].argument, text);
	}
}

static void synopsis(struct bd_str *out, const struct bd_command *c, const struct bd_command *parent)
{
	bd_auto_free char *name = bd_printf("benchctl %s%s%s", parent ? parent->name : "", parent ? " " : "", c->name);
	bd_auto_free char *rest = bd_printf("%s%s%s", c->options_len ? "[options]" : "",
		c->options_len && c->operands ? " " : "", c->operands ? c->operands : "");
	bd_man_synopsis(out, name, rest);
	if (!c->program)
		return;
	bd_auto_free char *other = bd_printf("%s-- %s", c->options_len ? "[options] " : "", c->program);
	bd_man_synopsis(out, name, other);
}

static void describe(struct bd_str *out, const struct bd_command *c)
{
	bd_auto_free char *summary = sentence(c->summary);
	bd_man_text(out, summary);
	if (c->details)
		bd_man_text(out, c->details);
}

void bd_manual_command(const struct bd_command *c, const char *version, struct bd_str *out)
{
	bd_auto_free char *name = bd_printf("benchctl-%s", c->name);
	bd_man_begin(out, name, 1, version, c->summary);
	bd_man_section(out, "SYNOPSIS");
	if (!c->verbs_len)
		synopsis(out, c, NULL);
	for (size_t i = 0; i < c->verbs_len; i++)
		synopsis(out, &c->verbs[i], c);
	bd_man_section(out, "DESCRIPTION");
	describe(out, c);
	if (c->options_len) {
		bd_man_section(out, "OPTIONS");
		options(out, c->options, c->options_len);
	}
	if (c->verbs_len)
		bd_man_section(out, "COMMANDS");
	for (size_t i = 0; i < c->verbs_len; i++) {
		const struct bd_command *v = &c->verbs[i];
		bd_auto_free char *part = bd_printf("%s %s%s%s", c->name, v->name, v->operands ? " " : "",
			v->operands ? v->operands : "");
		bd_man_part(out, part);
		describe(out, v);
		options(out, v->options, v->options_len);
		bd_man_text(out, "For example:");
		bd_man_example(out, v->example);
	}
	if (!c->verbs_len) {
		bd_man_section(out, "EXAMPLE");
		bd_man_example(out, c->example);
	}
	bd_man_section(out, "SEE ALSO");
	bd_str_puts(out, "Options of every command, exit statuses and variables of the environment:\n");
	bd_man_see(out, "benchctl", 1, true);
}

void bd_manual_overview(const struct bd_command *const *commands, size_t n, const char *version, struct bd_str *out)
{
	bd_man_begin(out, "benchctl", 1, version, "the command line of benchd");
	bd_man_section(out, "SYNOPSIS");
	bd_man_synopsis(out, "benchctl", "[--server URL] [--json] [-v|-q] [--color WHEN] COMMAND ...");
	bd_man_section(out, "DESCRIPTION");
	bd_man_text(out, help_about);
	bd_man_section(out, "COMMANDS");
	for (size_t i = 0; i < n; i++) {
		bd_auto_free char *text = sentence(commands[i]->summary);
		bd_man_item(out, commands[i]->name, NULL, text);
	}
	bd_man_section(out, "OPTIONS OF EVERY COMMAND");
	options(out, bd_global_options, bd_global_options_len);
	bd_man_section(out, "EXIT STATUS");
	for (size_t i = 0; i < help_statuses_len; i++)
		bd_man_item(out, help_statuses[i][0], NULL, help_statuses[i][1]);
	bd_man_section(out, "ENVIRONMENT");
	for (size_t i = 0; i < help_environment_len; i++)
		bd_man_item(out, help_environment[i][0], NULL, help_environment[i][1]);
	bd_man_section(out, "EXAMPLE");
	bd_man_example(out, help_example);
	bd_man_section(out, "SEE ALSO");
	for (size_t i = 0; i < n; i++) {
		bd_auto_free char *page = bd_printf("benchctl-%s", commands[i]->name);
		bd_man_see(out, page, 1, false);
	}
	bd_man_see(out, "benchd", 8, true);
}
