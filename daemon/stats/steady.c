/* Does the time of a round depend on how long its process has run? */
#include "bd_stats.h"

#include <math.h>

const char *const bd_steady_names[] = {"flat", "warm-up", "slowdown", "no steady state", NULL, NULL};

static const double smallest = 0.01;   /* effects below 1 % are not spoken of */
static const double error_rate = 0.01; /* of each question; there are four */
enum { MIN_ROUNDS = 6 };

/* What a launch says, in logs of time. */
struct launch {
	double first, early; /* the first round, and the first quarter, against the later half */
	double late;         /* the last quarter against the one before */
	double wandering;  /* von Neumann's ratio of ranks in the later half, standardised: < 0 when neighbours agree */
	double covariance; /* of neighbours there */
};

struct ranked {
	double value, rank;
	size_t at;
};

static int by_value(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;
	return (a->value > b->value) - (a->value < b->value);
}

static int by_place(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;
	return (a->at > b->at) - (a->at < b->at);
}

/* Ranks in the order of v; equal values share theirs. Caller frees. */
static struct ranked *ranks_of(const double *v, size_t n)
{
	struct ranked *r = bd_alloc(n * sizeof *r);
	for (size_t i = 0; i < n; i++)
		r[i] = (struct ranked){.value = v[i], .at = i};
	qsort(r, n, sizeof *r, by_value);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && r[end].value == r[i].value;)
			end++;
		for (size_t k = i; k < end; k++)
			r[k].rank = ((double)i + (double)end + 1) / 2;
	}
	qsort(r, n, sizeof *r, by_place);
	return r;
}

/* Bartels 1982: sum of squared differences of neighbours' ranks over that of ranks from their mean. */
static double wandering(const double *v, size_t n)
{
	bd_auto_free struct ranked *r = ranks_of(v, n);
	double differences = 0, squares = 0, middle = ((double)n + 1) / 2;
	for (size_t i = 0; i < n; i++) {
		double step = i ? r[i].rank - r[i - 1].rank : 0;
		differences += step * step;
		squares += (r[i].rank - middle) * (r[i].rank - middle);
	}
	double d = (double)n;
	double variance = 4 * (d - 2) * (5 * d * d - 2 * d - 9) / (5 * d * (d + 1) * (d - 1) * (d - 1));
	return squares > 0 ? (differences / squares - 2) / sqrt(variance) : 0;
}

static double covariance(const double *v, size_t n)
{
	double mean = bd_stats_mean(v, n), sum = 0;
	for (size_t i = 1; i < n; i++)
		sum += (v[i] - mean) * (v[i - 1] - mean);
	return sum / (double)(n - 1);
}

static struct launch ask(const double *logs, size_t n)
{
	const double *half = logs + n / 2;
	size_t later = n - n / 2, quarter = BD_MAX(n / 4, (size_t)1);
	double level = bd_stats_median(half, later);
	return (struct launch){
		.first = logs[0] - level,
		.early = bd_stats_median(logs, quarter) - level,
		.late = bd_stats_median(half + later - later / 2, later / 2) - bd_stats_median(half, later / 2),
		.wandering = wandering(half, later),
		.covariance = covariance(half, later),
	};
}

/* The mean over launches when it is large enough and not chance; else 0. */
static double effect(const struct launch *l, size_t n, size_t offset)
{
	bd_auto_free double *v = bd_alloc(n * sizeof *v);
	for (size_t i = 0; i < n; i++)
		v[i] = *(const double *)((const char *)&l[i] + offset);
	struct bd_stats_interval i = bd_stats_launch_interval(v, n, 1 - error_rate, false);
	bool chance = !(i.lo > 0 || i.hi < 0);
	return chance || fabs(bd_stats_median(v, n)) < smallest ? 0 : i.estimate;
}

static bool wanders(const struct launch *l, size_t n)
{
	double sum = 0, shared = 0;
	for (size_t i = 0; i < n; i++) {
		sum += l[i].wandering;
		shared += l[i].covariance;
	}
	bool chance = bd_stats_t_tail(-sum / sqrt((double)n), INFINITY) > error_rate;
	return !chance && shared / (double)n > smallest * smallest;
}

static int in_order(const void *pa, const void *pb)
{
	const struct bd_stats_point *a = pa, *b = pb;
	if (a->launch != b->launch)
		return a->launch < b->launch ? -1 : 1;
	return (a->round > b->round) - (a->round < b->round);
}

enum bd_steady bd_stats_steady(const struct bd_stats_point *p, size_t n)
{
	bd_auto_free struct bd_stats_point *s = bd_alloc(n * sizeof *s);
	bd_auto_free struct launch *launches = bd_alloc(n * sizeof *launches);
	bd_auto_free double *logs = bd_alloc(n * sizeof *logs);
	size_t used = 0, asked = 0;
	for (size_t i = 0; i < n; i++)
		if (!p[i].left_out && p[i].value > 0)
			s[used++] = p[i];
	qsort(s, used, sizeof *s, in_order);
	for (size_t i = 0, end; i < used; i = end) {
		for (end = i; end < used && s[end].launch == s[i].launch; end++)
			logs[end - i] = log(s[end].value);
		if (end - i >= MIN_ROUNDS)
			launches[asked++] = ask(logs, end - i);
	}
	if (asked < BD_STATS_MIN_LAUNCHES)
		return BD_STEADY_UNKNOWN;
	if (wanders(launches, asked) || effect(launches, asked, offsetof(struct launch, late)) != 0)
		return BD_STEADY_NONE;
	double early = effect(launches, asked, offsetof(struct launch, early));
	if (early == 0)
		early = effect(launches, asked, offsetof(struct launch, first));
	return early > 0 ? BD_STEADY_WARMUP : early < 0 ? BD_STEADY_SLOWDOWN : BD_STEADY_FLAT;
}
