/* Who waited for the GIL: what the tracer saw of the batches of a cell, added up. */
#include "report_internal.h"

static void add_blocker(struct bd_gil_result *g, const struct bd_sample_block *b)
{
	int64_t holder = b->holder < 0 ? BD_NULL_INT : b->holder;
	for (size_t i = 0; i < g->blockers_len; i++) {
		if (g->blockers[i].waiter == b->waiter && g->blockers[i].holder == holder) {
			g->blockers[i].ns += b->ns;
			g->blockers[i].waits += b->waits;
			return;
		}
	}
	*BD_PUSH(g->blockers, g->blockers_len) = (struct bd_blocker){b->waiter, holder, b->ns, b->waits};
}

void report_gil_add(struct series *s, const struct bd_sample *sample)
{
	struct bd_gil_result *g = &s->gil;
	for (size_t i = 0; i < sample->threads_len; i++) {
		const struct bd_sample_thread *t = &sample->threads[i];
		g->waits += t->waits;
		g->wait_ns += t->wait_ns;
		g->holder_ns += t->holder_ns;
		g->runqueue_ns += t->runqueue_ns;
		g->switch_ns += t->switch_ns;
		g->mutex_ns += t->mutex_ns;
		g->retries += t->retries;
		/* the tracer sees a thread's waits until it ended, which is after the stop where it waited just then */
		s->traced_thread_ns += (double)(sample->wall_ns + t->overrun_ns);
	}
	g->max_ns = BD_MAX(g->max_ns, sample->max_wait_ns);
	g->lost += sample->lost;
	for (size_t i = 0; i < sample->blocks_len; i++)
		add_blocker(g, &sample->blocks[i]);
	for (size_t i = 0; i < sample->hist_len; i++)
		if (sample->hist[i].bucket >= 0 && sample->hist[i].bucket < BD_HIST_BUCKETS)
			s->hist[sample->hist[i].bucket] += (uint64_t)sample->hist[i].count;
}

static int by_ns(const void *a, const void *b)
{
	int64_t x = ((const struct bd_blocker *)a)->ns, y = ((const struct bd_blocker *)b)->ns;
	return x < y ? 1 : x > y ? -1 : 0;
}

static int64_t whole(double d)
{
	return isnan(d) ? BD_NULL_INT : (int64_t)d;
}

/* Traced over untraced, from the batches that stood beside each other. */
static struct bd_interval *cost(const struct series *s)
{
	bd_auto_free struct bd_stats_point *traced = bd_alloc((s->n + 1) * sizeof *traced),
					   *untraced = bd_alloc((s->n + 1) * sizeof *untraced);
	size_t n = 0, m = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].kind == BD_SAMPLE_MAIN)
			traced[n++] = s->v[i].point;
		else if (s->v[i].kind == BD_SAMPLE_UNTRACED)
			untraced[m++] = s->v[i].point;
	}
	if (!n || !m)
		return NULL;
	struct bd_stats_interval i = bd_stats_paired_ratio(traced, n, untraced, m, 1 - BD_STATS_ALPHA);
	struct bd_interval *ret = bd_alloc(sizeof *ret);
	*ret = (struct bd_interval){i.estimate, i.lo, i.hi};
	return ret;
}

void report_gil(const struct series *s, const char *mode, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	struct bd_gil_result *g = ret->gil = bd_alloc(sizeof *g);
	if (s->traced_thread_ns <= 0) {
		*g = (struct bd_gil_result){.mode = bd_strdup("off"),
			.waits = BD_NULL_INT,
			.wait_ns = BD_NULL_INT,
			.wait_share = (double)NAN,
			.holder_ns = BD_NULL_INT,
			.runqueue_ns = BD_NULL_INT,
			.switch_ns = BD_NULL_INT,
			.mutex_ns = BD_NULL_INT,
			.p50_ns = BD_NULL_INT,
			.p99_ns = BD_NULL_INT,
			.max_ns = BD_NULL_INT,
			.retries = BD_NULL_INT,
			.lost = BD_NULL_INT,
			.reason = cell->gil_off
				? bd_reason_copy(cell->gil_off)
				: bd_reason_new(NULL, "not-traced", NULL, "no batch of this cell was traced")};
		return;
	}
	*g = s->gil;
	g->mode = bd_strdup(mode);
	g->cost = cost(s);
	g->reason = bd_reason_copy(cell->gil_off); /* why the rest of its batches was not */
	g->wait_share = (double)g->wait_ns / s->traced_thread_ns;
	g->p50_ns = whole(bd_stats_hist_quantile(s->hist, BD_HIST_BUCKETS, bd_hist_low, 0.5));
	g->p99_ns = whole(bd_stats_hist_quantile(s->hist, BD_HIST_BUCKETS, bd_hist_low, 0.99));
	if (!g->waits)
		g->max_ns = BD_NULL_INT;
	g->blockers = bd_alloc(s->gil.blockers_len * sizeof *g->blockers);
	if (s->gil.blockers_len)
		memcpy(g->blockers, s->gil.blockers, s->gil.blockers_len * sizeof *g->blockers);
	qsort(g->blockers, g->blockers_len, sizeof *g->blockers, by_ns);
}
