/* The module that the bench compares with copies of itself. Built with the interpreter's own flags and -DSTEPS=N; two
 * builds differ in that one number, so that nothing but the length of the chain can make a difference. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#ifndef STEPS
#error "-DSTEPS=N says how long the chain is"
#endif

/* Each step needs the one before it, and the compiler sees none of them. */
static uint64_t chain(uint64_t z)
{
	for (int i = 0; i < STEPS; i++) {
		z = (z << 7 | z >> 57) + 1;
		__asm__ volatile("" : "+r"(z));
	}
	return z;
}

static PyObject *spin(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	(void)self;
	if (n != 1) {
		PyErr_SetString(PyExc_TypeError, "spin(seed)");
		return NULL;
	}
	long seed = PyLong_AsLong(args[0]);
	if (seed == -1 && PyErr_Occurred())
		return NULL;
	return PyLong_FromLong((long)(chain((uint64_t)seed) & 1));
}

static PyObject *add(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	(void)self;
	if (n != 2) {
		PyErr_SetString(PyExc_TypeError, "add(a, b)");
		return NULL;
	}
	long a = PyLong_AsLong(args[0]), b = PyLong_AsLong(args[1]);
	if ((a == -1 || b == -1) && PyErr_Occurred())
		return NULL;
	return PyLong_FromLong(a + b);
}

/* For ctypes. */
__attribute__((visibility("default"))) long work_add(long a, long b);
long work_add(long a, long b)
{
	return a + b;
}

static PyMethodDef methods[] = {{"spin", (PyCFunction)(void *)spin, METH_FASTCALL, NULL},
	{"add", (PyCFunction)(void *)add, METH_FASTCALL, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "work", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_work(void)
{
	return PyModule_Create(&definition);
}
