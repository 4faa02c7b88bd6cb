/* A run once more, from its samples alone: what is stored of it can be checked by anybody at any time. */
#include "report_internal.h"

#include <errno.h>

/* As it would be read back: numbers that were rounded for writing are compared with numbers that were. */
static int made(struct bd_store *store, const char *run_id, cJSON **ret, struct bd_error *err)
{
	struct bd_run_document doc;
	bd_doc_init(&bd_run_document_doc, &doc);
	int r = bd_report_run(store, run_id, &doc, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *json = bd_doc_encode(&bd_run_document_doc, &doc);
	bd_auto_free char *text = bd_json_text(json);
	bd_doc_done(&bd_run_document_doc, &doc);
	return bd_json_parse(text, "the document made again", ret, err);
}

static int check_over(struct bd_store *store, const char *run_id, struct bd_error *err)
{
	struct bd_run run;
	int r = bd_store_run_get(store, run_id, &run, err);
	if (r < 0)
		return r;
	bool over = run.state != BD_RUN_QUEUED && run.state != BD_RUN_RUNNING;
	r = report_has_times(&run, err);
	bd_run_done(&run);
	if (r < 0)
		return r;
	return over ? 0
		    : bd_error_set(err, -EBUSY, "conflict", "wait for its end, or cancel it", "run %s is not over yet",
			      run_id);
}

int bd_report_recompute(struct bd_store *store, const char *run_id, cJSON **ret, struct bd_error *err)
{
	bd_auto_json cJSON *again = NULL, *stored = NULL;
	bd_auto_free char *text = NULL;
	int r = check_over(store, run_id, err);
	if (r == 0)
		r = made(store, run_id, &again, err);
	if (r == 0) {
		r = bd_store_document_get(store, run_id, &text, err);
		r = r == -ENOENT ? 0 : r;
	}
	if (r < 0)
		return r;
	if (text && bd_json_parse(text, "the stored document", &stored, NULL) < 0)
		stored = cJSON_CreateNull(); /* damaged: differs as a whole */
	struct difference *v = NULL;
	size_t n = stored ? report_differences(stored, again, &v) : 0;
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddStringToObject(answer, "schema", "benchd.recomputed.v1");
	cJSON_AddItemToObject(answer, "same", stored ? cJSON_CreateBool(n == 0) : cJSON_CreateNull());
	cJSON *differences = cJSON_AddArrayToObject(answer, "differences");
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(differences, cJSON_CreateString(v[i].path));
	cJSON_AddItemToObject(answer, "document", BD_TAKE_PTR(again));
	report_differences_free(v, n);
	*ret = answer;
	return 0;
}
