/* benchctl check: reference leaks, borrowed references, calls without the GIL and buffer errors in a user's own extension. */
#include "../check.h"
#include "../registry.h"

#include "bd_checker.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const struct bd_option options[] = {
	{"python", 0, BD_OPT_TEXT, "PYTHON",
		"the interpreter or virtual environment that has the module: a path, a name in PATH, or an id of python list (default: the active environment, else /usr/bin/python3)",
		false, 0, 0, BD_WORDS_FILE},
	{"calls", 0, BD_OPT_TEXT, "FILE",
		"make these calls in place of those that are tried: the bench_* functions of a Python file, as benchctl run measures them",
		false, 0, 0, BD_WORDS_FILE},
	{"seconds", 0, BD_OPT_SECONDS, "TIME", "stop after so long (default 5m); what was found by then is told", false,
		0, 0, BD_WORDS_NONE},
	{"protocols", 0, BD_OPT_FLAG, NULL,
		"instead, how objects share their memory: the buffer protocol, __array_interface__, DLPack, Arrow; MODULE:EXPRESSION makes one of your own, without it those known here are looked at",
		false, 0, 0, BD_WORDS_NONE},
};

/* A word that means a file and not the name of a module. */
static bool is_path(const char *word)
{
	size_t n = strlen(word);
	return strchr(word, '/') || (n > 3 && bd_streq(word + n - 3, ".so")) ||
		(n > 3 && bd_streq(word + n - 3, ".py"));
}

static int request_of(const struct bd_words *w, cJSON **ret, struct bd_error *err)
{
	const char *word = w->operands.v[0], *calls = bd_words_text(w, "calls");
	double seconds = bd_words_seconds(w, "seconds");
	bd_auto_free char *path = NULL, *file = NULL;
	int r = is_path(word) ? path_find(word, NULL, &path) : 0;
	if (r < 0)
		return path_missing("there is no file", word, NULL, r, err);
	r = calls ? path_find(calls, NULL, &file) : 0;
	if (r < 0)
		return path_missing("there is no file", calls, NULL, r, err);
	bd_auto_free char *here = getcwd(NULL, 0);
	*ret = bd_checker_request(word, path, file, here, seconds > 0 ? seconds : (double)NAN);
	return 0;
}

static int protocols(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bd_auto_free char *python = NULL;
	bd_auto_json cJSON *document = NULL;
	if (bd_words_text(w, "calls") || bd_words_seconds(w, "seconds") > 0) {
		bd_error_set(&err, -EINVAL, "usage", "each look ends by itself",
			"check --protocols takes neither --seconds nor --calls");
		return bd_ctl_fail(ctl, &err);
	}
	if (check_python(ctl, bd_words_text(w, "python"), &python, &err) < 0 ||
		check_protocols_run(python, w->operands.n ? w->operands.v[0] : NULL, &document, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	int status = bd_ctl_answer_document(ctl, document, check_protocols_report);
	return status ? status : check_protocols_exit(document);
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	if (bd_words_flag(w, "protocols"))
		return protocols(ctl, w);
	if (!w->operands.n) {
		bd_error_set(&err, -EINVAL, "usage", "for example benchctl check zlib", "check needs MODULE");
		return bd_ctl_fail(ctl, &err);
	}
	bd_auto_free char *python = NULL;
	bd_auto_json cJSON *request = NULL, *document = NULL;
	if (registry_check(ctl, w->operands.v[0], &err) < 0 ||
		check_python(ctl, bd_words_text(w, "python"), &python, &err) < 0 || request_of(w, &request, &err) < 0 ||
		check_run(ctl, python, request, &document, &err) < 0 ||
		bd_checker_unusable(document, w->operands.v[0], python, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	cJSON_DeleteItemFromObjectCaseSensitive(document, "missing"); /* for us: what is told has been imported */
	int status = bd_ctl_answer_document(ctl, document, check_report);
	return status ? status : check_exit(document);
}

const struct bd_command bd_command_check = {
	.name = "check",
	.summary = "find leaks, misused references and crashes in an extension",
	.operands = "MODULE",
	.operands_min = 0,
	.operands_max = 1,
	.words = BD_WORDS_FILE,
	.details =
		"Imports the module as it is, by name or by the path of its .so, and calls its functions and classes with "
		"arguments of common types until calls succeed. All of this happens in child processes: a call that "
		"crashes is a finding. Functions whose names say that they end, remove or kill something are not called."
		"\n\n"
		"With --protocols, an object that shares its memory is made anew for each look, in a process of its own: whether "
		"all see the same memory, whether it stays while somebody has it, whether it can be resized meanwhile, "
		"whether what is read only is refused to who wants to write."
		"\n\n"
		"Exit status: 0 nothing was found, 1 something was, 2 it could not be decided, 66 there is no such "
		"module.",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl check zlib",
	.run = run,
};
