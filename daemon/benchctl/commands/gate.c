/* benchctl gate: may this go in? The limits are in benchd.json, the figures in a stored run. */
#include "../config.h"
#include "../format.h"

#include <errno.h>

static const struct bd_option options[] = {
	{"baseline", 0, BD_OPT_TEXT, "RUN", "what a run that compares nothing itself is compared with", false, 0, 0,
		BD_WORDS_RUN},
	{"config", 0, BD_OPT_TEXT, "FILE", "the limits (default: benchd.json in this folder or above)", false, 0, 0,
		BD_WORDS_FILE},
	FORMAT_OPTION,
};

struct judged {
	cJSON *gate;                /* schema benchd.gate.v1 */
	struct bd_run_document doc; /* what it is about */
};

static int ask(struct bd_client *c, const char *run, const char *baseline, const struct config *config,
	struct judged *ret, struct bd_error *err)
{
	bd_auto_json cJSON *request = cJSON_CreateObject(), *json = NULL;
	cJSON_AddStringToObject(request, "run", run);
	if (baseline)
		cJSON_AddStringToObject(request, "baseline", baseline);
	cJSON_AddItemToObject(request, "limits", config_limits(config));
	int r = bd_client_call(c, "POST", "/api/v1/gate", request, &ret->gate, err);
	bd_auto_free char *path = NULL;
	if (baseline) {
		bd_auto_free char *first = bd_ctl_path("/api/v1/compare", "a", baseline);
		path = bd_ctl_path(first, "b", run);
	} else {
		path = bd_ctl_run_path(run, "");
	}
	if (r == 0)
		r = bd_client_call(c, "GET", path, NULL, &json, err);
	return r < 0 ? r : bd_doc_decode(&bd_run_document_doc, json, &ret->doc, err);
}

static int print(const struct bd_ctl *ctl, const struct bd_words *w, const struct judged *j)
{
	enum format format = format_of(ctl, w);
	if (format == FORMAT_JSON)
		return bd_ctl_answer_json(ctl, j->gate);
	bd_auto_str struct bd_str out = {0};
	auto_rows struct rows rows;
	rows_of_gate(&j->doc, j->gate, &rows);
	if (format == FORMAT_TABLE)
		rows_table(&rows, &ctl->out, &out);
	else if (format == FORMAT_MARKDOWN)
		rows_markdown(&rows, &out);
	else
		rows_junit(&rows, &out);
	return bd_ctl_answer(ctl, out.s);
}

static int status_of(const cJSON *gate)
{
	const char *verdict = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(gate, "verdict"));
	return bd_streq(verdict, "pass") ? BD_EXIT_OK : bd_streq(verdict, "fail") ? BD_EXIT_NO : BD_EXIT_UNDECIDED;
}

static int run(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_error err;
	bd_auto_client struct bd_client *c = NULL;
	bd_auto_free char *id = NULL, *baseline = NULL;
	auto_config struct config config = {0};
	struct judged j = {0};
	bd_doc_init(&bd_run_document_doc, &j.doc);
	int r = format_check(ctl, w, &err);
	if (r == 0)
		r = config_load(bd_words_text(w, "config"), &config, &err);
	if (r == 0 && !config.file)
		bd_ctl_note(ctl, "no " CONFIG_FILE " here or above: the limit is 5 %% for every cell");
	if (r == 0)
		r = bd_ctl_connect(ctl, NULL, &c, &err);
	if (r == 0)
		r = bd_ctl_run_id(c, w->operands.n ? w->operands.v[0] : "latest", &id, &err);
	if (r == 0 && bd_words_text(w, "baseline"))
		r = bd_ctl_run_id(c, bd_words_text(w, "baseline"), &baseline, &err);
	if (r == 0)
		r = ask(c, id, baseline, &config, &j, &err);
	int status = r < 0 ? bd_ctl_fail(ctl, &err) : print(ctl, w, &j);
	if (r == 0 && status == BD_EXIT_OK)
		status = status_of(j.gate);
	cJSON_Delete(j.gate);
	bd_doc_done(&bd_run_document_doc, &j.doc);
	return status;
}

const struct bd_command bd_command_gate = {
	.name = "gate",
	.summary = "say whether a change is slower than benchd.json allows",
	.operands = "[RUN]",
	.words = BD_WORDS_RUN,
	.operands_max = 1,
	.details =
		"RUN is the id of a run, the beginning of one, latest (also when it is left out), or K=V: the newest run with that label. "
		"A run of benchctl ab is judged as it is; any other needs --baseline, the run before the change.\n\n"
		"A cell fails when its whole interval lies beyond the limit, and passes when it lies below; else it is undecided, and "
		"what would decide it is said. The status is 0 when all pass, 1 when one fails, 2 when that could not be decided.\n\n"
		"{\"gate\": {\"slower\": \"5%\", \"cells\": {\"GLOB\": {\"slower\": \"2%\"}}, \"ignore\": [\"GLOB\"]}} is a benchd.json; "
		"globs are over names of cases and ids of cells, and the first that fits counts.",
	.options = options,
	.options_len = BD_LEN(options),
	.example = "benchctl gate latest --baseline latest",
	.run = run,
};
