/* seed DATA [RUNS [SAMPLES]]: fills the store in folder DATA with so many runs (1,000), which have so many samples in all
 * (1,000,000), through the daemon's own store and report modules. What is in it looks like a year of one machine
 * measuring gil-contention: noise, two changes that stay, a few runs with troubled cells, a few that did not end well.
 * The same numbers every time, but for the ids and times, which end an hour before now. */
#include "bd_report.h"
#include "bd_store.h"

#include <errno.h>
#include <stdio.h>

#define LAUNCHES 6
#define APART_NS INT64_C(7200000000000) /* from one run to the next */
#define CELLS 19
#define TWINS 2
#define WALL_NS 30000000
#define SYNC_EVERY 50

struct seed {
	struct bd_store *store;
	struct bd_rng rng;
	int64_t runs, rounds, first_ns;
	int64_t samples;
};
struct plan {
	struct bd_cell cells[CELLS + TWINS];
	double truth_ns[CELLS + TWINS];
	int64_t threads[CELLS + TWINS];
};

/* An identifier of that moment; those of bd_ulid are of now. */
static void id_of(struct bd_rng *rng, int64_t real_ns, char out[BD_ULID_LEN])
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t ms = (uint64_t)real_ns / 1000000;
	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[i] = alphabet[ms & 31];
	for (int i = 10; i < BD_ULID_LEN - 1; i++)
		out[i] = alphabet[bd_rng_below(rng, 32)];
	out[BD_ULID_LEN - 1] = 0;
}

/* About normal, mean 0, deviation 1. */
static double noise(struct bd_rng *rng)
{
	double sum = 0;
	for (int i = 0; i < 12; i++)
		sum += bd_rng_unit(rng);
	return sum - 6;
}

/* ---- what is measured --------------------------------------------------------------------------------------------- */

static void cell_make(struct plan *p, size_t i, const char *case_name, const char *binding, int64_t threads,
	const char *gil, const char *u, double truth_ns)
{
	struct bd_cell *c = &p->cells[i];
	*c = (struct bd_cell){.index = (int64_t)i,
		.case_name = bd_strdup(case_name),
		.reference = -1,
		.scaling = -1,
		.twin = -1,
		.role = bd_strdup("cell"),
		.iterations = threads == 1 ? 4096 : 0,
		.duration_ns = threads == 1 ? 0 : WALL_NS};
	bd_auto_free char *count = bd_printf("%lld", (long long)threads);
	const char *const axes[][2] = {{"python", "3.11.2"}, {"binding", binding}, {"caller", "python"},
		{"allocator", "glibc"}, {"objalloc", "pymalloc"}, {"threads", count}, {"affinity", "pinned"},
		{"gc", "on"}, {"switch_interval", "5ms"}, {"gil", gil}, {"u", u}};
	for (size_t k = 0; k < BD_LEN(axes); k++)
		if (axes[k][1])
			bd_axes_set(&c->axes, axes[k][0], axes[k][1]);
	c->id = bd_cell_id(case_name, &c->axes);
	p->truth_ns[i] = truth_ns;
	p->threads[i] = threads;
}

static void twin_make(struct plan *p, size_t i, const char *role)
{
	struct bd_cell *c = &p->cells[i], *of = &p->cells[0];
	*c = *of;
	c->index = (int64_t)i;
	c->case_name = bd_strdup(of->case_name);
	c->id = bd_printf("%s#%s", of->id, role);
	c->role = bd_strdup(role);
	c->twin = 0;
	c->reference = c->scaling = -1;
	bd_axes_copy(&of->axes, &c->axes);
	p->truth_ns[i] = p->truth_ns[0];
	p->threads[i] = 1;
}

/* Holders take turns; releasers run side by side on two processors. */
static void plan_make(struct plan *p)
{
	static const struct {
		const char *name;
		double ns;
	} works[] = {{"1us", 1060}, {"100us", 100400}, {"1ms", 1001900}};
	size_t n = 0;
	*p = (struct plan){0};
	for (size_t w = 0; w < BD_LEN(works); w++)
		for (int release = 0; release < 2; release++)
			for (int64_t threads = 1; threads <= 4; threads *= 2) {
				double lanes = release ? (double)BD_MIN(threads, 2) : 1;
				double own = works[w].ns + (release ? 60 : 0);
				cell_make(p, n, "gil-contention", "capi:fastcall", threads,
					release ? "release" : "hold", works[w].name,
					own * (double)threads / lanes * (threads > 1 ? 1.02 : 1));
				p->cells[n].scaling = threads > 1 ? (int64_t)(n - (threads > 2) - 1) : -1;
				p->cells[n].reference = (int64_t)(w * 6 + 3);
				n++;
			}
	for (size_t w = 0; w < BD_LEN(works); w++)
		p->cells[w * 6 + 3].reference = -1;
	cell_make(p, n++, "empty-loop", "plain", 1, NULL, NULL, 11.9);
	twin_make(p, n++, "same-process");
	twin_make(p, n, "second-process");
}

static void plan_done(struct plan *p)
{
	for (size_t i = 0; i < BD_LEN(p->cells); i++)
		bd_cell_done(&p->cells[i]);
}

/* ---- one run ------------------------------------------------------------------------------------------------------- */

static cJSON *environment(int64_t run)
{
	cJSON *e = cJSON_CreateObject();
	cJSON_AddStringToObject(e, "cpu_model", "Example CPU 1234 @ 2.50GHz");
	cJSON_AddNumberToObject(e, "processors_online", 2);
	cJSON_AddNumberToObject(e, "processors_allowed", 2);
	cJSON_AddBoolToObject(e, "hypervisor", true);
	cJSON_AddStringToObject(e, "kernel", run < 700 ? "6.1.0-18-amd64" : "6.1.0-22-amd64");
	cJSON_AddStringToObject(e, "machine", "x86_64");
	cJSON_AddStringToObject(e, "libc", "2.36");
	cJSON_AddNumberToObject(e, "memory_bytes", 16777216000.0);
	cJSON *calibration = cJSON_AddObjectToObject(e, "calibration");
	cJSON_AddNumberToObject(calibration, "ns_per_step", 1.2);
	cJSON_AddNumberToObject(calibration, "probe_steps", 41667);
	cJSON *list = cJSON_AddArrayToObject(e, "interpreters"), *one = cJSON_CreateObject();
	cJSON_AddItemToArray(list, one);
	cJSON_AddStringToObject(one, "id", "3.11.2");
	cJSON_AddStringToObject(one, "compiler", "[GCC 12.2.0]");
	cJSON *objects = cJSON_AddArrayToObject(one, "objects");
	for (int i = 0; i < 10; i++) { /* as many as a worker has */
		cJSON *o = cJSON_CreateObject();
		cJSON_AddItemToArray(objects, o);
		bd_auto_free char *path = bd_printf("/usr/lib/x86_64-linux-gnu/libexample%d.so.%d", i, i + 1);
		cJSON_AddStringToObject(o, "path", path);
		cJSON_AddStringToObject(o, "build_id", "3f7712010299d2568494e4fb866aa2965d1098e9");
	}
	cJSON_AddObjectToObject(e, "variables");
	return e;
}

static void trace_add(struct bd_sample *s, struct bd_rng *rng, bool hold)
{
	const int64_t n = (int64_t)s->threads_len;
	for (int64_t i = 0; i < n; i++) {
		struct bd_sample_thread *t = &s->threads[i];
		t->waits = hold ? 6 : (int64_t)bd_rng_below(rng, 40);
		t->wait_ns = hold ? s->wall_ns * (n - 1) / n : t->waits * 9000;
		t->holder_ns = t->wait_ns * 9 / 10;
		t->runqueue_ns = t->wait_ns / 20;
		t->switch_ns = t->wait_ns / 40;
		t->mutex_ns = t->wait_ns - t->holder_ns - t->runqueue_ns - t->switch_ns;
		for (int64_t k = 0; k < n; k++)
			if (k != i)
				*BD_PUSH(s->blocks, s->blocks_len) = (struct bd_sample_block){i, k,
					t->holder_ns / (n - 1), t->waits / (n - 1)};
	}
	const uint64_t around = hold ? 5000000 : 9000;
	for (uint64_t k = 0; n > 1 && k < 8; k++)
		*BD_PUSH(s->hist, s->hist_len) = (struct bd_sample_bucket){bd_hist_bucket(around + k * around / 4),
			3 + (int64_t)(8 - k)};
	s->max_wait_ns = n > 1 ? (int64_t)around * 3 : 0;
}

static struct bd_sample sample_make(struct seed *seed, const struct plan *p, size_t i, int64_t launch, int64_t round,
	double factor)
{
	const int64_t threads = p->threads[i];
	const bool hold = bd_streq(bd_axes_get(&p->cells[i].axes, "gil"), "hold");
	double time = p->truth_ns[i] * factor * (1 + 0.004 * noise(&seed->rng));
	struct bd_sample s = {.cell = (int64_t)i,
		.launch = launch,
		.round = round,
		.start_ns = 1000000000 + (launch * 100 + round) * WALL_NS,
		.wall_ns = WALL_NS + (int64_t)bd_rng_below(&seed->rng, 100000),
		.probe_ns = {50000 + (int64_t)bd_rng_below(&seed->rng, 900),
			50000 + (int64_t)bd_rng_below(&seed->rng, 900)},
		.minor_faults = (int64_t)bd_rng_below(&seed->rng, 3),
		.traced = i < CELLS};
	for (int64_t t = 0; t < threads; t++)
		*BD_PUSH(s.threads, s.threads_len) = (struct bd_sample_thread){.tid = 4000 + (int64_t)i * 8 + t,
			.ops = BD_MAX((int64_t)((double)s.wall_ns / time), 1),
			.straddled = threads > 1,
			.overrun_ns = threads > 1 ? 20000 : 0,
			.cpu_ns = hold ? s.wall_ns / threads : s.wall_ns,
			.processor = t % 2,
			.voluntary = threads > 1 ? 6 : 0,
			.involuntary = 1};
	if (s.traced)
		trace_add(&s, &seed->rng, hold);
	return s;
}

static int rounds_put(struct seed *seed, const char *id, const struct plan *p, int64_t number, int64_t launches,
	struct bd_error *err)
{
	/* the machine of that day, and two changes that stay */
	double day = 1 + 0.003 * noise(&seed->rng);
	for (int64_t launch = 0; launch < launches; launch++)
		for (int64_t round = 0; round < seed->rounds; round++) {
			struct bd_sample samples[CELLS + TWINS];
			size_t n = 0;
			for (size_t i = 0; i < CELLS + TWINS; i++) {
				double change = 1;
				if (i == 0 && number > seed->runs * 2 / 5)
					change *= 1.06;
				if (i >= 6 && i < 12 && number > seed->runs * 7 / 10)
					change *= 0.95;
				if (p->cells[i].status == BD_CELL_OK)
					samples[n++] = sample_make(seed, p, i, launch, round, day * change);
			}
			int r = bd_store_round_put(seed->store, id, samples, n, err);
			for (size_t i = 0; i < n; i++)
				bd_sample_done(&samples[i]);
			if (r < 0)
				return r;
			seed->samples += (int64_t)n;
		}
	return 0;
}

/* Every 29th run has a cell that did not pass its checks, every 41st one that is not there, every 53rd one that crashed. */
static void trouble(struct plan *p, int64_t number)
{
	struct bd_cell *c = &p->cells[2 + number % 10];
	if (number % 29 == 7) {
		c->status = BD_CELL_INVALID;
		c->reason = bd_reason_new("V4", "no-overlap", NULL,
			"the native parts of two threads never ran at once");
	} else if (number % 41 == 11) {
		c->status = BD_CELL_UNSUPPORTED;
		c->reason = bd_reason_new(NULL, "not-built", "apt-get install python3-dev", "capi was not built");
	} else if (number % 53 == 13) {
		c->status = BD_CELL_FAILED;
		c->reason = bd_reason_new(NULL, "signal", "benchctl daemon log",
			"the worker was ended by signal 6 (SIGABRT)");
	}
}

/* Stored as one that has ended from the beginning: a disk takes its time for every change of state. */
static int run_put(struct seed *seed, int64_t number, struct bd_error *err)
{
	char id[BD_ULID_LEN];
	struct plan p;
	plan_make(&p);
	const bool cut = number % 97 == 31;
	struct bd_run run = {.id = id,
		.suite = "gil-contention",
		.state = cut ? BD_RUN_CANCELLED : BD_RUN_COMPLETE,
		.created_ns = seed->first_ns + number * APART_NS,
		.wall_s = 41.2,
		.setup_s = 5.1,
		.measure_s = 36,
		.batch_s = 34.9,
		.seed = 7 + number,
		.launches = LAUNCHES,
		.rounds = seed->rounds,
		.cells = CELLS,
		.comparability_key = number < seed->runs * 7 / 10 ? "169791dce1678af1" : "10debb801e2eaa75",
		.environment = environment(number)};
	id_of(&seed->rng, run.created_ns, id);
	run.started_ns = run.created_ns + 1000000;
	run.finished_ns = run.started_ns + 41200000000;
	run.reason = cut ? bd_reason_new(NULL, "cancelled", NULL, "cancelled by request; what was measured is kept")
			 : NULL;
	bd_map_set(&run.labels, "branch", number % 5 ? "main" : "try");
	bd_auto_free char *commit = bd_printf("%07llx", (unsigned long long)bd_rng_below(&seed->rng, 1 << 28));
	bd_map_set(&run.labels, "commit", commit);
	int r = bd_store_run_create(seed->store, &run, p.cells, BD_LEN(p.cells), err);
	trouble(&p, number);
	for (size_t i = 0; r == 0 && i < CELLS; i++)
		if (p.cells[i].status != BD_CELL_OK)
			r = bd_store_cell_update(seed->store, id, &p.cells[i], err);
	if (r == 0)
		r = rounds_put(seed, id, &p, number, cut ? LAUNCHES / 2 : LAUNCHES, err);
	if (r == 0)
		r = bd_report_finish(seed->store, id, err);
	if (r == 0 && number % SYNC_EVERY == 0)
		r = bd_store_sync(seed->store, err); /* else the log grows as large as the store */
	bd_reason_free(run.reason);
	bd_map_done(&run.labels);
	cJSON_Delete(run.environment);
	plan_done(&p);
	return r;
}

static bool count_read(const char *text, int64_t *ret)
{
	char *end;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return !errno && *ret > 0 && !*end;
}

int main(int argc, char **argv)
{
	struct seed seed = {.runs = 1000};
	int64_t samples = 1000000;
	if (argc < 2 || argc > 4 || (argc > 2 && !count_read(argv[2], &seed.runs)) ||
		(argc > 3 && !count_read(argv[3], &samples))) {
		fprintf(stderr, "usage: seed DATA [RUNS [SAMPLES]]\n");
		return BD_EXIT_USAGE;
	}
	struct bd_error err = {0};
	bd_rng_init(&seed.rng, 20260102);
	int64_t a_round = seed.runs * LAUNCHES * (CELLS + TWINS);
	seed.rounds = BD_MAX((samples + a_round / 2) / a_round, 1);
	seed.first_ns = bd_clock_real_ns() - seed.runs * APART_NS - 3600 * INT64_C(1000000000);
	int64_t begun = bd_clock_mono_ns();
	int r = bd_mkdirs(argv[1], 0700);
	if (r < 0)
		bd_error_set(&err, r, "data-unusable", NULL, "cannot make %s: %s", argv[1], strerror(-r));
	if (r == 0)
		r = bd_store_open(argv[1], &seed.store, &err);
	for (int64_t i = 0; r == 0 && i < seed.runs; i++)
		r = run_put(&seed, i, &err);
	bd_store_free(&seed.store);
	if (r < 0) {
		fprintf(stderr, "seed: %s\n", err.message);
		return bd_error_kind(err.key)->exit_status;
	}
	printf("%lld runs, %lld samples in %.1f s\n", (long long)seed.runs, (long long)seed.samples,
		(double)(bd_clock_mono_ns() - begun) / 1e9);
	return 0;
}
