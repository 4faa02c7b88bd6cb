/* What is compared within a run: batches of the same round, milliseconds apart; the launch is the unit. */
#include "report_internal.h"

/* Whether the run was looked at on its way, to end what was decided: one of a fixed number of launches is not. */
static bool adaptive(const struct bd_run *run)
{
	return cJSON_IsTrue(run->plan ? cJSON_GetObjectItemCaseSensitive(run->plan, "adaptive") : NULL);
}

struct bd_stats_plan report_plan(const struct loaded *l, const struct bd_cell *cell, size_t n)
{
	const cJSON *stopped = cell->facts ? cJSON_GetObjectItemCaseSensitive(cell->facts, "stopped") : NULL;
	const char *why = cJSON_IsString(stopped) ? stopped->valuestring : NULL;
	/* An end that what was measured has brought about, or a person who was looking on, was one look of several. */
	bool by_data = bd_streq(why, "precision") || bd_streq(why, "decided") || l->run.state == BD_RUN_RUNNING ||
		l->run.state == BD_RUN_CANCELLED;
	double planned = report_number(l->run.plan, "max_launches");
	int64_t done = (int64_t)n, max = isnan(planned) ? l->run.launches : (int64_t)planned;
	struct bd_stats_plan plan;
	if (adaptive(&l->run) || (by_data && done < max))
		bd_stats_plan_make(done, BD_MAX(max, done), !by_data, BD_STATS_ALPHA, &plan);
	else
		bd_stats_plan_single(done, BD_STATS_ALPHA, &plan);
	return plan;
}

/* The plan by which the engine decides: looks before the end leave the p of all ratios together something to adjust. */
static struct bd_stats_plan plan_for_p(const struct loaded *l, const struct bd_stats_plan *plan)
{
	struct bd_stats_plan family = *plan;
	size_t compared = 0;
	for (size_t i = 0; i < l->cells_len; i++)
		compared += l->cells[i].reference >= 0;
	bool single = plan->n <= 1 && (!plan->n || plan->max == plan->launches[0]);
	if (!single)
		bd_stats_plan_family(plan->launches[plan->n - 1], plan->max, plan->final, plan->alpha, compared,
			&family);
	return family;
}

/* Where a cell was decided at a look and measured on, because others were not, the decision is the earlier one's. */
static double p_of(const double *ratios, size_t n, const struct bd_stats_plan *plan)
{
	for (size_t k = 0; k + 1 < plan->n; k++) {
		struct bd_stats_plan until = *plan;
		until.n = k + 1;
		if (bd_stats_crossed(ratios, (size_t)plan->launches[k], &until))
			return bd_stats_stagewise_p(ratios, (size_t)plan->launches[k], &until);
	}
	return bd_stats_stagewise_p(ratios, n, plan);
}

static const struct bd_cell *partner(const struct loaded *l, int64_t index)
{
	if (index < 0 || (size_t)index >= l->cells_len || l->cells[index].status != BD_CELL_OK)
		return NULL;
	return &l->cells[index];
}

static bool with_threads(const struct bd_cell *c)
{
	return bd_axes_threads(&c->axes) > 1;
}

/* Ratios of the launches in which both were measured. Caller frees. */
static double *paired(const struct loaded *l, const struct bd_cell *a, const struct bd_cell *b, size_t *ret_n)
{
	size_t na, nb;
	bd_auto_free struct bd_stats_point *pa = report_points(&l->series[a->index], &na);
	bd_auto_free struct bd_stats_point *pb = report_points(&l->series[b->index], &nb);
	double *ratios = bd_alloc((na + 1) * sizeof *ratios);
	*ret_n = bd_stats_paired_launches(pa, na, pb, nb, with_threads(a) || with_threads(b), ratios, NULL);
	return ratios;
}

static double smallest_effect(const double *ratios, size_t n, const struct bd_stats_plan *plan)
{
	if (!plan->n)
		return (double)NAN;
	bd_auto_free double *logs = bd_alloc(n * sizeof *logs);
	for (size_t k = 0; k < n; k++)
		logs[k] = log(ratios[k]);
	return bd_stats_smallest_effect(bd_stats_sd(logs, n), n, plan->level[plan->n - 1]);
}

void report_ratio(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	const struct bd_cell *reference = partner(l, cell->reference);
	if (!reference)
		return;
	size_t n;
	bd_auto_free double *ratios = paired(l, cell, reference, &n);
	struct bd_stats_plan plan = report_plan(l, cell, n);
	struct bd_stats_interval i = bd_stats_sequential(ratios, n, &plan, true);
	if (isnan(i.estimate))
		return;
	ret->ratio = bd_alloc(sizeof *ret->ratio);
	*ret->ratio = (struct bd_ratio){bd_strdup(reference->id), i.estimate, i.lo, i.hi};
	if (!plan.n)
		return;
	struct bd_stats_plan family = plan_for_p(l, &plan);
	ret->p = p_of(ratios, n, &family);
	ret->smallest_effect = smallest_effect(ratios, n, &plan);
}

/* Time of the one-thread cell per round: the mean over the processors it ran on, that is the harmonic mean of its
 * throughputs. Batches of a round are neighbours in the store's order. Caller frees. */
static struct bd_stats_point *one_thread_points(const struct series *s, size_t *ret_n)
{
	struct bd_stats_point *p = bd_alloc((s->n + 1) * sizeof *p);
	size_t n = 0, inside = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct bd_stats_point *b = &s->v[i].point;
		if (s->v[i].kind == BD_SAMPLE_FIRST || s->v[i].kind == BD_SAMPLE_UNTRACED)
			continue;
		if (n && p[n - 1].launch == b->launch && p[n - 1].round == b->round) {
			inside++;
			p[n - 1].value += (b->value - p[n - 1].value) / (double)inside;
			p[n - 1].left_out |= b->left_out;
		} else {
			p[n++] = *b;
			inside = 1;
		}
		p[n - 1].num = p[n - 1].value; /* each round counts the same, as each processor does */
		p[n - 1].den = 1;
	}
	*ret_n = n;
	return p;
}

void report_scaling(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	ret->scaling_reason = bd_reason_copy(cell->scaling_off);
	const struct bd_cell *single = partner(l, cell->scaling);
	if (!single || cell->scaling_off)
		return;
	size_t na, nb;
	bd_auto_free struct bd_stats_point *one = one_thread_points(&l->series[single->index], &na);
	bd_auto_free struct bd_stats_point *many = report_points(&l->series[cell->index], &nb);
	bd_auto_free double *ratios = bd_alloc((na + 1) * sizeof *ratios);
	size_t n = bd_stats_paired_launches(one, na, many, nb, true, ratios, NULL);
	struct bd_stats_plan plan = report_plan(l, cell, n);
	struct bd_stats_interval i = bd_stats_sequential(ratios, n, &plan, true);
	if (isnan(i.estimate))
		return;
	double threads = (double)bd_axes_threads(&cell->axes);
	ret->scaling = bd_alloc(sizeof *ret->scaling);
	*ret->scaling = (struct bd_interval){threads * i.estimate, threads * i.lo, threads * i.hi};
}

void report_noise(const struct loaded *l, struct bd_run_document *ret)
{
	for (size_t i = 0; i < l->cells_len; i++) {
		const struct bd_cell *twin = &l->cells[i], *of = partner(l, twin->twin);
		if (!of || twin->status != BD_CELL_OK)
			continue;
		size_t n;
		bd_auto_free double *ratios = paired(l, twin, of, &n);
		struct bd_stats_plan plan = report_plan(l, twin, n);
		struct bd_stats_interval r = bd_stats_sequential(ratios, n, &plan, true);
		if (isnan(r.estimate))
			continue;
		struct bd_noise *noise = BD_PUSH(ret->noise, ret->noise_len);
		*noise = (struct bd_noise){.kind = bd_strdup(twin->role),
			.cell = bd_strdup(of->id),
			.ratio = r.estimate,
			.lo = r.lo,
			.hi = r.hi,
			.smallest_effect = smallest_effect(ratios, n, &plan),
			.launches = (int64_t)n};
	}
}
