/* The joint distribution of the t statistics at the looks of a run, exactly.
 *
 * Boundaries for known variance come from recursive integration of the score's density (Armitage, McPherson & Rowe 1969;
 * Jennison & Turnbull 2000, chapter 19). Their nominal levels, used with quantiles of Student's t, spend up to 7 % more
 * than alpha with so few launches. So the recursion is done for the t statistics themselves. Under H0 the direction of
 * the vector of launches is uniform on the sphere and T is a function of its angle to (1, …, 1). Given T at n' launches,
 * T at the first n of them depends on nothing that came after, and
 *
 *	tau_n = (tau_n' sqrt(n / n') + sqrt((n' - n) / n') v) / sqrt((1 - v^2) r),	tau_n = T_n / sqrt(n - 1)
 *
 * where v is a coordinate of a uniform direction in n' - 1 dimensions and r, independent, is
 * Beta((n - 1) / 2, (n' - n - 1) / 2). The recursion runs over P(no crossing before | T), which multiplies the density of
 * T known in closed form. */
#include "plan.h"
#include "quadrature.h"

#include <math.h>

/* What little is spent at a first look out of many needs no joint density: who crosses twice may count twice. */
static const double negligible = 1e-12;

/* The grid is even in y = tau / sqrt(tau^2 + c^2); c puts |T| = 3 at y = 0.7, whatever the number of launches. */
static double grid_scale(double launches)
{
	return 3 / sqrt(launches - 1);
}

/* Four-point interpolation; even about 0, and nothing is left at infinity. */
static double going_at(const struct bd_stats_look *look, double tau)
{
	if (look->first)
		return 1;
	double c = grid_scale(look->launches), y = fabs(tau) / sqrt(tau * tau + c * c) * BD_LOOK_GRID;
	int i = (int)fmin(y, BD_LOOK_GRID - 2);
	double f = y - i, before = look->going[i ? i - 1 : 1];
	const double *p = &look->going[i];
	double cubic = p[0] +
		f *
			((p[1] - before) +
				f *
					((2 * before - 5 * p[0] + 4 * p[1] - p[2]) +
						f * (3 * (p[0] - p[1]) + p[2] - before))) /
			2;
	return fmax(0, cubic);
}

/* The step back from n' launches to the n of `before`, given tau at n'. */
struct step {
	const struct bd_stats_look *before;
	double a, b;  /* tau_n = (a + b v) / sqrt((1 - v^2) r) */
	double power; /* the density of v is exp(log_norm) (1 - v^2)^power */
	double log_norm;
	double farthest; /* where that density has ended */
};

/* Mean over v, for one r, of going on at the look before and all before that. */
static double over_v(const struct step *s, double r)
{
	const struct bd_stats_rule *rule = bd_stats_rule();
	double limit = s->before->bound * s->before->bound * r, square = s->b * s->b + limit;
	double root = sqrt(fmax(0, limit * (s->b * s->b - s->a * s->a + limit)));
	double lo = fmax((-s->a * s->b - root) / square, -s->farthest);
	double width = fmin((-s->a * s->b + root) / square, s->farthest) - lo, sum = 0;
	if (!(width > 0))
		return 0;
	for (int i = 0; i < BD_NODES; i++) {
		double v = lo + width * rule->x[i], rest = fmax(1e-300, 1 - v * v);
		sum += rule->w[i] * exp(s->log_norm + s->power * log(rest)) *
			going_at(s->before, (s->a + s->b * v) / sqrt(rest * r));
	}
	return width * sum;
}

static double log_beta(double a, double b)
{
	int sign;
	return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(a + b, &sign);
}

/* P(no look up to and with `before` crossed | tau at `launches`). r = cos^2 of an angle; beyond the angle at which
 * nobody with this tau is within the bound the inner mean is 0, and it goes there like a square root. */
static double going_given(const struct bd_stats_look *before, double launches, double tau)
{
	const struct bd_stats_rule *rule = bd_stats_rule();
	double n = before->launches, added = launches - n;
	struct step s = {.before = before,
		.a = tau * sqrt(n / launches),
		.b = sqrt(added / launches),
		.power = (launches - 4) / 2,
		.log_norm = -log_beta(0.5, (launches - 2) / 2),
		.farthest = fmin(1, 10 / sqrt(launches))};
	double least = (s.a * s.a - s.b * s.b) / (before->bound * before->bound);
	if (least >= 1)
		return 0;
	if (added == 1)
		return over_v(&s, 1);
	double typical = acos(sqrt((n - 1) / (launches - 2))), spread = 7 / sqrt(launches);
	double hi = fmin(acos(sqrt(fmax(0, least))), typical + spread), lo = fmax(0, typical - spread), sum = 0;
	if (!(hi > lo))
		return 0;
	double log_norm = log(2) - log_beta((n - 1) / 2, (added - 1) / 2);
	for (int i = 0; i < BD_NODES; i++) {
		double x = rule->x[i], angle = hi - (hi - lo) * x * x, cosine = cos(angle);
		double weight = exp(log_norm + (n - 2) * log(cosine) + (added - 2) * log(sin(angle)));
		sum += rule->w[i] * 2 * x * weight * over_v(&s, cosine * cosine);
	}
	return (hi - lo) * sum;
}

/* The mean of going on over all that is beyond the level's T, times the level. Over y, which is 1 at infinity; the density
 * of T needs no constant, for a mean. */
double bd_stats_look_reaches(const struct bd_stats_look *look, double level)
{
	if (look->first || level < negligible)
		return level;
	const struct bd_stats_rule *rule = bd_stats_rule();
	double df = look->launches - 1, c = grid_scale(look->launches), sum = 0, all = 0;
	double bound = level < 1 ? -bd_stats_t_quantile(level / 2, df) / sqrt(df) : 0;
	double from = bound / sqrt(bound * bound + c * c);
	for (int i = 0; i < BD_NODES; i++) {
		double y = from + (1 - from) * rule->x[i], rest = (1 - y) * (1 + y), tau = c * y / sqrt(rest);
		double weight = (df + 1) / 2 * (log1p(bound * bound) - log1p(tau * tau)) - 1.5 * log(rest);
		weight = rule->w[i] * exp(weight);
		sum += weight * going_at(look, tau);
		all += weight;
	}
	return level * fmin(1, sum / all);
}

/* The nominal level at which just `spend` is spent. */
static double level_of(const struct bd_stats_look *look, double spend)
{
	if (look->first || spend < negligible)
		return spend;
	double lo = log(spend), hi = 0, have_lo = log(bd_stats_look_reaches(look, spend) / spend), at = lo;
	for (int i = 0; i < 60 && hi - lo > 1e-12; i++) {
		double have = log(bd_stats_look_reaches(look, exp(at)) / spend);
		if (fabs(have) < 1e-12)
			break;
		if (have < 0) {
			lo = at;
			have_lo = have;
		} else {
			hi = at;
		}
		/* what is reached rises a little slower than the level: such steps fall short, and come fast */
		at = lo - have_lo;
		if (!(at > lo && at < hi))
			at = (lo + hi) / 2;
	}
	return exp(at);
}

void bd_stats_look_make(const struct bd_stats_look *before, int64_t launches, double spent, struct bd_stats_look *ret)
{
	*ret = (struct bd_stats_look){.launches = (double)launches, .spent = spent, .first = !before};
	double c = grid_scale(ret->launches);
	for (int i = 0; before && i < BD_LOOK_GRID; i++) {
		double y = (double)i / BD_LOOK_GRID;
		ret->going[i] = going_given(before, ret->launches, c * y / sqrt(1 - y * y));
	}
	ret->level = level_of(ret, spent - (before ? before->spent : 0));
	double df = ret->launches - 1;
	ret->bound = ret->level > 0 ? fmin(1e6, -bd_stats_t_quantile(ret->level / 2, df) / sqrt(df)) : 1e6;
}
