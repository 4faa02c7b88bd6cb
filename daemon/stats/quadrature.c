#include "quadrature.h"

#include <math.h>
#include <pthread.h>

static struct bd_stats_rule rule;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Newton steps on the Legendre polynomial from Tricomi's first guess of its roots. */
static void compute(void)
{
	for (int i = 0; i < BD_NODES; i++) {
		double x = cos(M_PI * (i + 0.75) / (BD_NODES + 0.5)), slope = 1;
		for (int step = 0; step < 20; step++) {
			double before = 1, p = x;
			for (int j = 2; j <= BD_NODES; j++) {
				double next = ((2 * j - 1) * x * p - (j - 1) * before) / j;
				before = p;
				p = next;
			}
			slope = BD_NODES * (x * p - before) / (x * x - 1);
			x -= p / slope;
			if (fabs(p / slope) < 1e-15)
				break;
		}
		rule.x[i] = (1 - x) / 2;
		rule.w[i] = 1 / ((1 - x * x) * slope * slope);
	}
}

const struct bd_stats_rule *bd_stats_rule(void)
{
	pthread_once(&once, compute);
	return &rule;
}
