/* Entries come in the order of their ends, so a hold is over for certain only when its thread does something else: until then
 * one for each thread is kept, and nothing else. */
#include "holds.h"

static struct bd_holds_track *track_of(struct bd_holds *h, int32_t thread)
{
	while (h->tracks <= (size_t)thread)
		*BD_PUSH(h->track, h->tracks) = (struct bd_holds_track){.done_ns = INT64_MIN};
	return &h->track[thread];
}

static struct bd_holds_gil *gil_of(struct bd_holds *h, int32_t gil)
{
	while (h->gils <= (size_t)gil)
		*BD_PUSH(h->gil, h->gils) = (struct bd_holds_gil){.holder = -1, .since_ns = INT64_MIN};
	return &h->gil[gil];
}

static void finish(struct bd_holds *h, struct bd_holds_track *t, int64_t until_ns)
{
	if (!t->open)
		return;
	struct bd_hold *hold = &t->hold;
	hold->to_ns = BD_MAX(hold->from_ns, BD_MIN(hold->to_ns, until_ns));
	t->done_ns = BD_MAX(t->done_ns, hold->to_ns);
	t->open = t->closed = false;
	h->tell(hold, BD_MAX(hold->from_ns, hold->to_ns - 1), h->arg);
}

static void start(struct bd_holds_track *t, int32_t thread, int32_t gil, int64_t from_ns, int64_t to_ns)
{
	t->open = true;
	t->hold = (struct bd_hold){.thread = thread, .gil = gil, .from_ns = from_ns, .to_ns = to_ns};
}

/* Another has it from then on. */
static void close_other(struct bd_holds *h, int32_t gil, int32_t thread, int64_t at_ns)
{
	struct bd_holds_gil *g = gil_of(h, gil);
	if (g->holder >= 0 && g->holder != thread) {
		struct bd_holds_track *t = track_of(h, g->holder);
		if (t->open && t->hold.gil == gil && !t->closed) {
			t->closed = true;
			t->closed_ns = at_ns;
			t->hold.to_ns = BD_MIN(t->hold.to_ns, BD_MAX(at_ns, t->hold.from_ns));
		}
	}
	g->holder = thread;
	g->since_ns = at_ns;
}

void bd_holds_away(struct bd_holds *h, int32_t thread, int64_t from_ns, int64_t to_ns)
{
	if (thread < 0)
		return;
	struct bd_holds_track *t = track_of(h, thread);
	finish(h, t, from_ns);
	t->done_ns = BD_MAX(t->done_ns, to_ns);
}

/* Something was seen of a hold. True when it belongs to the one that is open now. */
static bool extend(struct bd_holds *h, int32_t thread, int32_t gil, int64_t from_ns, int64_t to_ns, int64_t gap_ns)
{
	struct bd_holds_track *t = track_of(h, thread);
	from_ns = BD_MAX(from_ns, t->done_ns);
	if (to_ns < from_ns)
		return false;
	bool same = t->open && t->hold.gil == gil && from_ns - t->hold.to_ns <= gap_ns;
	if (same && t->closed) {
		to_ns = BD_MIN(to_ns, t->closed_ns);
		same = from_ns <= t->closed_ns;
	}
	if (same) {
		t->hold.from_ns = BD_MIN(t->hold.from_ns, from_ns);
		t->hold.to_ns = BD_MAX(t->hold.to_ns, to_ns);
		return true;
	}
	if (t->open && to_ns <= t->hold.from_ns) { /* one before it, of which nothing was seen until now */
		struct bd_hold before = {.thread = thread, .gil = gil, .from_ns = from_ns, .to_ns = to_ns};
		t->done_ns = to_ns;
		h->tell(&before, to_ns, h->arg);
		return false;
	}
	finish(h, t, INT64_MAX);
	from_ns = BD_MAX(from_ns, t->done_ns);
	if (to_ns < from_ns)
		return false;
	start(t, thread, gil, from_ns, to_ns);
	struct bd_holds_gil *g = gil_of(h, gil);
	if (g->holder == thread)
		return true;
	if (from_ns >= g->since_ns) {
		close_other(h, gil, thread, from_ns);
	} else { /* it had it before the one who has it now */
		t->closed = true;
		t->closed_ns = BD_MAX(to_ns, g->since_ns);
	}
	return true;
}

void bd_holds_seen(struct bd_holds *h, int32_t thread, int32_t gil, int64_t from_ns, int64_t to_ns, int64_t sample_ns)
{
	int64_t gap_ns = BD_MIN(sample_ns, (int64_t)BD_HOLDS_GAP_MAX_NS) * 3 / 2;
	if (thread >= 0 && gil >= 0)
		extend(h, thread, gil, from_ns, to_ns, BD_MAX(gap_ns, (int64_t)BD_HOLDS_GAP_NS));
}

int64_t bd_holds_take(struct bd_holds *h, const struct bd_trace_wait *e)
{
	if (e->thread < 0 || e->gil < 0)
		return 0;
	int64_t at = e->start_ns, flow = 0;
	for (size_t i = 0; i < e->pieces_len; i++) {
		const struct bd_trace_piece *p = &e->piece[i];
		bool last = i + 1 == e->pieces_len;
		/* what lies between the slices of a wait is not in its pieces: the last one ends where waking up begins */
		int64_t to = last ? BD_MAX(at + p->ns, e->end_ns - e->runqueue_ns - e->switch_ns - e->mutex_ns)
				  : at + p->ns;
		to = BD_MIN(to, e->end_ns);
		if (p->holder >= 0 && p->holder != e->thread) {
			bool open = extend(h, p->holder, e->gil, at, to, BD_HOLDS_GAP_NS);
			if (last) {
				struct bd_holds_track *t = track_of(h, p->holder);
				flow = ++h->flows;
				if (open && !t->hold.flow) {
					t->hold.flow = flow;
				} else { /* the hold that ended was told already */
					struct bd_hold none = {p->holder, e->gil, to, to, flow};
					h->tell(&none, BD_MAX(at, to - 1), h->arg);
				}
			}
		}
		at = to;
	}
	close_other(h, e->gil, e->thread, e->end_ns);
	struct bd_holds_track *t = track_of(h, e->thread);
	finish(h, t, e->end_ns);
	start(t, e->thread, e->gil, e->end_ns, e->end_ns);
	return flow;
}

void bd_holds_end(struct bd_holds *h)
{
	for (size_t i = 0; i < h->tracks; i++)
		finish(h, &h->track[i], INT64_MAX);
}

void bd_holds_done(struct bd_holds *h)
{
	free(h->track);
	free(h->gil);
}
