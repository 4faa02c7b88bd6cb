// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Counts GIL waits without touching the traced program: a thread that must wait sleeps in futex(2) on a word inside the
 * GIL, so going to sleep, being woken and running again are all there is to see. A release or take without contention
 * never gets here. Nothing is allocated: every counter lives in arrays mapped by user space. */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "gil_counters.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define SYS_FUTEX 202
#define NO_COLUMN 255

enum part { NOT_A_WAIT, COND, MUTEX, SWITCH_COND, SWITCH_MUTEX };

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

/* What a sleeping or waking thread of a traced process is at. */
struct place {
	struct bd_probe_target *target;
	struct bd_probe_counters *counters;
	__u64 gil;
	enum part part;
};

static __always_inline enum part part_of(const struct bd_probe_layout *l, __u64 offset)
{
	return offset < l->cond          ? NOT_A_WAIT
	       : offset < l->mutex        ? COND
	       : offset < l->switch_cond  ? MUTEX
	       : offset < l->switch_mutex ? SWITCH_COND
					  : SWITCH_MUTEX;
}

/* By the group leader's mark, never by a number: numbers differ between PID namespaces. */
static __always_inline bool find(struct task_struct *task, __u64 address, struct place *ret)
{
	struct bd_probe_mark *mark = bpf_task_storage_get(&marks, task->group_leader, 0, 0);
	if (!mark)
		return false;
	__u32 i = mark->target - 1;
	struct bd_probe_target *t = bpf_map_lookup_elem(&targets, &i);
	if (!t)
		return false;
	for (__u32 g = 0; g < BD_PROBE_GILS; g++) {
		if (g >= t->gils_len)
			return false;
		__u64 base = t->gil[g];
		if (address - base >= t->layout.size)
			continue;
		ret->part = part_of(&t->layout, address - base);
		ret->counters = bpf_map_lookup_elem(&counters, &i);
		ret->target = t;
		ret->gil = base;
		return ret->part != NOT_A_WAIT && ret->counters;
	}
	return false;
}

/* The number gettid() gives the thread itself: that of its innermost PID namespace. */
static __always_inline __u32 tid_of(struct task_struct *task)
{
	__u32 level = task->thread_pid->level, nr = (__u32)task->pid;
	if (level) {
		struct pid *pid = BPF_CORE_READ(task, thread_pid);
		const char *first = (const char *)&pid->numbers[0].nr;
		bpf_probe_read_kernel(&nr, sizeof nr, first + level * bpf_core_type_size(struct upid));
	}
	return nr;
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

/* last_holder, locked, switch_number as they lie in every known version. */
struct gil_head {
	__u64 last_holder;
	__u64 locked;
	__u64 switch_number;
};

/* The thread that holds it now as a column of the matrix; 0 = unknown. A waiter that finds itself there saw a
 * hand-over in progress: nobody blocks himself. Runs in the waiter's own context. */
static __always_inline __u8 holder_column(const struct place *at, const struct gil_head *head, __u32 self)
{
	__u64 tid = 0;
	if (!head->last_holder ||
	    bpf_probe_read_user(&tid, sizeof tid, (void *)(head->last_holder + at->target->layout.native_thread_id)))
		return 0;
	if (tid == self || tid >> 22) /* no Linux thread number has more than 22 bits */
		return 0;
	int slot = slot_of(at->counters, (__u32)tid, true);
	return slot < 0 ? 0 : (__u8)(slot + 1);
}

/* Whether going to sleep on `cond` at now goes on with the wait whose last slice ended at on_ns. */
static __always_inline bool same_wait(const struct bd_probe_thread *th, __u64 gil, bool known, __u64 number, __u64 now)
{
	if (!th->on_ns || th->gil != gil || !known || !th->number_known)
		return false;
	if (number == th->number) /* nobody took it in between, so neither did this thread */
		return true;
	if (th->by_futex || th->part != COND)
		return false;
	/* The slice ended by its timer. Had this thread taken the GIL and lost it, there were two changes, and unless
	 * another thread came along just then it woke somebody; taking it, working and losing it also takes time. */
	return number == th->number + 1 || (!th->dropped && now - th->on_ns < BD_PROBE_RETRY_NS);
}

static __always_inline void sleeps(struct task_struct *task, __u64 address)
{
	struct place at;
	if (!find(task, address, &at))
		return;
	__u32 tid = tid_of(task);
	int slot = slot_of(at.counters, tid, true);
	if (slot < 0) {
		__sync_fetch_and_add(&at.counters->lost, 1);
		return;
	}
	struct bd_probe_thread *th = &at.counters->thread[slot & (BD_PROBE_THREADS - 1)];
	struct gil_head head = {0};
	bool known = bpf_probe_read_user(&head, sizeof head, (void *)(at.gil + at.target->layout.last_holder)) == 0;
	__u8 holder = known && at.part == COND ? holder_column(&at, &head, tid) : 0;
	__u64 now = bpf_ktime_get_ns();

	begin(th);
	if (at.part == COND && same_wait(th, at.gil, known, head.switch_number, now)) {
		/* take back what the end of its last slice counted */
		__u32 bucket = th->bucket;
		th->waits--;
		if (bucket < BD_PROBE_BUCKETS)
			__sync_fetch_and_add(&at.counters->hist[bucket], -1);
		__u32 first = th->first_holder;
		if (first <= BD_PROBE_THREADS)
			at.counters->block[slot & (BD_PROBE_THREADS - 1)][first].waits--;
	} else {
		if (th->on_ns && now - th->wake_ns <= BD_PROBE_RETRY_NS)
			th->retries++;
		th->wait_sum_ns = 0;
		th->first_holder = NO_COLUMN;
	}
	if (at.part == COND && th->first_holder == NO_COLUMN)
		th->first_holder = holder;
	th->part = at.part;
	th->holder = holder;
	th->gil = at.gil;
	th->number = head.switch_number;
	th->number_known = known;
	th->woken = 0;
	th->asleep = 1;
	th->off_ns = now;
	end(th);
}

static __always_inline void runs(struct task_struct *task, __u64 address)
{
	struct place at;
	if (!find(task, address, &at))
		return;
	int slot = slot_of(at.counters, tid_of(task), false);
	if (slot < 0)
		return;
	__u32 w = slot & (BD_PROBE_THREADS - 1);
	struct bd_probe_thread *th = &at.counters->thread[w];
	if (!th->asleep)
		return;
	__u64 now = bpf_ktime_get_ns();
	if (!th->woken) { /* the waker was between its two looks while this thread fell asleep */
		th->wake_ns = th->off_ns;
		th->by_futex = 1;
	}
	/* After a timer the thread is still blocked by the holder, on the run queue too. */
	__u64 slice = now - th->off_ns, blocked = th->by_futex ? th->wake_ns - th->off_ns : slice;

	begin(th);
	th->asleep = 0;
	th->dropped = 0;
	th->on_ns = now;
	th->waits++;
	th->wait_ns += slice;
	th->runqueue_ns += slice - blocked;
	th->wait_sum_ns += slice;
	if (th->part == COND) {
		th->holder_ns += blocked;
		__u32 column = th->holder;
		if (column <= BD_PROBE_THREADS)
			at.counters->block[w][column].ns += blocked;
	} else if (th->part == SWITCH_COND) {
		th->switch_ns += blocked;
	} else {
		th->mutex_ns += blocked;
	}
	__u32 first = th->first_holder;
	if (first <= BD_PROBE_THREADS)
		at.counters->block[w][first].waits++;
	if (th->epoch != at.target->epoch) {
		th->epoch = at.target->epoch;
		th->max_ns = 0;
	}
	if (th->wait_sum_ns > th->max_ns)
		th->max_ns = th->wait_sum_ns;
	__u32 bucket = bd_probe_bucket(th->wait_sum_ns);
	th->bucket = (__u16)bucket;
	if (bucket < BD_PROBE_BUCKETS)
		__sync_fetch_and_add(&at.counters->hist[bucket], 1);
	end(th);
}

/* The switch's own test order keeps other processes cheap: only a thread inside futex(2) goes further. */
SEC("tp_btf/sched_switch")
int BPF_PROG(gil_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(prev);
	if (regs->orig_ax == SYS_FUTEX && !preempt && prev->__state)
		sleeps(prev, regs->di);
	regs = (struct pt_regs *)bpf_task_pt_regs(next);
	if (regs->orig_ax == SYS_FUTEX)
		runs(next, regs->di);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(gil_waking, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	if (regs->orig_ax != SYS_FUTEX)
		return 0;
	struct place at;
	if (!find(task, regs->di, &at))
		return 0;
	int slot = slot_of(at.counters, tid_of(task), false);
	if (slot < 0)
		return 0;
	struct bd_probe_thread *th = &at.counters->thread[slot & (BD_PROBE_THREADS - 1)];
	if (!th->asleep || th->woken)
		return 0;
	th->wake_ns = bpf_ktime_get_ns();

	/* A futex wake comes from a thread of the process that is inside futex(2) on the same GIL; a timer or a signal
	 * interrupts whoever runs, a thread of the same process included. */
	struct task_struct *waker = bpf_get_current_task_btf();
	struct pt_regs *theirs = (struct pt_regs *)bpf_task_pt_regs(waker);
	__u64 offset = theirs->di - at.gil;
	bool by_futex = theirs->orig_ax == SYS_FUTEX && offset < at.target->layout.size &&
			waker->group_leader == task->group_leader;
	th->by_futex = by_futex;
	th->woken = 1;
	if (by_futex && part_of(&at.target->layout, offset) == COND) {
		slot = slot_of(at.counters, tid_of(waker), false);
		if (slot >= 0)
			at.counters->thread[slot & (BD_PROBE_THREADS - 1)].dropped = 1;
	}
	return 0;
}
