/* Machines of known truth: two cells of one run, measured batch by batch in interleaved rounds, on machines that are
 * disturbed in one way each. Everything comes from a seed. */
#ifndef BD_WORLD_H
#define BD_WORLD_H

#include "bd_stats.h"

enum { WORLD_MOST_ROUNDS = 20, WORLD_MOST_LAUNCHES = 36, WORLD_MOST = WORLD_MOST_ROUNDS * WORLD_MOST_LAUNCHES };

enum disturbance { QUIET, FLIPS, TOGGLES };

struct world {
	const char *name, *what;
	double sd_launch, sd_round; /* of the log of the time */
	enum disturbance disturbance;
	double slow_launches; /* share of processes that are 15 % slower for as long as they live */
	double outliers;      /* share of batches that take half as long again */
	bool threads;         /* a loop of two threads with two modes, each launch with its own preference */
};
extern const struct world worlds[];
extern const size_t worlds_len;
const struct world *world_named(const char *name); /* NULL when there is none */

/* A run in such a world. `ratio` is the true time of b over that of a. */
struct source {
	const struct world *world;
	struct bd_rng rng;
	double ratio, now_s;
	double state_until_s;
	bool slow;                    /* the state of a machine that flips */
	struct bd_stats_point *a, *b; /* room for WORLD_MOST */
	size_t n;                     /* of each */
	int64_t launch;               /* the next one */
};
void source_init(struct source *s, const struct world *world, double ratio, uint64_t seed);
void source_done(struct source *s);
void source_launch(struct source *s, int rounds);
double source_normal(struct source *s);

#endif
