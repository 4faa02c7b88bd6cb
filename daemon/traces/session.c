/* The thread of one trace: it starts the tracer, which lives as long as this thread, and makes sense of what it tells. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define DRAIN_MS 20       /* when there is little to tell, so that the processor can rest */
#define DRAIN_BUSY_MS 10  /* when there is much */
#define BUSY_BYTES 65536  /* in one drain */
#define FIRST_NS 50000000 /* until the first figures */
#define SNAPSHOT_NS 250000000
#define STOPPED_NS 20000000 /* from one look at a process that stands still to the next */
#define CHUNK_NS 500000000
#define ROW_NS 2000000000       /* of the list */
#define UNWATCHED_NS 5000000000 /* that nobody watches any more */
#define NEVER_WATCHED_NS 30000000000
#define COMMAND_MAX 400

struct session {
	struct bd_session *shared;
	struct bd_tracer *tracer;
	struct bd_book *book;
	int target;
	uint32_t gils_change;
	bool alive, ready;
	struct bd_error why; /* Python was not found in it */
	int64_t start_ns, snapshot_ns, chunk_ns, row_ns;
	size_t drained; /* bytes, the last time */
	bool store_failed, documented;
	enum bd_run_state state;
	struct bd_reason *reason;
};

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the row and the document ---------------------------------------------------------------------------------- */

cJSON *bd_traces_describe(const struct bd_trace *row, cJSON **figures)
{
	cJSON *from = BD_TAKE_PTR(*figures), *o = cJSON_CreateObject();
	char started[BD_RFC3339_LEN];
	bd_rfc3339(row->created_ns, started);
	cJSON_AddStringToObject(o, "schema", "benchd.trace.v1");
	cJSON_AddStringToObject(o, "id", row->id);
	cJSON_AddStringToObject(o, "state", bd_run_state_names[row->state]);
	cJSON_AddItemToObject(o, "reason",
		row->reason ? bd_doc_encode(&bd_reason_doc, row->reason) : cJSON_CreateNull());
	cJSON_AddStringToObject(o, "started", started);
	cJSON_AddItemToObject(o, "pid",
		row->pid == BD_NULL_INT ? cJSON_CreateNull() : cJSON_CreateNumber((double)row->pid));
	cJSON *own = cJSON_DetachItemFromObjectCaseSensitive(from, "own_pid");
	if (row->pid == BD_NULL_INT) { /* of many processes */
		cJSON_Delete(own);
		own = cJSON_CreateNull();
	}
	cJSON_AddItemToObject(o, "own_pid", own);
	cJSON_AddItemToObject(o, "command", row->command ? cJSON_CreateString(row->command) : cJSON_CreateNull());
	cJSON_AddItemToObject(o, "python", row->python ? cJSON_CreateString(row->python) : cJSON_CreateNull());
	cJSON_AddItemToObject(o, "run", row->run_id ? cJSON_CreateString(row->run_id) : cJSON_CreateNull());
	while (from->child) {
		cJSON *item = cJSON_DetachItemViaPointer(from, from->child);
		if (cJSON_HasObjectItem(o, item->string))
			cJSON_Delete(item);
		else
			cJSON_AddItemToObject(o, item->string, item);
	}
	cJSON_Delete(from);
	return o;
}

/* What it runs, for people. */
static char *command_of(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	bd_auto_free char *all = NULL;
	size_t len = 0;
	if (bd_file_read(path, 1 << 20, &all, &len) < 0 || !len)
		return NULL;
	len = BD_MIN(len, (size_t)COMMAND_MAX);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)all[i] < ' ')
			all[i] = ' ';
	while (len && all[len - 1] == ' ')
		len--;
	char *text = bd_alloc(2 * len + 1);
	bd_book_text(text, all, len);
	return text;
}

/* The row as it stands; the state is said by the caller. */
static void update_row(struct session *s, int64_t end_ns, const cJSON *figures)
{
	struct bd_trace *row = &s->shared->row;
	int64_t bytes; /* the store counts them itself */
	row->end_mono_ns = end_ns;
	bd_book_sums(s->book, &row->waits, &row->wait_ns, &row->lost, &bytes);
	const cJSON *python = cJSON_GetObjectItemCaseSensitive(figures, "python");
	if (cJSON_IsString(python) && !bd_streq(row->python, python->valuestring)) {
		free(row->python);
		row->python = bd_strdup(python->valuestring);
	}
}

static cJSON *document(struct session *s, int64_t now_ns, bool live)
{
	cJSON *figures = bd_book_document_as(s->book, now_ns, live);
	cJSON_AddNumberToObject(figures, "benchd_cpu_s", (double)cpu_ns() / 1e9);
	update_row(s, now_ns, figures);
	return bd_traces_describe(&s->shared->row, &figures);
}

/* From now on others are given this one. */
static void publish(struct session *s, cJSON *document_now, enum bd_session_phase phase)
{
	struct bd_session *shared = s->shared;
	pthread_mutex_lock(&shared->traces->lock);
	cJSON *before = shared->snapshot;
	shared->snapshot = document_now;
	shared->phase = phase;
	shared->stored = s->documented;
	pthread_cond_broadcast(&shared->traces->changed);
	pthread_mutex_unlock(&shared->traces->lock);
	cJSON_Delete(before);
}

/* ---- the store ------------------------------------------------------------------------------------------------ */

static void fails(struct session *s, const struct bd_error *err)
{
	if (s->reason)
		return;
	s->state = BD_RUN_FAILED;
	s->reason = bd_reason_from_error(err);
}

static void put_chunk(struct session *s)
{
	struct bd_trace_chunk chunk;
	struct bd_error err = {0};
	if (s->store_failed || !bd_book_chunk(s->book, &chunk))
		return;
	if (bd_store_trace_chunk_put(s->shared->traces->store, s->shared->id, &chunk, &err) < 0) {
		s->store_failed = true;
		fails(s, &err);
	}
}

/* For the list; what goes wrong here goes wrong with the chunks, too. */
static void put_row(struct session *s)
{
	if (!s->store_failed)
		(void)bd_store_trace_update(s->shared->traces->store, &s->shared->row, NULL);
}

/* ---- going on ------------------------------------------------------------------------------------------------- */

static void look_at_target(struct session *s)
{
	struct bd_tracer_info info;
	struct bd_error err = {0};
	if (bd_book_target(s->book, s->tracer, s->target, &err) < 0 ||
		bd_tracer_info(s->tracer, s->target, &info, &err) < 0)
		return; /* a tracer that is gone is noticed by the next drain */
	s->ready |= info.ready;
	s->why = info.why;
}

static int drain(struct session *s, int timeout_ms, struct bd_error *err)
{
	struct bd_tracer_drained d;
	int r = bd_tracer_drain(s->tracer, timeout_ms, &d, err);
	if (r < 0)
		return r;
	s->drained = d.bytes;
	s->alive = d.alive & 1U << s->target;
	bool changed = d.gils_change != s->gils_change;
	s->gils_change = d.gils_change;
	bd_book_add(s->book, &d);
	if (changed)
		look_at_target(s);
	return 0;
}

/* Why the trace is over, if it is. */
static bool is_over(struct session *s, int64_t now_ns)
{
	struct bd_session *shared = s->shared;
	struct bd_traces *t = shared->traces;
	pthread_mutex_lock(&t->lock);
	bool stop = shared->stop_asked, interrupt = shared->interrupt, watched = shared->watchers > 0;
	int64_t alone_ns = watched ? 0 : now_ns - shared->unwatched_ns,
		patience_ns = shared->ever_watched ? UNWATCHED_NS : NEVER_WATCHED_NS;
	pthread_mutex_unlock(&t->lock);
	if (s->state == BD_RUN_FAILED)
		return true;
	if (!s->alive && s->ready) {
		s->reason = bd_reason_new(NULL, "target-ended", NULL, "process %d has ended", shared->pid);
		s->state = BD_RUN_COMPLETE;
	} else if (!s->alive) {
		s->state = BD_RUN_FAILED;
		s->reason = s->why.code && !shared->await
			? bd_reason_from_error(&s->why)
			: bd_reason_new(NULL, "not-python",
				  "what it started in processes of their own is not traced: exec it, or use --pid",
				  "process %d has ended without having run Python", shared->pid);
	} else if (stop) {
		s->state = BD_RUN_COMPLETE;
	} else if (interrupt) {
		s->state = BD_RUN_INTERRUPTED;
		s->reason = bd_reason_new(NULL, "interrupted", "what it had seen until then is kept",
			"benchd was stopped");
	} else if (!isnan(shared->seconds) && now_ns - s->start_ns >= (int64_t)(shared->seconds * 1e9)) {
		s->state = BD_RUN_COMPLETE;
	} else if (isnan(shared->seconds) && !shared->keep && !watched && alone_ns >= patience_ns) {
		s->state = BD_RUN_COMPLETE;
		s->reason = bd_reason_new(NULL, "unwatched", NULL, "nobody watched it any more");
	} else {
		return false;
	}
	return true;
}

static int timeout_ms(const struct session *s, int64_t now_ns)
{
	int64_t ms = s->drained > BUSY_BYTES ? DRAIN_BUSY_MS : DRAIN_MS;
	if (!isnan(s->shared->seconds)) {
		int64_t left_ns = s->start_ns + (int64_t)(s->shared->seconds * 1e9) - now_ns;
		ms = BD_MIN(ms, BD_MAX(left_ns / 1000000 + 1, (int64_t)0));
	}
	return (int)ms;
}

static void go_on(struct session *s)
{
	struct bd_traces *t = s->shared->traces;
	s->snapshot_ns = s->start_ns + FIRST_NS - SNAPSHOT_NS;
	s->chunk_ns = s->row_ns = s->start_ns;
	for (;;) {
		struct bd_error err = {0};
		int64_t now = bd_clock_mono_ns();
		if (drain(s, timeout_ms(s, now), &err) < 0) {
			fails(s, &err);
			return;
		}
		now = bd_clock_mono_ns();
		if (now - s->chunk_ns >= CHUNK_NS) {
			s->chunk_ns = now;
			put_chunk(s);
		}
		if (now - s->row_ns >= ROW_NS) {
			s->row_ns = now;
			put_row(s);
		}
		if (is_over(s, now))
			return;
		if (now - s->snapshot_ns >= SNAPSHOT_NS) {
			s->snapshot_ns = now;
			publish(s, document(s, now, true), BD_SESSION_RUNS);
			if (t->config.on_change)
				t->config.on_change(s->shared->id, false, t->config.on_change_arg);
		}
	}
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

static int begin(struct session *s, struct bd_error *err)
{
	struct bd_session *shared = s->shared;
	struct bd_traces *t = shared->traces;
	int r = bd_tracer_start(t->tracer, BD_TRACER_EVENTS, &s->tracer, err);
	if (r == 0)
		r = shared->await ? bd_tracer_await(s->tracer, shared->pid, &s->target, err)
				  : bd_tracer_attach(s->tracer, shared->pid, &s->target, err);
	if (r < 0)
		return r;
	s->start_ns = bd_clock_mono_ns();
	s->alive = true;
	bd_book_new(s->start_ns, shared->max_bytes, &s->book);
	if ((r = bd_book_target(s->book, s->tracer, s->target, err)) < 0)
		return r;
	look_at_target(s);
	struct bd_trace *row = &shared->row;
	if (!row->command)
		row->command = command_of(shared->pid);
	row->state = BD_RUN_RUNNING;
	row->created_ns = bd_clock_real_ns();
	row->start_mono_ns = row->end_mono_ns = s->start_ns;
	cJSON *first = document(s, s->start_ns, true);
	if ((r = bd_store_trace_create(t->store, row, err)) < 0) {
		cJSON_Delete(first);
		return r;
	}
	publish(s, first, BD_SESSION_RUNS);
	return 0;
}

static bool looks_stopped(pid_t pid)
{
	char path[64];
	bd_auto_free char *text = NULL;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	const char *state = bd_file_read(path, 1 << 12, &text, NULL) < 0 ? NULL : strrchr(text, ')');
	return state && (bd_starts_with(state, ") T") || bd_starts_with(state, ") t"));
}

/* Nothing waits in a process that stands still, and that nothing waits says nothing then. */
static void note_stopped(struct session *s)
{
	if (s->state != BD_RUN_COMPLETE || s->reason || !looks_stopped(s->shared->pid))
		return;
	nanosleep(&(struct timespec){.tv_nsec = STOPPED_NS},
		NULL); /* whom strace watches stops all the time, for moments */
	if (looks_stopped(s->shared->pid))
		s->reason = bd_reason_new(NULL, "target-stopped",
			"kill -CONT lets it go on, or the end of the debugger",
			"process %d is stopped, by a signal or a debugger", s->shared->pid);
}

/* What it stored stays readable even when the rest cannot be stored: then the document is made by bd_traces_recover. */
static void end(struct session *s)
{
	struct bd_session *shared = s->shared;
	struct bd_traces *t = shared->traces;
	struct bd_error err = {0};
	int64_t now = bd_clock_mono_ns();
	if (s->state != BD_RUN_FAILED)
		(void)drain(s, 0, &err); /* what came until now */
	bd_tracer_free(&s->tracer);
	note_stopped(s);
	bd_book_end(s->book, now);
	put_chunk(s);
	shared->row.state = s->state;
	shared->row.reason = BD_TAKE_PTR(s->reason);
	shared->row.finished_ns = bd_clock_real_ns();
	cJSON *last = document(s, now, false);
	bd_auto_free char *text = bd_json_text(last);
	if (bd_store_trace_update(t->store, &shared->row, &err) < 0 ||
		bd_store_trace_document_put(t->store, shared->id, text, &err) < 0)
		bd_log(BD_LOG_DEBUG, "trace %s: %s", shared->id, err.message);
	else
		s->documented = true;
	publish(s, last, BD_SESSION_ENDED);
}

void *bd_session_run(void *arg)
{
	struct session s = {.shared = arg, .state = BD_RUN_RUNNING};
	struct bd_traces *t = s.shared->traces;
	bool began = begin(&s, &s.shared->error) == 0;
	if (began) {
		go_on(&s);
		end(&s);
	}
	bd_tracer_free(&s.tracer);
	bd_book_free(&s.book);
	bd_reason_free(s.reason);
	if (!began)
		publish(&s, NULL, BD_SESSION_ENDED);
	if (began && t->config.on_change)
		t->config.on_change(s.shared->id, true, t->config.on_change_arg);
	return NULL;
}
