#include "bd_stats.h"

#include <math.h>

struct ranked {
	double p;
	size_t index;
};

static int by_p(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;
	return (a->p > b->p) - (a->p < b->p);
}

/* The adjusted p of rank k is the smallest of p(j) m / j over j >= k (Yekutieli & Benjamini 1999): it is at most q
 * exactly when the step-up procedure of level q rejects. */
void bd_stats_adjust(const double *p, size_t n, double *ret)
{
	bd_auto_free struct ranked *r = bd_alloc(n * sizeof *r);
	size_t m = 0;
	for (size_t i = 0; i < n; i++) {
		if (isnan(p[i]))
			ret[i] = NAN;
		else
			r[m++] = (struct ranked){p[i], i};
	}
	qsort(r, m, sizeof *r, by_p);
	double least = 1;
	for (size_t k = m; k-- > 0;) {
		least = fmin(least, r[k].p * (double)m / (double)(k + 1));
		ret[r[k].index] = least;
	}
}
