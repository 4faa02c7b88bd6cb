/* Inside of a book. */
#ifndef BD_TRACES_BOOK_H
#define BD_TRACES_BOOK_H

#include "bd_symbols.h"
#include "bd_traces.h"
#include "sums.h"
#include "takes.h"

#include <linux/types.h>

#include "gil_events.h"

#define BD_BOOK_THREADS 4096  /* told apart; what is beyond is one thread, "[other]" */
#define BD_BOOK_STACKS 20000  /* told apart; what is beyond is one stack, "[other]" */
#define BD_BOOK_LOCKS 4096    /* told apart by address; what is beyond by kind and type alone */
#define BD_BOOK_HASHES 262144 /* of stacks as the probes name them; what is beyond is unknown */
#define BD_BOOK_SAMPLES 64    /* of one thread, kept to find what it did while others waited */
#define BD_BOOK_NATIVES 16

/* Records are looked at this late: until then all processors' records of that time are in, and so is how a slice went on,
 * which mostly takes as long as the switch interval. */
#define BD_BOOK_LATE_NS 10000000
/* When a wait that ended by a wake, or by its timer, is taken for ended though its thread was not heard of again. */
#define BD_BOOK_WOKEN_NS 250000000
#define BD_BOOK_TIMED_NS 10000000000
/* A holder that was not heard of for so long sleeps, or waits for a processor: of most of those the probe tells soon, and better,
 * for it knows their native functions, too. */
#define BD_BOOK_SILENT_NS 200000000
/* How far from a part of a wait a sample of its holder may lie. */
#define BD_BOOK_NEAR_NS 2000000

#define BD_BOOK_NONE UINT32_MAX

struct bd_book_sample {
	uint64_t from_ns, to_ns;
	int32_t stack;
};

/* A holder that slept was not heard of in that time, and it is told already that it held the GIL. */
struct bd_book_silence {
	uint64_t from_ns, to_ns; /* 0: none */
	uint64_t number;         /* of the GIL's changes of hands */
};

struct bd_book_thread {
	int32_t target; /* index */
	uint32_t tid;
	int32_t index; /* of the definitions */
	bool other;    /* stands for many */
	bool ended;
	int32_t host_tid;             /* as our /proc shows it; 0 = unknown */
	int64_t first_run_ns, run_ns; /* on a processor in its life; -1: unknown */
	int64_t first_seen_ns, seen_ns;
	uint32_t held_back; /* its last slice, while that waits for its turn; BD_BOOK_NONE: it had it */
	bool any;           /* the last slice, if any */
	struct bd_rec_wait last;
	struct bd_take take;       /* what the end of the last slice was taken for; thread BD_BOOK_NONE: for none */
	struct bd_trace_wait wait; /* one that may still go on */
	bool waits;                /* there is one */
	bool crowded;              /* and it had more holders than it has room for */
	struct bd_book_sample *samples; /* a ring */
	size_t samples_n;
	uint64_t held_ns; /* when it was last seen with a GIL, and with which */
	uint8_t held_gil;
	struct bd_book_silence silence;  /* as a holder */
	uint64_t still_ns, still_number; /* as a waiter: the slice from which on the GIL did not change hands */
	int64_t ran_over_ns; /* of what its rare samples stand for, not told yet: they are told in whole fast ones */
};

struct bd_book_target {
	bool known;
	struct bd_tracer_info info;
	struct bd_symbols *symbols; /* NULL: names cannot be read */
	struct bd_tracer_gil *gil;
	int32_t *gil_index; /* of the definitions; -1: free-threaded, and not in use so far */
	size_t gils_len;
	struct bd_takes takes[BD_PROBE_GILS];
	struct {
		uint64_t id;
		const char *name;
	} native[BD_BOOK_NATIVES]; /* told just before the holds they belong to */
	unsigned native_next;
};

/* How a slice went on. */
enum bd_slice_end { BD_SLICE_UNKNOWN, BD_SLICE_ENDED, BD_SLICE_CONTINUED, BD_SLICE_STOLEN };

/* A record that waits for its turn. */
struct bd_book_held {
	bool is_hold;
	enum bd_slice_end end;
	uint32_t thread;  /* index of the book's */
	uint32_t stealer; /* of a stolen hand-over: who got it instead */
	uint32_t next_free;
	union {
		struct bd_rec_wait wait;
		struct bd_rec_hold holder;
	};
	int32_t stack; /* of a holder */
};
struct bd_book_turn {
	uint64_t key;
	uint32_t held;
};

struct bd_book_cell {
	char *id;
	int32_t index;
	int64_t batches, ns; /* from begin to end, all together */
	struct bd_sums sums;
};

struct bd_book {
	int64_t start_ns, max_bytes, bytes;
	bool truncated;
	struct bd_trace_writer *writer;
	struct bd_sums sums;

	struct bd_book_target target[BD_TRACER_MAX_TARGETS];
	struct bd_book_thread *threads;
	size_t threads_len;
	struct bd_table thread_of;
	struct bd_table stack_of; /* by target, generation and the probe's hash */

	struct bd_book_held *held;
	size_t held_len;
	uint32_t held_free;
	struct bd_book_turn *turns; /* by key; the first is at turns_first */
	size_t turns_cap, turns_first, turns_n;
	uint64_t newest_ns;  /* of all records */
	int64_t last_add_ns; /* when all that was told until then had been fetched */
	uint64_t swept_ns;

	uint64_t lost_seen;
	int64_t lost_second, lost_in_second;
	int64_t events, children, execs, tracer_cpu_ns;
	int64_t unknown_ns; /* waits of a target that is not known */

	struct bd_book_cell *cells;
	size_t cells_len;
	int32_t cell; /* the batch that goes on: index; -1 = none */
	int cell_target;
	int64_t cell_begin_ns;
	uint64_t cell_lost;
	struct bd_sums batch;
	int64_t looked_ns, listed_ns; /* at /proc */
	bool new_threads;             /* since */
};

/* ---- record.c: one record -------------------------------------------------------------------------------- */
void bd_book_record(struct bd_book *b, const struct bd_rec *rec);
/* Everything up to then has its turn. */
void bd_book_turns(struct bd_book *b, uint64_t until_ns);
/* Waits that ended for certain until then are entries; all: those that may go on, too. */
void bd_book_sweep(struct bd_book *b, uint64_t now_ns, int target, bool all);
struct bd_book_thread *bd_book_thread(struct bd_book *b, int target, uint32_t tid);
/* A wait that has ended. */
void bd_book_entry(struct bd_book *b, const struct bd_trace_wait *e, int target);
void bd_book_entry_hold(struct bd_book *b, const struct bd_trace_hold *e, int target);
void bd_book_entry_lock(struct bd_book *b, const struct bd_trace_lock *e, int target);
void bd_book_entry_spin(struct bd_book *b, const struct bd_trace_spin *e, int target);

/* ---- silence.c: holders that sleep -------------------------------------------------------------------------- */
/* A slice of a wait for `holder` (-1: unknown). */
void bd_book_silence(struct bd_book *b, uint32_t waiter, int64_t holder, const struct bd_rec_wait *r);
/* What is not told yet of the time a holder was off its processor; the number of parts in ret. */
size_t bd_book_not_told(const struct bd_book_thread *th, const struct bd_rec_hold *r, struct bd_rec_hold ret[2]);
void bd_book_sample(struct bd_book_thread *th, uint64_t from_ns, uint64_t to_ns, int32_t stack);

/* ---- place.c: stacks and locks ---------------------------------------------------------------------------- */
void bd_book_stack(struct bd_book *b, const struct bd_rec_stack *rec);
void bd_book_native(struct bd_book *b, const struct bd_rec_native *rec);
int32_t bd_book_stack_index(const struct bd_book *b, uint32_t target, uint64_t stack);
/* With the native function on top. */
int32_t bd_book_hold_stack(struct bd_book *b, const struct bd_rec_hold *rec);
void bd_book_lock(struct bd_book *b, const struct bd_rec_lock *rec);
void bd_book_spin(struct bd_book *b, const struct bd_rec_spin *rec);
/* What a probe or the kernel gave as text, at most len bytes or up to a NUL, as UTF-8 in out[0 … 2 × len]. */
void bd_book_text(char *out, const char *in, size_t len);

/* ---- proc.c: what /proc tells of the threads --------------------------------------------------------------- */
void bd_book_look(struct bd_book *b, int64_t now_ns);
/* "running", "holding", "waiting", "off", or NULL. */
const char *bd_book_state(const struct bd_book *b, uint32_t thread, int64_t now_ns);

/* ---- document.c ---------------------------------------------------------------------------------------------- */
/* live: with what the threads do just now. */
cJSON *bd_book_document_as(struct bd_book *b, int64_t end_mono_ns, bool live);

/* The index of a target's GIL in the definitions, in which it is from now on; -1: there is none of this number. */
int32_t bd_book_gil(struct bd_book *b, int target, unsigned gil);

/* For tests: a target as the tracer would tell it, and time as it would pass. */
void bd_book_target_as(struct bd_book *b, int target, const struct bd_tracer_info *info,
	const struct bd_tracer_gil *gils, size_t gils_len);
void bd_book_add_at(struct bd_book *b, const struct bd_tracer_drained *d, int64_t now_ns);

#endif
