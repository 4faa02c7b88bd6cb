/* Holders that sleep. The probe tells of one when it runs again; so nothing would be known of one that went to sleep before the
 * trace began, or that sleeps when it ends, and what it was at before would be taken for the cause. Those who wait for it look at
 * it whenever their timers go off. */
#include "book.h"

void bd_book_sample(struct bd_book_thread *th, uint64_t from_ns, uint64_t to_ns, int32_t stack)
{
	if (!th->samples)
		th->samples = bd_alloc(BD_BOOK_SAMPLES * sizeof *th->samples);
	th->samples[th->samples_n++ % BD_BOOK_SAMPLES] = (struct bd_book_sample){from_ns, to_ns, stack};
}

static void tell(struct bd_book *b, const struct bd_book_thread *th, const struct bd_rec_wait *r, int32_t stack,
	uint64_t from_ns, uint64_t to_ns, uint32_t waiters)
{
	if (from_ns < to_ns)
		bd_book_entry_hold(b,
			&(struct bd_trace_hold){.thread = th->index,
				.gil = bd_book_gil(b, th->target, r->gil),
				.stack = stack,
				.waiters = (int32_t)waiters,
				.times = 1,
				.start_ns = (int64_t)from_ns - b->start_ns,
				.end_ns = (int64_t)to_ns - b->start_ns},
			th->target);
}

void bd_book_silence(struct bd_book *b, uint32_t waiter, int64_t holder, const struct bd_rec_wait *r)
{
	struct bd_book_thread *w = &b->threads[waiter];
	if (!(r->flags & BD_REC_CONTINUES) || r->number != w->still_number) {
		w->still_ns = r->off_ns;
		w->still_number = r->number;
	}
	if (holder < 0 || holder == (int64_t)waiter || b->threads[holder].other || w->other)
		return;
	struct bd_book_thread *h = &b->threads[holder];
	uint64_t to = r->flags & BD_REC_BY_FUTEX && r->wake_ns ? r->wake_ns : r->on_ns,
		 since = BD_MAX(w->still_ns, h->held_ns);
	int32_t stack = bd_book_stack_index(b, (uint32_t)h->target, r->holder_stack);
	if (stack < 0 || h->held_ns > r->off_ns || to < since + BD_BOOK_SILENT_NS || to <= h->silence.to_ns)
		return;
	uint64_t from = since;
	if (h->silence.to_ns && h->silence.number == r->number && h->held_ns <= h->silence.to_ns) {
		from = h->silence.to_ns;
		tell(b, h, r, stack, from, since, 0); /* nobody waited */
	} else {
		h->silence.from_ns = from;
		h->silence.number = r->number;
	}
	from = BD_MAX(from, since);
	tell(b, h, r, stack, from, to, BD_MAX(r->waiters, UINT32_C(1)));
	bd_book_sample(h, from, to, stack);
	h->silence.to_ns = to;
	h->held_gil = r->gil;
}

size_t bd_book_not_told(const struct bd_book_thread *th, const struct bd_rec_hold *r, struct bd_rec_hold ret[2])
{
	const struct bd_book_silence *s = &th->silence;
	if (r->flags & BD_REC_TICK || s->to_ns <= r->from_ns || s->from_ns >= r->to_ns) {
		ret[0] = *r;
		return 1;
	}
	size_t n = 0;
	if (r->from_ns < s->from_ns) {
		ret[n] = *r;
		ret[n].waiters = 0; /* those who came stayed */
		ret[n++].to_ns = s->from_ns;
	}
	if (r->to_ns > s->to_ns) {
		ret[n] = *r;
		ret[n++].from_ns = s->to_ns;
	}
	return n;
}
