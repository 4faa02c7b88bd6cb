/* bd_tracer: the daemon's side of bench-tracer, the only program with kernel rights.
 *
 * bd_tracer_start spawns bench-tracer with a socketpair and has it load, attach and test itself; targets are then added
 * by pid. A handle is used by one thread at a time. Level counters sums up in the kernel and is read between batches; level
 * events tells every wait, with Python stacks, and has to be drained all the time. */
#ifndef BD_TRACER_H
#define BD_TRACER_H

#include "bd_base.h"
#include "offsets.h"

struct bd_tracer;
enum bd_tracer_level { BD_TRACER_COUNTERS, BD_TRACER_EVENTS };
#define BD_TRACER_MAX_TARGETS 32
#define BD_TRACER_MAX_THREADS 128 /* per target */

/* What the tracer was told or found of one GIL. */
struct bd_tracer_gil {
	uint64_t address, size;
	int64_t interpreter;
};

struct bd_tracer_thread {
	int64_t tid; /* as the target itself sees it */
	uint64_t waits, wait_ns, holder_ns, runqueue_ns, switch_ns, mutex_ns, retries, max_ns;
};
struct bd_tracer_block {
	int64_t waiter_tid, holder_tid; /* holder 0 = unknown */
	uint64_t ns, waits;
};
struct bd_tracer_bucket {
	uint32_t bucket; /* as bd_hist_bucket: 16 per octave, exact below 16 ns */
	uint32_t count;
};
/* What happened since the previous read of this target. */
struct bd_tracer_reading {
	struct bd_tracer_thread *threads;
	size_t threads_len;
	struct bd_tracer_block *blocks;
	size_t blocks_len;
	struct bd_tracer_bucket *hist; /* all threads together */
	size_t hist_len;
	uint64_t lost; /* waits that could not be recorded */
};
void bd_tracer_reading_done(struct bd_tracer_reading *r);

/* program: path of bench-tracer. Call it from a thread that lives as long as the handle: the tracer is killed when the
 * thread that started it ends. Errors: tracer-missing, no-bpf-rights, no-btf, tracer-blind, tracer-failed; the hint
 * is the command that mends it. */
int bd_tracer_start(const char *program, enum bd_tracer_level level, struct bd_tracer **ret, struct bd_error *err);
void bd_tracer_free(struct bd_tracer **t);

/* Marks a process by pidfd, finds and checks its GILs. The target must be a Python process of ours.
 * Errors: not-permitted, no-such-process, layout-unknown, tracer-failed. */
int bd_tracer_attach(struct bd_tracer *t, pid_t pid, int *ret_target, struct bd_error *err);
/* Level events: each keeps its place in the list as long as it is there; address 0 is the place of one that is gone. */
int bd_tracer_gils(struct bd_tracer *t, int target, struct bd_tracer_gil *ret, size_t max, size_t *ret_len,
	struct bd_error *err);
int bd_tracer_read(struct bd_tracer *t, int target, struct bd_tracer_reading *ret, struct bd_error *err);
int bd_tracer_detach(struct bd_tracer *t, int target, struct bd_error *err);

/* ---- level events -------------------------------------------------------------------------------------------- */

/* As bd_tracer_attach, for a process of ours that is still to run (or exec) Python: until it does, its info is not ready. A
 * process that runs another program is followed in either case. */
int bd_tracer_await(struct bd_tracer *t, pid_t pid, int *ret_target, struct bd_error *err);

/* What is needed to name what the records of a target point to. */
struct bd_tracer_info {
	bool ready, alive;   /* Python was found in it; it has not ended */
	uint32_t generation; /* raised by an exec: pointers of an earlier one mean nothing */
	int32_t proc_pid;    /* as our /proc shows it */
	int32_t own_pid;     /* as it sees itself */
	struct bd_offsets offsets;
	uint64_t runtime, code_type; /* addresses of _PyRuntime and PyCode_Type */
	uint32_t version;            /* PY_VERSION_HEX; 0 = only the minor version is known */
	bool gil_enabled;            /* always, but in free-threaded builds */
	struct bd_error why;         /* not ready: why (code 0: it has not started yet) */
};
int bd_tracer_info(struct bd_tracer *t, int target, struct bd_tracer_info *ret, struct bd_error *err);

/* Records of probes/include/gil_events.h, one behind the other. */
struct bd_tracer_drained {
	const void *records; /* borrowed until the next call of any kind */
	size_t bytes;
	uint64_t lost;        /* records the ring had no room for, since the start */
	uint64_t cpu_ns;      /* processor time of bench-tracer since its start */
	uint32_t alive;       /* bit per target */
	uint32_t gils_change; /* raised whenever GILs, interpreters or a generation of any target changed */
};
/* Waits at most timeout_ms for something to tell; a stack not seen before, an exec and an end of a target are told at once,
 * the rest when the time is over or there is much. Without a timeout all there is, with what the probes still sum up. */
int bd_tracer_drain(struct bd_tracer *t, int timeout_ms, struct bd_tracer_drained *ret, struct bd_error *err);
/* Detaches all probes at once (an untraced round) and attaches them again; targets stay. Waits in progress are dropped. */
int bd_tracer_pause(struct bd_tracer *t, bool paused, struct bd_error *err);

/* Whether this machine can trace, without a target: starts, self-tests, ends. 0, or the error with its hint. */
int bd_tracer_check(const char *program, struct bd_error *err);

#endif
