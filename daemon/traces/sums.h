/* From entries to figures. The same for a trace that goes on and for one that is read back; nothing here grows with the
 * length of a trace. Threads, GILs, stacks and locks are the indices of its definitions. */
#ifndef BD_TRACES_SUMS_H
#define BD_TRACES_SUMS_H

#include "table.h"

#include "bd_model.h"

#define BD_SUMS_PAIRS 16384  /* waiter × holder; what is beyond is one row for each waiter */
#define BD_SUMS_ANY (-2)     /* its holder: some of them */
#define BD_SUMS_PLACES 65536 /* thread × stack; what is beyond goes to an unknown stack */
#define BD_SUMS_LOSSES 3600  /* seconds with losses; what is beyond is added to the last */

struct bd_sum {
	int64_t waits, wait_ns, holder_ns, runqueue_ns, switch_ns, mutex_ns, retries;
};
struct bd_sum_thread {
	struct bd_sum sum;
	int64_t max_ns;
	uint64_t *hist;     /* BD_HIST_BUCKETS; NULL: none yet */
	int64_t hold_ns;    /* it held a GIL, by samples and by intervals off its processor */
	int64_t blocked_ns; /* others waited because of it */
	double weight;      /* waiter-ns of those samples and intervals */
	int64_t lock_ns, spins;
};
struct bd_sum_gil {
	struct bd_sum sum;
	int64_t hold_ns;
};
struct bd_sum_pair {
	int32_t gil, waiter, holder; /* holder -1: unknown; BD_SUMS_ANY */
	int64_t ns, waits;
	int64_t first_waits; /* those in which it was the first to hold */
};
struct bd_sum_place {
	int32_t thread, stack;
	int64_t wait_ns, lock_ns, hold_ns, samples;
	double weight;
	int64_t yields, spin_ns;
};
struct bd_sum_lock {
	int64_t waits, ns, runqueue_ns;
};
struct bd_sum_loss {
	int64_t second, lost;
};

struct bd_sums {
	struct bd_sum sum;
	int64_t max_ns;
	uint64_t *hist;
	struct bd_sum_thread *threads;
	size_t threads_len;
	struct bd_sum_gil *gils;
	size_t gils_len;
	struct bd_sum_lock *locks;
	size_t locks_len;
	struct bd_sum_pair *pairs;
	size_t pairs_len;
	struct bd_table pair_of;
	struct bd_sum_place *places;
	size_t places_len;
	struct bd_table place_of;
	struct bd_sum_loss *losses;
	size_t losses_len;
	int64_t lost;
	int64_t nobody_ns; /* waited for holders nobody knows */
	int64_t lock_waits, lock_ns;
};

void bd_sums_done(struct bd_sums *s);
/* times: 1, or -1 to take one back that was added last. Slices of one wait are one. */
void bd_sums_wait(struct bd_sums *s, const struct bd_trace_wait *e, int times);
void bd_sums_hold(struct bd_sums *s, const struct bd_trace_hold *e, int64_t sample_ns);
void bd_sums_lock(struct bd_sums *s, const struct bd_trace_definitions *d, const struct bd_trace_lock *e);
void bd_sums_spin(struct bd_sums *s, const struct bd_trace_spin *e);
void bd_sums_lost(struct bd_sums *s, int64_t second, int64_t lost);

/* What the lines of holders come from: the ns a place of a holder kept others waiting; the ns that nothing is known of. */
double bd_sums_place_blocked_ns(const struct bd_sums *s, const struct bd_sum_place *p);
int64_t bd_sums_unresolved_ns(const struct bd_sums *s, const struct bd_trace_definitions *d);

/* What only who watches knows of a thread. */
struct bd_sums_watched {
	int64_t run_ns, life_ns; /* -1: unknown */
	const char *state;       /* NULL: unknown */
};
/* The figures of a document benchd.trace.v1, as its members of that name: gils to spins, lost and losses, waits and wait_ns,
 * unresolved_ns. watched: per thread of d, or NULL. */
void bd_sums_document(const struct bd_sums *s, const struct bd_trace_definitions *d, int64_t watched_ns,
	const struct bd_sums_watched *watched, cJSON *ret);
/* One element of `cells`. */
cJSON *bd_sums_cell(const struct bd_sums *s, const struct bd_trace_definitions *d, const char *id, int64_t ns);

#endif
