/* Traces: listing them, beginning one, watching it, ending it, and what is stored of it. */
#include "bd_formats.h"
#include "bd_traces.h"
#include "call.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define LIMIT 100
#define COMMAND_MAX 1024
#define PIECE (64 * 1024)
#define PATIENCE_NS INT64_C(60000000000)
#define LOOK_MS 200

static int stopping(struct bd_error *err)
{
	return bd_error_set(err, -ESHUTDOWN, "stopping", "try again in a moment",
		"this benchd is starting or stopping");
}

/* ---- many ------------------------------------------------------------------------------------------------------- */

static int list(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_trace_filter f = {.run = bd_map_get(&c->query, "run"), .before = bd_map_get(&c->query, "before")};
	struct bd_trace_list traces;
	int r = bd_http_query_limit(c, LIMIT, &f.limit, err);
	if (r == 0)
		r = bd_store_traces_list(c->http->config.store, &f, &traces, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *j = bd_doc_encode(&bd_trace_list_doc, &traces);
	bd_doc_done(&bd_trace_list_doc, &traces);
	return bd_http_reply(c, 200, j);
}

static int check(const struct bd_trace_request *q, struct bd_error *err)
{
	if (q->pid < 1 || q->pid > INT32_MAX)
		return bd_error_set(err, -EINVAL, "bad-value", NULL, "pid: %lld is no process id", (long long)q->pid);
	if (!isnan(q->seconds) && !(q->seconds >= BD_TRACE_SECONDS_MIN && q->seconds <= BD_TRACE_SECONDS_MAX))
		return bd_error_set(err, -EINVAL, "bad-value", "null goes on until it is stopped or the process ends",
			"seconds: %g is not from %g to %g", q->seconds, BD_TRACE_SECONDS_MIN, BD_TRACE_SECONDS_MAX);
	if (q->level && !bd_streq(q->level, "events"))
		return bd_error_set(err, -EINVAL, "unknown-value", "the level of a trace is 'events'",
			"level: there is no level '%.100s' of a trace", q->level);
	if (q->max_bytes != BD_NULL_INT && (q->max_bytes < BD_TRACE_BYTES_MIN || q->max_bytes > BD_TRACE_BYTES_MAX))
		return bd_error_set(err, -EINVAL, "bad-value", NULL, "max_bytes: %lld is not from %lld to %lld",
			(long long)q->max_bytes, (long long)BD_TRACE_BYTES_MIN, (long long)BD_TRACE_BYTES_MAX);
	return 0;
}

/* It is shown with the trace: of one that is very long, the beginning. */
static void shorten(char *command)
{
	static const char more[] = "…";
	if (!command || strlen(command) <= COMMAND_MAX)
		return;
	size_t n = COMMAND_MAX - (sizeof more - 1);
	while (n > 0 && ((unsigned char)command[n] & 0xc0) == 0x80) /* not within a character */
		n--;
	memcpy(command + n, more, sizeof more);
}

static int begin(struct bd_http_call *c, const struct bd_trace_request *request, struct bd_error *err)
{
	char id[BD_ULID_LEN];
	struct bd_traces *traces = bd_http_traces_take(c->http);
	if (!traces)
		return stopping(err);
	int r = bd_traces_start(traces, request, id, err);
	c->http->last_request_ns = bd_clock_mono_ns(); /* before they are given back: see bd_http_retire */
	bd_http_traces_give(c->http);
	if (r < 0)
		return r;
	bd_auto_free char *text = bd_printf("{\"id\":\"%s\"}", id);
	bd_auto_free char *location = bd_printf("Location: /api/v1/traces/%s\r\n", id);
	return bd_http_reply_text(c, 202, text, strlen(text), false, location);
}

static int post(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_trace_request request;
	bd_doc_init(&bd_trace_request_doc, &request);
	int r = bd_doc_decode(&bd_trace_request_doc, c->body, &request, err);
	if (r < 0)
		return r;
	shorten(request.command);
	r = check(&request, err);
	if (r == 0)
		r = begin(c, &request, err);
	bd_doc_done(&bd_trace_request_doc, &request);
	return r;
}

/* ---- one -------------------------------------------------------------------------------------------------------- */

/* That of a run is the run's while it is measured: it begins, ends and is told with it. */
static int own(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_trace t;
	int r = bd_store_trace_get(c->http->config.store, c->param, &t, err);
	if (r < 0)
		return r;
	if (t.run_id && (t.state == BD_RUN_QUEUED || t.state == BD_RUN_RUNNING))
		r = bd_error_set(err, -EBUSY, "conflict", "wait for the end of the run, or cancel it",
			"trace '%s' is of run %s, which is being measured", c->param, t.run_id);
	bd_trace_done(&t);
	return r;
}

static int reply_document(struct bd_http_call *c, struct bd_error *err)
{
	bd_auto_free char *stored = NULL;
	int r = bd_store_trace_document_get(c->http->config.store, c->param, &stored, err);
	if (r == 0)
		return bd_http_reply_text(c, 200, stored, strlen(stored), true, NULL);
	if (r != -ENOENT)
		return r;
	bd_auto_json cJSON *j = NULL;
	struct bd_traces *traces = bd_http_traces_take(c->http);
	if (!traces)
		return stopping(err);
	r = bd_traces_document(traces, c->param, &j, err);
	bd_http_traces_give(c->http);
	return r < 0 ? r : bd_http_reply(c, 200, j);
}

static int get(struct bd_http_call *c, struct bd_error *err)
{
	int r = own(c, err);
	return r < 0 ? r : reply_document(c, err);
}

static int events(struct bd_http_call *c, struct bd_error *err)
{
	int r = own(c, err);
	return r < 0 ? r : bd_http_events_serve_trace(c, c->param, err);
}

static int stop(struct bd_http_call *c, struct bd_error *err)
{
	int r = own(c, err);
	if (r < 0)
		return r;
	struct bd_traces *traces = bd_http_traces_take(c->http);
	if (!traces)
		return stopping(err);
	r = bd_traces_stop(traces, c->param, err);
	bd_http_traces_give(c->http);
	return r < 0 ? r : reply_document(c, err);
}

static int delete (struct bd_http_call *c, struct bd_error *err)
{
	int r = bd_store_trace_delete(c->http->config.store, c->param, err);
	return r < 0 ? r : bd_http_reply_empty(c, 204, NULL);
}

/* ---- in other formats --------------------------------------------------------------------------------------------- */

struct answer {
	struct bd_http_call *c;
	struct bd_exporter *exporter;
	int fd;       /* of the connection */
	bool chunked; /* HTTP/1.0 knows only the end of the connection */
	struct bd_str piece;
	struct bd_error *err;
};

/* civetweb gives up on a client that takes nothing for BD_HTTP_TIMEOUT_MS; but who looks at an export in a pager takes a page
 * and then nothing for a while. How many may do so at once is bounded (bd_http_events_enter). */
static void patience(const struct answer *a)
{
	struct pollfd p = {.fd = a->fd, .events = POLLOUT};
	for (int64_t end = bd_clock_mono_ns() + PATIENCE_NS; bd_clock_mono_ns() < end && !a->c->http->stopping;)
		if (poll(&p, 1, LOOK_MS) != 0)
			return;
}

static int flush(struct answer *a)
{
	size_t n = a->piece.len;
	patience(a);
	struct mg_connection *conn = a->c->conn;
	int sent = 1;
	if (n > 0)
		sent = a->chunked ? mg_send_chunk(conn, a->piece.s, (unsigned)n) : mg_write(conn, a->piece.s, n);
	bd_str_clear(&a->piece);
	return sent > 0 && !a->c->http->stopping
		? 0
		: bd_error_set(a->err, -EPIPE, "internal", NULL, "whoever asked for this is gone");
}

static int write_piece(const void *data, size_t n, void *arg)
{
	struct answer *a = arg;
	const char *p = data;
	while (n > 0) {
		size_t k = BD_MIN(n, PIECE - a->piece.len);
		bd_str_append(&a->piece, p, k);
		p += k;
		n -= k;
		int r = a->piece.len == PIECE ? flush(a) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_chunk(const struct bd_trace_chunk *chunk, void *arg)
{
	struct answer *a = arg;
	return bd_exporter_chunk(a->exporter, chunk, a->err);
}

/* From here on an error cannot be answered any more. The connection just ends, and as its last chunk is missing, who asked
 * can tell that from an export that is whole. */
static void stream(struct bd_http_call *c, const struct bd_trace *t, enum bd_format format)
{
	struct bd_store *store = c->http->config.store;
	struct bd_error err = {0};
	struct answer a = {.c = c,
		.fd = bd_http_socket(c),
		.chunked = !bd_streq(c->info->http_version, "1.0"),
		.err = &err};
	bd_auto_exporter struct bd_exporter *exporter = NULL;
	int r = bd_exporter_begin(format, t, write_piece, &a, &exporter, &err);
	a.exporter = exporter;
	if (r == 0)
		r = bd_store_trace_chunks_each(store, c->param, add_chunk, &a, &err);
	if (r == 0)
		r = bd_exporter_end(exporter, &err);
	if (r == 0)
		r = flush(&a);
	if (r == 0 && a.chunked)
		mg_write(c->conn, "0\r\n\r\n", 5);
	bd_str_done(&a.piece);
	if (r < 0)
		bd_log(BD_LOG_WARN, "the export of trace %s ends early: %s", c->param, err.message);
}

static int export(struct bd_http_call *c, struct bd_error *err)
{
	const char *name = bd_map_get(&c->query, "format");
	enum bd_format format = BD_FORMAT_PERFETTO;
	struct bd_trace t;
	int r = bd_format_parse(name ? name : bd_format_kinds[BD_FORMAT_PERFETTO].name, &format, err);
	if (r == 0)
		r = bd_store_trace_get(c->http->config.store, c->param, &t, err);
	if (r < 0)
		return r;
	r = bd_http_events_enter(c, err);
	if (r == 0) {
		const struct bd_format_kind *k = &bd_format_kinds[format];
		bd_auto_free char *head = bd_printf(
			"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename=\"trace-%s%s\"\r\n"
			"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n%s\r\n",
			k->media_type, t.id, k->suffix,
			bd_streq(c->info->http_version, "1.0") ? "" : "Transfer-Encoding: chunked\r\n");
		c->answered = true;
		if (mg_write(c->conn, head, strlen(head)) > 0 && !c->head)
			stream(c, &t, format);
		bd_http_events_leave(c);
	}
	bd_trace_done(&t);
	return r;
}

static const struct bd_http_route routes[] = {
	{.method = "GET",
		.path = "/api/v1/traces",
		.summary = "Stored traces, newest first, or those of a run; `next` is `before` of the next page",
		.query = "run limit before",
		.example = {"/api/v1/traces?limit=5", NULL, 200},
		.handle = list},
	{.method = "POST",
		.path = "/api/v1/traces",
		.summary = "Traces a Python process of this user; answered when it is attached",
		.waits = true,
		.takes_body = true,
		.body = &bd_trace_request_doc,
		.example = {"/api/v1/traces", "{\"pid\":4242,\"seconds\":60}", 202},
		.handle = post},
	{.method = "GET",
		.path = "/api/v1/traces/{id}",
		.summary = "The document of a trace, also of one in progress",
		.example = {"/api/v1/traces/{id}", NULL, 200},
		.handle = get},
	{.method = "GET",
		.path = "/api/v1/traces/{id}/events",
		.summary =
			"Server-sent events trace (the document, 4 per second) and state; resumes after Last-Event-ID, ends with the trace",
		.waits = true,
		.example = {"/api/v1/traces/{id}/events", NULL, 200},
		.handle = events},
	{.method = "POST",
		.path = "/api/v1/traces/{id}/stop",
		.summary = "Ends a trace, and answers with its document; also of one that has ended",
		.waits = true,
		.example = {"/api/v1/traces/{id}/stop", NULL, 200},
		.handle = stop},
	{.method = "GET",
		.path = "/api/v1/traces/{id}/export",
		.summary = "What is stored of a trace as perfetto, collapsed or speedscope, also of one in progress",
		.query = "format",
		.waits = true,
		.example = {"/api/v1/traces/{id}/export?format=collapsed", NULL, 200},
		.handle = export},
	{.method = "DELETE",
		.path = "/api/v1/traces/{id}",
		.summary = "Deletes a trace that has ended",
		.example = {"/api/v1/traces/{id}", NULL, 204},
		.handle = delete},
};
const struct bd_http_route_group bd_route_traces = {routes, BD_LEN(routes)};
