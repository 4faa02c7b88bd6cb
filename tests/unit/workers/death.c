/* Whose death ends a worker: benchd's, never a thread's of benchd that asked for it. */
#include "workers_test.h"

#include <sys/prctl.h>

/* ---- a worker does not outlive the process that holds the pool ------------------------------------------ */

struct held {
	pid_t holder;
	int pidfd; /* of the worker */
};

/* A process that holds a pool with one worker that ignores SIGTERM and the end of its input. `bound`: started by the
 * pool; else by bd_spawn without its protection, which is the control. */
static struct held hold(bool bound)
{
	int p[2];
	BD_CHECK(pipe2(p, O_CLOEXEC) == 0);
	/* The worker is handed to us when its holder dies: we may then reap it. */
	BD_CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid_t holder = fork();
	if (holder == 0) {
		pid_t pid;
		if (bound) {
			struct bd_worker *w = NULL;
			struct bd_error err;
			BD_CHECK_INT(start_odd(new_pool(), "mute", "echo", 0, &w, &err), 0);
			pid = bd_worker_pid(w);
		} else {
			char *const argv[] = {(char *)"odd_worker", (char *)"mute", NULL},
				    *const env[] = {(char *)"BENCHD_FDS=0,1", NULL};
			const struct bd_spawn sp = {.program = odd_worker(),
				.argv = argv,
				.envp = env,
				.out_fd = -1,
				.err_fd = -1};
			BD_CHECK_INT(bd_spawn(&sp, &pid, NULL, NULL), 0);
		}
		BD_CHECK(write(p[1], &pid, sizeof pid) == (ssize_t)sizeof pid);
		for (;;)
			pause();
	}
	close(p[1]);
	struct held h = {.holder = holder};
	pid_t pid;
	BD_CHECK(read(p[0], &pid, sizeof pid) == (ssize_t)sizeof pid);
	close(p[0]);
	h.pidfd = bd_pidfd_open(pid);
	BD_CHECK(h.pidfd >= 0);
	BD_CHECK(!gone(h.pidfd, 0));
	return h;
}

BD_TEST(a_worker_does_not_outlive_the_pools_process)
{
	struct held h = hold(true);
	BD_CHECK(kill(h.holder, SIGKILL) == 0);
	BD_CHECK(waitpid(h.holder, NULL, 0) == h.holder);
	BD_CHECK(gone(h.pidfd, 2 * SECOND));
}

BD_TEST(without_the_pool_it_would)
{
	struct held h = hold(false);
	BD_CHECK(kill(h.holder, SIGKILL) == 0);
	BD_CHECK(waitpid(h.holder, NULL, 0) == h.holder);
	BD_CHECK(!gone(h.pidfd, SECOND / 4));
	BD_CHECK(pidfd_send_signal(h.pidfd, SIGKILL, NULL, 0) == 0);
	BD_CHECK(gone(h.pidfd, 10 * SECOND));
}

/* ---- it outlives the thread that asked ------------------------------------------------------------------- */

struct request {
	struct bd_worker_pool *pool; /* NULL: bd_spawn by the thread itself */
	struct bd_worker *w;
	int pidfd;
};

static void *start_in_thread(void *arg)
{
	struct request *r = arg;
	if (r->pool) {
		r->w = good(r->pool, "echo");
		return NULL;
	}
	char *const argv[] = {(char *)"odd_worker", (char *)"hang", NULL},
		    *const env[] = {(char *)"BENCHD_FDS=0,1", NULL};
	const struct bd_spawn sp = {.program = odd_worker(),
		.argv = argv,
		.envp = env,
		.out_fd = -1,
		.err_fd = -1,
		.die_with_parent = true};
	pid_t pid;
	BD_CHECK_INT(bd_spawn(&sp, &pid, &r->pidfd, NULL), 0);
	return NULL;
}

static void run_thread(struct request *r)
{
	pthread_t t;
	BD_CHECK(pthread_create(&t, NULL, start_in_thread, r) == 0);
	pthread_join(t, NULL);
}

BD_TEST(a_worker_outlives_the_thread_that_asked_for_it)
{
	/* the control first, so that the worker had at least as long to die: bound to the thread, it is killed */
	struct request direct = {.pidfd = -1}, pooled = {.pool = new_pool()};
	run_thread(&pooled);
	run_thread(&direct);
	BD_CHECK(gone(direct.pidfd, 10 * SECOND));
	cJSON *j = NULL;
	struct bd_error err;
	BD_CHECK(!gone(bd_worker_pidfd(pooled.w), 0));
	BD_CHECK_INT(ask(pooled.w, 10 * SECOND, &j, &err), 0);
	cJSON_Delete(j);
	bd_worker_free(&pooled.w);
	bd_worker_pool_free(&pooled.pool);
}

BD_TEST(a_worker_ends_with_the_pool)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = good(pool, "echo");
	bd_worker_pool_free(&pool); /* against the rule that none may be left: it is killed, not orphaned */
	BD_CHECK(gone(bd_worker_pidfd(w), 10 * SECOND));
	bd_worker_free(&w);
}

/* ---- what a worker started ------------------------------------------------------------------------------- */

BD_TEST(children_of_a_dead_worker_are_killed)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = good(pool, "child");
	cJSON *j = NULL;
	struct bd_error err;
	BD_CHECK_INT(ask(w, 10 * SECOND, &j, &err), 0);
	int pidfd = bd_pidfd_open((pid_t)cJSON_GetNumberValue(cJSON_GetObjectItem(j, "child")));
	cJSON_Delete(BD_TAKE_PTR(j));
	BD_CHECK(pidfd >= 0 && !gone(pidfd, 0));
	/* it holds the pipe open: the worker's end is seen all the same, long before the deadline */
	BD_CHECK(ask(w, 60 * SECOND, &j, &err) < 0);
	BD_CHECK_STR(err.key, "exit");
	BD_CHECK(gone(pidfd, 10 * SECOND));
	bd_worker_free(&w);
	bd_worker_pool_free(&pool);
}

BD_TEST(free_ends_one_that_ignores_the_end_of_its_input)
{
	struct bd_worker_pool *pool = new_pool();
	struct bd_worker *w = NULL;
	struct bd_error err;
	BD_CHECK_INT(start_odd(pool, "mute", "echo", 0, &w, &err), 0);
	int pidfd = dup(bd_worker_pidfd(w));
	bd_worker_free(&w);
	BD_CHECK(gone(pidfd, 0));
	bd_worker_pool_free(&pool);
}

BD_TEST_MAIN
