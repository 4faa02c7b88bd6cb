/* Long traces: six threads that fight for one GIL, told out of order as several processors tell it; and what is stored of
 * it. */
#include "book_world.h"

#include <malloc.h>

#define THREADS 6
#define TICK_NS (1000000000 / BD_EVENTS_HZ)

/* Who held when, drawn at random: each hold ends by waking one of those that wait. */
struct fight {
	struct bd_rng rng;
	uint64_t now, wake, on; /* the hold that goes on: since when it was meant for, and with its thread */
	int holder, before;
	uint64_t next_tick;
	struct {
		uint64_t from, began; /* its slice, its wait; 0: it does not wait */
		int told;             /* the holder as the probe saw it, -1: itself */
		uint64_t comes;       /* when it wants the GIL again */
		bool continues;
	} thread[THREADS];
	int64_t truth[THREADS][THREADS], waits, wait_ns; /* blocked: waiter, holder */
	struct bd_rec_wait *told;                        /* in the order of their ends */
	size_t told_len;
};

static void fight_begin(struct fight *f, uint64_t seed)
{
	*f = (struct fight){.now = T0, .wake = T0, .on = T0, .before = -1};
	bd_rng_init(&f->rng, seed);
	for (int i = 1; i < THREADS; i++)
		f->thread[i].comes = T0 + 1 + bd_rng_below(&f->rng, 1000);
}

static void start_slice(struct fight *f, int i, uint64_t at, bool continues)
{
	f->thread[i].from = at;
	f->thread[i].continues = continues;
	if (!continues)
		f->thread[i].began = at;
	/* While it is on its way the probe still sees the one before. */
	int seen = at < f->on && f->before >= 0 ? f->before : f->holder;
	f->thread[i].told = seen == i ? -1 : seen;
}

static void end_slice(struct fight *f, int i, uint64_t blocked_until, uint64_t on, uint16_t flags)
{
	struct bd_rec_wait r = plain_wait((uint32_t)(101 + i),
		f->thread[i].told < 0 ? (uint32_t)(101 + i) : (uint32_t)(101 + f->thread[i].told), f->thread[i].from,
		on);
	r.flags = (uint16_t)(flags | (f->thread[i].continues ? BD_REC_CONTINUES : 0) |
		(f->thread[i].told < 0 ? BD_REC_SELF : 0));
	r.wake_ns = flags & BD_REC_BY_FUTEX ? blocked_until : 0;
	r.queued_ns = on - blocked_until;
	r.stack = 11ULL + (unsigned)i;
	*BD_PUSH(f->told, f->told_len) = r;
	f->wait_ns += (int64_t)(on - f->thread[i].from);
}

/* Up to the time given the holder keeps it; those who come wait, and wake up every 5 ms to sleep again. */
static void hold_until(struct fight *f, uint64_t end)
{
	for (int i = 0; i < THREADS; i++) {
		if (i == f->holder)
			continue;
		if (!f->thread[i].began && f->thread[i].comes < end)
			start_slice(f, i, BD_MAX(f->thread[i].comes, f->now), false);
		while (f->thread[i].began && f->thread[i].from + 5 * MS < end) {
			uint64_t stop = f->thread[i].from + 5 * MS;
			f->truth[i][f->holder] += (int64_t)(stop - BD_MAX(f->thread[i].from, f->wake));
			end_slice(f, i, stop, stop, 0);
			start_slice(f, i, stop + 4 * US, true);
		}
	}
}

static void hand_over(struct fight *f)
{
	uint64_t end = f->on + 20 * US + bd_rng_below(&f->rng, 2 * MS);
	hold_until(f, end);
	int heir = -1, waiting = 0;
	for (int i = 0; i < THREADS; i++)
		if (f->thread[i].began && i != f->holder && bd_rng_below(&f->rng, (uint64_t)++waiting) == 0)
			heir = i;
	f->now = end;
	if (heir < 0) { /* nobody waits: it goes on holding */
		f->on = end;
		return;
	}
	for (int i = 0; i < THREADS; i++)
		if (f->thread[i].began && i != f->holder && f->thread[i].from < end)
			f->truth[i][f->holder] += (int64_t)(end - BD_MAX(f->thread[i].from, f->wake));
	uint64_t on = end + 1 + bd_rng_below(&f->rng, 60 * US);
	end_slice(f, heir, end, on, BD_REC_BY_FUTEX);
	f->waits++;
	f->thread[heir].began = 0;
	f->thread[f->holder].comes = end + bd_rng_below(&f->rng, 3 * MS);
	f->before = f->holder;
	f->holder = heir;
	f->wake = end;
	f->on = on;
}

struct late {
	uint64_t at;
	size_t i;
};

static int by_time(const void *a, const void *b)
{
	const struct late *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at ? 1 : x->i < y->i ? -1 : 1;
}

/* Told with every record up to that much later than it happened. */
static cJSON *tell_fight(struct world *w, struct fight *f, uint64_t seconds, uint64_t late_ns)
{
	for (int i = 0; i < THREADS; i++)
		tell_stack(w, (uint64_t)(11 + i), (const char *[]){"a", "b", "c", "d", "e", "f"}[i]);
	while (f->now < T0 + seconds * 1000 * MS)
		hand_over(f);
	for (int i = 0; i < THREADS; i++) /* those that still wait count as far as they were told */
		f->waits += f->thread[i].began && f->thread[i].continues;
	struct late *order = bd_alloc(f->told_len * sizeof *order);
	uint64_t last[THREADS] = {0};
	for (size_t i = 0; i < f->told_len; i++) {
		unsigned thread = f->told[i].tid - 101;
		uint64_t share = late_ns / THREADS, at = f->told[i].on_ns + thread * share;
		at += share ? bd_rng_below(&f->rng, share) : 0;
		last[thread] = BD_MAX(at, last[thread] + 1); /* those of one thread stay in order */
		order[i] = (struct late){last[thread], i};
	}
	qsort(order, f->told_len, sizeof *order, by_time);
	uint64_t next_drain = T0 + 10 * MS;
	for (size_t i = 0; i < f->told_len; i++) {
		while (order[i].at > next_drain) {
			drained(w, next_drain);
			next_drain += 10 * MS;
		}
		tell_wait(w, f->told[order[i].i]);
	}
	free(order);
	return document(w, f->now + 20000 * (uint64_t)MS);
}

BD_TEST(blockers_are_right_however_the_records_come)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct world w;
		struct fight f;
		world_begin(&w, 1 << 26);
		fight_begin(&f, seed);
		bd_auto_json cJSON *d = tell_fight(&w, &f, 5, seed % 2 ? 3 * MS : 0);
		BD_CHECK_INT(value(d, "waits"), f.waits);
		int64_t all = 0, wrong = 0, unknown = 0;
		for (int i = 0; i < THREADS; i++) {
			BD_CHECK_INT(blocked(d, 101 + i, 101 + i, "ns"), -1);
			unknown += BD_MAX(blocked(d, 101 + i, 0, "ns"), (int64_t)0);
			for (int k = 0; k < THREADS; k++) {
				all += f.truth[i][k];
				wrong += llabs(BD_MAX(blocked(d, 101 + i, 101 + k, "ns"), (int64_t)0) - f.truth[i][k]);
			}
		}
		printf("seed %d: %lld waits, %lld ms blocked, %.3f %% by the wrong one, %.3f %% unknown\n", (int)seed,
			(long long)f.waits, (long long)all / MS, 100.0 * (double)wrong / 2 / (double)all,
			100.0 * (double)unknown / (double)all);
		BD_CHECK((double)wrong / 2 <= 0.005 * (double)all);
		BD_CHECK((double)unknown <= 0.005 * (double)all);
		free(f.told);
		world_end(&w);
	}
}

/* The negative control: told seconds late, hand-overs cannot be known in time. */
BD_TEST(records_that_come_far_too_late_do_harm)
{
	struct world w;
	struct fight f;
	world_begin(&w, 1 << 26);
	fight_begin(&f, 1);
	bd_auto_json cJSON *d = tell_fight(&w, &f, 3, 900 * MS);
	int64_t all = 0, wrong = 0;
	for (int i = 0; i < THREADS; i++)
		for (int k = 0; k < THREADS; k++) {
			all += f.truth[i][k];
			wrong += llabs(BD_MAX(blocked(d, 101 + i, 101 + k, "ns"), (int64_t)0) - f.truth[i][k]);
		}
	BD_CHECK((double)wrong / 2 > 0.01 * (double)all);
	free(f.told);
	world_end(&w);
}

/* Entries read back and added up are the figures of the document. */
static int count_wait(const struct bd_trace_definitions *d, const struct bd_trace_wait *e, void *arg)
{
	(void)d;
	int64_t pieces = 0;
	for (size_t i = 0; i < e->pieces_len; i++)
		pieces += e->piece[i].ns;
	BD_CHECK(!e->pieces_len || pieces == e->holder_ns);
	bd_sums_wait(arg, e, 1);
	return 0;
}

static int count_hold(const struct bd_trace_definitions *d, const struct bd_trace_hold *e, void *arg)
{
	bd_sums_hold(arg, e, d->sample_ns);
	return 0;
}

BD_TEST(what_is_stored_adds_up_to_the_document)
{
	for (int64_t max = 1 << 26; max > 0; max = max == 1 << 26 ? 30000 : 0) {
		struct world w;
		struct fight f;
		world_begin(&w, max);
		fight_begin(&f, 9);
		for (uint64_t i = 0; i < 1500; i++)
			tell_tick(&w, (uint32_t)(101 + i % THREADS), T0 + i * TICK_NS, (uint8_t)(i % 4),
				11 + i % THREADS);
		bd_auto_json cJSON *d = tell_fight(&w, &f, 2, MS), *again = cJSON_CreateObject();
		struct bd_trace_definitions defs = {0};
		struct bd_sums sums = {0};
		const struct bd_trace_visitor v = {.wait = count_wait, .hold = count_hold};
		struct bd_trace_chunk chunk;
		int64_t bytes = 0, waits, wait_ns, lost, counted;
		while (bd_book_chunk(w.book, &chunk)) {
			bytes += (int64_t)chunk.bytes;
			BD_CHECK_INT(bd_trace_read_chunk(chunk.data, chunk.bytes, &defs, &v, &sums, NULL), 0);
		}
		bd_sums_document(&sums, &defs, value(d, "end_mono_ns") - value(d, "start_mono_ns"), NULL, again);
		bd_book_sums(w.book, &waits, &wait_ns, &lost, &counted);
		BD_CHECK_INT(counted, bytes);
		BD_CHECK_INT(waits, f.waits);
		BD_CHECK(cJSON_IsTrue(list(d, "truncated")) == (max == 30000));
		if (max == 30000) { /* the negative control: entries were left out, figures were not */
			BD_CHECK(value(again, "waits") < waits);
			BD_CHECK(bytes <= max + 200);
			BD_CHECK_INT(value(d, "waits"), f.waits);
		} else {
			printf("%lld waits, %.2f bytes each\n", (long long)waits, (double)bytes / (double)waits);
			static const char *const same[] = {"gils", "threads", "blockers", "lines", "held", "waits",
				"wait_ns", "unresolved_ns"};
			for (size_t i = 0; i < BD_LEN(same); i++) {
				bd_auto_free char *one = bd_json_text(list(d, same[i])),
						  *two = bd_json_text(list(again, same[i]));
				BD_CHECK_STR(two, one);
			}
		}
		bd_sums_done(&sums);
		bd_trace_definitions_done(&defs);
		free(f.told);
		world_end(&w);
	}
}

static size_t in_use(void)
{
	return mallinfo2().uordblks;
}

/* A hundred times as many waits, threads and stacks do not take more memory: a trace may go on for days. */
BD_TEST(memory_does_not_grow_with_the_length)
{
	struct world w;
	world_begin(&w, 1 << 16);
	size_t after_first = 0;
	uint64_t at = T0;
	struct bd_trace_chunk chunk;
	for (int part = 0; part < 40; part++) {
		for (uint32_t i = 0; i < 25000; i++) {
			uint32_t n = (uint32_t)part * 25000 + i;
			char name[BD_EVENTS_TEXT];
			if (i % 4 == 0) {
				snprintf(name, sizeof name, "f%u", n / 4);
				tell_stack(&w, 1000 + n / 4, name);
			}
			struct bd_rec_wait r = plain_wait(1000 + n / 2, 1000 + n / 3, at, at + 10 * US);
			r.stack = 1000 + n / 4;
			tell_wait(&w, r);
			at += 20 * US;
			if (i % 500 == 0) {
				drained(&w, at);
				(void)bd_book_chunk(w.book, &chunk);
			}
		}
		if (part == 19)
			after_first = in_use();
	}
	size_t after_all = in_use();
	printf("after 500,000 waits %zu MB, after 1,000,000 %zu MB\n", after_first >> 20, after_all >> 20);
	const struct bd_trace_definitions *defs = bd_trace_writer_definitions(w.book->writer);
	BD_CHECK_INT(w.book->threads_len, BD_BOOK_THREADS);
	BD_CHECK(defs->threads_len <= BD_BOOK_THREADS && defs->stacks_len <= BD_BOOK_STACKS + 1);
	BD_CHECK(w.book->sums.pairs_len <= BD_SUMS_PAIRS + BD_BOOK_THREADS &&
		w.book->sums.places_len <= BD_SUMS_PLACES + BD_BOOK_THREADS);
	BD_CHECK(w.book->stack_of.n <= BD_BOOK_HASHES && w.book->held_len < 4000);
	if (after_first > 1 << 20) { /* sanitizers bring an allocator that does not tell */
		BD_CHECK(after_all < after_first + (after_first >> 3));
		BD_CHECK(after_all < 64 << 20);
	}
	bd_auto_json cJSON *d = document(&w, at);
	BD_CHECK_INT(value(d, "waits"), 1000000);
	BD_CHECK_INT(value(d, "wait_ns"), 10000000000);
	BD_CHECK(value(thread_row(d, 0), "waits") > 900000); /* "[other]" */
	world_end(&w);
}

BD_TEST_MAIN
