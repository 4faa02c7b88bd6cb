/* Event streams. Per run a log of what changed, in which a newer event replaces the older one about the same thing (the
 * progress, the state, one cell): a client that was away, or is slow, gets the latest of everything it missed, and the
 * log never grows beyond the run's cells. Events are rendered when they are sent, by the thread of the first stream that
 * does, and once for all streams: the engine only ever adds a few numbers here, and many viewers cost little more than
 * one. */
#include "call.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ENDED_LOGS_KEPT 16
#define HEARTBEAT_MS 15000
#define APART_NS INT64_C(100000000) /* between two deliveries to one client: they cost time beside the measuring */

struct rendered { /* what is sent of an event; shared by its copies */
	_Atomic int owners;
	pthread_mutex_t lock;
	bool done;
	struct bd_str text;
};
struct entry {
	int64_t id;
	struct rendered *rendered;
	enum bd_event_kind kind;
	int64_t cell;
	enum bd_run_state state;
	struct bd_reason *reason;
	struct bd_progress progress; /* phase, waiting_for and last_cell are owned */
};
struct log {
	char run_id[BD_ULID_LEN];
	struct entry *entries; /* by id */
	size_t len;
	int64_t last_id;
	bool ended;
	int readers;
	struct log *next; /* newest first */
};
struct stream {
	struct log *log;
	int wake;
	struct stream *next;
};
struct bd_http_events {
	struct bd_http *http;
	pthread_mutex_t lock;
	struct log *logs;
	struct stream *streams;
	size_t streams_len;
	bool stopping;
};

/* ---- logs -------------------------------------------------------------------------------------------------------------- */

static struct rendered *rendered_new(void)
{
	struct rendered *r = bd_alloc(sizeof *r);
	r->owners = 1;
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

static void rendered_leave(struct rendered *r)
{
	if (!r || --r->owners > 0)
		return;
	pthread_mutex_destroy(&r->lock);
	bd_str_done(&r->text);
	free(r);
}

static void entry_done(struct entry *e)
{
	rendered_leave(e->rendered);
	bd_reason_free(e->reason);
	free((char *)(uintptr_t)e->progress.phase);
	free((char *)(uintptr_t)e->progress.waiting_for);
	free((char *)(uintptr_t)e->progress.last_cell);
	*e = (struct entry){0};
}

static struct entry entry_copy(const struct entry *e)
{
	struct entry c = *e;
	if (c.rendered)
		c.rendered->owners++;
	c.reason = bd_reason_copy(e->reason);
	c.progress.phase = bd_strdup(e->progress.phase);
	c.progress.waiting_for = bd_strdup(e->progress.waiting_for);
	c.progress.last_cell = bd_strdup(e->progress.last_cell);
	return c;
}

static bool final_state(enum bd_run_state s)
{
	return s != BD_RUN_QUEUED && s != BD_RUN_RUNNING;
}

static bool same_thing(const struct entry *a, const struct entry *b)
{
	return a->kind == b->kind && (a->kind != BD_EVENT_CELL || a->cell == b->cell);
}

static void log_free(struct log *l)
{
	for (size_t i = 0; i < l->len; i++)
		entry_done(&l->entries[i]);
	free(l->entries);
	free(l);
}

/* Takes over what e owns. */
static void log_add(struct log *l, struct entry e)
{
	if (l->ended) {
		entry_done(&e);
		return;
	}
	for (size_t i = 0; i < l->len; i++)
		if (same_thing(&l->entries[i], &e)) {
			entry_done(&l->entries[i]);
			memmove(&l->entries[i], &l->entries[i + 1], (l->len - i - 1) * sizeof *l->entries);
			l->len--;
			break;
		}
	e.id = ++l->last_id;
	e.rendered = rendered_new();
	l->ended = e.kind == BD_EVENT_STATE && final_state(e.state);
	*BD_PUSH(l->entries, l->len) = e;
}

static void forget_old(struct bd_http_events *ev)
{
	size_t ended = 0;
	for (struct log **p = &ev->logs; *p;) {
		struct log *l = *p;
		if (l->ended && l->readers == 0 && ++ended > ENDED_LOGS_KEPT) {
			*p = l->next;
			log_free(l);
		} else {
			p = &l->next;
		}
	}
}

static struct log *log_of(struct bd_http_events *ev, const char *run_id)
{
	for (struct log *l = ev->logs; l; l = l->next)
		if (bd_streq(l->run_id, run_id))
			return l;
	struct log *l = bd_alloc(sizeof *l);
	snprintf(l->run_id, sizeof l->run_id, "%s", run_id);
	/* greater than any id given before, also by a daemon that is gone: what a client saw there is not what it will see
	 * here, and it must not be told that nothing is left */
	l->last_id = bd_clock_real_ns() / 1000000;
	l->next = ev->logs;
	ev->logs = l;
	forget_old(ev);
	return l;
}

static void wake_streams(struct bd_http_events *ev, const struct log *l)
{
	for (struct stream *s = ev->streams; s; s = s->next)
		if (!l || s->log == l)
			eventfd_write(s->wake, 1);
}

void bd_http_event(const struct bd_event *event, void *http)
{
	struct bd_http_events *ev = ((struct bd_http *)http)->events;
	struct entry borrowed = {.kind = event->kind,
		.cell = event->cell,
		.state = event->state,
		.reason = (struct bd_reason *)(uintptr_t)event->reason,
		.progress = event->progress};
	struct entry e = entry_copy(&borrowed);
	pthread_mutex_lock(&ev->lock);
	struct log *l = log_of(ev, event->run_id);
	log_add(l, e);
	wake_streams(ev, l);
	pthread_mutex_unlock(&ev->lock);
}

int bd_http_events_new(struct bd_http *h, struct bd_http_events **ret, struct bd_error *err)
{
	(void)err;
	struct bd_http_events *ev = bd_alloc(sizeof *ev);
	ev->http = h;
	pthread_mutex_init(&ev->lock, NULL);
	*ret = ev;
	return 0;
}

void bd_http_events_free(struct bd_http_events **ep)
{
	struct bd_http_events *ev = *ep;
	*ep = NULL;
	if (!ev)
		return;
	while (ev->logs) {
		struct log *l = ev->logs;
		ev->logs = l->next;
		log_free(l);
	}
	pthread_mutex_destroy(&ev->lock);
	free(ev);
}

void bd_http_events_stop(struct bd_http_events *ev)
{
	pthread_mutex_lock(&ev->lock);
	ev->stopping = true;
	wake_streams(ev, NULL);
	pthread_mutex_unlock(&ev->lock);
}

size_t bd_http_events_streams(struct bd_http_events *ev)
{
	pthread_mutex_lock(&ev->lock);
	size_t n = ev->streams_len;
	pthread_mutex_unlock(&ev->lock);
	return n;
}

/* ---- rendering ------------------------------------------------------------------------------------------------------------ */

static void add_number(cJSON *j, const char *name, double v)
{
	if (isnan(v))
		cJSON_AddNullToObject(j, name);
	else
		cJSON_AddNumberToObject(j, name, v);
}

static void add_text(cJSON *j, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(j, name, text);
	else
		cJSON_AddNullToObject(j, name);
}

static cJSON *progress_json(const struct entry *e)
{
	const struct bd_progress *p = &e->progress;
	cJSON *j = cJSON_CreateObject();
	cJSON_AddStringToObject(j, "state", bd_run_state_names[e->state]);
	add_text(j, "phase", p->phase);
	add_number(j, "launch", (double)p->launch);
	add_number(j, "launches", (double)p->launches);
	add_number(j, "round", (double)p->round);
	add_number(j, "rounds", (double)p->rounds);
	add_number(j, "cells_done", (double)p->cells_done);
	add_number(j, "cells", (double)p->cells);
	add_number(j, "elapsed_s", p->elapsed_s);
	add_number(j, "left_s", p->left_s);
	add_text(j, "waiting_for", p->waiting_for);
	add_text(j, "last_cell", p->last_cell);
	add_number(j, "last_time_ns_per_op", p->last_cell ? p->last_time_ns_per_op : (double)NAN);
	return j;
}

static cJSON *state_json(const struct entry *e)
{
	cJSON *j = cJSON_CreateObject();
	cJSON_AddStringToObject(j, "state", bd_run_state_names[e->state]);
	cJSON_AddItemToObject(j, "reason", e->reason ? bd_doc_encode(&bd_reason_doc, e->reason) : cJSON_CreateNull());
	return j;
}

/* NULL for what is no cell of the document (the A/A twins) or cannot be read. */
static cJSON *cell_json(struct bd_store *store, const char *run_id, int64_t cell)
{
	struct bd_cell_result result;
	bd_doc_init(&bd_cell_result_doc, &result);
	if (bd_report_cell(store, run_id, cell, &result, NULL) < 0)
		return NULL;
	cJSON *j = bd_doc_encode(&bd_cell_result_doc, &result);
	bd_doc_done(&bd_cell_result_doc, &result);
	return j;
}

static void render(struct bd_http *h, const char *run_id, const struct entry *e, struct bd_str *out)
{
	static const char *const names[] =
		{[BD_EVENT_STATE] = "state", [BD_EVENT_PROGRESS] = "progress", [BD_EVENT_CELL] = "cell"};
	bd_auto_json cJSON *j = e->kind == BD_EVENT_STATE ? state_json(e)
		: e->kind == BD_EVENT_PROGRESS            ? progress_json(e)
							  : cell_json(h->config.store, run_id, e->cell);
	if (!j)
		return;
	bd_auto_free char *text = bd_json_text(j);
	bd_str_printf(out, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)e->id, names[e->kind], text);
}

/* ---- serving --------------------------------------------------------------------------------------------------------------- */

static int stream_begin(struct bd_http_call *c, const char *run_id, struct stream *s, struct bd_error *err)
{
	struct bd_http_events *ev = c->http->events;
	int r = 0;
	pthread_mutex_lock(&ev->lock);
	if (ev->stopping) {
		r = bd_error_set(err, -ESHUTDOWN, "stopping", NULL, "this benchd is stopping");
	} else if (ev->streams_len >= BD_HTTP_STREAMS_MAX) {
		bd_str_puts(&c->error_headers, "Retry-After: 2\r\n");
		r = bd_error_set(err, -EBUSY, "too-many-streams", "close one, or ask again in a moment",
			"%d event streams are open, more are not served", BD_HTTP_STREAMS_MAX);
	} else if ((s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
		r = bd_error_set(err, -errno, "internal", NULL, "eventfd: %s", strerror(errno));
	} else {
		s->log = log_of(ev, run_id);
		s->log->readers++;
		s->next = ev->streams;
		ev->streams = s;
		ev->streams_len++;
	}
	pthread_mutex_unlock(&ev->lock);
	return r;
}

static void stream_end(struct bd_http_events *ev, struct stream *s)
{
	pthread_mutex_lock(&ev->lock);
	for (struct stream **p = &ev->streams; *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	ev->streams_len--;
	s->log->readers--;
	close(s->wake);
	pthread_mutex_unlock(&ev->lock);
}

/* A log that knows no state yet gets the stored one: the run was made before this daemon, or its log is forgotten. */
static int stream_state(struct bd_http_call *c, const char *run_id, struct log *l, struct bd_error *err)
{
	struct bd_run run;
	int r = bd_store_run_get(c->http->config.store, run_id, &run, err);
	if (r < 0)
		return r;
	struct bd_http_events *ev = c->http->events;
	struct entry e = {.kind = BD_EVENT_STATE, .state = run.state, .reason = bd_reason_copy(run.reason)};
	pthread_mutex_lock(&ev->lock);
	bool known = false;
	for (size_t i = 0; i < l->len; i++)
		known |= l->entries[i].kind == BD_EVENT_STATE;
	if (!known || final_state(run.state))
		log_add(l, e); /* the stored state is final only after all events but the last */
	else
		entry_done(&e);
	pthread_mutex_unlock(&ev->lock);
	bd_run_done(&run);
	return 0;
}

/* Copies what is newer than *after; true when the last of it ends the run. */
static bool collect(struct bd_http_events *ev, const struct log *l, int64_t *after, struct entry **ret, size_t *ret_len)
{
	pthread_mutex_lock(&ev->lock);
	for (size_t i = 0; i < l->len; i++)
		if (l->entries[i].id > *after)
			*BD_PUSH(*ret, *ret_len) = entry_copy(&l->entries[i]);
	*after = l->last_id;
	bool ended = l->ended;
	pthread_mutex_unlock(&ev->lock);
	return ended;
}

static bool send_text(struct bd_http_call *c, const char *text, size_t len)
{
	return len == 0 || mg_write(c->conn, text, len) == (int)len;
}

static bool deliver(struct bd_http_call *c, const char *run_id, struct entry *entries, size_t n)
{
	bool ok = true;
	struct bd_engine *engine = n ? bd_http_engine_take(c->http) : NULL;
	if (engine)
		bd_engine_gap_enter(engine, BD_HTTP_GAP_NS);
	for (size_t i = 0; i < n; i++) {
		struct rendered *r = entries[i].rendered;
		pthread_mutex_lock(&r->lock);
		if (!r->done && ok) {
			render(c->http, run_id, &entries[i], &r->text);
			r->done = true;
		}
		pthread_mutex_unlock(&r->lock);
		ok = ok && send_text(c, r->text.s, r->text.len); /* nobody writes to it any more */
		entry_done(&entries[i]);
	}
	if (engine) {
		bd_engine_gap_leave(engine);
		bd_http_engine_give(c->http);
	}
	return ok;
}

/* Waits for news, but not for less than `since` + APART_NS. False when the client has gone. */
static bool wait_for_news(struct bd_http_call *c, struct stream *s, int fd, int64_t since)
{
	struct pollfd p[] = {{.fd = fd, .events = POLLRDHUP}, {.fd = s->wake, .events = POLLIN}};
	int64_t apart = since + APART_NS - bd_clock_mono_ns();
	if (apart > 0 && poll(p, 1, (int)(apart / 1000000) + 1) > 0)
		return false;
	int n = poll(p, 2, HEARTBEAT_MS);
	if (p[0].revents)
		return false;
	eventfd_t count;
	eventfd_read(s->wake, &count);
	static const char beat[] = ": still here\n\n";
	return n != 0 || send_text(c, beat, sizeof beat - 1);
}

static void stream_run(struct bd_http_call *c, const char *run_id, struct stream *s)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n"
		"X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
	static const char first[] = "retry: 1000\n\n";
	const char *last = bd_http_header(c, "Last-Event-ID");
	int64_t after = last ? strtoll(last, NULL, 10) : 0;
	int fd = bd_http_socket(c);
	pthread_mutex_lock(&c->http->events->lock);
	/* an id of another daemon's life, or none of ours: from the beginning */
	if (after < 0 || after > s->log->last_id)
		after = 0;
	bool nothing_left = s->log->ended && after == s->log->last_id;
	pthread_mutex_unlock(&c->http->events->lock);
	if (nothing_left) {
		bd_http_reply_empty(c, 204, NULL); /* tells a browser's EventSource not to come back */
		return;
	}
	c->answered = true;
	bool open = send_text(c, head, sizeof head - 1) && !c->head && send_text(c, first, sizeof first - 1);
	while (open) {
		struct entry *entries = NULL;
		size_t n = 0;
		bool ended = collect(c->http->events, s->log, &after, &entries, &n);
		int64_t since = bd_clock_mono_ns();
		open = deliver(c, run_id, entries, n) && !ended && !c->http->stopping && !c->http->events->stopping;
		free(entries);
		open = open && wait_for_news(c, s, fd, since);
	}
}

int bd_http_events_serve(struct bd_http_call *c, const char *run_id, struct bd_error *err)
{
	struct bd_run run;
	int r = bd_store_run_get(c->http->config.store, run_id, &run, err); /* before a log is made for it */
	if (r < 0)
		return r;
	bd_run_done(&run);
	struct stream s = {.wake = -1};
	r = stream_begin(c, run_id, &s, err);
	if (r < 0)
		return r;
	r = stream_state(c, run_id, s.log, err);
	if (r == 0)
		stream_run(c, run_id, &s);
	stream_end(c->http->events, &s);
	return r;
}
