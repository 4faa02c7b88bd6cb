/* Do looks spend what they say, and is the stage-wise p as rare as it says? Launches from a normal distribution, decided
 * at the first look that crosses. Limits are 4 SD of the count. */
#include "bd_stats.h"
#include "bd_test.h"

enum { RUNS = 100000, MOST = 40 };

static double normal(struct bd_rng *r)
{
	double u = 1 - bd_rng_unit(r), v = bd_rng_unit(r);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* |T| of the first n values, for each look. */
static void statistics(struct bd_rng *r, const struct bd_stats_plan *plan, double *ret_values, double *ret_t)
{
	double sum = 0, squares = 0;
	for (size_t k = 0, n = 0; k < plan->n; k++) {
		for (; n < (size_t)plan->launches[k]; n++) {
			double x = normal(r);
			ret_values[n] = exp(0.01 * x);
			sum += x;
			squares += x * x;
		}
		double d = (double)n, mean = sum / d;
		ret_t[k] = fabs(mean) / sqrt((squares - d * mean * mean) / (d - 1) / d);
	}
}

/* How many of RUNS have crossed at each look or before, by the levels given. */
static void count(const struct bd_stats_plan *plan, const double *level, uint64_t seed, int *ret_crossed)
{
	struct bd_rng r;
	bd_rng_init(&r, seed);
	double bound[8], t[8], values[MOST];
	for (size_t k = 0; k < plan->n; k++) {
		bound[k] = -bd_stats_t_quantile(level[k] / 2, (double)plan->launches[k] - 1);
		ret_crossed[k] = 0;
	}
	for (int run = 0; run < RUNS; run++) {
		statistics(&r, plan, values, t);
		bool crossed = false;
		for (size_t k = 0; k < plan->n; k++) {
			crossed |= t[k] > bound[k];
			ret_crossed[k] += crossed;
		}
	}
}

static double four_sd(double p)
{
	return 4 * sqrt(RUNS * p * (1 - p)) + 1;
}

BD_TEST(looks_spend_what_they_say)
{
	static const struct {
		int64_t done, max;
		bool final;
		size_t cells;
	} plans[] = {{6, 6, false, 1}, {8, 8, false, 1}, {11, 11, false, 1}, {16, 16, false, 1}, {24, 24, false, 1},
		{36, 36, false, 1}, {40, 40, false, 1}, {11, 24, false, 1}, {7, 16, true, 1}, {9, 16, true, 1},
		{13, 36, true, 1}, {16, 16, false, 5}, {11, 16, false, 5}, {12, 16, true, 3}};
	for (size_t i = 0; i < BD_LEN(plans); i++) {
		struct bd_stats_plan plan;
		bd_stats_plan_family(plans[i].done, plans[i].max, plans[i].final, 0.05, plans[i].cells, &plan);
		int crossed[8];
		count(&plan, plan.level, i, crossed);
		for (size_t k = 0; k < plan.n; k++)
			if (!(fabs(crossed[k] - RUNS * plan.spent[k]) <= four_sd(plan.spent[k])))
				BD_FAIL("%d of at most %d, look %d: crossed %d of %d, said %.5f", (int)plans[i].done,
					(int)plans[i].max, (int)plan.launches[k], crossed[k], RUNS, plan.spent[k]);
	}
}

/* Negative control: the levels for known variance, as programs for clinical trials print them, spend more. */
BD_TEST(levels_for_known_variance_spend_more)
{
	static const double level[] = {0.004812729649, 0.01567640333, 0.04452421429};
	struct bd_stats_plan plan;
	bd_stats_plan_make(11, 11, false, 0.05, &plan);
	int crossed[8];
	count(&plan, level, 2, crossed);
	printf("%d of %d\n", crossed[2], RUNS);
	BD_CHECK(crossed[2] > RUNS * 0.05 + four_sd(0.05));
}

/* Stopped at the first look that crosses, or after 16 launches. */
BD_TEST(p_is_as_rare_as_it_says)
{
	static const double rare[] = {0.0003, 0.001, 0.003, 0.0137, 0.03, 0.05, 0.2, 0.6};
	struct bd_stats_plan plans[4];
	for (int k = 0; k < 4; k++)
		bd_stats_plan_make(bd_stats_looks[k], 16, false, 0.05, &plans[k]);
	int below[BD_LEN(rare)] = {0}, runs = RUNS / 4;
	struct bd_rng r;
	bd_rng_init(&r, 78);
	for (int run = 0; run < runs; run++) {
		double values[MOST], t[8];
		statistics(&r, &plans[3], values, t);
		int k = 0;
		while (k < 3 && !bd_stats_crossed(values, (size_t)bd_stats_looks[k], &plans[k]))
			k++;
		double p = bd_stats_stagewise_p(values, (size_t)bd_stats_looks[k], &plans[k]);
		for (size_t i = 0; i < BD_LEN(rare); i++)
			below[i] += p <= rare[i];
	}
	for (size_t i = 0; i < BD_LEN(rare); i++) {
		printf("p <= %g in %d of %d\n", rare[i], below[i], runs);
		BD_CHECK_NEAR(below[i], runs * rare[i], 4 * sqrt(runs * rare[i] * (1 - rare[i])) + 1);
	}
}

BD_TEST_MAIN
