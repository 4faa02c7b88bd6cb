/* A plugin with every part: parameters, state, verify, and benches that go wrong in one way each. */
#include <benchd/benchd_plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
	uint64_t step;
	unsigned calls;
};

static const char *const steps[] = {"1", "3", "bad", NULL};
static const struct benchd_param params[] = {{"step", "what is added each time", steps}, {NULL, NULL, NULL}};

static int setup(const char *const *values, void **ret_state, const char **ret_why)
{
	struct state *s = malloc(sizeof *s);
	if (!s || strcmp(values[0], "bad") == 0) {
		free(s);
		*ret_why = "it was asked to fail";
		return 7;
	}
	s->step = strtoull(values[0], NULL, 10);
	s->calls = 0;
	printf("set up with %s\n", values[0]);
	*ret_state = s;
	return 0;
}

static int run(void *state, uint64_t n, uint64_t *ret_result)
{
	struct state *s = state;
	volatile uint64_t sum = 0;
	for (uint64_t i = 0; i < n; i++)
		sum += s->step;
	*ret_result = sum;
	return 0;
}

static int run_short(void *state, uint64_t n, uint64_t *ret_result)
{
	return run(state, n > 10 ? n - 1 : n, ret_result);
}

static int run_fails(void *state, uint64_t n, uint64_t *ret_result)
{
	struct state *s = state;
	return s->calls++ > 1 ? 5 : run(state, n, ret_result);
}

static int run_crashes(void *state, uint64_t n, uint64_t *ret_result)
{
	struct state *s = state;
	if (s->calls++ > 1)
		abort();
	return run(state, n, ret_result);
}

static int verify(void *state, uint64_t n, uint64_t result)
{
	return result == n * ((struct state *)state)->step;
}

static void teardown(void *state)
{
	printf("torn down after step %u\n", (unsigned)((struct state *)state)->step);
	free(state);
}

static int run_bare(void *state, uint64_t n, uint64_t *ret_result)
{
	volatile uint64_t i = 0;
	(void)state;
	while (i < n)
		i = i + 1;
	*ret_result = i;
	return 0;
}

static const char *const none[] = {NULL};
static const char *const slash[] = {"a/b", NULL};
static const char *const one[] = {"1", NULL};
static const struct benchd_param empty[] = {{"n", NULL, none}, {NULL, NULL, NULL}};
static const struct benchd_param odd[] = {{"n", NULL, slash}, {NULL, NULL, NULL}};
static const struct benchd_param taken[] = {{"threads", NULL, one}, {NULL, NULL, NULL}};

static const struct benchd_bench benches[] = {
	{"add", "adds a number", params, setup, run, verify, teardown},
	{"short", "does less than it says", params, setup, run_short, verify, teardown},
	{"fails", NULL, params, setup, run_fails, verify, teardown},
	{"crashes", NULL, params, setup, run_crashes, verify, teardown},
	{"bare", "nothing but run()", NULL, NULL, run_bare, NULL, NULL},
	{"empty", NULL, empty, NULL, run_bare, NULL, NULL},
	{"odd", NULL, odd, NULL, run_bare, NULL, NULL},
	{"taken", NULL, taken, NULL, run_bare, NULL, NULL},
};
BENCHD_PLUGIN(benches);
