/* Suite × catalogue × what was asked for → cells and the processes they need. Illegal cells stay in the list with
 * their reason; nothing is dropped silently. */
#include "engine_internal.h"

#include <errno.h>
#include <stdio.h>

#define SETUP_BASE_S 0.45     /* start and end of a launch's workers */
#define SETUP_THREADED_S 0.12 /* verification before and after, warm-up of one threaded cell */
#define SETUP_SINGLE_S 0.06

struct resolver {
	struct bd_engine *e;
	struct plan *p;
	struct bd_choices axes; /* the suite's, overridden by the request's */
	struct bd_error *err;
};

static int unknown(struct bd_error *err, const char *key, const char *what, const char *word, const char *const *known,
	size_t n)
{
	const char *near = bd_nearest(word, known, n);
	bd_auto_str struct bd_str hint = {0};
	if (near) {
		bd_str_printf(&hint, "did you mean '%s'?", near);
	} else {
		bd_str_puts(&hint, "there are: ");
		for (size_t i = 0; i < n; i++)
			bd_str_printf(&hint, "%s%s", i ? ", " : "", known[i]);
	}
	return bd_error_set(err, -EINVAL, key, hint.s, "%s '%s'", what, word);
}

static const struct bd_case_info *find_case(const struct bd_catalogue *c, const char *name)
{
	for (size_t i = 0; i < c->cases_len; i++)
		if (bd_streq(c->cases[i].name, name))
			return &c->cases[i];
	return NULL;
}

static const struct bd_binding_info *find_binding(const struct bd_catalogue *c, const char *name, size_t len)
{
	for (size_t i = 0; i < c->bindings_len; i++)
		if (strlen(c->bindings[i].name) == len && strncmp(c->bindings[i].name, name, len) == 0)
			return &c->bindings[i];
	return NULL;
}

/* ---- the target ----------------------------------------------------------------------------------------------- */

static int load_target(struct resolver *r, const struct bd_catalogue *catalogue)
{
	const char *target = r->p->request.target;
	struct bd_error suite_error;
	int res = bd_suite_load(r->e->suites, target, &r->p->suite, &suite_error);
	if (res == 0)
		return 0;
	if (!bd_streq(suite_error.key, "unknown-target")) {
		if (r->err)
			*r->err = suite_error;
		return res;
	}
	bd_doc_init(&bd_suite_doc, &r->p->suite);
	for (size_t i = 0; i < catalogue->cases_len; i++)
		if (bd_glob(target, catalogue->cases[i].name))
			bd_strv_add(&r->p->suite.cases, catalogue->cases[i].name);
	if (r->p->suite.cases.n) {
		r->p->suite.name = bd_strdup(target);
		return 0;
	}
	bd_auto_strv struct bd_strv names = {0};
	bd_suite_names(r->e->suites, &names);
	for (size_t i = 0; i < catalogue->cases_len; i++)
		if (!bd_strv_has(&names, catalogue->cases[i].name)) /* a suite may be named like its case */
			bd_strv_add(&names, catalogue->cases[i].name);
	return unknown(r->err, "unknown-target", "there is no suite or case", target, (const char *const *)names.v,
		names.n);
}

/* ---- axes ------------------------------------------------------------------------------------------------------- */

static int check_axis_name(struct resolver *r, const char *name, const struct bd_catalogue *catalogue)
{
	const char *known[128];
	size_t n = 0;
	for (size_t i = 0; i < bd_axis_kinds_len; i++)
		known[n++] = bd_axis_kinds[i].name;
	for (size_t i = 0; i < r->p->suite.cases.n; i++) {
		const struct bd_case_info *c = find_case(catalogue, r->p->suite.cases.v[i]);
		for (size_t k = 0; c && k < c->params_len && n < BD_LEN(known); k++)
			known[n++] = c->params[k].name;
	}
	for (size_t i = 0; i < n; i++)
		if (bd_streq(known[i], name))
			return 0;
	return unknown(r->err, "unknown-axis", "there is no axis", name, known, n);
}

static int one_of(struct resolver *r, const char *axis, const char *value, const char *const *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bd_streq(known[i], value))
			return 0;
	bd_auto_free char *what = bd_printf("axis %s has no value", axis);
	return unknown(r->err, "unknown-value", what, value, known, n);
}

static int check_binding(struct resolver *r, const char *value, const struct bd_catalogue *catalogue)
{
	const char *known[128];
	size_t n = 0;
	for (size_t i = 0; i < catalogue->bindings_len; i++) {
		const struct bd_binding_info *b = &catalogue->bindings[i];
		known[n++] = b->name;
	}
	size_t len = strcspn(value, ":");
	const struct bd_binding_info *b = find_binding(catalogue, value, len);
	if (!b) {
		bd_auto_free char *word = bd_strndup(value, len);
		return unknown(r->err, "unknown-value", "axis binding has no value", word, known, n);
	}
	if (value[len] && !bd_strv_has(&b->variants, value + len + 1)) {
		bd_auto_free char *what = bd_printf("binding %s has no variant", b->name);
		return unknown(r->err, "unknown-value", what, value + len + 1, (const char *const *)b->variants.v,
			b->variants.n);
	}
	return 0;
}

static int check_param(struct resolver *r, const char *axis, const char *value, const struct bd_catalogue *catalogue)
{
	const char *known[64];
	size_t n = 0;
	for (size_t i = 0; i < r->p->suite.cases.n; i++) {
		const struct bd_case_info *c = find_case(catalogue, r->p->suite.cases.v[i]);
		for (size_t k = 0; c && k < c->params_len; k++)
			for (size_t v = 0;
				bd_streq(c->params[k].name, axis) && v < c->params[k].values.n && n < BD_LEN(known);
				v++)
				known[n++] = c->params[k].values.v[v];
	}
	return one_of(r, axis, value, known, n);
}

static int check_value(struct resolver *r, const char *axis, const char *value, const struct bd_catalogue *catalogue)
{
	static const char *const allocators[] = {"glibc", "jemalloc", "mimalloc"};
	static const char *const objallocs[] = {"pymalloc", "malloc"};
	static const char *const affinities[] = {"pinned", "set", "free"};
	static const char *const switches[] = {"on", "off"};
	static const char *const callers[] = {"python"};
	if (bd_streq(axis, "python")) {
		const struct bd_catalogue *c;
		bool owned;
		return catalogue_get(r->e, value, NULL, &c, &owned, r->err);
	}
	if (bd_streq(axis, "binding"))
		return check_binding(r, value, catalogue);
	if (bd_streq(axis, "caller"))
		return one_of(r, axis, value, callers, BD_LEN(callers));
	if (bd_streq(axis, "allocator"))
		return one_of(r, axis, value, allocators, BD_LEN(allocators));
	if (bd_streq(axis, "objalloc"))
		return one_of(r, axis, value, objallocs, BD_LEN(objallocs));
	if (bd_streq(axis, "affinity"))
		return one_of(r, axis, value, affinities, BD_LEN(affinities));
	if (bd_streq(axis, "gc"))
		return one_of(r, axis, value, switches, BD_LEN(switches));
	if (bd_streq(axis, "threads")) {
		char *end;
		long t = strtol(value, &end, 10);
		if (*end || value[0] < '1' || value[0] > '9' || t < 1 || t > MAX_THREADS)
			return bd_error_set(r->err, -EINVAL, "unknown-value", NULL,
				"threads must be whole numbers from 1 to %d, not '%s'", MAX_THREADS, value);
		return 0;
	}
	if (bd_streq(axis, "switch_interval")) {
		int64_t ns;
		if (bd_duration_parse(value, &ns) < 0 || ns < 50000 || ns > 1000000000)
			return bd_error_set(r->err, -EINVAL, "unknown-value", NULL,
				"switch_interval must be a duration from 50us to 1s, not '%s'", value);
		return 0;
	}
	return check_param(r, axis, value, catalogue);
}

/* Which values of an axis a case is measured at. */
static void values_of(struct resolver *r, const struct bd_case_info *info, const char *axis, struct bd_strv *ret)
{
	const struct bd_choice *chosen = bd_choices_get(&r->axes, axis);
	bool single = bd_streq(info->shape, "iterations");
	if (bd_streq(axis, "threads") && single) {
		bd_strv_add(ret, "1");
		return;
	}
	if (bd_streq(axis, "binding") && info->plain) {
		bd_strv_add(ret, info->plain);
		return;
	}
	const struct bd_case_param *param = NULL;
	for (size_t k = 0; k < info->params_len; k++)
		if (bd_streq(info->params[k].name, axis))
			param = &info->params[k];
	for (size_t i = 0; chosen && i < chosen->values.n; i++)
		if (!param ||
			bd_strv_has(&param->values,
				chosen->values.v[i])) /* another case's parameter of the same name may know more */
			bd_strv_add(ret, chosen->values.v[i]);
	if (ret->n)
		return;
	if (bd_streq(axis, "binding"))
		bd_strv_add(ret, "capi:fastcall");
	else if (bd_streq(axis, "threads"))
		bd_strv_add(ret, "1");
	else if (param)
		bd_strv_add(ret, param->values.v[0]);
	else
		for (size_t i = 0; i < bd_axis_kinds_len; i++)
			if (bd_streq(bd_axis_kinds[i].name, axis))
				bd_strv_add(ret, bd_axis_kinds[i].fallback);
}

/* `capi` means all its variants; a binding without variants is its own. */
static void expand_bindings(struct bd_strv *values, const struct bd_catalogue *catalogue)
{
	struct bd_strv out = {0};
	for (size_t i = 0; i < values->n; i++) {
		const char *v = values->v[i];
		const struct bd_binding_info *b = find_binding(catalogue, v, strlen(v));
		for (size_t k = 0; k < (b && b->variants.n ? b->variants.n : 1); k++) {
			bd_auto_free char *one = b && b->variants.n ? bd_printf("%s:%s", v, b->variants.v[k])
								    : bd_strdup(v);
			if (!bd_strv_has(&out, one)) /* `capi,capi:fastcall` names one of them twice */
				bd_strv_add(&out, one);
		}
	}
	bd_strv_done(values);
	*values = out;
}

/* ---- legality ------------------------------------------------------------------------------------------------------ */

static struct bd_reason *illegal(const struct resolver *r, const struct bd_cell *cell,
	const struct bd_catalogue *catalogue)
{
	const char *allocator = bd_axes_get(&cell->axes, "allocator"), *binding = bd_axes_get(&cell->axes, "binding");
	const struct interpreter *python = interpreter_find(r->e, bd_axes_get(&cell->axes, "python"));
	if (!allocator_path(allocator))
		return bd_reason_new("V5", "allocator-not-installed", allocator_package_hint(allocator),
			"%s is not installed", allocator);
	if (python && python->free_threaded && !bd_streq(bd_axes_get(&cell->axes, "objalloc"), "pymalloc"))
		return bd_reason_new(NULL, "objalloc-free-threaded", NULL,
			"a free-threaded interpreter has its own object allocator");
	if (python && python->free_threaded && bd_axes_threads(&cell->axes) > 1 &&
		bd_streq(bd_axes_get(&cell->axes, "gil"), "hold"))
		return bd_reason_new("V4", "no-gil-to-hold", NULL, "a free-threaded interpreter has no GIL to hold");
	const struct bd_binding_info *b = find_binding(catalogue, binding, strcspn(binding, ":"));
	if (b && b->unsupported)
		return bd_reason_copy(b->unsupported);
	return NULL;
}

/* ---- cells --------------------------------------------------------------------------------------------------------- */

static bool wanted(const struct resolver *r, const struct bd_cell *cell)
{
	const struct bd_strv *globs = &r->p->request.cases;
	for (size_t i = 0; i < globs->n; i++)
		if (bd_glob(globs->v[i], cell->case_name) || bd_glob(globs->v[i], cell->id))
			return true;
	return globs->n == 0;
}

static int64_t max_ns(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Contended cells run for a duration: long enough that the switch interval and the operation are small parts of it. */
static int64_t batch_duration(const struct resolver *r, const struct bd_axes *axes)
{
	int64_t least = 200000000, interval = 5000000, work = 0;
	if (r->p->suite.defaults.batch)
		bd_duration_parse(r->p->suite.defaults.batch, &least);
	bd_duration_parse(bd_axes_get(axes, "switch_interval"), &interval);
	const char *u = bd_axes_get(axes, WORK_PARAM);
	if (u)
		bd_duration_parse(u, &work);
	return max_ns(least, max_ns(40 * interval, 20 * work));
}

static int add_cell(struct resolver *r, const char *case_name, const struct bd_axes *axes,
	const struct bd_catalogue *catalogue)
{
	struct bd_cell cell = {.case_name = bd_strdup(case_name),
		.id = bd_cell_id(case_name, axes),
		.reference = -1,
		.scaling = -1,
		.twin = -1,
		.role = bd_strdup("cell")};
	bd_axes_copy(axes, &cell.axes);
	if (!wanted(r, &cell)) {
		bd_cell_done(&cell);
		return 0;
	}
	if (bd_axes_threads(axes) > 1)
		cell.duration_ns = batch_duration(r, axes);
	cell.reason = illegal(r, &cell, catalogue);
	cell.status = cell.reason ? BD_CELL_UNSUPPORTED : BD_CELL_OK;
	cell.index = (int64_t)r->p->cells_len;
	if (cell.index >= 4096) {
		bd_cell_done(&cell);
		return bd_error_set(r->err, -E2BIG, "bad-request", "choose fewer values",
			"this is more than 4096 cells");
	}
	*BD_PUSH(r->p->cells, r->p->cells_len) = cell;
	return 0;
}

/* All combinations, the first axis slowest. */
static int add_product(struct resolver *r, const char *case_name, const struct bd_choices *values, size_t at,
	struct bd_axes *axes, const struct bd_catalogue *catalogue)
{
	if (at == values->n)
		return add_cell(r, case_name, axes, catalogue);
	for (size_t i = 0; i < values->v[at].values.n; i++) {
		bd_axes_set(axes, values->v[at].name, values->v[at].values.v[i]);
		int res = add_product(r, case_name, values, at + 1, axes, catalogue);
		if (res < 0)
			return res;
	}
	return 0;
}

static int add_case(struct resolver *r, const char *name, const char *python, const struct bd_catalogue *catalogue)
{
	const struct bd_case_info *info = find_case(catalogue, name);
	if (!info) {
		const char *known[256];
		size_t n = 0;
		for (; n < catalogue->cases_len && n < BD_LEN(known); n++)
			known[n] = catalogue->cases[n].name;
		return unknown(r->err, "bad-suite", "the suite names a case that does not exist:", name, known, n);
	}
	struct bd_choices values = {0};
	for (size_t i = 0; i < bd_axis_kinds_len + info->params_len; i++) {
		const char *axis = i < bd_axis_kinds_len ? bd_axis_kinds[i].name
							 : info->params[i - bd_axis_kinds_len].name;
		struct bd_strv v = {0};
		if (bd_streq(axis, "python"))
			bd_strv_add(&v, python);
		else
			values_of(r, info, axis, &v);
		if (bd_streq(axis, "binding"))
			expand_bindings(&v, catalogue);
		bd_choices_set(&values, axis, &v);
		bd_strv_done(&v);
	}
	struct bd_axes axes = {0};
	int res = add_product(r, name, &values, 0, &axes, catalogue);
	bd_axes_done(&axes);
	for (size_t i = 0; i < values.n; i++) {
		free(values.v[i].name);
		bd_strv_done(&values.v[i].values);
	}
	free(values.v);
	return res;
}

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

static void link_cells(struct plan *p)
{
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
	return true;
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
		bool threaded = bd_axes_threads(&c->axes) > 1, same = bd_streq(c->role, "same-process");
		int replica = bd_streq(c->role, "second-process");
		struct config *config = same ? config_of(p, (size_t)c->twin) : NULL;
		for (size_t k = 0; k < p->configs_len && !config; k++)
			if (p->configs[k].threaded == threaded && p->configs[k].replica == replica &&
				same_process(p->configs[k].axes, &c->axes) &&
				(!threaded || p->configs[k].threads + threads_with_twin(p, i) <= MAX_PROCESS_THREADS))
				config = &p->configs[k];
		if (!config) {
			config = BD_PUSH(p->configs, p->configs_len);
			*config = (struct config){.axes = &c->axes,
				.threaded = threaded,
				.replica = replica,
				.python = interpreter_find(e, bd_axes_get(&c->axes, "python"))};
		}
		*BD_PUSH(config->cells, config->cells_len) = i;
		config->threads += !threaded || same ? 0 : threads_with_twin(p, i);
		p->max_threads = BD_MAX(p->max_threads, bd_axes_threads(&c->axes));
	}
}

/* ---- times ---------------------------------------------------------------------------------------------------------- */

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
		s += batches * (plan_batch_s(c) + 0.001);
	}
	return s;
}

#define MAX_ROUNDS 500
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

/* ---- the plan ------------------------------------------------------------------------------------------------------- */

static int check_request(struct resolver *r)
{
	const struct bd_request *q = &r->p->request;
	static const char *const reserved[] = {"PYTHONMALLOC", "LD_PRELOAD", "PYTHONHASHSEED", "BENCHD_FDS",
		"BENCHD_PAD"};
	if (q->kind && !bd_streq(q->kind, "run"))
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL, "kind must be \"run\", not '%s'", q->kind);
	if (q->trace && !bd_streq(q->trace, "off") && !bd_streq(q->trace, "counters"))
		return unknown(r->err, "unknown-value", "there is no trace level", q->trace,
			(const char *const[]){"off", "counters"}, 2);
	if (q->launches != BD_NULL_INT && (q->launches < 1 || q->launches > 1000))
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL, "launches must be from 1 to 1000");
	if (q->rounds != BD_NULL_INT && (q->rounds < 1 || q->rounds > 100000))
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL, "rounds must be from 1 to 100000");
	if (q->seed != BD_NULL_INT && q->seed < 0)
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL, "seed must not be negative");
	if (!isnan(q->budget_s) && !(q->budget_s > 0 && q->budget_s <= 7 * 86400.0))
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL, "budget_s must be above 0 and at most a week");
	if (!isnan(q->wait_s) && !(q->wait_s >= 0 && q->wait_s <= 7 * 86400.0))
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL, "wait_s must be from 0 to a week");
	for (size_t i = 0; i < q->env.n; i++) {
		const char *name = q->env.v[i].key;
		for (size_t k = 0; k < BD_LEN(reserved); k++)
			if (bd_streq(name, reserved[k]))
				return bd_error_set(r->err, -EINVAL, "bad-value",
					"the axes allocator and objalloc set the allocators",
					"env.%s is set by benchd itself", name);
		if (!name[0] || strchr(name, '='))
			return bd_error_set(r->err, -EINVAL, "bad-value", NULL,
				"'%s' is not a name of an environment variable", name);
	}
	return 0;
}

static int resolve(struct resolver *r)
{
	struct plan *p = r->p;
	const struct bd_choice *pythons = bd_choices_get(&p->request.axes, "python");
	const struct interpreter *fallback = interpreter_find(r->e, NULL);
	int res = check_request(r);
	for (size_t i = 0; res == 0 && i < (pythons ? pythons->values.n : 1); i++) {
		const struct bd_catalogue *catalogue = NULL;
		bool owned = false;
		const char *python = pythons ? pythons->values.v[i] : fallback ? fallback->id : NULL;
		res = catalogue_get(r->e, python, &p->request.env, &catalogue, &owned, r->err);
		if (res == 0 && i == 0) {
			res = load_target(r, catalogue);
			for (size_t k = 0; res == 0 && k < p->suite.axes.n; k++)
				bd_choices_set(&r->axes, p->suite.axes.v[k].name, &p->suite.axes.v[k].values);
			for (size_t k = 0; res == 0 && k < p->request.axes.n; k++)
				bd_choices_set(&r->axes, p->request.axes.v[k].name, &p->request.axes.v[k].values);
			for (size_t k = 0; res == 0 && k < r->axes.n; k++) {
				const struct bd_choice *c = &r->axes.v[k];
				res = check_axis_name(r, c->name, catalogue);
				for (size_t v = 0; res == 0 && v < c->values.n; v++)
					res = check_value(r, c->name, c->values.v[v], catalogue);
			}
		}
		for (size_t k = 0; res == 0 && k < p->suite.cases.n; k++)
			res = add_case(r, p->suite.cases.v[k], python, catalogue);
		if (owned)
			catalogue_free((struct bd_catalogue *)(uintptr_t)catalogue);
	}
	if (res == 0 && !p->cells_len)
		res = bd_error_set(r->err, -EINVAL, "no-cells", "--dry-run without --case lists the cells",
			"nothing matches --case");
	return res;
}

int plan_make(struct bd_engine *e, const struct bd_request *request, struct plan **ret, struct bd_error *err)
{
	struct plan *p = bd_alloc(sizeof *p);
	struct resolver r = {.e = e, .p = p, .err = err};
	bd_doc_init(&bd_request_doc, &p->request);
	bd_doc_init(&bd_suite_doc, &p->suite);
	/* a copy through the codec: the request outlives the HTTP call */
	bd_auto_json cJSON *copy = bd_doc_encode(&bd_request_doc, request);
	int res = bd_doc_decode(&bd_request_doc, copy, &p->request, err);
	if (res == 0)
		res = resolve(&r);
	for (size_t i = 0; i < r.axes.n; i++) {
		free(r.axes.v[i].name);
		bd_strv_done(&r.axes.v[i].values);
	}
	free(r.axes.v);
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
	p->launches = p->launches_fixed ? q->launches : d->launches != BD_NULL_INT ? d->launches : DEFAULT_LAUNCHES;
	p->rounds = q->rounds != BD_NULL_INT ? q->rounds : d->rounds != BD_NULL_INT ? d->rounds : 0;
	p->budget_s = !isnan(q->budget_s)        ? q->budget_s
		: p->launches_fixed && p->rounds ? (double)NAN /* both counts given: they decide */
		: !isnan(d->budget_s)            ? d->budget_s
						 : DEFAULT_BUDGET_S;
	p->budget_firm = !isnan(q->budget_s);
	p->wait_s = isnan(q->wait_s) ? DEFAULT_WAIT_S : q->wait_s;
	const char *trace = q->trace ? q->trace : d->trace;
	p->trace = !bd_streq(trace, "off");
	uint64_t drawn = 0;
	if (q->seed != BD_NULL_INT)
		drawn = (uint64_t)q->seed;
	else if (bd_random_bytes(&drawn, sizeof drawn) == 0)
		drawn &= (1ULL << 53) - 1;
	p->seed = (int64_t)drawn;
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
	bd_doc_done(&bd_request_doc, &p->request);
	bd_doc_done(&bd_suite_doc, &p->suite);
	free(p);
}

void plan_document(const struct plan *p, struct bd_plan_document *ret)
{
	ret->suite = bd_strdup(p->suite.name);
	double setup = plan_setup_s(p);
	plan_shape(p, setup, p->budget_s - setup, &ret->launches, &ret->rounds);
	ret->expected_s = (double)ret->launches * (setup + (double)ret->rounds * plan_round_s(p));
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
