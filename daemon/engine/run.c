/* One run from its turn to its end: launches × rounds within the budget, and what is kept when it is cut short. */
#include "run_internal.h"

#include <errno.h>
#include <stdio.h>

#define PROBE_NS 50000
#define PROGRESS_NS 200000000LL
#define BETWEEN_BATCHES_S 0.0005
#define BUDGET_MARGIN 0.97 /* the rest is for the end of the run */

static double seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

bool run_over(const struct run *r)
{
	return r->broken || engine_should_stop(r->e);
}

size_t run_live_cells(const struct run *r, const struct config *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->cells_len; i++)
		n += run_active(r, c->cells[i]);
	return n;
}

cJSON *run_facts(struct run *r, size_t cell)
{
	struct bd_cell *c = &r->plan->cells[cell];
	if (!c->facts)
		c->facts = cJSON_CreateObject();
	return c->facts;
}

static void add_number(cJSON *o, const char *name, double v)
{
	if (isnan(v))
		cJSON_AddNullToObject(o, name);
	else
		cJSON_AddNumberToObject(o, name, v);
}

static void broken(struct run *r, const struct bd_error *err)
{
	bd_log(BD_LOG_ERROR, "run %s: %s", r->job->id, err->message);
	if (!r->broken)
		r->broken = bd_reason_from_error(err);
}

/* ---- telling --------------------------------------------------------------------------------------------------- */

static double spent_s(const struct run *r)
{
	return seconds(bd_clock_mono_ns() - r->start_ns - r->lost_ns);
}

#define OVERDUE 2

bool run_overdue(const struct run *r)
{
	return r->plan->budget_firm && spent_s(r) > OVERDUE * r->plan->budget_s;
}

/* Of one round of the cells that are still measured, as long as their batches took so far. */
static double round_s(const struct run *r)
{
	double s = 0;
	for (size_t i = 0; i < r->plan->cells_len; i++) {
		if (!run_active(r, i))
			continue;
		double batch = r->state[i].batch_s > 0 ? r->state[i].batch_s : plan_batch_s(&r->plan->cells[i]);
		double times = r->state[i].scaling_reference ? (double)r->used : 1;
		if (order_sits_out(r, i, 1))
			times /= TWIN_ROUNDS;
		if (r->events)
			times++;
		s += (batch + BETWEEN_BATCHES_S) * times;
	}
	return s;
}

static double time_left(const struct run *r)
{
	if (!isnan(r->plan->budget_s) && (!r->row.rounds || r->plan->adaptive)) /* at most; it may be decided before */
		return fmax(r->plan->budget_s - spent_s(r), 0);
	if (r->launch < 0 || !r->row.rounds)
		return (double)NAN;
	double setup = seconds(r->setup_ns - r->lost_ns) / fmax((double)r->launch, 1), round = round_s(r);
	double rounds_left = (double)((r->row.launches - r->launch) * r->row.rounds - r->round);
	return rounds_left * round + (double)(r->row.launches - r->launch - 1) * setup + memory_expected_s(r->plan);
}

void run_progress(struct run *r, bool force)
{
	int64_t now = bd_clock_mono_ns();
	if (!force && now - r->last_progress_ns < PROGRESS_NS)
		return;
	r->last_progress_ns = now;
	struct bd_event event = {.run_id = r->job->id,
		.kind = BD_EVENT_PROGRESS,
		.state = BD_RUN_RUNNING,
		.progress = {.phase = r->phase,
			.launch = r->launch,
			.launches = r->row.launches,
			.round = r->round,
			.rounds = r->row.rounds,
			.cells_done = r->cells_done,
			.cells = r->cells_in_round,
			.elapsed_s = seconds(now - r->start_ns),
			.left_s = time_left(r),
			.last_cell = r->last_cell,
			.last_time_ns_per_op = r->last_cell ? r->last_time_ns_per_op : (double)NAN}};
	engine_emit(r->e, &event);
	engine_tend_queue(r->e);
}

static void emit_cell(struct run *r, size_t cell)
{
	if (!bd_streq(r->plan->cells[cell].role, "cell"))
		return;
	engine_emit(r->e,
		&(struct bd_event){.run_id = r->job->id,
			.kind = BD_EVENT_CELL,
			.state = BD_RUN_RUNNING,
			.cell = (int64_t)cell});
}

static void store_cell(struct run *r, size_t cell)
{
	struct bd_error err;
	if (bd_store_cell_update(r->e->store, r->job->id, &r->plan->cells[cell], &err) < 0)
		broken(r, &err);
}

void run_cell_ended(struct run *r, size_t cell, enum bd_cell_status status, struct bd_reason *reason)
{
	struct bd_cell *c = &r->plan->cells[cell];
	c->status = status;
	bd_reason_free(c->reason);
	c->reason = reason;
	bd_log(BD_LOG_INFO, "run %s: %s is %s: %s", r->job->id, c->id, bd_cell_status_names[status], reason->message);
	store_cell(r, cell);
	emit_cell(r, cell);
}

static void store_row(struct run *r)
{
	struct bd_error err;
	if (bd_store_run_update(r->e->store, &r->row, &err) < 0)
		broken(r, &err);
}

/* ---- rounds ----------------------------------------------------------------------------------------------------- */

static void store_round(struct run *r)
{
	struct bd_error err;
	if (r->samples_len && bd_store_round_put(r->e->store, r->job->id, r->samples, r->samples_len, &err) < 0)
		broken(r, &err);
	for (size_t i = 0; i < r->samples_len; i++)
		bd_sample_done(&r->samples[i]);
	free(r->samples);
	r->samples = NULL;
	r->samples_len = 0;
}

/* What the rounds to come may take. */
static double left_s(const struct run *r)
{
	return (r->plan->budget_s - spent_s(r)) * BUDGET_MARGIN - memory_expected_s(r->plan);
}

static void store_plan(struct run *r)
{
	cJSON *plan = cJSON_CreateObject(), *sides;
	cJSON_AddStringToObject(plan, "kind", r->plan->ab ? "ab" : "run");
	cJSON_AddNumberToObject(plan, "alpha", BD_STATS_ALPHA);
	cJSON_AddNumberToObject(plan, "max_launches", (double)r->max_launches);
	cJSON_AddBoolToObject(plan, "adaptive", r->plan->adaptive);
	cJSON_AddStringToObject(plan, "trace", !r->plan->trace ? "off" : r->plan->events ? "events" : "counters");
	add_number(plan, "precision", r->plan->precision);
	add_number(plan, "equivalence", r->plan->equivalence);
	add_number(plan, "budget_s", r->plan->budget_s);
	sides = cJSON_AddObjectToObject(plan, "sides");
	for (size_t i = 0; i < r->plan->sides_len; i++) {
		const struct side *s = &r->plan->sides[i];
		cJSON *o = s->name ? cJSON_AddObjectToObject(sides, s->name) : NULL;
		if (o)
			cJSON_AddStringToObject(o, "label", s->asked->label ? s->asked->label : s->name);
	}
	cJSON_Delete(r->row.plan);
	r->row.plan = plan;
	store_row(r);
}

/* Once the first launch has shown what starting costs; and after each launch, where their number is open. */
static void choose_rounds(struct run *r, int64_t launches, double setup_s)
{
	/* the first launch looks for leaks; those to come start without */
	if (launches <= 1)
		setup_s = fmax(setup_s - plan_leaks_s(r->plan), fmin(setup_s, plan_setup_s(r->plan)));
	if (r->plan->adaptive) {
		look_shape(r, launches, setup_s, round_s(r), left_s(r) + (launches ? 0 : setup_s));
	} else if (launches == 0) {
		plan_shape(r->plan, setup_s, left_s(r), &r->row.launches, &r->row.rounds);
		r->max_launches = r->row.launches;
	} else if (!r->plan->rounds && launches < r->row.launches) {
		/* a slower machine, or slower operations than planned, cost rounds and not launches */
		double each = left_s(r) / (double)(r->row.launches - launches) - setup_s;
		r->row.rounds = (int64_t)fmax(fmin(floor(each / round_s(r)), MAX_ROUNDS), 1);
	}
	store_plan(r);
}

static bool budget_spent(const struct run *r, double more_s)
{
	/* the launches an interval needs go before the launches for memory */
	double memory = r->launch >= BD_STATS_MIN_LAUNCHES ? memory_expected_s(r->plan) : 0;
	return r->plan->budget_firm && spent_s(r) + more_s + memory > r->plan->budget_s;
}

static bool anything_live(const struct run *r)
{
	for (size_t i = 0; i < r->plan->configs_len; i++)
		if (run_live_cells(r, &r->plan->configs[i]))
			return true;
	return false;
}

static void measure_launch(struct run *r)
{
	int64_t begin = bd_clock_mono_ns(), lost = r->lost_ns, setup;
	r->phase = "setup";
	r->cells_done = 0;
	r->round = 0;
	/* From the seed and the launch alone: how many rounds fitted into the launches before must not matter. */
	bd_rng_init(&r->rng, (uint64_t)r->plan->seed + ((uint64_t)r->launch << 53));
	processors_permute(&r->processors, &r->rng, (size_t)r->launch, r->order, r->permutation);
	processors_keep_off(&r->processors, r->spare ? r->permutation : NULL, r->used);
	r->hash_seed = (uint32_t)bd_rng_below(&r->rng, 4294967295U);
	r->padding = bd_rng_below(&r->rng, 4096);
	run_progress(r, true);
	launch_start(r);
	if (r->launch == 0)
		record_environment(r);
	setup = bd_clock_mono_ns() - begin;
	if (r->launch == 0 && !run_over(r))
		choose_rounds(r, 0, seconds(setup - (r->lost_ns - lost)));
	r->phase = "measuring";
	begin = bd_clock_mono_ns();
	for (r->round = 0; r->round < r->row.rounds && !run_over(r) && anything_live(r); r->round++) {
		if (r->round && budget_spent(r, round_s(r) / 2))
			break;
		launch_round(r);
		store_round(r);
		events_store(r);
		for (size_t i = 0; i < r->plan->cells_len; i++)
			if (run_active(r, i))
				emit_cell(r, i);
	}
	r->measure_ns += bd_clock_mono_ns() - begin;
	begin = bd_clock_mono_ns();
	r->phase = "finishing";
	environment_seen(&r->watch);
	launch_end(r);
	struct bd_error err;
	if (bd_store_sync(r->e->store, &err) < 0)
		broken(r, &err);
	setup += bd_clock_mono_ns() - begin;
	r->setup_ns += setup;
	if (run_over(r))
		return;
	for (size_t i = 0; r->launch == 0 && i < r->plan->cells_len; i++)
		if (r->plan->cells[i].facts) /* what was loaded, and what is of note */
			store_cell(r, i);
	look(r);
	/* with it, what was decided by what was measured is known for that also after this process is killed */
	for (size_t i = 0; i < r->plan->cells_len; i++)
		if (r->state[i].enough && !r->state[i].told) {
			store_cell(r, i);
			r->state[i].told = r->state[i].done;
		}
	if (!isnan(r->plan->budget_s) && anything_live(r))
		choose_rounds(r, r->launch + 1, seconds(BD_MAX(setup - (r->lost_ns - lost), (int64_t)0)));
}

/* ---- the ends ----------------------------------------------------------------------------------------------------- */

static void start_tracer(struct run *r)
{
	struct bd_error err;
	if (!r->plan->trace)
		r->trace_off = bd_reason_new(NULL, "not-asked-for", "--trace counters", "tracing was switched off");
	else if (bd_tracer_start(r->e->tracer, r->plan->events ? BD_TRACER_EVENTS : BD_TRACER_COUNTERS, &r->tracer,
			 &err) < 0)
		r->trace_off = bd_reason_from_error(&err);
	else if (r->plan->events)
		events_begin(r);
}

static void begin(struct run *r)
{
	struct plan *p = r->plan;
	r->start_ns = bd_clock_mono_ns();
	r->launch = -1;
	r->phase = "setup";
	r->row.state = BD_RUN_RUNNING;
	r->row.started_ns = bd_clock_real_ns();
	r->max_launches = r->row.launches = p->launches;
	r->row.rounds = p->rounds;
	processors_allowed(&r->processors);
	r->order = bd_alloc(r->processors.n * sizeof *r->order);
	r->permutation = bd_alloc(r->processors.n * sizeof *r->permutation);
	r->used = BD_MIN(r->processors.n, (size_t)BD_MAX(p->max_threads, (int64_t)1));
	r->spare = r->used < r->processors.n;
	r->ns_per_step = calibrate_spin(&r->processors);
	r->probe_steps = (int64_t)(PROBE_NS / r->ns_per_step);
	environment_begun(&r->watch);
	r->row.environment = environment_document();
	cJSON *calibration = cJSON_AddObjectToObject(r->row.environment, "calibration");
	cJSON_AddNumberToObject(calibration, "ns_per_step", r->ns_per_step);
	cJSON_AddNumberToObject(calibration, "probe_steps", (double)r->probe_steps);
	r->row.comparability_key = comparability_key(r->row.environment);
	r->state = bd_alloc(p->cells_len * sizeof *r->state);
	r->slots = bd_alloc(p->configs_len * sizeof *r->slots);
	for (size_t i = 0; i < p->configs_len; i++)
		r->slots[i] = (struct slot){.config = &p->configs[i],
			.target = -1,
			.order = bd_alloc(p->configs[i].cells_len * sizeof *r->slots[i].order)};
	order_groups(r);
	for (size_t i = 0; i < p->cells_len; i++) {
		if (p->cells[i].scaling >= 0)
			r->state[p->cells[i].scaling].scaling_reference = true;
		r->state[i].parallel = (double)NAN;
	}
	store_plan(r);
	engine_emit(r->e, &(struct bd_event){.run_id = r->job->id, .kind = BD_EVENT_STATE, .state = BD_RUN_RUNNING});
	start_tracer(r);
}

#define PARALLEL_WANTED 1.5
#define PARALLEL_WORK_NS 50000 /* below, waiting for the GIL itself keeps threads off their processors */

/* Threads that release the GIL but never got two processors at once (one processor, a quota) cannot show scaling. */
static void check_parallel(struct bd_cell *c, double parallel)
{
	const char *u = bd_axes_get(&c->axes, WORK_PARAM);
	int64_t work = 0;
	if (u && bd_duration_parse(u, &work) == 0 && work >= PARALLEL_WORK_NS && c->scaling >= 0 &&
		bd_streq(bd_axes_get(&c->axes, "gil"), "release") && parallel < PARALLEL_WANTED)
		c->scaling_off = bd_reason_new("V4", "processors<threads",
			"the machine was busy, or a cpuset or quota leaves fewer processors",
			"its %lld threads got %.2f processors' worth of time at most",
			(long long)bd_axes_threads(&c->axes), parallel);
}

/* What only the whole run shows. */
static void last_checks(struct run *r)
{
	for (size_t i = 0; i < r->plan->cells_len; i++) {
		struct bd_cell *c = &r->plan->cells[i];
		const struct cell_state *s = &r->state[i];
		if (c->status == BD_CELL_OK && s->traced && s->waits == 0 && bd_axes_threads(&c->axes) > 1 &&
			bd_streq(bd_axes_get(&c->axes, "gil"), "hold"))
			run_cell_ended(r, i, BD_CELL_INVALID,
				bd_reason_new("V4", "no-wait-traced", "benchctl doctor",
					"threads that hold the GIL were traced and none of them ever waited: the tracer did not see them"));
		if (c->status == BD_CELL_OK) {
			check_parallel(c, s->parallel);
			look_stopped(r, i, r->launch < r->max_launches ? "budget" : "limit");
		}
		/* also of a cell that was traced until the tracer was lost: its waits are those of a part */
		if ((!s->traced || s->untraced) && !c->gil_off && r->trace_off)
			c->gil_off = bd_reason_copy(r->trace_off);
		store_cell(r, i);
	}
}

static void finish(struct run *r)
{
	bool cancelled, stopping;
	pthread_mutex_lock(&r->e->lock);
	cancelled = r->e->cancelled_by_user;
	stopping = r->e->stopping;
	pthread_mutex_unlock(&r->e->lock);
	last_checks(r);
	environment_ended(&r->watch, r->row.environment);
	if (r->broken) {
		r->row.state = BD_RUN_FAILED;
		r->row.reason = bd_reason_copy(r->broken);
	} else if (cancelled || stopping) {
		r->row.state = cancelled ? BD_RUN_CANCELLED : BD_RUN_INTERRUPTED;
		r->row.reason = bd_reason_new(NULL, cancelled ? "cancelled" : "interrupted", NULL,
			cancelled ? "cancelled by request; what was measured is kept"
				  : "benchd ended; what was measured is kept");
	} else {
		r->row.state = BD_RUN_COMPLETE;
		r->row.launches = r->launch;
	}
	r->row.finished_ns = bd_clock_real_ns();
	r->row.wall_s = seconds(bd_clock_mono_ns() - r->start_ns);
	r->row.setup_s = seconds(r->setup_ns);
	r->row.measure_s = seconds(r->measure_ns);
	r->row.batch_s = seconds(r->batch_ns);
	events_end(r); /* who sees the end of a run sees that of its trace */
	store_row(r);
	if (r->broken && r->row.state != BD_RUN_FAILED) {
		/* the end itself could not be written: say so to whoever listens, and try once more */
		r->row.state = BD_RUN_FAILED;
		bd_reason_free(r->row.reason);
		r->row.reason = bd_reason_copy(r->broken);
		store_row(r);
	}
	if (r->e->config.on_finished)
		r->e->config.on_finished(r->job->id, r->e->config.on_event_arg);
	for (size_t i = 0; i < r->plan->cells_len; i++)
		emit_cell(r, i);
	engine_emit(r->e,
		&(struct bd_event){.run_id = r->job->id,
			.kind = BD_EVENT_STATE,
			.state = r->row.state,
			.reason = r->row.reason});
}

static void done(struct run *r)
{
	launch_kill(r);
	bd_tracer_free(&r->tracer);
	events_done(r);
	processors_keep_off(&r->processors, NULL, 0);
	store_round(r);
	for (size_t i = 0; i < r->plan->cells_len; i++) {
		free(r->state[i].tids.v);
		free(r->state[i].points);
		free(r->state[i].beside);
	}
	free(r->state);
	for (size_t i = 0; i < r->plan->configs_len; i++)
		free(r->slots[i].order);
	free(r->slots);
	free(r->order);
	free(r->permutation);
	bd_reason_free(r->trace_off);
	bd_reason_free(r->broken);
	bd_run_done(&r->row);
}

void run_measure(struct bd_engine *e, struct job *job)
{
	struct run r = {.e = e, .job = job, .plan = job->plan};
	struct bd_error err;
	if (bd_store_run_get(e->store, job->id, &r.row, &err) < 0) {
		engine_end_unmeasured(e, job, BD_RUN_FAILED, bd_reason_from_error(&err));
		return;
	}
	begin(&r);
	for (r.launch = 0; r.launch < r.row.launches && !run_over(&r) && anything_live(&r); r.launch++) {
		double rounds = r.plan->adaptive ? (double)r.row.rounds : 1;
		double next = r.launch ? seconds(r.setup_ns - r.lost_ns) / (double)r.launch + rounds * round_s(&r) : 0;
		if (r.launch && budget_spent(&r, next * 0.9))
			break;
		measure_launch(&r);
	}
	store_round(&r); /* of a round that was cut short: every sample is kept */
	if (!run_over(&r)) {
		int64_t before = bd_clock_mono_ns();
		r.phase = "finishing";
		memory_launches(&r);
		r.setup_ns += bd_clock_mono_ns() - before;
	}
	finish(&r);
	done(&r);
}
