/* Progress of a run on standard error. A thread of its own redraws it, so that the clock goes on between events. */
#include "bd_benchctl.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_NS (150 * 1000000LL)
#define LINE_NS (10 * 1000000000LL)

struct seen { /* the latest figures of one cell */
	char *id, *label;
	double median, lo, hi, wait_share; /* NAN until told */
	bool bad;
};

struct bd_live {
	const struct bd_ctl *ctl;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool on, end;
	/* under the lock */
	struct seen *cells;
	size_t cells_len;
	const struct seen *last; /* cell of the latest figures; NULL = none yet */
	double last_ns;          /* time per operation of its latest batch alone; NAN = unknown */
	char phase[32], waiting_for[96];
	char *about; /* of a check: what is being called; else "" */
	int64_t launch, launches, round, rounds, done, of;
	double elapsed_s, left_s;
	int64_t told_ns; /* when progress was last told; the clock runs on from there */
	int64_t begun_ns;
};

/* ---- what is told -------------------------------------------------------------------------------------------- */

static double number_in(const cJSON *j, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, name);
	return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static const char *string_in(const cJSON *j, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, name);
	return cJSON_IsString(v) ? v->valuestring : "";
}

static int64_t whole_in(const cJSON *j, const char *name)
{
	double v = number_in(j, name);
	return isfinite(v) ? (int64_t)v : 0;
}

static struct seen *seen_of(struct bd_live *l, const char *id)
{
	for (size_t i = 0; i < l->cells_len; i++)
		if (bd_streq(l->cells[i].id, id))
			return &l->cells[i];
	return NULL;
}

static void take_progress(struct bd_live *l, const cJSON *data)
{
	snprintf(l->phase, sizeof l->phase, "%s", string_in(data, "phase"));
	snprintf(l->waiting_for, sizeof l->waiting_for, "%s", string_in(data, "waiting_for"));
	free(l->about);
	l->about = bd_strdup(string_in(data, "about"));
	l->launch = whole_in(data, "launch");
	l->launches = whole_in(data, "launches");
	l->round = whole_in(data, "round");
	l->rounds = whole_in(data, "rounds");
	l->done = whole_in(data, "cells_done");
	l->of = whole_in(data, "cells");
	l->elapsed_s = number_in(data, "elapsed_s");
	l->left_s = number_in(data, "left_s");
	l->told_ns = bd_clock_mono_ns();
	const struct seen *last = seen_of(l, string_in(data, "last_cell"));
	if (last) {
		l->last = last;
		l->last_ns = number_in(data, "last_time_ns_per_op");
	}
}

static void take_cell(struct bd_live *l, const cJSON *data)
{
	struct bd_cell_result c;
	bd_doc_init(&bd_cell_result_doc, &c);
	struct seen *s = bd_doc_decode(&bd_cell_result_doc, data, &c, NULL) == 0 ? seen_of(l, c.id) : NULL;
	if (s) {
		s->bad = c.reason && !c.time_ns_per_op;
		if (c.time_ns_per_op) {
			s->median = c.time_ns_per_op->median;
			s->lo = c.time_ns_per_op->lo;
			s->hi = c.time_ns_per_op->hi;
			s->wait_share = c.gil && !bd_streq(c.gil->mode, "off") ? c.gil->wait_share : NAN;
		}
		l->last = s;
		l->last_ns = NAN;
	}
	bd_doc_done(&bd_cell_result_doc, &c);
}

/* ---- what is shown ------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* The half-width half of the cells are below; NAN before any has an interval. */
static double typical_width(const struct bd_live *l)
{
	bd_auto_free double *v = bd_alloc(l->cells_len * sizeof *v);
	size_t n = 0;
	for (size_t i = 0; i < l->cells_len; i++)
		if (!l->cells[i].bad && isfinite(l->cells[i].lo) && isfinite(l->cells[i].hi))
			v[n++] = fmax(l->cells[i].hi - l->cells[i].median, l->cells[i].median - l->cells[i].lo) /
				l->cells[i].median;
	qsort(v, n, sizeof *v, by_value);
	return n ? v[n / 2] : NAN;
}

/* Where it is: "measuring launch 2/6 round 1/3 cell 10/15". */
static void position(const struct bd_live *l, bool brief, struct bd_str *out)
{
	bool measuring = bd_streq(l->phase, "measuring"), more = l->rounds > 1;
	if (!measuring || !brief)
		bd_str_printf(out, "%s ", bd_streq(l->phase, "setup") ? "setting up" : l->phase);
	/* launches and rounds are counted from 0 in events, and are not known before the first one begins */
	if (l->launch >= 0 && l->launches > 0)
		bd_str_printf(out, "launch %lld/%lld", (long long)BD_MIN(l->launch + 1, l->launches),
			(long long)l->launches);
	if (l->launch >= 0 && l->rounds > 0 && measuring && (more || !brief))
		bd_str_printf(out, " round %lld/%lld", (long long)BD_MIN(l->round + 1, l->rounds),
			(long long)l->rounds);
	if (l->of > 0 && measuring && !brief)
		bd_str_printf(out, " cell %lld/%lld", (long long)l->done, (long long)l->of);
}

/* The latest figures of a cell: "threads=2 gil=hold 204.1 µs, waits 49 %". */
static void figures(const struct bd_live *l, struct bd_str *out)
{
	bd_str_printf(out, " · %s", l->last->label);
	double ns = isfinite(l->last_ns) ? l->last_ns : l->last->median;
	if (l->last->bad) {
		bd_str_puts(out, " no figures");
	} else if (isfinite(ns)) {
		struct bd_scale scale = bd_scale_for(ns, ns);
		bd_auto_free char *time = bd_scale_text(&scale, ns);
		bd_str_printf(out, " %s", time);
	}
	if (isfinite(l->last->wait_share)) {
		bd_auto_free char *share = bd_text_percent(l->last->wait_share);
		bd_str_printf(out, ", waits %s", share);
	}
}

/* brief: for a screen on which the figures would be cut off otherwise. */
static void sentence(const struct bd_live *l, bool brief, struct bd_str *out)
{
	double since = (double)(bd_clock_mono_ns() - l->told_ns) / 1e9;
	if (*l->waiting_for) {
		bd_auto_free char *waited = bd_text_seconds((double)(bd_clock_mono_ns() - l->begun_ns) / 1e9);
		bd_str_printf(out, "waiting for %s, which measures on this machine · %s", l->waiting_for, waited);
		return;
	}
	if (!*l->phase || bd_streq(l->phase, "queued")) {
		bd_str_puts(out, "queued");
		return;
	}
	if (l->about && *l->about) {
		bd_str_puts(out, l->phase);
		if (l->of > 0)
			bd_str_printf(out, ": %lld of %lld,", (long long)l->done, (long long)l->of);
		bd_str_printf(out, " %s", l->about);
		return;
	}
	position(l, brief, out);
	if (isfinite(l->elapsed_s) && !brief) {
		bd_auto_free char *elapsed = bd_text_seconds(l->elapsed_s + since);
		bd_str_printf(out, " · %s", elapsed);
	}
	if (isfinite(l->left_s)) {
		bd_auto_free char *left = bd_text_seconds(fmax(l->left_s - since, 0));
		bd_str_printf(out, ", %s left", left);
	}
	double width = typical_width(l);
	if (isfinite(width)) {
		bd_auto_free char *text = bd_text_percent(width);
		bd_str_printf(out, " · ±%s", text);
	}
	if (l->last)
		figures(l, out);
}

static void clear_line(const struct bd_live *l)
{
	if (l->ctl->err.terminal)
		bd_write_all(STDERR_FILENO, "\r\033[K", 4);
}

static void draw(const struct bd_live *l)
{
	const struct bd_screen *s = &l->ctl->err;
	bd_auto_str struct bd_str text = {0}, line = {0};
	/* one column less: a full line would wrap on some terminals */
	size_t width = s->terminal ? bd_screen_width(STDERR_FILENO) : SIZE_MAX;
	width = (width ? width : s->width) - 1;
	sentence(l, false, &text);
	bd_auto_free char *plain = bd_text_for(s, text.s);
	if (bd_text_width(plain) > width) {
		bd_str_clear(&text);
		sentence(l, true, &text);
		free(plain);
		plain = bd_text_for(s, text.s);
	}
	bd_auto_free char *cut = bd_text_cut(plain, width, s->utf8);
	bd_str_printf(&line, s->terminal ? "\r%s\033[K" : "%s\n", cut);
	bd_write_all(STDERR_FILENO, line.s, line.len);
}

static void *redraw(void *arg)
{
	struct bd_live *l = arg;
	int64_t every = l->ctl->err.terminal ? REDRAW_NS : LINE_NS;
	pthread_mutex_lock(&l->lock);
	for (int64_t next = bd_clock_mono_ns() + every; !l->end;) {
		struct timespec at = {.tv_sec = next / 1000000000, .tv_nsec = next % 1000000000};
		if (pthread_cond_timedwait(&l->wake, &l->lock, &at) != ETIMEDOUT)
			continue;
		if (l->end)
			break;
		draw(l);
		next += every;
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

struct bd_live *bd_live_new(const struct bd_ctl *ctl, const struct bd_run_document *doc)
{
	struct bd_live *l = bd_alloc(sizeof *l);
	l->ctl = ctl;
	l->elapsed_s = l->left_s = l->last_ns = NAN;
	l->begun_ns = l->told_ns = bd_clock_mono_ns();
	for (size_t i = 0; i < doc->cells_len; i++)
		*BD_PUSH(l->cells, l->cells_len) = (struct seen){.id = bd_strdup(doc->cells[i].id),
			.label = bd_cell_label(doc, &doc->cells[i]),
			.median = NAN,
			.lo = NAN,
			.hi = NAN,
			.wait_share = NAN};
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &attr);
	pthread_condattr_destroy(&attr);
	l->on = ctl->verbosity >= 0 && pthread_create(&l->thread, NULL, redraw, l) == 0;
	return l;
}

void bd_live_event(struct bd_live *l, const char *type, const cJSON *data)
{
	pthread_mutex_lock(&l->lock);
	if (bd_streq(type, "progress"))
		take_progress(l, data);
	else if (bd_streq(type, "cell"))
		take_cell(l, data);
	pthread_mutex_unlock(&l->lock);
}

void bd_live_note(struct bd_live *l, const char *fmt, ...)
{
	if (l->ctl->verbosity < 0)
		return;
	bd_auto_str struct bd_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&text, fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&l->lock);
	clear_line(l);
	bd_ctl_note(l->ctl, "%s", text.s ? text.s : "");
	pthread_mutex_unlock(&l->lock);
}

void bd_live_free(struct bd_live **lp)
{
	struct bd_live *l = *lp;
	if (!l)
		return;
	if (l->on) {
		pthread_mutex_lock(&l->lock);
		l->end = true;
		pthread_cond_signal(&l->wake);
		pthread_mutex_unlock(&l->lock);
		pthread_join(l->thread, NULL);
		clear_line(l);
	}
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->lock);
	for (size_t i = 0; i < l->cells_len; i++) {
		free(l->cells[i].id);
		free(l->cells[i].label);
	}
	free(l->cells);
	free(l->about);
	free(l);
	*lp = NULL;
}
