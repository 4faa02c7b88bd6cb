/* benchctl compare: two stored runs side by side. */
#include "../format.h"

#include <errno.h>

static const struct bd_option options[] = {
	FORMAT_OPTION,
	{"equivalence", 0, BD_OPT_PERCENT, "P%",
		"what counts as no difference, for example 2% (default: 2%, or what this machine can tell apart)",
		false, 0, 0, BD_WORDS_NONE},
};

static char *path_of(const char *a, const char *b, double equivalence)
{
	bd_auto_free char *first = bd_ctl_path("/api/v1/compare", "a", a);
	bd_auto_free char *both = bd_ctl_path(first, "b", b);
	bd_auto_free char *part = isnan(equivalence) ? NULL : bd_printf("%.6g", equivalence);
	return bd_ctl_path(both, "equivalence", part);
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_free char *a = NULL, *b = NULL;
	bd_auto_json cJSON *json = NULL;
	struct bd_run_document doc;
	bd_doc_init(&bd_run_document_doc, &doc);
	int r = format_check(ctl, w, &err);
	if (r == 0)
		r = bd_ctl_connect(ctl, NULL, &c, &err);
	if (r == 0)
		r = bd_ctl_run_id(c, w->operands.v[0], &a, &err);
	if (r == 0)
		r = bd_ctl_run_id(c, w->operands.v[1], &b, &err);
	if (r == 0) {
		bd_auto_free char *path = path_of(a, b, bd_words_part(w, "equivalence"));
		r = bd_client_call(c, "GET", path, NULL, &json, &err);
	}
	if (r == 0)
		r = bd_doc_decode(&bd_run_document_doc, json, &doc, &err);
	if (r < 0)
		return bd_ctl_fail(ctl, &err);
	int status = format_run(ctl, w, json, &doc);
	if (status == BD_EXIT_OK)
		status = format_status(&doc);
	bd_doc_done(&bd_run_document_doc, &doc);
	return status;
}

const struct bd_command bd_command_compare = {
	.name = "compare",
	.summary = "compare two stored runs, cell by cell",
	.operands = "RUN RUN",
	.words = BD_WORDS_RUN,
	.operands_min = 2,
	.operands_max = 2,
	.details =
		"RUN is the id of a run, the beginning of one, latest, or K=V: the newest run with that label. The first is what is "
		"compared to; of a run that compares two sides itself, its B counts. What differs in how they were measured is said "
		"first. The status is 0 when nothing is slower, 1 when something is, 2 when that could not be decided.\n\n"
		"Runs at different times differ in what the machine did meanwhile: benchctl ab, which measures both at once, sees "
		"far smaller differences.",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl compare latest latest",
	.run = run,
};
