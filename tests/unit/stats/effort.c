/* Components of variance, rounds per launch and the smallest effect, against other ways of computing them. */
#include "bd_stats.h"
#include "bd_test.h"

static double normal(struct bd_rng *r)
{
	double u = 1 - bd_rng_unit(r), v = bd_rng_unit(r);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* Two launches of two: by hand, logs 0 and 2 (mean 1), 4 and 6 (mean 5): within 2, between (16 - 2) / 2 = 7. */
BD_TEST(components_by_hand)
{
	const double logs[] = {0, 2, 4, 6};
	struct bd_stats_point p[6] = {0};
	for (int i = 0; i < 4; i++)
		p[i] = (struct bd_stats_point){.launch = i / 2, .round = i % 2, .value = exp(logs[i])};
	double between, within;
	bd_stats_components(p, 4, &between, &within);
	BD_CHECK_NEAR(within, 2, 1e-12);
	BD_CHECK_NEAR(between, 7, 1e-12);
	p[4] = (struct bd_stats_point){.launch = 1, .round = 9, .value = 1e9, .left_out = true};
	p[5] = (struct bd_stats_point){.launch = 1, .round = 8, .value = -1};
	bd_stats_components(p, 6, &between, &within);
	BD_CHECK_NEAR(between, 7, 1e-12);
	bd_stats_components(p, 2, &between, &within);
	BD_CHECK(isnan(between));
	BD_CHECK_NEAR(within, 2, 1e-12);
	bd_stats_components(p, 0, &between, &within);
	BD_CHECK(isnan(between) && isnan(within));
}

/* 3 % between launches and 1 % within come out again, from launches of 1 to 9 rounds. */
BD_TEST(components_of_known_truth)
{
	enum { LAUNCHES = 4000, MOST = 9 };
	bd_auto_free struct bd_stats_point *p = bd_alloc(LAUNCHES * MOST * sizeof *p);
	struct bd_rng r;
	bd_rng_init(&r, 3);
	size_t n = 0;
	for (int l = 0; l < LAUNCHES; l++) {
		double launch = 0.03 * normal(&r);
		for (int k = 0; k <= l % MOST; k++)
			p[n++] = (struct bd_stats_point){.launch = l,
				.round = k,
				.value = exp(launch + 0.01 * normal(&r))};
	}
	double between, within;
	bd_stats_components(p, n, &between, &within);
	BD_CHECK_NEAR(sqrt(between), 0.03, 0.001);
	BD_CHECK_NEAR(sqrt(within), 0.01, 0.0003);
	for (size_t i = 0; i < n; i++) /* control: every batch its own launch, and nothing between launches */
		p[i].launch = p[i].round;
	bd_stats_components(p, n, &between, &within);
	BD_CHECK(sqrt(between) < 0.002);
	BD_CHECK_NEAR(sqrt(within), 0.0316, 0.001);
}

/* The width for the time of `rounds` per launch, up to a constant: what the formula is to make least. */
static double cost(double rounds, double between, double within, double launch_s, double round_s)
{
	return (between + within / rounds) * (launch_s + rounds * round_s);
}

BD_TEST(rounds_are_the_cheapest)
{
	const double cases[][4] = {{9e-4, 1e-4, 1, 0.01}, {1e-4, 1e-2, 0.5, 0.02}, {1e-6, 1e-4, 0.3, 0.1},
		{1e-4, 1e-4, 0.1, 0.1}};
	for (size_t i = 0; i < BD_LEN(cases); i++) {
		const double *c = cases[i];
		int64_t best = 1, have = bd_stats_rounds(c[0], c[1], c[2], c[3]);
		for (int64_t k = 1; k <= 500; k++)
			if (cost((double)k, c[0], c[1], c[2], c[3]) < cost((double)best, c[0], c[1], c[2], c[3]))
				best = k;
		BD_CHECK(llabs(have - best) <= 1);
		BD_CHECK(cost((double)have, c[0], c[1], c[2], c[3]) <=
			1.02 * cost((double)best, c[0], c[1], c[2], c[3]));
	}
	BD_CHECK_INT(bd_stats_rounds(0, 1e-4, 1, 0.01), 500);
	BD_CHECK_INT(bd_stats_rounds(1e-4, 0, 1, 0.01), 1);
	BD_CHECK_INT(bd_stats_rounds(1e-12, 1, 1, 0.01), 500);
	BD_CHECK_INT(bd_stats_rounds(NAN, NAN, 1, 0.01), 1);
}

/* Of n launches with this SD and this effect, how many t tests of this level reject. */
static double power(double effect, double sd, size_t n, double level, int runs)
{
	struct bd_rng r;
	bd_rng_init(&r, 99);
	double critical = bd_stats_t_quantile(1 - level / 2, (double)(n - 1));
	int found = 0;
	for (int run = 0; run < runs; run++) {
		double v[64];
		for (size_t i = 0; i < n; i++)
			v[i] = log1p(effect) + sd * normal(&r);
		found += bd_stats_mean(v, n) / (bd_stats_sd(v, n) / sqrt((double)n)) > critical;
	}
	return found / (double)runs;
}

BD_TEST(smallest_effect_is_found_four_times_of_five)
{
	const size_t n[] = {6, 8, 16, 36};
	for (size_t i = 0; i < BD_LEN(n); i++) {
		double level = i % 2 ? 0.045 : 0.0005, effect = bd_stats_smallest_effect(0.02, n[i], level);
		BD_CHECK_NEAR(power(effect, 0.02, n[i], level, 20000), 0.8, 0.012); /* 4 SD */
		BD_CHECK(power(effect / 1.15, 0.02, n[i], level, 20000) < 0.76);    /* control */
	}
	/* the limit of many launches: (z(0.975) + z(0.8)) sd / sqrt(n) */
	BD_CHECK_NEAR(bd_stats_smallest_effect(1, 1000000, 0.05) / (2.8015852 / 1000), 1, 2e-3);
	BD_CHECK_NEAR(bd_stats_smallest_effect(0, 8, 0.05), 0, 0);
	BD_CHECK(isnan(bd_stats_smallest_effect(NAN, 8, 0.05)));
	BD_CHECK(isnan(bd_stats_smallest_effect(0.02, 1, 0.05)));
	BD_CHECK(isnan(bd_stats_smallest_effect(0.02, 8, 0)));
}

BD_TEST_MAIN
