/* bd_stats: estimators over plain arrays of doubles. libm only. The launch is the unit of every interval
 * (docs/measurement.md): rounds are reduced to one value per launch before an interval is made. */
#ifndef BD_STATS_H
#define BD_STATS_H

#include "bd_base.h"

/* Fewest launches with which an interval is printed. */
#define BD_STATS_MIN_LAUNCHES 6

double bd_stats_median(const double *v, size_t n);             /* NAN for n = 0; v is not changed */
double bd_stats_mad(const double *v, size_t n);                /* median absolute deviation, unscaled */
double bd_stats_quantile(const double *v, size_t n, double q); /* type 7 (Hyndman & Fan 1996) */
double bd_stats_mean(const double *v, size_t n);
double bd_stats_sd(const double *v, size_t n); /* n-1; NAN for n < 2 */
/* Quantile of Student's t with df degrees of freedom, p in (0, 1): Newton steps on the regularised incomplete beta
 * function (continued fraction: Thompson & Barnett 1986); relative error < 1e-9. */
double bd_stats_t_quantile(double p, double df);

struct bd_stats_interval {
	double estimate, lo, hi; /* lo, hi NAN under BD_STATS_MIN_LAUNCHES */
};
/* Mean of launch values and its two-sided t interval at `confidence` (0.95). On logarithms of ratios when `log_scale`:
 * values are taken as ratios (> 0), the interval is made on their logs and exponentiated. */
struct bd_stats_interval bd_stats_launch_interval(const double *launch_values, size_t n, double confidence,
	bool log_scale);

/* One measured value of one batch, with its launch and round. */
struct bd_stats_point {
	int64_t launch, round;
	double value;
	bool left_out; /* flagged by its probes: not used in ratios */
};
/* Median of each launch, in order of launch; out has room for n. Returns the number of launches. */
size_t bd_stats_launch_medians(const struct bd_stats_point *p, size_t n, double *out);
/* Paired ratio a ÷ b: log ratio per (launch, round) present in both and not left out, median per launch, t interval. */
struct bd_stats_interval bd_stats_paired_ratio(const struct bd_stats_point *a, size_t na,
	const struct bd_stats_point *b, size_t nb, double confidence);
/* Quantile (nearest rank) of a bucketed histogram of integers, by the middle of the bucket it falls into: bucket i holds
 * low(i) … low(i+1)-1, so a bucket of one value is exact. The last bucket counts as its low end. NAN when empty. */
double bd_stats_hist_quantile(const uint64_t *counts, size_t n, uint64_t (*low)(unsigned), double q);

#endif
