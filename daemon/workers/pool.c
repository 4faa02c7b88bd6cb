#include "bd_workers.h"

#include <pthread.h>
#include <signal.h>

/* A spawn somebody waits for; lives on the stack of who asked. */
struct order {
	const struct bd_spawn *sp;
	pid_t pid;
	int pidfd, result;
	bool done;
	struct bd_error err;
	struct order *next;
};

/* The kernel sends PR_SET_PDEATHSIG when the *thread* that forked ends, not the process. So one thread does all the
 * forking and does nothing else: callers come and go, it stays as long as the pool. */
struct bd_worker_pool {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct order *first;
	bool stop;
};

static void *serve(void *arg)
{
	struct bd_worker_pool *pool = arg;
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!pool->first && !pool->stop)
			pthread_cond_wait(&pool->changed, &pool->lock);
		struct order *o = pool->first;
		if (!o)
			break;
		pool->first = o->next;
		pthread_mutex_unlock(&pool->lock);
		o->result = bd_spawn(o->sp, &o->pid, &o->pidfd, &o->err);
		pthread_mutex_lock(&pool->lock);
		o->done = true;
		pthread_cond_broadcast(&pool->changed);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

int bd_worker_pool_new(struct bd_worker_pool **ret, struct bd_error *err)
{
	struct bd_worker_pool *pool = bd_alloc(sizeof *pool);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	/* Signals of the process are for the threads that expect them. */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int e = pthread_create(&pool->thread, NULL, serve, pool);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (e) {
		pthread_cond_destroy(&pool->changed);
		pthread_mutex_destroy(&pool->lock);
		free(pool);
		return bd_error_set(err, -e, "internal", NULL, "cannot start the thread of the workers: %s",
			strerror(e));
	}
	*ret = pool;
	return 0;
}

void bd_worker_pool_free(struct bd_worker_pool **pool)
{
	struct bd_worker_pool *p = BD_TAKE_PTR(*pool);
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

int bd_worker_pool_spawn(struct bd_worker_pool *pool, const struct bd_spawn *sp, pid_t *ret_pid, int *ret_pidfd,
	struct bd_error *err)
{
	struct order o = {.sp = sp, .pidfd = -1};
	pthread_mutex_lock(&pool->lock);
	struct order **end = &pool->first;
	while (*end)
		end = &(*end)->next;
	*end = &o;
	pthread_cond_broadcast(&pool->changed);
	while (!o.done)
		pthread_cond_wait(&pool->changed, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	if (o.result < 0) {
		if (err)
			*err = o.err;
		return o.result;
	}
	*ret_pid = o.pid;
	*ret_pidfd = o.pidfd;
	return 0;
}
