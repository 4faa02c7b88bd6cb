/* The threads of a cell, and batches.
 *
 * A lane is made in bd_team_new and lives until bd_team_free. Between batches it sleeps in a futex without the GIL and
 * without wanting it. A batch: the coordinating main thread releases the GIL and raises `turn`; every lane goes to its
 * processor, reads its own counters, and meets the others at a native barrier, where the clock starts; only then it
 * asks for the GIL. The main thread sleeps until the stop. A team of one has no thread: the lane is the caller. */
#include "bd_bench.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- processors -------------------------------------------------------------------------------------------- */

#define PROCESSORS_MAX 4096
#define MASK_BYTES CPU_ALLOC_SIZE(PROCESSORS_MAX)
static cpu_set_t *own_processors;  /* where this process was started */
static cpu_set_t *free_processors; /* what `free` means */

void bd_affinity_save_nogil(void)
{
	own_processors = CPU_ALLOC(PROCESSORS_MAX);
	free_processors = CPU_ALLOC(PROCESSORS_MAX);
	if (!own_processors || !free_processors || sched_getaffinity(0, MASK_BYTES, own_processors) < 0)
		abort();
	CPU_OR_S(MASK_BYTES, free_processors, own_processors, own_processors);
}

void bd_affinity_free_nogil(const struct bd_ints *processors)
{
	CPU_ZERO_S(MASK_BYTES, free_processors);
	for (size_t i = 0; i < processors->n; i++)
		CPU_SET_S((size_t)processors->v[i], MASK_BYTES, free_processors);
}

int bd_affinity_apply_nogil(const struct bd_ints *processors, const char *affinity, unsigned index)
{
	cpu_set_t *set = CPU_ALLOC(PROCESSORS_MAX);
	if (!set)
		abort();
	CPU_ZERO_S(MASK_BYTES, set);
	if (!processors || !processors->n)
		CPU_OR_S(MASK_BYTES, set, own_processors, own_processors);
	else if (bd_streq(affinity, "free"))
		CPU_OR_S(MASK_BYTES, set, free_processors, free_processors);
	else if (bd_streq(affinity, "set"))
		for (size_t i = 0; i < processors->n; i++)
			CPU_SET_S((size_t)processors->v[i], MASK_BYTES, set);
	else
		CPU_SET_S((size_t)processors->v[index % processors->n], MASK_BYTES, set);
	/* A processor taken offline or out of the cgroup in between is seen in the sample: `cpu` says where it ran. */
	sched_setaffinity(0, MASK_BYTES, set);
	CPU_FREE(set);
	return sched_getcpu();
}

/* ---- futexes ----------------------------------------------------------------------------------------------- */

static void wait_while_nogil(_Atomic uint32_t *word, uint32_t value)
{
	while (atomic_load(word) == value)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void raise_nogil(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store(word, value);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- one lane ---------------------------------------------------------------------------------------------- */

struct usage {
	struct rusage ru;
	int64_t cpu_ns;
	uint64_t calls;
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t calls_nogil(unsigned slot)
{
	return __atomic_load_n(&bd_kernel_slot_at(slot)->calls, __ATOMIC_RELAXED);
}

static void read_usage_nogil(const struct bd_lane *lane, struct usage *u)
{
	getrusage(RUSAGE_THREAD, &u->ru);
	u->calls = calls_nogil(lane->slot);
	u->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void account_nogil(struct bd_lane *lane, const struct usage *before, const struct usage *after)
{
	lane->cpu_ns = after->cpu_ns - before->cpu_ns;
	lane->native_calls = after->calls - before->calls;
	lane->voluntary = after->ru.ru_nvcsw - before->ru.ru_nvcsw;
	lane->involuntary = after->ru.ru_nivcsw - before->ru.ru_nivcsw;
	lane->minor_faults = after->ru.ru_minflt - before->ru.ru_minflt;
	lane->major_faults = after->ru.ru_majflt - before->ru.ru_majflt;
}

/* What processes that the operations were used; one thread has them. */
static void add_children_nogil(struct bd_lane *lane)
{
	if (lane->team->n != 1)
		return;
	const struct bd_children *c = &lane->team->work->children;
	lane->cpu_ns += c->cpu_ns;
	lane->voluntary += c->voluntary;
	lane->involuntary += c->involuntary;
	lane->minor_faults += c->minor_faults;
	lane->major_faults += c->major_faults;
}

static void begin_nogil(struct bd_lane *lane, struct usage *before)
{
	const struct bd_batch *b = lane->team->batch;
	lane->processor = bd_affinity_apply_nogil(b->processors, b->affinity, lane->index);
	struct bd_kernel_slot *slot = bd_kernel_slot_at(lane->slot);
	slot->log_len = 0;
	slot->log_cap = b->log_cap;
	slot->log = b->logs ? b->logs[lane->index] : NULL;
	read_usage_nogil(lane, before);
	lane->cpu_begin_ns = before->cpu_ns;
	lane->calls_begin = before->calls;
}

/* Does the work. With the GIL. */
static void work(struct bd_lane *lane, const struct usage *before)
{
	struct bd_work *w = lane->team->work;
	Py_CLEAR(lane->result);
	if (lane->team->n == 1) {
		w->children = (struct bd_children){0};
		w->failure_key = NULL;
	}
	lane->result = w->desc->run(w, lane->ticker, lane->start);
	struct usage after;
	read_usage_nogil(lane, &after);
	if (lane->team->batch->weigh) {
		bd_malloc_settle();
		lane->bytes = bd_malloc_exact_bytes(&(bool){0});
	}
	account_nogil(lane, before, &after);
	add_children_nogil(lane);
	if (!lane->result) {
		free(lane->failure);
		lane->failure = bd_py_error();
	}
	struct bd_kernel_slot *slot = bd_kernel_slot_at(lane->slot);
	slot->log = NULL;
	lane->log_len = BD_MIN(slot->log_len, slot->log_cap);

	if (lane->result && !((const struct bd_ticker *)lane->ticker)->end_ns) {
		free(lane->failure);
		lane->failure = bd_strdup("the case returned before its ticks were over");
	}

	/* A loop that the flag ended had one turn in flight when the flag went up: between two looks at it lies one turn. */
	const struct bd_ticker *t = (const struct bd_ticker *)lane->ticker;
	lane->end_ns = t->end_ns;
	lane->straddled = t->stopped && t->started ? w->per_turn : 0;
	lane->ops = t->started * w->per_turn - lane->straddled;
}

static PyObject *lane_main(PyObject *capsule, PyObject *no_args)
{
	(void)no_args;
	struct bd_lane *lane = PyCapsule_GetPointer(capsule, NULL);
	struct bd_team *team = lane->team;
	lane->tid = gettid();
	pthread_getcpuclockid(pthread_self(), &lane->cpu_clock);
	bd_kernel_take_slot(lane->slot);
	uint32_t turn = 0;
	PyThreadState *state = PyEval_SaveThread();
	if (atomic_fetch_add(&team->running, 1) + 1 == team->n)
		raise_nogil(&team->done, 1);
	for (;;) {
		wait_while_nogil(&team->turn, turn);
		turn = atomic_load(&team->turn);
		if (team->quit)
			break;
		struct usage before;
		begin_nogil(lane, &before);
		if (atomic_fetch_add(&team->arrived, 1) + 1 == team->n) {
			team->start_ns = bd_clock_mono_ns();
			raise_nogil(&team->go, turn);
		} else {
			wait_while_nogil(&team->go, turn - 1);
		}
		PyEval_RestoreThread(state);
		work(lane, &before);
		PyEval_SaveThread();
		if (atomic_fetch_sub(&team->running, 1) == 1)
			raise_nogil(&team->done, turn + 1);
	}
	PyEval_RestoreThread(state);
	Py_RETURN_NONE;
}

/* ---- the team ---------------------------------------------------------------------------------------------- */

static unsigned next_slot = 1;

static int start_threads(struct bd_team *team, struct bd_error *err)
{
	static PyMethodDef def = {"lane", lane_main, METH_NOARGS, NULL};
	bd_auto_py PyObject *module = PyImport_ImportModule("_thread");
	bd_auto_py PyObject *start = module ? PyObject_GetAttrString(module, "start_new_thread") : NULL;
	bd_auto_py PyObject *nothing = PyTuple_New(0);
	if (!start || !nothing)
		return bd_py_error_set(err, "no-threads");
	for (unsigned i = 0; i < team->n; i++) {
		bd_auto_py PyObject *capsule = PyCapsule_New(&team->lanes[i], NULL, NULL);
		bd_auto_py PyObject *function = capsule ? PyCFunction_New(&def, capsule) : NULL;
		bd_auto_py PyObject *ident = function ? PyObject_CallFunctionObjArgs(start, function, nothing, NULL)
						      : NULL;
		if (!ident)
			return bd_py_error_set(err, "no-threads");
	}
	Py_BEGIN_ALLOW_THREADS wait_while_nogil(&team->done, 0);
	Py_END_ALLOW_THREADS return 0;
}

int bd_team_new(struct bd_work *w, uint64_t seed, struct bd_team **ret, struct bd_error *err)
{
	unsigned n = (unsigned)w->threads;
	if (next_slot + n > BD_KERNEL_SLOTS)
		return bd_error_set(err, -ENOTSUP, "too-many-threads", "use fewer cells or fewer threads in one run",
			"a worker has counters for %d threads", BD_KERNEL_SLOTS - 1);
	struct bd_team *team = bd_alloc(sizeof *team);
	team->work = w;
	team->n = n;
	if (posix_memalign((void **)&team->lanes, 128, n * sizeof *team->lanes))
		abort();
	memset(team->lanes, 0, n * sizeof *team->lanes);
	struct bd_rng rng;
	bd_rng_init(&rng, seed);
	for (unsigned i = 0; i < n; i++) {
		struct bd_lane *lane = &team->lanes[i];
		lane->team = team;
		lane->index = i;
		lane->slot = next_slot++;
		lane->ticker = bd_ticker_new(&team->stop);
		lane->start = PyLong_FromUnsignedLongLong(bd_rng_next(&rng) & BD_KERNEL_MASK);
		if (!lane->ticker || !lane->start)
			abort();
	}
	if (n == 1) {
		team->lanes[0].tid = gettid();
	} else {
		int r = start_threads(team, err);
		if (r < 0)
			return r; /* threads already started sleep until the process ends: the team cannot be freed */
	}
	*ret = team;
	return 0;
}

/* A case that forks and lets both go on: its child must not do the rest of the batch too, and fork again in it. */
static struct bd_team *alone; /* whose batch runs now */
static bool is_child;

static void child_of_a_case(void)
{
	if (!alone)
		return;
	is_child = true;
	atomic_store(&alone->stop, true);
}

static void run_alone(struct bd_team *team)
{
	static bool watched;
	if (!watched)
		watched = pthread_atfork(NULL, NULL, child_of_a_case) == 0;
	alone = team;
	struct bd_lane *lane = &team->lanes[0];
	struct usage before;
	begin_nogil(lane, &before);
	bd_kernel_take_slot(lane->slot);
	int64_t began_ns = team->start_ns = bd_clock_mono_ns();
	work(lane, &before);
	team->spent_ns = bd_clock_mono_ns() - began_ns;
	if (is_child)
		_exit(0);
	alone = NULL;
	const struct bd_ticker *t = (const struct bd_ticker *)lane->ticker;
	if (t->begin_ns)
		team->start_ns = t->begin_ns;
	team->wall_ns = lane->end_ns - team->start_ns;
}

#define POLL_NS 2000000
#define STOP_SLACK_NS 10000 /* two clock readings and a store take far less */

static void sleep_until_nogil(int64_t at)
{
	struct timespec t = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static bool all_had_nogil(const struct bd_team *team, int64_t cpu_ns)
{
	for (unsigned i = 0; i < team->n; i++)
		if (clock_ns(team->lanes[i].cpu_clock) - team->lanes[i].cpu_begin_ns < cpu_ns)
			return false;
	return true;
}

#define STOP_WITHIN_NS 20000
#define STOP_ATTEMPTS 20

/* The moment of the stop, and what was finished then: seen at once, not with a pause of the kernel's in between. */
static void stop_nogil(struct bd_team *team)
{
	for (int attempt = 0; attempt < STOP_ATTEMPTS; attempt++) {
		int64_t before = bd_clock_mono_ns();
		for (unsigned i = 0; i < team->n; i++)
			team->lanes[i].calls_stop = calls_nogil(team->lanes[i].slot);
		team->stop_ns = bd_clock_mono_ns();
		if (team->stop_ns - before < STOP_WITHIN_NS)
			break;
	}
	atomic_store(&team->stop, true);
}

static bool counted_at_stop(const struct bd_work *w)
{
	return w->overlap == BD_OVERLAP_NONE && w->native_calls;
}

/* A thread that holds the GIL in its native part waits for it between two turns: at the stop the last turn of a waiting
 * one was finished, though it hears of the stop only when it gets the GIL. */
static void settle(const struct bd_work *w, struct bd_lane *lane)
{
	if (!lane->straddled || !counted_at_stop(w))
		return;
	uint64_t all = lane->ops + lane->straddled;
	lane->ops = BD_MIN((lane->calls_stop - lane->calls_begin) / w->native_calls, all);
	lane->straddled = all - lane->ops;
}

/* The flag went up between stop_ns and after_ns. Where this thread was preempted in between, the first lane that saw the
 * flag tells more: it went up before that lane ended. Not where what was finished is known for stop_ns itself. */
static void settle_stop(struct bd_team *team, int64_t after_ns)
{
	if (after_ns - team->stop_ns < STOP_SLACK_NS || counted_at_stop(team->work))
		return;
	int64_t latest = after_ns;
	for (unsigned i = 0; i < team->n; i++)
		if (team->lanes[i].straddled)
			latest = BD_MIN(latest, team->lanes[i].end_ns);
	team->stop_ns = BD_MAX(team->stop_ns, latest);
}

static void run_together_nogil(struct bd_team *team)
{
	const struct bd_batch *b = team->batch;
	/* The main thread only keeps time: where it was started, off the processors that are measured if one is to spare. */
	bd_affinity_apply_nogil(NULL, "free", 0);
	atomic_store(&team->arrived, 0);
	atomic_store(&team->running, team->n);
	uint32_t turn = atomic_load(&team->turn) + 1;
	raise_nogil(&team->turn, turn);
	wait_while_nogil(&team->go, turn - 1);
	int64_t after_ns = 0;
	if (b->duration_ns) {
		int64_t at = team->start_ns + b->duration_ns, latest = team->start_ns + b->patience_ns;
		sleep_until_nogil(at);
		while (at < latest && !all_had_nogil(team, b->cpu_ns))
			sleep_until_nogil(at += POLL_NS);
		stop_nogil(team);
		after_ns = bd_clock_mono_ns();
	}
	wait_while_nogil(&team->done, turn);
	if (b->duration_ns) {
		settle_stop(team, after_ns);
		team->wall_ns = team->stop_ns - team->start_ns;
	}
}

int bd_team_run(struct bd_team *team, const struct bd_batch *batch, struct bd_error *err)
{
	uint64_t per_turn = team->work->per_turn;
	uint64_t limit = batch->iterations ? (batch->iterations + per_turn - 1) / per_turn : UINT64_MAX;
	uint64_t stray = bd_kernel_slot_at(0)->calls;
	atomic_store(&team->stop, false);
	team->batch = batch;
	for (unsigned i = 0; i < team->n; i++)
		bd_ticker_reset(team->lanes[i].ticker, limit);
	if (team->n == 1) {
		run_alone(team);
	} else {
		Py_BEGIN_ALLOW_THREADS run_together_nogil(team);
		Py_END_ALLOW_THREADS
	}
	team->batch = NULL;
	team->stray_calls = bd_kernel_slot_at(0)->calls - stray;
	int64_t end = team->start_ns;
	for (unsigned i = 0; i < team->n; i++) {
		struct bd_lane *lane = &team->lanes[i];
		if (lane->failure) {
			if (team->n == 1)
				bd_error_set(err, -EIO, team->work->failure_key ? team->work->failure_key : "exception",
					"", "%s", lane->failure);
			else
				bd_error_set(err, -EIO, "exception", "", "thread %u: %s", i, lane->failure);
			free(BD_TAKE_PTR(lane->failure));
			return -EIO;
		}
		settle(team->work, lane);
		lane->overrun_ns = batch->duration_ns ? BD_MAX(lane->end_ns - team->stop_ns, 0) : 0;
		end = BD_MAX(end, lane->end_ns);
	}
	if (!batch->duration_ns)
		team->wall_ns = end - team->start_ns;
	return 0;
}

void bd_team_free(struct bd_team **pt)
{
	struct bd_team *team = *pt;
	if (!team)
		return;
	*pt = NULL;
	if (team->n > 1) {
		team->quit = true;
		Py_BEGIN_ALLOW_THREADS raise_nogil(&team->turn, atomic_load(&team->turn) + 1);
		Py_END_ALLOW_THREADS return; /* the lanes read the team until they are gone, and nobody joins them: the process ends now */
	}
	Py_CLEAR(team->lanes[0].ticker);
	Py_CLEAR(team->lanes[0].start);
	Py_CLEAR(team->lanes[0].result);
	free(team->lanes);
	free(team);
}
