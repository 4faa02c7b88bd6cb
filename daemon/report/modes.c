/* What hides behind one figure: several regimes of a threaded cell, a warm-up that never ends. */
#include "report_internal.h"

#define SHARE_DIFFERS 0.1 /* of the time in a mode, between two cells */

/* ---- one speed of the machine --------------------------------------------------------------------------------------- */

#define STRETCHES 100
#define THINNED 2000 /* enough to tell which of two is quieter */

/* Dispersion relative to the middle, of every so many. */
static double unrest(const double *v, size_t n)
{
	size_t every = n / THINNED + 1, k = 0;
	bd_auto_free double *some = bd_alloc((n / every + 1) * sizeof *some);
	for (size_t i = 0; i < n; i += every)
		some[k++] = v[i];
	return bd_stats_mad(some, k) / bd_stats_median(some, k);
}

/* Batches as they would have been at the machine's usual speed, by the probes around them: its speed states are no modes of
 * the code. Only where that makes them quieter: a cell that mostly waits does not follow the processor. */
static void find_level(struct series *s)
{
	bd_auto_free double *probes = bd_alloc((s->n + 1) * sizeof *probes), *raw = bd_alloc((s->n + 1) * sizeof *raw),
			    *scaled = bd_alloc((s->n + 1) * sizeof *scaled);
	s->level = bd_alloc((s->n + 1) * sizeof *s->level);
	size_t n = 0, known = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct batch *b = &s->v[i];
		if (b->kind != BD_SAMPLE_MAIN || b->point.left_out)
			continue;
		s->level[n] = b->point;
		raw[n] = b->point.value;
		probes[n++] = b->probe_ns;
		known += b->probe_ns > 0;
	}
	s->level_len = n;
	if (!n || known < n)
		return;
	double usual = bd_stats_median(probes, n);
	for (size_t i = 0; i < n; i++)
		scaled[i] = raw[i] * usual / probes[i];
	if (!(unrest(scaled, n) < unrest(raw, n)))
		return;
	for (size_t i = 0; i < n; i++) {
		s->level[i].num *= scaled[i] / raw[i];
		s->level[i].value = scaled[i];
	}
}

void report_modes_find(struct loaded *l)
{
	for (size_t i = 0; i < l->cells_len; i++) {
		struct series *s = &l->series[i];
		if (l->cells[i].status != BD_CELL_OK || !s->n)
			continue;
		find_level(s);
		if (s->threads <= 1)
			continue;
		bd_auto_free double *v = bd_alloc((s->level_len + 1) * sizeof *v);
		for (size_t k = 0; k < s->level_len; k++)
			v[k] = s->level[k].value;
		s->modes_len = bd_stats_modes(v, s->level_len, BD_STATS_ALPHA, s->modes, REPORT_MODES_MAX);
	}
}

cJSON *report_modes(const struct series *s)
{
	if (s->modes_len < 2)
		return NULL;
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < s->modes_len; i++) {
		cJSON *o = cJSON_CreateObject();
		const struct {
			const char *name;
			double value;
		} fields[] = {{"share", s->modes[i].share}, {"median", s->modes[i].median}, {"lo", s->modes[i].lo},
			{"hi", s->modes[i].hi}};
		for (size_t k = 0; k < BD_LEN(fields); k++)
			cJSON_AddItemToObject(o, fields[k].name, report_number_json(fields[k].value));
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

/* Rounds of a launch, many of them taken together: a course over some hundred stretches shows as much as over thousands. */
const char *report_steady(const struct series *s)
{
	if (!s->level)
		return NULL;
	bd_auto_free struct bd_stats_point *p = bd_alloc((s->level_len + 1) * sizeof *p);
	size_t n = 0;
	for (size_t from = 0, to; from < s->level_len; from = to) {
		for (to = from; to < s->level_len && s->level[to].launch == s->level[from].launch;)
			to++;
		size_t together = (to - from) / STRETCHES + 1;
		for (size_t i = from; i < to; i++) {
			size_t at = i - from;
			if (at % together == 0) {
				p[n] = s->level[i];
				p[n].round = (int64_t)(at / together);
				p[n].num = p[n].den = 0;
				n++;
			}
			p[n - 1].num += s->level[i].num;
			p[n - 1].den += s->level[i].den;
			p[n - 1].value = p[n - 1].num / p[n - 1].den;
		}
	}
	return bd_steady_names[bd_stats_steady(p, n)];
}

/* ---- shares --------------------------------------------------------------------------------------------------------- */

struct shares {
	double share[REPORT_MODES_MAX], mean[REPORT_MODES_MAX]; /* mean NAN = never there */
};

/* Which of the modes a value belongs to: the one whose middle is nearest, as a ratio. */
static size_t mode_of(const struct bd_stats_mode *modes, size_t n, double value)
{
	size_t best = 0;
	for (size_t i = 1; i < n; i++)
		if (fabs(log(value / modes[i].median)) < fabs(log(value / modes[best].median)))
			best = i;
	return best;
}

static void share_out(const struct series *s, const struct bd_stats_mode *modes, size_t n, struct shares *ret)
{
	double sum[REPORT_MODES_MAX] = {0}, count[REPORT_MODES_MAX] = {0};
	for (size_t i = 0; i < s->level_len; i++) {
		size_t m = mode_of(modes, n, s->level[i].value);
		sum[m] += s->level[i].value;
		count[m]++;
	}
	for (size_t m = 0; m < n; m++) {
		ret->share[m] = count[m] / (double)s->level_len;
		ret->mean[m] = sum[m] / count[m];
	}
}

struct bd_reason *report_modes_explain(const struct series *a, const struct series *b)
{
	const struct series *more = a->modes_len > b->modes_len ? a : b;
	size_t n = more->modes_len;
	if (n < 2 || !a->level_len || !b->level_len)
		return NULL;
	struct shares sa, sb;
	share_out(a, more->modes, n, &sa);
	share_out(b, more->modes, n, &sb);
	double mean_a = 0, mean_b = 0, as_a = 0, most = 0;
	size_t at = 0;
	for (size_t m = 0; m < n; m++) {
		if (fabs(sa.share[m] - sb.share[m]) > most) {
			most = fabs(sa.share[m] - sb.share[m]);
			at = m;
		}
		double in_a = isnan(sa.mean[m]) ? sb.mean[m] : sa.mean[m],
		       in_b = isnan(sb.mean[m]) ? sa.mean[m] : sb.mean[m];
		if (isnan(in_a)) /* neither was ever there */
			continue;
		mean_a += sa.share[m] * in_a;
		mean_b += sb.share[m] * in_b;
		as_a += sa.share[m] * in_b; /* b, had it been in the modes as often as a was */
	}
	if (most <= SHARE_DIFFERS || fabs(log(as_a / mean_a)) > 0.5 * fabs(log(mean_b / mean_a)))
		return NULL;
	return bd_reason_new(NULL, "modes", "more launches show whether the shares really differ",
		"it alternates between %zu modes: around %.4g ns it was %.0f %% of the time, the cell it is compared with %.0f %%; "
		"that explains the difference",
		n, more->modes[at].median, 100 * sb.share[at], 100 * sa.share[at]);
}
