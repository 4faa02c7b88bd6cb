/* One screen of a trace that goes on. Figures per second and shares of threads are of the last moments, between two
 * snapshots; who blocked whom and the lines are sums since the start. */
#include "trace.h"

#include <stdio.h>

#define BAR 10 /* columns of a bar */
#define WIDE 120

struct frame {
	const struct trace_document *d, *before; /* before: NULL = since the start */
	const struct bd_screen *s;
	double dt_ns;
};

/* ---- the last moments -------------------------------------------------------------------------------------------- */

static double span_ns(const struct trace_document *d, const struct trace_document *before)
{
	int64_t from = before ? before->end_mono_ns : d->start_mono_ns;
	if (d->end_mono_ns == BD_NULL_INT || from == BD_NULL_INT || d->end_mono_ns <= from)
		return NAN;
	return (double)(d->end_mono_ns - from);
}

static const struct trace_thread *earlier(const struct frame *f, const struct trace_thread *t)
{
	for (size_t i = 0; f->before && i < f->before->threads_len; i++)
		if (f->before->threads[i].tid == t->tid && f->before->threads[i].pid == t->pid)
			return &f->before->threads[i];
	return NULL;
}

struct pace {                     /* of one thread, lately */
	double wait, hold, waits; /* shares of the time; waits per second */
};

static struct pace pace_of(const struct frame *f, const struct trace_thread *t)
{
	const struct trace_thread *b = earlier(f, t);
	double wait = (double)(trace_known(t->wait_ns) - (b ? trace_known(b->wait_ns) : 0)),
	       hold = (double)(trace_known(t->hold_ns) - (b ? trace_known(b->hold_ns) : 0)),
	       waits = (double)(trace_known(t->waits) - (b ? trace_known(b->waits) : 0));
	/* sums of a snapshot are a moment apart from its time: never more than all of it */
	return (struct pace){fmin(fmax(wait / f->dt_ns, 0), 1), fmin(fmax(hold / f->dt_ns, 0), 1),
		fmax(waits, 0) / f->dt_ns * 1e9};
}

static double waits_per_s(const struct trace_document *d, const struct trace_document *before)
{
	return (double)(trace_known(d->waits) - (before ? trace_known(before->waits) : 0)) / span_ns(d, before) * 1e9;
}

static double tracer_share(const struct trace_document *d, const struct trace_document *before)
{
	double then = before && isfinite(before->tracer_cpu_s) ? before->tracer_cpu_s : 0;
	return (d->tracer_cpu_s - then) / span_ns(d, before) * 1e9;
}

/* ---- words ----------------------------------------------------------------------------------------------------------- */

static void elapsed(const struct trace_document *d, double asked_s, struct bd_str *out)
{
	bd_auto_free char *now = bd_text_seconds(d->seconds);
	bd_str_puts(out, now);
	if (isfinite(asked_s)) {
		bd_auto_free char *of = bd_text_seconds(asked_s);
		bd_str_printf(out, " of %s", of);
	}
}

static void rates(const struct trace_document *d, const struct trace_document *before, struct bd_str *out)
{
	bd_auto_free char *waits = bd_text_count(waits_per_s(d, before));
	bd_auto_free char *cpu = bd_text_percent(tracer_share(d, before));
	bd_str_printf(out, " · %s waits/s", waits);
	if (trace_known(d->lost) > 0)
		bd_str_printf(out, " · %lld events lost", (long long)d->lost);
	else
		bd_str_puts(out, " · nothing lost");
	if (isfinite(d->tracer_cpu_s))
		bd_str_printf(out, " · tracer %s CPU", cpu);
}

static const struct trace_blocker *top_blocker(const struct trace_document *d)
{
	const struct trace_blocker *top = NULL;
	for (size_t i = 0; i < d->blockers_len; i++)
		if (!top || trace_known(d->blockers[i].ns) > trace_known(top->ns))
			top = &d->blockers[i];
	return top;
}

void trace_sentence(const struct trace_document *d, const struct trace_document *before, double asked_s,
	struct bd_str *out)
{
	bd_str_puts(out, "tracing ");
	elapsed(d, asked_s, out);
	rates(d, before, out);
	const struct trace_blocker *top = top_blocker(d);
	if (!top)
		return;
	bd_auto_free char *waiter = trace_thread_name(d, top->pid, top->waiter);
	bd_auto_free char *holder = trace_thread_name(d, top->pid, top->holder);
	bd_auto_free char *time = trace_time(top->ns);
	bd_str_printf(out, " · %s ← %s %s", waiter, holder, time);
}

static void line(const struct frame *f, enum bd_style style, const char *text, struct bd_str *out)
{
	bd_auto_free char *plain = bd_text_for(f->s, text);
	bd_auto_free char *cut = bd_text_cut(plain, f->s->width, f->s->utf8);
	bd_put(out, f->s, style, cut);
	bd_str_puts(out, "\n");
}

static void head(const struct frame *f, double asked_s, struct bd_str *out)
{
	const struct trace_document *d = f->d;
	bd_auto_str struct bd_str first = {0}, second = {0};
	bd_auto_free char *what = trace_title(d);
	if (d->pid != BD_NULL_INT && d->command)
		bd_str_printf(&first, "%lld · ", (long long)d->pid);
	bd_str_puts(&first, what);
	elapsed(d, asked_s, &second);
	bd_str_puts(&second, d->gil ? "" : " · no GIL");
	rates(d, f->before, &second);
	if (d->python)
		bd_str_printf(&second, " · Python %s", d->python);
	line(f, BD_BOLD, first.s, out);
	line(f, BD_DIM, second.s, out);
}

/* ---- threads ----------------------------------------------------------------------------------------------------------- */

static void set_taken(struct bd_grid *g, size_t column, enum bd_style style, char *text)
{
	bd_grid_set(g, column, style, "%s", text);
	free(text);
}

static char *bar(double part)
{
	struct bd_str out = {0};
	int full = isfinite(part) ? (int)(part * BAR + 0.5) : 0;
	for (int i = 0; i < BAR; i++)
		bd_str_puts(&out, i < full ? "█" : "░");
	return bd_str_take(&out);
}

struct ranked {
	const struct trace_thread *t;
	struct pace pace;
	int64_t group; /* index of its GIL; the number of GILs when it is none's */
};

/* The GIL a thread was seen with; with one GIL all are of that. */
static int64_t gil_of(const struct trace_document *d, const struct trace_thread *t)
{
	if (d->gils_len < 2)
		return 0;
	for (size_t i = 0; i < d->blockers_len; i++) {
		const struct trace_blocker *b = &d->blockers[i];
		bool here = b->pid == BD_NULL_INT || t->pid == BD_NULL_INT || b->pid == t->pid;
		if (!here || (b->waiter != t->tid && b->holder != t->tid))
			continue;
		for (size_t k = 0; k < d->gils_len; k++)
			if (trace_known(d->gils[k].interpreter) == trace_known(b->interpreter) &&
				(b->pid == BD_NULL_INT || d->gils[k].pid == BD_NULL_INT || d->gils[k].pid == b->pid))
				return (int64_t)k;
	}
	return (int64_t)d->gils_len;
}

/* Rows keep their places while shares move a little: the most waiting in all first. */
static int by_gil_and_wait(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	int64_t p = trace_known(x->t->wait_ns), q = trace_known(y->t->wait_ns);
	return p > q ? -1 : p < q ? 1 : x->t->tid < y->t->tid ? -1 : 1;
}

static enum bd_style state_style(const char *state)
{
	return bd_streq(state, "waiting")    ? BD_YELLOW
		: bd_streq(state, "holding") ? BD_GREEN
		: bd_streq(state, "off")     ? BD_DIM
					     : BD_PLAIN;
}

static void thread_rows(const struct frame *f, size_t rows, struct bd_str *out)
{
	const struct trace_document *d = f->d;
	bd_auto_free struct ranked *v = bd_alloc(BD_MAX(d->threads_len, (size_t)1) * sizeof *v);
	for (size_t i = 0; i < d->threads_len; i++)
		v[i] = (struct ranked){&d->threads[i], pace_of(f, &d->threads[i]), gil_of(d, &d->threads[i])};
	qsort(v, d->threads_len, sizeof *v, by_gil_and_wait);
	bool grouped = d->gils_len > 1;
	bd_auto_grid struct bd_grid *g = bd_grid_new(f->s);
	size_t gil = bd_grid_column(g, (struct bd_grid_column){"GIL of", false, false, false, 1});
	size_t name = bd_grid_column(g, (struct bd_grid_column){"thread", false, false, false, 0});
	size_t tid = bd_grid_column(g, (struct bd_grid_column){"tid", true, false, false, 3});
	size_t state = bd_grid_column(g, (struct bd_grid_column){"state", false, false, false, 2});
	size_t wait = bd_grid_column(g, (struct bd_grid_column){"waits", false, false, false, 1});
	size_t share = bd_grid_column(g, (struct bd_grid_column){"", true, true, false, 0});
	size_t hold = bd_grid_column(g, (struct bd_grid_column){"holds", true, false, false, 1});
	size_t rate = bd_grid_column(g, (struct bd_grid_column){"waits/s", true, false, false, 2});
	bool all = d->threads_len <= rows;
	size_t n = all ? d->threads_len : rows - 1;
	for (size_t i = 0; i < n; i++) {
		const struct trace_thread *t = v[i].t;
		bd_grid_row(g);
		if (grouped && (i == 0 || v[i].group != v[i - 1].group)) {
			const struct trace_gil *of = (size_t)v[i].group < d->gils_len ? &d->gils[v[i].group] : NULL;
			set_taken(g, gil, BD_BOLD,
				of ? trace_gil_name(d, of->pid, of->interpreter) : bd_strdup("none seen"));
		}
		bd_grid_set(g, name, BD_BOLD, "%s", t->name && *t->name ? t->name : "?");
		bd_grid_set(g, tid, BD_PLAIN, "%lld", (long long)trace_known(t->tid));
		bd_grid_set(g, state, state_style(t->state), "%s",
			bd_streq(t->state, "off") ? "off CPU"
				: t->state        ? t->state
						  : "");
		set_taken(g, wait, v[i].pace.wait >= 0.2 ? BD_YELLOW : BD_DIM, bar(v[i].pace.wait));
		set_taken(g, share, BD_PLAIN, bd_text_percent(v[i].pace.wait));
		if (d->gil)
			set_taken(g, hold, BD_PLAIN, bd_text_percent(v[i].pace.hold));
		set_taken(g, rate, BD_PLAIN, bd_text_count(v[i].pace.waits));
	}
	int64_t rest = d->threads_rest ? trace_known(d->threads_rest->threads) : 0;
	if (!all) {
		bd_grid_row(g);
		bd_grid_span(g, name, BD_DIM, "%lld others", (long long)(d->threads_len - n) + (long long)rest);
	}
	bd_grid_print(g, out);
}

/* ---- blockers, lines, locks ---------------------------------------------------------------------------------------------- */

static void blocker_rows(const struct frame *f, size_t rows, struct bd_str *out)
{
	const struct trace_document *d = f->d;
	bd_auto_grid struct bd_grid *g = bd_grid_new(f->s);
	size_t gil = bd_grid_column(g, (struct bd_grid_column){"GIL of", false, false, false, 1});
	size_t who = bd_grid_column(g, (struct bd_grid_column){"who waited ← for whom", false, false, false, 0});
	size_t time = bd_grid_column(g, (struct bd_grid_column){"so far", true, false, false, 0});
	size_t share = bd_grid_column(g, (struct bd_grid_column){"of waits", true, false, false, 0});
	size_t count = bd_grid_column(g, (struct bd_grid_column){"waits", true, false, false, 1});
	for (size_t i = 0; i < d->blockers_len && i < rows; i++) { /* the document has the longest first */
		const struct trace_blocker *b = &d->blockers[i];
		bd_auto_free char *waiter = trace_thread_name(d, b->pid, b->waiter);
		bd_auto_free char *holder = trace_thread_name(d, b->pid, b->holder);
		bd_grid_row(g);
		if (d->gils_len > 1)
			set_taken(g, gil, BD_PLAIN, trace_gil_name(d, b->pid, b->interpreter));
		bd_grid_set(g, who, BD_PLAIN, "%s ← %s", waiter, holder);
		set_taken(g, time, BD_BOLD, trace_time(b->ns));
		set_taken(g, share, BD_PLAIN, trace_share(b->ns, d->wait_ns));
		set_taken(g, count, BD_PLAIN, trace_count(b->waits));
	}
	bd_grid_print(g, out);
}

static size_t count_lines(const struct trace_line *v, size_t n, const char *role)
{
	size_t len;
	int64_t unknown;
	free(trace_lines(v, n, role, true, &len, &unknown));
	return len;
}

/* v: lines, held or spins. role: of these only; NULL = all. */
static void line_rows(const struct frame *f, const struct trace_line *v, size_t n, const char *role, const char *title,
	size_t rows, struct bd_str *out)
{
	const struct trace_document *d = f->d;
	bd_auto_grid struct bd_grid *g = bd_grid_new(f->s);
	size_t function = bd_grid_column(g, (struct bd_grid_column){title, false, false, false, 0});
	size_t place = bd_grid_column(g, (struct bd_grid_column){"line", false, false, false, 1});
	size_t thread = bd_grid_column(g, (struct bd_grid_column){"thread", false, false, false, 2});
	size_t time = bd_grid_column(g, (struct bd_grid_column){"so far", true, false, false, 0});
	size_t len;
	int64_t unknown;
	bd_auto_free struct trace_line *all = trace_lines(v, n, role, true, &len, &unknown);
	for (size_t i = 0; i < len && i < rows; i++) {
		const struct trace_line *l = &all[i];
		bd_grid_row(g);
		set_taken(g, function, BD_PLAIN, trace_function(l, f->s->width >= WIDE ? 60 : 34, f->s->utf8));
		set_taken(g, place, BD_PLAIN, trace_place(l, f->s->width >= WIDE ? 60 : 24, f->s->utf8));
		set_taken(g, thread, BD_PLAIN, trace_line_thread(d, l));
		set_taken(g, time, BD_BOLD, trace_time(l->ns));
	}
	bd_grid_print(g, out);
}

static void lock_rows(const struct frame *f, size_t rows, struct bd_str *out)
{
	const struct trace_document *d = f->d;
	bd_auto_grid struct bd_grid *g = bd_grid_new(f->s);
	size_t kind = bd_grid_column(g, (struct bd_grid_column){"locks slept for", false, false, false, 0});
	size_t type = bd_grid_column(g, (struct bd_grid_column){"of a", false, false, false, 1});
	size_t time = bd_grid_column(g, (struct bd_grid_column){"so far", true, false, false, 0});
	size_t count = bd_grid_column(g, (struct bd_grid_column){"waits", true, false, false, 1});
	for (size_t i = 0; i < d->locks_len && i < rows; i++) {
		const struct trace_lock *l = &d->locks[i];
		bd_grid_row(g);
		bd_grid_set(g, kind, BD_PLAIN, "%s", l->kind ? l->kind : "?");
		if (l->type)
			bd_grid_set(g, type, BD_BOLD, "%s", l->type);
		set_taken(g, time, BD_BOLD, trace_time(l->ns));
		set_taken(g, count, BD_PLAIN, trace_count(l->waits));
	}
	bd_grid_print(g, out);
}

/* ---- the screen ------------------------------------------------------------------------------------------------------------ */

enum section { THREADS, BLOCKERS, HOLDERS, WAITERS, HELD, LOCKS, SPINS, SECTIONS };

/* How many rows each section has, given so many lines: one after the other gets one more, threads two. Each that is shown costs
 * two lines more, an empty one and its heading. */
static void share_out(const size_t want[SECTIONS], size_t height, size_t ret_rows[SECTIONS])
{
	for (bool any = true; any && height;) {
		any = false;
		for (size_t s = 0; s < SECTIONS; s++)
			for (size_t k = 0; k < (s == THREADS ? 2U : 1U); k++) {
				size_t cost = ret_rows[s] ? 1 : 3;
				if (ret_rows[s] < want[s] && height >= cost) {
					ret_rows[s]++;
					height -= cost;
					any = true;
				}
			}
	}
}

void trace_frame(const struct trace_document *d, const struct trace_document *before, double asked_s,
	const struct bd_screen *s, size_t height, struct bd_str *out)
{
	struct frame f = {.d = d, .before = before, .s = s, .dt_ns = span_ns(d, before)};
	size_t rows[SECTIONS] = {0};
	const size_t want[SECTIONS] = {[THREADS] = d->threads_len,
		[BLOCKERS] = d->blockers_len,
		[HOLDERS] = count_lines(d->lines, d->lines_len, "holder"),
		[WAITERS] = count_lines(d->lines, d->lines_len, "waiter"),
		[HELD] = count_lines(d->held, d->held_len, NULL),
		[LOCKS] = d->locks_len,
		[SPINS] = count_lines(d->spins, d->spins_len, NULL)};
	size_t from = out->len;
	head(&f, asked_s, out);
	share_out(want, height > 2 ? height - 2 : 0, rows);
	for (size_t k = 0; k < SECTIONS; k++) {
		if (!rows[k])
			continue;
		bd_str_puts(out, "\n");
		switch ((enum section)k) {
		case THREADS:
			thread_rows(&f, rows[k], out);
			break;
		case BLOCKERS:
			blocker_rows(&f, rows[k], out);
			break;
		case HOLDERS:
			line_rows(&f, d->lines, d->lines_len, "holder", "held while others waited", rows[k], out);
			break;
		case WAITERS:
			line_rows(&f, d->lines, d->lines_len, "waiter", "where it was waited", rows[k], out);
			break;
		case HELD:
			line_rows(&f, d->held, d->held_len, NULL, "what the GIL is held for", rows[k], out);
			break;
		case LOCKS:
			lock_rows(&f, rows[k], out);
			break;
		case SPINS:
			line_rows(&f, d->spins, d->spins_len, NULL, "spinning at", rows[k], out);
			break;
		case SECTIONS:
			break;
		}
	}
	/* a screen of one or two lines */
	size_t lines = 0;
	for (size_t i = from; i < out->len; i++)
		if (out->s[i] == '\n' && ++lines == height) {
			out->len = i + 1;
			out->s[out->len] = 0;
		}
}
