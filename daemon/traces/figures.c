/* Sums as the members of a document. */
#include "sums.h"

#include "bd_stats.h"

#include <inttypes.h>
#include <stdio.h>

#define THREADS_MAX 500
#define BLOCKERS_MAX 1000
#define LINES_MAX 100 /* of each role, and of those who held */
#define CELL_LINES_MAX 10

static void number(cJSON *to, const char *name, int64_t v)
{
	cJSON_AddNumberToObject(to, name, (double)v);
}

static void text(cJSON *to, const char *name, const char *v)
{
	if (v)
		cJSON_AddStringToObject(to, name, v);
	else
		cJSON_AddNullToObject(to, name);
}

static double share(int64_t ns, int64_t of_ns)
{
	return of_ns > 0 ? round((double)ns / (double)of_ns * 1e6) / 1e6 : 0;
}

static void causes(cJSON *to, const struct bd_sum *s)
{
	number(to, "holder_ns", s->holder_ns);
	number(to, "runqueue_ns", s->runqueue_ns);
	number(to, "switch_ns", s->switch_ns);
	number(to, "mutex_ns", s->mutex_ns);
}

/* The longest is known exactly, and what a bucket stands for may lie beyond it. */
static void quantile(cJSON *to, const char *name, const uint64_t *hist, double q, int64_t max_ns)
{
	double ns = hist ? bd_stats_hist_quantile(hist, BD_HIST_BUCKETS, bd_hist_low, q) : (double)NAN;
	if (isnan(ns))
		cJSON_AddNullToObject(to, name);
	else
		number(to, name, BD_MIN((int64_t)ns, max_ns));
}

/* ---- GILs and threads ---------------------------------------------------------------------------------------- */

static cJSON *gils(const struct bd_sums *s, const struct bd_trace_definitions *d, int64_t watched_ns)
{
	cJSON *all = cJSON_CreateArray();
	for (size_t i = 0; i < d->gils_len; i++) {
		static const struct bd_sum_gil none;
		const struct bd_sum_gil *g = i < s->gils_len ? &s->gils[i] : &none;
		char address[32];
		snprintf(address, sizeof address, "0x%" PRIx64, (uint64_t)d->gils[i].address);
		cJSON *o = cJSON_CreateObject();
		number(o, "pid", d->gils[i].pid);
		number(o, "interpreter", d->gils[i].interpreter);
		text(o, "address", address);
		/* each sample stands for a time that may reach beyond the end */
		cJSON_AddNumberToObject(o, "held_share", share(BD_MIN(g->hold_ns, watched_ns), watched_ns));
		number(o, "waits", g->sum.waits);
		number(o, "wait_ns", g->sum.wait_ns);
		causes(o, &g->sum);
		cJSON_AddItemToArray(all, o);
	}
	return all;
}

struct ranked {
	size_t i;
	int64_t ns, second;
};

static int by_ns(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	if (x->second != y->second)
		return x->second < y->second ? 1 : -1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static cJSON *thread_row(const struct bd_trace_thread *t, const struct bd_sum_thread *s, int64_t watched_ns,
	const struct bd_sums_watched *w)
{
	cJSON *o = cJSON_CreateObject();
	number(o, "pid", t->pid);
	number(o, "tid", t->tid);
	text(o, "name", t->name);
	text(o, "state", w ? w->state : NULL);
	number(o, "hold_ns", BD_MIN(s->hold_ns, watched_ns));
	if (w && w->run_ns >= 0) {
		number(o, "run_ns", w->run_ns);
		/* off its processor, and not because of the GIL */
		number(o, "off_ns", BD_MAX(w->life_ns - w->run_ns - s->sum.wait_ns, (int64_t)0));
	} else {
		cJSON_AddNullToObject(o, "run_ns");
		cJSON_AddNullToObject(o, "off_ns");
	}
	number(o, "wait_ns", s->sum.wait_ns);
	number(o, "waits", s->sum.waits);
	if (t->tid)
		cJSON_AddNumberToObject(o, "wait_share", share(s->sum.wait_ns, watched_ns));
	else /* many threads, of which nobody knows how many at a time */
		cJSON_AddNullToObject(o, "wait_share");
	causes(o, &s->sum);
	number(o, "retries", s->sum.retries);
	quantile(o, "p50_ns", s->hist, 0.5, s->max_ns);
	quantile(o, "p99_ns", s->hist, 0.99, s->max_ns);
	if (s->sum.waits)
		number(o, "max_ns", s->max_ns);
	else
		cJSON_AddNullToObject(o, "max_ns");
	return o;
}

/* ret_rest: those the list has no room for. */
static cJSON *threads(const struct bd_sums *s, const struct bd_trace_definitions *d, int64_t watched_ns,
	const struct bd_sums_watched *watched, cJSON **ret_rest)
{
	static const struct bd_sum_thread none;
	bd_auto_free struct ranked *order = bd_alloc((d->threads_len + 1) * sizeof *order);
	for (size_t i = 0; i < d->threads_len; i++) {
		const struct bd_sum_thread *t = i < s->threads_len ? &s->threads[i] : &none;
		order[i] = (struct ranked){i, t->sum.wait_ns, t->hold_ns};
	}
	qsort(order, d->threads_len, sizeof *order, by_ns);
	cJSON *all = cJSON_CreateArray();
	for (size_t k = 0; k < BD_MIN(d->threads_len, (size_t)THREADS_MAX); k++) {
		size_t i = order[k].i;
		cJSON_AddItemToArray(all,
			thread_row(&d->threads[i], i < s->threads_len ? &s->threads[i] : &none, watched_ns,
				watched ? &watched[i] : NULL));
	}
	int64_t waits = 0, wait_ns = 0, hold_ns = 0;
	for (size_t k = THREADS_MAX; k < d->threads_len; k++) {
		const struct bd_sum_thread *t = order[k].i < s->threads_len ? &s->threads[order[k].i] : &none;
		waits += t->sum.waits;
		wait_ns += t->sum.wait_ns;
		hold_ns += t->hold_ns;
	}
	*ret_rest = d->threads_len > THREADS_MAX ? cJSON_CreateObject() : cJSON_CreateNull();
	if (d->threads_len > THREADS_MAX) {
		number(*ret_rest, "threads", (int64_t)d->threads_len - THREADS_MAX);
		number(*ret_rest, "waits", waits);
		number(*ret_rest, "wait_ns", wait_ns);
		number(*ret_rest, "hold_ns", hold_ns);
	}
	return all;
}

/* ret_rest (may be NULL): what the list has no room for. */
static cJSON *blockers(const struct bd_sums *s, const struct bd_trace_definitions *d, cJSON **ret_rest)
{
	bd_auto_free struct ranked *order = bd_alloc((s->pairs_len + 1) * sizeof *order);
	for (size_t i = 0; i < s->pairs_len; i++)
		order[i] = (struct ranked){i, s->pairs[i].ns, s->pairs[i].waits};
	qsort(order, s->pairs_len, sizeof *order, by_ns);
	cJSON *all = cJSON_CreateArray();
	int64_t pairs = 0, ns = 0, waits = 0;
	for (size_t k = 0; k < s->pairs_len; k++) {
		const struct bd_sum_pair *p = &s->pairs[order[k].i];
		if (k >= BLOCKERS_MAX || p->holder == BD_SUMS_ANY) {
			pairs += p->waits > 0;
			ns += p->ns;
			waits += p->waits;
			continue;
		}
		if (!p->waits)
			continue;
		cJSON *o = cJSON_CreateObject();
		if (p->waiter >= 0)
			number(o, "pid", d->threads[p->waiter].pid);
		else
			cJSON_AddNullToObject(o, "pid");
		number(o, "interpreter", p->gil < 0 ? 0 : d->gils[p->gil].interpreter);
		number(o, "waiter", p->waiter < 0 ? 0 : d->threads[p->waiter].tid);
		number(o, "holder", p->holder < 0 ? 0 : d->threads[p->holder].tid);
		number(o, "ns", p->ns);
		number(o, "waits", p->waits);
		cJSON_AddItemToArray(all, o);
	}
	if (ret_rest && pairs) {
		*ret_rest = cJSON_CreateObject();
		number(*ret_rest, "pairs", pairs);
		number(*ret_rest, "ns", ns);
		number(*ret_rest, "waits", waits);
	} else if (ret_rest) {
		*ret_rest = cJSON_CreateNull();
	}
	return all;
}

/* ---- lines --------------------------------------------------------------------------------------------------- */

enum what { WAITED, BLOCKED, HELD, SPUN };

struct line {
	int32_t thread; /* -1: unknown, or of several threads */
	int32_t one;    /* of those */
	int64_t pid, threads;
	struct bd_trace_frame at;   /* texts are told apart by their address: equal ones are one */
	struct bd_trace_frame from; /* the nearest outside the standard library, where `at` is inside; else empty */
	double ns;
	int64_t count;
};

static int by_frame(const struct bd_trace_frame *x, const struct bd_trace_frame *y)
{
	if (x->function != y->function)
		return (uintptr_t)x->function < (uintptr_t)y->function ? -1 : 1;
	if (x->file != y->file)
		return (uintptr_t)x->file < (uintptr_t)y->file ? -1 : 1;
	if (x->native != y->native)
		return (uintptr_t)x->native < (uintptr_t)y->native ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static int by_place(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	int r = by_frame(&x->at, &y->at);
	return r ? r : by_frame(&x->from, &y->from);
}

/* By where interpreters keep it: …/lib/python3.11/json/encoder.py, but not the packages installed below. */
static bool is_standard_library(const char *file)
{
	if (!file)
		return false;
	const char *at = strstr(file, "/lib/python3.");
	return strncmp(file, "<frozen ", 8) == 0 ||
		(at && !strstr(at, "/site-packages/") && !strstr(at, "/dist-packages/"));
}

/* Whose code asked the library for it. */
static struct bd_trace_frame caller_of(const struct bd_trace_stack *s)
{
	struct bd_trace_frame none = {0};
	if (!s->frames_len || !is_standard_library(s->frames[0].file))
		return none;
	for (size_t i = 1; i < s->frames_len; i++)
		if (s->frames[i].file && !is_standard_library(s->frames[i].file))
			return s->frames[i];
	return none;
}

static int by_length(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return x->count < y->count ? 1 : x->count > y->count ? -1 : by_place(a, b);
}

static struct line line_of(const struct bd_sums *s, const struct bd_trace_definitions *d, const struct bd_sum_place *p,
	enum what what)
{
	struct line l = {.thread = p->thread,
		.one = p->thread,
		.pid = p->thread < 0 ? 0 : d->threads[p->thread].pid,
		.threads = 1};
	if (p->stack >= 0 && d->stacks[p->stack].frames_len) {
		l.at = d->stacks[p->stack].frames[0];
		l.from = caller_of(&d->stacks[p->stack]);
	}
	switch (what) {
	case WAITED:
		l.ns = (double)p->wait_ns + (double)p->lock_ns;
		break;
	case BLOCKED:
		l.ns = bd_sums_place_blocked_ns(s, p);
		break;
	case HELD:
		l.ns = (double)p->hold_ns;
		l.count = p->samples;
		break;
	case SPUN:
		l.ns = (double)p->spin_ns;
		l.count = p->yields;
		break;
	}
	return l;
}

/* Those of the same place, and thread if there is one, become one. */
static size_t join(struct line *all, size_t n)
{
	size_t kept = 0;
	qsort(all, n, sizeof *all, by_place);
	for (size_t i = 0; i < n; i++)
		if (kept && by_place(&all[kept - 1], &all[i]) == 0) {
			all[kept - 1].ns += all[i].ns;
			all[kept - 1].count += all[i].count;
			all[kept - 1].threads += all[i].thread < 0;
		} else {
			all[kept++] = all[i];
		}
	return kept;
}

/* Of a program that starts a thread for each request every line is that of thousands, and none of those rows says much. */
static size_t join_threads(const struct bd_trace_definitions *d, struct line *all, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += all[i].ns;
	for (size_t i = 0; i < n; i++)
		if (all[i].ns < sum / LINES_MAX || (all[i].thread >= 0 && !d->threads[all[i].thread].tid))
			all[i].thread = -1;
	n = join(all, n);
	for (size_t i = 0; i < n; i++)
		if (all[i].threads == 1)
			all[i].thread = all[i].one;
	return n;
}

/* The longest first; of each thread, or of all together. */
static size_t lines_of(const struct bd_sums *s, const struct bd_trace_definitions *d, enum what what, bool together,
	struct line **ret)
{
	struct line *all = bd_alloc((s->places_len + 1) * sizeof *all);
	size_t n = 0;
	for (size_t i = 0; i < s->places_len; i++) {
		all[n] = line_of(s, d, &s->places[i], what);
		if (together) {
			all[n].thread = -1;
			all[n].pid = 0;
		}
		n += all[n].ns > 0 || all[n].count > 0;
	}
	size_t kept = join(all, n);
	if (!together && kept > LINES_MAX)
		kept = join_threads(d, all, kept);
	qsort(all, kept, sizeof *all, by_length);
	*ret = all;
	return kept;
}

static void add_place(cJSON *to, const struct bd_trace_frame *at)
{
	text(to, "function", at->function);
	text(to, "file", at->file);
	if (at->line)
		number(to, "line", at->line);
	else
		cJSON_AddNullToObject(to, "line");
}

/* The ns of those it has no room for. */
static int64_t add_lines(cJSON *to, const struct bd_sums *s, const struct bd_trace_definitions *d, enum what what,
	bool together, size_t max)
{
	bd_auto_free struct line *all = NULL;
	size_t n = lines_of(s, d, what, together, &all);
	for (size_t i = 0; i < BD_MIN(n, max); i++) {
		const struct line *l = &all[i];
		cJSON *o = cJSON_CreateObject();
		if (what == WAITED || what == BLOCKED)
			text(o, "role", what == WAITED ? "waiter" : "holder");
		if (!together) {
			number(o, "pid", l->pid);
			number(o, "tid", l->thread < 0 ? 0 : d->threads[l->thread].tid);
			number(o, "threads", l->threads);
		}
		add_place(o, &l->at);
		if (l->from.file)
			add_place(cJSON_AddObjectToObject(o, "from"), &l->from);
		else
			cJSON_AddNullToObject(o, "from");
		if (what != SPUN)
			text(o, "native", l->at.native);
		else
			number(o, "yields", l->count);
		number(o, "ns", (int64_t)l->ns);
		if (what == HELD)
			number(o, "samples", l->count);
		cJSON_AddItemToArray(to, o);
	}
	double rest = 0;
	for (size_t i = max; i < n; i++)
		rest += all[i].ns;
	return (int64_t)rest;
}

/* ---- locks --------------------------------------------------------------------------------------------------- */

static cJSON *locks(const struct bd_sums *s, const struct bd_trace_definitions *d)
{
	struct kind {
		const char *kind, *type;
		struct bd_sum_lock sum;
	};
	bd_auto_free struct kind *kinds = NULL;
	size_t kinds_len = 0;
	for (size_t i = 0; i < s->locks_len; i++) {
		size_t k = 0;
		while (k < kinds_len && (kinds[k].kind != d->locks[i].kind || kinds[k].type != d->locks[i].type))
			k++;
		if (k == kinds_len)
			*BD_PUSH(kinds, kinds_len) = (struct kind){d->locks[i].kind, d->locks[i].type, {0}};
		kinds[k].sum.waits += s->locks[i].waits;
		kinds[k].sum.ns += s->locks[i].ns;
		kinds[k].sum.runqueue_ns += s->locks[i].runqueue_ns;
	}
	bd_auto_free struct ranked *order = bd_alloc((kinds_len + 1) * sizeof *order);
	for (size_t k = 0; k < kinds_len; k++)
		order[k] = (struct ranked){k, kinds[k].sum.ns, kinds[k].sum.waits};
	qsort(order, kinds_len, sizeof *order, by_ns);
	cJSON *all = cJSON_CreateArray();
	for (size_t k = 0; k < kinds_len; k++) {
		const struct kind *at = &kinds[order[k].i];
		if (!at->sum.waits)
			continue;
		cJSON *o = cJSON_CreateObject();
		text(o, "kind", at->kind);
		text(o, "type", at->type);
		number(o, "waits", at->sum.waits);
		number(o, "ns", at->sum.ns);
		number(o, "runqueue_ns", at->sum.runqueue_ns);
		cJSON_AddItemToArray(all, o);
	}
	return all;
}

/* ---- all ----------------------------------------------------------------------------------------------------- */

void bd_sums_document(const struct bd_sums *s, const struct bd_trace_definitions *d, int64_t watched_ns,
	const struct bd_sums_watched *watched, cJSON *ret)
{
	cJSON_AddItemToObject(ret, "gils", gils(s, d, watched_ns));
	cJSON *rest;
	cJSON_AddItemToObject(ret, "threads", threads(s, d, watched_ns, watched, &rest));
	cJSON_AddItemToObject(ret, "threads_rest", rest);
	cJSON_AddItemToObject(ret, "blockers", blockers(s, d, &rest));
	cJSON_AddItemToObject(ret, "blockers_rest", rest);
	cJSON *lines = cJSON_AddArrayToObject(ret, "lines");
	cJSON *held = cJSON_AddArrayToObject(ret, "held");
	cJSON_AddItemToObject(ret, "locks", locks(s, d));
	cJSON *spins = cJSON_AddArrayToObject(ret, "spins"), *more = cJSON_AddObjectToObject(ret, "lines_rest");
	number(more, "holder_ns", add_lines(lines, s, d, BLOCKED, false, LINES_MAX));
	number(more, "waiter_ns", add_lines(lines, s, d, WAITED, false, LINES_MAX));
	number(more, "held_ns", add_lines(held, s, d, HELD, false, LINES_MAX));
	number(more, "spin_ns", add_lines(spins, s, d, SPUN, false, LINES_MAX));
	number(ret, "lost", s->lost);
	cJSON *losses = cJSON_AddArrayToObject(ret, "losses");
	for (size_t i = 0; i < s->losses_len; i++) {
		cJSON *o = cJSON_CreateObject();
		number(o, "second", s->losses[i].second);
		number(o, "lost", s->losses[i].lost);
		cJSON_AddItemToArray(losses, o);
	}
	number(ret, "unresolved_ns", bd_sums_unresolved_ns(s, d));
	number(ret, "waits", s->sum.waits);
	number(ret, "wait_ns", s->sum.wait_ns);
}

cJSON *bd_sums_cell(const struct bd_sums *s, const struct bd_trace_definitions *d, const char *id, int64_t ns)
{
	cJSON *o = cJSON_CreateObject();
	int64_t seen = 0;
	for (size_t i = 0; i < s->threads_len; i++)
		seen += s->threads[i].sum.waits || s->threads[i].hold_ns || s->threads[i].lock_ns ||
			s->threads[i].spins;
	text(o, "id", id);
	number(o, "waits", s->sum.waits);
	number(o, "wait_ns", s->sum.wait_ns);
	number(o, "threads_ns", ns * BD_MAX(seen, (int64_t)1));
	cJSON_AddNullToObject(o, "cost");
	cJSON *lines = cJSON_AddArrayToObject(o, "lines");
	add_lines(lines, s, d, BLOCKED, true, CELL_LINES_MAX);
	add_lines(lines, s, d, WAITED, true, CELL_LINES_MAX);
	cJSON_AddItemToObject(o, "blockers", blockers(s, d, NULL));
	return o;
}
