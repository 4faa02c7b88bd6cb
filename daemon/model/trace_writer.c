#include "trace_format.h"

/* Finds what is equal among what is there: open addressing, indices plus one. */
struct table {
	uint32_t *slot;
	size_t cap, n;
};

struct section {
	struct bd_str bytes;
	uint64_t before, following;
	struct table table;
};

struct bd_trace_writer {
	struct bd_trace_definitions d;
	struct section section[BD_TRACE_SECTIONS];
	uint32_t **frame_of; /* numbers of the frames of each stack */
	size_t frame_of_len;
	struct bd_str entries;
	struct bd_trace_last *last; /* per thread plus one */
	size_t last_len;
	int64_t last_end_ns, start_ns, end_ns;
	bool any;
	struct bd_str chunk;
};

void bd_trace_writer_new(int64_t sample_ns, struct bd_trace_writer **ret)
{
	struct bd_trace_writer *w = bd_alloc(sizeof *w);
	w->d.sample_ns = sample_ns;
	*ret = w;
}

void bd_trace_writer_free(struct bd_trace_writer **wp)
{
	struct bd_trace_writer *w = BD_TAKE_PTR(*wp);
	if (!w)
		return;
	bd_trace_definitions_done(&w->d);
	for (int s = 0; s < BD_TRACE_SECTIONS; s++) {
		bd_str_done(&w->section[s].bytes);
		free(w->section[s].table.slot);
	}
	for (size_t i = 0; i < w->frame_of_len; i++)
		free(w->frame_of[i]);
	free(w->frame_of);
	bd_str_done(&w->entries);
	bd_str_done(&w->chunk);
	free(w->last);
	free(w);
}

static void put(struct bd_str *b, uint64_t v)
{
	uint8_t out[10];
	size_t n = 0;
	for (; v > 0x7f; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	bd_str_append(b, out, n);
}

static void put_signed(struct bd_str *b, int64_t v)
{
	put(b, bd_trace_zigzag(v));
}

/* Never negative, whatever a caller thinks. */
static void put_time(struct bd_str *b, int64_t v)
{
	put(b, v > 0 ? (uint64_t)v : 0);
}

/* -1 is 0. */
static void put_index(struct bd_str *b, int32_t i)
{
	put(b, (uint64_t)((int64_t)i + 1));
}

/* ---- definitions -------------------------------------------------------------------------------------------- */

typedef bool same_fn(const struct bd_trace_writer *w, size_t i, const void *what);

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15U;
	return h ^ (h >> 29);
}

static void table_insert(struct table *t, uint64_t hash, uint32_t plus_one)
{
	size_t at = hash & (t->cap - 1);
	while (t->slot[at * 2])
		at = (at + 1) & (t->cap - 1);
	t->slot[at * 2] = plus_one;
	t->slot[at * 2 + 1] = (uint32_t)(hash >> 32);
}

/* Entries keep the upper half of their hash, so the place after growing comes from mixing just that. */
static uint64_t spread(uint64_t hash)
{
	uint64_t upper = mix(hash) >> 32;
	return upper << 32 | upper;
}

static int64_t table_find(const struct bd_trace_writer *w, const struct table *t, uint64_t hash, same_fn *same,
	const void *what)
{
	if (!t->cap)
		return -1;
	hash = spread(hash);
	for (size_t at = hash & (t->cap - 1); t->slot[at * 2]; at = (at + 1) & (t->cap - 1)) {
		size_t i = t->slot[at * 2] - 1;
		if (t->slot[at * 2 + 1] == (uint32_t)(hash >> 32) && same(w, i, what))
			return (int64_t)i;
	}
	return -1;
}

static void table_add(struct table *t, uint64_t hash, size_t i)
{
	if ((t->n + 1) * 2 > t->cap) {
		struct table old = *t;
		t->cap = BD_MAX(t->cap * 2, (size_t)64);
		t->slot = bd_alloc(t->cap * 2 * sizeof *t->slot);
		for (size_t at = 0; at < old.cap; at++)
			if (old.slot[at * 2]) {
				uint64_t upper = old.slot[at * 2 + 1];
				table_insert(t, upper << 32 | upper, old.slot[at * 2]);
			}
		free(old.slot);
	}
	table_insert(t, spread(hash), (uint32_t)i + 1);
	t->n++;
}

static bool same_string(const struct bd_trace_writer *w, size_t i, const void *what)
{
	return bd_streq(w->d.strings.v[i], what);
}

/* Its index plus one; 0 for none. */
static uint64_t string(struct bd_trace_writer *w, const char *s)
{
	if (!s)
		return 0;
	struct section *at = &w->section[BD_TRACE_STRINGS];
	size_t len = strlen(s);
	uint64_t hash = bd_hash(s, len);
	int64_t i = table_find(w, &at->table, hash, same_string, s);
	if (i < 0) {
		i = (int64_t)w->d.strings.n;
		bd_strv_add(&w->d.strings, s);
		table_add(&at->table, hash, (size_t)i);
		put(&at->bytes, len);
		bd_str_append(&at->bytes, s, len);
		at->following++;
	}
	return (uint64_t)i + 1;
}

static uint64_t hash_numbers(const uint64_t *v, size_t n)
{
	uint64_t h = n;
	for (size_t i = 0; i < n; i++)
		h = mix(h ^ v[i]) + v[i] * 0xff51afd7ed558ccdU;
	return h;
}

static bool same_frame(const struct bd_trace_writer *w, size_t i, const void *what)
{
	const struct bd_trace_frame *have = &w->d.frames[i], *f = what;
	/* texts are interned: equal ones are one pointer */
	return have->function == f->function && have->file == f->file && have->native == f->native &&
		have->line == f->line;
}

static uint32_t frame_number(struct bd_trace_writer *w, const struct bd_trace_frame *frame)
{
	struct section *at = &w->section[BD_TRACE_FRAMES];
	uint64_t v[4] = {string(w, frame->function), string(w, frame->file), string(w, frame->native),
		(uint64_t)BD_MIN(BD_MAX(frame->line, (int64_t)0), (int64_t)INT32_MAX)};
	struct bd_trace_frame f = {.function = bd_trace_text(&w->d, v[0]),
		.file = bd_trace_text(&w->d, v[1]),
		.native = bd_trace_text(&w->d, v[2]),
		.line = (int64_t)v[3]};
	uint64_t hash = hash_numbers(v, BD_LEN(v));
	int64_t i = table_find(w, &at->table, hash, same_frame, &f);
	if (i < 0) {
		i = (int64_t)w->d.frames_len;
		*BD_PUSH(w->d.frames, w->d.frames_len) = f;
		table_add(&at->table, hash, (size_t)i);
		for (size_t k = 0; k < BD_LEN(v); k++)
			put(&at->bytes, v[k]);
		at->following++;
	}
	return (uint32_t)i;
}

static bool same_thread(const struct bd_trace_writer *w, size_t i, const void *what)
{
	const struct bd_trace_thread *t = what;
	return w->d.threads[i].pid == t->pid && w->d.threads[i].tid == t->tid;
}

int32_t bd_trace_write_thread(struct bd_trace_writer *w, int64_t pid, int64_t tid, const char *name)
{
	struct section *at = &w->section[BD_TRACE_THREADS], *renames = &w->section[BD_TRACE_RENAMES];
	struct bd_trace_thread t = {.pid = pid, .tid = tid};
	uint64_t hash = hash_numbers((uint64_t[]){(uint64_t)pid, (uint64_t)tid}, 2);
	int64_t i = table_find(w, &at->table, hash, same_thread, &t);
	if (i >= 0) {
		if (name && !bd_streq(name, w->d.threads[i].name)) {
			uint64_t text = string(w, name);
			w->d.threads[i].name = bd_trace_text(&w->d, text);
			w->d.renames++;
			renames->following++;
			put(&renames->bytes, (uint64_t)i + 1);
			put(&renames->bytes, text);
		}
		return (int32_t)i;
	}
	uint64_t text = string(w, name);
	t.name = bd_trace_text(&w->d, text);
	i = (int64_t)w->d.threads_len;
	*BD_PUSH(w->d.threads, w->d.threads_len) = t;
	table_add(&at->table, hash, (size_t)i);
	put_signed(&at->bytes, pid);
	put_signed(&at->bytes, tid);
	put(&at->bytes, text);
	at->following++;
	return (int32_t)i;
}

int32_t bd_trace_write_gil(struct bd_trace_writer *w, int64_t pid, int64_t interpreter, int64_t address)
{
	struct section *at = &w->section[BD_TRACE_GILS];
	for (size_t i = 0; i < w->d.gils_len; i++)
		if (w->d.gils[i].pid == pid && w->d.gils[i].interpreter == interpreter &&
			w->d.gils[i].address == address)
			return (int32_t)i;
	*BD_PUSH(w->d.gils, w->d.gils_len) = (struct bd_trace_gil){pid, interpreter, address};
	put_signed(&at->bytes, pid);
	put_signed(&at->bytes, interpreter);
	put(&at->bytes, (uint64_t)address);
	at->following++;
	return (int32_t)w->d.gils_len - 1;
}

struct stack_numbers {
	const uint32_t *frame;
	size_t n;
};

static bool same_stack(const struct bd_trace_writer *w, size_t i, const void *what)
{
	const struct stack_numbers *s = what;
	return w->d.stacks[i].frames_len == s->n &&
		(s->n == 0 || memcmp(w->frame_of[i], s->frame, s->n * sizeof *s->frame) == 0);
}

int32_t bd_trace_write_stack(struct bd_trace_writer *w, const struct bd_trace_frame *frames, size_t n)
{
	struct section *at = &w->section[BD_TRACE_STACKS];
	bd_auto_free uint32_t *number = bd_alloc((n + 1) * sizeof *number);
	for (size_t i = 0; i < n; i++)
		number[i] = frame_number(w, &frames[i]);
	const struct stack_numbers what = {number, n};
	uint64_t hash = mix(bd_hash(number, n * sizeof *number));
	int64_t i = table_find(w, &at->table, hash, same_stack, &what);
	if (i >= 0)
		return (int32_t)i;
	struct bd_trace_stack s = {.frames = n ? bd_alloc(n * sizeof *s.frames) : NULL, .frames_len = n};
	put(&at->bytes, n);
	for (size_t k = 0; k < n; k++) {
		s.frames[k] = w->d.frames[number[k]];
		put(&at->bytes, number[k]);
	}
	i = (int64_t)w->d.stacks_len;
	*BD_PUSH(w->d.stacks, w->d.stacks_len) = s;
	*BD_PUSH(w->frame_of, w->frame_of_len) = BD_TAKE_PTR(number);
	table_add(&at->table, hash, (size_t)i);
	at->following++;
	return (int32_t)i;
}

static bool same_lock(const struct bd_trace_writer *w, size_t i, const void *what)
{
	const struct bd_trace_lock_kind *have = &w->d.locks[i], *k = what;
	return have->kind == k->kind && have->type == k->type && have->address == k->address;
}

int32_t bd_trace_write_lock_kind(struct bd_trace_writer *w, const char *kind, const char *type, int64_t address)
{
	struct section *at = &w->section[BD_TRACE_LOCKS];
	uint64_t v[3] = {string(w, kind), string(w, type), (uint64_t)address};
	const struct bd_trace_lock_kind k = {bd_trace_text(&w->d, v[0]), bd_trace_text(&w->d, v[1]), address};
	uint64_t hash = hash_numbers(v, BD_LEN(v));
	int64_t i = table_find(w, &at->table, hash, same_lock, &k);
	if (i < 0) {
		i = (int64_t)w->d.locks_len;
		*BD_PUSH(w->d.locks, w->d.locks_len) = k;
		table_add(&at->table, hash, (size_t)i);
		for (size_t n = 0; n < BD_LEN(v); n++)
			put(&at->bytes, v[n]);
		at->following++;
	}
	return (int32_t)i;
}

static bool same_cell(const struct bd_trace_writer *w, size_t i, const void *what)
{
	return w->d.cells.v[i] == what;
}

int32_t bd_trace_write_cell(struct bd_trace_writer *w, const char *id)
{
	struct section *at = &w->section[BD_TRACE_CELLS];
	uint64_t text = string(w, id);
	char *shared = bd_trace_text(&w->d, text);
	int64_t i = table_find(w, &at->table, mix(text), same_cell, shared);
	if (i < 0) {
		i = (int64_t)w->d.cells.n;
		*BD_PUSH(w->d.cells.v, w->d.cells.n) = shared;
		table_add(&at->table, mix(text), (size_t)i);
		put(&at->bytes, text);
		at->following++;
	}
	return (int32_t)i;
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

static struct bd_trace_last *last_of(struct bd_trace_writer *w, int32_t thread)
{
	size_t need = w->d.threads_len + 1;
	if (w->last_len < need) {
		w->last = bd_realloc(w->last, need * sizeof *w->last);
		while (w->last_len < need)
			w->last[w->last_len++] = BD_TRACE_LAST_NONE;
	}
	return &w->last[thread + 1];
}

/* The flags, who, and when it ended; `back` is the flag for an end before the last one. */
static void begin(struct bd_trace_writer *w, uint8_t flags, uint8_t back, int32_t who, int64_t start, int64_t end)
{
	struct bd_str *b = &w->entries;
	int64_t by = end - w->last_end_ns;
	if (by < 0)
		flags |= back;
	bd_str_append(b, &flags, 1);
	put_index(b, who);
	put(b, by < 0 ? 0 - (uint64_t)by : (uint64_t)by);
	w->last_end_ns = end;
	w->start_ns = w->any ? BD_MIN(w->start_ns, start) : start;
	w->end_ns = w->any ? BD_MAX(w->end_ns, end) : end;
	w->any = true;
}

static void put_pieces(struct bd_trace_writer *w, const struct bd_trace_wait *e, int64_t start)
{
	int64_t from = start;
	for (size_t i = 0; i < e->pieces_len; i++) {
		const struct bd_trace_piece *p = &e->piece[i];
		struct bd_trace_last *holder = last_of(w, p->holder);
		bool same = holder->piece_stack == p->stack, taken = i && holder->took && holder->take_ns == from;
		put(&w->entries,
			(uint64_t)((int64_t)p->holder + 1) << BD_TRACE_PIECE_SHIFT | (same ? BD_TRACE_PIECE_SAME : 0) |
				(taken ? BD_TRACE_PIECE_TAKEN : 0));
		if (!same)
			put_index(&w->entries, p->stack);
		if (i && !taken)
			put_time(&w->entries, p[-1].ns);
		holder->piece_stack = p->stack;
		from += p->ns;
	}
}

void bd_trace_write_wait(struct bd_trace_writer *w, const struct bd_trace_wait *e)
{
	struct bd_str *b = &w->entries;
	struct bd_trace_last *last = last_of(w, e->thread);
	int64_t start = BD_MIN(e->start_ns, e->end_ns), length = e->end_ns - start;
	int64_t gap = length - e->holder_ns - e->runqueue_ns - e->switch_ns - e->mutex_ns;
	const struct bd_trace_piece *p = e->piece;
	bool same = last->stack == e->stack, other = last->gil != e->gil || e->switch_ns || e->mutex_ns || gap,
	     known = e->pieces_len && p->holder == last->holder && p->stack == last->holder_stack;
	uint8_t pieces = !e->pieces_len ? 0
		: e->pieces_len > 1     ? BD_TRACE_WAIT_PIECES
		: known                 ? BD_TRACE_WAIT_PIECE
					: BD_TRACE_WAIT_ONE;
	begin(w,
		(uint8_t)(BD_TRACE_WAIT | pieces | (same ? BD_TRACE_WAIT_SAME : 0) | (other ? BD_TRACE_WAIT_OTHER : 0) |
			(e->runqueue_ns ? BD_TRACE_WAIT_RUNQUEUE : 0) | (e->retry ? BD_TRACE_WAIT_RETRY : 0)),
		BD_TRACE_WAIT_BACK, e->thread, start, e->end_ns);
	put_time(b, length);
	if (!same)
		put_index(b, e->stack);
	if (e->runqueue_ns)
		put_time(b, e->runqueue_ns);
	if (other) {
		put_index(b, e->gil);
		put_time(b, e->switch_ns);
		put_time(b, e->mutex_ns);
		put_signed(b, gap);
	}
	last->stack = e->stack;
	last->gil = e->gil;
	last->took = true;
	last->take_ns = e->end_ns - BD_MAX(e->runqueue_ns, (int64_t)0);
	if (!pieces || pieces == BD_TRACE_WAIT_PIECE)
		return;
	if (pieces == BD_TRACE_WAIT_PIECES)
		put(b, e->pieces_len);
	put_pieces(w, e, start);
	last->holder = p->holder;
	last->holder_stack = p->stack;
}

void bd_trace_write_hold(struct bd_trace_writer *w, const struct bd_trace_hold *e)
{
	struct bd_str *b = &w->entries;
	struct bd_trace_last *last = last_of(w, e->thread);
	int64_t start = BD_MIN(e->start_ns, e->end_ns);
	bool same = last->hold_gil == e->gil && last->hold_stack == e->stack, sample = start == e->end_ns;
	bool rare = sample && e->times > 1;
	begin(w,
		(uint8_t)(BD_TRACE_HOLD | (same ? BD_TRACE_SAME : 0) | (sample ? BD_TRACE_SAMPLE : 0) |
			(rare ? BD_TRACE_RARE : 0)),
		BD_TRACE_BACK, e->thread, start, e->end_ns);
	if (!sample)
		put_time(b, e->end_ns - start);
	if (!same) {
		put_index(b, e->gil);
		put_index(b, e->stack);
		last->hold_gil = e->gil;
		last->hold_stack = e->stack;
	}
	put(b, (uint64_t)BD_MAX(e->waiters, 0));
	if (rare)
		put(b, (uint64_t)BD_MIN(e->times, BD_TRACE_TIMES));
}

void bd_trace_write_lock(struct bd_trace_writer *w, const struct bd_trace_lock *e)
{
	int64_t start = BD_MIN(e->start_ns, e->end_ns);
	begin(w, BD_TRACE_LOCK, BD_TRACE_BACK, e->thread, start, e->end_ns);
	put_time(&w->entries, e->end_ns - start);
	put_index(&w->entries, e->waker);
	put_index(&w->entries, e->stack);
	put_index(&w->entries, e->kind);
	put_time(&w->entries, e->runqueue_ns);
}

void bd_trace_write_spin(struct bd_trace_writer *w, const struct bd_trace_spin *e)
{
	int64_t start = BD_MIN(e->start_ns, e->end_ns);
	begin(w, BD_TRACE_SPIN, BD_TRACE_BACK, e->thread, start, e->end_ns);
	put_time(&w->entries, e->end_ns - start);
	put_index(&w->entries, e->stack);
	put_time(&w->entries, e->off_ns);
	put_time(&w->entries, e->yields);
}

void bd_trace_write_mark(struct bd_trace_writer *w, const struct bd_trace_mark *e)
{
	int64_t start = BD_MIN(e->start_ns, e->end_ns);
	begin(w, BD_TRACE_MARK, BD_TRACE_BACK, e->cell, start, e->end_ns);
	put_time(&w->entries, e->end_ns - start);
	put_time(&w->entries, e->lost);
}

/* ---- chunks ------------------------------------------------------------------------------------------------- */

static bool anything(const struct bd_trace_writer *w)
{
	for (int s = 0; s < BD_TRACE_SECTIONS; s++)
		if (w->section[s].following)
			return true;
	return w->any;
}

const struct bd_trace_definitions *bd_trace_writer_definitions(const struct bd_trace_writer *w)
{
	return &w->d;
}

size_t bd_trace_writer_bytes(const struct bd_trace_writer *w)
{
	size_t n = anything(w) ? BD_TRACE_MAGIC_LEN + 20 : 0;
	for (int s = 0; s < BD_TRACE_SECTIONS; s++)
		n += w->section[s].bytes.len;
	return n + w->entries.len;
}

bool bd_trace_writer_chunk(struct bd_trace_writer *w, struct bd_trace_chunk *ret)
{
	if (!anything(w))
		return false;
	bd_str_clear(&w->chunk);
	bd_str_append(&w->chunk, BD_TRACE_MAGIC, BD_TRACE_MAGIC_LEN);
	put(&w->chunk, (uint64_t)w->d.sample_ns);
	for (int s = 0; s < BD_TRACE_SECTIONS; s++) {
		put(&w->chunk, w->section[s].before);
		put(&w->chunk, w->section[s].following);
	}
	for (int s = 0; s < BD_TRACE_SECTIONS; s++) {
		struct section *at = &w->section[s];
		bd_str_append(&w->chunk, at->bytes.s, at->bytes.len);
		bd_str_clear(&at->bytes);
		at->before += at->following;
		at->following = 0;
	}
	bd_str_append(&w->chunk, w->entries.s, w->entries.len);
	bd_str_clear(&w->entries);
	*ret = (struct bd_trace_chunk){.start_ns = w->any ? w->start_ns : 0,
		.end_ns = w->any ? w->end_ns : 0,
		.data = w->chunk.s,
		.bytes = w->chunk.len};
	for (size_t i = 0; i < w->last_len; i++)
		w->last[i] = BD_TRACE_LAST_NONE;
	w->last_end_ns = 0;
	w->any = false;
	return true;
}
