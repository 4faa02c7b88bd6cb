/* Suite × catalogue × what was asked for → cells and the processes they need. Illegal cells stay in the list with
 * their reason; nothing is dropped silently. */
#include "engine_internal.h"

#include <errno.h>
#include <stdio.h>

#define BINDING_EACH "each"
#define BINDING_ALL "all"

struct resolver {
	struct bd_engine *e;
	struct plan *p;
	struct side *side;      /* whose cells are being made */
	struct bd_choices axes; /* the suite's, overridden by the request's */
	bool threads_for_none;  /* the request names threads, and every case of the suite has one */
	struct bd_error *err;
};

#define LISTED_MAX 200 /* bytes of a list of what there is: a hint has room for no more */

static int unknown(struct bd_error *err, const char *key, const char *what, const char *word, const char *const *known,
	size_t n)
{
	const char *near = bd_nearest(word, known, n);
	bd_auto_str struct bd_str hint = {0};
	if (near) {
		bd_str_printf(&hint, "did you mean '%s'?", near);
	} else {
		bd_str_puts(&hint, "there are: ");
		size_t i = 0;
		for (; i < n && hint.len + strlen(known[i]) < LISTED_MAX; i++)
			bd_str_printf(&hint, "%s%s", i ? ", " : "", known[i]);
		if (i < n)
			bd_str_printf(&hint, ", and %zu more", n - i);
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

static const struct bd_variant_info *find_variant(const struct bd_binding_info *b, const char *binding)
{
	const char *colon = strchr(binding, ':');
	for (size_t i = 0; i < b->variant_info_len; i++)
		if (colon && bd_streq(b->variant_info[i].name, colon + 1))
			return &b->variant_info[i];
	return NULL;
}

/* ---- the target ----------------------------------------------------------------------------------------------- */

/* The cases of a registered target, of whichever side has them. */
static void add_own_cases(struct resolver *r, const struct bd_catalogue *catalogue)
{
	struct plan *p = r->p;
	for (size_t i = 0; i < catalogue->cases_len; i++) {
		const struct bd_case_info *c = &catalogue->cases[i];
		if (c->target == BD_NULL_INT || bd_strv_has(&p->suite.cases, c->name))
			continue;
		bd_strv_add(&p->suite.cases, c->name);
		*BD_PUSH(p->limits, p->limits_len) = (struct case_limit){bd_strdup(c->name), c->timeout_s};
	}
}

static int load_target(struct resolver *r, const struct bd_catalogue *catalogue)
{
	const char *target = r->p->request.target;
	if (r->side->has_target) {
		const char *name = r->side->target.name;
		bd_doc_init(&bd_suite_doc, &r->p->suite);
		r->p->suite.name = bd_strdup(name ? name : r->side->target.kind);
		add_own_cases(r, catalogue);
		if (r->p->suite.cases.n || r->p->sides_len > 1)
			return 0;
		return bd_error_set(r->err, -ENOENT, "no-such-input",
			"functions whose names begin with bench_ are measured; benchctl new bench NAME writes one",
			"%s has no benchmarks", r->p->suite.name);
	}
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
	const char *known[128] = {BINDING_EACH, BINDING_ALL};
	size_t n = 2;
	if (bd_streq(value, BINDING_EACH) || bd_streq(value, BINDING_ALL))
		return 0;
	for (size_t i = 0; i < catalogue->bindings_len && n < BD_LEN(known); i++)
		known[n++] = catalogue->bindings[i].name;
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
	static const char *const allocators[] = {"glibc", "jemalloc", "mimalloc", "tcmalloc"};
	static const char *const objallocs[] = {"pymalloc", "malloc", "mimalloc"};
	static const char *const affinities[] = {"pinned", "set", "free"};
	static const char *const switches[] = {"on", "off"};
	static const char *const callers[] = {"python", "c"};
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
	const char *own = r->side->asked ? bd_map_get(&r->side->asked->axes, axis) : NULL;
	if (own) {
		bd_strv_add(ret, own);
		return;
	}
	if (bd_streq(axis, "affinity") && !chosen && info->affinity) {
		bd_strv_add(ret, info->affinity);
		return;
	}
	bool single = bd_streq(info->shape, "iterations");
	/* in a suite the cases of one thread stand beside the others; of users' own, and where there are no others, it is said */
	if (bd_streq(axis, "threads") && single && !(r->side->has_target && chosen) && !r->threads_for_none) {
		bd_strv_add(ret, "1");
		return;
	}
	if (bd_streq(axis, "binding") && info->plain) {
		bd_strv_add(ret, info->plain);
		return;
	}
	if (bd_streq(axis, "caller") && (bd_streq(info->plain, "plugin") || bd_streq(info->plain, "process"))) {
		bd_strv_add(ret, "c"); /* no bytecode of ours is around these */
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
	else if (param) /* whoever gives values in a file of their own wants them all */
		for (size_t v = 0; v < (info->target == BD_NULL_INT ? 1 : param->values.n); v++)
			bd_strv_add(ret, param->values.v[v]);
	else
		for (size_t i = 0; i < bd_axis_kinds_len; i++)
			if (bd_streq(bd_axis_kinds[i].name, axis))
				bd_strv_add(ret, bd_axis_kinds[i].fallback);
}

static void add_binding(struct bd_strv *out, const char *name, const char *variant)
{
	bd_auto_free char *one = variant ? bd_printf("%s:%s", name, variant) : bd_strdup(name);
	if (!bd_strv_has(out, one)) /* `capi,capi:fastcall` names one of them twice */
		bd_strv_add(out, one);
}

/* `capi` means all its variants; a binding without variants is its own. `each` means the first variant of every binding,
 * `all` every variant of every binding: whatever there is, also when a suite was written before it. */
static void expand_bindings(struct bd_strv *values, const struct bd_catalogue *catalogue)
{
	struct bd_strv out = {0};
	for (size_t i = 0; i < values->n; i++) {
		const char *v = values->v[i];
		bool each = bd_streq(v, BINDING_EACH), all = bd_streq(v, BINDING_ALL);
		bool some = false;
		for (size_t k = 0; k < catalogue->bindings_len; k++) {
			const struct bd_binding_info *b = &catalogue->bindings[k];
			if (!b->variants.n || !(each || all || bd_streq(b->name, v)))
				continue;
			some = true;
			for (size_t n = 0; n < (each ? 1 : b->variants.n); n++)
				add_binding(&out, b->name, b->variants.v[n]);
		}
		if (!some)
			add_binding(&out, v, NULL);
	}
	bd_strv_done(values);
	*values = out;
}

/* ---- legality ------------------------------------------------------------------------------------------------------ */

static struct bd_reason *illegal_there(const struct resolver *r, const struct bd_cell *cell,
	const struct interpreter *python)
{
	const char *objalloc = bd_axes_get(&cell->axes, "objalloc");
	if (python->free_threaded && !bd_streq(objalloc, "mimalloc"))
		return bd_reason_new(NULL, "objalloc-free-threaded",
			"use objalloc=mimalloc, or an interpreter with a GIL",
			"a free-threaded interpreter has one object allocator, mimalloc");
	int minor = 0;
	if (bd_streq(objalloc, "mimalloc") && sscanf(python->version, "3.%d", &minor) == 1 && minor < 13)
		return bd_reason_new(NULL, "objalloc-unknown", "use an interpreter from 3.13 on",
			"Python %s has no object allocator mimalloc", python->version);
	const char *gil = bd_map_get(&r->p->request.env, "PYTHON_GIL");
	if (python->free_threaded && !bd_streq(gil, "1") && bd_axes_threads(&cell->axes) > 1 &&
		bd_streq(bd_axes_get(&cell->axes, "gil"), "hold"))
		return bd_reason_new("V4", "no-gil-to-hold", "use an interpreter with a GIL, or --env PYTHON_GIL=1",
			"a free-threaded interpreter has no GIL to hold");
	return NULL;
}

static struct bd_reason *illegal(const struct resolver *r, const struct bd_case_info *info, const struct bd_cell *cell,
	const struct bd_catalogue *catalogue)
{
	if (bd_streq(info->shape, "iterations") && bd_axes_threads(&cell->axes) > 1)
		return bd_reason_new(NULL, "one-thread-only",
			info->target == BD_NULL_INT
				? NULL
				: "threads = True in its file says that it may be called from several at once",
			"%s has one thread", info->name);
	const char *allocator = bd_axes_get(&cell->axes, "allocator"), *binding = bd_axes_get(&cell->axes, "binding");
	const struct interpreter *python = interpreter_find(r->e, bd_axes_get(&cell->axes, "python"));
	if (!allocator_path(allocator))
		return bd_reason_new("V5", "allocator-not-installed", allocator_package_hint(allocator),
			"%s is not installed", allocator);
	struct bd_reason *reason = python ? illegal_there(r, cell, python) : NULL;
	if (reason)
		return reason;
	const struct bd_binding_info *b = find_binding(catalogue, binding, strcspn(binding, ":"));
	const struct bd_variant_info *v = b ? find_variant(b, binding) : NULL;
	if (v)
		return v->unsupported ? bd_reason_copy(v->unsupported) : NULL;
	return b && b->unsupported ? bd_reason_copy(b->unsupported) : NULL;
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

static bool there_already(const struct plan *p, const char *case_name, const struct bd_axes *axes)
{
	for (size_t i = 0; i < p->cells_len; i++)
		if (bd_streq(p->cells[i].case_name, case_name) && bd_axes_equal(&p->cells[i].axes, axes))
			return true;
	return false;
}

static int add_cell(struct resolver *r, const struct bd_case_info *info, struct bd_axes *axes,
	const struct bd_catalogue *catalogue)
{
	const char *name = bd_axes_get(axes, "binding"), *asked = bd_axes_get(axes, "caller");
	const struct bd_binding_info *b = find_binding(catalogue, name, strcspn(name, ":"));
	const struct bd_variant_info *v = b ? find_variant(b, name) : NULL;
	if (v && v->caller && asked && !bd_streq(asked, v->caller)) {
		/* the one loop it has, once, whichever others are asked for */
		struct bd_axes own;
		bd_axes_copy(axes, &own);
		bd_axes_set(&own, "caller", v->caller);
		int res = there_already(r->p, info->name, &own) ? 0 : add_cell(r, info, &own, catalogue);
		bd_axes_done(&own);
		return res;
	}
	if (v && v->caller && there_already(r->p, info->name, axes))
		return 0;
	struct bd_cell cell = {.case_name = bd_strdup(info->name),
		.id = bd_cell_id(info->name, axes),
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
	if (info->reason) {
		cell.reason = bd_reason_copy(info->reason);
		cell.status = BD_CELL_FAILED;
	} else {
		cell.reason = illegal(r, info, &cell, catalogue);
		cell.status = cell.reason ? BD_CELL_UNSUPPORTED : BD_CELL_OK;
	}
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
static int add_product(struct resolver *r, const struct bd_case_info *info, const struct bd_choices *values, size_t at,
	struct bd_axes *axes, const struct bd_catalogue *catalogue)
{
	if (at == values->n)
		return add_cell(r, info, axes, catalogue);
	for (size_t i = 0; i < values->v[at].values.n; i++) {
		bd_axes_set(axes, values->v[at].name, values->v[at].values.v[i]);
		int res = add_product(r, info, values, at + 1, axes, catalogue);
		if (res < 0)
			return res;
	}
	return 0;
}

static bool is_free_threaded(struct bd_engine *e, const char *python)
{
	const struct interpreter *i = interpreter_find(e, *python ? python : NULL);
	return i && i->free_threaded;
}

static int add_case(struct resolver *r, const char *name, const char *python, const struct bd_catalogue *catalogue)
{
	const struct bd_case_info *info = find_case(catalogue, name);
	if (!info && r->side->has_target)
		return 0; /* the other side has it */
	if (!info) {
		const char *known[256];
		size_t n = 0;
		for (; n < catalogue->cases_len && n < BD_LEN(known); n++)
			known[n] = catalogue->cases[n].name;
		return unknown(r->err, "bad-suite", "the suite names a case that does not exist:", name, known, n);
	}
	if (info->process && !bd_strv_has(&r->p->alone, info->name))
		bd_strv_add(&r->p->alone, info->name);
	struct bd_choices values = {0};
	for (size_t i = 0; i < bd_axis_kinds_len + info->params_len; i++) {
		const char *axis = i < bd_axis_kinds_len ? bd_axis_kinds[i].name
							 : info->params[i - bd_axis_kinds_len].name;
		struct bd_strv v = {0};
		if (bd_streq(axis, "python"))
			bd_strv_add(&v, python);
		else if (bd_streq(axis, "objalloc") && !bd_choices_get(&r->axes, axis) &&
			is_free_threaded(r->e, python))
			bd_strv_add(&v, "mimalloc"); /* it has no other */
		else
			values_of(r, info, axis, &v);
		if (bd_streq(axis, "binding") && !info->plain)
			expand_bindings(&v, catalogue);
		bd_choices_set(&values, axis, &v);
		bd_strv_done(&v);
	}
	struct bd_axes axes = {0};
	if (r->side->name)
		bd_axes_set(&axes, "side", r->side->name);
	int res = add_product(r, info, &values, 0, &axes, catalogue);
	bd_axes_done(&axes);
	for (size_t i = 0; i < values.n; i++) {
		free(values.v[i].name);
		bd_strv_done(&values.v[i].values);
	}
	free(values.v);
	return res;
}

/* ---- the plan ------------------------------------------------------------------------------------------------------- */

/* Variables that a request may not set, because the run does. */
static int check_env(struct resolver *r, const struct bd_map *env)
{
	static const char *const reserved[] = {"PYTHONMALLOC", "LD_PRELOAD", "PYTHONHASHSEED", "BENCHD_FDS",
		"BENCHD_PAD", "BENCHD_PYTHON", "BENCHD_SIDE_PATH", "BENCHD_SIDE_OBJECT"};
	for (size_t i = 0; i < env->n; i++) {
		const char *name = env->v[i].key;
		for (size_t k = 0; k < BD_LEN(reserved); k++)
			if (bd_streq(name, reserved[k]))
				return bd_error_set(r->err, -EINVAL, "bad-value",
					"the axes allocator and objalloc set the allocators",
					"env.%s is set by benchd itself", name);
		if (bd_streq(name, "LD_AUDIT") || bd_streq(name, "GCONV_PATH"))
			return bd_error_set(r->err, -EINVAL, "bad-value",
				"a shared object is compared with another as a side: ab --a FILE.so --b FILE.so",
				"env.%s would change what is loaded without anybody seeing it", name);
		if (!name[0] || strchr(name, '='))
			return bd_error_set(r->err, -EINVAL, "bad-value", NULL,
				"'%s' is not a name of an environment variable", name);
	}
	return 0;
}

static int check_request(struct resolver *r)
{
	const struct bd_request *q = &r->p->request;
	if (q->kind && !bd_streq(q->kind, "run") && !bd_streq(q->kind, "ab") && !bd_streq(q->kind, "check"))
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL,
			"kind must be \"run\", \"ab\" or \"check\", not '%s'", q->kind);
	if (!bd_streq(q->kind, "check") && bd_streq(q->kind, "ab") != (q->sides != NULL))
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL, "%s",
			q->sides ? "only kind \"ab\" has sides" : "kind \"ab\" needs sides");
	if (!isnan(q->precision) && !(q->precision >= 0.0001 && q->precision <= 1))
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL, "precision must be from 0.0001 to 1");
	if (!isnan(q->equivalence) && !(q->equivalence >= 0.0001 && q->equivalence <= 1))
		return bd_error_set(r->err, -EINVAL, "bad-value", NULL, "equivalence must be from 0.0001 to 1");
	if (q->trace && !bd_streq(q->trace, "off") && !bd_streq(q->trace, "counters") && !bd_streq(q->trace, "events"))
		return unknown(r->err, "unknown-value", "there is no trace level", q->trace,
			(const char *const[]){"off", "counters", "events"}, 3);
	if (bd_streq(q->trace, "events") && q->sides)
		return bd_error_set(r->err, -EINVAL, "bad-value", "trace a run of one side",
			"two sides are compared untraced, or at level counters");
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
	int res = check_env(r, &q->env);
	if (res == 0 && q->sides)
		res = check_env(r, &q->sides->a.env);
	if (res == 0 && q->sides)
		res = check_env(r, &q->sides->b.env);
	return res;
}

static int check_side_axes(struct resolver *r, const struct bd_catalogue *catalogue)
{
	const struct bd_map *axes = r->side->asked ? &r->side->asked->axes : NULL;
	for (size_t i = 0; axes && i < axes->n; i++) {
		int res = check_axis_name(r, axes->v[i].key, catalogue);
		if (res == 0)
			res = check_value(r, axes->v[i].key, axes->v[i].value, catalogue);
		if (res < 0)
			return res;
	}
	return 0;
}

/* The first catalogue says what the target is, and which axes it has. */
static int begin(struct resolver *r, const struct bd_catalogue *catalogue)
{
	struct plan *p = r->p;
	int res = load_target(r, catalogue);
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
	return res;
}

/* Whether what was asked for would be left out without a word. */
static bool threads_for_none(const struct plan *p, const struct bd_catalogue *catalogue)
{
	for (size_t k = 0; k < p->suite.cases.n; k++) {
		const struct bd_case_info *info = find_case(catalogue, p->suite.cases.v[k]);
		if (info && !bd_streq(info->shape, "iterations"))
			return false;
	}
	return bd_choices_get(&p->request.axes, "threads") != NULL;
}

/* Whether two ids differ in their hosts only. */
static bool same_install(const char *a, const char *b)
{
	size_t n = strcspn(a, "+");
	return strcspn(b, "+") == n && strncmp(a, b, n) == 0;
}

/* A virtual environment is of one interpreter: another one that was asked for has none of its packages. */
static int check_side_python(const struct resolver *r)
{
	const struct side *s = r->side;
	const char *own = s->asked ? bd_map_get(&s->asked->axes, "python") : NULL;
	const struct bd_choice *chosen = bd_choices_get(&r->p->request.axes, "python");
	bool other = s->interpreter && own && !same_install(s->interpreter, own);
	for (size_t k = 0; s->interpreter && !own && chosen && k < chosen->values.n; k++)
		if (same_install(s->interpreter, chosen->values.v[k]))
			return 0;
	if (!other && !(s->interpreter && !own && chosen))
		return 0;
	return bd_error_set(r->err, -EINVAL, "bad-value", NULL,
		"the virtual environment %s is one of python=%s, not of %s", s->what.path, s->interpreter,
		own ? own : chosen->values.v[0]);
}

/* The interpreter of one side: its virtual environment's, or the one it names, or those of the request. */
static const char *side_python(const struct resolver *r, size_t i)
{
	const struct side *s = r->side;
	const char *own = s->asked ? bd_map_get(&s->asked->axes, "python") : NULL;
	const struct bd_choice *chosen = bd_choices_get(&r->p->request.axes, "python");
	const struct interpreter *fallback = interpreter_find(r->e, NULL);
	if (own)
		return i ? NULL : own;
	if (s->interpreter) {
		size_t n = 0;
		for (size_t k = 0; chosen && k < chosen->values.n; k++)
			if (same_install(s->interpreter, chosen->values.v[k]) && n++ == i)
				return chosen->values.v[k];
		return i || n ? NULL : s->interpreter;
	}
	if (chosen)
		return i < chosen->values.n ? chosen->values.v[i] : NULL;
	return i ? NULL : fallback ? fallback->id : "";
}

static int resolve_side(struct resolver *r, bool first)
{
	struct plan *p = r->p;
	int res = check_side_python(r);
	const char *python;
	for (size_t i = 0; res == 0 && (python = side_python(r, i)); i++) {
		const struct bd_catalogue *catalogue = NULL;
		bool owned = false;
		res = side_catalogue(r->e, r->side, *python ? python : NULL, &p->request.env, &catalogue, &owned,
			r->err);
		if (res == 0 && first && i == 0)
			res = begin(r, catalogue);
		if (res == 0)
			r->threads_for_none = threads_for_none(p, catalogue);
		if (res == 0)
			res = check_side_axes(r, catalogue);
		if (res == 0 && r->side->has_target)
			add_own_cases(r, catalogue);
		for (size_t k = 0; res == 0 && k < p->suite.cases.n; k++)
			res = add_case(r, p->suite.cases.v[k], python, catalogue);
		if (owned)
			catalogue_free((struct bd_catalogue *)(uintptr_t)catalogue);
	}
	return res;
}

int plan_resolve(struct bd_engine *e, struct plan *p, struct bd_error *err)
{
	struct resolver r = {.e = e, .p = p, .err = err};
	int res = check_request(&r);
	p->ab = bd_streq(p->request.kind, "ab");
	p->check = bd_streq(p->request.kind, "check");
	if (res == 0 && p->check)
		return check_resolve(e, p, err);
	static const char *const names[] = {"a", "b"};
	for (size_t i = 0; res == 0 && i < (p->ab ? 2 : 1); i++) {
		p->sides_len = i + 1;
		res = side_load(e, &p->request, p->ab ? names[i] : NULL, &p->sides[i], err);
	}
	for (size_t i = 0; res == 0 && i < p->sides_len; i++) {
		r.side = &p->sides[i];
		res = resolve_side(&r, i == 0);
	}
	if (res == 0 && !p->cells_len)
		res = p->request.cases.n ? bd_error_set(err, -EINVAL, "no-cells",
						   "--dry-run without --case lists the cells", "nothing matches --case")
					 : bd_error_set(err, -ENOENT, "no-such-input",
						   "functions whose names begin with bench_ are measured",
						   "%s has no benchmarks", p->suite.name);
	for (size_t i = 0; i < r.axes.n; i++) {
		free(r.axes.v[i].name);
		bd_strv_done(&r.axes.v[i].values);
	}
	free(r.axes.v);
	return res;
}
