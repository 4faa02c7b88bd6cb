/* Between pool.c and worker.c. */
#ifndef BD_WORKERS_POOL_H
#define BD_WORKERS_POOL_H

#include "bd_workers.h"

/* bd_spawn() on the pool's own thread. */
int bd_worker_pool_spawn(struct bd_worker_pool *pool, const struct bd_spawn *sp, pid_t *ret_pid, int *ret_pidfd,
	struct bd_error *err);

#endif
