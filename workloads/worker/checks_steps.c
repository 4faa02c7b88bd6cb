/* V6, what grows in steps: a list to which every operation appends takes memory each time it is full, and the longer it is the
 * rarer that comes. By the time V6 looks, its few batches may see no step at all.
 *
 * So what malloc has given is read around every batch of the launch that looks for leaks, which costs microseconds: a cell that
 * still grew in the later half of its operations may be such a one. Only then it goes on until the number of
 * its operations, all together, is more than tenfold: what grows with them grows by as much per operation as it did, whatever its
 * steps are; a cache is full, and what comes with every doubling, as large as the last time, is less and less per operation. */
#include "leaks.h"

#define LEAST_BYTES 16384 /* less are the allocator's own, or the case's first objects */
#define LEAST_PER_OP 0.5  /* bytes; of both, in the later half of the operations */
#define FACTOR 2.2        /* by so much longer is each look: more than one step of what doubles */
#define LOOKS 3
#define EACH 0.25            /* of what is expected, at least, by each look: steps come early or late */
#define ALL 0.35             /* of it, at least, by all looks together */
#define STRETCH_NS 100000000 /* the longest batch */
#define SHORTEST_NS 2000000
#define PATIENCE_NS 10000000000

int64_t bd_steps_read(const struct bd_bench_cell *c)
{
	bool own;
	int64_t bytes = bd_malloc_exact_bytes(&own);
	return own && c->team->n > 1 ? BD_NULL_INT : bytes;
}

void bd_steps_add(struct bd_bench_cell *c, int64_t before, int64_t after, uint64_t ops)
{
	if (before == BD_NULL_INT || after == BD_NULL_INT)
		return;
	struct bd_step *step = BD_PUSH(c->steps.v, c->steps.n);
	*step = (struct bd_step){(double)ops, (double)(after - before)};
}

/* Bytes per operation in the later half of the operations; 0: it does not look like a leak. What came before may be a cache, or
 * what a first call needs. */
static double expected(const struct bd_steps *s)
{
	double all = 0, ops = 0, bytes = 0;
	for (size_t i = 0; i < s->n; i++)
		all += s->v[i].ops;
	for (size_t i = s->n; i > 0 && ops * 2 < all; i--) {
		ops += s->v[i - 1].ops;
		bytes += s->v[i - 1].bytes;
	}
	return bytes < LEAST_BYTES || bytes < LEAST_PER_OP * ops ? 0 : bytes / ops;
}

/* Batches until the cell has done so many operations; false when one failed. */
static bool run_to(struct bd_bench_cell *c, double goal, int64_t until_ns)
{
	while ((double)c->ops < goal && bd_clock_mono_ns() < until_ns) {
		const struct bd_team *team = c->team;
		double per_ns = (double)bd_team_spent_ns(team) / BD_MAX((double)bd_team_ops(team), 1.0);
		double rest_ns = BD_MIN(BD_MAX((goal - (double)c->ops) * per_ns, SHORTEST_NS), STRETCH_NS);
		uint64_t iterations = team->n > 1 ? 0 : (uint64_t)(rest_ns / BD_MAX(per_ns, 1.0)) + 1;
		struct bd_batch batch = {.iterations = iterations,
			.duration_ns = iterations ? 0 : (int64_t)rest_ns,
			.processors = &c->processors,
			.affinity = c->affinity,
			.weigh = true};
		if (!bd_bench_run(c, &batch))
			return false;
	}
	return true;
}

bool bd_check_steps(struct bd_bench_cell *c)
{
	double per_op = expected(&c->steps);
	if (per_op <= 0)
		return true;
	int64_t until_ns = bd_clock_mono_ns() + PATIENCE_NS;
	int64_t first = bd_leaks_look(c->team), before = first;
	double first_ops = (double)c->ops;
	for (int i = 0; i < LOOKS; i++) {
		double ops = (double)c->ops, goal = ops * FACTOR;
		if (!run_to(c, goal, until_ns))
			return false;
		int64_t after = bd_leaks_look(c->team);
		if (before == BD_NULL_INT || after == BD_NULL_INT ||
			(double)(after - before) < EACH * per_op * ((double)c->ops - ops) ||
			(double)(after - first) < ALL * per_op * ((double)c->ops - first_ops))
			return true;
		if ((double)c->ops < goal) {
			bd_check_note(c, "leaks-unproven", "more operations in less time would show it",
				"leaks are unproven: memory grows in steps, by %.1f bytes per operation so far",
				per_op);
			return true;
		}
		before = after;
	}
	return bd_check_fail(c, "V6", "leak", "what is it that every operation appends to, and nobody empties?",
		"leaks %.1f bytes per operation, in steps: %lld bytes more after %.0f operations than after %.0f",
		(double)(before - first) / ((double)c->ops - first_ops), (long long)(before - first), (double)c->ops,
		first_ops);
}
