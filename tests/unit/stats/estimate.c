/* Estimators against values computed with numpy and scipy, and the rules of pairing. */
#include "bd_stats.h"
#include "bd_test.h"

static const double odd[] = {3.1, -2, 7.25, 0.5, 11, 4, 4, 9.75, -6.5, 2.25};

BD_TEST(location_and_spread)
{
	BD_CHECK_NEAR(bd_stats_median(odd, BD_LEN(odd)), 3.55, 1e-15);
	BD_CHECK_NEAR(bd_stats_median(odd, BD_LEN(odd) - 1), 4, 0);
	BD_CHECK_NEAR(bd_stats_mad(odd, BD_LEN(odd)), 3.375, 1e-15);
	BD_CHECK_NEAR(bd_stats_mean(odd, BD_LEN(odd)), 3.335, 1e-15);
	BD_CHECK_NEAR(bd_stats_sd(odd, BD_LEN(odd)), 5.276522950243318, 1e-14);
}

BD_TEST(quantile_is_type_7)
{
	static const double want[][2] = {{0, -6.5}, {0.1, -2.45}, {0.25, 0.9375}, {0.333, 2.24475}, {0.9, 9.875},
		{0.99, 10.8875}, {1, 11}};
	for (size_t i = 0; i < BD_LEN(want); i++)
		BD_CHECK_NEAR(bd_stats_quantile(odd, BD_LEN(odd), want[i][0]), want[i][1], 1e-14);
	BD_CHECK(isnan(bd_stats_quantile(odd, BD_LEN(odd), 1.01)));
}

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;
	return (a > b) - (a < b);
}

/* Every rank of samples of every small size: few values and many, sorted, reversed, all the same. */
BD_TEST(every_rank_is_that_of_a_sorted_copy)
{
	struct bd_rng r;
	bd_rng_init(&r, 11);
	for (size_t n = 1; n <= 40; n++)
		for (int kind = 0; kind < 200; kind++) {
			double v[40], sorted[40];
			for (size_t i = 0; i < n; i++)
				v[i] = kind == 0    ? (double)i
					: kind == 1 ? -(double)i
						    : (double)bd_rng_below(&r, 1 + (uint64_t)kind / 4);
			memcpy(sorted, v, sizeof sorted);
			qsort(sorted, n, sizeof *sorted, by_value);
			for (size_t k = 0; k < n; k++) {
				double q = n > 1 ? (double)k / (double)(n - 1) : 0.5;
				BD_CHECK_NEAR(bd_stats_quantile(v, n, q), sorted[k], 1e-12 * (double)n);
			}
			BD_CHECK_NEAR(bd_stats_median(v, n), (sorted[(n - 1) / 2] + sorted[n / 2]) / 2, 0);
		}
	const double hole[] = {1, NAN, 3};
	BD_CHECK(isnan(bd_stats_median(hole, 3)));
}

BD_TEST(nothing_gives_nan_and_input_is_left_alone)
{
	BD_CHECK(isnan(bd_stats_median(NULL, 0)));
	BD_CHECK(isnan(bd_stats_mad(NULL, 0)));
	BD_CHECK(isnan(bd_stats_mean(NULL, 0)));
	BD_CHECK(isnan(bd_stats_sd(odd, 1)));
	double copy[BD_LEN(odd)];
	memcpy(copy, odd, sizeof copy);
	bd_stats_median(copy, BD_LEN(copy));
	bd_stats_mad(copy, BD_LEN(copy));
	BD_CHECK(memcmp(copy, odd, sizeof copy) == 0);
}

static const double launches[] = {10.2, 9.9, 10.4, 10.1, 9.7, 10.3, 10.05};

BD_TEST(interval_over_launches)
{
	struct bd_stats_interval i = bd_stats_launch_interval(launches, 7, 0.95, false);
	BD_CHECK_NEAR(i.estimate, 10.092857142857142, 1e-13);
	BD_CHECK_NEAR(i.lo, 9.872007135507518, 1e-9);
	BD_CHECK_NEAR(i.hi, 10.313707150206765, 1e-9);
	i = bd_stats_launch_interval(launches, 7, 0.99, false);
	BD_CHECK_NEAR(i.lo, 9.758237199202592, 1e-9);
	i = bd_stats_launch_interval(launches, 7, 0.95, true);
	BD_CHECK_NEAR(i.estimate, 10.09042131258973, 1e-13);
	BD_CHECK_NEAR(i.lo, 9.871033446580988, 1e-9);
	BD_CHECK_NEAR(i.hi, 10.314685166103969, 1e-9);
}

BD_TEST(no_interval_under_six_launches)
{
	BD_CHECK_INT(BD_STATS_MIN_LAUNCHES, 6);
	struct bd_stats_interval five = bd_stats_launch_interval(launches, 5, 0.95, false);
	BD_CHECK_NEAR(five.estimate, 10.06, 1e-13);
	BD_CHECK(isnan(five.lo) && isnan(five.hi));
	struct bd_stats_interval six = bd_stats_launch_interval(launches, 6, 0.95, false);
	BD_CHECK(six.lo < six.estimate && six.estimate < six.hi);
	struct bd_stats_interval none = bd_stats_launch_interval(NULL, 0, 0.95, true);
	BD_CHECK(isnan(none.estimate) && isnan(none.lo) && isnan(none.hi));
}

BD_TEST(ratios_must_be_positive)
{
	const double bad[] = {1, 1, 1, 0, 1, 1, 1};
	BD_CHECK(isnan(bd_stats_launch_interval(bad, 7, 0.95, true).estimate));
	BD_CHECK(!isnan(bd_stats_launch_interval(bad, 7, 0.95, false).estimate));
}

BD_TEST(launch_medians_in_order_of_launch)
{
	const struct bd_stats_point p[] = {{3, 0, 30, .left_out = false}, {1, 2, 12, .left_out = false},
		{1, 0, 11, .left_out = false}, {3, 1, 32, .left_out = true}, {1, 1, 90, .left_out = false}};
	double out[5];
	BD_CHECK_INT(bd_stats_launch_medians(p, BD_LEN(p), out), 2);
	BD_CHECK_NEAR(out[0], 12, 0);
	BD_CHECK_NEAR(out[1], 31, 0); /* a flagged batch is left out of ratios only */
	BD_CHECK_INT(bd_stats_launch_medians(NULL, 0, out), 0);
}

/* Six launches of three rounds; the machine's speed differs by up to 8x between rounds, a ÷ b is exactly `ratio`. */
static void speeds(struct bd_stats_point *a, struct bd_stats_point *b, double ratio)
{
	struct bd_rng r;
	bd_rng_init(&r, 1);
	for (int i = 0; i < 18; i++) {
		double speed = 1 << bd_rng_below(&r, 4);
		a[i] = (struct bd_stats_point){i / 3, i % 3, 100 * ratio * speed, .left_out = false};
		b[17 - i] = (struct bd_stats_point){i / 3, i % 3, 100 * speed, .left_out = false};
	}
}

BD_TEST(pairs_of_one_round_cancel_the_speed)
{
	struct bd_stats_point a[18], b[18];
	speeds(a, b, 1.25);
	struct bd_stats_interval r = bd_stats_paired_ratio(a, 18, b, 18, 0.95);
	BD_CHECK_NEAR(r.estimate, 1.25, 1e-12);
	BD_CHECK_NEAR(r.lo, 1.25, 1e-9);
	BD_CHECK_NEAR(r.hi, 1.25, 1e-9);
	/* control: when the rounds of one side are paired with the next round, the speeds no longer cancel */
	for (int i = 0; i < 18; i++)
		b[i].round = (b[i].round + 1) % 3;
	r = bd_stats_paired_ratio(a, 18, b, 18, 0.95);
	BD_CHECK(r.hi - r.lo > 0.2);
}

BD_TEST(flagged_batches_and_lone_rounds_are_not_paired)
{
	struct bd_stats_point a[18], b[18];
	speeds(a, b, 2);
	a[4].value *= 50;
	a[4].left_out = true;
	b[2].value *= 50;
	b[2].left_out = true;
	a[7].round = 99; /* nobody's partner */
	a[7].value *= 1000;
	struct bd_stats_interval r = bd_stats_paired_ratio(a, 18, b, 18, 0.95);
	BD_CHECK_NEAR(r.estimate, 2, 1e-12);
	BD_CHECK_NEAR(r.hi, 2, 1e-9);
	/* control: unflagged, a launch with only that pair left moves the estimate */
	a[4].left_out = false;
	a[3].left_out = a[5].left_out = true;
	BD_CHECK(bd_stats_paired_ratio(a, 18, b, 18, 0.95).estimate > 3);
}

BD_TEST(too_few_paired_launches_have_no_interval)
{
	struct bd_stats_point a[18], b[18];
	speeds(a, b, 1);
	for (int i = 0; i < 3; i++)
		a[i].left_out = true; /* the whole first launch */
	struct bd_stats_interval r = bd_stats_paired_ratio(a, 18, b, 18, 0.95);
	BD_CHECK_NEAR(r.estimate, 1, 1e-12);
	BD_CHECK(isnan(r.lo) && isnan(r.hi));
	r = bd_stats_paired_ratio(a, 18, NULL, 0, 0.95);
	BD_CHECK(isnan(r.estimate));
}

static uint64_t doubling(unsigned i) /* 0, 1, 2, 4, 8 … */
{
	return i ? UINT64_C(1) << (i - 1) : 0;
}

BD_TEST(histogram_quantiles)
{
	uint64_t counts[] = {0, 5, 3, 0, 2, 0}; /* five 1s, three in 2…3, two in 8…15 */
	BD_CHECK_NEAR(bd_stats_hist_quantile(counts, 6, doubling, 0), 1, 0);
	BD_CHECK_NEAR(bd_stats_hist_quantile(counts, 6, doubling, 0.5), 1, 0);
	BD_CHECK_NEAR(bd_stats_hist_quantile(counts, 6, doubling, 0.51), 2.5, 0);
	BD_CHECK_NEAR(bd_stats_hist_quantile(counts, 6, doubling, 0.8), 2.5, 0);
	BD_CHECK_NEAR(bd_stats_hist_quantile(counts, 6, doubling, 0.81), 11.5, 0);
	BD_CHECK_NEAR(bd_stats_hist_quantile(counts, 6, doubling, 1), 11.5, 0);
	counts[5] = 90;
	BD_CHECK_NEAR(bd_stats_hist_quantile(counts, 6, doubling, 0.99), 16, 0);
	BD_CHECK(isnan(bd_stats_hist_quantile(counts, 1, doubling, 0.5)));
	BD_CHECK(isnan(bd_stats_hist_quantile(counts, 6, doubling, NAN)));
}

BD_TEST_MAIN
