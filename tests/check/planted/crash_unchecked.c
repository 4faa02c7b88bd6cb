/* Whatever comes is taken for a list. */
#include "planted.h"

static PyObject *length(PyObject *self, PyObject *x)
{
	(void)self;
	FIX(if (!PyList_Check(x) || !PyList_GET_SIZE(x)) {
		PyErr_SetString(PyExc_TypeError, "length() takes a list");
		return NULL;
	})
	return PyLong_FromSsize_t(Py_SIZE(PyList_GET_ITEM(x, 0)));
}

static PyMethodDef methods[] = {{"length", length, METH_O, NULL}, {NULL, NULL, 0, NULL}};
MODULE(crash_unchecked, methods)
