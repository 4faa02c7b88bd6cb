/* When each thread held a GIL, as far as it is known: from hand-overs, samples and others' waits. */
#ifndef BD_FORMATS_HOLDS_H
#define BD_FORMATS_HOLDS_H

#include "formats_internal.h"

/* A hold begins where a wait ended, or where something is first seen of it, and lasts until what is last seen of it: a sample,
 * an interval off the processor, a wait of another that it blocked. What is further apart than this is two holds: the thread
 * may have let go in between, which nobody sees while nobody waits. */
#define BD_HOLDS_GAP_NS 4000000
#define BD_HOLDS_GAP_MAX_NS 100000000 /* where samples stand for more */

struct bd_hold {
	int32_t thread, gil;
	int64_t from_ns, to_ns;
	int64_t flow; /* the hand-over that ended it: number of the arrow; 0 = none */
};
struct bd_holds_track { /* of a thread */
	bool open, closed;
	struct bd_hold hold;
	int64_t closed_ns; /* it cannot have held it beyond */
	int64_t done_ns;   /* what is told of the thread lies before */
};
struct bd_holds_gil {
	int32_t holder; /* -1 = unknown */
	int64_t since_ns;
};
struct bd_holds {
	struct bd_holds_track *track;
	size_t tracks;
	struct bd_holds_gil *gil;
	size_t gils;
	int64_t flows;
	/* A hold that is over, in the order of each thread's; `arrow_ns`: where the arrow `hold->flow` begins. */
	void (*tell)(const struct bd_hold *hold, int64_t arrow_ns, void *arg);
	void *arg;
};

/* The thread slept, or did else what is no holding, from … to. Its holds before are told. */
void bd_holds_away(struct bd_holds *h, int32_t thread, int64_t from_ns, int64_t to_ns);
/* A wait of `thread` has ended: first bd_holds_away, then this. The number of the arrow from who let it in; 0 = nobody known. */
int64_t bd_holds_take(struct bd_holds *h, const struct bd_trace_wait *e);
/* sample_ns: what it stands for, when it is a sample. */
void bd_holds_seen(struct bd_holds *h, int32_t thread, int32_t gil, int64_t from_ns, int64_t to_ns, int64_t sample_ns);
/* The rest. */
void bd_holds_end(struct bd_holds *h);
void bd_holds_done(struct bd_holds *h);

#endif
