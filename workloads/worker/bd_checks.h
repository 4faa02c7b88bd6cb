/* The checks a cell passes before and after it is timed (measurement.md, section 5). A failed one makes the cell invalid with
 * its reason, never a number. */
#ifndef BD_CHECKS_H
#define BD_CHECKS_H

#include "bd_case.h"

/* Every check and every way it has of saying no: none can say anything else. tests/worker/test_mutants.py reads this list
 * and fails for a row that no test has seen catch a mutant. */
#define BD_CHECKS(X)                        \
	X("V1", "count-differs")            \
	X("V2", "wrong-result")             \
	X("V3", "address-differs")          \
	X("V3", "memory-grew")              \
	X("V3", "no-copy-found")            \
	X("V3", "reference-kept")           \
	X("V3", "write-not-seen")           \
	X("V4", "gil-changed")              \
	X("V4", "gil-not-held")             \
	X("V4", "gil-not-released")         \
	X("V4", "overlap-unproven")         \
	X("V5", "allocator-not-loaded")     \
	X("V5", "allocator-not-serving")    \
	X("V5", "allocator-unproven")       \
	X("V5", "object-allocator-differs") \
	X("V6", "leak")                     \
	X("V7", "not-in-manifest")          \
	X("V7", "build-id-differs")         \
	X("V7", "foreign-file")             \
	X("V7", "not-loaded")               \
	X("V8", "lost")                     \
	X("V8", "repeated")                 \
	X("V8", "altered")                  \
	X("V8", "out-of-order")             \
	X("V9", "same-interpreter")         \
	X("V9", "state-shared")

struct bd_bench_cell;

struct bd_verdict {
	enum bd_cell_status status;
	const char *check; /* "V1" …, NULL = none */
	struct bd_error err;
};
void bd_verdict_set(struct bd_verdict *v, const char *check, enum bd_cell_status status, const struct bd_error *err);
/* The cell is invalid by this row of BD_CHECKS; always false. */
bool bd_check_fail(struct bd_bench_cell *c, const char *check, const char *key, const char *hint, const char *fmt, ...)
	BD_PRINTF(5, 6);
/* The case's own verify() refused the result, by V2 or by what it set in refused_by; always false. */
bool bd_check_refused(struct bd_bench_cell *c, const struct bd_error *err);
/* A row of BD_CHECKS as strings that stay; NULL: there is none such. */
const char *bd_check_known(const char *check, const char *key, const char **ret_key);
/* Something to know about the cell that is nothing wrong; once per key. */
void bd_check_note(struct bd_bench_cell *c, const char *key, const char *hint, const char *fmt, ...) BD_PRINTF(4, 5);

/* What the daemon promised about the files this process loads (`prepare`). */
struct bd_promise {
	cJSON *manifest; /* [{path, build_id}] */
	cJSON *foreign;  /* [folder or file]: nothing loaded may lie in one */
};

/* Of every batch. All of these return true when passed; otherwise they fill the verdict. */
bool bd_check_batch(struct bd_bench_cell *c); /* V1, V2 */
/* Before the cell has run, after it was seen to run, and after its last batch. */
bool bd_checks_before(struct bd_bench_cell *c, const struct bd_promise *promise);
bool bd_checks_running(struct bd_bench_cell *c);
bool bd_checks_after(struct bd_bench_cell *c, const struct bd_promise *promise, bool leaks);

bool bd_check_copy(struct bd_bench_cell *c);         /* V3 */
bool bd_check_interpreters(struct bd_bench_cell *c); /* V9 */
bool bd_check_gil(struct bd_bench_cell *c);          /* V4: as it was at the start */
bool bd_check_overlap(struct bd_bench_cell *c);      /* V4; fills overlap, parallel */
bool bd_check_malloc(struct bd_bench_cell *c);       /* V5 */
bool bd_check_leaks(struct bd_bench_cell *c);        /* V6: runs batches */
bool bd_check_provenance(struct bd_bench_cell *c, const struct bd_promise *promise, bool last); /* V7 */

/* ---- checks_arrivals.c: V8 for cases in Python -------------------------------------------------------------- */

PyObject *bd_checks_module(void); /* Arrivals, exactly_once; new */
/* The pending exception, when it is one of that module's: cleared, told by err and refused_by. */
bool bd_check_exception(struct bd_work *w, struct bd_error *err);

#endif
