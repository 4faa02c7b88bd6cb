/* Entries in the order of their ends. A trace has them nearly so: how a wait ended is only known when its thread is heard of
 * again, and then it comes late. */
#ifndef BD_FORMATS_ORDER_H
#define BD_FORMATS_ORDER_H

#include "formats_internal.h"

/* What comes later than this is passed on at once, out of order; so is the oldest of more entries than this. */
#define BD_ORDER_LATE_NS 300000000
#define BD_ORDER_MAX 32768

enum bd_order_kind { BD_ORDER_WAIT, BD_ORDER_HOLD, BD_ORDER_LOCK, BD_ORDER_SPIN, BD_ORDER_MARK };
struct bd_order_entry {
	enum bd_order_kind kind;
	union {
		struct bd_trace_wait wait;
		struct bd_trace_hold hold;
		struct bd_trace_lock lock;
		struct bd_trace_spin spin;
		struct bd_trace_mark mark;
	};
};
struct bd_order_key {
	int64_t end_ns;
	uint64_t number; /* of its coming: equal ends stay as they came */
	uint32_t slot;
};
struct bd_order {
	struct bd_order_entry *slot;
	uint32_t *unused; /* slots */
	size_t slots, unused_len;
	struct bd_order_key *heap; /* the earliest end first */
	size_t heap_len;
	uint64_t number;
	int64_t newest_ns;
};
void bd_order_add(struct bd_order *o, int64_t end_ns, const struct bd_order_entry *e);
/* The next one whose turn it is; `all`: whether later ones may still come or not. */
bool bd_order_next(struct bd_order *o, bool all, struct bd_order_entry *ret);
void bd_order_done(struct bd_order *o);

#endif
