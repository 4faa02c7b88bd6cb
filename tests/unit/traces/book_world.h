/* Records as the tracer would tell them, of a process that does not exist: its truth is known. */
#ifndef BD_TEST_BOOK_WORLD_H
#define BD_TEST_BOOK_WORLD_H

#include "bd_test.h"
#include "book.h"

#define MS INT64_C(1000000)
#define US INT64_C(1000)
#define T0 UINT64_C(1000000000) /* the trace begins */

struct world {
	struct bd_book *book;
	struct bd_str told;
	uint64_t lost;
};

static inline void world_target(struct world *w, int target, int pid, uint32_t generation, size_t gils)
{
	struct bd_tracer_info info = {.ready = true,
		.alive = true,
		.generation = generation,
		.own_pid = pid,
		.gil_enabled = gils > 0};
	info.version = 0x030c01f0;
	struct bd_tracer_gil gil[BD_PROBE_GILS];
	for (size_t i = 0; i < gils; i++)
		gil[i] = (struct bd_tracer_gil){0x7f0000000000 + 0x1000 * i, 208, (int64_t)i};
	bd_book_target_as(w->book, target, &info, gil, gils);
}

static inline void world_begin(struct world *w, int64_t max_bytes)
{
	*w = (struct world){0};
	bd_book_new((int64_t)T0, max_bytes, &w->book);
	world_target(w, 0, 100, 1, 2);
}

static inline void world_end(struct world *w)
{
	bd_book_free(&w->book);
	bd_str_done(&w->told);
}

static inline void tell(struct world *w, void *rec, uint16_t type, uint16_t size)
{
	struct bd_rec *head = rec;
	head->type = type;
	head->size = size;
	bd_str_append(&w->told, rec, size);
}

static inline void tell_wait(struct world *w, struct bd_rec_wait r)
{
	tell(w, &r, BD_REC_WAIT, sizeof r);
}

/* What was told until now is drained then. */
static inline void drained(struct world *w, uint64_t now)
{
	struct bd_tracer_drained d = {.records = w->told.s, .bytes = w->told.len, .lost = w->lost, .alive = 1};
	bd_book_add_at(w->book, &d, (int64_t)now);
	bd_str_clear(&w->told);
}

/* A stack of one frame; it is told with the name alone, for there is no process to ask for more. */
static inline void tell_stack(struct world *w, uint64_t stack, const char *function)
{
	struct bd_rec_stack r = {.stack = stack, .len = 1};
	memcpy(r.frame[0].text, function, BD_MIN(strlen(function), sizeof r.frame[0].text));
	tell(w, &r, BD_REC_STACK, offsetof(struct bd_rec_stack, frame) + sizeof r.frame[0]);
}

static inline void tell_tick(struct world *w, uint32_t tid, uint64_t at, uint8_t waiters, uint64_t stack)
{
	struct bd_rec_hold r =
		{.tid = tid, .waiters = waiters, .flags = BD_REC_TICK, .from_ns = at, .to_ns = at, .stack = stack};
	tell(w, &r, BD_REC_HOLD, sizeof r);
}

/* Of the slow clock. */
static inline void tell_rare_tick(struct world *w, uint32_t tid, uint64_t at, uint8_t waiters, uint64_t stack,
	uint64_t ran)
{
	struct bd_rec_hold r = {.tid = tid,
		.waiters = waiters,
		.flags = BD_REC_TICK | BD_REC_QUIET,
		.from_ns = at,
		.to_ns = at,
		.stack = stack,
		.ran_ns = ran};
	tell(w, &r, BD_REC_HOLD, sizeof r);
}

static inline void tell_off(struct world *w, uint32_t tid, uint64_t from, uint64_t to, uint8_t waiters, uint64_t stack)
{
	struct bd_rec_hold r = {.tid = tid, .waiters = waiters, .from_ns = from, .to_ns = to, .stack = stack};
	tell(w, &r, BD_REC_HOLD, sizeof r);
}

/* A wait of one slice, ended by a wake, without time on the run queue. */
static inline struct bd_rec_wait plain_wait(uint32_t tid, uint32_t holder, uint64_t off, uint64_t on)
{
	return (struct bd_rec_wait){.tid = tid,
		.holder = holder,
		.part = BD_REC_COND,
		.flags = BD_REC_BY_FUTEX,
		.off_ns = off,
		.on_ns = on,
		.wake_ns = on};
}

static inline cJSON *document(struct world *w, uint64_t end)
{
	drained(w, end);
	drained(w, end);
	bd_book_end(w->book, (int64_t)end);
	return bd_book_document(w->book, (int64_t)end);
}

static inline int64_t value(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
	if (!cJSON_IsNumber(v))
		BD_FAIL("%s is no number", name);
	return (int64_t)v->valuedouble;
}

static inline const cJSON *list(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

static inline const cJSON *thread_row(const cJSON *document, int64_t tid)
{
	const cJSON *t;
	cJSON_ArrayForEach(t, list(document, "threads"))
		if (value(t, "tid") == tid)
			return t;
	return NULL;
}

/* How long the waiter was blocked by the holder; -1: there is no such row. */
static inline int64_t blocked(const cJSON *document, int64_t waiter, int64_t holder, const char *figure)
{
	const cJSON *b;
	int64_t sum = -1;
	cJSON_ArrayForEach(b, list(document, "blockers"))
		if (value(b, "waiter") == waiter && value(b, "holder") == holder)
			sum = BD_MAX(sum, (int64_t)0) + value(b, figure);
	return sum;
}

/* ns of a line by the name of its function (NULL: unknown); -1: there is none. */
static inline int64_t line_ns(const cJSON *document, const char *where, const char *role, int64_t tid,
	const char *function)
{
	const cJSON *l;
	cJSON_ArrayForEach(l, list(document, where)) {
		const cJSON *r = list(l, "role"), *f = list(l, "function");
		if ((!role || bd_streq(r->valuestring, role)) && value(l, "tid") == tid &&
			bd_streq(cJSON_IsString(f) ? f->valuestring : NULL, function))
			return value(l, "ns");
	}
	return -1;
}

#endif
