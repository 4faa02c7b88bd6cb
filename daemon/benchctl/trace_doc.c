/* The document benchd.trace.v1, and its parts in words. */
#include "trace.h"

#include <stdio.h>

#define F(s, T, m)                                                            \
	{                                                                     \
		.name = #m, .type = BD_F_##T, .offset = offsetof(struct s, m) \
	}
#define FD(s, T, m, d)                                                                     \
	{                                                                                  \
		.name = #m, .type = BD_F_##T, .offset = offsetof(struct s, m), .doc = &(d) \
	}
#define DOC(id, s, schema_name)                   \
	const struct bd_doc id = {.name = #s,     \
		.schema = schema_name,            \
		.size = sizeof(struct s),         \
		.fields = s##_fields,             \
		.fields_len = BD_LEN(s##_fields), \
		.lenient = true}

static const struct bd_field trace_gil_fields[] = {F(trace_gil, INT, pid), F(trace_gil, INT, interpreter),
	F(trace_gil, STRING, address), F(trace_gil, DOUBLE, held_share), F(trace_gil, INT, waits),
	F(trace_gil, INT, wait_ns), F(trace_gil, INT, holder_ns), F(trace_gil, INT, runqueue_ns),
	F(trace_gil, INT, switch_ns), F(trace_gil, INT, mutex_ns)};
static DOC(gil_doc, trace_gil, NULL);
static const struct bd_field trace_thread_fields[] = {F(trace_thread, INT, pid), F(trace_thread, INT, tid),
	F(trace_thread, STRING, name), F(trace_thread, STRING, state), F(trace_thread, INT, hold_ns),
	F(trace_thread, INT, run_ns), F(trace_thread, INT, off_ns), F(trace_thread, INT, wait_ns),
	F(trace_thread, INT, waits), F(trace_thread, DOUBLE, wait_share), F(trace_thread, INT, holder_ns),
	F(trace_thread, INT, runqueue_ns), F(trace_thread, INT, switch_ns), F(trace_thread, INT, mutex_ns),
	F(trace_thread, INT, retries), F(trace_thread, INT, p50_ns), F(trace_thread, INT, p99_ns),
	F(trace_thread, INT, max_ns)};
static DOC(thread_doc, trace_thread, NULL);
static const struct bd_field trace_blocker_fields[] = {F(trace_blocker, INT, pid), F(trace_blocker, INT, interpreter),
	F(trace_blocker, INT, waiter), F(trace_blocker, INT, holder), F(trace_blocker, INT, ns),
	F(trace_blocker, INT, waits)};
static DOC(blocker_doc, trace_blocker, NULL);
static const struct bd_field trace_from_fields[] = {F(trace_from, STRING, function), F(trace_from, STRING, file),
	F(trace_from, INT, line)};
static DOC(from_doc, trace_from, NULL);
static const struct bd_field trace_line_fields[] = {F(trace_line, STRING, role), F(trace_line, INT, pid),
	F(trace_line, INT, tid), F(trace_line, STRING, function), F(trace_line, STRING, file),
	F(trace_line, STRING, native), F(trace_line, INT, line), F(trace_line, INT, ns), F(trace_line, INT, samples),
	F(trace_line, INT, yields), F(trace_line, INT, threads), FD(trace_line, OPTIONAL, from, from_doc)};
static DOC(line_doc, trace_line, NULL);
static const struct bd_field trace_threads_rest_fields[] = {F(trace_threads_rest, INT, threads),
	F(trace_threads_rest, INT, waits), F(trace_threads_rest, INT, wait_ns), F(trace_threads_rest, INT, hold_ns)};
static DOC(threads_rest_doc, trace_threads_rest, NULL);
static const struct bd_field trace_blockers_rest_fields[] = {F(trace_blockers_rest, INT, pairs),
	F(trace_blockers_rest, INT, ns), F(trace_blockers_rest, INT, waits)};
static DOC(blockers_rest_doc, trace_blockers_rest, NULL);
static const struct bd_field trace_lines_rest_fields[] = {F(trace_lines_rest, INT, holder_ns),
	F(trace_lines_rest, INT, waiter_ns), F(trace_lines_rest, INT, held_ns), F(trace_lines_rest, INT, spin_ns)};
static DOC(lines_rest_doc, trace_lines_rest, NULL);
static const struct bd_field trace_lock_fields[] = {F(trace_lock, STRING, kind), F(trace_lock, STRING, type),
	F(trace_lock, INT, waits), F(trace_lock, INT, ns), F(trace_lock, INT, runqueue_ns)};
static DOC(lock_doc, trace_lock, NULL);
static const struct bd_field trace_cost_fields[] = {F(trace_cost, DOUBLE, ratio), F(trace_cost, DOUBLE, lo),
	F(trace_cost, DOUBLE, hi), F(trace_cost, INT, rounds)};
static DOC(cost_doc, trace_cost, NULL);
static const struct bd_field trace_cell_fields[] = {F(trace_cell, STRING, id), F(trace_cell, INT, waits),
	F(trace_cell, INT, wait_ns), F(trace_cell, INT, threads_ns), FD(trace_cell, OPTIONAL, cost, cost_doc),
	FD(trace_cell, ARRAY, lines, line_doc), FD(trace_cell, ARRAY, blockers, blocker_doc)};
static DOC(cell_doc, trace_cell, NULL);
static const struct bd_field trace_loss_fields[] = {F(trace_loss, INT, second), F(trace_loss, INT, lost)};
static DOC(loss_doc, trace_loss, NULL);
static const struct bd_field trace_document_fields[] = {F(trace_document, STRING, id), F(trace_document, STRING, state),
	FD(trace_document, OPTIONAL, reason, bd_reason_doc), F(trace_document, STRING, started),
	F(trace_document, STRING, command), F(trace_document, STRING, python), F(trace_document, STRING, run),
	F(trace_document, STRING, level), F(trace_document, INT, pid), F(trace_document, INT, own_pid),
	F(trace_document, INT, start_mono_ns), F(trace_document, INT, end_mono_ns), F(trace_document, DOUBLE, seconds),
	F(trace_document, BOOL, gil), FD(trace_document, ARRAY, gils, gil_doc),
	FD(trace_document, ARRAY, threads, thread_doc), FD(trace_document, OPTIONAL, threads_rest, threads_rest_doc),
	FD(trace_document, ARRAY, blockers, blocker_doc),
	FD(trace_document, OPTIONAL, blockers_rest, blockers_rest_doc), FD(trace_document, ARRAY, lines, line_doc),
	FD(trace_document, OPTIONAL, lines_rest, lines_rest_doc), FD(trace_document, ARRAY, held, line_doc),
	FD(trace_document, ARRAY, locks, lock_doc), FD(trace_document, ARRAY, spins, line_doc),
	FD(trace_document, ARRAY, cells, cell_doc), FD(trace_document, ARRAY, losses, loss_doc),
	F(trace_document, INT, lost), F(trace_document, INT, unresolved_ns), F(trace_document, INT, waits),
	F(trace_document, INT, wait_ns), F(trace_document, INT, events), F(trace_document, INT, bytes),
	F(trace_document, INT, children), F(trace_document, INT, execs), F(trace_document, DOUBLE, events_per_s),
	F(trace_document, DOUBLE, tracer_cpu_s), F(trace_document, DOUBLE, benchd_cpu_s),
	F(trace_document, BOOL, truncated)};
DOC(trace_document_doc, trace_document, "benchd.trace.v1");

void trace_document_done(struct trace_document *d)
{
	bd_doc_done(&trace_document_doc, d);
}

int trace_decode(const cJSON *json, struct trace_document *d, struct bd_error *err)
{
	bd_doc_init(&trace_document_doc, d);
	return bd_doc_decode(&trace_document_doc, json, d, err);
}

bool trace_ended(const char *state)
{
	return state && !bd_streq(state, "running") && !bd_streq(state, "queued");
}

int trace_exit(const struct trace_document *d)
{
	if (bd_streq(d->state, "complete"))
		return BD_EXIT_OK;
	int status = bd_streq(d->state, "failed") && d->reason ? bd_error_kind(d->reason->key)->exit_status
							       : BD_EXIT_UNDECIDED;
	/* 69 would be no benchd, and there was one */
	return status == BD_EXIT_OK || status == BD_EXIT_UNAVAILABLE ? BD_EXIT_UNDECIDED : status;
}

/* ---- words -------------------------------------------------------------------------------------------------------- */

int64_t trace_known(int64_t ns)
{
	return ns == BD_NULL_INT ? 0 : ns;
}

char *trace_time(int64_t ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	if (ns == BD_NULL_INT)
		return bd_strdup("–");
	if (ns <= 0)
		return bd_strdup("0");
	size_t i = 0;
	while (i + 1 < BD_LEN(units) && (double)ns >= 0.9995 * units[i + 1].ns)
		i++;
	double x = (double)ns / units[i].ns;
	int decimals = i == 0 || x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2;
	return bd_printf("%.*f %s", decimals, x, units[i].unit);
}

char *trace_count(int64_t n)
{
	n = trace_known(n);
	return n < 1000 ? bd_printf("%lld", (long long)n) : bd_text_count((double)n);
}

char *trace_share(int64_t part, int64_t whole)
{
	return bd_text_percent(whole > 0 ? (double)trace_known(part) / (double)whole : NAN);
}

static const struct trace_thread *thread_of(const struct trace_document *d, int64_t pid, int64_t tid)
{
	for (size_t i = 0; i < d->threads_len; i++)
		if (d->threads[i].tid == tid &&
			(pid == BD_NULL_INT || d->threads[i].pid == BD_NULL_INT || d->threads[i].pid == pid))
			return &d->threads[i];
	return NULL;
}

/* What threads are called that nobody gave a name: as their process. */
static bool has_default_name(const struct trace_document *d, const struct trace_thread *t)
{
	const struct trace_thread *first = thread_of(d, t->pid, t->pid == BD_NULL_INT ? d->own_pid : t->pid);
	return first && bd_streq(first->name, t->name);
}

char *trace_thread_name(const struct trace_document *d, int64_t pid, int64_t tid)
{
	if (tid == BD_NULL_INT || tid <= 0)
		return bd_strdup("unknown");
	const struct trace_thread *t = thread_of(d, pid, tid);
	size_t namesakes = 0;
	for (size_t i = 0; t && i < d->threads_len; i++)
		namesakes += bd_streq(d->threads[i].name, t->name);
	if (!t || !t->name || !*t->name || (namesakes > 1 && has_default_name(d, t)))
		return bd_printf("%lld", (long long)tid);
	return namesakes > 1 ? bd_printf("%s %lld", t->name, (long long)tid) : bd_strdup(t->name);
}

char *trace_line_thread(const struct trace_document *d, const struct trace_line *l)
{
	return l->threads != BD_NULL_INT && l->threads > 1 ? bd_printf("%lld threads", (long long)l->threads)
							   : trace_thread_name(d, l->pid, l->tid);
}

static bool named(const char *s)
{
	return s && *s;
}

char *trace_function(const struct trace_line *l, size_t width, bool utf8)
{
	bd_auto_free char *text = NULL;
	if (!named(l->function) || !named(l->native))
		return bd_text_cut(named(l->function) ? l->function
				: named(l->native)    ? l->native
						      : "unknown",
			width, utf8);
	const char *others = l->others ? ", …" : "";
	text = bd_printf("%s → %s%s", l->function, l->native, others);
	const char *last = strrchr(l->function, '.'); /* of a qualified name the end says most */
	if (bd_text_width(text) > width && last && last[1]) {
		free(text);
		text = bd_printf("%s → %s%s", last + 1, l->native, others);
	}
	return bd_text_cut(text, width, utf8);
}

static bool same_from(const struct trace_from *a, const struct trace_from *b)
{
	return a && b ? a->line == b->line && bd_streq(a->file, b->file) && bd_streq(a->function, b->function) : a == b;
}

static bool same_line(const struct trace_line *a, const struct trace_line *b)
{
	return a->tid == b->tid && a->pid == b->pid && a->line == b->line && bd_streq(a->function, b->function) &&
		bd_streq(a->file, b->file) && bd_streq(a->role, b->role) && same_from(a->from, b->from);
}

static int64_t sum(int64_t a, int64_t b)
{
	return a == BD_NULL_INT && b == BD_NULL_INT ? BD_NULL_INT : trace_known(a) + trace_known(b);
}

/* The longest native function names it: v has the longest first. */
static void merge(struct trace_line *into, const struct trace_line *l)
{
	into->ns = sum(into->ns, l->ns);
	into->samples = sum(into->samples, l->samples);
	into->yields = sum(into->yields, l->yields);
	into->threads = BD_MAX(into->threads, l->threads);
	into->others |= named(into->native) && named(l->native) && !bd_streq(into->native, l->native);
	if (!named(into->native))
		into->native = l->native;
}

static int longest_first(const void *a, const void *b)
{
	const struct trace_line *x = a, *y = b;
	int64_t p = trace_known(x->ns), q = trace_known(y->ns);
	return p > q ? -1 : p < q ? 1 : 0;
}

struct trace_line *trace_lines(const struct trace_line *v, size_t n, const char *role, bool merged, size_t *ret_n,
	int64_t *ret_unknown)
{
	struct trace_line *out = bd_alloc(BD_MAX(n, (size_t)1) * sizeof *out);
	size_t len = 0;
	*ret_unknown = 0;
	for (size_t i = 0; i < n; i++) {
		const struct trace_line *l = &v[i];
		if (role && !bd_streq(l->role, role))
			continue;
		if (!named(l->function) && !named(l->file) && !named(l->native)) {
			*ret_unknown += trace_known(l->ns);
			continue;
		}
		size_t k = merged && named(l->function) ? 0 : len;
		while (k < len && !same_line(&out[k], l))
			k++;
		if (k < len)
			merge(&out[k], l);
		else
			out[len++] = *l;
	}
	qsort(out, len, sizeof *out, longest_first);
	*ret_n = len;
	return out;
}

char *trace_place(const struct trace_line *l, size_t width, bool utf8)
{
	if (!named(l->file))
		return bd_strdup("");
	bd_auto_free char *whole = l->line != BD_NULL_INT && l->line > 0
		? bd_printf("%s:%lld", l->file, (long long)l->line)
		: bd_strdup(l->file);
	const char *rest = whole, *mark = utf8 ? "…" : "...";
	if (bd_text_width(rest) <= width)
		return bd_strdup(rest);
	/* the end says more than the beginning: whole parts of the path, as many as fit */
	size_t room = width - BD_MIN(width, bd_text_width(mark));
	for (const char *slash = strchr(rest + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		rest = slash;
		if (bd_text_width(rest) <= room)
			return bd_printf("%s%s", mark, rest);
	}
	rest += *rest == '/';
	while (bd_text_width(rest) > room)
		do
			rest++;
		while (((unsigned char)*rest & 0xc0) == 0x80);
	return bd_printf("%s%s", mark, rest);
}

char *trace_title(const struct trace_document *d)
{
	return d->command               ? bd_strdup(d->command)
		: d->run                ? bd_printf("run %s", d->run)
		: d->pid != BD_NULL_INT ? bd_printf("process %lld", (long long)d->pid)
					: bd_strdup("trace");
}

size_t trace_gils(const struct trace_document *d)
{
	int64_t waits = 0;
	for (size_t i = 0; i < d->gils_len; i++)
		waits += trace_known(d->gils[i].waits);
	return d->gil || waits ? d->gils_len : 0;
}

char *trace_gil_name(const struct trace_document *d, int64_t pid, int64_t interpreter)
{
	bool processes = false;
	for (size_t i = 1; i < d->gils_len; i++)
		processes |= d->gils[i].pid != d->gils[0].pid;
	bd_auto_free char *of = processes && pid != BD_NULL_INT ? bd_printf("process %lld, ", (long long)pid)
								: bd_strdup("");
	return bd_printf("%sinterpreter %lld", of, (long long)trace_known(interpreter));
}

char *trace_split_text(const struct trace_split *s)
{
	double all = (double)trace_known(s->holder) + (double)trace_known(s->runqueue) + (double)trace_known(s->stall) +
		(double)trace_known(s->mutex);
	if (!(all > 0))
		return bd_strdup("");
	all /= 100;
	return bd_printf("%.0f/%.0f/%.0f/%.0f %%", (double)trace_known(s->holder) / all,
		(double)trace_known(s->runqueue) / all, (double)trace_known(s->stall) / all,
		(double)trace_known(s->mutex) / all);
}
