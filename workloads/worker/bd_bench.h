/* The parts of bench-worker. Everything needs the GIL unless its name ends in _nogil; one process, one conversation, so
 * what belongs to the process is static in its file. */
#ifndef BD_BENCH_H
#define BD_BENCH_H

#include "bd_case.h"
#include "bd_checks.h"
#include "bd_kernels.h"

#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#define bd_auto_py BD_CLEANUP(bd_py_clear)
static inline void bd_py_clear(PyObject **o)
{
	Py_CLEAR(*o);
}
/* The pending Python exception as text, cleared: "ValueError: …". Caller frees. */
char *bd_py_error(void);
/* The same as an error of this key, -EIO. */
int bd_py_error_set(struct bd_error *err, const char *key);
/* The type of exceptions whose text says everything: bd_py_error puts no name before it. Borrowed. */
PyObject *bd_py_said(void);

/* ---- what this build is (written by configure) ------------------------------------------------------------- */

struct bd_interpreter {
	const char *id, *executable, *flags;
	const char *bindings; /* names, comma-separated, the default first */
};
extern const struct bd_interpreter bd_interpreter;

/* ---- the host: host_embed.c or host_exe.c ------------------------------------------------------------------- */

extern const char *const bd_host_name; /* "embedded" or "exe", as in `ready` */
const char *bd_host_folder(void);      /* of the program or module that the core is in; borrowed */

/* ---- core.c ------------------------------------------------------------------------------------------------ */

/* Serves one conversation on the two descriptors of BENCHD_FDS; the host has initialised Python and holds the GIL.
 * Does not return: ends the process. */
_Noreturn void bd_bench_serve(void);
struct bd_bench_cell;
struct bd_batch;
/* One checked batch of the cell; false = its verdict says why. */
bool bd_bench_run(struct bd_bench_cell *c, const struct bd_batch *batch);
/* The batch alone, which no check sees. */
int bd_bench_run_team(struct bd_bench_cell *c, const struct bd_batch *batch, struct bd_error *err);

/* ---- sampling.c -------------------------------------------------------------------------------------------- */

struct bd_team;
void bd_sample_begin(struct bd_bench_cell *c, uint64_t probe_steps, struct bd_worker_sample *s);
void bd_sample_add(const struct bd_team *team, struct bd_worker_sample *s); /* the batch that just was */
void bd_sample_end(struct bd_bench_cell *c, uint64_t probe_steps, struct bd_worker_sample *s);
/* What all allocators that Python uses have live; BD_NULL_INT where one of them cannot be read. */
int64_t bd_memory_live_bytes(void);
/* What one batch of the cell (NULL: nothing) does to memory; false when run() said so. */
bool bd_memory_of(struct bd_bench_cell *c, bool (*run)(struct bd_bench_cell *c, int64_t times),
	struct bd_worker_memory *m);

/* ---- allocations.c ----------------------------------------------------------------------------------------- */

/* Counts what all threads ask Python's allocators for, between the two. */
void bd_allocations_begin(void);
void bd_allocations_end(uint64_t *ret_calls, uint64_t *ret_bytes);

/* ---- targets.c, userfile.c: what users bring ------------------------------------------------------------------ */

void bd_targets_read(const cJSON *list);
/* In processes of their own, so that one that dies or hangs is one case that failed. */
void bd_targets_describe(struct bd_catalogue *ret);
/* Loads what it is in. NULL: -ENOENT, there is no such case; else it cannot be tried. */
const struct bd_case *bd_targets_case(const char *name, struct bd_error *err);
int bd_userfile_open(struct bd_error *err);
/* [(path, hash or None)] of users' Python files loaded since; NULL: none, or an exception. */
PyObject *bd_userfile_loaded(PyObject *modules_before);
/* The exception from the view of a user's file; NULL: it has nothing to do with one. */
char *bd_userfile_explain(PyObject *exception);

/* ---- output.c: standard output and error of users' code -------------------------------------------------------- */

void bd_output_hold(void);                    /* from now on */
void bd_output_take(struct bd_bench_cell *c); /* what came since was this cell's */
void bd_output_notes(const struct bd_bench_cell *c, struct bd_reason **notes, size_t *n);
void bd_output_release(void);
/* Where standard error is now, and the end of what was written to it since, as one line. */
int64_t bd_output_error_at(void);
void bd_output_error_tail(int64_t from, char *ret, size_t size);
void bd_note_add(struct bd_reason **notes, size_t *n, const char *key, const char *hint, const char *fmt, ...)
	BD_PRINTF(5, 6);

/* ---- loaded.c: what was loaded since `ready` -------------------------------------------------------------------- */

void bd_loaded_remember(const struct bd_worker_object *objects, size_t n);
void bd_loaded_since(struct bd_worker_object **ret, size_t *ret_n);

/* ---- wire.c: lines of JSON --------------------------------------------------------------------------------- */

#define BD_WIRE_LINE_MAX (4u << 20)
int bd_wire_open_nogil(void);                             /* 0, or -EINVAL: no usable BENCHD_FDS */
cJSON *bd_wire_read_nogil(void);                          /* NULL at end of input; nonsense is a fault */
int bd_fd_high(int fd);                                   /* the same under a high number; takes fd */
void bd_wire_close_nogil(void);                           /* in a child */
void bd_wire_send_nogil(const char *type, cJSON *object); /* takes object */
void bd_wire_log_nogil(const char *level, const char *fmt, ...) BD_PRINTF(2, 3);
_Noreturn void bd_wire_fault_nogil(const char *key, const char *fmt, ...) BD_PRINTF(2, 3);

/* ---- loop.c: ticks ------------------------------------------------------------------------------------------ */

/* The iterator every case loops over. It ends at a count or when the common stop flag is up, with the same instructions
 * for both, so that loops of one thread and of many differ in nothing. Alone on its cache lines. */
struct bd_ticker {
	PyObject_HEAD char before[128];
	const _Atomic bool *stop;
	uint64_t limit, started;
	int64_t begin_ns, end_ns; /* when the loop over it began and ended; 0 = not yet */
	bool stopped;             /* by the flag */
	char after[128];
};
static inline void bd_ticker_begin(struct bd_ticker *t)
{
	if (!t->begin_ns)
		t->begin_ns = bd_clock_mono_ns();
}
/* One more turn? For loops of C, too. */
static inline bool bd_ticker_next(struct bd_ticker *t)
{
	bool stop = atomic_load_explicit(t->stop, memory_order_relaxed);
	if (__builtin_expect(stop || t->started == t->limit, 0)) {
		if (!t->end_ns) {
			t->end_ns = bd_clock_mono_ns();
			t->stopped = stop;
		}
		return false;
	}
	t->started++;
	return true;
}
/* The same for loops that keep count in a register: how many turns may be done before the next look, up to most; 0 = none. A stop
 * waits for those that were given out. */
static inline uint64_t bd_ticker_take(struct bd_ticker *t, uint64_t most)
{
	if (!bd_ticker_next(t))
		return 0;
	uint64_t more = t->limit - t->started;
	if (more > most - 1)
		more = most - 1;
	t->started += more;
	return 1 + more;
}
PyObject *bd_ticker_new(const _Atomic bool *stop);
void bd_ticker_reset(PyObject *ticker, uint64_t limit);

/* ---- team.c: the threads of a cell ---------------------------------------------------------------------------- */

struct bd_batch {            /* what to run */
	uint64_t iterations; /* per thread, or 0: for duration_ns */
	int64_t duration_ns;
	int64_t cpu_ns;      /* the stop waits until every thread has had so much of a processor, … */
	int64_t patience_ns; /* … but no longer than this; 0 = it waits for nothing */
	const struct bd_ints *processors;
	const char *affinity;          /* pinned, set, free */
	struct bd_kernel_event **logs; /* one per thread with log_cap events, NULL = no log */
	bool weigh;                    /* each thread says what it has allocated in the end */
	uint64_t log_cap;
};

struct bd_team;
struct bd_lane { /* one thread of a cell, and what its last batch was */
	struct bd_team *team;
	unsigned index, slot;
	pid_t tid;
	clockid_t cpu_clock; /* readable by other threads */
	int64_t cpu_begin_ns;
	int64_t processor, voluntary, involuntary, minor_faults, major_faults;
	int64_t cpu_ns, end_ns, overrun_ns;
	uint64_t ops, straddled, native_calls, log_len;
	int64_t bytes;                    /* bd_malloc_exact_bytes() of its thread, when weighed */
	uint64_t calls_begin, calls_stop; /* of its slot, at the beginning and at the stop */
	PyObject *ticker, *start, *result;
	char *failure; /* the exception's text */
} __attribute__((aligned(128)));

struct bd_team {
	struct bd_work *work;
	struct bd_lane *lanes;
	unsigned n;
	int64_t start_ns, wall_ns, stop_ns;
	int64_t spent_ns;     /* in run(), by one thread */
	uint64_t stray_calls; /* kernel calls by threads that have no slot */
	/* the rest is team.c's */
	const struct bd_batch *batch;
	_Atomic bool stop;
	_Atomic uint32_t turn, arrived, go, running, done;
	bool quit;
};

/* How long its last batch took, with what run() did and did not time. */
static inline int64_t bd_team_spent_ns(const struct bd_team *team)
{
	return team->work->untimed ? team->spent_ns : team->wall_ns;
}

/* Operations of its last batch, with those in flight at the stop. */
static inline uint64_t bd_team_ops(const struct bd_team *team)
{
	uint64_t ops = 0;
	for (unsigned i = 0; i < team->n; i++)
		ops += team->lanes[i].ops + team->lanes[i].straddled;
	return ops;
}

/* Makes the threads (none for one) and lets them sleep without the GIL. */
int bd_team_new(struct bd_work *work, uint64_t seed, struct bd_team **ret, struct bd_error *err);
/* One batch; fails with -EIO when a lane ended with an exception. */
int bd_team_run(struct bd_team *team, const struct bd_batch *batch, struct bd_error *err);
void bd_team_free(struct bd_team **team);
/* Puts the calling thread where lane `index` belongs; returns the processor it then is on. */
int bd_affinity_apply_nogil(const struct bd_ints *processors, const char *affinity, unsigned index);
void bd_affinity_save_nogil(void); /* at start */
/* What `free` means; without it, all processors this process was started on. */
void bd_affinity_free_nogil(const struct bd_ints *processors);

/* ---- library.c: bindings and cases in Python -------------------------------------------------------------------- */

int bd_library_open(struct bd_error *err); /* runs loader.py */
int bd_library_add_cases(const char *folder, struct bd_error *err);
const struct bd_case *bd_library_case(const char *name); /* NULL = unknown */
/* Calls a function of loader.py with a tuple; NULL with an exception. */
PyObject *bd_library_call(const char *function, PyObject *args);
/* The pending exception as an error: -ENOTSUP with its reason, when it says that something is impossible here; else
 * -EIO and this key. */
int bd_library_error_set(struct bd_error *err, const char *key);
/* Functions of NAME:VARIANT, borrowed for the life of the process. -ENOTSUP: not on this interpreter. */
int bd_library_binding(const char *name, PyObject **ret, struct bd_error *err);
/* Whether its functions call the kernel library; true for a cell without a binding. */
bool bd_library_counted(PyObject *functions);
void bd_library_catalogue(struct bd_catalogue *ret);

void bd_library_describe(const struct bd_case *c, struct bd_case_info *info);

/* ---- pycase.c -------------------------------------------------------------------------------------------------- */

/* Tuples of (name, summary, values) → params. */
int bd_pycase_params(PyObject *tuples, struct bd_case *c, struct bd_error *err);
/* From what loader.py's case() says of it. */
int bd_pycase_new(PyObject *about, struct bd_case **ret, struct bd_error *err);

/* ---- pycall.c: one operation as a call, in a loop of bytecode or of C ---------------------------------------------- */

#define BD_CALL_UNROLL 10 /* statements per turn: the loop itself is a small part then */

struct bd_call {
	PyObject *function;
	PyObject *args;     /* tuple, the keyword arguments last */
	PyObject *keywords; /* tuple of their names, NULL = none */
	Py_ssize_t k;       /* which argument is the result before, -1 = none */
	/* A function of the kernel library itself, by its pointer, where the binding gives one: NULL = it gives a function of
	 * Python's. Its arguments are all of the kind, as is the result. */
	const void *kernel;
	enum bd_call_kind { BD_CALL_I64, BD_CALL_F64, BD_CALL_BOOL } kind;
};
/* From what a case's call() gave. */
int bd_call_read(PyObject *called, struct bd_call *ret, struct bd_error *err);
void bd_call_done(struct bd_call *c);
/* Makes `k = function(args…)` the loop of w, unrolled per_turn times. */
int bd_call_compile(struct bd_work *w, const struct bd_call *c, struct bd_error *err);
/* The same for what loop() gave: (statement, {name: object}). */
int bd_call_compile_statement(struct bd_work *w, PyObject *given, struct bd_error *err);
/* A call per tick, from C. */
PyObject *bd_call_run(const struct bd_work *w, const struct bd_call *c, PyObject *ticks, PyObject *k);
/* The same where the call is a kernel's: pycall_kernel.c. */
int bd_call_read_kernel(struct bd_call *c, struct bd_error *err);
PyObject *bd_call_run_kernel(const struct bd_work *w, const struct bd_call *c, PyObject *ticks, PyObject *k);

/* ---- self.c: what this process is ------------------------------------------------------------------------------- */

void bd_self_report(struct bd_worker_ready *ret);
const char *bd_self_folder(void); /* of this worker; borrowed */
/* What sys.executable is: the one this worker was built for, or that of a virtual environment made of it, which
 * BENCHD_PYTHON names. Borrowed. */
const char *bd_self_executable(void);
bool bd_self_gil_enabled(void);
bool bd_self_gil_at_start(void);             /* when bd_self_report was called */
void bd_self_gil(struct bd_worker_gil *ret); /* gil.c */
void bd_self_runtime(char **ret_address, int64_t *ret_size);

/* ---- children.c ---------------------------------------------------------------------------------------------------- */

/* Runs a program to its end: its status, and what it wrote to standard output and error, or -errno when that cannot be. It
 * ends with us. */
int bd_child_run(char *const *argv, char *const *envp, char **ret_text, int *ret_status);
/* The worker's own environment, but for what is between it and benchd, and these n. */
void bd_child_environment(const char *const *without, size_t n, struct bd_strv *ret);

/* ---- interpreters.c ------------------------------------------------------------------------------------------------ */

/* A sub-interpreter, with a GIL of its own or the shared one; its thread state is the current one afterwards. -ENOTSUP: this
 * Python has no GILs of their own. */
int bd_subinterpreter_new(bool own, PyThreadState **ret, struct bd_error *err);

/* ---- a cell -------------------------------------------------------------------------------------------------------- */

struct bd_steps { /* what its batches did to what malloc has given: checks_steps.c */
	struct bd_step {
		double ops, bytes;
	} * v;
	size_t n;
};
/* What malloc has given now, as far as all threads of the cell can be read from here; BD_NULL_INT = they cannot. */
int64_t bd_steps_read(const struct bd_bench_cell *c);
/* What so many operations have left. */
void bd_steps_add(struct bd_bench_cell *c, int64_t before, int64_t after, uint64_t ops);

struct bd_bench_cell {
	int64_t id;
	char *case_name, *affinity;
	struct bd_map axes;
	struct bd_ints processors;
	struct bd_work work;
	struct bd_team *team;
	struct bd_verdict verdict;
	bool prepared; /* `prepare` was answered ok: answers to `bye` */
	int64_t iterations, duration_ns;
	double overlap, parallel;
	int64_t first_call_ns;
	uint64_t ops; /* done so far, by all threads */
	struct bd_steps steps;
	int64_t printed[2]; /* bytes to standard output and error */
	struct bd_reason *notes;
	size_t notes_len;
};

/* ---- malloc.c: who serves malloc ---------------------------------------------------------------------------------- */

struct bd_malloc_info {
	const char *name; /* glibc, jemalloc, mimalloc, tcmalloc, tcmalloc, unknown */
	char version[64];
	char path[512];       /* of the object malloc is in */
	const char *objalloc; /* what serves small objects: pymalloc, malloc, mimalloc (Python's own), unknown */
};
const struct bd_malloc_info *bd_malloc_identify(void);
int64_t bd_malloc_live_bytes(void); /* of the whole process; BD_NULL_INT = unknown */
/* To the byte, unlike bd_malloc_live_bytes, which may be all that was ever taken from the system: of the whole process, or
 * of the calling thread alone (*ret_own); BD_NULL_INT = it cannot say. */
int64_t bd_malloc_exact_bytes(bool *ret_own);
/* Freed memory that the calling thread keeps and an allocator counts as given: from now on it is always as much. */
void bd_malloc_settle(void);
/* Forgets what was proven, so that the next check probes again. */
void bd_malloc_forget(void);
int bd_malloc_prove(struct bd_error *err); /* probes; the outcome is kept until bd_malloc_forget */

/* ---- objects.c: loaded ELF objects --------------------------------------------------------------------------------- */

void bd_objects_loaded(struct bd_worker_object **ret, size_t *ret_n);
void bd_objects_free(struct bd_worker_object **objects, size_t *n);
/* Path of the object that holds this address, as the dynamic linker knows it; NULL when none does. Borrowed. */
const char *bd_object_of(const void *address);
/* The definition that calls of this function reach; NULL when there is none. */
const void *bd_object_function(const char *name);

#endif
