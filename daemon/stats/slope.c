#include "bd_stats.h"

#include <math.h>

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;
	return (a > b) - (a < b);
}

/* P(at most k of the pairs of n points are out of order) when every order is as likely: the number of permutations with
 * so many inversions, point by point. */
static double at_most(size_t k, size_t n)
{
	bd_auto_free double *p = bd_alloc((k + 1) * sizeof *p), *next = bd_alloc((k + 1) * sizeof *next);
	p[0] = 1;
	for (size_t points = 2; points <= n; points++) {
		double window = 0;
		for (size_t i = 0; i <= k; i++) {
			window += p[i] - (i >= points ? p[i - points] : 0);
			next[i] = window / (double)points;
		}
		memcpy(p, next, (k + 1) * sizeof *p);
	}
	double sum = 0;
	for (size_t i = 0; i <= k; i++)
		sum += p[i];
	return sum;
}

/* How many of the sorted slopes are left out on each side of the interval; -1 when even the outermost is too narrow. */
static long left_out(size_t n, double confidence)
{
	const size_t exact = 50;
	double each = (1 - confidence) / 2, pairs = (double)n * (double)(n - 1) / 2;
	if (n > exact) {
		double sd = sqrt((double)n * (double)(n - 1) * (2 * (double)n + 5) / 18);
		return (long)floor((pairs - bd_stats_t_quantile(1 - each, INFINITY) * sd) / 2) - 1;
	}
	long k = -1;
	while ((double)(k + 1) < pairs / 2 && at_most((size_t)(k + 1), n) <= each)
		k++;
	return k;
}

struct bd_stats_interval bd_stats_slope(const double *x, const double *y, size_t n, double confidence)
{
	struct bd_stats_interval out = {NAN, NAN, NAN};
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]) || !isfinite(y[i]) || (i && !(x[i] > x[i - 1])))
			return out;
	if (n < 2)
		return out;
	size_t pairs = n * (n - 1) / 2, k = 0;
	bd_auto_free double *slopes = bd_alloc(pairs * sizeof *slopes);
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			slopes[k++] = (y[j] - y[i]) / (x[j] - x[i]);
	qsort(slopes, pairs, sizeof *slopes, by_value);
	out.estimate = (slopes[(pairs - 1) / 2] + slopes[pairs / 2]) / 2;
	long outside = confidence > 0 && confidence < 1 ? left_out(n, confidence) : -1;
	if (outside >= 0) {
		out.lo = slopes[outside];
		out.hi = slopes[pairs - 1 - (size_t)outside];
	}
	return out;
}
