/* Prints daemon/stats/dip_table.c: quantiles of sqrt(n) dip of uniform samples, 200,000 of each size. Fixed seed; the
 * same table every time. Usage:
 * dip_table > daemon/stats/dip_table.c; clang-format -i daemon/stats/dip_table.c */
#include "bd_stats.h"
#include "dip_table.h"

#include <math.h>
#include <stdio.h>

static const double sizes[BD_DIP_ROWS] = {4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000};
static const double tails[BD_DIP_TAILS] = {0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01,
	0.005, 0.002, 0.001};

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;
	return (a > b) - (a < b);
}

int main(void)
{
	enum { SAMPLES = 200000 };
	bd_auto_free double *dips = bd_alloc(SAMPLES * sizeof *dips), *v = bd_alloc(5000 * sizeof *v);
	struct bd_rng r;
	bd_rng_init(&r, 1985);
	printf("/* Made by tests/accuracy/dip_table.c: %d uniform samples of each size. */\n", SAMPLES);
	printf("#include \"dip_table.h\"\n\n");
	printf("const double bd_dip_tails[BD_DIP_TAILS] = {");
	for (int k = 0; k < BD_DIP_TAILS; k++)
		printf("%s%g", k ? ", " : "", tails[k]);
	printf("};\n\nconst struct bd_dip_row bd_dip_table[BD_DIP_ROWS] = {\n");
	for (int row = 0; row < BD_DIP_ROWS; row++) {
		size_t n = (size_t)sizes[row];
		for (size_t k = 0; k < SAMPLES; k++) {
			double sum = 0;
			for (size_t i = 0; i < n; i++)
				v[i] = sum -= log(1 - bd_rng_unit(&r)); /* in order already, but for their scale */
			dips[k] = sqrt(sizes[row]) * bd_stats_dip(v, n, NULL);
		}
		qsort(dips, SAMPLES, sizeof *dips, by_value);
		printf("{%g, {", sizes[row]);
		for (int k = 0; k < BD_DIP_TAILS; k++)
			printf("%s%.4f", k ? ", " : "", dips[(size_t)(SAMPLES * (1 - tails[k]))]);
		printf("}},\n");
	}
	printf("};\n");
}
