/* benchctl runs list|show: what is in the store. */
#include "bd_benchctl.h"

#include <errno.h>

/* ---- list ---------------------------------------------------------------------------------------------------- */

static const struct bd_option list_options[] = {
	{"suite", 0, BD_OPT_TEXT, "NAME", "only runs of this suite", false, 0, 0, BD_WORDS_SUITE},
	{"state", 0, BD_OPT_CHOICE, "queued|running|complete|interrupted|failed|cancelled", "only runs in this state",
		false, 0, 0, BD_WORDS_NONE},
	{"label", 0, BD_OPT_PAIR, "K=V", "only runs with this label", false, 0, 0, BD_WORDS_NONE},
	{"limit", 0, BD_OPT_WHOLE, "N", "at most so many, the newest first (default 20)", false, 1, 100000,
		BD_WORDS_NONE},
};

static int list(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_json cJSON *json = NULL;
	int64_t limit = bd_words_whole(w, "limit");
	if (bd_ctl_connect(ctl, NULL, &c, &err) < 0 ||
		bd_ctl_runs(c, w, limit > 0 ? (size_t)limit : 20, &json, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	struct bd_run_list l;
	bd_doc_init(&bd_run_list_doc, &l);
	if (bd_doc_decode(&bd_run_list_doc, json, &l, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bd_auto_str struct bd_str out = {0};
	if (l.runs_len)
		bd_runs_table(&l, &ctl->out, &out);
	else
		bd_ctl_note(ctl, "no such runs (benchctl run gil-contention makes one)");
	bd_doc_done(&bd_run_list_doc, &l);
	return bd_ctl_answer(ctl, out.s ? out.s : "");
}

/* ---- show ------------------------------------------------------------------------------------------------------ */

static const struct bd_option show_options[] = {
	{"html", 0, BD_OPT_TEXT, "FILE",
		"also write the run as one self-contained page to this file; -: print the page and nothing else", false,
		0, 0, BD_WORDS_FILE},
	{"recompute", 0, BD_OPT_FLAG, NULL,
		"make everything again from the samples alone, and say whether it is what was stored; status 1 when it is not",
		false, 0, 0, BD_WORDS_NONE},
};

static int print_run(const struct bd_ctl *ctl, const cJSON *json, struct bd_error *err)
{
	if (ctl->json)
		return bd_ctl_answer_json(ctl, json);
	struct bd_run_document doc;
	bd_doc_init(&bd_run_document_doc, &doc);
	if (bd_doc_decode(&bd_run_document_doc, json, &doc, err) < 0)
		return bd_ctl_fail(ctl, err);
	bd_auto_str struct bd_str out = {0};
	bd_run_table(&doc, &ctl->out, &out);
	bd_doc_done(&bd_run_document_doc, &doc);
	return bd_ctl_answer(ctl, out.s);
}

/* The page alone, on standard output. */
static int print_page(const struct bd_ctl *ctl, struct bd_client *c, const char *id)
{
	struct bd_error err;
	bd_auto_str struct bd_str page = {0};
	if (bd_page_get(c, id, &page, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	return bd_ctl_answer(ctl, page.s ? page.s : "");
}

/* What the samples say, and whether it was said before. */
static int recompute(const struct bd_ctl *ctl, struct bd_client *c, const char *id)
{
	struct bd_error err;
	bd_auto_json cJSON *json = NULL;
	bd_auto_free char *path = bd_ctl_run_path(id, "/recompute");
	if (bd_client_call(c, "GET", path, NULL, &json, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	const cJSON *same = cJSON_GetObjectItemCaseSensitive(json, "same"), *item,
		    *differences = cJSON_GetObjectItemCaseSensitive(json, "differences");
	int status = ctl->json ? bd_ctl_answer_json(ctl, json)
			       : print_run(ctl, cJSON_GetObjectItemCaseSensitive(json, "document"), &err);
	if (status)
		return status;
	if (cJSON_IsTrue(same))
		bd_ctl_note(ctl, "made again from the samples alone, it is what was stored, to the last digit");
	else if (!cJSON_IsFalse(same))
		bd_ctl_note(ctl, "made from the samples alone; no results were stored to compare it with");
	else
		bd_ctl_note(ctl, "made again from the samples alone, it differs from what was stored:");
	cJSON_ArrayForEach(item, differences)
		if (cJSON_IsString(item))
			bd_ctl_note(ctl, "  %s", item->valuestring);
	return cJSON_IsFalse(same) ? BD_EXIT_NO : BD_EXIT_OK;
}

static int show(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	const char *html = bd_words_text(w, "html");
	bool to_output = bd_streq(html, "-");
	if (to_output && ctl->json) {
		bd_error_set(&err, -EINVAL, "usage", NULL, "--html - does not go with --json");
		return bd_ctl_fail(ctl, &err);
	}
	if (html && bd_words_flag(w, "recompute")) {
		bd_error_set(&err, -EINVAL, "usage", NULL, "--html does not go with --recompute");
		return bd_ctl_fail(ctl, &err);
	}
	if (html && !to_output && bd_page_check(html, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_free char *id = NULL;
	bd_auto_json cJSON *json = NULL;
	if (bd_ctl_connect(ctl, NULL, &c, &err) < 0 || bd_ctl_run_id(c, w->operands.v[0], &id, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	if (to_output)
		return print_page(ctl, c, id);
	if (bd_words_flag(w, "recompute"))
		return recompute(ctl, c, id);
	bd_auto_free char *path = bd_ctl_run_path(id, "");
	if (bd_client_call(c, "GET", path, NULL, &json, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	int status = print_run(ctl, json, &err);
	if (!html || status)
		return status;
	if (bd_page_write(c, id, html, &err) < 0)
		return bd_ctl_fail(ctl, &err);
	bd_ctl_note(ctl, "wrote %s", html);
	return BD_EXIT_OK;
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

static const struct bd_command verbs[] = {
	{
		.name = "list",
		.summary = "list runs, the newest first",
		.options = list_options,
		.options_len = BD_LEN(list_options),
		.example = "benchctl runs list --suite gil-contention --limit 5",
		.run = list,
	},
	{
		.name = "show",
		.summary = "print the table of one run again, also while it is running",
		.operands = "ID",
		.words = BD_WORDS_RUN,
		.operands_min = 1,
		.operands_max = 1,
		.details =
			"ID is the id of a run, the beginning of one, latest, or K=V: the newest run with that label.",
		.options = show_options,
		.options_len = BD_LEN(show_options),
		.example = "benchctl runs show latest",
		.run = show,
	},
};

const struct bd_command bd_command_runs = {
	.name = "runs",
	.summary = "list stored runs, show one",
	.example = "benchctl runs list",
	.verbs = verbs,
	.verbs_len = BD_LEN(verbs),
};
