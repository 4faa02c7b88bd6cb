// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Waiting in free-threaded interpreters, without touching the traced program. A thread that has to wait for a lock parks: it
 * sleeps in futex(2) on a semaphore of its own stack, and the word before the semaphore is the address of the lock. Before
 * that it spins for a while, giving up its processor by sched_yield(2). Both are switches of the scheduler; a lock that is
 * free, and one that is got at the first look, never get here.
 *
 * Records go into the ring buffer of gil_events.bpf.c, whose marks and targets are used too. */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "gil_events.h"
#include "gil_wait.bpf.h"
#include "gil_target.bpf.h"
#include "gil_stack.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define SYS_SCHED_YIELD 24
#define VAIN_MAX 16
#define OWN_STACK 65536  /* what is this little above its stack pointer */
#define SPIN_NS 10000000 /* who goes on spinning is told of this often */

/* futex(2): operations, and a bit of theirs */
#define WAIT 0
#define LOCK_PI 6
#define WAIT_BITSET 9
#define WAIT_REQUEUE_PI 11
#define LOCK_PI2 13
#define OPERATION 127
#define PRIVATE 128

enum state {
	RUNS,
	SLEEPS,
	RAN, /* it runs, but its wake was not seen: what the run queue took is known when it leaves the processor */
	YIELDS,
};

/* One thread. Written by the thread's own switches, one at a time, and by its wakes; sums also by who tells them. */
struct lock_thread {
	__u64 life; /* of the target when all below was written */
	__u32 tid, waker;
	__u8 state, kind, woken, by_futex;
	__u32 target; /* index */
	__u64 off_ns, wake_ns, on_ns;
	__u64 ran_ns, delay_ns; /* the kernel's totals of it when it left its processor */
	__u64 futex, address;   /* the word it sleeps on, and the lock */
	__u64 stack;
	struct python_state python;
	__u32 vain, unused; /* how often that was looked for in vain */
	char name[BD_EVENTS_TEXT];
	/* spinning that was not told yet */
	__u64 yields, yields_ns;
	__u64 first_ns, last_ns;
	__u64 spin_stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct lock_thread);
} lock_threads SEC(".maps");

/* ---- telling ------------------------------------------------------------------------------------------------- */

/* The thread may go on meanwhile on another processor: what was counted is taken once, and lies between the two times. */
static __always_inline void tell_spin(struct lock_thread *th)
{
	if (!th->yields)
		return;
	__u64 first = th->first_ns, stack = th->spin_stack;
	barrier();
	__u64 yields = __sync_lock_test_and_set(&th->yields, 0), ns = __sync_lock_test_and_set(&th->yields_ns, 0);
	if (!yields)
		return;
	struct bd_rec_spin *r = bpf_ringbuf_reserve(&ring, sizeof *r, 0);
	if (!r) { /* later, with what is to come */
		__sync_fetch_and_add(&th->yields, yields);
		__sync_fetch_and_add(&th->yields_ns, ns);
		return;
	}
	*r = (struct bd_rec_spin){
		.head = {BD_REC_SPIN, sizeof *r, th->target},
		.tid = th->tid,
		.yields = (__u32)yields,
		.from_ns = first,
		.to_ns = th->last_ns,
		.off_ns = ns,
		.stack = stack,
	};
	bpf_ringbuf_submit(r, wake_flags(false));
}

static __always_inline void tell_lock(const struct place *at, struct lock_thread *th, __u64 on, __u64 queued,
	__u16 flags)
{
	struct bd_rec_lock *r = reserve(at, BD_REC_LOCK, sizeof *r);
	if (!r)
		return;
	r->tid = th->tid;
	r->waker = th->waker;
	r->kind = th->kind;
	r->unused = 0;
	r->flags = flags | (th->by_futex ? BD_REC_BY_FUTEX : 0);
	r->unused2 = 0;
	r->off_ns = th->off_ns;
	r->on_ns = on;
	r->wake_ns = th->woken ? th->wake_ns : 0;
	r->queued_ns = queued;
	r->address = th->address;
	r->stack = th->stack;
	__builtin_memcpy(r->name, th->name, sizeof r->name);
	bpf_ringbuf_submit(r, wake_flags(false));
}

/* ---- what it waits for --------------------------------------------------------------------------------------- */

static __always_inline __u64 word_at(__u64 address)
{
	__u64 v = 0;
	bpf_probe_read_user(&v, sizeof v, (void *)address);
	return v;
}

/* Whether there is an object, and the name of its type: the type of a type is `type`, or a metaclass whose type that is. */
static __always_inline bool is_object(const struct bd_event_locks *l, __u64 object, struct lock_thread *th)
{
	__u64 type = word_at(object + l->ob_type), meta = type ? word_at(type + l->ob_type) : 0;
	if (!meta || (meta != l->type_type && word_at(meta + l->ob_type) != l->type_type))
		return false;
	__u64 name = word_at(type + l->tp_name);
	if (name)
		bpf_probe_read_user_str(th->name, sizeof th->name, (void *)name);
	return true;
}

static __always_inline bool in_interpreter(const struct place *at, __u64 address)
{
	const struct bd_event_locks *l = &at->target->locks;
	for (__u32 i = 0; i < BD_EVENTS_INTERPRETERS; i++) {
		if (i >= at->target->interpreters_len)
			return false;
		__u64 start = at->target->interpreter[i].threads_head - l->threads_head;
		if (address - start < l->interpreter_size)
			return true;
	}
	return false;
}

/* The futex word of a thread that is parked lies in an entry of the parking lot on its stack: what it is parked with, the
 * address it is parked at, the semaphore of 32 bytes, and a node of a list. That is linked both ways; or, when somebody
 * just took it off to wake the thread, cleared and followed by a flag that says so. */
struct parked {
	__u64 with, address;
};

static __always_inline bool is_parked(__u64 futex, struct parked *ret)
{
	struct {
		__u64 next, prev;
		__u8 taken_off;
	} node = {0};
	__u64 at = futex + 32;
	if (bpf_probe_read_user(ret, sizeof *ret, (void *)(futex - sizeof *ret)) ||
		bpf_probe_read_user(&node, 17, (void *)at))
		return false;
	if (!node.next && !node.prev)
		return node.taken_off == 1;
	return word_at(node.next + 8) == at && word_at(node.prev) == at;
}

static __always_inline __u8 kind_of_parked(const struct place *at, const struct parked *p, struct lock_thread *th)
{
	const struct bd_event_locks *l = &at->target->locks;
	if (word_at(p->address - l->state + at->target->layout.native_thread_id) == th->tid)
		return BD_REC_LOCK_STOP;
	/* only who waits for a mutex parks with something: its own stack entry, for the hand-over */
	if (p->with && (p->address & 15) == l->ob_mutex && is_object(l, p->address - l->ob_mutex, th))
		return BD_REC_LOCK_OBJECT;
	if (in_interpreter(at, p->address))
		return BD_REC_LOCK_INTERPRETER;
	if (p->address - l->runtime < l->runtime_size)
		return BD_REC_LOCK_RUNTIME;
	if (!p->with)
		return BD_REC_LOCK_PARKED;
	/* threading.Lock: the mutex follows the object's header */
	if ((p->address & 15) == 0)
		is_object(l, p->address - 32, th);
	return BD_REC_LOCK_MUTEX;
}

/* PyThread_type_lock is a semaphore of the C library: a word that was 0, then the number of those who wait, then 0 as it
 * is not shared between processes. A condition variable sleeps in the same way, on a word behind the number of its
 * waiters (in steps of 8) and that of those who refer to its group (in steps of 2). */
static __always_inline bool is_semaphore(const struct pt_regs *regs)
{
	__u64 futex = regs->di;
	struct {
		__u32 value, waiters, private;
	} w;
	struct {
		__u32 group_refs, between[4], refs;
	} before = {0};
	if ((regs->si & (OPERATION | PRIVATE)) != (WAIT_BITSET | PRIVATE) || (__u32)regs->dx != 0 || futex % 8 ||
		bpf_probe_read_user(&w, sizeof w, (void *)futex))
		return false;
	bpf_probe_read_user(&before, sizeof before, (void *)(futex - sizeof before));
	bool condition = before.refs / 8 - 1 < 4096 && before.group_refs / 2 - 1 < 4096;
	return w.value <= 1 && w.waiters - 1 < 4096 && w.private == 0 && !condition;
}

static __always_inline void name_lock(const struct place *at, const struct pt_regs *regs, struct lock_thread *th)
{
	struct parked p;
	__u64 futex = regs->di;
	__builtin_memset(th->name, 0, sizeof th->name);
	th->futex = th->address = futex;
	if (is_parked(futex, &p)) {
		th->address = p.address;
		th->kind = kind_of_parked(at, &p, th);
	} else if (!is_semaphore(regs)) {
		th->kind = BD_REC_LOCK_FUTEX;
	} else if (futex - regs->sp < OWN_STACK) { /* one of those who guard the parking lot: no address of a lock */
		th->kind = BD_REC_LOCK_PARKED;
		th->address = 0;
	} else {
		th->kind = BD_REC_LOCK_THREAD;
	}
}

/* ---- leaving the processor ----------------------------------------------------------------------------------- */

static __always_inline void end_yield(struct lock_thread *th, __u64 on)
{
	th->state = RUNS;
	th->last_ns = on;
	__sync_fetch_and_add(&th->yields_ns, on - th->off_ns);
	__sync_fetch_and_add(&th->yields, 1);
}

static __always_inline void end_sleep(const struct place *at, struct lock_thread *th, __u64 on, __u64 queued,
	__u16 flags)
{
	__u64 slice = on - th->off_ns;
	th->state = RUNS;
	if (!th->by_futex)
		queued = 0;
	else if (queued > slice)
		queued = slice;
	tell_lock(at, th, on, queued, flags);
}

/* As with waits for a GIL: an end or a wake that was not delivered is made up for from the kernel's own accounts. */
static __always_inline void settle(const struct place *at, struct lock_thread *th, struct task_struct *task)
{
	__u64 on = th->on_ns;
	if (th->state != RAN)
		on = ran_since(task, th->ran_ns, th->off_ns);
	if (th->state == YIELDS) {
		end_yield(th, on);
		return;
	}
	if (!th->woken)
		th->by_futex = 1;
	end_sleep(at, th, on, th->woken && on > th->wake_ns ? on - th->wake_ns : delay_ns(task) - th->delay_ns,
		BD_REC_SETTLED);
}

/* A thread that starts has no thread state yet, but soon. */
static __always_inline __u64 stack_of(const struct place *at, struct lock_thread *th)
{
	if (!th->python.address && th->vain < VAIN_MAX) {
		th->vain++;
		th->python.tried_ns = 0;
	}
	return tell_stack(at->index, find_state(at, &th->python, th->tid, BD_PROBE_GILS), th->tid);
}

static __always_inline void leaves(struct task_struct *task, bool preempt)
{
	struct place at;
	if (!find_target(task, &at) || !at.target->locks.free_threaded)
		return;
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u64 call = regs->orig_ax, op = regs->si & OPERATION;
	bool yields = !preempt && !task->__state && call == SYS_SCHED_YIELD;
	bool sleeps = goes_to_sleep(task, preempt) && call == SYS_FUTEX &&
		(op == WAIT || op == WAIT_BITSET || op == LOCK_PI || op == LOCK_PI2 || op == WAIT_REQUEUE_PI) &&
		!find_gil(&at, regs->di);
	struct lock_thread *th = bpf_task_storage_get(&lock_threads, task, 0,
		yields || sleeps ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (!th) {
		if (sleeps)
			count_lost(&at);
		return;
	}
	__u64 now = bpf_ktime_get_ns();
	if (th->life != at.target->life) { /* new, or traced once before */
		__builtin_memset(th, 0, sizeof *th);
		th->life = at.target->life;
		th->target = at.index;
		th->tid = tid_of(task);
	}
	if (th->state != RUNS)
		settle(&at, th, task);
	/* what was summed up goes before what comes now; a thread that ends leaves its processor for the last time */
	if (th->yields && ((task->__state && !preempt) || now - th->first_ns >= SPIN_NS))
		tell_spin(th);
	if (!yields && !sleeps)
		return;
	if (sleeps) {
		name_lock(&at, regs, th);
		th->stack = stack_of(&at, th);
	} else if (!th->yields) {
		th->first_ns = now;
		th->spin_stack = stack_of(&at, th);
	}
	th->woken = th->by_futex = 0;
	th->waker = 0;
	th->off_ns = now;
	th->ran_ns = ran_ns(task);
	th->delay_ns = delay_ns(task);
	th->state = yields ? YIELDS : SLEEPS;
}

/* ---- running again ------------------------------------------------------------------------------------------- */

/* A thread that went to sleep or yielded before our eyes, of a process that is still traced. */
static __always_inline struct lock_thread *gone(struct task_struct *task, struct place *ret)
{
	struct lock_thread *th = task->bpf_storage ? bpf_task_storage_get(&lock_threads, task, 0, 0) : 0;
	if (!th || (th->state != SLEEPS && th->state != YIELDS))
		return 0;
	return find_target(task, ret) && ret->target->life == th->life ? th : 0;
}

static __always_inline void runs(struct task_struct *task)
{
	struct place at;
	struct lock_thread *th = gone(task, &at);
	if (!th)
		return;
	__u64 now = bpf_ktime_get_ns();
	if (th->state == YIELDS) {
		end_yield(th, now);
	} else if (th->woken) {
		end_sleep(&at, th, now, now - th->wake_ns, 0);
	} else {
		th->on_ns = now;
		th->state = RAN;
	}
}

SEC("tp_btf/sched_switch")
int BPF_PROG(locks_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	leaves(prev, preempt);
	runs(next);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(locks_waking, struct task_struct *task)
{
	struct place at;
	struct lock_thread *th = gone(task, &at);
	if (!th || th->state != SLEEPS || th->woken)
		return 0;
	th->wake_ns = bpf_ktime_get_ns();
	struct task_struct *waker = bpf_get_current_task_btf();
	struct pt_regs *theirs = (struct pt_regs *)bpf_task_pt_regs(waker);
	if (theirs->orig_ax == SYS_FUTEX && theirs->di == th->futex && waker->group_leader == task->group_leader) {
		th->by_futex = 1;
		th->waker = tid_of(waker);
	}
	th->woken = 1;
	return 0;
}

/* Tells what is summed up, of every thread there is: user space has it run now and then, and at the end. */
SEC("iter/task")
int locks_told(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	if (!task || !task->bpf_storage)
		return 0;
	struct lock_thread *th = bpf_task_storage_get(&lock_threads, task, 0, 0);
	if (th)
		tell_spin(th);
	return 0;
}
