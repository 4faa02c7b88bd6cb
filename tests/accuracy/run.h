/* One run from its first launch to its verdict, as the engine does it, and as it must not be done. */
#ifndef BD_ACCURACY_RUN_H
#define BD_ACCURACY_RUN_H

#include "world.h"

struct rules {
	int rounds;
	int64_t max_launches;
	int64_t budget;     /* launches after which time is up; 0: none before max_launches */
	double equivalence; /* 0.02; NAN: nobody asks */
	double precision;   /* 0.01; NAN: nobody asks */
	size_t cells;       /* that are adjusted together; 0: this one alone */
};

enum verdict { SLOWER, FASTER, NO_DIFFERENCE, UNDECIDED };

struct outcome {
	enum verdict verdict;
	struct bd_stats_interval interval;
	double p;
	int64_t launches;
	bool consistent; /* interval, crossing and p say the same */
};
typedef struct outcome way_fn(struct source *s, const struct rules *rules);

way_fn run_as_the_engine;
/* An interval of 95 % at each look, as if it were the only one. */
way_fn run_peeking;
/* Rounds taken for independent: a t interval over all of them, and a percentile bootstrap (Efron 1979). */
way_fn run_rounds_by_t;
way_fn run_rounds_by_bootstrap;

struct tally {
	int runs, slower, faster, no_difference, covered, inconsistent;
	double launches; /* mean */
};
struct tally tally(way_fn *way, const struct world *world, double ratio, const struct rules *rules, int runs,
	uint64_t seed);

#endif
