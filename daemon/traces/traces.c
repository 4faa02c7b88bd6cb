#include "session.h"

#include <errno.h>

void bd_traces_new(const struct bd_traces_config *config, struct bd_store *store, struct bd_traces **ret)
{
	struct bd_traces *t = bd_alloc(sizeof *t);
	t->config = *config;
	t->tracer = bd_strdup(config->tracer);
	t->store = store;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	*ret = t;
}

static void session_free(struct bd_session *s)
{
	pthread_join(s->thread, NULL);
	cJSON_Delete(s->snapshot);
	bd_trace_done(&s->row);
	free(s);
}

void bd_traces_free(struct bd_traces **tp)
{
	struct bd_traces *t = BD_TAKE_PTR(*tp);
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->ends = true;
	for (size_t i = 0; i < BD_TRACES_SESSIONS; i++)
		if (t->session[i])
			t->session[i]->interrupt = true;
	pthread_mutex_unlock(&t->lock);
	for (size_t i = 0; i < BD_TRACES_SESSIONS; i++)
		if (t->session[i])
			session_free(t->session[i]);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->changed);
	free(t->tracer);
	free(t);
}

/* Room for one more, -1: there is none. Those that have ended are handed over, to be freed without the lock: their threads
 * may still be telling that they ended. With the lock. */
static int find_room(struct bd_traces *t, struct bd_session *ended[BD_TRACES_SESSIONS])
{
	int room = -1;
	for (int i = 0; i < BD_TRACES_SESSIONS; i++) {
		if (t->session[i] && t->session[i]->phase == BD_SESSION_ENDED && !t->session[i]->waited_for)
			ended[i] = BD_TAKE_PTR(t->session[i]);
		if (!t->session[i] && room < 0)
			room = i;
	}
	return room;
}

static void sessions_free(struct bd_session *ended[BD_TRACES_SESSIONS])
{
	for (int i = 0; i < BD_TRACES_SESSIONS; i++)
		if (ended[i])
			session_free(ended[i]);
}

static struct bd_session *find(struct bd_traces *t, const char *id)
{
	for (size_t i = 0; i < BD_TRACES_SESSIONS; i++)
		if (t->session[i] && bd_streq(t->session[i]->id, id))
			return t->session[i];
	return NULL;
}

/* Until it is past a phase. With the lock. */
static void wait_for(struct bd_session *s, enum bd_session_phase past)
{
	s->waited_for++;
	while (s->phase <= past)
		pthread_cond_wait(&s->traces->changed, &s->traces->lock);
	s->waited_for--;
}

int bd_traces_start(struct bd_traces *t, const struct bd_trace_request *q, char ret_id[BD_ULID_LEN],
	struct bd_error *err)
{
	const char *level = q->level ? q->level : "events";
	if (!bd_streq(level, "events"))
		return bd_error_set(err, -EINVAL, "unknown-value", "level: events", "there is no level '%s' of a trace",
			level);
	if (q->pid <= 0 || q->pid > INT32_MAX)
		return bd_error_set(err, -EINVAL, "bad-value", NULL, "pid: %lld is no number of a process",
			(long long)q->pid);
	struct bd_session *s = bd_alloc(sizeof *s);
	*s = (struct bd_session){.traces = t,
		.pid = (pid_t)q->pid,
		.await = q->await,
		.keep = q->keep,
		.seconds = q->seconds,
		.max_bytes = q->max_bytes == BD_NULL_INT ? BD_TRACES_BYTES : q->max_bytes,
		.unwatched_ns = bd_clock_mono_ns()};
	bd_ulid(s->id);
	s->row = (struct bd_trace){.id = bd_strdup(s->id),
		.pid = q->pid,
		.command = bd_strdup(q->command),
		.level = bd_strdup(level)};
	struct bd_session *ended[BD_TRACES_SESSIONS] = {NULL};
	pthread_mutex_lock(&t->lock);
	int room = t->ends ? -1 : find_room(t, ended), r = 0;
	if (room < 0)
		r = t->ends ? bd_error_set(err, -ESHUTDOWN, "stopping", NULL, "benchd is stopping")
			    : bd_error_set(err, -EBUSY, "too-many", "stop one of them first", "%d traces go on already",
				      BD_TRACES_SESSIONS);
	else if ((r = -pthread_create(&s->thread, NULL, bd_session_run, s)) < 0)
		bd_error_set(err, r, "internal", NULL, "no thread for a trace: %s", strerror(-r));
	if (r < 0) {
		pthread_mutex_unlock(&t->lock);
		sessions_free(ended);
		bd_trace_done(&s->row);
		free(s);
		return r;
	}
	t->session[room] = s;
	wait_for(s, BD_SESSION_STARTS);
	struct bd_error why = s->error;
	if (why.code) {
		wait_for(s, BD_SESSION_RUNS);
		t->session[room] = NULL;
	} else {
		memcpy(ret_id, s->id, BD_ULID_LEN);
	}
	pthread_mutex_unlock(&t->lock);
	sessions_free(ended);
	if (!why.code)
		return 0;
	session_free(s);
	if (err)
		*err = why;
	return why.code;
}

static int not_found(const char *id, struct bd_error *err)
{
	return bd_error_set(err, -ENOENT, "not-found", NULL, "there is no trace %s", id);
}

int bd_traces_stop(struct bd_traces *t, const char *id, struct bd_error *err)
{
	pthread_mutex_lock(&t->lock);
	struct bd_session *s = find(t, id);
	if (s) {
		s->stop_asked = true;
		wait_for(s, BD_SESSION_RUNS);
	}
	pthread_mutex_unlock(&t->lock);
	if (s)
		return 0;
	struct bd_trace row = {0};
	int r = bd_store_trace_get(t->store, id, &row, err);
	bd_trace_done(&row);
	return r;
}

int bd_traces_watch(struct bd_traces *t, const char *id, int by, struct bd_error *err)
{
	pthread_mutex_lock(&t->lock);
	struct bd_session *s = find(t, id);
	bool runs = s && s->phase == BD_SESSION_RUNS;
	if (s) {
		s->watchers += by;
		s->ever_watched |= by > 0;
		if (!s->watchers)
			s->unwatched_ns = bd_clock_mono_ns();
	}
	pthread_mutex_unlock(&t->lock);
	return runs ? 0 : not_found(id, err);
}

int bd_traces_document(struct bd_traces *t, const char *id, cJSON **ret, struct bd_error *err)
{
	pthread_mutex_lock(&t->lock);
	const struct bd_session *s = find(t, id);
	cJSON *copy = s && s->snapshot && !s->stored ? cJSON_Duplicate(s->snapshot, true) : NULL;
	pthread_mutex_unlock(&t->lock);
	if (copy) {
		*ret = copy;
		return 0;
	}
	bd_auto_free char *text = NULL;
	int r = bd_store_trace_document_get(t->store, id, &text, err);
	return r < 0 ? r : bd_json_parse(text, "a stored trace", ret, err);
}

bool bd_traces_idle(struct bd_traces *t)
{
	bool idle = true;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < BD_TRACES_SESSIONS; i++)
		idle &= !t->session[i] || t->session[i]->phase == BD_SESSION_ENDED;
	pthread_mutex_unlock(&t->lock);
	return idle;
}
