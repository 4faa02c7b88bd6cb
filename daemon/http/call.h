/* Inside bd_http: one request and its answer, routes and their table, sessions, event streams.
 *
 * A request runs on a thread of civetweb whose stack is small (100 KiB as Debian builds it): no large locals, and
 * bodies are refused beyond BD_HTTP_DEPTH_MAX levels before any recursive parser sees them. */
#ifndef BD_HTTP_CALL_H
#define BD_HTTP_CALL_H

#include "bd_http.h"

#include <civetweb.h>
#include <pthread.h>
#include <stdatomic.h>

#define BD_HTTP_THREADS 128
#define BD_HTTP_STREAMS_MAX 64
#define BD_HTTP_TIMEOUT_MS 3000 /* an idle or dripping connection holds a thread no longer */
#define BD_HTTP_HEADERS_MAX 16384
#define BD_HTTP_BODY_MAX (1024 * 1024)
#define BD_HTTP_DEPTH_MAX 32
#define BD_HTTP_GAP_NS INT64_C(1000000000) /* longest wait for the gap between two batches */

struct bd_http_sessions;
struct bd_http_events;
struct bd_http_crowd;

struct bd_http {
	struct bd_http_config config;
	struct mg_context *mg;
	_Atomic int port; /* set while civetweb already serves */
	char *url;        /* "http://127.0.0.1:PORT" */
	int64_t started_ns;
	_Atomic int64_t last_request_ns;
	_Atomic bool stopping;
	pthread_rwlock_t engine_lock; /* readers use the engine, the writer takes it away */
	struct bd_engine *engine;
	pthread_rwlock_t traces_lock; /* the same for traces; taken after engine_lock where both are */
	struct bd_traces *traces;
	struct bd_http_sessions *sessions;
	char *warning; /* bd_http_warning */
	struct bd_http_events *events;
	struct bd_http_crowd *crowd;
};

/* ---- one request ------------------------------------------------------------------------------------------------ */

struct bd_http_route;
struct bd_http_call {
	struct bd_http *http;
	struct mg_connection *conn;
	const struct mg_request_info *info;
	const struct bd_http_route *route;
	const char *method; /* HEAD is served as GET without a body */
	bool head;
	char *param; /* what stands for {id} in the path, or NULL */
	struct bd_map query;
	struct bd_engine *engine;    /* while a route that does not wait by itself is handled */
	struct bd_str error_headers; /* header lines for the answer to an error, each ended by \r\n */
	cJSON *body;                 /* of routes with takes_body; an object */
	bool body_read;              /* nothing of the request is left on the connection */
	bool answered;
	bool unseen; /* like that of a route, but of this one request */
};

/* Answers with a document. Takes no ownership. */
int bd_http_reply(struct bd_http_call *c, int status, const cJSON *json);
/* The same from text. immutable: the answer will never change, so it carries an ETag and may be a 304. extra: further
 * header lines, each ended by \r\n, or NULL. */
int bd_http_reply_text(struct bd_http_call *c, int status, const char *text, size_t len, bool immutable,
	const char *extra);
/* 200 with a file that will never change. */
int bd_http_reply_file(struct bd_http_call *c, const char *type, const char *text, size_t len, const char *extra);
/* The bytes as they are, whatever they are. */
int bd_http_reply_bytes(struct bd_http_call *c, int status, const char *type, const void *body, size_t len,
	const char *extra);
int bd_http_reply_empty(struct bd_http_call *c, int status, const char *extra);
/* The one error format, status by the key. */
void bd_http_reply_error(struct bd_http_call *c, const struct bd_error *err);
/* Value of a header or NULL; borrowed. */
const char *bd_http_header(const struct bd_http_call *c, const char *name);
/* Whether the client takes this Content-Encoding, names this media type in Accept, has this weak ETag already. */
bool bd_http_accepts(const struct bd_http_call *c, const char *coding);
bool bd_http_prefers(const struct bd_http_call *c, const char *type);
bool bd_http_has_tag(const struct bd_http_call *c, const char *tag);
/* Reads and checks the body into c->body. */
int bd_http_body_read(struct bd_http_call *c, struct bd_error *err);
/* Splits the query string into c->query, refusing names the route does not list. */
int bd_http_query_read(struct bd_http_call *c, struct bd_error *err);
/* The query parameter `limit`, as a number; whether it is in its bounds says the store. */
int bd_http_query_limit(const struct bd_http_call *c, size_t fallback, size_t *ret, struct bd_error *err);
/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF, and no NUL. */
bool bd_http_is_utf8(const char *text, size_t n);
/* Socket of the connection, owned by civetweb, or -1: civetweb has no call for it. */
int bd_http_socket(const struct bd_http_call *c);
/* Ends sending and drops what the client still sends, for a moment: closing a socket with unread bytes resets the
 * connection and can destroy the answer on its way. */
void bd_http_linger(const struct bd_http_call *c);

/* The engine for as long as it is not given back, or NULL (and nothing to give back) when there is none any more. */
struct bd_engine *bd_http_engine_take(struct bd_http *h);
void bd_http_engine_give(struct bd_http *h);

/* The same for traces. */
struct bd_traces *bd_http_traces_take(struct bd_http *h);
void bd_http_traces_give(struct bd_http *h);

/* ---- who may ------------------------------------------------------------------------------------------------------ */

/* Host and Origin; before anything else. */
int bd_http_check_origin(const struct bd_http_call *c, struct bd_error *err);
/* Token or session. */
int bd_http_check_auth(const struct bd_http_call *c, struct bd_error *err);
/* Content-Type of a request with a body. */
int bd_http_check_media(const struct bd_http_call *c, struct bd_error *err);

/* With those of the daemon before, when they are to be trusted. Always gives sessions; when it gives no old ones though
 * there were some, the reason is in `why`. */
int bd_http_sessions_new(const struct bd_http_config *config, struct bd_http_sessions **ret, struct bd_error *why);
/* The port is known: sessions that begin from now on are kept with it. */
void bd_http_sessions_bind(struct bd_http_sessions *s, const char *token, int port);
void bd_http_sessions_free(struct bd_http_sessions **s);
#define BD_HTTP_SECRET_LEN 65
#define BD_HTTP_CODE_S 60
#define BD_HTTP_SESSION_S (12 * 3600)
/* The cookie of a session: browsers tell servers of one host apart by the name of their cookies, not by the port. */
#define BD_HTTP_COOKIE "benchd_session_"
char *bd_http_cookie_name(const struct bd_http *h);
/* A code for one login within BD_HTTP_CODE_S. */
int bd_http_sessions_code(struct bd_http_sessions *s, char ret_code[BD_HTTP_SECRET_LEN], struct bd_error *err);
/* Spends the code and begins a session. unauthorized when there is no such code (any more). */
int bd_http_sessions_login(struct bd_http_sessions *s, const char *code, char ret_cookie[BD_HTTP_SECRET_LEN],
	struct bd_error *err);
bool bd_http_sessions_has(struct bd_http_sessions *s, const char *cookie);

/* ---- who is there -------------------------------------------------------------------------------------------------- */

struct bd_http_guest;
int bd_http_crowd_new(struct bd_http *h, struct bd_http_crowd **ret, struct bd_error *err);
void bd_http_crowd_free(struct bd_http_crowd **c);
/* A connection has got its thread. NULL, which the others take, when there is no room for it: it is not watched. */
struct bd_http_guest *bd_http_crowd_enter(struct bd_http_crowd *c);
/* It has sent a request: from now on it is not hung up. True the first time. */
bool bd_http_crowd_serve(struct bd_http_crowd *c, struct bd_http_guest *guest, int peer_port);
void bd_http_crowd_leave(struct bd_http_crowd *c, struct bd_http_guest *guest); /* before its socket is closed */
/* Connections to this port get a thread when they have sent something, or after a while. */
void bd_http_crowd_keep_back(int port);
/* Calls fn for each of our sockets bound to `port`; peer is NULL for the listening one. */
struct sockaddr_in;
void bd_http_each_socket(int port, void (*fn)(int fd, const struct sockaddr_in *peer, void *arg), void *arg);

/* ---- event streams --------------------------------------------------------------------------------------------------- */

int bd_http_events_new(struct bd_http *h, struct bd_http_events **ret, struct bd_error *err);
void bd_http_events_free(struct bd_http_events **e);
void bd_http_events_stop(struct bd_http_events *e); /* ends every stream soon */
size_t bd_http_events_streams(struct bd_http_events *e);
/* Serves one stream until the run ends, the client goes or the daemon stops. */
int bd_http_events_serve(struct bd_http_call *c, const char *run_id, struct bd_error *err);
int bd_http_events_serve_trace(struct bd_http_call *c, const char *trace_id, struct bd_error *err);
/* A long answer of another kind counts among the streams from enter to leave. too-many-streams. */
int bd_http_events_enter(struct bd_http_call *c, struct bd_error *err);
void bd_http_events_leave(struct bd_http_call *c);

/* ---- routes ------------------------------------------------------------------------------------------------------------ */

struct bd_http_example {
	const char *path; /* a real one; {id} is the run the tester has made, a series of it, or a trace */
	const char *body; /* JSON or NULL; its pid is that of a process of the tester */
	int status;
};
struct bd_http_route {
	const char *method; /* GET, POST, DELETE, PATCH */
	const char *path;   /* "/api/v1/runs/{id}": {id} is one part of a path, {path} all the rest */
	const char *summary;
	const char *query; /* names it accepts, separated by spaces; NULL = none */
	bool any_query;    /* the query is for the page, not for us */
	bool open;         /* needs neither token nor session */
	bool waits;        /* does its own waiting for the gap between batches (streams), or needs none (health) */
	bool unseen;       /* does not count as use of the daemon */
	bool token_only;   /* a browser session is not enough */
	bool takes_body;
	const struct bd_doc *body; /* shape of the body, for openapi.json; NULL = described by the example */
	struct bd_http_example example;
	/* Answers, or returns an error that is answered for it. */
	int (*handle)(struct bd_http_call *c, struct bd_error *err);
};
struct bd_http_route_group {
	const struct bd_http_route *routes;
	size_t len;
};
extern const struct bd_http_route_group *const bd_route_table[];
extern const size_t bd_route_table_len;

/* Serves the request: checks, finds the route, calls it, answers its error. */
void bd_http_route_call(struct bd_http_call *c);
cJSON *bd_http_openapi(const struct bd_http *h);

#endif
