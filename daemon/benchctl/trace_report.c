/* The report of a trace: who waited, for whom, where, what the GIL was held for, and what is to be known about the figures. */
#include "trace.h"
#include "run_table.h"

#include <stdio.h>

#define WIDE 120
#define ROWS 10    /* of a list, unless all are asked for */
#define THREADS 16 /* the same for threads */
#define FEW_SAMPLES 100
#define UNRESOLVED_MUCH 0.01

struct report {
	const struct trace_document *d;
	const struct bd_screen *s;
	struct bd_str *out;
	bool wide;
};

static void title(const struct report *r, const char *text)
{
	bd_str_puts(r->out, "\n");
	bd_put(r->out, r->s, BD_BOLD, text);
	bd_str_puts(r->out, "\n");
}

/* So many rows of n are shown; one that would stand alone below "1 more" is shown instead. */
static size_t shown(const struct report *r, size_t n, size_t most)
{
	return r->s->verbose || n <= most + 1 ? n : most;
}

static void set_taken(struct bd_grid *g, size_t column, enum bd_style style, char *text)
{
	bd_grid_set(g, column, style, "%s", text);
	free(text);
}

/* ---- the head ------------------------------------------------------------------------------------------------------ */

static void counted(struct bd_str *out, size_t n, const char *what)
{
	bd_str_printf(out, "%s%zu %s%s", out->len ? ", " : "", n, what, n == 1 ? "" : "s");
}

static void head(const struct report *r)
{
	const struct trace_document *d = r->d;
	bool good = bd_streq(d->state, "complete"), going = !trace_ended(d->state);
	bd_auto_free char *seconds = bd_text_seconds(d->seconds);
	bd_auto_free char *after = bd_printf(" %s %s", going ? "for" : "after", seconds);
	const char *state = d->state ? d->state : "?";
	size_t taken = strlen(state) + 2 + bd_text_width(after);
	bd_auto_free char *title_text = trace_title(d);
	bd_auto_free char *plain = bd_text_for(r->s, title_text);
	bd_auto_free char *command = bd_text_cut(plain, r->s->width > taken ? r->s->width - taken : 0, r->s->utf8);
	bd_put(r->out, r->s, BD_BOLD, command);
	bd_str_puts(r->out, "  ");
	bd_put(r->out, r->s, good || going ? BD_GREEN : BD_YELLOW, state);
	bd_put(r->out, r->s, BD_PLAIN, after);
	bd_str_puts(r->out, "\n");
	bd_auto_str struct bd_str line = {0};
	if (d->pid != BD_NULL_INT)
		bd_str_printf(&line, "pid %lld", (long long)d->pid);
	if (d->own_pid != BD_NULL_INT && d->own_pid != d->pid)
		bd_str_printf(&line, " (%lld in its own namespace)", (long long)d->own_pid);
	if (d->run)
		bd_str_printf(&line, "%srun %s", line.len ? ", " : "", d->run);
	if (d->python)
		bd_str_printf(&line, "%sPython %s", line.len ? ", " : "", d->python);
	size_t threads_len = d->threads_len + (size_t)(d->threads_rest ? trace_known(d->threads_rest->threads) : 0);
	bool more = false; /* one of them stands for many */
	for (size_t i = 0; i < d->threads_len; i++)
		more |= d->threads[i].tid == 0;
	if (more)
		bd_str_printf(&line, "%smore than %zu threads", line.len ? ", " : "", threads_len);
	else
		counted(&line, threads_len, "thread");
	size_t len = trace_gils(d);
	if (len)
		counted(&line, len, "GIL");
	else if (!d->gil)
		bd_str_puts(&line, ", no GIL");
	bd_auto_str struct bd_str wrapped = {0};
	bd_auto_strv struct bd_strv lines = {0};
	bd_put_wrapped(&wrapped, r->s, line.s, 0, 0);
	bd_strv_split(&lines, wrapped.s, '\n');
	for (size_t i = 0; i < lines.n; i++) {
		bd_put(r->out, r->s, BD_DIM, lines.v[i]);
		bd_str_puts(r->out, "\n");
	}
	if (d->reason && d->reason->message) {
		bd_auto_free char *text = bd_printf("%s%s%s%s", d->reason->message, d->reason->hint ? " (" : "",
			d->reason->hint ? d->reason->hint : "", d->reason->hint ? ")" : "");
		bd_put_wrapped(r->out, r->s, text, 0, 0);
		bd_str_puts(r->out, "\n");
	}
}

/* ---- GILs and threads ------------------------------------------------------------------------------------------------ */

static const char SPLIT[] = "holder/queue/switch/mutex";

static void gils(const struct report *r)
{
	const struct trace_document *d = r->d;
	bd_auto_grid struct bd_grid *g = bd_grid_new(r->s);
	size_t name = bd_grid_column(g, (struct bd_grid_column){"GIL", false, false, false, 0});
	size_t held = bd_grid_column(g, (struct bd_grid_column){"held", true, false, false, 0});
	size_t waited = bd_grid_column(g, (struct bd_grid_column){"waited", true, false, false, 0});
	size_t waits = bd_grid_column(g, (struct bd_grid_column){"waits", true, false, false, 1});
	size_t split = bd_grid_column(g, (struct bd_grid_column){SPLIT, true, false, false, 2});
	size_t address = bd_grid_column(g, (struct bd_grid_column){"address", false, false, false, 3});
	for (size_t i = 0; i < d->gils_len; i++) {
		const struct trace_gil *gil = &d->gils[i];
		bd_grid_row(g);
		set_taken(g, name, BD_BOLD, trace_gil_name(d, gil->pid, gil->interpreter));
		set_taken(g, held, BD_PLAIN, bd_text_percent(gil->held_share));
		set_taken(g, waited, BD_PLAIN, trace_time(gil->wait_ns));
		set_taken(g, waits, BD_PLAIN, trace_count(gil->waits));
		set_taken(g, split, BD_DIM,
			trace_split_text(&(
				struct trace_split){gil->holder_ns, gil->runqueue_ns, gil->switch_ns, gil->mutex_ns}));
		if (gil->address)
			bd_grid_set(g, address, BD_DIM, "%s", gil->address);
	}
	bd_str_puts(r->out, "\n");
	bd_grid_print(g, r->out);
}

static int by_wait(const void *a, const void *b)
{
	const struct trace_thread *const *x = a, *const *y = b;
	int64_t p = trace_known((*x)->wait_ns), q = trace_known((*y)->wait_ns);
	if (p == q) {
		p = trace_known((*x)->hold_ns);
		q = trace_known((*y)->hold_ns);
	}
	return p > q ? -1 : p < q ? 1 : (*x)->tid < (*y)->tid ? -1 : 1;
}

struct thread_columns {
	size_t name, tid, waited, share, split, waits, p50, p99, max, held, run, off;
};

/* Without a GIL nobody waits for it, and zeros would read as if nobody waited at all. */
static bool gil_waits(const struct trace_document *d)
{
	for (size_t i = 0; i < d->threads_len; i++)
		if (trace_known(d->threads[i].wait_ns) > 0)
			return true;
	return d->gil || trace_gils(d);
}

static void thread_waits(struct bd_grid *g, const struct thread_columns *c, const struct trace_thread *t)
{
	set_taken(g, c->waited, BD_PLAIN, trace_time(t->wait_ns));
	set_taken(g, c->share, t->wait_share >= 0.2 ? BD_YELLOW : BD_PLAIN, bd_text_percent(t->wait_share));
	set_taken(g, c->split, BD_DIM,
		trace_split_text(&(struct trace_split){t->holder_ns, t->runqueue_ns, t->switch_ns, t->mutex_ns}));
	set_taken(g, c->waits, BD_PLAIN, trace_count(t->waits));
	if (trace_known(t->waits) > 0) {
		set_taken(g, c->p50, BD_PLAIN, trace_time(t->p50_ns));
		set_taken(g, c->p99, BD_PLAIN, trace_time(t->p99_ns));
		set_taken(g, c->max, BD_PLAIN, trace_time(t->max_ns));
	}
}

static void thread_row(const struct report *r, struct bd_grid *g, const struct thread_columns *c,
	const struct trace_thread *t)
{
	bd_grid_row(g);
	set_taken(g, c->name, BD_BOLD, bd_strdup(t->name && *t->name ? t->name : "?"));
	bd_grid_set(g, c->tid, BD_PLAIN, "%lld", (long long)trace_known(t->tid));
	if (gil_waits(r->d))
		thread_waits(g, c, t);
	if (r->d->gil && t->hold_ns != BD_NULL_INT)
		set_taken(g, c->held, BD_PLAIN, trace_time(t->hold_ns));
	if (t->run_ns != BD_NULL_INT)
		set_taken(g, c->run, BD_DIM, trace_time(t->run_ns));
	if (t->off_ns != BD_NULL_INT)
		set_taken(g, c->off, BD_DIM, trace_time(t->off_ns));
}

/* The threads that are not shown, as one row. */
static void thread_rest(const struct report *r, struct bd_grid *g, const struct thread_columns *c,
	const struct trace_thread *const *v, size_t n)
{
	int64_t wait = 0, waits = 0, hold = 0;
	for (size_t i = 0; i < n; i++) {
		wait += trace_known(v[i]->wait_ns);
		waits += trace_known(v[i]->waits);
		hold += trace_known(v[i]->hold_ns);
	}
	if (r->d->threads_rest) {
		n += (size_t)trace_known(r->d->threads_rest->threads);
		wait += trace_known(r->d->threads_rest->wait_ns);
		waits += trace_known(r->d->threads_rest->waits);
		hold += trace_known(r->d->threads_rest->hold_ns);
	}
	bd_grid_row(g);
	bd_grid_set(g, c->name, BD_DIM, "%zu others", n);
	if (!gil_waits(r->d))
		return;
	set_taken(g, c->waited, BD_DIM, trace_time(wait));
	set_taken(g, c->waits, BD_DIM, trace_count(waits));
	set_taken(g, c->held, BD_DIM, trace_time(hold));
}

static void threads(const struct report *r)
{
	const struct trace_document *d = r->d;
	bd_auto_grid struct bd_grid *g = bd_grid_new(r->s);
	struct thread_columns c = {
		.name = bd_grid_column(g, (struct bd_grid_column){"thread", false, false, false, 0}),
		.tid = bd_grid_column(g, (struct bd_grid_column){"tid", true, false, false, 1}),
		.waited = bd_grid_column(g, (struct bd_grid_column){"waited", true, false, false, 0}),
		.share = bd_grid_column(g, (struct bd_grid_column){"share", true, false, false, 0}),
		.split = bd_grid_column(g, (struct bd_grid_column){r->wide ? SPLIT : "h/q/s/m", true, false, false, 3}),
		.waits = bd_grid_column(g, (struct bd_grid_column){"waits", true, false, false, 4}),
		.p50 = bd_grid_column(g, (struct bd_grid_column){"p50", true, false, false, 6}),
		.p99 = bd_grid_column(g, (struct bd_grid_column){"p99", true, false, false, 3}),
		.max = bd_grid_column(g, (struct bd_grid_column){"max", true, false, false, 5}),
		.held = bd_grid_column(g, (struct bd_grid_column){"held", true, false, false, 2}),
		.run = bd_grid_column(g, (struct bd_grid_column){"on CPU", true, false, false, 7}),
		.off = bd_grid_column(g, (struct bd_grid_column){"off CPU", true, false, false, 8}),
	};
	bd_auto_free const struct trace_thread **v = bd_alloc(
		BD_MAX(d->threads_len, (size_t)1) * sizeof(const struct trace_thread *));
	for (size_t i = 0; i < d->threads_len; i++)
		v[i] = &d->threads[i];
	qsort(v, d->threads_len, sizeof *v, by_wait);
	size_t n = shown(r, d->threads_len, THREADS);
	for (size_t i = 0; i < n; i++)
		thread_row(r, g, &c, v[i]);
	if (n < d->threads_len || d->threads_rest)
		thread_rest(r, g, &c, v + n, d->threads_len - n);
	bd_str_puts(r->out, "\n");
	bd_grid_print(g, r->out);
}

/* ---- lines ------------------------------------------------------------------------------------------------------------- */

struct lines {
	const char *title, *of; /* of: what the shares are of */
	const char *role;       /* only these; NULL = all */
	const struct trace_line *v;
	size_t n;
	int64_t whole, unresolved, cut; /* cut: of lines the document has no room for */
	bool samples, yields;
};

static void lines(const struct report *r, const struct lines *l)
{
	int64_t unknown, rest = trace_known(l->cut);
	size_t all;
	bd_auto_free struct trace_line *v = trace_lines(l->v, l->n, l->role, !r->s->verbose, &all, &unknown);
	size_t n = shown(r, all, ROWS);
	unknown = BD_MAX(unknown, trace_known(l->unresolved)); /* part of it, where there is such a sum */
	if (!all && !unknown)
		return;
	title(r, l->title);
	bd_auto_grid struct bd_grid *g = bd_grid_new(r->s);
	size_t time = bd_grid_column(g, (struct bd_grid_column){"time", true, false, false, 0});
	size_t share = bd_grid_column(g, (struct bd_grid_column){l->of, true, false, false, 0});
	size_t count = bd_grid_column(g,
		(struct bd_grid_column){l->yields ? "yields" : "samples", true, false, false, 2});
	size_t thread = bd_grid_column(g, (struct bd_grid_column){"thread", false, false, false, 1});
	size_t function = bd_grid_column(g, (struct bd_grid_column){"function", false, false, false, 0});
	size_t place = bd_grid_column(g, (struct bd_grid_column){"line", false, false, false, 0});
	size_t from = bd_grid_column(g, (struct bd_grid_column){"called at", false, false, false, 1});
	for (size_t i = 0; i < all; i++) {
		if (i >= n) {
			rest += trace_known(v[i].ns);
			continue;
		}
		bd_grid_row(g);
		set_taken(g, time, BD_BOLD, trace_time(v[i].ns));
		set_taken(g, share, BD_PLAIN, trace_share(v[i].ns, l->whole));
		if (l->samples && v[i].samples != BD_NULL_INT)
			bd_grid_set(g, count, BD_DIM, "%lld", (long long)v[i].samples);
		if (l->yields && v[i].yields != BD_NULL_INT)
			set_taken(g, count, BD_DIM, trace_count(v[i].yields));
		set_taken(g, thread, BD_PLAIN, trace_line_thread(r->d, &v[i]));
		set_taken(g, function, BD_PLAIN, trace_function(&v[i], r->wide ? 60 : 32, r->s->utf8));
		set_taken(g, place, BD_PLAIN, trace_place(&v[i], r->wide ? 80 : 26, r->s->utf8));
		if (v[i].from) {
			struct trace_line caller = {.file = v[i].from->file, .line = v[i].from->line};
			set_taken(g, from, BD_PLAIN, trace_place(&caller, r->wide ? 80 : 24, r->s->utf8));
		}
	}
	if (rest) {
		bd_grid_row(g);
		set_taken(g, time, BD_DIM, trace_time(rest));
		set_taken(g, share, BD_DIM, trace_share(rest, l->whole));
		if (n < all)
			bd_grid_span(g, thread, BD_DIM, "%zu more (-v shows them)", all - n);
		else
			bd_grid_span(g, thread, BD_DIM, "more, too many to tell");
	}
	if (unknown) {
		bd_grid_row(g);
		set_taken(g, time, BD_DIM, trace_time(unknown));
		set_taken(g, share, BD_DIM, trace_share(unknown, l->whole));
		bd_grid_span(g, thread, BD_DIM, "no line known");
	}
	bd_grid_print(g, r->out);
}

/* ---- without a GIL ----------------------------------------------------------------------------------------------------- */

static void locks(const struct report *r)
{
	const struct trace_document *d = r->d;
	if (!d->locks_len)
		return;
	title(r, "locks that threads slept for");
	bd_auto_grid struct bd_grid *g = bd_grid_new(r->s);
	size_t kind = bd_grid_column(g, (struct bd_grid_column){"kind", false, false, false, 0});
	size_t type = bd_grid_column(g, (struct bd_grid_column){"of a", false, false, false, 0});
	size_t time = bd_grid_column(g, (struct bd_grid_column){"waited", true, false, false, 0});
	size_t waits = bd_grid_column(g, (struct bd_grid_column){"waits", true, false, false, 1});
	size_t queue = bd_grid_column(g, (struct bd_grid_column){"run queue", true, false, false, 2});
	size_t n = shown(r, d->locks_len, ROWS);
	for (size_t i = 0; i < n; i++) {
		const struct trace_lock *l = &d->locks[i];
		bd_grid_row(g);
		bd_grid_set(g, kind, BD_BOLD, "%s", l->kind ? l->kind : "?");
		if (l->type)
			bd_grid_set(g, type, BD_PLAIN, "%s", l->type);
		set_taken(g, time, BD_PLAIN, trace_time(l->ns));
		set_taken(g, waits, BD_PLAIN, trace_count(l->waits));
		if (l->runqueue_ns != BD_NULL_INT)
			set_taken(g, queue, BD_DIM, trace_time(l->runqueue_ns));
	}
	bd_grid_print(g, r->out);
}

/* ---- a run's cells ------------------------------------------------------------------------------------------------------- */

/* The parts of the id of a cell; what an A/A row measures beside it has the same, and a name behind them. */
static const char *id_parts(const struct trace_document *d, size_t index, struct bd_strv *ret)
{
	const char *id = d->cells[index].id ? d->cells[index].id : "?", *twin = strchr(id, '#');
	bd_auto_free char *own = twin ? bd_strndup(id, (size_t)(twin - id)) : bd_strdup(id);
	bd_strv_split(ret, own, '/');
	return twin ? twin + 1 : NULL;
}

/* What differs among the ids: the parts that are not in all of them. */
static char *cell_name(const struct trace_document *d, size_t index)
{
	bd_auto_strv struct bd_strv parts = {0};
	struct bd_str out = {0};
	const char *twin = id_parts(d, index, &parts);
	for (size_t k = 0; k < parts.n; k++) {
		bool everywhere = d->cells_len > 1;
		for (size_t i = 0; everywhere && i < d->cells_len; i++) {
			bd_auto_strv struct bd_strv others = {0};
			id_parts(d, i, &others);
			everywhere = bd_strv_has(&others, parts.v[k]);
		}
		if (!everywhere)
			bd_str_printf(&out, "%s%s", out.len ? " " : "", parts.v[k]);
	}
	if (!out.len)
		bd_str_puts(&out, d->cells[index].id ? d->cells[index].id : "?");
	else if (twin)
		bd_str_printf(&out, " (A/A, %s)", twin);
	return bd_str_take(&out);
}

static void cells(const struct report *r)
{
	const struct trace_document *d = r->d;
	if (!d->cells_len)
		return;
	title(r, "cells");
	bd_auto_grid struct bd_grid *g = bd_grid_new(r->s);
	size_t id = bd_grid_column(g, (struct bd_grid_column){"cell", false, false, false, 0});
	size_t share = bd_grid_column(g, (struct bd_grid_column){"wait", true, false, false, 0});
	size_t waits = bd_grid_column(g, (struct bd_grid_column){"waits", true, false, false, 3});
	size_t cost = bd_grid_column(g, (struct bd_grid_column){"traced ÷ not", true, false, false, 1});
	size_t interval = bd_grid_column(g, (struct bd_grid_column){"95 % interval", false, true, false, 4});
	size_t line = bd_grid_column(g, (struct bd_grid_column){"held by", false, false, false, 2});
	size_t place = bd_grid_column(g, (struct bd_grid_column){"line", false, false, false, 5});
	for (size_t i = 0; i < d->cells_len; i++) {
		const struct trace_cell *c = &d->cells[i];
		bd_auto_free char *name = cell_name(d, i);
		bd_grid_row(g);
		bd_grid_set(g, id, BD_BOLD, "%s", name);
		set_taken(g, share, BD_PLAIN, trace_share(c->wait_ns, c->threads_ns));
		set_taken(g, waits, BD_PLAIN, trace_count(c->waits));
		if (c->cost && isfinite(c->cost->ratio))
			set_taken(g, cost, BD_PLAIN, bd_text_ratio(c->cost->ratio));
		if (c->cost && isfinite(c->cost->lo) && isfinite(c->cost->hi))
			bd_grid_set(g, interval, BD_DIM, "[%.3f, %.3f]", c->cost->lo, c->cost->hi);
		for (size_t k = 0; k < c->lines_len; k++)
			if (bd_streq(c->lines[k].role, "holder")) {
				set_taken(g, line, BD_PLAIN, trace_function(&c->lines[k], 40, r->s->utf8));
				set_taken(g, place, BD_PLAIN, trace_place(&c->lines[k], 40, r->s->utf8));
				break;
			}
	}
	bd_grid_print(g, r->out);
}

/* ---- what is to be known -------------------------------------------------------------------------------------------------- */

static void note(const struct report *r, const char *label, enum bd_style style, const char *fmt, ...) BD_PRINTF(4, 5);

static void note(const struct report *r, const char *label, enum bd_style style, const char *fmt, ...)
{
	bd_auto_str struct bd_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&text, fmt, ap);
	va_end(ap);
	bd_note_put(r->out, r->s, label, style, text.s);
}

static void processor_time(struct bd_str *out, const char *who, double cpu_s, double seconds)
{
	if (!isfinite(cpu_s))
		return;
	bd_auto_free char *share = bd_text_percent(seconds > 0 ? cpu_s / seconds : NAN);
	bd_auto_free char *time = trace_time((int64_t)(cpu_s * 1e9));
	bd_str_printf(out, "%s%s %s (%s)", out->len ? ", " : "processor time of ", who, time, share);
}

static void note_cost(const struct report *r)
{
	const struct trace_document *d = r->d;
	bd_auto_str struct bd_str text = {0};
	processor_time(&text, "bench-tracer", d->tracer_cpu_s, d->seconds);
	processor_time(&text, "benchd", d->benchd_cpu_s, d->seconds);
	if (isfinite(d->events_per_s)) {
		bd_auto_free char *rate = trace_count((int64_t)(d->events_per_s + 0.5));
		bd_str_printf(&text, "%s%s events a second", text.len ? ", " : "", rate);
	}
	if (trace_known(d->bytes) > 0) {
		bd_auto_free char *bytes = bd_text_count((double)d->bytes);
		bd_str_printf(&text, "%s%s%sB stored", text.len ? ", " : "", bytes, strchr(bytes, ' ') ? "" : " ");
	}
	if (text.len)
		note(r, "cost", BD_DIM, "%s", text.s);
}

static void note_lost(const struct report *r)
{
	const struct trace_document *d = r->d;
	if (trace_known(d->lost) <= 0)
		return;
	bd_auto_str struct bd_str when = {0};
	size_t n = BD_MIN(d->losses_len, (size_t)6);
	for (size_t i = 0; i < n; i++)
		bd_str_printf(&when, "%s%lld in second %lld", i ? ", " : ": ",
			(long long)trace_known(d->losses[i].lost), (long long)trace_known(d->losses[i].second));
	if (n < d->losses_len)
		bd_str_puts(&when, " …");
	note(r, "lost", BD_YELLOW, "%lld events were lost%s. Their waits are missing above: true totals are higher.",
		(long long)d->lost, when.len ? when.s : "");
}

static void note_lines(const struct report *r)
{
	const struct trace_document *d = r->d;
	int64_t samples = 0, unresolved = trace_known(d->unresolved_ns), wait = trace_known(d->wait_ns);
	for (size_t i = 0; i < d->held_len; i++)
		samples += trace_known(d->held[i].samples);
	if (d->held_len && samples < FEW_SAMPLES)
		note(r, "samples", BD_YELLOW,
			"What the GIL was held for rests on %lld sample%s: shares of lines are rough. Trace for longer.",
			(long long)samples, samples == 1 ? "" : "s");
	if (wait > 0 && (double)unresolved > UNRESOLVED_MUCH * (double)wait) {
		bd_auto_free char *time = trace_time(unresolved), *share = trace_share(unresolved, wait);
		note(r, "lines", BD_YELLOW,
			"For %s of the waiting (%s) no line is known: nothing could be read, or not surely. It is "
			"counted, not guessed.",
			time, share);
	}
}

static void notes(const struct report *r)
{
	const struct trace_document *d = r->d;
	bd_str_puts(r->out, "\n");
	if (d->gil && trace_known(d->waits) <= 0 && trace_known(d->lost) <= 0)
		note(r, "waits", BD_GREEN, "none: no thread waited for the GIL while it was watched.");
	bool threads_shown = d->threads_len && (!d->cells_len || r->s->verbose);
	if (d->gil && !r->wide && trace_known(d->wait_ns) > 0 && threads_shown)
		note(r, "h/q/s/m", BD_DIM,
			"%% of the waiting for a holder, in the run queue, in a forced switch, for the GIL's own mutex");
	note_cost(r);
	note_lost(r);
	note_lines(r);
	if (d->blockers_rest) {
		bd_auto_free char *time = trace_time(d->blockers_rest->ns);
		note(r, "pairs", BD_DIM, "Who waited for whom leaves out %lld pairs of threads: %s in all.",
			(long long)trace_known(d->blockers_rest->pairs), time);
	}
	if (d->truncated)
		note(r, "stored", BD_YELLOW,
			"The stored trace is full: the figures above are whole, what is exported ends early.");
	if (trace_known(d->children) > 0)
		note(r, "forked", BD_DIM, "%lld process%s forked meanwhile and not traced.", (long long)d->children,
			d->children == 1 ? " was" : "es were");
	if (trace_known(d->execs) > 0)
		note(r, "exec", BD_DIM, "The process started another program %lld time%s.", (long long)d->execs,
			d->execs == 1 ? "" : "s");
	if (!d->gil && d->spins_len)
		note(r, "spinning", BD_DIM,
			"seen only where giving the processor up let another thread run; which lock it was for is not known");
	if (d->id)
		note(r, "trace", BD_DIM, "%s%s%s", d->id, d->started ? ", started " : "", d->started ? d->started : "");
}

void trace_report(const struct trace_document *d, const struct bd_screen *s, struct bd_str *out)
{
	struct report r = {.d = d, .s = s, .out = out, .wide = s->width >= WIDE};
	int64_t window = isfinite(d->seconds) ? (int64_t)(d->seconds * 1e9) : 0, wait = trace_known(d->wait_ns);
	struct trace_lines_rest cut = d->lines_rest ? *d->lines_rest : (struct trace_lines_rest){0};
	head(&r);
	if (d->cells_len) {
		cells(&r);
		if (!s->verbose) { /* its threads are of many short processes, and the same from cell to cell */
			note(&r, "more", BD_DIM, "-v shows processes, threads and lines of the whole run");
			notes(&r);
			return;
		}
	}
	if (trace_gils(d))
		gils(&r);
	if (d->threads_len)
		threads(&r);
	trace_matrix(d, s, out);
	lines(&r,
		&(struct lines){.title = "what held the GIL while others waited",
			.of = "of waits",
			.role = "holder",
			.v = d->lines,
			.n = d->lines_len,
			.whole = wait,
			.unresolved = d->unresolved_ns,
			.cut = cut.holder_ns});
	lines(&r,
		&(struct lines){.title = d->gil ? "where threads waited" : "where threads waited for locks",
			.of = "of waits",
			.role = "waiter",
			.v = d->lines,
			.n = d->lines_len,
			.whole = wait,
			.cut = cut.waiter_ns});
	lines(&r,
		&(struct lines){.title = "what the GIL was held for, waited for or not",
			.of = "of time",
			.v = d->held,
			.n = d->held_len,
			.whole = window,
			.cut = cut.held_ns,
			.samples = true});
	locks(&r);
	lines(&r,
		&(struct lines){.title = "where threads were spinning for locks",
			.of = "of time",
			.v = d->spins,
			.n = d->spins_len,
			.whole = window,
			.cut = cut.spin_ns,
			.yields = true});
	notes(&r);
}
