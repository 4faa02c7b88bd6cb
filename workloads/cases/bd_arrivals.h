/* V8: did everything that was sent arrive, once and in order? For queues, pipes, channels: whatever hands items over.
 *
 * An item is a number, BD_ARRIVAL(producer, position), positions from 0. Each consumer has arrivals of its own and adds what it
 * gets; in the end all of them together must have what the producers sent. In Python: cell.arrivals() and
 * cell.exactly_once(), see docs/worker-protocol.md. */
#ifndef BD_ARRIVALS_H
#define BD_ARRIVALS_H

#include "bd_case.h"

#define BD_ARRIVAL_POSITION_BITS 40
#define BD_ARRIVAL(producer, position) ((uint64_t)(producer) << BD_ARRIVAL_POSITION_BITS | (uint64_t)(position))

struct bd_arrivals {
	unsigned producers;
	uint64_t count, sum, mix; /* mix: exclusive or of all */
	uint64_t strange;         /* from nobody we know */
	uint64_t late;            /* after one that its producer sent later */
	uint64_t *next;           /* per producer: the position that comes next at the earliest */
};

void bd_arrivals_init(struct bd_arrivals *a, unsigned producers);
void bd_arrivals_done(struct bd_arrivals *a);

static inline void bd_arrivals_add(struct bd_arrivals *a, uint64_t item)
{
	uint64_t producer = item >> BD_ARRIVAL_POSITION_BITS, position = item - BD_ARRIVAL(producer, 0);
	a->count++;
	a->sum += item;
	a->mix ^= item;
	if (producer >= a->producers)
		a->strange++;
	else if (position < a->next[producer])
		a->late++;
	else
		a->next[producer] = position + 1;
}

/* For verify(): 0 when n consumers together got what each producer sent, once and in order; else -EBADMSG, and the cell is
 * invalid by V8. */
int bd_arrivals_check(struct bd_work *w, const struct bd_arrivals *const *consumers, size_t n, const uint64_t *sent,
	unsigned producers, struct bd_error *err);

#endif
