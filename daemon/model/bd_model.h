/* bd_model: every document as a struct and its JSON codec (cJSON). docs/interfaces.md gives the JSON by example.
 *
 * A document is described once, by a table of fields (struct bd_field); encoding, decoding, freeing and the refusal
 * of unknown fields all read that table. Absent is null: NULL for strings and objects, NAN for doubles,
 * BD_NULL_INT for integers. Everything a struct points to is owned by it and freed by bd_doc_done(). */
#ifndef BD_MODEL_H
#define BD_MODEL_H

#include "bd_base.h"

#include <cjson/cJSON.h>
#include <math.h>

#define BD_NULL_INT INT64_MIN
#define bd_auto_json BD_CLEANUP(bd_jsonp)
void bd_jsonp(cJSON **j);

/* ---- the codec ------------------------------------------------------------------------------------------ */

enum bd_field_type {
	BD_F_STRING,   /* char * */
	BD_F_INT,      /* int64_t */
	BD_F_DOUBLE,   /* double, rounded to 12 significant digits */
	BD_F_BOOL,     /* bool */
	BD_F_OBJECT,   /* struct in place (doc) */
	BD_F_OPTIONAL, /* struct X * (doc), NULL = null */
	BD_F_ARRAY,    /* struct X *v; size_t n; adjacent (doc) */
	BD_F_STRINGS,  /* struct bd_strv */
	BD_F_INTS,     /* struct bd_ints */
	BD_F_MAP,      /* struct bd_map: object of strings */
	BD_F_AXES,     /* struct bd_axes: object of axis values */
	BD_F_CHOICES,  /* struct bd_choices: object of arrays of axis values */
	BD_F_JSON,     /* cJSON *, any value; NULL = null */
};

struct bd_doc;
struct bd_field {
	const char *name;
	enum bd_field_type type;
	size_t offset;
	const struct bd_doc *doc; /* of OBJECT, OPTIONAL, ARRAY */
	bool required;            /* decoding fails without it */
	bool omit_null;           /* encoding leaves it out when null, instead of writing null */
};
struct bd_doc {
	const char *name;
	const char *schema; /* "benchd.run.v1" or NULL: written first and checked when decoding */
	size_t size;
	const struct bd_field *fields;
	size_t fields_len;
	bool lenient; /* decoding ignores unknown fields (documents we receive from a newer daemon) */
};

/* All fields absent: what decoding starts from. */
void bd_doc_init(const struct bd_doc *doc, void *obj);
void bd_doc_done(const struct bd_doc *doc, void *obj); /* frees what obj owns, not obj; leaves it absent */
cJSON *bd_doc_encode(const struct bd_doc *doc, const void *obj);
/* obj must be initialised; on failure it is left absent. Errors name the path ("axes.threads[1]") and, for an
 * unknown field, the nearest known one: keys unknown-field, bad-value. */
int bd_doc_decode(const struct bd_doc *doc, const cJSON *json, void *obj, struct bd_error *err);
/* Text to JSON; err (bad-json) says line and column. `what` names the source in the message. */
int bd_json_parse(const char *text, const char *what, cJSON **ret, struct bd_error *err);
char *bd_json_text(const cJSON *j);   /* one line; caller frees */
char *bd_json_pretty(const cJSON *j); /* two-space indent; caller frees */
/* Line (from 1) at which the value of a path like "axes.threads", "cases[1]" or "cells[\"a.b\"]" starts in text; 0 when
 * not found. */
int bd_json_line(const char *text, const char *path);

/* ---- small parts ------------------------------------------------------------------------------------------ */

struct bd_ints {
	int64_t *v;
	size_t n;
};
struct bd_pair {
	char *key, *value;
};
struct bd_map {
	struct bd_pair *v;
	size_t n;
};
const char *bd_map_get(const struct bd_map *m, const char *key); /* NULL when absent; borrowed */
void bd_map_set(struct bd_map *m, const char *key, const char *value);
void bd_map_done(struct bd_map *m);

/* Values of the axes of one cell, in the fixed order: the axes of bd_axis_kinds, then the case's parameters by name.
 * Values are strings here; JSON writes `threads` as a number. */
struct bd_axes {
	struct bd_pair *v;
	size_t n;
};
struct bd_axis_kind {
	const char *name;
	const char *fallback; /* the documented default, may be left out of ids; NULL = always in the id */
	const char *summary;
	bool process; /* part of the process-level configuration */
};
extern const struct bd_axis_kind
	bd_axis_kinds[]; /* python, binding, caller, allocator, objalloc, threads, affinity, gc, switch_interval */
extern const size_t bd_axis_kinds_len;
const char *bd_axes_get(const struct bd_axes *a, const char *name);       /* NULL when absent; borrowed */
void bd_axes_set(struct bd_axes *a, const char *name, const char *value); /* keeps the fixed order */
bool bd_axes_equal(const struct bd_axes *a, const struct bd_axes *b);
void bd_axes_copy(const struct bd_axes *a, struct bd_axes *ret);
void bd_axes_done(struct bd_axes *a);
int64_t bd_axes_threads(const struct bd_axes *a); /* 1 when absent */
/* "case/python=3.11.2/…"; axes at their default are left out. Caller frees. */
char *bd_cell_id(const char *case_name, const struct bd_axes *axes);
/* Names what is measured, the same in every run and every daemon: a hash of the case and all axes, by name. Those of the
 * document: an axis at its default is part of it though the cell's id leaves it out. */
#define BD_SERIES_LEN 17
void bd_series_id(const char *case_name, const struct bd_axes *axes, char out[BD_SERIES_LEN]);
/* "200ms", "1us", "3s", "150ns" → ns; -EINVAL. */
int bd_duration_parse(const char *s, int64_t *ret_ns);

/* Selected values per axis, in the order given. */
struct bd_choice {
	char *name;
	struct bd_strv values;
};
struct bd_choices {
	struct bd_choice *v;
	size_t n;
};
struct bd_choice *bd_choices_get(const struct bd_choices *c, const char *name);
void bd_choices_set(struct bd_choices *c, const char *name, const struct bd_strv *values); /* replaces; copies */

struct bd_reason {
	char *check; /* "V4" or NULL */
	char *key, *message, *hint;
};
extern const struct bd_doc bd_reason_doc;
struct bd_reason *bd_reason_new(const char *check, const char *key, const char *hint, const char *fmt, ...)
	BD_PRINTF(4, 5);
struct bd_reason *bd_reason_from_error(const struct bd_error *err);
struct bd_reason *bd_reason_copy(const struct bd_reason *r);
void bd_reason_free(struct bd_reason *r);

/* ---- what is asked for ------------------------------------------------------------------------------------- */

struct bd_side {            /* one of the two that `ab` compares: what differs from the request itself */
	char *label;        /* what people named */
	char *registered;   /* id of a folder, virtual environment or shared object; NULL = none */
	char *target;       /* id of this side's own copy of the target; NULL = the request's */
	struct bd_map axes; /* axis → value, of process-level axes */
	struct bd_map env;
};
struct bd_sides {
	struct bd_side a, b;
};
struct bd_request {               /* POST runs */
	char *target;             /* a suite name, a case glob, or "@ID" of something registered */
	char *kind;               /* "run", "ab" or "check" */
	struct bd_sides *sides;   /* of "ab", else NULL */
	struct bd_choices axes;   /* overrides the suite's */
	struct bd_strv cases;     /* globs over case names and cell ids; empty = all */
	double budget_s;          /* wall time of the whole run; NAN = the suite's */
	int64_t launches, rounds; /* BD_NULL_INT = the suite's */
	int64_t seed;             /* 0 … 2^53-1; BD_NULL_INT = drawn */
	double precision;         /* a cell is done when its interval is this narrow, 0.01 = ±1 %; NAN = not asked */
	double equivalence;       /* "no difference" up to this; NAN = 2 %, or what this machine can tell */
	char *trace;              /* "off" | "counters"; NULL = the suite's */
	struct bd_map labels, env;
	double wait_s; /* for the machine's turn; NAN = 600 */
	bool dry_run;
};
extern const struct bd_doc bd_request_doc;

/* DATA/registered/ID.json (schema benchd.registered.v1): programs are never named by a request, only by the id of what
 * benchctl wrote here. */
struct bd_registered {
	char *kind; /* targets: "python", "plugin", "command"; sides: "folder", "venv", "object"; of a check: "module" */
	char *path;          /* absolute; NULL for a command, and for a module that is imported by its name */
	struct bd_strv argv; /* of a module: the interpreter it is checked under */
	struct bd_map env;
	char *cwd, *name; /* name: what people see */
	cJSON *manifest;  /* [{path, build_id}] promised, absolute paths; NULL = nothing was promised */
	char *calls; /* of a module: the absolute path of the file with the calls that are made; NULL = they are tried */
};
extern const struct bd_doc bd_registered_doc;

struct bd_suite_defaults {
	double budget_s;
	int64_t launches, rounds;
	char *trace;
	char *batch; /* duration of threaded batches, "200ms" */
};
struct bd_suite {   /* workloads/suites/NAME.json */
	char *name; /* from the file name, not in the JSON */
	char *summary;
	struct bd_strv cases; /* case names */
	struct bd_choices axes;
	struct bd_map reference; /* axis → value, or "first" = the first value selected on that axis */
	struct bd_suite_defaults defaults;
};
extern const struct bd_doc bd_suite_doc;
/* Reads DIR/NAME.json. Unknown name: unknown-target with the nearest. Bad file: bad-suite naming file, line, path. */
int bd_suite_load(const char *dir, const char *name, struct bd_suite *ret, struct bd_error *err);
int bd_suite_names(const char *dir, struct bd_strv *ret); /* sorted */

/* ---- the catalogue: what a worker of one interpreter offers ---------------------------------------------------- */

struct bd_case_param {
	char *name, *summary;
	struct bd_strv values; /* every value that exists, the default first */
};
struct bd_case_info {
	char *name, *summary;
	char *shape; /* "iterations": one thread counts operations; "contended": may wait for the GIL */
	char *plain; /* binding:variant when the case uses no binding ("plain"), else NULL */
	struct bd_case_param *params;
	size_t params_len;
	int64_t target;           /* index into the targets described, BD_NULL_INT = ours */
	struct bd_reason *reason; /* why it cannot be tried (a syntax error): its cell is `failed`; else NULL */
	char *affinity;           /* what the case asks for, NULL = the default */
	double timeout_s;         /* of one batch, NAN = the default */
	struct bd_strv needs;     /* functions of the binding, of the case with its default parameters */
	struct bd_strv bindings;  /* NAME:VARIANT of those that have them here */
	bool process;             /* its cells have a worker of their own */
	bool measures_memory;     /* what an operation allocates is a figure of it */
};
struct bd_variant_info {
	char *name;
	struct bd_reason *unsupported; /* NULL = usable on this interpreter */
	char *caller;                  /* the only one that can call it ("c"), NULL = any */
	struct bd_strv functions;
	struct bd_map absent; /* function → why it cannot be */
};
struct bd_binding_info {
	char *name, *summary;
	struct bd_strv variants;
	struct bd_reason *unsupported; /* that of all variants; NULL = one of them is usable on this interpreter */
	bool counted;                  /* its functions call the kernel library */
	struct bd_variant_info *variant_info;
	size_t variant_info_len;
	cJSON *built; /* {versions, flags, files: [{path, build_id}]} of what was compiled for it; NULL = nothing */
};
struct bd_catalogue {
	struct bd_case_info *cases;
	size_t cases_len;
	struct bd_binding_info *bindings;
	size_t bindings_len;
};
extern const struct bd_doc bd_catalogue_doc, bd_binding_info_doc, bd_variant_info_doc;

/* ---- cells, samples, runs --------------------------------------------------------------------------------------- */

enum bd_cell_status { BD_CELL_OK, BD_CELL_UNSUPPORTED, BD_CELL_INVALID, BD_CELL_FAILED, BD_CELL_INTERRUPTED };
extern const char *const bd_cell_status_names[]; /* "ok" … */
int bd_cell_status_parse(const char *s, enum bd_cell_status *ret);

enum bd_run_state {
	BD_RUN_QUEUED,
	BD_RUN_RUNNING,
	BD_RUN_COMPLETE,
	BD_RUN_INTERRUPTED,
	BD_RUN_FAILED,
	BD_RUN_CANCELLED
};
extern const char *const bd_run_state_names[];
int bd_run_state_parse(const char *s, enum bd_run_state *ret);

struct bd_cell {       /* one point of the matrix, as the store keeps it */
	int64_t index; /* in the run, from 0 */
	char *id, *case_name;
	struct bd_axes axes;
	int64_t reference; /* index of the reference cell, -1 = none */
	int64_t scaling;   /* index of the same cell at one thread, -1 = none (also for that cell itself) */
	char *role;        /* "cell", "same-process", "second-process": the A/A twins are kept out of `cells` */
	int64_t twin;      /* index of the cell a twin repeats, -1 */
	enum bd_cell_status status;
	struct bd_reason *reason;
	int64_t iterations;            /* per batch, 0 for cells that run for a duration */
	int64_t duration_ns;           /* per batch, 0 for cells that count iterations */
	struct bd_reason *gil_off;     /* why not traced; NULL = traced */
	struct bd_reason *scaling_off; /* why scaling is null though there is a one-thread cell */
	cJSON *facts;                  /* what is no sample, an object: see docs/interfaces.md; NULL = nothing yet */
};
void bd_cell_done(struct bd_cell *c);

struct bd_sample_thread {
	int64_t tid;
	int64_t ops;        /* completed before the stop */
	int64_t straddled;  /* finished after it: not counted in ops (V1: native count = ops + straddled) */
	int64_t overrun_ns; /* from the stop until the thread heard of it; it may wait for the GIL meanwhile */
	int64_t cpu_ns;     /* thread CPU time inside the batch */
	int64_t processor;  /* at the start of the batch */
	int64_t voluntary, involuntary;                                               /* context switches */
	int64_t waits, wait_ns, holder_ns, runqueue_ns, switch_ns, mutex_ns, retries; /* GIL, from the tracer */
};
struct bd_sample_block { /* who waited for whom; indexes into threads, holder -1 = unknown */
	int64_t waiter, holder, ns, waits;
};
struct bd_sample_bucket { /* GIL wait histogram, see bd_hist_* */
	int64_t bucket, count;
};
enum bd_sample_kind {
	BD_SAMPLE_MAIN = 0,     /* the cell's own */
	BD_SAMPLE_SCALING = 1,  /* a one-thread cell on another processor of the set, for `scaling` only */
	BD_SAMPLE_FIRST = 2,    /* the very first call in a process: one operation; round 0 */
	BD_SAMPLE_UNTRACED = 3, /* beside one traced at level events, for what that costs */
};
struct bd_sample {
	int64_t cell, launch, round;
	enum bd_sample_kind kind;
	int64_t start_ns; /* CLOCK_MONOTONIC */
	int64_t wall_ns;
	int64_t probe_ns[2]; /* the same fixed native spin on the same processor before and after */
	int64_t minor_faults, major_faults, steal_ticks, throttled;
	bool traced;
	int64_t lost, max_wait_ns;
	struct bd_sample_thread *threads;
	size_t threads_len;
	struct bd_sample_block *blocks;
	size_t blocks_len;
	struct bd_sample_bucket *hist;
	size_t hist_len;
};
void bd_sample_done(struct bd_sample *s);
int64_t bd_sample_ops(const struct bd_sample *s); /* of all threads */
/* True when the two probes differ by more than 10 %: kept, but left out of ratios. */
bool bd_sample_flagged(const struct bd_sample *s);

/* Log-linear histogram of ns, 16 sub-buckets per octave: exact below 16, then at most 1/16 wide. */
#define BD_HIST_BUCKETS 640
unsigned bd_hist_bucket(uint64_t ns);
uint64_t bd_hist_low(unsigned bucket); /* smallest value of the bucket */

struct bd_run { /* the store's row */
	char *id, *suite;
	enum bd_run_state state;
	struct bd_reason *reason;
	int64_t created_ns, started_ns, finished_ns; /* real time; 0 = not yet */
	double wall_s, setup_s, measure_s, batch_s;
	int64_t seed, launches, rounds; /* as planned */
	struct bd_map labels;
	char *comparability_key;
	cJSON *environment;
	cJSON *request; /* bd_request_doc */
	cJSON *plan;    /* what a recomputation needs besides samples: see docs/interfaces.md */
	cJSON *check;   /* of kind check: its document, benchd.check.v1; NULL = there is none (yet) */
	int64_t cells;  /* count of role "cell" */
};
void bd_run_done(struct bd_run *r);

/* ---- the run document (schema benchd.run.v1) ------------------------------------------------------------------- */

struct bd_estimate {
	double median, lo, hi, min, mad;
};
struct bd_interval {
	double median, lo, hi;
};
struct bd_ratio {
	char *to;
	double median, lo, hi;
};
struct bd_blocker {
	int64_t waiter, holder, ns, waits;
};
struct bd_gil_result {
	char *mode;
	int64_t waits, wait_ns;
	double wait_share;
	int64_t holder_ns, runqueue_ns, switch_ns, mutex_ns, p50_ns, p99_ns, max_ns, retries, lost;
	struct bd_blocker *blockers;
	size_t blockers_len;
	struct bd_interval *cost; /* level events: time traced over untraced, of paired batches */
	struct bd_reason *reason;
};
struct bd_thread_result {
	int64_t index, tid, ops, cpu_ns, wait_ns, waits;
};
struct bd_memory_result {
	int64_t rss_peak_bytes, rss_bytes;
	double bytes_per_op;           /* kept */
	double allocations_per_op;     /* asked for, of cases that measure it; NAN = of others */
	double allocated_bytes_per_op; /* in these */
	int64_t allocator_bytes;
};
struct bd_cell_result {
	char *id, *case_name;
	struct bd_axes axes;
	char *series; /* bd_series_id */
	char *status;
	bool complete;
	struct bd_reason *reason;
	int64_t samples, iterations;
	double u_actual_ns, cpu_ns_per_op, ctx_switches_per_op, fairness;
	cJSON *modes;
	struct bd_estimate *time_ns_per_op;
	struct bd_interval *throughput_ops_s;
	cJSON *latency_ns;
	struct bd_ratio *ratio;
	struct bd_interval *scaling;
	struct bd_reason *scaling_reason;
	char *steady;
	bool oversubscribed;
	struct bd_gil_result *gil;
	struct bd_thread_result *threads;
	size_t threads_len;
	struct bd_memory_result *memory;
	struct bd_reason *memory_reason;
	struct bd_interval *first_call_ns;
	int64_t launches; /* of this cell */
	char *stopped;    /* why no further: "precision", "decided", "budget", "limit" */
	char *verdict;    /* of its ratio: "slower", "faster", "no difference", "undecided" */
	double p, p_adjusted, smallest_effect, equivalence;
	struct bd_reason *notes;
	size_t notes_len;
	cJSON *provenance; /* {"a": [{path, build_id}], "b": […]} */
};
struct bd_noise {
	char *kind, *cell;
	double ratio, lo, hi;
	double smallest_effect; /* what would have been seen between such two, NAN = not known */
	int64_t launches;
};
struct bd_run_head {
	char *id, *suite, *kind, *state;
	struct bd_reason *reason;
	char *started;
	double wall_s, setup_s, measure_s, batch_s;
	int64_t seed, launches, rounds;
	struct bd_map labels;
	char *comparability_key;
	cJSON *environment, *plan, *machine;
	char *noise_line; /* what the machine did meanwhile, in a sentence */
};
struct bd_run_document {
	struct bd_run_head run;
	struct bd_noise *noise;
	size_t noise_len;
	struct bd_cell_result *cells;
	size_t cells_len;
	cJSON *comparability; /* of compare: {"same", "differences"} */
	cJSON *check;         /* of check: benchd.check.v1 */
};
extern const struct bd_doc bd_run_document_doc, bd_cell_result_doc;

struct bd_statuses { /* how many cells; one that is not measured yet counts nowhere */
	int64_t ok, unsupported, invalid, failed, interrupted;
};
struct bd_run_row { /* runs list */
	char *id, *suite, *kind, *state, *started;
	char *verdict; /* of a check */
	struct bd_reason *reason;
	double wall_s;
	struct bd_map labels;
	int64_t cells;
	struct bd_statuses statuses;
};
struct bd_run_list {
	struct bd_run_row *runs;
	size_t runs_len;
	char *next; /* cursor of the next page, NULL = this was the last */
};
extern const struct bd_doc bd_run_list_doc;

/* ---- series: one cell over runs --------------------------------------------------------------------------------- */

enum bd_metric {
	BD_METRIC_TIME,
	BD_METRIC_THROUGHPUT,
	BD_METRIC_RATIO,
	BD_METRIC_SCALING,
	BD_METRIC_WAIT_SHARE,
	BD_METRICS
};
struct bd_metric_kind {
	const char *name; /* "time_ns_per_op" … */
	const char *unit; /* NULL = none */
};
extern const struct bd_metric_kind bd_metric_kinds[BD_METRICS];
/* bad-value with the nearest name. */
int bd_metric_parse(const char *name, enum bd_metric *ret, struct bd_error *err);
/* The cell's figure with its interval; NAN where it has none. */
struct bd_interval bd_cell_metric(const struct bd_cell_result *c, enum bd_metric m);
/* Why it has none though the cell is ok, or NULL; borrowed. */
const struct bd_reason *bd_cell_metric_off(const struct bd_cell_result *c, enum bd_metric m);

struct bd_series_last {
	char *run, *started;
};
struct bd_series {
	char *id, *case_name, *cell; /* cell: its id in a run */
	struct bd_axes axes;
	int64_t runs;
	struct bd_series_last last;
	struct bd_strv metrics; /* those that have a point; not in lists */
};
struct bd_series_list {
	struct bd_series *series;
	size_t series_len;
	char *next;
};
extern const struct bd_doc bd_series_doc, bd_series_list_doc;

struct bd_point {
	char *run, *started, *suite;
	char *status; /* of the cell; but for "ok" there is no value */
	bool complete;
	double value, lo, hi;
	char *to; /* of a ratio: the cell it is to */
	char *comparability_key;
	struct bd_reason *reason; /* why there is no value */
};
struct bd_points_document {
	char *series, *metric, *unit;
	struct bd_point *points; /* the oldest first */
	size_t points_len;
	char *next; /* `before` of the page before this one, NULL = there is none */
};
extern const struct bd_doc bd_points_document_doc;

/* What --dry-run answers (schema benchd.plan.v1). */
struct bd_plan_cell {
	char *id, *case_name;
	struct bd_axes axes;
	char *status; /* "ok" or "unsupported" */
	struct bd_reason *reason;
	double batch_s;
};
struct bd_plan_document {
	char *suite;
	double expected_s;
	int64_t launches, rounds;
	struct bd_plan_cell *cells;
	size_t cells_len;
};
extern const struct bd_doc bd_plan_document_doc;

/* ---- worker protocol (docs/worker-protocol.md) ------------------------------------------------------------------- */

struct bd_worker_gil {
	int64_t interpreter;
	char *address; /* "0x…" of struct _gil_runtime_state */
	int64_t size;
};
struct bd_worker_object { /* one loaded ELF object */
	char *path, *build_id;
};
struct bd_worker_ready {
	int64_t protocol, pid;
	char *python; /* "3.11.2" */
	char *abiflags;
	bool free_threaded, gil_enabled;
	char *executable, *libpython, *compiler, *build_flags;
	char *runtime; /* address of _PyRuntime, "0x…" */
	int64_t runtime_size;
	struct bd_worker_gil *gils;
	size_t gils_len;
	char *cap_eff; /* hex, from /proc/self/status */
	int64_t no_new_privs;
	struct bd_worker_object *objects;
	size_t objects_len;
	char *malloc_name, *malloc_version, *objalloc;
	char *host; /* "embedded" or "exe" */
};
extern const struct bd_doc bd_worker_ready_doc;

struct bd_worker_cell { /* answer to prepare and bye, and instead of a sample when a batch fails */
	int64_t cell;
	char *status;
	struct bd_reason *reason;
	int64_t iterations; /* suggested: 5–50 ms worth */
	struct bd_ints tids;
	double overlap;  /* V4, NAN when not applicable */
	double parallel; /* sum of thread CPU ÷ wall in the overlap batch */
	int64_t first_call_ns;
	struct bd_reason *notes; /* of interest, nothing wrong */
	size_t notes_len;
	struct bd_worker_object *loaded; /* answer to bye: what was loaded since `ready` */
	size_t loaded_len;
};
/* Answer to memory {cell}. */
struct bd_worker_memory {
	int64_t rss_bytes, rss_peak_bytes, allocator_bytes, allocator_before_bytes;
	double bytes_per_op, allocations_per_op, allocated_bytes_per_op; /* NAN = unknown */
};
extern const struct bd_doc bd_worker_memory_doc;
extern const struct bd_doc bd_worker_cell_doc;

struct bd_worker_sample {
	int64_t cell, start_ns, wall_ns;
	struct bd_ints ops, straddled, overrun_ns, thread_cpu_ns, cpu, voluntary, involuntary, probe_ns;
	int64_t minor_faults, major_faults, steal_ticks, throttled;
};
extern const struct bd_doc bd_worker_sample_doc;

/* ---- stored traces ---------------------------------------------------------------------------------------- */

/* One trace: what was asked for, and how it ended. Its figures are the document benchd.trace.v1 (bd_traces). */
struct bd_trace {
	char *id, *run_id; /* run_id: of a run that was traced; NULL = a process by itself */
	enum bd_run_state state;
	struct bd_reason *reason;
	int64_t pid;                         /* as the user gave it; of a run: BD_NULL_INT */
	char *python, *command, *level;      /* version; what it runs; "events" */
	int64_t created_ns, finished_ns;     /* real time; 0 = not yet */
	int64_t start_mono_ns, end_mono_ns;  /* of the target's clock; end: until when it was watched so far */
	int64_t waits, wait_ns, lost, bytes; /* bytes: of its stored chunks, counted by the store */
};
void bd_trace_done(struct bd_trace *t);
struct bd_trace_row { /* GET traces */
	char *id, *run, *state, *command, *python, *level, *started;
	struct bd_reason *reason;
	int64_t pid;
	double seconds; /* that it was watched so far */
	int64_t waits, wait_ns, lost, bytes;
};
struct bd_trace_list {
	struct bd_trace_row *traces;
	size_t traces_len;
	char *next; /* cursor: `before` of the next page, NULL = no more */
};
extern const struct bd_doc bd_trace_row_doc, bd_trace_list_doc;

/* POST traces. */
struct bd_trace_request {
	int64_t pid;
	double seconds;    /* NAN: until it is stopped or the process ends */
	char *level;       /* "events"; NULL = that */
	bool await;        /* the process is still to start Python: `benchctl trace -- COMMAND` */
	char *command;     /* shown with the trace; NULL = read from the process */
	int64_t max_bytes; /* to be stored; BD_NULL_INT = 256 MiB */
	bool keep;         /* without `seconds`: go on when nobody watches any more */
};
#define BD_TRACE_SECONDS_MIN 0.1
#define BD_TRACE_SECONDS_MAX 86400.0
#define BD_TRACE_BYTES_MIN (INT64_C(64) << 10)
#define BD_TRACE_BYTES_MAX (INT64_C(4) << 30)
extern const struct bd_doc bd_trace_request_doc;

/* What a stored trace holds, in the order of the ends. Times are ns since the trace's start_mono_ns. Threads, GILs, stacks
 * and marks are named by index into the definitions; -1 = unknown. */
struct bd_trace_piece { /* of a wait: blocked by one holder */
	int32_t holder; /* thread */
	int32_t stack;  /* the holder's at the time */
	int64_t ns;
};
#define BD_TRACE_PIECES 32 /* per wait; beyond that those of one holder are joined, then the smallest as unknown */
struct bd_trace_wait {
	int32_t thread, gil, stack;
	int64_t start_ns, end_ns;
	int64_t holder_ns, runqueue_ns, switch_ns,
		mutex_ns; /* their sum is end - start less what was between its slices */
	struct bd_trace_piece
		piece[BD_TRACE_PIECES]; /* in time order; their ns sum up to holder_ns, unless there are none */
	size_t pieces_len;
	bool retry; /* it began within 20 µs of running again */
};
struct bd_trace_hold { /* a sample of the holder, or an interval it spent off its processor */
	int32_t thread, gil, stack, waiters;
	int64_t start_ns, end_ns; /* equal for a sample, which stands for sample_ns of the definitions: */
	int32_t times;            /* so many times; 0 as 1 */
};
#define BD_TRACE_TIMES 1000 /* at most */
/* What it stands for; sample_ns: of the definitions. */
int64_t bd_trace_hold_ns(const struct bd_trace_hold *e, int64_t sample_ns);
struct bd_trace_lock {
	int32_t thread, waker, stack, kind; /* kind: index into locks of the definitions */
	int64_t start_ns, end_ns, runqueue_ns;
};
struct bd_trace_spin {
	int32_t thread, stack;
	int64_t start_ns, end_ns, off_ns, yields;
};
struct bd_trace_mark { /* a batch of a run, or a second in which records were lost */
	int32_t cell;  /* index into cells of the definitions; -1: lost */
	int64_t start_ns, end_ns, lost;
};
struct bd_trace_frame {
	char *function, *file, *native; /* native: on the innermost frame only; NULL = none or unknown */
	int64_t line;                   /* 0 = unknown */
};
struct bd_trace_stack {
	struct bd_trace_frame *frames; /* the innermost first */
	size_t frames_len;
};
struct bd_trace_thread {
	int64_t pid, tid; /* as the target sees them */
	char *name;
};
struct bd_trace_gil {
	int64_t pid, interpreter, address;
};
struct bd_trace_lock_kind {
	char *kind, *type; /* "critical-section" …; tp_name or NULL */
	int64_t address;
};
/* Grows while the trace goes on; indices stay, a thread may get another name. All texts are owned by `strings`. */
struct bd_trace_definitions {
	struct bd_trace_thread *threads;
	size_t threads_len;
	struct bd_trace_gil *gils;
	size_t gils_len;
	struct bd_trace_stack *stacks;
	size_t stacks_len;
	struct bd_trace_lock_kind *locks;
	size_t locks_len;
	struct bd_strv cells; /* ids */
	int64_t sample_ns;
	/* what the above is made of */
	struct bd_strv strings;
	struct bd_trace_frame *frames;
	size_t frames_len, renames;
};
void bd_trace_definitions_done(struct bd_trace_definitions *d);

/* The compact form (varints of differences; well below 24 bytes per wait). A chunk of entries can be decoded by itself, with
 * the definitions of all chunks up to it: so a time range can be cut out. */
struct bd_trace_writer;
struct bd_trace_chunk {
	int64_t start_ns, end_ns; /* of its entries; both 0: definitions alone */
	const void *data;         /* borrowed until the next call */
	size_t bytes;
};
void bd_trace_writer_new(int64_t sample_ns, struct bd_trace_writer **ret);
void bd_trace_writer_free(struct bd_trace_writer **w);
/* Definitions: give back the index; equal ones are one. A thread is told by pid and tid: another name replaces the one it
 * had, none (NULL) leaves it. */
int32_t bd_trace_write_thread(struct bd_trace_writer *w, int64_t pid, int64_t tid, const char *name);
int32_t bd_trace_write_gil(struct bd_trace_writer *w, int64_t pid, int64_t interpreter, int64_t address);
int32_t bd_trace_write_stack(struct bd_trace_writer *w, const struct bd_trace_frame *frames, size_t n);
int32_t bd_trace_write_lock_kind(struct bd_trace_writer *w, const char *kind, const char *type, int64_t address);
int32_t bd_trace_write_cell(struct bd_trace_writer *w, const char *id);
void bd_trace_write_wait(struct bd_trace_writer *w, const struct bd_trace_wait *e);
void bd_trace_write_hold(struct bd_trace_writer *w, const struct bd_trace_hold *e);
void bd_trace_write_lock(struct bd_trace_writer *w, const struct bd_trace_lock *e);
void bd_trace_write_spin(struct bd_trace_writer *w, const struct bd_trace_spin *e);
void bd_trace_write_mark(struct bd_trace_writer *w, const struct bd_trace_mark *e);
/* What was written since the last chunk, with the definitions that are new; false: nothing. */
bool bd_trace_writer_chunk(struct bd_trace_writer *w, struct bd_trace_chunk *ret);
size_t bd_trace_writer_bytes(const struct bd_trace_writer *w); /* of the next chunk, as it stands */
const struct bd_trace_definitions *bd_trace_writer_definitions(const struct bd_trace_writer *w); /* so far */

/* Any may be NULL. A negative return stops the walk and is returned. Every index of an entry is -1 or one there is. */
struct bd_trace_visitor {
	int (*wait)(const struct bd_trace_definitions *d, const struct bd_trace_wait *e, void *arg);
	int (*hold)(const struct bd_trace_definitions *d, const struct bd_trace_hold *e, void *arg);
	int (*lock)(const struct bd_trace_definitions *d, const struct bd_trace_lock *e, void *arg);
	int (*spin)(const struct bd_trace_definitions *d, const struct bd_trace_spin *e, void *arg);
	int (*mark)(const struct bd_trace_definitions *d, const struct bd_trace_mark *e, void *arg);
};
/* Adds the chunk's definitions to d (zeroed before the first), and visits its entries. A chunk whose definitions d has
 * already may be read again. Errors: bad-trace, for bytes that are none; d stays usable. */
int bd_trace_read_chunk(const void *data, size_t bytes, struct bd_trace_definitions *d,
	const struct bd_trace_visitor *visitor, void *arg, struct bd_error *err);

#endif
