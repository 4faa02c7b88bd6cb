/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What a sleep on a word of a GIL is and which sleeps are one wait: shared by the probes, so that counters and events
 * cannot come to differ. Included after kernel.h, libbpf's headers and gil_counters.h. */
#ifndef BD_PROBES_GIL_WAIT_H
#define BD_PROBES_GIL_WAIT_H

#define SYS_FUTEX 202
#define PF_EXITING 4 /* of task_struct.flags */

enum part { NOT_A_WAIT, COND, MUTEX, SWITCH_COND, SWITCH_MUTEX };

static __always_inline enum part part_of(const struct bd_probe_layout *l, __u64 offset)
{
	return offset < l->cond            ? NOT_A_WAIT
		: offset < l->mutex        ? COND
		: offset < l->switch_cond  ? MUTEX
		: offset < l->switch_mutex ? SWITCH_COND
					   : SWITCH_MUTEX;
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

/* Whether a thread that leaves its processor does so to wait for something, and not for good: a thread that was killed
 * inside futex(2) has its registers to the end. */
static __always_inline bool goes_to_sleep(struct task_struct *task, bool preempt)
{
	return !preempt && task->__state && !(task->flags & PF_EXITING);
}

/* What the kernel's own accounts say of a thread, up to date whenever it leaves a processor. */
static __always_inline __u64 ran_ns(struct task_struct *task)
{
	return task->se.sum_exec_runtime;
}

static __always_inline __u64 delay_ns(struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info) ? task->sched_info.run_delay : 0;
}

/* last_holder, locked, switch_number as they lie in every known version. */
struct gil_head {
	__u64 last_holder;
	__u64 locked;
	__u64 switch_number;
};

/* Both read the memory of the thread that is about to sleep, in its context. */
static __always_inline bool read_head(const struct bd_probe_layout *l, __u64 gil, struct gil_head *ret)
{
	return bpf_probe_read_user(ret, sizeof *ret, (void *)(gil + l->last_holder)) == 0;
}

/* Number of the thread a thread state belongs to; 0 = unknown. */
static __always_inline __u32 thread_of(const struct bd_probe_layout *l, __u64 state)
{
	__u64 tid = 0;
	if (!state || bpf_probe_read_user(&tid, sizeof tid, (void *)(state + l->native_thread_id)) ||
		tid >> 22) /* no Linux thread number has more bits */
		return 0;
	return (__u32)tid;
}

/* What is known of a thread's last slice. */
struct last_slice {
	__u64 on_ns, gil, number;
	__u8 part, by_futex, number_known, was_holder, dropped;
};

/* Whether the sleep that begins goes on with the wait of that slice. */
static __always_inline bool same_wait(const struct last_slice *last, __u64 gil, enum part part, bool known,
	__u64 number, __u64 now)
{
	if (!last->on_ns || last->gil != gil || !known || !last->number_known || (part != COND && part != MUTEX))
		return false;
	/* Nobody took it in between, so neither did this thread: it lost the race and sleeps again on `cond`, or it was
	 * woken while the releasing thread still had the mutex inside which it is woken. */
	if (number == last->number)
		return !last->was_holder && (last->part == COND || last->part == MUTEX);
	if (part != COND || last->part != COND || last->by_futex)
		return false;
	/* The slice ended by its timer. Had this thread taken the GIL and lost it, there were two changes, and unless
	 * another thread came along just then it woke somebody; taking it, working and losing it also takes time. */
	return number == last->number + 1 || (!last->dropped && now - last->on_ns < BD_PROBE_RETRY_NS);
}

/* Whether a thread that is waking another out of a word of this GIL does so by a futex wake: that comes from a thread of
 * the process that is inside futex(2) on the same GIL; a timer or a signal interrupts whoever runs, a thread of the same
 * process included. ret_part: of the GIL, on which it wakes. */
static __always_inline bool wakes_by_futex(const struct bd_probe_layout *l, __u64 gil, struct task_struct *waker,
	struct task_struct *woken, enum part *ret_part)
{
	struct pt_regs *theirs = (struct pt_regs *)bpf_task_pt_regs(waker);
	__u64 offset = theirs->di - gil;
	*ret_part = part_of(l, offset);
	return theirs->orig_ax == SYS_FUTEX && offset < l->size && waker->group_leader == woken->group_leader;
}

/* When a thread that leaves its processor now, and whose running was not seen, ran. */
static __always_inline __u64 ran_since(struct task_struct *task, __u64 ran_then, __u64 off)
{
	__u64 on = bpf_ktime_get_ns() - (ran_ns(task) - ran_then);
	return (__s64)(on - off) < 0 ? off : on;
}

#endif
