/* bd_client: talks to a benchd over its HTTP API; starts a private one when none answers. */
#ifndef BD_CLIENT_H
#define BD_CLIENT_H

#include "bd_model.h"

struct bd_client;
#define bd_auto_client BD_CLEANUP(bd_client_free)

/* $BENCHD_DATA, else $XDG_DATA_HOME/benchd, else ~/.local/share/benchd; caller frees. */
char *bd_client_data_dir(void);

struct bd_client_options {
	const char *
		server; /* --server or $BENCHD_URL: never starts a daemon; needs $BENCHD_TOKEN unless it is local; NULL = private */
	const char *data;      /* NULL = bd_client_data_dir() */
	bool start;            /* start a private daemon when none answers; false: no-daemon */
	const char *idle_exit; /* seconds as text, for a daemon we start; NULL = its default */
};
/* Finds (DATA/daemon.json, alive while DATA/lock is held) or starts a daemon and connects. An idle daemon of another
 * build is replaced, a busy one is daemon-busy. Errors: no-daemon, daemon-busy, data-unusable, token-unusable … */
int bd_client_connect(const struct bd_client_options *o, struct bd_client **ret, struct bd_error *err);
/* A private daemon that lives already, whatever its build: never starts, replaces or waits for one, and no request takes
 * longer than limit_ms. For what may fail without a word. */
int bd_client_peek(long limit_ms, struct bd_client **ret, struct bd_error *err);
void bd_client_free(struct bd_client **c);
const char *bd_client_url(const struct bd_client *c);

/* One request. path begins with "/api/v1/". body may be NULL. ret_json (may be NULL) gets the decoded answer (NULL for
 * an empty one). An error answer becomes err with its own key, message and hint. A connection that breaks is daemon-lost. */
int bd_client_call(struct bd_client *c, const char *method, const char *path, const cJSON *body, cJSON **ret_json,
	struct bd_error *err);

/* A GET whose answer is no JSON but a text of this media type; ret is to be empty and is freed by the caller. */
int bd_client_fetch(struct bd_client *c, const char *path, const char *type, struct bd_str *ret, struct bd_error *err);

/* The same for an answer of any size: fn gets its parts as they come, and ends the transfer by a value that is not 0, which is
 * returned when it is negative. As long as something comes, no limit of time holds. */
typedef int (*bd_client_part_fn)(const void *data, size_t n, void *arg);
int bd_client_stream(struct bd_client *c, const char *path, bd_client_part_fn fn, void *arg, struct bd_error *err);

/* Server-sent events of a run: calls fn for each; returns when the stream ends (a final `state` event ends it), when fn
 * returns non-zero (that value), or with daemon-lost: at once when the private daemon has ended, else after reconnecting
 * (Last-Event-ID) has failed for 10 s. A private daemon that was started anew meanwhile is found at its new URL.
 * *cancel non-zero makes it return -EINTR within 100 ms. */
typedef int (*bd_client_event_fn)(const char *type, const cJSON *data, void *arg);
int bd_client_events(struct bd_client *c, const char *path, bd_client_event_fn fn, void *arg,
	const volatile int *cancel, struct bd_error *err);

/* Daemon state without starting one: {"running",url,pid,data,token_file,version,build,uptime_s}. */
int bd_client_daemon_status(const char *data, cJSON **ret, struct bd_error *err);
/* Asks it to stop and waits until its lock is free (10 s). */
int bd_client_daemon_stop(const char *data, bool force, struct bd_error *err);

#endif
