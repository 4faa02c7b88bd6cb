/* bd_http: civetweb, router, authentication, errors, event streams. http/routes/NAME.c is one group of routes each. */
#ifndef BD_HTTP_H
#define BD_HTTP_H

#include "bd_engine.h"
#include "bd_report.h"
#include "bd_store.h"

struct bd_http;
struct bd_traces;

struct bd_http_config {
	int port;          /* 0 = chosen by the kernel; 127.0.0.1 only */
	const char *token; /* bearer token, borrowed */
	/* Where browser sessions outlive this daemon, or NULL. They are those of one token and one port: with port 0 there
	 * are no old ones. */
	const char *sessions_file;
	struct bd_store *store;
	struct bd_engine *engine; /* NULL: given later with bd_http_set_engine; requests are refused until then */
	const char *version, *build, *data, *token_file;
	void (*on_stop)(void *arg); /* POST daemon/stop */
	void *arg;
};
/* Listens. Errors: port-unusable. */
int bd_http_start(const struct bd_http_config *config, struct bd_http **ret, struct bd_error *err);
/* With NULL, requests that need it are answered "stopping" from now on; returns when no request uses the old one any more.
 * Event streams go on: what the engine says while it is freed still reaches them. */
void bd_http_set_engine(struct bd_http *h, struct bd_engine *engine);
/* The same for traces; without them requests that need them are answered "stopping". */
void bd_http_set_traces(struct bd_http *h, struct bd_traces *traces);
/* As with NULL, but only when there was no request for unused_ns, no trace goes on and there is no stream: one that was answered before is
 * never followed by one that is refused. False when it was used. */
bool bd_http_retire(struct bd_http *h, int64_t unused_ns);
void bd_http_stop(struct bd_http **h);
/* What did not go as it should at the start, for the log, or NULL. Borrowed, for the life of h. */
const char *bd_http_warning(const struct bd_http *h);
int bd_http_port(const struct bd_http *h);
int64_t bd_http_last_request_ns(const struct bd_http *h); /* monotonic; for the idle exit. health does not count */
size_t bd_http_streams(const struct bd_http *h);
/* Feeds event streams; from the engine's thread. Never blocks on a slow client. */
void bd_http_event(const struct bd_event *event, void *http);
/* There is a new snapshot of a trace, or its end is stored; from its session's thread. Never blocks on a slow client. */
void bd_http_trace_event(struct bd_http *h, const char *trace_id, bool ended);

#endif
