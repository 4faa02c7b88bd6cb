/* Warm-up classes of generated launches, slopes, and ratios of what was not measured together. */
#include "bd_stats.h"
#include "bd_test.h"

static double normal(struct bd_rng *r)
{
	double u = 1 - bd_rng_unit(r), v = bd_rng_unit(r);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

enum { LAUNCHES = 12, ROUNDS = 20, POINTS = LAUNCHES * ROUNDS };

typedef double shape_fn(int round, int launch);

/* 3 % between launches, 1 % between rounds, `shape` in logs of time. */
static enum bd_steady class_of(shape_fn *shape, uint64_t seed, int launches, int rounds)
{
	struct bd_rng r;
	bd_rng_init(&r, seed);
	struct bd_stats_point p[POINTS];
	size_t n = 0;
	for (int l = 0; l < launches; l++) {
		double launch = 0.03 * normal(&r);
		for (int k = 0; k < rounds; k++, n++)
			p[n] = (struct bd_stats_point){.launch = l,
				.round = k,
				.value = 100 * exp(launch + shape(k, l) + 0.01 * normal(&r))};
	}
	for (size_t i = 0; i < n; i++) { /* in any order */
		size_t k = bd_rng_below(&r, (uint32_t)n);
		struct bd_stats_point swap = p[i];
		p[i] = p[k];
		p[k] = swap;
	}
	return bd_stats_steady(p, n);
}

static double level(int round, int launch)
{
	return 0 * round * launch;
}
static double settling(int round, int launch)
{
	return (0.2 + 0 * launch) * exp(-round / 2.0);
}
static double only_the_first(int round, int launch)
{
	return round == 0 ? 0.1 + 0 * launch : 0;
}
static double slowing(int round, int launch)
{
	return round < 5 ? -0.05 + 0 * launch : 0;
}
static double drifting(int round, int launch)
{
	return 0.01 * round + 0 * launch;
}
/* Stays in one of two speeds for a while, elsewhere in each launch. */
static double wandering(int round, int launch)
{
	return (round + 3 * launch) / 5 % 2 ? 0.08 : 0;
}
static double tiny(int round, int launch)
{
	return (0.004 + 0 * launch) * (round < 5);
}

static int named(shape_fn *shape, enum bd_steady want)
{
	int n = 0;
	for (uint64_t seed = 1; seed <= 100; seed++)
		n += class_of(shape, seed, LAUNCHES, ROUNDS) == want;
	return n;
}

BD_TEST(classes_of_generated_launches)
{
	BD_CHECK(named(level, BD_STEADY_FLAT) >= 95);
	BD_CHECK(named(tiny, BD_STEADY_FLAT) >= 90);
	BD_CHECK(named(settling, BD_STEADY_WARMUP) >= 95);
	BD_CHECK(named(only_the_first, BD_STEADY_WARMUP) >= 95);
	BD_CHECK(named(slowing, BD_STEADY_SLOWDOWN) >= 95);
	BD_CHECK(named(drifting, BD_STEADY_NONE) >= 95);
	BD_CHECK(named(wandering, BD_STEADY_NONE) >= 95);
	BD_CHECK_STR(bd_steady_names[BD_STEADY_WARMUP], "warm-up");
	BD_CHECK_STR(bd_steady_names[BD_STEADY_NONE], "no steady state");
	BD_CHECK(bd_steady_names[BD_STEADY_UNKNOWN] == NULL);
}

BD_TEST(too_little_to_tell)
{
	BD_CHECK_INT(class_of(settling, 1, 5, ROUNDS), BD_STEADY_UNKNOWN);
	BD_CHECK_INT(class_of(settling, 1, LAUNCHES, 5), BD_STEADY_UNKNOWN);
	BD_CHECK_INT(bd_stats_steady(NULL, 0), BD_STEADY_UNKNOWN);
}

BD_TEST(slope_of_points)
{
	const double x[] = {0, 1, 2, 3, 4, 10}, y[] = {5, 5.5, 6, 6.5, 7, 1000};
	struct bd_stats_interval s = bd_stats_slope(x, y, 5, 0.95);
	BD_CHECK_NEAR(s.estimate, 0.5, 1e-15);
	BD_CHECK_NEAR(s.lo, 0.5, 1e-15);
	BD_CHECK_NEAR(s.hi, 0.5, 1e-15);
	BD_CHECK_NEAR(bd_stats_slope(x, y, 6, 0.95).estimate, 0.5, 1e-15); /* one point in six is no line */
	BD_CHECK(isnan(bd_stats_slope(x, y, 4, 0.95).lo));
	BD_CHECK_NEAR(bd_stats_slope(x, y, 4, 0.95).estimate, 0.5, 1e-15);
	BD_CHECK(!isnan(bd_stats_slope(x, y, 4, 0.9).lo)); /* 1 - 2/24 */
	BD_CHECK(isnan(bd_stats_slope(x, y, 1, 0.95).estimate));
	const double back[] = {0, 1, 1, 2, 3}, hole[] = {0, 1, NAN, 2, 3};
	BD_CHECK(isnan(bd_stats_slope(back, y, 5, 0.95).estimate));
	BD_CHECK(isnan(bd_stats_slope(x, hole, 5, 0.95).estimate));
}

/* What a leak is told from: memory that does not move, and memory that is taken once. */
BD_TEST(flat_is_exactly_zero_and_a_step_is_no_slope)
{
	const double x[] = {1000, 2000, 3000, 4000, 5000, 6000}, flat[] = {7, 7, 7, 7, 7, 7},
		     once[] = {0, 0, 64, 64, 64, 64}, leak[] = {0, 16e3, 32e3, 48e3, 64e3, 80e3};
	struct bd_stats_interval s = bd_stats_slope(x, flat, 6, 0.95);
	BD_CHECK(s.estimate == 0 && s.lo == 0 && s.hi == 0);
	s = bd_stats_slope(x, once, 6, 0.95);
	BD_CHECK(s.lo == 0);
	s = bd_stats_slope(x, leak, 6, 0.95);
	BD_CHECK_NEAR(s.lo, 16, 1e-12);
	BD_CHECK_NEAR(s.hi, 16, 1e-12);
}

/* How many of the outermost slopes are left out: from the numbers of permutations with so many inversions, counted
 * elsewhere. Slopes of i < j are made to be their rank, so that the end of the interval tells the rank. */
BD_TEST(interval_is_the_exact_one)
{
	const struct {
		size_t n;
		double outside; /* the interval begins at this one of the slopes in order, from 0 */
	} table[] = {{5, 0}, {6, 1}, {8, 5}, {10, 11}, {20, 64}, {50, 495}};
	struct bd_rng r;
	bd_rng_init(&r, 5);
	for (size_t t = 0; t < BD_LEN(table); t++) {
		size_t n = table[t].n, k = 0;
		double x[50], y[50], slopes[1225];
		for (size_t i = 0; i < n; i++) {
			x[i] = (double)i;
			y[i] = normal(&r);
			for (size_t j = 0; j < i; j++)
				slopes[k++] = (y[i] - y[j]) / (x[i] - x[j]);
		}
		struct bd_stats_interval s = bd_stats_slope(x, y, n, 0.95);
		double below = 0, above = 0;
		for (size_t i = 0; i < k; i++) {
			below += slopes[i] < s.lo;
			above += slopes[i] > s.hi;
		}
		BD_CHECK_NEAR(below, table[t].outside, 0);
		BD_CHECK_NEAR(above, table[t].outside, 0);
	}
}

static int covers(size_t n, double shrink)
{
	struct bd_rng r;
	bd_rng_init(&r, 8);
	int held = 0;
	for (int run = 0; run < 2000; run++) {
		double x[60], y[60];
		for (size_t i = 0; i < n; i++) {
			x[i] = (double)i;
			y[i] = 0.3 * x[i] + normal(&r);
		}
		struct bd_stats_interval s = bd_stats_slope(x, y, n, 0.95);
		held += 0.3 >= s.estimate + shrink * (s.lo - s.estimate) &&
			0.3 <= s.estimate + shrink * (s.hi - s.estimate);
	}
	return held;
}

BD_TEST(interval_covers)
{
	BD_CHECK(covers(8, 1) >= 1861);
	BD_CHECK(covers(60, 1) >= 1861 && covers(60, 1) <= 1939); /* by the normal limit */
	BD_CHECK(covers(60, 0.8) < 1861);                         /* control */
}

BD_TEST(welch_agrees_with_scipy)
{
	const double a[] = {10.2, 9.9, 10.4, 10.1, 9.7, 10.3, 10.05}, b[] = {9.1, 9.9, 9.4, 9.2, 9.8, 9.6, 9.55, 9.0};
	double p;
	struct bd_stats_interval i = bd_stats_welch(a, 7, b, 8, 0.95, &p);
	BD_CHECK_NEAR(i.estimate, 1.0690360920953574, 1e-13);
	BD_CHECK_NEAR(i.lo, 1.0343717210509138, 1e-10);
	BD_CHECK_NEAR(i.hi, 1.104862152497169, 1e-10);
	BD_CHECK_NEAR(p, 0.0008075863847239273, 1e-12);
	i = bd_stats_welch(b, 8, a, 7, 0.95, NULL);
	BD_CHECK_NEAR(1 / i.hi, 1.0343717210509138, 1e-10);
	i = bd_stats_welch(a, 5, b, 8, 0.95, &p);
	BD_CHECK(i.estimate > 1 && isnan(i.lo) && isnan(i.hi) && isnan(p));
	const double bad[] = {1, 1, 1, 0, 1, 1}, same[] = {2, 2, 2, 2, 2, 2};
	BD_CHECK(isnan(bd_stats_welch(bad, 6, a, 7, 0.95, &p).estimate) && isnan(p));
	i = bd_stats_welch(same, 6, same, 6, 0.95, &p);
	BD_CHECK(i.lo == 1 && i.hi == 1 && p == 1);
}

BD_TEST_MAIN
