/* The run document, recomputed from samples. */
#include "bd_report.h"

#include "bd_stats.h"

#include <errno.h>

#define CONFIDENCE 0.95

/* One batch, reduced to what the statistics need. */
struct batch {
	struct bd_stats_point point; /* value = ns per operation as one caller sees it */
	enum bd_sample_kind kind;
	int64_t wall_ns, ops;
	double probe_ns;
};
struct series { /* of one cell */
	struct batch *v;
	size_t n;
	int64_t *thread_ops, *thread_cpu_ns, *thread_wait_ns, *thread_waits, *thread_tid;
	size_t threads;
	int64_t switches, cpu_ns, ops;
	int64_t done;             /* ops and the straddlers: what switches and cpu_ns are of */
	double traced_thread_ns;  /* of traced batches: from the start until each thread ended */
	struct bd_gil_result gil; /* sums */
	uint64_t hist[BD_HIST_BUCKETS];
};
struct loaded {
	struct bd_run run;
	struct bd_cell *cells;
	size_t cells_len;
	struct series *series;
	bool ended;
};

static void loaded_done(struct loaded *l)
{
	for (size_t i = 0; i < l->cells_len; i++) {
		struct series *s = &l->series[i];
		free(s->v);
		free(s->thread_ops);
		free(s->thread_cpu_ns);
		free(s->thread_wait_ns);
		free(s->thread_waits);
		free(s->thread_tid);
		free(s->gil.blockers);
		bd_cell_done(&l->cells[i]);
	}
	free(l->series);
	free(l->cells);
	bd_run_done(&l->run);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

static void add_blocker(struct bd_gil_result *g, const struct bd_sample_block *b)
{
	int64_t holder = b->holder < 0 ? BD_NULL_INT : b->holder;
	for (size_t i = 0; i < g->blockers_len; i++) {
		if (g->blockers[i].waiter == b->waiter && g->blockers[i].holder == holder) {
			g->blockers[i].ns += b->ns;
			g->blockers[i].waits += b->waits;
			return;
		}
	}
	*BD_PUSH(g->blockers, g->blockers_len) = (struct bd_blocker){b->waiter, holder, b->ns, b->waits};
}

static void add_traced(struct series *s, const struct bd_sample *sample)
{
	struct bd_gil_result *g = &s->gil;
	for (size_t i = 0; i < sample->threads_len; i++) {
		const struct bd_sample_thread *t = &sample->threads[i];
		g->waits += t->waits;
		g->wait_ns += t->wait_ns;
		g->holder_ns += t->holder_ns;
		g->runqueue_ns += t->runqueue_ns;
		g->switch_ns += t->switch_ns;
		g->mutex_ns += t->mutex_ns;
		g->retries += t->retries;
		/* the tracer sees a thread's waits until it ended, which is after the stop where it waited just then */
		s->traced_thread_ns += (double)(sample->wall_ns + t->overrun_ns);
	}
	g->max_ns = BD_MAX(g->max_ns, sample->max_wait_ns);
	g->lost += sample->lost;
	for (size_t i = 0; i < sample->blocks_len; i++)
		add_blocker(g, &sample->blocks[i]);
	for (size_t i = 0; i < sample->hist_len; i++)
		if (sample->hist[i].bucket >= 0 && sample->hist[i].bucket < BD_HIST_BUCKETS)
			s->hist[sample->hist[i].bucket] += (uint64_t)sample->hist[i].count;
}

static void size_threads(struct series *s, size_t threads)
{
	if (s->threads)
		return;
	s->threads = threads;
	s->thread_ops = bd_alloc(threads * sizeof *s->thread_ops);
	s->thread_cpu_ns = bd_alloc(threads * sizeof *s->thread_cpu_ns);
	s->thread_wait_ns = bd_alloc(threads * sizeof *s->thread_wait_ns);
	s->thread_waits = bd_alloc(threads * sizeof *s->thread_waits);
	s->thread_tid = bd_alloc(threads * sizeof *s->thread_tid);
}

static int add_sample(const struct bd_sample *sample, void *arg)
{
	struct loaded *l = arg;
	int64_t ops = bd_sample_ops(sample);
	if (sample->cell < 0 || (size_t)sample->cell >= l->cells_len || ops <= 0)
		return 0;
	struct series *s = &l->series[sample->cell];
	struct batch *b = BD_PUSH(s->v, s->n);
	*b = (struct batch){.point = {.launch = sample->launch,
				    .round = sample->round,
				    .left_out = bd_sample_flagged(sample),
				    .value = (double)sample->wall_ns * (double)sample->threads_len / (double)ops},
		.kind = sample->kind,
		.wall_ns = sample->wall_ns,
		.ops = ops,
		.probe_ns = (double)(sample->probe_ns[0] + sample->probe_ns[1]) / 2};
	if (sample->kind != BD_SAMPLE_MAIN)
		return 0;
	size_threads(s, sample->threads_len);
	for (size_t i = 0; i < BD_MIN(s->threads, sample->threads_len); i++) {
		const struct bd_sample_thread *t = &sample->threads[i];
		s->thread_ops[i] += t->ops;
		s->thread_cpu_ns[i] += t->cpu_ns;
		s->thread_wait_ns[i] += t->wait_ns;
		s->thread_waits[i] += t->waits;
		s->thread_tid[i] = t->tid;
		s->switches += t->voluntary + t->involuntary;
		s->cpu_ns += t->cpu_ns;
		s->done += t->ops + t->straddled;
	}
	s->ops += ops;
	if (sample->traced)
		add_traced(s, sample);
	return 0;
}

/* Samples of the cell and of those it is compared with. */
static int load_samples_for(struct bd_store *store, const char *run_id, int64_t cell, struct loaded *l,
	struct bd_error *err)
{
	if ((size_t)cell >= l->cells_len)
		return bd_error_set(err, -ENOENT, "not-found", NULL, "run %s has no cell %lld", run_id,
			(long long)cell);
	const struct bd_cell *c = &l->cells[cell];
	const int64_t needed[] = {cell, c->reference, c->scaling == c->reference ? -1 : c->scaling};
	int r = 0;
	for (size_t i = 0; r == 0 && i < BD_LEN(needed); i++)
		if (needed[i] >= 0)
			r = bd_store_samples_each(store, run_id, needed[i], add_sample, l, err);
	return r;
}

/* only: the one cell that is asked for, or -1. */
static int load(struct bd_store *store, const char *run_id, int64_t only, struct loaded *l, struct bd_error *err)
{
	*l = (struct loaded){0};
	int r = bd_store_run_get(store, run_id, &l->run, err);
	if (r == 0)
		r = bd_store_cells_get(store, run_id, &l->cells, &l->cells_len, err);
	if (r < 0) {
		bd_run_done(&l->run);
		return r;
	}
	l->series = bd_alloc(l->cells_len * sizeof *l->series);
	l->ended = l->run.state != BD_RUN_QUEUED && l->run.state != BD_RUN_RUNNING;
	r = only < 0 ? bd_store_samples_each(store, run_id, -1, add_sample, l, err)
		     : load_samples_for(store, run_id, only, l, err);
	if (r < 0)
		loaded_done(l);
	return r;
}

/* ---- one cell ----------------------------------------------------------------------------------------------------- */

/* The cell's own batches. Caller frees. */
static struct bd_stats_point *main_points(const struct series *s, size_t *ret_n)
{
	struct bd_stats_point *p = bd_alloc(s->n * sizeof *p);
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].kind == BD_SAMPLE_MAIN)
			p[n++] = s->v[i].point;
	*ret_n = n;
	return p;
}

/* Launch values: the median of its batches; with threads Σ wall × threads ÷ Σ ops, because a contended loop alternates
 * between regimes within a batch and a median would pick one of them. */
static size_t launch_values(const struct series *s, const struct bd_stats_point *p, size_t n, double *out)
{
	if (s->threads <= 1)
		return bd_stats_launch_medians(p, n, out);
	size_t launches = 0;
	int64_t launch = -1;
	double wall = 0, ops = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct batch *b = &s->v[i];
		if (b->kind != BD_SAMPLE_MAIN)
			continue;
		if (b->point.launch != launch) {
			launch = b->point.launch;
			wall = ops = 0;
			launches++;
		}
		wall += (double)b->wall_ns * (double)s->threads;
		ops += (double)b->ops;
		out[launches - 1] = wall / ops;
	}
	return launches;
}

static void levels(const struct series *s, struct bd_cell_result *ret)
{
	size_t n;
	bd_auto_free struct bd_stats_point *p = main_points(s, &n);
	bd_auto_free double *values = bd_alloc(n * sizeof *values), *launches = bd_alloc(n * sizeof *launches);
	double least = INFINITY;
	for (size_t i = 0; i < n; i++) {
		values[i] = p[i].value;
		least = BD_MIN(least, values[i]);
	}
	size_t k = launch_values(s, p, n, launches);
	struct bd_stats_interval interval = bd_stats_launch_interval(launches, k, CONFIDENCE, true);
	double median = bd_stats_median(launches, k);
	struct bd_estimate *e = ret->time_ns_per_op = bd_alloc(sizeof *e);
	/* the interval is of the mean of the launches: widened where their median lies outside */
	*e = (struct bd_estimate){.median = median,
		.lo = BD_MIN(interval.lo, median),
		.hi = BD_MAX(interval.hi, median),
		.min = least,
		.mad = bd_stats_mad(values, n)};
	if (isnan(interval.lo))
		e->lo = e->hi = (double)NAN;
	struct bd_interval *t = ret->throughput_ops_s = bd_alloc(sizeof *t);
	double scale = (double)s->threads * 1e9;
	*t = (struct bd_interval){scale / e->median, scale / e->hi, scale / e->lo};
}

static void ratio_to(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	if (cell->reference < 0 || (size_t)cell->reference >= l->cells_len ||
		l->cells[cell->reference].status != BD_CELL_OK)
		return;
	size_t na, nb;
	bd_auto_free struct bd_stats_point *a = main_points(&l->series[cell->index], &na);
	bd_auto_free struct bd_stats_point *b = main_points(&l->series[cell->reference], &nb);
	struct bd_stats_interval i = bd_stats_paired_ratio(a, na, b, nb, CONFIDENCE);
	if (isnan(i.estimate))
		return;
	ret->ratio = bd_alloc(sizeof *ret->ratio);
	*ret->ratio = (struct bd_ratio){bd_strdup(l->cells[cell->reference].id), i.estimate, i.lo, i.hi};
}

/* Time of the one-thread cell per round: the mean over the processors it ran on, that is the harmonic mean of its
 * throughputs. Batches of a round are neighbours in the store's order. Caller frees. */
static struct bd_stats_point *one_thread_points(const struct series *s, size_t *ret_n)
{
	struct bd_stats_point *p = bd_alloc(s->n * sizeof *p);
	size_t n = 0, inside = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct bd_stats_point *b = &s->v[i].point;
		if (n && p[n - 1].launch == b->launch && p[n - 1].round == b->round) {
			inside++;
			p[n - 1].value += (b->value - p[n - 1].value) / (double)inside;
			p[n - 1].left_out |= b->left_out;
		} else {
			p[n++] = *b;
			inside = 1;
		}
	}
	*ret_n = n;
	return p;
}

static void scaling_of(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	ret->scaling_reason = bd_reason_copy(cell->scaling_off);
	if (cell->scaling < 0 || (size_t)cell->scaling >= l->cells_len || cell->scaling_off ||
		l->cells[cell->scaling].status != BD_CELL_OK)
		return;
	size_t na, nb;
	bd_auto_free struct bd_stats_point *one = one_thread_points(&l->series[cell->scaling], &na);
	bd_auto_free struct bd_stats_point *many = main_points(&l->series[cell->index], &nb);
	struct bd_stats_interval i = bd_stats_paired_ratio(one, na, many, nb, CONFIDENCE);
	if (isnan(i.estimate))
		return;
	double threads = (double)bd_axes_threads(&cell->axes);
	ret->scaling = bd_alloc(sizeof *ret->scaling);
	*ret->scaling = (struct bd_interval){threads * i.estimate, threads * i.lo, threads * i.hi};
}

static int by_ns(const void *a, const void *b)
{
	int64_t x = ((const struct bd_blocker *)a)->ns, y = ((const struct bd_blocker *)b)->ns;
	return x < y ? 1 : x > y ? -1 : 0;
}

static int64_t whole(double d)
{
	return isnan(d) ? BD_NULL_INT : (int64_t)d;
}

static void gil_of(const struct series *s, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	struct bd_gil_result *g = ret->gil = bd_alloc(sizeof *g);
	if (s->traced_thread_ns <= 0) {
		*g = (struct bd_gil_result){.mode = bd_strdup("off"),
			.waits = BD_NULL_INT,
			.wait_ns = BD_NULL_INT,
			.wait_share = (double)NAN,
			.holder_ns = BD_NULL_INT,
			.runqueue_ns = BD_NULL_INT,
			.switch_ns = BD_NULL_INT,
			.mutex_ns = BD_NULL_INT,
			.p50_ns = BD_NULL_INT,
			.p99_ns = BD_NULL_INT,
			.max_ns = BD_NULL_INT,
			.retries = BD_NULL_INT,
			.lost = BD_NULL_INT,
			.reason = cell->gil_off
				? bd_reason_copy(cell->gil_off)
				: bd_reason_new(NULL, "not-traced", NULL, "no batch of this cell was traced")};
		return;
	}
	*g = s->gil;
	g->mode = bd_strdup("counters");
	g->reason = bd_reason_copy(cell->gil_off); /* why the rest of its batches was not */
	g->wait_share = (double)g->wait_ns / s->traced_thread_ns;
	g->p50_ns = whole(bd_stats_hist_quantile(s->hist, BD_HIST_BUCKETS, bd_hist_low, 0.5));
	g->p99_ns = whole(bd_stats_hist_quantile(s->hist, BD_HIST_BUCKETS, bd_hist_low, 0.99));
	if (!g->waits)
		g->max_ns = BD_NULL_INT;
	g->blockers = bd_alloc(s->gil.blockers_len * sizeof *g->blockers);
	if (s->gil.blockers_len)
		memcpy(g->blockers, s->gil.blockers, s->gil.blockers_len * sizeof *g->blockers);
	qsort(g->blockers, g->blockers_len, sizeof *g->blockers, by_ns);
}

static double calibration(const struct loaded *l, const char *name)
{
	const cJSON *c = l->run.environment ? cJSON_GetObjectItemCaseSensitive(l->run.environment, "calibration")
					    : NULL;
	const cJSON *v = c ? cJSON_GetObjectItemCaseSensitive(c, name) : NULL;
	return cJSON_IsNumber(v) ? v->valuedouble : (double)NAN;
}

/* How long the native work of the cell really took, by the probes on the same processor in the same rounds. */
static double u_actual(const struct loaded *l, const struct bd_cell *cell)
{
	const struct series *s = &l->series[cell->index];
	const char *u = bd_axes_get(&cell->axes, "u");
	int64_t ns;
	if (!u || bd_duration_parse(u, &ns) < 0)
		return (double)NAN;
	bd_auto_free double *probes = bd_alloc(s->n * sizeof *probes);
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].probe_ns > 0)
			probes[n++] = s->v[i].probe_ns;
	double steps = floor((double)ns / calibration(l, "ns_per_step") + 0.5);
	return steps * bd_stats_median(probes, n) / calibration(l, "probe_steps");
}

static void figures(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	const struct series *s = &l->series[cell->index];
	int64_t least = s->thread_ops[0], most = least;
	for (size_t i = 0; i < s->threads; i++) {
		least = BD_MIN(least, s->thread_ops[i]);
		most = BD_MAX(most, s->thread_ops[i]);
		struct bd_thread_result *t = BD_PUSH(ret->threads, ret->threads_len);
		*t = (struct bd_thread_result){.index = (int64_t)i,
			.tid = s->thread_tid[i],
			.ops = s->thread_ops[i],
			.cpu_ns = s->thread_cpu_ns[i],
			.wait_ns = s->traced_thread_ns > 0 ? s->thread_wait_ns[i] : BD_NULL_INT,
			.waits = s->traced_thread_ns > 0 ? s->thread_waits[i] : BD_NULL_INT};
	}
	ret->iterations = s->ops;
	ret->cpu_ns_per_op = (double)s->cpu_ns / (double)s->done;
	ret->ctx_switches_per_op = (double)s->switches / (double)s->done;
	ret->fairness = most ? (double)least / (double)most : (double)NAN;
	ret->u_actual_ns = u_actual(l, cell);
	levels(s, ret);
	ratio_to(l, cell, ret);
	scaling_of(l, cell, ret);
	gil_of(s, cell, ret);
	ret->memory_reason = bd_reason_new(NULL, "not-measured", NULL,
		"memory is measured in a process of its own per cell, which this run did not start");
}

static size_t main_count(const struct series *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->v[i].kind == BD_SAMPLE_MAIN;
	return n;
}

static void make_cell(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	const struct series *s = &l->series[cell->index];
	size_t n = main_count(s);
	enum bd_cell_status status = cell->status;
	struct bd_reason *reason = bd_reason_copy(cell->reason);
	if (status == BD_CELL_OK && n == 0 && l->ended) {
		status = BD_CELL_INTERRUPTED;
		reason = l->run.reason
			? bd_reason_copy(l->run.reason)
			: bd_reason_new(NULL, "interrupted", NULL, "the run ended before this cell was measured");
	}
	ret->id = bd_strdup(cell->id);
	ret->case_name = bd_strdup(cell->case_name);
	bd_axes_copy(&cell->axes, &ret->axes);
	ret->series = bd_alloc(BD_SERIES_LEN);
	bd_series_id(cell->case_name, &cell->axes, ret->series);
	ret->status = bd_strdup(bd_cell_status_names[status]);
	ret->reason = reason;
	ret->samples = (int64_t)n;
	ret->complete = status == BD_CELL_OK &&
		(l->run.state == BD_RUN_COMPLETE ||
			(n && (int64_t)n >= l->run.launches * l->run.rounds && l->run.rounds > 0));
	const cJSON *processors = l->run.environment
		? cJSON_GetObjectItemCaseSensitive(l->run.environment, "processors_allowed")
		: NULL;
	ret->oversubscribed = cJSON_IsNumber(processors) &&
		(double)bd_axes_threads(&cell->axes) > processors->valuedouble;
	if (status == BD_CELL_OK && n)
		figures(l, cell, ret);
}

/* ---- documents ---------------------------------------------------------------------------------------------------- */

static void make_noise(const struct loaded *l, struct bd_run_document *ret)
{
	for (size_t i = 0; i < l->cells_len; i++) {
		const struct bd_cell *twin = &l->cells[i];
		if (twin->twin < 0 || (size_t)twin->twin >= l->cells_len || twin->status != BD_CELL_OK ||
			l->cells[twin->twin].status != BD_CELL_OK)
			continue;
		size_t na, nb;
		bd_auto_free struct bd_stats_point *a = main_points(&l->series[i], &na);
		bd_auto_free struct bd_stats_point *b = main_points(&l->series[twin->twin], &nb);
		struct bd_stats_interval r = bd_stats_paired_ratio(a, na, b, nb, CONFIDENCE);
		if (!isnan(r.estimate))
			*BD_PUSH(ret->noise, ret->noise_len) = (struct bd_noise){bd_strdup(twin->role),
				bd_strdup(l->cells[twin->twin].id), r.estimate, r.lo, r.hi};
	}
}

static void make_head(const struct bd_run *run, struct bd_run_head *ret)
{
	ret->id = bd_strdup(run->id);
	ret->suite = bd_strdup(run->suite);
	ret->state = bd_strdup(bd_run_state_names[run->state]);
	ret->reason = bd_reason_copy(run->reason);
	if (run->started_ns) {
		char text[BD_RFC3339_LEN];
		bd_rfc3339(run->started_ns, text);
		ret->started = bd_strdup(text);
	}
	ret->wall_s = run->wall_s;
	ret->setup_s = run->setup_s;
	ret->measure_s = run->measure_s;
	ret->batch_s = run->batch_s;
	ret->seed = run->seed;
	ret->launches = run->launches;
	ret->rounds = run->rounds;
	for (size_t i = 0; i < run->labels.n; i++)
		bd_map_set(&ret->labels, run->labels.v[i].key, run->labels.v[i].value);
	ret->comparability_key = bd_strdup(run->comparability_key);
	ret->environment = run->environment ? cJSON_Duplicate(run->environment, true) : cJSON_CreateObject();
}

int bd_report_run(struct bd_store *store, const char *run_id, struct bd_run_document *ret, struct bd_error *err)
{
	struct loaded l;
	int r = load(store, run_id, -1, &l, err);
	if (r < 0)
		return r;
	make_head(&l.run, &ret->run);
	make_noise(&l, ret);
	for (size_t i = 0; i < l.cells_len; i++) {
		if (!bd_streq(l.cells[i].role, "cell"))
			continue;
		struct bd_cell_result *c = BD_PUSH(ret->cells, ret->cells_len);
		bd_doc_init(&bd_cell_result_doc, c);
		make_cell(&l, &l.cells[i], c);
	}
	loaded_done(&l);
	return 0;
}

int bd_report_cell(struct bd_store *store, const char *run_id, int64_t cell, struct bd_cell_result *ret,
	struct bd_error *err)
{
	struct loaded l;
	if (cell < 0)
		return bd_error_set(err, -ENOENT, "not-found", NULL, "run %s has no cell %lld", run_id,
			(long long)cell);
	int r = load(store, run_id, cell, &l, err);
	if (r < 0)
		return r;
	make_cell(&l, &l.cells[cell], ret);
	loaded_done(&l);
	return 0;
}

int bd_report_finish(struct bd_store *store, const char *run_id, struct bd_error *err)
{
	struct bd_run_document doc;
	bd_doc_init(&bd_run_document_doc, &doc);
	int r = bd_report_run(store, run_id, &doc, err);
	if (r < 0)
		return r;
	bd_auto_json cJSON *json = bd_doc_encode(&bd_run_document_doc, &doc);
	bd_auto_free char *text = bd_json_text(json);
	bd_doc_done(&bd_run_document_doc, &doc);
	return bd_store_document_put(store, run_id, text, err);
}

int bd_report_recover(struct bd_store *store, struct bd_error *err)
{
	bd_auto_strv struct bd_strv ids = {0};
	int r = bd_store_undocumented(store, &ids, err);
	for (size_t i = 0; i < ids.n; i++) {
		int one = bd_report_finish(store, ids.v[i], err);
		if (one < 0 && one != -ENOENT)
			r = one;
	}
	return r;
}
