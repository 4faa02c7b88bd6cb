#include "formats_internal.h"

#include <errno.h>
#include <inttypes.h>

#define FLUSH_BYTES ((size_t)64 << 10)

const struct bd_format_kind bd_format_kinds[BD_FORMATS] = {
	[BD_FORMAT_PERFETTO] = {"perfetto", "application/json", ".perfetto.json",
		"Chrome trace events: every wait and hold on a time line"},
	[BD_FORMAT_COLLAPSED] = {"collapsed", "text/plain; charset=utf-8", ".collapsed.txt",
		"collapsed stacks, in ns: for flame graphs"},
	[BD_FORMAT_SPEEDSCOPE] = {"speedscope", "application/json", ".speedscope.json",
		"speedscope's own format: waits of each thread, and what blocked them"},
};

static const struct bd_format_ops *const formats[BD_FORMATS] = {
	[BD_FORMAT_PERFETTO] = &bd_format_perfetto,
	[BD_FORMAT_COLLAPSED] = &bd_format_collapsed,
	[BD_FORMAT_SPEEDSCOPE] = &bd_format_speedscope,
};

int bd_format_parse(const char *name, enum bd_format *ret, struct bd_error *err)
{
	const char *names[BD_FORMATS];
	bd_auto_str struct bd_str hint = {0};
	for (size_t i = 0; i < BD_FORMATS; i++) {
		names[i] = bd_format_kinds[i].name;
		bd_str_printf(&hint, "%s%s", i ? ", " : "one of ", names[i]);
		if (bd_streq(name, names[i])) {
			*ret = (enum bd_format)i;
			return 0;
		}
	}
	const char *near = bd_nearest(name, names, BD_FORMATS);
	if (near) {
		bd_str_clear(&hint);
		bd_str_printf(&hint, "did you mean '%s'?", near);
	}
	return bd_error_set(err, -EINVAL, "bad-value", hint.s, "there is no format '%.100s'", name);
}

int bd_formats_flush(struct bd_exporter *e, bool all)
{
	if (e->failed == 0 && e->out.len && (all || e->out.len >= FLUSH_BYTES)) {
		int r = e->write(e->out.s, e->out.len, e->write_arg);
		e->failed = BD_MIN(r, 0);
		bd_str_clear(&e->out);
	}
	return e->failed;
}

/* ---- entries ------------------------------------------------------------------------------------------------- */

/* A store file may have been written by anybody. What lies more than a year from the beginning is no entry, and is left out:
 * so nothing below has to fear for its sums. */
#define FARTHEST ((int64_t)1 << 55)

static bool near(int64_t start_ns, int64_t end_ns)
{
	return start_ns >= -FARTHEST && end_ns <= FARTHEST && start_ns <= end_ns;
}

static bool amount(int64_t n)
{
	return n >= 0 && n <= FARTHEST;
}

static const struct bd_trace_visitor *own(void *arg)
{
	return ((struct bd_exporter *)arg)->ops->visitor;
}

static int visit_wait(const struct bd_trace_definitions *d, const struct bd_trace_wait *e, void *arg)
{
	bool good = near(e->start_ns, e->end_ns) && amount(e->holder_ns) && amount(e->runqueue_ns) &&
		amount(e->switch_ns) && amount(e->mutex_ns);
	for (size_t i = 0; i < e->pieces_len; i++)
		good &= amount(e->piece[i].ns);
	return good && own(arg)->wait ? own(arg)->wait(d, e, arg) : 0;
}

static int visit_hold(const struct bd_trace_definitions *d, const struct bd_trace_hold *e, void *arg)
{
	return near(e->start_ns, e->end_ns) && own(arg)->hold ? own(arg)->hold(d, e, arg) : 0;
}

static int visit_lock(const struct bd_trace_definitions *d, const struct bd_trace_lock *e, void *arg)
{
	bool good = near(e->start_ns, e->end_ns) && amount(e->runqueue_ns);
	return good && own(arg)->lock ? own(arg)->lock(d, e, arg) : 0;
}

static int visit_spin(const struct bd_trace_definitions *d, const struct bd_trace_spin *e, void *arg)
{
	bool good = near(e->start_ns, e->end_ns) && amount(e->off_ns) && amount(e->yields);
	return good && own(arg)->spin ? own(arg)->spin(d, e, arg) : 0;
}

static int visit_mark(const struct bd_trace_definitions *d, const struct bd_trace_mark *e, void *arg)
{
	return near(e->start_ns, e->end_ns) && own(arg)->mark ? own(arg)->mark(d, e, arg) : 0;
}

static const struct bd_trace_visitor visitor = {visit_wait, visit_hold, visit_lock, visit_spin, visit_mark};

/* ---- an export ----------------------------------------------------------------------------------------------- */

static int refused(const struct bd_exporter *e, struct bd_error *err)
{
	if (e->failed == 0)
		return 0;
	return bd_error_set(err, e->failed, "internal", NULL, "the export could not be written: %s",
		strerror(-e->failed));
}

int bd_exporter_begin(enum bd_format format, const struct bd_trace *trace, bd_format_write_fn write, void *arg,
	struct bd_exporter **ret, struct bd_error *err)
{
	struct bd_exporter *e = bd_alloc(sizeof *e);
	*e = (struct bd_exporter){
		.ops = formats[format],
		.write = write,
		.write_arg = arg,
		.id = bd_strdup(trace->id),
		.command = bd_strdup(trace->command),
		.python = bd_strdup(trace->python),
		.pid = trace->pid,
		.created_ns = trace->created_ns,
		.start_mono_ns = trace->start_mono_ns,
	};
	e->ops->begin(e);
	bd_formats_flush(e, false);
	int r = refused(e, err);
	if (r < 0) {
		bd_exporter_free(&e);
		return r;
	}
	*ret = e;
	return 0;
}

int bd_exporter_chunk(struct bd_exporter *e, const struct bd_trace_chunk *chunk, struct bd_error *err)
{
	if (e->failed == 0) {
		int r = bd_trace_read_chunk(chunk->data, chunk->bytes, &e->definitions, &visitor, e, err);
		if (r < 0 && e->failed == 0)
			return r;
	}
	return refused(e, err);
}

int bd_exporter_end(struct bd_exporter *e, struct bd_error *err)
{
	if (e->failed == 0)
		e->ops->end(e);
	bd_formats_flush(e, true);
	return refused(e, err);
}

void bd_exporter_free(struct bd_exporter **pe)
{
	struct bd_exporter *e = *pe;
	if (!e)
		return;
	e->ops->done(e);
	bd_trace_definitions_done(&e->definitions);
	bd_str_done(&e->out);
	free(e->id);
	free(e->command);
	free(e->python);
	free(e);
	*pe = NULL;
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

/* Bytes of the character at s, 0 when it is no UTF-8 (RFC 3629: shortest forms, no surrogates, up to U+10FFFF). */
static size_t utf8(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		: s[0] >= 0xe0 && s[0] < 0xf0  ? 3
		: s[0] >= 0xf0 && s[0] < 0xf5  ? 4
					       : 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

void bd_formats_json(struct bd_str *out, const char *s)
{
	bd_str_puts(out, "\"");
	for (size_t n; s && *s; s += n) {
		n = utf8((const unsigned char *)s);
		unsigned char c = (unsigned char)*s;
		if (n == 0) {
			bd_str_puts(out, "\xef\xbf\xbd");
			n = 1;
		} else if (c == '"' || c == '\\') {
			bd_str_printf(out, "\\%c", c);
		} else if (c < 0x20 || c == 0x7f) {
			bd_str_printf(out, "\\u%04x", c);
		} else {
			bd_str_append(out, s, n);
		}
	}
	bd_str_puts(out, "\"");
}

void bd_formats_plain(struct bd_str *out, const char *s)
{
	for (size_t n; *s; s += n) {
		n = utf8((const unsigned char *)s);
		unsigned char c = (unsigned char)*s;
		if (n == 0) {
			bd_str_puts(out, "\xef\xbf\xbd");
			n = 1;
		} else {
			bd_str_append(out, c == ';' ? ":" : c < 0x20 || c == 0x7f ? " " : s, n);
		}
	}
}

const struct bd_trace_stack *bd_formats_stack(const struct bd_trace_definitions *d, int32_t stack)
{
	bool known = stack >= 0 && (size_t)stack < d->stacks_len && d->stacks[stack].frames_len;
	return known ? &d->stacks[stack] : NULL;
}

const struct bd_trace_thread *bd_formats_thread(const struct bd_trace_definitions *d, int32_t thread)
{
	return thread >= 0 && (size_t)thread < d->threads_len ? &d->threads[thread] : NULL;
}

void bd_formats_thread_name(const struct bd_trace_definitions *d, int32_t thread, struct bd_str *out)
{
	const struct bd_trace_thread *t = bd_formats_thread(d, thread);
	if (!t)
		bd_str_puts(out, "unknown thread");
	else
		bd_str_printf(out, "%s (%" PRId64 ")", t->name && *t->name ? t->name : "thread", t->tid);
}

void bd_formats_frame_name(const struct bd_trace_frame *f, struct bd_str *out)
{
	bd_str_puts(out, f->function ? f->function : "unknown function");
	if (f->file && f->line > 0)
		bd_str_printf(out, " (%s:%" PRId64 ")", f->file, f->line);
	else if (f->file)
		bd_str_printf(out, " (%s)", f->file);
}

bool bd_formats_place(const struct bd_trace_definitions *d, int32_t stack, struct bd_str *out)
{
	const struct bd_trace_stack *s = bd_formats_stack(d, stack);
	if (!s)
		return false;
	bd_formats_frame_name(&s->frames[0], out);
	if (s->frames[0].native)
		bd_str_printf(out, ", in %s", s->frames[0].native);
	return true;
}

void bd_formats_lock_name(const struct bd_trace_definitions *d, int32_t kind, struct bd_str *out)
{
	const struct bd_trace_lock_kind *k = kind >= 0 && (size_t)kind < d->locks_len ? &d->locks[kind] : NULL;
	const char *name = k && k->kind ? k->kind : "unknown lock";
	if (k && k->type)
		bd_str_printf(out, "%s (%s)", k->type, name);
	else
		bd_str_puts(out, name);
}
