/* What the exporters share: output, names, sums per stack. */
#ifndef BD_FORMATS_INTERNAL_H
#define BD_FORMATS_INTERNAL_H

#include "bd_formats.h"

struct bd_exporter;
struct bd_format_ops {
	const struct bd_trace_visitor *visitor; /* its arg is the exporter */
	void (*begin)(struct bd_exporter *e);
	void (*end)(struct bd_exporter *e);
	void (*done)(struct bd_exporter *e);
};
extern const struct bd_format_ops bd_format_perfetto, bd_format_collapsed, bd_format_speedscope;

struct bd_exporter {
	const struct bd_format_ops *ops;
	bd_format_write_fn write;
	void *write_arg;
	int failed; /* what write gave */
	struct bd_str out;
	struct bd_trace_definitions definitions;
	char *id, *command, *python;
	int64_t pid, created_ns, start_mono_ns;
	void *own; /* of the format */
};

/* a + b, at most INT64_MAX. */
static inline int64_t bd_formats_add(int64_t a, int64_t b)
{
	int64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Written when much has come together; 0, or what write gave. */
int bd_formats_flush(struct bd_exporter *e, bool all);

/* As a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void bd_formats_json(struct bd_str *out, const char *s);
/* For a line of collapsed stacks: nothing that separates frames or lines. */
void bd_formats_plain(struct bd_str *out, const char *s);

const struct bd_trace_stack *bd_formats_stack(const struct bd_trace_definitions *d, int32_t stack); /* NULL = unknown */
const struct bd_trace_thread *bd_formats_thread(const struct bd_trace_definitions *d, int32_t thread);
/* "name (tid)"; "unknown thread". */
void bd_formats_thread_name(const struct bd_trace_definitions *d, int32_t thread, struct bd_str *out);
/* "function (file:line)"; `native` frames as what they are. */
void bd_formats_frame_name(const struct bd_trace_frame *f, struct bd_str *out);
/* The innermost frame of a stack, with where it was in native code; false: unknown, out stays. */
bool bd_formats_place(const struct bd_trace_definitions *d, int32_t stack, struct bd_str *out);
/* "dict (critical-section)". */
void bd_formats_lock_name(const struct bd_trace_definitions *d, int32_t kind, struct bd_str *out);

/* ---- sums per stack (stacks.c): of collapsed and speedscope --------------------------------------------------- */

enum bd_formats_root {
	BD_FORMATS_WAITING,  /* wall time of waits: for a GIL, or for a lock */
	BD_FORMATS_BLOCKING, /* of others' waits, by whom and where */
	BD_FORMATS_HOLDING,  /* samples of the holder, whether anybody waits or not */
	BD_FORMATS_SPINNING,
	BD_FORMATS_ROOTS
};
#define BD_FORMATS_OTHER (-2) /* a stack: of all that came when the table was full */
#define BD_FORMATS_SUMS_MAX (1 << 17)
#define BD_FORMATS_ANY_LOCK INT32_MAX /* a lock of no known kind */

struct bd_formats_sum {
	int32_t root, thread, stack, lock; /* lock: -1 = a GIL */
	int64_t ns;
};
struct bd_formats_sums {
	struct bd_formats_sum *sum;
	size_t sum_len, cap;
	uint32_t *slot; /* index + 1, hashed; slots: a power of two */
	size_t slots;
};
extern const struct bd_trace_visitor bd_formats_sums_visitor; /* e->own is a struct bd_formats_sums */
void bd_formats_sums_begin(struct bd_exporter *e);
/* By root, thread, then the most ns first. */
void bd_formats_sums_sort(struct bd_formats_sums *s);
void bd_formats_sums_done(struct bd_exporter *e);

#endif
