/* A folder of its own per test, and runs, cells and samples in which every field has a value of its own. */
#ifndef STORE_SUPPORT_H
#define STORE_SUPPORT_H

#include "bd_store.h"
#include "bd_test.h"

#include <ftw.h>
#include <sys/mount.h>
#include <unistd.h>

static char folder[256];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void folder_remove(void)
{
	umount2(folder, MNT_DETACH); /* where a test mounted a small disk */
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static __attribute__((unused)) void folder_make(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/bd-store-XXXXXX", tmp ? tmp : "/tmp");
	BD_CHECK(mkdtemp(folder));
	atexit(folder_remove);
}

#define CHECK_OK(call)                                                             \
	do {                                                                       \
		struct bd_error err = {0};                                         \
		int r_ = (call);                                                   \
		if (r_ < 0)                                                        \
			BD_FAIL("%s: %d %s: %s", #call, r_, err.key, err.message); \
	} while (0)
#define CHECK_ERROR(call, wanted)              \
	do {                                   \
		struct bd_error err = {0};     \
		BD_CHECK((call) < 0);          \
		BD_CHECK_STR(err.key, wanted); \
		BD_CHECK(err.message[0]);      \
	} while (0)

/* The numbers from seed on, each used once. */
static void fill(int64_t *v, size_t n, int64_t seed)
{
	for (size_t i = 0; i < n; i++)
		v[i] = seed + (int64_t)i * 1000003;
}

static __attribute__((unused)) struct bd_sample sample_make(int64_t cell, int64_t launch, int64_t round, size_t threads)
{
	struct bd_sample s = {.cell = cell,
		.launch = launch,
		.round = round,
		.start_ns = INT64_C(1) << 53,
		.wall_ns = 200000001,
		.probe_ns = {50001, 51002},
		.minor_faults = 3,
		.major_faults = 4,
		.steal_ticks = 5,
		.throttled = 6,
		.traced = true,
		.lost = 7,
		.max_wait_ns = 8000009};
	for (size_t i = 0; i < threads; i++) {
		struct bd_sample_thread *t = BD_PUSH(s.threads, s.threads_len);
		fill((int64_t *)(void *)t, sizeof *t / sizeof(int64_t), cell * 100 + (int64_t)i);
	}
	if (threads > 1)
		*BD_PUSH(s.blocks, s.blocks_len) = (struct bd_sample_block){0, 1, 47000000, 15100};
	if (threads > 0)
		*BD_PUSH(s.blocks, s.blocks_len) = (struct bd_sample_block){(int64_t)threads - 1, -1, 11, 2};
	*BD_PUSH(s.hist, s.hist_len) = (struct bd_sample_bucket){0, 1};
	*BD_PUSH(s.hist, s.hist_len) = (struct bd_sample_bucket){BD_HIST_BUCKETS - 1, INT64_MAX};
	return s;
}

static __attribute__((unused)) void samples_done(struct bd_sample *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bd_sample_done(&v[i]);
}

static __attribute__((unused)) void sample_check(const struct bd_sample *a, const struct bd_sample *b)
{
	BD_CHECK_INT(a->cell, b->cell);
	BD_CHECK_INT(a->launch, b->launch);
	BD_CHECK_INT(a->round, b->round);
	BD_CHECK_INT(a->kind, b->kind);
	BD_CHECK_INT(a->start_ns, b->start_ns);
	BD_CHECK_INT(a->wall_ns, b->wall_ns);
	BD_CHECK_INT(a->probe_ns[0], b->probe_ns[0]);
	BD_CHECK_INT(a->probe_ns[1], b->probe_ns[1]);
	BD_CHECK_INT(a->minor_faults, b->minor_faults);
	BD_CHECK_INT(a->major_faults, b->major_faults);
	BD_CHECK_INT(a->steal_ticks, b->steal_ticks);
	BD_CHECK_INT(a->throttled, b->throttled);
	BD_CHECK_INT(a->traced, b->traced);
	BD_CHECK_INT(a->lost, b->lost);
	BD_CHECK_INT(a->max_wait_ns, b->max_wait_ns);
	BD_CHECK_INT(a->threads_len, b->threads_len);
	BD_CHECK_INT(a->blocks_len, b->blocks_len);
	BD_CHECK_INT(a->hist_len, b->hist_len);
	BD_CHECK(a->threads_len == 0 || memcmp(a->threads, b->threads, a->threads_len * sizeof *a->threads) == 0);
	BD_CHECK(a->blocks_len == 0 || memcmp(a->blocks, b->blocks, a->blocks_len * sizeof *a->blocks) == 0);
	BD_CHECK(a->hist_len == 0 || memcmp(a->hist, b->hist, a->hist_len * sizeof *a->hist) == 0);
}

static __attribute__((unused)) struct bd_cell cell_make(int64_t index)
{
	struct bd_cell c = {.index = index,
		.case_name = bd_strdup("gil-contention"),
		.reference = index - 1,
		.scaling = index ? 0 : -1,
		.role = bd_strdup(index == 2 ? "same-process" : "cell"),
		.twin = index == 2 ? 1 : -1,
		.status = BD_CELL_OK,
		.iterations = index ? 0 : 4096,
		.duration_ns = index ? 200000000 : 0};
	char threads[24];
	snprintf(threads, sizeof threads, "%lld", (long long)(1 << index));
	bd_axes_set(&c.axes, "python", "3.11.2");
	bd_axes_set(&c.axes, "threads", threads);
	bd_axes_set(&c.axes, "gil", "hold");
	c.id = bd_printf("gil-contention/threads=%s", threads);
	return c;
}

/* A run that owns nothing: for writing only. */
static __attribute__((unused)) struct bd_run run_make(const char *id, const char *suite, enum bd_run_state state)
{
	return (struct bd_run){.id = (char *)(uintptr_t)id,
		.suite = (char *)(uintptr_t)suite,
		.state = state,
		.created_ns = 1767323045000000000,
		.wall_s = NAN,
		.setup_s = NAN,
		.measure_s = NAN,
		.batch_s = NAN,
		.seed = 7,
		.launches = 6,
		.rounds = 2,
		.cells = 2};
}

static __attribute__((unused)) void run_put(struct bd_store *s, const char *id, const char *suite,
	enum bd_run_state state)
{
	struct bd_run run = run_make(id, suite, state);
	struct bd_cell cells[3];
	for (int64_t i = 0; i < 3; i++)
		cells[i] = cell_make(i);
	CHECK_OK(bd_store_run_create(s, &run, cells, 3, &err));
	for (int64_t i = 0; i < 3; i++)
		bd_cell_done(&cells[i]);
}

/* A trace that owns nothing: for writing only. */
static __attribute__((unused)) struct bd_trace trace_make(const char *id, const char *run, enum bd_run_state state)
{
	return (struct bd_trace){.id = (char *)(uintptr_t)id,
		.run_id = (char *)(uintptr_t)run,
		.state = state,
		.pid = 4242,
		.python = (char *)"3.12.1",
		.command = (char *)"python3 app.py",
		.level = (char *)"events",
		.created_ns = 1767323045000000000,
		.start_mono_ns = 81002334000,
		.end_mono_ns = 85002334000,
		.waits = 9120,
		.wait_ns = 1802334000,
		.lost = 3};
}

/* Bytes that tell which chunk they are of and where in it. Caller frees. */
static __attribute__((unused)) char *chunk_data(int64_t number, size_t bytes)
{
	char *data = bd_alloc(bytes + 1);
	for (size_t i = 0; i < bytes; i++)
		data[i] = (char)(unsigned char)((uint64_t)number * 131 + i * 7 + (i >> 8));
	return data;
}

#endif
