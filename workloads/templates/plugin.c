/* Benchmarks of @NAME@, timed by a loop of C: make @NAME@.so && benchctl run @NAME@.so */
#include <benchd/benchd_plugin.h>

#include <stdlib.h>

/* A cell for every value; the first is the default. */
static const char *const values_of_step[] = {"1", "3", NULL};
static const struct benchd_param params[] = {
	{"step", "what is added each time", values_of_step},
	{NULL, NULL, NULL},
};

struct state {
	uint64_t step;
};

/* Before anything is timed. One value per parameter, in their order. */
static int setup(const char *const *values, void **ret_state, const char **ret_why)
{
	struct state *s = malloc(sizeof *s);
	if (!s) {
		*ret_why = "no memory";
		return 1;
	}
	s->step = strtoull(values[0], NULL, 10);
	*ret_state = s;
	return 0;
}

/* The timed part: n operations, and a result that depends on each of them. */
static int run(void *state, uint64_t n, uint64_t *ret_result)
{
	const struct state *s = state;
	volatile uint64_t sum = 0; /* volatile: else the compiler multiplies */
	for (uint64_t i = 0; i < n; i++)
		sum += s->step;
	*ret_result = sum;
	return 0;
}

/* Is this what n operations come to? Untimed; a cell whose result is wrong is INVALID, whatever its time. */
static int verify(void *state, uint64_t n, uint64_t result)
{
	const struct state *s = state;
	return result == n * s->step;
}

static void teardown(void *state)
{
	free(state);
}

static const struct benchd_bench benches[] = {
	{"@NAME@", "adds a number", params, setup, run, verify, teardown},
};
BENCHD_PLUGIN(benches);
