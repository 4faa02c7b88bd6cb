/* `benchctl check`: the program that checks a module under the interpreter asked for, and what is told about its answer. */
#ifndef CHECK_H
#define CHECK_H

#include "bd_benchctl.h"

/* What --python means as an absolute path: an executable, a virtual environment, a name in PATH, an id of `python list`;
 * NULL: the virtual environment that is active, else the default. Caller frees. Errors: no-such-input, and those of the daemon,
 * which is asked for ids alone. */
int check_python(const struct bd_ctl *ctl, const char *word, char **ret, struct bd_error *err);
/* Runs the check to its end and shows its progress on standard error. A signal that ends programs ends it
 * early, with the document of what there is. Errors: worker-missing, no-such-input, bad-value, interrupted, worker-failed. */
int check_run(const struct bd_ctl *ctl, const char *python, const cJSON *request, cJSON **ret_document,
	struct bd_error *err);
/* The document as text. */
void check_report(const cJSON *document, const struct bd_screen *s, struct bd_str *out);
/* 0 no finding, 1 findings, 2 undecided. */
int check_exit(const cJSON *document);

/* The same for --protocols: how an object shares its memory; NULL: those that every interpreter has. MODULE:EXPRESSION is evaluated
 * by that interpreter, in processes of its own. Errors: worker-missing, worker-failed. */
int check_protocols_run(const char *python, const char *object, cJSON **ret_document, struct bd_error *err);
void check_protocols_report(const cJSON *document, const struct bd_screen *s, struct bd_str *out);
int check_protocols_exit(const cJSON *document); /* 0 nothing failed, 1 something did */

#endif
