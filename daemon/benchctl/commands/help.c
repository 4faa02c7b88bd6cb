/* benchctl help: the help of a command. */
#include "bd_benchctl.h"

#include <errno.h>

static const struct bd_option options[] = {
	{"man", 0, BD_OPT_FLAG, NULL, "as a manual page, in roff: benchctl help --man run | man -l -", false, 0, 0,
		BD_WORDS_NONE},
};

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	bd_auto_str struct bd_str out = {0};
	bool man = bd_words_flag(w, "man");
	if (!w->operands.n) {
		if (man)
			bd_manual_overview(bd_command_table, bd_command_table_len, BENCHD_VERSION, &out);
		else
			bd_help_overview(bd_command_table, bd_command_table_len, &out);
		return bd_ctl_answer(ctl, out.s);
	}
	/* the words are parsed as the command itself would be, so that unknown ones are refused in the same way */
	char *argv[4] = {0};
	int argc = 0;
	argv[argc++] = (char *)"benchctl";
	for (size_t i = 0; i < w->operands.n; i++)
		argv[argc++] = w->operands.v[i];
	argv[argc++] = (char *)"--help";
	struct bd_error err;
	bd_auto_words struct bd_words words = {0};
	if (bd_words_parse(bd_command_table, bd_command_table_len, argc, argv, &words, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (words.operands.n) {
		bd_error_set(&err, -EINVAL, "usage", NULL, "%s has no command '%s'", words.command->name,
			words.operands.v[0]);
		return bd_ctl_fail(ctl, &err);
	}
	if (man)
		bd_manual_command(words.parent ? words.parent : words.command, BENCHD_VERSION, &out);
	else
		bd_help_command(words.command, words.parent, &out);
	return bd_ctl_answer(ctl, out.s);
}

const struct bd_command bd_command_help = {
	.name = "help",
	.summary = "show the help of a command",
	.operands = "[COMMAND [VERB]]",
	.words = BD_WORDS_COMMAND,
	.operands_max = 2,
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl help runs list",
	.run = run,
};
