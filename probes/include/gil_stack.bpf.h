/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A thread's Python stack, read in its own context and told once. Pointers alone would name other functions as soon as
 * code objects come and go: each frame carries what its code object was when it was read. Included after
 * gil_target.bpf.h. */
#ifndef BD_PROBES_GIL_STACK_H
#define BD_PROBES_GIL_STACK_H

#define STATES_STEP 64 /* of the thread lists, looked through for a thread's own */
#define STATES_STEPS 64
#define STATES_AGAIN_NS 10000000 /* until they are looked through again in vain */
#define FRAMES_LOOKED_AT (BD_EVENTS_FRAMES + 8)
#define STACKS_SEEN 16384
#define LINES_BYTES 32 /* of a line table, looked at where code objects have no version */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, STACKS_SEEN);
	__type(key, __u64);
	__type(value, __u64);
} seen SEC(".maps");

/* Too large for the stack of a probe. Probes that use it do not interrupt each other: all run with interrupts off. */
struct scratch {
	struct bd_rec_stack stack;
	__u64 natives; /* told by this processor so far */
	/* Of the loops below: each turn is a function that is verified once, where its variables can be anything. */
	__u64 state, frame_at, hash;
	__u64 lines[LINES_BYTES / 8];
	__u32 next_interpreter, frames;
	char frame[BD_EVENTS_FRAME_BYTES], code[BD_EVENTS_CODE_BYTES], str[BD_EVENTS_STR_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

static __always_inline struct scratch *scratch_at(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&scratch, &zero);
}

/* ---- which thread state is its own ----------------------------------------------------------------------------- */

/* What was found of a thread last; kept in its task storage. */
struct python_state {
	__u64 address;
	__u64 tried_ns;
	__u32 list_seq;
	__u32 gil; /* of whose interpreters; BD_PROBE_GILS: any */
};

enum { WALK_ON, WALK_FOUND, WALK_END };
APART __u32 walk_some(__u32 target, __u32 tid, __u32 gil)
{
	const struct bd_event_target *t = bpf_map_lookup_elem(&targets, &target);
	struct scratch *s = scratch_at();
	if (!t || !s)
		return WALK_END;
	__u64 state = s->state;
	for (__u32 i = 0; i < STATES_STEP; i++) {
		if (!state) {
			__u32 k = s->next_interpreter;
			if (k >= t->interpreters_len || k >= BD_EVENTS_INTERPRETERS)
				return WALK_END;
			s->next_interpreter = k + 1;
			const struct bd_event_interpreter *interpreter = &t->interpreter[k];
			if (gil < BD_PROBE_GILS && interpreter->gil != gil)
				continue;
			if (bpf_probe_read_user(&state, sizeof state, (void *)interpreter->threads_head))
				state = 0;
			continue;
		}
		if (user_of(t, state, false) == tid) {
			s->state = state;
			return WALK_FOUND;
		}
		if (bpf_probe_read_user(&state, sizeof state, (void *)(state + t->code.tstate_next)))
			state = 0;
	}
	s->state = state;
	return WALK_ON;
}

APART __u64 walk_states(__u32 target, __u32 tid, __u32 gil)
{
	struct scratch *s = scratch_at();
	if (!s)
		return 0;
	s->next_interpreter = 0;
	s->state = 0;
	for (__u32 i = 0; i < STATES_STEPS; i++) {
		__u32 r = walk_some(target, tid, gil);
		if (r != WALK_ON)
			return r == WALK_FOUND ? s->state : 0;
	}
	return 0;
}

/* The thread state of the running thread in an interpreter of this GIL; 0: unknown. A thread has one in each interpreter
 * it is in, and the newest is the innermost: interpreters and states are listed newest first. */
static __always_inline __u64 find_state(const struct place *at, struct python_state *known, __u32 tid, __u32 gil)
{
	__u32 seq = at->target->list_seq;
	if (known->list_seq == seq && known->gil == gil) {
		if (known->address) {
			if (user_of(at->target, known->address, false) == tid)
				return known->address;
		} else if (bpf_ktime_get_ns() - known->tried_ns < STATES_AGAIN_NS) {
			return 0;
		}
	}
	known->address = walk_states(at->index, tid, gil);
	known->list_seq = seq;
	known->gil = gil;
	if (!known->address)
		known->tried_ns = bpf_ktime_get_ns();
	return known->address;
}

/* ---- its frames ------------------------------------------------------------------------------------------------ */

/* Offsets come from user space; masks show the verifier that they lie inside. */
#define U64_AT(buffer, offset) (*(__u64 *)((buffer) + ((offset) & (sizeof(buffer) - 8))))
#define U32_AT(buffer, offset) (*(__u32 *)((buffer) + ((offset) & (sizeof(buffer) - 4))))
#define U8_AT(buffer, offset) (*(__u8 *)((buffer) + ((offset) & (sizeof(buffer) - 1))))

static __always_inline __u64 mix(__u64 hash, __u64 x)
{
	hash = (hash ^ x) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static __always_inline bool read_part(void *to, __u32 bytes, __u32 max, __u64 from)
{
	barrier_var(bytes); /* else compilers check a copy, and the verifier does not see it */
	if (bytes > max)
		bytes = max;
	return bpf_probe_read_user(to, bytes, (void *)from) == 0;
}

static __always_inline __u64 first_bytes(__u64 word, __u64 n)
{
	return n >= 8 ? word : word & ((1ULL << n * 8) - 1);
}

/* Up to 32 bytes as words, zeros behind their end. */
static __always_inline void first_words(struct scratch *s, __u32 offset, __u64 n, __u64 *to)
{
	to[0] = first_bytes(U64_AT(s->str, offset), n);
	to[1] = n > 8 ? first_bytes(U64_AT(s->str, offset + 8), n - 8) : 0;
	to[2] = n > 16 ? first_bytes(U64_AT(s->str, offset + 16), n - 16) : 0;
	to[3] = n > 24 ? first_bytes(U64_AT(s->str, offset + 24), n - 24) : 0;
}

static __always_inline bool is_ascii(const struct bd_event_code *c, struct scratch *s)
{
	return (U32_AT(s->str, c->unicode_state) & c->ascii_bits) == c->ascii_bits;
}

/* The start of a string, zeros behind its end; nothing unless it is compact ASCII. */
static __always_inline void read_text(const struct bd_event_code *c, struct scratch *s, __u64 string, char *to)
{
	if (read_part(s->str, c->ascii_data + BD_EVENTS_TEXT, sizeof s->str, string)) {
		if (is_ascii(c, s))
			first_words(s, c->ascii_data, U64_AT(s->str, c->unicode_length), (__u64 *)to);
	} else if (read_part(s->str, c->ascii_data, sizeof s->str, string) && is_ascii(c, s)) {
		/* what is behind it is not there */
		__u64 n = U64_AT(s->str, c->unicode_length);
		read_part(to, n < BD_EVENTS_TEXT ? (__u32)n : BD_EVENTS_TEXT, BD_EVENTS_TEXT, string + c->ascii_data);
	}
}

/* The start of a line table; gives how much that is. */
static __always_inline __u32 read_lines(const struct bd_event_code *c, struct scratch *s, __u64 table)
{
	if (!read_part(s->str, c->bytes_data + LINES_BYTES, sizeof s->str, table))
		return 0;
	__u64 n = U64_AT(s->str, c->bytes_size);
	first_words(s, c->bytes_data, n, s->lines);
	return n < LINES_BYTES ? (__u32)n : LINES_BYTES;
}

static __always_inline __u32 read_code(const struct bd_event_code *c, struct scratch *s, __u64 code,
	struct bd_rec_frame *ret)
{
	if (!read_part(s->code, c->code_bytes, sizeof s->code, code))
		return BD_REC_STACK_UNREADABLE;
	if (c->code_type && U64_AT(s->code, c->ob_type) != c->code_type)
		return BD_REC_STACK_NOT_CODE;
	__u64 *text = (__u64 *)ret->text;
	ret->code = code;
	ret->filename = U64_AT(s->code, c->filename);
	ret->qualname = U64_AT(s->code, c->qualname);
	ret->linetable = U64_AT(s->code, c->linetable);
	ret->firstlineno = U32_AT(s->code, c->firstlineno);
	ret->version = c->version >= 0 ? U32_AT(s->code, c->version) : 0;
	text[0] = text[1] = text[2] = text[3] = 0;
	return BD_REC_STACK_OK;
}

static __always_inline __u64 mix_words(__u64 hash, const __u64 *word)
{
	hash = mix(hash, word[0] ^ word[2] * 0xff51afd7ed558ccdULL);
	return mix(hash, word[1] ^ word[3] * 0xff51afd7ed558ccdULL);
}

/* A version is given once. Without one, name and lines have to tell code objects at the same address apart. */
static __always_inline __u64 mix_frame(__u64 hash, const struct bd_event_code *c, struct scratch *s,
	struct bd_rec_frame *f)
{
	hash = mix(hash, f->code);
	hash = mix(hash, f->ip);
	hash = mix(hash, f->filename ^ f->linetable << 20);
	hash = mix(hash, f->qualname);
	hash = mix(hash, (__u64)f->version << 32 | f->firstlineno);
	if (f->version)
		return hash;
	read_text(c, s, f->qualname, f->text);
	hash = mix_words(hash, (const __u64 *)f->text);
	return read_lines(c, s, f->linetable) ? mix(mix_words(hash, s->lines), U64_AT(s->str, c->bytes_size)) : hash;
}

/* Reads the frame at frame_at and goes on to the one outside. What it gives ends the stack unless it is OK. */
APART __u32 read_frame(__u32 target)
{
	const struct bd_event_target *t = bpf_map_lookup_elem(&targets, &target);
	struct scratch *s = scratch_at();
	if (!t || !s)
		return BD_REC_STACK_UNREADABLE;
	const struct bd_event_code *c = &t->code;
	__u32 n = s->frames;
	if (n >= BD_EVENTS_FRAMES || !read_part(s->frame, c->frame_bytes, sizeof s->frame, s->frame_at))
		return BD_REC_STACK_UNREADABLE;
	s->frame_at = U64_AT(s->frame, c->frame_previous);
	if (c->owners_skipped >> (U8_AT(s->frame, c->frame_owner) & 31) & 1)
		return BD_REC_STACK_OK;
	struct bd_rec_frame *f = &s->stack.frame[n];
	__u32 error = read_code(c, s, U64_AT(s->frame, c->frame_code) & c->code_mask, f);
	if (error)
		return error;
	f->ip = U64_AT(s->frame, c->frame_ip);
	s->hash = mix_frame(s->hash, c, s, f);
	s->frames = n + 1;
	return BD_REC_STACK_OK;
}

/* Reads the stack of a thread state into scratch; gives its hash. */
static __always_inline __u64 read_stack(const struct bd_event_target *t, __u32 target, struct scratch *s, __u64 state)
{
	const struct bd_event_code *c = &t->code;
	struct bd_rec_stack *r = &s->stack;
	__u64 from = state;
	__u32 error = BD_REC_STACK_OK;

	s->hash = t->life;
	s->frame_at = 0;
	s->frames = 0;
	r->cut = 0;
	if (!state)
		error = BD_REC_STACK_NO_TSTATE;
	else if ((c->cframe >= 0 && bpf_probe_read_user(&from, sizeof from, (void *)(state + (__u32)c->cframe))) ||
		bpf_probe_read_user(&s->frame_at, sizeof s->frame_at, (void *)(from + c->current_frame)))
		error = BD_REC_STACK_UNREADABLE;
	for (__u32 i = 0; i < FRAMES_LOOKED_AT; i++) {
		if (error || !s->frame_at)
			break;
		if (s->frames >= BD_EVENTS_FRAMES) {
			r->cut = 1;
			break;
		}
		error = read_frame(target);
	}
	__u32 n = s->frames;
	if (!n && !error)
		error = BD_REC_STACK_NO_FRAME;
	r->len = (__u8)n;
	r->error = (__u8)error;
	return mix(s->hash, (__u64)error << 8 | n | 1 << 16);
}

/* What a frame in scratch lacks so far: the name where its version was enough, a version where there is none. */
APART __u32 complete_frame(__u32 target, __u32 n)
{
	const struct bd_event_target *t = bpf_map_lookup_elem(&targets, &target);
	struct scratch *s = scratch_at();
	if (!t || !s || n >= BD_EVENTS_FRAMES)
		return 0;
	struct bd_rec_frame *f = &s->stack.frame[n];
	if (f->version) {
		read_text(&t->code, s, f->qualname, f->text);
	} else if (t->code.version < 0) {
		__u32 bytes = read_lines(&t->code, s, f->linetable), hash = 2166136261U;
		const __u8 *byte = (const __u8 *)s->lines;
		for (__u32 i = 0; i < LINES_BYTES; i++) {
			if (i >= bytes)
				break;
			hash = (hash ^ byte[i]) * 16777619U;
		}
		f->version = bytes ? hash : 0;
	}
	return f->version;
}

/* Tells the stack in scratch unless it was told lately. Code objects may be freed soon: the reader is woken. */
static __always_inline void tell_once(__u32 target, struct scratch *s, __u64 hash, __u32 tid)
{
	struct bd_rec_stack *r = &s->stack;
	__u64 now;
	if (bpf_map_lookup_elem(&seen, &hash))
		return;
	for (__u32 i = 0; i < BD_EVENTS_FRAMES; i++) {
		if (i >= r->len)
			break;
		complete_frame(target, i);
	}
	__u32 size = sizeof *r - sizeof r->frame + r->len * (__u32)sizeof r->frame[0];
	barrier_var(size);
	if (size > sizeof *r)
		size = sizeof *r;
	r->head.type = BD_REC_STACK;
	r->head.size = (__u16)size;
	r->head.target = target;
	r->stack = hash;
	r->tid = tid;
	if (bpf_ringbuf_output(&ring, r, size, BPF_RB_FORCE_WAKEUP)) {
		struct bd_event_live *l = bpf_map_lookup_elem(&live, &target);
		if (l)
			__sync_fetch_and_add(&l->lost, 1); /* and told when it is met again */
		return;
	}
	now = bpf_ktime_get_ns();
	bpf_map_update_elem(&seen, &hash, &now, BPF_ANY);
}

/* Tells the stack of the running thread, of which this is the thread state; gives its hash, 0: unknown. */
APART __u64 tell_stack(__u32 target, __u64 state, __u32 tid)
{
	const struct bd_event_target *t = bpf_map_lookup_elem(&targets, &target);
	struct scratch *s = scratch_at();
	if (!t || !s)
		return 0;
	__u64 hash = read_stack(t, target, s, state);
	tell_once(target, s, hash, tid);
	return hash;
}

/* ---- where it is in native code ---------------------------------------------------------------------------------- */

/* Tells the registers of the running thread in user mode and the top of its stack; gives the record's id, 0: none. */
APART __u64 tell_native(__u32 target, __u32 tid)
{
	struct bd_event_live *l = bpf_map_lookup_elem(&live, &target);
	struct scratch *s = scratch_at();
	if (!l || !s)
		return 0;
	struct bd_rec_native *r = bpf_ringbuf_reserve(&ring, sizeof *r, 0);
	if (!r) {
		__sync_fetch_and_add(&l->lost, 1);
		return 0;
	}
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__u64 id = (__u64)(bpf_get_smp_processor_id() + 1) << 40 | ++s->natives;
	r->head.type = BD_REC_NATIVE;
	r->head.size = sizeof *r;
	r->head.target = target;
	r->native = id;
	r->tid = tid;
	r->reg[0] = regs->ax;
	r->reg[1] = regs->dx;
	r->reg[2] = regs->cx;
	r->reg[3] = regs->bx;
	r->reg[4] = regs->si;
	r->reg[5] = regs->di;
	r->reg[6] = regs->bp;
	r->reg[7] = regs->sp;
	r->reg[8] = regs->r8;
	r->reg[9] = regs->r9;
	r->reg[10] = regs->r10;
	r->reg[11] = regs->r11;
	r->reg[12] = regs->r12;
	r->reg[13] = regs->r13;
	r->reg[14] = regs->r14;
	r->reg[15] = regs->r15;
	r->reg[16] = regs->ip;
	__u64 sp = regs->sp;
	__u32 bytes = sizeof r->stack, page = 4096 - (sp & 4095);
	if (bpf_probe_read_user(r->stack, sizeof r->stack, (void *)sp)) {
		/* what is behind this page may not be there */
		bytes = 0;
		barrier_var(page);
		if (page < sizeof r->stack && !bpf_probe_read_user(r->stack, page, (void *)sp))
			bytes = page;
	}
	r->bytes = bytes;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return id;
}

#endif
