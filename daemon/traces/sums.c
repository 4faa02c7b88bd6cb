#include "sums.h"

void bd_sums_done(struct bd_sums *s)
{
	for (size_t i = 0; i < s->threads_len; i++)
		free(s->threads[i].hist);
	free(s->hist);
	free(s->threads);
	free(s->gils);
	free(s->locks);
	free(s->pairs);
	free(s->places);
	free(s->losses);
	bd_table_done(&s->pair_of);
	bd_table_done(&s->place_of);
	*s = (struct bd_sums){0};
}

static struct bd_sum_thread *thread(struct bd_sums *s, int32_t i)
{
	while (i >= 0 && (size_t)i >= s->threads_len)
		(void)BD_PUSH(s->threads, s->threads_len);
	return i < 0 ? NULL : &s->threads[i];
}

static struct bd_sum_gil *gil(struct bd_sums *s, int32_t i)
{
	while (i >= 0 && (size_t)i >= s->gils_len)
		(void)BD_PUSH(s->gils, s->gils_len);
	return i < 0 ? NULL : &s->gils[i];
}

static struct bd_sum_pair *pair(struct bd_sums *s, int32_t gil_index, int32_t waiter, int32_t holder)
{
	uint64_t key = (uint64_t)(gil_index + 1) << 48 | (uint64_t)(waiter + 1) << 24 | (uint64_t)(holder + 2);
	int64_t i = bd_table_get(&s->pair_of, key);
	if (i >= 0)
		return &s->pairs[i];
	/* Rows for all the rest are few: one per waiter. */
	if (s->pairs_len >= BD_SUMS_PAIRS && holder >= 0)
		return pair(s, gil_index, waiter, BD_SUMS_ANY);
	bd_table_set(&s->pair_of, key, (uint32_t)s->pairs_len);
	struct bd_sum_pair *p = BD_PUSH(s->pairs, s->pairs_len);
	*p = (struct bd_sum_pair){.gil = gil_index, .waiter = waiter, .holder = holder};
	return p;
}

static struct bd_sum_place *place(struct bd_sums *s, int32_t thread_index, int32_t stack)
{
	uint64_t key = (uint64_t)(thread_index + 1) << 32 | (uint64_t)(stack + 1);
	int64_t i = bd_table_get(&s->place_of, key);
	if (i >= 0)
		return &s->places[i];
	if (s->places_len >= BD_SUMS_PLACES && stack >= 0)
		return place(s, thread_index, -1);
	bd_table_set(&s->place_of, key, (uint32_t)s->places_len);
	struct bd_sum_place *p = BD_PUSH(s->places, s->places_len);
	*p = (struct bd_sum_place){.thread = thread_index, .stack = stack};
	return p;
}

static void add(struct bd_sum *to, const struct bd_trace_wait *e, int64_t ns, int times)
{
	to->waits += times;
	to->wait_ns += times * ns;
	to->holder_ns += times * e->holder_ns;
	to->runqueue_ns += times * e->runqueue_ns;
	to->switch_ns += times * e->switch_ns;
	to->mutex_ns += times * e->mutex_ns;
	to->retries += e->retry ? times : 0;
}

static void count(uint64_t **hist, int64_t ns, int times)
{
	if (!*hist)
		*hist = bd_alloc(BD_HIST_BUCKETS * sizeof **hist);
	(*hist)[bd_hist_bucket((uint64_t)ns)] += (uint64_t)(int64_t)times;
}

void bd_sums_wait(struct bd_sums *s, const struct bd_trace_wait *e, int times)
{
	int64_t ns = e->holder_ns + e->runqueue_ns + e->switch_ns + e->mutex_ns;
	add(&s->sum, e, ns, times);
	count(&s->hist, ns, times);
	if (times > 0)
		s->max_ns = BD_MAX(s->max_ns, ns);
	struct bd_sum_gil *g = gil(s, e->gil);
	if (g)
		add(&g->sum, e, ns, times);
	struct bd_sum_thread *t = thread(s, e->thread);
	if (t) {
		add(&t->sum, e, ns, times);
		count(&t->hist, ns, times);
		if (times > 0)
			t->max_ns = BD_MAX(t->max_ns, ns);
	}
	place(s, e->thread, e->stack)->wait_ns += times * ns;
	for (size_t i = 0; i < e->pieces_len; i++) {
		const struct bd_trace_piece *p = &e->piece[i];
		struct bd_sum_pair *of = pair(s, e->gil, e->thread, p->holder);
		bool before = false;
		for (size_t k = 0; k < i && !before; k++)
			before = e->piece[k].holder == p->holder;
		of->ns += times * p->ns;
		of->waits += before ? 0 : times;
		of->first_waits += i == 0 ? times : 0;
		struct bd_sum_thread *holder = thread(s, p->holder);
		if (holder)
			holder->blocked_ns += times * p->ns;
		else
			s->nobody_ns += times * p->ns;
	}
}

void bd_sums_hold(struct bd_sums *s, const struct bd_trace_hold *e, int64_t sample_ns)
{
	bool sample = e->start_ns == e->end_ns;
	int64_t ns = bd_trace_hold_ns(e, sample_ns);
	double weight = (double)ns * e->waiters;
	struct bd_sum_thread *t = thread(s, e->thread);
	struct bd_sum_gil *g = gil(s, e->gil);
	struct bd_sum_place *p = place(s, e->thread, e->stack);
	if (t) {
		t->hold_ns += ns;
		t->weight += weight;
	}
	if (g)
		g->hold_ns += ns;
	p->hold_ns += ns;
	p->samples += sample;
	p->weight += weight;
}

/* Whether it is a lock that is waited for: the end of a thread is not, and nobody knows what other words are. */
static bool is_lock(const struct bd_trace_definitions *d, int32_t kind)
{
	return kind >= 0 && (size_t)kind < d->locks_len && !bd_streq(d->locks[kind].kind, "parked") &&
		!bd_streq(d->locks[kind].kind, "futex");
}

void bd_sums_lock(struct bd_sums *s, const struct bd_trace_definitions *d, const struct bd_trace_lock *e)
{
	while (e->kind >= 0 && (size_t)e->kind >= s->locks_len)
		(void)BD_PUSH(s->locks, s->locks_len);
	int64_t ns = e->end_ns - e->start_ns;
	s->lock_waits++;
	s->lock_ns += ns;
	struct bd_sum_thread *t = thread(s, e->thread);
	if (t)
		t->lock_ns += ns;
	if (is_lock(d, e->kind))
		place(s, e->thread, e->stack)->lock_ns += ns;
	if (e->kind < 0)
		return;
	struct bd_sum_lock *l = &s->locks[e->kind];
	l->waits++;
	l->ns += ns;
	l->runqueue_ns += e->runqueue_ns;
}

void bd_sums_spin(struct bd_sums *s, const struct bd_trace_spin *e)
{
	struct bd_sum_place *p = place(s, e->thread, e->stack);
	p->yields += e->yields;
	p->spin_ns += e->off_ns;
	struct bd_sum_thread *t = thread(s, e->thread);
	if (t)
		t->spins += e->yields;
}

void bd_sums_lost(struct bd_sums *s, int64_t second, int64_t lost)
{
	if (lost <= 0)
		return;
	s->lost += lost;
	struct bd_sum_loss *last = s->losses_len ? &s->losses[s->losses_len - 1] : NULL;
	if (last && (last->second == second || s->losses_len >= BD_SUMS_LOSSES))
		last->lost += lost;
	else
		*BD_PUSH(s->losses, s->losses_len) = (struct bd_sum_loss){second, lost};
}

double bd_sums_place_blocked_ns(const struct bd_sums *s, const struct bd_sum_place *p)
{
	if (p->thread < 0 || (size_t)p->thread >= s->threads_len || p->weight <= 0)
		return 0;
	const struct bd_sum_thread *t = &s->threads[p->thread];
	return (double)t->blocked_ns * p->weight / t->weight;
}

static bool has_line(const struct bd_trace_definitions *d, int32_t stack)
{
	return stack >= 0 && d->stacks[stack].frames_len && d->stacks[stack].frames[0].line;
}

int64_t bd_sums_unresolved_ns(const struct bd_sums *s, const struct bd_trace_definitions *d)
{
	double ns = (double)s->nobody_ns;
	for (size_t i = 0; i < s->threads_len; i++)
		if (s->threads[i].weight <= 0)
			ns += (double)s->threads[i].blocked_ns;
	for (size_t i = 0; i < s->places_len; i++)
		if (!has_line(d, s->places[i].stack))
			ns += bd_sums_place_blocked_ns(s, &s->places[i]);
	return (int64_t)ns;
}
