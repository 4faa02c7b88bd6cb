/* Two stored runs side by side. They ran at different times, maybe on different machines: each launch is taken at one speed of
 * the machine, by its probes, and what the two were measured on is compared before the figures are. */
#include "report_internal.h"

#include <errno.h>

/* What changes from run to run and says nothing about what was measured. */
static const char *const passing[] = {"boot_id", "loadavg", "load_before", "load_after", "others_cpu_s", "mhz_lo",
	"mhz_hi", "calibration"};

struct side {
	const char *name; /* "a" or "b" */
	struct loaded l;
	bool sided; /* a run of two sides itself: its side b counts */
};

static bool takes_part(const struct side *s, const struct bd_cell *c)
{
	return bd_streq(c->role, "cell") && (!s->sided || bd_streq(bd_axes_get(&c->axes, "side"), "b"));
}

static void axes_without_side(const struct bd_axes *axes, struct bd_axes *ret)
{
	for (size_t i = 0; i < axes->n; i++)
		if (!bd_streq(axes->v[i].key, "side"))
			bd_axes_set(ret, axes->v[i].key, axes->v[i].value);
}

/* The series of a cell whatever side it was on. */
static void series_of(const struct bd_cell *c, char ret[BD_SERIES_LEN])
{
	struct bd_axes axes = {0};
	axes_without_side(&c->axes, &axes);
	bd_series_id(c->case_name, &axes, ret);
	bd_axes_done(&axes);
}

static int side_load(struct bd_store *store, const char *run_id, const char *name, struct side *ret,
	struct bd_error *err)
{
	*ret = (struct side){.name = name};
	int r = report_load(store, run_id, -1, &ret->l, err);
	if (r < 0)
		return r;
	if (!ret->l.ended)
		return bd_error_set(err, -EBUSY, "conflict", "wait for its end, or cancel it", "run %s is not over yet",
			run_id);
	r = report_has_times(&ret->l.run, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ret->l.cells_len; i++)
		ret->sided |= bd_axes_get(&ret->l.cells[i].axes, "side") != NULL;
	return 0;
}

/* ---- one cell of both ----------------------------------------------------------------------------------------------- */

/* How many steps of native work an operation of the cell is; 1 when it has none. Each run calibrates for itself, so the same
 * `u` is a few more or fewer of them. */
static double work_of(const struct loaded *l, const struct bd_cell *c)
{
	const char *u = bd_axes_get(&c->axes, "u");
	int64_t ns;
	double ns_per_step = report_calibration(l, "ns_per_step");
	if (!u || bd_duration_parse(u, &ns) < 0 || isnan(ns_per_step))
		return 1;
	return BD_MAX(floor((double)ns / ns_per_step + 0.5), 1.0);
}

/* Launch values in steps of the probe, whatever a step took then; false where a batch has no probes. Room for all points. */
static bool at_one_speed(const struct loaded *l, const struct bd_cell *c, double *ret, size_t *ret_n)
{
	const struct series *s = &l->series[c->index];
	double steps = report_calibration(l, "probe_steps"), work = work_of(l, c);
	bd_auto_free struct bd_stats_point *p = bd_alloc((s->n + 1) * sizeof *p);
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct batch *b = &s->v[i];
		if (b->kind != BD_SAMPLE_MAIN || b->point.left_out)
			continue;
		if (!(b->probe_ns > 0) || isnan(steps))
			return false;
		double step_ns = b->probe_ns / steps;
		p[n] = b->point;
		p[n].num /= step_ns * work;
		p[n++].value /= step_ns * work;
	}
	*ret_n = report_launch_values(p, n, s->threads > 1, ret);
	return true;
}

static size_t as_measured(const struct loaded *l, const struct bd_cell *c, double *ret)
{
	const struct series *s = &l->series[c->index];
	size_t n;
	bd_auto_free struct bd_stats_point *p = report_points(s, &n);
	return report_launch_values(p, n, s->threads > 1, ret);
}

static double sd_of_logs(double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] = log(v[i]);
	return bd_stats_sd(v, n);
}

static void set_ratio(const struct side *a, const struct bd_cell *ca, const struct side *b, const struct bd_cell *cb,
	const char *to, struct bd_cell_result *ret)
{
	bd_auto_free double *va = bd_alloc((a->l.series[ca->index].n + 1) * sizeof *va),
			    *vb = bd_alloc((b->l.series[cb->index].n + 1) * sizeof *vb);
	size_t na, nb;
	if (!at_one_speed(&a->l, ca, va, &na) || !at_one_speed(&b->l, cb, vb, &nb)) {
		na = as_measured(&a->l, ca, va);
		nb = as_measured(&b->l, cb, vb);
		*BD_PUSH(ret->notes, ret->notes_len) = (struct bd_reason){.key = bd_strdup("no-probes"),
			.message = bd_strdup(
				"batches without probes: what the machine's speed did is part of its ratio")};
	}
	struct bd_stats_interval i = bd_stats_welch(vb, nb, va, na, 1 - BD_STATS_ALPHA, &ret->p);
	if (isnan(i.estimate))
		return;
	ret->ratio = bd_alloc(sizeof *ret->ratio);
	*ret->ratio = (struct bd_ratio){bd_strdup(to), i.estimate, i.lo, i.hi};
	if (!isnan(i.lo))
		ret->smallest_effect = bd_stats_smallest_effect(hypot(sd_of_logs(va, na), sd_of_logs(vb, nb)),
			BD_MIN(na, nb), BD_STATS_ALPHA);
}

/* The cell as its own run has it, without what that run compared it with. */
static void put_cell(struct bd_run_document *doc, const struct side *s, const struct bd_cell *c)
{
	struct bd_cell_result *r = BD_PUSH(doc->cells, doc->cells_len);
	bd_doc_init(&bd_cell_result_doc, r);
	report_cell_make(&s->l, c, r);
	if (r->ratio) {
		free(r->ratio->to);
		free(BD_TAKE_PTR(r->ratio));
	}
	r->p = r->smallest_effect = (double)NAN;
	series_of(c, r->series);
	bd_axes_done(&r->axes);
	axes_without_side(&c->axes, &r->axes);
	bd_axes_set(&r->axes, "side", s->name);
	free(r->id);
	r->id = bd_cell_id(c->case_name, &r->axes);
}

static const struct bd_cell *same_series(const struct side *s, const struct bd_cell *c)
{
	char wanted[BD_SERIES_LEN], own[BD_SERIES_LEN];
	series_of(c, wanted);
	for (size_t i = 0; i < s->l.cells_len; i++) {
		series_of(&s->l.cells[i], own);
		if (takes_part(s, &s->l.cells[i]) && bd_streq(own, wanted))
			return &s->l.cells[i];
	}
	return NULL;
}

static void note_alone(struct bd_run_document *doc, const struct side *in, const struct side *missing)
{
	struct bd_cell_result *r = &doc->cells[doc->cells_len - 1];
	*BD_PUSH(r->notes, r->notes_len) = (struct bd_reason){.key = bd_printf("only-in-%s", in->name),
		.message = bd_printf("run %s does not have this cell: there is nothing to compare it with",
			missing->l.run.id)};
}

static bool measured(const struct loaded *l, const struct bd_cell *c)
{
	return c->status == BD_CELL_OK && l->series[c->index].threads > 0;
}

/* Provenance as in a run of two sides: what both had loaded, with the cell of b. */
static void join_provenance(struct bd_cell_result *a, struct bd_cell_result *b)
{
	cJSON *theirs = a->provenance ? cJSON_GetObjectItemCaseSensitive(a->provenance, "a") : NULL,
	      *own = b->provenance ? cJSON_DetachItemFromObjectCaseSensitive(b->provenance, "a") : NULL;
	if (!own && b->provenance) /* it was side b of its own run */
		own = cJSON_DetachItemFromObjectCaseSensitive(b->provenance, "b");
	cJSON_Delete(b->provenance);
	b->provenance = NULL;
	if (!theirs && !own)
		return;
	b->provenance = cJSON_CreateObject();
	if (theirs)
		cJSON_AddItemToObject(b->provenance, "a", cJSON_Duplicate(theirs, true));
	if (own)
		cJSON_AddItemToObject(b->provenance, "b", own);
}

static void put_cells(const struct side *a, const struct side *b, double equivalence, struct bd_run_document *doc)
{
	struct judged *v = NULL;
	size_t n = 0;
	for (size_t i = 0; i < b->l.cells_len; i++) {
		const struct bd_cell *cb = &b->l.cells[i], *ca = takes_part(b, cb) ? same_series(a, cb) : NULL;
		if (!takes_part(b, cb))
			continue;
		if (ca) {
			put_cell(doc, a, ca);
			BD_PUSH(v, n);
		}
		put_cell(doc, b, cb);
		struct judged *j = BD_PUSH(v, n);
		j->second_process = true;
		if (!ca) {
			note_alone(doc, b, a);
			continue;
		}
		struct bd_cell_result *rb = &doc->cells[doc->cells_len - 1], *ra = rb - 1;
		join_provenance(ra, rb);
		if (!measured(&a->l, ca) || !measured(&b->l, cb))
			continue;
		set_ratio(a, ca, b, cb, ra->id, rb);
		if (rb->ratio)
			j->explained = report_modes_explain(&a->l.series[ca->index], &b->l.series[cb->index]);
	}
	for (size_t i = 0; i < a->l.cells_len; i++) {
		const struct bd_cell *ca = &a->l.cells[i];
		if (!takes_part(a, ca) || same_series(b, ca))
			continue;
		put_cell(doc, a, ca);
		note_alone(doc, a, b);
		BD_PUSH(v, n);
	}
	report_judge(doc, v, equivalence);
	for (size_t i = 0; i < n; i++)
		bd_reason_free(v[i].explained);
	free(v);
}

/* ---- the head ------------------------------------------------------------------------------------------------------- */

static bool is_passing(const char *path)
{
	for (size_t i = 0; i < BD_LEN(passing); i++)
		if (bd_starts_with(path, passing[i]))
			return true;
	return false;
}

static void add_value(cJSON *o, const char *name, const cJSON *value)
{
	cJSON_AddItemToObject(o, name, value ? cJSON_Duplicate(value, true) : cJSON_CreateNull());
}

static cJSON *comparability(const struct bd_run *a, const struct bd_run *b)
{
	bd_auto_json cJSON *none = cJSON_CreateObject();
	struct difference *v = NULL;
	size_t n = report_differences(a->environment ? a->environment : none, b->environment ? b->environment : none,
		&v);
	cJSON *o = cJSON_CreateObject();
	cJSON_AddBoolToObject(o, "same", a->comparability_key && bd_streq(a->comparability_key, b->comparability_key));
	cJSON *list = cJSON_AddArrayToObject(o, "differences");
	for (size_t i = 0; i < n; i++) {
		if (is_passing(v[i].path))
			continue;
		cJSON *item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "what", v[i].path);
		add_value(item, "a", v[i].a);
		add_value(item, "b", v[i].b);
		cJSON_AddItemToArray(list, item);
	}
	report_differences_free(v, n);
	return o;
}

static cJSON *sides_plan(const struct side *a, const struct side *b, double equivalence)
{
	cJSON *plan = cJSON_CreateObject();
	cJSON_AddStringToObject(plan, "kind", "compare");
	cJSON_AddNumberToObject(plan, "alpha", BD_STATS_ALPHA);
	cJSON_AddItemToObject(plan, "equivalence",
		isnan(equivalence) ? cJSON_CreateNull() : cJSON_CreateNumber(equivalence));
	cJSON *sides = cJSON_AddObjectToObject(plan, "sides");
	const struct side *both[] = {a, b};
	for (size_t i = 0; i < BD_LEN(both); i++) {
		cJSON *o = cJSON_AddObjectToObject(sides, both[i]->name);
		cJSON_AddStringToObject(o, "label", both[i]->l.run.id);
		cJSON_AddStringToObject(o, "run", both[i]->l.run.id);
	}
	return plan;
}

static char *both_lines(const char *a, const char *b)
{
	return a && b ? bd_printf("A: %s B: %s", a, b) : bd_strdup(a ? a : b);
}

static void make_head(const struct side *a, const struct side *b, double equivalence, struct bd_run_document *ret)
{
	struct bd_run_document other;
	bd_doc_init(&bd_run_document_doc, &other);
	report_head(&a->l.run, &other.run);
	report_machine(&a->l, &other.run);
	struct bd_run_head *h = &ret->run;
	report_head(&b->l.run, h);
	report_machine(&b->l, h);
	char *line = both_lines(other.run.noise_line, h->noise_line);
	free(h->noise_line);
	h->noise_line = line;
	bd_doc_done(&bd_run_document_doc, &other);
	/* it is no run: what names, dates and times one is left out */
	free(BD_TAKE_PTR(h->id));
	free(h->kind);
	h->kind = bd_strdup("compare");
	if (!bd_streq(a->l.run.suite, b->l.run.suite)) {
		free(h->suite);
		h->suite = bd_printf("%s and %s", a->l.run.suite, b->l.run.suite);
	}
	if (a->l.run.state != BD_RUN_COMPLETE && b->l.run.state == BD_RUN_COMPLETE) {
		free(h->state);
		h->state = bd_strdup(bd_run_state_names[a->l.run.state]);
		h->reason = bd_reason_copy(a->l.run.reason);
	}
	h->wall_s = h->setup_s = h->measure_s = h->batch_s = (double)NAN;
	h->seed = BD_NULL_INT;
	h->launches = h->rounds = BD_NULL_INT;
	bd_map_done(&h->labels);
	if (!bd_streq(a->l.run.comparability_key, b->l.run.comparability_key))
		free(BD_TAKE_PTR(h->comparability_key));
	cJSON_Delete(h->plan);
	h->plan = sides_plan(a, b, equivalence);
	ret->comparability = comparability(&a->l.run, &b->l.run);
}

/* The A/A rows of both, each of the cell as it is called here. */
static void put_noise(const struct side *s, struct bd_run_document *doc)
{
	size_t from = doc->noise_len;
	report_noise(&s->l, doc);
	for (size_t i = from; i < doc->noise_len; i++)
		for (size_t k = 0; k < s->l.cells_len; k++) {
			const struct bd_cell *c = &s->l.cells[k];
			if (!bd_streq(c->id, doc->noise[i].cell))
				continue;
			struct bd_axes axes = {0};
			axes_without_side(&c->axes, &axes);
			bd_axes_set(&axes, "side", s->name);
			free(doc->noise[i].cell);
			doc->noise[i].cell = bd_cell_id(c->case_name, &axes);
			bd_axes_done(&axes);
			break;
		}
}

static void sides_done(struct side *v)
{
	report_loaded_done(&v[0].l);
	report_loaded_done(&v[1].l);
}

int bd_report_compare(struct bd_store *store, const char *run_a, const char *run_b, double equivalence,
	struct bd_run_document *ret, struct bd_error *err)
{
	struct side *v BD_CLEANUP(bd_freep) = bd_alloc(2 * sizeof *v);
	int r = side_load(store, run_a, "a", &v[0], err);
	if (r == 0)
		r = side_load(store, run_b, "b", &v[1], err);
	if (r == 0) {
		make_head(&v[0], &v[1], equivalence, ret);
		put_noise(&v[0], ret);
		put_noise(&v[1], ret);
		put_cells(&v[0], &v[1], equivalence, ret);
	}
	sides_done(v);
	return r;
}
