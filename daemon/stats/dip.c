/* The dip of a sample, after Hartigan & Hartigan 1985, section 5: the modal interval shrinks between the greatest convex
 * minorant to its left and the least concave majorant to its right until nothing is gained. */
#include "bd_stats.h"
#include "dip_table.h"

#include <math.h>

/* The empirical distribution, in observations: at x[i] it steps from below[i] to upto[i]. */
struct steps {
	double *x, *below, *upto;
	size_t n;
};

/* Corners of the steps first … last that the minorant (from below) or the majorant (from above) touches. */
struct hull {
	size_t *at;
	size_t n;
};

static double height(const struct steps *s, size_t i, bool above)
{
	return above ? s->upto[i] : s->below[i];
}

static void wrap(const struct steps *s, size_t first, size_t last, bool above, struct hull *h)
{
	h->n = 0;
	for (size_t i = first; i <= last; i++) {
		while (h->n >= 2) {
			size_t a = h->at[h->n - 2], b = h->at[h->n - 1];
			double turn = (s->x[b] - s->x[a]) * (height(s, i, above) - height(s, a, above)) -
				(s->x[i] - s->x[a]) * (height(s, b, above) - height(s, a, above));
			if (above ? turn < 0 : turn > 0)
				break;
			h->n--;
		}
		h->at[h->n++] = i;
	}
}

/* The hull at x[i]; *from is where to begin to look, and moves on with rising i. */
static double hull_at(const struct steps *s, const struct hull *h, bool above, size_t i, size_t *from)
{
	while (*from + 2 < h->n && h->at[*from + 1] <= i)
		++*from;
	size_t a = h->at[*from], b = h->at[BD_MIN(*from + 1, h->n - 1)];
	if (a == b)
		return height(s, a, above);
	return height(s, a, above) +
		(height(s, b, above) - height(s, a, above)) * (s->x[i] - s->x[a]) / (s->x[b] - s->x[a]);
}

/* One step: where minorant and majorant are furthest apart. */
struct widest {
	double apart;
	size_t lo, hi; /* the new modal interval */
};

static struct widest part(const struct steps *s, const struct hull *minorant, const struct hull *majorant)
{
	struct widest w = {.apart = -1};
	size_t from = 0, next = 0;
	for (size_t k = 0; k < minorant->n; k++) {
		size_t i = minorant->at[k];
		while (majorant->at[next] < i)
			next++;
		double apart = hull_at(s, majorant, true, i, &from) - s->below[i];
		if (apart > w.apart)
			w = (struct widest){apart, i, majorant->at[next]};
	}
	from = next = 0;
	for (size_t k = 0; k < majorant->n; k++) {
		size_t i = majorant->at[k];
		while (next + 1 < minorant->n && minorant->at[next + 1] <= i)
			next++;
		double apart = s->upto[i] - hull_at(s, minorant, false, i, &from);
		if (apart >= w.apart)
			w = (struct widest){apart, minorant->at[next], i};
	}
	return w;
}

static double dip_of(const struct steps *s)
{
	bd_auto_free size_t *a = bd_alloc(s->n * sizeof *a), *b = bd_alloc(s->n * sizeof *b);
	struct hull minorant = {.at = a}, majorant = {.at = b};
	size_t lo = 0, hi = s->n - 1;
	double dip = 1; /* a step cannot be followed better */
	for (;;) {
		wrap(s, lo, hi, false, &minorant);
		wrap(s, lo, hi, true, &majorant);
		struct widest w = part(s, &minorant, &majorant);
		if (w.apart <= dip)
			return dip;
		size_t left = 0, right = 0;
		/* what steps at the ends of the new interval may still be its mode, where a step costs nothing */
		for (size_t i = lo; i < w.lo; i++)
			dip = fmax(dip, s->upto[i] - hull_at(s, &minorant, false, i, &left));
		for (size_t i = w.hi + 1; i <= hi; i++)
			dip = fmax(dip, hull_at(s, &majorant, true, i, &right) - s->below[i]);
		if (w.lo == lo && w.hi == hi)
			return dip;
		lo = w.lo;
		hi = w.hi;
	}
}

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;
	return (a > b) - (a < b);
}

/* Position of tail probabilities in the row of n: how often a uniform sample exceeds sqrt(n) dip = `scaled`. Between two
 * rows of the table, in 1 / sqrt(n), the quantiles are taken in proportion; between two columns the logarithm of p is. */
static double p_of(double scaled, double n)
{
	size_t row = 0;
	while (row + 2 < BD_DIP_ROWS && bd_dip_table[row + 1].n < n)
		row++;
	const struct bd_dip_row *lower = &bd_dip_table[row], *upper = &bd_dip_table[row + 1];
	double part = (1 / sqrt(lower->n) - 1 / sqrt(n)) / (1 / sqrt(lower->n) - 1 / sqrt(upper->n));
	part = fmin(1, part);
	double before = 0, p = 1;
	for (size_t i = 0; i < BD_DIP_TAILS; i++) {
		double q = lower->scaled[i] + part * (upper->scaled[i] - lower->scaled[i]);
		if (scaled <= q) {
			double f = q > before ? (scaled - before) / (q - before) : 1;
			return exp(log(p) + f * (log(bd_dip_tails[i]) - log(p)));
		}
		before = q;
		p = bd_dip_tails[i];
	}
	return p;
}

double bd_stats_dip(const double *v, size_t n, double *ret_p)
{
	if (ret_p)
		*ret_p = NAN;
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return NAN;
	if (n == 0)
		return NAN;
	bd_auto_free double *x = bd_alloc(n * sizeof *x), *below = bd_alloc(n * sizeof *below);
	bd_auto_free double *upto = bd_alloc(n * sizeof *upto);
	memcpy(x, v, n * sizeof *x);
	qsort(x, n, sizeof *x, by_value);
	struct steps s = {x, below, upto, 0};
	for (size_t i = 0; i < n; i++) {
		if (i && x[i] == x[s.n - 1]) {
			upto[s.n - 1] = (double)(i + 1);
			continue;
		}
		x[s.n] = x[i];
		below[s.n] = (double)i;
		upto[s.n++] = (double)(i + 1);
	}
	double count = (double)n, dip = s.n == 1 ? 0.5 / count : dip_of(&s) / (2 * count);
	if (ret_p && n >= 4)
		*ret_p = s.n == 1 ? 1 : p_of(sqrt(count) * dip, count);
	return dip;
}
