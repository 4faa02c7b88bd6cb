/* Who held a GIL when, as hand-overs tell it: whoever stops waiting for it takes it. */
#ifndef BD_TRACES_TAKES_H
#define BD_TRACES_TAKES_H

#include "bd_base.h"

#define BD_TAKES_MAX 65536 /* kept of each GIL; well over 1 s of the busiest there are */

struct bd_take {
	uint64_t from_ns; /* it was on its way to the thread */
	uint64_t on_ns;   /* the thread ran with it */
	uint32_t thread;
};
struct bd_takes {
	struct bd_take *v; /* a ring, by from_ns */
	size_t cap, first, n;
	uint64_t forgotten_ns; /* what lies before is not known any more */
};

void bd_takes_done(struct bd_takes *t);
void bd_takes_add(struct bd_takes *t, struct bd_take take);
/* It was none after all. */
void bd_takes_remove(struct bd_takes *t, uint64_t from_ns, uint32_t thread);

/* The parts of from … to and who held it then, in time order: told_first, where the probe saw one (-1: it did not), until the
 * first of them. waiter itself is never one. holder -1 = unknown. */
typedef void (*bd_takes_fn)(int64_t holder, uint64_t from_ns, uint64_t to_ns, void *arg);
void bd_takes_split(const struct bd_takes *t, uint32_t waiter, int64_t told_first, uint64_t from_ns, uint64_t to_ns,
	bd_takes_fn fn, void *arg);

#endif
