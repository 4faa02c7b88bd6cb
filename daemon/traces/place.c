/* Where threads were: stacks with names, the native function on top, locks. */
#include "book.h"

/* A byte that is no UTF-8 becomes "?". */
void bd_book_text(char *out, const char *in, size_t len)
{
	const unsigned char *s = (const unsigned char *)in;
	for (size_t i = 0; i < len && s[i];) {
		size_t n = s[i] < 0x80                ? 1
			: s[i] >= 0xc2 && s[i] < 0xe0 ? 2
			: s[i] >= 0xe0 && s[i] < 0xf0 ? 3
			: s[i] >= 0xf0 && s[i] < 0xf5 ? 4
						      : 0;
		bool whole = n && n <= len - i;
		for (size_t k = 1; whole && k < n; k++)
			whole = (s[i + k] & 0xc0) == 0x80;
		if (whole && n == 3)
			whole = !(s[i] == 0xe0 && s[i + 1] < 0xa0) && !(s[i] == 0xed && s[i + 1] >= 0xa0);
		if (whole && n == 4)
			whole = !(s[i] == 0xf0 && s[i + 1] < 0x90) && !(s[i] == 0xf4 && s[i + 1] >= 0x90);
		if (whole) {
			memcpy(out, s + i, n);
			out += n;
			i += n;
		} else {
			*out++ = '?';
			i++;
		}
	}
	*out = 0;
}

/* ---- stacks ------------------------------------------------------------------------------------------------- */

static uint64_t stack_key(const struct bd_book *b, uint32_t target, uint64_t stack)
{
	uint64_t h = stack ^ ((uint64_t)target << 56 | (uint64_t)b->target[target].info.generation << 40);
	return h ? h : 1;
}

int32_t bd_book_stack_index(const struct bd_book *b, uint32_t target, uint64_t stack)
{
	return stack ? (int32_t)bd_table_get(&b->stack_of, stack_key(b, target, stack)) : -1;
}

/* As many as may be told apart; the rest is one. */
static int32_t define_stack(struct bd_book *b, const struct bd_trace_frame *frames, size_t n)
{
	if (bd_trace_writer_definitions(b->writer)->stacks_len < BD_BOOK_STACKS)
		return bd_trace_write_stack(b->writer, frames, n);
	static const struct bd_trace_frame other = {.function = (char *)"[other]"};
	return bd_trace_write_stack(b->writer, &other, 1);
}

/* Without names from the process there is still the start of the function's own name. */
static void name_frame(struct bd_symbols *symbols, const struct bd_rec_frame *f, char *text, struct bd_trace_frame *ret)
{
	struct bd_symbols_code code = {0};
	if (symbols)
		bd_symbols_python(symbols, f, &code);
	if (!code.function && f->text[0]) {
		bd_book_text(text, f->text, sizeof f->text);
		code.function = text;
	}
	*ret = (struct bd_trace_frame){.function = (char *)code.function, .file = (char *)code.file, .line = code.line};
}

void bd_book_stack(struct bd_book *b, const struct bd_rec_stack *rec)
{
	size_t n = BD_MIN((size_t)rec->len, (size_t)BD_EVENTS_FRAMES);
	if (rec->head.size < offsetof(struct bd_rec_stack, frame) + n * sizeof *rec->frame || !rec->stack)
		return;
	uint64_t key = stack_key(b, rec->head.target, rec->stack);
	bool whole = n || rec->error == BD_REC_STACK_OK || rec->error == BD_REC_STACK_NO_FRAME;
	if (!whole)
		return;
	int64_t had = bd_table_get(&b->stack_of, key);
	struct bd_trace_frame frames[BD_EVENTS_FRAMES];
	char text[BD_EVENTS_FRAMES][2 * BD_EVENTS_TEXT + 1];
	for (size_t i = 0; i < n; i++)
		name_frame(b->target[rec->head.target].symbols, &rec->frame[i], text[i], &frames[i]);
	/* Told again, when its code may be gone: what was known stays. */
	if (had >= 0 && n && !frames[0].line)
		return;
	if (had >= 0 || b->stack_of.n < BD_BOOK_HASHES)
		bd_table_set(&b->stack_of, key, (uint32_t)define_stack(b, frames, n));
}

void bd_book_native(struct bd_book *b, const struct bd_rec_native *rec)
{
	struct bd_book_target *tg = &b->target[rec->head.target];
	if (!tg->symbols || !rec->native || rec->bytes > BD_EVENTS_NATIVE)
		return;
	unsigned i = tg->native_next++ % BD_BOOK_NATIVES;
	tg->native[i].id = rec->native;
	tg->native[i].name = bd_symbols_native(tg->symbols, rec);
}

static const char *native_name(const struct bd_book_target *tg, uint64_t id)
{
	for (unsigned i = 0; id && i < BD_BOOK_NATIVES; i++)
		if (tg->native[i].id == id)
			return tg->native[i].name;
	return NULL;
}

int32_t bd_book_hold_stack(struct bd_book *b, const struct bd_rec_hold *rec)
{
	int32_t stack = bd_book_stack_index(b, rec->head.target, rec->stack);
	const char *native = native_name(&b->target[rec->head.target], rec->native);
	if (!native)
		return stack;
	const struct bd_trace_definitions *d = bd_trace_writer_definitions(b->writer);
	struct bd_trace_frame frames[BD_EVENTS_FRAMES + 1] = {{0}};
	size_t n = stack < 0 ? 0 : BD_MIN(d->stacks[stack].frames_len, (size_t)BD_EVENTS_FRAMES);
	for (size_t i = 0; i < n; i++)
		frames[i] = d->stacks[stack].frames[i];
	frames[0].native = (char *)native;
	return define_stack(b, frames, BD_MAX(n, (size_t)1));
}

/* ---- locks -------------------------------------------------------------------------------------------------- */

static const char *const lock_kinds[] = {
	[BD_REC_LOCK_OBJECT] = "critical-section",
	[BD_REC_LOCK_MUTEX] = "mutex",
	[BD_REC_LOCK_STOP] = "stop-the-world",
	[BD_REC_LOCK_INTERPRETER] = "interpreter",
	[BD_REC_LOCK_RUNTIME] = "runtime",
	[BD_REC_LOCK_PARKED] = "parked",
	[BD_REC_LOCK_THREAD] = "thread-lock",
	[BD_REC_LOCK_FUTEX] = "futex",
};

static int32_t lock_index(struct bd_book *b, const struct bd_rec_lock *r)
{
	if (r->kind >= BD_LEN(lock_kinds) || !lock_kinds[r->kind])
		return -1;
	char type[2 * BD_EVENTS_TEXT + 1];
	bd_book_text(type, r->name, sizeof r->name);
	bool apart = bd_trace_writer_definitions(b->writer)->locks_len < BD_BOOK_LOCKS;
	return bd_trace_write_lock_kind(b->writer, lock_kinds[r->kind], type[0] ? type : NULL,
		apart ? (int64_t)r->address : 0);
}

void bd_book_lock(struct bd_book *b, const struct bd_rec_lock *r)
{
	int target = (int)r->head.target;
	if (!b->target[target].known || r->on_ns < r->off_ns || !r->tid)
		return;
	int32_t waker = r->waker ? bd_book_thread(b, target, r->waker)->index : -1;
	bd_book_entry_lock(b,
		&(struct bd_trace_lock){.thread = bd_book_thread(b, target, r->tid)->index,
			.waker = waker,
			.stack = bd_book_stack_index(b, r->head.target, r->stack),
			.kind = lock_index(b, r),
			.start_ns = (int64_t)r->off_ns - b->start_ns,
			.end_ns = (int64_t)r->on_ns - b->start_ns,
			.runqueue_ns = (int64_t)BD_MIN(r->queued_ns, r->on_ns - r->off_ns)},
		target);
}

void bd_book_spin(struct bd_book *b, const struct bd_rec_spin *r)
{
	int target = (int)r->head.target;
	if (!b->target[target].known || r->to_ns < r->from_ns || !r->tid)
		return;
	bd_book_entry_spin(b,
		&(struct bd_trace_spin){.thread = bd_book_thread(b, target, r->tid)->index,
			.stack = bd_book_stack_index(b, r->head.target, r->stack),
			.start_ns = (int64_t)r->from_ns - b->start_ns,
			.end_ns = (int64_t)r->to_ns - b->start_ns,
			.off_ns = (int64_t)r->off_ns,
			.yields = r->yields},
		target);
}
