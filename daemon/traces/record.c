/* One record after the other: in the order of their ends, a little late, so that who took the GIL meanwhile is known. */
#include "book.h"

/* ---- threads ------------------------------------------------------------------------------------------------ */

static struct bd_book_thread *make_thread(struct bd_book *b, int target, uint32_t tid, uint64_t key)
{
	bool other = b->threads_len + 1 >= BD_BOOK_THREADS;
	if (other && b->threads_len == BD_BOOK_THREADS)
		return &b->threads[BD_BOOK_THREADS - 1];
	if (!other)
		bd_table_set(&b->thread_of, key, (uint32_t)b->threads_len);
	int32_t index = bd_trace_write_thread(b->writer, b->target[target].info.own_pid, other ? 0 : tid,
		other ? "[other]" : NULL);
	struct bd_book_thread *th = BD_PUSH(b->threads, b->threads_len);
	*th = (struct bd_book_thread){.target = target,
		.tid = other ? 0 : tid,
		.index = index,
		.other = other,
		.first_run_ns = -1,
		.run_ns = -1,
		.held_back = BD_BOOK_NONE,
		.take.thread = BD_BOOK_NONE};
	b->new_threads = true;
	return th;
}

struct bd_book_thread *bd_book_thread(struct bd_book *b, int target, uint32_t tid)
{
	uint64_t key = (uint64_t)(uint32_t)target << 32 | tid;
	int64_t i = bd_table_get(&b->thread_of, key);
	return i >= 0 ? &b->threads[i] : make_thread(b, target, tid, key);
}

static uint32_t number_of(const struct bd_book *b, const struct bd_book_thread *th)
{
	return (uint32_t)(th - b->threads);
}

static void seen_with_gil(struct bd_book_thread *th, uint8_t gil, uint64_t ns)
{
	if (ns >= th->held_ns) {
		th->held_ns = ns;
		th->held_gil = gil;
	}
}

/* ---- turns -------------------------------------------------------------------------------------------------- */

static struct bd_book_held *hold_back(struct bd_book *b, uint64_t key, uint32_t *ret)
{
	if (b->held_free == BD_BOOK_NONE) {
		(void)BD_PUSH(b->held, b->held_len);
		b->held[b->held_len - 1].next_free = BD_BOOK_NONE;
		b->held_free = (uint32_t)b->held_len - 1;
	}
	uint32_t i = b->held_free;
	b->held_free = b->held[i].next_free;
	if (b->turns_first + b->turns_n == b->turns_cap) {
		if (b->turns_n * 2 > b->turns_cap || !b->turns_cap) {
			b->turns_cap = BD_MAX(b->turns_cap * 2, (size_t)1024);
			b->turns = bd_realloc(b->turns, b->turns_cap * sizeof *b->turns);
		}
		memmove(b->turns, b->turns + b->turns_first, b->turns_n * sizeof *b->turns);
		b->turns_first = 0;
	}
	struct bd_book_turn *first = b->turns + b->turns_first, *at = first + b->turns_n++;
	/* They come nearly in order. */
	for (; at > first && at[-1].key > key; at--)
		*at = at[-1];
	*at = (struct bd_book_turn){key, i};
	*ret = i;
	return &b->held[i];
}

/* ---- what held a waiter up ----------------------------------------------------------------------------------- */

/* Where the thread was in that part of time, by its samples. */
static int32_t sampled_stack(const struct bd_book_thread *th, uint64_t from_ns, uint64_t to_ns)
{
	int32_t nearest = -1;
	uint64_t distance = BD_BOOK_NEAR_NS + 1;
	size_t n = BD_MIN(th->samples_n, (size_t)BD_BOOK_SAMPLES);
	for (size_t i = 0; i < n; i++) {
		const struct bd_book_sample *s = &th->samples[(th->samples_n - 1 - i) % BD_BOOK_SAMPLES];
		uint64_t d = s->to_ns < from_ns ? from_ns - s->to_ns : s->from_ns > to_ns ? s->from_ns - to_ns : 0;
		if (d == 0)
			return s->stack;
		if (s->to_ns + BD_BOOK_NEAR_NS < from_ns) /* and so are those before it */
			break;
		if (d < distance) {
			distance = d;
			nearest = s->stack;
		}
	}
	return nearest;
}

static void take_out(struct bd_trace_wait *e, size_t i)
{
	memmove(&e->piece[i], &e->piece[i + 1], (--e->pieces_len - i) * sizeof *e->piece);
}

/* Those of one holder become one. true: all were of different ones, so the two smallest became one of nobody. */
static bool join_pieces(struct bd_trace_wait *e)
{
	for (size_t i = 0; i < e->pieces_len; i++)
		for (size_t k = e->pieces_len; k-- > i + 1;)
			if (e->piece[k].holder == e->piece[i].holder) {
				if (e->piece[k].ns > e->piece[i].ns)
					e->piece[i].stack = e->piece[k].stack;
				e->piece[i].ns += e->piece[k].ns;
				take_out(e, k);
			}
	if (e->pieces_len < BD_TRACE_PIECES)
		return false;
	size_t a = 0, b = 1;
	for (size_t i = 1; i < e->pieces_len; i++)
		if (e->piece[i].ns < e->piece[a].ns) {
			b = a;
			a = i;
		} else if (e->piece[i].ns < e->piece[b].ns || b == a) {
			b = i;
		}
	e->piece[a] = (struct bd_trace_piece){-1, -1, e->piece[a].ns + e->piece[b].ns};
	take_out(e, b);
	return true;
}

/* What there is of its holder already. */
static bool add_to_own(struct bd_trace_wait *e, const struct bd_trace_piece *p)
{
	for (size_t i = 0; i < e->pieces_len; i++) {
		struct bd_trace_piece *x = &e->piece[i];
		if (x->holder == p->holder) {
			if (p->ns > x->ns)
				x->stack = p->stack;
			x->ns += p->ns;
			return true;
		}
	}
	return false;
}

/* As many holders as there is room for, and none of them is this one's: the smallest of all becomes one of nobody. */
static void add_to_crowd(struct bd_trace_wait *e, struct bd_trace_piece p)
{
	struct bd_trace_piece *nobody = NULL, *least = NULL;
	for (size_t i = 0; i < e->pieces_len; i++) {
		struct bd_trace_piece *x = &e->piece[i];
		if (x->holder < 0)
			nobody = x;
		else if (!least || x->ns < least->ns)
			least = x;
	}
	if (p.ns > least->ns) {
		struct bd_trace_piece out = *least;
		*least = p;
		p = out;
	}
	nobody->ns += p.ns;
}

struct splitting {
	struct bd_book *b;
	struct bd_trace_wait *e;
	bool *crowded; /* there were more holders in this wait than there is room for */
	int64_t waker; /* thread that ended it by letting go of the GIL, -1 unknown */
	uint64_t to_ns;
};

static void add_piece(int64_t holder, uint64_t from_ns, uint64_t to_ns, void *arg)
{
	struct splitting *s = arg;
	struct bd_trace_wait *e = s->e;
	if (from_ns == to_ns && e->pieces_len)
		return;
	if (holder < 0 && to_ns == s->to_ns)
		holder = s->waker;
	const struct bd_book_thread *th = holder < 0 ? NULL : &s->b->threads[holder];
	struct bd_trace_piece p = {.holder = th ? th->index : -1,
		.stack = th ? sampled_stack(th, from_ns, to_ns) : -1,
		.ns = (int64_t)(to_ns - from_ns)};
	struct bd_trace_piece *last = e->pieces_len ? &e->piece[e->pieces_len - 1] : NULL;
	if (last && last->holder == p.holder && last->stack == p.stack) {
		last->ns += p.ns;
		return;
	}
	if (e->pieces_len == BD_TRACE_PIECES) {
		if (add_to_own(e, &p))
			return;
		if (!*s->crowded)
			*s->crowded = join_pieces(e);
	}
	if (e->pieces_len < BD_TRACE_PIECES)
		e->piece[e->pieces_len++] = p;
	else
		add_to_crowd(e, p);
}

/* A thread by its number, -1 for 0. */
static int64_t known_thread(struct bd_book *b, int target, uint32_t tid)
{
	return tid ? (int64_t)number_of(b, bd_book_thread(b, target, tid)) : -1;
}

/* ---- a slice ------------------------------------------------------------------------------------------------ */

static bool may_be_take(const struct bd_rec_wait *r)
{
	/* A thread that only sleeps on the mutex may as well be letting go of the GIL. */
	return r->part == BD_REC_COND || (r->part == BD_REC_MUTEX && r->flags & BD_REC_CONTINUES);
}

static bool is_take(const struct bd_rec_wait *r, enum bd_slice_end end)
{
	switch (end) {
	case BD_SLICE_ENDED:
		return may_be_take(r);
	case BD_SLICE_UNKNOWN: /* after its timer a thread mostly goes on waiting */
		return may_be_take(r) && r->flags & (BD_REC_BY_FUTEX | BD_REC_SETTLED);
	case BD_SLICE_CONTINUED:
	case BD_SLICE_STOLEN:
		break;
	}
	return false;
}

/* How the slice before this one went on, and who got the GIL in place of its thread. */
static enum bd_slice_end end_of(const struct bd_rec_wait *before, const struct bd_rec_wait *r)
{
	if (r->flags & BD_REC_CONTINUES)
		return BD_SLICE_CONTINUED;
	/* Woken, and asleep again at once with one change of hands in between: had it been its own there were two. */
	if (before->part == BD_REC_COND && r->part == BD_REC_COND && before->gil == r->gil && r->flags & BD_REC_RETRY &&
		before->flags & r->flags & BD_REC_NUMBER_KNOWN && !((before->flags | r->flags) & BD_REC_SELF) &&
		r->holder && r->number - before->number <= 1)
		return BD_SLICE_STOLEN;
	return BD_SLICE_ENDED;
}

static struct bd_take take_of(const struct bd_rec_wait *r, uint32_t thread)
{
	return (struct bd_take){.from_ns = r->flags & BD_REC_BY_FUTEX && r->wake_ns ? r->wake_ns : r->on_ns,
		.on_ns = r->on_ns,
		.thread = thread};
}

/* What the end of its last slice was, is known now, and that slice had its turn already. */
static void correct(struct bd_book *b, uint32_t thread, enum bd_slice_end end, uint32_t stealer)
{
	struct bd_book_thread *th = &b->threads[thread];
	struct bd_takes *takes = &b->target[th->target].takes[th->last.gil];
	bool was = th->take.thread != BD_BOOK_NONE, is = is_take(&th->last, end) || end == BD_SLICE_STOLEN;
	struct bd_take take = take_of(&th->last, end == BD_SLICE_STOLEN ? stealer : thread);
	if (was && (!is || th->take.thread != take.thread))
		bd_takes_remove(takes, th->take.from_ns, th->take.thread);
	if (is && (!was || th->take.thread != take.thread))
		bd_takes_add(takes, take);
	th->take.thread = BD_BOOK_NONE;
}

static void give_up_wait(struct bd_book *b, uint32_t thread)
{
	struct bd_book_thread *th = &b->threads[thread];
	if (!th->waits)
		return;
	th->waits = false;
	bd_book_entry(b, &th->wait, th->target);
}

static void add_slice(struct bd_book *b, uint32_t thread, const struct bd_rec_wait *r)
{
	struct bd_book_target *tg = &b->target[b->threads[thread].target];
	uint64_t slice = r->on_ns - r->off_ns, queued = BD_MIN(r->queued_ns, slice), blocked = slice - queued;
	int64_t holder = r->flags & BD_REC_SELF ? -1 : known_thread(b, b->threads[thread].target, r->holder),
		waker = r->flags & BD_REC_BY_FUTEX ? known_thread(b, b->threads[thread].target, r->waker) : -1;
	struct bd_book_thread *th = &b->threads[thread]; /* not before: there may have been new ones */
	struct bd_trace_wait *e = &th->wait;
	int32_t stack = bd_book_stack_index(b, (uint32_t)th->target, r->stack);
	if (r->part == BD_REC_COND)
		bd_book_silence(b, thread, holder, r);
	if (!th->waits) {
		th->waits = true;
		th->crowded = false;
		*e = (struct bd_trace_wait){.thread = th->index,
			.gil = bd_book_gil(b, th->target, r->gil),
			.stack = stack,
			.start_ns = (int64_t)r->off_ns - b->start_ns,
			.retry = r->flags & BD_REC_RETRY && !(r->flags & BD_REC_CONTINUES)};
	}
	if (e->stack < 0)
		e->stack = stack;
	e->end_ns = (int64_t)r->on_ns - b->start_ns;
	e->runqueue_ns += (int64_t)queued;
	if (r->part == BD_REC_COND) {
		e->holder_ns += (int64_t)blocked;
		struct splitting s = {b, e, &th->crowded, waker == (int64_t)thread ? -1 : waker, r->off_ns + blocked};
		bd_takes_split(&tg->takes[r->gil], thread, holder == (int64_t)thread ? -1 : holder, r->off_ns, s.to_ns,
			add_piece, &s);
	} else if (r->part == BD_REC_SWITCH_COND) {
		e->switch_ns += (int64_t)blocked;
	} else {
		e->mutex_ns += (int64_t)blocked;
	}
}

static void turn_wait(struct bd_book *b, uint32_t held)
{
	const struct bd_book_held h = b->held[held];
	const struct bd_rec_wait *r = &h.wait;
	struct bd_book_thread *th = &b->threads[h.thread];
	bool continues = r->flags & BD_REC_CONTINUES && !th->other;
	if (th->held_back == held)
		th->held_back = BD_BOOK_NONE;
	if (!b->target[th->target].known) {
		b->unknown_ns += (int64_t)(r->on_ns - r->off_ns);
		return;
	}
	if (!continues)
		give_up_wait(b, h.thread);
	add_slice(b, h.thread, r);
	th = &b->threads[h.thread];
	th->take.thread = BD_BOOK_NONE;
	if (is_take(r, h.end) || h.end == BD_SLICE_STOLEN) {
		th->take = take_of(r, h.end == BD_SLICE_STOLEN ? h.stealer : h.thread);
		bd_takes_add(&b->target[th->target].takes[r->gil], th->take);
		seen_with_gil(&b->threads[th->take.thread], r->gil, r->on_ns);
	}
	if (h.end == BD_SLICE_ENDED || h.end == BD_SLICE_STOLEN || th->other)
		give_up_wait(b, h.thread);
}

static void heard_wait(struct bd_book *b, const struct bd_rec_wait *r)
{
	if (r->gil >= BD_PROBE_GILS || r->on_ns < r->off_ns || !r->tid)
		return;
	uint32_t thread = number_of(b, bd_book_thread(b, (int)r->head.target, r->tid));
	enum bd_slice_end end = b->threads[thread].any ? end_of(&b->threads[thread].last, r) : BD_SLICE_ENDED;
	uint32_t stealer = BD_BOOK_NONE;
	if (end == BD_SLICE_STOLEN)
		stealer = number_of(b, bd_book_thread(b, (int)r->head.target, r->holder));
	struct bd_book_thread *th = &b->threads[thread];
	if (th->any && !th->other) {
		if (th->held_back != BD_BOOK_NONE) {
			b->held[th->held_back].end = end;
			b->held[th->held_back].stealer = stealer;
		} else {
			correct(b, thread, end, stealer);
		}
	}
	uint32_t i;
	struct bd_book_held *h = hold_back(b, r->on_ns, &i);
	*h = (struct bd_book_held){.thread = thread, .wait = *r};
	b->newest_ns = BD_MAX(b->newest_ns, r->on_ns);
	th->last = *r;
	th->any = true;
	th->ended = false;
	th->held_back = i;
}

/* ---- holders ------------------------------------------------------------------------------------------------ */

static void heard_hold(struct bd_book *b, const struct bd_rec_hold *r)
{
	if (r->to_ns < r->from_ns || !r->tid || (r->to_ns == r->from_ns && !(r->flags & BD_REC_TICK)))
		return;
	struct bd_book_thread *th = bd_book_thread(b, (int)r->head.target, r->tid);
	int32_t stack = bd_book_hold_stack(b, r);
	if (stack >= 0)
		bd_book_sample(th, r->from_ns, r->to_ns, stack);
	seen_with_gil(th, r->gil, r->to_ns);
	struct bd_rec_hold part[2];
	size_t n = bd_book_not_told(th, r, part);
	for (size_t k = 0; k < n; k++) {
		uint32_t i;
		struct bd_book_held *h = hold_back(b, part[k].to_ns, &i);
		*h = (struct bd_book_held){.is_hold = true,
			.thread = number_of(b, th),
			.holder = part[k],
			.stack = stack};
	}
	b->newest_ns = BD_MAX(b->newest_ns, r->to_ns);
}

/* What a sample stands for, in fast ones. While nobody waits it is what the thread has run meanwhile, of which the sum is known
 * for sure; before that nobody waited, so it must not weigh where somebody does. */
static int32_t times_of(struct bd_book_thread *th, const struct bd_rec_hold *r)
{
	const int64_t one = 1000000000 / BD_EVENTS_HZ;
	if (!(r->flags & BD_REC_QUIET))
		return 1;
	if (!r->ran_ns || r->waiters)
		return BD_EVENTS_QUIET;
	th->ran_over_ns += (int64_t)BD_MIN(r->ran_ns, (uint64_t)one * BD_TRACE_TIMES);
	int64_t times = BD_MAX(th->ran_over_ns / one, (int64_t)1);
	times = BD_MIN(times, (int64_t)BD_TRACE_TIMES);
	th->ran_over_ns -= times * one;
	return (int32_t)times;
}

static void turn_hold(struct bd_book *b, const struct bd_book_held *h)
{
	struct bd_book_thread *th = &b->threads[h->thread];
	const struct bd_book_target *tg = &b->target[th->target];
	const struct bd_rec_hold *r = &h->holder;
	if (tg->known)
		bd_book_entry_hold(b,
			&(struct bd_trace_hold){.thread = th->index,
				.gil = bd_book_gil(b, th->target, r->gil),
				.stack = h->stack,
				.waiters = r->waiters,
				.times = times_of(th, r),
				.start_ns = (int64_t)(r->flags & BD_REC_TICK ? r->to_ns : r->from_ns) - b->start_ns,
				.end_ns = (int64_t)r->to_ns - b->start_ns},
			th->target);
}

/* ---- births and deaths --------------------------------------------------------------------------------------- */

static void thread_ends(struct bd_book *b, uint32_t thread)
{
	struct bd_book_thread *th = &b->threads[thread];
	if (th->held_back != BD_BOOK_NONE)
		b->held[th->held_back].end = BD_SLICE_ENDED;
	else
		give_up_wait(b, thread);
	/* The number may be given to another thread: nothing of this one goes on. */
	b->threads[thread].any = false;
	b->threads[thread].held_back = BD_BOOK_NONE;
	b->threads[thread].host_tid = 0;
	b->threads[thread].silence = (struct bd_book_silence){0};
	b->threads[thread].ended = true;
}

static void heard_life(struct bd_book *b, const struct bd_rec_life *r)
{
	if (r->what == BD_REC_FORK) {
		b->children++;
	} else if (r->what == BD_REC_THREAD_EXIT) {
		uint64_t key = (uint64_t)r->head.target << 32 | r->tid;
		int64_t i = bd_table_get(&b->thread_of, key);
		if (i >= 0)
			thread_ends(b, (uint32_t)i);
	} else if (r->what == BD_REC_EXEC) {
		b->execs++;
		for (uint32_t i = 0; i < b->threads_len; i++)
			if (b->threads[i].target == (int32_t)r->head.target && !b->threads[i].other)
				thread_ends(b, i);
	}
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

void bd_book_record(struct bd_book *b, const struct bd_rec *rec)
{
	static const size_t least[] = {
		[BD_REC_WAIT] = sizeof(struct bd_rec_wait),
		[BD_REC_STACK] = offsetof(struct bd_rec_stack, frame),
		[BD_REC_HOLD] = sizeof(struct bd_rec_hold),
		[BD_REC_NATIVE] = sizeof(struct bd_rec_native),
		[BD_REC_LOCK] = sizeof(struct bd_rec_lock),
		[BD_REC_SPIN] = sizeof(struct bd_rec_spin),
		[BD_REC_LIFE] = sizeof(struct bd_rec_life),
	};
	if (rec->target >= BD_TRACER_MAX_TARGETS || rec->type >= BD_LEN(least) || !least[rec->type] ||
		rec->size < least[rec->type])
		return;
	const void *r = rec;
	b->events += rec->type != BD_REC_STACK && rec->type != BD_REC_NATIVE;
	switch ((enum bd_rec_type)rec->type) {
	case BD_REC_WAIT:
		heard_wait(b, r);
		break;
	case BD_REC_STACK:
		bd_book_stack(b, r);
		break;
	case BD_REC_HOLD:
		heard_hold(b, r);
		break;
	case BD_REC_NATIVE:
		bd_book_native(b, r);
		break;
	case BD_REC_LOCK:
		bd_book_lock(b, r);
		break;
	case BD_REC_SPIN:
		bd_book_spin(b, r);
		break;
	case BD_REC_LIFE:
		heard_life(b, r);
		break;
	}
}

void bd_book_turns(struct bd_book *b, uint64_t until_ns)
{
	while (b->turns_n && b->turns[b->turns_first].key <= until_ns) {
		uint32_t i = b->turns[b->turns_first].held;
		b->turns_first++;
		b->turns_n--;
		if (b->held[i].is_hold)
			turn_hold(b, &b->held[i]);
		else
			turn_wait(b, i);
		b->held[i].next_free = b->held_free;
		b->held_free = i;
	}
	if (!b->turns_n)
		b->turns_first = 0;
}

void bd_book_sweep(struct bd_book *b, uint64_t now_ns, int target, bool all)
{
	for (uint32_t i = 0; i < b->threads_len; i++) {
		const struct bd_book_thread *th = &b->threads[i];
		if (!th->waits || th->held_back != BD_BOOK_NONE || (target >= 0 && th->target != target))
			continue;
		uint64_t patience = th->last.flags & (BD_REC_BY_FUTEX | BD_REC_SETTLED) ? BD_BOOK_WOKEN_NS
											: BD_BOOK_TIMED_NS;
		if (all || th->last.on_ns + patience < now_ns)
			give_up_wait(b, i);
	}
}
