/* bd_tracer: the daemon's side of bench-tracer, the only program with kernel rights.
 *
 * bd_tracer_start spawns bench-tracer with a socketpair and has it load, attach and test itself; targets are then added
 * by pid. A handle is used by one thread at a time. Counters only: reading is done between batches. */
#ifndef BD_TRACER_H
#define BD_TRACER_H

#include "bd_base.h"

struct bd_tracer;
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
int bd_tracer_start(const char *program, struct bd_tracer **ret, struct bd_error *err);
void bd_tracer_free(struct bd_tracer **t);

/* Marks a process by pidfd, finds and checks its GILs. The target must be a Python process of ours.
 * Errors: not-permitted, no-such-process, layout-unknown, tracer-failed. */
int bd_tracer_attach(struct bd_tracer *t, pid_t pid, int *ret_target, struct bd_error *err);
int bd_tracer_gils(struct bd_tracer *t, int target, struct bd_tracer_gil *ret, size_t max, size_t *ret_len,
	struct bd_error *err);
int bd_tracer_read(struct bd_tracer *t, int target, struct bd_tracer_reading *ret, struct bd_error *err);
int bd_tracer_detach(struct bd_tracer *t, int target, struct bd_error *err);

/* Whether this machine can trace, without a target: starts, self-tests, ends. 0, or the error with its hint. */
int bd_tracer_check(const char *program, struct bd_error *err);

#endif
