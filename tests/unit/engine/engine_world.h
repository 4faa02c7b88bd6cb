/* A real engine over a real store with the workers and the tracer of this build tree. */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include "bd_engine.h"
#include "bd_report.h"
#include "bd_test.h"

#include <pthread.h>

struct world {
	char data[40];
	struct bd_store *store;
	struct bd_engine *engine;
	struct bd_error err;
	char *interpreters, *tracer, *suites;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum bd_run_state state; /* of the last state event */
	char reason[64];
	int64_t cells_seen, progress_seen, live_figures;
	char waiting_for[64];
};

static void world_event(const struct bd_event *e, void *arg)
{
	struct world *w = arg;
	pthread_mutex_lock(&w->lock);
	if (e->kind == BD_EVENT_STATE) {
		w->state = e->state;
		snprintf(w->reason, sizeof w->reason, "%s", e->reason ? e->reason->key : "");
	}
	w->cells_seen += e->kind == BD_EVENT_CELL;
	w->progress_seen += e->kind == BD_EVENT_PROGRESS;
	if (e->kind == BD_EVENT_PROGRESS) {
		w->live_figures += e->progress.last_cell && e->progress.last_time_ns_per_op > 0;
		if (e->progress.waiting_for)
			snprintf(w->waiting_for, sizeof w->waiting_for, "%s", e->progress.waiting_for);
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void world_begin(struct world *w)
{
	*w = (struct world){.data = "/tmp/bd-engine-XXXXXX",
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER};
	BD_CHECK(mkdtemp(w->data));
	w->interpreters = bd_program_file("lib/benchd/interpreters", NULL);
	w->tracer = bd_printf("%s/../bin/bench-tracer", bd_program_dir());
	w->suites = bd_program_file("share/benchd/suites", NULL);
	BD_CHECK(w->interpreters && w->suites);
	BD_CHECK_INT(bd_store_open(w->data, &w->store, &w->err), 0);
	struct bd_engine_config c = {.data = w->data,
		.interpreters = w->interpreters,
		.tracer = w->tracer,
		.suites = w->suites,
		.worker_log_fd = -1,
		.on_event = world_event,
		.on_event_arg = w};
	BD_CHECK_INT(bd_engine_new(&c, w->store, &w->engine, &w->err), 0);
}

static void world_end(struct world *w)
{
	bd_engine_free(&w->engine);
	bd_store_free(&w->store);
	bd_auto_free char *rm = bd_printf("rm -rf '%s'", w->data);
	BD_CHECK_INT(system(rm), 0);
	free(w->interpreters);
	free(w->tracer);
	free(w->suites);
}

/* From the JSON a client would send. */
static int world_request(struct world *w, const char *json, struct bd_request *q)
{
	bd_auto_json cJSON *j = NULL;
	bd_doc_init(&bd_request_doc, q);
	int r = bd_json_parse(json, "request", &j, &w->err);
	return r < 0 ? r : bd_doc_decode(&bd_request_doc, j, q, &w->err);
}

static inline int world_submit(struct world *w, const char *json, char id[BD_ULID_LEN])
{
	struct bd_request q;
	int r = world_request(w, json, &q);
	if (r == 0)
		r = bd_engine_submit(w->engine, &q, id, &w->err);
	bd_doc_done(&bd_request_doc, &q);
	return r;
}

/* Until a state event says so; the test's alarm is the deadline. */
static inline void world_wait(struct world *w, enum bd_run_state state)
{
	pthread_mutex_lock(&w->lock);
	while (w->state != state)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static inline void world_document(struct world *w, const char *id, struct bd_run_document *doc)
{
	bd_doc_init(&bd_run_document_doc, doc);
	if (bd_report_run(w->store, id, doc, &w->err) < 0)
		BD_FAIL("%s", w->err.message);
}

#endif
