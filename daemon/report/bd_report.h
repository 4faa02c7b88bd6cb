/* bd_report: assembles what people get from what the store keeps. Statistics are recomputed from samples, never the
 * other way round. */
#ifndef BD_REPORT_H
#define BD_REPORT_H

#include "bd_model.h"
#include "bd_store.h"

/* The run document as of now, also of a run in progress. Initialised ret. Errors: not-found, the store's. */
int bd_report_run(struct bd_store *store, const char *run_id, struct bd_run_document *ret, struct bd_error *err);
/* The same for one cell (by index) of role "cell"; initialised ret. */
int bd_report_cell(struct bd_store *store, const char *run_id, int64_t cell, struct bd_cell_result *ret,
	struct bd_error *err);
/* Encodes and stores the document of a finished run. */
int bd_report_finish(struct bd_store *store, const char *run_id, struct bd_error *err);
/* The same for every run that has ended without one. Goes on behind a run that fails; err is of the last. */
int bd_report_recover(struct bd_store *store, struct bd_error *err);

#endif
