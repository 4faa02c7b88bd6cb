/* What benchctl makes of a document, on screens of every kind. The first character chooses screen and document. */
#include "bd_fuzz.h"
#include "bd_benchctl.h"

#include <locale.h>

void bd_fuzz_begin(void)
{
	BD_FUZZ_CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
}

/* Terminals obey control characters: none comes from the document, colours alone are ours. */
static void check_text(const struct bd_str *out, const struct bd_screen *s)
{
	if (!out->len)
		return;
	BD_FUZZ_CHECK(strlen(out->s) == out->len);
	for (const char *p = out->s; *p; p++) {
		if (*p == 27 && s->colour && p[1] == '[' && p[2 + strspn(p + 2, "0123456789;")] == 'm')
			p += 2 + strspn(p + 2, "0123456789;");
		BD_FUZZ_CHECK((unsigned char)*p >= ' ' || *p == '\n');
		BD_FUZZ_CHECK((unsigned char)*p != 0x7f);
		/* the control characters above ASCII, in UTF-8 */
		BD_FUZZ_CHECK(
			!((unsigned char)p[0] == 0xc2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] < 0xa0));
	}
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	static const size_t widths[] = {80, 200, 40, 1};
	if (!len)
		return;
	unsigned how = data[0] - 'a';
	const struct bd_screen s = {.colour = how & 1, .utf8 = how & 2, .width = widths[how >> 2 & 3]};
	bd_auto_free char *text = bd_fuzz_text(data + 1, len - 1);
	bd_auto_json cJSON *json = NULL;
	bd_auto_str struct bd_str out = {0};
	if (bd_json_parse(text, "input", &json, NULL) < 0)
		return;
	if (how & 16) {
		struct bd_plan_document doc;
		bd_doc_init(&bd_plan_document_doc, &doc);
		if (bd_doc_decode(&bd_plan_document_doc, json, &doc, NULL) == 0)
			bd_plan_table(&doc, &s, &out);
		bd_doc_done(&bd_plan_document_doc, &doc);
	} else {
		struct bd_run_document doc;
		bd_doc_init(&bd_run_document_doc, &doc);
		if (bd_doc_decode(&bd_run_document_doc, json, &doc, NULL) == 0) {
			bd_run_table(&doc, &s, &out);
			bd_run_exit(&doc);
		}
		bd_doc_done(&bd_run_document_doc, &doc);
	}
	check_text(&out, &s);
}
