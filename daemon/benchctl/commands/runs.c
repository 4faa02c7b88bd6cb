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

static enum bd_style style_of(const char *state)
{
	return bd_streq(state, "complete")                                ? BD_PLAIN
		: bd_streq(state, "queued") || bd_streq(state, "running") ? BD_GREEN
		: bd_streq(state, "failed")                               ? BD_RED
									  : BD_YELLOW;
}

/* So many characters of the ids tell them apart, with two to spare for the runs to come. */
static int id_length(const struct bd_run_list *l)
{
	size_t most = 0;
	for (size_t i = 0; i + 1 < l->runs_len; i++) {
		const char *a = l->runs[i].id, *b = l->runs[i + 1].id; /* sorted, so neighbours are nearest */
		size_t n = 0;
		while (a && b && a[n] && a[n] == b[n])
			n++;
		most = BD_MAX(most, n);
	}
	return (int)BD_MAX(most + 3, (size_t)12);
}

static void list_table(const struct bd_ctl *ctl, const struct bd_run_list *l, struct bd_str *out)
{
	bd_auto_grid struct bd_grid *g = bd_grid_new(&ctl->out);
	size_t id = bd_grid_column(g, (struct bd_grid_column){"run", false, false, false, 0});
	size_t suite = bd_grid_column(g, (struct bd_grid_column){"suite", false, false, false, 0});
	size_t state = bd_grid_column(g, (struct bd_grid_column){"state", false, false, false, 0});
	size_t cells = bd_grid_column(g, (struct bd_grid_column){"cells", true, false, false, 2});
	size_t wall = bd_grid_column(g, (struct bd_grid_column){"wall", true, false, false, 1});
	size_t started = bd_grid_column(g, (struct bd_grid_column){"started", false, false, false, 3});
	size_t labels = bd_grid_column(g, (struct bd_grid_column){"labels", false, false, true, 4});
	int length = ctl->out.width < 120 ? id_length(l) : BD_ULID_LEN;
	for (size_t i = 0; i < l->runs_len; i++) {
		const struct bd_run_row *r = &l->runs[i];
		bd_grid_row(g);
		bd_grid_set(g, id, BD_BOLD, "%.*s", length, r->id ? r->id : "?");
		bd_grid_set(g, suite, BD_PLAIN, "%s", r->suite ? r->suite : "");
		bd_grid_set(g, state, style_of(r->state), "%s", r->state ? r->state : "");
		bd_grid_set(g, cells, BD_PLAIN, "%lld", (long long)r->cells);
		if (r->started)
			bd_grid_set(g, started, BD_PLAIN, "%s", r->started);
		if (isfinite(r->wall_s)) {
			bd_auto_free char *text = bd_text_seconds(r->wall_s);
			bd_grid_set(g, wall, BD_PLAIN, "%s", text);
		}
		bd_auto_free char *text = bd_text_map(&r->labels);
		if (*text)
			bd_grid_set(g, labels, BD_PLAIN, "%s", text);
	}
	bd_grid_print(g, out);
}

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
		list_table(ctl, &l, &out);
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

static int show(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	const char *html = bd_words_text(w, "html");
	bool to_output = bd_streq(html, "-");
	if (to_output && ctl->json) {
		bd_error_set(&err, -EINVAL, "usage", NULL, "--html - does not go with --json");
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
		.details = "ID is the id of a run, the beginning of one, or latest.",
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
