/* The book, fed with records of a process whose truth is known. */
#include "book_world.h"

BD_TEST(slices_that_continue_are_one_wait)
{
	for (int joined = 0; joined < 2; joined++) { /* not joined: the negative control */
		struct world w;
		world_begin(&w, 1 << 20);
		for (int i = 0; i < 3; i++) {
			struct bd_rec_wait r = plain_wait(101, 102, T0 + (uint64_t)i * 6 * MS,
				T0 + (uint64_t)(i * 6 + 5) * MS);
			r.flags = (uint16_t)((i == 2 ? BD_REC_BY_FUTEX : 0) | (i && joined ? BD_REC_CONTINUES : 0));
			tell_wait(&w, r);
			drained(&w, r.on_ns);
		}
		bd_auto_json cJSON *d = document(&w, T0 + 1000 * MS);
		const cJSON *t = thread_row(d, 101);
		BD_CHECK_INT(value(t, "waits"), joined ? 1 : 3);
		BD_CHECK_INT(value(t, "wait_ns"), 15 * MS);
		BD_CHECK_INT(value(t, "holder_ns"), 15 * MS);
		BD_CHECK_INT(value(t, "max_ns"), joined ? 15 * MS : 5 * MS);
		BD_CHECK_INT(blocked(d, 101, 102, "ns"), 15 * MS);
		BD_CHECK_INT(blocked(d, 101, 102, "waits"), joined ? 1 : 3);
		world_end(&w);
	}
}

BD_TEST(a_wait_that_goes_on_is_shown_as_far_as_it_is_known)
{
	struct world w;
	world_begin(&w, 1 << 20);
	struct bd_rec_wait r = plain_wait(101, 102, T0, T0 + 5 * MS);
	r.flags = 0; /* by its timer: it will sleep again */
	tell_wait(&w, r);
	drained(&w, T0 + 6 * MS);
	drained(&w, T0 + 40 * MS);
	drained(&w, T0 + 60 * MS);
	for (int i = 0; i < 3; i++) { /* looking changes nothing */
		bd_auto_json cJSON *d = bd_book_document(w.book, (int64_t)T0 + 50 * MS);
		BD_CHECK_INT(value(d, "waits"), 1);
		BD_CHECK_INT(value(d, "wait_ns"), 5 * MS);
		BD_CHECK_INT(value(thread_row(d, 101), "max_ns"), 5 * MS);
	}
	r = plain_wait(101, 102, T0 + 5 * MS + 5 * US, T0 + 7 * MS);
	r.flags |= BD_REC_CONTINUES;
	tell_wait(&w, r);
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	BD_CHECK_INT(value(d, "waits"), 1);
	BD_CHECK_INT(value(d, "wait_ns"), 7 * MS - 5 * US);
	world_end(&w);
}

BD_TEST(causes_are_told_apart)
{
	struct world w;
	world_begin(&w, 1 << 20);
	struct bd_rec_wait r = plain_wait(101, 102, T0, T0 + 5 * MS);
	r.queued_ns = 2 * MS;
	r.wake_ns = r.on_ns - r.queued_ns;
	tell_wait(&w, r);
	r.off_ns += 10 * MS;
	r.on_ns += 10 * MS;
	r.wake_ns += 10 * MS;
	r.part = BD_REC_MUTEX;
	r.flags |= BD_REC_RETRY;
	tell_wait(&w, r);
	r.part = BD_REC_SWITCH_COND;
	r.off_ns += 10 * MS;
	r.on_ns += 10 * MS;
	r.wake_ns += 10 * MS;
	tell_wait(&w, r);
	r.queued_ns = 99 * MS; /* more than there was */
	r.off_ns += 10 * MS;
	r.on_ns += 10 * MS;
	tell_wait(&w, r);
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	const cJSON *t = thread_row(d, 101);
	BD_CHECK_INT(value(t, "holder_ns"), 3 * MS);
	BD_CHECK_INT(value(t, "mutex_ns"), 3 * MS);
	BD_CHECK_INT(value(t, "switch_ns"), 3 * MS);
	BD_CHECK_INT(value(t, "runqueue_ns"), 11 * MS);
	BD_CHECK_INT(value(t, "wait_ns"), 20 * MS);
	BD_CHECK_INT(value(t, "retries"), 3);
	BD_CHECK_INT(blocked(d, 101, 102, "ns"), 3 * MS); /* by the holder only what the holder caused */
	world_end(&w);
}

BD_TEST(nobody_is_blocked_by_himself)
{
	struct world w;
	world_begin(&w, 1 << 20);
	tell_wait(&w, plain_wait(103, 101, T0, T0 + 2 * MS)); /* 103 took it then */
	struct bd_rec_wait r = plain_wait(101, 101, T0 + 3 * MS, T0 + 5 * MS);
	r.flags |= BD_REC_SELF;
	tell_wait(&w, r);
	r = plain_wait(102, 102, T0 + 6 * MS, T0 + 7 * MS); /* by 101, which took it last */
	r.flags |= BD_REC_SELF;
	tell_wait(&w, r);
	r = plain_wait(102, 102, T0 + 8 * MS, T0 + 9 * MS); /* it was the last itself: unknown */
	r.flags |= BD_REC_SELF;
	tell_wait(&w, r);
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	BD_CHECK_INT(blocked(d, 101, 101, "ns"), -1);
	BD_CHECK_INT(blocked(d, 102, 102, "ns"), -1);
	BD_CHECK_INT(blocked(d, 101, 103, "ns"), 2 * MS);
	BD_CHECK_INT(blocked(d, 102, 101, "ns"), 1 * MS);
	BD_CHECK_INT(blocked(d, 102, 0, "ns"), 1 * MS);
	world_end(&w);
}

/* 101 waits 10 ms: for 102, then for 103 and 104, which wait and take it meanwhile. */
static cJSON *three_holders(bool on_the_same_gil, bool late)
{
	struct world w;
	world_begin(&w, 1 << 20);
	struct bd_rec_wait b = plain_wait(103, 102, T0 + 1 * MS, T0 + 5 * MS),
			   c = plain_wait(104, 103, T0 + 2 * MS, T0 + 7 * MS);
	b.wake_ns = T0 + 4 * MS; /* on its way to it from here on */
	b.queued_ns = 1 * MS;
	b.gil = c.gil = on_the_same_gil ? 0 : 1;
	const struct bd_rec_wait a = plain_wait(101, 102, T0, T0 + 10 * MS);
	if (late)
		tell_wait(&w, a);
	tell_wait(&w, c);
	tell_wait(&w, b);
	if (!late)
		tell_wait(&w, a);
	cJSON *d = document(&w, T0 + 100 * MS);
	world_end(&w);
	return d;
}

BD_TEST(the_blocker_changes_within_a_wait)
{
	for (int late = 0; late < 2; late++) {
		bd_auto_json cJSON *d = three_holders(true, late);
		BD_CHECK_INT(blocked(d, 101, 102, "ns"), 4 * MS);
		BD_CHECK_INT(blocked(d, 101, 103, "ns"), 3 * MS);
		BD_CHECK_INT(blocked(d, 101, 104, "ns"), 3 * MS);
		BD_CHECK_INT(blocked(d, 101, 104, "waits"), 1);
		BD_CHECK_INT(value(thread_row(d, 101), "waits"), 1);
	}
	bd_auto_json cJSON *apart = three_holders(false,
		false); /* hand-overs of another GIL say nothing about this one */
	BD_CHECK_INT(blocked(apart, 101, 102, "ns"), 10 * MS);
	BD_CHECK_INT(blocked(apart, 101, 103, "ns"), -1);
	const cJSON *b;
	cJSON_ArrayForEach(b, list(apart, "blockers"))
		BD_CHECK_INT(value(b, "interpreter"), value(b, "waiter") == 101 ? 0 : 1);
	BD_CHECK_INT(cJSON_GetArraySize(list(apart, "gils")), 2);
}

/* Woken, and asleep again within µs because somebody else was faster: that was no take. */
BD_TEST(a_lost_race_is_no_take)
{
	for (int lost = 0; lost < 2; lost++) {
		struct world w;
		world_begin(&w, 1 << 20);
		struct bd_rec_wait b = plain_wait(103, 102, T0, T0 + 4 * MS), again;
		b.number = 7;
		b.flags |= BD_REC_NUMBER_KNOWN;
		tell_wait(&w, b);
		again = plain_wait(103, 105, T0 + 4 * MS + 3 * US, T0 + 9 * MS);
		again.number = lost ? 8 : 9; /* 9: it had it itself, and gave it away */
		again.flags |= BD_REC_NUMBER_KNOWN | BD_REC_RETRY;
		tell_wait(&w, again);
		tell_wait(&w, plain_wait(101, 102, T0, T0 + 8 * MS));
		bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
		BD_CHECK_INT(blocked(d, 101, 102, "ns"), 4 * MS);
		BD_CHECK_INT(blocked(d, 101, 103, "ns"), lost ? -1 : 4 * MS);
		BD_CHECK_INT(blocked(d, 101, 105, "ns"), lost ? 4 * MS : -1);
		BD_CHECK_INT(value(thread_row(d, 103), "retries"), 1);
		world_end(&w);
	}
}

BD_TEST(lines_of_holders_follow_the_samples_with_their_waiters)
{
	struct world w;
	world_begin(&w, 1 << 20);
	tell_stack(&w, 11, "often");
	tell_stack(&w, 12, "seldom");
	tell_stack(&w, 13, "alone");
	tell_stack(&w, 14, "victim");
	for (int i = 0; i < 30; i++)
		tell_tick(&w, 102, T0 + (uint64_t)i * MS, 2, 11);
	for (int i = 0; i < 20; i++)
		tell_tick(&w, 102, T0 + (uint64_t)(30 + i) * MS, 1, 12);
	for (int i = 0; i < 50; i++) /* nobody waited: it held, but blocked nobody */
		tell_tick(&w, 102, T0 + (uint64_t)(100 + i) * MS, 0, 13);
	struct bd_rec_wait r = plain_wait(101, 102, T0, T0 + 80 * MS);
	r.stack = 14;
	tell_wait(&w, r);
	bd_auto_json cJSON *d = document(&w, T0 + 1000 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "often"), 60 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "seldom"), 20 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "alone"), -1);
	BD_CHECK_INT(line_ns(d, "lines", "waiter", 101, "victim"), 80 * MS);
	BD_CHECK_INT(line_ns(d, "held", NULL, 102, "alone"), 50 * (1000000000 / BD_EVENTS_HZ));
	BD_CHECK_INT(value(thread_row(d, 102), "hold_ns"), 100 * (1000000000 / BD_EVENTS_HZ));
	const cJSON *share = list(cJSON_GetArrayItem(list(d, "gils"), 0), "held_share");
	BD_CHECK_NEAR(share->valuedouble, 100.0 / BD_EVENTS_HZ, 1e-4);
	world_end(&w);
}

/* While nobody waits the clock is slow; a sample of it that falls into a wait all the same stands for as much. */
BD_TEST(a_sample_of_the_slow_clock_counts_as_many)
{
	struct world w;
	world_begin(&w, 1 << 20);
	tell_stack(&w, 11, "early");
	tell_stack(&w, 12, "late");
	for (int i = 0; i < 5; i++)
		tell_rare_tick(&w, 102, T0 + (uint64_t)i * 9 * MS, 0, 11, 0);
	tell_rare_tick(&w, 102, T0 + 46 * MS, 1, 11, 500 * MS); /* all but its own time was before anybody waited */
	for (int i = 0; i < 3 * BD_EVENTS_QUIET; i++)
		tell_tick(&w, 102, T0 + (uint64_t)(50 + i) * MS, 1, 12);
	tell_wait(&w, plain_wait(101, 102, T0 + 45 * MS, T0 + 85 * MS));
	bd_auto_json cJSON *d = document(&w, T0 + 1000 * MS);
	const int64_t one = 1000000000 / BD_EVENTS_HZ;
	BD_CHECK_INT(line_ns(d, "held", NULL, 102, "early"), 6 * BD_EVENTS_QUIET * one);
	BD_CHECK_INT(line_ns(d, "held", NULL, 102, "late"), 3 * BD_EVENTS_QUIET * one);
	BD_CHECK_INT(value(thread_row(d, 102), "hold_ns"), 9 * BD_EVENTS_QUIET * one);
	BD_CHECK_NEAR((double)line_ns(d, "lines", "holder", 102, "early"), 10 * MS, 2);
	BD_CHECK_NEAR((double)line_ns(d, "lines", "holder", 102, "late"), 30 * MS, 2);
	world_end(&w);
}

/* Samples of the slow clock are few: what they stand for is what the thread ran, to a fast one. */
BD_TEST(samples_of_the_slow_clock_stand_for_what_was_run)
{
	struct world w;
	world_begin(&w, 1 << 20);
	tell_stack(&w, 11, "computes");
	uint64_t ran = 0;
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t since = 1 + i * i % 37 * 300000; /* from next to nothing to 11 ms */
		ran += since;
		tell_rare_tick(&w, 102, T0 + i * 9 * MS, 0, 11, since);
	}
	bd_auto_json cJSON *d = document(&w, T0 + 1000 * MS);
	BD_CHECK_NEAR((double)value(thread_row(d, 102), "hold_ns"), (double)ran, 1000000000.0 / BD_EVENTS_HZ);
	BD_CHECK_INT(value(cJSON_GetArrayItem(list(d, "held"), 0), "samples"), 100);
	world_end(&w);
}

/* A thread for each request: all do the same. */
BD_TEST(lines_of_thousands_of_threads_are_told_together)
{
	struct world w;
	world_begin(&w, INT64_MAX);
	tell_stack(&w, 8, "main");
	tell_stack(&w, 9, "request");
	for (uint32_t i = 0; i < 3000; i++) {
		uint64_t at = T0 + (uint64_t)i * MS;
		struct bd_rec_wait r = plain_wait(200 + i, 102, at, at + MS);
		r.stack = 9;
		tell_wait(&w, r);
		tell_tick(&w, 102, at + MS / 2, 1, 8);
	}
	bd_auto_json cJSON *d = document(&w, T0 + 3100 * MS);
	BD_CHECK_INT(value(d, "wait_ns"), 3000 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "waiter", 0, "request"), 3000 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "main"), 3000 * MS);
	const cJSON *l, *rest = list(d, "threads_rest");
	cJSON_ArrayForEach(l, list(d, "lines"))
		BD_CHECK_INT(value(l, "threads"), value(l, "tid") ? 1 : 3000);
	int64_t sum = 0;
	cJSON_ArrayForEach(l, list(d, "threads"))
		sum += value(l, "wait_ns");
	BD_CHECK_INT(value(rest, "threads") + cJSON_GetArraySize(list(d, "threads")), 3001);
	BD_CHECK_INT(value(rest, "wait_ns") + sum, 3000 * MS);
	BD_CHECK_INT(value(list(d, "lines_rest"), "waiter_ns"), 0);
	world_end(&w);
}

/* Those that share a row have no share of the time watched: they may have waited at the same time. */
BD_TEST(threads_beyond_all_room_are_one)
{
	struct world w;
	world_begin(&w, INT64_MAX);
	for (uint32_t i = 0; i < BD_BOOK_THREADS + 200; i++)
		tell_wait(&w, plain_wait(200 + i, 102, T0 + MS, T0 + 100 * MS));
	bd_auto_json cJSON *d = document(&w, T0 + 200 * MS);
	const cJSON *other = thread_row(d, 0);
	BD_CHECK(value(other, "wait_ns") > 200 * MS);
	BD_CHECK(cJSON_IsNull(list(other, "wait_share")));
	world_end(&w);
}

/* More pairs than there is room for: their holders are known all the same, and what they caused is counted once. */
BD_TEST(pairs_beyond_all_room_are_not_unknown)
{
	enum { N = 140 };
	struct world w;
	world_begin(&w, INT64_MAX);
	for (uint32_t i = 0; i < N * N; i++) {
		uint64_t at = T0 + (uint64_t)i * 20 * US;
		tell_wait(&w, plain_wait(2000 + i % N, 1000 + i / N, at, at + 10 * US));
	}
	bd_auto_json cJSON *d = document(&w, T0 + 500 * MS);
	BD_CHECK_INT(value(d, "wait_ns"), N * N * 10 * US);
	BD_CHECK_INT(value(d, "unresolved_ns"), N * N * 10 * US);
	const cJSON *b;
	int64_t told = value(list(d, "blockers_rest"), "ns");
	cJSON_ArrayForEach(b, list(d, "blockers")) {
		BD_CHECK(value(b, "holder") != 0);
		told += value(b, "ns");
	}
	BD_CHECK_INT(told, N * N * 10 * US);
	world_end(&w);
}

/* A waiter's timer goes off every 5 ms, and it looks at the holder, which sleeps at `stack`. */
static void tell_patience(struct world *w, uint32_t tid, uint32_t holder, uint64_t from, unsigned slices,
	uint64_t number, uint64_t stack)
{
	for (unsigned i = 0; i < slices; i++)
		tell_wait(w,
			(struct bd_rec_wait){.tid = tid,
				.holder = holder,
				.part = BD_REC_COND,
				.flags = (uint16_t)(BD_REC_NUMBER_KNOWN | (i ? BD_REC_CONTINUES : 0)),
				.off_ns = from + i * 5 * MS,
				.on_ns = from + (i + 1) * 5 * MS,
				.number = number,
				.holder_stack = i ? stack : 0,
				.waiters = 1});
}

BD_TEST(a_holder_that_sleeps_all_the_time_is_where_its_waiters_see_it)
{
	struct world w;
	world_begin(&w, INT64_MAX);
	tell_stack(&w, 9, "sleeps");
	tell_patience(&w, 101, 102, T0 + 10 * MS, 60, 7, 9);
	tell_patience(&w, 103, 102, T0 + 12 * MS, 60, 7, 9); /* told of once, however many look */
	bd_auto_json cJSON *d = document(&w, T0 + 500 * MS);
	BD_CHECK_INT(value(d, "wait_ns"), 600 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "sleeps"), 600 * MS);
	BD_CHECK_INT(value(thread_row(d, 102), "hold_ns"), 302 * MS);
	world_end(&w);
}

BD_TEST(a_holder_that_goes_to_sleep_is_not_where_it_was_before)
{
	struct world w;
	world_begin(&w, INT64_MAX);
	tell_stack(&w, 8, "before");
	tell_stack(&w, 9, "sleeps");
	for (unsigned i = 0; i < 10; i++)
		tell_tick(&w, 102, T0 + i * MS, 0, 8);
	tell_patience(&w, 101, 102, T0 + 10 * MS, 60, 7, 9);
	bd_auto_json cJSON *d = document(&w, T0 + 500 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "sleeps"), 300 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "before"), -1);
	world_end(&w);
}

BD_TEST(a_holder_that_runs_is_not_taken_for_asleep)
{
	struct world w;
	world_begin(&w, INT64_MAX);
	tell_stack(&w, 8, "runs");
	tell_stack(&w, 9, "elsewhere");
	for (unsigned i = 0; i < 310; i++)
		tell_tick(&w, 102, T0 + i * MS, 1, 8);
	tell_patience(&w, 101, 102, T0 + 10 * MS, 60, 7, 9);
	bd_auto_json cJSON *d = document(&w, T0 + 500 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "runs"), 300 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "elsewhere"), -1);
	world_end(&w);
}

/* It went before anybody waited, wakes at last, and the probe tells of all that time. */
BD_TEST(a_sleep_that_was_told_in_parts_is_not_told_again)
{
	struct world w;
	world_begin(&w, INT64_MAX);
	tell_stack(&w, 9, "sleeps");
	tell_patience(&w, 101, 102, T0 + 100 * MS, 60, 7, 9);
	drained(&w, T0 + 430 * MS);
	drained(&w, T0 + 460 * MS);
	tell_off(&w, 102, T0 + 20 * MS, T0 + 440 * MS, 1, 9);
	bd_auto_json cJSON *d = document(&w, T0 + 600 * MS);
	BD_CHECK_INT(value(thread_row(d, 102), "hold_ns"), 420 * MS);
	BD_CHECK_INT(line_ns(d, "held", NULL, 102, "sleeps"), 420 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 102, "sleeps"), 300 * MS);
	world_end(&w);
}

BD_TEST(a_holder_off_its_processor_counts_as_long_as_it_was)
{
	struct world w;
	world_begin(&w, 1 << 20);
	tell_stack(&w, 11, "computes");
	tell_stack(&w, 12, "blocks");
	for (int i = 0; i < 10; i++)
		tell_tick(&w, 102, T0 + (uint64_t)i * MS, 1, 11);
	tell_off(&w, 102, T0 + 10 * MS, T0 + 40 * MS, 1, 12);
	tell_wait(&w, plain_wait(101, 102, T0, T0 + 40 * MS));
	bd_auto_json cJSON *d = document(&w, T0 + 1000 * MS);
	double ticks = 10.0 * (1000000000 / BD_EVENTS_HZ), all = ticks + 30 * MS;
	BD_CHECK_NEAR((double)line_ns(d, "lines", "holder", 102, "blocks"), 30 * MS / all * 40 * MS, 2);
	BD_CHECK_NEAR((double)line_ns(d, "lines", "holder", 102, "computes"), ticks / all * 40 * MS, 2);
	BD_CHECK_INT(line_ns(d, "held", NULL, 102, "blocks"), 30 * MS);
	world_end(&w);
}

/* No source is read here, so no line is known: all is unresolved, but by what is known of it there are rows. */
BD_TEST(what_is_unknown_is_counted)
{
	struct world w;
	world_begin(&w, 1 << 20);
	tell_stack(&w, 11, "named");
	tell_wait(&w, plain_wait(101, 0, T0, T0 + 3 * MS));              /* by nobody known */
	tell_wait(&w, plain_wait(101, 102, T0 + 10 * MS, T0 + 15 * MS)); /* never sampled */
	tell_tick(&w, 103, T0 + 21 * MS, 1, 99);                         /* a stack nobody told */
	tell_wait(&w, plain_wait(101, 103, T0 + 20 * MS, T0 + 27 * MS));
	struct bd_rec_wait stranger = plain_wait(500, 501, T0, T0 + 11 * MS);
	stranger.head.target = 9; /* a target nobody introduced */
	tell_wait(&w, stranger);
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	BD_CHECK_INT(value(d, "unresolved_ns"), (3 + 5 + 7 + 11) * MS);
	BD_CHECK_INT(value(d, "wait_ns"), 15 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "holder", 103, NULL), 7 * MS);
	BD_CHECK_INT(blocked(d, 101, 0, "ns"), 3 * MS);
	world_end(&w);
}

BD_TEST(losses_are_told_by_the_second)
{
	struct world w;
	world_begin(&w, 1 << 20);
	w.lost = 3;
	drained(&w, T0 + 100 * MS);
	w.lost = 5;
	drained(&w, T0 + 200 * MS);
	drained(&w, T0 + 1500 * MS);
	w.lost = 12;
	drained(&w, T0 + 3500 * MS);
	bd_auto_json cJSON *d = document(&w, T0 + 4000 * MS);
	bd_auto_free char *text = bd_json_text(list(d, "losses"));
	BD_CHECK_STR(text, "[{\"second\":0,\"lost\":5},{\"second\":3,\"lost\":7}]");
	BD_CHECK_INT(value(d, "lost"), 12);
	world_end(&w);
}

BD_TEST(processes_are_told_apart)
{
	struct world w;
	world_begin(&w, 1 << 20);
	world_target(&w, 1, 200, 1, 1);
	for (uint32_t target = 0; target < 2; target++) {
		struct bd_rec_wait r = plain_wait(7, 8, T0, T0 + (target + 1) * 2 * MS);
		r.head.target = target;
		tell_wait(&w, r);
	}
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	const cJSON *b;
	int rows = 0;
	cJSON_ArrayForEach(b, list(d, "blockers")) {
		rows++;
		BD_CHECK_INT(value(b, "ns"), value(b, "pid") == 100 ? 2 * MS : 4 * MS);
	}
	BD_CHECK_INT(rows, 2);
	BD_CHECK_INT(cJSON_GetArraySize(list(d, "threads")), 4);
	BD_CHECK_INT(cJSON_GetArraySize(list(d, "gils")), 3);
	world_end(&w);
}

BD_TEST(percentiles_come_from_fine_buckets)
{
	struct world w;
	world_begin(&w, 1 << 20);
	uint64_t at = T0;
	for (uint64_t i = 1; i <= 1000; i++) {
		tell_wait(&w, plain_wait(101, 102, at, at + i * US));
		at += 2 * MS;
	}
	bd_auto_json cJSON *d = document(&w, at);
	const cJSON *t = thread_row(d, 101);
	BD_CHECK_NEAR((double)value(t, "p50_ns"), 500 * US, 500 * US / 16.0);
	BD_CHECK_NEAR((double)value(t, "p99_ns"), 990 * US, 990 * US / 16.0);
	BD_CHECK_INT(value(t, "max_ns"), 1000 * US);
	world_end(&w);
}

BD_TEST(locks_and_spins_have_their_own_rows)
{
	struct world w;
	world_begin(&w, 1 << 20);
	world_target(&w, 1, 200, 1, 0);
	struct bd_rec_lock l = {.head.target = 1,
		.tid = 7,
		.waker = 8,
		.kind = BD_REC_LOCK_OBJECT,
		.off_ns = T0,
		.on_ns = T0 + 3 * MS,
		.queued_ns = 1 * MS,
		.address = 64,
		.name = "dict"};
	tell(&w, &l, BD_REC_LOCK, sizeof l);
	l.address = 128;
	tell(&w, &l, BD_REC_LOCK, sizeof l);
	l.kind = BD_REC_LOCK_STOP;
	l.name[0] = 0;
	tell(&w, &l, BD_REC_LOCK, sizeof l);
	struct bd_rec_spin s =
		{.head.target = 1, .tid = 7, .yields = 5, .from_ns = T0, .to_ns = T0 + 4 * MS, .off_ns = 2 * MS};
	tell(&w, &s, BD_REC_SPIN, sizeof s);
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	const cJSON *locks = list(d, "locks"), *spin = cJSON_GetArrayItem(list(d, "spins"), 0);
	BD_CHECK_INT(cJSON_GetArraySize(locks), 2);
	BD_CHECK_STR(list(cJSON_GetArrayItem(locks, 0), "kind")->valuestring, "critical-section");
	BD_CHECK_STR(list(cJSON_GetArrayItem(locks, 0), "type")->valuestring, "dict");
	BD_CHECK_INT(value(cJSON_GetArrayItem(locks, 0), "ns"), 6 * MS);
	BD_CHECK_INT(value(cJSON_GetArrayItem(locks, 0), "runqueue_ns"), 2 * MS);
	BD_CHECK_STR(list(cJSON_GetArrayItem(locks, 1), "kind")->valuestring, "stop-the-world");
	BD_CHECK(cJSON_IsNull(list(cJSON_GetArrayItem(locks, 1), "type")));
	BD_CHECK_INT(value(spin, "yields"), 5);
	BD_CHECK_INT(value(spin, "ns"), 2 * MS);
	BD_CHECK_INT(value(d, "waits"), 0); /* none of them is a wait for a GIL */
	world_end(&w);
}

/* Neither the end of a thread nor a word of memory nobody knows is a lock. */
BD_TEST(lines_are_those_of_locks)
{
	struct world w;
	world_begin(&w, 1 << 20);
	world_target(&w, 1, 200, 1, 0);
	static const char *const functions[] = {"none", "object", "mutex", "stop", "interpreter", "runtime", "parked",
		"thread", "futex"};
	for (unsigned kind = BD_REC_LOCK_OBJECT; kind <= BD_REC_LOCK_FUTEX; kind++) {
		struct bd_rec_stack s = {.head.target = 1, .stack = kind, .len = 1};
		memcpy(s.frame[0].text, functions[kind], strlen(functions[kind]));
		tell(&w, &s, BD_REC_STACK, offsetof(struct bd_rec_stack, frame) + sizeof s.frame[0]);
		struct bd_rec_lock l = {.head.target = 1,
			.tid = 7,
			.kind = (uint8_t)kind,
			.off_ns = T0,
			.on_ns = T0 + kind * MS,
			.stack = kind};
		tell(&w, &l, BD_REC_LOCK, sizeof l);
	}
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	for (unsigned kind = BD_REC_LOCK_OBJECT; kind <= BD_REC_LOCK_FUTEX; kind++) {
		bool lock = kind != BD_REC_LOCK_PARKED && kind != BD_REC_LOCK_FUTEX;
		BD_CHECK_INT(line_ns(d, "lines", "waiter", 7, functions[kind]), lock ? kind * MS : -1);
	}
	BD_CHECK_INT(cJSON_GetArraySize(list(d, "locks")), BD_REC_LOCK_FUTEX);
	world_end(&w);
}

/* A free-threaded interpreter has a GIL that mostly is not in use. */
BD_TEST(a_gil_is_listed_once_it_is_in_use)
{
	const int others = 2; /* of the target that is always there */
	struct world w;
	world_begin(&w, 1 << 20);
	struct bd_tracer_info info = {.ready = true, .alive = true, .generation = 1, .own_pid = 200};
	const struct bd_tracer_gil gil = {0x7f0000000000, 216, 0};
	bd_book_target_as(w.book, 1, &info, &gil, 1);
	bd_auto_json cJSON *off = document(&w, T0 + 10 * MS);
	BD_CHECK_INT(cJSON_GetArraySize(list(off, "gils")), others);
	/* an import switches it on: its first wait comes before the news of it */
	struct bd_rec_wait first = plain_wait(101, 102, T0, T0 + 5 * MS);
	first.head.target = 1;
	tell_wait(&w, first);
	drained(&w, T0 + 100 * MS);
	bd_auto_json cJSON *on = document(&w, T0 + 100 * MS);
	BD_CHECK_INT(cJSON_GetArraySize(list(on, "gils")), others + 1);
	BD_CHECK_INT(value(cJSON_GetArrayItem(list(on, "gils"), others), "wait_ns"), value(on, "wait_ns"));
	info.gil_enabled = true;
	bd_book_target_as(w.book, 1, &info, &gil, 1);
	bd_auto_json cJSON *told = document(&w, T0 + 100 * MS);
	BD_CHECK_INT(cJSON_GetArraySize(list(told, "gils")), others + 1);
	world_end(&w);
}

/* A thread ends in the middle of a wait that seemed to go on; another one gets its number. */
BD_TEST(a_number_given_again_continues_nothing)
{
	for (int ends = 0; ends < 2; ends++) {
		struct world w;
		world_begin(&w, 1 << 20);
		struct bd_rec_wait r = plain_wait(101, 102, T0, T0 + 5 * MS);
		r.flags = 0;
		tell_wait(&w, r);
		drained(&w, T0 + 6 * MS);
		drained(&w, T0 + 50 * MS);
		drained(&w, T0 + 60 * MS);
		struct bd_rec_life life = {.tid = 101, .what = BD_REC_THREAD_EXIT, .time_ns = T0 + 55 * MS};
		if (ends)
			tell(&w, &life, BD_REC_LIFE, sizeof life);
		r = plain_wait(101, 102, T0 + 60 * MS, T0 + 61 * MS);
		r.flags |= BD_REC_CONTINUES;
		tell_wait(&w, r);
		bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
		BD_CHECK_INT(value(d, "waits"), ends ? 2 : 1);
		BD_CHECK_INT(value(d, "wait_ns"), 6 * MS);
		world_end(&w);
	}
}

BD_TEST(an_exec_forgets_what_stacks_meant)
{
	struct world w;
	world_begin(&w, 1 << 20);
	tell_stack(&w, 11, "before");
	struct bd_rec_wait r = plain_wait(101, 102, T0, T0 + 5 * MS);
	r.stack = 11;
	tell_wait(&w, r);
	drained(&w, T0 + 6 * MS);
	struct bd_rec_life life = {.tid = 101, .what = BD_REC_EXEC, .time_ns = T0 + 7 * MS};
	tell(&w, &life, BD_REC_LIFE, sizeof life);
	drained(&w, T0 + 8 * MS);
	world_target(&w, 0, 100, 2, 1);
	r = plain_wait(101, 102, T0 + 20 * MS, T0 + 22 * MS);
	r.stack = 11;
	tell_wait(&w, r);
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "waiter", 101, "before"), 5 * MS);
	BD_CHECK_INT(line_ns(d, "lines", "waiter", 101, NULL), 2 * MS);
	BD_CHECK_INT(value(d, "execs"), 1);
	world_end(&w);
}

BD_TEST(a_batch_has_what_ended_in_it)
{
	struct world w;
	world_begin(&w, 1 << 20);
	struct bd_tracer_reading got;
	tell_wait(&w, plain_wait(101, 102, T0, T0 + 5 * MS)); /* before */
	drained(&w, T0 + 6 * MS);
	bd_book_cell_begin(w.book, 0, "case/threads=2", (int64_t)T0 + 6 * MS);
	tell_wait(&w, plain_wait(101, 102, T0 + 3 * MS, T0 + 7 * MS)); /* began before, ended in it */
	tell_wait(&w, plain_wait(102, 101, T0 + 8 * MS, T0 + 9 * MS));
	w.lost = 4;
	drained(&w, T0 + 10 * MS);
	bd_book_cell_end(w.book, (int64_t)T0 + 10 * MS, &got);
	BD_CHECK_INT(got.threads_len, 2);
	BD_CHECK_INT(got.threads[0].waits + got.threads[1].waits, 2);
	BD_CHECK_INT(got.threads[0].tid + got.threads[1].tid, 203);
	BD_CHECK_INT(got.threads[0].wait_ns + got.threads[1].wait_ns, 5 * MS);
	BD_CHECK_INT(got.threads[0].holder_ns + got.threads[1].holder_ns, 5 * MS);
	BD_CHECK_INT(got.blocks_len, 2);
	BD_CHECK_INT(got.blocks[0].ns + got.blocks[1].ns, 5 * MS);
	BD_CHECK_INT(got.blocks[0].waits, 1);
	BD_CHECK_INT(got.hist_len, 2);
	BD_CHECK_INT(got.lost, 4);
	bd_tracer_reading_done(&got);
	tell_wait(&w, plain_wait(101, 102, T0 + 11 * MS, T0 + 12 * MS)); /* after */
	drained(&w, T0 + 13 * MS);
	bd_book_cell_begin(w.book, 0, "case/threads=2", (int64_t)T0 + 13 * MS);
	bd_book_cell_end(w.book, (int64_t)T0 + 20 * MS, &got);
	BD_CHECK_INT(got.threads_len, 0);
	BD_CHECK_INT(got.lost, 0);
	bd_tracer_reading_done(&got);
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	const cJSON *cell = cJSON_GetArrayItem(list(d, "cells"), 0);
	BD_CHECK_INT(cJSON_GetArraySize(list(d, "cells")), 1);
	BD_CHECK_STR(list(cell, "id")->valuestring, "case/threads=2");
	BD_CHECK_INT(value(cell, "waits"), 2);
	BD_CHECK_INT(value(cell, "wait_ns"), 5 * MS);
	BD_CHECK_INT(value(d, "waits"), 4);
	world_end(&w);
}

BD_TEST(what_is_no_record_is_left_out)
{
	struct world w;
	world_begin(&w, 1 << 20);
	struct bd_rec_wait r = plain_wait(101, 102, T0 + 5 * MS, T0 + 4 * MS); /* ended before it began */
	tell_wait(&w, r);
	r = plain_wait(101, 102, T0, T0 + 5 * MS);
	r.gil = 200;
	tell_wait(&w, r);
	r.gil = 0;
	r.head.target = 77;
	tell_wait(&w, r);
	struct bd_rec odd = {.type = 99, .size = 8};
	bd_str_append(&w.told, &odd, sizeof odd);
	struct bd_rec_stack liar = {.stack = 5, .len = 200};
	tell(&w, &liar, BD_REC_STACK, sizeof liar - 8);
	r = plain_wait(101, 102, T0, T0 + 2 * MS);
	tell_wait(&w, r); /* still heard */
	struct bd_rec cut = {.type = BD_REC_WAIT, .size = 80};
	bd_str_append(&w.told, &cut, sizeof cut);
	bd_auto_json cJSON *d = document(&w, T0 + 100 * MS);
	BD_CHECK_INT(value(d, "waits"), 1);
	BD_CHECK_INT(value(d, "wait_ns"), 2 * MS);
	world_end(&w);
}

/* 101 waits from T0 on, for nobody known, then for so many that take turns of 1 ms. */
static cJSON *turns_of(uint32_t holders, uint32_t turns)
{
	struct world w;
	world_begin(&w, 1 << 20);
	for (uint32_t k = 0; k < turns; k++) {
		uint64_t on = T0 + (uint64_t)(k + 1) * MS;
		tell_wait(&w, plain_wait(200 + k % holders, 0, on - MS / 2, on));
	}
	tell_wait(&w, plain_wait(101, 0, T0, T0 + (uint64_t)(turns + 1) * MS));
	cJSON *d = document(&w, T0 + 1000 * MS);
	world_end(&w);
	return d;
}

BD_TEST(every_holder_of_a_long_wait_is_told_while_there_is_room)
{
	bd_auto_json cJSON *two = turns_of(2, 99), *many = turns_of(31, 93), *more = turns_of(40, 120);
	BD_CHECK_INT(blocked(two, 101, 0, "ns"), 1 * MS);
	BD_CHECK_INT(blocked(two, 101, 200, "ns"), 50 * MS);
	BD_CHECK_INT(blocked(two, 101, 201, "ns"), 49 * MS);
	BD_CHECK_INT(blocked(many, 101, 0, "ns"), 1 * MS);
	for (uint32_t i = 0; i < 31; i++)
		BD_CHECK_INT(blocked(many, 101, 200 + i, "ns"), 3 * MS);
	BD_CHECK(blocked(more, 101, 0, "ns") > 1 * MS); /* there is not for so many */
	int64_t sum = blocked(more, 101, 0, "ns");
	for (uint32_t i = 0; i < 40; i++) {
		int64_t ns = blocked(more, 101, 200 + i, "ns");
		BD_CHECK(ns <= 3 * MS);
		sum += ns > 0 ? ns : 0;
	}
	BD_CHECK_INT(sum, 121 * MS);
}

BD_TEST(text_becomes_utf8)
{
	char out[65];
	bd_book_text(out, "caf\xc3\xa9 \xff\xc0\xaf \xf0\x9f\x90\x8d \xed\xa0\x80 \xc3", 32);
	BD_CHECK_STR(out, "caf\xc3\xa9 ??? \xf0\x9f\x90\x8d ??? ?");
	bd_book_text(out, "abcdef", 3);
	BD_CHECK_STR(out, "abc");
}

BD_TEST_MAIN
