/* A module of so many functions, for what it costs to import one: BD_FUNCTIONS is how many, BD_NAME what it is called, BD_SINGLE
 * that it is initialised in one phase. The functions differ in what they add and in what they call of the C API, so that
 * there is something to relocate and to bind. */
#include <Python.h>

#define MASK ((1L << 30) - 1)

static PyObject *add(PyObject *k_object, long y)
{
	long k = PyLong_AsLong(k_object);
	if (k == -1 && PyErr_Occurred())
		return NULL;
	return PyLong_FromLong((k + y) & MASK);
}

#define CHECK_0 PyNumber_Check
#define CHECK_1 PyIndex_Check
#define CHECK_2 PyCallable_Check
#define CHECK_3 PySequence_Check
#define CHECK_4 PyMapping_Check
#define CHECK_5 PyIter_Check
#define CHECK_6 PyObject_CheckBuffer
#define CHECK_7 PyObject_IsTrue
#define CHECK_8 PyObject_Not
#define CHECK_9 PyObject_Hash

/* Digits of the number: H hundreds, T tens, D ones. */
#define FUNCTION(H, T, D)                                          \
	static PyObject *f##H##T##D(PyObject *module, PyObject *k) \
	{                                                          \
		(void)module;                                      \
		if (CHECK_##D(k) < 0)                              \
			return NULL;                               \
		return add(k, 100 * H + 10 * T + D);               \
	}
#define METHOD(H, T, D) {"f" #H #T #D, f##H##T##D, METH_O, "(k + " #H #T #D ") mod 2^30"},

#define ONE(X) X(0, 0, 0)
#define TEN(X, H, T) \
	X(H, T, 0) X(H, T, 1) X(H, T, 2) X(H, T, 3) X(H, T, 4) X(H, T, 5) X(H, T, 6) X(H, T, 7) X(H, T, 8) X(H, T, 9)
#define HUNDRED(X, H) \
	TEN(X, H, 0)  \
	TEN(X, H, 1)  \
	TEN(X, H, 2) TEN(X, H, 3) TEN(X, H, 4) TEN(X, H, 5) TEN(X, H, 6) TEN(X, H, 7) TEN(X, H, 8) TEN(X, H, 9)
#define MANY(X)       \
	HUNDRED(X, 0) \
	HUNDRED(X, 1) HUNDRED(X, 2) HUNDRED(X, 3) HUNDRED(X, 4) HUNDRED(X, 5) HUNDRED(X, 6) TEN(X, 7, 0) TEN(X, 7, 1)

#if BD_FUNCTIONS == 1
#define ALL(X) ONE(X)
#elif BD_FUNCTIONS == 10
#define ALL(X) TEN(X, 0, 0)
#elif BD_FUNCTIONS == 100
#define ALL(X) HUNDRED(X, 0)
#elif BD_FUNCTIONS == 720
#define ALL(X) MANY(X)
#else
#error "1, 10, 100 or 720 functions"
#endif

ALL(FUNCTION)
static PyMethodDef methods[] = {ALL(METHOD){NULL, NULL, 0, NULL}};

#ifndef BD_SINGLE
static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030c0000
	{Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030d0000
	{Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
	{0, NULL},
};
#endif

#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x
#define INIT(name) INIT_(name)
#define INIT_(name) PyInit_##name

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT,
	.m_name = TEXT(BD_NAME),
	.m_methods = methods,
#ifdef BD_SINGLE
	.m_size = -1,
#else
	.m_slots = slots,
#endif
};

PyMODINIT_FUNC INIT(BD_NAME)(void);
PyMODINIT_FUNC INIT(BD_NAME)(void)
{
#ifdef BD_SINGLE
	PyObject *m = PyModule_Create(&module);
#ifdef Py_GIL_DISABLED
	if (m && PyUnstable_Module_SetGIL(m, Py_MOD_GIL_NOT_USED) < 0)
		Py_CLEAR(m);
#endif
	return m;
#else
	return PyModuleDef_Init(&module);
#endif
}
