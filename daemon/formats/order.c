#include "order.h"

static bool before(const struct bd_order_key *a, const struct bd_order_key *b)
{
	return a->end_ns != b->end_ns ? a->end_ns < b->end_ns : a->number < b->number;
}

static void swap(struct bd_order_key *a, struct bd_order_key *b)
{
	struct bd_order_key t = *a;
	*a = *b;
	*b = t;
}

static void grow(struct bd_order *o)
{
	size_t n = o->slots ? 2 * o->slots : 256;
	o->slot = bd_realloc(o->slot, n * sizeof *o->slot);
	o->unused = bd_realloc(o->unused, n * sizeof *o->unused);
	o->heap = bd_realloc(o->heap, n * sizeof *o->heap);
	while (o->slots < n)
		o->unused[o->unused_len++] = (uint32_t)o->slots++;
}

void bd_order_add(struct bd_order *o, int64_t end_ns, const struct bd_order_entry *e)
{
	if (o->unused_len == 0)
		grow(o);
	uint32_t slot = o->unused[--o->unused_len];
	o->slot[slot] = *e;
	o->newest_ns = o->number ? BD_MAX(o->newest_ns, end_ns) : end_ns;
	size_t i = o->heap_len++;
	o->heap[i] = (struct bd_order_key){end_ns, o->number++, slot};
	for (; i && before(&o->heap[i], &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&o->heap[i], &o->heap[(i - 1) / 2]);
}

bool bd_order_next(struct bd_order *o, bool all, struct bd_order_entry *ret)
{
	if (o->heap_len == 0)
		return false;
	if (!all && o->heap_len <= BD_ORDER_MAX && o->heap[0].end_ns > o->newest_ns - BD_ORDER_LATE_NS)
		return false;
	*ret = o->slot[o->heap[0].slot];
	o->unused[o->unused_len++] = o->heap[0].slot;
	o->heap[0] = o->heap[--o->heap_len];
	for (size_t i = 0, child; (child = 2 * i + 1) < o->heap_len; i = child) {
		if (child + 1 < o->heap_len && before(&o->heap[child + 1], &o->heap[child]))
			child++;
		if (!before(&o->heap[child], &o->heap[i]))
			break;
		swap(&o->heap[child], &o->heap[i]);
	}
	return true;
}

void bd_order_done(struct bd_order *o)
{
	free(o->slot);
	free(o->unused);
	free(o->heap);
}
