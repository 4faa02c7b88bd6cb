/* Holds of a Chrome trace against a GIL that is simulated: every moment's holder is known. */
#include "world.h"

#define THREADS 5
#define HOLDS 4000

/* A hold as others see it: until its beginning they wait for the one before. */
struct truth {
	int thread;
	int64_t from_ns, take_ns, to_ns;
};
struct entry {
	int64_t end_ns;
	struct bd_trace_wait wait;
	struct bd_trace_hold hold;
	bool is_wait;
};
struct world {
	struct truth hold[HOLDS];
	struct entry *entry;
	size_t entries;
	int64_t waited_ns, held_ns;
	size_t handed; /* waits whose holder at the end is known */
};

static int by_end(const void *a, const void *b)
{
	int64_t x = ((const struct entry *)a)->end_ns, y = ((const struct entry *)b)->end_ns;
	return (x > y) - (x < y);
}

static void add_wait(struct world *w, size_t to, int thread, int64_t from_ns, int64_t end_ns)
{
	struct entry *e = BD_PUSH(w->entry, w->entries);
	e->is_wait = true;
	e->end_ns = end_ns;
	e->wait = (struct bd_trace_wait){.thread = thread, .stack = -1, .start_ns = from_ns, .end_ns = end_ns};
	int64_t until = w->hold[to].from_ns; /* then it was told to run */
	size_t i = to;
	while (i > 0 && w->hold[i - 1].to_ns > from_ns)
		i--;
	for (; i < to; i++) {
		int64_t ns = BD_MIN(w->hold[i].to_ns, until) - BD_MAX(w->hold[i].from_ns, from_ns);
		if (ns <= 0)
			continue;
		BD_CHECK(e->wait.pieces_len < BD_TRACE_PIECES);
		e->wait.piece[e->wait.pieces_len++] = (struct bd_trace_piece){w->hold[i].thread, -1, ns};
		e->wait.holder_ns += ns;
	}
	e->wait.runqueue_ns = end_ns - from_ns - e->wait.holder_ns;
	w->waited_ns += end_ns - from_ns;
	w->handed += e->wait.pieces_len > 0;
}

/* Threads that want the GIL again at once, or after a while; who waits longest gets it. */
static void simulate(struct world *w, uint64_t seed)
{
	struct bd_rng r;
	int64_t wants[THREADS], free_ns = 0;
	bd_rng_init(&r, seed);
	for (int i = 0; i < THREADS; i++)
		wants[i] = (int64_t)bd_rng_below(&r, 5 * MS);
	for (size_t n = 0; n < HOLDS; n++) {
		int next = 0;
		for (int i = 1; i < THREADS; i++)
			if (wants[i] < wants[next])
				next = i;
		struct truth *h = &w->hold[n];
		bool waited = wants[next] < free_ns;
		h->thread = next;
		h->from_ns = waited ? free_ns : wants[next];
		h->take_ns = waited ? free_ns + 1000 + (int64_t)bd_rng_below(&r, 40 * US) : h->from_ns;
		h->to_ns = h->take_ns + 5 * US + (int64_t)bd_rng_below(&r, n % 7 ? 300 * US : 12 * MS);
		if (waited)
			add_wait(w, n, next, wants[next], h->take_ns);
		free_ns = h->to_ns;
		wants[next] = free_ns + 1 + (int64_t)bd_rng_below(&r, bd_rng_below(&r, 3) ? 3 * US : 15 * MS);
		w->held_ns += h->to_ns - h->take_ns;
	}
	size_t n = 0;
	for (int64_t at = MS; at < free_ns; at += MS) {
		while (n < HOLDS && w->hold[n].to_ns <= at)
			n++;
		if (n == HOLDS || w->hold[n].take_ns > at)
			continue;
		struct entry *e = BD_PUSH(w->entry, w->entries);
		e->end_ns = at;
		e->hold = (struct bd_trace_hold){w->hold[n].thread, 0, -1, 0, at, at, 1};
	}
	qsort(w->entry, w->entries, sizeof *w->entry, by_end);
}

static struct text exported_world(const struct world *w)
{
	auto_writer struct bd_trace_writer *out = NULL;
	auto_chunks struct chunks c = {0};
	bd_trace_writer_new(MS, &out);
	for (int i = 0; i < THREADS; i++)
		BD_CHECK_INT(bd_trace_write_thread(out, 1, 100 + i, "t"), i);
	BD_CHECK_INT(bd_trace_write_gil(out, 1, 0, 0x1000), 0);
	for (size_t i = 0; i < w->entries; i++) {
		if (w->entry[i].is_wait)
			bd_trace_write_wait(out, &w->entry[i].wait);
		else
			bd_trace_write_hold(out, &w->entry[i].hold);
		if (i % 500 == 499)
			cut(out, &c);
	}
	cut(out, &c);
	return exported(BD_FORMAT_PERFETTO, &c);
}

/* ---- what was written -------------------------------------------------------------------------------------------- */

struct slice {
	int thread;
	bool wait;
	int64_t from_ns, to_ns;
};
struct arrow {
	int thread, seen;
	int64_t at_ns;
};
struct seen {
	struct slice *slice;
	size_t slices;
	struct arrow from[HOLDS + 1], to[HOLDS + 1]; /* by id */
	size_t arrows;
};

static int64_t number(const cJSON *e, const char *key, double factor)
{
	return llround(cJSON_GetObjectItemCaseSensitive(e, key)->valuedouble * factor);
}

static void look(const struct text *t, struct seen *s)
{
	bd_auto_json cJSON *j = cJSON_ParseWithLength(t->out.s, t->out.len);
	BD_CHECK(j);
	const cJSON *e;
	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(j, "traceEvents")) {
		const char *phase = cJSON_GetObjectItemCaseSensitive(e, "ph")->valuestring;
		int thread = (int)number(e, "tid", 1) - 100;
		if (*phase == 'X') {
			const char *name = cJSON_GetObjectItemCaseSensitive(e, "name")->valuestring;
			int64_t from = number(e, "ts", 1e3);
			*BD_PUSH(s->slice, s->slices) = (struct slice){thread, bd_streq(name, "waiting for the GIL"),
				from, from + number(e, "dur", 1e3)};
		} else if (*phase == 's' || *phase == 'f') {
			int64_t id = number(e, "id", 1);
			BD_CHECK(id > 0 && id <= HOLDS);
			struct arrow *a = *phase == 's' ? &s->from[id] : &s->to[id];
			*a = (struct arrow){thread, a->seen + 1, number(e, "ts", 1e3)};
			s->arrows += *phase == 'f';
		}
	}
}

static bool within(const struct seen *s, const struct arrow *a, bool wait)
{
	for (size_t i = 0; i < s->slices; i++) {
		const struct slice *x = &s->slice[i];
		if (x->thread == a->thread && x->wait == wait && x->from_ns <= a->at_ns && a->at_ns < x->to_ns)
			return true;
	}
	return false;
}

static struct world *new_world(uint64_t seed, struct seen **ret)
{
	struct world *w = bd_alloc(sizeof *w);
	simulate(w, seed);
	auto_text struct text t = exported_world(w);
	*ret = bd_alloc(sizeof **ret);
	look(&t, *ret);
	return w;
}

static void free_world(struct world **w, struct seen *s)
{
	free((*w)->entry);
	free(*w);
	free(s->slice);
	free(s);
	*w = NULL;
}

#define FOR_WORLDS(w, s)                           \
	struct seen *s;                            \
	for (uint64_t seed = 1; seed <= 6; seed++) \
		for (struct world *w = new_world(seed, &s); w; free_world(&w, s))

BD_TEST(slices_of_a_thread_follow_each_other)
{
	FOR_WORLDS(w, s)
	{
		int64_t last[THREADS] = {0}, waited = 0;
		for (size_t i = 0; i < s->slices; i++) {
			const struct slice *x = &s->slice[i];
			BD_CHECK(x->from_ns >= last[x->thread]);
			BD_CHECK(x->to_ns >= x->from_ns);
			last[x->thread] = x->to_ns;
			waited += x->wait ? x->to_ns - x->from_ns : 0;
		}
		BD_CHECK_INT(waited, w->waited_ns);
	}
}

static int by_from(const void *a, const void *b)
{
	int64_t x = ((const struct slice *)a)->from_ns, y = ((const struct slice *)b)->from_ns;
	return (x > y) - (x < y);
}

/* A slice may bridge the moments in which its thread let go and nobody saw it; never another thread's hold. */
BD_TEST(nobody_holds_what_another_holds)
{
	FOR_WORLDS(w, s)
	{
		qsort(s->slice, s->slices, sizeof *s->slice, by_from);
		const struct slice *last = NULL;
		for (size_t i = 0; i < s->slices; i++) {
			const struct slice *x = &s->slice[i];
			if (x->wait)
				continue;
			if (last)
				BD_CHECK(x->from_ns >= last->to_ns);
			last = x;
		}
		BD_CHECK(last);
	}
}

static int64_t common(const struct truth *h, const struct slice *x)
{
	return BD_MAX(0, BD_MIN(h->to_ns, x->to_ns) - BD_MAX(h->take_ns, x->from_ns));
}

BD_TEST(holds_are_where_they_were)
{
	FOR_WORLDS(w, s)
	{
		int64_t right = 0, told = 0, wrong = 0;
		for (size_t i = 0; i < s->slices; i++) {
			const struct slice *x = &s->slice[i];
			if (x->wait)
				continue;
			told += x->to_ns - x->from_ns;
			for (size_t n = 0; n < HOLDS; n++) {
				if (w->hold[n].thread == x->thread)
					right += common(&w->hold[n], x);
				else
					wrong += common(&w->hold[n], x);
			}
		}
		printf("held %.3f s, told %.3f s, right %.3f s, wrong %.6f s\n", (double)w->held_ns / 1e9,
			(double)told / 1e9, (double)right / 1e9, (double)wrong / 1e9);
		BD_CHECK((double)right >= 0.9 * (double)w->held_ns);
		BD_CHECK((double)right >= 0.95 * (double)told);
		BD_CHECK((double)wrong <= 0.01 * (double)told);
	}
}

BD_TEST(every_wait_that_was_ended_by_somebody_has_one_arrow)
{
	FOR_WORLDS(w, s)
	{
		size_t loose = 0;
		BD_CHECK_INT(s->arrows, w->handed);
		for (size_t id = 1; id <= s->arrows; id++) {
			BD_CHECK_INT(s->from[id].seen, 1);
			BD_CHECK_INT(s->to[id].seen, 1);
			BD_CHECK(s->from[id].thread != s->to[id].thread);
			BD_CHECK(s->from[id].at_ns <= s->to[id].at_ns);
			BD_CHECK(within(s, &s->to[id], true));
			loose += !within(s, &s->from[id], false);
		}
		printf("%zu arrows, %zu begin outside a hold\n", s->arrows, loose);
		BD_CHECK((double)loose <= 0.01 * (double)s->arrows);
	}
}

/* How a wait ended is known when its thread is heard of again, so it may come a while later than what ended after it. */
BD_TEST(waits_that_come_late_make_no_difference)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct world *w = bd_alloc(sizeof *w);
		simulate(w, seed);
		auto_text struct text right = exported_world(w);
		struct bd_rng r;
		size_t late = 0;
		bd_rng_init(&r, seed);
		for (size_t i = 0; i < w->entries; i++)
			if (w->entry[i].is_wait && bd_rng_below(&r, 3) == 0)
				w->entry[i].end_ns += (int64_t)bd_rng_below(&r, 250 * MS);
		qsort(w->entry, w->entries, sizeof *w->entry, by_end);
		for (size_t i = 1; i < w->entries; i++)
			late += w->entry[i].is_wait && w->entry[i - 1].is_wait &&
				w->entry[i].wait.end_ns < w->entry[i - 1].wait.end_ns;
		BD_CHECK(late > 100);
		auto_text struct text t = exported_world(w);
		BD_CHECK_STR(t.out.s, right.out.s);
		free(w->entry);
		free(w);
	}
}

BD_TEST_MAIN
