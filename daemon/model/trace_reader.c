#include "trace_format.h"

#include <errno.h>

struct reader {
	const uint8_t *at, *end;
	const char *wrong; /* the first thing that was */
	struct bd_trace_definitions *d;
	uint64_t before[BD_TRACE_SECTIONS], following[BD_TRACE_SECTIONS];
	struct bd_trace_last *last; /* per thread plus one */
	int64_t last_end_ns;
};

static void reader_done(struct reader *r)
{
	free(r->last);
}

/* From here on nothing more is read. */
static void fail(struct reader *r, const char *what)
{
	if (!r->wrong)
		r->wrong = what;
	r->at = r->end;
}

static uint64_t number(struct reader *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0;; shift += 7) {
		if (r->at >= r->end) {
			fail(r, "it ends within a number");
			return 0;
		}
		uint8_t byte = *r->at++;
		if (shift == 63 && byte > 1) {
			fail(r, "a number has more than 64 bits");
			return 0;
		}
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
}

static int64_t signed_number(struct reader *r)
{
	return bd_trace_unzigzag(number(r));
}

static int64_t time_number(struct reader *r)
{
	uint64_t v = number(r);
	if (v <= INT64_MAX)
		return (int64_t)v;
	fail(r, "a time is out of range");
	return 0;
}

/* An index plus one, below len plus one. */
static uint64_t index_number(struct reader *r, size_t len, const char *what)
{
	uint64_t v = number(r);
	if (v <= len)
		return v;
	fail(r, what);
	return 0;
}

static int32_t index_or_none(struct reader *r, size_t len, const char *what)
{
	return (int32_t)index_number(r, len, what) - 1;
}

static char *text(struct reader *r)
{
	return bd_trace_text(r->d, index_number(r, r->d->strings.n, "there is no such text"));
}

/* ---- definitions -------------------------------------------------------------------------------------------- */

/* How many of a section there are. */
static size_t *section_len(struct bd_trace_definitions *d, enum bd_trace_section s)
{
	switch (s) {
	case BD_TRACE_STRINGS:
		return &d->strings.n;
	case BD_TRACE_FRAMES:
		return &d->frames_len;
	case BD_TRACE_THREADS:
		return &d->threads_len;
	case BD_TRACE_RENAMES:
		return &d->renames;
	case BD_TRACE_GILS:
		return &d->gils_len;
	case BD_TRACE_STACKS:
		return &d->stacks_len;
	case BD_TRACE_LOCKS:
		return &d->locks_len;
	case BD_TRACE_CELLS:
		return &d->cells.n;
	case BD_TRACE_SECTIONS:
		break;
	}
	abort();
}

static void read_string(struct reader *r, bool add)
{
	uint64_t len = number(r);
	if (len > (uint64_t)(r->end - r->at)) {
		fail(r, "it ends within a text");
		return;
	}
	if (len && memchr(r->at, 0, len)) {
		fail(r, "a text has a NUL in it");
		return;
	}
	if (add)
		*BD_PUSH(r->d->strings.v, r->d->strings.n) = bd_strndup((const char *)r->at, len);
	r->at += len;
}

static void read_frame(struct reader *r, bool add)
{
	struct bd_trace_frame f = {0};
	f.function = text(r);
	f.file = text(r);
	f.native = text(r);
	uint64_t line = number(r);
	if (line > INT32_MAX)
		fail(r, "a line number is too large");
	f.line = (int64_t)line;
	if (add && !r->wrong)
		*BD_PUSH(r->d->frames, r->d->frames_len) = f;
}

static void read_thread(struct reader *r, bool add)
{
	struct bd_trace_thread t = {0};
	t.pid = signed_number(r);
	t.tid = signed_number(r);
	t.name = text(r);
	if (add && !r->wrong)
		*BD_PUSH(r->d->threads, r->d->threads_len) = t;
}

static void read_rename(struct reader *r, bool add)
{
	uint64_t i = index_number(r, r->d->threads_len, "there is no such thread");
	char *name = text(r);
	if (!r->wrong && i == 0)
		fail(r, "there is no such thread");
	if (add && !r->wrong) {
		r->d->threads[i - 1].name = name;
		r->d->renames++;
	}
}

static void read_gil(struct reader *r, bool add)
{
	struct bd_trace_gil g = {0};
	g.pid = signed_number(r);
	g.interpreter = signed_number(r);
	g.address = (int64_t)number(r);
	if (add && !r->wrong)
		*BD_PUSH(r->d->gils, r->d->gils_len) = g;
}

static void read_stack(struct reader *r, bool add)
{
	uint64_t len = number(r);
	if (len > (uint64_t)(r->end - r->at)) {
		fail(r, "it ends within a stack");
		return;
	}
	bd_auto_free struct bd_trace_frame *frames = len ? bd_alloc(len * sizeof *frames) : NULL;
	for (uint64_t i = 0; i < len && !r->wrong; i++) {
		uint64_t f = number(r);
		if (f >= r->d->frames_len)
			fail(r, "there is no such frame");
		else
			frames[i] = r->d->frames[f];
	}
	if (add && !r->wrong)
		*BD_PUSH(r->d->stacks, r->d->stacks_len) = (struct bd_trace_stack){BD_TAKE_PTR(frames), len};
}

static void read_lock_kind(struct reader *r, bool add)
{
	struct bd_trace_lock_kind k = {0};
	k.kind = text(r);
	k.type = text(r);
	k.address = (int64_t)number(r);
	if (!r->wrong && !k.kind)
		fail(r, "a lock is of no kind");
	if (add && !r->wrong)
		*BD_PUSH(r->d->locks, r->d->locks_len) = k;
}

static void read_cell(struct reader *r, bool add)
{
	char *id = text(r);
	if (!r->wrong && !id)
		fail(r, "a cell has no name");
	if (add && !r->wrong)
		*BD_PUSH(r->d->cells.v, r->d->cells.n) = id;
}

static void (*const read_one[])(struct reader *r, bool add) = {
	[BD_TRACE_STRINGS] = read_string,
	[BD_TRACE_FRAMES] = read_frame,
	[BD_TRACE_THREADS] = read_thread,
	[BD_TRACE_RENAMES] = read_rename,
	[BD_TRACE_GILS] = read_gil,
	[BD_TRACE_STACKS] = read_stack,
	[BD_TRACE_LOCKS] = read_lock_kind,
	[BD_TRACE_CELLS] = read_cell,
};
_Static_assert(BD_LEN(read_one) == BD_TRACE_SECTIONS, "a section has no reader");

static void read_definitions(struct reader *r)
{
	if (r->end - r->at < BD_TRACE_MAGIC_LEN || memcmp(r->at, BD_TRACE_MAGIC, BD_TRACE_MAGIC_LEN) != 0) {
		fail(r, "it does not begin like one");
		return;
	}
	r->at += BD_TRACE_MAGIC_LEN;
	uint64_t sample_ns = number(r);
	if (sample_ns > INT64_MAX)
		fail(r, "a sample stands for too long");
	for (int s = 0; s < BD_TRACE_SECTIONS; s++) {
		r->before[s] = number(r);
		r->following[s] = number(r);
		size_t have = *section_len(r->d, s);
		uint64_t before = r->before[s], following = r->following[s];
		/* Each takes a byte at least. All of them new, or all known: then the chunk is read again. */
		if (following > (uint64_t)(r->end - r->at) || before > have ||
			(before < have && before + following > have))
			fail(r,
				before > have ? "a part before it is missing"
					      : "its definitions are not the next ones");
	}
	for (int s = 0; s < BD_TRACE_SECTIONS; s++) {
		bool add = *section_len(r->d, s) == r->before[s];
		for (uint64_t i = 0; i < r->following[s] && !r->wrong; i++)
			read_one[s](r, add);
	}
	if (!r->wrong)
		r->d->sample_ns = (int64_t)sample_ns;
}

/* Back to how many there were. A name a thread got meanwhile is one of the texts that go. */
static void take_back(struct bd_trace_definitions *d, const size_t *len, char *const *names)
{
	while (d->strings.n > len[BD_TRACE_STRINGS])
		bd_freep(&d->strings.v[--d->strings.n]);
	while (d->stacks_len > len[BD_TRACE_STACKS])
		bd_freep(&d->stacks[--d->stacks_len].frames);
	for (size_t i = 0; i < len[BD_TRACE_THREADS]; i++)
		d->threads[i].name = names[i];
	for (int s = 0; s < BD_TRACE_SECTIONS; s++)
		*section_len(d, s) = len[s];
}

static void definitions(struct reader *r)
{
	size_t len[BD_TRACE_SECTIONS];
	for (int s = 0; s < BD_TRACE_SECTIONS; s++)
		len[s] = *section_len(r->d, s);
	size_t threads = r->d->threads_len;
	bd_auto_free char **names = threads ? bd_alloc(threads * sizeof *names) : NULL;
	for (size_t i = 0; i < threads; i++)
		names[i] = r->d->threads[i].name;
	read_definitions(r);
	if (r->wrong)
		take_back(r->d, len, names);
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

static int32_t thread_index(struct reader *r)
{
	return index_or_none(r, r->d->threads_len, "there is no such thread");
}

static int32_t stack_index(struct reader *r)
{
	return index_or_none(r, r->d->stacks_len, "there is no such stack");
}

static int32_t gil_index(struct reader *r)
{
	return index_or_none(r, r->d->gils_len, "there is no such GIL");
}

static void subtract(struct reader *r, int64_t *v, int64_t what)
{
	if (__builtin_sub_overflow(*v, what, v))
		fail(r, "a time is out of range");
}

static int64_t end_time(struct reader *r, bool back)
{
	int64_t by = time_number(r), end = r->last_end_ns;
	if (back ? __builtin_sub_overflow(end, by, &end) : __builtin_add_overflow(end, by, &end))
		fail(r, "a time is out of range");
	else
		r->last_end_ns = end;
	return end;
}

static int64_t start_time(struct reader *r, int64_t end)
{
	int64_t start = end;
	subtract(r, &start, time_number(r));
	return start;
}

/* How long the piece before took. */
static int64_t piece_ns(struct reader *r, const struct bd_trace_last *holder, bool taken, int64_t from)
{
	int64_t ns;
	if (!taken)
		return time_number(r);
	if (holder->took && !__builtin_sub_overflow(holder->take_ns, from, &ns) && ns >= 0)
		return ns;
	fail(r, "a part of a wait begins at no time");
	return 0;
}

static void read_pieces(struct reader *r, bool one, struct bd_trace_wait *e, struct bd_trace_last *last)
{
	uint64_t n = one ? 1 : number(r);
	if (n == 0 || n > BD_TRACE_PIECES) {
		fail(r, "a wait is of too many parts");
		return;
	}
	int64_t left = e->holder_ns, from = e->start_ns;
	for (size_t i = 0; i < n && !r->wrong; i++) {
		struct bd_trace_piece *p = &e->piece[i];
		uint64_t code = number(r);
		if (code >> BD_TRACE_PIECE_SHIFT > r->d->threads_len) {
			fail(r, "there is no such thread");
			return;
		}
		p->holder = (int32_t)(code >> BD_TRACE_PIECE_SHIFT) - 1;
		struct bd_trace_last *holder = &r->last[p->holder + 1];
		if (!(code & BD_TRACE_PIECE_SAME))
			holder->piece_stack = stack_index(r);
		p->stack = holder->piece_stack;
		if (i) {
			p[-1].ns = piece_ns(r, holder, code & BD_TRACE_PIECE_TAKEN, from);
			subtract(r, &left, p[-1].ns);
			if (__builtin_add_overflow(from, p[-1].ns, &from))
				fail(r, "a time is out of range");
		}
		p->ns = left;
		e->pieces_len++;
	}
	last->holder = e->piece[0].holder;
	last->holder_stack = e->piece[0].stack;
}

static int read_wait(struct reader *r, uint8_t flags, const struct bd_trace_visitor *v, void *arg)
{
	struct bd_trace_wait e = {.thread = thread_index(r), .retry = flags & BD_TRACE_WAIT_RETRY};
	struct bd_trace_last *last = &r->last[e.thread + 1];
	e.end_ns = end_time(r, flags & BD_TRACE_WAIT_BACK);
	e.start_ns = start_time(r, e.end_ns);
	if (!(flags & BD_TRACE_WAIT_SAME))
		last->stack = stack_index(r);
	e.stack = last->stack;
	if (__builtin_sub_overflow(e.end_ns, e.start_ns, &e.holder_ns))
		fail(r, "a time is out of range");
	if (flags & BD_TRACE_WAIT_RUNQUEUE)
		subtract(r, &e.holder_ns, e.runqueue_ns = time_number(r));
	if (flags & BD_TRACE_WAIT_OTHER) {
		last->gil = gil_index(r);
		subtract(r, &e.holder_ns, e.switch_ns = time_number(r));
		subtract(r, &e.holder_ns, e.mutex_ns = time_number(r));
		subtract(r, &e.holder_ns, signed_number(r));
	}
	e.gil = last->gil;
	last->took = true;
	last->take_ns = e.end_ns;
	subtract(r, &last->take_ns, e.runqueue_ns);
	uint8_t pieces = flags & BD_TRACE_WAIT_ONE;
	if (pieces == BD_TRACE_WAIT_PIECE) {
		e.piece[0] = (struct bd_trace_piece){last->holder, last->holder_stack, e.holder_ns};
		e.pieces_len = 1;
	} else if (pieces) {
		read_pieces(r, pieces == BD_TRACE_WAIT_ONE, &e, last);
	}
	return !r->wrong && v && v->wait ? v->wait(r->d, &e, arg) : 0;
}

static int read_hold(struct reader *r, uint8_t flags, const struct bd_trace_visitor *v, void *arg)
{
	struct bd_trace_hold e = {.thread = thread_index(r)};
	struct bd_trace_last *last = &r->last[e.thread + 1];
	e.end_ns = end_time(r, flags & BD_TRACE_BACK);
	e.start_ns = flags & BD_TRACE_SAMPLE ? e.end_ns : start_time(r, e.end_ns);
	if (!(flags & BD_TRACE_SAME)) {
		last->hold_gil = gil_index(r);
		last->hold_stack = stack_index(r);
	}
	e.gil = last->hold_gil;
	e.stack = last->hold_stack;
	uint64_t waiters = number(r);
	if (waiters > INT32_MAX)
		fail(r, "there are too many waiters");
	e.waiters = (int32_t)waiters;
	uint64_t times = flags & BD_TRACE_RARE ? number(r) : 1;
	if (times > BD_TRACE_TIMES)
		fail(r, "a sample stands for too much");
	e.times = (int32_t)times;
	return !r->wrong && v && v->hold ? v->hold(r->d, &e, arg) : 0;
}

static int read_lock(struct reader *r, uint8_t flags, const struct bd_trace_visitor *v, void *arg)
{
	struct bd_trace_lock e = {.thread = thread_index(r)};
	e.end_ns = end_time(r, flags & BD_TRACE_BACK);
	e.start_ns = start_time(r, e.end_ns);
	e.waker = thread_index(r);
	e.stack = stack_index(r);
	e.kind = index_or_none(r, r->d->locks_len, "there is no such lock");
	e.runqueue_ns = time_number(r);
	return !r->wrong && v && v->lock ? v->lock(r->d, &e, arg) : 0;
}

static int read_spin(struct reader *r, uint8_t flags, const struct bd_trace_visitor *v, void *arg)
{
	struct bd_trace_spin e = {.thread = thread_index(r)};
	e.end_ns = end_time(r, flags & BD_TRACE_BACK);
	e.start_ns = start_time(r, e.end_ns);
	e.stack = stack_index(r);
	e.off_ns = time_number(r);
	e.yields = time_number(r);
	return !r->wrong && v && v->spin ? v->spin(r->d, &e, arg) : 0;
}

static int read_mark(struct reader *r, uint8_t flags, const struct bd_trace_visitor *v, void *arg)
{
	struct bd_trace_mark e = {.cell = index_or_none(r, r->d->cells.n, "there is no such cell")};
	e.end_ns = end_time(r, flags & BD_TRACE_BACK);
	e.start_ns = start_time(r, e.end_ns);
	e.lost = time_number(r);
	return !r->wrong && v && v->mark ? v->mark(r->d, &e, arg) : 0;
}

static int entries(struct reader *r, const struct bd_trace_visitor *visitor, void *arg)
{
	r->last = bd_alloc((r->d->threads_len + 1) * sizeof *r->last);
	for (size_t i = 0; i <= r->d->threads_len; i++)
		r->last[i] = BD_TRACE_LAST_NONE;
	int n = 0;
	while (r->at < r->end && n >= 0) {
		uint8_t flags = *r->at++;
		if (flags & BD_TRACE_WAIT)
			n = read_wait(r, flags, visitor, arg);
		else if ((flags & BD_TRACE_KIND) == BD_TRACE_HOLD)
			n = read_hold(r, flags, visitor, arg);
		else if ((flags & BD_TRACE_KIND) == BD_TRACE_LOCK)
			n = read_lock(r, flags, visitor, arg);
		else if ((flags & BD_TRACE_KIND) == BD_TRACE_SPIN)
			n = read_spin(r, flags, visitor, arg);
		else if ((flags & BD_TRACE_KIND) == BD_TRACE_MARK)
			n = read_mark(r, flags, visitor, arg);
		else
			fail(r, "an entry is of no known kind");
	}
	return n < 0 ? n : 0;
}

int bd_trace_read_chunk(const void *data, size_t bytes, struct bd_trace_definitions *d,
	const struct bd_trace_visitor *visitor, void *arg, struct bd_error *err)
{
	const uint8_t empty = 0, *from = bytes ? data : &empty;
	BD_CLEANUP(reader_done) struct reader r = {.at = from, .end = from + bytes, .d = d};
	definitions(&r);
	int n = r.wrong ? 0 : entries(&r, visitor, arg);
	if (r.wrong)
		return bd_error_set(err, -EBADMSG, "bad-trace", NULL, "this is no part of a trace: %s", r.wrong);
	return n;
}
