/* plugin.dispatch: a host calls its plugins, each on what the one before gave. How it gets at them is what differs: by name
 * in a Python dict, by index in the plugin manager, or all of them in one call that goes through the manager's table of
 * pointers. One operation is one plugin called. */
#include "bd_bench.h"
#include "bd_plugin_manager.h"

#include <errno.h>

#define PLUGINS_MAX 16

static const char *const by_values[] = {"dict", "index", "vtable"};
static const char *const plugins_values[] = {"4", "1", "16"};
static const struct bd_param params[] = {
	{"by", "a dict of functions by name; the manager's number of each; one call of all in the manager's table",
		by_values, BD_LEN(by_values)},
	{"plugins", "how many are called in turn", plugins_values, BD_LEN(plugins_values)},
};

struct state {
	struct bd_plugin_manager *manager;
	unsigned n;
};

/* ---- the plugins: code of its own for each ---------------------------------------------------------------------------- */

static uint64_t work(uint64_t x, uint64_t y)
{
	return (uint64_t)bd_kernel_i64_2((int64_t)x, (int64_t)y);
}

static const struct bd_plugin_host host = {work};

static int start(const struct bd_plugin_host *h, void **ret_state)
{
	*ret_state = (void *)(uintptr_t)h;
	return 0;
}

static void stop(void *state)
{
	(void)state;
}

#define ALL(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
/* Plugin i adds i + 1. */
#define CALL(i)                                                                \
	static uint64_t call_##i(void *state, uint64_t x)                      \
	{                                                                      \
		return ((const struct bd_plugin_host *)state)->work(x, i + 1); \
	}
ALL(CALL)
#define ROW(i)                                    \
	{                                         \
		.abi = BD_PLUGIN_ABI,             \
		.size = sizeof(struct bd_plugin), \
		.name = "plugin-" #i,             \
		.start = start,                   \
		.call = call_##i,                 \
		.stop = stop,                     \
	},
static const struct bd_plugin plugins[PLUGINS_MAX] = {ALL(ROW)};

/* ---- what Python calls -------------------------------------------------------------------------------------------------- */

static struct bd_plugin_manager *manager_of(PyObject *capsule)
{
	return PyCapsule_GetPointer(capsule, NULL);
}

static PyObject *given(uint64_t k)
{
	return PyLong_FromUnsignedLongLong(k);
}

/* A plugin that is a function of its own to Python. */
static PyObject *call_plugin(PyObject *capsule, PyObject *k_object)
{
	const struct bd_plugin *p = PyCapsule_GetPointer(capsule, NULL);
	uint64_t k = PyLong_AsUnsignedLongLong(k_object);
	if (!p || (k == (uint64_t)-1 && PyErr_Occurred()))
		return NULL;
	return given(p->call((void *)(uintptr_t)&host, k));
}

static PyObject *call_index(PyObject *capsule, PyObject *const *args, Py_ssize_t n)
{
	struct bd_plugin_manager *m = manager_of(capsule);
	uint64_t index = n == 2 ? PyLong_AsUnsignedLongLong(args[0]) : 0,
		 k = n == 2 ? PyLong_AsUnsignedLongLong(args[1]) : 0;
	if (!m || PyErr_Occurred())
		return NULL;
	return given(bd_plugin_manager_call(m, index, k));
}

static PyObject *call_all(PyObject *capsule, PyObject *k_object)
{
	struct bd_plugin_manager *m = manager_of(capsule);
	uint64_t k = PyLong_AsUnsignedLongLong(k_object);
	if (!m || (k == (uint64_t)-1 && PyErr_Occurred()))
		return NULL;
	return given(bd_plugin_manager_call_all(m, k));
}

static PyMethodDef plugin_def = {"call", call_plugin, METH_O, "call(k)"};
static PyMethodDef index_def = {"call", (PyCFunction)(void (*)(void))call_index, METH_FASTCALL, "call(index, k)"};
static PyMethodDef all_def = {"call_all", call_all, METH_O, "call_all(k)"};

/* ---- the case -------------------------------------------------------------------------------------------------------------- */

static PyObject *function(PyMethodDef *def, const void *of)
{
	bd_auto_py PyObject *capsule = PyCapsule_New((void *)(uintptr_t)of, NULL, NULL);
	return capsule ? PyCFunction_New(def, capsule) : NULL;
}

/* A dict of the plugins' functions, and the names to look for. */
static int by_name(struct bd_work *w, const struct state *s)
{
	PyObject *dict = PyDict_New(), *names = PyTuple_New(s->n);
	w->args[w->args_len++] = dict;
	w->args[w->args_len++] = names;
	for (unsigned i = 0; dict && names && i < s->n; i++) {
		PyObject *name = PyUnicode_FromString(plugins[i].name);
		bd_auto_py PyObject *f = function(&plugin_def, &plugins[i]);
		if (name)
			PyTuple_SET_ITEM(names, i, name);
		if (!name || !f || PyDict_SetItem(dict, name, f) < 0)
			return -1;
	}
	return dict && names ? 0 : -1;
}

static int by_index(struct bd_work *w, const struct state *s)
{
	w->args[w->args_len++] = function(&index_def, s->manager);
	PyObject *indices = PyTuple_New(s->n);
	w->args[w->args_len++] = indices;
	for (unsigned i = 0; indices && i < s->n; i++) {
		PyObject *index = PyLong_FromUnsignedLong(i);
		if (!index)
			return -1;
		PyTuple_SET_ITEM(indices, i, index);
	}
	return indices && w->args[0] ? 0 : -1;
}

static int setup(struct bd_work *w, struct bd_error *err)
{
	const char *by = bd_work_param(w, "by");
	if (w->threads != 1)
		return bd_error_set(err, -ENOTSUP, "one-thread-only", "", "%s has one thread", w->desc->name);
	struct state *s = bd_alloc(sizeof *s);
	w->state = s;
	s->n = (unsigned)BD_MIN(strtoul(bd_work_param(w, "plugins"), NULL, 10), PLUGINS_MAX);
	int r = bd_plugin_manager_new(NULL, BD_PLUGIN_SHARED, &host, NULL, &s->manager, err);
	for (unsigned i = 0; r == 0 && i < s->n; i++)
		r = bd_plugin_manager_add(s->manager, &plugins[i], NULL, err);
	if (r < 0)
		return r;
	w->per_turn = s->n;
	w->native_calls = 1;
	if (bd_streq(by, "dict")) {
		if (by_name(w, s) < 0)
			return bd_py_error_set(err, "internal");
		return bd_loop_compile("plugins, names", "for name in names:\n\tk = plugins[name](k)", 1, &w->loop,
			err);
	}
	if (bd_streq(by, "index")) {
		if (by_index(w, s) < 0)
			return bd_py_error_set(err, "internal");
		return bd_loop_compile("call, indices", "for index in indices:\n\tk = call(index, k)", 1, &w->loop,
			err);
	}
	w->args[w->args_len++] = function(&all_def, s->manager);
	if (!w->args[0])
		return bd_py_error_set(err, "internal");
	return bd_loop_compile("call_all", "k = call_all(k)", 1, &w->loop, err);
}

static int verify(struct bd_work *w, PyObject *start_object, uint64_t ops, PyObject *result, struct bd_error *err)
{
	const struct state *s = w->state;
	uint64_t round = (uint64_t)s->n * (s->n + 1) / 2;
	uint64_t want = (PyLong_AsUnsignedLongLong(start_object) + ops / s->n * round) & BD_KERNEL_MASK;
	uint64_t got = PyLong_AsUnsignedLongLong(result);
	if (PyErr_Occurred())
		PyErr_Clear();
	if (got == want)
		return 0;
	return bd_error_set(err, -EBADMSG, "wrong-result", "", "after %llu calls k is %llu, it must be %llu",
		(unsigned long long)ops, (unsigned long long)got, (unsigned long long)want);
}

static void teardown(struct bd_work *w)
{
	struct state *s = w->state;
	if (!s)
		return;
	bd_plugin_manager_free(&s->manager);
	free(s);
	w->state = NULL;
}

const struct bd_case bd_case_plugin_dispatch = {
	.name = "plugin.dispatch",
	.summary = "calls plugins in turn: from a dict of functions, or through a table of pointers",
	.shape = BD_SHAPE_ITERATIONS,
	.plain = "plain",
	.params = params,
	.params_len = BD_LEN(params),
	.setup = setup,
	.run = bd_loop_run,
	.verify = verify,
	.teardown = teardown,
};
