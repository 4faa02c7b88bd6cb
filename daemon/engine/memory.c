/* Memory launches: one process per cell, because in a process with other cells the high-water mark belongs to all of
 * them. Nothing is timed here, so several run side by side. */
#include "run_internal.h"

#include <errno.h>

#define SIDE_BY_SIDE 4
#define ANSWER_NS 30000000000LL

struct one {
	size_t cell;
	const struct config *config;
	struct bd_worker *worker;
	bool ok;
};

static void no_memory(struct run *r, size_t cell, const struct bd_error *err)
{
	struct bd_reason *reason = bd_reason_from_error(err);
	cJSON_AddItemToObject(run_facts(r, cell), "memory_reason", bd_doc_encode(&bd_reason_doc, reason));
	bd_reason_free(reason);
}

static void send(struct run *r, struct one *o, cJSON *message)
{
	struct bd_error err;
	if (o->ok && bd_worker_send(o->worker, message, &err) < 0) {
		no_memory(r, o->cell, &err);
		o->ok = false;
	}
	cJSON_Delete(message);
}

static cJSON *receive(struct run *r, struct one *o, const char *type)
{
	struct bd_error err;
	cJSON *answer = NULL;
	if (!o->ok)
		return NULL;
	if (bd_worker_receive(o->worker, (const char *const[]){type, NULL}, ANSWER_NS, r->e->cancel_fd, &answer,
		    &err) == 0)
		return answer;
	if (!bd_streq(err.key, "cancelled"))
		no_memory(r, o->cell, &err);
	o->ok = false;
	return NULL;
}

static void take_prepared(struct run *r, struct one *o, const cJSON *answer)
{
	struct bd_worker_cell w;
	struct bd_error err = {0};
	bd_doc_init(&bd_worker_cell_doc, &w);
	int res = bd_doc_decode(&bd_worker_cell_doc, answer, &w, &err);
	if (res == 0 && !bd_streq(w.status, "ok"))
		res = bd_error_set(&err, -EBADMSG, "not-measured", NULL, "in a process of its own it is %s: %s",
			w.status, w.reason ? w.reason->message : "");
	if (res < 0)
		no_memory(r, o->cell, &err);
	o->ok = res == 0;
	bd_doc_done(&bd_worker_cell_doc, &w);
}

static void take_memory(struct run *r, struct one *o, const cJSON *answer)
{
	struct bd_worker_memory m;
	struct bd_error err;
	bd_doc_init(&bd_worker_memory_doc, &m);
	if (bd_doc_decode(&bd_worker_memory_doc, answer, &m, &err) < 0)
		no_memory(r, o->cell, &err);
	else
		cJSON_AddItemToObject(run_facts(r, o->cell), "memory", bd_doc_encode(&bd_worker_memory_doc, &m));
	bd_doc_done(&bd_worker_memory_doc, &m);
}

static void some(struct run *r, struct one *v, size_t n)
{
	struct bd_worker_spec specs[SIDE_BY_SIDE] = {0};
	struct bd_map envs[SIDE_BY_SIDE] = {0};
	struct bd_worker *workers[SIDE_BY_SIDE] = {0};
	struct bd_error errs[SIDE_BY_SIDE];
	for (size_t i = 0; i < n; i++)
		launch_spec(r, v[i].config, &envs[i], &specs[i]);
	bd_worker_start_all(r->e->pool, specs, n, workers, errs);
	for (size_t i = 0; i < n; i++) {
		v[i].worker = workers[i];
		v[i].ok = workers[i] != NULL;
		if (!v[i].ok)
			no_memory(r, v[i].cell, &errs[i]);
		send(r, &v[i], launch_prepare(r, &v[i].cell, 1, v[i].config));
		bd_map_done(&envs[i]);
	}
	for (size_t i = 0; i < n; i++) {
		bd_auto_json cJSON *answer = receive(r, &v[i], "cell");
		if (answer)
			take_prepared(r, &v[i], answer);
		cJSON *ask = cJSON_CreateObject();
		cJSON_AddStringToObject(ask, "type", "memory");
		cJSON_AddNumberToObject(ask, "cell", (double)v[i].cell);
		send(r, &v[i], ask);
	}
	for (size_t i = 0; i < n; i++) {
		bd_auto_json cJSON *answer = receive(r, &v[i], "memory");
		if (answer)
			take_memory(r, &v[i], answer);
		cJSON *bye = cJSON_CreateObject();
		cJSON_AddStringToObject(bye, "type", "bye");
		send(r, &v[i], bye);
	}
	for (size_t i = 0; i < n; i++) {
		bd_auto_json cJSON *answer = receive(r, &v[i], "cell");
		if (answer)
			launch_let_end(v[i].worker);
		if (v[i].worker)
			bd_worker_free(&v[i].worker);
	}
}

double memory_expected_s(const struct plan *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->cells_len - p->twins; i++)
		n += p->cells[i].status == BD_CELL_OK;
	return 0.1 + 0.09 * (double)n;
}

void memory_launches(struct run *r)
{
	struct plan *p = r->plan;
	struct one v[SIDE_BY_SIDE];
	struct bd_error late;
	size_t n = 0;
	for (size_t k = 0; k < p->configs_len; k++) {
		const struct config *c = &p->configs[k];
		for (size_t i = 0; i < c->cells_len && !run_over(r); i++) {
			size_t cell = c->cells[i];
			if (p->cells[cell].status != BD_CELL_OK || !bd_streq(p->cells[cell].role, "cell"))
				continue;
			if (run_overdue(r)) {
				bd_error_set(&late, -ETIME, "not-measured", "a longer --budget",
					"the time was spent on launches that are timed");
				no_memory(r, cell, &late);
				continue;
			}
			v[n++] = (struct one){.cell = cell, .config = c};
			if (n == SIDE_BY_SIDE) {
				some(r, v, n);
				n = 0;
				run_progress(r, false);
			}
		}
	}
	if (n && !run_over(r))
		some(r, v, n);
}
