/* Does a 95 % interval hold the truth in 95 % of runs, on noise shaped like the machine's? Launches differ by more than
 * rounds do, and the speed of the whole machine flips between rounds. Seeds are fixed: the same answer every time. */
#include "bd_stats.h"
#include "bd_test.h"

enum { LAUNCHES = 8, ROUNDS = 5, RUNS = 2000, POINTS = LAUNCHES * ROUNDS };
static const double truth = 1.02;

static double normal(struct bd_rng *r) /* Box & Muller 1958 */
{
	double u = 1 - bd_rng_unit(r), v = bd_rng_unit(r);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* One run of two cells whose true ratio is `ratio`: 3 % between launches, 1 % between rounds, speed flips of 2x. */
static void draw(struct bd_rng *r, double ratio, struct bd_stats_point *a, struct bd_stats_point *b)
{
	for (int l = 0, i = 0; l < LAUNCHES; l++) {
		double launch_a = 0.03 * normal(r), launch_b = 0.03 * normal(r);
		for (int round = 0; round < ROUNDS; round++, i++) {
			double speed = bd_rng_below(r, 2) ? 2 : 1;
			a[i] = (struct bd_stats_point){l, round, 500 * ratio * speed * exp(launch_a + 0.01 * normal(r)),
				.left_out = false};
			b[i] = (struct bd_stats_point){l, round, 500 * speed * exp(launch_b + 0.01 * normal(r)),
				.left_out = false};
		}
	}
}

typedef int covers_fn(const struct bd_stats_point *a, const struct bd_stats_point *b);

static int count(covers_fn *covers, uint64_t seed)
{
	struct bd_rng r;
	bd_rng_init(&r, seed);
	int n = 0;
	for (int run = 0; run < RUNS; run++) {
		struct bd_stats_point a[POINTS], b[POINTS];
		draw(&r, truth, a, b);
		n += covers(a, b);
	}
	return n;
}

static int holds(struct bd_stats_interval i)
{
	return i.lo <= truth && truth <= i.hi;
}

static int ours(const struct bd_stats_point *a, const struct bd_stats_point *b)
{
	return holds(bd_stats_paired_ratio(a, POINTS, b, POINTS, 0.95));
}

/* Every round taken for an independent launch: what must not be done. */
static int rounds_as_launches(const struct bd_stats_point *a, const struct bd_stats_point *b)
{
	double ratios[POINTS];
	for (int i = 0; i < POINTS; i++)
		ratios[i] = a[i].value / b[i].value;
	return holds(bd_stats_launch_interval(ratios, POINTS, 0.95, true));
}

/* A normal quantile in place of Student's t. */
static int normal_quantile(const struct bd_stats_point *a, const struct bd_stats_point *b)
{
	struct bd_stats_interval i = bd_stats_paired_ratio(a, POINTS, b, POINTS, 0.95);
	double shrink = bd_stats_t_quantile(0.975, 1e9) / bd_stats_t_quantile(0.975, LAUNCHES - 1);
	double half = log(i.hi / i.estimate) * shrink;
	return fabs(log(truth / i.estimate)) <= half;
}

/* 1900 of 2000 expected, standard deviation 9.7. */
BD_TEST(interval_covers_the_truth)
{
	int n = count(ours, 20240517);
	printf("covered %d of %d\n", n, RUNS);
	BD_CHECK(n >= 1861 && n <= 1939);
}

/* Negative controls: the same count rejects two intervals that are known to be too short. */
BD_TEST(rounds_taken_for_launches_do_not_cover)
{
	int n = count(rounds_as_launches, 20240517);
	printf("covered %d of %d\n", n, RUNS);
	BD_CHECK(n < 1500);
}

BD_TEST(a_normal_quantile_does_not_cover)
{
	int n = count(normal_quantile, 20240517);
	printf("covered %d of %d\n", n, RUNS);
	BD_CHECK(n < 1861);
}

/* The speed flips do not widen the paired interval; they ruin the unpaired one. */
BD_TEST(pairing_survives_speed_flips)
{
	struct bd_rng r;
	bd_rng_init(&r, 7);
	double paired = 0, unpaired = 0;
	for (int run = 0; run < 200; run++) {
		struct bd_stats_point a[POINTS], b[POINTS];
		draw(&r, truth, a, b);
		struct bd_stats_interval i = bd_stats_paired_ratio(a, POINTS, b, POINTS, 0.95);
		paired += log(i.hi / i.lo);
		double ma[LAUNCHES], mb[LAUNCHES];
		size_t n = bd_stats_launch_medians(a, POINTS, ma);
		BD_CHECK_INT(n, LAUNCHES);
		for (int k = 0; k < POINTS; k++) /* the other cell ran in rounds of its own */
			if (b[k].value > 750)
				b[k].value /= bd_rng_below(&r, 2) ? 2 : 1;
		bd_stats_launch_medians(b, POINTS, mb);
		for (int k = 0; k < LAUNCHES; k++)
			ma[k] /= mb[k];
		i = bd_stats_launch_interval(ma, LAUNCHES, 0.95, true);
		unpaired += log(i.hi / i.lo);
	}
	printf("mean width: paired %.3f, unpaired %.3f\n", paired / 200, unpaired / 200);
	BD_CHECK(paired / 200 < 0.09);
	BD_CHECK(unpaired > 4 * paired);
}

BD_TEST_MAIN
