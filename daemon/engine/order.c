/* The order of a round: random, but what is compared with each other is measured close together, because the speed of a
 * shared machine may flip within a second. Groups of compared cells in random order; inside a group the short
 * one-thread batches stand together, at a random place among the long ones; random order inside again. */
#include "run_internal.h"

struct place {
	uint64_t group, block, item; /* drawn ranks */
	size_t cell;
};

static size_t name_of(const struct run *r, size_t cell)
{
	while (r->state[cell].group != cell)
		cell = r->state[cell].group;
	return cell;
}

static void join(struct run *r, size_t cell, int64_t other)
{
	if (other >= 0)
		r->state[name_of(r, cell)].group = name_of(r, (size_t)other);
}

void order_groups(struct run *r)
{
	size_t n = r->plan->cells_len;
	for (size_t i = 0; i < n; i++)
		r->state[i].group = i;
	for (size_t i = 0; i < n; i++) {
		const struct bd_cell *c = &r->plan->cells[i];
		join(r, i, c->reference);
		join(r, i, c->scaling);
		join(r, i, c->twin);
	}
	for (size_t i = 0; i < n; i++)
		r->state[i].group = name_of(r, i);
}

static int by_rank(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	return a->item < b->item ? -1 : a->item > b->item;
}

bool order_sits_out(const struct run *r, size_t cell, int64_t round)
{
	return r->plan->ab && r->plan->cells[cell].twin >= 0 && round % TWIN_ROUNDS != 0;
}

size_t order_round(struct run *r, size_t *ret)
{
	size_t cells = r->plan->cells_len, n = 0;
	bd_auto_free struct place *places = bd_alloc(cells * sizeof *places);
	bd_auto_free uint64_t *group = bd_alloc(cells * sizeof *group), *single = bd_alloc(cells * sizeof *single);
	/* drawn for every cell, also those that are out: the order of the others must not depend on them */
	for (size_t i = 0; i < cells; i++) {
		group[i] = bd_rng_next(&r->rng);
		single[i] = bd_rng_next(&r->rng);
	}
	for (size_t i = 0; i < cells; i++) {
		size_t g = r->state[i].group;
		uint64_t own = bd_rng_next(&r->rng), item = bd_rng_next(&r->rng);
		bool alone = bd_axes_threads(&r->plan->cells[i].axes) > 1;
		if (run_active(r, i) && !order_sits_out(r, i, r->round))
			places[n++] = (struct place){group[g], alone ? own : single[g], item, i};
	}
	qsort(places, n, sizeof *places, by_rank);
	for (size_t i = 0; i < n; i++)
		ret[i] = places[i].cell;
	return n;
}
