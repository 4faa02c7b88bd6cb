/* A loop of C over a function of the kernel library itself: what the work costs where no boundary is crossed. The function is
 * known by its address only, so that nothing of it can be moved into the loop, or out of it. */
#include "bd_bench.h"

#include <errno.h>

#define ARGUMENTS 16

int bd_call_read_kernel(struct bd_call *c, struct bd_error *err)
{
	bd_auto_py PyObject *one = PyTuple_Pack(1, c->function);
	bd_auto_py PyObject *about = one ? bd_library_call("kernel_of", one) : NULL;
	const char *symbol, *kind;
	Py_ssize_t arguments;
	if (!about)
		return bd_py_error_set(err, "bad-case");
	if (about == Py_None)
		return 0;
	if (!PyArg_ParseTuple(about, "ssn", &symbol, &kind, &arguments))
		return bd_py_error_set(err, "bad-case");
	if (c->keywords || PyTuple_GET_SIZE(c->args) != arguments || arguments > ARGUMENTS)
		return bd_error_set(err, -EINVAL, "bad-case", "", "%s has %zd arguments", symbol, arguments);
	c->kind = bd_streq(kind, "f64") ? BD_CALL_F64 : bd_streq(kind, "bool") ? BD_CALL_BOOL : BD_CALL_I64;
	c->kernel = bd_object_function(symbol);
	return c->kernel ? 0 : bd_error_set(err, -ENOENT, "bad-case", "", "there is no kernel %s", symbol);
}

/* One loop per type and number of arguments, because a call by pointer needs its type. Argument 0 is k where there is one. */
#define PASS_0(v)
#define PASS_1(v) k
#define PASS_2(v) PASS_1(v), v[1]
#define PASS_3(v) PASS_2(v), v[2]
#define PASS_4(v) PASS_3(v), v[3]
#define PASS_6(v) PASS_4(v), v[4], v[5]
#define PASS_8(v) PASS_6(v), v[6], v[7]
#define PASS_16(v) PASS_8(v), v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15]
#define BD_KERNEL_ARGS_0(T) void

#define LOOP(T, N)                                                                       \
	case N: {                                                                        \
		T (*call)(BD_KERNEL_ARGS_##N(T)) = (T(*)(BD_KERNEL_ARGS_##N(T)))address; \
		while (bd_ticker_next(ticker))                                           \
			for (unsigned i = 0; i < per_turn; i++)                          \
				k = call(PASS_##N(v));                                   \
		break;                                                                   \
	}
#define DEFINE(NAME, T)                                                                                          \
	static T loop_##NAME(uintptr_t address, Py_ssize_t n, T k, const T *v, struct bd_ticker *ticker,         \
		unsigned per_turn)                                                                               \
	{                                                                                                        \
		bd_ticker_begin(ticker);                                                                         \
		switch (n) {                                                                                     \
			LOOP(T, 0) LOOP(T, 1) LOOP(T, 2) LOOP(T, 3) LOOP(T, 4) LOOP(T, 6) LOOP(T, 8) LOOP(T, 16) \
		}                                                                                                \
		return k;                                                                                        \
	}
DEFINE(i64, int64_t)
DEFINE(f64, double)
DEFINE(bool, bool)

static bool read_i64(PyObject *o, int64_t *ret)
{
	*ret = PyLong_AsLongLong(o);
	return !PyErr_Occurred();
}

static bool read_f64(PyObject *o, double *ret)
{
	*ret = PyFloat_AsDouble(o);
	return !PyErr_Occurred();
}

static bool read_bool(PyObject *o, bool *ret)
{
	int truth = PyObject_IsTrue(o);
	*ret = truth == 1;
	return truth >= 0;
}

/* The arguments but k, and where k begins; false with an exception. */
#define READ(NAME, T)                                                                                              \
	static bool arguments_##NAME(const struct bd_call *c, PyObject *first, T v[ARGUMENTS], T *ret_k)           \
	{                                                                                                          \
		if (c->k > 0) {                                                                                    \
			PyErr_SetString(PyExc_ValueError, "of a kernel, cell.k is the first argument");            \
			return false;                                                                              \
		}                                                                                                  \
		for (Py_ssize_t i = c->k + 1; i < PyTuple_GET_SIZE(c->args); i++)                                  \
			if (!read_##NAME(PyTuple_GET_ITEM(c->args, i), &v[i]))                                     \
				return false;                                                                      \
		return c->k == 0 || !PyTuple_GET_SIZE(c->args) ? read_##NAME(first, ret_k)                         \
							       : read_##NAME(PyTuple_GET_ITEM(c->args, 0), ret_k); \
	}
READ(i64, int64_t)
READ(f64, double)
READ(bool, bool)

PyObject *bd_call_run_kernel(const struct bd_work *w, const struct bd_call *c, PyObject *ticks, PyObject *k)
{
	struct bd_ticker *ticker = (struct bd_ticker *)ticks;
	uintptr_t address = (uintptr_t)c->kernel;
	Py_ssize_t n = PyTuple_GET_SIZE(c->args);
	if (c->kind == BD_CALL_F64) {
		double v[ARGUMENTS] = {0}, x;
		if (!arguments_f64(c, k, v, &x))
			return NULL;
		return PyFloat_FromDouble(loop_f64(address, n, x, v, ticker, w->per_turn));
	}
	if (c->kind == BD_CALL_BOOL) {
		bool v[ARGUMENTS] = {0}, x;
		if (!arguments_bool(c, k, v, &x))
			return NULL;
		return PyBool_FromLong(loop_bool(address, n, x, v, ticker, w->per_turn));
	}
	int64_t v[ARGUMENTS] = {0}, x;
	if (!arguments_i64(c, k, v, &x))
		return NULL;
	return PyLong_FromLongLong(loop_i64(address, n, x, v, ticker, w->per_turn));
}
