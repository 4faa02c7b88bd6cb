/* What a look says: the interval, whether it crossed, and how rare that would be. */
#include "bd_stats.h"
#include "plan.h"

#include <math.h>

struct bd_stats_interval bd_stats_sequential(const double *launch_values, size_t n, const struct bd_stats_plan *plan,
	bool log_scale)
{
	struct bd_stats_interval out = {NAN, NAN, NAN};
	bd_auto_free double *v = bd_alloc(n * sizeof *v);
	for (size_t i = 0; i < n; i++) {
		if (log_scale && !(launch_values[i] > 0))
			return out;
		v[i] = log_scale ? log(launch_values[i]) : launch_values[i];
	}
	out.estimate = bd_stats_mean(v, n);
	if (n >= BD_STATS_MIN_LAUNCHES && plan->n) {
		double level = plan->level[plan->n - 1];
		double t = level > 0 ? -bd_stats_t_quantile(level / 2, (double)(n - 1)) : INFINITY;
		double half = t * bd_stats_sd(v, n) / sqrt((double)n);
		out.lo = out.estimate - half;
		out.hi = out.estimate + half;
	}
	if (log_scale)
		out = (struct bd_stats_interval){exp(out.estimate), exp(out.lo), exp(out.hi)};
	return out;
}

/* Two-sided p of the last look by itself. */
static double nominal_p(const double *launch_ratios, size_t n)
{
	if (n < BD_STATS_MIN_LAUNCHES)
		return NAN;
	bd_auto_free double *logs = bd_alloc(n * sizeof *logs);
	for (size_t i = 0; i < n; i++) {
		if (!(launch_ratios[i] > 0) || isinf(launch_ratios[i]))
			return NAN;
		logs[i] = log(launch_ratios[i]);
	}
	double mean = bd_stats_mean(logs, n), error = bd_stats_sd(logs, n) / sqrt((double)n);
	if (mean == 0)
		return 1;
	return 2 * bd_stats_t_tail(fabs(mean) / error, (double)(n - 1));
}

bool bd_stats_crossed(const double *launch_ratios, size_t n, const struct bd_stats_plan *plan)
{
	return plan->n && nominal_p(launch_ratios, n) < plan->level[plan->n - 1]; /* not with NAN */
}

double bd_stats_stagewise_p(const double *launch_ratios, size_t n, const struct bd_stats_plan *plan)
{
	double nominal = nominal_p(launch_ratios, n);
	if (plan->n == 0 || isnan(nominal))
		return NAN;
	size_t last = plan->n - 1, at = last;
	bool crossed = nominal < plan->level[last];
	/* a cell that was measured on after it had crossed was decided then */
	for (size_t i = 0; i < last && at == last && crossed; i++) {
		size_t launches = (size_t)plan->launches[i];
		if (launches < n && nominal_p(launch_ratios, launches) < plan->level[i]) {
			nominal = nominal_p(launch_ratios, launches);
			at = i;
		}
	}
	struct bd_stats_look look;
	bd_stats_plan_look(plan, at, &look);
	double before = at ? plan->spent[at - 1] : 0, p = before + bd_stats_look_reaches(&look, nominal);
	/* the integral and the boundary agree to some ten digits; what is significant must not hang on the eleventh */
	if (crossed)
		return fmin(p, nextafter(plan->spent[at], 0));
	return fmin(1, fmax(plan->alpha, p + plan->alpha - plan->spent[last]));
}
