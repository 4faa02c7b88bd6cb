/* Inside bd_report: what is read of a run, and the figures made of it. */
#ifndef BD_REPORT_INTERNAL_H
#define BD_REPORT_INTERNAL_H

#include "bd_report.h"
#include "bd_stats.h"

#define REPORT_MODES_MAX 4

/* One batch, reduced to what the statistics need. */
struct batch {
	struct bd_stats_point
		point; /* num = wall × threads, den = ops: value = ns per operation as one caller sees it */
	enum bd_sample_kind kind;
	double probe_ns; /* mean of the two around it */
};
struct series { /* of one cell */
	struct batch *v;
	size_t n;
	int64_t *thread_ops, *thread_cpu_ns, *thread_wait_ns, *thread_waits, *thread_tid;
	size_t threads;
	int64_t switches, cpu_ns, ops;
	int64_t done;             /* ops and the straddlers: what switches and cpu_ns are of */
	double traced_thread_ns;  /* of traced batches: from the start until each thread ended */
	struct bd_gil_result gil; /* sums */
	uint64_t hist[BD_HIST_BUCKETS];
	/* once the run is over: its own batches at one speed of the machine, and the modes of those of threaded cells */
	struct bd_stats_point *level;
	size_t level_len;
	struct bd_stats_mode modes[REPORT_MODES_MAX];
	size_t modes_len;
};
/* What the machine did meanwhile, of every batch whatever it was for. */
struct machine_sums {
	int64_t batches, flagged, steal_ticks, throttled, involuntary;
	bool steal_known, throttled_known;
	double wall_ns;
	double *probes; /* the quicker of the two around each batch: what slowed one of them alone is no speed of the machine */
	size_t probes_len;
};
struct loaded {
	struct bd_run run;
	struct bd_cell *cells;
	size_t cells_len;
	struct series *series;
	struct machine_sums machine;
	bool ended;
};

/* ---- load.c ------------------------------------------------------------------------------------------------------ */

/* only: the one cell that is asked for, with those it is compared with, and no samples at all of a run that is over; or -1. */
int report_load(struct bd_store *store, const char *run_id, int64_t only, struct loaded *ret, struct bd_error *err);
void report_loaded_done(struct loaded *l);
#define auto_loaded BD_CLEANUP(report_loaded_done)
/* A number of the run's plan or environment, NAN when it is not there. */
double report_number(const cJSON *object, const char *name);
/* Written as the codec writes numbers: 12 digits, null where there is none. */
cJSON *report_number_json(double v);

/* ---- cell.c ------------------------------------------------------------------------------------------------------ */

void report_cell_make(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret);
/* The cell's own batches. Caller frees. */
struct bd_stats_point *report_points(const struct series *s, size_t *ret_n);
/* One value per launch: the median of its batches; with threads Σ wall × threads ÷ Σ ops, because a contended loop
 * alternates between regimes within a batch and a median would pick one of them. */
size_t report_launch_values(const struct bd_stats_point *p, size_t n, bool sums, double *ret);
double report_calibration(const struct loaded *l, const char *name);

/* ---- ratio.c ----------------------------------------------------------------------------------------------------- */

/* The looks that were taken until a cell had n launches. */
struct bd_stats_plan report_plan(const struct loaded *l, const struct bd_cell *cell, size_t n);
/* Ratio, p and smallest effect of a cell; nothing where there is no reference. */
void report_ratio(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret);
void report_scaling(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret);
/* The A/A rows. */
void report_noise(const struct loaded *l, struct bd_run_document *ret);

/* ---- gil.c ------------------------------------------------------------------------------------------------------- */

void report_gil_add(struct series *s, const struct bd_sample *sample);
void report_gil(const struct series *s, const char *mode, const struct bd_cell *cell, struct bd_cell_result *ret);

/* ---- modes.c ----------------------------------------------------------------------------------------------------- */

/* Fills level and modes of every cell. */
void report_modes_find(struct loaded *l);
cJSON *report_modes(const struct series *s);       /* NULL = one */
const char *report_steady(const struct series *s); /* NULL = not known */
/* Whether a ratio of b to a is there because they were in the same modes for different shares of the time. Caller frees the
 * reason; NULL = it is not. */
struct bd_reason *report_modes_explain(const struct series *a, const struct series *b);

/* ---- verdict.c --------------------------------------------------------------------------------------------------- */

/* What decides which A/A row is a ratio's floor, and what speaks against its verdict; one per cell of the document. */
struct judged {
	bool second_process;         /* compared with a cell of another process */
	struct bd_reason *explained; /* by something that is no change of the cost: owned */
};
void report_judge(struct bd_run_document *doc, struct judged *v, double equivalence);

/* ---- machine.c --------------------------------------------------------------------------------------------------- */

void report_machine_add(struct machine_sums *m, const struct bd_sample *sample);
void report_machine(const struct loaded *l, struct bd_run_head *ret);

/* ---- run.c ------------------------------------------------------------------------------------------------------- */

/* bad-value when it is a run of kind check, which has no times. */
int report_has_times(const struct bd_run *run, struct bd_error *err);
void report_head(const struct bd_run *run, struct bd_run_head *ret);

/* ---- difference.c ------------------------------------------------------------------------------------------------ */

struct difference {
	char *path;
	const cJSON *a, *b; /* borrowed; NULL = not there */
};
/* Where two values differ, in order; numbers may differ by what another compiler rounds. Caller frees with
 * report_differences_free. */
size_t report_differences(const cJSON *a, const cJSON *b, struct difference **ret);
void report_differences_free(struct difference *v, size_t n);

#endif
