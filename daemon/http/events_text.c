/* What is sent of events. */
#include "bd_traces.h"
#include "events.h"

#include <stdio.h>

static void add_number(cJSON *j, const char *name, double v)
{
	if (isnan(v))
		cJSON_AddNullToObject(j, name);
	else
		cJSON_AddNumberToObject(j, name, v);
}

static void add_text(cJSON *j, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(j, name, text);
	else
		cJSON_AddNullToObject(j, name);
}

static cJSON *progress_json(const struct entry *e)
{
	const struct bd_progress *p = &e->progress;
	cJSON *j = cJSON_CreateObject();
	cJSON_AddStringToObject(j, "state", bd_run_state_names[e->state]);
	add_text(j, "phase", p->phase);
	add_number(j, "launch", (double)p->launch);
	add_number(j, "launches", (double)p->launches);
	add_number(j, "round", (double)p->round);
	add_number(j, "rounds", (double)p->rounds);
	add_number(j, "cells_done", (double)p->cells_done);
	add_number(j, "cells", (double)p->cells);
	add_number(j, "elapsed_s", p->elapsed_s);
	add_number(j, "left_s", p->left_s);
	add_text(j, "about", p->about);
	add_text(j, "waiting_for", p->waiting_for);
	add_text(j, "last_cell", p->last_cell);
	add_number(j, "last_time_ns_per_op", p->last_cell ? p->last_time_ns_per_op : (double)NAN);
	return j;
}

static cJSON *state_json(const struct entry *e)
{
	cJSON *j = cJSON_CreateObject();
	cJSON_AddStringToObject(j, "state", bd_run_state_names[e->state]);
	cJSON_AddItemToObject(j, "reason", e->reason ? bd_doc_encode(&bd_reason_doc, e->reason) : cJSON_CreateNull());
	return j;
}

/* NULL for what is no cell of the document (the A/A twins) or cannot be read. */
static cJSON *cell_json(struct bd_store *store, const char *run_id, int64_t cell)
{
	struct bd_cell_result result;
	bd_doc_init(&bd_cell_result_doc, &result);
	if (bd_report_cell(store, run_id, cell, &result, NULL) < 0)
		return NULL;
	cJSON *j = bd_doc_encode(&bd_cell_result_doc, &result);
	bd_doc_done(&bd_cell_result_doc, &result);
	return j;
}

/* As the trace stands now, or stood at its end; caller frees. NULL when that cannot be told (any more). */
static char *trace_text(struct bd_http *h, const char *id)
{
	char *text = NULL;
	if (bd_store_trace_document_get(h->config.store, id, &text, NULL) == 0)
		return text;
	bd_auto_json cJSON *j = NULL;
	struct bd_traces *traces = bd_http_traces_take(h);
	if (!traces)
		return NULL;
	int r = bd_traces_document(traces, id, &j, NULL);
	bd_http_traces_give(h);
	return r < 0 ? NULL : bd_json_text(j);
}

static char *event_data(struct bd_http *h, const char *id, const struct entry *e)
{
	if (e->kind == TOLD_TRACE)
		return trace_text(h, id);
	bd_auto_json cJSON *j = e->kind == TOLD_STATE ? state_json(e)
		: e->kind == TOLD_PROGRESS            ? progress_json(e)
						      : cell_json(h->config.store, id, e->cell);
	return j ? bd_json_text(j) : NULL;
}

void bd_http_event_text(struct bd_http *h, const char *id, const struct entry *e, struct bd_str *out)
{
	static const char *const names[] =
		{[TOLD_STATE] = "state", [TOLD_PROGRESS] = "progress", [TOLD_CELL] = "cell", [TOLD_TRACE] = "trace"};
	bd_auto_free char *data = event_data(h, id, e);
	if (data)
		bd_str_printf(out, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)e->id, names[e->kind], data);
}
