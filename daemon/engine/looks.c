/* When is enough? A run that goes on until its cells are done looks at them at the ends of some launches, and nowhere
 * else (docs/measurement.md): a cell is done when its sequential interval decides, or is as narrow as was asked. What a
 * finished cell would have cost goes to those that are not. */
#include "run_internal.h"

#define FEWEST_ROUNDS 2
#define LAUNCHES_WANTED 12 /* in the budget, so that the interval has more to stand on than its least six */

bool run_active(const struct run *r, size_t cell)
{
	return r->plan->cells[cell].status == BD_CELL_OK && !r->state[cell].done;
}

void look_stopped(struct run *r, size_t cell, const char *why)
{
	cJSON *facts = run_facts(r, cell);
	if (!cJSON_GetObjectItemCaseSensitive(facts, "stopped"))
		cJSON_AddStringToObject(facts, "stopped", why);
}

/* One value per launch of the ratio of two cells. Caller frees. */
static double *ratios(const struct run *r, size_t cell, int64_t to, size_t *ret_n)
{
	const struct cell_state *a = &r->state[cell], *b = &r->state[to];
	double *v = bd_alloc((a->points_len + 1) * sizeof *v);
	bool sums = bd_axes_threads(&r->plan->cells[cell].axes) > 1 || bd_axes_threads(&r->plan->cells[to].axes) > 1;
	*ret_n = bd_stats_paired_launches(a->points, a->points_len, b->points, b->points_len, sums, v, NULL);
	return v;
}

/* The level of threads is of all their operations in a launch, as it is in the document. */
static size_t launch_means(const struct cell_state *s, double *ret)
{
	size_t n = 0;
	double wall = 0, ops = 0;
	for (size_t i = 0; i < s->points_len; i++) {
		if (!i || s->points[i].launch != s->points[i - 1].launch) {
			wall = ops = 0;
			n++;
		}
		wall += s->points[i].num;
		ops += s->points[i].den;
		ret[n - 1] = wall / ops;
	}
	return n;
}

/* What is decided of a cell: its ratio where it has one, else its level. */
static double *values(const struct run *r, size_t cell, size_t *ret_n)
{
	const struct bd_cell *c = &r->plan->cells[cell];
	int64_t to = c->reference >= 0 ? c->reference : c->twin;
	if (to >= 0 && r->plan->cells[to].status == BD_CELL_OK)
		return ratios(r, cell, to, ret_n);
	const struct cell_state *s = &r->state[cell];
	double *v = bd_alloc((s->points_len + 1) * sizeof *v);
	if (bd_axes_threads(&c->axes) > 1)
		*ret_n = launch_means(s, v);
	else
		*ret_n = bd_stats_launch_medians(s->points, s->points_len, v);
	return v;
}

static struct bd_stats_interval interval_of(const struct run *r, const double *v, size_t n, struct bd_stats_plan *plan)
{
	bd_stats_plan_make((int64_t)n, r->max_launches, false, BD_STATS_ALPHA, plan);
	return bd_stats_sequential(v, n, plan, true);
}

/* How many ratios will be adjusted together in the end. */
static size_t compared(const struct plan *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->cells_len; i++)
		n += p->cells[i].reference >= 0;
	return n;
}

/* Why the cell needs no further launch; NULL = it does. */
static const char *enough(const struct run *r, size_t cell, double equivalence)
{
	size_t n;
	struct bd_stats_plan plan;
	bd_auto_free double *v = values(r, cell, &n);
	struct bd_stats_interval t = interval_of(r, v, n, &plan);
	if (isnan(t.lo))
		return NULL;
	if (r->plan->ab && r->plan->cells[cell].reference >= 0) {
		/* alone it may be significant sooner; among all, only what crosses these levels stays so */
		bd_stats_plan_family((int64_t)n, r->max_launches, false, BD_STATS_ALPHA, compared(r->plan), &plan);
		if (bd_stats_crossed(v, n, &plan))
			return "decided";
		if (t.lo > 1 / (1 + equivalence) && t.hi < 1 + equivalence)
			return "decided";
	}
	if (!isnan(r->plan->precision) && t.hi / t.lo < (1 + r->plan->precision) * (1 + r->plan->precision))
		return "precision";
	return NULL;
}

/* Whether some cell that is not done is compared with this one. */
static bool needed(const struct run *r, size_t cell)
{
	const struct plan *p = r->plan;
	for (size_t i = 0; i < p->cells_len; i++)
		if (p->cells[i].status == BD_CELL_OK && !r->state[i].enough &&
			(p->cells[i].reference == (int64_t)cell || p->cells[i].scaling == (int64_t)cell))
			return true;
	return false;
}

void look(struct run *r)
{
	struct plan *p = r->plan;
	int64_t launches = r->launch + 1;
	bool now = false;
	for (size_t i = 0; i < BD_LEN(bd_stats_looks); i++)
		now |= bd_stats_looks[i] == launches;
	if (!p->adaptive || !now || launches >= r->max_launches)
		return;
	/* what nobody asked about ends no run early: neither a wider bound nor what this machine sees where there is nothing */
	double equivalence = isnan(p->equivalence) ? BD_STATS_EQUIVALENCE : p->equivalence;
	size_t open = 0;
	for (size_t i = 0; i < p->cells_len; i++) {
		/* side a of a comparison asks for nothing itself, nor do the A/A rows */
		bool asks = p->cells[i].twin < 0 && (!p->ab || p->cells[i].reference >= 0);
		if (p->cells[i].status != BD_CELL_OK || r->state[i].enough)
			continue;
		int64_t to = p->cells[i].reference;
		/* no verdict comes of a cell whose other side has failed */
		bool alone = p->ab && to >= 0 && p->cells[to].status != BD_CELL_OK;
		const char *why = asks && !alone ? enough(r, i, equivalence) : "decided";
		if (!why) {
			open++;
			continue;
		}
		r->state[i].enough = true;
		if (asks)
			look_stopped(r, i, why);
	}
	for (size_t i = 0; i < p->cells_len; i++)
		if (r->state[i].enough)
			r->state[i].done = open == 0 || (p->cells[i].twin < 0 && !needed(r, i));
	/* the cells that an A/A row repeats go on as long as it does */
	for (size_t i = 0; i < p->cells_len; i++)
		if (p->cells[i].twin >= 0 && p->cells[i].status == BD_CELL_OK && !r->state[i].done)
			r->state[p->cells[i].twin].done = false;
	for (size_t i = 0; i < p->cells_len; i++)
		if (r->state[i].done)
			look_stopped(r, i, "decided");
}

/* ---- how many rounds, how many launches ------------------------------------------------------------------------- */

/* Ratios of the rounds both cells have; points are in the order in which they were measured. */
static size_t round_ratios(const struct cell_state *a, const struct cell_state *b, struct bd_stats_point *ret)
{
	size_t n = 0;
	for (size_t i = 0, k = 0; i < a->points_len; i++) {
		const struct bd_stats_point *x = &a->points[i];
		while (k < b->points_len &&
			(b->points[k].launch < x->launch ||
				(b->points[k].launch == x->launch && b->points[k].round < x->round)))
			k++;
		const struct bd_stats_point *y = k < b->points_len ? &b->points[k] : NULL;
		if (!y || y->launch != x->launch || y->round != x->round || x->left_out || y->left_out)
			continue;
		ret[n] = *x;
		ret[n++].value = x->value / y->value;
	}
	return n;
}

/* Of the ratio that varies most: its variance between launches and within one. */
static void widest(const struct run *r, double *ret_between, double *ret_within)
{
	const struct plan *p = r->plan;
	*ret_between = *ret_within = 0;
	for (size_t i = 0; i < p->cells_len; i++) {
		int64_t to = p->cells[i].reference >= 0 ? p->cells[i].reference : p->cells[i].twin;
		if (to < 0 || !run_active(r, i))
			continue;
		const struct cell_state *a = &r->state[i], *b = &r->state[to];
		bd_auto_free struct bd_stats_point *pairs = bd_alloc((a->points_len + 1) * sizeof *pairs);
		size_t n = round_ratios(a, b, pairs);
		double between, within;
		bd_stats_components(pairs, n, &between, &within);
		if (!isnan(between) && between + within > *ret_between + *ret_within) {
			*ret_between = between;
			*ret_within = within;
		}
	}
}

static int64_t clamp(double v, int64_t least, int64_t most)
{
	return !(v > (double)least) ? least : v < (double)most ? (int64_t)v : most;
}

void look_shape(struct run *r, int64_t launches, double setup_s, double round_s, double left_s)
{
	struct plan *p = r->plan;
	int64_t rounds = p->rounds;
	int64_t wanted = BD_MAX(LAUNCHES_WANTED - launches, (int64_t)1);
	if (!rounds) {
		double most = (left_s / (double)wanted - setup_s) / round_s;
		double best = 1.5 * setup_s / round_s;
		if (launches >= 3) {
			double between, within;
			widest(r, &between, &within);
			if (between + within > 0)
				best = (double)bd_stats_rounds(between, within, setup_s, round_s);
		}
		rounds = clamp(fmin(best, most), FEWEST_ROUNDS, MAX_ROUNDS);
	}
	r->row.rounds = rounds;
	/* how many launches the budget holds is settled before the first look, and by times alone */
	if (launches <= 3)
		r->max_launches = clamp((double)launches + left_s / (setup_s + (double)rounds * round_s),
			BD_STATS_MIN_LAUNCHES, MAX_LAUNCHES);
	else if (!p->rounds && r->max_launches > launches)
		r->row.rounds = clamp((left_s / (double)(r->max_launches - launches) - setup_s) / round_s,
			FEWEST_ROUNDS, MAX_ROUNDS);
	r->row.launches = r->max_launches;
}
