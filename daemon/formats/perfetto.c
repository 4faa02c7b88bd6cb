/* Chrome trace-event JSON, which Perfetto and speedscope read: "Trace Event Format" of the Chromium project. Per thread what it
 * did (X: waiting, holding, spinning), samples (i), arrows from who held to whom it let in (s, f), how many waited (C), names
 * (M). Times are us with three decimals, since the beginning of the trace. */
#include "holds.h"
#include "order.h"

#include <inttypes.h>

#define STEPS 8192
#define FIRST_STEP_NS 1000
#define NOBODY 4194305 /* no pid is as large; 0 is somebody's: the idle thread */

/* How many waited, as a mean per step; when the steps are used up, they become twice as long. Exact, and of constant size. */
struct counter {
	int64_t step_ns;
	int64_t *ns;
	size_t used; /* steps */
};

struct own {
	struct bd_holds holds;
	struct bd_order order;
	uint64_t *named; /* of each thread: hash of the name that was told, 0 = none yet */
	size_t named_len;
	int64_t *pids; /* that are named */
	size_t pids_len;
	struct counter *gils; /* of each GIL */
	size_t gils_len;
	struct counter locks;
	int64_t locks_pid;
	bool batches; /* named */
	bool some;    /* an event stands there */
};

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void put_us(struct bd_str *out, int64_t ns)
{
	uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	bd_str_printf(out, "%s%" PRIu64 ".%03" PRIu64, ns < 0 ? "-" : "", n / 1000, n % 1000);
}

static struct bd_str *event(struct bd_exporter *e, const char *phase, int64_t pid, int64_t tid)
{
	struct own *own = e->own;
	bd_formats_flush(e, false);
	bd_str_puts(&e->out, own->some ? ",\n" : "\n");
	own->some = true;
	bd_str_printf(&e->out, "{\"ph\":\"%s\",\"pid\":%" PRId64 ",\"tid\":%" PRId64, phase, pid, tid);
	return &e->out;
}

static void put_ts(struct bd_str *out, int64_t ns)
{
	bd_str_puts(out, ",\"ts\":");
	put_us(out, ns);
}

static void put_slice(struct bd_str *out, int64_t from_ns, int64_t to_ns)
{
	put_ts(out, from_ns);
	bd_str_puts(out, ",\"dur\":");
	put_us(out, BD_MAX(to_ns - from_ns, 0));
}

static void put_name(struct bd_exporter *e, int64_t pid, int64_t tid, const char *what, const char *name)
{
	struct bd_str *out = event(e, "M", pid, tid);
	bd_str_printf(out, ",\"name\":\"%s\",\"args\":{\"name\":", what);
	bd_formats_json(out, name);
	bd_str_puts(out, "}}");
}

static void name_process(struct bd_exporter *e, int64_t pid)
{
	struct own *own = e->own;
	for (size_t i = 0; i < own->pids_len; i++)
		if (own->pids[i] == pid)
			return;
	*BD_PUSH(own->pids, own->pids_len) = pid;
	put_name(e, pid, pid, "process_name", e->command ? e->command : "python");
}

static void name_thread(struct bd_exporter *e, int32_t index)
{
	struct own *own = e->own;
	const struct bd_trace_thread *t = &e->definitions.threads[index];
	const char *name = t->name && *t->name ? t->name : "thread"; /* its number is shown beside it */
	uint64_t hash = bd_hash(name, strlen(name)) | 1;
	if (own->named[index] == hash)
		return;
	own->named[index] = hash;
	name_process(e, t->pid);
	put_name(e, t->pid, t->tid, "thread_name", name);
}

/* The thread, named when it is met for the first time; of an unknown one NULL. */
static const struct bd_trace_thread *thread_of(struct bd_exporter *e, int32_t index)
{
	struct own *own = e->own;
	const struct bd_trace_thread *t = bd_formats_thread(&e->definitions, index);
	if (!t)
		return NULL;
	while (own->named_len <= (size_t)index)
		BD_PUSH(own->named, own->named_len);
	if (!own->named[index])
		name_thread(e, index);
	return t;
}

/* The first of the args. */
static void put_gil(struct bd_exporter *e, int32_t gil)
{
	const struct bd_trace_definitions *d = &e->definitions;
	if (gil >= 0 && (size_t)gil < d->gils_len)
		bd_str_printf(&e->out, "\"interpreter\":%" PRId64, d->gils[gil].interpreter);
	else
		bd_str_puts(&e->out, "\"interpreter\":null");
}

/* `,"key":"place"`, when it is known. */
static void put_place(struct bd_exporter *e, const char *key, int32_t stack)
{
	bd_auto_str struct bd_str text = {0};
	if (!bd_formats_place(&e->definitions, stack, &text))
		return;
	bd_str_printf(&e->out, ",\"%s\":", key);
	bd_formats_json(&e->out, text.s);
}

static void put_thread(struct bd_exporter *e, const char *key, int32_t thread)
{
	bd_auto_str struct bd_str text = {0};
	bd_formats_thread_name(&e->definitions, thread, &text);
	bd_str_printf(&e->out, "\"%s\":", key);
	bd_formats_json(&e->out, text.s);
}

/* ---- how many wait ------------------------------------------------------------------------------------------------ */

static void count(struct counter *c, int64_t from_ns, int64_t to_ns)
{
	from_ns = BD_MAX(from_ns, 0);
	if (to_ns <= from_ns)
		return;
	if (!c->ns) {
		c->ns = bd_alloc(STEPS * sizeof *c->ns);
		c->step_ns = FIRST_STEP_NS;
	}
	while (to_ns > c->step_ns * STEPS) {
		for (size_t i = 0; i < STEPS / 2; i++)
			c->ns[i] = bd_formats_add(c->ns[2 * i], c->ns[2 * i + 1]);
		memset(c->ns + STEPS / 2, 0, STEPS / 2 * sizeof *c->ns);
		c->step_ns *= 2;
		c->used = (c->used + 1) / 2;
	}
	for (int64_t i = from_ns / c->step_ns; i * c->step_ns < to_ns; i++) {
		int64_t begin = i * c->step_ns;
		c->ns[i] = bd_formats_add(c->ns[i], BD_MIN(to_ns, begin + c->step_ns) - BD_MAX(from_ns, begin));
		c->used = BD_MAX(c->used, (size_t)i + 1);
	}
}

static void put_counter(struct bd_exporter *e, const struct counter *c, int64_t pid, const char *name)
{
	int64_t last = 0;
	for (size_t i = 0; c->used && i <= c->used; i++) {
		int64_t now = i < c->used ? c->ns[i] : 0;
		if (now == last)
			continue;
		struct bd_str *out = event(e, "C", pid, pid);
		put_ts(out, (int64_t)i * c->step_ns);
		bd_str_puts(out, ",\"name\":");
		bd_formats_json(out, name);
		bd_str_printf(out, ",\"args\":{\"threads\":%.4g}}", (double)now / (double)c->step_ns);
		last = now;
	}
}

/* ---- entries ------------------------------------------------------------------------------------------------------ */

static void put_arrow(struct bd_exporter *e, const char *phase, const struct bd_trace_thread *t, int64_t id,
	int64_t at_ns)
{
	struct bd_str *out = event(e, phase, t->pid, t->tid);
	put_ts(out, at_ns);
	/* bp: the waiter's slice is the one around that moment, not the next one */
	bd_str_printf(out, ",\"id\":%" PRId64 ",\"cat\":\"gil\",\"name\":\"hand-over\"%s}", id,
		*phase == 'f' ? ",\"bp\":\"e\"" : "");
}

static void tell_hold(const struct bd_hold *hold, int64_t arrow_ns, void *arg)
{
	struct bd_exporter *e = arg;
	const struct bd_trace_thread *t = thread_of(e, hold->thread);
	if (!t)
		return;
	if (hold->to_ns > hold->from_ns) {
		struct bd_str *out = event(e, "X", t->pid, t->tid);
		put_slice(out, hold->from_ns, hold->to_ns);
		/* nothing that differs from hold to hold: speedscope takes what does for another function */
		bd_str_puts(out, ",\"cat\":\"gil\",\"name\":\"holding the GIL\",\"args\":{");
		put_gil(e, hold->gil);
		bd_str_puts(out, "}}");
	}
	if (hold->flow)
		put_arrow(e, "s", t, hold->flow, arrow_ns);
}

/* Where a slice begins so that slices of a thread never overlap; the figures in it are whole. What is told of the thread
 * already is left out: spinning is summed over some ms between which the thread may also have slept, and a wait may come too
 * late to be put in order. */
static int64_t not_told(const struct own *own, int32_t thread, int64_t from_ns, int64_t to_ns)
{
	if ((size_t)thread < own->holds.tracks)
		from_ns = BD_MAX(from_ns, own->holds.track[thread].done_ns);
	return BD_MIN(from_ns, to_ns);
}

static void put_pieces(struct bd_exporter *e, const struct bd_trace_wait *w)
{
	struct bd_str *out = &e->out;
	bd_str_puts(out, ",\"blocked_by\":[");
	for (size_t i = 0; i < w->pieces_len; i++) {
		bd_str_puts(out, i ? ",{" : "{");
		put_thread(e, "thread", w->piece[i].holder);
		bd_str_printf(out, ",\"ns\":%" PRId64, w->piece[i].ns);
		put_place(e, "at", w->piece[i].stack);
		bd_str_puts(out, "}");
	}
	bd_str_puts(out, "]");
}

static void put_wait(struct bd_exporter *e, const struct bd_trace_wait *w)
{
	const struct bd_trace_definitions *d = &e->definitions;
	struct own *own = e->own;
	const struct bd_trace_thread *t = thread_of(e, w->thread);
	if (w->gil >= 0 && (size_t)w->gil < d->gils_len) {
		while (own->gils_len <= (size_t)w->gil)
			BD_PUSH(own->gils, own->gils_len);
		count(&own->gils[w->gil], w->start_ns, w->end_ns);
	}
	if (!t)
		return;
	int64_t from = not_told(own, w->thread, w->start_ns, w->end_ns);
	bd_holds_away(&own->holds, w->thread, from, w->end_ns);
	struct bd_str *out = event(e, "X", t->pid, t->tid);
	put_slice(out, from, w->end_ns);
	bd_str_puts(out, ",\"cat\":\"gil\",\"name\":\"waiting for the GIL\",\"args\":{");
	put_gil(e, w->gil);
	bd_str_printf(out, ",\"holder_ns\":%" PRId64 ",\"runqueue_ns\":%" PRId64, w->holder_ns, w->runqueue_ns);
	bd_str_printf(out, ",\"switch_ns\":%" PRId64 ",\"mutex_ns\":%" PRId64, w->switch_ns, w->mutex_ns);
	if (w->retry)
		bd_str_puts(out, ",\"retry\":true");
	put_place(e, "at", w->stack);
	put_pieces(e, w);
	bd_str_puts(out, "}}");
	int64_t flow = bd_holds_take(&own->holds, w);
	if (flow)
		put_arrow(e, "f", t, flow, BD_MAX(from, w->end_ns - 1));
}

static void put_hold(struct bd_exporter *e, const struct bd_trace_hold *h)
{
	struct own *own = e->own;
	const struct bd_trace_thread *t = thread_of(e, h->thread);
	if (!t)
		return;
	bool off = h->end_ns > h->start_ns;
	bd_holds_seen(&own->holds, h->thread, h->gil, h->start_ns, h->end_ns,
		off ? 0 : bd_trace_hold_ns(h, e->definitions.sample_ns));
	bd_auto_str struct bd_str name = {0};
	bd_str_puts(&name, off ? "holding, off its processor: " : "");
	if (!bd_formats_place(&e->definitions, h->stack, &name))
		bd_str_puts(&name, "stack unknown");
	struct bd_str *out = event(e, "i", t->pid, t->tid);
	put_ts(out, h->start_ns);
	bd_str_puts(out, ",\"s\":\"t\",\"cat\":\"sample\",\"name\":");
	bd_formats_json(out, name.s);
	bd_str_puts(out, ",\"args\":{");
	put_gil(e, h->gil);
	bd_str_printf(out, ",\"waiters\":%" PRId32, h->waiters);
	if (off)
		bd_str_printf(out, ",\"off_ns\":%" PRId64, h->end_ns - h->start_ns);
	bd_str_puts(out, "}}");
}

static void put_lock(struct bd_exporter *e, const struct bd_trace_lock *l)
{
	const struct bd_trace_definitions *d = &e->definitions;
	struct own *own = e->own;
	const struct bd_trace_thread *t = thread_of(e, l->thread);
	count(&own->locks, l->start_ns, l->end_ns);
	if (!t)
		return;
	own->locks_pid = t->pid;
	int64_t from = not_told(own, l->thread, l->start_ns, l->end_ns);
	bd_holds_away(&own->holds, l->thread, from, l->end_ns);
	bd_auto_str struct bd_str name = {0};
	bd_str_puts(&name, "waiting for a lock: ");
	bd_formats_lock_name(d, l->kind, &name);
	struct bd_str *out = event(e, "X", t->pid, t->tid);
	put_slice(out, from, l->end_ns);
	bd_str_puts(out, ",\"cat\":\"lock\",\"name\":");
	bd_formats_json(out, name.s);
	bd_str_printf(out, ",\"args\":{\"runqueue_ns\":%" PRId64, l->runqueue_ns);
	if (l->kind >= 0 && (size_t)l->kind < d->locks_len && d->locks[l->kind].address)
		bd_str_printf(out, ",\"address\":\"0x%" PRIx64 "\"", (uint64_t)d->locks[l->kind].address);
	put_place(e, "at", l->stack);
	if (l->waker >= 0) {
		bd_str_puts(out, ",");
		put_thread(e, "woken_by", l->waker);
	}
	bd_str_puts(out, "}}");
}

static void put_spin(struct bd_exporter *e, const struct bd_trace_spin *s)
{
	struct own *own = e->own;
	const struct bd_trace_thread *t = thread_of(e, s->thread);
	if (!t)
		return;
	int64_t from = not_told(own, s->thread, s->start_ns, s->end_ns);
	bd_holds_away(&own->holds, s->thread, from, s->end_ns);
	struct bd_str *out = event(e, "X", t->pid, t->tid);
	put_slice(out, from, s->end_ns);
	bd_str_printf(out,
		",\"cat\":\"lock\",\"name\":\"spinning\",\"args\":{\"yields\":%" PRId64 ",\"off_ns\":%" PRId64,
		s->yields, s->off_ns);
	put_place(e, "at", s->stack);
	bd_str_puts(out, "}}");
}

/* Batches stand on a line of their own, of no process that there is. */
static void put_mark(struct bd_exporter *e, const struct bd_trace_mark *m)
{
	const struct bd_trace_definitions *d = &e->definitions;
	struct own *own = e->own;
	struct bd_str *out = &e->out;
	if (m->cell < 0) {
		event(e, "i", BD_MAX(e->pid, 0), BD_MAX(e->pid, 0));
		put_ts(out, m->start_ns);
		bd_str_printf(out, ",\"s\":\"g\",\"cat\":\"lost\",\"name\":\"%" PRId64 " records lost\"", m->lost);
		bd_str_printf(out, ",\"args\":{\"lost\":%" PRId64 ",\"ns\":%" PRId64 "}}", m->lost,
			m->end_ns - m->start_ns);
		return;
	}
	if (!own->batches) {
		own->batches = true;
		put_name(e, NOBODY, NOBODY, "process_name", "batches of the run");
		put_name(e, NOBODY, NOBODY, "thread_name", "batches");
	}
	event(e, "X", NOBODY, NOBODY);
	put_slice(out, m->start_ns, m->end_ns);
	bd_str_puts(out, ",\"cat\":\"batch\",\"name\":");
	bd_formats_json(out, (size_t)m->cell < d->cells.n ? d->cells.v[m->cell] : "unknown cell");
	bd_str_puts(out, "}");
}

/* ---- in order ------------------------------------------------------------------------------------------------------- */

static void put_ordered(struct bd_exporter *e, bool all)
{
	struct own *own = e->own;
	struct bd_order_entry x;
	while (e->failed == 0 && bd_order_next(&own->order, all, &x))
		switch (x.kind) {
		case BD_ORDER_WAIT:
			put_wait(e, &x.wait);
			break;
		case BD_ORDER_HOLD:
			put_hold(e, &x.hold);
			break;
		case BD_ORDER_LOCK:
			put_lock(e, &x.lock);
			break;
		case BD_ORDER_SPIN:
			put_spin(e, &x.spin);
			break;
		case BD_ORDER_MARK:
			put_mark(e, &x.mark);
			break;
		}
}

static int add(void *arg, int64_t end_ns, const struct bd_order_entry *x)
{
	struct bd_exporter *e = arg;
	struct own *own = e->own;
	bd_order_add(&own->order, end_ns, x);
	put_ordered(e, false);
	return e->failed;
}

static int add_wait(const struct bd_trace_definitions *d, const struct bd_trace_wait *w, void *arg)
{
	(void)d;
	return add(arg, w->end_ns, &(struct bd_order_entry){.kind = BD_ORDER_WAIT, .wait = *w});
}

static int add_hold(const struct bd_trace_definitions *d, const struct bd_trace_hold *h, void *arg)
{
	(void)d;
	return add(arg, h->end_ns, &(struct bd_order_entry){.kind = BD_ORDER_HOLD, .hold = *h});
}

static int add_lock(const struct bd_trace_definitions *d, const struct bd_trace_lock *l, void *arg)
{
	(void)d;
	return add(arg, l->end_ns, &(struct bd_order_entry){.kind = BD_ORDER_LOCK, .lock = *l});
}

static int add_spin(const struct bd_trace_definitions *d, const struct bd_trace_spin *s, void *arg)
{
	(void)d;
	return add(arg, s->end_ns, &(struct bd_order_entry){.kind = BD_ORDER_SPIN, .spin = *s});
}

static int add_mark(const struct bd_trace_definitions *d, const struct bd_trace_mark *m, void *arg)
{
	(void)d;
	return add(arg, m->end_ns, &(struct bd_order_entry){.kind = BD_ORDER_MARK, .mark = *m});
}

/* ---- the file ------------------------------------------------------------------------------------------------------- */

static void begin(struct bd_exporter *e)
{
	struct own *own = bd_alloc(sizeof *own);
	char started[BD_RFC3339_LEN];
	own->holds.tell = tell_hold;
	own->holds.arg = e;
	e->own = own;
	bd_rfc3339(e->created_ns, started);
	bd_str_puts(&e->out, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"trace\":");
	bd_formats_json(&e->out, e->id);
	bd_str_printf(&e->out, ",\"started\":\"%s\",\"start_mono_ns\":%" PRId64 ",\"python\":", started,
		e->start_mono_ns);
	bd_formats_json(&e->out, e->python);
	bd_str_puts(&e->out, "},\"traceEvents\":[");
}

static void end(struct bd_exporter *e)
{
	struct own *own = e->own;
	bd_auto_str struct bd_str name = {0};
	put_ordered(e, true);
	bd_holds_end(&own->holds);
	for (size_t i = 0; i < own->named_len; i++)
		if (own->named[i])
			name_thread(e, (int32_t)i); /* it may have another name by now */
	for (size_t i = 0; i < own->gils_len; i++) {
		const struct bd_trace_gil *g = &e->definitions.gils[i];
		bd_str_clear(&name);
		bd_str_puts(&name, "threads waiting for the GIL");
		if (g->interpreter > 0)
			bd_str_printf(&name, " of interpreter %" PRId64, g->interpreter);
		put_counter(e, &own->gils[i], g->pid, name.s);
	}
	put_counter(e, &own->locks, own->locks_pid, "threads waiting for locks");
	bd_str_puts(&e->out, "\n]}\n");
}

static void done(struct bd_exporter *e)
{
	struct own *own = e->own;
	bd_holds_done(&own->holds);
	bd_order_done(&own->order);
	for (size_t i = 0; i < own->gils_len; i++)
		free(own->gils[i].ns);
	free(own->gils);
	free(own->locks.ns);
	free(own->named);
	free(own->pids);
	free(own);
}

static const struct bd_trace_visitor visitor = {
	.wait = add_wait,
	.hold = add_hold,
	.lock = add_lock,
	.spin = add_spin,
	.mark = add_mark,
};
const struct bd_format_ops bd_format_perfetto = {
	.visitor = &visitor,
	.begin = begin,
	.end = end,
	.done = done,
};
