/* The raw C API, as its author would write it by hand: the module, and what the flagship cases call. */
#include "module.h"

/* ---- native work, GIL held and released --------------------------------------------------------------------------- */

#define PARAMS_spin_hold(X) X(0, I, k) X(1, N, steps)
BD_CAPI_BODY(spin_hold)
{
	(void)module;
	return PyLong_FromUnsignedLongLong(bd_kernel_call((uint64_t)k, (uint64_t)steps));
}
BD_CAPI_FUNCTION(spin_hold)

#define PARAMS_spin_release(X) PARAMS_spin_hold(X)
BD_CAPI_BODY(spin_release)
{
	(void)module;
	uint64_t after;
	Py_BEGIN_ALLOW_THREADS after = bd_kernel_call((uint64_t)k, (uint64_t)steps);
	Py_END_ALLOW_THREADS return PyLong_FromUnsignedLongLong(after);
}
BD_CAPI_FUNCTION(spin_release)

#define PARAMS_sum(X) X(0, I, k) X(1, Y, data)
BD_CAPI_BODY(sum)
{
	(void)module;
	uint64_t after = bd_kernel_sum((uint64_t)k, data->buf, (uint64_t)data->len);
	PyBuffer_Release(data);
	return PyLong_FromUnsignedLongLong(after);
}
BD_CAPI_FUNCTION(sum)

static struct bd_capi_function work[] = {
	BD_CAPI_ROW(spin_hold, "spin(k, steps), GIL held"),
	BD_CAPI_ROW(spin_release, "spin(k, steps), GIL released"),
	BD_CAPI_ROW(sum, "sum(k, data) of its bytes, GIL held"),
	BD_CAPI_END,
};

/* ---- the module --------------------------------------------------------------------------------------------------- */

static struct bd_capi_function *const tables[] = {work, bd_capi_scalars, bd_capi_texts, bd_capi_sequences,
	bd_capi_buffers, bd_capi_calls, bd_capi_objects};

/* variants[name]: the functions by one convention, and the classes. The dictionary of it, a borrowed one. */
static PyObject *add_variant(PyObject *variants, const char *name, PyObject *classes)
{
	PyObject *d = PyDict_New();
	if (!d)
		return NULL;
	int r = classes ? PyDict_Update(d, classes) : 0;
	if (r == 0)
		r = PyDict_SetItemString(variants, name, d);
	Py_DECREF(d);
	return r < 0 ? NULL : d;
}

static int add(PyObject *d, const char *name, PyObject *function)
{
	int r = function ? PyDict_SetItemString(d, name, function) : -1;
	Py_XDECREF(function);
	return r;
}

static int add_functions(PyObject *module, PyObject *variants, PyObject *classes)
{
	static const char *const names[] = {
		[BD_CAPI_FASTCALL] = "fastcall",
		[BD_CAPI_VARARGS] = "varargs",
		[BD_CAPI_KEYWORDS] = "keywords",
		[BD_CAPI_FASTCALL_KEYWORDS] = "fastcall-keywords",
		[BD_CAPI_SINGLE] = "single",
	};
	for (int v = 0; v < BD_CAPI_CONVENTIONS; v++) {
		PyObject *d = add_variant(variants, names[v], v == BD_CAPI_SINGLE ? NULL : classes);
		if (!d)
			return -1;
		for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
			for (struct bd_capi_function *f = tables[t]; f->by[BD_CAPI_FASTCALL].ml_name; f++)
				if (f->by[v].ml_meth &&
					add(d, f->by[v].ml_name, PyCFunction_New(&f->by[v], module)) < 0)
					return -1;
	}
	return 0;
}

#ifndef BD_CAPI_LIMITED
static int add_vectorcalls(PyObject *module, PyObject *variants, PyObject *classes)
{
	struct bd_capi_state *state = bd_capi_state(module);
	state->function = bd_capi_function_type(module);
	PyObject *d = state->function ? add_variant(variants, "vectorcall", classes) : NULL;
	if (!d)
		return -1;
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct bd_capi_function *f = tables[t]; f->by[BD_CAPI_FASTCALL].ml_name; f++) {
			const char *name = f->by[BD_CAPI_FASTCALL].ml_name;
			if (add(d, name, bd_capi_function_new(module, state->function, name, f->vectorcall)) < 0)
				return -1;
		}
	return 0;
}
#endif

static int fill(PyObject *module, PyObject *variants, PyObject *classes)
{
#define NAME(name) #name,
	static const char *const names[] = {BD_CAPI_NAMES(NAME)};
	struct bd_capi_state *state = bd_capi_state(module);
	for (int i = 0; i < BD_CAPI_NAMES_LEN; i++) {
		state->names[i] = PyUnicode_InternFromString(names[i]);
		if (!state->names[i])
			return -1;
	}
	if (bd_capi_objects_make(module, classes) < 0 || add_functions(module, variants, classes) < 0)
		return -1;
#ifndef BD_CAPI_LIMITED
	if (add_vectorcalls(module, variants, classes) < 0)
		return -1;
#endif
	return PyModule_AddObjectRef(module, "variants", variants);
}

static int exec(PyObject *module)
{
	PyObject *variants = PyDict_New(), *classes = PyDict_New();
	int r = variants && classes ? fill(module, variants, classes) : -1;
	Py_XDECREF(classes);
	Py_XDECREF(variants);
	return r;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
	struct bd_capi_state *state = bd_capi_state(module);
	for (int i = 0; i < BD_CAPI_NAMES_LEN; i++)
		Py_VISIT(state->names[i]);
	Py_VISIT(state->function);
	Py_VISIT(state->six);
	Py_VISIT(state->six_gc);
	Py_VISIT(state->six_freelist);
	Py_VISIT(state->walker);
	return 0;
}

static int clear(PyObject *module)
{
	struct bd_capi_state *state = bd_capi_state(module);
	for (int i = 0; i < BD_CAPI_NAMES_LEN; i++)
		Py_CLEAR(state->names[i]);
	Py_CLEAR(state->function);
	Py_CLEAR(state->six);
	Py_CLEAR(state->six_gc);
	Py_CLEAR(state->six_freelist);
	Py_CLEAR(state->walker);
#ifndef BD_CAPI_LIMITED
	bd_capi_free_clear(&state->free);
#endif
	return 0;
}

static void release(void *module)
{
	clear(module);
}

static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, exec},
#if PY_VERSION_HEX >= 0x030c0000 && !defined(BD_CAPI_LIMITED)
	{Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030d0000 && !defined(BD_CAPI_LIMITED)
	{Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
	{0, NULL},
};

#ifdef BD_CAPI_LIMITED
#define INIT PyInit_bdb_abi3
#else
#define INIT PyInit_bdb_capi
#endif

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = BD_CAPI_MODULE,
	.m_doc = "The kernel library, function by function; `variants` has them by calling convention.",
	.m_size = sizeof(struct bd_capi_state),
	.m_slots = slots,
	.m_traverse = traverse,
	.m_clear = clear,
	.m_free = release,
};

PyMODINIT_FUNC INIT(void);
PyMODINIT_FUNC INIT(void)
{
	return PyModuleDef_Init(&definition);
}
