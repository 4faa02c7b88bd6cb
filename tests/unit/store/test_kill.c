/* kill -9 of a writer at random moments: the store opens, is sound, and holds exactly the rounds and the chunks
 * of traces it acknowledged, or one more. */
#include "support.h"
#include "sqlite.h"

#include <signal.h>
#include <sys/mman.h>

#define ROUND 7
#define KILLS 30

struct shared {
	_Atomic int64_t acknowledged;
};

static void writer(struct shared *sh, int64_t launch)
{
	struct bd_store *s = NULL;
	struct bd_sample round[ROUND];
	for (size_t i = 0; i < ROUND; i++)
		round[i] = sample_make((int64_t)i % 3, launch, 0, 4);
	CHECK_OK(bd_store_open(folder, &s, &err));
	for (int64_t n = 0;; n++) {
		for (size_t i = 0; i < ROUND; i++)
			round[i].round = n;
		CHECK_OK(bd_store_round_put(s, "01A", round, ROUND, &err));
		sh->acknowledged++;
		if (n % 5 == 4)
			CHECK_OK(bd_store_sync(s, &err));
	}
}

static int count_one(const struct bd_sample *x, void *arg)
{
	(void)x;
	++*(int64_t *)arg;
	return 0;
}

/* Kills the writer, begun by its own progress, anywhere inside what comes after; what it had acknowledged. */
static int64_t killed(pid_t pid, struct shared *sh, struct bd_rng *rng)
{
	int64_t wanted = (int64_t)bd_rng_below(rng, 12), deadline = bd_clock_mono_ns() + INT64_C(30000000000);
	while (sh->acknowledged < wanted && bd_clock_mono_ns() < deadline)
		bd_sleep_ns(20000);
	bd_sleep_ns((int64_t)bd_rng_below(rng, 1500000));
	kill(pid, SIGKILL);
	int status;
	waitpid(pid, &status, 0);
	BD_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	BD_CHECK(sh->acknowledged >= wanted);
	return sh->acknowledged;
}

static void integrity(void)
{
	bd_auto_free char *path = bd_printf("%s/" BD_STORE_SQLITE_FILE, folder);
	sqlite3 *db = NULL;
	bd_auto_stmt sqlite3_stmt *st = NULL;
	BD_CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	BD_CHECK_INT(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
	BD_CHECK_INT(sqlite3_step(st), SQLITE_ROW);
	BD_CHECK_STR((const char *)sqlite3_column_text(st, 0), "ok");
	bd_sqlite_stmt_done(&st);
	sqlite3_close(db);
}

BD_TEST(killed_at_random_moments)
{
	folder_make();
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	run_put(s, "01A", "x", BD_RUN_RUNNING);
	bd_store_free(&s);
	struct shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	BD_CHECK(sh != MAP_FAILED);
	struct bd_rng rng;
	bd_rng_init(&rng, 5);
	int64_t kept = 0;
	for (int64_t k = 0; k < KILLS; k++) {
		sh->acknowledged = 0;
		pid_t pid = fork();
		if (pid == 0) {
			writer(sh, k);
			_exit(0);
		}
		int64_t told = killed(pid, sh, &rng), n = 0;
		CHECK_OK(bd_store_open(folder, &s, &err));
		CHECK_OK(bd_store_samples_each(s, "01A", -1, count_one, &n, &err));
		bd_store_free(&s);
		n -= kept;
		BD_CHECK_INT(n % ROUND, 0);
		if (n / ROUND != told && n / ROUND != told + 1)
			BD_FAIL("kill %lld: %lld rounds were acknowledged, %lld are there", (long long)k,
				(long long)told, (long long)(n / ROUND));
		kept += n;
	}
	integrity();
}

/* ---- traces ---- */

static void tracing(struct shared *sh, int64_t from)
{
	struct bd_store *s = NULL;
	CHECK_OK(bd_store_open(folder, &s, &err));
	for (int64_t n = from;; n++) {
		size_t bytes = (size_t)(n % 5) * 9001 + 1;
		bd_auto_free char *data = chunk_data(n, bytes);
		struct bd_trace_chunk c = {.start_ns = n, .end_ns = n + 1, .data = data, .bytes = bytes};
		CHECK_OK(bd_store_trace_chunk_put(s, "01T", &c, &err));
		sh->acknowledged++;
	}
}

static int chunk_next(const struct bd_trace_chunk *c, void *arg)
{
	int64_t n = (*(int64_t *)arg)++;
	BD_CHECK_INT(c->start_ns, n);
	BD_CHECK_INT(c->bytes, (n % 5) * 9001 + 1);
	bd_auto_free char *data = chunk_data(n, c->bytes);
	BD_CHECK(memcmp(c->data, data, c->bytes) == 0);
	return 0;
}

BD_TEST(a_trace_keeps_what_was_put_before_the_kill)
{
	folder_make();
	struct bd_store *s = NULL;
	struct bd_trace t = trace_make("01T", NULL, BD_RUN_RUNNING), back;
	CHECK_OK(bd_store_open(folder, &s, &err));
	CHECK_OK(bd_store_trace_create(s, &t, &err));
	bd_store_free(&s);
	struct shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	BD_CHECK(sh != MAP_FAILED);
	struct bd_rng rng;
	bd_rng_init(&rng, 6);
	int64_t kept = 0;
	for (int64_t k = 0; k < KILLS; k++) {
		sh->acknowledged = 0;
		pid_t pid = fork();
		if (pid == 0) {
			tracing(sh, kept);
			_exit(0);
		}
		int64_t told = killed(pid, sh, &rng), n = 0, bytes = 0;
		CHECK_OK(bd_store_open(folder, &s, &err));
		CHECK_OK(bd_store_trace_chunks_each(s, "01T", chunk_next, &n, &err));
		if (n - kept != told && n - kept != told + 1)
			BD_FAIL("kill %lld: %lld chunks were acknowledged, %lld are there", (long long)k,
				(long long)told, (long long)(n - kept));
		kept = n;
		for (int64_t i = 0; i < kept; i++)
			bytes += (i % 5) * 9001 + 1;
		CHECK_OK(bd_store_trace_get(s, "01T", &back, &err));
		BD_CHECK_INT(back.bytes, bytes);
		bd_trace_done(&back);
		bd_store_free(&s);
	}
	integrity();
}

BD_TEST_MAIN
