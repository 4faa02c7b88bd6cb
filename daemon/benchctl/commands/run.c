/* benchctl run: measures, shows progress, prints the table. */
#include "../measure.h"

#include <errno.h>

static const struct bd_option options[] = {
	MEASURE_WHAT,
	MEASURE_HOW("wall time of the whole run, for example 30s"),
};

/* What is no suite is registered, and the request names it by its id. */
static int find_target(const struct bd_ctl *ctl, const struct bd_words *w, const struct measure_target *t,
	struct bd_registered *ret, struct bd_error *err)
{
	bool here = registry_check(ctl, "", NULL) == 0;
	if (t->word && !target_is_path(t->word, (const char *const[]){t->folder}, 1, here))
		return 0;
	int r = registry_check(ctl, t->word ? t->word : w->program.v[0], err);
	if (r == 0)
		r = t->word ? target_path(t->word, t->folder, ret, err)
			    : target_command(&w->program, NULL, NULL, ret, err);
	if (r == 0 && t->name) {
		free(ret->name);
		ret->name = bd_strdup(t->name);
	}
	return r;
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	static const struct measure_end end = {.print = measure_print, .status = bd_run_exit};
	struct bd_error err;
	struct bd_request rq;
	struct bd_registered target;
	auto_target struct measure_target t = {0};
	auto_registry struct registry registry = {0};
	bd_auto_client struct bd_client *c = NULL;
	char id[BD_ULID_LEN];
	bd_doc_init(&bd_request_doc, &rq);
	bd_doc_init(&bd_registered_doc, &target);
	rq.kind = bd_strdup("run");
	measure_request(&rq, w);
	int r = measure_check(w, &err);
	if (r == 0)
		r = measure_target(w, &rq, &t, &err);
	if (r == 0)
		r = find_target(ctl, w, &t, &target, &err);
	if (r == 0)
		r = bd_ctl_connect(ctl, NULL, &c, &err);
	if (r == 0)
		r = measure_venv(ctl, c, &rq, &target, 1, &err);
	if (r == 0 && target.kind)
		r = registry_add(&registry, &target, id, &err);
	int status;
	if (r < 0) {
		status = bd_ctl_fail(ctl, &err);
	} else {
		rq.target = target.kind ? bd_printf("@%s", id) : bd_strdup(t.word);
		status = measure(ctl, w, c, &rq, &registry, &end);
	}
	bd_doc_done(&bd_registered_doc, &target);
	bd_doc_done(&bd_request_doc, &rq);
	return status;
}

const struct bd_command bd_command_run = {
	.name = "run",
	.summary = "measure a suite, functions of your own, or a command, and print the table",
	.operands = "TARGET",
	.words = BD_WORDS_TARGET,
	.operands_min = 1,
	.operands_max = 1,
	.program = "COMMAND [ARG...]",
	.details =
		"TARGET is the name of a suite (benchctl suites), a glob over the names of cases (benchctl cases), a Python file with "
		"bench_* functions or a folder of such files, or a plugin written in C (.so); benchctl new bench NAME writes one to "
		"begin with. Where a suite and a file have the same name, ./NAME is the file. What follows -- is a command that is "
		"timed as a process, in this folder. Options select the values of its axes; everything else is as the suite or the "
		"file says.\n\n"
		"Ctrl-C cancels the run, keeps what was measured and prints it; a second one leaves at once. A run goes on when this "
		"program goes away otherwise. The status is 0 when the run is complete and no cell is invalid or failed, else 2.",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl run gil-contention --threads 1,2 --budget 20s",
	.run = run,
};
