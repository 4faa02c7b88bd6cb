#include "bd_stats.h"

#include <math.h>

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;
	return (a > b) - (a < b);
}

/* Sum of the distances of sorted v[first … last) from their median; sums[i] is the sum of the i smallest. */
static double spread(const double *sums, size_t first, size_t last)
{
	size_t n = last - first, half = n / 2;
	double lower = sums[first + half] - sums[first], upper = sums[last] - sums[last - half];
	return upper - lower; /* the middle one of an odd number is the median itself */
}

/* Where sorted v[first … last) falls apart, each part at least `least`; `first` when it cannot. */
static size_t parting(const double *sums, size_t first, size_t last, size_t least)
{
	size_t at = first;
	double best = INFINITY;
	for (size_t i = first + least; i + least <= last; i++) {
		double sum = spread(sums, first, i) + spread(sums, i, last);
		if (sum < best) {
			best = sum;
			at = i;
		}
	}
	return at;
}

/* Launches of one mode lie a few per cent apart, each with its own narrow heap: what is closer is one. */
static bool apart(const double *x, size_t first, size_t at, size_t last)
{
	const double least = 1.1;
	double lower = bd_stats_median(x + first, at - first), upper = bd_stats_median(x + at, last - at);
	return !(lower > 0) || upper >= least * lower;
}

size_t bd_stats_modes(const double *v, size_t n, double alpha, struct bd_stats_mode *ret, size_t max)
{
	if (max == 0 || isnan(bd_stats_dip(v, n, NULL)))
		return 0;
	bd_auto_free double *x = bd_alloc(n * sizeof *x), *sums = bd_alloc((n + 1) * sizeof *sums);
	bd_auto_free size_t *ends = bd_alloc(max * sizeof *ends); /* of the parts, in order */
	memcpy(x, v, n * sizeof *x);
	qsort(x, n, sizeof *x, by_value);
	for (size_t i = 0; i < n; i++)
		sums[i + 1] = sums[i] + (x[i] - x[n / 2]); /* from the middle, so that no digits are lost */
	size_t least = BD_MAX((size_t)ceil(0.05 * (double)n), (size_t)4), parts = 1, first = 0;
	ends[0] = n;
	for (size_t k = 0; k < parts;) {
		double p;
		bd_stats_dip(x + first, ends[k] - first, &p);
		size_t at = p < alpha && parts < max ? parting(sums, first, ends[k], least) : first;
		if (at == first || !apart(x, first, at, ends[k])) {
			first = ends[k++];
			continue;
		}
		memmove(ends + k + 1, ends + k, (parts - k) * sizeof *ends);
		ends[k] = at;
		parts++;
	}
	first = 0;
	for (size_t k = 0; k < parts; first = ends[k++]) {
		size_t size = ends[k] - first;
		ret[k] = (struct bd_stats_mode){
			.share = (double)size / (double)n,
			.median = bd_stats_median(x + first, size),
			.lo = bd_stats_quantile(x + first, size, 0.05),
			.hi = bd_stats_quantile(x + first, size, 0.95),
		};
	}
	return parts;
}
