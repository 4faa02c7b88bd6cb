/* One run being measured: shared by run.c, launch.c and record.c only. */
#ifndef RUN_INTERNAL_H
#define RUN_INTERNAL_H

#include "engine_internal.h"

#include "bd_stats.h"

struct cell_state {
	struct bd_ints tids;           /* of this launch's worker, as that worker sees them */
	bool prepared;                 /* in the worker that lives now: answers to `bye` */
	bool traced;                   /* any batch was */
	bool untraced;                 /* any was not */
	int64_t waits;                 /* traced, over the whole run */
	double parallel;               /* most processors' worth of time its threads got in a check; NAN = not known */
	bool scaling_reference;        /* some threaded cell compares itself with it */
	int64_t first_calls;           /* launches whose first call is recorded */
	bool told;                     /* that it is enough is in the store */
	bool enough, done;             /* decided or as narrow as was asked; and no other cell needs it any more */
	struct bd_stats_point *points; /* of its own batches, in the order measured */
	size_t points_len;
	struct bd_stats_point *beside; /* of the untraced batches beside those at level events */
	size_t beside_len;
	double traced_ns; /* of its threads in traced batches, each until it ended */
	double batch_s;   /* wall time of the last one; 0 = none yet */
	size_t group;     /* the cells that are compared with each other, named by one of them */
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

	struct environment_watch watch;
	struct bd_tracer *tracer;
	struct events *events;       /* NULL: not at that level */
	struct bd_reason *trace_off; /* why not, for all cells */

	uint32_t hash_seed; /* of this launch, shared by all its processes */
	size_t padding;
	int64_t launch, round;
	int64_t max_launches; /* of any cell: what alpha is spent over */
	int64_t lost_ns;      /* waited for what hung */
	int64_t start_ns, setup_ns, measure_ns, batch_ns, last_progress_ns;
	int64_t cells_done, cells_in_round;
	const char *phase, *last_cell;
	double last_time_ns_per_op;

	struct bd_sample *samples; /* of the round in flight */
	size_t samples_len;
	struct bd_reason *broken; /* why the run cannot go on (store, bug) */
};

bool run_over(const struct run *r); /* cancelled, stopping or broken */
/* Far beyond the budget that was asked for: operations that take longer than anybody planned. */
bool run_overdue(const struct run *r);
void run_progress(struct run *r, bool force);
void run_cell_ended(struct run *r, size_t cell, enum bd_cell_status status,
	struct bd_reason *reason); /* takes reason */
size_t run_live_cells(const struct run *r, const struct config *c);
/* The object of what is no sample (docs/interfaces.md), made when there is none; stored with the cell. */
cJSON *run_facts(struct run *r, size_t cell);

/* looks.c */
bool run_active(const struct run *r, size_t cell); /* ok, and not done */
/* After a launch: marks the cells that are done. */
void look(struct run *r);
/* Why the cell has no further launch; the first answer stays. */
void look_stopped(struct run *r, size_t cell, const char *why);
/* Sets rounds of the next launches, and before the first look how many there are at most. launches: done so far;
 * round_s, setup_s: of one round, and of what a launch takes beside its rounds; left_s: of the budget. */
void look_shape(struct run *r, int64_t launches, double setup_s, double round_s, double left_s);

/* memory.c: fills `memory` or `memory_reason` of the cells' facts. */
void memory_launches(struct run *r);

void order_groups(struct run *r); /* order.c: sets state.group */
/* The A/A rows of a comparison say what the machine does, and need no more than a part of its rounds for that. */
#define TWIN_ROUNDS 3
bool order_sits_out(const struct run *r, size_t cell, int64_t round);
/* The order of one round: live cells only, ret has room for all. Returns how many. */
size_t order_round(struct run *r, size_t *ret);

/* launch.c: every outcome of a cell is recorded; nothing is returned. */
void launch_start(struct run *r); /* start, attach, prepare, warm up */
void launch_round(struct run *r);
void launch_end(struct run *r); /* the checks after the last batch; ends the workers */
void launch_kill(struct run *r);
void launch_let_end(const struct bd_worker *w); /* waits a little for one that has answered `bye` */
/* What a process of the configuration is started with; env is the caller's to free, after. */
void launch_spec(struct run *r, const struct config *c, struct bd_map *env, struct bd_worker_spec *ret);
cJSON *launch_prepare(struct run *r, const size_t *cells, size_t n, const struct config *config);

/* No more of it in this run: cells say why. */
void launch_stop_tracing(struct run *r, const struct bd_error *err);

/* events.c: all but begin do nothing in a run at another level. */
void events_begin(struct run *r);
/* Around a traced batch. 0, or 1: this one is not traced (resume), there is no reading (pause). */
int events_resume(struct run *r, const struct slot *s, size_t cell);
int events_pause(struct run *r, struct bd_tracer_reading *ret);
void events_store(struct run *r); /* what came since; between rounds */
void events_end(struct run *r);   /* the run's state is settled */
void events_done(struct run *r);

/* record.c */
/* The worker's answer and the tracer's reading (NULL = untraced) as one sample, appended to r->samples. */
int record_sample(struct run *r, size_t cell, enum bd_sample_kind kind, const cJSON *answer,
	const struct bd_tracer_reading *reading, struct bd_error *err);
/* The first call of a cell in its process, once per launch. */
void record_first_call(struct run *r, size_t cell, int64_t ns);
void record_environment(struct run *r); /* versions and build-ids of what this launch loaded */

#endif
