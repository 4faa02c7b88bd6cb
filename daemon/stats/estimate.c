#include "bd_stats.h"

#include <math.h>

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;
	return (a > b) - (a < b);
}

static double *sorted(const double *v, size_t n)
{
	double *s = bd_alloc(n * sizeof *s);
	memcpy(s, v, n * sizeof *s);
	qsort(s, n, sizeof *s, by_value);
	return s;
}

double bd_stats_quantile(const double *v, size_t n, double q)
{
	if (n == 0 || !(q >= 0 && q <= 1))
		return NAN;
	bd_auto_free double *s = sorted(v, n);
	double h = (double)(n - 1) * q;
	size_t i = (size_t)h;
	if (i + 1 >= n)
		return s[n - 1];
	return s[i] + (h - (double)i) * (s[i + 1] - s[i]);
}

double bd_stats_median(const double *v, size_t n)
{
	return bd_stats_quantile(v, n, 0.5);
}

double bd_stats_mad(const double *v, size_t n)
{
	if (n == 0)
		return NAN;
	double m = bd_stats_median(v, n);
	bd_auto_free double *d = bd_alloc(n * sizeof *d);
	for (size_t i = 0; i < n; i++)
		d[i] = fabs(v[i] - m);
	return bd_stats_median(d, n);
}

double bd_stats_mean(const double *v, size_t n)
{
	if (n == 0)
		return NAN;
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return sum / (double)n;
}

double bd_stats_sd(const double *v, size_t n)
{
	if (n < 2)
		return NAN;
	double m = bd_stats_mean(v, n), sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (v[i] - m) * (v[i] - m);
	return sqrt(sum / (double)(n - 1));
}

struct bd_stats_interval bd_stats_launch_interval(const double *launch_values, size_t n, double confidence,
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
	if (n >= BD_STATS_MIN_LAUNCHES && confidence > 0 && confidence < 1) {
		double t = bd_stats_t_quantile(0.5 + confidence / 2, (double)(n - 1));
		double half = t * bd_stats_sd(v, n) / sqrt((double)n);
		out.lo = out.estimate - half;
		out.hi = out.estimate + half;
	}
	if (log_scale)
		out = (struct bd_stats_interval){exp(out.estimate), exp(out.lo), exp(out.hi)};
	return out;
}

double bd_stats_hist_quantile(const uint64_t *counts, size_t n, uint64_t (*low)(unsigned), double q)
{
	uint64_t total = 0, seen = 0;
	for (size_t i = 0; i < n; i++)
		total += counts[i];
	if (total == 0 || !(q >= 0 && q <= 1))
		return NAN;
	/* nearest rank; the product is exact far beyond any number of waits a run can hold */
	uint64_t rank = BD_MAX((uint64_t)ceil(q * (double)total), (uint64_t)1);
	size_t i = 0;
	while ((seen += counts[i]) < rank)
		i++;
	uint64_t first = low((unsigned)i);
	if (i + 1 == n) /* nobody says where the last bucket ends */
		return (double)first;
	return ((double)first + (double)low((unsigned)i + 1) - 1) / 2;
}
