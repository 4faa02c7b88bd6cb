/* The load of bench/tracer, loaded by work.py with ctypes.PyDLL: every function is entered with the GIL and releases and
 * takes it itself, so that between two batches its threads sleep outside Python and the traced waits are those of the
 * loops alone. Times are CLOCK_MONOTONIC. */
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void *PyEval_SaveThread(void);
void PyEval_RestoreThread(void *);

struct role {
	int64_t tid, begin_ns, end_ns, waited_ns, asked;
};

void nop(void);
void handoff_thread(int me);
int64_t handoff(int64_t n, int64_t hold_ns, int64_t pause_ns);
const struct role *role(int i);
void pingpong(uint64_t mine, uint64_t other, int first, int64_t ns);
void hold(int64_t ns);
void hand_over(int me, int64_t hold_ns, int64_t ns);

static struct role roles[2];
static _Atomic int64_t batch, parked[2];
static _Atomic int holder, stop;
static int64_t todo, hold_for, pause_for;

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void spin(int64_t ns)
{
	for (int64_t end = now() + ns; now() < end;)
		;
}

static void nap(int64_t ns)
{
	struct timespec t = {ns / 1000000000, ns % 1000000000};
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

void nop(void)
{
}

void hold(int64_t ns)
{
	spin(ns);
}

/* One of two threads on one processor that hand the GIL to each other, a wait each time, as fast as the machine switches. */
void hand_over(int me, int64_t hold_ns, int64_t ns)
{
	static _Atomic int last = -1;
	int64_t end = now() + ns;
	while (now() < end) {
		atomic_store(&last, me);
		sched_yield(); /* the other asks, and sleeps */
		spin(hold_ns);
		void *ts = PyEval_SaveThread();
		while (atomic_load(&last) == me && now() < end)
			sched_yield();
		PyEval_RestoreThread(ts);
	}
}

const struct role *role(int i)
{
	return &roles[i];
}

static void take(struct role *r, void *ts)
{
	int64_t from = now();
	PyEval_RestoreThread(ts);
	r->end_ns = now();
	r->waited_ns += r->end_ns - from;
	r->asked++;
}

/* Strict alternation: holds for hold_for, releases, and asks again only once the other has it. */
static void alternate(int me, void *ts)
{
	struct role *r = &roles[me];
	*r = (struct role){.tid = (int64_t)syscall(SYS_gettid), .begin_ns = now()};
	while (me && atomic_load(&holder) != 0)
		;
	for (int64_t i = 0; i < todo && !atomic_load(&stop); i++) {
		take(r, ts);
		atomic_store(&holder, me);
		spin(hold_for);
		ts = PyEval_SaveThread();
		if (pause_for)
			nap(pause_for);
		while (atomic_load(&holder) == me && !atomic_load(&stop))
			;
	}
	atomic_store(&stop, 1);
}

/* Never comes back. */
void handoff_thread(int me)
{
	void *ts = PyEval_SaveThread();
	prctl(PR_SET_TIMERSLACK, 1);
	for (int64_t done = 0;;) {
		atomic_store(&parked[me], done);
		while (atomic_load(&batch) == done)
			nap(200000);
		done = atomic_load(&batch);
		alternate(me, ts);
	}
}

/* One batch of n turns each; gives ns per turn. */
int64_t handoff(int64_t n, int64_t hold_ns, int64_t pause_ns)
{
	void *ts = PyEval_SaveThread();
	int64_t done = atomic_load(&batch);
	while (atomic_load(&parked[0]) != done || atomic_load(&parked[1]) != done)
		nap(200000);
	todo = n;
	hold_for = hold_ns;
	pause_for = pause_ns;
	atomic_store(&stop, 0);
	atomic_store(&holder, -1);
	atomic_store(&batch, done + 1);
	while (atomic_load(&parked[0]) != done + 1 || atomic_load(&parked[1]) != done + 1)
		nap(200000);
	PyEval_RestoreThread(ts);
	int64_t turns = roles[0].asked + roles[1].asked;
	return (roles[0].end_ns - roles[0].begin_ns) / (turns ? turns : 1);
}

/* One of two threads on one processor that wake each other in turn, each sleeping in futex(2) on its own word: as many
 * sleeps per second as the machine has switches. The words lie in a part of the GIL that nobody uses meanwhile. */
void pingpong(uint64_t mine, uint64_t other, int first, int64_t ns)
{
	void *ts = PyEval_SaveThread();
	_Atomic uint32_t *m = (_Atomic uint32_t *)mine, *o = (_Atomic uint32_t *)other;
	int64_t end = now() + ns;
	for (int over = 0; !over;) {
		while (!first && atomic_load(m) == 0)
			syscall(SYS_futex, m, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
		first = 0;
		over = atomic_load(m) == 2 || now() >= end;
		atomic_store(m, 0);
		atomic_store(o, over ? 2 : 1);
		syscall(SYS_futex, o, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	PyEval_RestoreThread(ts);
}
