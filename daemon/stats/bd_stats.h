/* bd_stats: estimators over plain arrays of doubles. libm only. The launch is the unit of every interval
 * (docs/measurement.md): rounds are reduced to one value per launch before an interval is made. */
#ifndef BD_STATS_H
#define BD_STATS_H

#include "bd_base.h"

/* Fewest launches with which an interval is printed. */
#define BD_STATS_MIN_LAUNCHES 6
/* The error rate of verdicts. */
#define BD_STATS_ALPHA 0.05
/* Differences below this share are of no interest, unless asked for. */
#define BD_STATS_EQUIVALENCE 0.02

double bd_stats_median(const double *v, size_t n);             /* NAN for n = 0; v is not changed */
double bd_stats_mad(const double *v, size_t n);                /* median absolute deviation, unscaled */
double bd_stats_quantile(const double *v, size_t n, double q); /* type 7 (Hyndman & Fan 1996) */
double bd_stats_mean(const double *v, size_t n);
double bd_stats_sd(const double *v, size_t n); /* n-1; NAN for n < 2 */
/* Quantile of Student's t with df degrees of freedom, p in (0, 1): Newton steps on the regularised incomplete beta
 * function (continued fraction: Thompson & Barnett 1986); relative error < 1e-9. */
double bd_stats_t_quantile(double p, double df);
/* P(T > t): for t of either sign; df > 0, INFINITY for the normal distribution. Relative error < 1e-10. NAN otherwise. */
double bd_stats_t_tail(double t, double df);

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
	double num,
		den; /* value = num / den: wall ns x threads and operations; 0 where sums over rounds are not wanted */
};
/* Median of each launch, in order of launch; out has room for n. Returns the number of launches. */
size_t bd_stats_launch_medians(const struct bd_stats_point *p, size_t n, double *out);
/* One ratio a / b per launch, in order of launch, from the (launch, round) present in both, not left out and > 0: the
 * median of the rounds' log ratios, or with `sums` (sum a.num / sum a.den) / (sum b.num / sum b.den). ret_ratios and
 * ret_launches (the launches' numbers; may be NULL) have room for na. Returns the number of launches. */
size_t bd_stats_paired_launches(const struct bd_stats_point *a, size_t na, const struct bd_stats_point *b, size_t nb,
	bool sums, double *ret_ratios, int64_t *ret_launches);
/* Fixed-sample interval over the medians of bd_stats_paired_launches. */
struct bd_stats_interval bd_stats_paired_ratio(const struct bd_stats_point *a, size_t na,
	const struct bd_stats_point *b, size_t nb, double confidence);

/* ---- looks: when a cell may stop, and what it may say then -------------------------------------------- */

/* Launches after which a run looks at what it has. */
extern const int64_t bd_stats_looks[6]; /* 6 8 11 16 24 36 */

/* The looks up to the one at hand. `level`: two-sided nominal level of each, to be used as a quantile of Student's t
 * with launches - 1 degrees of freedom; `spent`: probability under H0 of having crossed at this look or before. Levels
 * are exact for the joint distribution of the t statistics, not those for known variance (look.c): the latter spend
 * 5.4 % of 5 % with 8 or 11 launches. */
struct bd_stats_plan {
	size_t n;
	int64_t launches[8];
	double level[8], spent[8];
	double alpha; /* what the whole plan may spend */
	double early; /* what looks before the end spend a part of; alpha, but in a family */
	int64_t max;
	bool final;
};
/* Looks of a cell that has `done` launches of at most `max`: the standard looks below done, then done. Alpha is spent by
 * the O'Brien-Fleming type function of Lan & DeMets 1983 on done / max, half of it on each side. `final`: the end did
 * not depend on the data (budget, limit), so the last look spends all that is left; so does done >= max. Fewer than six
 * launches, or alpha outside (0, 1): n = 0. Remembered: a plan asked for again takes microseconds. */
void bd_stats_plan_make(int64_t done, int64_t max, bool final, double alpha, struct bd_stats_plan *ret);
/* The same for one of `cells` that are adjusted together in the end: looks before the end spend a part of alpha / cells
 * only, the end all that is left of alpha. Who crosses early then is significant among all, and who crosses at the end has
 * a p that is not made useless by what looks before could have spent. For crossing and p; intervals are those of
 * bd_stats_plan_make. */
void bd_stats_plan_family(int64_t done, int64_t max, bool final, double alpha, size_t cells, struct bd_stats_plan *ret);
/* One look that may spend all: for what ends whatever the looks say (launches given, budget alone), where looking costs
 * nothing. The interval is that of bd_stats_launch_interval, p that of the t test. */
void bd_stats_plan_single(int64_t launches, double alpha, struct bd_stats_plan *ret);
/* Repeated interval (Jennison & Turnbull 1989) at the plan's last look, from one value per launch: all intervals of a
 * plan's looks hold the truth together with probability 1 - alpha, so it may be read whenever a run ends. log_scale as
 * in bd_stats_launch_interval. lo, hi NAN under six launches or with an empty plan. */
struct bd_stats_interval bd_stats_sequential(const double *launch_values, size_t n, const struct bd_stats_plan *plan,
	bool log_scale);
/* The last look rejects H0: mean(log ratio) = 0. */
bool bd_stats_crossed(const double *launch_ratios, size_t n, const struct bd_stats_plan *plan);
/* p of H0 by stage-wise ordering (Fairbanks & Madsen 1982; Tsiatis, Rosner & Mehta 1984): crossing earlier is more
 * extreme than crossing later, so p of the last look is never below what the looks before could spend. It is below alpha
 * exactly when bd_stats_crossed; then it is that of the first look that crossed (launch_ratios are in order). A cell that
 * stopped for another reason without crossing counts whatever later looks could still spend as more extreme too. NAN
 * where there is no interval. */
double bd_stats_stagewise_p(const double *launch_ratios, size_t n, const struct bd_stats_plan *plan);

/* False-discovery adjustment (Benjamini & Hochberg 1995): adjusted p of each, in the order given. NAN stays NAN and does
 * not count. p and ret may be the same array. */
void bd_stats_adjust(const double *p, size_t n, double *ret);

/* ---- effort: what more launches would bring ------------------------------------------------------------- */

/* Relative difference (0.008: a ratio of 1.008) that n launches with this SD of their log ratios find with a power of
 * 80 % at a two-sided level: from the noncentral t distribution. NAN without an SD, with n < 2, level outside (0, 1). */
double bd_stats_smallest_effect(double sd_log, size_t n, double level);
/* Variances between launches and within a launch of the logs of the values not left out: one-way analysis of variance,
 * launches of different size (Searle 1971); neither is below 0. NAN where there is nothing to compute it from. */
void bd_stats_components(const struct bd_stats_point *p, size_t n, double *ret_between, double *ret_within);
/* Rounds per launch that make the interval narrowest for the time (Kalibera & Jones 2013): sqrt(cost of a launch without
 * rounds / cost of a round x within / between), 1 to 500. Without a variance between launches as many as allowed. */
int64_t bd_stats_rounds(double var_between, double var_within, double launch_s, double round_s);

/* ---- shape: modes, warm-up, slopes, and what was not measured together ---------------------------------- */

/* The dip of a sample: least greatest distance between its distribution and a unimodal one (Hartigan & Hartigan 1985), at
 * least 1 / (2n). *ret_p (may be NULL): how often a uniform sample of this size has a greater one, from a table made by
 * simulation; good to a tenth of itself, and never below 0.001. Values are taken as independent: what
 * launches or the machine's speed share must be taken out before. NAN for n = 0 or a value that is not finite; p NAN
 * for n < 4. */
double bd_stats_dip(const double *v, size_t n, double *ret_p);
struct bd_stats_mode {
	double share, median, lo, hi; /* of the values; lo, hi: the 5 % and 95 % quantiles of the mode's own */
};
/* The modes in order of value, at most `max`: one unless the dip test rejects at alpha, else parted in two where the sum
 * of distances from the two medians is least, and each part asked again. No mode has less than 5 % of the values or fewer
 * than four of them, unless it is alone; positive ones are at least a factor of 1.1 apart. 0 for n = 0 or a value that is not finite. */
size_t bd_stats_modes(const double *v, size_t n, double alpha, struct bd_stats_mode *ret, size_t max);

enum bd_steady {
	BD_STEADY_FLAT,
	BD_STEADY_WARMUP,   /* the first rounds are slower than the later half */
	BD_STEADY_SLOWDOWN, /* they are faster */
	BD_STEADY_NONE,     /* the later half still wanders, or drifts */
	BD_STEADY_UNKNOWN,  /* fewer than six launches with at least six rounds */
};
extern const char *const bd_steady_names[]; /* NULL at the end */
/* The classes of Barrett et al. 2017 (OOPSLA) for many short launches in place of few long ones: an effect counts when it
 * is the same over launches (t over launches, 1 %; Bartels 1982 for what wanders within them) and at least 1 % of the
 * time. Times, not rates; left_out and values that are not > 0 are not looked at. Speed that all cells share (probes)
 * should be divided out before. */
enum bd_steady bd_stats_steady(const struct bd_stats_point *p, size_t n);

/* Slope of y over x: median of the slopes of all pairs (Theil 1950) and the interval of Sen 1968 from the exact
 * distribution of Kendall's S, its normal limit beyond 50 points. Exactly 0 where y does not move; one step is no slope:
 * lo or hi is 0 then. x must increase strictly, else all NAN; lo, hi NAN with too few points for the confidence (95 %
 * takes 5). Takes n * n time and memory. */
struct bd_stats_interval bd_stats_slope(const double *x, const double *y, size_t n, double confidence);
/* Ratio a / b of launch values that were not measured together (two runs), on their logs: Welch 1947. *ret_p (may be
 * NULL): two-sided. lo, hi, p NAN unless both have BD_STATS_MIN_LAUNCHES; all NAN when a value is not > 0. */
struct bd_stats_interval bd_stats_welch(const double *a, size_t na, const double *b, size_t nb, double confidence,
	double *ret_p);

/* Quantile (nearest rank) of a bucketed histogram of integers, by the middle of the bucket it falls into: bucket i holds
 * low(i) … low(i+1)-1, so a bucket of one value is exact. The last bucket counts as its low end. NAN when empty. */
double bd_stats_hist_quantile(const uint64_t *counts, size_t n, uint64_t (*low)(unsigned), double q);

#endif
