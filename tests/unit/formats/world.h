/* Traces of known truth, and what an exporter makes of them. */
#ifndef BD_TEST_FORMATS_WORLD_H
#define BD_TEST_FORMATS_WORLD_H

#include "bd_formats.h"
#include "bd_test.h"

#include <errno.h>

#define US 1000
#define MS 1000000

struct text {
	struct bd_str out;
	size_t calls, largest; /* of write */
	int fail_after;        /* calls; 0 = never */
};

static inline void text_done(struct text *t)
{
	bd_str_done(&t->out);
}
#define auto_text BD_CLEANUP(text_done)
#define auto_writer BD_CLEANUP(bd_trace_writer_free)

static inline int take_text(const void *data, size_t n, void *arg)
{
	struct text *t = arg;
	if (t->fail_after && (int)t->calls >= t->fail_after)
		return -EPIPE;
	t->calls++;
	t->largest = BD_MAX(t->largest, n);
	bd_str_append(&t->out, data, n);
	return 0;
}

static const struct bd_trace world_trace = {
	.id = (char *)"01JTRACE",
	.command = (char *)"python3 \"app\".py",
	.python = (char *)"3.12.1",
	.pid = 42,
	.created_ns = 1767323045000000000,
	.start_mono_ns = 77,
};

/* Chunks are copied: the writer's own are borrowed. */
struct chunks {
	struct bd_str *data;
	struct bd_trace_chunk *chunk;
	size_t n, m;
};

static inline void chunks_done(struct chunks *c)
{
	for (size_t i = 0; i < c->n; i++)
		bd_str_done(&c->data[i]);
	free(c->data);
	free(c->chunk);
}
#define auto_chunks BD_CLEANUP(chunks_done)

static inline void cut(struct bd_trace_writer *w, struct chunks *c)
{
	struct bd_trace_chunk chunk;
	if (!bd_trace_writer_chunk(w, &chunk))
		return;
	struct bd_str *s = BD_PUSH(c->data, c->n);
	bd_str_append(s, chunk.data, chunk.bytes);
	*BD_PUSH(c->chunk, c->m) = chunk;
}

static inline struct text exported(enum bd_format format, const struct chunks *c)
{
	struct text t = {0};
	struct bd_error err = {0};
	bd_auto_exporter struct bd_exporter *e = NULL;
	BD_CHECK_INT(bd_exporter_begin(format, &world_trace, take_text, &t, &e, &err), 0);
	for (size_t i = 0; i < c->n; i++) {
		struct bd_trace_chunk chunk = c->chunk[i];
		chunk.data = c->data[i].s;
		if (bd_exporter_chunk(e, &chunk, &err) < 0)
			BD_FAIL("%s", err.message);
	}
	BD_CHECK_INT(bd_exporter_end(e, &err), 0);
	return t;
}

static inline struct bd_trace_frame frame(const char *function, const char *file, int64_t line, const char *native)
{
	return (struct bd_trace_frame){(char *)function, (char *)file, (char *)native, line};
}

#endif
