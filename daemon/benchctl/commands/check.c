/* benchctl check: reference leaks, borrowed references, calls without the GIL and buffer errors in a user's own extension. */
#include "../check.h"
#include "../measure.h"

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
	{"store", 0, BD_OPT_FLAG, NULL,
		"let benchd make the check, in its turn, and keep it among the runs (benchctl runs list); the module is imported without what this shell has in its environment",
		false, 0, 0, BD_WORDS_NONE},
	{"protocols", 0, BD_OPT_FLAG, NULL,
		"instead, how objects share their memory: the buffer protocol, __array_interface__, DLPack, Arrow; MODULE:EXPRESSION makes one of your own, without it those known here are looked at",
		false, 0, 0, BD_WORDS_NONE},
};

/* What the words name, as absolute paths. */
struct subject {
	const char *word; /* as it was typed */
	char *path;       /* its file; NULL: imported by name */
	char *calls, *cwd, *python;
	double seconds; /* NAN = as long as usual */
};

static void subject_done(struct subject *s)
{
	free(s->path);
	free(s->calls);
	free(s->cwd);
	free(s->python);
}

/* A word that means a file and not the name of a module. */
static bool is_path(const char *word)
{
	size_t n = strlen(word);
	return strchr(word, '/') || (n > 3 && bd_streq(word + n - 3, ".so")) ||
		(n > 3 && bd_streq(word + n - 3, ".py"));
}

static int find(const struct bd_ctl *ctl, const struct bd_words *w, struct subject *ret, struct bd_error *err)
{
	const char *word = w->operands.v[0], *calls = bd_words_text(w, "calls");
	ret->word = word;
	ret->seconds = bd_words_seconds(w, "seconds") > 0 ? bd_words_seconds(w, "seconds") : (double)NAN;
	ret->cwd = getcwd(NULL, 0);
	int r = registry_check(ctl, word, err);
	if (r == 0)
		r = check_python(ctl, bd_words_text(w, "python"), &ret->python, err);
	if (r < 0)
		return r;
	r = is_path(word) ? path_find(word, NULL, &ret->path) : 0;
	if (r < 0)
		return path_missing("there is no file", word, NULL, r, err);
	r = calls ? path_find(calls, NULL, &ret->calls) : 0;
	return r < 0 ? path_missing("there is no file", calls, NULL, r, err) : 0;
}

static int check_here(struct bd_ctl *ctl, const struct subject *s)
{
	struct bd_error err;
	bd_auto_json cJSON *document = NULL,
			   *request = bd_checker_request(s->word, s->path, s->calls, s->cwd, s->seconds);
	if (check_run(ctl, s->python, request, &document, &err) < 0 ||
		bd_checker_unusable(document, s->word, s->python, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	cJSON_DeleteItemFromObjectCaseSensitive(document, "missing"); /* for us: what is told has been imported */
	int status = bd_ctl_answer_document(ctl, document, check_report);
	return status ? status : check_exit(document);
}

/* ---- by benchd ------------------------------------------------------------------------------------------------------- */

static int print_stored(const struct bd_ctl *ctl, const struct bd_words *w, const cJSON *json,
	const struct bd_run_document *doc)
{
	(void)w;
	(void)json;
	const struct bd_reason *reason = doc->run.reason;
	int status = BD_EXIT_OK;
	if (doc->check) {
		status = bd_ctl_answer_document(ctl, doc->check, check_report);
	} else if (reason && !bd_streq(doc->run.state, "failed")) { /* who waits for the end tells that itself */
		struct bd_error err;
		bd_error_set(&err, -EINTR, reason->key, reason->hint, "%s", reason->message);
		status = bd_ctl_fail(ctl, &err);
	}
	bd_ctl_note(ctl, "stored: benchctl runs show %s", doc->run.id);
	return status;
}

static int status_stored(const struct bd_run_document *doc)
{
	return doc->check ? check_exit(doc->check) : bd_run_exit(doc);
}

static int check_stored(struct bd_ctl *ctl, const struct bd_words *w, const struct subject *s)
{
	static const struct measure_end end = {.print = print_stored,
		.status = status_stored,
		.stopping = "stopping; what was found by then is kept",
		.what = ""};
	struct bd_error err;
	struct bd_request rq;
	struct bd_registered what;
	auto_registry struct registry registry = {0};
	bd_auto_client struct bd_client *c = NULL;
	char id[BD_ULID_LEN];
	bd_doc_init(&bd_request_doc, &rq);
	bd_doc_init(&bd_registered_doc, &what);
	what.kind = bd_strdup("module");
	what.name = s->path ? path_name(s->word) : bd_strdup(s->word);
	what.path = bd_strdup(s->path);
	what.calls = bd_strdup(s->calls);
	what.cwd = bd_strdup(s->cwd);
	bd_strv_add(&what.argv, s->python);
	rq.kind = bd_strdup("check");
	rq.budget_s = s->seconds;
	int r = bd_ctl_connect(ctl, NULL, &c, &err);
	if (r == 0)
		r = registry_add(&registry, &what, id, &err);
	int status;
	if (r < 0) {
		status = bd_ctl_fail(ctl, &err);
	} else {
		rq.target = bd_printf("@%s", id);
		status = measure(ctl, w, c, &rq, &registry, &end);
	}
	bd_doc_done(&bd_registered_doc, &what);
	bd_doc_done(&bd_request_doc, &rq);
	return status;
}

/* ---- the command ----------------------------------------------------------------------------------------------------- */

static int protocols(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bd_auto_free char *python = NULL;
	bd_auto_json cJSON *document = NULL;
	if (bd_words_text(w, "calls") || bd_words_seconds(w, "seconds") > 0 || bd_words_flag(w, "store")) {
		bd_error_set(&err, -EINVAL, "usage", "each look ends by itself, and none is stored",
			"check --protocols takes neither --seconds nor --calls nor --store");
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
	BD_CLEANUP(subject_done) struct subject subject = {0};
	if (find(ctl, w, &subject, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	return bd_words_flag(w, "store") ? check_stored(ctl, w, &subject) : check_here(ctl, &subject);
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
