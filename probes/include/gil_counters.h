/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What gil_counters.bpf.c and its user-space side share: fixed-size structs in mapped arrays, one element per target.
 * Times are ns. The including file provides the types __u8 … __u64. */
#ifndef BD_PROBES_GIL_COUNTERS_H
#define BD_PROBES_GIL_COUNTERS_H

#define BD_PROBE_TARGETS 33  /* the public maximum, and one for the self-test */
#define BD_PROBE_GILS 64     /* per target; a power of two */
#define BD_PROBE_THREADS 128 /* per target; a power of two */
#define BD_PROBE_BUCKETS 640
#define BD_PROBE_RETRY_NS 20000
#define BD_PROBE_NO_COLUMN 255

/* Where in one GIL what lies, relative to its start; the parts follow each other in this order. */
struct bd_probe_layout {
	__u32 last_holder; /* then locked and switch_number within 24 bytes */
	__u32 switch_number;
	__u32 cond, mutex, switch_cond, switch_mutex, size;
	__u32 native_thread_id; /* in the thread state last_holder points to */
};

/* Written by user space only. */
struct bd_probe_target {
	struct bd_probe_layout layout;
	__u32 gils_len;
	__u32 epoch; /* raised by every read: max_ns starts again */
	__u64 gil[BD_PROBE_GILS];
};

/* One thread. Written by the probes only, and by one processor at a time; seq is odd while the counters change. */
struct bd_probe_thread {
	__u32 tid; /* in the target's own PID namespace; 0 = free */
	__u32 seq;
	__u64 waits, wait_ns, holder_ns, runqueue_ns, switch_ns, mutex_ns, retries, max_ns;
	/* the wait in progress, or the one that ended last */
	__u64 off_ns, wake_ns, on_ns; /* on_ns 0: none yet */
	__u64 wait_sum_ns;            /* of its slices so far */
	__u64 gil, number;            /* address; switch_number when it last slept */
	__u64 ran_ns, delay_ns; /* the kernel's totals of it when it went to sleep: on a processor, on a run queue */
	__u32 epoch;
	__u16 bucket;
	__u8 state; /* enum bd_probe_state */
	__u8 part;  /* of the GIL it sleeps on */
	__u8 woken, by_futex;
	__u8 number_known, was_holder; /* of what it read when it last slept */
	__u8 dropped;                  /* it woke a waiter since, so it held the GIL */
	__u8 holder, first_holder;     /* columns of the matrix */
	__u8 unused[5];
};

enum bd_probe_state {
	BD_PROBE_RUNS = 0,
	BD_PROBE_SLEEPS,
	BD_PROBE_RAN, /* it runs, but its wake was not seen: what the run queue took is known when it leaves the processor */
};

struct bd_probe_block {
	__u64 ns, waits;
};

struct bd_probe_counters {
	struct bd_probe_thread thread[BD_PROBE_THREADS];
	/* waiter × holder; column 0: holder unknown, column i + 1: thread i */
	struct bd_probe_block block[BD_PROBE_THREADS][BD_PROBE_THREADS + 1];
	__u64 hist[BD_PROBE_BUCKETS];
	__u64 lost;
};

/* The mark on the leader of a traced process (task storage). */
struct bd_probe_mark {
	__u32 target; /* index + 1 */
	__u32 unused;
};

/* Log-linear, 16 sub-buckets per octave, exact below 16. The same as bd_hist_bucket (compared by a test). */
static inline __attribute__((always_inline)) __u32 bd_probe_bucket(__u64 ns)
{
	__u64 v = ns;
	__u32 shift = 0;
	if (ns < 16)
		return (__u32)ns;
	if (v >> 36) {
		v >>= 32;
		shift += 32;
	}
	if (v >> 20) {
		v >>= 16;
		shift += 16;
	}
	if (v >> 12) {
		v >>= 8;
		shift += 8;
	}
	if (v >> 8) {
		v >>= 4;
		shift += 4;
	}
	if (v >> 6) {
		v >>= 2;
		shift += 2;
	}
	if (v >> 5) {
		v >>= 1;
		shift += 1;
	}
	/* now 16 <= v < 32 */
	__u32 b = 16 + shift * 16 + ((__u32)v & 15);
	return b < BD_PROBE_BUCKETS ? b : BD_PROBE_BUCKETS - 1;
}

#endif
