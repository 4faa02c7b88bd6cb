/* accuracy WAY WORLD RATIO PAIRS SEED: one line of JSON, for bench/accuracy/run.py. */
#include "run.h"

#include <stdio.h>

static const struct {
	const char *name;
	way_fn *way;
} ways[] = {{"engine", run_as_the_engine}, {"peeking", run_peeking}, {"t over rounds", run_rounds_by_t},
	{"bootstrap over rounds", run_rounds_by_bootstrap}};

int main(int argc, char **argv)
{
	static const struct rules ab = {.rounds = 5,
		.max_launches = 16,
		.equivalence = 0.02,
		.precision = __builtin_nan("")};
	const struct world *world = argc == 6 ? world_named(argv[2]) : NULL;
	way_fn *way = NULL;
	for (size_t i = 0; i < BD_LEN(ways) && argc == 6; i++)
		if (bd_streq(ways[i].name, argv[1]))
			way = ways[i].way;
	if (argc == 2 && bd_streq(argv[1], "worlds")) {
		for (size_t i = 0; i < worlds_len; i++)
			printf("%s\t%s\n", worlds[i].name, worlds[i].what);
		return 0;
	}
	if (!world || !way) {
		fprintf(stderr, "usage: %s WAY WORLD RATIO PAIRS SEED | worlds\n", argv[0]);
		return BD_EXIT_USAGE;
	}
	struct tally t = tally(way, world, strtod(argv[3], NULL), &ab, atoi(argv[4]), strtoull(argv[5], NULL, 10));
	printf("{\"runs\":%d,\"slower\":%d,\"faster\":%d,\"no_difference\":%d,\"covered\":%d,\"inconsistent\":%d,"
	       "\"launches\":%.2f}\n",
		t.runs, t.slower, t.faster, t.no_difference, t.covered, t.inconsistent, t.launches);
}
