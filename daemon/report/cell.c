/* The figures of one cell. */
#include "report_internal.h"

struct bd_stats_point *report_points(const struct series *s, size_t *ret_n)
{
	struct bd_stats_point *p = bd_alloc((s->n + 1) * sizeof *p);
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].kind == BD_SAMPLE_MAIN)
			p[n++] = s->v[i].point;
	*ret_n = n;
	return p;
}

size_t report_launch_values(const struct bd_stats_point *p, size_t n, bool sums, double *ret)
{
	if (!sums)
		return bd_stats_launch_medians(p, n, ret);
	size_t launches = 0;
	double num = 0, den = 0;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || p[i].launch != p[i - 1].launch) {
			num = den = 0;
			launches++;
		}
		num += p[i].num;
		den += p[i].den;
		ret[launches - 1] = num / den;
	}
	return launches;
}

static void levels(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	const struct series *s = &l->series[cell->index];
	size_t n;
	bd_auto_free struct bd_stats_point *p = report_points(s, &n);
	bd_auto_free double *values = bd_alloc(n * sizeof *values), *launches = bd_alloc(n * sizeof *launches);
	double least = INFINITY;
	for (size_t i = 0; i < n; i++) {
		values[i] = p[i].value;
		least = BD_MIN(least, values[i]);
	}
	size_t k = report_launch_values(p, n, s->threads > 1, launches);
	struct bd_stats_plan plan = report_plan(l, cell, k);
	struct bd_stats_interval interval = bd_stats_sequential(launches, k, &plan, true);
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
	ret->launches = (int64_t)k;
	struct bd_interval *t = ret->throughput_ops_s = bd_alloc(sizeof *t);
	double scale = (double)s->threads * 1e9;
	*t = (struct bd_interval){scale / e->median, scale / e->hi, scale / e->lo};
}

/* One per launch: what somebody waits who calls it once. */
static void first_call(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	const struct series *s = &l->series[cell->index];
	bd_auto_free double *v = bd_alloc((s->n + 1) * sizeof *v);
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].kind == BD_SAMPLE_FIRST)
			v[n++] = s->v[i].point.value;
	if (!n)
		return;
	struct bd_stats_plan plan = report_plan(l, cell, n);
	struct bd_stats_interval i = bd_stats_sequential(v, n, &plan, true);
	double median = bd_stats_median(v, n);
	ret->first_call_ns = bd_alloc(sizeof *ret->first_call_ns);
	*ret->first_call_ns = (struct bd_interval){median, isnan(i.lo) ? (double)NAN : BD_MIN(i.lo, median),
		isnan(i.hi) ? (double)NAN : BD_MAX(i.hi, median)};
}

double report_calibration(const struct loaded *l, const char *name)
{
	const cJSON *c = l->run.environment ? cJSON_GetObjectItemCaseSensitive(l->run.environment, "calibration")
					    : NULL;
	return report_number(c, name);
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
		if (s->v[i].probe_ns > 0 && s->v[i].kind != BD_SAMPLE_FIRST)
			probes[n++] = s->v[i].probe_ns;
	double steps = floor((double)ns / report_calibration(l, "ns_per_step") + 0.5);
	return steps * bd_stats_median(probes, n) / report_calibration(l, "probe_steps");
}

/* ---- what is no sample -------------------------------------------------------------------------------------------- */

static void decode_reason(const cJSON *json, struct bd_reason **ret)
{
	struct bd_reason r = {0};
	if (!cJSON_IsObject(json) || bd_doc_decode(&bd_reason_doc, json, &r, NULL) < 0)
		return;
	*ret = bd_alloc(sizeof **ret);
	**ret = r;
}

static void memory_of(const cJSON *facts, struct bd_cell_result *ret)
{
	const cJSON *memory = cJSON_GetObjectItemCaseSensitive(facts, "memory");
	struct bd_worker_memory m;
	bd_doc_init(&bd_worker_memory_doc, &m);
	if (cJSON_IsObject(memory) && bd_doc_decode(&bd_worker_memory_doc, memory, &m, NULL) == 0) {
		ret->memory = bd_alloc(sizeof *ret->memory);
		*ret->memory = (struct bd_memory_result){.rss_peak_bytes = m.rss_peak_bytes,
			.rss_bytes = m.rss_bytes,
			.bytes_per_op = m.bytes_per_op,
			.allocations_per_op = m.allocations_per_op,
			.allocated_bytes_per_op = m.allocated_bytes_per_op,
			.allocator_bytes = m.allocator_bytes};
		return;
	}
	decode_reason(cJSON_GetObjectItemCaseSensitive(facts, "memory_reason"), &ret->memory_reason);
	if (!ret->memory_reason)
		ret->memory_reason = bd_reason_new(NULL, "not-measured", NULL,
			"memory is measured in a process of its own per cell, which this run did not start");
}

static const cJSON *list_in(const struct bd_cell *cell, const char *name)
{
	const cJSON *list = cell && cell->facts ? cJSON_GetObjectItemCaseSensitive(cell->facts, name) : NULL;
	return cJSON_IsArray(list) ? list : NULL;
}

/* What was loaded: of a cell of side b on both sides, so that one look tells what was compared with what. */
static void provenance_of(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	const cJSON *own = list_in(cell, "provenance"), *other = NULL;
	bool b = bd_streq(bd_axes_get(&cell->axes, "side"), "b");
	if (b && cell->reference >= 0 && (size_t)cell->reference < l->cells_len)
		other = list_in(&l->cells[cell->reference], "provenance");
	if (!own && !other)
		return;
	ret->provenance = cJSON_CreateObject();
	const cJSON *sides[] = {b ? other : own, b ? own : NULL};
	for (size_t i = 0; i < BD_LEN(sides); i++)
		if (sides[i])
			cJSON_AddItemToObject(ret->provenance, i ? "b" : "a", cJSON_Duplicate(sides[i], true));
}

static void notes_of(const struct bd_cell *cell, struct bd_cell_result *ret)
{
	const cJSON *item;
	cJSON_ArrayForEach(item, list_in(cell, "notes")) {
		struct bd_reason r = {0};
		if (bd_doc_decode(&bd_reason_doc, item, &r, NULL) == 0)
			*BD_PUSH(ret->notes, ret->notes_len) = r;
	}
}

static void facts_of(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	const cJSON *stopped = cell->facts ? cJSON_GetObjectItemCaseSensitive(cell->facts, "stopped") : NULL;
	if (cJSON_IsString(stopped))
		ret->stopped = bd_strdup(stopped->valuestring);
	notes_of(cell, ret);
	provenance_of(l, cell, ret);
}

/* ---- together ------------------------------------------------------------------------------------------------------ */

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
	levels(l, cell, ret);
	first_call(l, cell, ret);
	report_ratio(l, cell, ret);
	report_scaling(l, cell, ret);
	const char *mode = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(l->run.plan, "trace"));
	report_gil(s, bd_streq(mode, "events") ? mode : "counters", cell, ret);
	ret->modes = report_modes(s);
	ret->steady = bd_strdup(report_steady(s));
	memory_of(cell->facts, ret);
}

static size_t main_count(const struct series *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += s->v[i].kind == BD_SAMPLE_MAIN;
	return n;
}

/* The run came to its end all the same: what it was given was too little. */
static bool time_was_over(const struct loaded *l)
{
	return l->run.state == BD_RUN_COMPLETE && !isnan(report_number(l->run.plan, "budget_s"));
}

void report_cell_make(const struct loaded *l, const struct bd_cell *cell, struct bd_cell_result *ret)
{
	const struct series *s = &l->series[cell->index];
	size_t n = main_count(s);
	enum bd_cell_status status = cell->status;
	struct bd_reason *reason = bd_reason_copy(cell->reason);
	if (status == BD_CELL_OK && n == 0 && l->ended) {
		status = BD_CELL_INTERRUPTED;
		reason = l->run.reason
			? bd_reason_copy(l->run.reason)
			: bd_reason_new(NULL, "interrupted", time_was_over(l) ? "a longer --budget" : NULL,
				  "the run ended before this cell was measured");
	}
	ret->id = bd_strdup(cell->id);
	ret->case_name = bd_strdup(cell->case_name);
	bd_axes_copy(&cell->axes, &ret->axes);
	ret->series = bd_alloc(BD_SERIES_LEN);
	bd_series_id(cell->case_name, &cell->axes, ret->series);
	ret->status = bd_strdup(bd_cell_status_names[status]);
	ret->reason = reason;
	ret->samples = (int64_t)n;
	facts_of(l, cell, ret);
	/* it has all it was to get: the run went to its end, or what was asked of this cell was reached before */
	ret->complete = status == BD_CELL_OK &&
		(l->run.state == BD_RUN_COMPLETE || bd_streq(ret->stopped, "precision") ||
			bd_streq(ret->stopped, "decided") ||
			(n && (int64_t)n >= l->run.launches * l->run.rounds && l->run.rounds > 0));
	const cJSON *processors = l->run.environment
		? cJSON_GetObjectItemCaseSensitive(l->run.environment, "processors_allowed")
		: NULL;
	ret->oversubscribed = cJSON_IsNumber(processors) &&
		(double)bd_axes_threads(&cell->axes) > processors->valuedouble;
	if (status == BD_CELL_OK && n)
		figures(l, cell, ret);
}
