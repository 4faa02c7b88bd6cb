/* Every document there is, from text and back: what was understood is written so that it is understood as the same. */
#include "bd_fuzz.h"
#include "bd_model.h"

static const struct bd_doc *const docs[] = {&bd_run_document_doc, &bd_request_doc, &bd_plan_document_doc,
	&bd_catalogue_doc, &bd_suite_doc, &bd_cell_result_doc, &bd_run_list_doc, &bd_worker_ready_doc,
	&bd_worker_cell_doc, &bd_worker_sample_doc, &bd_reason_doc};

void bd_fuzz_begin(void)
{
}

static char *understood(const struct bd_doc *doc, const cJSON *json, struct bd_error *err)
{
	bd_auto_free void *obj = bd_alloc(doc->size);
	bd_doc_init(doc, obj);
	if (bd_doc_decode(doc, json, obj, err) < 0) {
		BD_FUZZ_CHECK(err->key[0] && err->message[0]);
		bd_doc_done(doc, obj); /* absent: nothing to free */
		return NULL;
	}
	bd_auto_json cJSON *again = bd_doc_encode(doc, obj);
	bd_doc_done(doc, obj);
	return bd_json_text(again);
}

/* The first character chooses the document, the rest is its text. */
void bd_fuzz_one(const uint8_t *data, size_t len)
{
	if (!len)
		return;
	const struct bd_doc *doc = docs[(data[0] - 'a') % BD_LEN(docs)];
	bd_auto_free char *text = bd_fuzz_text(data + 1, len - 1);
	bd_auto_json cJSON *json = NULL, *json2 = NULL, *json3 = NULL;
	struct bd_error err = {0};
	if (bd_json_parse(text, "input", &json, &err) < 0) {
		BD_FUZZ_CHECK(err.key[0] && err.message[0]);
		return;
	}
	bd_auto_free char *once = understood(doc, json, &err);
	if (!once) {
		bd_json_line(text, err.message);
		return;
	}
	BD_FUZZ_CHECK(bd_json_parse(once, "output", &json2, &err) == 0);
	bd_auto_free char *twice = understood(doc, json2, &err);
	BD_FUZZ_CHECK(twice && bd_streq(once, twice));
	bd_auto_free char *pretty = bd_json_pretty(json2);
	BD_FUZZ_CHECK(bd_json_parse(pretty, "pretty", &json3, &err) == 0);
	bd_auto_free char *same = bd_json_text(json3);
	BD_FUZZ_CHECK(bd_streq(once, same));
}
