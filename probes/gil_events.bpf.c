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

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* One thread of a traced process. Written by one processor at a time, but for what its waker says. */
struct thread {
	__u64 life; /* of the target when all below was written */
	__u32 tid;
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
	__u64 stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

static __always_inline struct thread *thread_at(const struct place *at, struct task_struct *task, bool make)
{
	struct thread *th = bpf_task_storage_get(&threads, task, 0, make ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (th && th->life != at->target->life) {
		__builtin_memset(th, 0, sizeof *th);
		th->life = at->target->life;
		th->tid = tid_of(task);
	}
	return th;
}

static __always_inline void count_waiter(const struct place *at, __u32 gil, __u32 by)
{
	if (gil < BD_PROBE_GILS)
		__sync_fetch_and_add(&at->live->waiters[gil], by);
}

static __always_inline bool is_waiter(__u8 part)
{
	return part == COND || part == MUTEX;
}

/* ---- a wait ------------------------------------------------------------------------------------------------- */

static __always_inline void sleeps(const struct place *at, struct thread *th, struct task_struct *task)
{
	struct gil_head head = {0};
	bool known = read_head(&at->target->layout, at->gil, &head);
	__u32 holder = known ? thread_of(&at->target->layout, head.last_holder) : 0;
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
	if (is_waiter(th->part))
		count_waiter(at, th->gil_index, 1);
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

/* ---- events ------------------------------------------------------------------------------------------------ */

static __always_inline void leaves(struct task_struct *task, bool preempt)
{
	struct place at;
	if (!find_target(task, &at))
		return;
	bool waits = !preempt && task->__state && find_futex(&at, task);
	struct thread *th = thread_at(&at, task, waits);
	if (!th) {
		if (waits)
			count_lost(&at);
		return;
	}
	if (th->state != BD_PROBE_RUNS)
		settle(&at, th, task);
	if (waits)
		sleeps(&at, th, task);
}

static __always_inline void runs(struct task_struct *task)
{
	struct place at;
	if (!find_target(task, &at))
		return;
	struct thread *th = thread_at(&at, task, false);
	if (!th || th->state != BD_PROBE_SLEEPS || !find_futex(&at, task))
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
			if (part == COND)
				theirs->dropped = 1;
		}
	}
	th->by_futex = by_futex;
	th->woken = 1;
	return 0;
}
