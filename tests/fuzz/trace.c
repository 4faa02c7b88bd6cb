/* A part of a stored trace, as it comes out of a store file somebody else may have written: any bytes are read or refused,
 * what is visited can be used without a look, and reading again gives the same. */
#include "bd_fuzz.h"
#include "bd_model.h"

#include <string.h>

void bd_fuzz_begin(void)
{
}

struct seen {
	uint64_t hash;
	size_t n;
};

static void note(struct seen *s, const void *p, size_t n)
{
	s->hash = s->hash * 31 + bd_hash(p, n);
	s->n++;
}

static void index_in(int32_t i, size_t len)
{
	BD_FUZZ_CHECK(i >= -1 && i < (int64_t)len);
}

static int wait_seen(const struct bd_trace_definitions *d, const struct bd_trace_wait *e, void *arg)
{
	index_in(e->thread, d->threads_len);
	index_in(e->gil, d->gils_len);
	index_in(e->stack, d->stacks_len);
	BD_FUZZ_CHECK(e->start_ns <= e->end_ns && e->pieces_len <= BD_TRACE_PIECES);
	__int128 sum = 0;
	for (size_t i = 0; i < e->pieces_len; i++) {
		index_in(e->piece[i].holder, d->threads_len);
		index_in(e->piece[i].stack, d->stacks_len);
		sum += e->piece[i].ns;
		note(arg, &e->piece[i], sizeof e->piece[i]);
	}
	BD_FUZZ_CHECK(!e->pieces_len || sum == e->holder_ns);
	const int64_t v[] = {e->start_ns, e->end_ns, e->holder_ns, e->runqueue_ns, e->switch_ns, e->mutex_ns};
	note(arg, v, sizeof v);
	return 0;
}

static int hold_seen(const struct bd_trace_definitions *d, const struct bd_trace_hold *e, void *arg)
{
	index_in(e->thread, d->threads_len);
	index_in(e->gil, d->gils_len);
	index_in(e->stack, d->stacks_len);
	BD_FUZZ_CHECK(e->start_ns <= e->end_ns && e->waiters >= 0 && e->times <= BD_TRACE_TIMES);
	note(arg, &e->end_ns, sizeof e->end_ns);
	return 0;
}

static int lock_seen(const struct bd_trace_definitions *d, const struct bd_trace_lock *e, void *arg)
{
	index_in(e->thread, d->threads_len);
	index_in(e->waker, d->threads_len);
	index_in(e->stack, d->stacks_len);
	index_in(e->kind, d->locks_len);
	BD_FUZZ_CHECK(e->start_ns <= e->end_ns);
	note(arg, &e->end_ns, sizeof e->end_ns);
	return 0;
}

static int spin_seen(const struct bd_trace_definitions *d, const struct bd_trace_spin *e, void *arg)
{
	index_in(e->thread, d->threads_len);
	index_in(e->stack, d->stacks_len);
	BD_FUZZ_CHECK(e->start_ns <= e->end_ns && e->yields >= 0);
	note(arg, &e->end_ns, sizeof e->end_ns);
	return 0;
}

static int mark_seen(const struct bd_trace_definitions *d, const struct bd_trace_mark *e, void *arg)
{
	index_in(e->cell, d->cells.n);
	BD_FUZZ_CHECK(e->start_ns <= e->end_ns);
	note(arg, &e->end_ns, sizeof e->end_ns);
	return 0;
}

static const struct bd_trace_visitor visitor = {wait_seen, hold_seen, lock_seen, spin_seen, mark_seen};

/* Every text can be read. */
static size_t all_texts(const struct bd_trace_definitions *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->threads_len; i++)
		n += d->threads[i].name ? strlen(d->threads[i].name) : 0;
	for (size_t i = 0; i < d->stacks_len; i++)
		for (size_t f = 0; f < d->stacks[i].frames_len; f++) {
			const struct bd_trace_frame *at = &d->stacks[i].frames[f];
			n += (at->function ? strlen(at->function) : 0) + (at->file ? strlen(at->file) : 0) +
				(at->native ? strlen(at->native) : 0);
			BD_FUZZ_CHECK(at->line >= 0);
		}
	for (size_t i = 0; i < d->locks_len; i++)
		n += strlen(d->locks[i].kind) + (d->locks[i].type ? strlen(d->locks[i].type) : 0);
	for (size_t i = 0; i < d->cells.n; i++)
		n += strlen(d->cells.v[i]);
	return n;
}

void bd_fuzz_one(const uint8_t *data, size_t len)
{
	struct bd_trace_definitions d = {0};
	struct seen once = {0}, twice = {0};
	struct bd_error err = {0};
	int r = bd_trace_read_chunk(data, len, &d, &visitor, &once, &err);
	BD_FUZZ_CHECK(r <= 0 && (r == 0 || (bd_streq(err.key, "bad-trace") && err.message[0])));
	size_t texts = all_texts(&d), threads = d.threads_len, stacks = d.stacks_len;
	BD_FUZZ_CHECK(bd_trace_read_chunk(data, len, &d, &visitor, &twice, &err) == r);
	BD_FUZZ_CHECK(once.n == twice.n && once.hash == twice.hash);
	BD_FUZZ_CHECK(all_texts(&d) == texts && d.threads_len == threads && d.stacks_len == stacks);
	bd_trace_definitions_done(&d);
}
