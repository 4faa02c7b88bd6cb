/* The joint distribution of the looks of a plan, for bd_stats alone. */
#ifndef BD_STATS_PLAN_H
#define BD_STATS_PLAN_H

#include "bd_stats.h"

/* Fills spent and level for plan->launches, the looks of a plan of at most `max` launches. */
void bd_stats_plan_spend(struct bd_stats_plan *plan, int64_t max, bool final);
/* P(no look before the plan's last one crossed, and this one is beyond the two-sided nominal level) under H0. */
double bd_stats_plan_reaches(const struct bd_stats_plan *plan, double level);

#endif
