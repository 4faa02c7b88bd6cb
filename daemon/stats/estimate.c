#include "bd_stats.h"

#include <math.h>

/* Puts the value of rank k into its place, none greater before and none smaller after it (Hoare 1961), around the middle
 * of three: what is sorted, or all the same, is no worst case. */
static void place(double *v, size_t n, size_t k)
{
	size_t lo = 0, hi = n - 1;
	while (lo < hi) {
		double a = v[lo], b = v[lo + (hi - lo) / 2], c = v[hi];
		double pivot = fmax(fmin(a, b), fmin(fmax(a, b), c));
		size_t i = lo, j = hi;
		for (;; i++, j--) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			double swap = v[i];
			v[i] = v[j];
			v[j] = swap;
		}
		/* lo … i - 1 are not greater, j + 1 … hi not smaller; i == j holds the pivot, i == j + 1 nothing */
		if (k < i)
			hi = i - 1;
		else if (k > j)
			lo = j + 1;
		else
			return;
	}
}

double bd_stats_quantile(const double *v, size_t n, double q)
{
	if (n == 0 || !(q >= 0 && q <= 1))
		return NAN;
	bd_auto_free double *s = bd_alloc(n * sizeof *s);
	for (size_t i = 0; i < n; i++) {
		if (isnan(v[i])) /* has no rank */
			return NAN;
		s[i] = v[i];
	}
	double h = (double)(n - 1) * q;
	size_t i = (size_t)h;
	place(s, n, i);
	if (i + 1 >= n || h == (double)i)
		return s[i];
	double next = s[i + 1];
	for (size_t k = i + 2; k < n; k++)
		next = fmin(next, s[k]);
	return s[i] + (h - (double)i) * (next - s[i]);
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
