/* Inside of sessions. */
#ifndef BD_TRACES_SESSION_H
#define BD_TRACES_SESSION_H

#include "book.h"

#include <pthread.h>

#define BD_TRACES_SESSIONS 8
#define BD_TRACES_BYTES (INT64_C(256) << 20) /* stored of one trace, unless asked otherwise */

enum bd_session_phase { BD_SESSION_STARTS, BD_SESSION_RUNS, BD_SESSION_ENDED };

/* One trace that goes on. What is below `lock` is shared and guarded by the lock of bd_traces. */
struct bd_session {
	struct bd_traces *traces;
	char id[BD_ULID_LEN];
	pid_t pid;
	bool await, keep;
	double seconds;
	int64_t max_bytes;
	pthread_t thread;

	/* lock */
	enum bd_session_phase phase;
	bool stop_asked, interrupt; /* as asked for; because benchd ends */
	int waited_for;             /* threads that look at it without the lock held in between */
	int watchers;
	int64_t unwatched_ns; /* since when there are none */
	bool ever_watched;
	cJSON *snapshot;
	bool stored;           /* the finished document: it is no longer told from here, for it may be deleted there */
	struct bd_error error; /* of the start */
	struct bd_trace row;
};

struct bd_traces {
	struct bd_traces_config config;
	char *tracer;
	struct bd_store *store;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a phase */
	struct bd_session *session[BD_TRACES_SESSIONS];
	bool ends;
};

void *bd_session_run(void *arg);

#endif
