/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the probes of level events and their user-space side share: records in one ring buffer, and where in a target's
 * interpreter what lies. Times are CLOCK_MONOTONIC ns, thread numbers those of the target's own PID namespace. The
 * including file provides the types __u8 … __u64. */
#ifndef BD_PROBES_GIL_EVENTS_H
#define BD_PROBES_GIL_EVENTS_H

#include "gil_counters.h"

#define BD_EVENTS_INTERPRETERS 64 /* per target */
#define BD_EVENTS_FRAMES 16       /* of one Python stack, the innermost first */
#define BD_EVENTS_TEXT 32         /* of a qualified name */
#define BD_EVENTS_NATIVE 1024     /* bytes of a native stack */
#define BD_EVENTS_REGS 17         /* DWARF order: rax rdx rcx rbx rsi rdi rbp rsp r8 … r15 rip */
#define BD_EVENTS_HZ 997          /* not a divisor of anybody's period */
#define BD_EVENTS_QUIET 13        /* while nobody waits, one sample stands for so many */
#define BD_EVENTS_RECORD_MAX 2048 /* no record is longer */

/* Offsets in the interpreter's structures, for walking a thread's Python stack. */
struct bd_event_code {
	__u32 tstate_next;
	__s32 cframe;        /* in the thread state, -1: none between */
	__u32 current_frame; /* in the cframe or the thread state */
	__u32 frame_code, frame_ip, frame_previous, frame_owner;
	__u32 frame_bytes;    /* to read of a frame, at most BD_EVENTS_FRAME_BYTES */
	__u32 owners_skipped; /* bit per value of owner: entries without a code object */
	__u32 ob_type, filename, qualname, linetable, firstlineno;
	__s32 version;    /* -1: this version of Python has none */
	__u32 code_bytes; /* to read of a code object, at most BD_EVENTS_CODE_BYTES */
	__u32 unicode_length, unicode_state;
	__u32 ascii_bits;             /* all set in the state of a compact ASCII string */
	__u32 ascii_data;             /* where its text begins, at most BD_EVENTS_STR_BYTES - BD_EVENTS_TEXT */
	__u32 bytes_size, bytes_data; /* in a bytes object */
	__u64 code_mask;              /* of the pointer in the frame: 3.14 keeps a tag in it */
	__u64 code_type;              /* address of PyCode_Type; 0: unknown, not looked at */
};
#define BD_EVENTS_FRAME_BYTES 128
#define BD_EVENTS_CODE_BYTES 256
#define BD_EVENTS_STR_BYTES 128

/* A free-threaded interpreter: where it keeps what the kinds of its locks are told from. */
struct bd_event_locks {
	__u32 free_threaded;              /* 0: it is none, or its locks are not known */
	__u32 ob_mutex, ob_type, tp_name; /* in an object, in a type */
	__u32 state;                      /* in a thread state: what a stop-the-world pause suspends it on */
	__u32 threads_head;               /* in an interpreter */
	__u64 interpreter_size;
	__u64 runtime, runtime_size;
	__u64 type_type; /* address of PyType_Type */
};

struct bd_event_interpreter {
	__u64 threads_head; /* address of the pointer to its first thread state */
	__u32 gil;          /* index; BD_PROBE_GILS: none */
	__u32 unused;
};

#define BD_EVENTS_TABLE 32 /* bytes of a line table in its hash */

/* FNV-1a of the start of a line table. Where code objects have no version (3.11), it may take its place in records. */
static inline __attribute__((always_inline)) __u32 bd_event_table_hash(const __u8 *table, __u32 len)
{
	__u32 h = 2166136261u;
	for (__u32 i = 0; i < BD_EVENTS_TABLE && i < len; i++)
		h = (h ^ table[i]) * 16777619u;
	return h;
}

/* Written by user space only. */
struct bd_event_target {
	struct bd_probe_layout layout;
	struct bd_event_code code;
	struct bd_event_locks locks;
	__u64 life;     /* never the same twice; what threads and stacks are known of another life is forgotten */
	__u32 execs;    /* of bd_event_live when all this was found: it holds as long as they are equal */
	__u32 list_seq; /* raised when GILs or interpreters changed */
	__u32 lent; /* a thread may use a thread state that has another's number: code in other interpreters, before 3.13 */
	__u32 unused;
	__u32 gils_len, interpreters_len;
	__u64 gil[BD_PROBE_GILS];
	struct bd_event_interpreter interpreter[BD_EVENTS_INTERPRETERS];
};

/* Written by the probes; user space clears it between two lives. */
struct bd_event_live {
	__u32 execs;
	__u32 waiters[BD_PROBE_GILS]; /* threads asleep on `cond` or `mutex` */
	__u32 unused;
	__u64 lost; /* records the ring had no room for; never cleared */
};

/* ---- records ------------------------------------------------------------------------------------------------ */

enum bd_rec_type { BD_REC_WAIT = 1, BD_REC_STACK, BD_REC_HOLD, BD_REC_NATIVE, BD_REC_LOCK, BD_REC_SPIN, BD_REC_LIFE };

struct bd_rec {
	__u16 type;   /* enum bd_rec_type */
	__u16 size;   /* with this header; a multiple of 8 */
	__u32 target; /* index */
};

enum bd_rec_part { BD_REC_COND = 1, BD_REC_MUTEX, BD_REC_SWITCH_COND, BD_REC_SWITCH_MUTEX };

enum {
	BD_REC_BY_FUTEX = 1,      /* the slice ended by a futex wake, else by its timer or a signal */
	BD_REC_CONTINUES = 2,     /* the same wait as the thread's slice before */
	BD_REC_SELF = 4,          /* the last holder was the waiter itself: a hand-over in progress */
	BD_REC_SETTLED = 8,       /* its end was not seen, and comes from the kernel's accounts */
	BD_REC_RETRY = 16,        /* slept again within BD_PROBE_RETRY_NS of running */
	BD_REC_NUMBER_KNOWN = 32, /* `number` was read */
};

/* One sleep on a word of a GIL. */
struct bd_rec_wait {
	struct bd_rec head;
	__u32 tid, holder,
		waker;  /* holder, waker: 0 unknown; waker: a thread of the process that ended it by a futex wake */
	__u8 gil, part; /* index; enum bd_rec_part */
	__u16 flags;
	__u64 off_ns, on_ns; /* left its processor, ran again */
	__u64 wake_ns;       /* was told to run; 0 = by its timer, or not seen */
	__u64 queued_ns;     /* of on - off: on the run queue after a futex wake */
	__u64 number;        /* the GIL's switch_number when it slept */
	__u64 stack;         /* of the waiter; 0 = unknown */
	/* The holder's when this slice began, where it had the GIL all through the one before; else 0. It is what the holder is
	 * at only if that did not run meanwhile. */
	__u64 holder_stack;
	__u32 waiters; /* then, with this one */
	__u32 unused;
};

/* A Python stack, told when it is seen for the first time (and now and then again). `stack` is a hash of it. */
struct bd_rec_frame {
	__u64 code, ip;                      /* code object; instruction, as in the frame */
	__u64 filename, qualname, linetable; /* objects */
	__u32 firstlineno;
	/* Of the code object. Where this version of Python has none: FNV-1a of the first min(size, 32) bytes of its line
	 * table; 0 = not known. */
	__u32 version;
	char text
		[BD_EVENTS_TEXT]; /* start of the qualified name, not terminated when full; empty unless compact ASCII */
};
enum bd_rec_stack_error {
	BD_REC_STACK_OK,
	BD_REC_STACK_NO_TSTATE,
	BD_REC_STACK_UNREADABLE, /* a frame or code object */
	BD_REC_STACK_NO_FRAME,   /* no Python frame: a thread that just calls in */
	BD_REC_STACK_NOT_CODE,
};
struct bd_rec_stack {
	struct bd_rec head;
	__u64 stack;
	__u32 tid;
	__u8 len, error;  /* frames that follow; enum bd_rec_stack_error: why it ends there */
	__u8 cut, unused; /* there are more frames outside */
	struct bd_rec_frame frame[BD_EVENTS_FRAMES]; /* the record ends after len of them */
};

enum {
	BD_REC_TICK = 1 /* a sample on a processor, else an interval off it */,
	BD_REC_PREEMPTED = 2,
	BD_REC_KERNEL = 4,
	BD_REC_QUIET = 8 /* a sample of the slow clock: it stands for ran_ns, or BD_EVENTS_QUIET fast ones */
};

/* Who holds the GIL: a sample (from_ns = to_ns, it stands for 1 s / BD_EVENTS_HZ unless it is BD_REC_QUIET), or an interval a
 * holder spent off its processor. */
struct bd_rec_hold {
	struct bd_rec head;
	__u32 tid;
	__u8 gil, waiters; /* threads that waited for this GIL then; 255 = that many or more */
	__u16 flags;
	__u64 from_ns, to_ns;
	__u64 stack;  /* Python stack of the holder; 0 = unknown */
	__u64 native; /* id of the BD_REC_NATIVE told just before; 0 = none */
	__u64 ran_ns; /* BD_REC_QUIET: what the thread has run since its sample before, with a GIL or without; 0 = unknown */
};

/* Where in native code a holder was: registers, and the top of its stack from the stack pointer on. */
struct bd_rec_native {
	struct bd_rec head;
	__u64 native;
	__u32 tid, bytes;
	__u64 reg[BD_EVENTS_REGS];
	__u8 stack[BD_EVENTS_NATIVE];
};

enum bd_rec_lock_kind {
	BD_REC_LOCK_OBJECT = 1, /* an object's own lock: critical sections */
	BD_REC_LOCK_MUTEX,      /* a PyMutex inside an object, such as threading.Lock */
	BD_REC_LOCK_STOP,       /* suspended by a stop-the-world pause */
	BD_REC_LOCK_INTERPRETER,
	BD_REC_LOCK_RUNTIME,
	BD_REC_LOCK_PARKED, /* in the parking lot, of no known kind */
	BD_REC_LOCK_THREAD, /* PyThread_type_lock */
	BD_REC_LOCK_FUTEX,  /* another futex */
};

/* A free-threaded interpreter: one sleep on a lock. */
struct bd_rec_lock {
	struct bd_rec head;
	__u32 tid, waker;
	__u8 kind, unused;
	__u16 flags; /* BD_REC_BY_FUTEX, BD_REC_SETTLED */
	__u32 unused2;
	__u64 off_ns, on_ns, wake_ns, queued_ns;
	__u64 address; /* of the lock */
	__u64 stack;
	char name[BD_EVENTS_TEXT]; /* tp_name of the object's type; empty = unknown */
};

/* A free-threaded interpreter: yields of a spinning thread that gave up its processor, summed over some ms. */
struct bd_rec_spin {
	struct bd_rec head;
	__u32 tid, yields;
	__u64 from_ns, to_ns, off_ns; /* first and last; off its processor meanwhile */
	__u64 stack;                  /* at the first */
};

enum bd_rec_life_what { BD_REC_EXEC = 1, BD_REC_THREAD_EXIT, BD_REC_FORK };
struct bd_rec_life {
	struct bd_rec head;
	__u32 tid, what;
	__u64 time_ns;
};

#endif
