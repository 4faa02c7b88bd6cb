/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The maps of level events, and how a record gets into the ring. Several objects are loaded with the same marks, targets,
 * live, ring, seen and scratch: the loader gives the later ones those of gil_events. Included after kernel.h, libbpf's
 * headers and gil_events.h. */
#ifndef BD_PROBES_GIL_TARGET_H
#define BD_PROBES_GIL_TARGET_H

#define RING_BYTES (16 << 20)
#define RING_MUCH (2 << 20) /* from here on the reader is woken by whatever comes */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bd_probe_mark);
} marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BD_PROBE_TARGETS);
	__type(key, __u32);
	__type(value, struct bd_event_target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BD_PROBE_TARGETS);
	__type(key, __u32);
	__type(value, struct bd_event_live);
} live SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} ring SEC(".maps");

/* A traced process, and what one of its threads sleeps on. */
struct place {
	const struct bd_event_target *target;
	struct bd_event_live *live;
	__u64 gil;
	__u32 index; /* of the target */
	__u8 gil_index;
	enum part part;
};

/* Whether its process is marked, whatever it is doing. By the group leader's mark, never by a number: numbers differ
 * between PID namespaces. */
static __always_inline bool find_marked(struct task_struct *task, struct place *ret)
{
	struct task_struct *leader = task->group_leader;
	/* else compilers copy what was never set where the copy is not used, and the verifier refuses that */
	__builtin_memset(ret, 0, sizeof *ret);
	if (!leader->bpf_storage) /* as with nearly every process: spares the call */
		return false;
	struct bd_probe_mark *mark = bpf_task_storage_get(&marks, leader, 0, 0);
	if (!mark)
		return false;
	__u32 i = mark->target - 1;
	ret->index = i;
	ret->target = bpf_map_lookup_elem(&targets, &i);
	ret->live = bpf_map_lookup_elem(&live, &i);
	return ret->target && ret->live;
}

/* The same, and the program it runs is the one its target describes. */
static __always_inline bool find_target(struct task_struct *task, struct place *ret)
{
	return find_marked(task, ret) && ret->target->life && ret->target->execs == ret->live->execs;
}

/* Functions that are verified by themselves, once, whoever calls them: what has to be verified of a probe stays small. */
#define APART __attribute__((noinline))

/* Which thread a thread state is used by need not be the one whose number is in it: 3.12 runs code in another interpreter with
 * the state of whoever made that. A thread that lets go of a GIL, and with it wakes another, is sure to be its last holder. */
struct state_key {
	__u64 life, state;
};
struct state_user {
	__u32 tid, number; /* who uses it; what was in it then */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct state_key);
	__type(value, struct state_user);
} users SEC(".maps");

/* sure: 0 instead of a number nobody has confirmed. Only processes with several interpreters can have such states. */
static __always_inline __u32 user_of(const struct bd_event_target *t, __u64 state, bool sure)
{
	__u32 number = thread_of(&t->layout, state);
	if (!number || !t->lent || t->interpreters_len < 2)
		return number;
	struct state_key key = {t->life, state};
	const struct state_user *user = bpf_map_lookup_elem(&users, &key);
	return user && user->number == number ? user->tid : sure ? 0 : number;
}

/* In the context of a thread that wakes another out of `cond`. */
static __always_inline void learn_user(const struct bd_event_target *t, __u64 gil, __u32 tid)
{
	struct gil_head head;
	if (!t->lent || t->interpreters_len < 2 || !read_head(&t->layout, gil, &head))
		return;
	struct state_key key = {t->life, head.last_holder};
	struct state_user user = {tid, thread_of(&t->layout, head.last_holder)};
	const struct state_user *known = bpf_map_lookup_elem(&users, &key);
	if (user.number && (!known || known->tid != tid || known->number != user.number))
		bpf_map_update_elem(&users, &key, &user, BPF_ANY);
}

/* Which GIL of a target this address is in: its index, the part in the bits above; 0: none of them. */
APART __u32 gil_of(__u32 target, __u64 address)
{
	const struct bd_event_target *t = bpf_map_lookup_elem(&targets, &target);
	if (!t)
		return 0;
	for (__u32 g = 0; g < BD_PROBE_GILS; g++) {
		if (g >= t->gils_len)
			break;
		__u64 offset = address - t->gil[g];
		if (offset < t->layout.size)
			return g | (__u32)part_of(&t->layout, offset) << 8;
	}
	return 0;
}

static __always_inline bool find_gil(struct place *at, __u64 address)
{
	__u32 found = gil_of(at->index, address), g = found & (BD_PROBE_GILS - 1);
	at->part = found >> 8;
	at->gil_index = (__u8)g;
	at->gil = at->target->gil[g];
	return at->part != NOT_A_WAIT;
}

/* Whether the thread, which is not running, is inside futex(2) on a word of one of the GILs. */
static __always_inline bool find_futex(struct place *at, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	return regs->orig_ax == SYS_FUTEX && find_gil(at, regs->di);
}

/* ---- records ------------------------------------------------------------------------------------------------ */

/* Waking the reader costs more than all the rest, so it looks by itself; only what cannot wait wakes it. */
static __always_inline __u64 wake_flags(bool urgent)
{
	return urgent || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= RING_MUCH ? BPF_RB_FORCE_WAKEUP
										  : BPF_RB_NO_WAKEUP;
}

static __always_inline void count_lost(const struct place *at)
{
	__sync_fetch_and_add(&at->live->lost, 1);
}

/* Room for a record of a fixed size, its header written; NULL: counted as lost. */
static __always_inline void *reserve(const struct place *at, enum bd_rec_type type, __u32 size)
{
	struct bd_rec *r = bpf_ringbuf_reserve(&ring, size, 0);
	if (!r) {
		count_lost(at);
		return 0;
	}
	r->type = (__u16)type;
	r->size = (__u16)size;
	r->target = at->index;
	return r;
}

#endif
