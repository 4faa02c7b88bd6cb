/* What more launches, or more rounds in each, would bring. */
#include "bd_stats.h"
#include "quadrature.h"

#include <math.h>

/* P(T > critical) for T noncentral t: the mean of Phi(shift - critical s) over s = chi / sqrt(df). */
static double power(double shift, double critical, double df)
{
	const struct bd_stats_rule *rule = bd_stats_rule();
	double spread = 9 / sqrt(2 * df), lo = fmax(0, 1 - spread), width = 1 + spread - lo, sum = 0, all = 0;
	for (int i = 0; i < BD_NODES; i++) {
		double s = lo + width * rule->x[i];
		double weight = rule->w[i] * exp((df - 1) * log(s) - df * (s * s - 1) / 2);
		sum += weight * bd_stats_t_tail(critical * s - shift, INFINITY);
		all += weight;
	}
	return sum / all;
}

double bd_stats_smallest_effect(double sd_log, size_t n, double level)
{
	const double wanted = 0.8;
	if (!(sd_log >= 0) || isinf(sd_log) || n < 2 || !(level > 0 && level < 1))
		return NAN;
	double df = (double)(n - 1), critical = bd_stats_t_quantile(1 - level / 2, df), lo = 0, hi = 1;
	while (power(hi, critical, df) < wanted)
		hi *= 2;
	for (int i = 0; i < 60; i++) {
		double middle = (lo + hi) / 2;
		if (power(middle, critical, df) < wanted)
			lo = middle;
		else
			hi = middle;
	}
	return expm1(hi * sd_log / sqrt((double)n));
}

static int by_launch(const void *pa, const void *pb)
{
	const struct bd_stats_point *a = pa, *b = pb;
	return (a->launch > b->launch) - (a->launch < b->launch);
}

void bd_stats_components(const struct bd_stats_point *p, size_t n, double *ret_between, double *ret_within)
{
	*ret_between = *ret_within = NAN;
	bd_auto_free struct bd_stats_point *s = bd_alloc(n * sizeof *s);
	size_t used = 0, launches = 0;
	double mean = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i].left_out || !(p[i].value > 0))
			continue;
		s[used] = p[i];
		s[used].value = log(p[i].value);
		mean += s[used++].value;
	}
	qsort(s, used, sizeof *s, by_launch);
	mean /= (double)used;
	double within = 0, between = 0, squares = 0; /* sums of squares; of the sizes of launches */
	for (size_t i = 0, end; i < used; i = end) {
		double sum = 0;
		for (end = i; end < used && s[end].launch == s[i].launch; end++)
			sum += s[end].value;
		double size = (double)(end - i), of_launch = sum / size;
		for (size_t k = i; k < end; k++)
			within += (s[k].value - of_launch) * (s[k].value - of_launch);
		between += size * (of_launch - mean) * (of_launch - mean);
		squares += size * size;
		launches++;
	}
	if (used > launches)
		*ret_within = within / (double)(used - launches);
	if (launches > 1 && used > launches) {
		double all = (double)used, size = (all - squares / all) / (double)(launches - 1);
		*ret_between = fmax(0, (between / (double)(launches - 1) - *ret_within) / size);
	}
}

int64_t bd_stats_rounds(double var_between, double var_within, double launch_s, double round_s)
{
	const double most = 500;
	if (!(var_within > 0) || !(launch_s > 0))
		return 1;
	if (!(var_between > 0) || !(round_s > 0))
		return (int64_t)most;
	double rounds = sqrt(launch_s / round_s * (var_within / var_between));
	return (int64_t)fmax(1, fmin(most, round(rounds)));
}
