/* One run being measured: shared by run.c, launch.c and record.c only. */
#ifndef RUN_INTERNAL_H
#define RUN_INTERNAL_H

#include "engine_internal.h"

struct cell_state {
	struct bd_ints tids;    /* of this launch's worker, as that worker sees them */
	bool prepared;          /* in the worker that lives now: answers to `bye` */
	bool traced;            /* any batch was */
	bool untraced;          /* any was not */
	int64_t waits;          /* traced, over the whole run */
	double parallel;        /* most processors' worth of time its threads got in a check; NAN = not known */
	bool scaling_reference; /* some threaded cell compares itself with it */
	size_t group;           /* the cells that are compared with each other, named by one of them */
};

struct slot { /* one process of a launch */
	const struct config *config;
	struct bd_worker *worker; /* NULL: not started, or dead */
	int target;               /* of the tracer, -1 = not attached */
	size_t *order;            /* its cells as they were prepared, which is the order of the answers to `bye` */
	size_t order_len;
};

struct run {
	struct bd_engine *e;
	struct job *job;
	struct plan *plan;
	struct bd_run row;
	struct cell_state *state; /* per cell of the plan */
	struct slot *slots;       /* per config of the plan */
	struct bd_rng rng;

	struct processors processors;
	size_t *order;
	int64_t *permutation;
	size_t used; /* processors the cells use: the first ones of the permutation */
	bool spare;
	double ns_per_step;
	int64_t probe_steps;

	struct bd_tracer *tracer;
	struct bd_reason *trace_off; /* why not, for all cells */

	uint32_t hash_seed; /* of this launch, shared by all its processes */
	size_t padding;
	int64_t launch, round;
	int64_t start_ns, setup_ns, measure_ns, batch_ns, last_progress_ns;
	int64_t cells_done, cells_in_round;
	const char *phase, *last_cell;
	double last_time_ns_per_op;

	struct bd_sample *samples; /* of the round in flight */
	size_t samples_len;
	struct bd_reason *broken; /* why the run cannot go on (store, bug) */
};

bool run_over(const struct run *r); /* cancelled, stopping or broken */
void run_progress(struct run *r, bool force);
void run_cell_ended(struct run *r, size_t cell, enum bd_cell_status status,
	struct bd_reason *reason); /* takes reason */
size_t run_live_cells(const struct run *r, const struct config *c);

void order_groups(struct run *r); /* order.c: sets state.group */
/* The order of one round: live cells only, ret has room for all. Returns how many. */
size_t order_round(struct run *r, size_t *ret);

/* launch.c: every outcome of a cell is recorded; nothing is returned. */
void launch_start(struct run *r); /* start, attach, prepare, warm up */
void launch_round(struct run *r);
void launch_end(struct run *r); /* the checks after the last batch; ends the workers */
void launch_kill(struct run *r);

/* record.c */
/* The worker's answer and the tracer's reading (NULL = untraced) as one sample, appended to r->samples. */
int record_sample(struct run *r, size_t cell, enum bd_sample_kind kind, const cJSON *answer,
	const struct bd_tracer_reading *reading, struct bd_error *err);
void record_environment(struct run *r); /* versions and build-ids of what this launch loaded */

#endif
