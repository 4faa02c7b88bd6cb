/* Benchmarks in a user's shared object, which defines `benchd_plugin` (benchd_plugin.h). A loop of C counts n operations:
 * one call of run(state, n). */
#include "benchd/benchd_plugin.h"
#include "targets.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>

struct state {
	void *own; /* what setup gave */
	bool up;
	uint64_t result;
};

static const struct benchd_bench *bench_of(const struct bd_work *w)
{
	return w->desc->data;
}

static int setup(struct bd_work *w, struct bd_error *err)
{
	const struct benchd_bench *b = bench_of(w);
	if (w->threads != 1)
		return bd_error_set(err, -ENOTSUP, "one-thread-only", "", "%s has one thread", w->desc->name);
	size_t n = w->desc->params_len;
	bd_auto_free const char **values = bd_alloc((n + 1) * sizeof *values);
	for (size_t i = 0; i < n; i++)
		values[i] = bd_work_param(w, w->desc->params[i].name);
	struct state *s = bd_alloc(sizeof *s);
	w->state = s;
	const char *why = NULL;
	int r = b->setup ? b->setup(values, &s->own, &why) : 0;
	if (r != 0)
		return bd_error_set(err, -EIO, "setup-failed", "", "setup() of %s returned %d%s%.300s", w->desc->name,
			r, why ? ": " : "", why ? why : "");
	s->up = true;
	return 0;
}

static PyObject *run(struct bd_work *w, PyObject *ticks, PyObject *k)
{
	(void)k;
	struct state *s = w->state;
	struct bd_ticker *t = (struct bd_ticker *)ticks;
	int (*function)(void *, uint64_t, uint64_t *) = bench_of(w)->run;
	uint64_t n = t->limit, result = 0;
	t->begin_ns = bd_clock_mono_ns();
	int r = function(s->own, n, &result);
	t->end_ns = bd_clock_mono_ns();
	t->started = n;
	s->result = result;
	if (r != 0) {
		w->failure_key = "run-failed";
		PyErr_Format(bd_py_said(), "run() of %s returned %d", w->desc->name, r);
		return NULL;
	}
	return Py_NewRef(Py_None);
}

static int verify(struct bd_work *w, PyObject *start, uint64_t ops, PyObject *result, struct bd_error *err)
{
	(void)start, (void)result;
	const struct state *s = w->state;
	const struct benchd_bench *b = bench_of(w);
	if (!b->verify || b->verify(s->own, ops, s->result) == 1)
		return 0;
	return bd_error_set(err, -EBADMSG, "wrong-result", "",
		"verify() of %s says that %llu operations do not come to %llu", w->desc->name, (unsigned long long)ops,
		(unsigned long long)s->result);
}

static void notes(struct bd_work *w, struct bd_reason **ret, size_t *ret_n)
{
	if (!bench_of(w)->verify)
		bd_note_add(ret, ret_n, "result-unproven", "verify() in the plugin proves that the work was done",
			"nobody says what the result of %s must be", w->desc->name);
}

static void teardown(struct bd_work *w)
{
	struct state *s = w->state;
	if (!s)
		return;
	if (s->up && bench_of(w)->teardown)
		bench_of(w)->teardown(s->own);
	free(s);
	w->state = NULL;
}

/* ---- loading --------------------------------------------------------------------------------------------------- */

/* 0, or the unit has a case that says what is wrong. */
static int refuse(struct bd_unit *unit, const char *name, const char *key, const char *hint, const char *fmt, ...)
	BD_PRINTF(5, 6);
static int refuse(struct bd_unit *unit, const char *name, const char *key, const char *hint, const char *fmt, ...)
{
	struct bd_error err;
	bd_auto_str struct bd_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	bd_str_vprintf(&text, fmt, ap);
	va_end(ap);
	bd_error_set(&err, -EINVAL, key, hint, "%s", text.s);
	bd_target_case_unusable(unit, name, &err);
	return -EINVAL;
}

static int read_params(struct bd_unit *unit, const char *name, const struct benchd_bench *b, struct bd_case *c)
{
	struct bd_param *params = NULL;
	size_t n = 0;
	for (const struct benchd_param *p = b->params; p && p->name; p++) {
		size_t count = 0;
		while (p->values && p->values[count])
			count++;
		if (!count)
			return refuse(unit, name, "bad-case", "", "parameter %s of %s has no values", p->name, name);
		if (bd_target_axis_taken(p->name))
			return refuse(unit, name, "bad-case", "give it another name",
				"a parameter of %s is named %s, as an axis is", name, p->name);
		for (size_t i = 0; i < count; i++)
			if (!*p->values[i] || strpbrk(p->values[i], "/=, \t\n"))
				return refuse(unit, name, "bad-case", "letters, digits, '_', '.', '+', '-'",
					"parameter %s of %s has the value '%s'", p->name, name, p->values[i]);
		struct bd_param *row = BD_PUSH(params, n);
		*row = (struct bd_param){p->name, p->summary ? p->summary : "", p->values, count};
	}
	c->params = params;
	c->params_len = n;
	return 0;
}

/* What every plugin of this ABI has; what came later is zero in one that was built before. */
#define BENCH_SIZE_LEAST (offsetof(struct benchd_bench, teardown) + sizeof(void *))

static void add_bench(struct bd_unit *unit, const struct benchd_plugin *p, size_t index)
{
	struct benchd_bench *b = bd_alloc(sizeof *b);
	memcpy(b, (const char *)p->benches + index * p->bench_size, BD_MIN(p->bench_size, sizeof *b));
	if (!b->name || !*b->name || strpbrk(b->name, "/=, \t\n") || !b->run) {
		refuse(unit, unit->name, "bad-case", "letters, digits, '_', '.', '+', '-'",
			"a bench of %s has no run(), or its name is no name", unit->path);
		return;
	}
	bd_auto_free char *name = bd_printf("%s.%s", unit->name, b->name);
	struct bd_case c = {0};
	if (read_params(unit, name, b, &c) < 0)
		return;
	struct bd_target_case *row = bd_target_case_add(unit, name);
	row->c.summary = b->summary ? b->summary : "";
	row->c.shape = BD_SHAPE_ITERATIONS;
	row->c.plain = "plugin";
	row->c.params = c.params;
	row->c.params_len = c.params_len;
	row->c.setup = setup;
	row->c.run = run;
	row->c.verify = verify;
	row->c.teardown = teardown;
	row->c.notes = notes;
	row->c.data = b;
}

/* The size of the symbol that is at an address; 0 = nobody knows. */
static size_t symbol_size(const void *address)
{
	Dl_info info;
	const ElfW(Sym) *symbol = NULL;
	return dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol && info.dli_saddr == address
		? symbol->st_size
		: 0;
}

void bd_plugin_load(struct bd_unit *unit)
{
	const char *hint = "build it against this benchd's benchd_plugin.h";
	void *handle = dlopen(unit->path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		refuse(unit, unit->name, "import-error", "", "%s", dlerror());
		return;
	}
	const struct benchd_plugin *p = dlsym(handle, "benchd_plugin");
	if (!p) {
		refuse(unit, unit->name, "bad-plugin", "does it say BENCHD_PLUGIN(benches)?",
			"%s has no symbol benchd_plugin", unit->path);
	} else if (symbol_size(p) < sizeof p->abi) {
		refuse(unit, unit->name, "bad-plugin", hint, "benchd_plugin of %s is no plugin", unit->path);
	} else if (p->abi != BENCHD_PLUGIN_ABI) {
		refuse(unit, unit->name, "plugin-abi", hint, "%s speaks ABI %u, this benchd speaks %u", unit->path,
			p->abi, BENCHD_PLUGIN_ABI);
	} else if (symbol_size(p) < sizeof *p || p->bench_size < BENCH_SIZE_LEAST || p->bench_size % sizeof(void *) ||
		(p->benches_len && !p->benches)) {
		refuse(unit, unit->name, "bad-plugin", hint, "the table of %s is not as its ABI says", unit->path);
	} else if (!p->benches_len) {
		refuse(unit, unit->name, "no-benchmarks", "", "the table of %s is empty", unit->path);
	} else {
		for (size_t i = 0; i < p->benches_len; i++)
			add_bench(unit, p, i);
	}
}
