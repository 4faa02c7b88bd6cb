/* Looks: boundaries against published tables, and what an interval, a crossing and a p say of the same values. */
#include "bd_stats.h"
#include "bd_test.h"
#include "plan.h"

static double normal_quantile(double p)
{
	return bd_stats_t_quantile(p, INFINITY);
}

/* Five equal looks, two-sided 5 %: printed in Jennison & Turnbull 2000 and by every program since Lan & DeMets. */
static const double five_looks[] = {4.877, 3.357, 2.680, 2.290, 2.031};

/* So many launches that t is as good as normal. */
static double worst_of_five(double alpha)
{
	struct bd_stats_look looks[5];
	double worst = 0;
	for (int i = 0; i < 5; i++) {
		int64_t launches = 4000 * (i + 1);
		bd_stats_look_make(i ? &looks[i - 1] : NULL, launches, bd_stats_spent_at(launches, 20000, alpha),
			&looks[i]);
		worst = fmax(worst, fabs(normal_quantile(1 - looks[i].level / 2) - five_looks[i]));
	}
	return worst;
}

BD_TEST(boundaries_are_the_published_ones)
{
	BD_CHECK(worst_of_five(0.05) < 0.0007);
	BD_CHECK(worst_of_five(0.049) > 0.003); /* control */
}

BD_TEST(a_plan_spends_alpha_and_no_more)
{
	static const int64_t most[] = {6, 7, 8, 9, 11, 16, 17, 23, 36, 60, 500};
	for (size_t m = 0; m < BD_LEN(most); m++)
		for (int64_t max = most[m], done = 6; done <= BD_MIN(max, 40); done += done < 18 ? 1 : 6)
			for (int final = 0; final < 2; final++) {
				struct bd_stats_plan plan;
				bd_stats_plan_make(done, max, final, 0.05, &plan);
				BD_CHECK(plan.n >= 1 && plan.n <= 7);
				BD_CHECK_INT(plan.launches[plan.n - 1], done);
				for (size_t i = 1; i < plan.n; i++) {
					BD_CHECK(plan.launches[i] > plan.launches[i - 1]);
					BD_CHECK(plan.spent[i] > plan.spent[i - 1]);
				}
				double spent = plan.spent[plan.n - 1], level = plan.level[plan.n - 1];
				BD_CHECK(level > 0 && level <= 0.05 * (1 + 1e-4));
				if (final || done == max)
					BD_CHECK_NEAR(spent, 0.05, 1e-15);
				else
					BD_CHECK(spent < 0.05);
			}
}

BD_TEST(looks_are_the_standard_ones_and_the_last)
{
	struct bd_stats_plan plan;
	bd_stats_plan_make(13, 36, false, 0.05, &plan);
	BD_CHECK_INT(plan.n, 4);
	BD_CHECK_INT(plan.launches[2], 11);
	BD_CHECK_INT(plan.launches[3], 13);
	bd_stats_plan_make(36, 36, false, 0.05, &plan);
	BD_CHECK_INT(plan.n, 6);
	bd_stats_plan_make(500, 500, false, 0.05, &plan);
	BD_CHECK_INT(plan.n, 7);
	/* one look of all there is: nothing sequential about it */
	bd_stats_plan_make(6, 6, false, 0.05, &plan);
	BD_CHECK_INT(plan.n, 1);
	BD_CHECK_NEAR(plan.level[0], 0.05, 1e-9);
	bd_stats_plan_make(5, 36, true, 0.05, &plan);
	BD_CHECK_INT(plan.n, 0);
	bd_stats_plan_make(6, 36, true, NAN, &plan);
	BD_CHECK_INT(plan.n, 0);
}

/* Values whose t statistic is exactly `t`. */
static void with_t(double *v, size_t n, double t)
{
	double mean = 0, sd;
	for (size_t i = 0; i < n; i++)
		v[i] = sin((double)i * 1.7);
	mean = bd_stats_mean(v, n);
	sd = bd_stats_sd(v, n);
	for (size_t i = 0; i < n; i++)
		v[i] = exp(0.01 * ((v[i] - mean) / sd + t / sqrt((double)n)));
}

BD_TEST(interval_crossing_and_p_agree)
{
	const int64_t max[] = {6, 8, 13, 16, 36, 40, 1000};
	for (size_t m = 0; m < BD_LEN(max); m++)
		for (int64_t done = 6; done <= BD_MIN(max[m], 40); done += done < 18 ? 1 : 6)
			for (int final = 0; final < 2; final++) {
				struct bd_stats_plan plan;
				bd_stats_plan_make(done, max[m], final, 0.05, &plan);
				double v[40], level = plan.level[plan.n - 1];
				double bound = -bd_stats_t_quantile(level / 2, (double)(done - 1));
				if (bound > 1e4) /* exp() of what would cross has no end */
					continue;
				const double factors[] = {0, 0.3, 1 - 1e-4, 1 - 1e-8, 1 + 1e-8, 1 + 1e-4, 1.5};
				double before = 2;
				for (size_t f = 0; f < BD_LEN(factors); f++) {
					with_t(v, (size_t)done, bound * factors[f]);
					struct bd_stats_interval i = bd_stats_sequential(v, (size_t)done, &plan, true);
					bool crossed = bd_stats_crossed(v, (size_t)done, &plan);
					double p = bd_stats_stagewise_p(v, (size_t)done, &plan);
					BD_CHECK_INT(crossed, factors[f] > 1);
					BD_CHECK_INT(i.lo > 1, crossed);
					BD_CHECK_INT(p < 0.05, crossed);
					if (!(p >= 0 && p <= 1 && p <= before))
						BD_FAIL("done %ld of %ld, factor %g: p %.17g after %.17g", (long)done,
							(long)max[m], factors[f], p, before);
					before = p;
				}
			}
}

/* With a single look the p is that of the t test: 2 P(T > 3) with 5 degrees of freedom, from its closed form. */
BD_TEST(one_look_is_the_t_test)
{
	struct bd_stats_plan plan;
	bd_stats_plan_make(6, 6, false, 0.05, &plan);
	double v[6], angle = atan(3 / sqrt(5));
	with_t(v, 6, 3);
	double want = 1 - 2 / M_PI * (angle + sin(angle) * (cos(angle) + 2.0 / 3 * pow(cos(angle), 3)));
	BD_CHECK_NEAR(want, 0.030099, 1e-6);
	BD_CHECK_NEAR(bd_stats_stagewise_p(v, 6, &plan), want, 1e-12);
	struct bd_stats_interval fixed = bd_stats_launch_interval(v, 6, 0.95, true);
	struct bd_stats_interval i = bd_stats_sequential(v, 6, &plan, true);
	BD_CHECK_NEAR(i.lo, fixed.lo, 1e-12);
	BD_CHECK_NEAR(i.hi, fixed.hi, 1e-12);
	BD_CHECK_NEAR(i.estimate, fixed.estimate, 0);
}

/* Measured on after it had crossed, p stays what it was; but not when the last look takes it back. */
BD_TEST(decided_once)
{
	struct bd_stats_plan early, late, single;
	bd_stats_plan_make(6, 16, false, 0.05, &early);
	bd_stats_plan_make(16, 16, false, 0.05, &late);
	bd_stats_plan_single(16, 0.05, &single);
	double v[16];
	with_t(v, 6, 12);
	for (int i = 6; i < 16; i++)
		v[i] = v[i % 6];
	BD_CHECK(bd_stats_crossed(v, 16, &late));
	double p = bd_stats_stagewise_p(v, 16, &late);
	BD_CHECK(p < late.spent[0]);
	BD_CHECK_NEAR(p, bd_stats_stagewise_p(v, 6, &early), 0);
	for (int i = 6; i < 16; i++)
		v[i] = i % 2 ? 0.9 : 1.1;
	BD_CHECK(bd_stats_crossed(v, 6, &early) && !bd_stats_crossed(v, 16, &late));
	BD_CHECK(bd_stats_stagewise_p(v, 16, &late) > 0.05);
	/* control: where all was spent at the end alone, p is that of the t test */
	with_t(v, 16, 2.3);
	p = bd_stats_stagewise_p(v, 16, &single);
	BD_CHECK_NEAR(p, 2 * bd_stats_t_tail(2.3, 15), 1e-12);
	BD_CHECK(bd_stats_crossed(v, 16, &single) && p < bd_stats_stagewise_p(v, 16, &late));
	struct bd_stats_interval fixed = bd_stats_launch_interval(v, 16, 0.95, true);
	BD_CHECK_NEAR(bd_stats_sequential(v, 16, &single, true).lo, fixed.lo, 1e-12);
	bd_stats_plan_single(5, 0.05, &single);
	BD_CHECK_INT(single.n, 0);
}

/* Of ten cells, early looks spend a tenth, the end all; who crosses early is significant among ten. */
BD_TEST(families_spend_late)
{
	struct bd_stats_plan one, ten, tenth;
	bd_stats_plan_make(16, 16, false, 0.05, &one);
	bd_stats_plan_family(16, 16, false, 0.05, 10, &ten);
	bd_stats_plan_make(16, 16, false, 0.005, &tenth);
	for (size_t i = 0; i < 3; i++) {
		BD_CHECK_NEAR(ten.level[i], tenth.level[i], 1e-15);
		BD_CHECK(ten.spent[i] <= 0.005);
	}
	BD_CHECK_NEAR(ten.spent[3], 0.05, 1e-15);
	BD_CHECK(ten.level[3] > one.level[3] && ten.level[3] < 0.05);
	double v[16];
	with_t(v, 16, 3);
	BD_CHECK(bd_stats_stagewise_p(v, 16, &ten) * 10 < 0.15);
	BD_CHECK(bd_stats_stagewise_p(v, 16, &one) > ten.spent[1]);
	bd_stats_plan_family(8, 16, false, 0.05, 10, &ten);
	BD_CHECK(ten.spent[1] < 0.005);
	bd_stats_plan_family(16, 16, false, 0.05, 1, &ten);
	BD_CHECK(memcmp(ten.level, one.level, sizeof ten.level) == 0);
}

/* A plan remembered is the plan computed, and many are more than is remembered. */
BD_TEST(plans_are_remembered_and_forgotten)
{
	struct bd_stats_plan first, again;
	bd_stats_plan_make(8, 16, false, 0.05, &first);
	for (int i = 0; i < 300; i++)
		bd_stats_plan_make(6, 16, false, 0.01 + i * 1e-4, &again);
	bd_stats_plan_make(8, 16, false, 0.05, &again);
	BD_CHECK(memcmp(first.level, again.level, sizeof first.level) == 0);
	bd_stats_plan_make(8, 16, true, 0.05, &again);
	BD_CHECK(again.level[1] > first.level[1]);
	bd_stats_plan_make(8, 17, false, 0.05, &again);
	BD_CHECK(again.level[1] < first.level[1]);
}

/* Crossing at the first of several looks is rarer than anything that can be seen later. */
BD_TEST(earlier_is_more_extreme)
{
	struct bd_stats_plan early, late;
	bd_stats_plan_make(8, 16, false, 0.05, &early);
	bd_stats_plan_make(16, 16, false, 0.05, &late);
	double a[16], b[16];
	with_t(a, 8, 6);
	with_t(b, 16, 2.3);
	BD_CHECK(bd_stats_crossed(b, 16, &late));
	BD_CHECK(bd_stats_stagewise_p(a, 8, &early) < bd_stats_stagewise_p(b, 16, &late));
	BD_CHECK(bd_stats_stagewise_p(b, 16, &late) >= late.spent[2]);
}

BD_TEST(nothing_to_say_is_nan)
{
	struct bd_stats_plan plan, none;
	bd_stats_plan_make(8, 16, false, 0.05, &plan);
	bd_stats_plan_make(3, 16, false, 0.05, &none);
	double v[8], nan[8], zero[8];
	with_t(v, 8, 100);
	memcpy(nan, v, sizeof nan);
	memcpy(zero, v, sizeof zero);
	nan[3] = NAN;
	zero[3] = 0;
	BD_CHECK(bd_stats_crossed(v, 8, &plan));
	BD_CHECK(!bd_stats_crossed(nan, 8, &plan) && isnan(bd_stats_stagewise_p(nan, 8, &plan)));
	BD_CHECK(!bd_stats_crossed(zero, 8, &plan) && isnan(bd_stats_stagewise_p(zero, 8, &plan)));
	BD_CHECK(isnan(bd_stats_sequential(zero, 8, &plan, true).estimate));
	BD_CHECK(!bd_stats_crossed(v, 5, &plan) && isnan(bd_stats_stagewise_p(v, 5, &plan)));
	BD_CHECK(!bd_stats_crossed(v, 8, &none) && isnan(bd_stats_stagewise_p(v, 8, &none)));
	struct bd_stats_interval i = bd_stats_sequential(v, 8, &none, true);
	BD_CHECK(i.estimate > 1 && isnan(i.lo) && isnan(i.hi));
	/* launches that are exactly alike */
	for (int k = 0; k < 8; k++)
		v[k] = 1;
	BD_CHECK(!bd_stats_crossed(v, 8, &plan) && bd_stats_stagewise_p(v, 8, &plan) >= 0.05);
	for (int k = 0; k < 8; k++)
		v[k] = 1.5;
	BD_CHECK(bd_stats_crossed(v, 8, &plan) && bd_stats_stagewise_p(v, 8, &plan) < 0.05);
}

BD_TEST_MAIN
