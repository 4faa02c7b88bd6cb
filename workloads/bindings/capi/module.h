/* The raw C API: what the files of this module share. A function is written once, as a C function of plain parameters, and
 * BD_CAPI_FUNCTION writes the entry points around it: one per calling convention, each as its author would by hand. */
#ifndef BD_CAPI_MODULE_H
#define BD_CAPI_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include "bd_kernels.h"
#include "limited.h"

#ifdef BD_CAPI_LIMITED
#define BD_CAPI_MODULE "bdb_abi3"
#else
#define BD_CAPI_MODULE "bdb_capi"
#endif

/* ---- module state --------------------------------------------------------------------------------------------- */

/* Names of parameters, which arrive as interned strings. */
#define BD_CAPI_NUMBERED(X) \
	X(a0) X(a1) X(a2) X(a3) X(a4) X(a5) X(a6) X(a7) X(a8) X(a9) X(a10) X(a11) X(a12) X(a13) X(a14) X(a15)
#define BD_CAPI_LETTERS(X) X(a) X(b) X(c) X(d) X(e) X(f) X(k) X(n) X(s) X(x)
#define BD_CAPI_WORDS(X) X(data) X(depth) X(map) X(obj) X(rows) X(seq) X(step) X(steps) X(value)
#define BD_CAPI_NAMES(X) BD_CAPI_NUMBERED(X) BD_CAPI_LETTERS(X) BD_CAPI_WORDS(X)
#define BD_CAPI_NAME(name) BD_CAPI_NAME_##name,
enum bd_capi_name { BD_CAPI_NAMES(BD_CAPI_NAME) BD_CAPI_NAMES_LEN };
#undef BD_CAPI_NAME

#define BD_CAPI_FREE_MAX 64
struct bd_capi_free { /* memory of objects that are gone */
	void *kept[BD_CAPI_FREE_MAX];
	int n;
#ifdef Py_GIL_DISABLED
	PyMutex mutex;
#endif
};

struct bd_capi_state {
	PyObject *names[BD_CAPI_NAMES_LEN];
	PyTypeObject *function; /* whose instances are called by vectorcall */
	PyTypeObject *six, *six_gc, *six_freelist, *walker;
	struct bd_capi_free free;
};

static inline struct bd_capi_state *bd_capi_state(PyObject *module)
{
	return PyModule_GetState(module);
}

/* ---- functions and their conventions ----------------------------------------------------------------------------- */

enum bd_capi_convention {
	BD_CAPI_FASTCALL,
	BD_CAPI_VARARGS,
	BD_CAPI_KEYWORDS,
	BD_CAPI_FASTCALL_KEYWORDS,
	BD_CAPI_SINGLE, /* METH_NOARGS, METH_O */
	BD_CAPI_CONVENTIONS,
};

struct bd_capi_function {
	PyMethodDef by[BD_CAPI_CONVENTIONS]; /* ml_meth NULL: not by this one */
#ifndef BD_CAPI_LIMITED
	vectorcallfunc vectorcall;
#endif
};

#define BD_CAPI_END                             \
	{                                       \
		.by = { {NULL, NULL, 0, NULL} } \
	} /* of a table */

extern struct bd_capi_function bd_capi_scalars[], bd_capi_texts[], bd_capi_sequences[], bd_capi_buffers[],
	bd_capi_calls[], bd_capi_objects[];

/* Always NULL, with a TypeError. */
PyObject *bd_capi_wrong_count(const char *function, Py_ssize_t want, Py_ssize_t given);
PyObject *bd_capi_no_keywords(const char *function);
/* … with a ValueError. */
PyObject *bd_capi_negative(const char *parameter);

/* The integer that a called function gave, masked, or BD_KERNEL_STOP with an exception; takes the reference. */
uint64_t bd_capi_number_of(PyObject *result);

/* The types, into the module's state and into the dictionary. */
int bd_capi_objects_make(PyObject *module, PyObject *classes);
void bd_capi_free_clear(struct bd_capi_free *list);

/* Positional and keyword arguments in the order of `names`, for METH_FASTCALL | METH_KEYWORDS; those not given are NULL. */
int bd_capi_bind(PyObject *module, const char *function, const unsigned char *names, Py_ssize_t names_len,
	Py_ssize_t required, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, PyObject **ret_values);

#ifndef BD_CAPI_LIMITED
PyTypeObject *bd_capi_function_type(PyObject *module);
PyObject *bd_capi_function_new(PyObject *module, PyTypeObject *type, const char *name, vectorcallfunc call);

struct bd_capi_callable {
	PyObject_HEAD vectorcallfunc call;
	PyObject *module;
	const char *name;
};
#endif

/* ---- parameters ----------------------------------------------------------------------------------------------- */

/* Kinds: I int64_t, D double, B truth, N a number of things, O object, S text as UTF-8 that the object keeps,
 * Y bytes of any contiguous buffer, which the function releases (the last parameter).
 * LOCAL declares, TAKE converts args[i], FORMAT and ADDRESS are for PyArg_Parse…, CHECK is what comes after both, PARAM
 * and PASS are the C parameter and what is given for it. */
#define BD_CAPI_LOCAL_I(v) long long v;
#define BD_CAPI_TAKE_I(i, v)                      \
	long long v = PyLong_AsLongLong(args[i]); \
	if (v == -1 && PyErr_Occurred())          \
		return NULL;
#define BD_CAPI_FORMAT_I "L"
#define BD_CAPI_ADDRESS_I(v) , &v
#define BD_CAPI_CHECK_I(v)
#define BD_CAPI_PARAM_I(v) , long long v
#define BD_CAPI_PASS_I(v) , v

#define BD_CAPI_LOCAL_D(v) double v;
#define BD_CAPI_TAKE_D(i, v)                  \
	double v = PyFloat_AsDouble(args[i]); \
	if (v == -1.0 && PyErr_Occurred())    \
		return NULL;
#define BD_CAPI_FORMAT_D "d"
#define BD_CAPI_ADDRESS_D(v) , &v
#define BD_CAPI_CHECK_D(v)
#define BD_CAPI_PARAM_D(v) , double v
#define BD_CAPI_PASS_D(v) , v

#define BD_CAPI_LOCAL_B(v) int v;
#define BD_CAPI_TAKE_B(i, v)              \
	int v = PyObject_IsTrue(args[i]); \
	if (v < 0)                        \
		return NULL;
#define BD_CAPI_FORMAT_B "p"
#define BD_CAPI_ADDRESS_B(v) , &v
#define BD_CAPI_CHECK_B(v)
#define BD_CAPI_PARAM_B(v) , bool v
#define BD_CAPI_PASS_B(v) , v != 0

#define BD_CAPI_LOCAL_N(v) Py_ssize_t v;
#define BD_CAPI_TAKE_N(i, v)                                             \
	Py_ssize_t v = PyNumber_AsSsize_t(args[i], PyExc_OverflowError); \
	if (v == -1 && PyErr_Occurred())                                 \
		return NULL;
#define BD_CAPI_FORMAT_N "n"
#define BD_CAPI_ADDRESS_N(v) , &v
#define BD_CAPI_CHECK_N(v) \
	if (v < 0)         \
		return bd_capi_negative(#v);
#define BD_CAPI_PARAM_N(v) , Py_ssize_t v
#define BD_CAPI_PASS_N(v) , v

#define BD_CAPI_LOCAL_O(v) PyObject *v;
#define BD_CAPI_TAKE_O(i, v) PyObject *v = args[i];
#define BD_CAPI_FORMAT_O "O"
#define BD_CAPI_ADDRESS_O(v) , &v
#define BD_CAPI_CHECK_O(v)
#define BD_CAPI_PARAM_O(v) , PyObject *v
#define BD_CAPI_PASS_O(v) , v

#define BD_CAPI_LOCAL_S(v) \
	const char *v;     \
	Py_ssize_t v##_len;
#define BD_CAPI_TAKE_S(i, v)                                        \
	Py_ssize_t v##_len;                                         \
	const char *v = PyUnicode_AsUTF8AndSize(args[i], &v##_len); \
	if (!v)                                                     \
		return NULL;
#define BD_CAPI_FORMAT_S "s#"
#define BD_CAPI_ADDRESS_S(v) , &v, &v##_len
#define BD_CAPI_CHECK_S(v)
#define BD_CAPI_PARAM_S(v) , const char *v, Py_ssize_t v##_len
#define BD_CAPI_PASS_S(v) , v, v##_len

#define BD_CAPI_LOCAL_Y(v) Py_buffer v;
#define BD_CAPI_TAKE_Y(i, v)                                   \
	Py_buffer v;                                           \
	if (PyObject_GetBuffer(args[i], &v, PyBUF_SIMPLE) < 0) \
		return NULL;
#define BD_CAPI_FORMAT_Y "y*"
#define BD_CAPI_ADDRESS_Y(v) , &v
#define BD_CAPI_CHECK_Y(v)
#define BD_CAPI_PARAM_Y(v) , Py_buffer *v
#define BD_CAPI_PASS_Y(v) , &v

#define BD_CAPI_LOCAL(i, kind, v) BD_CAPI_LOCAL_##kind(v)
#define BD_CAPI_TAKE(i, kind, v) BD_CAPI_TAKE_##kind(i, v)
#define BD_CAPI_FORMAT(i, kind, v) BD_CAPI_FORMAT_##kind
#define BD_CAPI_ADDRESS(i, kind, v) BD_CAPI_ADDRESS_##kind(v)
#define BD_CAPI_CHECK(i, kind, v) BD_CAPI_CHECK_##kind(v)
#define BD_CAPI_PARAM(i, kind, v) BD_CAPI_PARAM_##kind(v)
#define BD_CAPI_PASS(i, kind, v) BD_CAPI_PASS_##kind(v)
#define BD_CAPI_INDEX(i, kind, v) BD_CAPI_NAME_##v,
#define BD_CAPI_WORD(i, kind, v) #v,

/* ---- entry points ------------------------------------------------------------------------------------------------ */

/* `name` is static PyObject *name(PyObject *module, …); PARAMS_name(X) lists X(index, kind, parameter) for each. */
#define BD_CAPI_BODY(name) static inline PyObject *name(PyObject *module PARAMS_##name(BD_CAPI_PARAM))

#define BD_CAPI_ARGS(name)                                                                                          \
	static inline __attribute__((always_inline)) PyObject *name##_args(PyObject *module, PyObject *const *args) \
	{                                                                                                           \
		PARAMS_##name(BD_CAPI_TAKE)                                                                         \
			PARAMS_##name(BD_CAPI_CHECK) return name(module PARAMS_##name(BD_CAPI_PASS));               \
	}                                                                                                           \
	static PyObject *name##_fastcall(PyObject * module, PyObject *const *args, Py_ssize_t n_args)               \
	{                                                                                                           \
		const Py_ssize_t want = 0 PARAMS_##name(BD_CAPI_ONE);                                               \
		return n_args == want ? name##_args(module, args) : bd_capi_wrong_count(#name, want, n_args);       \
	}
#define BD_CAPI_ONE(i, kind, v) +1

#define BD_CAPI_CAST(f) ((PyCFunction)(void (*)(void))(f))

#ifdef BD_CAPI_LIMITED /* one convention: the module is there to be compared, not for its variants */
#define BD_CAPI_FUNCTION(name) BD_CAPI_ARGS(name)
#define BD_CAPI_ROW(name, doc)                                                       \
	{                                                                            \
		.by = { {#name, BD_CAPI_CAST(name##_fastcall), METH_FASTCALL, doc} } \
	}
#define BD_CAPI_FUNCTION_1 BD_CAPI_FUNCTION
#define BD_CAPI_ROW_1 BD_CAPI_ROW
#else
#define BD_CAPI_FUNCTION(name)                                                                                       \
	BD_CAPI_ARGS(name)                                                                                           \
	static PyObject *name##_varargs(PyObject *module, PyObject *args)                                            \
	{                                                                                                            \
		PARAMS_##name(BD_CAPI_LOCAL) if (!PyArg_ParseTuple(args,                                             \
							 PARAMS_##name(BD_CAPI_FORMAT) ":" #name PARAMS_##name(      \
								 BD_CAPI_ADDRESS))) return NULL;                     \
		PARAMS_##name(BD_CAPI_CHECK) return name(module PARAMS_##name(BD_CAPI_PASS));                        \
	}                                                                                                            \
	static PyObject *name##_keywords(PyObject *module, PyObject *args, PyObject *kwargs)                         \
	{                                                                                                            \
		static char *words[] = {PARAMS_##name(BD_CAPI_WORD) NULL};                                           \
		PARAMS_##name(BD_CAPI_LOCAL) if (!PyArg_ParseTupleAndKeywords(args, kwargs,                          \
							 PARAMS_##name(BD_CAPI_FORMAT) ":" #name,                    \
							 words PARAMS_##name(BD_CAPI_ADDRESS))) return NULL;         \
		PARAMS_##name(BD_CAPI_CHECK) return name(module PARAMS_##name(BD_CAPI_PASS));                        \
	}                                                                                                            \
	static PyObject *name##_fastcall_keywords(PyObject *module, PyObject *const *args, Py_ssize_t n,             \
		PyObject *kwnames)                                                                                   \
	{                                                                                                            \
		static const unsigned char names[] = {PARAMS_##name(BD_CAPI_INDEX)};                                 \
		const Py_ssize_t want = sizeof names;                                                                \
		PyObject *values[sizeof names];                                                                      \
		if (!kwnames && n == want)                                                                           \
			return name##_args(module, args);                                                            \
		if (bd_capi_bind(module, #name, names, want, want, args, n, kwnames, values) < 0)                    \
			return NULL;                                                                                 \
		return name##_args(module, values);                                                                  \
	}                                                                                                            \
	static PyObject *name##_vectorcall(PyObject * self, PyObject *const *args, size_t nargsf, PyObject *kwnames) \
	{                                                                                                            \
		const Py_ssize_t want = 0 PARAMS_##name(BD_CAPI_ONE), n = PyVectorcall_NARGS(nargsf);                \
		if (kwnames && PyTuple_GET_SIZE(kwnames))                                                            \
			return bd_capi_no_keywords(#name);                                                           \
		return n == want ? name##_args(((struct bd_capi_callable *)self)->module, args)                      \
				 : bd_capi_wrong_count(#name, want, n);                                              \
	}
#define BD_CAPI_ROWS(name, doc)                                                                                      \
	[BD_CAPI_FASTCALL] = {#name, BD_CAPI_CAST(name##_fastcall), METH_FASTCALL, doc},                             \
	[BD_CAPI_VARARGS] = {#name, name##_varargs, METH_VARARGS, doc},                                              \
	[BD_CAPI_KEYWORDS] = {#name, BD_CAPI_CAST(name##_keywords), METH_VARARGS | METH_KEYWORDS, doc},              \
	[BD_CAPI_FASTCALL_KEYWORDS] = {#name, BD_CAPI_CAST(name##_fastcall_keywords), METH_FASTCALL | METH_KEYWORDS, \
		doc}
#define BD_CAPI_ROW(name, doc)                                                   \
	{                                                                        \
		.by = {BD_CAPI_ROWS(name, doc)}, .vectorcall = name##_vectorcall \
	}

/* Of one parameter: METH_O, too. */
#define BD_CAPI_FUNCTION_1(name)                                        \
	BD_CAPI_FUNCTION(name)                                          \
	static PyObject *name##_single(PyObject *module, PyObject *arg) \
	{                                                               \
		return name##_args(module, &arg);                       \
	}
#define BD_CAPI_ROW_1(name, doc)                                                                         \
	{                                                                                                \
		.by = {BD_CAPI_ROWS(name, doc), [BD_CAPI_SINGLE] = {#name, name##_single, METH_O, doc}}, \
		.vectorcall = name##_vectorcall                                                          \
	}
#endif

#endif
