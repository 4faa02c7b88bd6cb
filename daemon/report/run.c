/* The run document: made of samples, stored once the run is over. */
#include "report_internal.h"

#include <errno.h>

void report_head(const struct bd_run *run, struct bd_run_head *ret)
{
	const cJSON *kind = run->plan ? cJSON_GetObjectItemCaseSensitive(run->plan, "kind") : NULL;
	ret->id = bd_strdup(run->id);
	ret->suite = bd_strdup(run->suite);
	ret->kind = bd_strdup(cJSON_IsString(kind) ? kind->valuestring : "run");
	ret->state = bd_strdup(bd_run_state_names[run->state]);
	ret->reason = bd_reason_copy(run->reason);
	if (run->started_ns) {
		char text[BD_RFC3339_LEN];
		bd_rfc3339(run->started_ns, text);
		ret->started = bd_strdup(text);
	}
	ret->wall_s = run->wall_s;
	ret->setup_s = run->setup_s;
	ret->measure_s = run->measure_s;
	ret->batch_s = run->batch_s;
	ret->seed = run->seed;
	ret->launches = run->launches;
	ret->rounds = run->rounds;
	for (size_t i = 0; i < run->labels.n; i++)
		bd_map_set(&ret->labels, run->labels.v[i].key, run->labels.v[i].value);
	ret->comparability_key = bd_strdup(run->comparability_key);
	ret->environment = run->environment ? cJSON_Duplicate(run->environment, true) : cJSON_CreateObject();
	ret->plan = run->plan ? cJSON_Duplicate(run->plan, true) : NULL;
}

int report_has_times(const struct bd_run *run, struct bd_error *err)
{
	const cJSON *kind = cJSON_GetObjectItemCaseSensitive(run->plan, "kind");
	if (!bd_streq(cJSON_GetStringValue(kind), "check"))
		return 0;
	return bd_error_set(err, -EINVAL, "bad-value", NULL, "run %s is a check: it has no samples", run->id);
}

static bool process_axis(const char *name)
{
	for (size_t i = 0; i < bd_axis_kinds_len; i++)
		if (bd_streq(bd_axis_kinds[i].name, name))
			return bd_axis_kinds[i].process;
	return bd_streq(name, "side");
}

/* Whether two cells are measured in processes of their own: by what a process is started with, and because one-thread cells
 * never share a process with threaded ones. */
static bool apart(const struct bd_axes *a, const struct bd_axes *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (process_axis(a->v[i].key) && !bd_streq(a->v[i].value, bd_axes_get(b, a->v[i].key)))
			return true;
	return (bd_axes_threads(a) > 1) != (bd_axes_threads(b) > 1);
}

/* indexes: of the document's cells in the run. */
static void judge(const struct loaded *l, const size_t *indexes, struct bd_run_document *doc)
{
	bd_auto_free struct judged *v = bd_alloc((doc->cells_len + 1) * sizeof *v);
	for (size_t i = 0; i < doc->cells_len; i++) {
		const struct bd_cell *c = &l->cells[indexes[i]];
		if (!doc->cells[i].ratio)
			continue;
		v[i].second_process = apart(&c->axes, &l->cells[c->reference].axes);
		v[i].explained = report_modes_explain(&l->series[c->reference], &l->series[c->index]);
	}
	report_judge(doc, v, report_number(l->run.plan, "equivalence"));
	for (size_t i = 0; i < doc->cells_len; i++)
		bd_reason_free(v[i].explained);
}

static void make(const struct loaded *l, struct bd_run_document *ret)
{
	bd_auto_free size_t *indexes = bd_alloc((l->cells_len + 1) * sizeof *indexes);
	report_head(&l->run, &ret->run);
	report_machine(l, &ret->run);
	report_noise(l, ret);
	ret->check = l->run.check ? cJSON_Duplicate(l->run.check, true) : NULL;
	for (size_t i = 0; i < l->cells_len; i++) {
		if (!bd_streq(l->cells[i].role, "cell"))
			continue;
		indexes[ret->cells_len] = i;
		struct bd_cell_result *c = BD_PUSH(ret->cells, ret->cells_len);
		bd_doc_init(&bd_cell_result_doc, c);
		report_cell_make(l, &l->cells[i], c);
	}
	if (l->ended) /* before, every look would be one more */
		judge(l, indexes, ret);
}

int bd_report_run(struct bd_store *store, const char *run_id, struct bd_run_document *ret, struct bd_error *err)
{
	auto_loaded struct loaded l = {0};
	int r = report_load(store, run_id, -1, &l, err);
	if (r == 0)
		make(&l, ret);
	return r;
}

/* Of a run that is over: its verdict needs all the others. */
static int cell_of_document(struct bd_store *store, const char *run_id, const char *id, struct bd_cell_result *ret,
	struct bd_error *err)
{
	bd_auto_free char *text = NULL;
	bd_auto_json cJSON *json = NULL;
	int r = bd_store_document_get(store, run_id, &text, err);
	if (r == 0)
		r = bd_json_parse(text, "the document of a run", &json, err);
	if (r < 0)
		return r;
	const cJSON *cell;
	cJSON_ArrayForEach(cell, cJSON_GetObjectItemCaseSensitive(json, "cells")) {
		const cJSON *own = cJSON_GetObjectItemCaseSensitive(cell, "id");
		if (cJSON_IsString(own) && bd_streq(own->valuestring, id))
			return bd_doc_decode(&bd_cell_result_doc, cell, ret, err);
	}
	return -ENOENT;
}

static int cell_of_ended(struct bd_store *store, const char *run_id, const struct bd_cell *cell,
	struct bd_cell_result *ret, struct bd_error *err)
{
	if (cell_of_document(store, run_id, cell->id, ret, NULL) == 0)
		return 0;
	struct bd_run_document doc;
	bd_doc_init(&bd_run_document_doc, &doc);
	int r = bd_report_run(store, run_id, &doc, err);
	for (size_t i = 0; r == 0 && i < doc.cells_len; i++) {
		if (!bd_streq(doc.cells[i].id, cell->id))
			continue;
		*ret = doc.cells[i];
		bd_doc_init(&bd_cell_result_doc, &doc.cells[i]);
		break;
	}
	bd_doc_done(&bd_run_document_doc, &doc);
	return r;
}

int bd_report_cell(struct bd_store *store, const char *run_id, int64_t cell, struct bd_cell_result *ret,
	struct bd_error *err)
{
	auto_loaded struct loaded l = {0};
	if (cell < 0)
		return bd_error_set(err, -ENOENT, "not-found", NULL, "run %s has no cell %lld", run_id,
			(long long)cell);
	int r = report_load(store, run_id, cell, &l, err);
	if (r < 0)
		return r;
	if (!bd_streq(l.cells[cell].role, "cell"))
		return bd_error_set(err, -ENOENT, "not-found", NULL, "cell %lld of run %s is not in its document",
			(long long)cell, run_id);
	if (l.ended)
		return cell_of_ended(store, run_id, &l.cells[cell], ret, err);
	report_cell_make(&l, &l.cells[cell], ret);
	return 0;
}

int bd_report_finish(struct bd_store *store, const char *run_id, struct bd_error *err)
{
	struct bd_run_document doc;
	bd_doc_init(&bd_run_document_doc, &doc);
	int r = bd_report_run(store, run_id, &doc, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *json = bd_doc_encode(&bd_run_document_doc, &doc);
	bd_auto_free char *text = bd_json_text(json);
	bd_doc_done(&bd_run_document_doc, &doc);
	return bd_store_document_put(store, run_id, text, err);
}

int bd_report_recover(struct bd_store *store, struct bd_error *err)
{
	bd_auto_strv struct bd_strv ids = {0};
	int r = bd_store_undocumented(store, &ids, err);
	for (size_t i = 0; i < ids.n; i++) {
		int one = bd_report_finish(store, ids.v[i], err);
		if (one < 0 && one != -ENOENT)
			r = one;
	}
	return r;
}
