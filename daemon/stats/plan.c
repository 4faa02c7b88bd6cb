/* Alpha spent over looks: recursive integration of the joint density of the looks (Armitage, McPherson & Rowe 1969;
 * Jennison & Turnbull 2000, chapter 19), on the scale of the score: a sum whose variance is the launches so far. */
#include "plan.h"
#include "quadrature.h"

#include <math.h>
#include <pthread.h>

const int64_t bd_stats_looks[6] = {6, 8, 11, 16, 24, 36};

/* The density of the score at a look for those who go on, at nodes 0 … bound; it is symmetric. n = 0: before any look. */
struct density {
	double s[BD_NODES], mass[BD_NODES]; /* mass: weight of the node x density */
	double variance;
	bool any;
};

static double tail(double z)
{
	return bd_stats_t_tail(z, INFINITY);
}

/* What a two-sided level leaves on both sides. */
static double quantile(double level)
{
	return level > 0 ? -bd_stats_t_quantile(level / 2, INFINITY) : INFINITY;
}

/* P(going on so far, and |score| > bound when its variance is `variance`). */
static double beyond(const struct density *d, double variance, double bound)
{
	if (!d->any)
		return 2 * tail(bound / sqrt(variance));
	double sd = sqrt(variance - d->variance), sum = 0;
	for (int i = 0; i < BD_NODES; i++)
		sum += d->mass[i] * (tail((bound - d->s[i]) / sd) + tail((bound + d->s[i]) / sd));
	return 2 * sum; /* both signs of the score before */
}

static double normal_density(double s, double variance)
{
	return exp(-s * s / (2 * variance)) / sqrt(2 * M_PI * variance);
}

static void advance(struct density *d, double variance, double bound)
{
	const struct bd_stats_rule *rule = bd_stats_rule();
	struct density next = {.variance = variance, .any = true};
	double added = variance - d->variance;
	bound = fmin(bound, 9 * sqrt(variance)); /* nobody is further out */
	for (int i = 0; i < BD_NODES; i++) {
		double s = next.s[i] = bound * rule->x[i], density = 0;
		for (int j = 0; j < BD_NODES && d->any; j++)
			density += d->mass[j] *
				(normal_density(s - d->s[j], added) + normal_density(s + d->s[j], added));
		next.mass[i] = bound * rule->w[i] * (d->any ? density : normal_density(s, variance));
	}
	*d = next;
}

/* O'Brien-Fleming type, two-sided: each side spends 2 (1 - Phi(z(alpha / 4) / sqrt(t))), alpha / 2 in the end. */
static double spent_at(double t, double alpha)
{
	return t >= 1 ? alpha : 4 * tail(quantile(alpha / 2) / sqrt(t));
}

/* What little is spent at a first look out of many needs no joint density: who crosses twice may count twice. */
static const double negligible = 1e-12;

/* The bound beyond which `spend` lies. */
static double bound_of(const struct density *d, double variance, double spend)
{
	double sd = sqrt(variance), lo = 0, hi = 9 * sd;
	if (spend < negligible)
		return quantile(spend) * sd;
	for (int i = 0; i < 60; i++) {
		double middle = (lo + hi) / 2;
		if (beyond(d, variance, middle) > spend)
			lo = middle;
		else
			hi = middle;
	}
	return (lo + hi) / 2;
}

void bd_stats_plan_spend(struct bd_stats_plan *plan, int64_t max, bool final)
{
	struct density d = {.any = false};
	double before = 0;
	for (size_t i = 0; i < plan->n; i++) {
		bool last = i + 1 == plan->n;
		double variance = (double)plan->launches[i];
		double spent = last && final ? plan->alpha : spent_at(variance / (double)max, plan->alpha);
		double bound = bound_of(&d, variance, spent - before);
		plan->spent[i] = before = spent;
		plan->level[i] = 2 * tail(bound / sqrt(variance));
		if (!last)
			advance(&d, variance, bound);
	}
}

void bd_stats_plan_make(int64_t done, int64_t max, bool final, double alpha, struct bd_stats_plan *ret)
{
	*ret = (struct bd_stats_plan){.alpha = alpha};
	if (done < BD_STATS_MIN_LAUNCHES || !(alpha > 0 && alpha < 1))
		return;
	for (size_t i = 0; i < BD_LEN(bd_stats_looks) && bd_stats_looks[i] < done; i++)
		ret->launches[ret->n++] = bd_stats_looks[i];
	ret->launches[ret->n++] = done;
	bd_stats_plan_spend(ret, max, final);
}

double bd_stats_plan_reaches(const struct bd_stats_plan *plan, double level)
{
	struct density d = {.any = false};
	size_t i = 0;
	for (; i + 1 < plan->n; i++) {
		double variance = (double)plan->launches[i];
		advance(&d, variance, quantile(plan->level[i]) * sqrt(variance));
	}
	double variance = (double)plan->launches[i];
	return beyond(&d, variance, level < 1 ? quantile(level) * sqrt(variance) : 0);
}
