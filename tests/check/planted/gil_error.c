/* The error of a bad value is set while the GIL is released; calls that succeed never show it. */
#include "planted.h"

static PyObject *root(PyObject *self, PyObject *args)
{
	(void)self;
	double x, y = 1;
	int bad = 0;
	if (!PyArg_ParseTuple(args, "d", &x))
		return NULL;
	Py_BEGIN_ALLOW_THREADS if (x < 0)
	{
		BUG(PyErr_SetString(PyExc_ValueError, "no root");)
		bad = 1;
	}
	for (int i = 0; i < 40 && !bad; i++)
		y = (y + x / y) / 2;
	Py_END_ALLOW_THREADS FIX(if (bad) PyErr_SetString(PyExc_ValueError, "no root");) return bad
		? NULL
		: PyFloat_FromDouble(y);
}

static PyMethodDef methods[] = {{"root", root, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
MODULE(gil_error, methods)
