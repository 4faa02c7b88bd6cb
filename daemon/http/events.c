/* Event streams. Per run or trace a log of what changed, in which a newer event replaces the older one about the same thing
 * (the progress, the state, one cell, the snapshot of a trace): a client that was away, or is slow, gets the latest of
 * everything it missed, and the log never grows beyond the run's cells. Events are rendered when they are sent, by the thread of the first stream that
 * does, and once for all streams: the engine only ever adds a few numbers here, and many viewers cost little more than
 * one. */
#include "bd_traces.h"
#include "events.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ENDED_LOGS_KEPT 16
#define HEARTBEAT_MS 15000
#define APART_NS INT64_C(100000000) /* between two deliveries to one client: they cost time beside the measuring */

struct log {
	char id[BD_ULID_LEN]; /* of a run, or of a trace */
	bool trace;
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
	free((char *)(uintptr_t)e->progress.about);
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
	c.progress.about = bd_strdup(e->progress.about);
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
	return a->kind == b->kind && (a->kind != TOLD_CELL || a->cell == b->cell);
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
	l->ended = e.kind == TOLD_STATE && final_state(e.state);
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

static struct log *log_of(struct bd_http_events *ev, const char *id, bool trace)
{
	for (struct log *l = ev->logs; l; l = l->next)
		if (l->trace == trace && bd_streq(l->id, id))
			return l;
	struct log *l = bd_alloc(sizeof *l);
	l->trace = trace;
	snprintf(l->id, sizeof l->id, "%s", id);
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
	static const enum told kinds[] =
		{[BD_EVENT_STATE] = TOLD_STATE, [BD_EVENT_PROGRESS] = TOLD_PROGRESS, [BD_EVENT_CELL] = TOLD_CELL};
	struct bd_http_events *ev = ((struct bd_http *)http)->events;
	struct entry borrowed = {.kind = kinds[event->kind],
		.cell = event->cell,
		.state = event->state,
		.reason = (struct bd_reason *)(uintptr_t)event->reason,
		.progress = event->progress};
	struct entry e = entry_copy(&borrowed);
	pthread_mutex_lock(&ev->lock);
	struct log *l = log_of(ev, event->run_id, false);
	log_add(l, e);
	wake_streams(ev, l);
	pthread_mutex_unlock(&ev->lock);
}

void bd_http_trace_event(struct bd_http *h, const char *trace_id, bool ended)
{
	struct bd_http_events *ev = h->events;
	struct bd_trace t = {0};
	ended = ended && bd_store_trace_get(h->config.store, trace_id, &t, NULL) == 0 && final_state(t.state);
	pthread_mutex_lock(&ev->lock);
	struct log *l = log_of(ev, trace_id, true);
	log_add(l, (struct entry){.kind = TOLD_TRACE});
	if (ended)
		log_add(l, (struct entry){.kind = TOLD_STATE, .state = t.state, .reason = bd_reason_copy(t.reason)});
	wake_streams(ev, l);
	pthread_mutex_unlock(&ev->lock);
	bd_trace_done(&t);
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

/* ---- serving --------------------------------------------------------------------------------------------------------------- */

/* With the lock held: whether there is room for one more. */
static int admit(struct bd_http_call *c, const struct bd_http_events *ev, struct bd_error *err)
{
	if (ev->stopping)
		return bd_error_set(err, -ESHUTDOWN, "stopping", NULL, "this benchd is stopping");
	if (ev->streams_len < BD_HTTP_STREAMS_MAX)
		return 0;
	bd_str_puts(&c->error_headers, "Retry-After: 2\r\n");
	return bd_error_set(err, -EBUSY, "too-many-streams", "close one, or ask again in a moment",
		"%d event streams are open, more are not served", BD_HTTP_STREAMS_MAX);
}

int bd_http_events_enter(struct bd_http_call *c, struct bd_error *err)
{
	struct bd_http_events *ev = c->http->events;
	pthread_mutex_lock(&ev->lock);
	int r = admit(c, ev, err);
	ev->streams_len += r == 0;
	pthread_mutex_unlock(&ev->lock);
	return r;
}

void bd_http_events_leave(struct bd_http_call *c)
{
	struct bd_http_events *ev = c->http->events;
	pthread_mutex_lock(&ev->lock);
	ev->streams_len--;
	pthread_mutex_unlock(&ev->lock);
}

static int stream_begin(struct bd_http_call *c, const char *id, bool trace, struct stream *s, struct bd_error *err)
{
	struct bd_http_events *ev = c->http->events;
	pthread_mutex_lock(&ev->lock);
	int r = admit(c, ev, err);
	if (r == 0 && (s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		r = bd_error_set(err, -errno, "internal", NULL, "eventfd: %s", strerror(errno));
	if (r == 0) {
		s->log = log_of(ev, id, trace);
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

static bool knows(const struct log *l, enum told kind)
{
	for (size_t i = 0; i < l->len; i++)
		if (l->entries[i].kind == kind)
			return true;
	return false;
}

/* A log that knows no state yet gets the stored one: the run was made before this daemon, or its log is forgotten. Of a trace
 * there is a snapshot at once. */
static void stream_state(struct bd_http_events *ev, struct log *l, enum bd_run_state state,
	const struct bd_reason *reason)
{
	pthread_mutex_lock(&ev->lock);
	if (l->trace && !knows(l, TOLD_TRACE))
		log_add(l, (struct entry){.kind = TOLD_TRACE});
	if (!knows(l, TOLD_STATE) || final_state(state)) /* it is final only after all events but the last */
		log_add(l, (struct entry){.kind = TOLD_STATE, .state = state, .reason = bd_reason_copy(reason)});
	pthread_mutex_unlock(&ev->lock);
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

static bool deliver(struct bd_http_call *c, const struct log *l, struct entry *entries, size_t n)
{
	bool ok = true;
	/* who watches a trace beside a measurement disturbs it already, and wants to see it now */
	struct bd_engine *engine = n && !l->trace ? bd_http_engine_take(c->http) : NULL;
	if (engine)
		bd_engine_gap_enter(engine, BD_HTTP_GAP_NS);
	for (size_t i = 0; i < n; i++) {
		struct rendered *r = entries[i].rendered;
		pthread_mutex_lock(&r->lock);
		if (!r->done && ok) {
			bd_http_event_text(c->http, l->id, &entries[i], &r->text);
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

static void stream_run(struct bd_http_call *c, struct stream *s)
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
		open = deliver(c, s->log, entries, n) && !ended && !c->http->stopping && !c->http->events->stopping;
		free(entries);
		open = open && wait_for_news(c, s, fd, since);
	}
}

int bd_http_events_serve(struct bd_http_call *c, const char *run_id, struct bd_error *err)
{
	struct bd_run run;
	struct stream s = {.wake = -1};
	int r = bd_store_run_get(c->http->config.store, run_id, &run, err); /* before a log is made for it */
	if (r < 0)
		return r;
	bd_run_done(&run);
	r = stream_begin(c, run_id, false, &s, err);
	if (r < 0)
		return r;
	r = bd_store_run_get(c->http->config.store, run_id, &run, err); /* as it is now that nothing is missed */
	if (r == 0) {
		stream_state(c->http->events, s.log, run.state, run.reason);
		bd_run_done(&run);
		stream_run(c, &s);
	}
	stream_end(c->http->events, &s);
	return r;
}

/* Whoever started it may want it to end when nobody looks any more. */
static void watch(struct bd_http *h, const char *trace_id, int by)
{
	struct bd_traces *traces = bd_http_traces_take(h);
	if (!traces)
		return;
	bd_traces_watch(traces, trace_id, by, NULL); /* one that has ended needs no watchers */
	bd_http_traces_give(h);
}

int bd_http_events_serve_trace(struct bd_http_call *c, const char *trace_id, struct bd_error *err)
{
	struct bd_trace t;
	struct stream s = {.wake = -1};
	int r = bd_store_trace_get(c->http->config.store, trace_id, &t, err);
	if (r < 0)
		return r;
	bd_trace_done(&t);
	r = stream_begin(c, trace_id, true, &s, err);
	if (r < 0)
		return r;
	watch(c->http, trace_id, 1);
	r = bd_store_trace_get(c->http->config.store, trace_id, &t, err);
	if (r == 0) {
		stream_state(c->http->events, s.log, t.state, t.reason);
		bd_trace_done(&t);
		stream_run(c, &s);
	}
	watch(c->http, trace_id, -1);
	stream_end(c->http->events, &s);
	return r;
}
