/* The plan of a run: how its cells refer to each other, the processes they need, how long all of it takes. */
#include "engine_internal.h"

#include "bd_checker.h"
#include "bd_stats.h"

#include <errno.h>

#define SETUP_BASE_S 0.15      /* start and end of a launch's workers */
#define SETUP_THREADED_S 0.055 /* verification before and after, warm-up of one threaded cell */
#define SETUP_SINGLE_S 0.02
#define LEAKS_S 0.06 /* of one cell, in the first launch */

static int64_t find_cell(const struct plan *p, const char *case_name, const struct bd_axes *axes)
{
	for (size_t i = 0; i < p->cells_len; i++)
		if (bd_streq(p->cells[i].case_name, case_name) && bd_axes_equal(&p->cells[i].axes, axes))
			return (int64_t)i;
	return -1;
}

/* The first value of the axis in the order of the cells, which is the order in which it was asked for. */
static const char *first_value(const struct plan *p, const char *case_name, const char *axis)
{
	for (size_t i = 0; i < p->cells_len; i++)
		if (bd_streq(p->cells[i].case_name, case_name))
			return bd_axes_get(&p->cells[i].axes, axis);
	return NULL;
}

/* Whether b is on side b what a is on side a: everything equal but what the sides are asked to differ in. */
static bool same_but_side(const struct plan *p, const struct bd_cell *a, const struct bd_cell *b)
{
	if (!bd_streq(a->case_name, b->case_name) || a->axes.n != b->axes.n)
		return false;
	for (size_t i = 0; i < a->axes.n; i++) {
		const char *name = a->axes.v[i].key;
		bool differs = bd_streq(name, "side");
		for (size_t k = 0; k < p->sides_len && !differs; k++)
			differs = bd_map_get(&p->sides[k].asked->axes, name) != NULL ||
				(bd_streq(name, "python") && p->sides[k].interpreter);
		if (!bd_streq(name, b->axes.v[i].key) ||
			(!differs && !bd_streq(a->axes.v[i].value, b->axes.v[i].value)))
			return false;
	}
	return true;
}

/* A cell of side b is compared with its counterpart; where there is none it cannot be. */
static void link_sides(struct plan *p)
{
	for (size_t i = 0; i < p->cells_len; i++) {
		struct bd_cell *c = &p->cells[i];
		const char *side = bd_axes_get(&c->axes, "side");
		const struct bd_cell *other = NULL;
		/* where several fit, one that can be measured */
		for (size_t k = 0; k < p->cells_len && (!other || other->status != BD_CELL_OK); k++)
			if (!bd_streq(bd_axes_get(&p->cells[k].axes, "side"), side) &&
				same_but_side(p, c, &p->cells[k]))
				other = &p->cells[k];
		if (c->status != BD_CELL_OK)
			continue;
		if (!other) {
			c->status = BD_CELL_UNSUPPORTED;
			c->reason = bd_reason_new(NULL, "only-one-side", NULL, "side %s has no %s",
				bd_streq(side, "a") ? "b" : "a", c->case_name);
		} else if (other->status != BD_CELL_OK) {
			c->status = BD_CELL_UNSUPPORTED;
			c->reason = bd_reason_new(NULL, "only-one-side", NULL, "on the other side it is %s: %s",
				bd_cell_status_names[other->status], other->reason ? other->reason->message : "");
		} else if (bd_streq(side, "b")) {
			c->reference = other->index;
		}
	}
}

static void link_cells(struct plan *p)
{
	if (p->ab) {
		link_sides(p);
		return;
	}
	for (size_t i = 0; i < p->cells_len; i++) {
		struct bd_cell *c = &p->cells[i];
		struct bd_axes axes;
		bd_axes_copy(&c->axes, &axes);
		for (size_t k = 0; k < p->suite.reference.n; k++) {
			const char *axis = p->suite.reference.v[k].key, *value = p->suite.reference.v[k].value;
			if (!bd_axes_get(&axes, axis))
				continue;
			value = bd_streq(value, "first") ? first_value(p, c->case_name, axis) : value;
			bd_axes_set(&axes, axis, value);
		}
		if (p->suite.reference.n)
			c->reference = find_cell(p, c->case_name, &axes);
		if (c->reference == (int64_t)i || (c->reference >= 0 && p->cells[c->reference].status != BD_CELL_OK))
			c->reference = -1;
		bd_axes_done(&axes);
		if (bd_axes_threads(&c->axes) > 1) {
			bd_axes_copy(&c->axes, &axes);
			bd_axes_set(&axes, "threads", "1");
			c->scaling = find_cell(p, c->case_name, &axes);
			if (c->scaling >= 0 && p->cells[c->scaling].status != BD_CELL_OK)
				c->scaling = -1;
			bd_axes_done(&axes);
		}
	}
}

/* The A/A rows repeat the cheapest cell that crosses the boundary: fewest threads, then the first. */
static void add_twins(struct plan *p)
{
	const struct bd_cell *best = NULL;
	for (int pass = 0; pass < 2 && !best; pass++) {
		for (size_t i = 0; i < p->cells_len; i++) {
			const struct bd_cell *c = &p->cells[i];
			bool plain = bd_starts_with(bd_axes_get(&c->axes, "binding"), "plain");
			if (c->status == BD_CELL_OK && (pass || !plain) &&
				(!best || bd_axes_threads(&c->axes) < bd_axes_threads(&best->axes)))
				best = c;
		}
	}
	if (!best)
		return;
	static const char *const roles[] = {"same-process", "second-process"};
	struct bd_cell of = *best; /* the array moves when it grows */
	for (size_t k = 0; k < BD_LEN(roles); k++) {
		/* no row rather than one that is not what it says: both must fit into one process */
		if (k == 0 && 2 * bd_axes_threads(&of.axes) > MAX_PROCESS_THREADS)
			continue;
		struct bd_cell twin = {.index = (int64_t)p->cells_len,
			.id = bd_printf("%s#%s", of.id, roles[k]),
			.case_name = bd_strdup(of.case_name),
			.role = bd_strdup(roles[k]),
			.twin = of.index,
			.reference = -1,
			.scaling = -1,
			.duration_ns = of.duration_ns};
		bd_axes_copy(&of.axes, &twin.axes);
		*BD_PUSH(p->cells, p->cells_len) = twin;
		p->twins++;
	}
}

static bool same_process(const struct bd_axes *a, const struct bd_axes *b)
{
	for (size_t i = 0; i < bd_axis_kinds_len; i++)
		if (bd_axis_kinds[i].process &&
			!bd_streq(bd_axes_get(a, bd_axis_kinds[i].name), bd_axes_get(b, bd_axis_kinds[i].name)))
			return false;
	return bd_streq(bd_axes_get(a, "side"), bd_axes_get(b, "side"));
}

/* Threads a process needs for the cell, and for its twin in the same process if it has one. */
static int64_t threads_with_twin(const struct plan *p, size_t cell)
{
	int64_t threads = bd_axes_threads(&p->cells[cell].axes);
	for (size_t i = p->cells_len - p->twins; i < p->cells_len; i++)
		if (p->cells[i].twin == (int64_t)cell && bd_streq(p->cells[i].role, "same-process"))
			return 2 * threads;
	return threads;
}

static struct config *config_of(struct plan *p, size_t cell)
{
	for (size_t k = 0; k < p->configs_len; k++)
		for (size_t i = 0; i < p->configs[k].cells_len; i++)
			if (p->configs[k].cells[i] == cell)
				return &p->configs[k];
	return NULL;
}

static void make_configs(struct bd_engine *e, struct plan *p)
{
	for (size_t i = 0; i < p->cells_len; i++) {
		const struct bd_cell *c = &p->cells[i];
		if (c->status != BD_CELL_OK)
			continue;
		bool alone = bd_strv_has(&p->alone, c->case_name);
		bool threaded = bd_axes_threads(&c->axes) > 1, same = bd_streq(c->role, "same-process");
		int replica = bd_streq(c->role, "second-process");
		struct config *config = same ? config_of(p, (size_t)c->twin) : NULL;
		for (size_t k = 0; k < p->configs_len && !config && !alone; k++)
			if (!p->configs[k].alone && p->configs[k].threaded == threaded &&
				p->configs[k].replica == replica && same_process(p->configs[k].axes, &c->axes) &&
				(!threaded || p->configs[k].threads + threads_with_twin(p, i) <= MAX_PROCESS_THREADS))
				config = &p->configs[k];
		if (!config) {
			config = BD_PUSH(p->configs, p->configs_len);
			*config = (struct config){.axes = &c->axes,
				.threaded = threaded,
				.alone = alone,
				.replica = replica,
				.side = &p->sides[p->ab && bd_streq(bd_axes_get(&c->axes, "side"), "b")],
				.python = interpreter_find(e, bd_axes_get(&c->axes, "python"))};
		}
		*BD_PUSH(config->cells, config->cells_len) = i;
		config->threads += !threaded || same ? 0 : threads_with_twin(p, i);
		p->max_threads = BD_MAX(p->max_threads, bd_axes_threads(&c->axes));
	}
}

/* ---- times ---------------------------------------------------------------------------------------------------------- */

double plan_timeout_s(const struct plan *p, const struct bd_cell *c)
{
	for (size_t i = 0; i < p->limits_len; i++)
		if (bd_streq(p->limits[i].case_name, c->case_name) && !isnan(p->limits[i].timeout_s))
			return p->limits[i].timeout_s;
	return p->sides[0].has_target ? OWN_TIMEOUT_S : CATALOGUE_TIMEOUT_S;
}

double plan_batch_s(const struct bd_cell *c)
{
	return (double)(c->duration_ns ? c->duration_ns : TARGET_BATCH_NS) / 1e9;
}

double plan_setup_s(const struct plan *p)
{
	double s = SETUP_BASE_S;
	for (size_t i = 0; i < p->cells_len; i++)
		if (p->cells[i].status == BD_CELL_OK)
			s += p->cells[i].duration_ns ? SETUP_THREADED_S : SETUP_SINGLE_S;
	return s;
}

double plan_leaks_s(const struct plan *p)
{
	return LEAKS_S * (double)(p->cells_len - p->twins);
}

double plan_round_s(const struct plan *p)
{
	struct processors processors;
	processors_allowed(&processors);
	double s = 0;
	for (size_t i = 0; i < p->cells_len; i++) {
		const struct bd_cell *c = &p->cells[i];
		if (c->status != BD_CELL_OK)
			continue;
		double batches = 1;
		for (size_t k = 0; k < p->cells_len && batches <= 1; k++)
			if (p->cells[k].scaling == (int64_t)i)
				batches = (double)BD_MIN(processors.n, (size_t)p->max_threads);
		if (p->events) /* an untraced one beside the traced one, and probes that come and go */
			batches++;
		s += batches * (plan_batch_s(c) + 0.001);
	}
	return s;
}

#define ROUNDS_WITHOUT_BUDGET 2

void plan_shape(const struct plan *p, double setup_s, double left_s, int64_t *ret_launches, int64_t *ret_rounds)
{
	double round = plan_round_s(p), n = (double)p->launches;
	int64_t rounds = p->rounds;
	if (!rounds && isnan(p->budget_s))
		rounds = ROUNDS_WITHOUT_BUDGET;
	if (!rounds)
		rounds = (int64_t)BD_MAX(BD_MIN(floor((left_s - (n - 1) * setup_s) / (n * round)), (double)MAX_ROUNDS),
			1.0);
	double one = setup_s + (double)rounds * round;
	*ret_rounds = rounds;
	*ret_launches = p->launches;
	/* Fewer launches only when not even one round in each fits: six launches of one round say more than one of six. */
	if (p->budget_firm && !p->launches_fixed && n * one - setup_s > left_s)
		*ret_launches = (int64_t)BD_MAX(floor((left_s + setup_s) / one), 1.0);
}

int plan_make(struct bd_engine *e, const struct bd_request *request, struct plan **ret, struct bd_error *err)
{
	struct plan *p = bd_alloc(sizeof *p);
	bd_doc_init(&bd_request_doc, &p->request);
	bd_doc_init(&bd_suite_doc, &p->suite);
	/* a copy through the codec: the request outlives the HTTP call */
	bd_auto_json cJSON *copy = bd_doc_encode(&bd_request_doc, request);
	int res = bd_doc_decode(&bd_request_doc, copy, &p->request, err);
	if (res == 0)
		res = plan_resolve(e, p, err);
	if (res < 0) {
		plan_free(p);
		return res;
	}
	link_cells(p);
	add_twins(p);
	make_configs(e, p);
	const struct bd_suite_defaults *d = &p->suite.defaults;
	const struct bd_request *q = &p->request;
	p->launches_fixed = q->launches != BD_NULL_INT;
	p->precision = q->precision;
	p->equivalence = q->equivalence;
	/* who asks for a precision, or for a verdict, gets as many launches as it takes and the budget allows */
	bool open_ended = !p->launches_fixed && (p->ab || !isnan(p->precision));
	p->launches = p->launches_fixed      ? q->launches
		: open_ended                 ? MAX_LAUNCHES
		: d->launches != BD_NULL_INT ? d->launches
					     : DEFAULT_LAUNCHES;
	p->adaptive = open_ended;
	p->rounds = q->rounds != BD_NULL_INT ? q->rounds : d->rounds != BD_NULL_INT ? d->rounds : 0;
	p->budget_s = !isnan(q->budget_s)        ? q->budget_s
		: p->launches_fixed && p->rounds ? (double)NAN /* both counts given: they decide */
		: !isnan(d->budget_s)            ? d->budget_s
		: p->ab                          ? DEFAULT_AB_BUDGET_S
						 : DEFAULT_BUDGET_S;
	p->budget_firm = !isnan(q->budget_s) || p->ab;
	if (p->check && isnan(q->budget_s))
		p->budget_s = BD_CHECKER_SECONDS;
	p->wait_s = isnan(q->wait_s) ? DEFAULT_WAIT_S : q->wait_s;
	const char *trace = q->trace ? q->trace : p->ab || p->sides[0].has_target ? "off" : d->trace;
	p->trace = !bd_streq(trace, "off");
	p->events = bd_streq(trace, "events");
	if (p->check) /* it is done once, and draws nothing */
		p->launches = p->rounds = BD_NULL_INT;
	uint64_t drawn = 0;
	if (q->seed != BD_NULL_INT)
		drawn = (uint64_t)q->seed;
	else if (bd_random_bytes(&drawn, sizeof drawn) == 0)
		drawn &= (1ULL << 53) - 1;
	p->seed = p->check ? BD_NULL_INT : (int64_t)drawn;
	*ret = p;
	return 0;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->cells_len; i++)
		bd_cell_done(&p->cells[i]);
	free(p->cells);
	for (size_t i = 0; i < p->configs_len; i++)
		free(p->configs[i].cells);
	free(p->configs);
	for (size_t i = 0; i < p->sides_len; i++)
		side_done(&p->sides[i]);
	for (size_t i = 0; i < p->limits_len; i++)
		free(p->limits[i].case_name);
	free(p->limits);
	bd_strv_done(&p->alone);
	bd_doc_done(&bd_request_doc, &p->request);
	bd_doc_done(&bd_suite_doc, &p->suite);
	free(p);
}

void plan_document(const struct plan *p, struct bd_plan_document *ret)
{
	ret->suite = bd_strdup(p->suite.name);
	if (p->check) {
		ret->expected_s = p->budget_s; /* at most */
		return;
	}
	double setup = plan_setup_s(p), memory = memory_expected_s(p);
	plan_shape(p, setup, p->budget_s - setup - memory, &ret->launches, &ret->rounds);
	ret->expected_s = (double)ret->launches * (setup + (double)ret->rounds * plan_round_s(p)) + memory +
		plan_leaks_s(p);
	if (p->adaptive) { /* at most: it may be decided before */
		double round = plan_round_s(p), rounds = p->rounds ? (double)p->rounds : ceil(1.5 * setup / round);
		double most = floor((p->budget_s - memory) / (setup + rounds * round));
		ret->rounds = (int64_t)rounds;
		ret->launches = (int64_t)fmax(fmin(most, MAX_LAUNCHES), DEFAULT_LAUNCHES);
		ret->expected_s = p->budget_s;
	}
	for (size_t i = 0; i < p->cells_len - p->twins; i++) {
		const struct bd_cell *c = &p->cells[i];
		struct bd_plan_cell *out = BD_PUSH(ret->cells, ret->cells_len);
		*out = (struct bd_plan_cell){.id = bd_strdup(c->id),
			.case_name = bd_strdup(c->case_name),
			.status = bd_strdup(bd_cell_status_names[c->status]),
			.reason = bd_reason_copy(c->reason),
			.batch_s = plan_batch_s(c)};
		bd_axes_copy(&c->axes, &out->axes);
	}
}
