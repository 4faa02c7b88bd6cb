/* The options of benchd in one table: what is parsed, what --help says, and the manual page. */
#include "benchd.h"

#define LEFT 20 /* where the right side of --help starts */

const struct option_row option_rows[] = {
	{"data", 'd', "DIR", "where runs, token and lock live (BENCHD_DATA; default ~/.local/share/benchd)"},
	{"port", 'p', "N", "port on 127.0.0.1; 0: any free one (default: that of the last time, if it is free)"},
	{"idle-exit", 'i', "SECONDS", "end after so long without use; 0: never (default 900)"},
	{"config", 'c', "FILE", "JSON with port, idle_exit_s, log_level (BENCHD_CONFIG)"},
	{"log", 'l', "LEVEL", "error, warn, info or debug (default info)"},
	{"foreground", 'f', NULL, "log to standard error instead of DIR/benchd.log"},
	{"ready-fd", 'r', "N", "write one line of JSON to this descriptor when ready, or why not"},
	{"man", 'm', NULL, "print the manual page, in roff: benchd --man | man -l -"},
	{"help", 'h', NULL, "print this"},
	{"version", 'v', NULL, "print the version"},
};
const size_t option_rows_len = BD_LEN(option_rows);

static const char about[] = "benchd measures, keeps and serves; benchctl starts it when it is needed.";
static const char example[] = "benchd --foreground --data /tmp/benchd-data --idle-exit 0";
static const char *const statuses[][2] = {
	{"0", "ended as asked"},
	{"64", "wrong usage"},
	{"69", "port, data folder or token not usable"},
	{"74", "store not usable"},
};

void options_help(struct bd_str *out)
{
	bd_str_printf(out, "%s\n\n  benchd [OPTION...]\n\n", about);
	for (size_t i = 0; i < option_rows_len; i++) {
		const struct option_row *o = &option_rows[i];
		bd_auto_free char *left = bd_printf("--%s%s%s", o->name, o->argument ? " " : "",
			o->argument ? o->argument : "");
		bd_str_printf(out, "  %-*s%s\n", LEFT, left, o->summary);
	}
	bd_str_printf(out, "\nExample: %s\n\nExit: ", example);
	for (size_t i = 0; i < BD_LEN(statuses); i++)
		bd_str_printf(out, "%s%s %s", i ? ", " : "", statuses[i][0], statuses[i][1]);
	bd_str_puts(out, ".\n");
}

void options_manual(struct bd_str *out)
{
	bd_man_begin(out, "benchd", 8, BENCHD_VERSION, "daemon that benchmarks and profiles calls into native code");
	bd_man_section(out, "SYNOPSIS");
	bd_man_synopsis(out, "benchd", "[option...]");
	bd_man_section(out, "DESCRIPTION");
	bd_man_text(out, about);
	bd_man_text(out,
		"It listens on the loopback interface only, serves one data folder, and answers to whoever has the token of that "
		"folder. It runs as an ordinary user; bench-tracer beside it is the one program with rights of its own.");
	bd_man_section(out, "OPTIONS");
	for (size_t i = 0; i < option_rows_len; i++) {
		bd_auto_free char *name = bd_printf("--%s", option_rows[i].name);
		bd_man_item(out, name, option_rows[i].argument, option_rows[i].summary);
	}
	bd_man_section(out, "EXIT STATUS");
	for (size_t i = 0; i < BD_LEN(statuses); i++)
		bd_man_item(out, statuses[i][0], NULL, statuses[i][1]);
	bd_man_section(out, "ENVIRONMENT");
	bd_man_item(out, "BENCHD_DATA", NULL, "the data folder, as --data");
	bd_man_item(out, "BENCHD_CONFIG", NULL, "the configuration, as --config");
	bd_man_section(out, "FILES");
	bd_man_item(out, "~/.local/share/benchd", NULL,
		"The data folder: the store (benchd.db), the log (benchd.log), the token, and where the daemon is "
		"(daemon.json).");
	bd_man_item(out, "/run/lock/benchd.measure", NULL, "Held by the one daemon of the machine that measures.");
	bd_man_section(out, "EXAMPLE");
	bd_man_example(out, example);
	bd_man_section(out, "SEE ALSO");
	bd_man_see(out, "benchctl", 1, true);
}
