/* Sums per root, thread, stack and lock. Their number is bounded; what comes beyond is in the sum of its thread, under no
 * stack, so that no time is missing. */
#include "formats_internal.h"

static struct bd_formats_sums *sums(void *arg)
{
	return ((struct bd_exporter *)arg)->own;
}

static bool same(const struct bd_formats_sum *a, const struct bd_formats_sum *b)
{
	return a->root == b->root && a->thread == b->thread && a->stack == b->stack && a->lock == b->lock;
}

static size_t place(const struct bd_formats_sums *s, const struct bd_formats_sum *key)
{
	int32_t words[] = {key->root, key->thread, key->stack, key->lock};
	size_t i = bd_hash(words, sizeof words) & (s->slots - 1);
	while (s->slot[i] && !same(&s->sum[s->slot[i] - 1], key))
		i = (i + 1) & (s->slots - 1);
	return i;
}

/* Slots are at least twice the sums. */
static void grow(struct bd_formats_sums *s)
{
	s->cap = s->cap ? 2 * s->cap : 256;
	s->sum = bd_realloc(s->sum, s->cap * sizeof *s->sum);
	s->slots = 2 * s->cap;
	free(s->slot);
	s->slot = bd_alloc(s->slots * sizeof *s->slot);
	for (size_t i = 0; i < s->sum_len; i++)
		s->slot[place(s, &s->sum[i])] = (uint32_t)i + 1;
}

static void add(struct bd_formats_sums *s, struct bd_formats_sum key, int64_t ns)
{
	if (ns <= 0)
		return;
	size_t i = place(s, &key);
	if (!s->slot[i] && s->sum_len >= BD_FORMATS_SUMS_MAX && key.stack != BD_FORMATS_OTHER) {
		key.stack = BD_FORMATS_OTHER;
		i = place(s, &key);
	}
	if (!s->slot[i]) {
		if (s->sum_len == s->cap) {
			grow(s);
			i = place(s, &key);
		}
		s->sum[s->sum_len] = key;
		s->slot[i] = (uint32_t)++s->sum_len;
	}
	struct bd_formats_sum *sum = &s->sum[s->slot[i] - 1];
	sum->ns = bd_formats_add(sum->ns, ns);
}

static int add_wait(const struct bd_trace_definitions *d, const struct bd_trace_wait *e, void *arg)
{
	(void)d;
	struct bd_formats_sums *s = sums(arg);
	add(s, (struct bd_formats_sum){BD_FORMATS_WAITING, e->thread, e->stack, -1, 0},
		e->holder_ns + e->runqueue_ns + e->switch_ns + e->mutex_ns);
	for (size_t i = 0; i < e->pieces_len; i++)
		add(s, (struct bd_formats_sum){BD_FORMATS_BLOCKING, e->piece[i].holder, e->piece[i].stack, -1, 0},
			e->piece[i].ns);
	return 0;
}

static int add_hold(const struct bd_trace_definitions *d, const struct bd_trace_hold *e, void *arg)
{
	add(sums(arg), (struct bd_formats_sum){BD_FORMATS_HOLDING, e->thread, e->stack, -1, 0},
		BD_MAX(bd_trace_hold_ns(e, d->sample_ns), (int64_t)0));
	return 0;
}

static int add_lock(const struct bd_trace_definitions *d, const struct bd_trace_lock *e, void *arg)
{
	(void)d;
	int32_t kind = e->kind >= 0 ? e->kind : BD_FORMATS_ANY_LOCK;
	add(sums(arg), (struct bd_formats_sum){BD_FORMATS_WAITING, e->thread, e->stack, kind, 0},
		e->end_ns - e->start_ns);
	return 0;
}

static int add_spin(const struct bd_trace_definitions *d, const struct bd_trace_spin *e, void *arg)
{
	(void)d;
	add(sums(arg), (struct bd_formats_sum){BD_FORMATS_SPINNING, e->thread, e->stack, -1, 0}, e->off_ns);
	return 0;
}

const struct bd_trace_visitor bd_formats_sums_visitor = {
	.wait = add_wait,
	.hold = add_hold,
	.lock = add_lock,
	.spin = add_spin,
};

void bd_formats_sums_begin(struct bd_exporter *e)
{
	struct bd_formats_sums *s = bd_alloc(sizeof *s);
	grow(s);
	e->own = s;
}

static int in_order(const void *pa, const void *pb)
{
	const struct bd_formats_sum *a = pa, *b = pb;
	if (a->root != b->root)
		return a->root < b->root ? -1 : 1;
	if (a->thread != b->thread)
		return a->thread < b->thread ? -1 : 1;
	if (a->ns != b->ns)
		return a->ns > b->ns ? -1 : 1;
	if (a->stack != b->stack)
		return a->stack < b->stack ? -1 : 1;
	return (a->lock > b->lock) - (a->lock < b->lock);
}

void bd_formats_sums_sort(struct bd_formats_sums *s)
{
	if (s->sum_len)
		qsort(s->sum, s->sum_len, sizeof *s->sum, in_order);
}

void bd_formats_sums_done(struct bd_exporter *e)
{
	struct bd_formats_sums *s = e->own;
	free(s->sum);
	free(s->slot);
	free(s);
}
