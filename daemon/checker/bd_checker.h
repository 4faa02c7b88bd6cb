/* bd_checker: the program of Python that checks a module (workloads/check): how it is started, what it says line by line,
 * and what its end means. Who starts it, in which environment, and where its answer goes is the caller's: benchctl or the
 * engine. */
#ifndef BD_CHECKER_H
#define BD_CHECKER_H

#include "bd_model.h"

#define BD_CHECKER_SECONDS 300.0               /* when nobody says how long */
#define BD_CHECKER_STOP_NS INT64_C(5000000000) /* for its last words once it was told to end */

/* {"stage", "done", "of", "about"} */
typedef void (*bd_checker_progress_fn)(const cJSON *progress, void *arg);
struct bd_checker {
	int fd; /* what it says; readable = bd_checker_read() */
	bd_checker_progress_fn on_progress;
	void *arg;
	/* the rest is its own */
	char *python;
	pid_t pid;
	int said;           /* its standard output and error */
	struct bd_str rest; /* a line that has not ended */
	cJSON *document, *answer;
};

/* What is asked of it: the module as it was named, its file (NULL: imported by name), a file of calls (NULL: it tries its
 * own), the folder in which names are looked for, how long. Caller frees. */
cJSON *bd_checker_request(const char *module, const char *path, const char *calls, const char *cwd, double seconds);

/* Starts it. how: envp, cwd and drop_privileges; the rest of it is filled here. spawn: bd_spawn, or one that calls it
 * elsewhere. *c is zeroed but for on_progress and arg. Errors: worker-missing, internal. */
typedef int (*bd_checker_spawn_fn)(const struct bd_spawn *sp, pid_t *ret_pid, void *arg, struct bd_error *err);
int bd_checker_start(struct bd_checker *c, const char *python, const cJSON *request, const struct bd_spawn *how,
	bd_checker_spawn_fn spawn, void *spawn_arg, struct bd_error *err);
/* Reads what is there, and waits when nothing is. 0 = it has said all. */
int bd_checker_read(struct bd_checker *c);
/* Tells it to end with what it has found; nothing that it started is left behind afterwards. */
void bd_checker_stop(const struct bd_checker *c);
/* Ends it and everything it started. *ret: its document (benchd.check.v1), caller frees. Errors: bad-value (the interpreter
 * is too old), worker-failed, worker-missing. */
int bd_checker_end(struct bd_checker *c, cJSON **ret, struct bd_error *err);
void bd_checker_done(struct bd_checker *c); /* also of one that was not ended */
#define bd_auto_checker BD_CLEANUP(bd_checker_done)

/* Whether the module could not even be imported: then there is nothing about it to tell. 0, or no-such-input, worker-failed. */
int bd_checker_unusable(const cJSON *document, const char *module, const char *python, struct bd_error *err);

#endif
