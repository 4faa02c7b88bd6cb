/* Interpreters of this machine, for `benchctl python`: where they are, what they say about themselves, and running the
 * programs that find that out and build. */
#ifndef PYTHONS_H
#define PYTHONS_H

#include "bd_benchctl.h"

/* The sources workers are built from; caller frees. worker-missing when they are not installed. */
int python_sources(char **ret, struct bd_error *err);
/* Runs a program to its end, in its own session, and gives what it wrote to standard output (and to standard error too when
 * both), cut at 4 MiB. argv[0] is looked up in PATH. ret_status: exit status, 128 + signal when killed. Errors: timeout,
 * no-such-input (it cannot be started). */
int python_program(const struct bd_strv *argv, bool both, int64_t timeout_ns, struct bd_str *ret_said, int *ret_status,
	struct bd_error *err);
/* Whether a program is in PATH; its path, caller frees. */
char *python_which(const char *name);
/* What an executable says about itself (cmake/ask_interpreter.py). */
int python_ask(const char *sources, const char *executable, cJSON **ret, struct bd_error *err);
/* Why no worker can be built for it, as far as it says so itself; -ENOTSUP with the reason. */
int python_fits(const cJSON *said, struct bd_error *err);
/* Paths that cmake/interpreters.txt leads to, in its order. */
int python_candidates(const char *sources, struct bd_strv *ret, struct bd_error *err);
/* Removes a folder with all that is in it. */
void python_remove_tree(const char *path);

#endif
