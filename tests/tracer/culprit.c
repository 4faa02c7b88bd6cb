/* Loaded by culprits.py with ctypes.PyDLL: every function is entered with the GIL. Those named *_end keep it until they
 * return and are the planted culprits; the others release it themselves, so that what a thread waited for it is timed by
 * the clock inside and logged. The log lies in a file, for whoever looks at it from outside while this goes on or after
 * it was killed. Times are CLOCK_MONOTONIC. No culprit calls a function of this file: its own name is what must be found. */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void *PyEval_SaveThread(void);
void PyEval_RestoreThread(void *);
int PyGILState_Ensure(void);
void PyGILState_Release(int);

int account_open(const char *path, int64_t capacity);
int64_t spin_end(int64_t ns, int64_t what);
int64_t sleep_end(int64_t ns, int64_t what);
int64_t take_notes(int64_t begin_ns, int64_t end_ns, int64_t what);
int64_t clock_ns(void);
int64_t rest(int64_t ns);
int64_t nothing(void);
int64_t foreign_start(int (*called)(void), int64_t period_ns);
int64_t foreign_stop(void);
int64_t paced(uint64_t mine, uint64_t other, int64_t first, int64_t gap_ns, int64_t ns);

enum { WAITED = -1, STALLED = -2 }; /* taking the GIL; giving it up where the switch was forced */

struct entry {
	int64_t begin_ns, end_ns;
	int32_t tid, what; /* what >= 0: held the GIL, at the line of that number */
	int64_t complete;  /* written last */
};
static struct account {
	_Atomic int64_t used;
	int64_t capacity, unused[2];
	struct entry entry[];
} * account;

static inline int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline int32_t own_tid(void)
{
	static _Thread_local int32_t tid;
	if (!tid)
		tid = (int32_t)syscall(SYS_gettid);
	return tid;
}

static inline void nap(int64_t ns)
{
	struct timespec t = {ns / 1000000000, ns % 1000000000};
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static inline void write_down(int64_t begin_ns, int64_t end_ns, int32_t what)
{
	if (!account)
		return;
	int64_t i = atomic_fetch_add(&account->used, 1);
	if (i >= account->capacity)
		abort(); /* a truth with gaps is none */
	struct entry *e = &account->entry[i];
	*e = (struct entry){.begin_ns = begin_ns, .end_ns = end_ns, .tid = own_tid(), .what = what};
	atomic_signal_fence(memory_order_seq_cst);
	e->complete = 1;
}

int account_open(const char *path, int64_t capacity)
{
	size_t bytes = sizeof *account + (size_t)capacity * sizeof(struct entry);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		return -1;
	/* populated: a page fault in a logged section would be in the truth */
	account = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	close(fd);
	if (account == MAP_FAILED)
		return -1;
	account->capacity = capacity;
	return 0;
}

int64_t clock_ns(void)
{
	return now();
}

int64_t take_notes(int64_t begin_ns, int64_t end_ns, int64_t what)
{
	write_down(begin_ns, end_ns, (int32_t)what);
	return 0;
}

int64_t spin_end(int64_t ns, int64_t what)
{
	int64_t from = now(), until;
	do
		until = now();
	while (until - from < ns);
	write_down(from, until, (int32_t)what);
	return until - from;
}

/* In a system call, with the GIL. */
int64_t sleep_end(int64_t ns, int64_t what)
{
	int64_t from = now();
	nap(ns);
	write_down(from, now(), (int32_t)what);
	return 0;
}

/* Away from Python for ns, and back. */
int64_t rest(int64_t ns)
{
	int64_t from = now();
	void *ts = PyEval_SaveThread();
	int64_t out = now();
	if (out - from >= 2000) /* no sleep in futex(2) is shorter */
		write_down(from, out, STALLED);
	nap(ns);
	from = now();
	PyEval_RestoreThread(ts);
	write_down(from, now(), WAITED);
	return 0;
}

int64_t nothing(void)
{
	PyEval_RestoreThread(PyEval_SaveThread());
	return 0;
}

/* A thread of its own, unknown to Python, that calls in now and then. */
static struct {
	pthread_t thread;
	_Atomic int stop;
	_Atomic int tid;
	int (*called)(void);
	int64_t period_ns;
} foreign;

static void *foreign_run(void *arg)
{
	atomic_store(&foreign.tid, own_tid());
	while (!atomic_load(&foreign.stop)) {
		nap(foreign.period_ns);
		int64_t from = now();
		int state = PyGILState_Ensure();
		write_down(from, now(), WAITED);
		foreign.called();
		PyGILState_Release(state);
	}
	return arg;
}

int64_t foreign_start(int (*called)(void), int64_t period_ns)
{
	foreign.called = called;
	foreign.period_ns = period_ns;
	if (pthread_create(&foreign.thread, NULL, foreign_run, NULL) != 0)
		return -1;
	int tid;
	while ((tid = atomic_load(&foreign.tid)) == 0)
		nap(100000);
	return tid;
}

int64_t foreign_stop(void)
{
	atomic_store(&foreign.stop, 1);
	void *ts = PyEval_SaveThread();
	pthread_join(foreign.thread, NULL);
	PyEval_RestoreThread(ts);
	return 0;
}

/* One of two threads that wake each other in turn, each asleep in futex(2) on its own word, at most once per gap: sleeps of
 * a known rate. The words lie in a part of a GIL that nobody uses meanwhile. Gives how often it slept. */
int64_t paced(uint64_t mine, uint64_t other, int64_t first, int64_t gap_ns, int64_t ns)
{
	void *ts = PyEval_SaveThread();
	_Atomic uint32_t *m = (_Atomic uint32_t *)mine, *o = (_Atomic uint32_t *)other;
	int64_t begin = now(), end = begin + ns, due = begin, slept = 0, t;
	for (int over = 0; !over;) {
		while (!first && atomic_load(m) == 0)
			if (syscall(SYS_futex, m, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) == 0)
				slept++;
		first = 0;
		while ((t = now()) < due)
			;
		due = t - due > 1000000 ? t : due + 2 * gap_ns; /* after a long absence no crowd of late ones */
		over = atomic_load(m) == 2 || t >= end;
		atomic_store(m, 0);
		atomic_store(o, over ? 2 : 1);
		syscall(SYS_futex, o, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	PyEval_RestoreThread(ts);
	return slept;
}
