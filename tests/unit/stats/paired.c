/* What is paired, and what a launch's ratio is made of. */
#include "bd_stats.h"
#include "bd_test.h"

static struct bd_stats_point at(int64_t launch, int64_t round, double num, double den)
{
	return (struct bd_stats_point){.launch = launch, .round = round, .value = num / den, .num = num, .den = den};
}

BD_TEST(medians_or_sums_per_launch)
{
	struct bd_stats_point a[] = {at(2, 0, 10, 1), at(2, 1, 30, 1), at(2, 2, 40, 8), at(7, 1, 6, 2)};
	struct bd_stats_point b[] = {at(7, 1, 4, 4), at(2, 2, 10, 1), at(2, 1, 10, 1), at(2, 0, 10, 1), at(9, 0, 1, 1)};
	double r[4];
	int64_t launches[4];
	BD_CHECK_INT(bd_stats_paired_launches(a, 4, b, 5, false, r, launches), 2);
	BD_CHECK_INT(launches[0], 2);
	BD_CHECK_INT(launches[1], 7);
	BD_CHECK_NEAR(r[0], 1, 1e-15); /* of 1, 3 and 0.5 */
	BD_CHECK_NEAR(r[1], 3, 1e-15);
	BD_CHECK_INT(bd_stats_paired_launches(a, 4, b, 5, true, r, NULL), 2);
	BD_CHECK_NEAR(r[0], (80.0 / 10) / (30.0 / 3), 1e-15);
	BD_CHECK_NEAR(r[1], 3, 1e-15);
	/* only the rounds both have count, in sums too */
	b[3].left_out = true;
	BD_CHECK_INT(bd_stats_paired_launches(a, 4, b, 5, true, r, NULL), 2);
	BD_CHECK_NEAR(r[0], (70.0 / 9) / (20.0 / 2), 1e-15);
	a[3].left_out = true;
	BD_CHECK_INT(bd_stats_paired_launches(a, 4, b, 5, true, r, launches), 1);
	BD_CHECK_INT(launches[0], 2);
}

BD_TEST(what_has_no_ratio_is_not_paired)
{
	struct bd_stats_point a[] = {at(1, 0, 0, 1), at(2, 0, 1, 0), at(3, 0, 1, 1), at(4, 0, NAN, 1)};
	struct bd_stats_point b[] = {at(1, 0, 1, 1), at(2, 0, 1, 1), at(3, 0, 2, 1), at(4, 0, 1, 1)};
	double r[4];
	BD_CHECK_INT(bd_stats_paired_launches(a, 4, b, 4, true, r, NULL), 1);
	BD_CHECK_NEAR(r[0], 0.5, 0);
	a[1].value = 0;
	BD_CHECK_INT(bd_stats_paired_launches(a, 4, b, 4, false, r, NULL), 1);
	BD_CHECK_NEAR(r[0], 0.5, 1e-15);
	BD_CHECK_INT(bd_stats_paired_launches(NULL, 0, b, 4, false, r, NULL), 0);
	BD_CHECK_INT(bd_stats_paired_launches(a, 4, NULL, 0, false, r, NULL), 0);
}

BD_TEST_MAIN
