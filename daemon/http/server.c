/* civetweb: starting and stopping it, and the way of a request from it to the router and back. */
#include "call.h"
#include "bd_traces.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_NS INT64_C(1000000000)

/* ---- the sockets behind civetweb ----------------------------------------------------------------------------------- */

void bd_http_each_socket(int port, void (*fn)(int fd, const struct sockaddr_in *peer, void *arg), void *arg)
{
	DIR *d = opendir("/proc/self/fd");
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		int fd = atoi(e->d_name);
		struct sockaddr_in here, there;
		socklen_t n = sizeof here, m = sizeof there;
		if (e->d_name[0] == '.' || fd == dirfd(d) || getsockname(fd, (struct sockaddr *)&here, &n) < 0 ||
			n < sizeof here || here.sin_family != AF_INET || ntohs(here.sin_port) != port)
			continue;
		bool peer = getpeername(fd, (struct sockaddr *)&there, &m) == 0 && m == sizeof there;
		fn(fd, peer ? &there : NULL, arg);
	}
	closedir(d);
}

struct search {
	struct sockaddr_in peer;
	int fd;
};

static void match(int fd, const struct sockaddr_in *peer, void *arg)
{
	struct search *s = arg;
	/* all of 127/8 is this machine, and each of its addresses has every port */
	if (peer && peer->sin_port == s->peer.sin_port && peer->sin_addr.s_addr == s->peer.sin_addr.s_addr)
		s->fd = fd;
}

int bd_http_socket(const struct bd_http_call *c)
{
	struct search s = {.fd = -1};
	if (c->info && c->info->remote_port && inet_pton(AF_INET, c->info->remote_addr, &s.peer.sin_addr) == 1) {
		s.peer.sin_port = htons((uint16_t)c->info->remote_port);
		bd_http_each_socket(c->http->port, match, &s);
	}
	return s.fd;
}

void bd_http_linger(const struct bd_http_call *c)
{
	int fd = bd_http_socket(c);
	if (fd < 0 || shutdown(fd, SHUT_WR) < 0)
		return;
	int64_t end = bd_clock_mono_ns() + LINGER_NS;
	char drop[4096];
	for (;;) {
		int64_t left = end - bd_clock_mono_ns();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (left <= 0 || c->http->stopping || poll(&p, 1, (int)(left / 1000000)) <= 0 ||
			recv(fd, drop, sizeof drop, MSG_DONTWAIT) <= 0)
			return;
	}
}

/* ---- callbacks --------------------------------------------------------------------------------------------------------- */

static void call_done(struct bd_http_call *c)
{
	for (size_t i = 0; i < c->query.n; i++) {
		free(c->query.v[i].key);
		free(c->query.v[i].value);
	}
	free(c->query.v);
	bd_str_done(&c->error_headers);
	free(c->param);
	cJSON_Delete(c->body);
	if (!c->body_read)
		bd_http_linger(c);
}

static int init_connection(const struct mg_connection *conn, void **conn_data)
{
	struct bd_http *h = mg_get_user_data(mg_get_context(conn));
	*conn_data = bd_http_crowd_enter(h->crowd);
	return 0;
}

static int begin_request(struct mg_connection *conn)
{
	struct bd_http_call c = {.http = mg_get_user_data(mg_get_context(conn)),
		.conn = conn,
		.info = mg_get_request_info(conn)};
	bd_http_crowd_serve(c.http->crowd, mg_get_user_connection_data(conn), c.info->remote_port);
	c.head = bd_streq(c.info->request_method, "HEAD");
	c.method = c.head ? "GET" : c.info->request_method;
	/* nothing is left unread when the request says it has no body */
	c.body_read = c.info->content_length <= 0 && !bd_http_header(&c, "Transfer-Encoding");
	/* One request per connection: on loopback a new one costs less than a thread that waits for the next request. It
	 * also keeps civetweb from reading the rest of a refused body, for which it has no deadline. */
	mg_disable_connection_keep_alive(conn);
	bd_http_route_call(&c);
	call_done(&c);
	return 1;
}

/* civetweb says "malformed" for headers that do not fit its buffer, too; the kernel knows how much has come. */
static bool headers_too_large(const struct bd_http_call *c, int status)
{
	struct tcp_info info = {0};
	socklen_t n = sizeof info;
	if (status == 413 || status == 431)
		return true;
	int fd = status == 400 ? bd_http_socket(c) : -1;
	return fd >= 0 && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
		info.tcpi_bytes_received >= BD_HTTP_HEADERS_MAX;
}

/* civetweb's own refusals, before there is a request to route: said in the one error format. */
static int http_error(struct mg_connection *conn, int status, const char *message)
{
	struct bd_http_call c = {.http = mg_get_user_data(mg_get_context(conn)),
		.conn = conn,
		.info = mg_get_request_info(conn)};
	struct bd_error err = {0};
	bd_http_crowd_serve(c.http->crowd, mg_get_user_connection_data(conn), c.info ? c.info->remote_port : 0);
	if (headers_too_large(&c, status))
		bd_error_set(&err, -E2BIG, "headers-too-large", NULL, "the request's headers are larger than %d bytes",
			BD_HTTP_HEADERS_MAX);
	else if (status < 500 || status == 505)
		bd_error_set(&err, -EINVAL, "bad-request", NULL,
			"this is not an HTTP request, or not all of it came (%s)", message ? message : "");
	else
		bd_error_set(&err, -EIO, "internal", NULL, "%s", message && *message ? message : "the server failed");
	mg_disable_connection_keep_alive(conn);
	bd_http_reply_error(&c, &err);
	bd_http_linger(&c);
	return 0;
}

/* A request for another server, or for none in particular (OPTIONS *), is handed over to nobody, and civetweb ends the
 * connection without a word. It holds a lock here: the answer is small and there is nothing to wait for. */
static void connection_close(const struct mg_connection *conn)
{
	struct bd_http_call c = {.http = mg_get_user_data(mg_get_context(conn)),
		.conn = (struct mg_connection *)(uintptr_t)conn,
		.info = mg_get_request_info(conn)};
	struct bd_error err;
	struct bd_http_guest *guest = mg_get_user_connection_data(conn);
	bool unheard = bd_http_crowd_serve(c.http->crowd, guest, 0);
	if (unheard && c.info && c.info->request_method && !c.info->local_uri) {
		bd_error_set(&err, -EINVAL, "bad-request", NULL, "requests for other servers are not served");
		bd_http_reply_error(&c, &err);
	}
	bd_http_crowd_leave(c.http->crowd, guest);
}

static int log_message(const struct mg_connection *conn, const char *message)
{
	(void)conn;
	bd_log(BD_LOG_DEBUG, "http: %s", message);
	return 1;
}

/* ---- life ---------------------------------------------------------------------------------------------------------------- */

static int listen_on(struct bd_http *h, struct bd_error *err)
{
	char port[32], threads[16], timeout[16], headers[16], text[256] = "";
	snprintf(port, sizeof port, "127.0.0.1:%d", h->config.port);
	snprintf(threads, sizeof threads, "%d", BD_HTTP_THREADS);
	snprintf(timeout, sizeof timeout, "%d", BD_HTTP_TIMEOUT_MS);
	snprintf(headers, sizeof headers, "%d", BD_HTTP_HEADERS_MAX);
	const char *options[] = {"listening_ports", port, "num_threads", threads, "request_timeout_ms", timeout,
		"max_request_size", headers, "enable_keep_alive", "no", "decode_url", "no", "enable_auth_domain_check",
		"no", "enable_directory_listing", "no", "tcp_nodelay", "1", "connection_queue", "128", "listen_backlog",
		"1024", NULL};
	const struct mg_callbacks callbacks = {.begin_request = begin_request,
		.http_error = http_error,
		.init_connection = init_connection,
		.connection_close = connection_close,
		.log_message = log_message};
	struct mg_init_data init = {.callbacks = &callbacks, .user_data = h, .configuration_options = options};
	struct mg_error_data failed = {.text = text, .text_buffer_size = sizeof text};
	h->mg = mg_start2(&init, &failed);
	if (!h->mg)
		return bd_error_set(err, -EADDRINUSE, "port-unusable",
			"choose another with --port, or 0 for any free one", "cannot listen on %s%s%s", port,
			text[0] ? ": " : "", text);
	struct mg_server_port got[1];
	if (mg_get_server_ports(h->mg, 1, got) != 1)
		return bd_error_set(err, -EIO, "port-unusable", NULL, "cannot tell which port was given");
	bd_http_crowd_keep_back(got[0].port);
	bd_http_sessions_bind(h->sessions, h->config.token, got[0].port);
	h->port = got[0].port; /* without it every request is refused */
	h->url = bd_printf("http://127.0.0.1:%d", h->port);
	return 0;
}

int bd_http_start(const struct bd_http_config *config, struct bd_http **ret, struct bd_error *err)
{
	struct bd_http *h = bd_alloc(sizeof *h);
	h->config = *config;
	h->engine = config->engine;
	/* taking the engine away must not wait for ever behind requests that keep coming */
	pthread_rwlockattr_t attr;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&h->engine_lock, &attr);
	pthread_rwlock_init(&h->traces_lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	h->started_ns = bd_clock_mono_ns();
	h->last_request_ns = h->started_ns;
	mg_init_library(0);
	struct bd_error why = {0};
	if (bd_http_sessions_new(config, &h->sessions, &why) < 0)
		h->warning = bd_printf("browser sessions have ended: %s: %s", config->sessions_file, why.message);
	int r = bd_http_events_new(h, &h->events, err);
	if (r == 0)
		r = bd_http_crowd_new(h, &h->crowd, err);
	if (r == 0)
		r = listen_on(h, err);
	if (r < 0) {
		bd_http_stop(&h);
		return r;
	}
	*ret = h;
	return 0;
}

void bd_http_set_engine(struct bd_http *h, struct bd_engine *engine)
{
	pthread_rwlock_wrlock(&h->engine_lock);
	h->engine = engine;
	pthread_rwlock_unlock(&h->engine_lock);
}

void bd_http_set_traces(struct bd_http *h, struct bd_traces *traces)
{
	pthread_rwlock_wrlock(&h->traces_lock);
	h->traces = traces;
	pthread_rwlock_unlock(&h->traces_lock);
}

bool bd_http_retire(struct bd_http *h, int64_t unused_ns)
{
	pthread_rwlock_wrlock(&h->engine_lock); /* requests wait here while it is decided */
	pthread_rwlock_wrlock(&h->traces_lock);
	bool unused = bd_clock_mono_ns() - h->last_request_ns >= unused_ns && bd_http_streams(h) == 0 &&
		(!h->traces || bd_traces_idle(h->traces));
	if (unused) {
		h->engine = NULL;
		h->traces = NULL;
	}
	pthread_rwlock_unlock(&h->traces_lock);
	pthread_rwlock_unlock(&h->engine_lock);
	return unused;
}

struct bd_engine *bd_http_engine_take(struct bd_http *h)
{
	pthread_rwlock_rdlock(&h->engine_lock);
	struct bd_engine *engine = h->engine;
	if (!engine)
		pthread_rwlock_unlock(&h->engine_lock);
	return engine;
}

void bd_http_engine_give(struct bd_http *h)
{
	pthread_rwlock_unlock(&h->engine_lock);
}

struct bd_traces *bd_http_traces_take(struct bd_http *h)
{
	pthread_rwlock_rdlock(&h->traces_lock);
	struct bd_traces *traces = h->traces;
	if (!traces)
		pthread_rwlock_unlock(&h->traces_lock);
	return traces;
}

void bd_http_traces_give(struct bd_http *h)
{
	pthread_rwlock_unlock(&h->traces_lock);
}

static void hang_up(int fd, const struct sockaddr_in *peer, void *arg)
{
	(void)arg;
	if (peer)
		shutdown(fd, SHUT_RDWR);
}

struct waker {
	int port;
	_Atomic bool done;
};

/* civetweb looks at its stop flag only when something happens or 2 s have passed: make something happen. */
static void *wake(void *arg)
{
	struct waker *w = arg;
	for (; !w->done; bd_sleep_ns(10000000)) {
		bd_auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		struct sockaddr_in to = {.sin_family = AF_INET,
			.sin_port = htons((uint16_t)w->port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
			bd_log(BD_LOG_DEBUG, "http: nobody listens any more");
		bd_http_each_socket(w->port, hang_up, NULL);
	}
	return NULL;
}

void bd_http_stop(struct bd_http **hp)
{
	struct bd_http *h = *hp;
	*hp = NULL;
	if (!h)
		return;
	h->stopping = true;
	if (h->events)
		bd_http_events_stop(h->events);
	if (h->mg) {
		struct waker w = {.port = h->port};
		pthread_t thread;
		bool waking = pthread_create(&thread, NULL, wake, &w) == 0;
		mg_stop(h->mg);
		w.done = true;
		if (waking)
			pthread_join(thread, NULL);
	}
	mg_exit_library();
	bd_http_crowd_free(&h->crowd);
	bd_http_events_free(&h->events);
	bd_http_sessions_free(&h->sessions);
	pthread_rwlock_destroy(&h->engine_lock);
	pthread_rwlock_destroy(&h->traces_lock);
	free(h->url);
	free(h->warning);
	free(h);
}

int bd_http_port(const struct bd_http *h)
{
	return h->port;
}

const char *bd_http_warning(const struct bd_http *h)
{
	return h->warning;
}

int64_t bd_http_last_request_ns(const struct bd_http *h)
{
	return h->last_request_ns;
}

size_t bd_http_streams(const struct bd_http *h)
{
	return bd_http_events_streams(h->events);
}
