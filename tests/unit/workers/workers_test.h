/* What the tests of this folder share. */
#include "bd_test.h"
#include "bd_workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
static const char *const sample[] = {"sample", NULL};

static inline const char *odd_worker(void)
{
	static char *path;
	if (!path)
		path = bd_printf("%s/odd_worker", bd_program_dir());
	return path;
}

static inline struct bd_worker_pool *new_pool(void)
{
	struct bd_worker_pool *pool;
	struct bd_error err;
	if (bd_worker_pool_new(&pool, &err) < 0)
		BD_FAIL("%s", err.message);
	return pool;
}

/* Starts odd_worker START ANSWER. */
static inline int start_odd(struct bd_worker_pool *pool, const char *start, const char *answer, int64_t timeout_ns,
	struct bd_worker **ret, struct bd_error *err)
{
	char *const args[] = {(char *)start, (char *)answer, NULL};
	const struct bd_worker_spec spec = {.program = odd_worker(),
		.args = args,
		.log_fd = -1,
		.start_timeout_ns = timeout_ns};
	return bd_worker_start(pool, &spec, ret, err);
}

static inline struct bd_worker *good(struct bd_worker_pool *pool, const char *answer)
{
	struct bd_worker *w = NULL;
	struct bd_error err;
	if (start_odd(pool, "good", answer, 0, &w, &err) < 0)
		BD_FAIL("%s: %s", err.key, err.message);
	return w;
}

static inline int ask(struct bd_worker *w, int64_t timeout_ns, cJSON **ret, struct bd_error *err)
{
	bd_auto_json cJSON *j = cJSON_CreateObject();
	cJSON_AddStringToObject(j, "type", "batch");
	int r = bd_worker_send(w, j, err);
	return r < 0 ? r : bd_worker_receive(w, sample, timeout_ns, -1, ret, err);
}

/* The process behind a pidfd has ended within that time. */
static inline bool gone(int pidfd, int64_t timeout_ns)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int64_t deadline = bd_clock_mono_ns() + timeout_ns;
	for (;;) {
		int64_t left = deadline - bd_clock_mono_ns();
		int k = poll(&p, 1, left > 0 ? (int)(left / 1000000) + 1 : 0);
		if (k > 0 || left <= 0)
			return k > 0;
	}
}

/* Dead, reaped, and every later call says the same. */
static inline void check_dead(struct bd_worker *w, const char *key)
{
	BD_CHECK(bd_worker_dead(w));
	BD_CHECK(gone(bd_worker_pidfd(w), 0));
	BD_CHECK(kill(bd_worker_pid(w), 0) < 0 && errno == ESRCH);
	cJSON *j = NULL;
	struct bd_error err;
	BD_CHECK(ask(w, SECOND, &j, &err) < 0);
	BD_CHECK_STR(err.key, key);
	BD_CHECK(!j);
}
