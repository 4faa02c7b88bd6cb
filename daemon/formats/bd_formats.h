/* bd_formats: stored traces in the formats of other people's programs.
 *
 * An exporter takes the chunks of a trace one by one, in their order, and writes as it goes. It keeps the definitions and sums
 * per thread and stack, never the entries: what it needs does not grow with the length of a trace. The format `json` is not
 * here: that is the document benchd.trace.v1 itself. */
#ifndef BD_FORMATS_H
#define BD_FORMATS_H

#include "bd_model.h"

enum bd_format {
	BD_FORMAT_PERFETTO,   /* Chrome trace-event JSON: ui.perfetto.dev, chrome://tracing, speedscope */
	BD_FORMAT_COLLAPSED,  /* stacks with their ns, a line each: flamegraph.pl, inferno, speedscope */
	BD_FORMAT_SPEEDSCOPE, /* speedscope's own file format */
	BD_FORMATS
};
struct bd_format_kind {
	const char *name;       /* "perfetto" … */
	const char *media_type; /* of the HTTP answer */
	const char *suffix;     /* of the file: ".perfetto.json" … */
	const char *summary;    /* for lists of formats */
};
extern const struct bd_format_kind bd_format_kinds[BD_FORMATS];
/* bad-value with the nearest name. */
int bd_format_parse(const char *name, enum bd_format *ret, struct bd_error *err);

/* Takes all n bytes, or gives a negative value, which ends the export and is returned by the call that wrote. */
typedef int (*bd_format_write_fn)(const void *data, size_t n, void *arg);

struct bd_exporter;
/* trace: names and the beginning, copied; it may still be running. Writes nothing yet or the beginning of the file. */
int bd_exporter_begin(enum bd_format format, const struct bd_trace *trace, bd_format_write_fn write, void *arg,
	struct bd_exporter **ret, struct bd_error *err);
/* Errors: bad-trace for bytes that are no chunk (what was read of it before counts), and what write gave. After bad-trace one
 * may go on with the next chunk; after an error of write only bd_exporter_free helps. */
int bd_exporter_chunk(struct bd_exporter *e, const struct bd_trace_chunk *chunk, struct bd_error *err);
/* Writes the rest: the file is whole, also after no chunk at all. */
int bd_exporter_end(struct bd_exporter *e, struct bd_error *err);
void bd_exporter_free(struct bd_exporter **e);
#define bd_auto_exporter BD_CLEANUP(bd_exporter_free)

#endif
