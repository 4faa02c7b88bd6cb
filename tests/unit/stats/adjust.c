/* The example of Benjamini & Hochberg 1995, section 4.1: fifteen hypotheses of a trial of thrombolysis; at a rate of 5 %
 * the four smallest are rejected, by Bonferroni's only three. */
#include "bd_stats.h"
#include "bd_test.h"

static const double paper[] = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
	0.5719, 0.6528, 0.7590, 1.000};

static size_t rejected(const double *p, size_t n, double level)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		k += p[i] <= level;
	return k;
}

BD_TEST(the_example_of_the_paper)
{
	double q[15];
	bd_stats_adjust(paper, 15, q);
	BD_CHECK_INT(rejected(q, 15, 0.05), 4);
	BD_CHECK_NEAR(q[0], 0.0015, 1e-15);
	BD_CHECK_NEAR(q[3], 0.035625, 1e-15);
	BD_CHECK_NEAR(q[6], 0.0298 * 15 / 7, 1e-15); /* smaller than the one before it would be by itself */
	BD_CHECK_NEAR(q[5], q[6], 0);
	BD_CHECK_NEAR(q[14], 1, 0);
	/* controls: unadjusted and by Bonferroni the same p reject another number */
	BD_CHECK_INT(rejected(paper, 15, 0.05), 9);
	BD_CHECK_INT(rejected(paper, 15, 0.05 / 15), 3);
}

BD_TEST(order_does_not_matter_and_nan_does_not_count)
{
	double mixed[17], q[17], want[15];
	bd_stats_adjust(paper, 15, want);
	for (size_t i = 0; i < 15; i++)
		mixed[(i * 4) % 15] = paper[i];
	mixed[15] = mixed[16] = NAN;
	bd_stats_adjust(mixed, 17, q);
	for (size_t i = 0; i < 15; i++)
		BD_CHECK_NEAR(q[(i * 4) % 15], want[i], 0);
	BD_CHECK(isnan(q[15]) && isnan(q[16]));
	bd_stats_adjust(mixed, 17, mixed); /* in place */
	BD_CHECK(memcmp(mixed, q, 15 * sizeof *q) == 0);
	bd_stats_adjust(NULL, 0, NULL);
	const double one = 0.04;
	bd_stats_adjust(&one, 1, q);
	BD_CHECK_NEAR(q[0], 0.04, 0);
}

BD_TEST_MAIN
