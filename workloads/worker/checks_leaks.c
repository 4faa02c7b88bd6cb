/* V6: does an operation leave something behind?
 *
 * Untimed batches after the last timed one, with a look at what is allocated after each. What grows once, or now and then, is
 * a cache that fills, a table that doubles, a free list: only what grew in every single batch, and by about as much per operation,
 * is a leak. Its slope is the median over the batches; anything else is exactly zero. Noise that goes up and down would have to
 * go up ten times in a row. What a thread keeps of freed memory, which glibc counts as given, would go up for dozens of batches until
 * there is enough of it: each thread is made to keep all it can before a look. What grows in steps is checks_steps.c's. */
#include "leaks.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define BATCHES 5                /* between six looks; as many again to confirm */
#define BATCH_NS 8000000         /* with the first one, which warms up, about 50 ms */
#define ATTEMPTS 8               /* to see whether an operation is slow */
#define PARTS 8                  /* of a batch in which hardly anything was done */
#define LONGER 1.5               /* times as many operations are enough to tell the two apart */
#define LONGEST 16               /* times as long are the longest batches to get them */
#define SPREAD 4                 /* at most so many times more or less than the median */
#define SLOWEST_NS 12000000      /* of one operation */
#define SLOWEST_ALL_NS 400000000 /* of all attempts */

/* ---- what is counted --------------------------------------------------------------------------------------- */

enum source { BLOCKS, BYTES, REFERENCES, MAPPED, SOURCES };

static int64_t ask(const char *function)
{
	PyObject *f = PySys_GetObject(function);
	bd_auto_py PyObject *answer = f ? PyObject_CallNoArgs(f) : NULL;
	int64_t n = answer ? PyLong_AsLongLong(answer) : -1;
	if (PyErr_Occurred())
		PyErr_Clear();
	return n < 0 ? BD_NULL_INT : n;
}

/* Bytes in the blocks of pymalloc, from what it prints for people: there is no other way to ask it. */
static int64_t block_bytes(void)
{
	PyObject *f = PySys_GetObject("_debugmallocstats");
	bd_auto_free char *text = NULL;
	size_t len = 0;
	FILE *memory = f ? open_memstream(&text, &len) : NULL;
	if (!memory)
		return BD_NULL_INT;
	FILE *real = stderr;
	stderr = memory;
	bd_auto_py PyObject *none = PyObject_CallNoArgs(f);
	stderr = real;
	fclose(memory);
	PyErr_Clear();
	static const char label[] = "# bytes in allocated blocks";
	const char *at = none && text ? strstr(text, label) : NULL;
	at = at ? strpbrk(at, "0123456789\n") : NULL;
	if (!at || *at == '\n')
		return BD_NULL_INT;
	int64_t n = 0;
	for (; *at && *at != '\n'; at++)
		if (*at >= '0' && *at <= '9') /* 1,234,567 */
			n = n * 10 + (*at - '0');
	return n;
}

static int64_t bytes(const struct bd_team *team)
{
	bool own;
	int64_t sum = bd_malloc_exact_bytes(&own);
	for (unsigned i = 0; own && team->n > 1 && i < team->n && sum != BD_NULL_INT; i++)
		sum = team->lanes[i].bytes == BD_NULL_INT ? BD_NULL_INT : sum + team->lanes[i].bytes;
	return sum;
}

/* What the process has mapped, allocators' own memory and all: the only witness of what is mapped and no allocator knows of. */
static int64_t mapped(void)
{
	char text[64];
	bd_auto_close int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
	if (n <= 0)
		return BD_NULL_INT;
	text[n] = '\0';
	return atoll(text) * sysconf(_SC_PAGESIZE);
}

/* Garbage is no leak, and free lists are emptied: a look comes after a collection, also where gc is off. Nor is the type
 * cache, which keeps the name of every lookup: one that native code makes anew each time stays until its place is taken. */
static void look(const struct bd_team *team, int64_t ret[SOURCES])
{
	for (unsigned i = 0; i < team->n; i++)
		Py_CLEAR(team->lanes[i].result);
	PyType_ClearCache();
	PyGC_Collect();
	const char *object = bd_malloc_identify()->objalloc;
	bool counted = bd_streq(object, "pymalloc") || bd_streq(object, "mimalloc");
	ret[BLOCKS] = counted ? ask("getallocatedblocks") : BD_NULL_INT;
	bd_malloc_settle();
	ret[BYTES] = bytes(team);
	ret[REFERENCES] = ask("gettotalrefcount"); /* debug builds have it */
	ret[MAPPED] = team->work->says_mapped ? BD_NULL_INT : mapped();
}

int64_t bd_leaks_look(const struct bd_team *team)
{
	int64_t found[SOURCES];
	look(team, found);
	return found[BYTES];
}

/* ---- batches ----------------------------------------------------------------------------------------------- */

struct growth {
	double per_op[SOURCES][2 * BATCHES], ops_in[2 * BATCHES];
	bool known[SOURCES], always[SOURCES]; /* grew in every batch */
	int n;
	uint64_t ops, most; /* of all batches together, and the most of one in the time of the first */
};

/* So many times a number of operations in every thread, or as long as a batch is (0). */
static bool run(struct bd_bench_cell *c, uint64_t iterations, unsigned times)
{
	struct bd_batch batch = {.iterations = iterations * times,
		.duration_ns = iterations ? 0 : BATCH_NS * (int64_t)times,
		.processors = &c->processors,
		.affinity = c->affinity,
		.weigh = true};
	return bd_bench_run(c, &batch);
}

static bool grow(struct bd_bench_cell *c, uint64_t iterations, unsigned times, struct growth *g)
{
	int64_t before[SOURCES], after[SOURCES];
	look(c->team, before);
	for (int i = 0; i < BATCHES; i++) {
		uint64_t ops = 0;
		/* Threads that somebody kept from working have left nothing behind: that is no batch yet. */
		for (int attempt = 0; attempt < PARTS && ops <= g->most * times / 4; attempt++) {
			if (!run(c, iterations, times))
				return false;
			ops += bd_team_ops(c->team);
			g->most = BD_MAX(g->most, bd_team_ops(c->team) / times);
		}
		look(c->team, after);
		bd_steps_add(c, before[BYTES], after[BYTES], ops);
		for (int s = 0; s < SOURCES; s++) {
			if (before[s] == BD_NULL_INT || after[s] == BD_NULL_INT) {
				g->known[s] = g->always[s] = false;
				continue;
			}
			int64_t more = after[s] - before[s];
			g->per_op[s][g->n] = ops ? (double)more / (double)ops : 0;
			g->always[s] = g->always[s] && ops && more > 0;
		}
		g->ops_in[g->n++] = (double)ops;
		g->ops += ops;
		memcpy(before, after, sizeof before);
	}
	return true;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double middle(double *sorted, const double *v, int n)
{
	memcpy(sorted, v, (size_t)n * sizeof *v);
	qsort(sorted, (size_t)n, sizeof *v, by_value);
	return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

/* -1: not all are about as much. */
static double median(const double *v, int n)
{
	double sorted[2 * BATCHES], m = middle(sorted, v, n);
	return sorted[0] * SPREAD < m || sorted[n - 1] > m * SPREAD ? -1 : m;
}

/* Of the growth per operation in each batch; exactly zero unless all of them grew, by about as much. */
static double slope(const struct growth *g, enum source s)
{
	return g->always[s] ? BD_MAX(median(g->per_op[s], g->n), 0.0) : 0;
}

/* By how much more operations the later batches had than the first. */
static double longer(const struct growth *g)
{
	double sorted[2 * BATCHES], few = middle(sorted, g->ops_in, BATCHES);
	return few > 0 ? middle(sorted, g->ops_in + BATCHES, BATCHES) / few : 0;
}

/* What grows with the operations is the same per operation in longer batches; what grows once per batch is half in those twice as
 * long. The line is between the two, nearer to what is to be dropped. */
static void drop_per_batch(struct growth *g)
{
	double line = 0.3 + 0.7 / longer(g);
	for (int s = 0; s < SOURCES; s++)
		if (g->always[s])
			g->always[s] = median(g->per_op[s] + BATCHES, BATCHES) >= line * median(g->per_op[s], BATCHES);
}

static bool suspect(const struct growth *g)
{
	return slope(g, BLOCKS) > 0 || slope(g, BYTES) > 0 || slope(g, REFERENCES) > 0 || slope(g, MAPPED) > 0;
}

/* ---- the check --------------------------------------------------------------------------------------------- */

static void add(struct bd_str *text, double n, const char *what)
{
	if (n > 0)
		bd_str_printf(text, "%s%.*f %s per operation", text->len ? ", " : "", n < 0.95 ? 3 : 1, n, what);
}

static bool say(struct bd_bench_cell *c, const struct growth *g, double block_bytes_per_op)
{
	bd_auto_str struct bd_str text = {0};
	add(&text, slope(g, BYTES) + block_bytes_per_op, "bytes");
	add(&text, slope(g, BLOCKS), "Python blocks");
	add(&text, slope(g, REFERENCES), "references");
	if (!text.len) /* else it is where the allocators put what they gave */
		add(&text, slope(g, MAPPED), "bytes of mapped memory");
	return bd_check_fail(c, "V6", "leak", "tracemalloc, or a debug build of the interpreter, shows which ones",
		"leaks %s, in each of %d batches with %llu operations", text.s, g->n, (unsigned long long)g->ops);
}

static void note_unproven(struct bd_bench_cell *c, const struct growth *g)
{
	static const char key[] = "leaks-unproven";
	const struct bd_malloc_info *info = bd_malloc_identify();
	bool objects = g->known[BLOCKS] || (bd_streq(info->objalloc, "malloc") && g->known[BYTES]);
	if (!g->known[BYTES])
		bd_check_note(c, key, "glibc, jemalloc and tcmalloc tell",
			"leaks%s are unproven: %s %s does not tell what it has given", objects ? " of native code" : "",
			info->name, info->version);
	else if (!objects)
		bd_check_note(c, key, "",
			"leaks of Python objects are unproven: nothing counts them with this object allocator");
}

static int64_t per_op_ns(const struct bd_team *team)
{
	return bd_team_spent_ns(team) * team->n / BD_MAX((int64_t)bd_team_ops(team), 1);
}

/* How many operations one thread does in a batch, by the last one; threads have a duration (0). */
static uint64_t batch_ops(const struct bd_team *team)
{
	return team->n > 1 ? 0 : (uint64_t)(BATCH_NS / BD_MAX(per_op_ns(team), 1)) + 1;
}

/* One operation. Somebody else may have had the processor meanwhile: slow is what is slow every time, as long as that takes. */
static bool run_one(struct bd_bench_cell *c)
{
	int64_t spent = 0;
	for (int attempt = 0; attempt < ATTEMPTS && spent < SLOWEST_ALL_NS; attempt++) {
		if (!run(c, 1, 1))
			return false;
		if (per_op_ns(c->team) <= SLOWEST_NS)
			break;
		spent += per_op_ns(c->team);
	}
	return true;
}

/* The same in batches of twice as many operations. Threads run for a time, in which a loaded machine does as many as it can: when
 * they were not more, the batches are made longer still. False when something failed. */
static bool confirm(struct bd_bench_cell *c, uint64_t each, struct growth *g)
{
	bool always[SOURCES];
	memcpy(always, g->always, sizeof always);
	for (unsigned times = 2; times <= LONGEST; times *= 2) {
		memcpy(g->always, always, sizeof always);
		g->n = BATCHES;
		if (!grow(c, each, times, g))
			return false;
		if (longer(g) >= LONGER || !suspect(g))
			break;
	}
	return true;
}

/* What grew in every batch. */
static bool check_batches(struct bd_bench_cell *c)
{
	if (!run_one(c))
		return false;
	if (per_op_ns(c->team) > SLOWEST_NS) {
		bd_check_note(c, "leaks-unproven", "",
			"leaks are unproven: one operation takes %.0f ms, too long to repeat it for this",
			(double)per_op_ns(c->team) / 1e6);
		c->steps.n = 0; /* it is not repeated for steps either */
		return true;
	}
	struct growth g = {.known = {true, true, true, true}, .always = {true, true, true, true}};
	/* as long as the others: what fits such a batch is made now */
	if (!run(c, batch_ops(c->team), 1))
		return false;
	uint64_t each = batch_ops(c->team);
	g.most = bd_team_ops(c->team);
	if (!grow(c, each, 1, &g))
		return false;
	note_unproven(c, &g);
	if (!suspect(&g))
		return true;
	int64_t before = block_bytes();
	uint64_t done = g.ops;
	if (!confirm(c, each, &g))
		return false;
	if (suspect(&g) && longer(&g) < LONGER) {
		bd_check_note(c, "leaks-unproven", "measure again when the machine is less busy",
			"leaks are unproven: batches %d times as long did not do more operations", LONGEST);
		c->steps.n = 0;
		return true;
	}
	drop_per_batch(&g); /* what grows once per batch, and not with its operations, is no leak of theirs */
	if (!suspect(&g))
		return true;
	int64_t after = block_bytes();
	double per = 0;
	if (slope(&g, BLOCKS) > 0 && before != BD_NULL_INT && after != BD_NULL_INT)
		per = (double)(after - before) / (double)(g.ops - done);
	return say(c, &g, BD_MAX(per, 0.0));
}

bool bd_check_leaks(struct bd_bench_cell *c)
{
	return c->work.says_leaks || (check_batches(c) && bd_check_steps(c));
}
