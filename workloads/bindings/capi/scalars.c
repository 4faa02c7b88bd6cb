/* Numbers and truths, nothing else: what a call itself costs. */
#include "module.h"

#define LIST_1(X, T) X(0, T, a0)
#define LIST_2(X, T) LIST_1(X, T) X(1, T, a1)
#define LIST_3(X, T) LIST_2(X, T) X(2, T, a2)
#define LIST_4(X, T) LIST_3(X, T) X(3, T, a3)
#define LIST_6(X, T) LIST_4(X, T) X(4, T, a4) X(5, T, a5)
#define LIST_8(X, T) LIST_6(X, T) X(6, T, a6) X(7, T, a7)
#define LIST_16(X, T) \
	LIST_8(X, T)  \
	X(8, T, a8) X(9, T, a9) X(10, T, a10) X(11, T, a11) X(12, T, a12) X(13, T, a13) X(14, T, a14) X(15, T, a15)

#define PARAMS_i64_1(X) LIST_1(X, I)
#define PARAMS_i64_2(X) LIST_2(X, I)
#define PARAMS_i64_3(X) LIST_3(X, I)
#define PARAMS_i64_4(X) LIST_4(X, I)
#define PARAMS_i64_6(X) LIST_6(X, I)
#define PARAMS_i64_8(X) LIST_8(X, I)
#define PARAMS_i64_16(X) LIST_16(X, I)
#define PARAMS_f64_1(X) LIST_1(X, D)
#define PARAMS_f64_2(X) LIST_2(X, D)
#define PARAMS_f64_3(X) LIST_3(X, D)
#define PARAMS_f64_4(X) LIST_4(X, D)
#define PARAMS_f64_6(X) LIST_6(X, D)
#define PARAMS_f64_8(X) LIST_8(X, D)
#define PARAMS_f64_16(X) LIST_16(X, D)
#define PARAMS_bool_1(X) LIST_1(X, B)
#define PARAMS_bool_2(X) LIST_2(X, B)
#define PARAMS_bool_3(X) LIST_3(X, B)
#define PARAMS_bool_4(X) LIST_4(X, B)
#define PARAMS_bool_6(X) LIST_6(X, B)
#define PARAMS_bool_8(X) LIST_8(X, B)
#define PARAMS_bool_16(X) LIST_16(X, B)

#define GIVEN_1 a0
#define GIVEN_2 GIVEN_1, a1
#define GIVEN_3 GIVEN_2, a2
#define GIVEN_4 GIVEN_3, a3
#define GIVEN_6 GIVEN_4, a4, a5
#define GIVEN_8 GIVEN_6, a6, a7
#define GIVEN_16 GIVEN_8, a8, a9, a10, a11, a12, a13, a14, a15

#define BODIES(K)                                                         \
	BD_CAPI_BODY(i64_##K)                                             \
	{                                                                 \
		(void)module;                                             \
		return PyLong_FromLongLong(bd_kernel_i64_##K(GIVEN_##K)); \
	}                                                                 \
	BD_CAPI_BODY(f64_##K)                                             \
	{                                                                 \
		(void)module;                                             \
		return PyFloat_FromDouble(bd_kernel_f64_##K(GIVEN_##K));  \
	}                                                                 \
	BD_CAPI_BODY(bool_##K)                                            \
	{                                                                 \
		(void)module;                                             \
		return PyBool_FromLong(bd_kernel_bool_##K(GIVEN_##K));    \
	}
BD_KERNEL_COUNTS(BODIES)

BD_CAPI_FUNCTION_1(i64_1)
BD_CAPI_FUNCTION_1(f64_1)
BD_CAPI_FUNCTION_1(bool_1)
#define FUNCTIONS(K) BD_CAPI_FUNCTION(i64_##K) BD_CAPI_FUNCTION(f64_##K) BD_CAPI_FUNCTION(bool_##K)
FUNCTIONS(2)
FUNCTIONS(3)
FUNCTIONS(4)
FUNCTIONS(6)
FUNCTIONS(8)
FUNCTIONS(16)

#define PARAMS_plusone(X) X(0, I, x)
BD_CAPI_BODY(plusone)
{
	(void)module;
	return PyLong_FromLongLong(bd_kernel_plusone(x));
}
BD_CAPI_FUNCTION_1(plusone)

/* ---- without arguments ------------------------------------------------------------------------------------------ */

static PyObject *noargs_fastcall(PyObject *module, PyObject *const *args, Py_ssize_t n)
{
	(void)module;
	(void)args;
	return n ? bd_capi_wrong_count("noargs", 0, n) : PyLong_FromUnsignedLongLong(bd_kernel_tick());
}

#ifndef BD_CAPI_LIMITED
static PyObject *noargs_varargs(PyObject *module, PyObject *args)
{
	(void)module;
	return PyArg_ParseTuple(args, ":noargs") ? PyLong_FromUnsignedLongLong(bd_kernel_tick()) : NULL;
}

static PyObject *noargs_keywords(PyObject *module, PyObject *args, PyObject *kwargs)
{
	(void)module;
	static char *words[] = {NULL};
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":noargs", words))
		return NULL;
	return PyLong_FromUnsignedLongLong(bd_kernel_tick());
}

static PyObject *noargs_fastcall_keywords(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *kwnames)
{
	if (kwnames && PyTuple_GET_SIZE(kwnames))
		return bd_capi_no_keywords("noargs");
	return noargs_fastcall(module, args, n);
}

static PyObject *noargs_vectorcall(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
	return noargs_fastcall_keywords(self, args, PyVectorcall_NARGS(nargsf), kwnames);
}

static PyObject *noargs_single(PyObject *module, PyObject *none)
{
	(void)module;
	(void)none;
	return PyLong_FromUnsignedLongLong(bd_kernel_tick());
}
#endif

/* ---- with keywords ---------------------------------------------------------------------------------------------- */

static PyObject *kwargs_fastcall_keywords(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *kwnames)
{
	static const unsigned char names[] = {BD_CAPI_NAME_k, BD_CAPI_NAME_a, BD_CAPI_NAME_b, BD_CAPI_NAME_c};
	PyObject *given[sizeof names];
	long long v[sizeof names] = {0};
	if (bd_capi_bind(module, "kwargs", names, sizeof names, 1, args, n, kwnames, given) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof names; i++) {
		if (!given[i])
			continue;
		v[i] = PyLong_AsLongLong(given[i]);
		if (v[i] == -1 && PyErr_Occurred())
			return NULL;
	}
	return PyLong_FromLongLong(bd_kernel_i64_4(v[0], v[1], v[2], v[3]));
}

#define KWARGS "kwargs(k, a=0, b=0, c=0): their sum"
#ifdef BD_CAPI_LIMITED
#define KWARGS_ROW                                                                                                  \
	{                                                                                                           \
		.by = { {"kwargs", BD_CAPI_CAST(kwargs_fastcall_keywords), METH_FASTCALL | METH_KEYWORDS, KWARGS} } \
	}
#define NOARGS_ROW                                                                                        \
	{                                                                                                 \
		.by = { {"noargs", BD_CAPI_CAST(noargs_fastcall), METH_FASTCALL, "the next of a chain"} } \
	}
#else
static PyObject *kwargs_keywords(PyObject *module, PyObject *args, PyObject *kwargs)
{
	(void)module;
	static char *words[] = {"k", "a", "b", "c", NULL};
	long long k, a = 0, b = 0, c = 0;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "L|LLL:kwargs", words, &k, &a, &b, &c))
		return NULL;
	return PyLong_FromLongLong(bd_kernel_i64_4(k, a, b, c));
}

static PyObject *kwargs_vectorcall(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
	PyObject *module = ((struct bd_capi_callable *)self)->module;
	return kwargs_fastcall_keywords(module, args, PyVectorcall_NARGS(nargsf), kwnames);
}

/* METH_FASTCALL alone takes no keywords: its author adds METH_KEYWORDS to this one function. */
#define BY_FASTCALL                                                                                     \
	{                                                                                               \
		"kwargs", BD_CAPI_CAST(kwargs_fastcall_keywords), METH_FASTCALL | METH_KEYWORDS, KWARGS \
	}
#define KWARGS_ROW                                                                                                   \
	{                                                                                                            \
		.by = {[BD_CAPI_FASTCALL] = BY_FASTCALL,                                                             \
			[BD_CAPI_FASTCALL_KEYWORDS] = BY_FASTCALL,                                                   \
			[BD_CAPI_KEYWORDS] = {"kwargs", BD_CAPI_CAST(kwargs_keywords), METH_VARARGS | METH_KEYWORDS, \
				KWARGS}},                                                                            \
		.vectorcall = kwargs_vectorcall                                                                      \
	}
#define NOARGS_ROW                                                                                         \
	{                                                                                                  \
		.by = {BD_CAPI_ROWS(noargs, "the next of a chain"),                                        \
			[BD_CAPI_SINGLE] = {"noargs", noargs_single, METH_NOARGS, "the next of a chain"}}, \
		.vectorcall = noargs_vectorcall                                                            \
	}
#endif

#define ROWS(K)                                                                         \
	BD_CAPI_ROW(i64_##K, "sum of integers"), BD_CAPI_ROW(f64_##K, "sum of floats"), \
		BD_CAPI_ROW(bool_##K, "exclusive or of truths")
struct bd_capi_function bd_capi_scalars[] = {
	NOARGS_ROW,
	KWARGS_ROW,
	BD_CAPI_ROW_1(plusone, "plusone(x)"),
	BD_CAPI_ROW_1(i64_1, "the integer"),
	BD_CAPI_ROW_1(f64_1, "the float"),
	BD_CAPI_ROW_1(bool_1, "the truth"),
	ROWS(2),
	ROWS(3),
	ROWS(4),
	ROWS(6),
	ROWS(8),
	ROWS(16),
	BD_CAPI_END,
};
