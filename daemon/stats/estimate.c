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

static int by_launch_and_round(const void *pa, const void *pb)
{
	const struct bd_stats_point *a = pa, *b = pb;
	if (a->launch != b->launch)
		return a->launch < b->launch ? -1 : 1;
	return (a->round > b->round) - (a->round < b->round);
}

static struct bd_stats_point *in_order(const struct bd_stats_point *p, size_t n)
{
	struct bd_stats_point *s = bd_alloc(n * sizeof *s);
	if (n)
		memcpy(s, p, n * sizeof *s);
	qsort(s, n, sizeof *s, by_launch_and_round);
	return s;
}

/* p is in order of launch. */
static size_t launch_medians(const struct bd_stats_point *p, size_t n, double *out)
{
	bd_auto_free double *v = bd_alloc(n * sizeof *v);
	size_t launches = 0;
	for (size_t i = 0, k = 0; i < n; i++) {
		v[k++] = p[i].value;
		if (i + 1 == n || p[i + 1].launch != p[i].launch) {
			out[launches++] = bd_stats_median(v, k);
			k = 0;
		}
	}
	return launches;
}

size_t bd_stats_launch_medians(const struct bd_stats_point *p, size_t n, double *out)
{
	bd_auto_free struct bd_stats_point *s = in_order(p, n);
	return launch_medians(s, n, out);
}

struct bd_stats_interval bd_stats_paired_ratio(const struct bd_stats_point *a, size_t na,
	const struct bd_stats_point *b, size_t nb, double confidence)
{
	bd_auto_free struct bd_stats_point *sa = in_order(a, na), *sb = in_order(b, nb);
	bd_auto_free struct bd_stats_point *pairs = bd_alloc(na * sizeof *pairs);
	size_t n = 0;
	for (size_t i = 0, j = 0; i < na && j < nb;) {
		int order = by_launch_and_round(&sa[i], &sb[j]);
		if (order == 0) {
			if (!sa[i].left_out && !sb[j].left_out && sa[i].value > 0 && sb[j].value > 0) {
				pairs[n] = sa[i];
				pairs[n++].value = log(sa[i].value / sb[j].value);
			}
			i++;
			j++;
		} else if (order < 0) {
			i++;
		} else {
			j++;
		}
	}
	bd_auto_free double *medians = bd_alloc(n * sizeof *medians);
	size_t launches = launch_medians(pairs, n, medians);
	for (size_t i = 0; i < launches; i++)
		medians[i] = exp(medians[i]);
	return bd_stats_launch_interval(medians, launches, confidence, true);
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
