/* Batches to launches: medians, and ratios of what ran in the same round. */
#include "bd_stats.h"

#include <math.h>

static int by_launch_and_round(const void *pa, const void *pb)
{
	const struct bd_stats_point *a = pa, *b = pb;
	if (a->launch != b->launch)
		return a->launch < b->launch ? -1 : 1;
	return (a->round > b->round) - (a->round < b->round);
}

static struct bd_stats_point *in_order(const struct bd_stats_point *p, size_t n)
{
	struct bd_stats_point *s = bd_alloc(n * sizeof *s);
	if (n)
		memcpy(s, p, n * sizeof *s);
	bool ordered = true; /* as they come from the store */
	for (size_t i = 1; i < n && ordered; i++)
		ordered = by_launch_and_round(&s[i - 1], &s[i]) <= 0;
	if (!ordered)
		qsort(s, n, sizeof *s, by_launch_and_round);
	return s;
}

size_t bd_stats_launch_medians(const struct bd_stats_point *p, size_t n, double *out)
{
	bd_auto_free struct bd_stats_point *s = in_order(p, n);
	bd_auto_free double *v = bd_alloc(n * sizeof *v);
	size_t launches = 0;
	for (size_t i = 0, k = 0; i < n; i++) {
		v[k++] = s[i].value;
		if (i + 1 == n || s[i + 1].launch != s[i].launch) {
			out[launches++] = bd_stats_median(v, k);
			k = 0;
		}
	}
	return launches;
}

static bool usable(const struct bd_stats_point *p, bool sums)
{
	return !p->left_out && (sums ? p->num > 0 && p->den > 0 : p->value > 0);
}

/* The rounds both have, of one launch. */
struct launch {
	double *logs; /* room for all rounds */
	size_t n;
	double a_num, a_den, b_num, b_den;
};

static void add(struct launch *l, const struct bd_stats_point *a, const struct bd_stats_point *b, bool sums)
{
	if (sums) {
		l->a_num += a->num;
		l->a_den += a->den;
		l->b_num += b->num;
		l->b_den += b->den;
	} else {
		l->logs[l->n] = log(a->value / b->value);
	}
	l->n++;
}

static double take_ratio(struct launch *l, bool sums)
{
	double ratio = sums ? l->a_num / l->a_den / (l->b_num / l->b_den) : exp(bd_stats_median(l->logs, l->n));
	*l = (struct launch){.logs = l->logs};
	return ratio;
}

size_t bd_stats_paired_launches(const struct bd_stats_point *a, size_t na, const struct bd_stats_point *b, size_t nb,
	bool sums, double *ret_ratios, int64_t *ret_launches)
{
	bd_auto_free struct bd_stats_point *sa = in_order(a, na), *sb = in_order(b, nb);
	bd_auto_free double *logs = bd_alloc(na * sizeof *logs);
	struct launch l = {.logs = logs};
	size_t launches = 0;
	for (size_t i = 0, j = 0; i < na;) {
		int order = j < nb ? by_launch_and_round(&sa[i], &sb[j]) : -1;
		if (order > 0) {
			j++;
			continue;
		}
		if (order == 0) {
			if (usable(&sa[i], sums) && usable(&sb[j], sums))
				add(&l, &sa[i], &sb[j], sums);
			j++;
		}
		i++;
		if (l.n && (i == na || sa[i].launch != sa[i - 1].launch)) {
			if (ret_launches)
				ret_launches[launches] = sa[i - 1].launch;
			ret_ratios[launches++] = take_ratio(&l, sums);
		}
	}
	return launches;
}

struct bd_stats_interval bd_stats_paired_ratio(const struct bd_stats_point *a, size_t na,
	const struct bd_stats_point *b, size_t nb, double confidence)
{
	bd_auto_free double *ratios = bd_alloc(na * sizeof *ratios);
	size_t launches = bd_stats_paired_launches(a, na, b, nb, false, ratios, NULL);
	return bd_stats_launch_interval(ratios, launches, confidence, true);
}
