/* A run of kind check: a module that benchctl registered is checked in its turn, as nothing else may run beside what is
 * measured, and what was found is stored with the run. */
#include "engine_internal.h"

#include "bd_checker.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define TICK_MS 200
#define PROGRESS_NS 150000000LL  /* less than a tick */
#define OVERDUE_NS 30000000000LL /* it ends by itself when its time is over: beyond that it hangs */

static double seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------------- */

/* A check has no cells, so nothing that chooses or measures them. */
static int check_fields(const struct bd_request *q, struct bd_error *err)
{
	const struct {
		const char *path;
		bool given;
	} fields[] = {{"sides", q->sides != NULL}, {"axes", q->axes.n > 0}, {"cases", q->cases.n > 0},
		{"launches", q->launches != BD_NULL_INT}, {"rounds", q->rounds != BD_NULL_INT},
		{"seed", q->seed != BD_NULL_INT}, {"precision", !isnan(q->precision)},
		{"equivalence", !isnan(q->equivalence)}, {"trace", q->trace != NULL}};
	for (size_t i = 0; i < BD_LEN(fields); i++)
		if (fields[i].given)
			return bd_error_set(err, -EINVAL, "bad-value", NULL, "%s: a check has none", fields[i].path);
	if (q->target[0] != '@')
		return bd_error_set(err, -EINVAL, "bad-value", "benchctl check --store registers the module",
			"target: a check is of what was registered, \"@ID\", not of '%.64s'", q->target);
	return 0;
}

int check_resolve(struct bd_engine *e, struct plan *p, struct bd_error *err)
{
	int r = check_fields(&p->request, err);
	if (r < 0)
		return r;
	struct bd_registered *what = &p->sides[0].target;
	bd_doc_init(&bd_registered_doc, &p->sides[0].what);
	bd_doc_init(&bd_registered_doc, what);
	p->sides_len = 1;
	r = registered_load(e->data, p->request.target + 1, what, err);
	if (r == 0 && !bd_streq(what->kind, "module"))
		r = bd_error_set(err, -EINVAL, "bad-registered", NULL, "a %s cannot be checked", what->kind);
	if (r == 0)
		p->suite.name = bd_strdup(what->name);
	return r;
}

cJSON *check_plan(const struct plan *p)
{
	cJSON *plan = cJSON_CreateObject();
	cJSON_AddStringToObject(plan, "kind", "check");
	cJSON_AddNumberToObject(plan, "budget_s", p->budget_s);
	return plan;
}

/* ---- its turn ------------------------------------------------------------------------------------------------------------ */

struct checking {
	struct bd_engine *e;
	struct job *job;
	struct bd_run row;
	int64_t start_ns;
	/* where it is, as it said last */
	char *stage, *about;
	int64_t done, of, told_ns;
	bool news; /* nobody was told yet */
};

static void at(struct checking *c, const char *stage, int64_t done, int64_t of, const char *about)
{
	free(c->stage);
	free(c->about);
	c->stage = bd_strdup(stage);
	c->about = bd_strdup(about);
	c->done = done;
	c->of = of;
	c->news = true;
}

static void on_progress(const cJSON *progress, void *arg)
{
	const cJSON *done = cJSON_GetObjectItemCaseSensitive(progress, "done"),
		    *of = cJSON_GetObjectItemCaseSensitive(progress, "of"),
		    *stage = cJSON_GetObjectItemCaseSensitive(progress, "stage"),
		    *about = cJSON_GetObjectItemCaseSensitive(progress, "about");
	if (cJSON_IsNumber(done) && cJSON_IsNumber(of) && cJSON_IsString(stage) && cJSON_IsString(about))
		at(arg, stage->valuestring, done->valueint, of->valueint, about->valuestring);
}

/* What it is at, a few times a second; the last of it also when it says nothing more for long. */
static void tell(struct checking *c)
{
	int64_t now = bd_clock_mono_ns();
	if (!c->news || now - c->told_ns < PROGRESS_NS)
		return;
	c->news = false;
	c->told_ns = now;
	double elapsed = seconds(now - c->start_ns);
	engine_emit(c->e,
		&(struct bd_event){.run_id = c->job->id,
			.kind = BD_EVENT_PROGRESS,
			.state = BD_RUN_RUNNING,
			.progress = {.phase = c->stage,
				.cells_done = c->done,
				.cells = c->of,
				.elapsed_s = elapsed,
				.left_s = BD_MAX(c->job->plan->budget_s - elapsed, 0.0),
				.about = c->about}});
}

static int spawn(const struct bd_spawn *sp, pid_t *ret_pid, void *arg, struct bd_error *err)
{
	int pidfd = -1;
	int r = bd_worker_pool_spawn(((struct bd_engine *)arg)->pool, sp, ret_pid, &pidfd, err);
	bd_closep(&pidfd);
	return r;
}

static int start(struct checking *c, struct bd_checker *checker, struct bd_error *err)
{
	const struct plan *p = c->job->plan;
	const struct bd_registered *what = &p->sides[0].target;
	const struct bd_axes none = {0};
	struct bd_map variables = {0};
	bd_auto_strv struct bd_strv env = {0};
	worker_environment(&variables, &none, &p->request.env, 0, 0);
	for (size_t i = 0; i < what->env.n; i++)
		bd_map_set(&variables, what->env.v[i].key, what->env.v[i].value);
	for (size_t i = 0; i < variables.n; i++)
		bd_strv_addf(&env, "%s=%s", variables.v[i].key, variables.v[i].value);
	bd_map_done(&variables);
	bd_auto_free char **envp = bd_strv_argv(&env);
	bd_auto_json cJSON *request = bd_checker_request(what->name, what->path, what->calls, what->cwd, p->budget_s);
	const struct bd_spawn how = {.envp = envp, .cwd = what->cwd, .drop_privileges = true};
	return bd_checker_start(checker, what->argv.v[0], request, &how, spawn, c->e, err);
}

/* To its end. Whoever cancels, or ends benchd, still gets what was found until then. */
static void follow(struct checking *c, struct bd_checker *checker)
{
	int64_t end = c->start_ns + (int64_t)(c->job->plan->budget_s * 1e9) + OVERDUE_NS;
	int64_t tended = 0;
	bool told = false;
	for (;;) {
		/* once it was told, what asked for it would be readable for ever */
		struct pollfd fds[] = {{.fd = checker->fd, .events = POLLIN},
			{.fd = told ? -1 : c->e->cancel_fd, .events = POLLIN}};
		int ready = poll(fds, BD_LEN(fds), TICK_MS);
		if (!told && engine_should_stop(c->e)) {
			told = true;
			end = bd_clock_mono_ns() + BD_CHECKER_STOP_NS;
			bd_checker_stop(checker);
		}
		if (ready > 0 && fds[0].revents && bd_checker_read(checker) == 0)
			return;
		if (bd_clock_mono_ns() > end)
			return;
		tell(c);
		if (bd_clock_mono_ns() - tended >= PROGRESS_NS) {
			tended = bd_clock_mono_ns();
			engine_tend_queue(c->e);
		}
	}
}

/* ---- its end --------------------------------------------------------------------------------------------------------------- */

/* What the run ends with, of what the check ended with. err: why there is no document, or none of a module that could be
 * looked at. */
static void settle(struct checking *c, int r, const struct bd_error *err)
{
	struct bd_run *row = &c->row;
	pthread_mutex_lock(&c->e->lock);
	bool cancelled = c->e->cancelled_by_user, stopping = c->e->stopping;
	pthread_mutex_unlock(&c->e->lock);
	const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row->check, "state")),
		   *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row->check, "reason"));
	row->state = BD_RUN_COMPLETE;
	if (r == 0 && bd_streq(state, "complete"))
		return; /* also when it was over before it was told to end */
	if (cancelled || stopping) {
		row->state = cancelled ? BD_RUN_CANCELLED : BD_RUN_INTERRUPTED;
		row->reason = bd_reason_new(NULL, cancelled ? "cancelled" : "interrupted", NULL,
			cancelled ? "cancelled by request; what was found by then is kept"
				  : "benchd ended; what was found by then is kept");
	} else if (r < 0) {
		row->state = BD_RUN_FAILED;
		row->reason = bd_reason_from_error(err);
	} else {
		row->state = BD_RUN_INTERRUPTED;
		row->reason = bd_reason_new(NULL, "timeout", "--seconds gives it more time",
			"%s; what was found by then is kept", reason ? reason : "its time was over");
	}
}

static int begin(struct checking *c, struct bd_error *err)
{
	struct bd_run *row = &c->row;
	row->state = BD_RUN_RUNNING;
	row->started_ns = bd_clock_real_ns();
	c->start_ns = bd_clock_mono_ns();
	row->environment = environment_document();
	environment_variables(row->environment, &c->job->plan->request.env);
	row->comparability_key = comparability_key(row->environment);
	int r = bd_store_run_update(c->e->store, row, err);
	if (r == 0)
		engine_emit(c->e,
			&(struct bd_event){.run_id = c->job->id, .kind = BD_EVENT_STATE, .state = BD_RUN_RUNNING});
	return r;
}

static int check(struct checking *c, struct bd_error *err)
{
	const struct bd_registered *what = &c->job->plan->sides[0].target;
	bd_auto_checker struct bd_checker checker = {.on_progress = on_progress, .arg = c};
	int r = start(c, &checker, err);
	if (r < 0)
		return r;
	at(c, "importing", 0, 0, what->name);
	tell(c);
	follow(c, &checker);
	bd_auto_json cJSON *document = NULL;
	r = bd_checker_end(&checker, &document, err);
	if (r == 0)
		r = bd_checker_unusable(document, what->name, what->argv.v[0], err);
	if (r < 0)
		return r;
	cJSON_DeleteItemFromObjectCaseSensitive(document, "missing"); /* for us: what is told has been imported */
	c->row.check = BD_TAKE_PTR(document);
	return 0;
}

static void store(struct checking *c)
{
	struct bd_error err;
	struct bd_run *row = &c->row;
	if (bd_store_run_update(c->e->store, row, &err) == 0)
		return;
	/* without what was found the end may still find room */
	bd_log(BD_LOG_ERROR, "run %s: %s", c->job->id, err.message);
	row->state = BD_RUN_FAILED;
	bd_reason_free(row->reason);
	row->reason = bd_reason_from_error(&err);
	bd_jsonp(&row->check);
	row->check = NULL;
	if (bd_store_run_update(c->e->store, row, &err) < 0)
		bd_log(BD_LOG_ERROR, "run %s: %s", c->job->id, err.message);
}

void check_measure(struct bd_engine *e, struct job *job)
{
	struct checking c = {.e = e, .job = job};
	struct bd_error err;
	struct environment_watch watch = {0};
	if (bd_store_run_get(e->store, job->id, &c.row, &err) < 0) {
		engine_end_unmeasured(e, job, BD_RUN_FAILED, bd_reason_from_error(&err));
		return;
	}
	environment_begun(&watch);
	int r = begin(&c, &err);
	if (r == 0)
		r = check(&c, &err);
	settle(&c, r, &err);
	environment_seen(&watch);
	environment_ended(&watch, c.row.environment);
	c.row.finished_ns = bd_clock_real_ns();
	c.row.wall_s = seconds(bd_clock_mono_ns() - c.start_ns);
	store(&c);
	if (e->config.on_finished)
		e->config.on_finished(job->id, e->config.on_event_arg);
	engine_emit(e,
		&(struct bd_event){.run_id = job->id,
			.kind = BD_EVENT_STATE,
			.state = c.row.state,
			.reason = c.row.reason});
	bd_run_done(&c.row);
	free(c.stage);
	free(c.about);
}
