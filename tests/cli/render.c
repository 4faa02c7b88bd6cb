/* Renders a document through the code benchctl itself uses, at a chosen width: render KIND FILE WIDTH [ascii] [colour] [verbose]
 * [height=N], where KIND is run, runs, plan, noise, ab-markdown, ab-junit, gate-table, gate-markdown, gate-junit, trace,
 * trace-frame, trace-sentence or trace-list; of a gate the file is {"document", "gate"}, of the view of a trace {"document",
 * "before", "asked_s"}. Prints the exit status a run of this document would have on standard error. For tests of the layout
 * only. */
#include "format.h"
#include "noise.h"
#include "trace.h"

#include <locale.h>
#include <stdio.h>
#include <unistd.h>

static int fail(const struct bd_error *err)
{
	fprintf(stderr, "render: %s\n", err->message);
	return 1;
}

/* ab-markdown, gate-table … */
static int comparison(const char *kind, const cJSON *json, const struct bd_screen *s, struct bd_str *out,
	struct bd_error *err)
{
	struct bd_run_document doc;
	auto_rows struct rows rows = {0};
	bool gate = bd_starts_with(kind, "gate-");
	const char *form = strchr(kind, '-') + 1;
	bd_doc_init(&bd_run_document_doc, &doc);
	int r = bd_doc_decode(&bd_run_document_doc, gate ? cJSON_GetObjectItemCaseSensitive(json, "document") : json,
		&doc, err);
	if (r < 0)
		return r;
	if (gate)
		rows_of_gate(&doc, cJSON_GetObjectItemCaseSensitive(json, "gate"), &rows);
	else
		rows_of_run(&doc, &rows);
	if (bd_streq(form, "table"))
		rows_table(&rows, s, out);
	else if (bd_streq(form, "markdown"))
		rows_markdown(&rows, out);
	else
		rows_junit(&rows, out);
	fprintf(stderr, "exit %d\n", format_status(&doc));
	bd_doc_done(&bd_run_document_doc, &doc);
	return 0;
}

/* The view of a trace that goes on, or one line of it. */
static int view(const char *kind, const cJSON *json, const struct bd_screen *s, size_t height, struct bd_str *out,
	struct bd_error *err)
{
	auto_trace struct trace_document now, before;
	const cJSON *earlier = cJSON_GetObjectItemCaseSensitive(json, "before"),
		    *asked = cJSON_GetObjectItemCaseSensitive(json, "asked_s");
	double asked_s = cJSON_IsNumber(asked) ? asked->valuedouble : NAN;
	bd_doc_init(&trace_document_doc, &now);
	bd_doc_init(&trace_document_doc, &before);
	int r = bd_doc_decode(&trace_document_doc, cJSON_GetObjectItemCaseSensitive(json, "document"), &now, err);
	if (r == 0 && cJSON_IsObject(earlier))
		r = bd_doc_decode(&trace_document_doc, earlier, &before, err);
	if (r < 0)
		return r;
	if (bd_streq(kind, "trace-frame"))
		trace_frame(&now, cJSON_IsObject(earlier) ? &before : NULL, asked_s, s, height, out);
	else
		trace_sentence(&now, cJSON_IsObject(earlier) ? &before : NULL, asked_s, out);
	return 0;
}

static int ended(const cJSON *json, const struct bd_screen *s, struct bd_str *out, struct bd_error *err)
{
	auto_trace struct trace_document d;
	int r = trace_decode(json, &d, err);
	if (r < 0)
		return r;
	trace_report(&d, s, out);
	fprintf(stderr, "exit %d\n", trace_exit(&d));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 64;
	setlocale(LC_CTYPE, "C.UTF-8");
	struct bd_screen s = {.utf8 = true, .width = (size_t)strtoul(argv[3], NULL, 10)};
	size_t height = 24;
	for (int i = 4; i < argc; i++) {
		if (bd_starts_with(argv[i], "height="))
			height = (size_t)strtoul(argv[i] + strlen("height="), NULL, 10);
		s.utf8 = s.utf8 && !bd_streq(argv[i], "ascii");
		s.colour = s.colour || bd_streq(argv[i], "colour");
		s.verbose = s.verbose || bd_streq(argv[i], "verbose");
	}
	struct bd_error err;
	bd_auto_free char *text = NULL;
	bd_auto_json cJSON *json = NULL;
	if (bd_file_read(argv[2], 1 << 24, &text, NULL) < 0 || bd_json_parse(text, argv[2], &json, &err) < 0)
		return fail(&err);
	bd_auto_str struct bd_str out = {0};
	if (bd_streq(argv[1], "run") || bd_streq(argv[1], "noise")) {
		struct bd_run_document doc;
		bd_doc_init(&bd_run_document_doc, &doc);
		if (bd_doc_decode(&bd_run_document_doc, json, &doc, &err) < 0)
			return fail(&err);
		bd_auto_json cJSON *noise = noise_document(&doc);
		if (bd_streq(argv[1], "noise"))
			noise_text(noise, &s, &out);
		else
			bd_run_table(&doc, &s, &out);
		fprintf(stderr, "exit %d\n", bd_run_exit(&doc));
		bd_doc_done(&bd_run_document_doc, &doc);
	} else if (bd_streq(argv[1], "runs")) {
		struct bd_run_list list;
		bd_doc_init(&bd_run_list_doc, &list);
		if (bd_doc_decode(&bd_run_list_doc, json, &list, &err) < 0)
			return fail(&err);
		bd_runs_table(&list, &s, &out);
		bd_doc_done(&bd_run_list_doc, &list);
	} else if (bd_streq(argv[1], "trace")) {
		if (ended(json, &s, &out, &err) < 0)
			return fail(&err);
	} else if (bd_streq(argv[1], "trace-list")) {
		trace_list_table(json, &s, &out);
	} else if (bd_starts_with(argv[1], "trace-")) {
		if (view(argv[1], json, &s, height, &out, &err) < 0)
			return fail(&err);
	} else if (strchr(argv[1], '-')) {
		if (comparison(argv[1], json, &s, &out, &err) < 0)
			return fail(&err);
	} else {
		struct bd_plan_document doc;
		bd_doc_init(&bd_plan_document_doc, &doc);
		if (bd_doc_decode(&bd_plan_document_doc, json, &doc, &err) < 0)
			return fail(&err);
		bd_plan_table(&doc, &s, &out);
		bd_doc_done(&bd_plan_document_doc, &doc);
	}
	return bd_write_all(STDOUT_FILENO, out.s, out.len) == 0 ? 0 : 1;
}
