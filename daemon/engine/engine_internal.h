/* Shared by the files of engine/ only. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "bd_engine.h"
#include "bd_tracer.h"
#include "bd_workers.h"

#include <pthread.h>

#define TARGET_BATCH_NS \
	5000000LL      /* of cells that count iterations: the middle of what workers propose, a quarter of it */
#define MAX_THREADS 64 /* of one cell */
/* Of all cells in one process: the tracer tells so many apart, and the process has threads of its own. */
#define MAX_PROCESS_THREADS (BD_TRACER_MAX_THREADS - 8)
#define DEFAULT_LAUNCHES 6
#define DEFAULT_BUDGET_S 45.0
#define MAX_ROUNDS 500
#define MAX_LAUNCHES 36 /* of a run that goes on until its cells are done */
#define DEFAULT_AB_BUDGET_S 10.0
#define DEFAULT_WAIT_S 600.0
#define CATALOGUE_TIMEOUT_S 20.0 /* until a cell of ours is prepared; of one batch, beyond 20 times the expected time */
#define OWN_TIMEOUT_S 10.0       /* the same for users' cases that say nothing else */

/* ---- interpreters and catalogues (catalogue.c) ------------------------------------------------------------- */

struct interpreter {
	char *id, *host; /* "embedded": a program of ours with its libpython; "exe": its own executable */
	char *executable, *libpython, *version, *full_version, *abiflags, *build_id, *compiler, *flags;
	bool free_threaded, debug, is_default;
	cJSON *manifest; /* [{path, build_id}] of our own files, absolute paths */
	char *program;   /* how its worker is started, and with which arguments; absolute paths */
	struct bd_strv args;
	/* the rest is in no file */
	char **argv;                /* args, NULL-ended, borrowed */
	char *environment;          /* where its bindings are built; the folder need not be there */
	bool added;                 /* by `benchctl python add`, into the data folder … */
	bool gone;                  /* … and removed, or built again since: only runs that began before may use it */
	char *folder;               /* of its worker */
	int64_t stamp;              /* tells it from one that was built later */
	struct bd_reason *unusable; /* NULL = it can be measured */
	struct bd_catalogue *catalogue; /* NULL until asked; under catalogue_lock, as the rest */
	int64_t catalogue_stamp;        /* built_stamp() when it was asked */
	struct bd_catalogue **outdated; /* those before it, which a run may be using */
	size_t outdated_len;
};

int interpreters_load(struct bd_engine *e); /* < 0: there are none, e->interpreters_error says why */
void interpreters_free(struct bd_engine *e);
/* All there are now; the caller frees the array, what it points to lives as long as the engine. */
size_t interpreters_all(struct bd_engine *e, const struct interpreter ***ret);
const struct interpreter *interpreter_find(struct bd_engine *e, const char *id); /* NULL id = the default one */
/* Fills program and args; python: the executable of a virtual environment made of it, which then runs in its place where
 * the executable is the host. NULL = its own. Borrowed. */
void interpreter_start(const struct interpreter *i, const char *python, struct bd_worker_spec *ret);
/* Asks a worker. env may add variables (then nothing is kept); *ret is owned by the caller when *ret_owned. */
int catalogue_get(struct bd_engine *e, const char *python, const struct bd_map *env, const struct bd_catalogue **ret,
	bool *ret_owned, struct bd_error *err);
void catalogue_free(struct bd_catalogue *c);

/* Changes when a binding was built for the interpreter since; 0 = nothing is. (built.c) */
int64_t built_stamp(const struct interpreter *i);
/* Adds the files of all bindings that were built for it, as they are now, to [{path, build_id}]. */
void built_promise(const struct interpreter *i, cJSON *manifest);

/* ---- allocators and the environment of a worker (environment.c) ---------------------------------------------- */

/* Path of the shared object that serves malloc, "" for glibc; NULL when it is not installed. Borrowed, static. */
const char *allocator_path(const char *name);
const char *allocator_package_hint(const char *name);
/* The whole environment of a worker: a fixed list, what the axes ask for, the request's own. */
void worker_environment(struct bd_map *env, const struct bd_axes *axes, const struct bd_map *request_env,
	uint32_t hash_seed, size_t padding);
cJSON *environment_document(void);
/* What the machine did: begun before the first worker starts; environment_seen at the end of each launch; at last
 * environment_ended writes load_before, load_after, mhz_lo, mhz_hi and others_cpu_s (what other programs used) into the
 * environment, as far as they can be read. */
struct environment_watch {
	double load, busy_s, own_s, mhz_lo, mhz_hi;
};
void environment_begun(struct environment_watch *w);
void environment_seen(struct environment_watch *w);
void environment_ended(struct environment_watch *w, cJSON *environment);
/* Adds `variables`, those that were asked for, once. */
void environment_variables(cJSON *environment, const struct bd_map *asked);
/* Hash over what makes results comparable. */
char *comparability_key(const cJSON *environment);

/* ---- what benchctl registered, and the sides of a comparison (registered.c, sides.c) --------------------------- */

/* Initialised or not, *ret is set only on success; bd_doc_done(&bd_registered_doc, ret) frees it. A target is of kind
 * python, plugin or command, a side of kind folder, venv or object, what is checked of kind module; paths are absolute, and it has a name. Errors:
 * not-found, bad-registered. */
int registered_load(const char *data, const char *id, struct bd_registered *ret, struct bd_error *err);
bool registered_is_target(const struct bd_registered *g);
/* Removes what was registered more than 30 days ago. */
void registered_sweep(const char *data);

/* What the processes of one side load and stand in. A run that compares no sides has one without a name. */
struct side {
	const char *name;            /* "a" or "b"; NULL */
	const struct bd_side *asked; /* borrowed from the request; NULL */
	struct bd_registered what;   /* a folder, a virtual environment, a shared object; kind NULL = nothing */
	bool has_target;
	struct bd_registered target;
	cJSON *targets;    /* [{kind, path, root, argv, cwd, env}], as a worker is told; NULL = none */
	char *interpreter; /* the id its virtual environment needs, NULL = any */
	char *python;      /* the executable of its virtual environment; NULL */
};
int side_load(struct bd_engine *e, const struct bd_request *request, const char *name, struct side *ret,
	struct bd_error *err);
void side_done(struct side *s);
/* Adds what the side needs to a worker's environment. */
void side_environment(const struct side *s, struct bd_map *env);
const char *side_cwd(const struct side *s); /* NULL = "/" */
/* What can be measured there: the catalogue, and with a target its cases too, also those that cannot even be loaded
 * (they have a reason). A file that kills or hangs whoever imports it is taken out of s->targets. */
int side_catalogue(struct bd_engine *e, struct side *s, const char *python, const struct bd_map *request_env,
	const struct bd_catalogue **ret, bool *ret_owned, struct bd_error *err);

/* ---- the plan (resolve.c, plan.c) ------------------------------------------------------------------------------------- */

struct config {                     /* what needs a process of its own, in every launch */
	const struct bd_axes *axes; /* of its first cell: the process-level axes are the same for all */
	const struct interpreter *python;
	const struct side *side;
	bool threaded, alone;
	int replica; /* 1: the second process of the A/A row */
	size_t *cells;
	size_t cells_len;
	int64_t threads; /* of its cells together, where threaded */
};
struct plan {
	struct bd_request request;
	struct bd_suite suite;
	struct bd_cell *cells;   /* twins last */
	size_t cells_len, twins; /* cells_len counts the twins */
	struct side sides[2];    /* one without a name, or a and b */
	size_t sides_len;
	struct case_limit { /* what a user's case asks for */
		char *case_name;
		double timeout_s;
	} * limits;
	size_t limits_len;
	struct bd_strv alone;          /* cases whose cells have a process of their own */
	bool ab, check;                /* check: a module is looked at, and there are no cells (check.c) */
	double precision, equivalence; /* NAN = not asked */
	struct config *configs;
	size_t configs_len;
	int64_t launches, rounds; /* rounds 0 = from the budget */
	bool launches_fixed;
	bool adaptive;           /* launches go on until cells are done (looks.c) */
	double budget_s, wait_s; /* budget_s NAN = none */
	bool budget_firm;        /* asked for: it may cost launches, and with them the intervals */
	bool trace, events;      /* events: at that level */
	int64_t max_threads, seed;
};
int plan_make(struct bd_engine *e, const struct bd_request *request, struct plan **ret, struct bd_error *err);
/* Fills suite, sides and cells of a plan that has its request. (resolve.c) */
int plan_resolve(struct bd_engine *e, struct plan *p, struct bd_error *err);
/* How long one batch of the case may take, beyond what is expected, before it counts as hanging; seconds. */
double plan_timeout_s(const struct plan *p, const struct bd_cell *c);
void plan_free(struct plan *p);
void plan_document(const struct plan *p, struct bd_plan_document *ret);
/* Expected seconds of one batch of the cell, of one launch's setup, of one round. */
double plan_batch_s(const struct bd_cell *c);
double plan_setup_s(const struct plan *p); /* to start a launch */
double plan_leaks_s(const struct plan *p); /* what the first launch takes more, expected */
double plan_round_s(const struct plan *p);
double memory_expected_s(const struct plan *p); /* of all memory launches (memory.c) */
/* Launches and rounds per launch that fit, once the first launch is set up: setup_s of each further one, left_s of the
 * budget. */
void plan_shape(const struct plan *p, double setup_s, double left_s, int64_t *ret_launches, int64_t *ret_rounds);
/* The value of a case parameter that is a duration, as native steps; see calibrate. */
#define WORK_PARAM "u"

/* ---- processors and the calibrated spin (processors.c) ---------------------------------------------------------- */

struct processors {
	int64_t allowed[1024];
	size_t n;
};
void processors_allowed(struct processors *p);
/* The launch's permutation: random, then rotated so that over n launches every processor is first equally often. */
void processors_permute(const struct processors *p, struct bd_rng *rng, size_t launch, size_t *order, int64_t *ret);
/* Pins all threads of this process to the processors not used by the run; to all when there is no spare one. */
void processors_keep_off(const struct processors *p, const int64_t *permutation, size_t used);
/* Nanoseconds per step of the native spin: median over processors of the median of 9 spins on each. */
double calibrate_spin(const struct processors *p);

/* ---- one measurement per machine (machine_lock.c) ----------------------------------------------------------------- */

/* Tries once: descriptor, or -EWOULDBLOCK with *ret_holder (pid, 0 unknown). */
int machine_lock_try(const char *data, int64_t *ret_holder);

/* ---- runs -------------------------------------------------------------------------------------------------------- */

struct job {
	char id[BD_ULID_LEN];
	struct plan *plan;
	int64_t submitted_ns; /* monotonic */
	struct job *next;
};

struct bd_engine {
	struct bd_engine_config config;
	char *data, *interpreters_dir, *tracer, *suites;
	struct bd_store *store;
	struct bd_worker_pool *pool;
	char *added_dir; /* of interpreters that were added */
	int64_t added_stamp;
	pthread_mutex_t interpreters_lock;
	struct interpreter **interpreters; /* grows only, so that one that is found may be used without the lock */
	size_t interpreters_len;
	struct bd_error interpreters_error; /* why there are none */
	pthread_mutex_t catalogue_lock;

	pthread_t thread;
	pthread_mutex_t lock; /* queue, current, stopping */
	pthread_cond_t changed;
	struct job *queue, *current;
	bool stopping;
	int cancel_fd; /* eventfd, readable = stop what runs */
	bool cancelled_by_user;

	pthread_mutex_t gap_lock;
	pthread_cond_t gap_changed;
	bool in_batch, gap_closed; /* gap_closed: a batch is running and there is no spare processor */
	unsigned gap_waiting, gap_inside;
	int64_t gap_allowance_ns; /* what waiting for handlers may still cost: 5 % of the time in batches */
};

/* Whether a process may read the memory of others of its user that it did not start: NULL, or what mends it. scope: Yama's
 * ptrace_scope as a digit, 0 = there is no Yama. (doctor.c) */
const char *doctor_may_read(char scope, bool may_ptrace);

/* Measures one run to its end; every outcome is in the store. (run.c) */
void run_measure(struct bd_engine *e, struct job *job);
/* The same of one of kind check. (check.c) */
void check_measure(struct bd_engine *e, struct job *job);
/* Fills the suite's name and the module of a plan of kind check, which is its first side's target. */
int check_resolve(struct bd_engine *e, struct plan *p, struct bd_error *err);
cJSON *check_plan(const struct plan *p); /* as it is stored */
void engine_emit(struct bd_engine *e, const struct bd_event *event);
/* Called at every border between batches: the queue's own deadlines and progress. */
void engine_tend_queue(struct bd_engine *e);
/* Ends a run that never started: in the store, as far as it can be written, and for whoever listens. Takes the reason. */
void engine_end_unmeasured(struct bd_engine *e, struct job *job, enum bd_run_state state, struct bd_reason *reason);
bool engine_should_stop(struct bd_engine *e);
void gap_close(struct bd_engine *e, bool spare);
void gap_open(struct bd_engine *e, int64_t batch_ns);

#endif
