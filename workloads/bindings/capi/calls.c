/* Native code that calls Python, fails, and tells types apart. */
#include "module.h"

/* ---- calls back --------------------------------------------------------------------------------------------------- */

uint64_t bd_capi_number_of(PyObject *result)
{
	if (!result)
		return BD_KERNEL_STOP;
	long long x = PyLong_AsLongLong(result);
	Py_DECREF(result);
	return x == -1 && PyErr_Occurred() ? BD_KERNEL_STOP : (uint64_t)x & BD_KERNEL_MASK;
}

static uint64_t call_one(void *f, uint64_t x)
{
	PyObject *arg = PyLong_FromUnsignedLongLong(x);
	if (!arg)
		return BD_KERNEL_STOP;
	PyObject *result = PyObject_CallOneArg(f, arg);
	Py_DECREF(arg);
	return bd_capi_number_of(result);
}

static PyObject *answer(uint64_t x)
{
	return x == BD_KERNEL_STOP ? NULL : PyLong_FromUnsignedLongLong(x);
}

#define PARAMS_callback(X) X(0, O, f) X(1, I, k) X(2, N, n)
BD_CAPI_BODY(callback)
{
	(void)module;
	return answer(bd_kernel_callback((uint64_t)k & BD_KERNEL_MASK, (uint64_t)n, call_one, f));
}
BD_CAPI_FUNCTION(callback)

#ifndef BD_CAPI_LIMITED
/* The vectorcall variant calls as it is called. */
static uint64_t call_by_vector(void *f, uint64_t x)
{
	PyObject *args[2] = {NULL, PyLong_FromUnsignedLongLong(x)};
	if (!args[1])
		return BD_KERNEL_STOP;
	PyObject *result = PyObject_Vectorcall(f, args + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
	Py_DECREF(args[1]);
	return bd_capi_number_of(result);
}

static PyObject *callback_by_vector(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
	if (PyVectorcall_NARGS(nargsf) != 3 || (kwnames && PyTuple_GET_SIZE(kwnames)))
		return callback_vectorcall(self, args, nargsf, kwnames); /* says what is wrong */
	PARAMS_callback(BD_CAPI_TAKE) PARAMS_callback(BD_CAPI_CHECK) return answer(
		bd_kernel_callback((uint64_t)k & BD_KERNEL_MASK, (uint64_t)n, call_by_vector, f));
}
#endif

/* A thread that Python does not know attaches for each call. */
struct foreign {
	PyObject *f;
	PyInterpreterState *interpreter;
	struct bd_capi_raised raised;
};

static uint64_t call_kept(struct foreign *t, uint64_t x)
{
	x = call_one(t->f, x);
	if (x == BD_KERNEL_STOP)
		bd_capi_raised_take(&t->raised); /* for the thread that waits */
	return x;
}

static uint64_t call_attached(void *arg, uint64_t x)
{
	struct foreign *t = arg;
	PyGILState_STATE state = PyGILState_Ensure();
	x = call_kept(t, x);
	PyGILState_Release(state);
	return x;
}

/* PyGILState knows the main interpreter alone. */
static uint64_t call_in_interpreter(void *arg, uint64_t x)
{
	struct foreign *t = arg;
	PyThreadState *state = PyThreadState_New(t->interpreter);
	if (!state)
		return BD_KERNEL_STOP;
	PyEval_RestoreThread(state);
	x = call_kept(t, x);
	PyThreadState_Clear(state);
	PyEval_SaveThread();
	PyThreadState_Delete(state);
	return x;
}

#define PARAMS_callback_foreign(X) PARAMS_callback(X)
BD_CAPI_BODY(callback_foreign)
{
	(void)module;
	struct foreign t = {.f = f, .interpreter = PyInterpreterState_Get()};
	bool first = PyInterpreterState_GetID(t.interpreter) == 0;
	uint64_t after;
	Py_BEGIN_ALLOW_THREADS after = bd_kernel_callback_foreign((uint64_t)k & BD_KERNEL_MASK, (uint64_t)n,
		first ? call_attached : call_in_interpreter, &t);
	Py_END_ALLOW_THREADS if (after == BD_KERNEL_STOP && !bd_capi_raised_give(&t.raised))
		PyErr_SetString(PyExc_RuntimeError, "no thread could be started");
	return answer(after);
}
BD_CAPI_FUNCTION(callback_foreign)

/* ---- errors ------------------------------------------------------------------------------------------------------ */

#define PARAMS_error(X) X(0, N, depth)
BD_CAPI_BODY(error)
{
	(void)module;
	if (bd_kernel_fail((uint64_t)depth) < 0)
		PyErr_SetString(PyExc_ValueError, "the kernel failed");
	return NULL;
}
BD_CAPI_FUNCTION_1(error)

#define PARAMS_catch(X) X(0, O, f) X(1, I, k)
BD_CAPI_BODY(catch)
{
	(void)module;
	PyObject *arg = PyLong_FromLongLong(k);
	if (!arg)
		return NULL;
	int64_t instead = bd_kernel_i64_2(k, 1);
	PyObject *result = PyObject_CallOneArg(f, arg);
	Py_DECREF(arg);
	if (result || !PyErr_ExceptionMatches(PyExc_Exception))
		return result;
	PyErr_Clear();
	return PyLong_FromLongLong(instead);
}
BD_CAPI_FUNCTION(catch)

/* ---- types, attributes ------------------------------------------------------------------------------------------- */

#define PARAMS_overload(X) X(0, O, x)
BD_CAPI_BODY(overload)
{
	(void)module;
	if (PyLong_Check(x)) {
		long long i = PyLong_AsLongLong(x);
		return i == -1 && PyErr_Occurred() ? NULL : PyLong_FromLongLong(bd_kernel_i64_2(i, 1));
	}
	if (PyFloat_Check(x))
		return PyFloat_FromDouble(bd_kernel_f64_2(PyFloat_AS_DOUBLE(x), 1.0));
	if (PyUnicode_Check(x)) {
		bd_kernel_fail(0);
		return PyLong_FromSsize_t(PyUnicode_GET_LENGTH(x));
	}
	PyErr_SetString(PyExc_TypeError, "expected int, float or str");
	return NULL;
}
BD_CAPI_FUNCTION_1(overload)

#define PARAMS_lookup(X) X(0, O, obj) X(1, I, k) X(2, N, n)
BD_CAPI_BODY(lookup)
{
	PyObject *name = bd_capi_state(module)->names[BD_CAPI_NAME_value];
	uint64_t sum = 0;
	for (Py_ssize_t i = 0; i < n; i++) {
		PyObject *value = PyObject_GetAttr(obj, name);
		if (!value)
			return NULL;
		long long x = PyLong_AsLongLong(value);
		Py_DECREF(value);
		if (x == -1 && PyErr_Occurred())
			return NULL;
		sum += (uint64_t)x;
	}
	return PyLong_FromLongLong(bd_kernel_i64_2(k, (int64_t)sum));
}
BD_CAPI_FUNCTION(lookup)

#ifdef BD_CAPI_LIMITED
#define CALLBACK_ROW BD_CAPI_ROW(callback, CALLBACK)
#else
#define CALLBACK_ROW                                                                       \
	{                                                                                  \
		.by = {BD_CAPI_ROWS(callback, CALLBACK)}, .vectorcall = callback_by_vector \
	}
#endif
#define CALLBACK "calls f(k) n times, each time with what it gave"
struct bd_capi_function bd_capi_calls[] = {
	CALLBACK_ROW,
	BD_CAPI_ROW(callback_foreign, "the same from a native thread"),
	BD_CAPI_ROW_1(error, "fails so many native calls below"),
	BD_CAPI_ROW(catch, "f(k), or k + 1 when that fails"),
	BD_CAPI_ROW_1(overload, "int: x + 1, float: x + 1.0, str: its length"),
	BD_CAPI_ROW(lookup, "k and n times obj.value"),
	BD_CAPI_END,
};
