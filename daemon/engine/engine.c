/* The queue of runs, the thread that measures them, and the gap between batches in which others may work. */
#include "engine_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOCK_POLL_NS 200000000LL
#define GAP_SHARE 0.05

void engine_emit(struct bd_engine *e, const struct bd_event *event)
{
	if (e->config.on_event)
		e->config.on_event(event, e->config.on_event_arg);
}

static void job_free(struct job *j)
{
	if (j)
		plan_free(j->plan);
	free(j);
}

/* ---- the gap ------------------------------------------------------------------------------------------------ */

void gap_close(struct bd_engine *e, bool spare)
{
	pthread_mutex_lock(&e->gap_lock);
	/* Let those in who came meanwhile, as long as the allowance lasts. */
	int64_t start = bd_clock_mono_ns();
	while (!spare && (e->gap_inside || e->gap_waiting) && e->gap_allowance_ns > 0) {
		int64_t now = bd_clock_mono_ns();
		if (now - start >= e->gap_allowance_ns)
			break;
		int64_t until = bd_clock_real_ns() + e->gap_allowance_ns - (now - start);
		struct timespec t = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
		pthread_cond_timedwait(&e->gap_changed, &e->gap_lock, &t);
	}
	e->gap_allowance_ns -= bd_clock_mono_ns() - start;
	e->gap_closed = !spare;
	pthread_mutex_unlock(&e->gap_lock);
}

void gap_open(struct bd_engine *e, int64_t batch_ns)
{
	pthread_mutex_lock(&e->gap_lock);
	e->gap_closed = false;
	e->gap_allowance_ns = BD_MIN(e->gap_allowance_ns + (int64_t)((double)batch_ns * GAP_SHARE), 500000000LL);
	pthread_cond_broadcast(&e->gap_changed);
	pthread_mutex_unlock(&e->gap_lock);
}

void bd_engine_gap_enter(struct bd_engine *e, int64_t timeout_ns)
{
	int64_t until = bd_clock_real_ns() + timeout_ns;
	struct timespec t = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
	pthread_mutex_lock(&e->gap_lock);
	e->gap_waiting++;
	while (e->gap_closed)
		if (pthread_cond_timedwait(&e->gap_changed, &e->gap_lock, &t) == ETIMEDOUT)
			break;
	e->gap_waiting--;
	e->gap_inside++;
	pthread_mutex_unlock(&e->gap_lock);
}

void bd_engine_gap_leave(struct bd_engine *e)
{
	pthread_mutex_lock(&e->gap_lock);
	e->gap_inside--;
	pthread_cond_broadcast(&e->gap_changed);
	pthread_mutex_unlock(&e->gap_lock);
}

/* ---- the queue ---------------------------------------------------------------------------------------------- */

bool engine_should_stop(struct bd_engine *e)
{
	pthread_mutex_lock(&e->lock);
	bool stop = e->stopping || e->cancelled_by_user;
	pthread_mutex_unlock(&e->lock);
	return stop;
}

void engine_end_unmeasured(struct bd_engine *e, struct job *job, enum bd_run_state state, struct bd_reason *reason)
{
	struct bd_run run = {0};
	struct bd_error err;
	if (bd_store_run_get(e->store, job->id, &run, &err) == 0) {
		run.state = state;
		bd_reason_free(run.reason);
		run.reason = bd_reason_copy(reason);
		run.finished_ns = bd_clock_real_ns();
		if (bd_store_run_update(e->store, &run, &err) < 0)
			bd_log(BD_LOG_ERROR, "run %s: %s", job->id, err.message);
		if (e->config.on_finished)
			e->config.on_finished(job->id, e->config.on_event_arg);
	}
	engine_emit(e, &(struct bd_event){.run_id = job->id, .kind = BD_EVENT_STATE, .state = state, .reason = reason});
	bd_run_done(&run);
	bd_reason_free(reason);
}

static bool waited_too_long(const struct job *j)
{
	return (double)(bd_clock_mono_ns() - j->submitted_ns) > j->plan->wait_s * 1e9;
}

static struct bd_reason *wait_reason(const struct job *j, const char *holder)
{
	return bd_reason_new(NULL, "waited-too-long", "raise --wait, or cancel what measures",
		"waited %.0f s for the machine, which %s is measuring on", j->plan->wait_s, holder);
}

static void emit_waiting(struct bd_engine *e, const struct job *j, const char *holder)
{
	struct bd_event event = {.run_id = j->id,
		.kind = BD_EVENT_PROGRESS,
		.state = BD_RUN_QUEUED,
		.progress = {.phase = "queued",
			.launches = j->plan->launches,
			.rounds = j->plan->rounds,
			.left_s = (double)NAN,
			.elapsed_s = (double)(bd_clock_mono_ns() - j->submitted_ns) / 1e9,
			.waiting_for = holder,
			.last_time_ns_per_op = (double)NAN}};
	engine_emit(e, &event);
}

void engine_tend_queue(struct bd_engine *e)
{
	struct job *late = NULL;
	char holder[64] = "";
	pthread_mutex_lock(&e->lock);
	if (e->current)
		snprintf(holder, sizeof holder, "run %s", e->current->id);
	for (struct job **p = &e->queue; *p;) {
		struct job *j = *p;
		emit_waiting(e, j, holder); /* also to one that gives up now: for whom it waited */
		if (!waited_too_long(j)) {
			p = &j->next;
			continue;
		}
		*p = j->next;
		j->next = late;
		late = j;
	}
	pthread_mutex_unlock(&e->lock);
	while (late) {
		struct job *j = late;
		late = j->next;
		engine_end_unmeasured(e, j, BD_RUN_FAILED, wait_reason(j, holder));
		job_free(j);
	}
}

/* Waits for the machine's turn; -1 when the job has been ended instead. */
static int take_machine(struct bd_engine *e, struct job *job)
{
	for (;;) {
		int64_t holder = 0;
		int fd = machine_lock_try(e->data, &holder);
		if (fd >= 0)
			return fd;
		if (fd != -EWOULDBLOCK) {
			engine_end_unmeasured(e, job, BD_RUN_FAILED,
				bd_reason_new(NULL, "internal", NULL, "cannot lock /run/lock/benchd.measure: %s",
					strerror(-fd)));
			return -1;
		}
		char name[64];
		snprintf(name, sizeof name, "benchd %lld", (long long)holder);
		if (waited_too_long(job)) {
			engine_end_unmeasured(e, job, BD_RUN_FAILED, wait_reason(job, name));
			return -1;
		}
		emit_waiting(e, job, name);
		engine_tend_queue(e);
		struct timespec t;
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += LOCK_POLL_NS;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		pthread_mutex_lock(&e->lock);
		if (!e->stopping && !e->cancelled_by_user)
			pthread_cond_timedwait(&e->changed, &e->lock, &t);
		bool stop = e->stopping, cancelled = e->cancelled_by_user;
		pthread_mutex_unlock(&e->lock);
		if (stop || cancelled) {
			engine_end_unmeasured(e, job, cancelled ? BD_RUN_CANCELLED : BD_RUN_INTERRUPTED,
				bd_reason_new(NULL, cancelled ? "cancelled" : "interrupted", NULL,
					cancelled ? "cancelled while it waited for its turn" : "benchd ended"));
			return -1;
		}
	}
}

static void *engine_thread(void *arg)
{
	struct bd_engine *e = arg;
	pthread_mutex_lock(&e->lock);
	while (!e->stopping) {
		if (!e->queue) {
			pthread_cond_wait(&e->changed, &e->lock);
			continue;
		}
		struct job *job = e->queue;
		e->queue = job->next;
		e->current = job;
		e->cancelled_by_user = false;
		uint64_t v;
		while (read(e->cancel_fd, &v, sizeof v) > 0)
			;
		pthread_mutex_unlock(&e->lock);
		int fd = take_machine(e, job);
		if (fd >= 0) {
			(job->plan->check ? check_measure : run_measure)(e, job);
			close(fd);
		}
		pthread_mutex_lock(&e->lock);
		e->current = NULL;
		job_free(job);
	}
	while (e->queue) {
		struct job *job = e->queue;
		e->queue = job->next;
		pthread_mutex_unlock(&e->lock);
		engine_end_unmeasured(e, job, BD_RUN_INTERRUPTED,
			bd_reason_new(NULL, "interrupted", NULL, "benchd ended"));
		job_free(job);
		pthread_mutex_lock(&e->lock);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* ---- the interface ------------------------------------------------------------------------------------------ */

int bd_engine_new(const struct bd_engine_config *config, struct bd_store *store, struct bd_engine **ret,
	struct bd_error *err)
{
	struct bd_engine *e = bd_alloc(sizeof *e);
	e->config = *config;
	e->data = bd_strdup(config->data);
	e->interpreters_dir = bd_strdup(config->interpreters);
	e->tracer = bd_strdup(config->tracer);
	e->suites = bd_strdup(config->suites);
	e->store = store;
	registered_sweep(e->data);
	pthread_mutex_init(&e->catalogue_lock, NULL);
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	pthread_mutex_init(&e->gap_lock, NULL);
	pthread_cond_init(&e->gap_changed, NULL);
	e->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = e->cancel_fd < 0 ? bd_error_set(err, -errno, "internal", NULL, "eventfd: %s", strerror(errno))
				 : bd_worker_pool_new(&e->pool, err);
	if (r == 0) {
		/* No interpreter is no reason not to start: doctor and the first run say so. */
		interpreters_load(e);
		int t = pthread_create(&e->thread, NULL, engine_thread, e);
		if (t)
			r = bd_error_set(err, -t, "internal", NULL, "cannot start a thread: %s", strerror(t));
	}
	if (r < 0) {
		e->thread = 0;
		bd_engine_free(&e);
		return r;
	}
	*ret = e;
	return 0;
}

static void wake_cancel(struct bd_engine *e)
{
	uint64_t one = 1;
	if (write(e->cancel_fd, &one, sizeof one) < 0) {
		/* it is readable already */
	}
	pthread_cond_broadcast(&e->changed);
}

void bd_engine_free(struct bd_engine **ep)
{
	struct bd_engine *e = BD_TAKE_PTR(*ep);
	if (!e)
		return;
	if (e->thread) {
		pthread_mutex_lock(&e->lock);
		e->stopping = true;
		wake_cancel(e);
		pthread_mutex_unlock(&e->lock);
		pthread_join(e->thread, NULL);
	}
	if (e->pool)
		bd_worker_pool_free(&e->pool);
	interpreters_free(e);
	if (e->cancel_fd >= 0)
		close(e->cancel_fd);
	free(e->data);
	free(e->interpreters_dir);
	free(e->tracer);
	free(e->suites);
	free(e);
}

int bd_engine_submit(struct bd_engine *e, const struct bd_request *request, char ret_id[BD_ULID_LEN],
	struct bd_error *err)
{
	struct plan *plan = NULL;
	int r = plan_make(e, request, &plan, err);
	if (r < 0)
		return r;
	struct job *job = bd_alloc(sizeof *job);
	job->plan = plan;
	job->submitted_ns = bd_clock_mono_ns();
	bd_ulid(job->id);
	struct bd_run run = {.id = job->id,
		.suite = plan->suite.name,
		.state = BD_RUN_QUEUED,
		.created_ns = bd_clock_real_ns(),
		.wall_s = (double)NAN,
		.setup_s = (double)NAN,
		.measure_s = (double)NAN,
		.batch_s = (double)NAN,
		.seed = plan->seed,
		.launches = plan->launches,
		.rounds = plan->rounds,
		.labels = plan->request.labels,
		.cells = (int64_t)(plan->cells_len - plan->twins)};
	run.request = bd_doc_encode(&bd_request_doc, &plan->request);
	run.plan = plan->check ? check_plan(plan) : NULL; /* of others it is known once they are set up */
	r = bd_store_run_create(e->store, &run, plan->cells, plan->cells_len, err);
	cJSON_Delete(run.request);
	cJSON_Delete(run.plan);
	if (r < 0) {
		job_free(job);
		return r;
	}
	memcpy(ret_id, job->id, BD_ULID_LEN);
	pthread_mutex_lock(&e->lock);
	bool stopping = e->stopping;
	if (!stopping) {
		struct job **p = &e->queue;
		while (*p)
			p = &(*p)->next;
		*p = job;
		pthread_cond_broadcast(&e->changed);
	}
	pthread_mutex_unlock(&e->lock);
	if (stopping) {
		engine_end_unmeasured(e, job, BD_RUN_INTERRUPTED,
			bd_reason_new(NULL, "interrupted", NULL, "benchd ended"));
		job_free(job);
		return bd_error_set(err, -ESHUTDOWN, "stopping", NULL, "benchd is stopping");
	}
	return 0;
}

int bd_engine_plan(struct bd_engine *e, const struct bd_request *request, struct bd_plan_document *ret,
	struct bd_error *err)
{
	struct plan *plan = NULL;
	int r = plan_make(e, request, &plan, err);
	if (r < 0)
		return r;
	plan_document(plan, ret);
	plan_free(plan);
	return 0;
}

int bd_engine_cancel(struct bd_engine *e, const char *run_id, struct bd_error *err)
{
	/* The store first: who was told that a run has ended may not hear that it was cancelled now, though its job is
	 * still being put away. */
	struct bd_run run = {0};
	int r = bd_store_run_get(e->store, run_id, &run, err);
	enum bd_run_state state = run.state;
	bd_run_done(&run);
	if (r < 0)
		return r;
	struct job *queued = NULL;
	pthread_mutex_lock(&e->lock);
	bool ended = state != BD_RUN_QUEUED && state != BD_RUN_RUNNING;
	bool running = !ended && e->current && bd_streq(e->current->id, run_id);
	if (running) {
		e->cancelled_by_user = true;
		wake_cancel(e);
	}
	for (struct job **p = &e->queue; !running && *p; p = &(*p)->next) {
		if (bd_streq((*p)->id, run_id)) {
			queued = *p;
			*p = queued->next;
			break;
		}
	}
	pthread_mutex_unlock(&e->lock);
	if (queued) {
		engine_end_unmeasured(e, queued, BD_RUN_CANCELLED,
			bd_reason_new(NULL, "cancelled", NULL, "cancelled while it waited for its turn"));
		job_free(queued);
		return 0;
	}
	if (running)
		return 0;
	return bd_error_set(err, -EALREADY, "conflict", NULL, "run %s has already ended", run_id);
}

bool bd_engine_idle(struct bd_engine *e)
{
	pthread_mutex_lock(&e->lock);
	bool idle = !e->current && !e->queue;
	pthread_mutex_unlock(&e->lock);
	return idle;
}

void bd_engine_current(struct bd_engine *e, char ret_id[BD_ULID_LEN])
{
	pthread_mutex_lock(&e->lock);
	const struct job *j = e->current ? e->current : e->queue;
	snprintf(ret_id, BD_ULID_LEN, "%s", j ? j->id : "");
	pthread_mutex_unlock(&e->lock);
}

int bd_engine_suite(struct bd_engine *e, const char *name, struct bd_suite *ret, struct bd_error *err)
{
	return bd_suite_load(e->suites, name, ret, err);
}

int bd_engine_suite_names(struct bd_engine *e, struct bd_strv *ret)
{
	return bd_suite_names(e->suites, ret);
}
