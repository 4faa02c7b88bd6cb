/* A plugin whose operations are calls of one function by a pointer, in a loop as anybody would write it. It times that loop
 * itself, so that what benchd says of the same batch can be held against it. In the end it writes a line per batch, "start
 * operations ns", to the file it was built for. */
#include <benchd/benchd_plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCHES 65536

struct batch {
	int64_t start_ns, ns;
	uint64_t n;
};
struct state {
	uint64_t (*volatile function)(uint64_t);
	struct batch *batches;
	size_t len;
};

__attribute__((noinline)) static uint64_t increment(uint64_t x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int setup(const char *const *values, void **ret_state, const char **ret_why)
{
	(void)values;
	struct state *s = calloc(1, sizeof *s);
	if (s)
		s->batches = calloc(BATCHES, sizeof *s->batches);
	if (!s || !s->batches) {
		*ret_why = "no memory";
		return 1;
	}
	s->function = increment;
	*ret_state = s;
	return 0;
}

static int run(void *state, uint64_t n, uint64_t *ret_result)
{
	struct state *s = state;
	uint64_t (*function)(uint64_t) = s->function;
	uint64_t x = 0;
	int64_t start = now_ns();
	for (uint64_t i = 0; i < n; i++)
		x = function(x);
	int64_t end = now_ns();
	if (s->len < BATCHES)
		s->batches[s->len++] = (struct batch){start, end - start, n};
	*ret_result = x;
	return 0;
}

static int verify(void *state, uint64_t n, uint64_t result)
{
	(void)state;
	return result == n;
}

static void teardown(void *state)
{
	struct state *s = state;
	FILE *f = fopen(FILE_NAME, "a");
	for (size_t i = 0; f && i < s->len; i++)
		fprintf(f, "%lld %llu %lld\n", (long long)s->batches[i].start_ns, (unsigned long long)s->batches[i].n,
			(long long)s->batches[i].ns);
	if (f)
		fclose(f);
	free(s->batches);
	free(s);
}

static const struct benchd_bench benches[] = {{.name = "calls",
	.summary = "calls of one function by a pointer",
	.setup = setup,
	.run = run,
	.verify = verify,
	.teardown = teardown}};
BENCHD_PLUGIN(benches);
