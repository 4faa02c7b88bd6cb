/* bd_workers: starts worker processes, drops their privileges, speaks the worker protocol, keeps deadlines.
 *
 * A pool owns one thread that forks every worker and lives as long as the pool, so that PR_SET_PDEATHSIG means "when
 * benchd dies". A worker handle is used by one thread at a time. */
#ifndef BD_WORKERS_H
#define BD_WORKERS_H

#include "bd_model.h"

struct bd_worker_pool;
struct bd_worker;

int bd_worker_pool_new(struct bd_worker_pool **ret, struct bd_error *err);
void bd_worker_pool_free(struct bd_worker_pool **pool); /* no worker may be left */
/* bd_spawn() on the pool's own thread; also of programs that are no workers. */
int bd_worker_pool_spawn(struct bd_worker_pool *pool, const struct bd_spawn *sp, pid_t *ret_pid, int *ret_pidfd,
	struct bd_error *err);

struct bd_worker_spec {
	const char *program;      /* absolute path of a bench-worker or of any program that speaks the protocol */
	char *const *args;        /* further arguments, NULL-ended; NULL = none */
	const struct bd_map *env; /* the whole environment; BENCHD_FDS is added */
	const char *cwd;          /* NULL = "/" */
	int log_fd;               /* worker's stdout and stderr; -1 = /dev/null */
	int64_t start_timeout_ns; /* until `ready`, and for any message to be taken; 0 = 20 s */
	bool allow_privileges;    /* tests only: do not drop */
};
/* Starts, says hello, waits for ready and checks it. Errors: worker-missing, signal, exit, timeout, protocol,
 * privilege (CapEff not 0 or NoNewPrivs not 1, as the worker reports them or as the kernel does). */
int bd_worker_start(struct bd_worker_pool *pool, const struct bd_worker_spec *spec, struct bd_worker **ret,
	struct bd_error *err);
/* Starts many side by side; rets[i] is NULL and errs[i] set where one failed. Returns the number started. */
size_t bd_worker_start_all(struct bd_worker_pool *pool, const struct bd_worker_spec *specs, size_t n,
	struct bd_worker **rets, struct bd_error *errs);
const struct bd_worker_ready *bd_worker_ready(const struct bd_worker *w); /* borrowed until free */
pid_t bd_worker_pid(const struct bd_worker *w);
int bd_worker_pidfd(const struct bd_worker *w); /* borrowed */

/* Sends one message. */
int bd_worker_send(struct bd_worker *w, const cJSON *message, struct bd_error *err);
/* Next message of one of the wanted types (NULL-ended), within timeout_ns. `log` messages are passed to the log and
 * skipped; `fault`, any other type, a line over 4 MiB, or text that is not one JSON object is `protocol`.
 * cancel_fd: readable = give up with "cancelled" (-1 = none). After any error but cancelled the worker is dead. */
int bd_worker_receive(struct bd_worker *w, const char *const *types, int64_t timeout_ns, int cancel_fd, cJSON **ret,
	struct bd_error *err);
/* True once the worker has died or been killed after an error. */
bool bd_worker_dead(const struct bd_worker *w);
/* Kills it if it lives, reaps it. */
void bd_worker_free(struct bd_worker **w);

#endif
