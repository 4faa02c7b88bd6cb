#include "run.h"

#include <math.h>

static enum verdict verdict_of(struct bd_stats_interval i, bool significant, double equivalence)
{
	if (significant)
		return i.estimate > 1 ? SLOWER : FASTER;
	return i.lo > 1 / (1 + equivalence) && i.hi < 1 + equivalence ? NO_DIFFERENCE : UNDECIDED;
}

static bool is_look(int64_t launches)
{
	for (size_t i = 0; i < BD_LEN(bd_stats_looks); i++)
		if (bd_stats_looks[i] == launches)
			return true;
	return false;
}

static size_t ratios(const struct source *s, double *ret)
{
	return bd_stats_paired_launches(s->b, s->n, s->a, s->n, s->world->threads, ret, NULL);
}

struct outcome run_as_the_engine(struct source *s, const struct rules *rules)
{
	int64_t end = rules->budget ? rules->budget : rules->max_launches;
	double v[WORLD_MOST_LAUNCHES];
	struct bd_stats_plan plan, family; /* for the interval; for crossing and p */
	size_t n;
	bool enough = false;
	while (!enough && s->launch < end) {
		source_launch(s, rules->rounds);
		if (!is_look(s->launch) || s->launch == end)
			continue;
		n = ratios(s, v);
		bd_stats_plan_make((int64_t)n, rules->max_launches, false, BD_STATS_ALPHA, &plan);
		bd_stats_plan_family((int64_t)n, rules->max_launches, false, BD_STATS_ALPHA, rules->cells, &family);
		struct bd_stats_interval i = bd_stats_sequential(v, n, &plan, true);
		double narrow = (1 + rules->precision) * (1 + rules->precision);
		enough = bd_stats_crossed(v, n, &family) || verdict_of(i, false, rules->equivalence) == NO_DIFFERENCE ||
			i.hi / i.lo < narrow;
	}
	n = ratios(s, v);
	bd_stats_plan_make((int64_t)n, rules->max_launches, !enough, BD_STATS_ALPHA, &plan);
	bd_stats_plan_family((int64_t)n, rules->max_launches, !enough, BD_STATS_ALPHA, rules->cells, &family);
	struct outcome out = {.interval = bd_stats_sequential(v, n, &plan, true),
		.p = bd_stats_stagewise_p(v, n, &family),
		.launches = s->launch};
	bool crossed = bd_stats_crossed(v, n, &family), outside = out.interval.lo > 1 || out.interval.hi < 1;
	out.consistent = crossed == (out.p < BD_STATS_ALPHA) && (rules->cells > 1 || crossed == outside);
	out.verdict = verdict_of(out.interval, out.p < BD_STATS_ALPHA, rules->equivalence);
	return out;
}

struct outcome run_peeking(struct source *s, const struct rules *rules)
{
	struct outcome out = {.verdict = UNDECIDED, .consistent = true};
	while (s->launch < rules->max_launches && out.verdict == UNDECIDED) {
		source_launch(s, rules->rounds);
		if (!is_look(s->launch))
			continue;
		double v[WORLD_MOST_LAUNCHES];
		size_t n = ratios(s, v);
		out.interval = bd_stats_launch_interval(v, n, 1 - BD_STATS_ALPHA, true);
		out.verdict = verdict_of(out.interval, out.interval.lo > 1 || out.interval.hi < 1, rules->equivalence);
	}
	out.launches = s->launch;
	return out;
}

/* All launches there may be, and the ratio of every round. */
static size_t all_rounds(struct source *s, const struct rules *rules, double *ret)
{
	size_t n = 0;
	while (s->launch < rules->max_launches)
		source_launch(s, rules->rounds);
	for (size_t i = 0; i < s->n; i++)
		if (!s->a[i].left_out && !s->b[i].left_out)
			ret[n++] = s->b[i].value / s->a[i].value;
	return n;
}

static struct outcome by_interval(struct source *s, const struct rules *rules, struct bd_stats_interval i)
{
	return (struct outcome){.interval = i,
		.launches = s->launch,
		.consistent = true,
		.verdict = verdict_of(i, i.lo > 1 || i.hi < 1, rules->equivalence)};
}

struct outcome run_rounds_by_t(struct source *s, const struct rules *rules)
{
	double v[WORLD_MOST];
	size_t n = all_rounds(s, rules, v);
	return by_interval(s, rules, bd_stats_launch_interval(v, n, 1 - BD_STATS_ALPHA, true));
}

struct outcome run_rounds_by_bootstrap(struct source *s, const struct rules *rules)
{
	enum { RESAMPLES = 400 };
	double v[WORLD_MOST], again[WORLD_MOST], medians[RESAMPLES];
	size_t n = all_rounds(s, rules, v);
	for (size_t k = 0; k < RESAMPLES; k++) {
		for (size_t i = 0; i < n; i++)
			again[i] = v[bd_rng_below(&s->rng, n)];
		medians[k] = bd_stats_median(again, n);
	}
	return by_interval(s, rules,
		(struct bd_stats_interval){bd_stats_median(v, n), bd_stats_quantile(medians, RESAMPLES, 0.025),
			bd_stats_quantile(medians, RESAMPLES, 0.975)});
}

struct tally tally(way_fn *way, const struct world *world, double ratio, const struct rules *rules, int runs,
	uint64_t seed)
{
	struct tally t = {.runs = runs};
	for (int i = 0; i < runs; i++) {
		struct source s;
		source_init(&s, world, ratio, seed * 1000003 + (uint64_t)i);
		struct outcome o = way(&s, rules);
		t.slower += o.verdict == SLOWER;
		t.faster += o.verdict == FASTER;
		t.no_difference += o.verdict == NO_DIFFERENCE;
		t.covered += o.interval.lo <= ratio && ratio <= o.interval.hi;
		t.inconsistent += !o.consistent;
		t.launches += (double)o.launches / runs;
		source_done(&s);
	}
	return t;
}
