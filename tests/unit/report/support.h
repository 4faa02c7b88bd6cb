/* A store of its own per test, with runs whose truth is known. */
#ifndef REPORT_SUPPORT_H
#define REPORT_SUPPORT_H

#include "bd_report.h"
#include "bd_test.h"

#include <errno.h>
#include <math.h>

#define LAUNCHES 6

struct world {
	char data[32];
	struct bd_store *store;
	struct bd_error err;
	struct bd_rng rng;
	struct bd_run_document doc;
};

static inline void world_begin(struct world *w)
{
	*w = (struct world){.data = "/tmp/bd-report-XXXXXX"};
	BD_CHECK(mkdtemp(w->data));
	BD_CHECK_INT(bd_store_open(w->data, &w->store, &w->err), 0);
	bd_rng_init(&w->rng, 20260305);
	bd_doc_init(&bd_run_document_doc, &w->doc);
}

static inline void world_end(struct world *w)
{
	bd_doc_done(&bd_run_document_doc, &w->doc);
	bd_store_free(&w->store);
	bd_auto_free char *rm = bd_printf("rm -rf '%s'", w->data);
	BD_CHECK_INT(system(rm), 0);
}

/* The cell of case `name` at this place; more: further axes, "threads=2 side=b". */
static inline void cell_make(struct bd_cell *c, int64_t index, const char *name, const char *more)
{
	*c = (struct bd_cell){.index = index,
		.case_name = bd_strdup(name),
		.reference = -1,
		.scaling = -1,
		.twin = -1,
		.role = bd_strdup("cell")};
	bd_axes_set(&c->axes, "threads", "1");
	bd_auto_strv struct bd_strv words = {0};
	bd_strv_split(&words, more, ' ');
	for (size_t i = 0; i < words.n; i++) {
		char *equals = strchr(words.v[i], '=');
		if (!equals)
			continue;
		*equals = 0;
		bd_axes_set(&c->axes, words.v[i], equals + 1);
	}
	c->id = bd_cell_id(c->case_name, &c->axes);
}

static inline void twin_make(struct bd_cell *c, int64_t index, const struct bd_cell *of, const char *role)
{
	cell_make(c, index, of->case_name, "");
	bd_axes_done(&c->axes);
	bd_axes_copy(&of->axes, &c->axes);
	free(c->role);
	free(c->id);
	c->role = bd_strdup(role);
	c->id = bd_printf("%s#%s", of->id, role);
	c->twin = of->index;
}

/* plan, environment: JSON, NULL = none. Takes what the cells own. */
static inline void run_make(struct world *w, const char *id, const char *plan, const char *environment,
	struct bd_cell *cells, size_t n)
{
	struct bd_run run = {.id = (char *)(uintptr_t)id,
		.suite = "s",
		.state = BD_RUN_RUNNING,
		.started_ns = 1,
		.wall_s = 10,
		.launches = LAUNCHES,
		.rounds = 4,
		.cells = (int64_t)n,
		.comparability_key = "k",
		.plan = plan ? cJSON_Parse(plan) : NULL,
		.environment = cJSON_Parse(environment
				? environment
				: "{\"processors_allowed\":2,\"calibration\":{\"ns_per_step\":0.5,\"probe_steps\":100000}}")};
	BD_CHECK(run.environment && (!plan || run.plan));
	BD_CHECK_INT(bd_store_run_create(w->store, &run, cells, n, &w->err), 0);
	BD_CHECK_INT(bd_store_run_update(w->store, &run, &w->err), 0);
	cJSON_Delete(run.environment);
	cJSON_Delete(run.plan);
	for (size_t i = 0; i < n; i++)
		bd_cell_done(&cells[i]);
}

static inline void run_state(struct world *w, const char *id, enum bd_run_state state)
{
	struct bd_run run;
	BD_CHECK_INT(bd_store_run_get(w->store, id, &run, &w->err), 0);
	run.state = state;
	BD_CHECK_INT(bd_store_run_update(w->store, &run, &w->err), 0);
	bd_run_done(&run);
}

/* The document of the run, which ends so. */
static inline void report(struct world *w, const char *id, enum bd_run_state state)
{
	run_state(w, id, state);
	bd_doc_done(&bd_run_document_doc, &w->doc);
	BD_CHECK_INT(bd_report_run(w->store, id, &w->doc, &w->err), 0);
}

/* One batch in which an operation took `ns`, between two probes. */
static inline struct bd_sample batch_of(int64_t cell, int64_t launch, int64_t round, size_t threads, double ns,
	int64_t probe_ns)
{
	struct bd_sample s = {.cell = cell,
		.launch = launch,
		.round = round,
		.wall_ns = (int64_t)(ns * 100000),
		.probe_ns = {probe_ns, probe_ns}};
	for (size_t i = 0; i < threads; i++)
		*BD_PUSH(s.threads, s.threads_len) = (struct bd_sample_thread){.tid = 100 + (int64_t)i,
			.ops = 100000,
			.cpu_ns = s.wall_ns};
	return s;
}

static inline void batch(struct world *w, const char *id, int64_t cell, int64_t launch, int64_t round, size_t threads,
	double ns, int64_t probe_ns)
{
	struct bd_sample s = batch_of(cell, launch, round, threads, ns, probe_ns);
	BD_CHECK_INT(bd_store_round_put(w->store, id, &s, 1, &w->err), 0);
	bd_sample_done(&s);
}

/* About normal, mean 0, deviation 1. */
static inline double noise(struct world *w)
{
	double sum = 0;
	for (int i = 0; i < 12; i++)
		sum += bd_rng_unit(&w->rng);
	return sum - 6;
}

/* How a cell behaves. */
struct truth {
	int64_t cell;
	size_t threads;
	double ns, between, within; /* time of an operation; relative deviations of launches and of batches */
};

/* Batches of all of them, round by round. */
static inline void measure(struct world *w, const char *id, const struct truth *v, size_t n, int64_t launches,
	int64_t rounds)
{
	for (int64_t l = 0; l < launches; l++) {
		bd_auto_free double *own = bd_alloc(n * sizeof *own);
		for (size_t i = 0; i < n; i++)
			own[i] = exp(v[i].between * noise(w));
		for (int64_t r = 0; r < rounds; r++) {
			bd_auto_free struct bd_sample *s = bd_alloc(n * sizeof *s);
			for (size_t i = 0; i < n; i++)
				s[i] = batch_of(v[i].cell, l, r, v[i].threads,
					v[i].ns * own[i] * exp(v[i].within * noise(w)), 50000);
			BD_CHECK_INT(bd_store_round_put(w->store, id, s, n, &w->err), 0);
			for (size_t i = 0; i < n; i++)
				bd_sample_done(&s[i]);
		}
	}
}

static inline const struct bd_reason *note_of(const struct bd_cell_result *c, const char *key)
{
	for (size_t i = 0; i < c->notes_len; i++)
		if (bd_streq(c->notes[i].key, key))
			return &c->notes[i];
	return NULL;
}

#endif
