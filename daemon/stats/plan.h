/* The joint distribution of the looks of a plan, for bd_stats alone. */
#ifndef BD_STATS_PLAN_H
#define BD_STATS_PLAN_H

#include "bd_stats.h"

enum { BD_LOOK_GRID = 48 };

/* One look of a plan, and what came before it. */
struct bd_stats_look {
	double launches, level, spent;
	double bound;                   /* who is beyond has crossed: T / sqrt(launches - 1) */
	double going[BD_LOOK_GRID + 1]; /* P(no look before crossed | T of this one), over a grid of |T| */
	bool first;
};
/* The look after `before` (NULL: the first), which may have spent `spent` in all. */
void bd_stats_look_make(const struct bd_stats_look *before, int64_t launches, double spent, struct bd_stats_look *ret);
/* P(no look before crossed, and this one is beyond a two-sided nominal level) under H0. */
double bd_stats_look_reaches(const struct bd_stats_look *look, double level);
/* What a plan of at most `max` launches may have spent at this one. */
double bd_stats_spent_at(int64_t launches, int64_t max, double alpha);
/* A look of a plan; remembered, so that asking again costs nothing. Any thread may ask. */
void bd_stats_plan_look(const struct bd_stats_plan *plan, size_t i, struct bd_stats_look *ret);

#endif
