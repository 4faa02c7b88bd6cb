// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Tells every GIL wait of the traced processes, with the waiter's Python stack, and who held the GIL meanwhile. What a
 * wait is, is decided as gil_counters.bpf.c does (gil_wait.bpf.h); here each sleep becomes a record in a ring buffer. What
 * must be remembered of a thread lies in its task storage, so there is no limit to their number. */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "gil_events.h"
#include "gil_wait.bpf.h"
#include "gil_target.bpf.h"
#include "gil_stack.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* One thread of a traced process. Written by one processor at a time, but for what its waker says. */
struct thread {
	__u64 life; /* of the target when all below was written */
	__u32 tid, target;
	__u8 state, part; /* enum bd_probe_state; of the GIL it sleeps on */
	__u8 gil_index;
	__u8 woken, by_futex;
	__u8 number_known, was_holder; /* of what it read when it last slept */
	__u8 dropped;                  /* it woke a waiter since, so it held the GIL */
	__u16 flags;                   /* of its wait record */
	__u16 unused;
	__u32 holder, waker;
	__u64 off_ns, wake_ns, on_ns;
	__u64 gil, number;
	__u64 ran_ns, delay_ns; /* the kernel's totals of it when it went to sleep */
	__u64 stack, holder_stack;
	__u32 waiters, unused3;
	struct python_state python;
	/* off its processor while it holds a GIL */
	__u64 hold_off_ns, hold_ran_ns, hold_stack, hold_native; /* hold_off_ns 0: it is not */
	__u8 hold_gil, hold_waiters;
	__u16 hold_flags;
	__u32 unused2;
	__u64 ticked_ran_ns; /* the kernel's total of it at the last sample; 0: none yet */
	__u64 native_ns[2];  /* when its registers were told last: on its processor, and as it left it */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

/* How often holders are sampled. An interrupt costs more than all that is done in it, so the clock is slow while nobody
 * waits; user space changes it. */
__u32 often;     /* it is fast, or user space was asked to have it so */
__u64 waited_ns; /* somebody began to wait */

static __always_inline struct thread *thread_at(const struct place *at, struct task_struct *task, bool make)
{
	struct thread *th = bpf_task_storage_get(&threads, task, 0, make ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (th && th->life != at->target->life) {
		__builtin_memset(th, 0, sizeof *th);
		th->life = at->target->life;
		th->target = at->index;
		th->tid = tid_of(task);
	}
	return th;
}

static __always_inline void count_waiter(const struct place *at, __u32 gil, __u32 by)
{
	if (gil < BD_PROBE_GILS)
		__sync_fetch_and_add(&at->live->waiters[gil], by);
}

static __always_inline __u8 waiters_of(const struct place *at, __u32 gil)
{
	__s32 n = gil < BD_PROBE_GILS ? (__s32)at->live->waiters[gil] : 0;
	return n < 0 ? 0 : n > 255 ? 255 : (__u8)n;
}

static __always_inline bool is_waiter(__u8 part)
{
	return part == COND || part == MUTEX;
}

/* Somebody waits: after it was counted, which orders this for whoever looks from elsewhere (bd_probe_pace). */
static __always_inline void ask_for_samples(__u64 now)
{
	waited_ns = now;
	if (often)
		return;
	often = 1;
	/* A record that nobody gets; its end wakes the reader. Without room there is much, and the reader is awake. */
	void *nothing = bpf_ringbuf_reserve(&ring, 8, 0);
	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/* ---- a wait ------------------------------------------------------------------------------------------------- */

static __always_inline void sleeps(const struct place *at, struct thread *th, struct task_struct *task)
{
	struct gil_head head = {0};
	bool known = read_head(&at->target->layout, at->gil, &head);
	__u32 holder = known ? user_of(at->target, head.last_holder, true) : 0;
	__u64 now = bpf_ktime_get_ns();
	const struct last_slice last = {th->on_ns, th->gil, th->number, th->part, th->by_futex, th->number_known,
		th->was_holder, th->dropped};

	__u16 flags = known ? BD_REC_NUMBER_KNOWN : 0;
	if (same_wait(&last, at->gil, at->part, known, head.switch_number, now))
		flags |= BD_REC_CONTINUES;
	else if (th->on_ns && now - th->on_ns <= BD_PROBE_RETRY_NS)
		flags |= BD_REC_RETRY;
	if (holder == th->tid)
		flags |= BD_REC_SELF;
	th->flags = flags;
	th->part = (__u8)at->part;
	th->gil = at->gil;
	th->gil_index = at->gil_index;
	th->holder = holder;
	th->waker = 0;
	th->number = head.switch_number;
	th->number_known = known;
	th->was_holder = holder == th->tid;
	th->woken = 0;
	th->wake_ns = 0;
	th->off_ns = now;
	th->ran_ns = ran_ns(task);
	th->delay_ns = delay_ns(task);
	th->stack = tell_stack(at->index, find_state(at, &th->python, th->tid, at->gil_index), th->tid);
	/* A holder that sleeps is seen when it goes and when it comes, and may do neither while it is watched. */
	th->holder_stack = 0;
	if (flags & BD_REC_CONTINUES && head.switch_number == last.number && !last.by_futex && th->part == COND &&
		last.part == COND && holder && (__s32)head.locked == 1)
		th->holder_stack = tell_stack(at->index, head.last_holder, holder);
	if (is_waiter(th->part)) {
		count_waiter(at, th->gil_index, 1);
		ask_for_samples(now);
	}
	th->waiters = waiters_of(at, th->gil_index);
	barrier();
	th->state = BD_PROBE_SLEEPS;
}

/* A slice ended at on, and spent queued of its time on the run queue. */
static __always_inline void end_slice(const struct place *at, struct thread *th, __u64 on, __u64 queued, __u16 flags)
{
	__u64 slice = on - th->off_ns;
	/* After a timer the thread is still blocked by the holder, on the run queue too. */
	if (!th->by_futex)
		queued = 0;
	else if (queued > slice)
		queued = slice;
	th->state = BD_PROBE_RUNS;
	th->dropped = 0;
	th->on_ns = on;
	if (is_waiter(th->part))
		count_waiter(at, th->gil_index, -1);

	struct bd_rec_wait *r = reserve(at, BD_REC_WAIT, sizeof *r);
	if (!r)
		return;
	r->tid = th->tid;
	r->holder = th->holder;
	r->waker = th->waker;
	r->gil = th->gil_index;
	r->part = th->part;
	r->flags = th->flags | flags | (th->by_futex ? BD_REC_BY_FUTEX : 0);
	r->off_ns = th->off_ns;
	r->on_ns = on;
	r->wake_ns = th->woken ? th->wake_ns : 0;
	r->queued_ns = queued;
	r->number = th->number;
	r->stack = th->stack;
	r->holder_stack = th->holder_stack;
	r->waiters = th->waiters;
	r->unused = 0;
	bpf_ringbuf_submit(r, wake_flags(false));
}

/* Not every event is delivered (gil_counters.bpf.c says why): what was missed is known when it leaves the processor. */
static __always_inline void settle(const struct place *at, struct thread *th, struct task_struct *task)
{
	__u64 on = th->on_ns;
	if (th->state == BD_PROBE_SLEEPS)
		on = ran_since(task, th->ran_ns, th->off_ns);
	if (!th->woken)
		th->by_futex = 1;
	end_slice(at, th, on, th->woken && on > th->wake_ns ? on - th->wake_ns : delay_ns(task) - th->delay_ns,
		BD_REC_SETTLED);
}

/* ---- holding ------------------------------------------------------------------------------------------------- */

#define NATIVE_NS 900000                         /* at most one of a thread in this time; a little less than a tick */
#define QUIET_NS (1000000000 / BD_EVENTS_HZ * 2) /* ticks at least so far apart are those of the slow clock */

/* Whether the running thread holds one of the GILs: the address of its thread state, the GIL's index in the bits above; 0:
 * it does not. */
APART __u64 find_held(__u32 target, __u32 tid, __u64 known_state)
{
	const struct bd_event_target *t = bpf_map_lookup_elem(&targets, &target);
	if (!t)
		return 0;
	for (__u32 g = 0; g < BD_PROBE_GILS; g++) {
		struct gil_head head;
		if (g >= t->gils_len)
			break;
		if (!read_head(&t->layout, t->gil[g], &head) || (__s32)head.locked != 1 || head.last_holder >> 48)
			continue;
		if (head.last_holder == known_state || user_of(t, head.last_holder, true) == tid)
			return head.last_holder | (__u64)(g + 1) << 48;
	}
	return 0;
}

/* Each of the two by itself: holders are preempted right after a tick more often than not. */
static __always_inline __u64 native_of(const struct place *at, struct thread *th, __u64 now, bool off)
{
	if (now - th->native_ns[off] < NATIVE_NS)
		return 0;
	th->native_ns[off] = now;
	return tell_native(at->index, th->tid);
}

/* Goes off its processor with the GIL. */
static __always_inline void holds_off(const struct place *at, struct thread *th, struct task_struct *task, __u64 held,
	bool preempt)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 gil = (__u32)(held >> 48) - 1;
	th->hold_off_ns = now;
	th->hold_ran_ns = ran_ns(task);
	th->hold_gil = (__u8)gil;
	th->hold_waiters = waiters_of(at, gil);
	th->hold_flags = preempt ? BD_REC_PREEMPTED : 0;
	th->hold_stack = tell_stack(at->index, held & 0xffffffffffffULL, th->tid);
	th->hold_native = native_of(at, th, now, true);
}

static __always_inline void tell_hold(const struct place *at, struct thread *th, __u64 to)
{
	__u64 from = th->hold_off_ns;
	__u8 waiters = waiters_of(at, th->hold_gil);
	th->hold_off_ns = 0;
	struct bd_rec_hold *r = reserve(at, BD_REC_HOLD, sizeof *r);
	if (!r)
		return;
	r->tid = th->tid;
	r->gil = th->hold_gil;
	/* those who came meanwhile are still there: it could not let go */
	r->waiters = waiters > th->hold_waiters ? waiters : th->hold_waiters;
	r->flags = th->hold_flags;
	r->from_ns = from;
	r->to_ns = to;
	r->stack = th->hold_stack;
	r->native = th->hold_native;
	r->ran_ns = 0;
	bpf_ringbuf_submit(r, wake_flags(false));
}

/* ---- events ------------------------------------------------------------------------------------------------ */

static __always_inline void leaves(struct task_struct *task, bool preempt)
{
	struct place at;
	if (!find_target(task, &at))
		return;
	bool waits = goes_to_sleep(task, preempt) && find_futex(&at, task);
	struct thread *th = thread_at(&at, task, true);
	if (!th) {
		if (waits)
			count_lost(&at);
		return;
	}
	if (th->state != BD_PROBE_RUNS)
		settle(&at, th, task);
	if (th->hold_off_ns) /* its running was not seen */
		tell_hold(&at, th, ran_since(task, th->hold_ran_ns, th->hold_off_ns));
	if (waits) {
		sleeps(&at, th, task);
		return;
	}
	__u64 held = find_held(at.index, th->tid, th->python.address);
	if (held)
		holds_off(&at, th, task, held, preempt || !task->__state);
}

static __always_inline void runs(struct task_struct *task)
{
	struct place at;
	if (!find_target(task, &at))
		return;
	struct thread *th = thread_at(&at, task, false);
	if (!th)
		return;
	if (th->hold_off_ns)
		tell_hold(&at, th, bpf_ktime_get_ns());
	if (th->state != BD_PROBE_SLEEPS || !find_futex(&at, task))
		return;
	__u64 now = bpf_ktime_get_ns();
	if (th->woken) {
		end_slice(&at, th, now, now - th->wake_ns, 0);
	} else {
		th->on_ns = now;
		th->state = BD_PROBE_RAN;
	}
}

SEC("tp_btf/sched_switch")
int BPF_PROG(event_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	leaves(prev, preempt);
	runs(next);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(event_waking, struct task_struct *task)
{
	struct place at;
	if (!find_target(task, &at))
		return 0;
	struct thread *th = thread_at(&at, task, false);
	if (!th || th->state != BD_PROBE_SLEEPS || th->woken || !find_futex(&at, task))
		return 0;
	th->wake_ns = bpf_ktime_get_ns();
	struct task_struct *waker = bpf_get_current_task_btf();
	enum part part;
	bool by_futex = wakes_by_futex(&at.target->layout, at.gil, waker, task, &part);
	if (by_futex) {
		struct thread *theirs = thread_at(&at, waker, true);
		if (theirs) {
			th->waker = theirs->tid;
			if (part == COND) {
				theirs->dropped = 1;
				learn_user(at.target, at.gil, theirs->tid);
			}
		}
	}
	th->by_futex = by_futex;
	th->woken = 1;
	return 0;
}

/* What the program of a perf event gets: the registers of the interrupted context as user space knows them. */
struct tick {
	__u64 reg[21]; /* r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs flags rsp ss */
	__u64 period, address;
};
#define TICK_CS 17

SEC("perf_event")
int event_tick(struct tick *tick)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct place at;
	if (!find_target(task, &at))
		return 0;
	struct thread *th = thread_at(&at, task, true);
	if (!th)
		return 0;
	/* Told with and without a GIL, these add up to all it ran: how much that was need not be sampled. */
	__u64 ran = ran_ns(task), since = th->ticked_ran_ns ? ran - th->ticked_ran_ns : 0;
	th->ticked_ran_ns = ran;
	__u64 held = find_held(at.index, th->tid, th->python.address);
	if (!held)
		return 0;
	__u32 gil = (__u32)(held >> 48) - 1;
	__u64 now = bpf_ktime_get_ns();
	__u64 stack = tell_stack(at.index, held & 0xffffffffffffULL, th->tid);
	__u64 native = native_of(&at, th, now, false);
	struct bd_rec_hold *r = reserve(&at, BD_REC_HOLD, sizeof *r);
	if (!r)
		return 0;
	r->tid = th->tid;
	r->gil = (__u8)gil;
	r->waiters = waiters_of(&at, gil);
	r->flags = BD_REC_TICK | (tick->reg[TICK_CS] & 3 ? 0 : BD_REC_KERNEL) |
		(tick->period >= QUIET_NS ? BD_REC_QUIET : 0);
	r->from_ns = r->to_ns = now;
	r->stack = stack;
	r->native = native;
	r->ran_ns = since;
	bpf_ringbuf_submit(r, wake_flags(false));
	return 0;
}

/* ---- what becomes of a process ----------------------------------------------------------------------------------- */

static __always_inline void tell_life(const struct place *at, __u32 tid, enum bd_rec_life_what what, bool urgent)
{
	struct bd_rec_life *r = reserve(at, BD_REC_LIFE, sizeof *r);
	if (!r)
		return;
	r->tid = tid;
	r->what = what;
	r->time_ns = bpf_ktime_get_ns();
	bpf_ringbuf_submit(r, wake_flags(urgent));
}

/* A thread that was not the first of its process is from now on, and the mark was the other's. */
static __always_inline bool move_mark(struct task_struct *task, struct place *ret)
{
	struct thread *th = bpf_task_storage_get(&threads, task, 0, 0);
	if (!th)
		return false;
	__u32 i = th->target;
	const struct bd_event_target *t = bpf_map_lookup_elem(&targets, &i);
	if (!t || !t->life || t->life != th->life)
		return false;
	struct bd_probe_mark *mark = bpf_task_storage_get(&marks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!mark)
		return false;
	mark->target = i + 1;
	return find_marked(task, ret);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(event_exec, struct task_struct *task)
{
	struct place at;
	if (!find_marked(task, &at) && !move_mark(task, &at))
		return 0;
	__sync_fetch_and_add(&at.live->execs, 1); /* all that was known of it no longer holds */
	tell_life(&at, tid_of(task), BD_REC_EXEC, true);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(event_exit, struct task_struct *task)
{
	struct place at;
	if (find_marked(task, &at))
		tell_life(&at, tid_of(task), BD_REC_THREAD_EXIT, false);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(event_fork, struct task_struct *parent, struct task_struct *child)
{
	struct place at;
	if (!find_marked(parent, &at))
		return 0;
	if (child->group_leader == parent->group_leader)
		thread_at(&at, child, true); /* here, where there is time for it */
	else
		tell_life(&at, tid_of(child), BD_REC_FORK, false);
	return 0;
}
