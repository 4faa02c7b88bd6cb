// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Counts GIL waits without touching the traced program: a thread that must wait sleeps in futex(2) on a word inside the
 * GIL, so going to sleep, being woken and running again are all there is to see. A release or take without contention
 * never gets here. Nothing is allocated: every counter lives in arrays mapped by user space. */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "gil_counters.h"
#include "gil_wait.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

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
	__type(value, struct bd_probe_target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BD_PROBE_TARGETS);
	__type(key, __u32);
	__type(value, struct bd_probe_counters);
} counters SEC(".maps");

/* A traced process, and what one of its threads sleeps on. */
struct place {
	struct bd_probe_target *target;
	struct bd_probe_counters *counters;
	__u64 gil;
	enum part part;
};

/* By the group leader's mark, never by a number: numbers differ between PID namespaces. */
static __always_inline bool find_target(struct task_struct *task, struct place *ret)
{
	struct task_struct *leader = task->group_leader;
	if (!leader->bpf_storage) /* as with nearly every process: spares the call */
		return false;
	struct bd_probe_mark *mark = bpf_task_storage_get(&marks, leader, 0, 0);
	if (!mark)
		return false;
	__u32 i = mark->target - 1;
	ret->target = bpf_map_lookup_elem(&targets, &i);
	ret->counters = bpf_map_lookup_elem(&counters, &i);
	return ret->target && ret->counters;
}

static __always_inline bool find_gil(struct place *at, __u64 address)
{
	for (__u32 g = 0; g < BD_PROBE_GILS; g++) {
		if (g >= at->target->gils_len)
			return false;
		__u64 base = at->target->gil[g];
		if (address - base >= at->target->layout.size)
			continue;
		at->part = part_of(&at->target->layout, address - base);
		at->gil = base;
		return at->part != NOT_A_WAIT;
	}
	return false;
}

/* Whether the thread, which is not running, is inside futex(2) on a word of one of the GILs. Its registers are looked at
 * for traced processes only: they lie on its kernel stack, which is cold, and that costs more than all the rest. */
static __always_inline bool find_futex(struct place *at, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	return regs->orig_ax == SYS_FUTEX && find_gil(at, regs->di);
}

/* Index of the thread's element, or -1. Threads of a process mostly have neighbouring numbers, so the first try hits. */
static __always_inline int slot_of(struct bd_probe_counters *c, __u32 tid, bool make)
{
	int slot = -1;
	for (__u32 i = 0; tid && i < BD_PROBE_THREADS; i++) {
		__u32 at = (tid + i) & (BD_PROBE_THREADS - 1);
		__u32 have = c->thread[at].tid;
		if (have == 0) {
			if (!make)
				break;
			have = __sync_val_compare_and_swap(&c->thread[at].tid, 0, tid);
			if (have == 0)
				have = tid;
		}
		if (have == tid) {
			slot = (int)at;
			break;
		}
	}
	/* Otherwise clang 19 merges this with what callers do about -1, and copies a register that was never set where
	 * the copy is not used: the verifier refuses that. */
	barrier_var(slot);
	return slot;
}

static __always_inline void begin(struct bd_probe_thread *th)
{
	th->seq++;
	barrier();
}

static __always_inline void end(struct bd_probe_thread *th)
{
	barrier();
	th->seq++;
}

/* ---- going to sleep ---------------------------------------------------------------------------------------- */

/* Takes back what the end of the last slice counted. */
static __always_inline void reopen(const struct place *at, __u32 slot)
{
	struct bd_probe_thread *th = &at->counters->thread[slot];
	__u32 bucket = th->bucket, first = th->first_holder;
	th->waits--;
	if (bucket < BD_PROBE_BUCKETS)
		__sync_fetch_and_add(&at->counters->hist[bucket], -1);
	if (first <= BD_PROBE_THREADS)
		at->counters->block[slot][first].waits--;
}

static __always_inline void sleeps(const struct place *at, struct task_struct *task, __u32 tid, __u32 slot)
{
	struct bd_probe_thread *th = &at->counters->thread[slot];
	struct gil_head head = {0};
	bool known = read_head(&at->target->layout, at->gil, &head);
	__u32 holder = known ? thread_of(&at->target->layout, head.last_holder) : 0, column = 0;
	/* A waiter that finds itself there saw a hand-over in progress: nobody is blocked by himself. */
	if (at->part == COND && holder != tid) {
		int other = slot_of(at->counters, holder, true);
		if (other >= 0)
			column = (__u32)other + 1;
	}
	__u64 now = bpf_ktime_get_ns();

	const struct last_slice last = {th->on_ns, th->gil, th->number, th->part, th->by_futex, th->number_known,
		th->was_holder, th->dropped};

	begin(th);
	if (same_wait(&last, at->gil, at->part, known, head.switch_number, now)) {
		reopen(at, slot);
	} else {
		/* counted from when it ran: time on the run queue says nothing about who took the GIL */
		if (th->on_ns && now - th->on_ns <= BD_PROBE_RETRY_NS)
			th->retries++;
		th->wait_sum_ns = 0;
		th->first_holder = BD_PROBE_NO_COLUMN;
	}
	if (at->part == COND && th->first_holder == BD_PROBE_NO_COLUMN)
		th->first_holder = (__u8)column;
	th->part = at->part;
	th->holder = (__u8)column;
	th->gil = at->gil;
	th->number = head.switch_number;
	th->number_known = known;
	th->was_holder = holder == tid;
	th->woken = 0;
	th->off_ns = now;
	th->ran_ns = ran_ns(task);
	th->delay_ns = delay_ns(task);
	th->state = BD_PROBE_SLEEPS;
	end(th);
}

/* ---- running again ----------------------------------------------------------------------------------------- */

/* A slice ended at on, and spent queued of its time on the run queue. */
static __always_inline void end_slice(const struct place *at, __u32 slot, __u64 on, __u64 queued)
{
	struct bd_probe_thread *th = &at->counters->thread[slot];
	__u64 slice = on - th->off_ns;
	/* After a timer the thread is still blocked by the holder, on the run queue too. */
	if (!th->by_futex)
		queued = 0;
	else if (queued > slice)
		queued = slice;
	__u64 blocked = slice - queued;
	__u32 column = th->holder, first = th->first_holder;

	begin(th);
	th->state = BD_PROBE_RUNS;
	th->dropped = 0;
	th->on_ns = on;
	th->waits++;
	th->wait_ns += slice;
	th->runqueue_ns += queued;
	th->wait_sum_ns += slice;
	if (th->part == COND) {
		th->holder_ns += blocked;
		if (column <= BD_PROBE_THREADS)
			at->counters->block[slot][column].ns += blocked;
	} else if (th->part == SWITCH_COND) {
		th->switch_ns += blocked;
	} else {
		th->mutex_ns += blocked;
	}
	if (first <= BD_PROBE_THREADS)
		at->counters->block[slot][first].waits++;
	if (th->epoch != at->target->epoch) {
		th->epoch = at->target->epoch;
		th->max_ns = 0;
	}
	if (th->wait_sum_ns > th->max_ns)
		th->max_ns = th->wait_sum_ns;
	__u32 bucket = bd_probe_bucket(th->wait_sum_ns);
	th->bucket = (__u16)bucket;
	if (bucket < BD_PROBE_BUCKETS)
		__sync_fetch_and_add(&at->counters->hist[bucket], 1);
	end(th);
}

static __always_inline void runs(struct task_struct *task)
{
	struct place at;
	if (!find_target(task, &at) || !find_futex(&at, task))
		return;
	int slot = slot_of(at.counters, tid_of(task), false);
	if (slot < 0)
		return;
	struct bd_probe_thread *th = &at.counters->thread[slot & (BD_PROBE_THREADS - 1)];
	if (th->state != BD_PROBE_SLEEPS)
		return;
	__u64 now = bpf_ktime_get_ns();
	if (th->woken) {
		end_slice(&at, slot & (BD_PROBE_THREADS - 1), now, now - th->wake_ns);
	} else {
		th->on_ns = now;
		th->state = BD_PROBE_RAN;
	}
}

/* Not every event is delivered: a kernel may leave out the wake (the waker was between its two looks at the thread while
 * it fell asleep) and, under some hypervisors, now and then wake and switch of a thread that ends a processor's idling.
 * Leaving a processor is always seen, and by then the kernel's own accounts hold what was missed. */
static __always_inline void settle(const struct place *at, struct task_struct *task, __u32 slot)
{
	struct bd_probe_thread *th = &at->counters->thread[slot];
	__u64 on = th->on_ns;
	if (th->state == BD_PROBE_SLEEPS)
		on = ran_since(task, th->ran_ns, th->off_ns);
	if (!th->woken)
		th->by_futex = 1;
	end_slice(at, slot, on, th->woken && on > th->wake_ns ? on - th->wake_ns : delay_ns(task) - th->delay_ns);
}

/* ---- events ------------------------------------------------------------------------------------------------ */

static __always_inline void leaves(struct task_struct *task, bool preempt)
{
	struct place at;
	if (!find_target(task, &at))
		return;
	bool waits = goes_to_sleep(task, preempt) && find_futex(&at, task);
	__u32 tid = tid_of(task);
	int slot = slot_of(at.counters, tid, waits);
	if (slot < 0) {
		if (waits)
			__sync_fetch_and_add(&at.counters->lost, 1);
		return;
	}
	__u32 s = (__u32)slot & (BD_PROBE_THREADS - 1);
	if (at.counters->thread[s].state != BD_PROBE_RUNS)
		settle(&at, task, s);
	if (waits)
		sleeps(&at, task, tid, s);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(gil_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	leaves(prev, preempt);
	runs(next);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(gil_waking, struct task_struct *task)
{
	struct place at;
	if (!find_target(task, &at) || !find_futex(&at, task))
		return 0;
	int slot = slot_of(at.counters, tid_of(task), false);
	if (slot < 0)
		return 0;
	struct bd_probe_thread *th = &at.counters->thread[slot & (BD_PROBE_THREADS - 1)];
	if (th->state != BD_PROBE_SLEEPS || th->woken)
		return 0;
	th->wake_ns = bpf_ktime_get_ns();

	struct task_struct *waker = bpf_get_current_task_btf();
	enum part part;
	bool by_futex = wakes_by_futex(&at.target->layout, at.gil, waker, task, &part);
	th->by_futex = by_futex;
	th->woken = 1;
	if (by_futex && part == COND) {
		slot = slot_of(at.counters, tid_of(waker), false);
		if (slot >= 0)
			at.counters->thread[slot & (BD_PROBE_THREADS - 1)].dropped = 1;
	}
	return 0;
}
