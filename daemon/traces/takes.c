#include "takes.h"

void bd_takes_done(struct bd_takes *t)
{
	free(t->v);
	*t = (struct bd_takes){0};
}

static struct bd_take *at(const struct bd_takes *t, size_t i)
{
	return &t->v[(t->first + i) & (t->cap - 1)];
}

static void make_room(struct bd_takes *t)
{
	if (t->n < t->cap)
		return;
	if (t->cap < BD_TAKES_MAX) {
		size_t cap = BD_MAX(t->cap * 2, (size_t)256);
		struct bd_take *v = bd_alloc(cap * sizeof *v);
		for (size_t i = 0; i < t->n; i++)
			v[i] = *at(t, i);
		free(t->v);
		t->v = v;
		t->cap = cap;
		t->first = 0;
		return;
	}
	t->forgotten_ns = at(t, 0)->from_ns;
	t->first++;
	t->n--;
}

void bd_takes_add(struct bd_takes *t, struct bd_take take)
{
	make_room(t);
	size_t i = t->n++;
	for (; i > 0 && at(t, i - 1)->from_ns > take.from_ns; i--)
		*at(t, i) = *at(t, i - 1);
	*at(t, i) = take;
}

/* The number of takes up to and with that time. */
static size_t until(const struct bd_takes *t, uint64_t ns)
{
	size_t low = 0, high = t->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (at(t, middle)->from_ns <= ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void bd_takes_remove(struct bd_takes *t, uint64_t from_ns, uint32_t thread)
{
	for (size_t i = until(t, from_ns); i-- > 0 && at(t, i)->from_ns == from_ns;)
		if (at(t, i)->thread == thread) {
			for (; i + 1 < t->n; i++)
				*at(t, i) = *at(t, i + 1);
			t->n--;
			return;
		}
}

void bd_takes_split(const struct bd_takes *t, uint32_t waiter, int64_t told_first, uint64_t from_ns, uint64_t to_ns,
	bd_takes_fn fn, void *arg)
{
	size_t next = until(t, from_ns);
	int64_t holder = from_ns < t->forgotten_ns ? -1 : told_first;
	if (next) {
		const struct bd_take *last = at(t, next - 1);
		/* Without a word of the probe the last one has it; was that the waiter itself, then somebody took it of
		 * whom nothing is known yet. Nor does the probe know of one that is on its way: it sees the one before. */
		if (last->thread != waiter && (told_first < 0 || last->on_ns > from_ns))
			holder = last->thread;
	}
	for (; next < t->n && at(t, next)->from_ns < to_ns; next++) {
		const struct bd_take *take = at(t, next);
		if (take->thread == waiter || take->thread == holder)
			continue;
		if (take->from_ns > from_ns)
			fn(holder, from_ns, take->from_ns, arg);
		from_ns = take->from_ns;
		holder = take->thread;
	}
	fn(holder, from_ns, to_ns, arg);
}
