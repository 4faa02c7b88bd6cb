/* bd_report: assembles what people get from what the store keeps. Statistics are recomputed from samples, never the
 * other way round. */
#ifndef BD_REPORT_H
#define BD_REPORT_H

#include "bd_model.h"
#include "bd_store.h"

/* The run document as of now, also of a run in progress (which has no verdicts yet). Initialised ret. Errors: not-found,
 * the store's. */
int bd_report_run(struct bd_store *store, const char *run_id, struct bd_run_document *ret, struct bd_error *err);
/* The same for one cell (by index) of role "cell"; initialised ret. */
int bd_report_cell(struct bd_store *store, const char *run_id, int64_t cell, struct bd_cell_result *ret,
	struct bd_error *err);
/* Encodes and stores the document of a finished run. */
int bd_report_finish(struct bd_store *store, const char *run_id, struct bd_error *err);
/* The same for every run that has ended without one. Goes on behind a run that fails; err is of the last. */
int bd_report_recover(struct bd_store *store, struct bd_error *err);

/* A finished run once more, from its samples alone, beside what is stored of it: {"schema": "benchd.recomputed.v1",
 * "same": bool, "document": {…}, "differences": ["cells[3].ratio.median", …]}; same is null when nothing was stored.
 * Caller frees. Errors: not-found, conflict (not over yet), the store's. */
int bd_report_recompute(struct bd_store *store, const char *run_id, cJSON **ret, struct bd_error *err);

/* Two stored runs side by side, in the shape of a run of kind "compare": the cells of both, those of A with axis side=a, those
 * of B with side=b; a cell of B has its ratio to the same cell of A. Of a run that itself has two sides, side b counts.
 * equivalence as asked for, NAN = the default. Initialised ret. Errors: not-found, conflict (not over yet). */
int bd_report_compare(struct bd_store *store, const char *run_a, const char *run_b, double equivalence,
	struct bd_run_document *ret, struct bd_error *err);

/* How much slower is too slow, as parts: 0.05 = 5 %; 0 = any. */
struct bd_report_limit {
	char *glob; /* over cell ids and case names */
	double slower;
};
struct bd_report_limits {
	double slower;                 /* of cells that no glob names; NAN = 5 % */
	char *metric;                  /* "time_ns_per_op"; NULL = that */
	struct bd_report_limit *cells; /* the first that fits counts */
	size_t cells_len;
	struct bd_strv ignore; /* globs of cells that are not judged */
};
extern const struct bd_doc bd_report_limits_doc;
/* The document of an ab run or a comparison against limits (schema benchd.gate.v1); caller frees. Errors: bad-value. */
int bd_report_gate(const struct bd_run_document *doc, const struct bd_report_limits *limits, cJSON **ret,
	struct bd_error *err);

#endif
