/* The compact form of a trace, between its writer and its reader.
 *
 *   chunk       = "bt" version(1 byte, 1) sample_ns definitions entry*
 *   definitions = per section, in the order of enum bd_trace_section: how many there were before, how many follow;
 *                 then per section what follows
 *   string      = length, bytes without NUL          thread = pid tid name
 *   frame       = function file native line          rename = thread name
 *   stack       = length, frames                     gil    = pid interpreter address
 *   lock        = kind type address                  cell   = id
 *
 * Texts are indices into the strings plus one, 0 = none; threads, stacks and other indices of entries are written plus one,
 * 0 = unknown. Numbers are LEB128; pid, tid, interpreter and what is marked z may be negative and are zigzag-mapped before.
 *
 *   wait  = 0x80|flags thread end length [stack] [runqueue] [gil switch mutex gap(z)] [pieces]
 *   hold  = 0x01|flags thread end [length] [gil stack] waiters [times]
 *   lock  = 0x02|flags thread end length waker stack kind runqueue
 *   spin  = 0x03|flags thread end length stack off yields
 *   mark  = 0x04|flags cell end length lost
 *
 *   piece = holder<<2|same<<1|taken [stack] [ns]
 *
 * of a wait: `same`, the stack is that of the piece of this holder before; `taken`, it begins when the holder's own wait ended
 * (told before, less its time on the run queue); else, but for the first, the ns of the piece before follow. The last has what
 * remains of holder_ns.
 *
 * `end` is the difference to the end of the entry before (of the chunk; 0 before the first). What is left out because of a
 * flag is the same as in the entry of that kind of that thread before. holder_ns is what remains of the length. */
#ifndef BD_MODEL_TRACE_FORMAT_H
#define BD_MODEL_TRACE_FORMAT_H

#include "bd_model.h"

#define BD_TRACE_MAGIC "bt\x01"
#define BD_TRACE_MAGIC_LEN 3

enum bd_trace_section {
	BD_TRACE_STRINGS,
	BD_TRACE_FRAMES,
	BD_TRACE_THREADS,
	BD_TRACE_RENAMES,
	BD_TRACE_GILS,
	BD_TRACE_STACKS,
	BD_TRACE_LOCKS,
	BD_TRACE_CELLS,
	BD_TRACE_SECTIONS
};

enum { BD_TRACE_HOLD = 1, BD_TRACE_LOCK, BD_TRACE_SPIN, BD_TRACE_MARK, BD_TRACE_KIND = 7 };
enum {
	/* of all but waits */
	BD_TRACE_BACK = 0x08, /* the end lies before that of the entry before */
	BD_TRACE_SAMPLE = 0x10,
	BD_TRACE_SAME = 0x20, /* GIL and stack */
	BD_TRACE_RARE = 0x40, /* a sample that stands for several: times */
	/* of waits */
	BD_TRACE_WAIT = 0x80,
	BD_TRACE_WAIT_BACK = 0x01,
	BD_TRACE_WAIT_SAME = 0x02, /* the stack */
	BD_TRACE_WAIT_RUNQUEUE = 0x04,
	BD_TRACE_WAIT_OTHER = 0x08, /* the GIL too: without, it is the same */
	/* No pieces, or */
	BD_TRACE_WAIT_PIECE = 0x10,  /* one, the same as before */
	BD_TRACE_WAIT_PIECES = 0x20, /* count, then each */
	BD_TRACE_WAIT_ONE = 0x30,    /* one */
	BD_TRACE_WAIT_RETRY = 0x40,
};

/* What the entries before told of one thread, in this chunk. */
struct bd_trace_last {
	int32_t gil, stack, holder, holder_stack; /* of its waits */
	int32_t hold_gil, hold_stack;
	int32_t piece_stack; /* of pieces it was the holder of */
	bool took;           /* at take_ns */
	int64_t take_ns;
};
#define BD_TRACE_LAST_NONE ((struct bd_trace_last){-1, -1, -1, -1, -1, -1, -1, false, 0})
enum { BD_TRACE_PIECE_TAKEN = 1, BD_TRACE_PIECE_SAME = 2, BD_TRACE_PIECE_SHIFT = 2 };

static inline uint64_t bd_trace_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}
static inline int64_t bd_trace_unzigzag(uint64_t v)
{
	return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

/* Text number i, plus one; NULL for none. */
static inline char *bd_trace_text(const struct bd_trace_definitions *d, uint64_t plus_one)
{
	return plus_one ? d->strings.v[plus_one - 1] : NULL;
}

#endif
