/* bd_engine: suite × catalogue → cells; a queue of runs; launches, rounds, budget, validity. It has no HTTP and prints
 * nothing. One thread measures; every function here may be called from any thread. */
#ifndef BD_ENGINE_H
#define BD_ENGINE_H

#include "bd_model.h"
#include "bd_store.h"

struct bd_engine;

/* What happens to a run, told from the engine's thread between batches (never inside one). */
enum bd_event_kind {
	BD_EVENT_STATE,    /* run state or queue position changed */
	BD_EVENT_PROGRESS, /* figures in struct bd_progress */
	BD_EVENT_CELL,     /* a cell has new samples or a new status */
};
struct bd_progress {
	const char *phase; /* "queued", "setup", "measuring", "finishing" */
	int64_t launch, launches, round, rounds;
	int64_t cells_done, cells;  /* batches of the round in flight */
	double elapsed_s, left_s;   /* left_s NAN while unknown */
	const char *last_cell;      /* id of the cell measured last, NULL before the first batch */
	double last_time_ns_per_op; /* of that batch alone: the first live number, not a result */
	const char *about; /* of a check: what is being called; phase is its stage then, and cells are functions */
	const char *waiting_for; /* while queued: who measures, "benchd 1234" or "run 01J…"; else NULL */
};
struct bd_event {
	const char *run_id;
	enum bd_event_kind kind;
	enum bd_run_state state;
	const struct bd_reason *reason;
	struct bd_progress progress;
	int64_t cell; /* index, for BD_EVENT_CELL */
};
typedef void (*bd_event_fn)(const struct bd_event *event, void *arg);

struct bd_engine_config {
	const char *data;         /* data folder: measure lock fallback, logs of workers */
	const char *interpreters; /* folder with one sub-folder per interpreter id: bench-worker, interpreter.json */
	const char *tracer;       /* path of bench-tracer */
	const char *suites;       /* folder of NAME.json */
	int worker_log_fd;
	bd_event_fn on_event;
	void *on_event_arg;
	/* Called once per finished run, before its last state event, to make and store the document. */
	void (*on_finished)(const char *run_id, void *arg);
};
int bd_engine_new(const struct bd_engine_config *config, struct bd_store *store, struct bd_engine **ret,
	struct bd_error *err);
/* Cancels what runs (state interrupted), ends all workers, joins the thread. */
void bd_engine_free(struct bd_engine **e);

/* Stores the run as queued and returns its id. Errors: what the user asked for (usage keys), or the store's. */
int bd_engine_submit(struct bd_engine *e, const struct bd_request *request, char ret_id[BD_ULID_LEN],
	struct bd_error *err);
/* The plan without running it. Initialised ret. */
int bd_engine_plan(struct bd_engine *e, const struct bd_request *request, struct bd_plan_document *ret,
	struct bd_error *err);
/* Asks the run to stop after the batch in flight: state cancelled. not-found, conflict (already ended). */
int bd_engine_cancel(struct bd_engine *e, const char *run_id, struct bd_error *err);
bool bd_engine_idle(struct bd_engine *e); /* nothing queued or running */
/* Run in progress (or first queued); empty string when idle. */
void bd_engine_current(struct bd_engine *e, char ret_id[BD_ULID_LEN]);

/* What can be measured with the interpreter (NULL = the default one). Learned from a worker once and kept. */
int bd_engine_catalogue(struct bd_engine *e, const char *python, const struct bd_catalogue **ret, struct bd_error *err);
/* [{id, executable, libpython, version, free_threaded, default, reason}] as built and found. */
int bd_engine_pythons(struct bd_engine *e, cJSON **ret, struct bd_error *err);
/* The suite by name; initialised ret. */
int bd_engine_suite(struct bd_engine *e, const char *name, struct bd_suite *ret, struct bd_error *err);
int bd_engine_suite_names(struct bd_engine *e, struct bd_strv *ret);
/* {"checks":[{name, who:"daemon"|"tracer"|"machine"|"worker", ok, message, hint}]} */
int bd_engine_doctor(struct bd_engine *e, cJSON **ret, struct bd_error *err);

/* HTTP handlers call this before they work: while a batch runs without a spare processor it waits for the gap between
 * batches (at most timeout_ns), and keeps the gap open until bd_engine_gap_leave; gaps are widened to at most 5 % of
 * the time. */
void bd_engine_gap_enter(struct bd_engine *e, int64_t timeout_ns);
void bd_engine_gap_leave(struct bd_engine *e);

#endif
