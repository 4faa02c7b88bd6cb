/* The dip against values of another program (the Python package diptest), its p against published quantiles and by
 * simulation, and the modes of samples of known shape. */
#include "bd_stats.h"
#include "bd_test.h"

static double normal(struct bd_rng *r)
{
	double u = 1 - bd_rng_unit(r), v = bd_rng_unit(r);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

BD_TEST(agrees_with_another_program)
{
	static const double odd[] = {3.1, -2, 7.25, 0.5, 11, 4, 4, 9.75, -6.5, 2.25};
	static const double two[] = {1, 1.1, 1.2, 1.3, 5, 5.1, 5.2, 5.3, 1.15, 5.25, 1.05, 5.05};
	BD_CHECK_NEAR(bd_stats_dip(odd, BD_LEN(odd), NULL), 0.0732142857142857, 1e-14);
	BD_CHECK_NEAR(bd_stats_dip(two, BD_LEN(two), NULL), 0.23125, 1e-14);
	double wave[40], mixed[40];
	for (int i = 1; i <= 40; i++) {
		wave[i - 1] = sin(i * i * 0.7);
		mixed[i - 1] = (i % 3 == 0 ? 10 : 0) + sin(i * i * 1.3);
	}
	double p;
	BD_CHECK_NEAR(bd_stats_dip(wave, 40, &p), 0.05685210939566339, 1e-13);
	BD_CHECK_NEAR(p, 0.4036, 0.02);
	BD_CHECK_NEAR(bd_stats_dip(mixed, 40, &p), 0.13003705471330668, 1e-13);
	BD_CHECK(p <= 0.001);
}

/* By hand: a step of a unimodal distribution may be anywhere once, so half of 1 / n is the least there is; two equal
 * heaps are half of a half away; a heap in the middle is a mode. */
BD_TEST(simple_samples_by_hand)
{
	const double spaced[] = {1, 2, 3, 4, 5}, heaps[] = {1, 1, 1, 2, 2, 2}, middle[] = {1, 2, 2, 2, 3};
	BD_CHECK_NEAR(bd_stats_dip(spaced, 5, NULL), 0.1, 1e-15);
	BD_CHECK_NEAR(bd_stats_dip(heaps, 6, NULL), 0.25, 1e-15);
	BD_CHECK_NEAR(bd_stats_dip(middle, 5, NULL), 0.1, 1e-15);
	double p = 0;
	BD_CHECK_NEAR(bd_stats_dip(heaps, 1, &p), 0.5, 1e-15);
	BD_CHECK(isnan(p));
	const double same[] = {2, 2, 2, 2, 2};
	BD_CHECK_NEAR(bd_stats_dip(same, 5, &p), 0.1, 1e-15);
	BD_CHECK_NEAR(p, 1, 0);
	const double bad[] = {1, INFINITY, 2, 3};
	BD_CHECK(isnan(bd_stats_dip(bad, 4, &p)) && isnan(p));
	BD_CHECK(isnan(bd_stats_dip(NULL, 0, &p)) && isnan(p));
}

/* As published with the R package diptest (a million samples each). */
BD_TEST(quantiles_are_the_published_ones)
{
	static const struct {
		double n, p, scaled;
	} table[] = {{8, 0.05, 0.4355}, {10, 0.05, 0.4415}, {20, 0.5, 0.3280}, {20, 0.05, 0.4702}, {20, 0.01, 0.5394},
		{50, 0.05, 0.4969}, {100, 0.5, 0.3546}, {100, 0.05, 0.5113}, {100, 0.01, 0.5902}, {500, 0.05, 0.5306},
		{1000, 0.001, 0.7232}, {5000, 0.05, 0.5410}};
	for (size_t i = 0; i < BD_LEN(table); i++) {
		/* a sample with just this dip: two heaps at the ends of a spaced one, of the right weight, found by bisection */
		size_t n = (size_t)table[i].n;
		bd_auto_free double *v = bd_alloc(n * sizeof *v);
		double lo = 0, hi = 1, p = NAN;
		for (int step = 0; step < 50; step++) {
			double weight = (lo + hi) / 2;
			for (size_t k = 0; k < n; k++) { /* quantiles of a density that thins out towards the middle */
				double u = ((double)k + 0.5) / (double)n * 2 - 1;
				v[k] = weight * (u < 0 ? -1 : 1) + u;
			}
			double scaled = sqrt(table[i].n) * bd_stats_dip(v, n, &p);
			if (scaled < table[i].scaled)
				lo = weight;
			else
				hi = weight;
		}
		BD_CHECK_NEAR(p / table[i].p, 1, 0.1);
	}
}

static double share_below(double level, size_t n, double (*draw)(struct bd_rng *), int samples)
{
	struct bd_rng r;
	bd_rng_init(&r, 12);
	bd_auto_free double *v = bd_alloc(n * sizeof *v);
	int below = 0;
	for (int k = 0; k < samples; k++) {
		double p;
		for (size_t i = 0; i < n; i++)
			v[i] = draw(&r);
		bd_stats_dip(v, n, &p);
		below += p <= level;
	}
	return below / (double)samples;
}

static double uniform(struct bd_rng *r)
{
	return bd_rng_unit(r);
}

static double two_normals(struct bd_rng *r)
{
	return normal(r) + (bd_rng_below(r, 3) == 0 ? 5 : 0);
}

/* Sizes between the rows of the table; 4 SD of 4000 samples are 1.4 %. */
BD_TEST(p_is_as_rare_as_it_says)
{
	const size_t n[] = {11, 17, 43, 137};
	for (size_t i = 0; i < BD_LEN(n); i++) {
		BD_CHECK_NEAR(share_below(0.05, n[i], uniform, 4000), 0.05, 0.014);
		BD_CHECK(share_below(0.05, n[i], normal, 4000) < 0.03);
	}
	BD_CHECK(share_below(0.05, 137, two_normals, 1000) > 0.8);
}

static size_t modes_of(double (*draw)(struct bd_rng *), size_t n, uint64_t seed, struct bd_stats_mode *ret, size_t max)
{
	struct bd_rng r;
	bd_rng_init(&r, seed);
	bd_auto_free double *v = bd_alloc(n * sizeof *v);
	for (size_t i = 0; i < n; i++)
		v[i] = draw(&r);
	return bd_stats_modes(v, n, 0.05, ret, max);
}

static double far_outliers(struct bd_rng *r)
{
	return bd_rng_below(r, 50) == 0 ? 1e6 * (1 + bd_rng_unit(r)) : normal(r);
}

static double outlying_two(struct bd_rng *r)
{
	return bd_rng_below(r, 100) == 0 ? 500 + bd_rng_unit(r) : two_normals(r);
}

static double three(struct bd_rng *r)
{
	return normal(r) + 12 * (double)bd_rng_below(r, 3);
}

BD_TEST(modes_of_known_samples)
{
	struct bd_stats_mode m[4];
	BD_CHECK_INT(modes_of(normal, 400, 1, m, 4), 1);
	BD_CHECK_NEAR(m[0].share, 1, 0);
	BD_CHECK_NEAR(m[0].median, 0, 0.2);
	BD_CHECK_NEAR(m[0].lo, -1.645, 0.25);
	BD_CHECK_NEAR(m[0].hi, 1.645, 0.25);
	BD_CHECK_INT(modes_of(two_normals, 400, 1, m, 4), 2);
	BD_CHECK_NEAR(m[0].share, 2.0 / 3, 0.08);
	BD_CHECK_NEAR(m[0].share + m[1].share, 1, 1e-12);
	BD_CHECK_NEAR(m[0].median, 0, 0.2);
	BD_CHECK_NEAR(m[1].median, 5, 0.3);
	BD_CHECK(m[0].hi < m[1].lo);
	BD_CHECK_INT(modes_of(three, 600, 1, m, 4), 3);
	BD_CHECK_NEAR(m[1].median, 12, 0.3);
	BD_CHECK_INT(modes_of(three, 600, 1, m, 2), 2);
	/* one batch in fifty or a hundred that was disturbed is no mode, and does not move the parting */
	BD_CHECK_INT(modes_of(far_outliers, 400, 1, m, 4), 1);
	BD_CHECK_INT(modes_of(outlying_two, 400, 1, m, 4), 2);
	BD_CHECK_NEAR(m[1].median, 5, 0.4);
	BD_CHECK_INT(bd_stats_modes(NULL, 0, 0.05, m, 4), 0);
	/* eight launches 2 % apart, each with its own narrow heap of twenty rounds: the dip of all of them is deep */
	double heaps[160], p;
	struct bd_rng r;
	bd_rng_init(&r, 4);
	for (int i = 0; i < 160; i++)
		heaps[i] = 100 * pow(1.02, (double)(i / 20)) * exp(0.001 * normal(&r));
	bd_stats_dip(heaps, 160, &p);
	BD_CHECK(p < 0.05);
	BD_CHECK_INT(bd_stats_modes(heaps, 160, 0.05, m, 4), 1);
	for (int i = 0; i < 160; i++)
		heaps[i] *= i % 3 ? 1 : 1.5;
	BD_CHECK_INT(bd_stats_modes(heaps, 160, 0.05, m, 4), 2);
	BD_CHECK_NEAR(m[1].median / m[0].median, 1.5, 0.03);
	const double few[] = {1, 1, 9, 9, 9};
	BD_CHECK_INT(bd_stats_modes(few, 5, 0.05, m, 4), 1);
}

BD_TEST_MAIN
