/* An exception is set and a result is returned. */
#include "planted.h"

static PyObject *number(PyObject *self, PyObject *x)
{
	(void)self;
	long value = PyLong_AsLong(x);
	FIX(if (value == -1 && PyErr_Occurred()) return NULL;)
	return PyLong_FromLong(value);
}

static PyMethodDef methods[] = {{"number", number, METH_O, NULL}, {NULL, NULL, 0, NULL}};
MODULE(error_left, methods)
