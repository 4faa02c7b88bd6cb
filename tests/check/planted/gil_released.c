/* A list is filled between Py_BEGIN_ALLOW_THREADS and Py_END_ALLOW_THREADS. */
#include "planted.h"

static PyObject *squares(PyObject *self, PyObject *args)
{
	(void)self;
	int n;
	if (!PyArg_ParseTuple(args, "i", &n))
		return NULL;
	if (n < 0 || n > 100) {
		PyErr_SetString(PyExc_ValueError, "squares() takes a number up to 100");
		return NULL;
	}
	PyObject *list = PyList_New(0);
	BUG(Py_BEGIN_ALLOW_THREADS)
	for (int i = 0; list && i < n; i++) {
		PyObject *x = PyLong_FromLong(i * i);
		if (!x || PyList_Append(list, x) < 0)
			Py_CLEAR(list);
		Py_XDECREF(x);
	}
	BUG(Py_END_ALLOW_THREADS)
	return list;
}

static PyMethodDef methods[] = {{"squares", squares, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
MODULE(gil_released, methods)
