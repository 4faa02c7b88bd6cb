/* Returns NULL and sets no exception. */
#include "planted.h"

static PyObject *positive(PyObject *self, PyObject *args)
{
	(void)self;
	long x;
	if (!PyArg_ParseTuple(args, "l", &x))
		return NULL;
	if (x < 0) {
		FIX(PyErr_SetString(PyExc_ValueError, "not positive");)
		return NULL;
	}
	return PyLong_FromLong(x);
}

static PyMethodDef methods[] = {{"positive", positive, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
MODULE(error_unset, methods)
