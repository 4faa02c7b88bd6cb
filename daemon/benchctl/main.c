/* benchctl: the command line of benchd. A client only. */
#include "bd_benchctl.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void screens(struct bd_ctl *ctl, const struct bd_words *w)
{
	const char *color = bd_words_text(w, "color");
	enum bd_colour_choice choice = bd_streq(color, "always") ? BD_COLOUR_ALWAYS
		: bd_streq(color, "never")                       ? BD_COLOUR_NEVER
								 : BD_COLOUR_AUTO;
	bd_screen_init(&ctl->out, STDOUT_FILENO, choice);
	bd_screen_init(&ctl->err, STDERR_FILENO, choice);
}

static void globals(struct bd_ctl *ctl, const struct bd_words *w)
{
	screens(ctl, w);
	ctl->server = bd_words_text(w, "server");
	ctl->json = bd_words_flag(w, "json");
	for (size_t i = 0; i < w->n; i++)
		ctl->verbosity += bd_streq(w->v[i].option->name, "verbose");
	if (bd_words_flag(w, "quiet"))
		ctl->verbosity = -1;
	ctl->out.verbose = ctl->verbosity > 0;
	bd_log_to(STDERR_FILENO,
		ctl->verbosity > 1           ? BD_LOG_DEBUG
			: ctl->verbosity > 0 ? BD_LOG_INFO
			: ctl->verbosity < 0 ? BD_LOG_ERROR
					     : BD_LOG_WARN);
}

int main(int argc, char **argv)
{
	bd_open_standard();
	/* A reader that has gone away is seen by write (bd_ctl_answer), not by a signal that could hit a socket's write too. */
	signal(SIGPIPE, SIG_IGN);
	setlocale(LC_CTYPE, "");
	struct bd_ctl ctl = {0};
	struct bd_error err;
	bd_auto_words struct bd_words w = {0};
	int r = bd_words_parse(bd_command_table, bd_command_table_len, argc, argv, &w, &err);
	if (r < 0) {
		screens(&ctl, &w);
		return bd_ctl_fail(&ctl, &err);
	}
	globals(&ctl, &w);
	if (bd_words_flag(&w, "version"))
		return bd_ctl_answer(&ctl, "benchctl " BENCHD_VERSION "\n");
	bd_auto_str struct bd_str text = {0};
	if (w.help && w.command) {
		bd_help_command(w.command, w.parent, &text);
		return bd_ctl_answer(&ctl, text.s);
	}
	if (!w.command)
		bd_help_overview(bd_command_table, bd_command_table_len, &text);
	if (w.help)
		return bd_ctl_answer(&ctl, text.s);
	if (!w.command) {
		bd_write_all(STDERR_FILENO, text.s, text.len);
		return BD_EXIT_USAGE;
	}
	return w.command->run(&ctl, &w);
}
